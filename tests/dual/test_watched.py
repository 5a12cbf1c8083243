"""Plain arrays that a differentiated function changes in place after it has used them."""

import numpy as np
import pytest

import numbafunc


def flipped(array):
    array[:] = array[::-1].copy()


SHARES = np.array([0.25, 0.75])
CASES = {
    "product": lambda x, w: x * w,
    "quotient": lambda x, w: x / w,
    "matmul": lambda x, w: w @ x,
    "einsum": lambda x, w: np.einsum("i,i->i", w, x),
    "convolve": lambda x, w: np.convolve(w, x),
    "where": lambda x, w: np.where(w, x, 3 * x),
    "loss": lambda x, w: numbafunc.loss.cross_entropy_logits(x, w),
}
ARRAYS = {"where": np.array([True, False])}


@pytest.mark.parametrize("name", CASES)
def test_array_that_was_changed_is_refused(name):
    def function(x):
        w = ARRAYS.get(name, SHARES).copy()
        result = np.sum(CASES[name](x, w))
        flipped(w)
        return result

    with pytest.raises(ValueError, match="changed in place after the differentiated function used it"):
        numbafunc.grad(function, mode="reverse")(np.array([1.0, 2.0]))


@pytest.mark.parametrize("name", CASES)
def test_copy_of_it_is_taken(name):
    def function(x):
        w = ARRAYS.get(name, SHARES).copy()
        result = np.sum(CASES[name](x, w.copy()))
        flipped(w)
        return result

    x = np.array([1.0, 2.0])
    wanted = numbafunc.grad(function, mode="forward")(x)
    np.testing.assert_allclose(numbafunc.grad(function, mode="reverse")(x), wanted, rtol=1e-14)
