from collections.abc import Sequence
from typing import Any, Generic, Literal, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from numbafunc._types import RealLike
from numbafunc.errors import CollectiveMismatchError as CollectiveMismatchError

Nest = TypeVar("Nest")
AxisName: TypeAlias = str | tuple[str, ...]
Groups: TypeAlias = Sequence[Sequence[int]] | None
Width: TypeAlias = int | Sequence[int | tuple[int, int]] | dict[int, int] | dict[int, tuple[int, int]]

def psum(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    axis_index_groups: Groups = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Nest: ...
@overload
def pmean(
    x: NDArray[np.integer[Any] | np.bool],
    axis_name: AxisName = "device",
    *,
    weight: float | np.floating[Any] | np.integer[Any] | None = None,
    axis_index_groups: Groups = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> NDArray[np.floating[Any]]: ...
@overload
def pmean(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    weight: float | np.floating[Any] | np.integer[Any] | None = None,
    axis_index_groups: Groups = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Nest: ...
def pmax(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    axis_index_groups: Groups = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Nest: ...
def pmin(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    axis_index_groups: Groups = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Nest: ...

class Handle(Generic[Nest]):
    def wait(self) -> Nest: ...

def psum_start(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    axis_index_groups: Groups = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Handle[Nest]: ...
@overload
def pmean_start(
    x: NDArray[np.integer[Any] | np.bool],
    axis_name: AxisName = "device",
    *,
    axis_index_groups: Groups = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Handle[NDArray[np.floating[Any]]]: ...
@overload
def pmean_start(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    axis_index_groups: Groups = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Handle[Nest]: ...
def broadcast(x: Nest, axis_name: AxisName = "device", *, root: int = 0, name: str | None = None) -> Nest: ...
def all_gather(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    axis: int = 0,
    tiled: bool = False,
    axis_index_groups: Groups = None,
    name: str | None = None,
) -> Nest: ...
def reduce_scatter(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    axis: int = 0,
    tiled: bool = False,
    axis_index_groups: Groups = None,
    name: str | None = None,
) -> Nest: ...
def all_to_all(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    split_axis: int = 0,
    concat_axis: int = 0,
    tiled: bool = False,
    axis_index_groups: Groups = None,
    name: str | None = None,
) -> Nest: ...
def ppermute(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    perm: Sequence[tuple[int, int]],
    axis_index_groups: Groups = None,
    name: str | None = None,
) -> Nest: ...
def pscan(
    x: Nest,
    axis_name: AxisName = "device",
    *,
    op: Literal["sum", "max", "min"] = "sum",
    exclusive: bool = False,
    axis_index_groups: Groups = None,
    name: str | None = None,
) -> Nest: ...
@overload
def pargmax(
    x: RealLike, axis_name: AxisName = "device", *, axis_index_groups: Groups = None, name: str | None = None
) -> NDArray[np.int64]: ...
@overload
def pargmax(
    x: Any, axis_name: AxisName = "device", *, axis_index_groups: Groups = None, name: str | None = None
) -> Any: ...
@overload
def pargmin(
    x: RealLike, axis_name: AxisName = "device", *, axis_index_groups: Groups = None, name: str | None = None
) -> NDArray[np.int64]: ...
@overload
def pargmin(
    x: Any, axis_name: AxisName = "device", *, axis_index_groups: Groups = None, name: str | None = None
) -> Any: ...
def halo(
    x: Nest,
    axes: str | Sequence[AxisName | None] | dict[int, AxisName] = "device",
    *,
    width: Width = 1,
    periodic: bool | Sequence[bool] | dict[int, bool] = False,
    border: complex | Literal["edge", "reflect", "symmetric"] | None = 0,
    out: Any = None,
    name: str | None = None,
) -> Nest: ...
def barrier(axis_name: AxisName = "device", *, axis_index_groups: Groups = None, name: str | None = None) -> None: ...
def axis_index(axis_name: AxisName = "device") -> int: ...
def axis_size(axis_name: AxisName = "device") -> int: ...
def register_axis(name: str, communicator: Any) -> None: ...
def grid(**sizes: int) -> dict[str, int]: ...
def set_timeout(seconds: float) -> None: ...

__all__ = [
    "CollectiveMismatchError",
    "Handle",
    "all_gather",
    "all_to_all",
    "axis_index",
    "axis_size",
    "barrier",
    "broadcast",
    "grid",
    "halo",
    "pargmax",
    "pargmin",
    "pmax",
    "pmean",
    "pmean_start",
    "pmin",
    "ppermute",
    "pscan",
    "psum",
    "psum_start",
    "reduce_scatter",
    "register_axis",
    "set_timeout",
]
