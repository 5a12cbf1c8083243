"""Options and methods of ufuncs: out, where and dtype; reduce, accumulate, reduceat, outer and at.

Sums, products and extrema use the rules of reductions. Any other ufunc of two operands is applied element after element
along the axis, as NumPy does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.array import Components, Dual, Operand, make, value_of
from numbafunc.dual.other_arrays import as_mask
from numbafunc.dual.products import scale
from numbafunc.dual.storage import change, componentwise, parts_to_store, write_behind
from numbafunc.dual.tables import UFUNC_RULES
from numbafunc.limits import broadcast_shapes
from numbafunc.rules.application import along, merged, pick
from numbafunc.rules.arguments import UNSET, as_array, cast, into, refuse_plain_target
from numbafunc.rules.binary_ufuncs import with_value
from numbafunc.rules.reductions import first_largest_number, first_smallest_number
from numbafunc.rules.register import ON_VALUE, ufunc_method

# Options that are accepted only with these values, their defaults.
_HARMLESS: dict[str, Any] = {"casting": "same_kind", "order": "K", "subok": True, "signature": None, "extobj": None}


def _apply(ufunc: np.ufunc, *inputs: Operand) -> Any:
    """The ufunc of operands that may all be plain."""
    return UFUNC_RULES[ufunc](*inputs) if any(type(x) is Dual for x in inputs) else ufunc(*inputs)


@ufunc_method
def call(
    ufunc: np.ufunc, *inputs: Operand, out: Any = None, where: Any = True, dtype: Any = None, **options: Any
) -> Any:
    """``ufunc(*inputs, **options)``."""
    name = ufunc.__name__
    targets = (None,) * ufunc.nout if out is None else out if type(out) is tuple else (out,)
    where = where if where is True else as_mask(value_of(where))
    if ufunc in ON_VALUE and not any(type(target) is Dual for target in targets):
        return ufunc(*map(value_of, inputs), out=out, where=where, dtype=dtype, **options)
    for option, value in options.items():
        if option not in _HARMLESS or value != _HARMLESS[option]:
            raise TypeError(f"numpy.{name}: the argument {option}={value!r} is not supported for dual arrays")
    if dtype is not None:
        inputs = tuple(cast(as_array(x), dtype) for x in inputs)
    results = _apply(ufunc, *inputs) if where is True else _where(ufunc, inputs, targets, where)
    if ufunc.nout == 1:
        return _into(targets[0], results, name)
    return tuple(_into(target, result, name) for target, result in zip(targets, results, strict=True))


def _into(target: Any, result: Any, name: str) -> Any:
    if type(target) is Dual and np.shape(result) != target.shape:
        # NumPy lets operands be broadcast to a larger out.
        shape = broadcast_shapes(np.shape(result), target.shape)
        result = np.broadcast_to(result, shape)
    return into(target, result, name)


def _where(ufunc: np.ufunc, inputs: tuple[Any, ...], targets: tuple[Any, ...], where: Any) -> Any:
    """The results where the mask is true, computed there only; elsewhere the elements of the targets, or zero."""
    if ufunc.signature is not None:
        raise TypeError(f"numpy.{ufunc.__name__}: the argument where is not supported for dual arrays")
    shapes = [np.shape(x) for x in (*inputs, *targets) if x is not None]
    shape = broadcast_shapes(np.shape(where), *shapes)
    mask = np.broadcast_to(where, shape)
    results = _apply(ufunc, *(np.broadcast_to(x, shape)[mask] for x in inputs))
    filled = []
    for target, result in zip(targets, results if ufunc.nout > 1 else (results,), strict=True):
        whole = zeros(shape, result) if target is None else target.copy()
        whole[mask] = result
        filled.append(whole)
    return filled if ufunc.nout > 1 else filled[0]


def zeros(shape: tuple[int, ...], like: Operand) -> Any:
    """Zeros that can hold elements of `like`."""
    if type(like) is not Dual:
        return np.zeros(shape, like.dtype)
    return make(np.zeros(shape, like.dtype), np.zeros((like.tangent.shape[0], *shape), like.dtype), like.level)


@ufunc_method
def outer(ufunc: np.ufunc, a: Operand, b: Operand, /, **options: Any) -> Any:
    """``ufunc.outer(a, b)``: all pairs of elements."""
    a, b = (as_array(x) for x in (a, b))
    result: Any = ufunc(np.reshape(a, a.shape + (1,) * b.ndim), b, **options)
    return result


# Reductions.

_SHORTER: dict[np.ufunc, Any] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
}

_OF_NUMBERS: dict[np.ufunc, Callable[[Any], Any]] = {
    np.fmax: first_largest_number,
    np.fmin: first_smallest_number,
}


_EXPONENTIALS: dict[np.ufunc, np.ufunc] = {np.logaddexp: np.exp, np.logaddexp2: np.exp2}


def _logarithm_of_sum(ufunc: np.ufunc, array: Dual, axis: Any, shape: tuple[int, ...]) -> Any:
    rows = merged(array, axis)
    value = ufunc.reduce(rows.primal, -1, keepdims=True)

    def tangent_of(x: Operand, dx: Operand) -> Any:
        # Each term contributes in proportion to its share of the sum; one of -inf has none. The shares come from
        # differences to the largest term, since a large value has lost digits.
        plain = value_of(x)
        largest = np.max(plain, -1, keepdims=True)
        difference = with_value(x, np.where((plain == largest) & ~np.isneginf(plain), 0, plain - largest))
        terms = np.where(np.isneginf(plain), x.dtype.type(0), _EXPONENTIALS[ufunc](difference))
        total = np.sum(terms, -1, keepdims=True)
        return np.sum(scale(terms, dx), -1, keepdims=True) / np.where(value_of(total) == 0, 1, total)

    return np.reshape(along(rows, value, tangent_of), shape)


@ufunc_method
def reduce(
    ufunc: np.ufunc, array: Operand, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = UNSET, where: Any = True,
) -> Any:  # fmt: skip
    """``ufunc.reduce(array, ...)``."""
    name = f"{ufunc.__name__}.reduce"
    options: dict[str, Any] = {"keepdims": keepdims}
    if where is not True:
        options["where"] = where = as_mask(where)
    if ufunc in ON_VALUE:
        return into(out, ufunc.reduce(value_of(array), axis, dtype, initial=value_of(initial), **options), name)
    if ufunc in _SHORTER:
        if dtype is not None:
            array = cast(as_array(array), dtype)
        return into(out, _SHORTER[ufunc](array, axis, initial=initial, **options), name)
    if dtype is not None:
        array = cast(as_array(array), dtype)
    # NumPy's errors, and the shape of the result.
    expected = np.asarray(ufunc.reduce(value_of(array), axis, initial=value_of(initial), **options))
    if ufunc in _OF_NUMBERS and where is True and initial is UNSET:
        return into(out, pick(array, axis, keepdims, _OF_NUMBERS[ufunc]), name)
    if ufunc in _EXPONENTIALS and where is True and initial is UNSET and type(array) is Dual and array.size:
        return into(out, _logarithm_of_sum(ufunc, array, axis, expected.shape), name)
    rows = merged(array, axis)
    mask = None if where is True else merged(np.broadcast_to(where, array.shape), axis)
    result: Any = None
    if initial is UNSET and mask is not None:
        # The mask may leave out the first element.
        initial = ufunc.identity
    if initial is not UNSET and initial is not None:
        start = initial if type(initial) is Dual else np.asarray(initial, expected.dtype)
        result = np.broadcast_to(start, rows.shape[:-1])
    for place in range(rows.shape[-1]):
        element = rows[..., place]
        following = element if result is None else _apply(ufunc, result, element)
        result = following if mask is None else np.where(mask[..., place], following, result)
    if result is None:
        result = expected
    return into(out, np.reshape(result, expected.shape), name)


@ufunc_method
def accumulate(ufunc: np.ufunc, array: Operand, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """``ufunc.accumulate(array, ...)``."""
    name = f"{ufunc.__name__}.accumulate"
    if ufunc in ON_VALUE or type(array) is not Dual:
        return into(out, ufunc.accumulate(value_of(array), axis, dtype), name)
    array = cast(array, dtype)
    axis = normalize_axis_index(axis, array.ndim)
    if ufunc is np.add:
        return into(out, np.cumsum(array, axis), name)
    if ufunc is np.multiply:
        return into(out, np.cumprod(array, axis), name)
    if ufunc in _TAKES_LATER:
        index = _running_index(ufunc, np.moveaxis(value_of(array), axis, -1))
        return into(out, np.take_along_axis(array, np.moveaxis(index, -1, axis), axis), name)
    ufunc.accumulate(value_of(array), axis)  # raises NumPy's errors
    rows = np.moveaxis(array, axis, 0)
    steps = [rows[0]] if len(rows) else []
    for row in list(rows)[1:]:
        steps.append(_apply(ufunc, steps[-1], row))
    return into(out, np.stack(steps, axis) if steps else array.copy(), name)


# Whether a running extremum, the first argument, gives way to the next element.
_TAKES_LATER: dict[np.ufunc, Callable[[Any, Any], Any]] = {
    np.maximum: lambda x, y: ~((x >= y) | np.isnan(x)),
    np.minimum: lambda x, y: ~((x <= y) | np.isnan(x)),
    np.fmax: lambda x, y: ~((x >= y) | np.isnan(y)),
    np.fmin: lambda x, y: ~((x <= y) | np.isnan(y)),
}


def _running_index(ufunc: np.ufunc, rows: Any) -> Any:
    places = np.arange(rows.shape[-1])
    running = ufunc.accumulate(rows, -1)
    changes = np.zeros(rows.shape, bool)
    changes[..., 1:] = _TAKES_LATER[ufunc](running[..., :-1], rows[..., 1:])
    return np.maximum.accumulate(np.where(changes, places, 0), -1)


@ufunc_method
def reduceat(ufunc: np.ufunc, array: Operand, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """``ufunc.reduceat(array, indices, ...)``."""
    name = f"{ufunc.__name__}.reduceat"
    if ufunc in ON_VALUE or type(array) is not Dual:
        return into(out, ufunc.reduceat(value_of(array), indices, axis, dtype), name)
    array = cast(array, dtype)
    axis = normalize_axis_index(axis, array.ndim)
    if ufunc is np.add:
        return into(out, componentwise(array, lambda v, lead: np.add.reduceat(v, indices, axis + lead)), name)
    ufunc.reduceat(value_of(array), indices, axis)  # raises NumPy's errors
    rows = np.moveaxis(array, axis, 0)
    indices = np.asarray(indices)
    stops = np.append(indices[1:], len(rows))
    pieces = [
        reduce(ufunc, rows[start:stop], 0) if start < stop else rows[int(start)]
        for start, stop in zip(indices, stops, strict=True)
    ]
    return into(out, np.stack(pieces, axis), name)


# In place, element after element where indices repeat.


@ufunc_method
def at(ufunc: np.ufunc, a: Operand, indices: Any, b: Any = UNSET, /) -> None:
    """``ufunc.at(a, indices, b)``."""
    if type(a) is not Dual:
        raise refuse_plain_target(f"{ufunc.__name__}.at")
    positions = np.arange(a.size).reshape(a.shape)[indices]
    if b is not UNSET:
        b = as_array(b)
    if ufunc is np.add or ufunc is np.subtract:
        _add_at(ufunc, a, positions, b)
        return
    flat = positions.ravel()
    if b is not UNSET:
        b = np.reshape(np.broadcast_to(b, positions.shape), flat.shape)
    occurrence = _occurrence(flat)
    for turn in range(int(occurrence.max(initial=-1)) + 1):
        now = occurrence == turn
        place = np.unravel_index(flat[now], a.shape) if a.ndim else ...
        operands = (a[place],) if b is UNSET else (a[place], b[now])
        if not a.ndim and b is not UNSET:
            operands = (a[place], b[int(np.flatnonzero(now)[0])])
        a[place] = _apply(ufunc, *operands)


def _occurrence(flat: Any) -> Any:
    """For each number of a vector, the count of its occurrences before that place."""
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if flat.size else np.zeros(0, int)
    counts = np.diff(np.append(starts, flat.size))
    occurrence = np.empty(flat.size, int)
    occurrence[order] = np.arange(flat.size) - np.repeat(starts, counts)
    return occurrence


def _add_at(ufunc: np.ufunc, a: Dual, positions: Any, b: Operand) -> None:
    parts = parts_to_store(a, np.broadcast_to(b, positions.shape))

    def write(own: Components) -> None:
        for levels, array in own.items():
            part = parts.get(levels)
            if part is None:
                continue
            # At least one axis, so that there is something to index.
            behind = np.unravel_index(positions, array.shape[len(levels) :] or (1,))
            write_behind(array, len(levels), behind, part, ufunc.at)

    change(a, parts, write)
