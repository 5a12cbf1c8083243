"""Calls that type checkers have to refuse, each line of the function for itself."""

import numpy as np
from numpy.typing import NDArray

import numbafunc as nf
from numbafunc.scipy import linalg, special

Array = NDArray[np.float64]
array: Array = np.ones(3)
rotated: NDArray[np.complex128] = np.ones(3, np.complex128)


def scaled(x: Array, factor: float = 2.0) -> Array:
    return x * factor


def summed(x: Array, *, power: int) -> float:
    return float(np.sum(x**power))


def wrong() -> None:
    nf.softmax("abc")
    nf.softmax(["abc"])
    nf.sigmoid(1j)
    nf.sigmoid({"x": 1.0})
    nf.sigmoid(rotated)
    nf.sigmoid(b"abc")
    nf.sigmoid(None)
    nf.relu(array, 0.5)
    nf.celu(array, alpha="1")
    nf.softmax(array, axis="rows")
    nf.pad(array, "1")
    nf.top_k(array, 1.5)
    nf.interpolate(array, border="mirror")
    nf.loss.l2("abc")
    nf.loss.mean_squared_error(array, "abc")
    nf.loss.cross_entropy_logits_sparse(array, [0.5])
    nf.grad(3)
    nf.grad(summed)("abc", power=2)
    nf.grad(summed)(array)
    nf.grad(summed)(array, power=2, other=1)
    nf.grad(summed, mode="backward")
    nf.jacfwd(scaled)("abc")
    nf.vjp(scaled, "abc")
    nf.scan(scaled, array, array)
    nf.sofmax(array)
    linalg.inv("abc")
    linalg.cholesky(array, lower="yes")
    linalg.solve(array)
    linalg.qr(array, mode="thin")
    special.softmax("abc")
