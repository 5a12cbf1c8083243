"""The windows that pooling functions look at: arguments, shapes, and what lies in each window."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from numbafunc.constants import ConvPadding
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments

Pair = tuple[int, int]


class Windows(NamedTuple):
    """Windows on an image with padding: their size and the strides between them.

    Attributes
    ----------
    size, strides : tuple of int
        Down and across.
    padding : tuple of tuple of int
        Rows before and after, columns before and after.
    dilation : tuple of int
        Rows and columns from one element of a window to the next.
    ceil : bool
        Whether a last window may hang over the padding after the image.
    include_padding : bool
        Whether means are taken of the padding too.
    """

    size: Pair
    strides: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair = (1, 1)
    ceil: bool = False
    include_padding: bool = True

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        size: Any,
        strides: Any,
        padding: Any,
        dilation: Any = 1,
        ceil: Any = False,
        include_padding: Any = True,
    ) -> Windows:
        """The windows that the arguments of a pooling function describe, on images of shape (N, C, H, W)."""
        if len(shape) != 4:
            raise ShapeError(f"x has shape {shape}; wanted: 4 axes, (N, C, H, W)")
        lengths = _lengths(size, "size")
        steps = lengths if strides is None else _lengths(strides, "strides")
        gaps = (1, 1) if type(dilation) is int and dilation == 1 else _lengths(dilation, "dilation")
        usual = ceil is False and include_padding is True
        for name, flag in () if usual else (("ceil_mode", ceil), ("count_include_pad", include_padding)):
            arguments.check_flag(flag, name)
        named = _named(padding)
        margins: tuple[Any, ...] = ((0, 0), (0, 0))
        wide = False
        if named is ConvPadding.SAME:
            reaches = tuple(map(reach_of, lengths, gaps))
            margins = tuple(margins_of_same(*axis) for axis in zip(shape[2:], reaches, steps))
        elif named is None:
            margins = _margins(padding)
            (top, bottom), (left, right) = margins
            if top < 0 or bottom < 0 or left < 0 or right < 0:
                raise ValueError(f"padding is {padding!r}; wanted: nothing negative")
            wide = top + bottom + left + right > _WIDE
        windows = cls(lengths, steps, (margins[0], margins[1]), gaps, bool(ceil), bool(include_padding))
        if wide:
            arguments.check_size(windows.result_shape(shape), _WIDEST, "padding", padding)
        return windows

    def result_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of the result for an operand of a shape whose last two axes are rows and columns."""
        counts = []
        for length, size, gap, step, margins in zip(shape[-2:], self.size, self.dilation, self.strides, self.padding):
            room = length + sum(margins) - reach_of(size, gap)
            if not self.ceil:
                counts.append(count_of(room, step))
            else:  # one that begins in the padding after the image is left out
                count = max(-(-room // step) + 1, 0)
                counts.append(count - 1 if count and (count - 1) * step >= length + margins[0] else count)
        return (*shape[:-2], *counts)

    def rows_and_columns(self, shape: tuple[int, ...]) -> list[np.ndarray[Any, Any]]:
        """The rows that each row of windows looks at, one line for each, and the columns; also those outside."""
        found = []
        counts = self.result_shape(shape)[-2:]
        for count, size, gap, step, margins in zip(counts, self.size, self.dilation, self.strides, self.padding):
            found.append((np.arange(count) * step - margins[0])[:, None] + np.arange(size) * gap)
        return found

    def counts(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any] | None:
        """How many rows each row of windows is a mean of, and then how many columns; None if it is always all.

        A window of nothing is a mean of one zero.
        """
        if self.include_padding and not self.ceil:
            return None
        found = []
        for places, length, (before, after) in zip(self.rows_and_columns(shape), shape[-2:], self.padding):
            lowest, highest = -before, length + after
            if not self.include_padding:
                lowest, highest = max(lowest, 0), min(highest, length)
            inside = (places >= lowest) & (places < highest)
            found.append(np.maximum(inside.sum(axis=1), 1))
        full = all((counts == size).all() for counts, size in zip(found, self.size))
        return None if full else np.concatenate(found).astype(np.int64)

    def first_places(self, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
        """The position in its plane of the first element that each window has; -1 where it has none."""
        firsts = []
        for places, length in zip(self.rows_and_columns(shape), shape[-2:]):
            inside = (places >= 0) & (places < length)
            chosen = np.take_along_axis(places, inside.argmax(axis=1)[:, None], 1)[:, 0]
            firsts.append(np.where(inside.any(axis=1), chosen, -1))
        rows, columns = firsts[0][:, None], firsts[1]
        return np.where((rows >= 0) & (columns >= 0), rows * shape[-1] + columns, -1)


# Rows and columns of padding that may make a result much larger than the images are.
_WIDE = 1 << 12

# As wide as the results of any pooling.
_WIDEST = np.dtype(np.int64)

# Windows as long as this are refused: they have no use, and take memory for a line as long as the padded image.
_LARGEST = 2**24


def _whole(value: Any) -> int | None:
    """The int of a single integer, limited to lengths that make sense."""
    whole = arguments.as_int(value)
    return whole if whole is not None and abs(whole) < _LARGEST else None


def _lengths(given: Any, name: str) -> Pair:
    items = list(given) if isinstance(given, (tuple, list)) else [given, given]
    wholes = [_whole(item) for item in items]
    if len(wholes) != 2 or None in wholes:
        raise TypeError(f"{name} is {given!r}; wanted: a positive int below 2**24 or two of them")
    down, across = (whole for whole in wholes if whole is not None)
    if down < 1 or across < 1:
        raise ShapeError(f"{name} is {given!r}; wanted: a positive int or two of them")
    return down, across


def _named(padding: Any) -> ConvPadding | None:
    if isinstance(padding, ConvPadding):
        return padding
    if not isinstance(padding, str):
        return None
    try:
        return ConvPadding[padding.upper()]
    except KeyError:
        names = ", ".join(repr(member.name) for member in ConvPadding)
        raise ValueError(f"padding is {padding!r}; wanted: {names}, an int, or pairs of ints") from None


def reach_of(size: int, gap: int) -> int:
    """The length from the first element of a window to its last, both included."""
    return (size - 1) * gap + 1


def count_of(room: int, step: int) -> int:
    """The number of windows, given how far the first one can be moved."""
    return room // step + 1 if room >= 0 else 0


def margins_of_same(length: int, size: int, step: int) -> Pair:
    """Padding before and after an axis that gives one window for every step."""
    total = max((-(-length // step) - 1) * step + size - length, 0)
    return total // 2, total - total // 2


def _margins(padding: Any) -> tuple[Pair, Pair]:
    same = _whole(padding)
    if same is not None:
        return (same, same), (same, same)
    pairs = padding.tolist() if isinstance(padding, np.ndarray) and padding.dtype.kind in "iu" else padding
    if isinstance(pairs, tuple) and len(pairs) == 2:
        one = _pair(pairs)
        if one is not None:
            return one, one
    if isinstance(pairs, (tuple, list)) and len(pairs) == 2:
        down, across = map(_pair, pairs)
        if down is not None and across is not None:
            return down, across
    raise TypeError(
        f"padding is {padding!r}; wanted: 'VALID', 'SAME', an int below 2**24, a tuple (before, after) or "
        "((top, bottom), (left, right))"
    )


def _pair(given: Any) -> Pair | None:
    """Two ints, if that is what is given."""
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        return None
    before, after = map(_whole, given)
    return None if before is None or after is None else (before, after)


__all__ = ["Windows", "count_of", "margins_of_same", "reach_of"]
