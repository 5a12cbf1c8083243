"""Matrices of ``scipy.linalg`` that are made of the elements of other arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.limits import broadcast_shapes
from numbafunc.rules.complex_values import conjugate
from numbafunc.scipy.original import differentiable, operand


@differentiable("linalg")
def block_diag(*arrs: Any) -> Any:
    """Matrix with the given matrices along its diagonal, and zeros elsewhere.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.jacfwd(lambda s: linalg.block_diag(s, [[2.0, 3.0]]))(1.0)
    array([[1., 0., 0.],
           [0., 0., 0.]])
    """
    blocks = [np.atleast_2d(operand("block_diag", x, check_finite=False)) for x in arrs]
    columns = sum(block.shape[-1] for block in blocks)
    stack = broadcast_shapes(*(block.shape[:-2] for block in blocks))
    rows, before = [], 0
    for block in blocks:
        width = block.shape[-1]
        row = np.pad(block, [(0, 0)] * (block.ndim - 1) + [(before, columns - before - width)])
        rows.append(np.broadcast_to(row, (*stack, *row.shape[-2:])))
        before += width
    return np.concatenate(rows, axis=-2)


def _vector(name: str, x: Any) -> Any:
    x = np.atleast_1d(operand(name, x, check_finite=False))
    if x.ndim != 1:
        raise TypeError(f"scipy.linalg.{name}: stacks of vectors are not supported for dual arrays; one has {x.shape}")
    return x


@differentiable("linalg")
def toeplitz(c: Any, r: Any = None) -> Any:
    """Matrix with constant diagonals: its first column is ``c``, its first row ``r`` but for the first element.

    Without ``r`` the first row is the conjugate of ``c``.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda c: np.sum(linalg.toeplitz(c)))(np.ones(3))
    array([3., 4., 2.])
    """
    c = _vector("toeplitz", c)
    r = conjugate(c) if r is None else _vector("toeplitz", r)
    elements = np.concatenate([c[::-1], r[1:]])
    return elements[c.shape[0] - 1 - np.arange(c.shape[0])[:, np.newaxis] + np.arange(r.shape[0])]


@differentiable("linalg")
def hankel(c: Any, r: Any = None) -> Any:
    """Matrix with constant antidiagonals: its first column is ``c``, its last row ``r`` but for the first element.

    Without ``r`` the last row has zeros there.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda c: np.sum(linalg.hankel(c)))(np.ones(3))
    array([1., 2., 3.])
    """
    c = _vector("hankel", c)
    r = np.zeros_like(c) if r is None else _vector("hankel", r)
    elements = np.concatenate([c, r[1:]])
    return elements[np.arange(c.shape[0])[:, np.newaxis] + np.arange(r.shape[0])]


@differentiable("linalg")
def circulant(c: Any) -> Any:
    """Matrix each column of which is the one before, shifted down by one; the first is ``c``.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda c: np.sum(linalg.circulant(c)))(np.ones(3))
    array([3., 3., 3.])
    """
    c = _vector("circulant", c)
    places = np.arange(c.shape[0])
    return c[(places[:, np.newaxis] - places) % c.shape[0]]
