"""Ops inside the user's own kernels, on scalars: the counterpart of :mod:`numbafunc.kinds.njit`."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.cuda.core.errors import TypingError
from numba.cuda.descriptor import cuda_target

from numbafunc.kinds.njit import in_definition, listen, scalar_type, typed
from numbafunc.numbers.numba_type import NumberType
from numbafunc_cuda.compiler import extending, intrinsic, make_start, unpack
from numbafunc_cuda.launch import inline


def register() -> None:
    """Make ops known to numba-cuda: those that are loaded, and the others as soon as they are."""
    listen(_make_known)


def _make_known(ops: dict[Any, Any]) -> None:
    for public, op in ops.items():
        extending.overload(public, strict=False)(typed(public, op, _implementation))
    context = vars(cuda_target)["_typingctx"]
    if context is not None:
        # A compilation that is under way may have loaded the module by naming it.
        context.refresh()


def _implementation(op: Any, given: tuple[Any, ...], names: list[str], declared: list[str]) -> Any:
    composed = in_definition(op, given, names, declared, inline, make_start)
    if composed is not None:
        return composed
    for name, type_ in zip(names, given):
        if isinstance(type_, types.Array):
            raise TypingError(f"{name} of numbafunc.{op.name} is an array; wanted inside kernels: a number")
    scalars = [scalar_type(op, name, type_) for name, type_ in zip(names, given)]
    # A default does not widen what is given.
    telling = [type_ for type_, one in zip(scalars, given) if not isinstance(one, (types.Omitted, int, float))]
    floats = [type_ for type_ in telling if isinstance(type_, types.Float)]
    compute = max(floats, key=lambda type_: type_.bitwidth, default=types.float64)
    namespace: dict[str, Any] = {"definition": inline(op.settled())}
    if op.keep_integers and not floats and not any(isinstance(type_, types.Float) for type_ in scalars):
        elements = names
    else:
        namespace["number"] = make_start(compute)
        elements = [f"number({name})" for name in names]
    namespace["leave"] = _leave
    source = f"def implementation({', '.join(declared)}):\n    return leave(definition({', '.join(elements)}))\n"
    exec(source, namespace)
    return namespace["implementation"]


@intrinsic
def _leave(typingctx: Any, number: Any) -> Any:
    target = number.dtype if isinstance(number, NumberType) else number

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if not isinstance(number, NumberType):
            return args[0]
        return unpack(context, builder, number, args[0], target).value.value

    return target(number), codegen
