"""The programs of ``examples/``, with what they compute compared with SciPy, formulas or differences."""

from __future__ import annotations

import json
import re
import runpy
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.special
import scipy.stats
from rank_launcher import needs_ranks, run_ranks

matplotlib.use("Agg")
ROOT = Path(__file__).parent.parent.parent
EXAMPLES = ROOT / "examples"


class Example:
    """A program, with its names as attributes."""

    def __init__(self, name, folder):
        self.picture = folder / f"{name}.png"
        self.names = runpy.run_path(str(EXAMPLES / f"{name}.py"))

    def __getattr__(self, name):
        return self.names[name]

    def run(self, **options):
        result = self.main(self.picture, **options)
        assert self.picture.read_bytes().startswith(b"\x89PNG")
        return result


@pytest.fixture
def example(tmp_path):
    yield lambda name: Example(name, tmp_path)
    matplotlib.pyplot.close("all")


@pytest.fixture(scope="module")
def on_two_ranks(tmp_path_factory):
    """What each of two ranks found, in a single launch of all programs."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "logs").mkdir()
    program = ROOT / "tests" / "support" / "documented_ranks.py"
    settings = {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONHASHSEED": "random"}
    run_ranks(folder / "logs", 2, program, ROOT, folder, **settings)
    return folder, [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(2)]


def page(name):
    return (ROOT / "docs" / "how-to" / f"{name}.rst").read_text()


def test_every_example_has_a_test_and_a_page():
    files = [file.relative_to(ROOT) for kind in ("py", "sh") for file in EXAMPLES.rglob(f"*.{kind}")]
    tests = Path(__file__).read_text() + (ROOT / "tests" / "support" / "documented_ranks.py").read_text()
    pages = "".join(file.read_text() for file in (ROOT / "docs").glob("*/*.rst"))
    assert len(files) > 12
    assert not [str(file) for file in files if f'"{file.stem}' not in tests or str(file) not in pages]


def test_fit(example):
    program = example("fit")
    p, errors = program.run()
    t, y = program.measurements()
    wanted, covariance = scipy.optimize.curve_fit(lambda t, *p: program.model(p, t), t, y, [0.7, 0.5, 2.2, 0.0])
    np.testing.assert_allclose(p, wanted, rtol=1e-6)
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance)), rtol=1e-4)


def test_ode(example):
    program = example("ode")
    course, sensitivity, slope = program.run()

    def solution(rates):
        y0, times = [0.999, 0.001], program.TIMES
        change = lambda t, y: program.change(y, t, rates)  # noqa: E731
        return scipy.integrate.solve_ivp(change, (0.0, times[-1]), y0, "DOP853", times, rtol=1e-12, atol=1e-14).y[1]

    np.testing.assert_allclose(course, solution(program.RATES), atol=1e-7)
    for direction in (0, 1):
        h = 1e-4 * np.eye(2)[direction]
        difference = (solution(program.RATES + h) - solution(program.RATES - h)) / 2e-4
        np.testing.assert_allclose(sensitivity[:, direction], difference, atol=1e-5)
        np.testing.assert_allclose(slope[direction], difference[np.argmax(course)], atol=1e-5)


def test_pyramid(example):
    program = example("pyramid")
    image, whole, contrast = program.run()
    np.testing.assert_allclose(whole, image, atol=1e-6)
    details, rest = program.analyse(image, 4)
    assert rest.shape == (1, 3, 32, 32)
    blocks = image.reshape(1, 3, 32, 16, 32, 16).mean(axis=(3, 5))
    assert np.abs(rest - blocks).mean() < 0.05 * np.std(image)
    gains = np.ones(4)
    for level in range(4):
        h = 1e-3 * np.eye(4)[level]
        above, below = (np.var(np.float64(program.synthesise(details, rest, list(g)))) for g in (gains + h, gains - h))
        np.testing.assert_allclose(contrast[level], (above - below) / 2e-3, rtol=1e-2)


def test_perceptron(example):
    _, history, right = example("perceptron").run(steps=150)
    assert history[-1] < 0.02 * history[0]
    assert right > 0.98


@needs_ranks
def test_perceptron_on_two_ranks_learns_the_same(example, on_two_ranks):
    _, history, _ = example("perceptron").run(steps=20)
    for found in on_two_ranks[1]:
        np.testing.assert_allclose(found["perceptron"], history, rtol=1e-9)
    assert "2 ranks, 20 steps" in on_two_ranks[1][0]["printed"]["perceptron"]


def test_gaussian_process(example):
    program = example("gaussian_process")
    found = program.run()
    x, y = program.measurements()

    def surprise(p):
        covariance = np.exp(2 * p[0]) * np.exp(-(((x[:, None] - x) / np.exp(p[1])) ** 2) / 2)
        covariance += np.exp(2 * p[2]) * np.eye(x.size)
        return -scipy.stats.multivariate_normal(np.zeros(x.size), covariance).logpdf(y)

    np.testing.assert_allclose(found.fun, surprise(found.x), rtol=1e-9)
    np.testing.assert_allclose(scipy.optimize.approx_fprime(found.x, surprise), 0.0, atol=1e-3)


def black_scholes(stock, volatility, rate, strike=100.0):
    """Price, delta, vega and rho of the option."""
    upper = (np.log(stock / strike) + rate + volatility**2 / 2) / volatility
    lower = upper - volatility
    cdf, today = scipy.stats.norm.cdf, strike * np.exp(-rate)
    return np.array(
        [
            stock * cdf(upper) - today * cdf(lower),
            cdf(upper),
            stock * scipy.stats.norm.pdf(upper),
            today * cdf(lower),
        ]
    )


def test_monte_carlo(example):
    mean, error = example("monte_carlo").run(samples=50_000)
    assert np.all(np.abs(mean - black_scholes(100.0, 0.2, 0.03)) < 4 * error)
    assert np.all(error < 0.01 * mean)


@needs_ranks
def test_monte_carlo_on_two_ranks_draws_the_same_numbers(example, on_two_ranks):
    wanted = example("monte_carlo").estimate(np.array([100.0, 0.2, 0.03]), 64_000)
    for found in on_two_ranks[1]:
        np.testing.assert_allclose(found["monte_carlo"], wanted, rtol=1e-11)
    assert on_two_ranks[1][1]["printed"]["monte_carlo"] == ""


def check_uneven(program, found, files):
    """Compare what a rank found with SciPy's fit to all events, and with NumPy."""
    energy, seen = (np.concatenate(c) for c in zip(*map(program.read, range(len(files)), files), strict=True))
    surprise = lambda p: np.sum(np.log1p(np.exp(np.where(seen, -1.0, 1.0) * (p[0] + p[1] * energy / 50.0))))  # noqa: E731
    wanted = scipy.optimize.minimize(surprise, [0.0, 1.0], tol=1e-9)
    np.testing.assert_allclose(found["p"], wanted.x, rtol=1e-4)
    np.testing.assert_allclose(found["threshold"][0], -50.0 * wanted.x[0] / wanted.x[1], rtol=1e-4)
    np.testing.assert_allclose(found["mean"], energy.mean(), rtol=1e-12)
    assert sorted(found["late"]) == sorted(energy[~seen & (energy > 60.0)])
    for counts, events in zip(found["hits"], (energy[seen], energy), strict=True):
        np.testing.assert_array_equal(counts, np.histogram(events, program.EDGES)[0])


def test_uneven(example):
    program = example("uneven")
    found = program.run()
    check_uneven(program, found, program.FILES)
    logits = lambda p, x: scipy.special.expit(p[0] + p[1] * x / 50.0)  # noqa: E731
    p, x = found["p"], np.concatenate([program.read(*file)[0] for file in enumerate(program.FILES)])
    fisher = (np.stack([np.ones_like(x), x / 50.0]) * logits(p, x) * (1 - logits(p, x))) @ np.stack(
        [1 + 0 * x, x / 50]
    ).T
    slope = np.array([-50.0 / p[1], 50.0 * p[0] / p[1] ** 2])
    np.testing.assert_allclose(found["threshold"][1], np.sqrt(slope @ np.linalg.inv(fisher) @ slope), rtol=1e-9)


@needs_ranks
@pytest.mark.parametrize(
    ("name", "files", "firsts"),
    [
        ("uneven", (400, 0, 250, 30, 0, 160, 300), (0, 950)),
        ("one without rows", (300, 0), (0, 300)),
        ("another without rows", (0, 300), (0, 0)),
    ],
)
def test_uneven_on_two_ranks(example, on_two_ranks, name, files, firsts):
    program = example("uneven")
    for found, first in zip(on_two_ranks[1], firsts, strict=True):
        check_uneven(program, found[name], files)
        assert found[name]["first"] == first


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="the program is stopped by SIGUSR1")
def test_restart(example, capsys):
    program = example("restart")
    state, done = program.run()
    assert done
    assert capsys.readouterr().out in page("restart")
    assert state["history"][-30:].mean() < 0.1 * state["history"][:5].mean()
    x = np.linspace(-2.5, 2.5, 101)
    np.testing.assert_allclose(program.predict(state["weights"], x), np.sin(2 * x), atol=0.25)
    value, gradient = program.whole(state["weights"], program.data())
    loss = lambda w: program.loss(w.reshape(3, -1), *program.data()) / 512  # noqa: E731
    np.testing.assert_allclose(value, loss(state["weights"]), rtol=1e-12)
    difference = scipy.optimize.approx_fprime(state["weights"].ravel(), loss)
    np.testing.assert_allclose(gradient.ravel(), difference, atol=1e-6)


@needs_ranks
def test_restart_goes_on_alone_where_two_ranks_were_stopped(tmp_path, example, on_two_ranks):
    folder, ranks = on_two_ranks
    assert [found["interrupted"] for found in ranks] == [{"step": 9, "done": False}] * 2
    program = example("restart")
    assert program.load(folder / "restart.npz", program.first_state(24))["step"] == 9
    found, done = program.train(folder / "restart.npz", 24)
    wanted, _ = program.train(tmp_path / "other.npz", 24)
    assert done
    assert {name: found[name].tobytes() for name in wanted} == {name: wanted[name].tobytes() for name in wanted}
    assert not list(folder.glob("*.part"))


@needs_ranks
def test_names_of_mpi4py_do_what_ours_do(on_two_ranks):
    for found in on_two_ranks[1]:
        assert len(found["side by side"]) >= 18
        for code, theirs, ours in found["side by side"]:
            if theirs is not None:  # as on rank 0 of exscan
                np.testing.assert_array_equal(theirs, ours, err_msg=code)


def normal(text):
    """Messages without what differs from run to run."""
    text = text.replace(f"{EXAMPLES / 'mistakes'}/", "")
    text = re.sub(r" \(no sign of life for \d+ s\)", "", text)  # on a machine that is very busy
    text = re.sub(r"waited [\d.]+ s", "waited SECONDS", text)
    text = re.sub(r"named '[a-z]+'", "named 'NAME'", text)
    return re.sub(r"process \d+", "process NUMBER", text)


@needs_ranks
def test_messages_on_the_page_about_hanging_are_those_of_the_programs(tmp_path, on_two_ranks):
    printed = on_two_ranks[1][0]["printed"]
    programs = ("set_order", "skipped_step", "child")
    lines = normal("".join(printed[name] for name in programs)).splitlines()
    assert len(lines) == 10
    program = tmp_path / "hangs.py"
    program.write_text(
        "import runpy, sys\nfrom numbafunc import parallel\nparallel.psum(1.0)\nparallel.set_timeout(3)\n"
        "runpy.run_path(sys.argv[1])\n"
    )
    (tmp_path / "logs").mkdir()
    result = run_ranks(tmp_path / "logs", 2, program, EXAMPLES / "mistakes" / "one_rank_only.py", fails=True)
    lines += normal(result.logs[0]).splitlines()[:3]
    told = normal(page("hanging"))
    assert not [line for line in lines if line not in told]
    assert printed["skipped_together"] == "2 of 3 steps\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
@pytest.mark.parametrize(
    ("script", "left"), [("ranks", False), ("restart", True), ("restart", False), ("sweep", False)]
)
def test_scripts_for_slurm(tmp_path, script, left):
    """With stand-ins that note how they are called, and a checkpoint that is left or not."""
    commands = {
        "module": "",
        "scontrol": "",
        "srun": 'while [[ $1 == --* ]]; do shift; done\n"$@"\n',
        "python": 'echo "threads $OPENBLAS_NUM_THREADS" >> $LOG\n' + "touch results/restart.npz\n" * left,
    }
    for name, text in commands.items():
        (tmp_path / name).write_text(f'#!/bin/bash\necho "{name} $*" >> $LOG\n{text}')
        (tmp_path / name).chmod(0o700)
    (tmp_path / "numbafunc" / "bin").mkdir(parents=True)
    (tmp_path / "numbafunc" / "bin" / "activate").touch()
    settings = {"SLURM_CPUS_PER_TASK": "4", "SLURM_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "3"}
    settings |= {"HOME": str(tmp_path), "LOG": str(tmp_path / "log"), "PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = ["bash", "-eu", str(EXAMPLES / "slurm" / f"{script}.sh")]
    subprocess.run(command, cwd=tmp_path, env=settings, check=True, timeout=60)
    log = (tmp_path / "log").read_text()
    assert "threads 4" in log
    assert ("scontrol requeue 17" in log) == left
    programs = re.findall(r"^python (examples/\S+)", log, re.M)
    assert len(programs) == 1
    assert (ROOT / programs[0]).exists()
    assert ("srun --cpus-per-task=4 python examples" in log) == (script != "sweep")


def test_stencil(example):
    program = example("stencil")
    true, heat, found, first = program.run(iterations=12)
    np.testing.assert_allclose(program.diffuse(true).sum(), true.sum(), rtol=1e-12)  # no heat gets out
    assert found.fun < 0.01 * first
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, *true.shape))
    np.testing.assert_allclose(np.sum(a * program.diffuse(b)), np.sum(program.diffuse(a) * b), rtol=1e-9)
    assert np.abs(heat - true).mean() < np.abs(program.diffuse(true) - true).mean()


@needs_ranks
def test_stencil_on_two_ranks_takes_the_steps_of_one(example, tmp_path):
    _, _, found, first = example("stencil").run(iterations=3)
    result = run_ranks(tmp_path, 2, EXAMPLES / "stencil.py", tmp_path / "picture.png", 3, MPLBACKEND="Agg")
    assert result.logs[0] == f"misfit {first:.2e} at first, {found.fun:.2e} after 3 steps\n"
    assert result.logs[1] == ""


def test_own_op(example):
    program = example("own_op")
    energy, slope, by_width, atoms, forces = program.run()
    r = np.linspace(0.6, 4.0, 200)
    e = np.exp(-1.5 * (r - 1.0))
    np.testing.assert_allclose(energy, (1 - e) ** 2 - 1, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(slope, 2 * (1 - e) * 1.5 * e, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(by_width, 2 * (1 - e) * (r - 1.0) * e, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(forces, -scipy.optimize.approx_fprime(atoms, program.chain), atol=1e-6)


def test_own_op_on_a_simulated_device(tmp_path, monkeypatch):
    pytest.importorskip("numba_cuda")
    monkeypatch.setenv("NUMBA_ENABLE_CUDASIM", "1")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    command = [sys.executable, str(EXAMPLES / "own_op.py"), str(tmp_path / "picture.png")]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert result.returncode == 0, result.stderr
    assert "the same bits" in result.stdout
