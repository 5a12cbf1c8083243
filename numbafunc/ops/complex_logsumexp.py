"""The logarithm of a sum of exponentials of complex numbers, made of NumPy's functions."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, settled, value_of
from numbafunc.dual.quiet import quiet
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.limits import MOST_AXES


def is_complex(x: Any, depth: int = 0) -> bool:
    """Whether an argument is complex, or a nest of lists, no deeper than an array, that holds a complex number."""
    if isinstance(x, (list, tuple)):
        return depth < MOST_AXES and any(is_complex(entry, depth + 1) for entry in x)
    return isinstance(x, complex) or getattr(getattr(x, "dtype", None), "kind", "") == "c"


def _as_array(x: Any, name: str) -> Any:
    if not is_complex(x):
        return arguments.as_array(x, name)
    x = settled(x)
    array = x if type(x) in (Dual, np.ndarray) else arguments.converted(x, name)
    if array.dtype.itemsize > 16:
        raise TypeError(f"{name} has dtype {array.dtype}; wanted: complex64 or complex128")
    return array


def complex_logsumexp(a: Any, axis: Any, b: Any, keepdims: bool, return_sign: bool, mask: Any) -> Any:
    """``log(sum(b * exp(a)))`` as a principal value; with ``return_sign`` its real part, and the sum over its size.

    The largest term ``b_k * exp(a_k)`` is taken out of the sum, which is then 1 and a rest q: the result is
    ``a_k + log(b_k) + log1p(q)``.
    """
    a, b = _as_array(a, "a"), None if b is None else _as_array(b, "b")
    shapes = {"a": a.shape} | ({} if b is None else {"b": b.shape}) | ({} if mask is None else {"where": mask.shape})
    shape = arguments.broadcast(shapes)
    axes = arguments.normalize_axes(axis, len(shape))
    if len(shape) >= MOST_AXES:
        raise ShapeError(
            f"a has {len(shape)} axes with b and where; wanted: at most {MOST_AXES - 1} of complex numbers"
        )
    weights = np.ones((), a.dtype.type(0).real.dtype) if b is None else b
    with quiet():
        result = _principal(a, weights, shape, axes, True if mask is None else mask)
        zero = value_of(result).real == -np.inf
        sign = np.where(zero, 0, np.exp(1j * np.where(zero, 0, np.imag(result)))) if return_sign else None
    if not keepdims:
        left = [length for place, length in enumerate(shape) if place not in axes]
        result, sign = result.reshape(left), sign if sign is None else sign.reshape(left)
    return (np.real(result), sign) if return_sign else result


def _principal(a: Any, b: Any, shape: tuple[int, ...], axes: tuple[int, ...], mask: Any) -> Any:
    plain_a, plain_b = value_of(a), value_of(b)
    size = np.broadcast_to(np.where(mask & (plain_b != 0), plain_a.real + np.log(abs(plain_b)), -np.inf), shape)
    first = _first_largest(size, axes)
    largest = np.max(size, axes, keepdims=True, initial=-np.inf)
    empty = largest == -np.inf
    # An entry with weight 0 that is not finite, or far above all others, takes no part, nor does its derivative.
    taken = mask & ((plain_b != 0) | (np.isfinite(plain_a) & (plain_a.real < largest + 80)))
    a, b = np.where(taken, a, 0), np.where(taken, b, 0)
    top_a, top_b = (
        np.sum(np.where(first, a, 0), axes, keepdims=True),
        np.sum(np.where(first, b, 0), axes, keepdims=True),
    )
    top_a, top_b = np.where(empty, 0, top_a), np.where(empty, 1, top_b)
    same = np.isinf(plain_a.real) & (plain_a == value_of(top_a))  # whose difference would be NaN
    terms = np.where(taken & ~first, b / top_b * np.exp(np.where(same, 0, a - top_a)), 0)
    rest = np.sum(terms, axes, keepdims=True)
    total = top_a + np.log(top_b + 0j) + _log1p(rest)
    total = total - (2j * np.pi) * np.ceil((value_of(total).imag - np.pi) / (2 * np.pi))
    return np.where(empty | (value_of(rest) == -1), -np.inf, total)


def _first_largest(size: Any, axes: tuple[int, ...]) -> Any:
    """Where the first largest element of each row is, of which NaN is one."""
    kept = [place for place in range(size.ndim) if place not in axes]
    order = (*kept, *axes)
    rows = size.transpose(order)
    flat = rows.reshape((*rows.shape[: len(kept)], -1)) if size.size else np.zeros((0, 0))
    found = np.zeros(flat.shape, bool)
    if flat.size:
        np.put_along_axis(found, np.argmax(flat, -1)[..., np.newaxis], True, -1)
    return found.reshape(rows.shape).transpose(np.argsort(order)) if size.size else np.zeros(size.shape, bool)


def _log1p(q: Any) -> Any:
    """``log(1 + q)``; NumPy's loses digits of small q."""
    x, y = np.real(q), np.imag(q)
    near = abs(value_of(q)) < 0.5
    magnitude = np.where(near, np.log1p(x * (x + 2) + y * y) / 2, np.log(abs(1 + q)))
    return magnitude + 1j * np.arctan2(y, 1 + x)
