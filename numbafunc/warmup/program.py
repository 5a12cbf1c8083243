"""A run of a program that keeps all kernels it needs, and tells what these are."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path


def run(options: argparse.Namespace) -> int:
    """Run the program, then show what it has compiled and what it has read from the cache."""
    from numbafunc.launcher import rank_before_start
    from numbafunc.warmup.log import Kernels, show

    kernels = Kernels()
    status = _run(options)
    if rank_before_start() == 0:
        show(kernels.compiled, kernels.read, each=options.list)
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


__all__ = ["run"]
