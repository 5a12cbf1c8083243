"""Ghost layers around the blocks of arrays and nests of them, also into ``out``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.bounded import Bounded
from numbafunc.dual.array import Dual, on_device
from numbafunc.dual.trees import Structure, flatten, flatten_with_names
from numbafunc.interrupts import held_back
from numbafunc.kinds import arguments
from numbafunc.parallel import axes as named_axes
from numbafunc.parallel.axes import MOST_PLANS
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.device import through_main_memory
from numbafunc.parallel.dtypes import SUM, as_leaf, wire_of
from numbafunc.parallel.ghosts import Call, is_inside, plan_of, widen, widened_shape
from numbafunc.parallel.margins import margins_of, settings_of
from numbafunc.parallel.messages import address


def halo(x: Any, axes: Any, width: Any, periodic: Any, border: Any, out: Any, place: Place) -> Any:
    """Blocks with the layers of their neighbours around them."""
    key = None
    if type(x) is np.ndarray and (out is None or type(out) is np.ndarray):
        key = (repr((axes, width, periodic, border)), x.shape, x.strides, x.dtype, _relation(x, out))
        prepared = _prepared.get(key)
        if prepared is not None and (out is None or _may_take(out, x)):
            ranks, plan, shape = prepared
            result = np.empty(shape, x.dtype) if out is None else out
            plan.run(ranks, place, (x,), (result,))
            return result
    settings = settings_of(axes, width, periodic, border)
    try:
        ranks = named_axes.find_made(settings.axis_name, None, place)
    except named_axes.NotMadeError:
        with held_back():
            return halo(x, axes, width, periodic, border, out, place)
    leaves, structure = flatten(x)
    names = ["x"] if leaves and leaves[0] is x else [f"x{name}" for name in flatten_with_names(x)[1]]
    call = Call(settings, ranks, str(structure), place, names)
    if on_device(*leaves):
        if out is not None:
            raise TypeError("out can't take the margins of arrays of a device; leave it out")
        with held_back():
            return structure.unflatten(through_main_memory(leaves, lambda host: widen(call, _operands(host, names))))
    operands = _operands(leaves, names)
    outs = None if out is None else _checked_out(out, structure, call, operands)
    results = widen(call, operands, outs)
    if key is not None and operands[0] is x:
        margins = margins_of(settings, call.lines, x.ndim, 0, "x")
        _prepared[key] = ranks, plan_of(call, [x], results, [0], [False], [margins]), results[0].shape
    return structure.unflatten(results)


# Calls on single arrays, by the arguments of the user.
_prepared = Bounded(MOST_PLANS)
named_axes.ON_CHANGE.append(_prepared.clear)


def _relation(x: Any, out: Any) -> Any:
    """What tells how an array lies to one for its result; None in place of a distance where strides differ."""
    if out is None:
        return None
    return out.shape, out.strides, out.dtype, address(x) - address(out) if x.strides == out.strides else None


def _may_take(out: Any, x: Any) -> bool:
    """Whether an array for a result is writeable and certainly lies to the operand as one that was checked."""
    return out.flags.writeable and (x.strides == out.strides or not np.may_share_memory(x, out))


def _operands(leaves: Sequence[Any], names: Sequence[str]) -> list[Any]:
    operands = [as_leaf(leaf, name) for leaf, name in zip(leaves, names, strict=True)]
    for operand in operands:
        wire_of(SUM, operand.dtype)  # raises for what is not a number
    return operands


def _checked_out(out: Any, structure: Structure, call: Call, operands: Sequence[Any]) -> list[Any]:
    if any(type(operand) is Dual for operand in operands):
        raise TypeError("out can't hold the result for a dual array, which is a new dual array")
    outs, given = flatten(out)
    if given != structure:
        raise ValueError(f"out is nested as {given}; wanted: as x is, {structure}")
    apart = []
    for x, target, name in zip(operands, outs, call.names, strict=True):
        margins = margins_of(call.settings, call.lines, x.ndim, 0, name)
        arguments.check_out(target, widened_shape(x.shape, margins), x.dtype, ())
        if not is_inside(x, target, margins):
            apart.append(x)
    arguments.check_overlaps(outs, apart)
    return outs
