"""A run of a program that keeps all kernels it needs, and tells what these are."""

from __future__ import annotations

import argparse
import logging
import runpy
import sys
from pathlib import Path
from typing import Any


class _Kernels(logging.Filter):
    """Notes the kernels that are compiled or read, and lets pass what would have been logged without it."""

    def __init__(self, logger: logging.Logger) -> None:
        super().__init__()
        self.compiled: list[Any] = []
        self.read: list[Any] = []
        self._level = logger.getEffectiveLevel()
        logger.setLevel(logging.INFO)
        logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "cache_hit"):
            (self.read if record.cache_hit else self.compiled).append(record)
        return record.levelno >= self._level


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--check", action="store_true", help="end with status 1 if a kernel had to be compiled")
    parser.add_argument("--list", action="store_true", help="show each kernel that the program needs")
    parser.add_argument("-m", dest="module", action="store_true", help="the program is the name of a module")
    parser.add_argument("program", help="file of a Python program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the program")


def run(options: argparse.Namespace) -> int:
    """Run the program, then show what it has compiled and what it has read from the cache."""
    from numbafunc.cpu import cache_folder
    from numbafunc.launcher import rank_before_start

    kernels = _Kernels(logging.getLogger("numbafunc"))
    status = _run(options)
    if rank_before_start() == 0:
        for word, found in (("compiled", kernels.compiled), ("read", kernels.read)) if options.list else ():
            for one in found:
                print(f"{word:8}  {one.op}, {one.dtype}, {one.seconds:.2f} s")
        seconds = sum(one.seconds for one in kernels.compiled)
        where = f"the cache, {cache_folder.folder() or 'which can not be used'}"
        print(f"compiled {len(kernels.compiled)} kernels in {seconds:.1f} s, read {len(kernels.read)} from {where}")
    return status or int(options.check and bool(kernels.compiled))


def _run(options: argparse.Namespace) -> int:
    """The status with which the program ends."""
    sys.argv[:] = [options.program, *options.arguments]
    try:
        if options.module:
            runpy.run_module(options.program, run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path(options.program).resolve().parent))
            runpy.run_path(options.program, run_name="__main__")
    except SystemExit as end:
        if isinstance(end.code, int) or end.code is None:
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    return 0


__all__ = ["add_arguments", "run"]
