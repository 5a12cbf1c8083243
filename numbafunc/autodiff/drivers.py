"""Derivatives of functions: jvp, grad, value_and_grad, jacfwd.

Each call of a differentiated function takes a fresh level and runs it on dual arrays. ``grad`` and ``jacfwd`` push
all unit directions through one run, or through several where the tangents would take too much memory.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from numbafunc.autodiff.dual import Dual, is_float, make
from numbafunc.autodiff.trees import Structure, flatten, flatten_with_names, tree_map

__all__ = ["grad", "jacfwd", "jvp", "value_and_grad"]

# Drawing from a count is atomic, so threads never share a level.
_levels = itertools.count(1)

_CHUNK_BYTES = 64 * 2**20
_CHUNK_DIRECTIONS = 1024


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    r"""Evaluate a function and its derivative along a direction.

    .. math:: \left(f(x),\; \lim_{h \to 0} \frac{f(x + h v) - f(x)}{h}\right)

    Parameters
    ----------
    f : callable
        Function of as many positional arguments as there are `primals`; it may return any nest of tuples, lists,
        dicts and None.
    primals : tuple or list
        The arguments x: floating arrays, Python floats (taken as 0-d float64 arrays), or nests of such.
    tangents : tuple or list
        The direction v: for each primal the same nest, shapes and dtypes.

    Returns
    -------
    value, tangent : tuple
        ``f(*primals)`` and its derivative along the direction, nested alike, arrays at the leaves. An output that does
        not depend on the primals has a tangent of zeros of the output's dtype, an integer dtype included.

    Raises
    ------
    TypeError
        `primals` or `tangents` no tuple or list, of different lengths or nests; a primal that is not floating; a
        tangent of another dtype than its primal.
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
    for name, group in (("primals", primals), ("tangents", tangents)):
        if not isinstance(group, (tuple, list)):
            raise TypeError(f"{name} must be a tuple or list of arguments, not {type(group).__name__}")
    if len(primals) != len(tangents):
        raise TypeError(f"primals has {len(primals)} entries and tangents has {len(tangents)}; they must agree")
    level = next(_levels)
    arguments = []
    given: list[Any] = []
    for position, (primal, tangent) in enumerate(zip(primals, tangents, strict=True)):
        leaves, names, structure = flatten_with_names(primal)
        directions, tangent_structure = flatten(tangent)
        if structure != tangent_structure:
            raise TypeError(
                f"tangents[{position}] is nested as {tangent_structure}; "
                f"it must be nested as primals[{position}], {structure}"
            )
        duals = []
        for leaf, name, direction in zip(leaves, names, directions, strict=True):
            place = f"[{position}]{name}"
            value = floating(leaf, f"primals{place}")
            direction = as_array(direction, f"tangents{place}")
            if direction.dtype != value.dtype:
                raise TypeError(
                    f"tangents{place} has dtype {direction.dtype}; it must be that of primals{place}, {value.dtype}"
                )
            if direction.shape != value.shape:
                raise ValueError(
                    f"tangents{place} has shape {direction.shape}; it must be that of primals{place}, {value.shape}"
                )
            if type(direction) is np.ndarray:
                given.append(direction)
            duals.append(make(value, direction.reshape((1, *value.shape)), level))
        arguments.append(structure.unflatten(duals))
    leaves, names, structure = flatten_with_names(f(*arguments))
    parts = [split(leaf, level, f"the output of f{name}") for leaf, name in zip(leaves, names, strict=True)]
    value = structure.unflatten([primal for primal, _ in parts])
    changes = [_single_direction(primal, tangent) for primal, tangent in parts]
    # What f hands through must not be the caller's own array, which may be written to.
    changes = [_apart(change, given) for change in changes]
    return value, structure.unflatten(changes)


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    r"""Make the function that evaluates the gradient of a scalar function.

    .. math:: \operatorname{grad}(f)(x)_i = \frac{\partial f(x)}{\partial x_i}

    Parameters
    ----------
    f : callable
        Function with a floating scalar result, shape ``()``.
    argnums : int or sequence of int
        The positional arguments to differentiate with respect to; negative ones count from the end. Each is a floating
        array, a Python float or a nest of such.
    has_aux : bool
        Whether `f` returns a pair of the scalar and something else, which is handed through.
    chunk_size : int, optional
        How many directions run through `f` at once. By default as many as keep their tangents of the arguments below
        64 MiB, at most 1024.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the gradient: nest, shapes and dtypes of the argument (a Python float
        gives a 0-d array), a tuple of them where `argnums` is a sequence; with `has_aux` the pair of gradient and
        other result.

    Raises
    ------
    TypeError
        From the returned function: an argument that is not floating, a result that is not a floating scalar.

    See Also
    --------
    value_and_grad : value and gradient together.
    jacfwd : derivatives of functions that are not scalar.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    evaluate = value_and_grad(f, argnums, has_aux, chunk_size=chunk_size)

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
) -> Callable[..., Any]:
    """Make the function that evaluates a scalar function together with its gradient, in one pass.

    Parameters
    ----------
    f, argnums, has_aux, chunk_size
        As for :func:`grad`.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the pair of value and gradient; with `has_aux` the value is itself the
        pair that `f` returned.

    Raises
    ------
    TypeError
        As for :func:`grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.value_and_grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    (array(9.), array([ 3., 12.]))
    """
    positions = _check_argnums(argnums)
    _check_chunk_size(chunk_size)

    @functools.wraps(f)
    def value_and_gradient(*args: Any, **options: Any) -> Any:
        variables = _Variables(args, positions)
        value = aux = None
        pieces = []
        for result, level in variables.runs(f, options, chunk_size):
            if has_aux:
                if not isinstance(result, tuple) or len(result) != 2:
                    raise TypeError("with has_aux, f must return a pair (value, aux) as a tuple")
                result, other = result
            primal, tangent = _scalar(result, level)
            if value is None:
                value = primal
                aux = tree_map(functools.partial(_without, level=level), other) if has_aux else None
            directions = variables.directions_of_run
            pieces.append(np.zeros(directions, primal.dtype) if tangent is None else tangent)
        gradient = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        parts = [
            gradient[start:stop].reshape(x.shape).astype(x.dtype)
            for x, start, stop in zip(variables.leaves, variables.starts, variables.stops, strict=True)
        ]
        result = variables.nest(parts, argnums)
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

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.jacfwd(lambda x: x * x[0])(np.array([1.0, 2.0]))
    array([[2., 0.],
           [2., 1.]])
    """
    positions = _check_argnums(argnums)
    _check_chunk_size(chunk_size)

    @functools.wraps(f)
    def jacobian(*args: Any, **options: Any) -> Any:
        variables = _Variables(args, positions)
        shapes: list[tuple[int, ...]] = []
        pieces: list[list[Any]] = []
        structure: Structure | None = None
        aux = None
        for result, level in variables.runs(f, options, chunk_size):
            if has_aux:
                if not isinstance(result, tuple) or len(result) != 2:
                    raise TypeError("with has_aux, f must return a pair (value, aux) as a tuple")
                result, other = result
            leaves, names, found = flatten_with_names(result)
            parts = [split(leaf, level, f"the output of f{name}") for leaf, name in zip(leaves, names, strict=True)]
            if structure is None:
                structure = found
                shapes = [primal.shape for primal, _ in parts]
                pieces = [[] for _ in parts]
                aux = tree_map(functools.partial(_without, level=level), other) if has_aux else None
            directions = variables.directions_of_run
            for piece, (primal, tangent) in zip(pieces, parts, strict=True):
                piece.append(np.zeros((directions, *primal.shape), primal.dtype) if tangent is None else tangent)
        assert structure is not None
        blocks = []
        for shape, piece in zip(shapes, pieces, strict=True):
            # Directions last: they become the axes of the argument.
            rows = np.moveaxis(piece[0] if len(piece) == 1 else np.concatenate(piece), 0, -1)
            blocks.append(
                variables.nest(
                    [
                        rows[..., start:stop].reshape(shape + x.shape).copy()
                        for x, start, stop in zip(variables.leaves, variables.starts, variables.stops, strict=True)
                    ],
                    argnums,
                )
            )
        result = structure.unflatten(blocks)
        return (result, aux) if has_aux else result

    return jacobian


class _Variables:
    """The arguments to differentiate with respect to, as one long vector of scalars."""

    def __init__(self, args: tuple[Any, ...], positions: tuple[int, ...]) -> None:
        self.args = args
        self.positions = []
        for position in positions:
            if not -len(args) <= position < len(args):
                raise TypeError(f"argnums has {position}, but f was called with {len(args)} positional arguments")
            self.positions.append(position % len(args))
        if len(set(self.positions)) < len(self.positions):
            raise ValueError(f"argnums names an argument twice: {positions}")
        self.leaves: list[Any] = []
        self.structures: list[tuple[Structure, int]] = []
        for position in self.positions:
            leaves, names, structure = flatten_with_names(args[position])
            self.leaves += [
                floating(leaf, f"argument {position}{name}") for leaf, name in zip(leaves, names, strict=True)
            ]
            self.structures.append((structure, len(leaves)))
        sizes = [leaf.size for leaf in self.leaves]
        self.stops = list(itertools.accumulate(sizes))
        self.starts = [stop - size for stop, size in zip(self.stops, sizes, strict=True)]
        self.total = sum(sizes)
        self.directions_of_run = 0

    def nest(self, parts: list[Any], argnums: int | Sequence[int]) -> Any:
        """Put one array for each leaf where the leaves came from."""
        remaining = iter(parts)
        nested = tuple(
            structure.unflatten(list(itertools.islice(remaining, count))) for structure, count in self.structures
        )
        return nested if isinstance(argnums, (tuple, list, range)) else nested[0]

    def runs(self, f: Callable[..., Any], options: dict[str, Any], chunk_size: int | None) -> Iterator[tuple[Any, int]]:
        """Run f until every variable has been a direction; without variables, run it once."""
        if chunk_size is None:
            bytes_of_one = sum(leaf.size * leaf.dtype.itemsize for leaf in self.leaves)
            chunk_size = max(1, min(_CHUNK_DIRECTIONS, _CHUNK_BYTES // max(1, bytes_of_one)))
        for first in range(0, max(1, self.total), chunk_size):
            last = min(first + chunk_size, self.total)
            self.directions_of_run = last - first
            level = next(_levels)
            arguments = self._arguments(first, last, level)
            yield f(*arguments, **options), level

    def _arguments(self, first: int, last: int, level: int) -> list[Any]:
        moved = []
        for x, start, stop in zip(self.leaves, self.starts, self.stops, strict=True):
            begin, end = max(first, start), min(last, stop)
            if begin >= end:
                # No direction of this run moves the leaf: it is a constant.
                moved.append(x)
                continue
            tangent = np.zeros((last - first, x.size), x.dtype)
            moving = np.arange(begin, end)
            tangent[moving - first, moving - start] = 1
            moved.append(make(x, tangent.reshape((last - first, *x.shape)), level))
        arguments = list(self.args)
        remaining = iter(moved)
        for position, (structure, count) in zip(self.positions, self.structures, strict=True):
            arguments[position] = structure.unflatten(list(itertools.islice(remaining, count)))
        return arguments


def as_array(x: Any, name: str) -> Any:
    """A Dual as it is, anything else as an array of numbers."""
    if type(x) is Dual:
        return x
    if isinstance(x, (np.ndarray, np.generic, float, int, complex)) or hasattr(x, "__array__"):
        array = np.asarray(x)
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    raise TypeError(f"{name} is a {type(x).__name__}; it must be an array or a number")


def floating(x: Any, name: str) -> Any:
    """The variable of a derivative as an array; TypeError unless it is real and floating."""
    array = as_array(x, name)
    if array.dtype.kind == "c":
        raise TypeError(f"{name} is complex ({array.dtype}); derivatives are taken of real floating arguments only")
    if not is_float(array.dtype):
        raise TypeError(f"{name} has dtype {array.dtype}; a derivative needs a floating argument, float64 for example")
    return array


def split(x: Any, level: int, name: str) -> tuple[Any, Any]:
    """An output's value, and its tangent at `level` or None where it does not depend on the variables."""
    if type(x) is Dual and x.level == level:
        return x.primal, x.tangent
    array = as_array(x, name)
    return array, None


def _single_direction(primal: Any, tangent: Any) -> Any:
    if tangent is None:
        return np.zeros(primal.shape, primal.dtype)
    tangent = tangent.reshape(primal.shape)
    # Broadcasting leaves read-only views; the caller may write to results.
    return tangent if type(tangent) is Dual or tangent.flags.writeable else tangent.copy()


def _apart(change: Any, given: Sequence[Any]) -> Any:
    """A tangent in memory of its own."""
    shared = type(change) is np.ndarray and any(np.may_share_memory(change, one) for one in given)
    return change.copy() if shared else change


def _without(x: Any, *, level: int) -> Any:
    return x.primal if type(x) is Dual and x.level == level else x


def _scalar(x: Any, level: int) -> tuple[Any, Any]:
    wanted = "the function to differentiate must return a floating scalar, of shape (); "
    if not isinstance(x, (Dual, np.ndarray, np.generic, float, int, complex)):
        raise TypeError(f"{wanted}it returned {'None' if x is None else 'a ' + type(x).__name__}")
    primal, tangent = split(x, level, "the output of f")
    if not is_float(primal.dtype):
        raise TypeError(f"{wanted}it returned dtype {primal.dtype}")
    if primal.shape != ():
        raise TypeError(f"{wanted}it returned shape {primal.shape}; use jacfwd for a Jacobian")
    return primal, tangent


def _check_argnums(argnums: int | Sequence[int]) -> tuple[int, ...]:
    positions = tuple(argnums) if isinstance(argnums, (tuple, list, range)) else (argnums,)
    if not positions or any(type(position) is bool or not hasattr(position, "__index__") for position in positions):
        raise TypeError(f"argnums must be an int or a non-empty sequence of ints, not {argnums!r}")
    return positions


def _check_chunk_size(chunk_size: int | None) -> None:
    if chunk_size is not None and (type(chunk_size) is not int):
        raise TypeError(f"chunk_size must be an int or None, not {chunk_size!r}")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size is {chunk_size}; at least one direction must run")
