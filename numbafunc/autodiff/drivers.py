"""Derivatives of functions: jvp, grad, value_and_grad, jacfwd.

Each call of a differentiated function takes a fresh level and runs it on dual arrays. Forward mode pushes all unit
directions through one run, or through several where the tangents would take too much memory; reverse mode, which
``grad`` takes for many variables, runs the function once and goes back over its steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from numbafunc import backend
from numbafunc.autodiff.array_helpers import joined, only_direction, tangents
from numbafunc.autodiff.reverse import check_mode, reverse_value_and_grad, takes_reverse
from numbafunc.autodiff.variables import (
    Variables,
    check_argnums,
    check_chunk_size,
    check_function,
    constant,
    pair,
    paired,
    scalar,
    split,
)
from numbafunc.dual.array import make
from numbafunc.dual.levels import Run, recycle_memory
from numbafunc.dual.trees import Structure, flatten_with_names
from numbafunc.kinds.compiled import on_duals
from numbafunc.kinds.njit import register

__all__ = ["grad", "jacfwd", "jvp", "value_and_grad"]


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False
) -> tuple[Any, ...]:
    r"""Evaluate a function and its derivative along a direction.

    .. math:: \left(f(x),\; \lim_{h \to 0} \frac{f(x + h v) - f(x)}{h}\right)

    Parameters
    ----------
    f : callable
        Function of as many positional arguments as there are `primals`; it may return any nest of tuples, lists,
        dicts and None.
    primals : tuple or list
        The arguments x: floating arrays, Python floats (taken as 0-d float64 arrays), or nests of these.
    tangents : tuple or list
        The direction v: for each primal the same nest, shapes and dtypes, or None in place of a leaf or of a
        whole nest that does not move. Integer and boolean leaves are allowed where the tangent is None.
    has_aux : bool
        Whether `f` returns a pair of the value and something else, which is handed through.

    Returns
    -------
    value, tangent : tuple
        ``f(*primals)`` and its derivative along the direction, nested alike, arrays at the leaves. An output that does
        not depend on the primals has a tangent of zeros of the output's dtype, an integer dtype included. With
        `has_aux` the other result is third.

    Raises
    ------
    TypeError
        `primals` or `tangents` no tuple or list, of different lengths or nests; a moving primal that is not floating;
        a tangent of another dtype than its primal.
    ValueError
        A tangent of another shape than its primal.

    Notes
    -----
    Forward-mode differentiation by dual numbers [1]_: exact to rounding. Calls nest without limit.

    References
    ----------
    .. [1] Siskind and Pearlmutter, "Nesting forward-mode AD in a functional framework", Higher-Order and Symbolic
       Computation 21 (2008).

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.jvp(lambda x, y: x * y, (3.0, 4.0), (1.0, 0.0))
    (array(12.), array(4.))
    """
    has_aux = check_function(f, "jvp", has_aux)
    f = on_duals(f)
    arguments = []
    given: list[Any] = []
    with Run(1) as level:
        for structure, leaves, directions in paired(primals, tangents):
            for i, direction in enumerate(directions):
                if direction is not None:
                    leaves[i] = make(leaves[i], backend.of(direction).add_direction(direction), level)
                    given.append(direction)
            arguments.append(structure.unflatten(leaves))
        recycle_memory(level, given)
        result = f(*arguments)
    result, other = pair(result) if has_aux else (result, None)
    leaves, names, structure = flatten_with_names(result)
    changes = []
    for i, leaf in enumerate(leaves):
        leaves[i], tangent = split(leaf, level, f"the output of f{names[i]}")
        changes.append(only_direction(leaves[i], tangent, given))
    value, change = structure.unflatten(leaves), structure.unflatten(changes)
    return (value, change, constant(other, level)) if has_aux else (value, change)


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    mode: str | None = None,
) -> Callable[..., Any]:
    r"""Make the function that evaluates the gradient of a scalar function.

    .. math:: \operatorname{grad}(f)(x)_i = \frac{\partial f(x)}{\partial x_i}

    Parameters
    ----------
    f : callable
        Function with a floating scalar result, shape ``()``.
    argnums : int or sequence of int
        The positional arguments to differentiate with respect to; negative ones count from the end. Each is a floating
        array, a Python float or a nest of these.
    has_aux : bool
        Whether `f` returns a pair of the scalar and something else, which is handed through.
    chunk_size : int, optional
        How many directions run through `f` at once, in forward mode. By default as many as keep their tangents of the
        arguments below 64 MiB, at most 1024.
    mode : {"forward", "reverse"}, optional
        How the gradient is found. By default by forward mode for up to 2 variables (elements of the arguments), or
        with a `chunk_size`, and by reverse mode for more, unless `f` calls collective functions of several ranks.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the gradient: nest, shapes and dtypes of the argument (a Python float
        gives a 0-d array), a tuple of them where `argnums` is a sequence; with `has_aux` the pair of gradient and
        other result.

    Raises
    ------
    TypeError
        From the returned function: an argument that is not floating, a result that is not a floating scalar; in reverse
        mode, a function of tangents that has no transpose.
    ValueError
        A `mode` of another name, or reverse mode with a `chunk_size`; from the returned function, in reverse mode, a
        plain array that was changed in place after `f` had used it, where that is noticed.

    See Also
    --------
    value_and_grad : value and gradient together.
    jacfwd, jacrev : derivatives of functions that are not scalar.

    Notes
    -----
    The time of forward mode is in proportion to the number of variables. That of reverse mode does not depend on it: it
    takes the time of a few evaluations of `f`, more where arrays are small, and memory for its intermediate values; see
    :func:`checkpoint` for less. Plain arrays that `f` has used must not be changed in place while it runs.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    has_aux = check_function(f, "grad", has_aux)
    evaluate = value_and_grad(f, argnums, has_aux, chunk_size=chunk_size, mode=mode)

    @functools.wraps(f)
    def gradient(*args: Any, **options: Any) -> Any:
        value, result = evaluate(*args, **options)
        return (result, value[1]) if has_aux else result

    return gradient


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    mode: str | None = None,
) -> Callable[..., Any]:
    """Make the function that evaluates a scalar function together with its gradient, in one pass.

    Parameters
    ----------
    f, argnums, has_aux, chunk_size, mode
        As for :func:`grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the pair of value and gradient; with `has_aux` the value is itself the
        pair that `f` returned.

    Raises
    ------
    TypeError, ValueError
        As for :func:`grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.value_and_grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    (array(9.), array([ 3., 12.]))
    """
    has_aux = check_function(f, "value_and_grad", has_aux)
    f = on_duals(f)
    positions = check_argnums(argnums)
    check_chunk_size(chunk_size)
    check_mode(mode, chunk_size)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **options: Any) -> Any:
        variables = Variables(args, positions)
        if takes_reverse(variables, mode, chunk_size):
            found = reverse_value_and_grad(f, variables, options, has_aux, by_default=mode is None)
            if found is not None:
                value, aux, gradients = found
                result = variables.put(gradients, argnums)
                return ((value, aux), result) if has_aux else (value, result)
        value = aux = None
        pieces = []
        for result, level, directions in variables.runs(f, options, chunk_size):
            result, other = pair(result) if has_aux else (result, None)
            primal, tangent = scalar(result, level)
            if value is None:
                value = primal
                aux = constant(other, level)
            pieces.append(tangents(directions, primal, tangent))
        gradient = joined(pieces)
        part = backend.of(gradient).part
        result = variables.nest(lambda x, start, stop: part(gradient, start, stop, x), argnums)
        return ((value, aux), result) if has_aux else (value, result)

    return value_and_gradient


def jacfwd(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    r"""Make the function that evaluates the Jacobian, by forward mode.

    .. math:: J_{i j} = \frac{\partial f(x)_i}{\partial x_j}

    Parameters
    ----------
    f : callable
        Function that returns an array or a nest of arrays.
    argnums, has_aux, chunk_size
        As for :func:`grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the Jacobian: the nest of the output with, at each leaf, the nest of the
        argument with arrays of shape ``out.shape + x.shape`` and the output's dtype. Where `argnums` is a sequence, a
        tuple of those stands at each leaf of the output. With `has_aux` the pair of Jacobian and other result.

    Raises
    ------
    TypeError
        From the returned function: an argument that is not floating.
    ValueError
        From the returned function: a Jacobian for which there is no memory.

    See Also
    --------
    jacrev : the same by reverse mode, for fewer outputs than variables.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.jacfwd(lambda x: x * x[0])(np.array([1.0, 2.0]))
    array([[2., 0.],
           [2., 1.]])
    """
    has_aux = check_function(f, "jacfwd", has_aux)
    f = on_duals(f)
    positions = check_argnums(argnums)
    check_chunk_size(chunk_size)

    @functools.wraps(f)
    def jacobian(*args: Any, **options: Any) -> Any:
        variables = Variables(args, positions)
        shapes: list[tuple[int, ...]] = []
        pieces: list[list[Any]] = []
        structure: Structure | None = None
        aux = None
        for result, level, directions in variables.runs(f, options, chunk_size):
            result, other = pair(result) if has_aux else (result, None)
            leaves, names, found = flatten_with_names(result)
            parts = [split(leaf, level, f"the output of f{name}") for leaf, name in zip(leaves, names, strict=True)]
            if structure is None:
                structure = found
                shapes = [primal.shape for primal, _ in parts]
                pieces = [[] for _ in parts]
                rows = sum(primal.size for primal, _ in parts)
                itemsize = max((primal.dtype.itemsize for primal, _ in parts), default=8)
                variables.check_columns(
                    rows, itemsize, "the Jacobian", "jvp or linearize, its products with directions"
                )
                aux = constant(other, level)
            for piece, (primal, tangent) in zip(pieces, parts, strict=True):
                piece.append(tangents(directions, primal, tangent))
        assert structure is not None

        def blocks(shape: tuple[int, ...], piece: list[Any]) -> Any:
            rows = joined(piece)
            block = backend.of(rows).block
            return variables.nest(lambda x, start, stop: block(rows, start, stop, shape, x), argnums)

        result = structure.unflatten(list(map(blocks, shapes, pieces)))
        return (result, aux) if has_aux else result

    return jacobian


register(__name__)
