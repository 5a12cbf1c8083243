"""Loss functions; they are defined in :mod:`numbafunc.ops.loss`."""

from numbafunc.ops.loss import *  # noqa: F403
from numbafunc.ops.loss import __all__ as __all__


def __dir__() -> list[str]:
    return __all__
