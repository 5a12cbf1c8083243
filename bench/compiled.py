"""Derivatives of compiled functions: 2000 steps of Lotka and Volterra's equations, beside JAX and a bare loop."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import Case
from bench.report import publish, run

STEPS = 2000
# The most that the value may take in bare loops, and derivatives in those of JAX.
MOST_OF_LOOP, MOST_OF_JAX = 1.5, 3.0


@numba.njit
def rates(y: Any, p: Any) -> Any:
    return np.array([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])


@numba.njit
def step(carry: Any, x: Any) -> Any:
    y, p = carry
    h = 0.01
    k1 = rates(y, p)
    k2 = rates(y + 0.5 * h * k1, p)
    k3 = rates(y + 0.5 * h * k2, p)
    k4 = rates(y + h * k3, p)
    return (y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), p), None


@numba.njit
def bare(y: Any, p: Any) -> Any:
    """The loop as one would write it without scan."""
    for _ in range(STEPS):
        (y, p), _unused = step((y, p), None)
    return y


def data(random: np.random.Generator) -> dict[str, Any]:
    return {"y": np.array([1.0, 1.0]), "p": np.array([1.1, 0.4, 0.1, 0.4])}


def cases(options: Options) -> list[Case]:
    """The value, and the Jacobian by the parameters in both modes."""
    if not options.wants("compiled"):
        return []
    statements = {
        "value": {"numbafunc": "last(p, y)", "python": "bare(y, p)", "jax": "last(p, y).block_until_ready()"},
        "jacfwd": {"numbafunc": "numbafunc.jacfwd(last)(p, y)", "jax": "forward(p, y).block_until_ready()"},
        "jacrev": {"numbafunc": "numbafunc.jacrev(last)(p, y)", "jax": "backward(p, y).block_until_ready()"},
        "jacfwd of the loop": {"numbafunc": "numbafunc.jacfwd(bare, 1)(y, p)"},
    }
    return [Case(name, str(STEPS), STEPS, data, given, dtype="float64") for name, given in statements.items()]


def main(options: Options) -> list[str]:
    """Measure, show and write; the bars that were missed."""
    contenders = dict(libraries())
    ours = contenders["numbafunc"].namespace
    ours.update(bare=bare, last=lambda p, y: ours["numbafunc"].scan(step, (y, p), None, STEPS)[0][0])
    contenders["python"] = contenders["numpy"]
    contenders["python"].namespace["bare"] = bare
    if "jax" in contenders:
        import jax
        import jax.numpy as jnp

        names = {"jnp": jnp}
        exec(
            "def rates(y, p):\n"
            "    return jnp.stack([p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]])\n",
            names,
        )
        in_jax = type(step.py_func)(step.py_func.__code__, names)

        def last(p: Any, y: Any) -> Any:
            return jax.lax.scan(in_jax, (y, p), None, STEPS)[0][0]

        contenders["jax"].define(last=last, forward=jax.jacfwd(last), backward=jax.jacrev(last))
    results = run("compiled", cases(options), contenders, options.effort)
    publish("compiled", "Derivatives of compiled functions, float64", results, options)
    missed = []
    for result in results:
        for peer, most in (("python", MOST_OF_LOOP), ("jax", MOST_OF_JAX)):
            if peer in result.timings and not (peer == "jax" and result.case.name == "value"):
                ratio = 1 / result.ratio(peer)
                if ratio > most:
                    missed.append(f"{result.case.name}: {ratio:.1f} times {peer}, the bar is {most}")
    return missed


if __name__ == "__main__":
    main(parse(__doc__))
