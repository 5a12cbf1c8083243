"""Errors for user's functions that can't be compiled: they name the cause and its line."""

from __future__ import annotations

import dis
import re
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from numbafunc.cpu.identity import is_released
from numbafunc.kinds.njit import COLLECTIVES
from numbafunc.numba_import import import_numba
from numbafunc.numbers import elementary

_COLOUR = re.compile(r"\x1b\[\d*m")
# The name of the type NumberType, with parentheses three deep for the keys of its coefficients.
_NUMBER = re.compile(r"Number\((float\d\d), \((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)(?:, \d+)?\)")

# Lines of Numba's messages in front of the reason.
_HEADINGS = ("Failed in nopython mode", "- Resolution failure for")

# What to write for functions that definitions can't call.
_INSTEAD = {
    "select": "a if condition else b",
    **dict.fromkeys(("round", "trunc", "fix"), "np.rint(x) or math.floor(x)"),
    "int": "math.floor(x)",
    **dict.fromkeys(("str", "repr"), "the value, without its text"),
    **dict.fromkeys(("pow", "power", "float_power"), "x ** y"),
    "clip": "min(max(x, lower), upper)",
    **dict.fromkeys(("sign", "copysign"), "comparisons with 0"),
    **dict.fromkeys(("fmax", "fmin"), "max or min"),
    **dict.fromkeys(("sum", "mean", "prod", "dot"), "a function of one element: a definition does not see the array"),
}


def compile_errors() -> tuple[type[Exception], ...]:
    """The exceptions that Numba raises while it compiles."""
    import_numba()
    from numba.core.errors import NumbaError, UnsupportedBytecodeError

    return NumbaError, UnsupportedBytecodeError


def explained(definition: Any, name: str, error: Exception) -> TypeError:
    """The TypeError that explains an error of Numba's."""
    # Numba colours its messages wherever the package colorama is installed.
    text = _NUMBER.sub(r"\1", _COLOUR.sub("", str(error)))
    code = definition.__code__
    where = f"line {_line(code, text) or code.co_firstlineno} of {code.co_filename}"
    return TypeError(f"{name} can't be compiled: {_reason(text)} ({where})")


def cause_and_line(function: Any, error: Exception) -> tuple[str, str]:
    """The cause of an error that Numba raised for a function, and the line of this function or one that it calls."""
    text = _NUMBER.sub("number", _COLOUR.sub("", str(error)))
    for reached in _reached(function, set()):
        line = _line(reached.__code__, text)
        if line is not None and line > reached.__code__.co_firstlineno:
            return _reason(text), f"line {line} of {reached.__code__.co_filename}"
    return _reason(text), f"line {function.__code__.co_firstlineno} of {function.__code__.co_filename}"


def refuse_statements(definition: FunctionType, name: str) -> None:
    """Raise TypeError if a function, or one that it calls, raises or prints, which threads that share a loop can't."""
    for function in _reached(definition, set()):
        for code in _codes(function.__code__):
            line = code.co_firstlineno
            for instruction in dis.get_instructions(code):
                line = _line_of(instruction) or line
                if instruction.opname == "RAISE_VARARGS":
                    raise TypeError(
                        f"{name} can't be compiled: {function.__name__} raises an exception, which a loop that threads "
                        f"share can't hand on; return math.nan instead (line {line} of {code.co_filename})"
                    )
                if (instruction.opname, instruction.argval) == ("LOAD_GLOBAL", "print"):
                    raise TypeError(
                        f"{name} can't be compiled: {function.__name__} prints, which numbers with derivatives can't "
                        f"be; return the value and print that (line {line} of {code.co_filename})"
                    )


def _line_of(instruction: dis.Instruction) -> int | None:
    line = instruction.starts_line
    return getattr(instruction, "line_number", None) if isinstance(line, bool) else line  # bool from Python 3.13 on


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _reached(value: Any, seen: set[int]) -> Iterator[FunctionType]:
    """A function and the user's functions that it refers to."""
    op = getattr(value, "elementwise_op", None)
    value = getattr(value, "py_func", value) if op is None else op.given
    if not isinstance(value, FunctionType) or id(value) in seen or is_released(value.__module__):
        return
    seen.add(id(value))
    yield value
    for one in _referred(value):
        yield from _reached(one, seen)


def _referred(function: FunctionType) -> list[Any]:
    """What a function refers to: variables outside of it, and attributes of modules."""
    instructions = [one for code in _codes(function.__code__) for one in dis.get_instructions(code)]
    names = {one.argval for one in instructions if one.opname == "LOAD_GLOBAL"}
    attributes = {one.argval for one in instructions if one.opname in ("LOAD_ATTR", "LOAD_METHOD")}
    found = [cell.cell_contents for cell in function.__closure__ or ()]
    found += [function.__globals__[name] for name in names if name in function.__globals__]
    modules = [one for one in found if isinstance(one, ModuleType)]
    for module in modules:
        inside = [vars(module)[name] for name in attributes if name in vars(module)]
        found += inside
        modules += [one for one in inside if isinstance(one, ModuleType) and one not in modules]
    return found


def collective_name(function: Any) -> str | None:
    """The name of a collective function that a function of the user refers to; None if there is none."""
    for reached in _reached(function, set()):
        for one in _referred(reached):
            if isinstance(one, FunctionType) and one in COLLECTIVES:
                return one.__name__
    return None


def _line(code: CodeType, text: str) -> int | None:
    """The first line of a function that a message of Numba's names."""
    lines = [line for _, _, line in code.co_lines() if line is not None]
    for quoted, number in re.findall(r'File "([^"\n]+)", line (\d+)', text) + re.findall(r"at (\S+) \((\d+)\)", text):
        same = Path(quoted).name == Path(code.co_filename).name
        if same and min(lines) <= int(number) <= max(lines):
            return int(number)
    return None


def _reason(text: str) -> str:
    """The reason in a message of Numba's, without its details."""
    own = re.search(r"TypingError: (.*numbafunc\..*)", text)
    if own:
        return own[1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    first, *rest = [line for line in lines if not line.startswith(_HEADINGS)] or [text]
    returned = re.match(r"Cannot cast (.*?) to float\d\d: ", first)
    if returned:
        return f"it returns {returned[1]}; wanted: a number"
    if first.endswith("found for signature:") and rest:
        missing = rest[0].removeprefix(">>>").strip().lstrip("_")
        return f"there is no {missing}; wanted: {_wanted(missing.partition('(')[0])}"
    return first.removesuffix(" Raised from None").rstrip(".")


def _wanted(function: str) -> str:
    """Advice on what to write instead of a function."""
    if function in _INSTEAD:
        return _INSTEAD[function]
    names = sorted(elementary.FUNCTIONS.keys() - {"exp_nonpositive"})
    return f"arithmetic, comparisons, abs, max, min, floor, ceil, numbafunc's elementwise ops, {', '.join(names)}"


__all__ = ["cause_and_line", "compile_errors", "explained", "refuse_statements"]
