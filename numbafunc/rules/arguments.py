"""Operands and options of NumPy's functions: conversions, axes, and refusals of what dual arrays do not support."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from numbafunc.dual.array import Dual, Operand
from numbafunc.dual.axes import axes_of
from numbafunc.dual.errors import refuse_subclass, refused
from numbafunc.dual.other_arrays import as_mask, as_numpy, long_ints_as_floats
from numbafunc.dual.recorder import Recorder, watch
from numbafunc.dual.storage import replace

UNSET: Any = np._NoValue
"""NumPy's default of options for which None is a value of its own."""

# Options.


def given(**options: Any) -> dict[str, Any]:
    """The options that the user has given."""
    for option in options.values():
        if option is not UNSET and option is not None:
            break
    else:  # in most calls
        return {}
    return {
        name: as_mask(option) if name == "where" else option
        for name, option in options.items()
        if option is not UNSET and option is not None
    }


def refuse(function: str, **options: Any) -> None:
    """Raise TypeError for the first option that the user has given."""
    for name, value in options.items():
        if value is not None and value is not UNSET:
            raise TypeError(f"numpy.{function}: the argument {name} is not supported for dual arrays")


def into(out: Any, result: Any, name: str) -> Any:
    """The result, in `out` if there is one; only a dual array can hold one that has tangents."""
    if out is None:
        return result
    (target,) = out if type(out) is tuple else (out,)
    if type(target) is Dual:
        return replace(target, as_array(result), f"numpy.{name}")
    if type(result) is not Dual:
        target[...] = result
        return target
    raise refused(
        f"numpy.{name}: out can't hold the result for a dual array, as a plain array has no tangents; leave it out "
        "(write x = x + y in place of x += y), or make the array by numpy.zeros_like(x), which is dual itself"
    )


def refuse_plain_target(name: str) -> TypeError:
    """The error for writing a dual array to a plain one."""
    return refused(
        f"numpy.{name}: a plain array can't hold tangents; make the array that is changed by numpy.zeros_like(x), "
        "which is dual itself"
    )


# Axes.


def from_end(axis: Any, ndim: int, allow_duplicate: bool = False) -> tuple[int, ...]:
    """Axes counted from the end, which are the same for a value and its tangents; all of them for None."""
    if axis is None:
        return tuple(range(-ndim, 0))
    if type(axis) is int:
        return (normalize_axis_index(axis, ndim) - ndim,)
    return tuple(one - ndim for one in normalize_axis_tuple(axis, ndim, allow_duplicate=allow_duplicate))


# Operands.


def as_array(x: Operand) -> Any:
    """A dual array as it is, anything else as a NumPy array."""
    return x if type(x) is Dual else np.asarray(x)


def cast(x: Operand, dtype: Any) -> Operand:
    """The operand in a given dtype, if there is one."""
    return x if dtype is None or x.dtype == dtype else x.astype(dtype)


def constant(x: Operand, name: str) -> Operand:
    """An operand that is not a Dual, as an array or Python number; objects are refused."""
    given = x
    if type(x) is np.ndarray or isinstance(x, np.generic):
        kind = x.dtype.kind
    elif type(x) is int:  # a longer one than arrays can hold is a float, as it is beside an array of floats
        return x if -(2**63) <= x < 2**64 else float(x)
    elif type(x) is float or type(x) is bool or type(x) is complex:
        return x
    else:
        refuse_subclass(x, f"{name}: an operand that meets a dual array")
        x = as_numpy(given, f"{name}: an operand")
        if x is not given:
            x = long_ints_as_floats(x)
        kind = x.dtype.kind
    if kind not in "fiubc":
        known = kind != "O" or isinstance(given, (np.ndarray, np.generic))
        what = f"dtype {x.dtype}" if known else f"type {type(given).__name__}"
        raise refused(f"{name}: an operand of {what} can't meet a dual array, which holds numbers")
    return x


def weights_beside(weights: Operand, axis: Any, shape: tuple[int, ...]) -> Any:
    """Weights that broadcast to an array of this shape, given one for each position along the axes, in their order."""
    if weights.shape == shape:
        return weights
    axes = axes_of(axis, len(shape))
    weights = np.transpose(weights, np.argsort(axes))
    return np.reshape(weights, [length if one in axes else 1 for one, length in enumerate(shape)])


def separate(name: str, *operands: Operand) -> tuple[int, list[Any], list[Any]]:
    """The highest level, and for each operand its value and its tangent there; None for one without a tangent."""
    level = max(x.level if type(x) is Dual else 0 for x in operands)
    primals: list[Any] = []
    tangents: list[Any] = []
    for x in operands:
        if type(x) is Dual and x.level == level:
            primals.append(x.primal)
            tangents.append(x.tangent)
        else:
            primals.append(x if type(x) is Dual else np.asarray(constant(x, name)))
            tangents.append(None)
    if any(type(tangent) is Recorder for tangent in tangents):
        for primal, tangent in zip(primals, tangents, strict=True):
            if tangent is None:
                watch(primal, level)
    return level, primals, tangents
