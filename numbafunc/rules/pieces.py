"""Rules of functions made of pieces: selections by conditions, functions applied to slices, padding, histograms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.nests import holds_dual
from numbafunc.dual.products import align, finish
from numbafunc.dual.quiet import quiet
from numbafunc.dual.recorder import Recorder, watch
from numbafunc.dual.storage import componentwise
from numbafunc.rules.arguments import UNSET, as_array, refuse
from numbafunc.rules.register import define_refusal, rule_for

# Selections by conditions.


@rule_for(np.where)
def _where(condition: Any, x: Operand = UNSET, y: Operand = UNSET, /) -> Any:
    condition = value_of(condition)
    if x is UNSET and y is UNSET:
        return np.where(condition)
    x_level = x.level if type(x) is Dual else 0
    y_level = y.level if type(y) is Dual else 0
    level = max(x_level, y_level)
    if level == 0:
        return np.where(condition, x, y)
    ndim = np.broadcast(condition, value_of(x), value_of(y)).ndim
    dx: Any = 0
    dy: Any = 0
    if x_level == level:
        x, dx = x.primal, align(x.tangent, ndim)
    if y_level == level:
        y, dy = y.primal, align(y.tangent, ndim)
    if type(dx) is Recorder or type(dy) is Recorder:
        watch(condition, level)
    value: Any = np.where(condition, x, y)
    with quiet():
        return finish(value, np.where(condition, dx, dy), level)


@rule_for(np.select)
def _select(condlist: Sequence[Any], choicelist: Sequence[Operand], default: Operand = 0) -> Any:
    conditions = [value_of(condition) for condition in condlist]
    choices = list(map(as_array, choicelist))
    np.select(conditions, [value_of(x) for x in choices], value_of(default))  # raises NumPy's errors
    result = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = np.where(condition, choice, result)
    return result


@rule_for(np.piecewise)
def _piecewise(x: Operand, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    return pieces(x, condlist, funclist, np.zeros_like(x), args, kw)


def pieces(
    x: Operand, condlist: Any, funclist: Sequence[Any], result: Any, args: tuple[Any, ...], kw: dict[str, Any]
) -> Any:
    """The ``result`` array, filled where each condition holds by its function of these elements."""
    conditions = value_of(condlist)
    if np.isscalar(conditions) or (not isinstance(conditions[0], (list, np.ndarray)) and x.ndim != 0):
        conditions = [conditions]
    conditions = [np.broadcast_to(np.asarray(value_of(one), bool), x.shape) for one in conditions]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~np.any(conditions, axis=0))
    elif len(funclist) != len(conditions):
        raise ValueError(
            f"with {len(conditions)} condition(s), either {len(conditions)} or {len(conditions) + 1} functions "
            "are expected"
        )
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            result[condition] = function
        elif condition.any():
            result[condition] = function(x[condition], *args, **kw)
    return result


# Functions applied to slices.


@rule_for(np.apply_along_axis)
def along_axis(func1d: Callable[..., Any], axis: int, arr: Operand, *args: Any, **kwargs: Any) -> Any:
    """The results of a function of each slice along an axis, which may be dual where the array is not."""
    axis = normalize_axis_index(axis, arr.ndim)
    rows = np.moveaxis(arr, axis, -1)
    outer = rows.shape[:-1]
    if 0 in outer:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    results = [func1d(row, *args, **kwargs) for row in np.reshape(rows, (-1, rows.shape[-1]))]
    stacked = np.stack(results)
    stacked = np.reshape(stacked, (*outer, *stacked.shape[1:]))
    # The axes of the results take the place of the axis of the rows.
    inner = range(len(outer), stacked.ndim)
    return np.moveaxis(stacked, inner, range(axis, axis + len(inner)))


@rule_for(np.apply_over_axes)
def _apply_over_axes(func: Callable[..., Any], a: Operand, axes: Any) -> Any:
    result = a
    for axis in np.atleast_1d(axes):
        axis = normalize_axis_index(int(axis), a.ndim)
        reduced = func(result, axis)
        if reduced.ndim != result.ndim:
            reduced = np.expand_dims(reduced, axis)
            if reduced.ndim != result.ndim:
                raise ValueError("function is not returning an array of the correct shape")
        result = reduced
    return result


# Padding.


def _extremum(find: Any) -> Any:
    """An extremum along an axis; where several elements tie, its tangent is the mean of theirs, as in numbafunc.pad."""

    def statistic(x: Operand, axis: int) -> Any:
        values = value_of(x)
        found = find(values, axis, keepdims=True)
        # A NaN is the extremum, but not equal to itself.
        tied = (values == found) | np.isnan(values)
        count = np.count_nonzero(tied, axis, keepdims=True)

        def apply(v: Any, lead: int) -> Any:
            if not lead:
                return found
            chosen = np.where(tied, v, v.dtype.type(0))
            with quiet():
                total = chosen.sum(axis + lead, np.result_type(v.dtype, np.float64), keepdims=True)
                return (total / count).astype(v.dtype)

        return componentwise(x, apply)

    return statistic


_STATISTICS: dict[str, Any] = {
    "maximum": _extremum(np.max),
    "minimum": _extremum(np.min),
    "median": lambda x, axis: np.median(x, axis, keepdims=True),
}


def _pairs(widths: Any, ndim: int) -> list[tuple[int, int]]:
    if isinstance(widths, dict):
        pairs = [(0, 0)] * ndim
        for axis, width in widths.items():
            pairs[axis] = (width, width) if np.ndim(width) == 0 else tuple(width)
        return pairs
    return [(int(before), int(after)) for before, after in np.broadcast_to(widths, (ndim, 2))]


@rule_for(np.pad)
def _pad(array: Operand, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    if callable(mode):
        raise TypeError("numpy.pad: a function as the mode is not supported for dual arrays; use numbafunc.pad")
    pairs = _pairs(pad_width, array.ndim)
    for name in ("constant_values", "end_values"):
        if holds_dual((options.get(name),)):
            return _pad_by_variables(array, pairs, mode, name, options)
    if mode in _STATISTICS:
        np.pad(value_of(array), pairs, mode, **options)  # raises NumPy's errors
        return _pad_by_statistic(array, pairs, _STATISTICS[mode], options.get("stat_length"))

    def apply(v: Any, lead: int) -> Any:
        if not lead:
            return np.pad(v, pairs, mode, **options)
        # Linear: tangents are padded by zeros where the value is padded by constants.
        further = {name: option for name, option in options.items() if name not in ("constant_values", "end_values")}
        if further.get("stat_length") is not None:
            further["stat_length"] = [(None, None)] * lead + _lengths(further["stat_length"], array.ndim)
            return _pad_mean(v, pairs, lead, further["stat_length"][lead:])
        return np.pad(v, [(0, 0)] * lead + pairs, mode, **further)

    return componentwise(array, apply)


def _stacked(nest: Any) -> Any:
    return np.stack([_stacked(entry) for entry in nest]) if isinstance(nest, (list, tuple)) else nest


def _pad_by_variables(x: Operand, pairs: Any, mode: str, name: str, options: dict[str, Any]) -> Any:
    """Padding by constants, or by ramps to ends, that have tangents."""
    ends = _stacked(options[name])
    # It raises NumPy's errors.
    np.pad(value_of(x), pairs, mode, **{**options, name: value_of(ends)})  # type: ignore[call-overload]
    ends = np.broadcast_to(ends.astype(x.dtype), (x.ndim, 2))
    for axis, (before, after) in enumerate(pairs):
        edges = np.take(x, [0], axis), np.take(x, [-1], axis)
        shape = list(x.shape)
        pieces = [x]
        for side, count in enumerate((before, after)):
            shape[axis] = count
            if mode == "constant":
                margin = np.broadcast_to(ends[axis, side], shape)
            else:
                margin = np.linspace(ends[axis, side], edges[side], count, endpoint=False, axis=axis)
                margin = np.reshape(margin, shape)
            pieces.insert(len(pieces) * side, np.flip(margin, axis) if side else margin)
        x = np.concatenate(pieces, axis)
    return x


def _lengths(stat_length: Any, ndim: int) -> list[Any]:
    return [tuple(pair) for pair in np.broadcast_to(stat_length, (ndim, 2)).tolist()]


def _pad_mean(v: Any, pairs: Any, lead: int, lengths: Any) -> Any:
    return _pad_axes(v, pairs, lambda x, axis: np.mean(x, axis, keepdims=True), lengths, lead)


def _pad_by_statistic(x: Operand, pairs: Any, statistic: Any, stat_length: Any) -> Any:
    lengths = [(None, None)] * x.ndim if stat_length is None else _lengths(stat_length, x.ndim)
    return _pad_axes(x, pairs, statistic, lengths, 0)


def _pad_axes(x: Operand, pairs: Any, statistic: Any, lengths: Any, lead: int) -> Any:
    for place, ((before, after), (first, last)) in enumerate(zip(pairs, lengths, strict=True)):
        axis = place + lead
        length = x.shape[axis]
        all_before = (slice(None),) * axis
        pieces = [x]
        if before:
            start = x[(*all_before, slice(0, length if first is None else min(first, length)))]
            pieces.insert(0, np.repeat(statistic(start, axis), before, axis))
        if after:
            end = x[(*all_before, slice(0 if last is None else max(length - last, 0), length))]
            pieces.append(np.repeat(statistic(end, axis), after, axis))
        x = np.concatenate(pieces, axis)
    return x


# Counting.


@rule_for(np.bincount)
def _bincount(x: Any, /, weights: Operand = None, minlength: int = 0) -> Any:
    if type(x) is Dual:
        raise TypeError("numpy.bincount: a dual array can't be counted, only integers; it can be the weights")
    size = len(np.bincount(x, minlength=minlength))

    places = np.asarray(x)
    return componentwise(weights, lambda v, lead: _counted(places, v, size) if lead else np.bincount(x, v, minlength))


def _counted(places: Any, weights: Any, size: int) -> Any:
    """Sums of the weights in each bin, for all directions at once: each direction has its own bins."""
    rows = weights.reshape((math.prod(weights.shape[:-1]), weights.shape[-1]))
    bins = places + size * np.arange(len(rows))[:, np.newaxis]
    return np.bincount(bins.ravel(), rows.ravel(), size * len(rows)).reshape((*weights.shape[:-1], size))


@rule_for(np.histogram)
def _histogram(a: Operand, bins: Any = 10, range: Any = None, density: Any = None, weights: Operand = None) -> Any:
    value = np.ravel(value_of(a))
    value_weights = None if weights is None else np.ravel(value_of(weights))
    _, value_edges = np.histogram(value, value_of(bins), range, weights=value_weights)
    edges: Any = bins
    low: Any
    high: Any
    if np.ndim(bins) == 0:
        edges = value_edges
        if type(a) is Dual and range is None and np.size(value):
            low, high = np.min(a), np.max(a)
            if value_of(low) == value_of(high):
                low, high = low - 0.5, high + 0.5
            edges = np.linspace(low, high, len(value_edges))
    if weights is None or type(weights) is not Dual:
        counts: Any = np.histogram(value, value_of(bins), range, weights=value_weights)[0]
    else:
        place = np.searchsorted(value_edges, value, "right") - 1
        place = np.where(value == value_edges[-1], len(value_edges) - 2, place)
        inside = np.flatnonzero((place >= 0) & (place < len(value_edges) - 1))
        moving: Any = np.ravel(weights)

        def apply(v: Any, lead: int) -> Any:
            if not lead:
                return np.histogram(value, value_of(bins), range, weights=v)[0]
            return _counted(place[inside], v[..., inside], len(value_edges) - 1).astype(v.dtype)

        counts = componentwise(moving, apply)
    if density:
        counts = counts / np.diff(edges) / counts.sum()
    return counts, edges


for _function in (np.histogram2d, np.histogramdd):
    define_refusal(
        _function,
        "counts don't move with the points; take numbafunc.stop_gradient(x) of these, and where weights move, sum them "
        "by numpy.bincount",
    )


@rule_for(np.histogram_bin_edges)
def _histogram_bin_edges(a: Operand, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    refuse("histogram_bin_edges", weights=weights)
    return _histogram(a, bins, range)[1]
