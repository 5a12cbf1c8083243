"""Chosen ops compiled ahead, in several processes, into the cache."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path

from numbafunc.cpu import cache_folder
from numbafunc.launcher import SWITCH, promised_size, rank_before_start, threads_of_rank
from numbafunc.progress import shown
from numbafunc.warmup import calls, log
from numbafunc.warmup.calls import Outcome, Unit


def run(options: argparse.Namespace) -> int:
    """Compile what was chosen, or look whether all of it is there; 1 if something is missing."""
    orders = tuple(int(order) for order in options.orders)
    units = [Unit(op, dtype, orders, options.modes) for op in options.ops for dtype in options.dtypes]
    cores, rank, ranks = _cores(), rank_before_start(), max(1, promised_size())
    jobs = min(options.jobs or threads_of_rank() or cores, len(units))
    _set_for_processes(options.folder, cores)
    if not options.check and not cache_folder.can_keep():
        print(f"Kernels can't be kept in {cache_folder.folder()}.", file=sys.stderr)
        return 1
    # Each rank sees to all of it, since nodes may have folders of their own; but where they share one, each begins
    # elsewhere, and finds there later what the others have compiled.
    start = len(units) * rank // ranks
    work = "looking" if options.check else "compiling"
    with nullcontext(_quiet) if rank else shown(work, "op", len(units)) as show:
        try:
            outcomes = _all(units[start:] + units[:start], jobs, options.check, show)
        except BrokenExecutor:
            print("A process that compiles was ended; for want of memory, --jobs takes fewer.", file=sys.stderr)
            return 1
    if rank == 0:
        _report(outcomes, each=options.list)
    return int(any(one.missing or one.errors for one in outcomes))


def _set_for_processes(folder: Path | None, cores: int) -> None:
    """Set variables of the environment, as the processes that this one starts need them."""
    os.environ[SWITCH] = "off"  # a rank may start them, but they are none
    if folder is not None:
        os.environ["NUMBAFUNC_CACHE_DIR"] = str(folder.resolve())
    if cores == 1:  # where programs run, there may be more, for which there are other kernels
        os.environ.setdefault("NUMBA_NUM_THREADS", "2")


def _all(units: Sequence[Unit], jobs: int, check: bool, show: Callable[[int, str], None]) -> list[Outcome]:
    """The outcomes of units that processes share out among them."""
    outcomes = []
    with ProcessPoolExecutor(jobs, get_context("spawn"), calls.prepare, (check,)) as pool:
        work = {pool.submit(calls.work, unit): unit for unit in units}
        try:
            for done, one in enumerate(as_completed(work), 1):
                outcomes.append(one.result())
                show(done, str(work[one]))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return outcomes


def _quiet(done: int, note: str) -> None:
    """Show nothing."""


def _report(outcomes: Sequence[Outcome], *, each: bool) -> None:
    """Print what became of all units."""
    for one in outcomes:
        for line in one.errors:
            print(line, file=sys.stderr)
        for line in one.missing:
            print(f"missing   {line}")
    compiled = {kernel.kernel: kernel for one in outcomes for kernel in one.compiled}
    read = {kernel.kernel: kernel for one in outcomes for kernel in one.read if kernel.kernel not in compiled}
    log.show([*compiled.values()], [*read.values()], each=each)


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


__all__ = ["run"]
