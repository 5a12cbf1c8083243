"""The integers by which the loops of sliding windows go, and the windows for which they are constants of the code."""

from __future__ import annotations

Window = tuple[int, int, int, int]  # rows, columns, and steps down and across


# Windows whose sizes and steps are constants of the code, which is unrolled; others are read at run time.
UNROLLED: tuple[Window, ...] = ((2, 2, 2, 2), (3, 3, 2, 2), (3, 3, 1, 1))


# Names of the integers in the array ``places`` of a kernel.
PLACES = (
    *("total", "step", "rows", "columns", "new_rows", "new_columns", "top", "left"),
    *("high", "wide", "down", "across"),
)


# Two more where windows are dilated: rows and columns from one of their elements to the next.
GAPS = ("high_gap", "wide_gap")


def sizes_of(window: Window | None) -> dict[str, int]:
    """The sizes of a window, as constants of the code; none where they are looked up."""
    return dict(zip(PLACES[-4:], window)) if window else {}


__all__ = ["GAPS", "PLACES", "UNROLLED", "Window", "sizes_of"]
