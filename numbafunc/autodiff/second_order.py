"""Second derivatives of scalar functions: hvp, hessian.

Both take the derivative of the gradient along directions: of a gradient by reverse mode for many variables; of one by
forward mode for few, where the Hessian is found in blocks of as many rows and columns as the memory for tangents
allows, and by its symmetry those on one side of the diagonal are enough.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbafunc.autodiff.array_helpers import in_main_memory, tangents
from numbafunc.autodiff.drivers import grad, jvp
from numbafunc.autodiff.reverse import check_mode, reverse_value_and_grad, takes_reverse
from numbafunc.autodiff.variables import (
    Variables,
    check_argnums,
    check_chunk_size,
    check_function,
    check_pair,
    constant,
    pair,
    scalar,
    split,
)
from numbafunc.dual.levels import Run
from numbafunc.kinds.compiled import on_duals
from numbafunc.kinds.njit import register
from numbafunc.limits import FEW_ELEMENTS

__all__ = ["hessian", "hvp"]

GRADIENT_DIRECTIONS = 64
"""Directions along which the gradient is differentiated in one run of the function."""


def hvp(
    f: Callable[..., Any],
    primals: Sequence[Any],
    tangents: Sequence[Any],
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    mode: str | None = None,
) -> Any:
    r"""Evaluate the product of the Hessian of a scalar function and a direction.

    .. math:: (H v)_i = \sum_j \frac{\partial^2 f(x)}{\partial x_i \partial x_j} v_j

    Parameters
    ----------
    f : callable
        Function of as many positional arguments as there are `primals`, with a floating scalar result, shape ``()``.
    primals : tuple or list
        The arguments x: floating arrays, Python floats or nests of these.
    tangents : tuple or list
        The direction v: for each primal the same nest, shapes and dtypes.
    has_aux : bool
        Whether `f` returns a pair of the scalar and something else, which is handed through.
    chunk_size, mode : optional
        How the gradient is found, as for :func:`grad`.

    Returns
    -------
    array or nest
        Nest, shapes and dtypes of the primal; a tuple of them if there are several primals. With `has_aux` the pair of
        that and the other result.

    Raises
    ------
    TypeError
        As for :func:`jvp` and :func:`grad`.
    ValueError
        A tangent of another shape than its primal.

    Notes
    -----
    The derivative along v of the gradient. The Hessian is not formed: the cost is that of two gradients.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 10.0]),))
    array([  6., 120.])
    """
    has_aux = check_function(f, "hvp", has_aux)
    check_pair(primals, tangents)
    if not primals:
        raise TypeError("primals is empty; wanted: at least one argument to differentiate by")
    argnums = 0 if len(primals) == 1 else range(len(primals))
    _, product, *aux = jvp(grad(f, argnums, has_aux, chunk_size=chunk_size, mode=mode), primals, tangents, has_aux)
    return (product, *aux) if has_aux else product


def hessian(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    mode: str | None = None,
) -> Callable[..., Any]:
    r"""Make the function that evaluates the Hessian of a scalar function.

    .. math:: H_{i j} = \frac{\partial^2 f(x)}{\partial x_i \partial x_j}

    Parameters
    ----------
    f : callable
        Function with a floating scalar result, shape ``()``.
    argnums, has_aux
        As for :func:`grad`.
    chunk_size : int, optional
        In forward mode, how many rows and how many columns are found in one run of `f`, whose arrays then carry
        ``chunk_size**2`` tangents. By default as many as keep those of the arguments below 16 MiB, at most 48.
    mode : {"forward", "reverse"}, optional
        How the gradient is found of which the derivatives are taken, as for :func:`grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the Hessian: the nest of the argument with, at each leaf ``x``, that nest
        again with arrays of shape ``x.shape + y.shape`` and the dtype of ``x``, for each leaf ``y``. Where `argnums` is
        a sequence, a tuple of tuples of these. With `has_aux` the pair of Hessian and other result.

    Raises
    ------
    TypeError
        From the returned function: an argument that is not floating, a result that is not a floating scalar.
    ValueError
        From the returned function: more variables than there is memory for the Hessian.

    See Also
    --------
    hvp : product of the Hessian and one direction, for many variables.

    Notes
    -----
    For n variables, reverse mode takes the derivatives of the gradient along n directions, many at a time. Forward mode
    twice costs about n (n + 1) / 2 evaluations of `f`, many at a time; where the variables of a block of rows never
    meet those of a block of columns in a product, as in sums of terms of few variables each, the block costs about one.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
    array([[4., 2.],
           [2., 0.]])
    """
    has_aux = check_function(f, "hessian", has_aux)
    f = on_duals(f)
    positions = check_argnums(argnums)
    check_chunk_size(chunk_size)
    check_mode(mode, chunk_size)

    @functools.wraps(f)
    def second_derivatives(*args: Any, **options: Any) -> Any:
        variables = Variables(args, positions)
        in_main_memory("hessian", [args[position] for position in positions])
        if variables.total**2 > FEW_ELEMENTS:
            itemsize = max(leaf.dtype.itemsize for leaf in variables.leaves)
            variables.check_columns(variables.total, itemsize, "the Hessian", "hvp, its product with a direction")
        found = None
        if takes_reverse(variables, mode, chunk_size):
            found = _by_gradients(f, variables, options, has_aux, by_default=mode is None)
        if found is None:
            found = _by_blocks(f, variables, options, has_aux, chunk_size)
        matrix, aux = found
        result = variables.nest(
            lambda x, a, b: variables.nest(
                lambda y, c, d: matrix[a:b, c:d].reshape(x.shape + y.shape).astype(x.dtype), argnums
            ),
            argnums,
        )
        return (result, aux) if has_aux else result

    return second_derivatives


def _by_gradients(
    f: Callable[..., Any], variables: Variables, options: dict[str, Any], has_aux: bool, by_default: bool
) -> tuple[Any, Any] | None:
    """The Hessian, a row for each direction in which the gradient of reverse mode is differentiated, and the aux.

    None where reverse mode was taken by default and gives no gradient.
    """
    aux = None
    rows: list[Any] = []
    for chunk in variables.chunks(min(GRADIENT_DIRECTIONS, variables.directions())):
        with Run(len(chunk)) as level:
            moved = Variables(tuple(variables.moved({level: chunk})), tuple(variables.positions))
            found = reverse_value_and_grad(f, moved, options, has_aux, by_default)
        if found is None:
            return None
        _, other, gradients = found
        if not rows:
            aux = constant(other, level)
        changes = []
        for leaf, gradient in zip(variables.leaves, gradients, strict=True):
            _, change = split(gradient, level, "the gradient")
            change = tangents(len(chunk), leaf, change)
            changes.append(change.reshape((len(chunk), leaf.size)))
        rows.append(np.concatenate(changes, 1))
    return np.concatenate(rows), aux


def _by_blocks(
    f: Callable[..., Any], variables: Variables, options: dict[str, Any], has_aux: bool, chunk_size: int | None
) -> tuple[Any, Any]:
    """The Hessian by forward mode twice, and the aux."""
    chunks = variables.chunks(chunk_size, mixed=True)
    blocks: dict[tuple[int, int], Any] = {}
    aux = None
    for i, rows in enumerate(chunks):
        for j, columns in enumerate(chunks[: i + 1]):
            with Run(len(columns)) as inner, Run(len(rows)) as outer:
                result = f(*variables.moved({inner: columns, outer: rows}), **options)
                result, other = pair(result) if has_aux else (result, None)
                if not blocks:
                    aux = constant(other, inner, outer)
                block = _mixed(result, inner, outer, len(rows), len(columns))
            blocks[j, i] = block
            blocks[i, j] = block.T
    matrix = np.concatenate([np.concatenate([blocks[i, j] for j in range(len(chunks))], 1) for i in range(len(chunks))])
    return matrix, aux


def _mixed(result: Any, inner: int, outer: int, rows: int, columns: int) -> Any:
    """The derivatives of a scalar along all pairs of directions of two levels, of shape (columns, rows)."""
    primal, tangent = scalar(result, outer)
    value, _ = split(primal, inner, "the output of f")
    mixed = None if tangent is None else split(tangent, inner, "the output of f")[1]
    return np.zeros((columns, rows), value.dtype) if mixed is None else mixed


register(__name__)
