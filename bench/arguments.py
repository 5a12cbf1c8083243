"""The command line that all benchmarks share."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from bench.measure import Effort


@dataclass(frozen=True)
class Options:
    """What the user asked for."""

    quick: bool
    only: tuple[str, ...]

    @property
    def effort(self) -> Effort:
        return Effort.of(self.quick)

    def wants(self, name: str) -> bool:
        """Whether to measure an op."""
        return not self.only or name in self.only


def parse(description: str) -> Options:
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--only", nargs="+", default=(), metavar="OP", help="measure these ops alone")
    given = parser.parse_args()
    return Options(given.quick, tuple(given.only))
