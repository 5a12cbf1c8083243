"""What the user has chosen to compile: ops with settings, dtypes, orders of derivatives and modes."""

from __future__ import annotations

import ast
import inspect
from argparse import ArgumentTypeError
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

import numbafunc
from numbafunc.kinds.registry import CALLS, Call

DTYPES = ("float16", "float32", "float64")
MODES = ("forward", "reverse")


class Op(NamedTuple):
    """An op with settings.

    Attributes
    ----------
    name : str
        Name of the public function, with that of its module where it has one, such as ``loss.l2``.
    given : mapping
        The settings that the user has chosen.
    """

    name: str
    given: Mapping[str, Any]

    @property
    def function(self) -> Any:
        """The public function."""
        return public()[self.name]

    @property
    def call(self) -> Call:
        """What it is called with, as its module says."""
        return CALLS.get(self.function.__name__, Call())

    @property
    def settings(self) -> dict[str, Any]:
        """All settings of the call."""
        return {**self.call.settings, **self.given}

    def __str__(self) -> str:
        chosen = ", ".join(f"{name}={value!r}" for name, value in self.given.items())
        return f"{self.name}({chosen})" if chosen else self.name


def public() -> dict[str, Any]:
    """The ops, that is the public functions that ``numbafunc.ops`` defines, by their names."""
    found = {}
    for module, prefix in ((numbafunc, ""), (numbafunc.loss, "loss."), (numbafunc.divergence, "divergence.")):
        for name in module.__all__:
            value = getattr(module, name)
            if getattr(value, "__module__", "").startswith("numbafunc.ops."):
                found[prefix + name] = value
    return found


def ops(text: str) -> tuple[Op, ...]:
    """The ops of an option such as ``relu,softmax(axis=0)``; ``all`` stands for all that have kernels of their own.

    Raises
    ------
    argparse.ArgumentTypeError
        For names of no ops, and arguments that an op does not take.
    """
    known = public()
    if text.strip() == "all":
        return tuple(op for op in (Op(name, {}) for name in known) if op.call.shapes)
    try:
        listed = ast.parse(f"[{text}]", mode="eval").body
        found = tuple(_op(one, known) for one in getattr(listed, "elts", ()))
    except (SyntaxError, ValueError):
        found = ()
    if not found:
        raise ArgumentTypeError(f"{text!r} is no list of ops; wanted: such as relu,softmax(axis=0), or all")
    return found


def _op(expression: ast.expr, known: Mapping[str, Any]) -> Op:
    """An op as it is written; ValueError for what is neither a name nor a call."""
    keywords: list[ast.keyword] = []
    if isinstance(expression, ast.Call):
        if expression.args:
            raise ArgumentTypeError(f"{ast.unparse(expression)!r} has a setting without its name")
        keywords, expression = expression.keywords, expression.func
    if not isinstance(expression, (ast.Name, ast.Attribute)):
        raise ValueError(ast.unparse(expression))
    name = ast.unparse(expression)
    if name not in known:
        full = [one for one in known if one.rpartition(".")[2] == name] or get_close_matches(name, known, 1)
        raise ArgumentTypeError(f"{name!r} is no op{_meant(full) or '; wanted: ' + ', '.join(known)}")
    op = Op(name, {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in keywords})
    if not op.call.shapes:
        raise ArgumentTypeError(f"{name} has no kernels without functions of yours; warm up a program that calls it")
    try:
        inspect.signature(known[name]).bind(*op.call.operands, **op.settings)
    except TypeError as error:
        raise ArgumentTypeError(f"{op}: {error}") from None
    return op


def _meant(near: Iterable[str]) -> str:
    return "".join(f". Did you mean {name!r}?" for name in near)


class _Some:
    """An option that takes some words of several, with commas between."""

    def __init__(self, default: str, help: str, words: tuple[str, ...]) -> None:
        self.default = default
        self.help = help
        self.words = words

    def __call__(self, text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
        for word in found:
            if word not in self.words:
                near = _meant(get_close_matches(word, self.words, 1))
                raise ArgumentTypeError(f"{word!r} is none of {', '.join(self.words)}{near}")
        return found


OPTIONS = {
    "dtypes": _Some("float32,float64", f"of {', '.join(DTYPES)}", DTYPES),
    "orders": _Some("0,1", "of derivatives, 0 being the value", tuple("0123")),
    "modes": _Some(",".join(MODES), "of differentiation", MODES),
}


def count(text: str) -> int:
    """A whole number from 1 on."""
    try:
        number = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < 1:
        raise ArgumentTypeError(f"must be at least 1, not {number}")
    return number


__all__ = ["OPTIONS", "Op", "count", "ops", "public"]
