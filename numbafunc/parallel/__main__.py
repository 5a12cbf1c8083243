"""The command line: ``python -m numbafunc.parallel check``, alone or under ``mpiexec``."""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
from collections.abc import Sequence

from numbafunc.launcher import rank_before_start


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand and return the exit status."""
    from numbafunc.parallel import check

    parser = argparse.ArgumentParser(
        prog="python -m numbafunc.parallel", description="Collective functions over the ranks of an MPI job."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    command = commands.add_parser(
        "check",
        help="check that ranks find each other, and how fast they are",
        description="Shows which MPI runs on which cores, provokes a mismatch, and compares the time of psum with that "
        "of MPI's Allreduce. The exit status is 0 if all is well, else 1.",
    )
    check.add_arguments(command)
    command.set_defaults(run=check.run)

    with contextlib.ExitStack() as others:
        if rank_before_start() != 0:  # one rank is enough to say what is wrong with the arguments
            others.enter_context(contextlib.redirect_stderr(io.StringIO()))
            others.enter_context(contextlib.redirect_stdout(io.StringIO()))
        options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    sys.exit(main())
