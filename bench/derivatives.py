"""Cost of forward-mode derivatives: jvp over primal, along one and along eight directions, and against jax.jvp."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import OURS, Case, Result
from bench.report import markdown, run, show, time_text, write

SIZES = (10**5, 10**6, 16 * 10**6)
DIRECTIONS = 8
LARGEST_BATCHED = 10**6  # eight directions of more would take gigabytes
MEMORY_BOUND, COMPUTE_BOUND = 2.2, 3.0

# Ops whose arithmetic takes longer than moving their operands through memory, at sizes that fit a cache.
COMPUTE = ("celu", "elu", "gelu", "log_sigmoid", "mish", "selu", "sigmoid", "softplus", "swish", "tanh")
TRANSPORT = ("hard_swish", "leaky_relu", "relu", "rsqrt")
ROWS = ("softmax", "log_softmax", "logsumexp")
IN_JAX = {"swish": "silu"}


def bound(name: str, size: int) -> float:
    """The most that a jvp may take, as a multiple of the primal."""
    return MEMORY_BOUND if name in TRANSPORT or size > 10**6 else COMPUTE_BOUND


def data_of(name: str, size: int) -> Any:
    """Function that makes a point, a direction and eight directions."""
    shape: tuple[int, ...] = (size // 1000, 1000) if name in ROWS else (size,)

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        x = random.standard_normal(shape, dtype=np.float32) * np.float32(3)
        arrays = {
            "x": np.abs(x) + np.float32(0.01) if name == "rsqrt" else x,
            "v": random.standard_normal(shape, dtype=np.float32),
        }
        if size <= LARGEST_BATCHED:
            arrays["w"] = random.standard_normal((DIRECTIONS, *shape), dtype=np.float32)
        return arrays

    return data


def define(contenders: Mapping[str, Any]) -> None:
    """Add what statements name to the namespaces."""
    from numbafunc import Dual

    ours = contenders[OURS].namespace
    ours["Dual"] = Dual
    if "jax" not in contenders:
        return
    import jax

    for name in (*COMPUTE, *TRANSPORT, *ROWS):
        function = jax.lax.rsqrt if name == "rsqrt" else getattr(jax.nn, IN_JAX.get(name, name))
        if name == "gelu":
            function = functools.partial(function, approximate=False)
        if name in ROWS:
            function = _last_axis(function)

        def pushed(x: Any, v: Any, function: Any = function) -> Any:
            return jax.jvp(function, (x,), (v,))

        def pushed_all(x: Any, w: Any, function: Any = function) -> Any:
            return jax.vmap(lambda v: jax.jvp(function, (x,), (v,)), out_axes=(None, 0))(w)

        contenders["jax"].define(**{name: function, f"{name}_jvp": pushed, f"{name}_directions": pushed_all})
    contenders["jax"].namespace["wait"] = jax.block_until_ready


def _last_axis(function: Any) -> Any:
    return lambda x: function(x, axis=-1)


def cases(options: Options) -> list[Case]:
    """All ops at all sizes. The contenders of a case are primal and derivatives of ours and JAX."""
    result = []
    for name in (*COMPUTE, *TRANSPORT, *ROWS):
        op = f"numbafunc.{name}"
        statements = {
            OURS: f"{op}(x)",
            "jvp": f"numbafunc.jvp({op}, (x,), (v,))",
            "directions": f"{op}(Dual(x, w, 1))",
            "jax": f"wait({name}(x))",
            "jax jvp": f"wait({name}_jvp(x, v))",
            "jax directions": f"wait({name}_directions(x, w))",
        }
        for size in SIZES:
            if options.wants(name):
                chosen = dict(statements)
                if size > LARGEST_BATCHED:
                    del chosen["directions"], chosen["jax directions"]
                text = f"{size:.3g}".replace("e+0", "e")
                result.append(Case(name, text, size, data_of(name, size), chosen))
    return result


def row(result: Result) -> dict[str, str]:
    """What the table says of a case."""
    name, size = result.case.name, result.case.elements
    cost = result.ratio("jvp")
    least = result.ratio_of_minima("jvp")
    most = bound(name, size)
    cells = {
        "case": name + ("*" if result.disturbed else ""),
        "size": result.case.size,
        "primal": time_text(result.timings[OURS].median),
        "jvp / primal": f"{cost:.2f} ({least:.2f})" + (" !" if min(cost, least) > most else ""),
        "bar": f"{most:g}",
    }
    if "directions" in result.timings:
        cells["8 directions / primal"] = (
            f"{result.ratio('directions'):.2f} ({result.ratio_of_minima('directions'):.2f})"
        )
    for ours, theirs in (("jvp", "jax jvp"), ("directions", "jax directions")):
        if theirs in result.timings:
            ratios = result.ratio(theirs, ours), result.ratio_of_minima(theirs, ours)
            mark = " !" if min(ratios) < 1 else ""
            cells[f"{theirs} / ours"] = f"{ratios[0]:.2f} ({ratios[1]:.2f}){mark}"
    if "jax jvp" in result.timings:
        cells["jax jvp / jax primal"] = f"{result.ratio('jax jvp', 'jax'):.2f}"
    return cells


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases over a bar or slower than JAX."""
    contenders = dict(libraries())
    define(contenders)
    for name in ("jvp", "directions"):
        contenders[name] = contenders[OURS]
        if "jax" in contenders:
            contenders[f"jax {name}"] = contenders["jax"]
    results = run("derivatives", cases(options), contenders, options.effort)
    title = "Forward-mode derivatives, float32, new result arrays"
    rows = [row(result) for result in results]
    show(title, rows)
    lines = []
    for cells in rows:
        failed = [f"{column} {cell.removesuffix(' !')}" for column, cell in cells.items() if cell.endswith("!")]
        if failed:
            lines.append(f"{cells['case']} {cells['size']}: {', '.join(failed)}")
    legend = (
        "Ratios of times: the median over rounds and, in brackets, that of the fastest rounds. `jvp` is value and "
        "derivative along one direction, `directions` along eight in one pass. Up to a million elements transcendental "
        f"ops are bound by arithmetic (bar {COMPUTE_BOUND:g}), all others by memory (bar {MEMORY_BOUND:g}). "
        "`!` marks what is over its bar, or slower than JAX. `*`: other processes were busy during some of the rounds."
    )
    verdict = "\n".join(f"- {line}" for line in lines) or "None."
    records = [result.record() for result in results]
    sections = {"Times": f"{legend}\n\n{markdown(rows)}", "Over a bar, or slower than JAX": verdict}
    write("derivatives", title, sections, records, options)
    return lines


if __name__ == "__main__":
    main(parse(__doc__))
