"""Divergences between distributions; they are defined in :mod:`numbafunc.ops.divergence`."""

from numbafunc.ops.divergence import *  # noqa: F403
from numbafunc.ops.divergence import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
