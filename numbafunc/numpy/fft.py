"""NumPy's module of the same name, as `numbafunc.numpy` has it."""

from __future__ import annotations

from typing import Any

import numpy

__all__ = numpy.fft.__all__


def __getattr__(name: str) -> Any:
    return getattr(numpy.fft, name)


def __dir__() -> list[str]:
    return list(__all__)
