"""The variables of a derivative: the leaves of the arguments that hold them, and the runs in which they move.

A run moves some of the variables along unit directions, at a level that nothing else uses. How many
move at once is bounded by the memory of their tangents.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from numbafunc import backend, rules as _rules  # noqa: F401  (fills the tables of rules, which derivatives need)
from numbafunc.autodiff.array_helpers import unit_directions
from numbafunc.backend import is_device_array
from numbafunc.dual.array import Dual, make, settled
from numbafunc.dual.dtypes import is_float, is_long, shorter
from numbafunc.dual.errors import refuse_subclass
from numbafunc.dual.levels import LIVE, Run, leaked, recycle_memory
from numbafunc.dual.other_arrays import as_numpy, held, holds_arrays
from numbafunc.dual.trees import SINGLE, Structure, flatten, flatten_with_names
from numbafunc.kinds.arguments import check_flag
from numbafunc.limits import MOST_AXES, check_memory

# Bytes of tangents of the arguments in one run. For second derivatives, larger chunks repeat the first-order part less
# often, smaller ones are faster in each operation.
CHUNK_BYTES = 64 * 2**20
CHUNK_DIRECTIONS = 1024
MIXED_CHUNK_BYTES = 16 * 2**20
MIXED_CHUNK_DIRECTIONS = 48


class Variables:
    """The arguments to differentiate with respect to, as one long vector of scalars."""

    def __init__(self, args: tuple[Any, ...], positions: tuple[int, ...]) -> None:
        self.args = args
        self.positions = []
        for position in positions:
            if not -len(args) <= position < len(args):
                raise TypeError(f"argnums has {position}, but f was called with {len(args)} positional arguments")
            self.positions.append(position % len(args))
        if len(self.positions) > 1 and len(set(self.positions)) < len(self.positions):
            raise ValueError(f"argnums names an argument twice: {positions}")
        self.leaves: list[Any] = []
        self.structures: list[tuple[Structure, int]] = []
        for position in self.positions:
            if is_usual(args[position]):
                self.leaves.append(args[position])
                self.structures.append((SINGLE, 1))
                continue
            leaves, structure = flatten(args[position])
            if not all(map(is_usual, leaves)):
                names = flatten_with_names(args[position])[1]
                leaves = [
                    floating(leaf, f"argument {position}{name}") for leaf, name in zip(leaves, names, strict=True)
                ]
            self.leaves += leaves
            self.structures.append((structure, len(leaves)))
        for leaf in self.leaves:
            if leaf.ndim >= MOST_AXES:
                _check_axes(leaf, "an argument to differentiate by")
        self.total = sum([leaf.size for leaf in self.leaves])

    @functools.cached_property
    def stops(self) -> list[int]:
        """For each leaf the number of variables up to its end."""
        return list(itertools.accumulate(leaf.size for leaf in self.leaves))

    @functools.cached_property
    def starts(self) -> list[int]:
        """For each leaf the number of variables before it."""
        return [stop - leaf.size for stop, leaf in zip(self.stops, self.leaves, strict=True)]

    def check_columns(self, rows: int, itemsize: int, what: str, wanted: str) -> None:
        """Raise ValueError if a matrix of some rows, with a column for each variable, has no room in memory."""
        check_memory(rows * self.total * itemsize, f"{what} of {rows:,} rows for {self.total:,} variables", wanted)

    def nest(self, part: Callable[[Any, int, int], Any], argnums: int | Sequence[int]) -> Any:
        """Put ``part(leaf, start, stop)``, of each leaf and its range of variables, where the leaf came from."""
        return self.put(list(map(part, self.leaves, self.starts, self.stops)), argnums)

    def put(self, parts: list[Any], argnums: int | Sequence[int]) -> Any:
        """Put one thing for each leaf where the leaf came from."""
        if len(parts) == 1 and self.structures[0][0] is SINGLE and len(self.structures) == 1:
            return (parts[0],) if isinstance(argnums, (tuple, list, range)) else parts[0]
        remaining = iter(parts)
        nested = tuple(
            structure.unflatten(list(itertools.islice(remaining, count))) for structure, count in self.structures
        )
        return nested if isinstance(argnums, (tuple, list, range)) else nested[0]

    def chunks(self, chunk_size: int | None, mixed: bool = False) -> list[range]:
        """Ranges of variables, each for a run, or with any other for a run if `mixed`; without variables an empty one.

        By default the tangents of the arguments stay below ``CHUNK_BYTES``, `mixed` ones below ``MIXED_CHUNK_BYTES``.
        """
        if chunk_size is None:
            chunk_size = self.directions(mixed)
        return [range(first, min(first + chunk_size, self.total)) for first in range(0, max(1, self.total), chunk_size)]

    def directions(self, mixed: bool = False) -> int:
        """How many directions keep the memory of their tangents of the arguments within bounds."""
        bytes_of_one: int = max(1, sum(leaf.size * leaf.dtype.itemsize for leaf in self.leaves))
        if mixed:
            return max(1, min(MIXED_CHUNK_DIRECTIONS, math.isqrt(MIXED_CHUNK_BYTES // bytes_of_one)))
        return max(1, min(CHUNK_DIRECTIONS, CHUNK_BYTES // bytes_of_one))

    def runs(
        self, f: Callable[..., Any], options: dict[str, Any], chunk_size: int | None
    ) -> Iterator[tuple[Any, int, int]]:
        """Run f until every variable has moved: the results, their levels and numbers of directions."""
        for chunk in self.chunks(chunk_size):
            with Run(len(chunk)) as level:
                recycle_memory(level, self.leaves)
                result = f(*self.moved({level: chunk}), **options)
            yield result, level, len(chunk)

    def moved(self, directions: dict[int, range]) -> list[Any]:
        """The arguments of a run that moves, at each of some levels in ascending order, a range of variables."""
        duals = []
        for leaf, start, stop in zip(self.leaves, self.starts, self.stops, strict=True):
            x = leaf
            for level, chunk in directions.items():
                tangent = unit_directions(chunk, start, stop, leaf)
                # A leaf that no direction moves is a constant of that level.
                if tangent is not None:
                    x = make(x, tangent, level)
            duals.append(x)
        return self.arguments(duals)

    def arguments(self, duals: list[Any]) -> list[Any]:
        """The arguments of f with other leaves in place of the variables."""
        arguments = list(self.args)
        if len(self.structures) == 1:
            arguments[self.positions[0]] = self.structures[0][0].unflatten(duals)
            return arguments
        remaining = iter(duals)
        for position, (structure, count) in zip(self.positions, self.structures, strict=True):
            arguments[position] = structure.unflatten(list(itertools.islice(remaining, count)))
        return arguments


def _check_axes(x: Any, name: str) -> None:
    """Raise ValueError for an array to whose axes no axis of directions can be added."""
    if x.ndim >= MOST_AXES:
        raise ValueError(f"{name} has {x.ndim} axes; wanted: at most {MOST_AXES - 1}, since tangents have one more")


def is_usual(x: Any) -> bool:
    """Whether something is a floating array that needs no check, for which that would take longest."""
    return type(x) is np.ndarray and x.dtype.char in "fd" and x.dtype.isnative


def as_array(x: Any, name: str) -> Any:
    """A Dual as it is if its derivative is being taken, anything else as an array of numbers."""
    if is_usual(x):
        return x
    x = settled(held(x))
    if type(x) is Dual:
        if x.level not in LIVE:
            raise leaked(x.level)
        return x
    if type(x) is not np.ndarray and is_device_array(x):
        return backend.of(x).adopt(x, name)
    refuse_subclass(x, name)
    if holds_arrays(x):
        raise TypeError(f"{name} is a {type(x).__name__} of xarray; it must be an array or a number")
    if isinstance(x, (np.ndarray, np.generic, float, int, complex)) or hasattr(x, "__array__"):
        array = as_numpy(x, name)
        if array.dtype.kind == "O":
            raise TypeError(f"{name} holds objects, not numbers; join dual arrays with numpy.stack([x, y])")
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    raise TypeError(f"{name} is a {type(x).__name__}; it must be an array or a number{_instead_of(x)}")


def _instead_of(x: Any) -> str:
    """What to make of an object of the user's class."""
    own = type(x).__module__ != "builtins" and hasattr(x, "__dict__")
    if not own:
        return ""
    return ", or of a dataclass whose constructor takes all fields, or registered by optree.register_pytree_node"


def floating(x: Any, name: str, otherwise: str = "") -> Any:
    """The variable of a derivative as an array; TypeError unless it is real and floating."""
    array = as_array(x, name)
    if array.dtype.kind == "c":
        raise TypeError(f"{name} is complex ({array.dtype}); derivatives are taken of real floating arguments only")
    if is_long(array.dtype):
        raise TypeError(
            f"{name} has dtype {array.dtype} (long double); a derivative needs a floating argument of at most 64 bits: "
            f"pass .{shorter(array.dtype)}{otherwise}"
        )
    if not is_float(array.dtype):
        raise TypeError(
            f"{name} has dtype {array.dtype}; a derivative needs a floating argument, float64 for example{otherwise}"
        )
    return array


def paired(primals: Sequence[Any], tangents: Sequence[Any]) -> Iterator[tuple[Structure, list[Any], list[Any]]]:
    """For each argument its nest, its leaves and the leaves of its tangent, which fit or are None."""
    check_pair(primals, tangents)
    return _paired(primals, tangents)


def check_pair(primals: Any, tangents: Any) -> None:
    """Raise TypeError unless arguments and their tangents are sequences of the same length."""
    for name, group in (("primals", primals), ("tangents", tangents)):
        if not isinstance(group, (tuple, list)):
            raise TypeError(f"{name} must be a tuple or list of arguments, not {type(group).__name__}")
    if len(primals) != len(tangents):
        raise TypeError(f"primals has {len(primals)} entries and tangents has {len(tangents)}; they must agree")


def _paired(primals: Sequence[Any], tangents: Sequence[Any]) -> Iterator[tuple[Structure, list[Any], list[Any]]]:
    for position, (primal, tangent) in enumerate(zip(primals, tangents, strict=True)):
        if type(primal) is np.ndarray and type(tangent) is np.ndarray:
            dtype = primal.dtype
            # The common case, for which the checks below would take longer than a short computation.
            usual = dtype.char in "efd" and dtype.isnative and primal.ndim < MOST_AXES
            if tangent.dtype is dtype and usual and tangent.shape == primal.shape:
                yield SINGLE, [primal], [tangent]
                continue
        leaves, names, structure = flatten_with_names(primal)
        directions = structure.flatten_like(tangent)
        if directions is None:
            raise TypeError(
                f"tangents[{position}] is nested as {flatten(tangent)[1]}; "
                f"it must be nested as primals[{position}], {structure}"
            )
        for i, (leaf, name) in enumerate(zip(leaves, names, strict=True)):
            if directions[i] is not None:
                leaves[i] = floating(leaf, f"primals[{position}]{name}", "; with None for its tangent it is a constant")
                _check_axes(leaves[i], f"primals[{position}]{name}")
                directions[i] = _fitting(directions[i], leaves[i], f"[{position}]{name}")
        yield structure, leaves, directions


def _fitting(direction: Any, value: Any, place: str) -> Any:
    """The tangent of a leaf as an array."""
    direction = as_array(direction, f"tangents{place}")
    here = backend.of(direction), backend.of(value)
    if here[0] is not here[1]:
        where = here[0].place if here[1] is backend.CPU else here[1].place
        raise TypeError(f"tangents{place} and primals{place} are not both in main memory or both on {where}")
    if direction.dtype != value.dtype:
        raise TypeError(
            f"tangents{place} has dtype {direction.dtype}; it must be that of primals{place}, {value.dtype}"
        )
    if direction.shape != value.shape:
        raise ValueError(
            f"tangents{place} has shape {direction.shape}; it must be that of primals{place}, {value.shape}"
        )
    return direction


def split(x: Any, level: int, name: str) -> tuple[Any, Any]:
    """An output's value, and its tangent at `level` or None where it does not depend on the variables."""
    if type(x) is Dual and x.level == level:
        return x.primal, x.tangent
    x = held(x)
    if type(x) is Dual and x.level == level:
        return x.primal, x.tangent
    array = as_array(x, name)
    return array, None


def scalar(x: Any, level: int) -> tuple[Any, Any]:
    """Value and tangent of an output, as :func:`split` gives them; TypeError unless it is a floating scalar."""
    if type(x) is not Dual:
        x = held(x)
    if type(x) is Dual and x.level == level and x.primal.shape == () and is_float(x.primal.dtype):
        return x.primal, x.tangent
    wanted = "the function to differentiate must return a floating scalar, of shape (); "
    if not isinstance(x, (Dual, np.ndarray, np.generic, float, int, complex)) and not is_device_array(x):
        raise TypeError(f"{wanted}it returned {'None' if x is None else 'a ' + type(x).__name__}")
    primal, tangent = split(x, level, "the output of f")
    if not is_float(primal.dtype):
        raise TypeError(f"{wanted}it returned dtype {primal.dtype}")
    if primal.shape != ():
        raise TypeError(f"{wanted}it returned shape {primal.shape}; use jacfwd for a Jacobian")
    return primal, tangent


def pair(result: Any) -> tuple[Any, Any]:
    """The value and the auxiliary result of a function that returns both."""
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError("with has_aux, f must return a pair (value, aux) as a tuple")
    return result


def constant(tree: Any, *run: int) -> Any:
    """An auxiliary result without its tangents at the levels of the run, given in ascending order."""

    def drop(x: Any) -> Any:
        for level in reversed(run):
            if type(x) is Dual and x.level == level:
                x = x.primal
        return x

    leaves, structure = flatten(tree)
    plain = list(map(drop, leaves))
    # Objects in which there is nothing to drop are handed through as they are.
    return tree if all(map(operator.is_, plain, leaves)) else structure.unflatten(plain)


def check_argnums(argnums: int | Sequence[int]) -> tuple[int, ...]:
    """The positions as a tuple; TypeError unless there is at least one and all are ints."""
    positions = tuple(argnums) if isinstance(argnums, (tuple, list, range)) else (argnums,)
    if not positions or not all(map(_is_int, positions)):
        raise TypeError(f"argnums must be an int or a non-empty sequence of ints, not {argnums!r}")
    return positions


def _is_int(x: Any) -> bool:
    if isinstance(x, (bool, np.ndarray)) or not hasattr(x, "__index__"):
        return False
    try:
        operator.index(x)
    except TypeError:
        return False
    return True


def check_function(f: Any, driver: str, has_aux: Any) -> bool:
    """The flag ``has_aux`` as bool; TypeError unless a driver is given a function and a flag."""
    if not callable(f):
        raise TypeError(f"{driver} is given a {type(f).__name__}; wanted: a function to differentiate")
    return has_aux is not False and check_flag(has_aux, "has_aux")


def check_chunk_size(chunk_size: int | None) -> None:
    """Raise unless a chunk size is a positive int or None."""
    if chunk_size is not None and (type(chunk_size) is not int):
        raise TypeError(f"chunk_size must be an int or None, not {chunk_size!r}")
    if chunk_size is not None and chunk_size < 1:
        raise ValueError(f"chunk_size is {chunk_size}; at least one direction must run")
