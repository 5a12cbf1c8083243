"""Divergences of distributions; they are defined in :mod:`numbafunc.ops.divergence`."""

from numbafunc.ops.divergence import kl

__all__ = ["kl"]


def __dir__() -> list[str]:
    return __all__
