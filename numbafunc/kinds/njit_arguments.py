"""Arguments of calls in compiled functions, given by their Numba types: those that are known, and errors for others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any

from numba.core import types
from numba.core.errors import TypingError

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "a value of run time"})()
"""What :func:`known` returns for arguments whose values are not known when code is compiled."""


def known(given: Any) -> Any:
    """The value of an argument if it is known when code is compiled, else UNKNOWN."""
    if isinstance(given, types.Omitted):
        return given.value
    if isinstance(given, types.NoneType):
        return None
    if isinstance(given, types.Literal):
        return given.literal_value
    if isinstance(given, types.BaseTuple):
        entries = tuple(map(known, given))
        return UNKNOWN if any(entry is UNKNOWN for entry in entries) else entries
    return UNKNOWN if isinstance(given, types.Type) else given


def shown(given: Any) -> str:
    """An argument in a message: its value if that is known, else its type."""
    value = known(given)
    return str(given) if value is UNKNOWN else repr(value)


def refuse(function: str, name: str, given: Any, wanted: str) -> TypingError:
    """The error for an argument."""
    return TypingError(f"{name} of numbafunc.{function} is {shown(given)}; wanted: {wanted}")


def at_defaults(public: Callable[..., Any], options: Sequence[Any]) -> None:
    """Refuse options, the last parameters of a public function, that are not left at their defaults."""
    if not options:
        return
    parameters = [one for one in signature(public).parameters.values() if one.name != "out"][-len(options) :]
    for parameter, given in zip(parameters, options):
        value, wanted = known(given), parameter.default
        if value is UNKNOWN or type(value) is not type(wanted) or value != wanted:
            raise refuse(public.__name__, parameter.name, given, f"{wanted!r} inside compiled functions")
