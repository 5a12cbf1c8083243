"""Reductions and stencils over two ranks against raw calls of mpi4py, mpi4jax under jit, and PyTorch's gloo."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.arguments import Options, parse

RANKS = 2
SIZES = (8, 224, 1024, 4096, 1 << 16, 1 << 20, 1 << 22, 1 << 24, 1 << 26)  # bytes
MAXIMA = (8, 4096, 1 << 20, 1 << 26)
ARRAYS, ARRAY_BYTES = 100, 1024
STARTED, PAUSE = 1 << 24, 0.1  # bytes, seconds
BLOCKS = (64, 512, 2048)
SUMS, STENCILS = GROUPS = ("sums", "stencils")
RAW, OURS, REUSED = "mpi4py", "numbafunc", "numbafunc, out="

Statements = dict[str, Callable[[], Any]]


def main(options: Options) -> list[str]:
    """Start the ranks, show and write what they measured; the bars that are missed."""
    from bench.measure import Case, Result, Timing
    from bench.report import console, markdown, show, write
    from bench.results import time_text

    beside = Path(sys.executable).parent / "mpiexec"
    launcher = str(beside) if beside.exists() else shutil.which("mpiexec")
    if launcher is None or importlib.util.find_spec("mpi4py") is None:
        console.print("Reductions over ranks: not measured, since there is no mpi4py or no mpiexec")
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "times.json")
        command = [launcher, "-n", str(RANKS), sys.executable, "-m", "bench.parallel", "--rank", str(path)]
        effort = str(options.effort.rounds), str(options.effort.block)
        subprocess.run([*command, *effort, *filter(options.wants, GROUPS)], check=True)
        records = json.loads(path.read_text())
    rows, missed = [], []
    for record in records:
        seconds = {name: statistics.median(times) for name, times in record["seconds"].items()}
        row = {"case": record["case"], "raw": time_text(seconds[RAW])}
        for name in record["seconds"]:
            if name != RAW:
                ratios = [a / b for a, b in zip(record["seconds"][name], record["seconds"][RAW], strict=True)]
                row[f"{name} / raw"] = f"{statistics.median(ratios):.2f}"
        for name, factor, offset in record["bars"]:
            limit = factor * seconds[RAW] + offset
            if seconds[name] > limit:
                missed.append(
                    f"{record['case']}, {name}: {time_text(seconds[name])}, over the bar of {time_text(limit)}"
                )
        rows.append(row)
    title = f"Sums and maxima of float32 and stencils of float64 over {RANKS} ranks"
    show(title, rows)
    legend = (
        "A raw call is mpi4py's Allreduce into an array that exists, or a step of a 5-point stencil on blocks with "
        "Sendrecv by hand, into new arrays or in arrays with room for ghost layers; the others as multiples of it."
    )
    verdict = "\n".join(f"- {line}" for line in missed) or "None."
    results = []
    for record in records:
        dtype = "float64" if "stencil" in record["case"] else "float32"
        case = Case(record["case"], f"{RANKS} ranks", 0, lambda random: {}, {}, "value", dtype)
        results.append(Result(case, {name: Timing(times) for name, times in record["seconds"].items()}).row())
    write("parallel", title, {"Times": f"{legend}\n\n{markdown(rows)}", "Bars missed": verdict}, results, options)
    return missed


def bars_of(size: int) -> list[tuple[str, float, float]]:
    """Contender, multiple of a raw call and seconds on top that it may take."""
    if size <= 4096:
        return [(OURS, 1.5, 5e-6), (REUSED, 1.5, 5e-6)]
    return [(REUSED, 1.15, 0.0)] if size >= 1 << 20 else []


def measure_rank(path: Path, rounds: int, block: float, groups: list[str]) -> None:
    """What each rank runs: all cases, contenders in turn; rank 0 writes the seconds of a call by round."""
    from mpi4py import MPI

    world = MPI.COMM_WORLD.Dup()
    records = []
    if SUMS in groups:
        peers = [peer for peer in (mpi4jax_sum(), gloo_sum(world)) if peer is not None]
        for size in SIZES:
            x = np.ones(size // 4, np.float32)
            records.append((f"sum of {size} B", bars_of(size), single(world, x, peers)))
        for size in MAXIMA:
            x = np.ones(size // 4, np.float32)
            records.append((f"maximum of {size} B", bars_of(size), maximum(world, x)))
        third = [(OURS, 1 / 3, 0.0), (REUSED, 1 / 3, 0.0)]
        records.append((f"sums of {ARRAYS} arrays of {ARRAY_BYTES} B", third, nest(world)))
        records.append((f"sum of {STARTED} B, started before a pause", [], started(world)))
    for length in BLOCKS if STENCILS in groups else ():
        # The smallest blocks show what a call costs; the bar is about blocks that are worth a rank.
        case, worth = f"stencil, {length} x {length}", length > BLOCKS[0]
        records.append((case, [(OURS, 1.1, 0.0)] * worth, new_blocks(world, length)))
        records.append((f"{case}, in place", [(REUSED, 1.1, 0.0)] * worth, widened_blocks(world, length)))
    results = []
    for case, bars, statements in records:
        seconds = measure(world, statements, rounds, block)
        results.append({"case": case, "bars": bars, "seconds": seconds})
    if world.Get_rank() == 0:
        path.write_text(json.dumps(results))


def single(world: Any, x: Any, peers: list[tuple[str, Callable[[Any], Callable[[], Any]]]]) -> Statements:
    """Sums of one array."""
    from numbafunc.parallel import psum

    received, out = np.empty_like(x), np.empty_like(x)
    return {
        RAW: lambda: world.Allreduce(x, received),
        OURS: lambda: psum(x),
        REUSED: lambda: psum(x, out=out),
        **{name: prepare(x) for name, prepare in peers},
    }


def maximum(world: Any, x: Any) -> Statements:
    """Maxima of one array."""
    from numbafunc.parallel import pmax

    received, out, largest = np.empty_like(x), np.empty_like(x), max_of()
    return {
        RAW: lambda: world.Allreduce(x, received, largest),
        OURS: lambda: pmax(x),
        REUSED: lambda: pmax(x, out=out),
    }


def nest(world: Any) -> Statements:
    """Sums of many small arrays."""
    from numbafunc.parallel import psum

    tree = {f"layer {i}": np.ones(ARRAY_BYTES // 4, np.float32) for i in range(ARRAYS)}
    arrays = list(tree.values())
    received = [np.empty_like(x) for x in arrays]

    def raw() -> None:
        for x, y in zip(arrays, received, strict=True):
            world.Allreduce(x, y)

    out = {name: np.empty_like(x) for name, x in tree.items()}
    return {RAW: raw, OURS: lambda: psum(tree), REUSED: lambda: psum(tree, out=out)}


def started(world: Any) -> Statements:
    """Sums that move, or do not, while the program does something else for a time in which the sum could be made."""
    from numbafunc.parallel import psum_start

    x = np.ones(STARTED // 4, np.float32)
    received = np.empty_like(x)

    def raw() -> None:
        request = world.Iallreduce(x, received)
        time.sleep(PAUSE)
        request.Wait()

    def ours() -> None:
        handle = psum_start(x)
        time.sleep(PAUSE)
        handle.wait()

    return {RAW: raw, OURS: ours, "the pause alone": lambda: time.sleep(PAUSE)}


def smoothed(wide: Any, block: Any) -> Any:
    """A step of a 5-point stencil."""
    return block + 0.2 * (wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * block)


def exchange_by_hand(world: Any) -> Callable[[Any], None]:
    """Ghost layers of a ring of ranks along the columns, and of a ring of one along the rows."""
    ring = world.Create_cart([1, world.Get_size()], [True, True])
    (up, down), (left, right) = ring.Shift(0, 1), ring.Shift(1, 1)

    def exchange(wide: Any) -> None:
        received = np.empty(wide.shape[0] - 2)
        ring.Sendrecv(np.ascontiguousarray(wide[1:-1, 1]), left, 0, received, right, 0)
        wide[1:-1, -1] = received
        ring.Sendrecv(np.ascontiguousarray(wide[1:-1, -2]), right, 1, received, left, 1)
        wide[1:-1, 0] = received
        ring.Sendrecv(wide[1], up, 2, wide[-1], down, 2)
        ring.Sendrecv(wide[-2], down, 3, wide[0], up, 3)

    return exchange


def new_blocks(world: Any, length: int) -> Statements:
    """Steps of a stencil on blocks without room for ghost layers."""
    from numbafunc.parallel import grid, halo

    grid(row=1, column=-1)
    exchange = exchange_by_hand(world)
    block = np.random.default_rng(0).random((length, length))

    def raw() -> Any:
        wide = np.empty((length + 2, length + 2))
        wide[1:-1, 1:-1] = block
        exchange(wide)
        return smoothed(wide, block)

    def ours() -> Any:
        return smoothed(halo(block, ("row", "column"), periodic=True), block)

    np.testing.assert_array_equal(ours(), raw())
    return {RAW: raw, OURS: ours}


def widened_blocks(world: Any, length: int) -> Statements:
    """Steps of a stencil on blocks inside of arrays that have room for ghost layers."""
    from numbafunc.parallel import halo

    exchange = exchange_by_hand(world)
    wide = np.random.default_rng(0).random((length + 2, length + 2))
    block = wide[1:-1, 1:-1]

    def raw() -> Any:
        exchange(wide)
        return smoothed(wide, block)

    def ours() -> Any:
        return smoothed(halo(block, ("row", "column"), periodic=True, out=wide), block)

    np.testing.assert_array_equal(ours(), raw())
    return {RAW: raw, REUSED: ours}


def mpi4jax_sum() -> tuple[str, Callable[[Any], Callable[[], Any]]] | None:
    if not (importlib.util.find_spec("mpi4jax") and importlib.util.find_spec("jax")):
        return None
    import jax
    import mpi4jax
    from mpi4py import MPI

    total = jax.jit(lambda x: mpi4jax.allreduce(x, op=MPI.SUM))

    def prepare(x: Any) -> Callable[[], Any]:
        there = jax.device_put(x)
        return lambda: jax.block_until_ready(total(there))

    return "mpi4jax", prepare


def gloo_sum(world: Any) -> tuple[str, Callable[[Any], Callable[[], Any]]] | None:
    if not importlib.util.find_spec("torch"):
        return None
    import torch
    import torch.distributed as distributed

    store = world.bcast(tempfile.mktemp() if world.Get_rank() == 0 else None)
    distributed.init_process_group("gloo", f"file://{store}", rank=world.Get_rank(), world_size=world.Get_size())

    def prepare(x: Any) -> Callable[[], Any]:
        tensor = torch.zeros(x.size)  # in place, so zeros stay what they are
        return lambda: distributed.all_reduce(tensor)

    return "gloo", prepare


def measure(world: Any, statements: Statements, rounds: int, block: float) -> dict[str, list[float]]:
    """Seconds of a call by round, the slowest rank's."""
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    counts: dict[str, int] = {}
    for number in range(rounds + 1):
        for name, statement in statements.items():
            statement()
            statement()
            count = counts.get(name, 1)
            world.Barrier()
            start = time.perf_counter()
            for _ in range(count):
                statement()
            elapsed = world.allreduce((time.perf_counter() - start) / count, max_of())
            if number == 0:
                counts[name] = max(3, min(5000, int(block / elapsed)))
            else:
                seconds[name].append(elapsed)
    return seconds


def max_of() -> Any:
    from mpi4py import MPI

    return MPI.MAX


if __name__ == "__main__":
    if sys.argv[1:2] == ["--rank"]:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        measure_rank(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
    else:
        main(parse(__doc__ or ""))
