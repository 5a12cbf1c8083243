"""A slice of what tox run -e fuzz and tox run -e soak do for hours, and whether they would notice."""

import math
import random as machine

import fuzz
import fuzz_cases
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from sweep import mostly_thorough

import numbafunc

SLICE = ("sigmoid", "softmax", "logsumexp", "max_pool_2d", "pad", "flatten", "top_k")


@pytest.mark.parametrize("name", mostly_thorough(tuple(fuzz_cases.CASES), SLICE))
def test_random_calls(name):
    plain = fuzz_cases.calls((name,), (np.float64,), ("plain", "slice"))

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(plain)
    def run(call):
        fuzz_cases.check(*call)

    run()


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", [3203892247, 1976015937, "fresh"])
def test_rounds_with_seeds(seed):
    number = machine.SystemRandom().getrandbits(32) if seed == "fresh" else seed
    print(f"again by: python tests/support/fuzz.py --seed {number}")  # which is shown if it fails
    counter = {"calls": 0}
    fuzz.round_of(number, 100, math.inf, counter)
    assert counter["calls"] >= 100


@pytest.mark.parametrize("wrong", [lambda x: x * (1 + 1e-14), lambda x: x.astype(np.float32), lambda x: x[:1]])
def test_wrong_results_are_noticed(wrong, monkeypatch):
    _, *others = fuzz_cases.CASES["sigmoid"]
    monkeypatch.setitem(fuzz_cases.CASES, "sigmoid", (lambda x: wrong(numbafunc.sigmoid(x)), *others))
    with pytest.raises(AssertionError):
        fuzz_cases.check("sigmoid", np.ones((3, 4)), "plain", {})


def test_wrong_derivatives_are_noticed():
    @numbafunc.custom_derivative
    def wrong(x):
        return np.sin(x)

    @wrong.defjvp
    def tangent(primals, tangents):
        return np.sin(primals[0]), tangents[0]

    x = np.linspace(0.0, 1.0, 5)
    with pytest.raises(AssertionError, match="from differences"):
        fuzz_cases.check_derivatives(wrong, x, np.sin(x), True)


def test_damaged_entries_of_the_cache_are_none():
    random = np.random.default_rng(0)
    for _ in range(200):
        fuzz.damaged(random.bytes(random.integers(3, 40)))


@pytest.mark.filterwarnings("ignore")
def test_calls_with_several_wrong_arguments(monkeypatch):
    from numba.core.dispatcher import Dispatcher
    from wrong_arguments import Accepted

    from numbafunc import limits

    def stop(dispatcher, signature):
        raise Accepted

    monkeypatch.setattr(Dispatcher, "compile", stop)
    monkeypatch.setattr(limits, "_SMALL", 0)
    monkeypatch.setattr(limits, "memory", lambda: 2**29)
    random = np.random.default_rng(1)
    for _ in range(300):
        fuzz.misused(random.bytes(2 * random.integers(2, 6)))
