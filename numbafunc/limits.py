"""What arrays can be: how many axes they have, how shapes broadcast, and what fits into the memory of the machine."""

from __future__ import annotations

import math
import os
import sys
from functools import cache
from pathlib import Path

MOST_AXES = 64
"""Axes that an array of NumPy can have."""

FEW_ELEMENTS = 1 << 20
"""Arrays with fewer elements have room on any machine."""

# What takes fewer bytes is not compared with the memory of the machine, which takes time to find out.
_SMALL = 1 << 28


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that shapes broadcast to, which may have more than the 32 axes of numpy.broadcast_shapes.

    Raises
    ------
    ValueError
        Where there is none.
    """
    first, *others = shapes
    for other in others:
        if other != first:
            return _joined(shapes)
    return first


def _joined(shapes: tuple[tuple[int, ...], ...]) -> tuple[int, ...]:
    lengths = [1] * max(map(len, shapes))
    for shape in shapes:
        behind = len(lengths) - len(shape)
        for axis, length in enumerate(shape, behind):
            if length != lengths[axis] and length != 1:
                if lengths[axis] != 1:
                    raise ValueError(f"shapes that do not broadcast together: {', '.join(map(str, shapes))}")
                lengths[axis] = length
    return tuple(lengths)


@cache
def memory() -> int:
    """Bytes of main memory and of what it is swapped out to; sys.maxsize where the system does not say."""
    try:
        lines = [line.split() for line in Path("/proc/meminfo").read_text().splitlines()]
        return 1024 * sum(int(line[1]) for line in lines if line[0] in ("MemTotal:", "SwapTotal:"))
    except OSError:
        known = getattr(os, "sysconf_names", {})
        if "SC_PHYS_PAGES" not in known:
            return sys.maxsize
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def check_memory(count: int, what: str, wanted: str) -> None:
    """Raise ValueError if something takes more bytes than the machine has; ``wanted`` is what to ask for instead."""
    if count > _SMALL and count > memory():
        raise ValueError(f"{what} takes {count:,} bytes, and this machine has {memory():,}; wanted: {wanted}")


def bytes_of(shape: tuple[int, ...], itemsize: int) -> int:
    """The bytes of an array, counted as NumPy does for its limit: each length of 0 is taken as 1."""
    return math.prod(max(1, length) for length in shape) * itemsize
