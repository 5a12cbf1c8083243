"""The context in which tangents are computed, beside numpy.errstate."""

import numpy as np
import pytest

import numbafunc
from numbafunc.dual.quiet import quiet, quietly


def in_context(function, *args):
    with quiet():
        return function(*args)


@pytest.mark.parametrize(
    "run", [in_context, lambda function, *args: quietly(function)(*args)], ids=["with", "decorator"]
)
def test_errors_are_ignored_inside_and_treated_as_before_outside(run):
    def fail():
        np.divide(1.0, 0.0)
        run(np.divide, 0.0, 0.0)
        np.exp(1e4)
        raise KeyError

    with np.errstate(all="raise", under="print"):
        state = np.geterr()
        with pytest.raises(KeyError):
            run(fail)
        assert np.geterr() == state
        with pytest.raises(FloatingPointError, match="divide by zero"):
            np.divide(1.0, 0.0)
    assert run(np.geterr) == dict.fromkeys(np.geterr(), "ignore")


def test_tangents_do_not_raise():
    x, v = np.array([3.0, 4.0]), np.array([1e-310, 1.3e-310])
    with np.errstate(all="raise"):
        found = numbafunc.jvp(np.linalg.norm, (x,), (v,))[1]
    np.testing.assert_allclose(found, (3 * 1e-310 + 4 * 1.3e-310) / 5)
