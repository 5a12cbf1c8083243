"""The derivative at a point as a function of the direction: linearize."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from numbafunc.autodiff.array_helpers import in_main_memory, only_direction
from numbafunc.autodiff.reverse import Tape, snapshot
from numbafunc.autodiff.variables import Variables, check_function, constant, pair, paired, split
from numbafunc.dual.array import value_of
from numbafunc.dual.dtypes import is_finite
from numbafunc.dual.levels import Run
from numbafunc.dual.products import scale
from numbafunc.dual.quiet import quiet
from numbafunc.dual.recorder import check_watched
from numbafunc.dual.tape import walk_forth
from numbafunc.dual.trees import flatten_with_names, tree_map
from numbafunc.kinds.compiled import on_duals
from numbafunc.kinds.njit import register
from numbafunc.result_memory import begin_recycling, end_recycling

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
    `f` runs once. Up to 32 variables it does so along all unit directions, and a call of ``push`` is a product with the
    Jacobian, which is kept. With more, the linear steps by which `f` computes tangents are kept, and ``push`` takes
    them again; they need as much memory as the intermediate values of `f`, which is freed with ``push``. The arrays
    that `f` refers to are not copied then, so they must stay as they are for as long.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> value, push = numbafunc.linearize(lambda x: x * x, np.array([1.0, 2.0]))
    >>> value, push(np.array([1.0, 0.0])), push(np.array([0.0, 1.0]))
    (array([1., 4.]), array([2., 0.]), array([0., 4.]))
    """
    has_aux = check_function(f, "linearize", has_aux)
    in_main_memory("linearize", primals)
    f = on_duals(f)
    variables = Variables(primals, tuple(range(len(primals))))
    if variables.total > _FEW:
        return _by_tape(f, variables, primals, has_aux)
    with Run(variables.total) as level:
        result = f(*variables.moved({level: range(variables.total)}))
    result, aux = pair(result) if has_aux else (result, None)
    leaves, names, structure = flatten_with_names(result)
    parts = [split(leaf, level, f"the output of f{name}") for leaf, name in zip(leaves, names, strict=True)]

    def push(*tangents: Any) -> Any:
        directions = [
            np.zeros(leaf.size, leaf.dtype) if direction is None else direction.reshape(leaf.size)
            for leaf, direction in _directions(primals, tangents)
        ]
        return structure.unflatten([_product(primal, change, directions) for primal, change in parts])

    value = structure.unflatten([primal for primal, _ in parts])
    return (value, push, constant(aux, level)) if has_aux else (value, push)


def _directions(primals: Sequence[Any], tangents: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """The leaves and their parts of a direction, None for zero."""
    for _, leaves, given in paired(primals, tangents):
        yield from zip(leaves, given, strict=True)


def _by_tape(f: Callable[..., Any], variables: Variables, primals: Sequence[Any], has_aux: bool) -> tuple[Any, ...]:
    tape = Tape(variables.leaves, lambda moved: f(*variables.arguments(moved)), has_aux, kept=True)
    values, ends, _, structure = tape.outputs()
    tape.result = None

    def push(*tangents: Any) -> Any:
        check_watched(tape.watched)
        starts = {
            node.number: direction.reshape((1, *leaf.shape))
            for node, (leaf, direction) in zip(tape.nodes, _directions(primals, tangents), strict=True)
            if direction is not None
        }
        memory = begin_recycling() if tape.recycles else None
        try:
            changes = iter(walk_forth(starts, [*(end for end in ends if end is not None), *tape.shared]))
        finally:
            end_recycling(memory)
        results = []
        for value, end in zip(values, ends, strict=True):
            change = None if end is None else next(changes)
            results.append(only_direction(value, change, list(starts.values())))
        return structure.unflatten(results)

    value = structure.unflatten(map(snapshot, values))
    return (value, push, tree_map(snapshot, tape.aux)) if has_aux else (value, push)


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
