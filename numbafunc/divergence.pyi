from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from numbafunc._types import Float, Float64Like, FloatArray, RealLike
from numbafunc.dual.array import Dual

@overload
def kl(p: NDArray[Float], q: NDArray[Float | np.integer[Any] | np.bool], eps: float = ...) -> NDArray[Float]: ...
@overload
def kl(p: Dual, q: RealLike, eps: float = ...) -> Dual: ...
@overload
def kl(p: RealLike, q: Dual, eps: float = ...) -> Dual: ...
@overload
def kl(p: Float64Like, q: Float64Like, eps: float = ...) -> NDArray[np.float64]: ...
@overload
def kl(p: RealLike, q: RealLike, eps: float = ...) -> FloatArray: ...

__all__ = ["kl"]
