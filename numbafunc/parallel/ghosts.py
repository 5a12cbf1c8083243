"""Ghost layers: what a block of an array that is divided among ranks borrows from its neighbours.

:func:`widen` puts the layers around blocks, :func:`fold` adds them back to where they came from. Both are linear, and
each is the transpose of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from numbafunc.dual.array import Dual, assemble, components
from numbafunc.dual.products import whole
from numbafunc.dual.recorded import recorded_level
from numbafunc.errors import CollectiveMismatchError
from numbafunc.interrupts import held_back
from numbafunc.kinds.arguments import check_size
from numbafunc.parallel.axes import Axis, listing
from numbafunc.parallel.call_site import Place, digest_of
from numbafunc.parallel.margins import (
    Line,
    Margin,
    Settings,
    checksum,
    filling,
    lines_of,
    margins_of,
    mirrored,
    needed,
)
from numbafunc.parallel.messages import Messages, Part, Table, address, exchange_messages
from numbafunc.parallel.tangents import apart_from_recorded, describe_derivatives, shared_step

# Tags of messages to the rank before and to the one after; two ranks may be both to each other.
DOWN, UP = 1, 2


class Call(NamedTuple):
    """What all arrays of a call have in common.

    Attributes
    ----------
    ahead : int
        Axes of directions of recorded tangents, in front of those that the settings are about.
    """

    settings: Settings
    ranks: Axis
    nest: str
    place: Place
    names: Sequence[str]
    ahead: int = 0

    @property
    def lines(self) -> list[Line]:
        """The lines of ranks along the axes that are divided."""
        return lines_of(self.settings, self.ranks)


def widen(call: Call, operands: Sequence[Any], outs: Sequence[Any] | None = None) -> list[Any]:
    """Arrays and dual arrays with margins around them."""
    if recorded_level(*operands):
        return _recorded("halo", widen, fold, call, operands)
    if not any(type(operand) is Dual for operand in operands):
        return _widen_arrays(call, operands, [call.ahead] * len(operands), [False] * len(operands), outs)
    parts = [components(operand) for operand in operands]
    call = call._replace(nest=f"{call.nest}, with derivatives {describe_derivatives(operands)}")
    flat = [array for part in parts for array in part.values()]
    leading = [call.ahead + array.ndim - part[()].ndim for part in parts for array in part.values()]
    tangents = [bool(levels) for part in parts for levels in part]
    names = [name for part, name in zip(parts, call.names, strict=True) for _ in part]
    results = iter(_widen_arrays(call._replace(names=names), flat, leading, tangents, None))
    return [assemble({levels: next(results) for levels in part}) for part in parts]


def fold(call: Call, operands: Sequence[Any]) -> list[Any]:
    """Arrays and dual arrays without their margins, which are added to where they came from."""
    if recorded_level(*operands):
        return _recorded("the transpose of halo", fold, widen, call, operands)
    parts = [components(operand) if type(operand) is Dual else {(): operand} for operand in operands]
    call = call._replace(nest=f"{call.nest}, with derivatives {describe_derivatives(operands)}")
    flat = [array for part in parts for array in part.values()]
    leading = [call.ahead + array.ndim - part[()].ndim for part in parts for array in part.values()]
    results = iter(_fold_arrays(call, flat, leading))
    return [assemble({levels: next(results) for levels in part}) for part in parts]


def _recorded(
    name: str,
    run: Callable[[Call, Sequence[Any]], list[Any]],
    back: Callable[[Call, Sequence[Any]], list[Any]],
    call: Call,
    operands: Sequence[Any],
) -> list[Any]:
    nest = f"{call.nest}, with recorded derivatives {describe_derivatives(operands)}"
    call = call._replace(nest=nest)
    rests, recorded = apart_from_recorded(operands)
    values = [whole(x) for x in run(call, rests)]
    settings = call.settings.of_tangents()
    results, ranks = [], call.ranks
    for operand, value, parts in zip(operands, values, recorded, strict=True):
        result = components(value)
        for key, part in parts.items():
            leading = len(part.shape) - operand.ndim
            one = call._replace(settings=settings, names=["x"], ahead=call.ahead + leading)
            shape = (*part.shape[:leading], *value.shape)
            result[key] = shared_step(
                name, partial(_one, run, one), partial(_one, back, one), operand, part, ranks, shape
            )
        results.append(assemble(result))
    return results


def _one(run: Callable[[Call, Sequence[Any]], list[Any]], call: Call, operand: Any) -> Any:
    return run(call, [operand])[0]


class Widening(NamedTuple):
    """How arrays of given shapes and strides are widened, worked out once and kept.

    Attributes
    ----------
    table : Table
        What is sent, received and copied.
    digest, text, describe
        Of the call, as an axis takes them.
    payload : numpy.ndarray
        Two numbers that add up to zeros over the ranks if blocks fit each other, and if none is too small.
    constants : list of numpy.ndarray
        What is on the borders.
    lacks : str
        What this rank's blocks lack.
    """

    table: Table
    digest: int
    text: Any
    describe: Callable[[], str]
    payload: np.ndarray[Any, Any]
    constants: list[np.ndarray[Any, Any]]
    lacks: str

    def run(self, ranks: Axis, place: Place, arrays: Sequence[np.ndarray[Any, Any]], outs: Sequence[Any]) -> None:
        """Write the widened arrays, together with all ranks.

        Raises
        ------
        CollectiveMismatchError
            On all ranks, where blocks side by side have different lengths.
        ValueError
            On all ranks, where one of them has a block that is too small.
        """
        if ranks.size == 1:
            if self.lacks:
                raise ValueError(_too_small(ranks, [f"{self.describe()} at {place}"]))
            self.table.copy([*arrays, *outs, *self.constants])
            return
        sums = self.payload.copy()
        data = self.table.data([*arrays, *outs, *self.constants])
        if ranks.exchange_by(exchange_messages(), self.digest, self.describe, self.text, place, sums, *data):
            return
        if sums[1]:
            raise ValueError(_too_small(ranks, ranks.calls()))
        raise CollectiveMismatchError(
            f"blocks that are side by side on axis {ranks.label!r} have different lengths:\n{listing(ranks.calls())}\n"
            "Ranks that are in one row, along an axis of the array, have the same length along all others."
        )


def _widen_arrays(
    call: Call,
    arrays: Sequence[np.ndarray[Any, Any]],
    leading: Sequence[int],
    tangents: Sequence[bool],
    outs: Sequence[Any] | None,
) -> list[Any]:
    margins = [
        margins_of(call.settings, call.lines, x.ndim - ahead, ahead, name)
        for x, ahead, name in zip(arrays, leading, call.names, strict=True)
    ]
    if outs is None:
        shapes = [widened_shape(x.shape, some) for x, some in zip(arrays, margins, strict=True)]
        for x, shape in zip(arrays, shapes, strict=True):
            check_size(shape, x.dtype, "width", call.settings.widths)
        outs = [np.empty(shape, x.dtype) for x, shape in zip(arrays, shapes, strict=True)]
    plan_of(call, arrays, outs, leading, tangents, margins).run(call.ranks, call.place, arrays, outs)
    return list(outs)


def plan_of(
    call: Call,
    arrays: Sequence[np.ndarray[Any, Any]],
    outs: Sequence[Any],
    leading: Sequence[int],
    tangents: Sequence[bool],
    margins: Sequence[list[Margin]],
) -> Widening:
    """The plan for arrays and results like these."""
    forms = tuple(
        (x.shape, x.strides, x.dtype, out.strides, is_inside(x, out, some), *more)
        for x, out, some, *more in zip(arrays, outs, margins, leading, tangents, strict=True)
    )
    key = ("halo", call.settings, call.nest, forms)
    plan: Widening | None = call.ranks.plans.get(key)
    if plan is None:
        plan = call.ranks.plans[key] = _plan(call, arrays, outs, leading, tangents, margins)
    return plan


def _plan(
    call: Call,
    arrays: Sequence[np.ndarray[Any, Any]],
    outs: Sequence[Any],
    leading: Sequence[int],
    tangents: Sequence[bool],
    margins: Sequence[list[Margin]],
) -> Widening:
    constants = _constants(call, arrays, tangents)
    lacks = _lacks(call, arrays, margins, leading)
    messages = Messages([*arrays, *outs, *constants])
    if not lacks:
        _widening(messages, call.settings, call.ranks.rank, arrays, outs, constants, margins)
    lengths = [
        [x.shape[position % (x.ndim - ahead) + ahead] for x, ahead in zip(arrays, leading, strict=True)]
        for position in call.settings.positions
    ]
    payload = np.array([checksum(call.lines, lengths), bool(lacks)], np.int64)
    digest, text, describe = _description("halo", call, arrays, leading, lacks)
    return Widening(messages.table(), digest, text, describe, payload, constants, lacks)


def _description(
    what: str, call: Call, arrays: Sequence[np.ndarray[Any, Any]], leading: Sequence[int], note: str = ""
) -> tuple[int, Any, Callable[[], str]]:
    """Digest and text of a call, which begins with a note.

    The digest lacks the note and lengths along axes that are divided, which may differ among ranks.
    """
    forms = []
    for x, ahead in zip(arrays, leading, strict=True):
        shape: list[Any] = list(x.shape)
        for position in call.settings.positions:
            shape[position % (x.ndim - ahead) + ahead] = "*"
        forms.append((tuple(shape), x.dtype.name, ahead))
    shown = ", ".join(f"{x.dtype} {x.shape}" for x in arrays[:_SHOWN])
    more = f" and {len(arrays) - _SHOWN} more" if len(arrays) > _SHOWN else ""
    text = f"{note}{what} of {shown}{more}, {call.settings.text}, in {call.nest} over {call.ranks.label!r}"
    digest = digest_of(what, call.settings.text, forms, call.nest)
    return digest, None if call.ranks.size == 1 else call.ranks.text(text), lambda: text


_SHOWN = 8


def _constants(
    call: Call, arrays: Sequence[np.ndarray[Any, Any]], tangents: Sequence[bool]
) -> list[np.ndarray[Any, Any]]:
    """For each array its border, if that is a number; that of tangents is zero."""
    border = call.settings.border
    if border is None or isinstance(border, str):
        return []
    return [
        filling(0 if is_tangent else border, x.dtype, name)
        for x, is_tangent, name in zip(arrays, tangents, call.names, strict=True)
    ]


def widened_shape(shape: tuple[int, ...], margins: Sequence[Margin]) -> tuple[int, ...]:
    """The shape of an array with its margins."""
    lengths = list(shape)
    for margin in margins:
        lengths[margin.axis] += margin.begin + margin.end
    return tuple(lengths)


def _inner(shape: tuple[int, ...], margins: Sequence[Margin]) -> list[slice]:
    """Where a block of some shape is within its margins."""
    region = [slice(None)] * len(shape)
    for margin in margins:
        region[margin.axis] = slice(margin.begin, margin.begin + shape[margin.axis])
    return region


def is_inside(x: np.ndarray[Any, Any], out: np.ndarray[Any, Any], margins: Sequence[Margin]) -> bool:
    """Whether a block lies in the memory of its result, where it belongs."""
    first = address(out) + sum(margin.begin * out.strides[margin.axis] for margin in margins)
    return first == address(x) and x.strides == out.strides


def _widening(
    to: Messages,
    settings: Settings,
    rank: int,
    arrays: Sequence[np.ndarray[Any, Any]],
    outs: Sequence[Any],
    constants: Sequence[np.ndarray[Any, Any]],
    margins: Sequence[list[Margin]],
) -> None:
    """Tell what is sent, received and copied, one axis after the other for all arrays."""
    count = len(arrays)
    regions = [_inner(x.shape, some) for x, some in zip(arrays, margins, strict=True)]
    for phase in range(len(settings.positions)):
        copies: list[tuple[Part, Part]] = []
        for number, (x, out, some, region) in enumerate(zip(arrays, outs, margins, regions, strict=True)):
            margin = some[phase]
            axis, length = margin.axis, x.shape[margin.axis]
            if phase == 0:
                block = Part(number, x)
                if not is_inside(x, out, some):
                    copies.append((Part(count + number, out[tuple(region)]), block))
            else:
                block = Part(count + number, out[tuple(region)])
            region[axis] = slice(None)
            row = Part(count + number, out[tuple(region)])
            ends = [
                (margin.low, row.layers(axis, 0, margin.begin), (0, margin.after), DOWN, UP),
                (
                    margin.high,
                    row.layers(axis, margin.begin + length, margin.begin + length + margin.end),
                    (length - margin.before, length),
                    UP,
                    DOWN,
                ),
            ]
            for other, ghosts, _, _, tag in ends:
                if other is not None and other != rank:
                    to.receive(ghosts, other, tag)
            for other, _, layers, tag, _ in ends:
                if other is not None and other != rank:
                    to.send(block.layers(axis, *layers), other, tag)
            for low, (other, ghosts, _, _, _), (_, _, opposite, _, _) in zip((True, False), ends, ends[::-1]):
                if other is None:
                    found = mirrored(settings.border, ghosts.view.shape[axis], length, low)
                    if found is not None:
                        source = block.layers(axis, *found).flipped(axis).spread(ghosts.view.shape)
                        copies.append((ghosts, source))
                    elif constants:
                        constant = Part(2 * count + number, constants[number])
                        copies.append((ghosts, constant.spread(ghosts.view.shape)))
                elif other == rank:
                    copies.append((ghosts, block.layers(axis, *opposite)))
        for target, source in copies:
            to.copy(target, source)
        to.wait()


def _lacks(
    call: Call, arrays: Sequence[np.ndarray[Any, Any]], margins: Sequence[list[Margin]], leading: Sequence[int]
) -> str:
    """What is said of an array that has too few layers; nothing if none has."""
    for x, some, ahead, name in zip(arrays, margins, leading, call.names, strict=True):
        for margin in some:
            length, need = x.shape[margin.axis], needed(margin, call.settings.border)
            if length < need:
                return f"{_LACKING}{name} has length {length} along axis {margin.axis - ahead}; needed: {need}: "
    return ""


_LACKING = "too small: "


def _too_small(ranks: Axis, calls: Sequence[str]) -> str:
    """The message for the calls of all ranks, of which some say what is too small."""
    lines = [f"  rank {rank}: {call}" for rank, call in enumerate(calls) if call.startswith(_LACKING)]
    more = [f"  and {len(lines) - _SHOWN} ranks more"] if len(lines) > _SHOWN else []
    return "\n".join([f"blocks on axis {ranks.label!r} have fewer layers than a halo needs:", *lines[:_SHOWN], *more])


def _fold_arrays(call: Call, arrays: Sequence[np.ndarray[Any, Any]], leading: Sequence[int]) -> list[Any]:
    """The blocks, with what is on their margins added where it came from."""
    margins = [
        margins_of(call.settings, call.lines, x.ndim - ahead, ahead, "x")
        for x, ahead in zip(arrays, leading, strict=True)
    ]
    with np.errstate(all="ignore"), held_back():  # an exchange for each axis
        for phase in reversed(range(len(call.settings.positions))):
            arrays = _fold_along(call, arrays, leading, [some[phase] for some in margins], phase)
    return list(arrays)


def _fold_along(
    call: Call, arrays: Sequence[np.ndarray[Any, Any]], leading: Sequence[int], margins: Sequence[Margin], phase: int
) -> list[np.ndarray[Any, Any]]:
    ranks, border = call.ranks, call.settings.border
    sent: list[tuple[np.ndarray[Any, Any], int, int]] = []
    received: list[tuple[np.ndarray[Any, Any], int, int]] = []
    totals, terms = [], []
    for x, (axis, before, after, low, high, begin, end) in zip(arrays, margins, strict=True):
        row = Part(0, x)
        length = x.shape[axis] - begin - end
        total = np.array(row.layers(axis, begin, begin + length).view, order="C")
        block = Part(0, total)
        totals.append(total)
        ends = [
            (low, row.layers(axis, 0, begin), block.layers(axis, 0, after), DOWN, UP),
            (
                high,
                row.layers(axis, begin + length, x.shape[axis]),
                block.layers(axis, length - before, length),
                UP,
                DOWN,
            ),
        ]
        for is_low, (other, ghosts, home, tag, back), (_, opposite, _, _, _) in zip((True, False), ends, ends[::-1]):
            if other is None:
                found = mirrored(border, ghosts.view.shape[axis], length, is_low)
                if found is not None:
                    term = np.flip(ghosts.view, axis)
                    target = block.layers(axis, *found).view
                    terms.append((target, term if term.shape == target.shape else term.sum(axis, keepdims=True)))
            elif other == ranks.rank:
                terms.append((home.view, opposite.view))
            else:
                sent.append((np.array(ghosts.view, order="C"), other, tag))
                received.append((np.empty(home.view.shape, x.dtype), other, back))
                terms.append((home.view, received[-1][0]))
    if ranks.size > 1:
        _send(call, arrays, leading, phase, sent, received)
    for target, term in terms:
        target += term
    return totals


def _send(
    call: Call,
    arrays: Sequence[np.ndarray[Any, Any]],
    leading: Sequence[int],
    phase: int,
    sent: Sequence[tuple[np.ndarray[Any, Any], int, int]],
    received: Sequence[tuple[np.ndarray[Any, Any], int, int]],
) -> None:
    """Exchange contiguous arrays with other ranks: each with a rank and a tag."""
    ranks = call.ranks
    everything = [array for array, _, _ in (*received, *sent)]
    key = ("fold", call.settings, call.nest, phase, tuple((x.shape, x.dtype) for x in arrays), tuple(leading))
    plan = ranks.plans.get(key)
    if plan is None:
        messages = Messages(everything)
        for number, (array, rank, tag) in enumerate(received):
            messages.receive(Part(number, array), rank, tag)
        for number, (array, rank, tag) in enumerate(sent, len(received)):
            messages.send(Part(number, array), rank, tag)
        messages.wait()
        plan = messages.table(), _description(f"the transpose of halo, part {phase + 1}", call, arrays, leading)
        ranks.plans[key] = plan
    table, (digest, text, describe) = plan
    nothing = np.zeros(0, np.int64)
    ranks.exchange_by(exchange_messages(), digest, describe, text, call.place, nothing, *table.data(everything))
