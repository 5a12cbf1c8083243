"""Loss functions; they are defined in :mod:`numbafunc.ops.loss`."""

from numbafunc.ops.loss import (
    cross_entropy_logits,
    cross_entropy_logits_sparse,
    l2,
    mean_absolute_error,
    mean_squared_error,
    mean_squared_log_error,
    sigmoid_cross_entropy_logits,
)

__all__ = [
    "cross_entropy_logits",
    "cross_entropy_logits_sparse",
    "l2",
    "mean_absolute_error",
    "mean_squared_error",
    "mean_squared_log_error",
    "sigmoid_cross_entropy_logits",
]


def __dir__() -> list[str]:
    return __all__
