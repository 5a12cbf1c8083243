"""Calls of chosen ops, with all that makes them take another kernel; they run in a process that only does this."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import numbafunc
from numbafunc.cpu import threads
from numbafunc.cpu.compile_log import op_of
from numbafunc.cpu.kernel import Kernel, NotKeptError
from numbafunc.numba_import import import_numba
from numbafunc.warmup.choice import Op
from numbafunc.warmup.log import Kernels, Logged


class Unit(NamedTuple):
    """What one process compiles at a time: an op for one dtype, whose derivatives have kernels in common."""

    op: Op
    dtype: str
    orders: tuple[int, ...]
    modes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.op}, {self.dtype}"


class Outcome(NamedTuple):
    """What became of it: kernels that were compiled or read, and in words those that are missing, and errors."""

    compiled: list[Logged]
    read: list[Logged]
    missing: list[str]
    errors: list[str]


def prepare(check: bool) -> None:
    """Let this process compile what is missing, or not."""
    Kernel.compiled_when_missing = not check


def work(unit: Unit) -> Outcome:
    """Make all calls of a unit: as in a process with one thread and with all, whose kernels differ."""
    kernels = Kernels()
    missing: dict[str, None] = {}
    errors: dict[str, None] = {}
    most = import_numba().config.NUMBA_NUM_THREADS
    threads.start()
    for count in (1, most):
        threads.choose_for(count)
        for words, call in _calls(unit):
            try:
                call()
            except NotKeptError as found:
                several = ", several threads" if str(found).endswith("parallel=True") else ""
                missing[f"{words}: {op_of(str(found))}{several}"] = None
            except Exception as error:
                errors[f"{words}: {type(error).__name__}: {error}"] = None
    kernels.close()
    return Outcome(kernels.compiled, kernels.read, list(missing), list(errors))


def _calls(unit: Unit) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The calls, each with what it is in words."""
    for shape in unit.op.call.shapes:
        function, x = _function(unit, shape)
        if 0 in unit.orders:
            yield str(unit), partial(function, x)
        for order in unit.orders if x.dtype.kind == "f" else ():
            for mode in unit.modes if order else ():
                f = partial(_pulled, function) if mode == "reverse" else partial(_pushed, function)
                for _ in range(order - 1):
                    f = partial(_pushed, f)
                yield f"{unit}, {mode} order {order}", partial(f, x)


def _function(unit: Unit, shape: tuple[int, ...]) -> tuple[Callable[[Any], Any], Any]:
    """The op as a function of its first operand, and that operand."""
    function, settings, random = unit.op.function, unit.op.settings, np.random.default_rng(0)
    if "dtype" in inspect.signature(function).parameters:
        settings.setdefault("dtype", unit.dtype)
    drawn: dict[str, Callable[[], Any]] = {
        "real": lambda: (random.random(shape) + 0.5).astype(unit.dtype),
        "whole": lambda: random.integers(0, 5, shape),
        "label": lambda: random.integers(0, shape[-1], shape[:-1]),
    }
    x, *others = (drawn[kind]() for kind in unit.op.call.operands)

    def only(x: Any) -> Any:
        found = function(x, *others, **settings)
        return found[0] if isinstance(found, tuple) else found  # values come first, indices have no derivative

    return only, x


def _pushed(f: Callable[[Any], Any], x: Any) -> Any:
    """The derivative in forward mode."""
    return numbafunc.jvp(f, (x,), (np.ones_like(x),))[1]


def _pulled(f: Callable[[Any], Any], x: Any) -> Any:
    """The derivative in reverse mode."""
    value, pull = numbafunc.vjp(f, x)
    return pull(np.ones(value.shape, value.dtype))[0]


__all__ = ["Outcome", "Unit", "prepare", "work"]
