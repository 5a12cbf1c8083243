"""Errors for functions that have no rule, and for conversions that would drop a derivative."""

from __future__ import annotations

import ast
import re
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from numbafunc.dual.user_line import UserLine, entries, is_library, library_of, own_name, raised_at, running

_VALUE_ALONE = "if only the value is needed, pass numbafunc.stop_gradient(x)"
_NO_RULE = f"{{}} has no rule for dual arrays (the values that are differentiated); {_VALUE_ALONE}"


def refuse_subclass(x: Any, name: str) -> None:
    """Raise TypeError for an array of a subclass that computes differently (matrix, MaskedArray)."""
    if isinstance(x, np.ndarray) and type(x) is not np.ndarray and not isinstance(x, np.memmap):
        raise TypeError(
            f"{name} is a {type(x).__name__}, not a plain numpy.ndarray, for which alone derivatives are taken"
        )


def without_rule(name: str) -> TypeError:
    """The error for a function that has no derivative rule."""
    return refused(_NO_RULE.format(name))


def refused(message: str) -> TypeError:
    """The error for something that dual arrays can't do, with the user's line."""
    return _marked(message, running())


def dropped(conversion: str, instead: str = "") -> TypeError:
    """The error for a conversion that would lose a derivative, with the function that asks for it and the user's line.

    Parameters
    ----------
    conversion : str
        What is said where that function is not known.
    instead : str
        What to do then.
    """
    line = running()
    what, cure = (conversion, instead) if line is None else _use(line, conversion, instead)
    if not cure or cure == instead:
        cure = f"{instead}; {_VALUE_ALONE}" if instead else _VALUE_ALONE
    error = _marked(f"{what} would lose the derivative of a dual array; {cure}", line)
    if line is not None:
        _LAST.key, _LAST.message = line.key, str(error)
    return error


def shown_elsewhere() -> TypeError:
    """The error for values with tangents that a plain array of the same memory would not show."""
    return refused(
        "assignment of a value with derivatives to an array that a plain array (numpy.asarray(x), x.view(dtype)), a "
        "memoryview or an iterator shows too, which would keep the old values; copy it first, or make the other by "
        "numbafunc.numpy.asarray(x)"
    )


class _Last(threading.local):
    """The last conversion refused in this thread: compiled code may replace the error by one of its own."""

    key: tuple[object, ...] | None = None
    message: str | None = None


_LAST = _Last()


def _marked(message: str, line: UserLine | None = None) -> TypeError:
    """A TypeError that is known to come from dual arrays."""
    error = TypeError(message if line is None else f"{message} {line}")
    vars(error)["of_dual_arrays"] = True
    return error


def _is_marked(error: BaseException) -> bool:
    return "of_dual_arrays" in vars(error)


# What was called, and what to call instead.

# Functions of math and cmath whose counterpart has another name in NumPy.
_OF_NUMBERS = {
    "math.dist": "numpy.linalg.norm(x - y)",
    "math.erf": "scipy.special.erf(x)",
    "math.erfc": "scipy.special.erfc(x)",
    "math.fsum": "sum([x, y])",
    "math.gamma": "scipy.special.gamma(x)",
    "math.lgamma": "scipy.special.gammaln(x)",
    "math.remainder": "x - y * numpy.rint(x / y)",
    "math.sumprod": "numpy.dot(x, y)",
    "cmath.phase": "numpy.angle(x)",
}
_MAKERS = frozenset(
    f"numpy.{name}" for name in ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray")
)
_SHAPED = frozenset(f"numpy.{name}" for name in ("zeros", "ones", "empty", "eye", "identity"))
_OURS = {f"scipy.special.{name}": f"numbafunc.{name}" for name in ("logsumexp", "softmax", "log_softmax")}


def _use(line: UserLine, conversion: str, instead: str) -> tuple[str, str]:
    """What the line does with a dual array, and what to do instead; "" for nothing particular."""
    node = line.expression
    called = node.func if isinstance(node, ast.Call) else None
    if line.is_at("STORE_SUBSCR", "STORE_SLICE") or (
        isinstance(called, ast.Attribute) and called.attr == "__setitem__"
    ):
        return (
            "assignment to a plain array",
            "make the array by numpy.zeros_like(x), or by np.zeros after import numbafunc.numpy as np",
        )
    if line.function is not None:
        name = own_name(line.function)
        return f"{name}{'' if '.' in name else '()'}", _instead_of(name, None, line)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and conversion.startswith(f"{node.func.attr}("):
            return conversion, instead  # a method of the dual array itself
        name = line.name(node.func)
        return f"{name}{'' if '.' in name else '()'}", _instead_of(name, node, line)
    if isinstance(node, ast.BinOp):
        return _use_of_operator(line, node, conversion, instead)
    if isinstance(node, ast.Subscript):
        return f"the index of {ast.unparse(node.value)}", "an index has no derivative: take numbafunc.stop_gradient(x)"
    return conversion, instead


def _use_of_operator(line: UserLine, node: ast.BinOp, conversion: str, instead: str) -> tuple[str, str]:
    if isinstance(node.op, ast.Mod) and isinstance(node.left, (ast.Constant, ast.JoinedStr)):
        return "formatting by %", 'write f"{x:.3f}", which shows the value'
    found = _other_array(line, [node.left, node.right])
    if found is not None:
        return f"an operator of {found[0]}", found[1]
    if isinstance(node.left, ast.List) or isinstance(node.right, ast.List):
        return "conversion of a list to an array", "join numbers by numpy.stack([x, y])"
    return conversion, instead


def _other_array(line: UserLine, operands: Sequence[ast.expr]) -> tuple[str, str] | None:
    """The type of the first operand that is of another library than NumPy, and what to take in its place."""
    for operand in operands:
        kind: Any = type(line.value(operand))
        library, name = kind.__module__.partition(".")[0], ast.unparse(operand)
        if library == "scipy" and hasattr(kind, "toarray"):
            return own_name(kind), f"take {name}.toarray(), or define the derivative by numbafunc.custom_derivative"
        if library in ("pandas", "xarray") and hasattr(kind, "to_numpy"):
            return own_name(kind), f"pass {name}.to_numpy()"
        if library == "dask":
            return own_name(kind), f"pass numpy.asarray({name})"
    return None


def _operands(node: ast.Call) -> list[ast.expr]:
    """The arguments of a call, and what its method belongs to."""
    owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
    return [*owner, *node.args, *(keyword.value for keyword in node.keywords)]


def _instead_of(name: str, node: ast.Call | None, line: UserLine) -> str:
    """What to write in place of a call."""
    library, _, rest = name.partition(".")
    if library in ("math", "cmath"):
        counterpart = _OF_NUMBERS.get(name) or (f"{name.replace(library, 'numpy')}(x)" if hasattr(np, rest) else "")
        return f"call {counterpart}" if counterpart else ""
    if name in ("float", "int", "complex"):
        return f"leave {name}() out, or for the value alone call {name}(numbafunc.stop_gradient(x))"
    if name == "range":
        return "call range(int(numbafunc.stop_gradient(x)))"
    first = node.args[0] if node is not None and node.args else None
    if name in _MAKERS and first is not None and line.is_dual(first) and not line.is_sequence(first):
        return f"leave it out, since x is an array already; {_VALUE_ALONE}"
    if name in _MAKERS:
        return f"call numpy.stack([x, y]), or np.{rest} after import numbafunc.numpy as np; {_VALUE_ALONE}"
    if name in ("numpy.full", "numpy.fromiter"):
        return f"call np.{rest} after import numbafunc.numpy as np"
    if name in _SHAPED:
        return "a shape has no derivative: take int(numbafunc.stop_gradient(x))"
    if name in _OURS:
        return f"call {_OURS[name]}"
    found = None if node is None else _other_array(line, _operands(node))
    if found is not None:
        return found[1]
    if name.startswith("scipy.sparse."):
        return "define the derivative by numbafunc.custom_derivative"
    if name.startswith("scipy.optimize."):
        return f"give the solution its derivative by numbafunc.custom_root; {_VALUE_ALONE}"
    if name in ("scipy.integrate.odeint", "scipy.integrate.solve_ivp"):
        return f"call numbafunc.odeint; {_VALUE_ALONE}"
    if name.startswith("scipy.linalg."):
        return f"call numpy.linalg or numbafunc.scipy.linalg, if these have it; {_VALUE_ALONE}"
    if (
        node is not None
        and isinstance(node.func, ast.Attribute)
        and isinstance(line.value(node.func.value), np.ndarray)
    ):
        method = node.func.attr
        if method in ("fill", "put", "itemset"):
            return "make the array by numpy.zeros_like(x), which can hold derivatives"
        return f"call numpy.{method}({ast.unparse(node.func.value)}, ...)"
    if library == "numpy" and first is not None and (isinstance(first, ast.List) or not line.is_dual(first)):
        return f"join numbers by numpy.stack([x, y]); {_VALUE_ALONE}"
    if library in ("pandas", "xarray", "dask"):
        return f"take arrays of NumPy, such as s.to_numpy(); {_VALUE_ALONE}"
    return ""


# Errors that NumPy and others raise in place of ours.


def translated(error: BaseException, traceback: TracebackType | None) -> TypeError | None:
    """The TypeError for an error that arises from dual arrays but does not say so; None for all others."""
    refused_at, refusal = _LAST.key, _LAST.message
    _LAST.key = _LAST.message = None
    if not isinstance(error, Exception) or _is_marked(error):
        return None
    way = entries(traceback if traceback is not None else error.__traceback__)
    users = [entry for entry in way if not library_of(entry.tb_frame)]
    if not users:
        return None
    behind = way[way.index(users[-1]) + 1 :]
    if any(library_of(entry.tb_frame).startswith("numbafunc") for entry in behind):
        return _after(_cause(error), error)
    line = raised_at(users[-1])
    if not behind and line.is_at("RAISE_VARARGS"):
        return None  # the user's own
    message = _cause(error)
    if message is None and refused_at == line.key:
        message = refusal
    if message is None:
        message = _message_for(error, line)
        message = None if message is None else f"{message} {line}"
    return _after(message, error)


def _after(message: str | None, error: BaseException) -> TypeError | None:
    """The TypeError that follows from an error, without the chain of errors that led to that one."""
    if message is None:
        return None
    error.__cause__ = None
    error.__suppress_context__ = True
    return _marked(message)


def _cause(error: BaseException) -> str | None:
    """What the error of a dual array says that led to another one."""
    seen: BaseException | None = error
    while seen is not None:
        seen = seen.__cause__ or seen.__context__
        if isinstance(seen, TypeError) and _is_marked(seen):
            return str(seen)
    return None


_OF_SIGNATURES = re.compile("(positional|keyword|required) argument")


def _message_for(error: Exception, line: UserLine) -> str | None:
    node, text = line.expression, str(error)
    if isinstance(error, TypeError) and "unhashable type: 'Dual'" in text:
        name = line.name(node.func) if isinstance(node, ast.Call) else "a dict or set"
        return (
            f"{name} keeps values by their hash, which a dual array has not, as its elements may change; "
            "leave out functools.cache and the like where derivatives are taken"
        )
    # Values may be wrong where no derivative is taken either: of a ValueError dual arrays are hardly the reason.
    if not isinstance(error, (TypeError, AttributeError, RuntimeError)) or isinstance(error, RecursionError):
        return None
    if isinstance(node, ast.BinOp):
        sides = [node.left, node.right]
        found = _other_array(line, sides)
        if found is None or not any(map(line.is_dual, sides)):
            return None
        return f"an operator of {found[0]} has no rule for dual arrays; {found[1]}"
    if not isinstance(node, ast.Call) or (isinstance(error, TypeError) and _OF_SIGNATURES.search(text)):
        return None
    given = _operands(node)
    name = line.name(node.func)
    module, _, rest = name.partition(".")
    if rest and is_library(module) and any(map(line.is_dual, given)):
        found = _other_array(line, given)
        return _NO_RULE.format(name) if found is None else f"{name} has no rule for dual arrays; {found[1]}"
    return None
