"""Back ends: the places where arrays may lie, the way to find the one of an array, and the functions that each brings.

A :class:`Backend` is an object with named entries, all of which :class:`Backend` lists. :data:`CPU` serves arrays in
main memory; modules of this package add its entries beside the ops that need them. Other back ends call
:func:`register`, after which ops and derivatives work on their arrays: nothing else in this package names them. The one
for CUDA devices is imported when the first array of such a device shows up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any, NamedTuple, Protocol, overload

import numpy as np

Function = Callable[..., Any]


class Entry:
    """A function that a back end brings.

    Parameters
    ----------
    signature : str
        Its parameters.
    meaning : str
        What it returns.
    """

    def __init__(self, signature: str, meaning: str) -> None:
        self.signature = signature
        self.meaning = meaning
        self.__doc__ = f"``{signature}``: {meaning}."

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Entry: ...

    @overload
    def __get__(self, instance: Backend, owner: type) -> Any: ...

    def __get__(self, instance: Backend | None, owner: type) -> Any:
        # A function that is known replaces this attribute in the object, so this is not called again.
        return self if instance is None else instance.resolve(self)

    def of(self, backend: Backend, op: str) -> Any:
        """The function of a back end for an op; a TypeError that names the op if there is none."""
        return backend.resolve(self, op)


class Memory(Protocol):
    """The memory of a device as collective functions use it: :attr:`Backend.memory`."""

    def available(self) -> bool:
        """Whether there is a device."""

    def view(self, x: Any) -> Any:
        """An array as one with ``shape``, ``dtype``, ``strides``, ``nbytes``, ``alloc_size``, ``is_c_contiguous()``."""

    def synchronize(self) -> None:
        """Wait until the device has done all that it was given to do."""

    def address(self, x: Any) -> int:
        """The address of the first element of a view, for an MPI that reads the memory of devices."""

    def empty_like(self, x: Any) -> Any:
        """A new C-contiguous array of the same shape and dtype."""

    def copy(self, x: Any) -> Any:
        """A new C-contiguous array with the same elements."""

    def to_device(self, array: np.ndarray[Any, Any], out: Any = None) -> Any:
        """An array of main memory copied to the device, into ``out`` where that is given."""

    def divide(self, x: Any, divisor: int) -> None:
        """Divide the elements of a C-contiguous array of floats in place."""

    def Staging(self, arrays: Any) -> AbstractContextManager[list[np.ndarray[Any, Any]]]:
        """Some arrays copied to main memory that MPI reads fast, for the time of a ``with`` statement."""


class Backend:
    """A back end: the functions that evaluate ops on arrays of one place.

    In the signatures below, ``x`` is an array of the back end or a Dual of such. A ``part`` is one component of it: an
    array as ``view`` gives it whose first ``leading`` axes are directions of tangents; the function acts on the axes
    behind these.

    Parameters
    ----------
    name : str
        What messages call it.
    place : str
        Where its arrays lie, for messages: "an array of {place}".
    entries : mapping of Entry to str, optional
        Functions that are imported when first needed: "module" or "module.function".
    package : str
        The package of these modules.
    """

    # The kinds of ops.
    elementwise = Entry("(op)", "the function run(operands, out, dtype) that evaluates an Elementwise")
    reduction = Entry(
        "(op)",
        "the function run(operands, names, axes, dtype, shape, keepdims, out) that evaluates a Reduction: the results",
    )
    copy = Entry("(part, leading, arrange, *static)", "a copy in the order of the view that arrange names")
    average_pool = Entry("(part, leading, windows)", "means of windows")
    resize = Entry("(part, leading, target, method)", "the array resampled to a shape")
    pad_mapped = Entry("(part, leading, widths, mode)", "margins that repeat elements")
    pad_constant = Entry("(parts, leading, widths)", "margins of constants; parts are an array and its constants")
    pad_odd = Entry("(part, leading, widths, repeat_edge)", "margins of twice the edge less the mirrored elements")
    pad_ramp = Entry("(parts, leading, widths)", "margins that are ramps; parts are an array and the ends of the ramps")
    pad_statistics = Entry("(x, widths, lengths, mode)", "margins that hold a statistic of elements near the edge")
    pad_function = Entry("(x, axis, function)", "the lines along an axis, each replaced by what a function makes of it")
    max_pool = Entry("(x, windows)", "maxima of windows")
    max_pool_with_places = Entry("(x, windows)", "the same, and their positions in a plane as int64")
    top_k = Entry("(x, k, largest)", "largest, or smallest, elements along the last axis, and their indices as int32")

    # Parts of single ops.
    one_hot = Entry("(indices, classes, position)", "the pair of indices and classes that are compared, of one rank")
    labels = Entry(
        "(labels, ndim, classes)", "labels of rows, an array or an int, that broadcast with logits of ndim axes"
    )
    dot = Entry("(p, ratio, q, dtype)", "numpy.dot of p and an array, the logarithms of p / q, in a dtype")

    # Arrays.
    adopt = Entry("(x, name)", "an array of whatever library as the one that ops hand out; TypeError if it can't be")
    view = Entry("(x, name)", "an array as the functions for parts take it, with shape, dtype, ndim and size")
    ufunc = Entry("(ufunc, *operands)", "a ufunc of operands of which one is an array of the back end")
    convert = Entry("(x, dtype)", "a new array, or Dual, with the elements in another dtype")
    zeros = Entry("(shape, dtype, like)", "zeros where another array is")
    full = Entry("(shape, value, dtype, like)", "one number all over, where another array is")

    # Reverse mode: what recorded steps compute with. Here x may have recorded tangents. The transposes get parts of
    # cotangents, and the shape of the operand behind the directions.
    reshape = Entry("(x, shape)", "the elements in another shape")
    transpose = Entry("(x, order)", "the array with its axes in another order")
    broadcast_to = Entry("(x, shape)", "the array broadcast to a shape")
    total = Entry("(x, axes, keepdims)", "the sum over axes")
    largest = Entry("(x, axes)", "the maximum of an array over axes, which are kept; of none, minus infinity")
    picked = Entry("(x, index, axis)", "the element of each row along an axis at its index; NaN where there is none")
    selected = Entry("(x, key)", "the part that an index of numbers and slices selects")
    units = Entry("(count, direction, x)", "tangents of x along some directions: 1 along one of them, else 0")
    scale = Entry("(factor, tangent)", "their product, zero where the tangent is zero")
    mixed = Entry("(a, b)", "their product, zero where either is zero")
    in_main_memory = Entry("(x)", "an array, without tangents, copied to main memory")
    from_main_memory = Entry("(x)", "an array of main memory, without tangents, copied to the back end")
    copy_transpose = Entry("(part, leading, shape, arrange, *static)", "the transpose of copy")
    average_pool_transpose = Entry("(part, leading, shape, windows)", "the transpose of average_pool")
    resize_transpose = Entry("(part, leading, shape, target, method)", "the transpose of resize")
    pad_mapped_transpose = Entry("(part, leading, shape, widths, mode)", "the transpose of pad_mapped")

    # Drivers of derivatives.
    add_direction = Entry("(x)", "a direction as tangents along one")
    only_direction = Entry(
        "(tangent, given)", "the tangent along the only direction, in memory apart from given arrays"
    )
    unit_directions = Entry("(count, shift, x)", "tangents along directions, number i of which moves element i + shift")
    joined = Entry("(pieces)", "arrays joined along the first axis")
    part = Entry("(gradient, start, stop, x)", "the part of a gradient that belongs to x, in its shape and dtype")
    block = Entry(
        "(rows, start, stop, shape, x)", "the part of a Jacobian, directions first, that belongs to x, directions last"
    )

    # Steps of scan.
    scan_leaves = Entry("(leaves, name)", "leaves of a nest as steps get them; TypeError if one can't be had so")
    scan_own = Entry("(leaf, shared)", "a leaf that a step may write to; where shared, elements are only read")
    scan_entries = Entry("(leaves, i)", "the entries of leaves along the first axis")
    scan_zeros = Entry("(leaf)", "an entry of zeros, with tangents where the others have some")
    scan_number = Entry("(number, dtype, like)", "a number of the carry where later ones will be")
    scan_compiled = Entry(
        "(f, init, xs, leaves, entries, steps, reverse)",
        "the last carry and the stacked results of a loop around a function of Numba, given the leaves of both "
        "nests too; None where the loop runs in Python. A back end without one runs all loops there",
    )
    scan_stack = Entry("(steps, first)", "an object that takes results by put(i, leaf) and gives all by stacked()")

    # Collective functions.
    memory = Entry("", "the Memory of the device: an object or a module, not a function")

    def __init__(self, name: str, place: str, entries: Mapping[Entry, str] | None = None, package: str = "") -> None:
        self.name = name
        self.place = place
        self._homes = {} if entries is None else {entry.name: home for entry, home in entries.items()}
        self._package = package

    def __repr__(self) -> str:
        return f"<back end {self.name}>"

    def bring(self, entry: Entry, function: Any) -> None:
        """Add a function, under the name of an entry."""
        vars(self)[entry.name] = function

    def brings(self, entry: Entry) -> Callable[[Function], Function]:
        """Decorator that adds a function, under the name of an entry."""

        def decorate(function: Function) -> Function:
            self.bring(entry, function)
            return function

        return decorate

    def has(self, entry: Entry) -> bool:
        """Whether there is a function of an entry."""
        return entry.name in vars(self) or entry.name in self._homes

    def resolve(self, entry: Entry, op: str = "") -> Any:
        """The function of an entry; TypeError if there is none."""
        found = vars(self).get(entry.name)
        if found is None:
            home = self._homes.get(entry.name)
            if home is None:
                raise TypeError(
                    f"{op or entry.name} can't take an array of {self.place}: the back end {self.name} brings no "
                    f"{entry.name}{entry.signature}, {entry.meaning}"
                )
            module, _, function = home.partition(".")
            found = import_module(f"{self._package}.{module}")
            if function:
                found = getattr(found, function)
            self.bring(entry, found)
        return found


ENTRIES: tuple[Entry, ...] = tuple(entry for entry in vars(Backend).values() if isinstance(entry, Entry))
"""All that a back end brings."""

CPU = Backend("CPU", "main memory")
"""The back end of arrays in main memory."""


class _Owner(NamedTuple):
    """A back end in the registry: ``owns(x)`` tells whether an array is its own, ``load()`` gives it."""

    owns: Callable[[Any], bool]
    place: str
    load: Callable[[], Backend]


# Device types of DLPack: memory of a CUDA device, and managed memory of CUDA.
_DLPACK_DEVICES = (2, 13)


def speaks_cuda(x: Any) -> bool:
    """Whether something is an array of a CUDA device, or of Numba's simulator of one."""
    if getattr(x, "__cuda_ndarray__", False) is True:  # Numba's own
        return True
    locate = getattr(x, "__dlpack_device__", None)
    if locate is not None and not isinstance(x, type):
        return locate()[0] in _DLPACK_DEVICES
    return hasattr(x, "__cuda_array_interface__")


def _load_cuda() -> Backend:
    return import_module("numbafunc_cuda.backend").CUDA  # type: ignore[no-any-return]


_OWNERS: list[_Owner] = [_Owner(speaks_cuda, "a CUDA device", _load_cuda)]
# Types of objects that hold an array as `primal`, or borrow it as `lent`: a dual array belongs to the back end of its
# value.
_HOLDERS: set[type] = set()
# The commonest types of operands and options, which are looked up first.
IN_MAIN_MEMORY = frozenset(
    (np.ndarray, float, int, np.float64, np.float32, np.int64, np.bool_, tuple, list, str, bool, type(None))
)


def register(backend: Backend, owns: Callable[[Any], bool]) -> None:
    """Add a back end for all ``x`` with ``owns(x)``, which is not called for NumPy arrays and Python numbers."""
    _OWNERS.insert(0, _Owner(owns, backend.place, lambda: backend))


def look_inside(holder: type) -> None:
    """Make known a type of objects that belong where their attribute ``primal`` (or ``lent``, if not None) does."""
    _HOLDERS.add(holder)


def _owner(x: Any) -> _Owner | None:
    """The owner of an array, without loading the back end; None for all that is in main memory."""
    if isinstance(x, (np.ndarray, np.generic, float, int)) or type(x) in _HOLDERS:
        return None
    for owner in _OWNERS:
        if owner.owns(x):
            return owner
    return None


def is_device_array(x: Any) -> bool:
    """Whether something is an array of another back end than :data:`CPU`, itself and not as the value of a Dual."""
    return _owner(x) is not None


def place_of(x: Any) -> str:
    """Name of the place of an array, for messages."""
    owner = _owner(x)
    return CPU.place if owner is None else owner.place


def of(*operands: Any) -> Backend:
    """The back end of the first operand that has one other than :data:`CPU`."""
    for x in operands:
        if type(x) not in IN_MAIN_MEMORY:
            while type(x) in _HOLDERS:
                x = x.primal if x.lent is None else x.lent
            owner = _owner(x)
            if owner is not None:
                return owner.load()
    return CPU
