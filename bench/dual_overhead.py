"""Cost of one NumPy call on small dual arrays, beside the forward mode of HIPS autograd and NumPy itself."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import OURS, Library, libraries
from bench.measure import Case, Result
from bench.report import markdown, run, show, write
from bench.results import time_text

SIZES = (3, 10, 100)
PEER = "autograd"

# On x and y, which both move along one direction; m is NumPy or its counterpart.
EXPRESSIONS = {
    "add": "x + y",
    "subtract": "x - y",
    "multiply": "x * y",
    "multiply by number": "2.0 * x",
    "divide": "x / y",
    "negative": "-x",
    "square": "x**2",
    "power": "x**y",
    "sin": "m.sin(x)",
    "exp": "m.exp(x)",
    "log": "m.log(x)",
    "sqrt": "m.sqrt(x)",
    "tanh": "m.tanh(x)",
    "absolute": "m.abs(x)",
    "maximum": "m.maximum(x, y)",
    "logaddexp": "m.logaddexp(x, y)",
    "arctan2": "m.arctan2(x, y)",
    "where": "m.where(c, x, y)",
    "clip": "m.clip(x, 0.3, 0.8)",
    "sum": "m.sum(x)",
    "mean": "m.mean(x)",
    "prod": "m.prod(x)",
    "std": "m.std(x)",
    "max": "m.max(x)",
    "norm": "m.linalg.norm(x)",
    "cumsum": "m.cumsum(x)",
    "dot": "m.dot(x, y)",
    "outer": "m.outer(x, y)",
    "element": "x[1]",
    "slice": "x[1:]",
    "gather": "x[i]",
    "mask": "x[c]",
    "sort": "m.sort(x)",
    "reshape": "m.reshape(x, (-1, 1))",
    "transpose": "m.transpose(x)",
    "concatenate": "m.concatenate([x, y])",
    "stack": "m.stack([x, y])",
}


class Moving(Library):
    """A library whose arrays x and y move along the directions v and w."""

    def __init__(self, numpy: Any, move: Callable[[Any, Any], Any]) -> None:
        super().__init__({"m": numpy, "move": move})


def contenders() -> dict[str, Library]:
    """Ours, NumPy on plain arrays, and autograd where it is installed."""
    libraries()  # limits the cores
    from numbafunc import Dual

    found: dict[str, Library] = {
        OURS: Moving(np, lambda x, v: Dual(x, v[np.newaxis], 1)),
        "numpy": Moving(np, lambda x, v: x),
    }
    if importlib.util.find_spec(PEER):
        import autograd.numpy
        from autograd.core import JVPNode
        from autograd.tracer import new_box

        # What make_jvp does at the outset; the trace of number 0 is the outermost.
        found[PEER] = Moving(autograd.numpy, lambda x, v: new_box(x, 0, JVPNode.new_root(v)))
    return found


def data_of(size: int) -> Callable[[np.random.Generator], Mapping[str, Any]]:
    """Function that makes points in (0.1, 1) and directions."""

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        return {
            "points": random.uniform(0.1, 1.0, (2, size)),
            "directions": random.normal(size=(2, size)),
            "c": random.uniform(size=size) > 0.5,
            "i": random.integers(0, size, size),
        }

    return data


def cases(options: Options, names: Mapping[str, Library]) -> list[Case]:
    """All expressions at all sizes. A call is timed in a loop that makes the moving arrays once."""
    result = []
    for size in SIZES:
        for name, expression in EXPRESSIONS.items():
            if options.wants(name):
                statement = f"x, y = map(move, points, directions)\nfor _ in range({REPEATS}): {expression}"
                result.append(
                    Case(name, str(size), REPEATS, data_of(size), dict.fromkeys(names, statement), "jvp", "float64")
                )
    return result


REPEATS = 200


def row(result: Result) -> dict[str, str]:
    """What the table says of a case: times of one call."""
    cells = {"case": result.case.name + ("*" if result.disturbed else ""), "size": result.case.size}
    for name, timing in result.timings.items():
        cells[name] = time_text(timing.median / REPEATS)
    if PEER in result.timings:
        ratios = result.ratio(PEER), result.ratio_of_minima(PEER)
        cells[f"{PEER} / ours"] = f"{ratios[0]:.2f} ({ratios[1]:.2f})" + (" !" if max(ratios) < 1 else "")
    return cells


def main(options: Options) -> list[str]:
    """Measure, show and write; the calls that take longer than autograd's."""
    found = contenders()
    results = run("dual_overhead", cases(options, found), found, options.effort)
    title = "One NumPy call on a small dual array, float64, one direction"
    rows = [row(result) for result in results]
    show(title, rows)
    lines = [f"{cells['case']} {cells['size']}" for cells in rows if any("!" in cell for cell in cells.values())]
    legend = (
        "Time of a call inside a run that takes a derivative, and autograd's (`make_jvp`) over ours: median over "
        "rounds and, in brackets, ratio of the fastest rounds. `!`: autograd was faster by both. `*`: other processes "
        "were busy."
    )
    verdict = "\n".join(f"- {line}" for line in lines) or "None."
    sections = {"Times": f"{legend}\n\n{markdown(rows)}", "Slower than autograd": verdict}
    write("dual_overhead", title, sections, [result.row() for result in results], options)
    return lines


if __name__ == "__main__":
    main(parse(__doc__))
