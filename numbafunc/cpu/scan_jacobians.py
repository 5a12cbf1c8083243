"""Two loops for reverse mode through a scan around a compiled function, forth and back.

The first one takes the steps on plain values, as the loop without derivatives does, and finds the Jacobian of each on
the way: the step is taken once more, on numbers that move along all unit directions of carry and entries, up to eight
at a time. The other one goes back over the Jacobians with the cotangents.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import types

from numbafunc.cpu import scan
from numbafunc.cpu.differentiated import copy_for, entrance, exit_of, identity_of
from numbafunc.cpu.dispatchers import compile_lazily, compile_loop, part_of_loop
from numbafunc.cpu.polling import polled, raise_what_came
from numbafunc.numbers.numba_array import make_lanes, make_store, make_unit
from numbafunc.numbers.numba_type import NumberType
from numbafunc.result_memory import empty_result

TOO_LARGE, NOT_FINITE, SHARED = -2, -3, -4
"""What the first loop returns in place of 0 if the Jacobians have too many elements, one of them is not finite, or
leaves of the carry share memory."""


class JacobianLoop:
    """The first loop, for a carry and entries of given types.

    Parameters
    ----------
    loop : CompiledLoop
        The loop on plain values.
    f : dispatcher
        The user's function.
    names : list of str
        What leaves of the carry are called in messages.
    state, moving : tuple of int
        The leaves of the carry, and the entries, by which there are derivatives.
    algebra : Algebra
        That of numbers with as many lanes as there are elements in these, or eight.
    """

    def __init__(
        self, loop: Any, f: Any, names: list[str], state: tuple[int, ...], moving: tuple[int, ...], algebra: Any
    ) -> None:
        self.loop = loop
        carry_types = tuple(_moved(type_, algebra) if i in state else type_ for i, type_ in enumerate(loop.carry_types))
        x_types = tuple(_moved(type_, algebra) if i in moving else type_ for i, type_ in enumerate(loop.x_types))
        none = (False,) * len(carry_types)
        copy = copy_for(f, algebra)
        carry_types, returned = scan.settled_types(
            copy, loop.carry_form, carry_types, none, none, tuple(names), loop.x_form, x_types, algebra
        )
        # Which leaves of the carry have tangents after a step.
        self.moved = [scan.is_number(type_) for _, type_ in scan.leaf_types(returned.types[0]) or ()]
        floats = [type_ for _, type_ in loop.y_leaves if scan.dtype_of(type_).kind == "f"]
        self._shaped, self._floats = any(map(scan.ndim_of, floats)), len(floats)
        self._wide = np.result_type(np.float32, *(loop.dtypes[i] for i in state), *map(scan.dtype_of, floats))
        self.driver = _jacobians(loop, copy, carry_types, x_types, returned, state, moving, algebra)

    def __call__(self, given: list[Any], steps: int, reverse: bool, size: int, total: int, most: int) -> Any:
        """The status, the Jacobians of shape (steps, total, results), the last carry, and the stacked results.

        The carry has as many floating elements as ``size`` says, and ``total`` all that moves in a step.
        """
        shape = (0, 0, 0)
        if not self._shaped:  # the loop itself can't take memory that is used again
            width = size + self._floats
            shape = (steps, total, width) if steps * total * width <= most else shape
        arguments = (*given, steps, reverse, total, most, empty_result(shape, self._wide))
        if not self.driver.overloads:
            scan.compile_driver(self.driver, arguments)
        try:
            return self.driver(*arguments)
        finally:  # the step after the one that was interrupted may have failed
            raise_what_came()


def _moved(type_: Any, algebra: Any) -> Any:
    return scan.number_type(scan.dtype_of(type_).name, scan.ndim_of(type_), algebra)


@functools.lru_cache(maxsize=128)
def _jacobians(
    loop: Any, copy: Any, carry_types: Any, x_types: Any, returned: Any, state: tuple[int, ...], moving: tuple[int,
    ...], algebra: Any,
) -> Any:  # fmt: skip
    """The compiled loop ``driver(*carry, *xs, length, reverse, total, most, jacobians)``.

    Jacobians of another length than that of the loop are made anew.
    """
    source = _Source(loop, carry_types, x_types, returned, state, moving, algebra)
    namespace: dict[str, Any] = {
        **scan.classes_of(loop.carry_form), **scan.classes_of(loop.x_form), **source.names, "__name__": __name__,
        "overlap": overlap,
        "f": loop.f, "g": copy, "zeros": np.zeros, "leave": exit_of(algebra), "inf": np.inf, "wide": source.wide,
    }  # fmt: skip
    allocate, names, after = scan.after_step(loop.carry_types, loop.returned, None, namespace)
    position = "i = length - 1 - step if reverse else step"
    probe = []
    if any(scan.ndim_of(type_) for _, type_ in loop.y_leaves):  # only a step can tell their shapes
        probe = ["step = 0", position, source.step("f", "_, y", source.plain)]
    carries, entries = source.carries, source.entries
    arrays = [name for name in carries if scan.ndim_of(source.types[name])]
    shared = [f"shared |= {sharing(arrays)}"] if len(arrays) > 1 else []
    arguments = ", ".join((*carries, *entries, "length", "reverse", "total", "most", "jacobians"))
    lines = [
        "failed, finite, shared = 0, True, False", *probe, *allocate, *source.before,
        f"if total * length * ({source.width}) > most:", f"    failed = {TOO_LARGE}",
        "steps = length if failed == 0 else 0",
        "if len(jacobians) != steps:", f"    jacobians = empty((steps, total, {source.width}), wide)",
        *polled([position, *shared, *source.jacobian(), source.step("f", "carry, y", source.given), *after], "steps",
                ["if interrupted():", "    failed = -1"]),
        "if failed == 0 and not finite:", f"    failed = {NOT_FINITE}",
        *(["if failed == 0 and shared:", f"    failed = {SHARED}"] if shared else []),
        f"return failed, jacobians, {', '.join((*carries, *names))}",
    ]  # fmt: skip
    text = "\n".join([f"def driver({arguments}):", *("    " + line for line in lines)])
    exec(compile(text, "<numbafunc scan>", "exec"), namespace)
    own = scan.identity_of_loop(
        copy, "jacobians", loop.carry_form, carry_types, loop.x_form, (*x_types, returned), algebra
    )  # fmt: skip
    values = identity_of(loop.f)
    return compile_loop(namespace["driver"], own and values and f"{own} {values} {loop.returned}")


def sharing(arrays: list[str]) -> str:
    """The expression for whether two of these arrays share memory.

    A step that works in place then changes both, and its derivatives are not those by one leaf after the other.
    """
    return " or ".join(f"overlap({one}, {other})" for one, other in itertools.combinations(arrays, 2)) or "False"


@part_of_loop
def _span(array: Any) -> Any:
    """The addresses of the first byte of an array, and of the first one behind it."""
    start = array.ctypes.data
    end = start + array.itemsize
    for length, stride in zip(array.shape, array.strides):
        if stride < 0:
            start += (length - 1) * stride
        else:
            end += (length - 1) * stride
    return start, end


@part_of_loop
def overlap(one: Any, other: Any) -> Any:
    """Whether two arrays share memory, or their elements alternate in it."""
    if one.size == 0 or other.size == 0:
        return False
    start, end = _span(one)
    first, last = _span(other)
    return start < last and first < end


class _Source:
    """The lines that find the Jacobian of a step.

    Each leaf that moves has a buffer with its value and a unit for each of its elements, unless all are numbers that
    fit into the lanes. Elements of all leaves are numbered one after the other, and so are those of the results,
    floating carries before floating results.
    """

    def __init__(
        self, loop: Any, carry_types: Any, x_types: Any, returned: Any, state: Any, moving: Any, algebra: Any
    ) -> None:
        self.loop, self.algebra, self.lanes = loop, algebra, algebra.lanes
        self.carries = [f"c{i}" for i in range(len(carry_types))]
        self.entries = [f"x{i}" for i in range(len(x_types))]
        self.types = dict(zip((*self.carries, *self.entries), (*carry_types, *x_types)))
        self.moving = [*(self.carries[i] for i in state), *(self.entries[i] for i in moving)]
        self.names: dict[str, Any] = {}
        self.before: list[str] = []
        shaped = any(scan.ndim_of(self.types[name]) for name in self.moving)
        # Numbers that fit into the lanes stay in registers, with a lane each; otherwise a few elements move at a time.
        self.chunked = shaped or len(self.moving) > self.lanes
        start = "0"
        for place, name in enumerate(self.moving):
            if self.chunked:
                start = self._buffer(name, start)
            else:
                self.names[f"unit_{name}"] = make_unit(self.types[name], place)
        new, results = scan.leaf_types(returned.types[0]), scan.leaf_types(returned.types[1])
        assert new is not None
        assert results is not None
        floats = [i for i, (_, type_) in enumerate(loop.y_leaves) if scan.dtype_of(type_).kind == "f"]
        outputs = [(f"moved{scan.place(new[i][0])}", new[i][1], loop.dtypes[i], self.carries[i]) for i in state]
        outputs += [
            (f"results{scan.place(results[i][0])}", results[i][1], scan.dtype_of(loop.y_leaves[i][1]), f"y{i}[0]")
            for i in floats
        ]
        self.rows: list[str] = []
        self.width = "0"
        for k, (expression, type_, dtype, like) in enumerate(outputs):
            self.rows += self._row(k, expression, type_, dtype)
            self.width += f" + {like}.size" if scan.ndim_of(type_) else " + 1"
        self.wide = np.result_type(np.float32, *(dtype for _, _, dtype, _ in outputs))

    def given(self, name: str) -> str:
        """A leaf of the carry, or of the entry."""
        return f"{name}[i]" if name in self.entries else name

    def plain(self, name: str) -> str:
        """The same as a copy: a step that is taken again may work in place."""
        return self.given(name) + ".copy()" * (scan.ndim_of(self.types[name]) > 0)

    def moved(self, name: str) -> str:
        """The same as numbers that move."""
        return f"enter_{name}(b_{name})" if self.chunked else f"unit_{name}({self.given(name)})"

    def step(self, function: str, results: str, leaf: Callable[[str], str]) -> str:
        """A line that calls the function."""
        carry, x = map(leaf, self.carries), map(leaf, self.entries)
        return f"{results} = {function}({scan.text(self.loop.carry_form, carry)}, {scan.text(self.loop.x_form, x)})"

    def jacobian(self) -> list[str]:
        """The lines for one step."""
        seeds = [line for name in self.moving for line in self._seeds(name)] if self.chunked else []
        numbers = self.step("g", "moved, results", lambda n: self.moved(n) if n in self.moving else self.plain(n))
        lines = [*seeds, numbers, *self.rows]
        if not self.chunked:
            return ["first = 0", f"count = {len(self.moving)}", *lines]
        chunk = [f"count = min(total - first, {self.lanes})", *lines]
        return [f"for first in range(0, total, {self.lanes}):", *("    " + line for line in chunk)]

    def _buffer(self, name: str, start: str) -> str:
        """Make the buffer of a leaf whose elements begin with a number; that of the next leaf."""
        type_, ndim = self.types[name], scan.ndim_of(self.types[name])
        self.names[f"enter_{name}"] = entrance((type_.dtype if ndim else type_).dtype, ndim, self.algebra)
        self.names[f"dtype_{name}"] = scan.dtype_of(type_)
        shape = f"{name}.shape[{int(name in self.entries)}:] + " if ndim else ""
        self.before += [f"b_{name} = zeros({shape}({self.lanes + 1},), dtype_{name})", f"o_{name} = {start}"]
        return f"{start} + " + (f"b_{name}.size // {self.lanes + 1}" if ndim else "1")

    def _seeds(self, name: str) -> list[str]:
        ndim = scan.ndim_of(self.types[name])
        at = _indices(ndim)
        lines = [f"b_{name}[{at}0] = whole{f'[{at}]' if ndim else ''}", f"for d in range({self.lanes}):"]
        lines += [f"    b_{name}[{at}1 + d] = 1 if d == e else 0", "e += 1"]
        return [f"whole = {self.given(name)}", f"e = o_{name} - first", *_each(f"b_{name}", ndim, lines)]

    def _row(self, k: int, expression: str, type_: Any, dtype: Any) -> list[str]:
        """The derivatives of a result by some elements; those before it are as many as the width so far."""
        ndim = scan.ndim_of(type_)
        put = ["finite &= abs(v) < inf", "jacobians[i, first + d, e] = v"]
        self.before.append(f"p{k} = {self.width}")
        if ndim and not scan.is_number(type_):
            zeros = [f"for e in range(p{k}, p{k} + {expression}.size):", "    for d in range(count):"]
            return [*zeros, "        jacobians[i, first + d, e] = 0"]
        if ndim:
            lines = ["for d in range(count):", f"    v = t{k}[{_indices(ndim)}1 + d]", *("    " + line for line in put)]
            return [f"t{k} = leave({expression}).array", f"e = p{k}", *_each(f"t{k}", ndim, [*lines, "e += 1"])]
        target = NumberType(getattr(types, dtype.name), *self.algebra)
        value = expression + "[()]" * isinstance(type_, types.Array)
        if not self.chunked:
            self.names[f"lanes{k}"] = make_lanes(target)
            lines = [f"t{k} = lanes{k}({value})", f"e = p{k}"]
            for d in range(len(self.moving)):
                lines += [f"v = t{k}[{d}]", "finite &= abs(v) < inf", f"jacobians[i, {d}, e] = v"]
            return lines
        self.names[f"store{k}"] = make_store(target)
        self.names[f"target{k}"] = dtype
        self.before.append(f"t{k} = zeros({self.lanes + 1}, target{k})")
        lines = [f"store{k}(t{k}, {value})", f"e = p{k}", "for d in range(count):", f"    v = t{k}[1 + d]"]
        return [*lines, *("    " + line for line in put)]


def _indices(ndim: int) -> str:
    return "".join(f"j{axis}, " for axis in range(ndim))


def _each(array: str, ndim: int, lines: list[str]) -> list[str]:
    """Lines for all elements of an array, whose last axis is another one."""
    loops = [f"{'    ' * axis}for j{axis} in range({array}.shape[{axis}]):" for axis in range(ndim)]
    return [*loops, *("    " * ndim + line for line in lines)]


# Back.


@functools.cache
def _back(count: int, results: int, total: int) -> Any:
    """The compiled loop ``back(jacobians, carry, cotangents, found, reverse)``.

    It puts the cotangents of the entries into ``found``, and that of the first carry in the place of the last one.
    """
    if total * (count + results) <= _UNROLLED:
        lines = [f"y{k} = cotangents[d, i, {k}]" for k in range(results)]
        for i in range(total):
            terms = [f"jacobians[i, {i}, {k}] * c{k}" for k in range(count)]
            terms += [f"jacobians[i, {i}, {count + k}] * y{k}" for k in range(results)]
            lines.append(f"v{i} = {' + '.join(terms) or 0.0}")
        lines += [f"found[d, i, {i - count}] = v{i}" for i in range(count, total)]
        lines += [f"c{k} = v{k}" for k in range(count)]
        start, end = [f"c{k} = carry[d, {k}]" for k in range(count)], [f"carry[d, {k}] = c{k}" for k in range(count)]
    else:
        lines = [
            f"for j in range({total}):",
            "    v = 0.0",
            f"    for k in range({count}):",
            "        v += jacobians[i, j, k] * carry[d, k]",
            f"    for k in range({results}):",
            f"        v += jacobians[i, j, {count} + k] * cotangents[d, i, k]",
            "    new[j] = v",
            f"for k in range({count}):",
            "    carry[d, k] = new[k]",
            f"for k in range({total - count}):",
            f"    found[d, i, k] = new[{count} + k]",
        ]
        start, end = [f"new = empty({total})"], []
    text = [
        "def back(jacobians, carry, cotangents, found, reverse):",
        "    steps = len(jacobians)", "    for d in range(len(carry)):",
        *("        " + line for line in (
            *start, "for step in range(steps):",
            "    i = step if reverse else steps - 1 - step", *("    " + line for line in lines), *end,
        )),
    ]  # fmt: skip
    namespace: dict[str, Any] = {"__name__": __name__, "empty": np.empty}
    exec(compile("\n".join(text), "<numbafunc scan>", "exec"), namespace)
    return compile_lazily(namespace["back"], f"scan backward {count} {results} {total}")


_UNROLLED = 36
"""The most elements of a Jacobian whose products are written out one by one."""


def pull_back(jacobians: Any, carry: Any, cotangents: Any, found: Any, reverse: bool) -> None:
    """Go back over the Jacobians, whose first results are the carry.

    Parameters
    ----------
    jacobians : numpy.ndarray
        Of shape (steps, elements of carry and entries, results).
    carry : numpy.ndarray
        Cotangents of the last carry, of dtype float64 and shape (directions, elements), which become those of the first
        one.
    cotangents, found : numpy.ndarray
        Of the results and, to be found, of the entries: shape (directions, steps, elements).
    reverse : bool
        Whether the steps went from the last entry to the first.
    """
    _back(carry.shape[1], cotangents.shape[2], jacobians.shape[1])(jacobians, carry, cotangents, found, reverse)


__all__ = ["NOT_FINITE", "SHARED", "TOO_LARGE", "JacobianLoop", "overlap", "pull_back", "sharing"]
