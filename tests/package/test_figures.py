"""Figures in prose are those of the tables that measurements have written."""

import ast
import json
import math
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
RESULTS = (ROOT / "bench" / "results" / "exhaustive_float32.md").read_text()
ERRORS = {name: float(error) for name, error in re.findall(r"^\| (\w+) \| ([\d.]+) \|", RESULTS, re.M)}

# Where a sentence has the accuracy of functions, and what has the figures.
WHOLE_README = " ".join((ROOT / "README.md").read_text().split())
README = re.search(r"- Accuracy:.*?(?= - )", WHOLE_README)[0]
ACCURACY = (ROOT / "docs" / "accuracy.rst").read_text()
FLOAT64 = re.search(r"The limits are data in.*?\.py``:(.*?)\. ", ACCURACY, re.S)[1]

TESTS = (ROOT / "tests" / "numbers" / "test_elementary.py").read_text()
LIMITS = ast.literal_eval(re.search(r"^ULP_LIMITS = (\{.*?^\})", TESTS, re.S | re.M)[1])

PROSE = {"the logistic function": "logistic"}


def bounds(text):
    """The names of functions in a sentence, each with the bound on its error, as text."""
    text = " ".join(text.split())
    for figure, names in re.findall(r"(\d[\d.]*)(?: ULP)? for (.*?)(?=,? \d[\d.]*(?: ULP)? for|\.$|$)", text):
        for name in re.split(r",? and |, ", names):
            yield PROSE.get(name, name.strip("`")), figure


def test_the_readme_states_the_largest_errors():
    stated = dict(bounds(README.partition("inputs:")[2]))
    assert {"exp", "logistic", "gelu", "swish", "mish"} <= stated.keys()
    groups = {}
    for name, figure in stated.items():
        groups.setdefault(figure, []).append(ERRORS[name])
    for figure, errors in groups.items():
        unit = 10.0 ** -len(figure.partition(".")[2])
        assert math.ceil(max(errors) / unit) == round(float(figure) / unit), f"{figure} ULP for {errors}"


def test_the_documentation_states_the_limits_of_the_tests():
    stated = {name: float(figure) for name, figure in bounds(FLOAT64)}
    assert len(stated) >= 10
    assert {name: LIMITS[name][1] for name in stated} == stated


def ratios(file, peer):
    """A contender's times by ours, case by case."""
    results = json.loads((ROOT / "bench" / "results" / f"{file}.json").read_text())["results"]
    return [row["contenders"][peer]["ratio"] for row in results if peer in row["contenders"]]


def geometric_mean(numbers):
    return math.exp(sum(map(math.log, numbers)) / len(numbers))


def same(stated, measured):
    """Whether a figure is the measured one, rounded to as many digits."""
    return float(stated) == round(measured, len(stated.partition(".")[2]))


def test_the_readme_states_what_a_gradient_costs():
    pattern = (
        r"A gradient costs\*\* ([\d.]+) to ([\d.]+) evaluations.*? measured for (\w+) models of ([\d,]+) to ([\d,]+) "
        r"variables.*? autograd takes ([\d.]+) of our time, PyTorch ([\d.]+) and jitted JAX ([\d.]+);"
    )
    least, most, models, fewest, largest, *peers = re.search(pattern, WHOLE_README).groups()
    costs = [1 / ratio for ratio in ratios("gradients", "value")]
    assert same(least, min(costs))
    assert same(most, max(costs))
    for stated, peer in zip(peers, ("autograd", "torch", "jax"), strict=True):
        assert same(stated, geometric_mean(ratios("gradients", peer))), peer
    assert round(min(ratios("gradients", "jax")), 2) == 0.01
    rows = json.loads((ROOT / "bench" / "results" / "gradients.json").read_text())["results"]
    assert {"seven": 7, "eight": 8, "nine": 9}[models] == len({row["name"] for row in rows})
    sizes = [int(row["size"]) for row in rows]
    assert [int(size.replace(",", "")) for size in (fewest, largest)] == [min(sizes), max(sizes)]


def test_the_readme_states_how_fast_values_are():
    pattern = (
        r"PyTorch takes ([\d.]+) and jitted JAX ([\d.]+) times our time in the geometric mean over (\d+) cases; they "
        r"are faster in (\d+) and in (\d+) of them \((.*?) in `bench"
    )
    *means, cases, lost_to_torch, lost_to_jax, files = re.search(pattern, WHOLE_README).groups()
    files = re.findall(r"`(\w+)`", files)
    assert len(files) == 5
    for peer, mean, lost in zip(("torch", "jax"), means, (lost_to_torch, lost_to_jax), strict=True):
        measured = [ratio for file in files for ratio in ratios(file, peer)]
        assert len(measured) == int(cases), peer
        assert same(mean, geometric_mean(measured)), peer
        assert sum(ratio < 1 for ratio in measured) == int(lost), peer


def test_the_readme_shows_pictures_that_exist():
    pictures = re.findall(r'(?:src|srcset)="(.*?)"', WHOLE_README)
    assert len(pictures) == 2
    assert all((ROOT / picture).read_text().startswith("<?xml") for picture in pictures)
