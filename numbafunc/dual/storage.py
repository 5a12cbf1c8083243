"""Memory of dual arrays: views, and assignment that every view sees.

NumPy's reshapes and slices are views: writing to one array changes all that share its memory. The value of a dual array
that is made by such a function is a view for NumPy, but its tangents may lie in memory of another kind: shared with an
unrelated array (the tangent of ``x + 1`` is that of ``x``), repeated by broadcasting, in another order. So dual arrays
that are views of one another form a family: it holds the storage, and for each member the functions that lead from the
storage to it. Nothing is copied until a member is assigned to. Then the storage is given memory of its own, the
assignment is made in the member's view of that, and all members that are alive are derived anew. An array that belongs
to the caller of a differentiated function is therefore never written to.

A recorder has no memory: it refers to a step of a tape, and an assignment makes it refer to another one.
"""

from __future__ import annotations

import operator
import sys
import weakref
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from numbafunc.dual.array import (
    Components,
    Dual,
    Operand,
    components,
    is_blank,
    make,
    settled,
    value_of,
)
from numbafunc.dual.errors import shown_elsewhere
from numbafunc.dual.levels import LIVE
from numbafunc.dual.nests import array_of, holds_dual
from numbafunc.dual.other_arrays import long_ints_as_floats
from numbafunc.dual.own_memory import IN_DICTIONARY, Part, is_alone, own
from numbafunc.dual.recorder import WATCHED, Recorder

Apply: TypeAlias = Callable[[Any, int], Any]
"""A function applied to one component, an array with `lead` axes of directions in front."""


class _Memory:
    """The memory of an array, as the base of plain arrays, which live no longer than this."""

    __slots__ = ("__array_interface__", "__weakref__", "_array")

    def __init__(self, array: Part) -> None:
        self.__array_interface__ = array.__array_interface__
        self._array = array


class Family:
    """Dual arrays that are views of one storage."""

    __slots__ = ("blank", "limit", "members", "shown", "storage")

    def __init__(self, storage: Dual) -> None:
        self.storage = storage
        self.blank = False
        self.members: list[weakref.ref[Dual]] = []
        self.limit = 8
        # Of a blank array: what keeps its memory for plain arrays that others have been given.
        self.shown: list[weakref.ref[_Memory]] = []

    def add(self, member: Dual, path: tuple[Any, Apply] | None) -> None:
        """Make `member` a view; its path is None for the storage itself, else (path of another member, function)."""
        if len(self.members) >= self.limit:
            self.living()
            self.limit = 2 * len(self.members) + 8
        self.members.append(weakref.ref(member))
        member.family = (self, path)

    def living(self) -> list[Dual]:
        """The members that are still in use."""
        found = [(reference, member) for reference in self.members if (member := reference()) is not None]
        self.members = [reference for reference, _ in found]
        return [member for _, member in found]


def show(x: Dual) -> Part:
    """A plain array in the memory of a blank dual array; while it or a view of it exists, `x` has to stay blank."""
    detach(x)  # it may be written to
    memory = _Memory(value_of(x))
    shown = x.family[0].shown
    if len(shown) >= 8:
        shown[:] = [reference for reference in shown if reference() is not None]
    shown.append(weakref.ref(memory))
    array = np.asarray(memory)
    return array if array.shape == x.shape else array.reshape(x.shape)


def componentwise(x: Operand, apply: Apply, lead: int = 0) -> Any:
    """Apply a linear function, or one that rearranges elements, to every component of an array or Dual."""
    if type(x) is not Dual:
        return apply(x, lead)
    primal, tangent = x.primal, x.tangent
    primal = componentwise(primal, apply, lead) if type(primal) is Dual else apply(primal, lead)
    tangent = componentwise(tangent, apply, lead + 1) if type(tangent) is Dual else apply(tangent, lead + 1)
    if type(primal) is not np.ndarray and type(primal) is not Dual:
        primal = np.asarray(primal)
        # A single element is a number with memory of its own, like NumPy's.
        tangent = tangent.copy()
    return make(primal, tangent, x.level)


def view(x: Operand, apply: Apply) -> Any:
    """Apply a function that gives views of arrays where it can."""
    if type(x) is not Dual:
        return apply(x, 0)
    result = componentwise(x, apply)
    value, source = value_of(result), value_of(x)
    if value is source:
        return x
    if _is_view(value, source):
        if x.family is None:
            Family(make(x.primal, x.tangent, x.level)).add(x, None)
        family, path = x.family
        family.add(result, (path, apply))
    return result


def _is_view(value: Any, source: Any) -> bool:
    """Whether an array shows the memory of another one, directly or, as sliding windows do, by way of others."""
    base = value.base
    while base is not None:
        if base is source or base is source.base:
            return True
        base = getattr(base, "base", None)
    return False


def _follow(storage: Any, path: Any) -> Any:
    """The view of a storage that a path leads to."""
    functions = []
    while path is not None:
        path, apply = path
        functions.append(apply)
    for apply in reversed(functions):
        storage = componentwise(storage, apply)
    return storage


def _derive(member: Dual, family: Family, path: Any) -> None:
    derived = _follow(family.storage, path)
    member.primal, member.tangent, member.level = derived.primal, derived.tangent, derived.level


def _write_back(member: Dual, family: Family, path: Any) -> None:
    """Let the recorders of a storage see what was written to those of a member, which share no memory with them."""
    storage = family.storage
    written, whole = components(member), components(storage)
    if path is None or not any(type(part) is Recorder for part in whole.values()):
        return
    numbers = np.arange(storage.size).reshape(storage.shape)
    positions = np.asarray(_follow(numbers if storage.dtype.kind != "c" else numbers + 1j * (numbers + 0.5), path))
    # Halves tell that the member consists of imaginary parts.
    of_imaginary = positions.dtype.kind == "f" and bool((positions % 1 == 0.5).any())
    behind = np.unravel_index(positions.real.astype(np.intp), storage.shape or (1,))
    for levels, part in whole.items():
        if type(part) is Recorder:
            new = written[levels]
            if new.dtype.kind != part.dtype.kind:
                had = _read_behind(part, len(levels), behind)
                new = had.real + 1j * new if of_imaginary else new + 1j * had.imag
            write_behind(part, len(levels), behind, new)


def _read_behind(array: Any, lead: int, behind: Any) -> Any:
    """The elements of a component at an index of the axes behind its directions."""
    return (array if array.ndim > lead else array[..., np.newaxis])[(*(slice(None),) * lead, *behind)]


# Indexing.

_BASIC = (int, slice, type(None), type(Ellipsis), np.integer)


def is_basic(key: Any) -> bool:
    """Whether an index consists of numbers and slices: it selects no element twice, and can be put behind others."""
    for part in key if type(key) is tuple else (key,):
        if type(part) is not slice and (type(part) is bool or not isinstance(part, _BASIC)):
            return False
    return True


def _is_adjacent(key: Any) -> bool:
    """Whether an index with arrays can be put behind the slices for the directions.

    It can if its numbers and arrays stand side by side: then NumPy leaves the axes that they make in their place.
    """
    places = []
    for place, part in enumerate(key if type(key) is tuple else (key,)):
        if (type(part) is np.ndarray and part.ndim) or type(part) is int:
            places.append(place)
        elif not isinstance(part, (slice, type(None), type(Ellipsis))):
            return False
    return places[-1] - places[0] < len(places)


def _refuse_dual_key(key: Any) -> None:
    for part in key if type(key) is tuple else (key,):
        if isinstance(part, Dual) or (isinstance(part, list) and any(isinstance(one, Dual) for one in part)):
            raise TypeError("a dual array can't be an index; take numbafunc.stop_gradient(x) first")


def getitem(x: Dual, key: Any) -> Any:
    """``x[key]``: a view where NumPy's would be one, a copy for a single element or with arrays of indices."""
    kind = type(key)
    behind = key if kind is tuple else (key,)
    if kind is slice or kind is int or (kind is not np.ndarray and is_basic(key)):
        return view(x, lambda v, lead: v[(slice(None),) * lead + behind if lead else behind])
    if kind is not np.ndarray:
        _refuse_dual_key(key)
    if key.ndim if kind is np.ndarray else _is_adjacent(key):
        return componentwise(x, lambda v, lead: v[(slice(None),) * lead + behind])
    # NumPy would put the axes of index arrays in front of the directions: index positions instead.
    positions = np.arange(x.size).reshape(x.shape)[key]
    return gather(x, positions)


def gather(x: Operand, positions: Any) -> Any:
    """The elements at positions in row-major order."""
    size = x.size

    def apply(v: Any, lead: int) -> Any:
        taken = (v if v.ndim == lead + 1 else v.reshape((*v.shape[:lead], size))).take(positions, lead)
        return taken if type(taken) is Recorder or type(taken) is np.ndarray else np.asarray(taken)

    return componentwise(x, apply)


# Assignment.


def _check_writeable(x: Dual) -> None:
    if not value_of(x).flags.writeable:
        raise ValueError("assignment destination is read-only")


def parts_to_store(x: Dual, value: Operand) -> Components:
    """The components of a value that is about to be stored in `x`."""
    value = settled(value)
    if type(value) is not Dual:
        value = array_of(value) if (type(value) is list or type(value) is tuple) and holds_dual(value) else value
        value = value if type(value) is Dual else long_ints_as_floats(np.asarray(value))
    kind = value.dtype.kind
    if kind not in "fiubV" and not (kind == x.dtype.kind == "c"):
        raise TypeError(f"a value of dtype {value.dtype} can't be stored in a dual array of dtype {x.dtype}")
    if type(value) is Dual and value.family is not None and x.family is not None and value.family[0] is x.family[0]:
        # The other members give up their arrays during the assignment.
        return {key: part.copy() for key, part in components(value).items()}
    return components(value)


def _is_same_place(x: Dual, key: Any, value: Operand) -> bool:
    """Whether `value` is the view ``x[key]`` itself, as in the second half of ``x[key] += y``."""
    if type(value) is not Dual or value.family is None or x.family is None or value.family[0] is not x.family[0]:
        return False
    if not is_basic(key):
        return False
    target, array = value_of(x)[key], value_of(value)
    return bool(
        target.shape == array.shape and target.strides == array.strides and target.ctypes.data == array.ctypes.data
    )


def assign(x: Dual, key: Any, value: Operand) -> None:
    """``x[key] = value``: the tangents of what is overwritten are replaced, by zero if the value is a constant.

    A value that has levels which `x` lacks makes it an array of these levels, all its views included.
    """
    _refuse_dual_key(key)
    if _is_same_place(x, key, value):
        return
    parts = parts_to_store(x, value)
    change(x, parts, lambda own: _store(own, key, parts))


def _is_kept(family: Family) -> bool:
    """Whether something else refers to the memory of a blank family, such as steps of a tape that need its values."""
    arrays: list[Any] = [family.storage.primal]
    arrays += [member.primal for member in family.living()]
    expected: dict[int, int] = {}
    for array in arrays:
        while True:
            known = expected.get(id(array), 0)
            expected[id(array)] = known + 1
            if known or type(array) is not np.ndarray or array.base is None:
                break
            array = array.base
    held: dict[int, Any] = {}
    while arrays:
        array = arrays.pop()
        if id(array) not in held:
            held[id(array)] = array
            if type(array) is np.ndarray and array.base is not None:
                arrays.append(array.base)
    del array
    return any(sys.getrefcount(held[key]) > expected[key] + IN_DICTIONARY for key in held)


def _is_shown(family: Family) -> bool:
    """Whether plain arrays that others have been given show the memory of a blank family."""
    return any(reference() is not None for reference in family.shown)


def detach(x: Dual) -> None:
    """Give a blank array that is about to be written to other memory, where steps of a tape need it as it is."""
    family = x.family[0]
    if WATCHED and x.level in LIVE and not _is_shown(family) and _is_kept(family):
        family.storage.primal = family.storage.primal.copy(order="K")
        for member in family.living():
            _derive(member, *member.family)


def change(x: Dual, parts: Components, write: Callable[[Components], None]) -> None:
    """Write to the components of `x`, in memory of its own, and let all views see it."""
    _check_writeable(x)
    constant = is_blank(x)
    if constant:
        if len(parts) == 1:
            detach(x)
            write({(): value_of(x)})  # all views share this memory
            return
        if _is_shown(x.family[0]):
            raise shown_elsewhere()
        x.family[0].blank = False
    if is_alone(x):
        own(x, parts, constant)
        write(components(x))
        return
    family, path = x.family
    members = family.living()
    for member in members:
        # Their references would count as other owners of the arrays.
        member.primal = member.tangent = None
    try:
        own(family.storage, parts, constant)
        _derive(x, family, path)
        write(components(x))
        _write_back(x, family, path)
    finally:
        for member in members:
            _derive(member, *member.family)


def _store(own: Components, key: Any, parts: Components) -> None:
    value = own[()]
    value[key] = _fitting(parts[()], 0, value, key)
    behind: Any
    if is_basic(key):
        behind = key if type(key) is tuple else (key,)
    else:
        # At least one axis, so that there is something to index.
        shape = value.shape or (1,)
        positions = np.arange(value.size).reshape(value.shape)[key]
        behind = np.unravel_index(positions, shape)
    for levels, array in own.items():
        if not levels:
            continue
        part = parts.get(levels)
        fitting = 0 if part is None else _fitting(part, len(levels), value, key)
        write_behind(array, len(levels), behind, fitting)


def write_behind(array: Any, lead: int, behind: Any, values: Any, write: Callable[..., Any] = operator.setitem) -> None:
    """Write values to a component at an index of the axes behind its directions, or at one of an axis that it lacks."""
    key = (*(slice(None),) * lead, *behind)
    if array.ndim > lead or not any(type(part) is np.ndarray for part in behind):
        write(array, key, values)
        return
    with_axis = array[..., np.newaxis]
    write(with_axis, key, values)
    if type(array) is Recorder:
        array.become(with_axis[..., 0])


def _fitting(part: Part, lead: int, value: Part, key: Any) -> Part:
    """A component of the value to store, with as many axes behind the directions as the place has."""
    ndim = np.ndim(value[key]) if lead or part.ndim > 1 else part.ndim
    directions, shape = part.shape[:lead], part.shape[lead:]
    if len(shape) == ndim:
        return part
    if len(shape) < ndim:
        return part.reshape((*directions, *(1,) * (ndim - len(shape)), *shape))
    surplus = len(shape) - ndim
    return part.reshape((*directions, *shape[surplus:])) if set(shape[:surplus]) == {1} else part


def replace(x: Dual, result: Operand, name: str) -> Dual:
    """Let `x` hold a result, as the operators in place do (``x += y``)."""
    if result.shape != x.shape:
        raise ValueError(
            f"non-broadcastable output operand with shape {x.shape} doesn't match the broadcast shape {result.shape}"
        )
    if not np.can_cast(result.dtype, x.dtype, "same_kind"):
        raise TypeError(f"{name}: a result of dtype {result.dtype} can't be stored in an array of dtype {x.dtype}")
    if type(result) is Dual and result.family is None and result.dtype == x.dtype and is_alone(x):
        # Nothing else refers to the result, so it need not be copied.
        _check_writeable(x)
        x.primal, x.tangent, x.level, x.lent = result.primal, result.tangent, result.level, None
    else:
        assign(x, ..., result)
    return x
