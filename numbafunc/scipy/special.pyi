from typing import Any, Literal, SupportsIndex, overload

import numpy as np
from numpy.typing import NDArray

from numbafunc._types import Axes, Float64Like, Inexact, NumberLike, RealLike
from numbafunc.dual.array import Dual

@overload
def log_softmax(x: NDArray[Inexact], axis: Axes = None) -> NDArray[Inexact]: ...
@overload
def log_softmax(x: Dual, axis: Axes = None) -> Dual: ...
@overload
def log_softmax(x: Float64Like, axis: Axes = None) -> NDArray[np.float64]: ...
@overload
def log_softmax(x: NumberLike, axis: Axes = None) -> NDArray[np.inexact[Any]]: ...
@overload
def logsumexp(
    a: Dual,
    axis: Axes = None,
    b: NumberLike | None = None,
    keepdims: bool = False,
    return_sign: Literal[False] = False,
) -> Dual: ...
@overload
def logsumexp(
    a: NumberLike,
    axis: Axes = None,
    b: NumberLike | None = None,
    keepdims: bool = False,
    return_sign: Literal[False] = False,
) -> Any: ...
@overload
def logsumexp(
    a: NumberLike, axis: Axes = None, b: NumberLike | None = None, keepdims: bool = False, *, return_sign: Literal[True]
) -> tuple[Any, Any]: ...
@overload
def logsumexp(a: NumberLike, axis: Axes, b: NumberLike | None, keepdims: bool, return_sign: bool) -> Any: ...
@overload
def multigammaln(a: Dual, d: SupportsIndex) -> Dual: ...
@overload
def multigammaln(a: RealLike, d: SupportsIndex) -> Any: ...
@overload
def polygamma(n: RealLike, x: Dual) -> Dual: ...
@overload
def polygamma(n: RealLike, x: RealLike) -> NDArray[np.float64]: ...
@overload
def softmax(x: NDArray[Inexact], axis: Axes = None) -> NDArray[Inexact]: ...
@overload
def softmax(x: Dual, axis: Axes = None) -> Dual: ...
@overload
def softmax(x: Float64Like, axis: Axes = None) -> NDArray[np.float64]: ...
@overload
def softmax(x: NumberLike, axis: Axes = None) -> NDArray[np.inexact[Any]]: ...
def __getattr__(name: str) -> Any: ...

__all__ = ["log_softmax", "logsumexp", "multigammaln", "polygamma", "softmax"]
