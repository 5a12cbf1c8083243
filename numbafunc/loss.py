"""Loss functions; they are defined in :mod:`numbafunc.ops.loss` and :mod:`numbafunc.ops.cross_entropy`."""

from numbafunc.ops import cross_entropy as _cross_entropy, loss as _loss
from numbafunc.ops.cross_entropy import *  # noqa: F403
from numbafunc.ops.loss import *  # noqa: F403
from numbafunc.prompt import no_attribute as _no_attribute, presented as _presented

__all__ = sorted([*_cross_entropy.__all__, *_loss.__all__])

_presented(*map(globals().get, __all__))


def __getattr__(name: str) -> None:
    raise _no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return __all__
