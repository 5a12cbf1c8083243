"""Transposes of Fourier transforms: the matrix of a transform is symmetric, so it is its own transpose.

Transforms of real signals, and to real ones, are made of complex ones here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy
from numpy.lib.array_utils import normalize_axis_index

from numbafunc.dual.recorder import Primitive, Recorder
from numbafunc.transposes.arithmetic import multiply
from numbafunc.transposes.register import records

# The annotations of NumPy's functions don't allow for recorders.
np: Any = numpy

_function: Any


def _cut(x: Any, axis: int, length: int) -> Any:
    """The array cut off or filled up with zeros along an axis."""
    have = x.shape[axis]
    if have >= length:
        return x[(*(slice(None),) * axis, slice(length))]
    zeros = np.zeros((*x.shape[:axis], length - have, *x.shape[axis + 1 :]), x.dtype)
    return np.concatenate([x, zeros], axis)


def _primitive(function: Any) -> Primitive:
    def transpose(cotangent: Any, place: int, x: Any, axis: int, length: int, norm: Any) -> Any:
        return _cut(function(cotangent, length, axis, norm), axis, x.shape[axis])

    return Primitive(function.__name__, lambda x, axis, length, norm: function(x, length, axis, norm), transpose)


_COMPLEX = {np.fft.fft: _primitive(np.fft.fft), np.fft.ifft: _primitive(np.fft.ifft)}


def _along(function: Any, x: Recorder, length: int | None, axis: int, norm: Any) -> Recorder:
    """A complex transform along one axis."""
    axis = normalize_axis_index(axis, x.ndim)
    length = x.shape[axis] if length is None else length
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    return _COMPLEX[function].record(shape, np.result_type(x.dtype, np.complex64), x, axis, length, norm)


def _rfft(x: Recorder, n: int | None = None, axis: int = -1, norm: Any = None) -> Recorder:
    whole = _along(np.fft.fft, x, n, axis, norm)
    axis = normalize_axis_index(axis, x.ndim)
    return _cut(whole, axis, whole.shape[axis] // 2 + 1)  # type: ignore[no-any-return]


def _irfft(x: Recorder, n: int | None = None, axis: int = -1, norm: Any = None) -> Recorder:
    axis = normalize_axis_index(axis, x.ndim)
    length = 2 * (x.shape[axis] - 1) if n is None else n
    half = _cut(x, axis, min(length // 2 + 1, x.shape[axis]))
    # The other half of the spectrum is the conjugate of this one, so all but the ends count twice.
    weights = np.full(half.shape[axis], 2.0, _real_of(x.dtype))
    weights[0] = 1
    if length % 2 == 0 and len(weights) == length // 2 + 1:
        weights[-1] = 1
    weighted = multiply(half, weights.reshape((-1,) + (1,) * (x.ndim - axis - 1)))
    return _along(np.fft.ifft, weighted, length, axis, norm).real


def _real_of(dtype: Any) -> Any:
    return np.empty(0, dtype).real.dtype


_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _hfft(x: Recorder, n: int | None = None, axis: int = -1, norm: Any = None) -> Recorder:
    return _irfft(x.conj(), n, axis, _SWAPPED[norm])


def _ihfft(x: Recorder, n: int | None = None, axis: int = -1, norm: Any = None) -> Recorder:
    return _rfft(x, n, axis, _SWAPPED[norm]).conj()


def _complex(function: Any) -> Callable[..., Recorder]:
    return lambda x, n=None, axis=-1, norm=None: _along(function, x, n, axis, norm)


_ONE_AXIS = {
    np.fft.fft: _complex(np.fft.fft),
    np.fft.ifft: _complex(np.fft.ifft),
    np.fft.rfft: _rfft,
    np.fft.irfft: _irfft,
    np.fft.hfft: _hfft,
    np.fft.ihfft: _ihfft,
}
for _function, _step in _ONE_AXIS.items():
    records(_function)(_step)


def _several(first: Any, others: Any, last_first: bool) -> Callable[..., Recorder]:
    """The transform along several axes: one function for the last of them, one for the others."""

    def step(x: Recorder, s: Sequence[Any] | None = None, axes: Any = None, norm: Any = None) -> Recorder:
        axes = tuple(axes)
        lengths = (None,) * len(axes) if s is None else tuple(s)
        # A length of -1 stands for that of the operand.
        lengths = tuple(None if length in (None, -1) else length for length in lengths)
        pairs = [(others, *pair) for pair in zip(lengths[:-1], axes[:-1], strict=True)]
        last = (first, lengths[-1], axes[-1])
        for function, length, axis in [last, *pairs[::-1]] if last_first else [*pairs, last]:
            x = _ONE_AXIS[function](x, length, axis, norm)
        return x

    return step


for _many, _two, _first, _others, _last_first in (
    (np.fft.fftn, np.fft.fft2, np.fft.fft, np.fft.fft, True),
    (np.fft.ifftn, np.fft.ifft2, np.fft.ifft, np.fft.ifft, True),
    (np.fft.rfftn, np.fft.rfft2, np.fft.rfft, np.fft.fft, True),
    (np.fft.irfftn, np.fft.irfft2, np.fft.irfft, np.fft.ifft, False),
):
    records(_many, _two)(_several(_first, _others, _last_first))


def _define_shift(function: Any, sign: int) -> None:
    @records(function)
    def step(x: Recorder, axes: Any = None) -> Any:
        axes = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
        return np.roll(x, [sign * (x.shape[axis] // 2) for axis in axes], axes)


_define_shift(np.fft.fftshift, 1)
_define_shift(np.fft.ifftshift, -1)
