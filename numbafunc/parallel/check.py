"""What a job looks like and whether it works: ``python -m numbafunc.parallel check``."""

from __future__ import annotations

import argparse
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from numbafunc import launcher, parallel
from numbafunc.parallel.starting import AT_ONCE

GOOD, NOTE, FAILED = "ok", "note", "FAILED"

SIZES = (8, 1 << 10, 1 << 16, 1 << 20, 1 << 24)  # bytes
ROUNDS, BLOCK = 7, 0.01  # of each size, and seconds that one of them takes at least
PAUSE = 3  # times a sum


class Row(NamedTuple):
    """A row of the table: what was looked at, what was found, and whether it is as it should be."""

    what: str
    found: str
    verdict: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--largest",
        type=_bytes,
        default=SIZES[-1],
        metavar="BYTES",
        help="bytes of the largest array that is summed (default: %(default)s)",
    )


def _bytes(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 8:
        raise argparse.ArgumentTypeError(f"must be a number of bytes, at least 8, not {text}")
    return number


def run(options: argparse.Namespace) -> int:
    """Check, let rank 0 print a table, and return the exit status: 0 if nothing failed on any rank."""
    try:
        rank = parallel.axis_index()
    except (RuntimeError, ModuleNotFoundError) as error:
        if launcher.rank_before_start() == 0:
            print(f"MPI does not start as it should: {error}", file=sys.stderr)
        return 1
    world = _World()
    rows = [*_machine(world), _mismatch(world), *_times(world, options.largest)]
    if rank == 0:
        _show(f"numbafunc.parallel on {world.size} rank{'s' * (world.size > 1)}", rows)
    return int(any(row.verdict == FAILED for row in rows))


class _World:
    """All ranks, through mpi4py; or the one process, without it."""

    def __init__(self) -> None:
        self.mpi = launcher.loaded_mpi()
        self.rank, self.size = parallel.axis_index(), parallel.axis_size()

    def everyone(self, fact: Any) -> list[Any]:
        """The fact of each rank."""
        return [fact] if self.mpi is None else self.mpi.COMM_WORLD.allgather(fact)

    def seconds(self, calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
        """Median times, on the slowest rank, of calls that take turns."""
        times: dict[str, list[float]] = {name: [] for name in calls}
        counts = dict.fromkeys(calls, 1)
        for number in range(ROUNDS + 1):
            for name, call in calls.items():
                self.everyone(None)  # waits for all
                start = time.perf_counter()
                for _ in range(counts[name]):
                    call()
                elapsed = max(self.everyone((time.perf_counter() - start) / counts[name]))
                if number:
                    times[name].append(elapsed)
                else:
                    call()
                    counts[name] = max(1, min(1000, int(BLOCK / elapsed)))
        return {name: statistics.median(values) for name, values in times.items()}


def _machine(world: _World) -> Iterator[Row]:
    if world.mpi is None:
        yield Row("MPI", launcher.describe(), GOOD)
    else:
        # Some give a line and others a page: what comes first is the name and the version.
        library = " ".join(re.split(r"[\0\n,]", world.mpi.Get_library_version())[0].split())
        standard = ".".join(map(str, world.mpi.Get_version()))
        libraries = set(world.everyone(library))
        yield Row("MPI", f"{library}; MPI {standard}", GOOD if len(libraries) == 1 else FAILED)
        levels = {getattr(world.mpi, f"THREAD_{name}"): f"MPI_THREAD_{name}" for name in _LEVELS}
        level = world.mpi.Query_thread()
        serial = "" if level == world.mpi.THREAD_MULTIPLE else "; psum_start does all its work at once"
        yield Row("threads", f"{levels[level]}{serial}", NOTE if serial else GOOD)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    nodes: dict[str, list[Sequence[int]]] = {}
    for node, mine in world.everyone((platform.node(), cores)):
        nodes.setdefault(node, []).append(mine)
    for node, ranks in nodes.items():
        together = len(set().union(*ranks))
        crowded = len(ranks) > together
        text = f"{_number(len(ranks), 'rank')} on {_number(together, 'core')}"
        waiting = "; ranks share cores, and sleep while they wait" * crowded
        yield Row(f"node {node}", text + waiting, NOTE if crowded else GOOD)


_LEVELS = ("SINGLE", "FUNNELED", "SERIALIZED", "MULTIPLE")


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _mismatch(world: _World) -> Row:
    what = "a mismatch, provoked"
    if world.size == 1:
        return Row(what, "one rank can't disagree with itself", GOOD)
    caught = False
    try:
        parallel.psum(np.ones(1000 + world.rank))
    except parallel.CollectiveMismatchError as error:
        caught = all(
            f"rank {rank}: psum of float64 ({1000 + rank},)" in str(error) for rank in range(min(world.size, 8))
        )
    caught = caught and int(parallel.psum(1)) == world.size
    silent = [rank for rank, seen in enumerate(world.everyone(caught)) if not seen]
    if silent:
        return Row(what, f"not seen on rank {', '.join(map(str, silent))}", FAILED)
    return Row(what, "an error on all ranks; the next call works", GOOD)


def _times(world: _World, largest: int) -> Iterator[Row]:
    for size in sorted({*(size for size in SIZES if size < largest), largest // 8 * 8}):
        x = np.full(size // 8, world.rank + 1.0)
        calls: dict[str, Callable[[], Any]] = {"psum": partial(parallel.psum, x)}
        if world.mpi is not None:
            calls["Allreduce"] = partial(world.mpi.COMM_WORLD.Allreduce, x, np.empty_like(x))
        seconds = world.seconds(calls)
        wanted = world.size * (world.size + 1) / 2
        right = all(world.everyone(bool(np.all(parallel.psum(x) == wanted))))
        shown = [f"{name} {_rate(size, seconds[name])}" for name in calls]
        if len(shown) == 2:
            shown.append(f"{seconds['psum'] / seconds['Allreduce']:.2f} times")
        yield Row(f"sum of {_text(size)}", "; ".join(shown) if right else "wrong", GOOD if right else FAILED)
    if world.size > 1 and x.nbytes > AT_ONCE:
        yield _started(world, x, wanted, seconds["psum"])


def _started(world: _World, x: Any, wanted: float, alone: float) -> Row:
    pause = PAUSE * alone
    sums: list[Any] = []

    def started() -> None:
        handle = parallel.psum_start(x)
        time.sleep(pause)
        sums[:] = [handle.wait()]

    seconds = world.seconds({"pause": lambda: time.sleep(pause), "started": started})
    right = all(world.everyone(bool(np.all(sums[0] == wanted))))
    hidden = min(1.0, max(0.0, 1 - (seconds["started"] - seconds["pause"]) / alone))
    text = f"{hidden:.0%} of the time of psum saved in a pause of {_duration(pause)}"
    return Row(f"psum_start of {_text(x.nbytes)}", text if right else "wrong", GOOD if right else FAILED)


def _rate(size: int, seconds: float) -> str:
    return f"{_duration(seconds)}, {size / seconds / 1e9:.2g} GB/s" if size > 1 << 10 else _duration(seconds)


def _duration(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"


def _text(size: int) -> str:
    for unit, name in ((1 << 20, "MB"), (1 << 10, "KB")):
        if size >= unit:
            return f"{size / unit:.4g} {name}"
    return f"{size} B"


def _show(title: str, rows: Sequence[Row]) -> None:
    try:
        from rich.console import Console
        from rich.table import Table
    except ImportError:
        width = max(len(row.what) for row in rows)
        print(title, *(f"{row.what:<{width}}  {row.found}  {row.verdict}" for row in rows), sep="\n")
        return
    table = Table(title=title, title_justify="left")
    for column in ("", "found", ""):
        table.add_column(column, overflow="fold")
    colours = {GOOD: "green", NOTE: "yellow", FAILED: "bold red"}
    for row in rows:
        table.add_row(row.what, row.found, f"[{colours[row.verdict]}]{row.verdict}[/]")
    Console().print(table)


__all__ = ["add_arguments", "run"]
