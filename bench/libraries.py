"""The contenders, and how each computes values, jvps and gradients. Those that are not installed are left out."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import timeit
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bench.ops import Op

OURS = "numbafunc"
THREADS = 2


class Statement(NamedTuple):
    """What is timed, and what is run before, as source."""

    call: str
    setup: str = "pass"


class Library:
    """A contender: the names in its statements, how it takes arrays, and what must surround a timed call."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = dict(namespace)

    def take(self, value: Any) -> Any:
        """An operand as the library has it."""
        return value

    def run(self, timer: timeit.Timer, number: int, what: str = "value") -> float:
        """Seconds of some calls."""
        return timer.timeit(number)

    def expression(self, name: str, op: Op, what: str) -> str:
        """What it calls for an op; empty if it has nothing of the kind."""
        raise NotImplementedError

    def statement(self, expression: str, what: str, operands: Sequence[str], constants: Mapping[str, int]) -> Statement:
        """The value of an expression, the derivative along ``v``, or the gradient from the cotangent ``u``."""
        raise NotImplementedError

    def _named(self, name: str, modules: Sequence[str], operands: Sequence[str]) -> str:
        """A call of the function of the name of an op, from the first of the modules that has it."""
        word = name.split(" ")[0]
        for module in modules:
            if hasattr(self.namespace[module], word):
                return f"{module}.{word}({', '.join(operands)})"
        return ""


class Ours(Library):
    """This package."""

    def __init__(self) -> None:
        import numba

        import numbafunc

        numba.set_num_threads(min(THREADS, numba.config.NUMBA_NUM_THREADS))
        names = {"jvp": numbafunc.jvp, "vjp": numbafunc.vjp, "value_and_grad": numbafunc.value_and_grad}
        super().__init__({"nf": numbafunc, "numbafunc": numbafunc, "np": np, "njit": _njit, **names})

    def expression(self, name: str, op: Op, what: str) -> str:
        return op.ours or ""

    def statement(self, expression: str, what: str, operands: Sequence[str], constants: Mapping[str, int]) -> Statement:
        if what == "value":
            return Statement(expression)
        first = operands[0]
        function = f"f = lambda {first}: {expression}"
        if what == "jvp":
            return Statement(f"jvp(f, ({first},), (v,))", function)
        return Statement(f"value, pull = vjp(f, {first})\npull(u)", function)


@functools.cache
def _njit(source: str) -> Any:
    """A compiled function, the same one for the same source."""
    import numba

    return numba.njit(eval(source))


class NumPy(Library):
    """NumPy, with SciPy where it is installed: values only."""

    def __init__(self) -> None:
        names: dict[str, Any] = {"np": np}
        if importlib.util.find_spec("scipy"):
            import scipy.integrate
            import scipy.special

            names.update(special=scipy.special, solve_ivp=scipy.integrate.solve_ivp)
        super().__init__(names)

    def expression(self, name: str, op: Op, what: str) -> str:
        return op.numpy or "" if what == "value" else ""

    def statement(self, expression: str, what: str, operands: Sequence[str], constants: Mapping[str, int]) -> Statement:
        return Statement(expression)


class Autograd(Library):
    """HIPS autograd: derivatives only."""

    def __init__(self) -> None:
        import autograd.core
        import autograd.numpy
        import autograd.scipy.special

        names = {"np": autograd.numpy, "special": autograd.scipy.special}
        derivatives = {"make_jvp": autograd.make_jvp, "make_vjp": autograd.core.make_vjp}
        super().__init__({**names, **derivatives, "value_and_grad": autograd.value_and_grad})

    def expression(self, name: str, op: Op, what: str) -> str:
        given = op.numpy if op.autograd is None else op.autograd
        return given or "" if what != "value" else ""

    def statement(self, expression: str, what: str, operands: Sequence[str], constants: Mapping[str, int]) -> Statement:
        first = operands[0]
        function = f"f = lambda {first}: {expression}"
        if what == "jvp":
            return Statement(f"make_jvp(f)({first})(v)", function)
        return Statement(f"pull, value = make_vjp(f, {first})\npull(u)", function)


class Torch(Library):
    """PyTorch in eager mode; values without the bookkeeping for derivatives."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(THREADS)
        self.torch = torch
        names = {"jvp": self._jvp, "grad": torch.autograd.grad}
        super().__init__({"torch": torch, "F": torch.nn.functional, **names})

    def _jvp(self, f: Any, x: Any, v: Any) -> Any:
        forward = self.torch.autograd.forward_ad
        with forward.dual_level():
            return forward.unpack_dual(f(forward.make_dual(x, v)))

    def take(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self.take, value))
        if isinstance(value, (np.ndarray, np.generic)):
            return self.torch.from_numpy(np.asarray(value))
        return getattr(self.torch, value.__name__) if value in (np.float32, np.float64) else value

    def run(self, timer: timeit.Timer, number: int, what: str = "value") -> float:
        with self.torch.inference_mode() if what == "value" else contextlib.nullcontext():
            return timer.timeit(number)

    def expression(self, name: str, op: Op, what: str) -> str:
        return self._named(name, ("F", "torch"), tuple(op.operands)) if op.torch is None else op.torch

    def statement(self, expression: str, what: str, operands: Sequence[str], constants: Mapping[str, int]) -> Statement:
        first = operands[0]
        function = f"f = lambda {first}: {expression}"
        if what == "value":
            return Statement(expression)
        if what == "jvp":
            return Statement(f"jvp(f, {first}, v)", function)
        return Statement("grad(f(z), z, u)", f"{function}\nz = {first}.detach().requires_grad_()")


class Jax(Library):
    """JAX on the CPU, every function compiled; a call ends when the result is there."""

    def __init__(self) -> None:
        import jax
        import jax.experimental.ode

        jax.config.update("jax_enable_x64", True)  # or there would be no float64
        self.jax = jax
        names = {"jnp": jax.numpy, "nn": jax.nn, "lax": jax.lax, "odeint": jax.experimental.ode.odeint}
        own = {"compiled": self._compiled, "jitted": functools.cache(jax.jit), "wait": jax.block_until_ready}
        super().__init__({"jax": jax, **names, **own, "value_and_grad": functools.cache(jax.value_and_grad)})
        self._kept: dict[tuple[str, str, str, str], Any] = {}

    def define(self, static: tuple[str, ...] = (), **functions: Any) -> None:
        """Compile functions and add them to what statements can name."""
        compiled = {name: self.jax.jit(function, static_argnames=static) for name, function in functions.items()}
        self.namespace.update(compiled)

    def _compiled(self, expression: str, what: str, operands: str, constants: Mapping[str, int], dtype: Any) -> Any:
        key = (expression, what, operands, f"{dict(constants)} {dtype.__name__}")
        if key not in self._kept:
            f = eval(f"lambda {operands}: {expression}", {**self.namespace, **constants, "dtype": dtype})
            if what == "jvp":
                function = lambda x, *rest: self.jax.jvp(lambda x: f(x, *rest[:-1]), (x,), rest[-1:])  # noqa: E731
            elif what == "gradient":

                def function(x: Any, *rest: Any) -> Any:
                    value, pull = self.jax.vjp(lambda x: f(x, *rest[:-1]), x)
                    return value, pull(rest[-1])[0]

            else:
                function = f
            self._kept[key] = self.jax.jit(function)
        return self._kept[key]

    def forget(self) -> None:
        """Let go of what was compiled."""
        self._kept.clear()
        self.namespace["jitted"].cache_clear()
        self.namespace["value_and_grad"].cache_clear()

    def take(self, value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(self.take, value))
        if isinstance(value, (np.ndarray, np.generic)):
            return self.jax.device_put(value).block_until_ready()
        return value

    def expression(self, name: str, op: Op, what: str) -> str:
        return self._named(name, ("nn", "lax", "jnp"), tuple(op.operands)) if op.jax is None else op.jax

    def statement(self, expression: str, what: str, operands: Sequence[str], constants: Mapping[str, int]) -> Statement:
        names = ", ".join(operands)
        setup = f"f = compiled({expression!r}, {what!r}, {names!r}, {dict(constants)!r}, dtype)"
        if what == "value":
            return Statement(f"f({names}).block_until_ready()", setup)
        last = "v" if what == "jvp" else "u"
        call = f"value, other = f({names}, {last})\nvalue.block_until_ready()\nother.block_until_ready()"
        return Statement(call, setup)


def limit_cores() -> None:
    """Keep this process on as many cores as there are threads: XLA sizes its pool by them. Call before any import."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) > THREADS:
            os.sched_setaffinity(0, allowed[:THREADS])
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


@functools.cache
def libraries() -> dict[str, Library]:
    """Contenders by name; ours first."""
    limit_cores()
    found: dict[str, Library] = {OURS: Ours()}
    for name, peer in (("torch", Torch), ("jax", Jax), ("autograd", Autograd)):
        if importlib.util.find_spec(name):
            found[name] = peer()
    found["numpy"] = NumPy()
    return found
