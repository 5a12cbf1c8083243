"""Transposes of sums along axes, and of functions that are made of sums and differences of slices."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual import anywhere
from numbafunc.dual.axes import axes_of
from numbafunc.dual.recorder import RECORDED_METHODS, Primitive, Recorder, Shape
from numbafunc.transposes.arithmetic import multiply
from numbafunc.transposes.register import records
from numbafunc.transposes.shape import concatenate

# The annotations of NumPy's functions don't allow for recorders.
np: Any = numpy


def _summed(x: Any, axes: Any, kept: Any, keepdims: bool) -> Any:
    return x.sum(axes, keepdims=keepdims)


SUMMED = Primitive(
    "sum",
    _summed,
    lambda cotangent, place, x, axes, kept, keepdims: anywhere.repeated(anywhere.reshaped(cotangent, kept), x.shape),
)


@records(np.sum)
def total(
    x: Recorder, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = False, where: Any = True,
    initial: Any = None,
) -> Recorder:  # fmt: skip
    """The sum along axes."""
    if where is not True and where is not np._NoValue:
        x = np.where(where, x, 0)
    if dtype is not None:
        x = x.astype(dtype)
    keepdims = keepdims is not np._NoValue and bool(keepdims)
    axes, kept, shape = _outcome(x.shape, tuple(axis) if type(axis) is list else axis, keepdims)
    return SUMMED.of(x, shape, x.dtype, axes, kept, keepdims)


@functools.lru_cache(1024)
def _outcome(shape: Shape, axis: Any, keepdims: bool) -> tuple[Shape, Shape, Shape]:
    """The axes of a sum, counted from the front, the shape with these of length 1, and that of the sum."""
    axes = axes_of(axis, len(shape))
    kept = tuple(1 if one in axes else length for one, length in enumerate(shape))
    return axes, kept, kept if keepdims else tuple(length for one, length in enumerate(shape) if one not in axes)


def _reduce(
    x: Recorder, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False, initial: Any = None,
    where: Any = True,
) -> Recorder:  # fmt: skip
    return total(x, axis, dtype, None, keepdims, where)


RECORDED_METHODS[np.add, "reduce"] = _reduce


@records(np.mean)
def _mean(x: Recorder, axis: Any = None, dtype: Any = None, out: Any = None, *, keepdims: Any = False,
          where: Any = True) -> Recorder:  # fmt: skip
    axes = axes_of(axis, x.ndim)
    count: Any
    if where is True or where is np._NoValue:
        count = math.prod(x.shape[one] for one in axes)
    else:
        count = np.sum(np.broadcast_to(where, x.shape), axes, keepdims=keepdims).astype(x.dtype)
    return total(x, axes, dtype, None, keepdims, where) / count  # type: ignore[no-any-return]


CUMULATED = Primitive(
    "cumsum",
    np.cumsum,
    lambda cotangent, place, x, axis: np.flip(np.cumsum(np.flip(cotangent, axis), axis), axis),
)


@records(np.cumsum)
def _cumsum(x: Recorder, axis: int | None = None, dtype: Any = None, out: Any = None) -> Recorder:
    if axis is None:
        x, axis = x.reshape(-1), 0
    return CUMULATED.of(x, x.shape, x.dtype, normalize_axis_index(axis, x.ndim))


@records(np.trace)
def _trace(x: Recorder, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Recorder:
    return total(np.diagonal(x, offset, axis1, axis2), -1)


def _slices(x: Recorder, axis: int) -> Any:
    before = (slice(None),) * axis
    return lambda start, stop: x[(*before, slice(start, stop))]


@records(np.diff)
def _diff(x: Recorder, n: int = 1, axis: int = -1) -> Recorder:
    axis = normalize_axis_index(axis, x.ndim)
    for _ in range(n):
        part = _slices(x, axis)
        x = part(1, None) - part(None, -1)
    return x


@records(np.gradient)
def _gradient(x: Recorder, *spacing: Any, axis: int, edge_order: int = 1) -> Recorder:
    # The formulas of numpy.gradient for equal and for other distances.
    axis = normalize_axis_index(axis, x.ndim)
    part = _slices(x, axis)
    behind = (1,) * (x.ndim - axis - 1)
    steps: Any = np.asarray(spacing[0] if spacing else 1.0, x.dtype)
    if steps.ndim:
        steps = np.diff(steps)
        steps = steps[0] if (steps == steps[0]).all() else steps
    if steps.ndim == 0:
        inside = (part(2, None) - part(None, -2)) / (2 * steps)
        first, last = steps, steps
        start, end = (-1.5, 2.0, -0.5), (0.5, -2.0, 1.5)
        start, end = (tuple(weight / steps for weight in weights) for weights in (start, end))
    else:
        a, b = (one.reshape((-1, *behind)) for one in (steps[:-1], steps[1:]))
        inside = part(None, -2) * (-b / (a * (a + b))) + part(1, -1) * ((b - a) / (a * b))
        inside = inside + part(2, None) * (a / (b * (a + b)))
        first, last = steps[0], steps[-1]
        start, end = _edge(*steps[:2]), tuple(-weight for weight in _edge(*steps[:-3:-1]))[::-1]
    if edge_order == 1:
        left, right = (part(1, 2) - part(0, 1)) / first, (part(-1, None) - part(-2, -1)) / last
    else:
        left = sum_of([multiply(part(place, place + 1), weight) for place, weight in enumerate(start)])
        places = range(x.shape[axis] - 3, x.shape[axis])
        right = sum_of([multiply(part(place, place + 1), weight) for place, weight in zip(places, end, strict=True)])
    return concatenate([left, inside, right], axis)


def _edge(first: Any, second: Any) -> tuple[Any, Any, Any]:
    """The weights of the slope at the first of three points, given their distances."""
    both = first + second
    return -(first + both) / (first * both), both / (first * second), -first / (second * both)


def sum_of(terms: list[Any]) -> Any:
    """The sum of some recorders."""
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


@records(np.linspace)
def _linspace(start: Any, stop: Any, num: int, endpoint: bool = True, *, axis: int = 0) -> Recorder:
    one = start if type(start) is Recorder else stop
    axis = normalize_axis_index(axis, one.ndim + 1)
    parts = num - 1 if endpoint else num
    share = (np.arange(num) / parts if parts > 0 else np.zeros(num)).astype(one.dtype)
    share = share.reshape((num,) + (1,) * (one.ndim - axis))
    terms = [
        multiply(np.expand_dims(end, axis), weight)
        for end, weight in ((start, 1 - share), (stop, share))
        if type(end) is Recorder
    ]
    return sum_of(terms)  # type: ignore[no-any-return]
