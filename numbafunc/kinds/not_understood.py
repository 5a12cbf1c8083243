"""The error for what Numba does not understand in a user's function: what it is, and on which line."""

from __future__ import annotations

import re
from pathlib import Path
from types import CodeType
from typing import Any

# Our type of numbers, with parentheses three deep for the keys of its coefficients.
_NUMBER = re.compile(r"Number\((float\d\d), \((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)\)")


def compile_errors() -> tuple[type[Exception], ...]:
    """The exceptions that Numba raises while it compiles."""
    from numba.core.errors import NumbaError, UnsupportedBytecodeError

    return NumbaError, UnsupportedBytecodeError


def explained(definition: Any, name: str, error: Exception) -> TypeError:
    """The error to raise from one of Numba's."""
    text = _NUMBER.sub(r"\1", str(error))
    code = definition.__code__
    where = f"line {_line(code, text) or code.co_firstlineno} of {code.co_filename}"
    return TypeError(f"{name} can't be compiled: {_reason(text)} ({where})")


def _line(code: CodeType, text: str) -> int | None:
    """The first line of a function that a message of Numba's names."""
    lines = [line for _, _, line in code.co_lines() if line is not None]
    for quoted, number in re.findall(r'File "([^"\n]+)", line (\d+)', text) + re.findall(r"at (\S+) \((\d+)\)", text):
        same = Path(quoted).name == Path(code.co_filename).name
        if same and min(lines) <= int(number) <= max(lines):
            return int(number)
    return None


def _reason(text: str) -> str:
    """What a message of Numba's says before it goes into detail."""
    own = re.search(r"TypingError: (.*numbafunc\..*)", text)
    if own:
        return own[1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first, *rest = [line for line in lines if not line.startswith("Failed in nopython mode")] or [text]
    returned = re.match(r"Cannot cast (.*?) to float\d\d: ", first)
    if returned:
        return f"it returns {returned[1]}; wanted: a number"
    if first.endswith("found for signature:") and rest:
        return f"there is no {rest[0].removeprefix('>>>').strip()}"
    return first.removesuffix(" Raised from None").rstrip(".")


__all__ = ["compile_errors", "explained"]
