"""The kernels that are compiled or read in this process, and how they are shown."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NamedTuple

from numbafunc.cpu import cache_folder


class Logged(NamedTuple):
    """What is said of a kernel: the op, the dtypes, the seconds that it took, and all that identifies it."""

    op: str
    dtype: str
    seconds: float
    kernel: str


class Kernels(logging.Filter):
    """Notes the kernels that are compiled or read, and lets pass what would have been logged without it."""

    def __init__(self) -> None:
        super().__init__()
        self.compiled: list[Logged] = []
        self.read: list[Logged] = []
        self._logger = logging.getLogger("numbafunc")
        self._level, self._set = self._logger.getEffectiveLevel(), self._logger.level
        self._logger.setLevel(logging.INFO)
        self._logger.addFilter(self)

    def close(self) -> None:
        """Listen no longer."""
        self._logger.removeFilter(self)
        self._logger.setLevel(self._set)

    def filter(self, record: Any) -> bool:
        if hasattr(record, "cache_hit"):
            found = Logged(record.op, record.dtype, record.seconds, record.kernel)
            (self.read if record.cache_hit else self.compiled).append(found)
        return bool(record.levelno >= self._level)


def show(compiled: Sequence[Logged], read: Sequence[Logged], *, each: bool) -> None:
    """Print how many kernels there were, and where they are: in a folder, or in that of this process."""
    for word, found in (("compiled", compiled), ("read", read)) if each else ():
        for one in found:
            print(f"{word:8}  {one.op}, {one.dtype}, {one.seconds:.2f} s")
    seconds = sum(one.seconds for one in compiled)
    where = f"the cache, {cache_folder.folder() or 'which can not be used'}"
    print(f"compiled {len(compiled)} kernels in {seconds:.1f} s, read {len(read)} from {where}")


__all__ = ["Kernels", "Logged", "show"]
