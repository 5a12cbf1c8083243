"""Means over ranks that count differently."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from numbafunc.dual.array import on_device, value_of
from numbafunc.dual.trees import flatten, flatten_with_names
from numbafunc.interrupts import held_back
from numbafunc.kinds import arguments
from numbafunc.parallel import axes
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.device import through_main_memory
from numbafunc.parallel.dtypes import MEAN, SUM, as_leaf, wire_of
from numbafunc.parallel.reduce import reduce


def weighted_mean(x: Any, weight: Any, axis_name: Any, groups: Any, out: Any, reproducible: bool, place: Place) -> Any:
    """The mean over an axis of arrays, numbers or nests of them, each rank with its weight."""
    own = _checked(weight)
    leaves, structure = flatten(x)
    names = [f"x{name}" for name in flatten_with_names(x)[1]]
    if out is not None and on_device(*leaves):
        raise TypeError("out can't take a weighted mean of arrays of a device; leave it out")
    empty = False

    def mean(host: Any) -> list[Any]:
        nonlocal empty
        operands = [as_leaf(leaf, name) for leaf, name in zip(host, names, strict=True)]
        wires = [wire_of(MEAN, operand.dtype) for operand in operands]
        total = reduce(SUM, own, axis_name, groups, None, reproducible, place)
        empty = not value_of(total) > 0
        # Divided before the sum, which is then no larger than the largest of the terms.
        share = own / total
        scaled = []
        for operand, wire in zip(operands, wires, strict=True):
            term = operand if operand.dtype == wire.result else operand.astype(wire.result)
            if value_of(own) == 0 and not empty:  # NaN and inf of a rank that does not count would get into the sum
                term = _numpy.where(np.isfinite(value_of(term)), term, term.dtype.type(0))
            scaled.append(term * share.astype(np.zeros(0, wire.result).real.dtype))
        nest = structure.unflatten(scaled)
        return flatten(reduce(SUM, nest, axis_name, groups, out, reproducible, place))[0]

    with held_back(), np.errstate(all="ignore"):  # two exchanges that belong together
        axes.find_made(axis_name, groups, place)
        results = through_main_memory(leaves, mean) if on_device(*leaves) else mean(leaves)
    if empty:
        warnings.warn("the mean of pmean is empty: all weights are 0", RuntimeWarning, stacklevel=3)
    return structure.unflatten(results)


def _checked(weight: Any) -> Any:
    own = arguments.as_array(weight, "weight", boolean=False)
    if own.ndim:
        raise ValueError(f"weight has shape {own.shape}; wanted: a number")
    own = own.astype(np.float64)
    if not 0 <= value_of(own) < np.inf:
        raise ValueError(f"weight is {weight}; wanted: a number that is finite and not negative")
    return own


# The annotations of NumPy's functions don't allow for dual arrays.
_numpy: Any = np
