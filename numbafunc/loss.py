"""Loss functions; they are defined in :mod:`numbafunc.ops.loss` and :mod:`numbafunc.ops.cross_entropy`."""

from numbafunc.ops import cross_entropy as _cross_entropy, loss as _loss
from numbafunc.ops.cross_entropy import *  # noqa: F403
from numbafunc.ops.loss import *  # noqa: F403

__all__ = sorted([*_cross_entropy.__all__, *_loss.__all__])


def __dir__() -> list[str]:
    return __all__
