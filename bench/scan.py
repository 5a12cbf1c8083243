"""A recurrence of a hundred thousand steps: compiled, in Python, by JAX, and as a bare loop."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import Case
from bench.report import publish, run

STEPS = 10**5


def smooth(level: Any, x: Any) -> tuple[Any, Any]:
    """Exponential smoothing."""
    level = level + 0.25 * (x - level)
    return level, level


def bare(start: float, xs: Any) -> tuple[float, Any]:
    """The recurrence as one would write it without scan."""
    levels = np.empty(len(xs))
    level = start
    for i in range(len(xs)):
        level, levels[i] = smooth(level, xs[i])
    return level, levels


def data(random: np.random.Generator) -> dict[str, Any]:
    return {"x": random.standard_normal(STEPS)}


def cases(options: Options) -> list[Case]:
    """The recurrence with a compiled body and with one in Python."""
    if not options.wants("scan"):
        return []
    compiled = {"numbafunc": "numbafunc.scan(compiled, 0.0, x)", "jax": "smooth(x)[1].block_until_ready()"}
    interpreted = {"numbafunc": "numbafunc.scan(smooth, 0.0, x)"}
    return [
        Case(f"{name} body", "1e5", STEPS, data, {**statements, "python": "bare(0.0, x)"})
        for name, statements in (("njit", compiled), ("Python", interpreted))
    ]


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where a peer was faster."""
    contenders = dict(libraries())
    contenders["numbafunc"].namespace.update(smooth=smooth, compiled=numba.njit(smooth))
    contenders["python"] = contenders["numpy"]
    contenders["python"].namespace["bare"] = bare
    if "jax" in contenders:
        import jax

        contenders["jax"].define(smooth=lambda x: jax.lax.scan(smooth, x[0] * 0, x))
    results = run("scan", cases(options), contenders, options.effort)
    return publish("scan", "scan of a recurrence, float64 (JAX: float32)", results, options)


if __name__ == "__main__":
    main(parse(__doc__))
