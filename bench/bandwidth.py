"""Bandwidth of elementwise ops with ``out=`` against a copy, far beyond the last-level cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import OURS, THREADS, Case, Library
from bench.report import markdown, run, show, time_text, write

SIZE = 2**25
BAR = 0.9
OPS = ("relu", "leaky_relu", "rsqrt", "elu", "sigmoid", "tanh", "softplus")


def data(random: np.random.Generator) -> Mapping[str, Any]:
    """A point, and an array for results whose pages exist."""
    x = random.standard_normal(SIZE, dtype=np.float32)
    return {"x": np.abs(x) + np.float32(0.01), "out": np.ones(SIZE, np.float32)}


def parallel_copy() -> Any:
    """A copy by as many threads as we use: NumPy copies with one."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(THREADS)
    parts = [slice(i * SIZE // THREADS, (i + 1) * SIZE // THREADS) for i in range(THREADS)]

    def copy(out: Any, x: Any) -> None:
        list(pool.map(lambda part: np.copyto(out[part], x[part]), parts))

    return copy


def main(options: Options) -> list[str]:
    """Measure, show and write; the ops below the bar."""
    ours = libraries()[OURS]
    ours.namespace["parallel_copy"] = parallel_copy()
    contenders: dict[str, Library] = {OURS: ours, "copy": ours, "copy by threads": ours}
    copies = {"copy": "np.copyto(out, x)", "copy by threads": "parallel_copy(out, x)"}
    cases = [
        Case(op, "2**25", SIZE, data, {OURS: f"numbafunc.{op}(x, out=out)", **copies})
        for op in OPS
        if options.wants(op)
    ]
    results = run("bandwidth", cases, contenders, options.effort)
    rows, lines = [], []
    for result in results:
        seconds = result.timings[OURS].median
        share = result.ratio("copy by threads")
        best = result.ratio_of_minima("copy by threads")
        below = max(share, best) < BAR
        rows.append(
            {
                "case": result.case.name + ("*" if result.disturbed else ""),
                "a call": time_text(seconds),
                "GB/s": f"{8 * SIZE / seconds * 1e-9:.1f}",
                "of np.copyto": f"{result.ratio('copy'):.0%}",
                "of a copy by threads": f"{share:.0%} ({best:.0%})" + (" !" if below else ""),
            }
        )
        if below:
            lines.append(f"{result.case.name}: {share:.0%} of the bandwidth of a copy by {THREADS} threads")
    title = f"Elementwise ops into an array that exists, {SIZE} float32"
    show(title, rows)
    legend = (
        "Bytes read and written over time, as a share of what a copy reaches: the median over rounds and, in brackets, "
        f"of the fastest rounds. `!` marks what is below {BAR:.0%}. `*`: other processes were busy."
    )
    verdict = "\n".join(f"- {line}" for line in lines) or "None."
    records = [result.record() for result in results]
    sections = {"Bandwidth": f"{legend}\n\n{markdown(rows)}", f"Below {BAR:.0%}": verdict}
    write("bandwidth", title, sections, records, options)
    return lines


if __name__ == "__main__":
    main(parse(__doc__))
