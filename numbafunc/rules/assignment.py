"""Rules of indexing, and of functions that change an array in place.

Each function is run on an array of positions, to find the place of each value; the values are then assigned as by
``x[...] = ...``.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, value_of
from numbafunc.dual.storage import assign, getitem, replace
from numbafunc.rules.arguments import as_array, refuse_plain_target
from numbafunc.rules.register import register, rule_for

register(operator.getitem, getitem)
register(operator.setitem, assign)
register(operator.iadd, replace)  # stands for all operators in place


def _define_assignment(function: Any, *names: str) -> None:
    """Register a function by the names of its arguments: the first is changed, the last holds the values."""

    @rule_for(function)
    def rule(*args: Any, **options: Any) -> None:
        options.update(zip(names, args, strict=False))
        target, value = options.pop(names[0]), options.pop(names[-1])
        if type(target) is not Dual:
            raise refuse_plain_target(function.__name__)
        value = as_array(value)
        source = np.full(target.shape, -1)
        places = np.arange(value.size).reshape(value.shape)
        others = [value_of(options.pop(name)) for name in names[1:-1]]
        further = [value_of(one) for one in args[len(names) :]]
        function(source, *others, places, *further, **{name: value_of(option) for name, option in options.items()})
        changed = source >= 0
        target[changed] = np.take(np.reshape(value, (value.size,)), source[changed])


_define_assignment(np.copyto, "dst", "src")
_define_assignment(np.fill_diagonal, "a", "val")
_define_assignment(np.place, "arr", "mask", "vals")
_define_assignment(np.put, "a", "ind", "v")
_define_assignment(np.putmask, "a", "mask", "values")


@rule_for(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None = -1) -> None:
    if type(arr) is not Dual:
        raise refuse_plain_target("put_along_axis")
    places = np.take_along_axis(np.arange(arr.size).reshape(arr.shape), indices, axis)
    arr[np.unravel_index(places, arr.shape)] = values
