"""Ops inside the user's own ``@numba.njit`` functions, on scalars and on arrays.

The definitions are those of the ops. The loop is a plain one, so the user's function decides what runs in parallel.
"""

from __future__ import annotations

import inspect
from typing import Any


def register() -> None:
    """Make the elementwise ops and the reductions over ranks known to Numba."""
    from numba.core import types
    from numba.extending import overload

    from numbafunc import activation, loss
    from numbafunc.kinds.elementwise import REGISTRY
    from numbafunc.parallel import inside

    modules = {"sigmoid_cross_entropy_logits": loss}
    for name, op in REGISTRY.items():
        public = getattr(modules.get(name, activation), name, None)
        if public is not None:
            overload(public, strict=False)(_typed(public, op, types))
    inside.register()


def _typed(public: Any, op: Any, types: Any) -> Any:
    """The function that Numba asks for an implementation, given the types of the arguments."""
    parameters = inspect.signature(public).parameters
    names = list(op.parameters)
    defaults = [parameters[name].default for name in names]
    declared = [n if d is inspect.Parameter.empty else f"{n}={d!r}" for n, d in zip(names, defaults)]
    namespace = {"choose": lambda *given: _implementation(op, given, names, declared, types)}
    exec(f"def typed({', '.join(declared)}):\n    return choose({', '.join(names)})", namespace)
    return namespace["typed"]


def _implementation(op: Any, given: tuple[Any, ...], names: list[str], declared: list[str], types: Any) -> Any:
    import numpy as np

    from numbafunc.cpu.accumulate import make_start
    from numbafunc.cpu.cache import inline
    from numbafunc.cpu.inside import leave

    arrays = [n for n, t in zip(names, given) if isinstance(t, types.Array)]
    scalars = [getattr(t, "dtype", t) if n in arrays else t for n, t in zip(names, given)]
    floats = [t for n, t in zip(names, scalars) if isinstance(t, types.Float) and (not arrays or n in arrays)]
    if not all(isinstance(t, (types.Number, types.Omitted, float, int)) for t in scalars):
        return None
    dtype = max(floats, key=lambda t: t.bitwidth, default=types.float64)
    if dtype.bitwidth < 32:
        return None
    namespace = {
        "number": make_start(dtype),
        "leave": leave,
        "definition": inline(op.definition),
        "empty": np.empty,
        "dtype": np.dtype(str(dtype)),
    }
    if not arrays:
        call = ", ".join(f"number({name})" for name in names)
        body = f"    return leave(definition({call}))\n"
    else:
        call = ", ".join(f"number(flat_{name}[i])" if name in arrays else f"number({name})" for name in names)
        body = "".join(
            f"    if {name}.shape != {arrays[0]}.shape:\n"
            f"        raise ValueError('{name} and {arrays[0]} have different shapes; wanted: equal ones')\n"
            for name in arrays[1:]
        )
        body += f"    result = empty({arrays[0]}.shape, dtype)\n    flat = result.ravel()\n"
        body += "".join(f"    flat_{name} = {name}.ravel()\n" for name in arrays)
        body += f"    for i in range(flat.size):\n        flat[i] = leave(definition({call}))\n    return result\n"
    exec(f"def implementation({', '.join(declared)}):\n{body}", namespace)
    return namespace["implementation"]
