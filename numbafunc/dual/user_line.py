"""The line of the user's program that is running, and what is called there: for messages of errors, and only then.

Python tells an object that is to be converted to a number or an array neither which function asked nor where; both are
read from the frame, the source and the position of the instruction. From Python 3.11 on that position is exact; before,
the line alone is known.
"""

from __future__ import annotations

import ast
import dis
import itertools
import linecache
import sys
from collections.abc import Iterator
from pathlib import PurePath
from types import BuiltinFunctionType, CodeType, FrameType, ModuleType, TracebackType
from typing import Any

LIBRARIES = frozenset(("numbafunc", "numbafunc_cuda", "numpy", "scipy", "pandas", "xarray", "dask", "numba"))
"""Packages whose frames are passed over, as those of Python's own modules are: they work for the line that called."""

DUAL_TYPES: set[type] = set()
"""The type of dual arrays, which enters itself."""

_LONGEST = 72
"""Characters of source that a message shows."""

_COMPILED = (BuiltinFunctionType, type)

# Examples in docstrings run with the globals of the module.
_EXAMPLES = "<doctest "


def library_of(frame: FrameType) -> str:
    """The library that a frame belongs to, by its name; "" for the user's own code."""
    if frame.f_code.co_filename.startswith(_EXAMPLES):
        return ""
    root = str(frame.f_globals.get("__name__") or "").partition(".")[0]
    return root if is_library(root) else ""


def is_library(name: str) -> bool:
    """Whether a package is one that works for the line that called it."""
    return name in LIBRARIES or name in sys.stdlib_module_names


def _source(frame: FrameType) -> list[str]:
    """The lines of the file of a frame; none where it is not known which text has been compiled."""
    file = frame.f_code.co_filename
    return [] if file == "<string>" else linecache.getlines(file, frame.f_globals)


class UserLine:
    """The innermost instruction of the user's code.

    Parameters
    ----------
    frame : frame
        Frame of the user's code.
    instruction : int
        Offset of the instruction in its code.
    number : int
        Its line.
    function : callable, optional
        Compiled function, or type, that was handed to a function of this package, which calls it.
    """

    def __init__(self, frame: FrameType, instruction: int, number: int, function: Any = None) -> None:
        self.frame = frame
        self.instruction = instruction
        self.number = number
        self.function = function
        self.expression = self._expression()

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this instruction of this frame from others for as long as the frame lives."""
        return self.frame.f_code, id(self.frame), self.instruction

    def __str__(self) -> str:
        file = self.frame.f_code.co_filename
        name = file if file.startswith("<") else PurePath(file).name
        lines = _source(self.frame)
        text = lines[self.number - 1].strip() if self.number <= len(lines) else ""
        if len(text) > _LONGEST and self.expression is not None:
            text = ast.unparse(self.expression)
        if len(text) > _LONGEST:
            text = f"{text[:_LONGEST]}..."
        return f"(in {name}, line {self.number}{': ' if text else ''}{text})"

    def is_at(self, *operations: str) -> bool:
        """Whether the instruction is one of some, by the names that module dis gives them."""
        code = self.frame.f_code.co_code
        # Numba makes up a frame for what compiled code raises, of a code without that instruction in Python 3.10.
        known = 0 <= self.instruction < len(code)
        return known and dis.opname[code[self.instruction]] in operations

    def _expression(self) -> ast.expr | None:
        """The expression that is being evaluated, or stored to; None where it is not known."""
        code = self.frame.f_code
        position = _position(code, self.instruction)
        if position is None:
            return None
        first, last, start, stop = position
        lines = _source(self.frame)[first - 1 : last]
        if len(lines) <= last - first:
            return None
        # Positions count bytes.
        encoded = [line.encode() for line in lines]
        encoded[-1] = encoded[-1][:stop]
        encoded[0] = encoded[0][start:]
        source = b"".join(encoded).decode()
        try:
            return ast.parse(f"({source}\n)", mode="eval").body
        except (SyntaxError, ValueError):
            return _changing(source)

    def value(self, node: ast.expr) -> Any:
        """The value of a name, or of an attribute of a module; None where finding it would run code."""
        if isinstance(node, ast.Name):
            for names in (self.frame.f_locals, self.frame.f_globals, self.frame.f_builtins):
                if node.id in names:
                    return names[node.id]
        if isinstance(node, ast.Attribute):
            holder = self.value(node.value)
            if isinstance(holder, ModuleType):
                return vars(holder).get(node.attr)
        return None

    def name(self, node: ast.expr) -> str:
        """The full name of a function: numpy.linalg.norm for np.linalg.norm, or for norm itself."""
        root = node
        while isinstance(root, (ast.Attribute, ast.Call, ast.Subscript)):
            root = root.func if isinstance(root, ast.Call) else root.value
        text = ast.unparse(_Shortened().visit(node))
        top = self.value(root)
        if isinstance(top, ModuleType) and isinstance(root, ast.Name):
            return top.__name__ + text[len(root.id) :]
        if node is root:
            return own_name(top, text)
        if isinstance(root, ast.Name) and top is not None and isinstance(node, ast.Attribute) and node.value is root:
            return f"{own_name(type(top))}.{node.attr}"
        return text

    def is_sequence(self, node: ast.expr) -> bool:
        """Whether an argument is seen to be a list or tuple."""
        return isinstance(node, (ast.List, ast.Tuple)) or type(self.value(node)) in (list, tuple)

    def is_dual(self, node: ast.expr) -> bool:
        """Whether an argument is seen to be a dual array, or a sequence of them, without running code."""
        if isinstance(node, (ast.List, ast.Tuple)):
            return any(map(self.is_dual, node.elts))
        if isinstance(node, ast.BinOp):
            return self.is_dual(node.left) or self.is_dual(node.right)
        if isinstance(node, ast.UnaryOp):
            return self.is_dual(node.operand)
        if isinstance(node, (ast.Subscript, ast.Starred)):
            return self.is_dual(node.value)
        value = self.value(node)
        return type(value) in DUAL_TYPES or (
            type(value) in (list, tuple) and any(type(entry) in DUAL_TYPES for entry in value)
        )


class _Shortened(ast.NodeTransformer):
    """Source without the arguments of calls."""

    def visit_Call(self, node: ast.Call) -> ast.Call:
        arguments: list[ast.expr] = [ast.Constant(...)] if node.args or node.keywords else []
        return ast.Call(self.visit(node.func), arguments, [])


def _changing(source: str) -> ast.expr | None:
    """The operation of a statement such as ``x += y``; None for any other."""
    try:
        (statement,) = ast.parse(source).body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(statement, ast.AugAssign):
        return None
    return ast.BinOp(statement.target, statement.op, statement.value)


def own_name(x: Any, otherwise: str = "") -> str:
    """The name that something has in the outermost module of its package that has it."""
    name = getattr(x, "__qualname__", None)
    if not isinstance(name, str) or "<" in name:
        return otherwise
    module = str(getattr(x, "__module__", None) or "")
    if module in ("builtins", "__main__", ""):
        return name
    for outer in itertools.accumulate(module.split("."), "{}.{}".format):
        if vars(sys.modules[outer]).get(name) is x if outer in sys.modules else False:
            return f"{outer}.{name}"
    return f"{module}.{name}"


def _position(code: CodeType, instruction: int) -> tuple[int, int, int, int] | None:
    """First and last line of an instruction, its first column and the one behind its last, in bytes."""
    positions: Any = getattr(code, "co_positions", None)
    if positions is None:
        return None
    first, last, start, stop = next(itertools.islice(positions(), instruction // 2, None))
    return None if None in (first, last, start, stop) else (first, last, start, stop)


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def running() -> UserLine | None:
    """The line of the user's code that is running in this thread."""
    function = None
    for frame in _frames():
        library = library_of(frame)
        if not library:
            return UserLine(frame, frame.f_lasti, frame.f_lineno, function)
        if library == "numbafunc" and function is None and _is_of_a_library(frame.f_locals.get("f")):
            function = frame.f_locals["f"]
    return None


def _is_of_a_library(f: Any) -> bool:
    """Whether something is a function of Python's own or of another library than this one, or a type."""
    root = str(getattr(f, "__module__", None) or "").partition(".")[0]
    return isinstance(f, _COMPILED) or (callable(f) and root != "numbafunc" and is_library(root))


def entries(traceback: TracebackType | None) -> list[TracebackType]:
    """The entries of a traceback, the innermost last."""
    found = []
    while traceback is not None:
        found.append(traceback)
        traceback = traceback.tb_next
    return found


def raised_at(entry: TracebackType) -> UserLine:
    """The line of an entry of a traceback."""
    return UserLine(entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
