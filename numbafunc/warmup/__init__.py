"""Kernels compiled before they are needed: those of a program, or of chosen ops: ``python -m numbafunc warmup``."""

from __future__ import annotations

import argparse
from pathlib import Path

from numbafunc.warmup import ahead, choice, program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--check", action="store_true", help="end with status 1 if kernels were not in the cache")
    parser.add_argument("--list", action="store_true", help="show each kernel")
    ops = parser.add_argument_group("compile chosen ops")
    ops.add_argument("--ops", type=choice.ops, help="ops, such as relu,softmax(axis=0),top_k(k=10), or all")
    for name, option in choice.OPTIONS.items():
        ops.add_argument(
            f"--{name}", type=option, default=option.default, help=f"{option.help} (default: {option.default})"
        )
    ops.add_argument("--folder", type=Path, help="folder of the cache (default: the one that programs use)")
    ops.add_argument("--jobs", type=choice.count, help="how many processes compile (default: one for each core)")
    whole = parser.add_argument_group("run a program")
    whole.add_argument("-m", dest="module", action="store_true", help="the program is the name of a module")
    whole.add_argument("program", nargs="?", help="file of a Python program")
    whole.add_argument("arguments", nargs=argparse.REMAINDER, help="arguments of the program")
    parser.set_defaults(refuse=parser.error)


def run(options: argparse.Namespace) -> int:
    """Compile, and show what was compiled and what was read from the cache."""
    if (options.program is None) == (options.ops is None):
        options.refuse("wanted: either --ops with the names of ops, or a program")
    return program.run(options) if options.ops is None else ahead.run(options)


__all__ = ["add_arguments", "run"]
