"""Broadcast of the arrays of one rank to all."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, assemble, components, on_device
from numbafunc.dual.recorded import recorded_level
from numbafunc.dual.trees import flatten, flatten_with_names
from numbafunc.interrupts import held_back
from numbafunc.parallel import axes
from numbafunc.parallel.call_site import Place, digest_of
from numbafunc.parallel.device import through_main_memory
from numbafunc.parallel.dtypes import SUM, as_leaf, wire_of
from numbafunc.parallel.tangents import apart_from_recorded, describe_derivatives, shared


def broadcast(x: Any, axis_name: Any, root: Any, place: Place) -> Any:
    """The value that rank `root` of an axis has, on all its ranks."""
    try:
        axis = axes.find_made(axis_name, None, place)
    except axes.NotMadeError:
        with held_back():
            return broadcast(x, axis_name, root, place)
    try:
        root = operator.index(root)
    except TypeError:
        raise TypeError(f"root is {root!r}; wanted: an int") from None
    if not 0 <= root < axis.size:
        raise ValueError(f"root is {root}; wanted: from 0 to {axis.size - 1} on axis {axis.label!r}")
    leaves, structure = flatten(x)
    if on_device(*leaves):

        def in_main_memory(host: list[Any]) -> list[Any]:
            return flatten(broadcast(structure.unflatten(host), axis_name, root, place))[0]

        return structure.unflatten(through_main_memory(leaves, in_main_memory))
    operands = [as_leaf(leaf, f"x{name}") for leaf, name in zip(leaves, flatten_with_names(x)[1])]
    for operand in operands:
        wire_of(SUM, operand.dtype)  # raises for what is not a number
    if recorded_level(*operands):
        # The value of the root is the sum of the ranks' values, zero but for the root's; so is its tangent.
        nest = f"{structure}, broadcast from rank {root}"
        rests, recorded = apart_from_recorded(operands)
        values = flatten(broadcast(structure.unflatten(rests), axis_name, root, place))[0]
        results = [components(value) for value in values]
        for operand, result, some in zip(operands, results, recorded, strict=True):
            for key, part in some.items():
                own: Any = np.where(axis.rank == root, part, 0)
                result[key] = shared(SUM, operand, own, axis, nest, False, place)
        return structure.unflatten([assemble(result) for result in results])
    parts = [components(operand) if type(operand) is Dual else {(): operand} for operand in operands]
    arrays = [np.array(array, order="C") for part in parts for array in part.values()]

    if axis.size > 1:
        forms = [f"{array.dtype} {array.shape}" for array in arrays]
        nest = f"{structure} with derivatives {describe_derivatives(operands)}"
        buffer = np.concatenate([array.reshape(-1).view(np.uint8) for array in arrays]) if arrays else np.empty(0, "u1")
        from numbafunc.parallel.exchange import broadcasting

        facts = ("broadcast", tuple(forms), nest, root)
        known = axis.plans.get(facts)
        if known is None:
            text = f"broadcast of {', '.join(forms)} from rank {root} over {axis.label!r}"
            known = axis.plans[facts] = (digest_of(*facts), text, axis.text(text))
        digest, text, call = known
        steps = np.array([broadcasting(buffer.ctypes.data, buffer.size, root)], np.int64)
        axis.exchange(digest, lambda: text, call, place, steps)
        position = 0
        for array in arrays:
            array.reshape(-1).view(np.uint8)[...] = buffer[position : position + array.nbytes]
            position += array.nbytes
    sent = iter(arrays)
    return structure.unflatten([assemble({levels: next(sent) for levels in part}) for part in parts])
