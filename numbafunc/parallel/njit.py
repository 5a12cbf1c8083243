"""Collective functions inside the user's own ``@numba.njit`` functions, cached ones included.

An implementation describes its arguments in memory and calls :func:`numbafunc.parallel.compiled_calls.call` by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from numbafunc.kinds import njit
from numbafunc.parallel import compiled_calls as calls
from numbafunc.parallel.compiled_calls import Leaf, Request
from numbafunc.parallel.dtypes import MAX, MEAN, MIN, SUM, wire_of

_INT64 = np.dtype(np.int64)

Known = dict[str, Any]
"""The options of a call that are known when code is compiled."""


class Collective(NamedTuple):
    """What compiled code has to know of a function.

    Attributes
    ----------
    result : function
        The dtype of a result, given that of the operand and the known options.
    axes : function, optional
        The number of axes of a result, given that of the operand and the known options; None where shapes are kept.
    """

    result: Callable[[np.dtype[Any], Known], np.dtype[Any]]
    axes: Callable[[int, Known], int] | None = None


def _reduced(operation: str) -> Collective:
    return Collective(lambda dtype, known: wire_of(operation, dtype).result)


def _ranked(operation: str) -> Collective:
    def result(dtype: np.dtype[Any], known: Known) -> np.dtype[Any]:
        wire_of(operation, dtype)  # raises for what can't be compared
        return _INT64

    return Collective(result)


def _moved(axes: Callable[[int, Known], int] | None = None) -> Collective:
    def result(dtype: np.dtype[Any], known: Known) -> np.dtype[Any]:
        wire_of(SUM, dtype)  # raises for what is not a number
        return dtype

    return Collective(result, axes)


COLLECTIVES = {
    SUM: _reduced(SUM),
    MEAN: _reduced(MEAN),
    MAX: _reduced(MAX),
    MIN: _reduced(MIN),
    "broadcast": _moved(),
    "all_gather": _moved(lambda ndim, known: ndim + (not known["tiled"])),
    "reduce_scatter": _reduced(SUM)._replace(axes=lambda ndim, known: max(0, ndim - (not known["tiled"]))),
    "all_to_all": _moved(lambda ndim, known: ndim),
    "ppermute": _moved(),
    "pscan": Collective(lambda dtype, known: wire_of({"sum": SUM, "max": MAX}[known["op"]], dtype).result),
    "pargmax": _ranked(MAX),
    "pargmin": _ranked(MIN),
    "barrier": _moved(),
    "axis_index": _moved(),
    "axis_size": _moved(),
}


def register(*functions: Any) -> None:
    """Register public functions with Numba."""
    from numba.core import types
    from numba.core.typing.templates import infer, infer_global, make_overload_template

    for function in functions:
        made: Any = make_overload_template(function, _typed(function), {}, False, "never", prefer_literal=True)
        template = infer(type(made.__name__, (_OutsideParallelLoops, made), {}))
        infer_global(function, types.Function(template))
        if function.__name__ not in calls.FACTS:
            njit.COLLECTIVES.add(function)
    njit.refresh()


class _OutsideParallelLoops:
    """Part of Numba's templates of functions, which it asks for each call: refuses those in loops that threads share.

    The body of such a loop becomes a function of its own, which Numba compiles like others.
    """

    def generic(self: Any, args: Any, kws: Any) -> Any:
        from numba.core.errors import TypingError

        if self.key.__name__ not in calls.FACTS and any(
            frame.func_id.func_name.startswith("__numba_parfor_gufunc") for frame in self.context.callstack
        ):
            raise TypingError(calls.IN_PARALLEL_LOOP)
        return super().generic(args, kws)  # type: ignore[misc]


def _typed(function: Any) -> Any:
    """The function that Numba asks for an implementation, given the types of the arguments."""
    declared, names, namespace = [], [], {}
    for name, parameter in inspect.signature(function).parameters.items():
        names.append(name)
        if parameter.default is inspect.Parameter.empty:
            # Numba knows no parameters by keyword alone; those without a default are checked below.
            declared.append(name if parameter.kind is parameter.POSITIONAL_OR_KEYWORD else f"{name}=None")
        else:
            namespace[f"default_{name}"] = parameter.default
            declared.append(f"{name}=default_{name}")
    parameters = ", ".join(declared)

    def choose(*given: Any) -> Any:
        from numbafunc.parallel.invocation import make_invoke

        lines, more = _Writer(make_invoke, function.__name__, dict(zip(names, given, strict=True))).written()
        source = f"def implementation({parameters}):\n" + "".join(f"    {line}\n" for line in lines)
        variables = {"np": np, **namespace, **more}
        exec(compile(source, f"<numbafunc.parallel.{function.__name__} inside compiled functions>", "exec"), variables)
        return variables["implementation"]

    typed = {"choose": choose, **namespace}
    exec(f"def typed({parameters}):\n    return choose({', '.join(names)})", typed)
    return typed["typed"]


class _Writer:
    """Writes the source of an implementation: the nest goes into ``words``, the call is made, results are put together.

    Parameters
    ----------
    make_invoke : function
        Makes the function by which compiled code calls.
    function : str
        Name of the public function.
    given : dict
        Numba's types of the arguments, by parameter, or their values where they are left at defaults.
    """

    def __init__(self, make_invoke: Callable[[str], Any], function: str, given: dict[str, Any]) -> None:
        self.make_invoke = make_invoke
        self.function = function
        self.collective = COLLECTIVES[function]
        self.given = given
        self.leaves: list[Leaf] = []
        self.lines: list[str] = []
        self.words: list[str] = []
        self.option_words: list[str] = []
        self.namespace: dict[str, Any] = {}

    def written(self) -> tuple[list[str], dict[str, Any]]:
        """The lines, and what they name."""
        given = dict(self.given)
        names = _literal_names(given.pop("axis_name"))
        if not names:
            self.refuse("axis_name has to be written out inside a compiled function: a string, or a tuple of them")
        for option in ("axis_index_groups", "out"):
            if _known(given.pop(option, None)) is not None:
                self.refuse(f"{option} can't be given inside compiled functions")
        known: Known = {}
        x = given.pop("x", None)
        options = []
        for option, value in given.items():
            if option in _WRITTEN_OUT:
                known[option] = self.constant(option, value)
            else:
                options += self.option(option, value, known)
        nest, result = self.nest(x, "x", known) if "x" in self.given else (None, "None")
        axis_name = names[0] if len(names) == 1 else tuple(names)
        request = Request(self.function, axis_name, nest, tuple(self.leaves), known, tuple(options))
        self.namespace.update(invoke=self.make_invoke(request.text()), check=_checker())
        if self.function in calls.FACTS:
            result = "words[0]"
        words = "".join(f"{word}, " for word in (*self.words, *self.option_words)) or "0, "
        lines = [
            *self.lines,
            # Arrays are alive while they are arguments.
            f"status, words = invoke(({words}))",
            "check(status)",
            *self.fetched(),
            f"return {result}",
        ]
        return lines, self.namespace

    def refuse(self, text: str) -> Any:
        """Raise the error that Numba shows."""
        from numba.core.errors import TypingError

        raise TypingError(text)

    # The nest.

    def nest(self, given: Any, expression: str, known: Known) -> tuple[Any, str]:
        """Add the leaves of an argument; how they are nested, and the expression of the results."""
        from numba.core import types

        if isinstance(given, types.BaseTuple):
            parts = [self.nest(one, f"{expression}[{place}]", known) for place, one in enumerate(given)]
            entries = tuple(part for part, _ in parts)
            results = "".join(f"{result}, " for _, result in parts)
            if isinstance(given, types.BaseNamedTuple):
                name = f"Nest_{len(self.namespace)}"
                self.namespace[name] = given.instance_class
                return (given.instance_class.__name__, tuple(given.fields), entries), f"{name}({results})"
            return ("", (), entries), f"({results})"
        if isinstance(given, types.NoneType):
            return None, "None"
        return 0, self.leaf(given, expression, known)

    def leaf(self, given: Any, expression: str, known: Known) -> str:
        """Add an array or number; the expression of its result."""
        from numba.core import types
        from numba.np.numpy_support import as_dtype

        array = isinstance(given, types.Array)
        element = types.unliteral(given.dtype if array else given)
        if not isinstance(element, (types.Boolean, types.Integer, types.Float, types.Complex)):
            self.refuse(
                f"{expression} is a {given}; wanted inside a compiled function: an array of numbers, a number, or a "
                "tuple of them"
            )
        dtype = as_dtype(element)
        try:
            result = self.collective.result(dtype, known)
        except TypeError as error:
            self.refuse(str(error))
        ndim = given.ndim if array else 0
        axes = None if self.collective.axes is None else self.collective.axes(ndim, known)
        number = len(self.leaves)
        source, target = f"source_{number}", f"result_{number}"
        self.leaves.append(Leaf(dtype.char, result.char, ndim, axes))
        self.namespace[f"dtype_{number}"] = result
        if not ndim:
            source = f"({expression}{'[()]' * array},)"
        elif given.layout == "C" and given.aligned:
            source = expression
        else:
            self.lines.append(f"{source} = np.ascontiguousarray({expression})")
        if axes is None:
            shape = f"{expression}.shape" if ndim else "()" if array else "1"
            self.lines.append(f"{target} = np.empty({shape}, dtype_{number})")
        lengths = [f"{expression}.shape[{axis}]" for axis in range(ndim)]
        self.words += [source, "0" if axes is not None else target, *lengths, *["0"] * (axes or 0)]
        return f"{target}[0]" if axes == 0 or (axes is None and not array) else target

    def fetched(self) -> list[str]:
        """Lines that make arrays for results whose shapes the call has found, and have them filled."""
        if self.collective.axes is None or not self.leaves:
            return []
        lines, position = [], 0
        for number, leaf in enumerate(self.leaves):
            position += leaf.words
            lengths = "".join(f"words[{place}], " for place in range(position - (leaf.axes or 0), position))
            lines.append(f"result_{number} = np.empty({f'({lengths})' if leaf.axes else '1'}, dtype_{number})")
        self.namespace["fetch"] = self.make_invoke("")
        results = "".join(f"result_{number}, " for number in range(len(self.leaves)))
        return [*lines, f"status, _ = fetch(({results}))", "check(status)"]

    # Options.

    def constant(self, option: str, given: Any) -> Any:
        """An option that has to be known when code is compiled."""
        value, wanted = _known(given), _WRITTEN_OUT[option]
        if value not in wanted or type(value) is not type(wanted[0]):
            shown = given if value is _UNKNOWN else repr(value)
            self.refuse(f"{option} is {shown}; wanted: {wanted[0]!r} or {wanted[1]!r}, written out")
        return value

    def option(self, option: str, given: Any, known: Known) -> list[tuple[str, str]]:
        """Add an option to those that are known, or its words; its name and what these are."""
        from numba.core import types

        kind, wanted = _OPTIONS[option]
        value = _known(given)
        if value is None and option in ("name", "weight"):
            return []
        if value is not _UNKNOWN:
            if kind == "bool" and type(value) is int and value in (0, 1):
                value = bool(value)
            if type(value) not in _KINDS[kind]:
                self.refuse(f"{option} is {value!r}; wanted: {wanted}")
            known[option] = value
            return []
        allowed = {
            "bool": types.Boolean,
            "int": types.Integer,
            "float": (types.Integer, types.Float),
            "text": types.UnicodeType,
            "pairs": (types.Array, types.Sequence, types.ListType),
        }[kind]
        if not isinstance(given, allowed):
            self.refuse(f"{option} is {given}; wanted: {wanted}")
        if kind == "pairs":
            self.namespace["pairs_of"] = _pairs_maker()
            self.lines.append("pairs = pairs_of(perm)")
            self.option_words += ["pairs", "pairs.shape[0]"]
        else:
            self.option_words.append({"text": option, "float": f"(float({option}),)"}.get(kind, f"int({option})"))
        return [(option, kind)]


# What options are, by the words of `compiled_calls`, and how messages say it.
_OPTIONS = {
    **dict.fromkeys(("axis", "concat_axis", "root", "split_axis"), ("int", "an int")),
    **dict.fromkeys(("exclusive", "reproducible"), ("bool", "True or False")),
    "name": ("text", "a string"),
    "perm": ("pairs", "a list, array or tuple of pairs of ranks"),
    "weight": ("float", "a number"),
}
_KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (int, float),
    "pairs": (),
    "text": (str,),
}

# Options that the types of results depend on, and what they may be.
_WRITTEN_OUT: dict[str, tuple[Any, Any]] = {"tiled": (False, True), "op": ("sum", "max")}

_UNKNOWN: Any = object()


def _known(given: Any) -> Any:
    """The value of an argument if it is known when code is compiled, else _UNKNOWN."""
    from numba.core import types

    if isinstance(given, types.Omitted):
        return given.value
    if isinstance(given, types.NoneType):
        return None
    if isinstance(given, types.Literal):
        return given.literal_value
    return _UNKNOWN if isinstance(given, types.Type) else given


def _literal_names(axis_name: Any) -> list[str]:
    """The axis names, if they are literals in the program; none if they are known only when it runs."""
    from numba.core import types

    given = axis_name if isinstance(axis_name, (types.BaseTuple, tuple)) else (axis_name,)
    names = list(map(_known, given))
    return names if all(isinstance(name, str) for name in names) else []


def _check(status: int) -> None:
    if status == calls.MISMATCH:
        raise calls.CompiledMismatchError()
    if status == calls.UNKNOWN_AXIS:
        raise calls.CompiledNameError()
    if status == calls.WRONG_VALUE:
        raise calls.CompiledValueError()
    if status == calls.WRONG_TYPE:
        raise calls.CompiledTypeError()
    if status != calls.DONE:
        raise calls.CompiledCollectiveError()


def _pairs_of(perm: Any) -> Any:
    pairs = np.empty((len(perm), 2), np.int64)
    for place in range(len(perm)):
        source, target = perm[place]
        pairs[place, 0], pairs[place, 1] = source, target
    return pairs


@cache
def _checker() -> Any:
    from numba.extending import register_jitable

    return register_jitable(_check)


@cache
def _pairs_maker() -> Any:
    from numba.extending import register_jitable

    return register_jitable(_pairs_of)
