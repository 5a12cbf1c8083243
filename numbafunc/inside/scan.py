"""Loops that carry a state, inside compiled functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba.core import types
from numba.extending import overload
from numba.np.numpy_support import as_dtype

from numbafunc.cpu.polling import NAMES, polled
from numbafunc.inside.operands import flag, implementation, is_integer
from numbafunc.kinds.njit import refresh
from numbafunc.kinds.njit_arguments import known, refuse
from numbafunc.ops import scan as ops


def own(x: Any) -> Any:
    """A nest with copies of its arrays."""


def like(x: Any, new: Any) -> Any:
    """A nest with copies of its arrays, and its numbers in the types of those of another."""


def stacked(y: Any, steps: Any) -> Any:
    """A nest of arrays with room for as many nests like ``y``."""


def put(stack: Any, i: Any, y: Any) -> Any:
    """Store a nest in a nest of arrays."""


def _of_tuple(nest: Any, parameters: str, entry: str) -> Any:
    """The implementation of a function of a tuple, entry by entry."""
    entries = "".join(entry.format(place) + ", " for place in range(len(nest)))
    result = f"Nest({entries})" if isinstance(nest, types.BaseNamedTuple) else f"({entries})"
    namespace = {"own": own, "like": like, "stacked": stacked, "put": put}
    if isinstance(nest, types.BaseNamedTuple):
        namespace["Nest"] = nest.instance_class
    exec(f"def implementation({parameters}):\n    return {result}\n", namespace)
    return namespace["implementation"]


@overload(own, strict=False)
def _own(x: Any) -> Any:
    if isinstance(x, types.BaseTuple):
        return _of_tuple(x, "x", "own(x[{}])")
    return (lambda x: x.copy()) if isinstance(x, types.Array) else lambda x: x


@overload(like, strict=False)
def _like(x: Any, new: Any) -> Any:
    if isinstance(x, types.BaseTuple):
        return _of_tuple(x, "x, new", "like(x[{0}], new[{0}])")
    if isinstance(x, types.Array):
        return lambda x, new: x.copy()
    new = types.unliteral(new)
    if isinstance(x, (types.Number, types.Boolean)) and isinstance(new, (types.Number, types.Boolean)):
        number = as_dtype(new).type
        return lambda x, new: number(x)
    return lambda x, new: x


@overload(stacked, strict=False)
def _stacked(y: Any, steps: Any) -> Any:
    if isinstance(y, types.BaseTuple):
        return _of_tuple(y, "y, steps", "stacked(y[{}], steps)")
    if isinstance(y, types.Array):
        return lambda y, steps: np.empty((steps, *y.shape), y.dtype)
    y = types.unliteral(y)
    if isinstance(y, (types.Number, types.Boolean)):
        dtype = as_dtype(y)
        return lambda y, steps: np.empty(steps, dtype)
    return (lambda y, steps: None) if isinstance(y, types.NoneType) else None


@overload(put, strict=False)
def _put(stack: Any, i: Any, y: Any) -> Any:
    if isinstance(y, types.BaseTuple):
        return _of_tuple(types.Tuple(tuple(y)), "stack, i, y", "put(stack[{0}], i, y[{0}])")
    if isinstance(y, types.NoneType):
        return lambda stack, i, y: None

    def implementation(stack: Any, i: Any, y: Any) -> None:
        stack[i] = y

    return implementation


def _entries(name: str, given: Any, found: list[str]) -> str:
    """Expression of the entries at ``i`` of a nest of arrays; the arrays are added to those found."""
    if known(given) is None:
        return "None"
    if isinstance(given, types.BaseTuple):
        return f"({''.join(_entries(f'{name}[{place}]', one, found) + ', ' for place, one in enumerate(given))})"
    if not isinstance(given, types.Array) or not given.ndim:
        raise refuse("scan", "xs", given, "arrays with at least one axis, in tuples, or None")
    found.append(name)
    return f"{name}[i]"


def _numbers(given: Any) -> int:
    """How many numbers a nest has."""
    if isinstance(given, types.BaseTuple):
        return sum(map(_numbers, given))
    return int(isinstance(types.unliteral(given), (types.Number, types.Boolean)))


def scan(f: Any, init: Any, xs: Any, length: Any, reverse: Any, unroll: Any, until: Any) -> Any:
    """Implementation of scan."""
    if known(until) is not None:
        raise refuse("scan", "until", until, "None inside compiled functions, where a loop can be left by break")
    if not isinstance(f, (types.Dispatcher, types.FunctionType)):
        raise refuse("scan", "f", f, "a function under numba.njit")
    backward = flag("scan", "reverse", reverse)
    arrays: list[str] = []
    entry = _entries("xs", xs, arrays)
    if known(length) is not None and not is_integer(length):
        raise refuse("scan", "length", length, "an integer")
    if not arrays and known(length) is None:
        raise refuse("scan", "length", length, "the number of steps, since xs has no arrays")
    lengths = [f"len({name})" for name in arrays] + (["length"] if known(length) is not None else [])
    nothing = entry
    for name in arrays:
        nothing = nothing.replace(f"{name}[i]", f"np.zeros((1, *{name}.shape[1:]), {name}.dtype)[0]")
    numbers = _numbers(init)
    index = "rest - 1 - step" if backward else "step + 1"
    first = "steps - 1" if backward else "0"
    lines = [
        f"steps = {lengths[0]}",
        *(line for one in lengths[1:] for line in (f"if {one} != steps:", "    raise ValueError('lengths disagree')")),
        "if steps < 0:",
        "    raise ValueError('length is negative')",
        f"i = {first}",
        # Without any step f is called with zeros, to learn the types and shapes.
        f"x = own({entry}) if steps > 0 else own({nothing})",
        # Numbers take the types that a step gives them, which may change those of others in the next round. Only types
        # matter, so that of these steps nothing is left in machine code, unless they write somewhere.
        "start_0 = own(init)",
        *(f"start_{i + 1} = like(init, f(own(start_{i}), own(x))[0])" for i in range(numbers)),
        f"start = start_{numbers}",
        "carry, y = f(own(start), x)",
        "stack = stacked(y, steps)",
        "if steps == 0:",
        "    return start, stack",
        "put(stack, i, y)",
        "rest = steps - 1",
        *polled(
            [f"i = {index}", f"carry, y = f(carry, {entry})", "put(stack, i, y)"], "rest", ["leave_if_interrupted()"]
        ),
        "return carry, stack",
    ]
    return implementation(ops.scan, lines, {"own": own, "like": like, "stacked": stacked, "put": put, **NAMES})


refresh()
