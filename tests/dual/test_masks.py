"""Masks of tangents and cotangents."""

import numpy as np
import pytest

from numbafunc.dual.products import masked

GENERATOR = np.random.default_rng(5)
VALUES = np.array([1.5, -1.5, 0.0, -0.0, np.inf, -np.inf, np.nan, 1e-310])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
@pytest.mark.parametrize(
    "layout",
    [
        lambda x: x,
        lambda x: x.transpose(1, 0, 2),
        lambda x: x[:, ::-1],
        lambda x: x[..., ::2],
        lambda x: np.broadcast_to(x[:, :1], x.shape),
    ],
    ids=["plain", "transposed", "reversed", "strided", "repeated"],
)
@pytest.mark.parametrize("length", [4, 400])
def test_masks_are_those_of_where(dtype, layout, length):
    x = layout(GENERATOR.choice(VALUES, (3, length, 16)).astype(dtype))
    for condition in (GENERATOR.random(x.shape) < 0.5, GENERATOR.random(x.shape[1:]) < 0.5, np.array(True)):
        assert masked(condition, x).tobytes() == np.where(condition, x, dtype(0)).tobytes()
