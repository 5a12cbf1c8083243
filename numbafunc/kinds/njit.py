"""Ops inside the user's own ``@numba.njit`` functions, on scalars and on arrays.

The definitions are those of the ops. The loop is a plain one, so the user's function decides what runs in parallel.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import FunctionType
from typing import Any

from numbafunc.kinds.defaults import Unset
from numbafunc.kinds.registry import REGISTRY
from numbafunc.numba_import import after_import

OPS: dict[Any, Any] = {}
"""The ops that can be called inside compiled functions, by public function: see `register`."""

COLLECTIVES: set[Any] = set()
"""The functions that processes call together, which modules that are loaded add."""

_LISTENERS: list[Callable[[dict[Any, Any]], None]] = []


def register(module: str) -> None:
    """Register the public functions of a module with Numba: ops that compiled code can call, and errors for others."""
    after_import(lambda: _register(module))


def _register(module: str) -> None:
    from numba.extending import overload

    from numbafunc.cpu.parts import GlueCompiler

    found = {}
    for public in _functions(module):
        op = _op_of(public)
        chosen = _by_name(public, module) if op is None else typed(public, op, _implementation)
        options = {"pipeline_class": GlueCompiler} if op is None else {}
        overload(public, jit_options=options, strict=False, prefer_literal=op is None)(chosen)
        if op is not None:
            found[public] = op
    OPS.update(found)
    for hear in _LISTENERS:
        hear(found)
    _refresh()


def listen(hear: Callable[[dict[Any, Any]], None]) -> None:
    """Call ``hear`` with the ops of :data:`OPS`, and again with the ops of each module that is loaded later.

    It registers them with a compiler for another machine.
    """
    _LISTENERS.append(hear)
    hear(OPS)


def refresh() -> None:
    """Let a compilation that is under way see new functions: naming one may have loaded its module."""
    after_import(_refresh)


def _refresh() -> None:
    from numba.core.registry import cpu_target

    context = vars(cpu_target).get("_toplevel_typing_context")
    # Every compilation begins with this, which loads the whole compiler: programs that read all machine code from the
    # cache do without.
    if context is not None and _is_compiling():
        context.refresh()


def _is_compiling() -> bool:
    """Whether a compilation is under way, in this thread or another one."""
    from numba.core.compiler_lock import global_compiler_lock

    if global_compiler_lock.is_locked():  # by this thread
        return True
    lock = global_compiler_lock._lock
    if not lock.acquire(blocking=False):
        return True
    lock.release()
    return False


@cache
def know_elementwise() -> None:
    """Let Numba know the functions that :func:`numbafunc.elementwise` makes.

    They bear their op as an attribute, which travels with them to other processes; a function that Numba registers
    would be known only where it was made.
    """
    after_import(_know_elementwise)


def _know_elementwise() -> None:
    from numba.extending import typeof_impl

    @typeof_impl.register(FunctionType)
    def type_of(function: Any, context: Any) -> Any:
        op = vars(function).get("elementwise_op")
        return typeof_impl.dispatch(object)(function, context) if op is None else _type_of(function, op)


def _type_of(function: Any, op: Any) -> Any:
    from numba.core import types
    from numba.core.typing.templates import make_overload_template

    if op.type is None:
        chosen = typed(function, op, _implementation)
        op.type = types.Function(make_overload_template(function, chosen, {}, strict=False, inline="never"))
    return op.type


def _op_of(public: Any) -> Any:
    """The op to which a public function passes its arguments unchanged; None for all other functions.

    It may have options behind ``out``, which it does not have in compiled functions.
    """
    op = REGISTRY.get(public.__name__)
    if op is None:
        return None
    wanted = [*op.parameters, *(() if op.variant is None else op.variant[:1]), "out"]
    return op if list(inspect.signature(public).parameters)[: len(wanted)] == wanted else None


def _functions(module: str) -> list[Any]:
    """The public functions of a module."""
    found = vars(sys.modules[module])
    names = found.get("__all__", [name for name in found if not name.startswith("_")])
    return [f for f in map(found.get, names) if inspect.isfunction(f) and f.__module__ == module]


_INSIDE = f"{__name__.partition('.')[0]}.inside"
"""The folder of implementations: the module ``inside.pool`` has those of the functions of ``ops.pool``."""


def _by_name(public: Any, module: str) -> Any:
    """The function that Numba asks for an implementation, which a module of the same name in the folder has."""
    word = module.rpartition(".")[2]
    names = [name for name in inspect.signature(public).parameters if name != "out"]

    def choose(*given: Any) -> Any:
        choose_among = vars(import_module(f"{_INSIDE}.{word}"))
        if public.__name__ in choose_among:
            return choose_among[public.__name__](*given)
        raise _refused(public)

    if module.split(".")[-2] != "ops" or find_spec(f"{_INSIDE}.{word}") is None:

        def typed(*given: Any, **options: Any) -> Any:
            raise _refused(public)

        return typed
    declared, defaults = parameters_of(public)
    return _taking(public, declared.split(", ") if declared else [], names, choose, defaults)


def _taking(
    public: Any, declared: list[str], names: list[str], choose: Callable[..., Any], defaults: dict[str, Any]
) -> Any:
    """The function that hands arguments on to ``choose``, of which it takes as many by position as the public one."""
    parameters = inspect.signature(public).parameters
    count = sum(parameters[name].kind is not inspect.Parameter.KEYWORD_ONLY for name in names)
    by_name = ", ".join(names[count:])

    def refuse() -> None:
        from numba.core.errors import TypingError

        raise TypingError(
            f"numbafunc.{public.__name__} is given more than {count} arguments by position; wanted: {by_name} by name"
        )

    if not by_name:
        header, check = ", ".join(declared), ""
    else:
        header, check = (
            ", ".join([*declared[:count], "*others", *declared[count:]]),
            "    if others:\n        refuse()\n",
        )
    namespace = {"choose": choose, "refuse": refuse, **defaults}
    exec(f"def typed({header}):\n{check}    return choose({', '.join(names)})", namespace)
    return namespace["typed"]


def parameters_of(public: Any) -> tuple[str, dict[str, Any]]:
    """The parameters of a public function but for ``out``, as they are declared, and the defaults that are named."""
    declared, defaults = [], {}
    for name, parameter in inspect.signature(public).parameters.items():
        if name == "out":
            continue
        if parameter.default is inspect.Parameter.empty:
            declared.append(name)
        else:
            # Numba has no type for the mark of an option that is not given.
            defaults[f"default_{name}"] = None if isinstance(parameter.default, Unset) else parameter.default
            declared.append(f"{name}=default_{name}")
    return ", ".join(declared), defaults


def _refused(public: Any) -> Any:
    from numba.core.errors import TypingError

    return TypingError(
        f"numbafunc.{public.__name__} can't be called inside functions that Numba compiles; the elementwise functions, "
        "reductions, losses and functions of images can"
    )


def typed(public: Any, op: Any, implementation: Any) -> Any:
    """The function that Numba asks for an implementation, given the types of the arguments.

    It calls ``implementation(op, types, names, declared)``, where ``declared`` has the parameters with their defaults.
    """
    parameters = inspect.signature(public).parameters
    names = [name for name in parameters if name != "out"]
    defaults = [parameters[name].default for name in names]
    declared = [n if d is inspect.Parameter.empty else f"{n}={d!r}" for n, d in zip(names, defaults)]
    options = len(names) - len(op.parameters) - (op.variant is not None)

    def choose(*given: Any) -> Any:
        from numbafunc.kinds.njit_arguments import at_defaults

        at_defaults(public, given[len(names) - options :])
        chosen = _chosen(public, op, given)
        count = len(chosen.parameters)
        return implementation(chosen, given[:count], names[:count], declared)

    return _taking(public, declared, names, choose, {})


def _chosen(public: Any, op: Any, given: tuple[Any, ...]) -> Any:
    """The op that a public function calls for arguments, given by their Numba types."""
    if op.variant is None:
        return op
    option, other = op.variant
    last = given[len(op.parameters)]
    if option in other.parameters:
        from numba.core import types

        default = inspect.signature(public).parameters[option].default
        return op if isinstance(last, types.Omitted) or last is default else other
    return other if _is_true(public, option, last) else op


def _is_true(public: Any, flag: str, given: Any) -> bool:
    """Whether a flag, given by its Numba type, is True, which must be known when code is compiled."""
    from numba.core import types
    from numba.core.errors import TypingError

    value = given.value if isinstance(given, types.Omitted) else getattr(given, "literal_value", given)
    if type(value) is not bool:
        raise TypingError(f"{flag} of numbafunc.{public.__name__} is {given}; wanted: True or False, written out")
    return value


def in_definition(
    op: Any, given: tuple[Any, ...], names: list[str], declared: list[str], inline: Any, make_start: Any
) -> Any:
    """The implementation inside a definition, whose numbers carry derivatives; None if no argument is such a number.

    The arguments go to the op's definition unchanged. ``inline`` and ``make_start`` are those of the machine that is
    compiled for.
    """
    from numbafunc.numbers.numba_type import NumberType

    widths = {one.dtype.bitwidth: one.dtype for one in given if isinstance(one, NumberType)}
    if not widths:
        return None
    namespace = {"definition": inline(op.settled()), "number": make_start(widths[max(widths)])}
    elements = [n if isinstance(one, NumberType) else f"number({n})" for n, one in zip(names, given)]
    exec(f"def implementation({', '.join(declared)}):\n    return definition({', '.join(elements)})\n", namespace)
    return namespace["implementation"]


def _implementation(op: Any, given: tuple[Any, ...], names: list[str], declared: list[str]) -> Any:
    """The implementation outside definitions: a loop over arrays, which broadcast, or one call."""
    import numpy as np
    from numba.core import types

    from numbafunc.cpu.dispatchers import inline
    from numbafunc.numbers.numba_type import leave, make_start

    composed = in_definition(op, given, names, declared, inline, make_start)
    if composed is not None:
        return composed
    arrays = [n for n, t in zip(names, given) if isinstance(t, types.Array)]
    scalars = [scalar_type(op, n, t) for n, t in zip(names, given)]
    kept = op.keep_integers and not any(isinstance(t, types.Float) for t in scalars)
    # A number does not widen an array.
    telling = [t for n, t in zip(names, scalars) if n in arrays or not arrays]
    namespace: dict[str, Any] = {"leave": leave, "definition": inline(op.settled()), "np": np}
    if kept:
        widest = np.result_type(*(np.dtype(str(t)) for t in telling))
        dtype = np.dtype(np.int64) if widest.kind == "b" else widest
        namespace.update(number=dtype.type, leave=dtype.type)
    else:
        floats = [t for t in telling if isinstance(t, types.Float)]
        compute = max(floats, key=lambda t: t.bitwidth, default=types.float64)
        dtype = np.dtype(str(compute))
        namespace["number"] = make_start(compute)
    namespace["dtype"] = dtype
    elements = ", ".join(f"number(flat_{n}[i])" if n in arrays else f"number({n})" for n in names)
    lines = [f"return leave(definition({elements}))"]
    if arrays:
        shape = f"{arrays[0]}.shape"
        lines = []
        if len(arrays) > 1:
            lines.append(f"shape = np.broadcast_shapes({', '.join(f'{n}.shape' for n in arrays)})")
            lines += [f"flat_{n} = np.broadcast_to({n}, shape).copy().ravel()" for n in arrays]
            shape = "shape"
        else:
            lines.append(f"flat_{arrays[0]} = {arrays[0]}.ravel()")
        lines += [
            f"result = np.empty({shape}, dtype)",
            "flat = result.ravel()",
            "for i in range(flat.size):",
            f"    flat[i] = leave(definition({elements}))",
            "return result",
        ]
    source = f"def implementation({', '.join(declared)}):\n" + "".join(f"    {line}\n" for line in lines)
    exec(source, namespace)
    return namespace["implementation"]


def scalar_type(op: Any, name: str, given: Any) -> Any:
    """Numba's type of an argument's elements."""
    from numba import typeof
    from numba.core import types
    from numba.core.errors import TypingError

    type_ = getattr(given, "dtype", given) if isinstance(given, types.Array) else given
    if isinstance(type_, types.Omitted):
        type_ = typeof(type_.value)
    elif isinstance(type_, (bool, float, int)):
        type_ = typeof(type_)
    type_ = types.unliteral(type_)
    half = isinstance(type_, types.Float) and type_.bitwidth < 32
    if isinstance(type_, (types.Integer, types.Float)) and not half:
        return type_
    if isinstance(type_, types.Boolean) and op.boolean:
        return type_
    wanted = "integers, float32 or float64" + (", or bool" if op.boolean else "")
    raise TypingError(f"{name} of numbafunc.{op.name} is {given}; wanted: numbers or arrays of {wanted}")
