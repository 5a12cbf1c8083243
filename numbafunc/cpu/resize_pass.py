"""What a kernel of resizing does along one axis, and the table of lengths that it goes by."""

from __future__ import annotations

from typing import NamedTuple

# Integers before the first taps in the table ``places``.
HEADER = 13
PLANES, ROWS, COLUMNS, NEW_ROWS, NEW_COLUMNS, PER_TASK, BANDS, BAND, GROUPS_DOWN, GROUPS_ACROSS, BEGIN, END, INNER = (
    range(HEADER)
)


class Pass(NamedTuple):
    """Work of a kernel along one axis.

    Attributes
    ----------
    form : str
        "none", "any" (taps of each result from a table), "grow" (by a whole factor: the taps of every ``step`` results
        repeat, one position further) or "shrink" (by a whole factor: those of each result repeat, ``step`` further).
    taps : int
        Taps in a group, whose code is unrolled.
    several : bool
        Whether there is more than one group of taps.
    step : int
        The whole factor.
    offsets : tuple of int
        Where the taps of each phase begin, from the position of the first; one for "shrink".
    """

    form: str
    taps: int = 1
    several: bool = False
    step: int = 1
    offsets: tuple[int, ...] = ()


__all__ = [
    "BAND", "BANDS", "BEGIN", "COLUMNS", "END", "GROUPS_ACROSS", "GROUPS_DOWN", "HEADER", "INNER", "NEW_COLUMNS",
    "NEW_ROWS", "PER_TASK", "PLANES", "ROWS", "Pass",
]  # fmt: skip
