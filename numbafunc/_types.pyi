"""What the signatures in the stubs of this package are made of. There is no such module at run time."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import NDArray
from typing_extensions import ParamSpec, TypeVar

from numbafunc.dual.array import Dual

_Item = TypeVar("_Item", covariant=True)

class _HasToNumpy(Protocol):  # pandas, xarray
    def __array_ufunc__(self, ufunc: Any, method: Any, /, *inputs: Any, **kwargs: Any) -> Any: ...
    def to_numpy(self) -> Any: ...

class _HasCompute(Protocol):  # Dask
    def __array_ufunc__(self, ufunc: Any, method: Any, /, *inputs: Any, **kwargs: Any) -> Any: ...
    def compute(self) -> Any: ...

class _SupportsArray(Protocol):
    def __array__(self) -> NDArray[np.bool | np.integer[Any] | np.floating[Any]]: ...

class _SupportsComplexArray(Protocol):
    def __array__(self) -> NDArray[np.bool | np.number[Any]]: ...

class _Nest(Protocol[_Item]):
    # Neither str nor bytes, which contain no objects of any type, nor an array, which lacks __reversed__.
    def __contains__(self, x: object, /) -> bool: ...
    def __len__(self, /) -> int: ...
    def __reversed__(self, /) -> Iterator[_Item | _Nest[_Item]]: ...
    def __getitem__(self, index: int, /) -> _Item | _Nest[_Item]: ...

_Whole: TypeAlias = np.bool | np.integer[Any]
_Float64: TypeAlias = float | np.float64 | _Whole | NDArray[_Whole]
Float64Like: TypeAlias = _Float64 | _Nest[_Float64]
"""What is taken as float64: Python's numbers, integers, nests of them."""

_Real: TypeAlias = float | _Whole | np.floating[Any] | _SupportsArray | Dual
RealLike: TypeAlias = _Real | _Nest[_Real]
"""Real numbers, arrays, and nests of them."""

_Number: TypeAlias = complex | np.bool | np.number[Any] | _SupportsComplexArray | Dual
NumberLike: TypeAlias = _Number | _Nest[_Number]
"""Real or complex numbers, arrays, and nests of them."""

FloatArray: TypeAlias = NDArray[np.floating[Any]]
Axes: TypeAlias = SupportsIndex | Sequence[SupportsIndex] | None
Pair: TypeAlias = SupportsIndex | Sequence[SupportsIndex]

Float = TypeVar("Float", bound=np.floating[Any])
Inexact = TypeVar("Inexact", bound=np.inexact[Any])
Element = TypeVar("Element", bound=np.bool | np.number[Any])

Kept = TypeVar("Kept", bound=NDArray[np.floating[Any]] | Dual | _HasToNumpy | _HasCompute)
"""What elementwise functions give back as what it is: its shape, its dtype, the labels of another library."""

KeptNumbers = TypeVar("KeptNumbers", bound=NDArray[np.bool | np.number[Any]] | Dual | _HasToNumpy | _HasCompute)
"""The same, for functions that keep integers."""

Normalized = TypeVar("Normalized", bound=NDArray[np.floating[Any]] | Dual)

# Not known are the variables of a lambda. With these bounds and defaults they are Any there, and what is made of it.

X = TypeVar("X", bound=Any, default=Any)
Y = TypeVar("Y", bound=Any, default=Any)
R = TypeVar("R", bound=Any, default=Any)
Aux = TypeVar("Aux", bound=Any, default=Any)
P = ParamSpec("P", default=...)
