"""The counterpart of :mod:`numbafunc_cuda.accumulate` in Numba's simulator."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from numbafunc.cpu.accumulate import EMITTED
from numbafunc.numbers.cores import CORES
from numbafunc.numbers.keys import VALUE, Key
from numbafunc.numbers.number import Number
from numbafunc_cuda.simulator.interpreter import DOUBLE, FLOAT, lift
from numbafunc_cuda.simulator.load_store import SimulatedNumber

_FORMATS = {"float32": FLOAT, "float64": DOUBLE}


def _number_in(x: Any, format_: ir.Type) -> Number:
    return x.number if isinstance(x, SimulatedNumber) else Number({VALUE: lift(x, format_)}, CORES)


def make_operation(name: str) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.accumulate.make_operation`."""
    emit = EMITTED[name][0]

    def operation(a: Any, b: Any) -> SimulatedNumber:
        format_ = next(x.format for x in (a, b) if isinstance(x, SimulatedNumber))
        return SimulatedNumber(emit(_number_in(a, format_), _number_in(b, format_)))

    return operation


# Two tables of what threads offer, used in turns: while some still read one, others write the next. One block runs at a
# time.
_OFFERS: dict[tuple[int, int], tuple[float, ...]] = {}


def make_exchange(distance: int) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.accumulate.make_exchange`."""

    def exchange(parts: tuple[float, ...]) -> tuple[float, ...]:
        thread: Any = threading.current_thread()
        thread.turn = 1 - getattr(thread, "turn", 0)
        _OFFERS[thread.thread_id, thread.turn] = parts
        thread.syncthreads()
        return _OFFERS[thread.thread_id ^ distance, thread.turn]

    return exchange


def make_number(compute: str, keys: tuple[Key, ...]) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.accumulate.make_number`."""

    def number(parts: tuple[Any, ...]) -> SimulatedNumber:
        return SimulatedNumber(Number({k: lift(part, _FORMATS[compute]) for k, part in zip(keys, parts)}, CORES))

    return number


def make_parts(compute: str, keys: tuple[Key, ...]) -> Callable[..., Any]:
    """See :func:`numbafunc_cuda.accumulate.make_parts`."""

    def parts(number: Any) -> tuple[float, ...]:
        found = _number_in(number, _FORMATS[compute]).parts
        return tuple(found[key].value.data if key in found else 0.0 for key in keys)

    return parts
