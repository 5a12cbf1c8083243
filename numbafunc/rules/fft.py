"""Rules of numpy.fft: every transform is linear over the real numbers, so it acts on the tangents as on the value.

Axes are counted from the end, since the axis of directions comes first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.dual.array import Operand
from numbafunc.rules.application import linear
from numbafunc.rules.arguments import from_end, into
from numbafunc.rules.register import rule_for


def _define_transform(function: Callable[..., Any]) -> None:
    """Register a transform along one axis."""

    @rule_for(function)
    def rule(a: Operand, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
        if out is not None:
            return into(out, function(a, n, axis, norm), f"fft.{function.__name__}")
        (along,) = from_end(axis, a.ndim)
        return linear(a, lambda v, lead: function(v, n, along, norm))


def _define_transform_of_axes(function: Callable[..., Any], default: tuple[int, ...] | None) -> None:
    """Register a transform along several axes."""

    @rule_for(function)
    def rule(a: Operand, s: Any = None, axes: Any = default, norm: Any = None, out: Any = None) -> Any:
        if out is not None:
            return into(out, function(a, s, axes, norm), f"fft.{function.__name__}")
        transformed = range(-(a.ndim if s is None else len(s)), 0) if axes is None else axes
        along = from_end(transformed, a.ndim, allow_duplicate=True)
        return linear(a, lambda v, lead: function(v, s, along, norm))


def _define_shift(function: Callable[..., Any]) -> None:
    """Register an exchange of halves."""

    @rule_for(function)
    def rule(x: Operand, axes: Any = None) -> Any:
        along = from_end(axes, x.ndim, allow_duplicate=True)
        return linear(x, lambda v, lead: function(v, along))


_function: Any
for _function in (np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft):
    _define_transform(_function)
for _function in (np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2):
    _define_transform_of_axes(_function, (-2, -1))
for _function in (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn):
    _define_transform_of_axes(_function, None)
for _function in (np.fft.fftshift, np.fft.ifftshift):
    _define_shift(_function)
