"""Divergences between distributions; they are defined in :mod:`numbafunc.ops.divergence`."""

from numbafunc.ops.divergence import *  # noqa: F403
from numbafunc.ops.divergence import __all__ as __all__
from numbafunc.prompt import no_attribute as _no_attribute, presented as _presented

_presented(*map(globals().get, __all__))


def __getattr__(name: str) -> None:
    raise _no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return __all__
