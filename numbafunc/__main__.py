"""The command line: ``python -m numbafunc demo | info | cache | warmup``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit status; without one, print what there are."""
    import numbafunc
    from numbafunc import demo, warmup

    parser = argparse.ArgumentParser(prog="python -m numbafunc", description="Fast numerical functions on Numba.")
    parser.add_argument("--version", action="version", version=f"numbafunc {numbafunc.__version__}")
    commands = parser.add_subparsers(metavar="command")

    command = commands.add_parser("demo", help="train a classifier of handwritten digits")
    demo.add_arguments(command)
    command.set_defaults(run=demo.run)

    command = commands.add_parser("info", help="show versions, processor, threads and the cache of compiled kernels")
    command.add_argument("--json", action="store_true", help="print JSON, for programs")
    command.set_defaults(run=info)

    command = commands.add_parser("cache", help="show the cache of compiled kernels, or remove what is in it")
    command.add_argument("--list", action="store_true", help="show each kernel, the one used last first")
    command.add_argument("--clear", action="store_true", help="remove all kernels")
    command.set_defaults(run=cached_kernels)

    command = commands.add_parser("warmup", help="run a program, and keep all kernels that it needs")
    warmup.add_arguments(command)
    command.set_defaults(run=warmup.run)

    options = parser.parse_args(arguments)
    if not hasattr(options, "run"):
        parser.print_help()
        return 0
    return int(options.run(options))


def info(options: argparse.Namespace) -> int:
    """Print what a report of a problem should state."""
    from numbafunc import info
    from numbafunc.launcher import rank_before_start

    text = info.as_json() if options.json else "\n".join(info.as_lines())
    if rank_before_start() == 0:  # the other ranks would print the same among these lines
        print(text)
    return 0


def cached_kernels(options: argparse.Namespace) -> int:
    """Print what the cache of compiled kernels holds, or remove it."""
    from numbafunc.cpu import cache_folder
    from numbafunc.cpu.cache_entries import contents
    from numbafunc.info import cache_line, facts_of_cache

    if options.clear:
        count, size = cache_folder.clear()
        print(f"removed {count} kernels, {size / 1e6:.1f} MB")
    root = cache_folder.folder()
    if options.list and root is not None:
        for op, dtypes, size, used in contents(root):
            day = time.strftime("%Y-%m-%d %H:%M", time.localtime(used))
            print(f"{day}  {size / 1e3:8.1f} kB  {op}, {dtypes}" if dtypes else f"{day}  {size / 1e3:8.1f} kB  {op}")
    print(cache_line(facts_of_cache()))
    return 0


def _run() -> int:
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:  # who reads, such as head, has read enough; Python shall not try again when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(_run())
