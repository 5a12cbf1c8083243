"""The programs of ``examples/``, with what they compute compared with SciPy, formulas or differences."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats
from rank_launcher import needs_ranks, run_ranks

matplotlib.use("Agg")
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


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


def test_every_example_has_a_test_and_a_page():
    names = {file.stem for file in EXAMPLES.glob("*.py")}
    tests = Path(__file__).read_text()
    pages = "".join(file.read_text() for file in (EXAMPLES.parent / "docs").glob("*/*.rst"))
    assert names
    assert not [name for name in names if f'"{name}' not in tests or f"examples/{name}.py" not in pages]


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
def test_perceptron_on_two_ranks_learns_the_same(tmp_path, example):
    program = tmp_path / "ranks.py"
    program.write_text(
        f"import json, runpy, sys\nnames = runpy.run_path({str(EXAMPLES / 'perceptron.py')!r})\n"
        "_, history, right = names['main'](sys.argv[1], 20)\nprint(json.dumps(history))\n"
    )
    (tmp_path / "logs").mkdir()
    result = run_ranks(
        tmp_path / "logs", 2, program, tmp_path / "picture.png", OPENBLAS_NUM_THREADS="1", MPLBACKEND="Agg"
    )
    _, history, _ = example("perceptron").run(steps=20)
    for log in result.logs:
        np.testing.assert_allclose(json.loads(log.splitlines()[-1]), history, rtol=1e-9)
    assert "2 ranks, 20 steps" in result.logs[0]


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
def test_monte_carlo_on_two_ranks_has_the_samples_of_both(tmp_path):
    result = run_ranks(tmp_path, 2, EXAMPLES / "monte_carlo.py", tmp_path / "picture.png", MPLBACKEND="Agg")
    price, error = (float(result.logs[0].split()[place]) for place in (1, 3))
    assert abs(price - black_scholes(100.0, 0.2, 0.03)[0]) < 4 * error
    assert result.logs[1] == ""


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
