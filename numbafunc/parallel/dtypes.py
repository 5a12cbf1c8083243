"""Dtypes of reductions over ranks: the one that numbers are reduced in, and the one of the result."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from numbafunc.dual.array import Dual
from numbafunc.kinds import arguments

SUM, MEAN, MAX, MIN = "psum", "pmean", "pmax", "pmin"
BROADCAST = "broadcast"

_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)
_INT64 = np.dtype(np.int64)
_BYTE = np.dtype(np.uint8)


class Wire(NamedTuple):
    """Dtypes of one part of a reduction.

    Attributes
    ----------
    carried : numpy.dtype
        Dtype in which the ranks reduce.
    result : numpy.dtype
        Dtype of the result that the user gets.
    word : numpy.dtype
        Dtype of 64 bits, or 128 for complex numbers, in which an element travels in a frame.
    """

    carried: np.dtype[Any]
    result: np.dtype[Any]
    word: np.dtype[Any]


@cache
def wire_of(operation: str, dtype: np.dtype[Any]) -> Wire:
    """The wire format of an operand of this dtype; TypeError for one that can't be reduced."""
    kind = dtype.kind
    if kind == "c" and dtype.itemsize <= 16:
        if operation in (MAX, MIN):
            raise TypeError(f"x has dtype {dtype}; {operation} wants real numbers, since complex ones have no order")
        return Wire(dtype, dtype, np.dtype(np.complex128))
    arguments.check_dtype(dtype, "x", complex_values=operation in (SUM, MEAN))
    if arguments.is_float(dtype):
        # Sums of many 16-bit numbers need a fraction of two bytes or more.
        return Wire(_FLOAT32 if dtype.itemsize == 2 else dtype, dtype, _FLOAT64)
    if operation == MEAN:
        return Wire(_FLOAT64, _FLOAT64, _FLOAT64)
    carried: np.dtype[Any]
    result: np.dtype[Any]
    if operation == SUM and kind != "b" and dtype.itemsize <= 2:
        # Open MPI's sums of these integers stop at the largest one, NumPy's wrap around.
        carried, result = np.dtype(np.int32 if kind == "i" else np.uint32), dtype
    elif kind == "b":
        carried, result = (_INT64, _INT64) if operation == SUM else (_BYTE, dtype)
    else:
        carried = result = dtype
    return Wire(carried, result, np.dtype(np.uint64) if carried.kind == "u" else _INT64)


@cache
def how(operation: str, word: np.dtype[Any]) -> int:
    """The code by which frames combine words of this dtype."""
    from numbafunc.parallel import agreement

    if operation in (SUM, MEAN):
        return agreement.FLOAT_SUM if word.kind in "fc" else agreement.INTEGER_SUM
    names = {"f": "FLOAT", "i": "SIGNED", "u": "UNSIGNED"}
    return int(getattr(agreement, f"{names[word.kind]}_{'MAX' if operation == MAX else 'MIN'}"))


class Native(NamedTuple):
    """Handles of datatype and operation for MPI, and the number of its elements that make one of ours.

    `shared`: whether MPI would let all ranks reduce all elements, so that we share the work.
    """

    datatype: int
    operation: int
    elements: int
    itemsize: int
    shared: bool


@cache
def native(operation: str, carried: np.dtype[Any]) -> Native:
    """Handles for a dtype that is carried."""
    from mpi4py import MPI

    from numbafunc.parallel import mpi_ops
    from numbafunc.parallel.agreement import signed

    elements = 2 if carried.kind == "c" else 1
    itemsize = carried.itemsize // elements
    if carried.kind in "fc":
        datatype = {4: MPI.FLOAT, 8: MPI.DOUBLE}[itemsize]
    else:
        sign = "U" if carried.kind == "u" else ""
        datatype = getattr(MPI, f"{sign}INT{8 * itemsize}_T")
    if operation in (SUM, MEAN):
        handle = signed(MPI.SUM.handle)
    elif carried.kind == "f":
        handle = mpi_ops.operation("max" if operation == MAX else "min", carried.name)
    else:
        handle = signed((MPI.MAX if operation == MAX else MPI.MIN).handle)
    # MPICH does so by operations that are not its own; other MPIs are quicker with their usual way.
    shared = operation not in (SUM, MEAN) and carried.kind == "f" and MPI.get_vendor()[0] == "MPICH"
    return Native(signed(datatype.handle), handle, elements, itemsize, shared)


@cache
def element(itemsize: int) -> int:
    """Handle of the datatype of an element of so many bytes, for data that are moved and not computed with."""
    from mpi4py import MPI

    from numbafunc.parallel.agreement import signed

    datatype = MPI.BYTE.Create_contiguous(itemsize).Commit()
    _KEPT.append(datatype)
    return signed(datatype.handle)


_KEPT: list[Any] = []


def as_leaf(x: Any, name: str) -> Any:
    """An ndarray in native byte order, or a Dual; TypeError for what can't be reduced."""
    operand = arguments.as_array(x, name, complex_values=True)
    return operand if type(operand) is Dual else np.asarray(operand)
