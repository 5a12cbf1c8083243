"""Rules of functions that put elements in order: sorting, partition, quantiles, distinct elements.

The order is found on the value, once, and every tangent is gathered by it; elements that tie keep their order. A
quantile lies between two neighbours in that order; NumPy's function, applied to the ranks 0, 1, 2, ... in place of
the elements, gives its place.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.rules.application import along, merged
from numbafunc.rules.arguments import UNSET, from_end, given, into, refuse, weights_beside
from numbafunc.rules.register import register, rule_for


def _flattened(a: Operand, axis: int | None) -> tuple[Any, int]:
    return (np.reshape(a, (a.size,)), 0) if axis is None else (a, normalize_axis_index(axis, a.ndim))


@rule_for(np.sort)
def _sort(a: Operand, axis: int | None = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    refuse("sort", order=order)
    if kind is not None and stable is not None:
        raise ValueError("`kind` and keyword parameters can't be provided at the same time. Use only one of them.")
    a, place = _flattened(a, axis)
    return _along_axis(a, value_of(a).argsort(place, "stable"), place)


@rule_for(np.partition)
def _partition(a: Operand, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: Any = None) -> Any:
    refuse("partition", order=order)
    a, place = _flattened(a, axis)
    return _along_axis(a, value_of(a).argpartition(kth, place, kind), place)


def _along_axis(a: Operand, order: Any, axis: int) -> Any:
    return a[order] if a.ndim == 1 else np.take_along_axis(a, order, axis)


@rule_for(np.unique)
def _unique(
    ar: Operand, return_index: bool = False, return_inverse: bool = False, return_counts: bool = False,
    axis: Any = None, *, equal_nan: bool = True, **options: Any,
) -> Any:  # fmt: skip
    refuse("unique", axis=axis)
    find: Any = np.unique
    _, first, *others = find(value_of(ar), True, return_inverse, return_counts, equal_nan=equal_nan, **options)
    elements = np.take(np.reshape(ar, (ar.size,)), first)
    results = (elements, *([first] if return_index else []), *others)
    return results if len(results) > 1 else elements


_function: Any
for _function in (np.unique_all, np.unique_counts, np.unique_inverse):
    register(_function, _function.__wrapped__)  # it calls numpy.unique


@rule_for(np.unique_values)
def _unique_values(x: Operand, /) -> Any:
    values = np.unique_values(value_of(x))
    find: Any = np.unique
    first = find(value_of(x), return_index=True, equal_nan=False)[1]
    places = np.empty_like(first)
    places[np.argsort(values, kind="stable")] = first  # NumPy leaves the values in any order
    return np.take(np.reshape(x, (x.size,)), places)


def _ranks(rows: Any, skip_nan: bool) -> tuple[Any, Any]:
    """The order of the elements of each row, and the rank of each; NaN has the rank NaN if it is to be skipped."""
    order = np.argsort(rows, -1, "stable")
    ranks = np.empty(rows.shape)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(float(rows.shape[-1])), rows.shape), -1)
    if skip_nan:
        ranks[np.isnan(rows)] = np.nan
    return order, ranks


def _between(a: Dual, axis: Any, value: Operand, skip_nan: bool, place_of: Callable[[Any, Any], Any]) -> Any:
    """The Dual of order statistics; ``place_of(ranks, rows)`` has the axes of quantiles before those of the rows."""
    rows = merged(value_of(a), axis)
    order, ranks = _ranks(rows, skip_nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        place = np.asarray(place_of(ranks, rows))
    place = np.where(np.isnan(place), 0, place)
    # The quantiles become the last axis, where the elements were.
    place = place.reshape((-1, *rows.shape[:-1]))
    place = np.moveaxis(place, 0, -1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, rows.shape[-1] - 1)

    def tangent_of(x: Operand, dx: Operand) -> Any:
        moving = merged(dx, from_end(axis, a.ndim))
        weight = (place - below).astype(a.dtype)
        low = np.take_along_axis(moving, np.take_along_axis(order, below, -1)[np.newaxis], -1)
        high = np.take_along_axis(moving, np.take_along_axis(order, above, -1)[np.newaxis], -1)
        # A weight of zero leaves out what may be infinite.
        mixed = np.where(weight == 0, low, low + weight * (high - low))
        return np.moveaxis(mixed, -1, 1)

    return along(a, value, tangent_of)


def _define_median(function: Any, skip_nan: bool) -> None:
    @rule_for(function)
    def rule(
        a: Operand, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = UNSET
    ) -> Any:
        # The input is never overwritten.
        options = given(keepdims=keepdims)
        if type(a) is not Dual:
            return into(out, function(a, axis, **options), function.__name__)
        value = function(a.primal, axis, **options)
        if not np.size(value_of(value)) or not a.size:
            return into(
                out, along(a, value, lambda x, dx: np.zeros((dx.shape[0], *np.shape(value)), a.dtype)), "median"
            )
        result = _between(a, axis, value, skip_nan, lambda ranks, rows: function(ranks, -1))
        return into(out, result, function.__name__)


def _define_quantile(function: Any, skip_nan: bool) -> None:
    name = function.__name__

    @rule_for(function)
    def rule(
        a: Operand, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, method: str = "linear",
        keepdims: Any = False, *, weights: Any = None, interpolation: Any = None,
    ) -> Any:  # fmt: skip
        refuse(name, interpolation=interpolation)
        if type(q) is Dual:
            raise TypeError(f"numpy.{name}: q can't be a dual array; take numbafunc.stop_gradient(q)")
        options: dict[str, Any] = {"method": method}
        if weights is not None:
            # A weighted quantile is one of the elements, chosen by the weights.
            weights = options["weights"] = value_of(weights)
        if type(a) is not Dual:
            return into(out, function(a, q, axis, keepdims=bool(keepdims), **options), name)
        value = function(a.primal, q, axis, keepdims=bool(keepdims), **options)
        if weights is not None:
            weights = weights_beside(np.asarray(weights), axis, a.shape)
            options["weights"] = merged(np.broadcast_to(weights, a.shape), axis)
        result = _between(a, axis, value, skip_nan, lambda ranks, rows: function(ranks, q, -1, **options))
        return into(out, result, name)


_define_median(np.median, False)
_define_median(np.nanmedian, True)
_define_quantile(np.quantile, False)
_define_quantile(np.percentile, False)
_define_quantile(np.nanquantile, True)
_define_quantile(np.nanpercentile, True)
