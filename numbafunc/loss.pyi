from collections.abc import Sequence
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from numbafunc._types import Float, Float64Like, FloatArray, RealLike
from numbafunc.dual.array import Dual

IntegerLike: TypeAlias = (
    int | np.integer[Any] | NDArray[np.integer[Any]] | Sequence[int | np.integer[Any]] | Sequence[Sequence[int]]
)

@overload
def cross_entropy_logits(
    logits: NDArray[Float],
    labels: NDArray[Float | np.integer[Any] | np.bool],
    *,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> NDArray[Float]: ...
@overload
def cross_entropy_logits(
    logits: Dual,
    labels: RealLike,
    *,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> Dual: ...
@overload
def cross_entropy_logits(
    logits: RealLike,
    labels: Dual,
    *,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> Dual: ...
@overload
def cross_entropy_logits(
    logits: Float64Like,
    labels: Float64Like,
    *,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> NDArray[np.float64]: ...
@overload
def cross_entropy_logits(
    logits: RealLike,
    labels: RealLike,
    *,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> FloatArray: ...
@overload
def cross_entropy_logits_sparse(
    logits: NDArray[Float],
    labels: IntegerLike,
    *,
    ignore_index: int | None = None,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> NDArray[Float]: ...
@overload
def cross_entropy_logits_sparse(
    logits: Dual,
    labels: IntegerLike,
    *,
    ignore_index: int | None = None,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> Dual: ...
@overload
def cross_entropy_logits_sparse(
    logits: Float64Like,
    labels: IntegerLike,
    *,
    ignore_index: int | None = None,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> NDArray[np.float64]: ...
@overload
def cross_entropy_logits_sparse(
    logits: RealLike,
    labels: IntegerLike,
    *,
    ignore_index: int | None = None,
    weight: RealLike | None = None,
    where: RealLike | None = None,
    label_smoothing: float = 0.0,
) -> FloatArray: ...
@overload
def l2(x: NDArray[Float], *, where: RealLike | None = None) -> NDArray[Float]: ...
@overload
def l2(x: Dual, *, where: RealLike | None = None) -> Dual: ...
@overload
def l2(x: Float64Like, *, where: RealLike | None = None) -> NDArray[np.float64]: ...
@overload
def l2(x: RealLike, *, where: RealLike | None = None) -> FloatArray: ...
@overload
def mean_absolute_error(
    x: NDArray[Float],
    y: NDArray[Float | np.integer[Any] | np.bool],
    keep_axis: Sequence[int] | None = (0,),
    *,
    where: RealLike | None = None,
) -> NDArray[Float]: ...
@overload
def mean_absolute_error(
    x: Dual, y: RealLike, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> Dual: ...
@overload
def mean_absolute_error(
    x: RealLike, y: Dual, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> Dual: ...
@overload
def mean_absolute_error(
    x: Float64Like, y: Float64Like, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> NDArray[np.float64]: ...
@overload
def mean_absolute_error(
    x: RealLike, y: RealLike, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> FloatArray: ...
@overload
def mean_squared_error(
    x: NDArray[Float],
    y: NDArray[Float | np.integer[Any] | np.bool],
    keep_axis: Sequence[int] | None = (0,),
    *,
    where: RealLike | None = None,
) -> NDArray[Float]: ...
@overload
def mean_squared_error(
    x: Dual, y: RealLike, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> Dual: ...
@overload
def mean_squared_error(
    x: RealLike, y: Dual, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> Dual: ...
@overload
def mean_squared_error(
    x: Float64Like, y: Float64Like, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> NDArray[np.float64]: ...
@overload
def mean_squared_error(
    x: RealLike, y: RealLike, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> FloatArray: ...
@overload
def mean_squared_log_error(
    y_true: NDArray[Float],
    y_pred: NDArray[Float | np.integer[Any] | np.bool],
    keep_axis: Sequence[int] | None = (0,),
    *,
    where: RealLike | None = None,
) -> NDArray[Float]: ...
@overload
def mean_squared_log_error(
    y_true: Dual, y_pred: RealLike, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> Dual: ...
@overload
def mean_squared_log_error(
    y_true: RealLike, y_pred: Dual, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> Dual: ...
@overload
def mean_squared_log_error(
    y_true: Float64Like, y_pred: Float64Like, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> NDArray[np.float64]: ...
@overload
def mean_squared_log_error(
    y_true: RealLike, y_pred: RealLike, keep_axis: Sequence[int] | None = (0,), *, where: RealLike | None = None
) -> FloatArray: ...
@overload
def sigmoid_cross_entropy_logits(
    logits: NDArray[Float],
    labels: NDArray[Float | np.integer[Any] | np.bool],
    *,
    out: NDArray[Any] | None = None,
    pos_weight: RealLike | None = None,
    where: RealLike | None = None,
) -> NDArray[Float]: ...
@overload
def sigmoid_cross_entropy_logits(
    logits: Dual,
    labels: RealLike,
    *,
    out: NDArray[Any] | None = None,
    pos_weight: RealLike | None = None,
    where: RealLike | None = None,
) -> Dual: ...
@overload
def sigmoid_cross_entropy_logits(
    logits: RealLike,
    labels: Dual,
    *,
    out: NDArray[Any] | None = None,
    pos_weight: RealLike | None = None,
    where: RealLike | None = None,
) -> Dual: ...
@overload
def sigmoid_cross_entropy_logits(
    logits: Float64Like,
    labels: Float64Like,
    *,
    out: NDArray[Any] | None = None,
    pos_weight: RealLike | None = None,
    where: RealLike | None = None,
) -> NDArray[np.float64]: ...
@overload
def sigmoid_cross_entropy_logits(
    logits: RealLike,
    labels: RealLike,
    *,
    out: NDArray[Any] | None = None,
    pos_weight: RealLike | None = None,
    where: RealLike | None = None,
) -> FloatArray: ...

__all__ = [
    "cross_entropy_logits",
    "cross_entropy_logits_sparse",
    "l2",
    "mean_absolute_error",
    "mean_squared_error",
    "mean_squared_log_error",
    "sigmoid_cross_entropy_logits",
]
