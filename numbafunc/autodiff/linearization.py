"""The derivative at a point as a function of the direction: linearize."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.autodiff.array_helpers import in_main_memory
from numbafunc.autodiff.drivers import jvp
from numbafunc.autodiff.variables import Variables, constant, pair, paired, split
from numbafunc.dual.array import quiet, value_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.levels import Level
from numbafunc.dual.products import scale
from numbafunc.dual.trees import flatten_with_names
from numbafunc.kinds.njit import register

__all__ = ["linearize"]

_FEW = 32
"""Variables up to which a run with all directions costs about as much as a run with one."""


def linearize(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    r"""Evaluate a function, and make the function that evaluates its derivative along directions at that point.

    .. math:: \left(f(x),\; v \mapsto J v\right), \qquad J_{i j} = \frac{\partial f(x)_i}{\partial x_j}

    Parameters
    ----------
    f : callable
        Function of as many positional arguments as there are `primals`; it may return a nest.
    *primals
        The arguments x: floating arrays, Python floats or nests of these.
    has_aux : bool
        Whether `f` returns a pair of the value and something else, which is handed through.

    Returns
    -------
    value : array or nest
        ``f(*primals)``.
    push : callable
        ``push(*tangents)`` is the derivative along the direction whose parts `tangents` are, nested as the value:
        what ``jvp(f, primals, tangents)`` gives as its second result.
    aux
        The other result, with `has_aux`.

    Raises
    ------
    TypeError
        As for :func:`jvp`; of tangents from the returned function.
    ValueError
        From the returned function: a tangent of another shape than its primal.

    Notes
    -----
    Up to 32 variables, `f` runs once, along all unit directions, and a call of ``push`` is a product with the
    Jacobian, which is kept. With more, a Jacobian would cost more than it saves, and nothing of the run of `f` is kept:
    each call of ``push`` runs it again. `f` has to be a function of its arguments alone, and arrays in `primals` must
    not be written to as long as ``push`` is in use.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> value, push = numbafunc.linearize(lambda x: x * x, np.array([1.0, 2.0]))
    >>> value, push(np.array([1.0, 0.0])), push(np.array([0.0, 1.0]))
    (array([1., 4.]), array([2., 0.]), array([0., 4.]))
    """
    in_main_memory("linearize", primals)
    variables = Variables(primals, tuple(range(len(primals))))
    few = variables.total <= _FEW
    with Level() as level:
        result = f(*(variables.moved({level: range(variables.total)}) if few else primals))
    result, aux = pair(result) if has_aux else (result, None)
    leaves, names, structure = flatten_with_names(result)
    parts = [split(leaf, level, f"the output of f{name}") for leaf, name in zip(leaves, names, strict=True)]

    def push(*tangents: Any) -> Any:
        if not few:
            return jvp(f, primals, tangents, has_aux)[1]
        directions = [
            np.zeros(leaf.size, leaf.dtype) if direction is None else direction.reshape(leaf.size)
            for _, leaves, given in paired(primals, tangents)
            for leaf, direction in zip(leaves, given, strict=True)
        ]
        return structure.unflatten([_product(primal, change, directions) for primal, change in parts])

    value = structure.unflatten([primal for primal, _ in parts])
    return (value, push, constant(aux, level)) if has_aux else (value, push)


def _product(primal: Any, jacobian: Any, directions: list[Any]) -> Any:
    """The sum over directions of one output's derivatives, of shape (directions, ...)."""
    if jacobian is None or not directions:
        return np.zeros(primal.shape, primal.dtype)
    direction = np.concatenate(directions).astype(primal.dtype)
    rows = jacobian.reshape((direction.size, primal.size))
    with quiet():
        change = np.matmul(direction, rows)
        if not is_finite(np.asarray(value_of(change))):
            # Zero tangents contribute nothing, whatever the derivative.
            change = np.sum(scale(rows, direction.reshape((-1, 1))), 0)
    return change.reshape(primal.shape)


register(__name__)
