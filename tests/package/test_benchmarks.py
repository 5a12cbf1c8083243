"""The benchmarks: what they cover, what they make of times, and when a comparison of two revisions fails."""

import contextlib
import itertools
import json
import math
import os
import re
import subprocess
import sys
import textwrap

import numba
import numpy as np
import pytest

import numbafunc
from bench import (
    __main__ as command,
    bandwidth,
    cases,
    compare,
    libraries,
    measure,
    operands,
    ops,
    plots,
    report,
    results,
)
from numbafunc.kinds.registry import REGISTRY

TABLE = ops.table()


# What is covered.


def test_each_op_has_a_case_or_a_reason():
    measured = {name.split(" ")[0] for name in TABLE}
    names = {name.rpartition(".")[2] for name in ops.public()}
    assert {"tanh", "softmax", "top_k", "l2", "kl", "odeint"} <= names
    assert names <= measured | set(ops.REASONS)
    assert set(ops.REASONS).isdisjoint(measured)
    assert {name.split(" ")[0] for name in ops.TABLE} - names == {ops.COPY}  # nothing is left of ops that are gone


def test_a_registered_op_is_covered_without_an_entry(monkeypatch):
    public = {**ops.public(), "frobnicate": None}
    monkeypatch.setattr(ops, "public", lambda: public)
    with pytest.raises(LookupError, match="numbafunc.frobnicate is not measured: give it an entry"):
        ops.table()
    monkeypatch.setitem(REGISTRY, "frobnicate", None)
    entry = ops.table()["frobnicate"]
    assert (entry.ours, entry.what) == ("nf.frobnicate(x)", ("value", "jvp", "gradient"))


def test_sizes_and_precisions():
    library = object.__new__(libraries.Ours)  # without the limit on threads that measurements set
    every = cases.batches(TABLE, {"numbafunc": library})
    found = {(one.name, one.size, one.dtype, one.what) for some in every for one in some}
    assert sum(map(len, every)) == len(found)
    for name in ("tanh", "softmax", "pad", "l2", "max_pool_2d", "channel_to_space2d"):
        wanted = set(itertools.product([name], operands.SIZES, cases.DTYPES, ops.WHAT))
        assert wanted <= found
    # Large arrays come last and alone; if time runs out, all ops still have other sizes.
    large = [operands.SIZES[some[0].size] > operands.LARGE for some in every]
    assert large == sorted(large)
    assert all(len(some) == 1 for some, alone in zip(every, large) if alone)


@pytest.mark.parametrize("name", [name for name, op in TABLE.items() if op.numpy and op.ours])
def test_numpy_computes_the_same(name):
    special, integrate = map(pytest.importorskip, ("scipy.special", "scipy.integrate"))
    op = TABLE[name]
    drawn = operands.draw(op, 640, "float64", np.random.default_rng(0))
    names = {**drawn, **operands.constants(op, 640), "dtype": np.float64, "np": np, "nf": numbafunc}
    names |= {"special": special, "solve_ivp": integrate.solve_ivp, "njit": lambda source: numba.njit(eval(source))}
    ours = np.array(eval(op.ours, names))
    theirs = np.array(eval(op.numpy, names))
    if name == "odeint":  # SciPy has time last
        ours = ours.T
    tolerance = {"odeint": 1e-2, "gelu tanh": 1e-6}.get(name, 1e-9)
    np.testing.assert_allclose(theirs, ours, tolerance, tolerance)


PEERS = """
import numpy as np
from bench import bandwidth, cases, libraries, ops

def result(library, statement, data, what):
    names = {**library.namespace, **{key: library.take(value) for key, value in data.items()}}
    exec(statement.setup, names)
    *before, last = statement.call.split("\\n")
    exec("\\n".join(before), names)
    found = eval(last, names)
    if "other" in names:
        return np.squeeze(np.asarray(names["other"]))
    while isinstance(found, (tuple, list)):
        found = found[-1]
    return np.squeeze(np.asarray(found))

peers = libraries.libraries()
ours = peers.pop("numbafunc")
wrong = []
for name, op in ops.table().items():
    for what in op.what:
        if not op.ours or (name, what) == ("odeint", "value"):
            continue
        case = cases.case(name, op, "64x10", "float64", what, {"numbafunc": ours, **peers})
        data = case.data(np.random.default_rng(0))
        expected = result(ours, case.statements["numbafunc"], data, what)
        tolerance = 1e-2 if name == "odeint" else 1e-5
        for key in set(case.statements) & set(peers):
            try:
                theirs = result(peers[key], case.statements[key], data, what)
            except Exception as error:
                print("left out:", name, what, key, type(error).__name__)
                continue
            if (name, key) == ("upsample_2d bicubic", "torch"):  # another member of the family of cubics
                continue
            if theirs.shape != expected.shape or not np.allclose(theirs, expected, tolerance, tolerance):
                wrong.append((name, what, key, np.shape(theirs), np.shape(expected)))
for (case,) in bandwidth.batches({"numbafunc": ours, **peers}, 1000):
    data = case.data(np.random.default_rng(0))
    expected = result(ours, libraries.Statement(case.statements["numbafunc"]), data, "value").copy()
    if "torch" in peers:
        theirs = result(peers["torch"], libraries.Statement(case.statements["torch"]), data, "value")
        if not np.allclose(theirs, expected, 1e-5, 1e-5):
            wrong.append((case.name, "torch"))
for line in wrong:
    print(*line)
assert not wrong
"""


@pytest.mark.thorough
def test_the_peers_that_are_installed_compute_the_same():
    """Values and derivatives, in a process of its own, since peers set up threads."""
    print(run(PEERS))


def run(program, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# What is measured.


def test_libraries_are_measured_in_blocks_and_in_turn():
    calls = []
    library = libraries.Library({"note": calls.append})
    data = lambda random: {"x": random.random(2)}  # noqa: E731
    statements = {"numbafunc": "note('a')", "torch": "note('b')", "jax": "missing(x)"}
    case = measure.Case("f", "2", 2, data, statements)
    effort = measure.Effort(rounds=2, most=2, block=0.0, alternating=4, rest=0.0)
    found, failures = measure.measure([case], dict.fromkeys(statements, library), effort, 60.0)
    assert [(result.mode, sorted(result.timings)) for result in found] == [
        ("blocks", ["numbafunc", "torch"]),
        ("alternating", ["numbafunc", "torch"]),
    ]
    assert [len(timing.seconds) for result in found for timing in result.timings.values()] == [2, 2, 4, 4]
    assert "".join(calls).endswith("ab" * 5)
    assert [(one.library, one.message) for one in failures] == [("jax", "NameError: name 'missing' is not defined")]


def test_figures_of_a_timing():
    timing = measure.Timing([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (timing.minimum, timing.median, timing.spread) == (1.0, 3.0, 2.0 / 3.0)


@pytest.mark.thorough
def test_a_run_writes_results_page_and_plots(tmp_path):
    arguments = ["--only", "relu", "--sizes", "64x10", "--dtypes", "float32", "--rounds", "1", "--minutes", "1"]
    output = run(
        "from bench.__main__ import main; import sys; sys.exit(main(sys.argv[1:]))",
        *arguments,
        "--output",
        str(tmp_path),
    )
    assert "In short" in output
    found = results.load(tmp_path / "benchmarks.json")
    assert {row.what for row in found.rows if "numbafunc" in row.libraries} == {"value", "jvp", "gradient"}
    assert found.errors["relu"]["float32"]["numbafunc"] == 0
    assert (tmp_path / "benchmarks.md").exists()
    assert (tmp_path / "plots" / "ratios-value.png").exists()


# What is made of it.


def some_results():
    def row(name, what, size, peer, mode="blocks", library="torch"):
        figures = {"minimum": 1.0, "median": 1.0, "spread": 0.1}
        times = {"numbafunc": figures, library: {**figures, "median": peer, "minimum": peer}}
        return results.Row(name, what, "float32", str(size), size, mode, times)

    rows = [row(name, what, size, size / 100) for name in ("tanh", "l2") for what in ops.WHAT for size in (10, 1000)]
    rows += [row("tanh", "value", 10, 0.5, "alternating"), row("copy", "value", 10, 1.0)]
    rows += [row("Rosenbrock", what, 10, 3.0, library="autograd") for what in ("value", "gradient")]
    errors = {"tanh": {"float32": {"numbafunc": 0.5, "torch": 2.9}}}
    return results.Results(rows, {"processor": "any"}, {}, {}, {}, ("Rosenbrock",), errors, ("jax: not installed",))


def test_results_come_back_from_the_file(tmp_path):
    results.dump(tmp_path / "a.json", some_results())
    assert results.load(tmp_path / "a.json") == some_results()
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["cases"][0]["libraries"]["torch"]["median"] == 0.1


def test_the_page_begins_with_what_we_lose(tmp_path):
    results.dump(tmp_path / "benchmarks.json", some_results())
    command.write_pages(tmp_path / "benchmarks.json")
    page = (tmp_path / "benchmarks.md").read_text()
    assert page.index("## What we lose") < page.index("## In short") < page.index("## Times")
    assert "| tanh | value | 10 float32 | PyTorch | 0.10 | 0.10 | 0.50 | 1 s | 2.9 ULP |" in page
    assert re.search(r"^\| tanh \| float32 \| 0.5 \| 2.9 ! \| [\d.]+ \|$", page, re.M)
    assert re.search(r"^\| tanh \| jvp \| float32 .*\| PyTorch by 2.9 ULP \|$", page, re.M)
    assert "- jax: not installed" in page
    assert {path.stem for path in (tmp_path / "plots").glob("*.svg")} == set(plots.PLOTS)


def test_ratios_are_those_of_the_medians():
    summary = {(row["what"], row["peer"], row["mode"]): row for row in report.summary(some_results())}
    values = summary["value", "PyTorch", "blocks"]
    assert (values["cases"], values["we lose"], values["our worst"], values["our best"]) == ("5", "2", "0.1", "10")
    assert math.isclose(float(values["typical"]), 1.0)
    assert [cost for *_, cost in some_results().costs("gradient", models=True)] == [1.0]


def test_bars_name_the_worst_case():
    figures = {"minimum": 1.0, "median": 1.0, "spread": 0.0}

    def row(name, what, size, ours, jax=1.0):
        times = {"numbafunc": {**figures, "minimum": ours, "median": ours}, "jax": {**figures, "median": jax}}
        return results.Row(name, what, "float64", size, 10**6, "blocks", times)

    rows = [row("ODE", what, "9985", ours) for what, ours in (("value", 1.0), ("gradient", 5.0))]
    rows += [row("tanh", what, "1e6", ours) for what, ours in (("value", 1.0), ("jvp", 2.0))]
    gradient, jvp, jax = report.bars(results.Results(rows, models=("ODE",)))
    assert "at most 5 evaluations (ODE, 9985); the bar is 4, 1 of 1 cases are over it" in gradient
    assert "at most 2 evaluations (tanh, 1e6); the bar is 3, 0 of 1 cases are over it" in jvp
    assert "at most 5 of JAX's time (ODE); the bar is 3" in jax


def test_families_take_the_better_peer():
    def row(name, what, torch, jax, mode="blocks"):
        times = {"numbafunc": 2.0, "torch": torch, "jax": jax, "numpy": 0.1}
        figures = {key: {"minimum": time, "median": time, "spread": 0.0} for key, time in times.items()}
        return results.Row(name, what, "float32", "1e6", 10**6, mode, figures)

    rows = [row("gelu tanh", "value", 8.0, 20.0), row("relu", "jvp", 40.0, 1.0), row("kl", "value", 6.0, 9.0)]
    rows += [row("relu", "jvp", 32.0, 8.0, "alternating"), row("relu out=", "value", 0.1, 0.1, "bandwidth")]
    found = {(one["family"], one["what"]): one for one in report.family_rows(results.Results(rows))}
    every = found["elementwise", "all"]
    assert (every["cases"], every["below 1"], every["typical"], every["bar"]) == ("2", "1", "1.41", "")
    assert (every["our worst"], every["typical, alternating"]) == ("0.5, jvp of relu, 1e6 float32", "4.00")
    assert [found["elementwise", "value"][key] for key in ("typical", "bar")] == ["4.00", "2.5"]
    assert found["losses", "all"]["typical"] == "3.00"
    assert {family for family, _ in found} == {"elementwise", "losses"}


def test_a_peer_that_is_wrong_does_not_compare():
    times = {
        key: {"minimum": time, "median": time, "spread": 0.0}
        for key, time in {"numbafunc": 2.0, "torch": 1.0, "jax": 6.0}.items()
    }
    rows = [results.Row("gelu", "value", "float32", "1e6", 10**6, "blocks", times)]
    errors = {"gelu": {"float32": {"numbafunc": 0.9, "torch": 2.1, "jax": 2.0}}}
    found = report.family_rows(results.Results(rows, errors=errors))
    for one in found:
        assert (one["below 1"], one["typical"], one["typical, any accuracy"]) == ("0", "3.00", "0.50")


def test_each_family_has_ops():
    modules = {op.__module__.rpartition(".")[2] for op in ops.public().values()}
    assert {member for _, members in report.FAMILIES.values() for member in members} <= modules


def test_ops_with_out_are_measured_beside_copies():
    given = {"numbafunc": libraries.Library({"nf": numbafunc}), "numpy": libraries.NumPy()}
    for (case,) in bandwidth.batches(given, 1000):
        x, out = (case.data(np.random.default_rng(0))[name] for name in ("x", "out"))
        assert (x.dtype, x.shape) == (np.float32, (1000,))
        names = {"nf": numbafunc, "np": np, "x": x, "out": out}
        assert eval(case.statements["numbafunc"], names) is out
        np.testing.assert_array_equal(out, getattr(numbafunc, case.name.split(" ")[0])(x))
        eval(case.statements["copy"], names)
        np.testing.assert_array_equal(out, x)
    found, failures = bandwidth.measure([case], given, measure.Effort(1, 1, 0.0, 5, 0.0), 0.0)
    assert failures == []
    assert [(one.mode, sorted(one.timings)) for one in found] == [("bandwidth", ["copy", "numbafunc"])]


def test_what_is_reached_of_a_copy():
    figures = {"numbafunc": 0.02, "torch": 0.1, "copy": 0.04, "copy by threads": 0.016}
    times = {name: {"minimum": time, "median": time, "spread": 0.0} for name, time in figures.items()}
    rows = [results.Row("tanh out=", "value", "float32", "2.5e7", 25 * 10**6, "bandwidth", times)]
    (found,) = report.bandwidth_rows(results.Results(rows))
    assert found == {
        **{"case": "tanh out=", "size": "2.5e7 float32", "ours, GB/s": "10", "PyTorch, GB/s": "2"},
        **{"copyto, GB/s": "5", "PyTorch's copy, GB/s": "12.5", "of a copy": "80%", "bar": "70%"},
    }


# The comparison of two revisions.


class Side:
    """A revision that takes made-up times: a case's time, by a factor that changes from block to block."""

    def __init__(self, times, noise, seed):
        self.times, self.noise, self.random = times, noise, np.random.default_rng(seed)
        self.cases = list(times)

    def seconds(self, case, seed):
        return self.times[case] * (1 + self.noise * self.random.exponential())


def pairs(old, new, noise=0.1):
    """What gives the sides of each repetition; ``new`` may be a list of times, one for each repetition."""
    given = iter(new if isinstance(new, list) else itertools.repeat(new))
    seeds = itertools.count()
    return lambda: contextlib.nullcontext((Side(old, noise, next(seeds)), Side(next(given), noise, next(seeds))))


NAMES = [f"case {number}" for number in range(50)]
EQUAL = dict.fromkeys(NAMES, 1e-5)


def test_equal_times_pass_whatever_the_noise():
    for noise in (0.0, 0.05, 0.5):
        found, bad = compare.slower(NAMES, pairs(EQUAL, EQUAL, noise))
        assert [one.case for one in found] == NAMES
        assert bad == []


@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_slower_case_fails(noise):
    _, bad = compare.slower(NAMES, pairs(EQUAL, {**EQUAL, "case 7": 1.15e-5}, noise))
    assert [one.case for one in bad] == ["case 7"]
    _, bad = compare.slower(NAMES, pairs(EQUAL, {**EQUAL, "case 7": 1.03e-5}, noise))
    assert bad == []


def test_a_case_that_is_slow_once_is_measured_again():
    told = []
    slow = {**EQUAL, "case 7": 2e-5}
    found, bad = compare.slower(NAMES, pairs(EQUAL, [slow, EQUAL], 0.0), tell=told.append)
    assert bad == []
    assert told == [*NAMES, "case 7"]
    assert len(found[7].old) == 3 * compare.ROUNDS


def test_others_on_the_machine_slow_down_some_blocks_only():
    times = [1.0, 1.0, 1.0, 1.0, 1.0]
    assert compare.Comparison("", times, [1.0, 3.0, 3.0, 3.0, 3.0]).ratio == 1.0
    assert compare.Comparison("", times, [1.2, 1.3, 1.2, 1.2, 9.0]).ratio == 1.2
    assert compare.Comparison("", times, [0.5, 0.6, 0.5, 0.5, 9.0]).ratio == 0.5
    assert compare.Comparison("", [1.0, 2.0, 3.0], [1.0, 1.0, 1.0]).noise == 0.5


@pytest.mark.parametrize(("factor", "status"), [(1.0, 0), (1.3, 1)])
def test_the_status_says_whether_a_case_is_slower(factor, status, monkeypatch, tmp_path, capsys):
    class Worker(Side):
        def __init__(self, tree, cache, options):
            super().__init__({**EQUAL, "case 3": 1e-5 * (factor if tree.name == "new" else 1.0)}, 0.01, len(tree.name))

        def ask(self, **question):
            return {}

        def send(self, **question):
            pass

        def close(self):
            pass

    monkeypatch.setattr(compare, "Worker", Worker)
    monkeypatch.setattr(compare, "worktree", lambda commit, folder: contextlib.nullcontext(folder))
    monkeypatch.setattr(compare, "commit_of", lambda revision: f"commit of {revision}")
    assert compare.main(["HEAD"]) == status
    printed = capsys.readouterr().out
    assert "Noise: in the typical case" in printed
    assert ("Slower by more than 5%" in printed) == bool(status)
