"""Signal handlers of the program, held back while work must not be left half done.

So it is while something is compiled, and while several ranks have to do several things together.
"""

from __future__ import annotations

# The functions of the module signal look up the name of each number, which takes as long as a collective call.
import _signal  # type: ignore[import-not-found]
import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import wraps
from types import FrameType
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


_NUMBERS = sorted(map(int, signal.valid_signals()))
_depth = [0]
_held: list[dict[int, Any]] = []
"""The handlers that are held back, for each block that is under way in the main thread."""


def are_held_back() -> bool:
    """Whether no handler runs here now."""
    return _depth[0] > 0 or threading.current_thread() is not threading.main_thread()


def _handlers() -> dict[int, Any]:
    """The handlers of the program, by the number of their signal."""
    found = list(map(_signal.getsignal, _NUMBERS))
    if found != _seen[0]:
        _seen[:] = found, {number: handler for number, handler in zip(_NUMBERS, found) if callable(handler)}
    known: dict[int, Any] = _seen[1]
    return known


# What the last look found.
_seen: list[Any] = [None, {}]


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let the handlers of signals run when the block is over, and raise what they raise then.

    For the rare pieces of work that an exception must not end in their midst: compilation, and what the other ranks of
    a job wait for, unless it is one exchange. Python runs handlers in the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    handlers: dict[int, Any] = {}
    over = [False]

    def hold(number: int, frame: FrameType | None) -> None:
        if over[0]:  # an exception came while handlers were put back
            handlers[number](number, frame)
        else:
            came.append((number, frame))

    try:
        for number, handler in _handlers().items():
            handlers[number] = handler
            _signal.signal(number, hold)
        _depth[0] += 1
        _held.append(handlers)
        try:
            yield
        finally:
            _held.pop()
            _depth[0] -= 1
    finally:
        over[0] = True
        try:
            for number, handler in handlers.items():
                if _signal.getsignal(number) is hold:
                    _signal.signal(number, handler)
        finally:
            _deliver(came, handlers)


def _deliver(came: list[tuple[int, FrameType | None]], handlers: dict[int, Any]) -> None:
    if came:
        number, frame = came[0]
        try:
            handlers[number](number, frame)
        finally:  # the others come too
            _deliver(came[1:], handlers)


def _free_in_child() -> None:
    """Give handlers back in a child that another thread than the main one has forked, which ends no block of that."""
    if _held and threading.get_ident() != _main[0]:
        for number, handler in _held[0].items():
            _signal.signal(number, handler)
        _held.clear()
        _depth[0] = 0
    _main[0] = threading.get_ident()


_main = [threading.main_thread().ident]

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_in_child)


def uninterrupted(function: _Function) -> _Function:
    """The function with handlers of signals held back until it is over."""

    @wraps(function)
    def wrapper(*arguments: Any, **options: Any) -> Any:
        with held_back():
            return function(*arguments, **options)

    return wrapper  # type: ignore[return-value]
