"""Reductions over ranks: plans for nests and dual arrays, and their results, also into ``out``."""

from __future__ import annotations

from collections.abc import Sequence
from types import FrameType
from typing import Any

import numpy as np

from numbafunc.backend import is_device_array
from numbafunc.bounded import Bounded
from numbafunc.dual.array import Dual, on_device
from numbafunc.dual.trees import Structure, flatten, flatten_with_names
from numbafunc.interrupts import held_back
from numbafunc.kinds import arguments
from numbafunc.kinds.shortcuts import fits
from numbafunc.parallel import axes
from numbafunc.parallel.axes import MOST_PLANS
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.device import reduce_on_device, through_main_memory
from numbafunc.parallel.dtypes import as_leaf
from numbafunc.parallel.plan import Plan, SingleCall, form_of, plan_for
from numbafunc.parallel.tangents import reduce_duals

# Calls on single arrays, by the arguments of the user.
_prepared = Bounded(MOST_PLANS)
# Plans of nests that hold plain arrays alone.
_prepared_nests = Bounded(MOST_PLANS)
# What the last call at each place of the program was, which is found without hashes of all shapes and dtypes.
_last_nests = Bounded(MOST_PLANS)
axes.ON_CHANGE += (_prepared.clear, _prepared_nests.clear, _last_nests.clear)

_ARRAYS_ALONE = {np.ndarray}


def reduce(
    operation: str,
    x: Any,
    axis_name: Any,
    groups: Any,
    out: Any,
    reproducible: bool,
    frame: FrameType | Place,
    name: Any = None,
) -> Any:
    """The reduction of an array, a number or a nest over an axis."""
    place = frame if type(frame) is Place else Place.of(frame, name)  # type: ignore[arg-type]
    if reproducible is not False:
        reproducible = arguments.check_flag(reproducible, "reproducible")
    key = None
    if type(x) is np.ndarray and groups is None and type(axis_name) is str:
        key = (operation, axis_name, reproducible, x.shape, x.dtype)
        call = _prepared.get(key)
        if call is not None and (out is None or fits(out, x.shape, call.dtype, *(() if out is x else (x,)))):
            return call(x, out, place)
    leaves, structure = flatten_nest(x)
    nest_key = None
    if groups is None and type(axis_name) is str and set(map(type, leaves)) == _ARRAYS_ALONE:
        forms = tuple(map(form_of, leaves))
        nest_key = (operation, axis_name, reproducible, structure, forms)
        last_key = (place, operation, axis_name, reproducible)
        last = _last_nests.get(last_key)
        if last is not None and last[0] == structure and last[1] == forms:
            plan = last[2]
        else:
            plan = _prepared_nests.get(nest_key)
            if plan is not None:
                _last_nests[last_key] = (structure, forms, plan)
        if plan is not None:
            # The leaves of a nest that is its own result are there already.
            if out is None:
                return structure.unflatten(plan.run(leaves, None, place))
            plan.run(leaves, _checked(leaves if out is x else _flat_out(out, structure), plan, leaves), place)
            return out
    try:
        axis = axes.find_made(axis_name, groups, place)
    except axes.NotMadeError:
        with held_back():
            return reduce(operation, x, axis_name, groups, out, reproducible, place)
    if any(type(leaf) is Dual and on_device(leaf) for leaf in leaves):
        if out is not None:
            raise TypeError("out can't hold the result for a dual array, which is a new dual array")

        def in_main_memory(host: list[Any]) -> list[Any]:
            nest = structure.unflatten(host)
            return flatten(reduce(operation, nest, axis_name, groups, None, reproducible, place))[0]

        return structure.unflatten(through_main_memory(leaves, in_main_memory))
    if any(type(leaf) is not np.ndarray and is_device_array(leaf) for leaf in leaves):
        outs = None if out is None else _flat_out(out, structure)
        return structure.unflatten(
            reduce_on_device(operation, leaves, names_of(x, leaves), axis, structure, reproducible, outs, place)
        )
    operands = [
        leaf if type(leaf) is np.ndarray and leaf.dtype.isnative else as_leaf(leaf, name)
        for leaf, name in zip(leaves, names_of(x, leaves))
    ]
    if any(type(operand) is Dual for operand in operands):
        if out is not None:
            raise TypeError("out can't hold the result for a dual array, which is a new dual array")
        return structure.unflatten(reduce_duals(operation, operands, axis, str(structure), reproducible, place))
    plan = plan_for(operation, operands, axis, structure, reproducible)
    outs = None if out is None else _checked(_flat_out(out, structure), plan, operands)
    if key is not None and operands[0] is x:
        call = SingleCall(plan)
        if call.possible:
            _prepared[key] = call
    elif nest_key is not None and all(operand is leaf for operand, leaf in zip(operands, leaves)):
        _prepared_nests[nest_key] = plan
    return structure.unflatten(plan.run(operands, outs, place))


def flatten_nest(x: Any) -> tuple[list[Any], Structure]:
    """As :func:`flatten`, but the order of the keys of a dictionary of arrays is found once."""
    if type(x) is not dict:
        return flatten(x)
    keys = tuple(x)
    known = _dictionaries.get(keys)
    if known is not None:
        order, structure = known
        leaves = list(map(x.__getitem__, order))
        if set(map(type, leaves)) == _ARRAYS_ALONE:
            return leaves, structure
    leaves, structure = flatten(x)
    if len(leaves) == len(keys) and set(map(type, x.values())) == _ARRAYS_ALONE:
        numbers = {id(value): key for key, value in x.items()}
        if len(numbers) == len(keys):
            _dictionaries[keys] = ([numbers[id(leaf)] for leaf in leaves], structure)
    return leaves, structure


_dictionaries = Bounded(MOST_PLANS)


def names_of(x: Any, leaves: Sequence[Any]) -> Sequence[str]:
    """Names of the leaves for errors, worked out only if a leaf has to be checked."""
    if all(type(leaf) is np.ndarray for leaf in leaves):
        return ["x"] * len(leaves)
    return [f"x{name}" for name in flatten_with_names(x)[1]]


def _flat_out(out: Any, structure: Structure) -> list[Any]:
    results, given = flatten_nest(out)
    if given != structure:
        raise ValueError(f"out is nested as {given}; wanted: as x is, {structure}")
    return results


def _checked(results: list[Any], plan: Plan, operands: Sequence[Any]) -> list[Any]:
    """The arrays for results, if they can take them: each may be its own operand, and share memory with no other."""
    if set(map(type, results)) == _ARRAYS_ALONE and plan.takes(results, operands):
        return results
    for form, result, wire in zip(plan.forms, results, plan.wires):
        if not fits(result, form.shape, wire.result):
            arguments.check_out(result, form.shape, wire.result, ())
    others = [x for x, result in zip(operands, results) if x is not result]
    try:
        arguments.check_overlaps(results, others)
    except ValueError:  # perhaps for operands that are replaced, which takes longer to tell
        arguments.check_overlaps(results, [x for x, result in zip(operands, results) if not _is_same(x, result)])
    return results


def _is_same(x: Any, out: Any) -> bool:
    """Whether two arrays are one, element by element."""
    memory, other = x.__array_interface__, out.__array_interface__
    return all(memory[fact] == other[fact] for fact in ("data", "shape", "strides", "typestr"))
