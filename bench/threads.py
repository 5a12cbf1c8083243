"""What our threads gain, and how late the slowest calls are: on an idle machine and beside a busy neighbour."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import OURS, THREADS, libraries
from bench.measure import Case, Result, Timing
from bench.report import markdown, progress, show, write
from bench.results import time_text

# Ops that write into an array that exists: from the lightest to the heaviest.
OPS = {
    "relu": "torch.clamp_min(x, 0, out=out)",
    "rsqrt": "torch.rsqrt(x, out=out)",
    "tanh": "torch.tanh(x, out=out)",
    "gelu": "torch._C._nn.gelu(x, out=out)",
}
SIZES = {"1e4": 10**4, "3e4": 3 * 10**4, "1e5": 10**5, "1e6": 10**6}
SERIAL = "one thread"
IDLE, BUSY = "idle", "busy neighbour"
TAIL = 3.0  # the most that the 99th percentile shall be of the median


@contextlib.contextmanager
def neighbour() -> Iterator[None]:
    """A process that computes all the time."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as process:
        try:
            yield
        finally:
            process.kill()


def times(function: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds of single calls, after a warm-up: for so long, and at least 300."""
    found: list[float] = []
    warm = time.perf_counter() + seconds / 5
    end = warm + seconds
    while len(found) < 300 or time.perf_counter() < end:
        start = time.perf_counter()
        function()
        stop = time.perf_counter()
        if stop > warm:
            found.append(stop - start)
    return found


def contenders(op: str, elements: int) -> dict[str, tuple[int, Callable[[], Any]]]:
    """The op by one of our threads, by all, and by PyTorch where it is installed; with the threads that each has."""
    x = np.random.default_rng().uniform(0.1, 4.0, elements).astype(np.float32)
    known = libraries()
    found = {}
    # The first call decides whether a kernel is one that threads can share.
    for name, library, expression in (
        (OURS, OURS, f"nf.{op}(x, out=out)"),
        (SERIAL, OURS, f"nf.{op}(x, out=out)"),
        ("torch", "torch", OPS[op]),
    ):
        if library in known:
            names = {key: known[library].take(array) for key, array in (("x", x), ("out", np.empty_like(x)))}
            call = eval(f"lambda: {expression}", {**known[library].namespace, **names})
            found[name] = (1 if name == SERIAL else THREADS, call)
    return found


def measured(options: Options, where: str) -> list[Result]:
    """All ops at all sizes."""
    import numba

    results = []
    chosen = [(op, size) for op in OPS for size in SIZES if options.wants(op)]
    with progress() as bar:
        for op, size in bar.track(chosen, description=where):
            timings = {}
            for name, (threads, call) in contenders(op, SIZES[size]).items():
                numba.set_num_threads(THREADS)
                call()
                numba.set_num_threads(threads)
                time.sleep(options.effort.rest)
                timings[name] = Timing(times(call, options.effort.block * options.effort.rounds))
            results.append(Result(Case(f"{op}, {where}", size, SIZES[size], lambda random: {}, {}), timings))
    return results


def tail(timing: Timing) -> float:
    """The 99th percentile by the median."""
    return float(np.quantile(timing.seconds, 0.99)) / timing.median


def rows_of(results: list[Result]) -> list[dict[str, str]]:
    """The median and the tail of each contender."""
    rows = []
    for result in results:
        row = {"case": result.case.name, "size": result.case.size}
        for name, timing in result.timings.items():
            row[name] = f"{time_text(timing.median)} (p99 {tail(timing):.1f} times)"
        row["gain by threads"] = f"{result.ratio(SERIAL):.2f} ({result.ratio_of_minima(SERIAL):.2f})"
        rows.append(row)
    return rows


def main(options: Options) -> list[str]:
    """Measure, show and write; where the slowest calls are later than the bar has it."""
    results = measured(options, IDLE)
    with neighbour():
        results += measured(options, BUSY)
    missed = [
        f"{result.case.name}, {result.case.size}: the 99th percentile is {found:.1f} medians"
        + (f", by one thread {alone:.1f}" if (alone := tail(result.timings[SERIAL])) > TAIL else "")
        for result in results
        if (found := tail(result.timings[OURS])) > TAIL
    ]
    title = f"Threads and late calls, float32, {THREADS} threads"
    rows = rows_of(results)
    show(title, rows)
    legend = (
        "The median call, and the 99th percentile by it; what threads gain is the ratio of medians and, in brackets, "
        "of the fastest calls. Where processes outnumber the cores, a call may wait for a time slice of milliseconds."
    )
    verdict = "\n".join(f"- {line}" for line in missed) or "None."
    sections = {"Times": f"{legend}\n\n{markdown(rows)}", f"Later than {TAIL:g} medians": verdict}
    write("threads", title, sections, [result.row() for result in results], options)
    return missed


if __name__ == "__main__":
    main(parse(__doc__))
