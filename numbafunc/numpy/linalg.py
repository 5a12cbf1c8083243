"""NumPy's module of the same name, as `numbafunc.numpy` has it."""

from __future__ import annotations

from typing import Any

import numpy

__all__ = numpy.linalg.__all__


def __getattr__(name: str) -> Any:
    return getattr(numpy.linalg, name)


def __dir__() -> list[str]:
    return list(__all__)
