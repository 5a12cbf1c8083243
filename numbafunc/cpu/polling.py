"""Signals that reach the program while a compiled loop runs.

Python's handlers run between two instructions of Python, so a loop of a minute would not answer Ctrl-C for a minute. A
loop that polls looks at the clock after a number of steps, which grows until these take a few milliseconds, and every
tenth of a second the handlers run. What they raise ends the loop.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

# Nanoseconds: between two runs of the handlers, and of chunks that are made longer or shorter.
PERIOD, SHORT, LONG = 100_000_000, 2_000_000, 20_000_000

# Type, value and traceback of the exception that a handler has raised; Python runs handlers in the main thread alone.
_RAISED = (ctypes.c_void_p * 3)()
_SYMBOL = "numbafunc_raised"
llvmlite.binding.add_symbol(_SYMBOL, ctypes.addressof(_RAISED))

_restore = ctypes.pythonapi.PyErr_Restore
_restore.argtypes, _restore.restype = [ctypes.c_void_p] * 3, None


def _function(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    return cgutils.get_or_insert_function(builder.module, ir.FunctionType(result, arguments), name)


@intrinsic
def now(typingctx: Any) -> Any:
    """The time on a clock that only goes forward, in nanoseconds."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        long = ir.IntType(64)
        if sys.platform == "win32":
            milliseconds = builder.call(_function(builder, "GetTickCount64", long), ())
            return builder.mul(milliseconds, ir.Constant(long, 1_000_000))
        word, number = context.get_value_type(types.intp), ir.IntType(32)
        spec = cgutils.alloca_once(builder, ir.LiteralStructType([word, word]))
        read = _function(builder, "clock_gettime", number, number, spec.type)
        builder.call(read, (ir.Constant(number, time.CLOCK_MONOTONIC), spec))
        seconds, rest = (builder.load(cgutils.gep_inbounds(builder, spec, 0, place)) for place in (0, 1))
        seconds, rest = (builder.sext(part, long) if word.width < 64 else part for part in (seconds, rest))
        return builder.add(builder.mul(seconds, ir.Constant(long, 1_000_000_000)), rest)

    return types.int64(), codegen


def _run_handlers(context: Any, builder: Any) -> Any:
    """Run the handlers of signals that have come; whether one has raised an exception, which is set then."""
    api = context.get_python_api(builder)
    gil = api.gil_ensure()
    status = builder.call(_function(builder, "PyErr_CheckSignals", ir.IntType(32)), ())
    return api, gil, builder.icmp_signed("<", status, ir.Constant(status.type, 0))


@intrinsic
def interrupted(typingctx: Any) -> Any:
    """Whether a handler of a signal has raised an exception, which :func:`raise_what_came` raises again."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        api, gil, failed = _run_handlers(context, builder)
        with builder.if_then(failed, likely=False):
            three = ir.ArrayType(context.get_value_type(types.uintp), 3)
            raised = cgutils.add_global_variable(builder.module, three, _SYMBOL)
            places = [cgutils.gep_inbounds(builder, raised, 0, place) for place in range(3)]
            builder.call(_function(builder, "PyErr_Fetch", ir.VoidType(), *(place.type for place in places)), places)
        api.gil_release(gil)
        return failed

    return types.boolean(), codegen


@intrinsic
def leave_if_interrupted(typingctx: Any) -> Any:
    """Leave the compiled functions if a handler of a signal has raised an exception, which their caller gets."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        api, gil, failed = _run_handlers(context, builder)
        api.gil_release(gil)
        with builder.if_then(failed, likely=False):
            context.call_conv.return_exc(builder)
        return context.get_dummy_value()

    return types.none(), codegen


def raise_what_came() -> None:
    """Raise what a handler of a signal has raised in the midst of a loop that is over now."""
    if _RAISED[0] and threading.current_thread() is threading.main_thread():
        came = tuple(_RAISED)
        _RAISED[:] = [None] * 3
        _restore(*came)  # it raises


def polled(loop: list[str], length: str, leave: list[str]) -> list[str]:
    """Source of a loop over ``step`` that polls.

    Parameters
    ----------
    loop : list of str
        The lines of the body.
    length : str
        Name of the number of steps.
    leave : list of str
        What is done where a handler has raised an exception. It sets a variable by which the body leaves the loop: with
        another way out, Numba would count the references of what goes from step to step, which takes 20 ns a step.
    """
    return [
        "chunk = due = 16",
        "began = polled = now()",
        f"for step in range({length}):",
        *(f"    {line}" for line in loop),
        "    if step == due:",
        "        time = now()",
        f"        if time - polled > {PERIOD}:",
        *(f"            {line}" for line in leave),
        "            polled = time",
        f"        if time - began < {SHORT}:",
        "            chunk *= 2",
        f"        elif time - began > {LONG}:",
        "            chunk = chunk // 2 if chunk > 1 else 1",
        "        due += chunk",
        "        began = time",
    ]


NAMES: dict[str, Any] = {"now": now, "interrupted": interrupted, "leave_if_interrupted": leave_if_interrupted}
"""What the source of such a loop refers to."""

__all__ = ["NAMES", "polled", "raise_what_came"]
