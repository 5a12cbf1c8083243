"""The kernels behind what is done to arrays of a device elsewhere, as :mod:`ptx` examines them.

NumPy's functions of dual arrays, conversions, arrays that are filled, copies; and kernels of each kind with indices of
64 bits, which large arrays take.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numbafunc_cuda import copy, elementwise, fill, gather, pad, pool, resize
from numbafunc_cuda.layout import Slot, StoredOperand
from ptx import FLOATS, INTEGERS, Case, ScalarFunction, elementwise_case
from ptx_reduction import TEAMS, reduction_cases

from numbafunc.kinds.elementwise import REGISTRY
from numbafunc.kinds.reduction import REGISTRY as REDUCTIONS
from numbafunc.numbers.keys import VALUE
from numbafunc.rules.device_ufuncs import kernels

_WORDS = ("uint8", "uint16", "uint32", "uint64")


def cases() -> Iterator[Case]:
    """Each kernel."""
    rules = kernels()
    for (ufunc, definition), dtype, order in product(rules["moves"].items(), ("float32", "float64"), ("0", "1", "2")):
        if ufunc.nin > 1 or order == "2":  # the others are in the table already
            yield _rule(ufunc, definition, dtype, order)
    for (ufunc, definition), dtype in product(rules["steps"].items(), FLOATS):
        yield _rule(ufunc, definition, dtype, "0")
    for (ufunc, definition), dtype in product(rules["asks"].items(), (*FLOATS, *INTEGERS)):
        yield _rule(ufunc, definition, "bool", "0", dtype)
    every = (*FLOATS, *INTEGERS, "bool")
    for source, target in product(every, every):
        if source != target:
            yield _rule(np.positive, rules["moves"][np.positive], target, "0", source)
    for (name, element), dtype in product(fill.ELEMENTS.items(), every):
        kernel = fill.build(element, dtype)
        yield _case("fill", name, dtype, "once each", kernel, fill.ARGUMENT_TYPES)
    for word, (span, ndim) in product(_WORDS, (("element", 0), ("once", 0), ("strided", 3))):
        operand = StoredOperand(word, None, (Slot(VALUE, span),))
        form = elementwise.KernelSpec((operand,), word, (VALUE,), (0 if ndim else -1,), -1, ndim, 1, wide=False)
        form = form._replace(lanes=elementwise.lanes_for(form, [np.dtype(word).itemsize]))
        yield _case("movement", "copy", word, span, copy.build(form), form.argument_types())
    yield from _wide()


def _case(kind: str, name: str, dtype: str, layout: str, kernel: Any, types: tuple[Any, ...]) -> Case:
    return Case(kind, name, dtype, "0", layout, lambda: (kernel, types))


def _rule(ufunc: np.ufunc, definition: Any, dtype: str, order: str, storage: str = "") -> Case:
    op = ScalarFunction(definition, ("x", "y")[: ufunc.nin])
    layout = f"flat, of {storage}" if storage else f"flat, {ufunc.nin} operands"
    return elementwise_case(op, f"numpy.{ufunc.__name__}", dtype, order, layout, moving=2, storage=storage)


def _wide() -> Iterator[Case]:
    for layout in ("flat, wide", "strided, wide"):
        yield elementwise_case(REGISTRY["relu"], "relu", "float32", "1", layout, wide=True)
    for team in TEAMS:
        yield from reduction_cases("softmax", REDUCTIONS["softmax"].stages, "float32", "1", team, wide=True)

    def case(kind: str, name: str, kernel: Any, types: tuple[Any, ...]) -> Case:
        return _case(kind, name, "float32", "wide", kernel, types)

    tiles = copy.Tiles("uint32", 1, wide=True)
    yield case("movement", "transpose", copy.build(tiles), tiles.argument_types())
    for constants in (0, 4):
        types = pad.argument_types("uint32", constants, wide=True)
        yield case("padding", "pad", pad.build("uint32", "int64", constants), types)
    for form in ("odd", "ramp"):
        yield case("margins", form, pad.build_margin(form, "float32"), pad.margin_types(form, "float32", wide=True))
    for form in ("mean", "largest", "find"):
        kernel = pool.build(form, "float32", None, "int64")
        yield case("pooling", form, kernel, pool.argument_types(None, wide=True))
    yield case("selection", "gather", gather.build("uint32", "int64"), gather.argument_types("uint32", wide=True))
    kernel = resize.build("float32", "float32", "int64")
    yield case("resize", "interpolate", kernel, resize.argument_types(wide=True))
