"""Margins of blocks: which ranks are neighbours, how many layers they exchange, and what is outside of all blocks.

The axes of an array are widened one after the other, and what is exchanged along one has the margins along those
before. So corners come by way of two neighbours, and no rank sends to one that is next to it diagonally.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from numbafunc.bounded import Bounded
from numbafunc.dual.array import Dual
from numbafunc.kinds.arguments import check_flag
from numbafunc.parallel import axes
from numbafunc.parallel.axes import Axis
from numbafunc.parallel.call_site import digest_of

EDGE, REFLECT, SYMMETRIC = "edge", "reflect", "symmetric"

Pair = tuple[int, int]


class Settings(NamedTuple):
    """The arguments of a call, as checked.

    Attributes
    ----------
    positions : tuple of int
        Axes of the array that are divided among ranks.
    names : tuple of tuple of str
        The names of ranks along each.
    widths : tuple of (int, int)
        Layers before and after.
    periodic : tuple of bool
        Whether the last rank is next to the first.
    border : number or str or None
        What is outside where it is not periodic; None for no margin there.
    text : str
        All of them, for messages and for the comparison of the ranks.
    """

    positions: tuple[int, ...]
    names: tuple[tuple[str, ...], ...]
    widths: tuple[Pair, ...]
    periodic: tuple[bool, ...]
    border: Any
    text: str

    @property
    def axis_name(self) -> Any:
        """The axis of all ranks that take part."""
        together = tuple(name for names in self.names for name in names)
        return together[0] if len(together) == 1 else together

    def of_tangents(self) -> Settings:
        """The settings for tangents: a constant border has none."""
        return self if self.border is None or isinstance(self.border, str) else self._replace(border=0)


def settings_of(given_axes: Any, width: Any, periodic: Any, border: Any) -> Settings:
    """The arguments, checked; the last ones are remembered."""
    key = repr((given_axes, width, periodic, border))
    known: Settings | None = _known.get(key)
    return _settings(key, given_axes, width, periodic, border) if known is None else known


_known = Bounded(512)


def _settings(key: str, given_axes: Any, width: Any, periodic: Any, border: Any) -> Settings:
    divided = _divided(given_axes)
    positions = tuple(divided)
    widths = _per_axis(width, positions, "width", _WIDTHS, _width, _is_width)
    flags = _per_axis(
        periodic,
        positions,
        "periodic",
        "True, False, or one of them for each axis",
        lambda flag: check_flag(flag, "periodic"),
        lambda flag: not isinstance(flag, (tuple, list)),
    )
    if isinstance(border, str):
        if border not in (EDGE, REFLECT, SYMMETRIC):
            raise ValueError(f"border is {border!r}; wanted: {_BORDERS}")
    elif border is not None:
        border = _number(border)
    text = (
        f"axes {dict(zip(positions, (_shown(names) for names in divided.values()), strict=True))}, "
        f"width {_one_or_all(widths)}, periodic {_one_or_all(flags)}, border {border!r}"
    )
    settings = _known[key] = Settings(positions, tuple(divided.values()), widths, flags, border, text)
    return settings


_WIDTHS = "an int, (before, after), or a sequence or a dict with one of these for each axis"
_BORDERS = "a number, 'edge', 'reflect', 'symmetric' or None"


def _one_or_all(values: Sequence[Any]) -> Any:
    return values[0] if len(set(values)) == 1 else values


def _shown(names: tuple[str, ...]) -> Any:
    return names[0] if len(names) == 1 else names


def _divided(given: Any) -> dict[int, tuple[str, ...]]:
    """The names of ranks by the axes of the array along which they are."""
    if isinstance(given, str):
        given = {0: given}
    elif isinstance(given, (tuple, list)):
        given = {number: names for number, names in enumerate(given) if names is not None}
    if not isinstance(given, dict) or not given:
        raise TypeError(
            f"axes is {given!r}; wanted: the name of an axis of ranks for axis 0, a sequence of names for the axes "
            "from 0 on, None among them for one that is not divided, or a dict {axis: name}"
        )
    divided: dict[int, tuple[str, ...]] = {}
    for position, names in given.items():
        chosen = (names,) if isinstance(names, str) else tuple(names) if isinstance(names, (tuple, list)) else ()
        if not chosen or not all(isinstance(name, str) for name in chosen):
            raise TypeError(f"axes has {names!r} for axis {position!r}; wanted: a string or a tuple of strings")
        try:
            divided[operator.index(position)] = chosen
        except TypeError:
            raise TypeError(f"axes has the axis {position!r}; wanted: an int") from None
    return divided


def _per_axis(
    given: Any,
    positions: tuple[int, ...],
    argument: str,
    wanted: str,
    read: Callable[[Any], Any],
    is_one: Callable[[Any], bool],
) -> tuple[Any, ...]:
    """A setting of each axis, of one for all, a sequence in the order of the axes, or a dict."""
    if isinstance(given, dict):
        if set(given) != set(positions):
            raise ValueError(f"{argument} has the axes {sorted(given)}; wanted: those of axes, {sorted(positions)}")
        return tuple(read(given[position]) for position in positions)
    if is_one(given):
        return (read(given),) * len(positions)
    if not isinstance(given, (tuple, list)):
        raise TypeError(f"{argument} is {given!r}; wanted: {wanted}")
    if len(given) != len(positions):
        raise ValueError(f"{argument} is {given!r}; wanted: {wanted}, of which there are {len(positions)}")
    return tuple(map(read, given))


def _is_width(width: Any) -> bool:
    """Whether it is a width of one axis, or one that all have."""
    if isinstance(width, (tuple, list)):
        return len(width) in (1, 2) and not any(isinstance(entry, (tuple, list)) for entry in width)
    return not isinstance(width, dict)


def _width(width: Any) -> Pair:
    entries = tuple(width) if isinstance(width, (tuple, list)) else (width,)
    try:
        if any(isinstance(entry, (bool, np.bool_)) for entry in entries) or not 1 <= len(entries) <= 2:
            raise TypeError
        before, after = operator.index(entries[0]), operator.index(entries[-1])
    except TypeError:
        raise TypeError(f"width is {width!r}; wanted: {_WIDTHS}") from None
    if min(before, after) < 0:
        raise ValueError(f"width is {width!r}; wanted: no negative number of layers")
    return before, after


def _number(border: Any) -> Any:
    if type(border) is Dual:
        raise TypeError("border is a dual number; wanted: a constant. Put it into the result where it is to be varied")
    try:
        number = np.asarray(border)
    except ValueError:  # a ragged nest
        number = np.zeros(1)
    if number.ndim or number.dtype.kind not in "biufc":
        raise TypeError(f"border is {border!r}; wanted: {_BORDERS}")
    return number.item()


def filling(border: Any, dtype: np.dtype[Any], name: str) -> np.ndarray[Any, Any]:
    """The number of a border in the dtype of an array; TypeError for one that it does not hold."""
    number = np.asarray(border)
    if number.dtype.kind != "c" or dtype.kind == "c":
        with np.errstate(all="ignore"):
            number = number.astype(dtype)
        if dtype.kind not in "biu" or number.item() == border:
            return number
    raise TypeError(f"border is {border!r}, which {name}, of dtype {dtype}, can't hold")


class Line(NamedTuple):
    """The ranks along one axis of an array, as this one sees them.

    Attributes
    ----------
    size, position : int
        How many there are, and which one this is.
    low, high : int or None
        The ranks before and after this one, as numbers of the axis of all ranks; None at an end.
    weight : int
        Weights of ranks with the same position add up to zero.
    """

    size: int
    position: int
    low: int | None
    high: int | None
    weight: int


def lines_of(settings: Settings, ranks: Axis) -> list[Line]:
    """The line of ranks along each axis that is divided."""
    key = ("lines", settings)
    found: list[Line] | None = ranks.plans.get(key)
    if found is None:
        sizes = axes.lengths(settings.axis_name, ranks)
        found = ranks.plans[key] = [
            _line(names, wraps, sizes, ranks) for names, wraps in zip(settings.names, settings.periodic, strict=True)
        ]
    return found


def _line(names: tuple[str, ...], wraps: bool, sizes: dict[str, int], ranks: Axis) -> Line:
    own = dict(zip(sizes, map(int, np.unravel_index(ranks.rank, tuple(sizes.values()))), strict=True))
    along = {name: size for name, size in sizes.items() if name in names}
    rest = {name: size for name, size in sizes.items() if name not in names}
    size, others = (int(np.prod(list(some.values()), dtype=np.int64)) for some in (along, rest))
    index = _ravel([own[name] for name in along], along)

    def neighbour(position: int) -> int | None:
        if not wraps and not 0 <= position < size:
            return None
        moved = zip(along, map(int, np.unravel_index(position % size, tuple(along.values()))), strict=True)
        return _ravel({**own, **dict(moved)}.values(), sizes)

    last = _ravel([own[name] for name in rest], rest) == others - 1
    return Line(size, index, neighbour(index - 1), neighbour(index + 1), 1 - others if last else 1)


def _ravel(coordinates: Any, sizes: dict[str, int]) -> int:
    number = 0
    for coordinate, size in zip(coordinates, sizes.values(), strict=True):
        number = number * size + coordinate
    return number


class Margin(NamedTuple):
    """What an array gets along one of its axes.

    Attributes
    ----------
    axis : int
        Of the array.
    before, after : int
        Layers that each rank gets from the one before and the one after it.
    low, high : int or None
        These ranks; None at an end.
    begin, end : int
        Layers that this rank's result has, fewer at an end without a border.
    """

    axis: int
    before: int
    after: int
    low: int | None
    high: int | None
    begin: int
    end: int


def margins_of(settings: Settings, lines: Sequence[Line], ndim: int, leading: int, name: str) -> list[Margin]:
    """The margins of an array with axes of directions in front, in the order in which it gets them: last axis first.

    The slices of the first axis, which come last, are runs of memory.
    """
    margins = []
    for position, (before, after), line in zip(settings.positions, settings.widths, lines, strict=True):
        if not -ndim <= position < ndim:
            number = "is a number" if not ndim else f"has {ndim} axes"
            raise ValueError(f"x is to be divided along axis {position}, but {name} {number}")
        bare = settings.border is None
        begin = 0 if bare and line.low is None else before
        end = 0 if bare and line.high is None else after
        margins.append(Margin(position % ndim + leading, before, after, line.low, line.high, begin, end))
    if len({margin.axis for margin in margins}) < len(margins):
        raise ValueError(f"axes has one axis of {name} twice: {list(settings.positions)}")
    return sorted(margins, reverse=True)


def needed(margin: Margin, border: Any) -> int:
    """How many layers a block must have along an axis."""
    outside = []
    if margin.low is None:
        outside.append(margin.before)
    if margin.high is None:
        outside.append(margin.after)
    width = max(outside, default=0)
    own = {EDGE: min(width, 1), REFLECT: width + (width > 0), SYMMETRIC: width}.get(border, 0)
    sent = max(margin.after * (margin.low is not None), margin.before * (margin.high is not None))
    return max(own, sent)


def mirrored(border: Any, width: int, length: int, low: bool) -> tuple[int, int] | None:
    """The layers of a block of which a border is made, in the opposite order; None for a border of a number."""
    start = {EDGE: 0, REFLECT: 1, SYMMETRIC: 0}.get(border)
    if start is None:
        return None
    stop = start + (1 if border == EDGE else width)
    return (start, stop) if low else (length - stop, length - start)


def checksum(lines: Sequence[Line], lengths: Sequence[Sequence[int]]) -> int:
    """A number that adds up to zero over all ranks if those with the same position along a line have the same lengths.

    If they have not, it does not, but for a chance of one in 2**40 or so.
    """
    total = 0
    for number, (line, some) in enumerate(zip(lines, lengths, strict=True)):
        total += line.weight * digest_of("lengths", number, line.position, tuple(some))
    return (total + 2**63) % 2**64 - 2**63
