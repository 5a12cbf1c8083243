"""Figures in prose are those of the tables that measurements have written."""

import ast
import math
import re
from pathlib import Path

from bench import readme, results

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


def test_the_readme_states_the_times_that_were_measured():
    text = (ROOT / "README.md").read_text()
    assert readme.updated(text, results.load()) == text, "python -m bench readme rewrites it"


def test_the_readme_shows_pictures_that_exist():
    pictures = re.findall(r'(?:src|srcset)="(.*?)"', WHOLE_README)
    assert len(pictures) == 2
    assert all((ROOT / picture).read_text().startswith("<?xml") for picture in pictures)
