"""Names of the ways to pad and to interpolate."""

from __future__ import annotations

import enum

__all__ = ["ConvPadding", "Interpolate"]


def __dir__() -> list[str]:
    return __all__


class ConvPadding(enum.Enum):
    """Amount of padding for windows that slide over an image.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.ConvPadding.SAME.value
    'SAME'
    """

    SAME = "SAME"
    """Padding that gives one window for every ``stride`` pixels; where it is odd, the larger half comes after."""

    VALID = "VALID"
    """No padding: only windows that lie within the image."""


class Interpolate(enum.Enum):
    """Method of interpolation between pixels. Names between semicolons mean the same method.

    ``NEAREST``; ``LINEAR``, ``BILINEAR``, ``TRILINEAR``, ``TRIANGLE``; ``CUBIC``, ``BICUBIC``, ``TRICUBIC``;
    ``LANCZOS3``; ``LANCZOS5``.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.Interpolate.BICUBIC.value
    'bicubic'
    """

    NEAREST = "nearest"
    LINEAR = "linear"
    BILINEAR = "bilinear"
    TRILINEAR = "trilinear"
    TRIANGLE = "triangle"
    CUBIC = "cubic"
    BICUBIC = "bicubic"
    TRICUBIC = "tricubic"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
