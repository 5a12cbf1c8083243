"""Ops inside the user's own ``@numba.njit`` functions, on scalars and on arrays.

The definitions are those of the ops. The loop is a plain one, so the user's function decides what runs in parallel.
"""

from __future__ import annotations

import inspect
import sys
from typing import Any

# Modules of the ops that can't be called there.
_OTHERS = (
    *("control_flow", "divergence", "indexing", "loss", "normalization", "padding", "pooling", "ranking"),
    *("rearrange", "resize", "scanning", "slicing", "autodiff.drivers"),
)


def register() -> None:
    """Make the ops and the reductions over ranks known to Numba."""
    from numba.extending import overload

    from numbafunc.parallel import inside

    known = public_ops()
    for public, op in known.items():
        overload(public, strict=False)(typed(public, op, _implementation))
    names = ", ".join(sorted(op.name for op in known.values()))
    for module in _OTHERS:
        for public in _functions(f"numbafunc.{module}"):
            if public not in known:
                overload(public, strict=False)(_refused(public, names))
    inside.register()


def public_ops() -> dict[Any, Any]:
    """The ops of the elementwise kind by the public functions that call them."""
    from numbafunc import activation, loss
    from numbafunc.kinds.elementwise import REGISTRY

    modules = {"sigmoid_cross_entropy_logits": loss}
    found = {getattr(modules.get(name, activation), name, None): op for name, op in REGISTRY.items()}
    return {public: op for public, op in found.items() if public is not None}


def _functions(module: str) -> list[Any]:
    """The public functions of a module."""
    found = vars(sys.modules[module])
    names = found.get("__all__", [name for name in found if not name.startswith("_")])
    return [f for f in map(found.get, names) if inspect.isfunction(f) and f.__module__ == module]


def _refused(public: Any, names: str) -> Any:
    def typed(*args: Any, **options: Any) -> Any:
        from numba.core.errors import TypingError

        raise TypingError(
            f"numbafunc.{public.__name__} can't be called inside functions that Numba compiles; of numbafunc's "
            f"functions these can: {names}"
        )

    return typed


def typed(public: Any, op: Any, implementation: Any) -> Any:
    """The function that Numba asks for an implementation, given the types of the arguments.

    It calls ``implementation(op, types, names, declared)``, where ``declared`` has the parameters with their defaults.
    """
    parameters = inspect.signature(public).parameters
    names = list(op.parameters)
    defaults = [parameters[name].default for name in names]
    declared = [n if d is inspect.Parameter.empty else f"{n}={d!r}" for n, d in zip(names, defaults)]
    namespace = {"choose": lambda *given: implementation(op, given, names, declared)}
    exec(f"def typed({', '.join(declared)}):\n    return choose({', '.join(names)})", namespace)
    return namespace["typed"]


def _implementation(op: Any, given: tuple[Any, ...], names: list[str], declared: list[str]) -> Any:
    """The source is that of a loop over arrays, which broadcast, or of one call."""
    import numpy as np
    from numba.core import types

    from numbafunc.cpu.accumulate import make_start
    from numbafunc.cpu.cache import inline
    from numbafunc.cpu.inside import leave

    arrays = [n for n, t in zip(names, given) if isinstance(t, types.Array)]
    scalars = [scalar_type(op, n, t) for n, t in zip(names, given)]
    kept = op.keep_integers and not any(isinstance(t, types.Float) for t in scalars)
    # A number does not widen an array.
    telling = [t for n, t in zip(names, scalars) if n in arrays or not arrays]
    namespace: dict[str, Any] = {"leave": leave, "definition": inline(op.definition), "np": np}
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
