"""Walks over the steps that recorders noted: backwards with cotangents, forwards with tangents.

The steps were numbered as they were made, so the walk back takes them by descending number: when it comes to a step,
all that used its result have been passed, and the cotangent of the result is complete.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.backend import CPU
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual
from numbafunc.dual.guesses import before_infinite_slope, behind_infinite_slope
from numbafunc.dual.products import ROOTED
from numbafunc.dual.quiet import quiet, quietly
from numbafunc.dual.recorder import At, Node, One, Rooted

Cotangent = Any  # an array or a Dual


class _Walk:
    """The steps that a walk back has not come to yet, with their cotangents, which are complete when it does."""

    __slots__ = ("heap", "reached", "rooted")

    def __init__(self) -> None:
        # Each step by its number, its cotangent, and whether nothing else refers to that, so that it may be written to.
        self.reached: dict[int, tuple[Node, Cotangent, bool]] = {}
        self.heap: list[int] = []
        # The steps, by number, whose cotangents passed an infinite slope, with the order that is unknown there.
        self.rooted: dict[int, int] = {}

    def start(self, node: Node, cotangent: Any, own: bool) -> None:
        """Add a step to those that the walk comes to."""
        self.reached[node.number] = (node, cotangent, own)
        heapq.heappush(self.heap, -node.number)

    def add(self, node: Node, contribution: Any, own: bool = False) -> None:
        """Add a contribution to the cotangent of a step."""
        if type(contribution) is At:
            self._add_at(node, contribution)
            return
        if type(contribution) is One:
            self._add_one(node, contribution)
            return
        if type(contribution) is Rooted:
            self.root(node, contribution.unknown_from)
            contribution = contribution.cotangent
        if contribution.shape != node.shape or contribution.dtype is not node.dtype:
            contribution = fitted(contribution, node)
        number = node.number
        known = self.reached.get(number)
        if known is None:
            self.reached[number] = (node, contribution, own)
            heapq.heappush(self.heap, -number)
            return
        _, had, had_own = known
        if had_own and type(contribution) is np.ndarray and type(had) is np.ndarray:
            np.add(had, contribution, out=had)
        else:
            total = anywhere.added(had, contribution)
            if type(total) is not np.ndarray and anywhere.place_of(contribution) is CPU and type(total) is not Dual:
                total = np.asarray(total)
            self.reached[number] = (node, total, True)

    def root(self, node: Node, unknown_from: int) -> None:
        """Note that the cotangent of a step passed an infinite slope."""
        self.rooted[node.number] = min(unknown_from, self.rooted.get(node.number, unknown_from))

    def _add_one(self, node: Node, contribution: One) -> None:
        if node.number not in self.reached:
            self.start(node, {}, True)
        results = self.reached[node.number][1]
        had, new = results.get(contribution.number), contribution.cotangent
        results[contribution.number] = new if had is None else anywhere.added(had, new)

    def _add_at(self, node: Node, part: At) -> None:
        number, values = node.number, part.values
        _, had, own = self.reached.get(number, (node, None, False))
        if type(values) is not np.ndarray or (had is not None and type(had) is not np.ndarray):
            self.add(node, spread(part, node.shape, node.dtype))
            return
        if values.dtype != node.dtype:
            values = _converted(values, node.dtype)
        if had is None:
            had = np.zeros(node.shape, node.dtype)
            self.start(node, had, True)
            if not part.flat:
                had[part.key] = values
                return
        elif not own or (part.flat and not had.flags.c_contiguous):
            had = np.array(had, order="C")
            self.reached[number] = (node, had, True)
        if part.flat:
            scatter(had.reshape(-1), part.key, values)
        else:
            had[part.key] += values


@quietly
def walk_back(
    starts: Sequence[tuple[Node, Cotangent]], *, keep: bool = False, since: int = 0, visit: Sequence[Node] = ()
) -> dict[int, tuple[Node, Cotangent]]:
    """The cotangents of the nodes where the tape begins, by their numbers.

    Parameters
    ----------
    starts : sequence of (Node, array or Dual)
        Steps and the cotangents of their results.
    keep : bool
        Whether the steps stay as they are; otherwise each gives up what it refers to when the walk has passed it.
    since : int
        Steps with a lower number count as the beginning of the tape.
    visit : sequence of Node
        Steps that are taken in any case, with a cotangent of zeros.

    Returns
    -------
    dict of int to (Node, array or Dual)
        The cotangent of each variable, or step before ``since``, that the results depend on.
    """
    found: dict[int, tuple[Node, Cotangent]] = {}
    if len(starts) == 1 and not visit:
        node, cotangent, own = _followed(*starts[0], keep, since)
        if node.primitive is None and type(cotangent) is np.ndarray:
            # The common case, for which a walk would take longer than a small array.
            found[node.number] = (node, cotangent)
            return found
        starts = [] if cotangent is None else [(node, cotangent)]
    else:
        own = False
    walk = _Walk()
    for node in visit:
        if node.primitive is not None and node.primitive.joint:
            walk.start(node, {}, True)
        else:
            walk.add(node, np.zeros(node.shape, node.dtype))
    for node, cotangent in starts:
        walk.add(node, cotangent, own)
    heap, reached, add, rooted = walk.heap, walk.reached, walk.add, walk.rooted
    while heap:
        number = -heapq.heappop(heap)
        node, cotangent, own = reached.pop(number)
        primitive = node.primitive
        if primitive is None or number < since:
            found[number] = (node, cotangent)
            continue
        overwrites = primitive.overwrites
        if overwrites and (not own or type(cotangent) is not np.ndarray):
            cotangent = anywhere.copied(cotangent)
        transpose, arguments = primitive.transpose, node.arguments
        if primitive.joint:
            for place, contribution in zip(node.places, transpose(cotangent, *arguments), strict=True):
                if contribution is not None:
                    add(arguments[place], contribution)
        elif primitive.curved:
            order = rooted.get(number) if rooted else None
            for place in reversed(node.places):
                contribution, parent = transpose(cotangent, place, *arguments), arguments[place]
                if order is not None:
                    contribution = behind_infinite_slope(contribution, cotangent, order)
                    walk.root(parent, order)
                if parent.primitive is ROOTED:
                    contribution = before_infinite_slope(contribution, cotangent, parent)
                add(parent, contribution)
        else:
            if rooted and number in rooted:
                for parent in node.parents():
                    walk.root(parent, rooted[number])
            for place in reversed(node.places):
                add(arguments[place], transpose(cotangent, place, *arguments), overwrites and place == 0)
        if not keep:
            node.arguments = node.places = ()
        del arguments
    return found


def _followed(node: Node, cotangent: Cotangent, keep: bool, since: int) -> tuple[Node, Any, bool]:
    """Walk back over the steps of which each has one recorded argument, while no other step waits.

    Returned are the step that was come to, a contribution to its cotangent, the only one so far, or None for zero, and
    whether nothing else refers to that.
    """
    own = False
    while type(cotangent) is np.ndarray:
        if cotangent.shape != node.shape or cotangent.dtype is not node.dtype:
            cotangent = fitted(cotangent, node)
        primitive, places = node.primitive, node.places
        if primitive is None or len(places) != 1 or node.number < since:
            break
        arguments, place = node.arguments, places[0]
        parent: Node = arguments[place]
        if primitive.joint:
            (contribution,) = primitive.transpose(cotangent, *arguments)
        else:
            if primitive.overwrites and not own:
                cotangent = cotangent.copy()
            contribution = primitive.transpose(cotangent, place, *arguments)
            if primitive.curved and parent.primitive is ROOTED:
                contribution = before_infinite_slope(contribution, cotangent, parent)
        own = primitive.overwrites and place == 0
        if not keep:
            node.arguments = node.places = ()
        node, cotangent = parent, contribution
        del arguments, contribution
    return node, cotangent, own


def scatter(target: Any, positions: Any, values: Any) -> None:
    """Add values to the elements of a vector at positions, which may repeat, in the order in which they are given."""
    positions, values = positions.reshape(-1), values.reshape(-1)
    if values.dtype == np.float64 and 8 * positions.size > target.size:
        # The same sums in a tenth of the time, but for all elements.
        target += np.bincount(positions, values, target.size)
    else:
        np.add.at(target, positions, values)


def spread(part: At, shape: tuple[int, ...], dtype: Any) -> Cotangent:
    """The contribution as a cotangent of all elements."""
    values = part.values
    if values.dtype != dtype:
        values = _converted(values, dtype)
    whole = np.zeros_like(values, shape=shape)
    if not part.flat:
        whole[part.key] = values
        return whole
    flat = whole.reshape(-1)
    np.add.at(flat, part.key.reshape(-1), values.reshape(-1))
    return flat.reshape(shape)


def fitted(cotangent: Cotangent, node: Node) -> Cotangent:
    """A contribution in the shape and dtype of the node: summed over the axes along which the node was repeated."""
    if cotangent.shape != node.shape:
        cotangent = summed_to(cotangent, node.shape)
    if cotangent.dtype != node.dtype:
        cotangent = _converted(cotangent, node.dtype)
    return cotangent


def _converted(cotangent: Cotangent, dtype: Any) -> Cotangent:
    if cotangent.dtype.kind == "c" and dtype.kind != "c":
        cotangent = cotangent.real
    return cotangent if cotangent.dtype == dtype else anywhere.converted(cotangent, dtype)


def summed_to(cotangent: Cotangent, shape: tuple[int, ...]) -> Cotangent:
    """The sum over the axes that broadcasting from this shape has added or lengthened."""
    extra = cotangent.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(
        extra + axis for axis, length in enumerate(shape) if length == 1 and cotangent.shape[extra + axis] != 1
    )
    if axes:
        cotangent = anywhere.total(cotangent, axes)
    return anywhere.reshaped(cotangent, shape)


def walk_forth(starts: dict[int, Any], ends: Sequence[Node]) -> list[Any]:
    """The tangents of the results of steps, given those of the variables by number; None for zero."""
    reached: dict[int, Node] = {}
    waiting = list(ends)
    while waiting:
        node = waiting.pop()
        if node.number not in reached:
            reached[node.number] = node
            if node.number not in starts:
                waiting.extend(node.parents())
    tangents = dict(starts)
    uses = _last_uses(reached, ends)
    with quiet():
        for number in sorted(reached):
            node = reached[number]
            if node.primitive is None or number in starts:
                continue
            moving = [tangents.get(parent.number) for parent in node.parents()]
            if any(tangent is not None for tangent in moving):
                arguments = list(node.arguments)
                for place, tangent in zip(node.places, moving, strict=True):
                    if tangent is None:
                        parent = arguments[place]
                        like = next(other for other in moving if other is not None)
                        tangent = anywhere.place_of(like).zeros(parent.shape, parent.dtype, like)
                    arguments[place] = tangent
                result = node.primitive.apply(*arguments)
                plain = type(result) is not Dual and not node.primitive.joint and anywhere.place_of(result) is CPU
                tangents[number] = np.asarray(result) if plain else result
            for parent in node.parents():
                if uses.get(parent.number) == number:
                    tangents.pop(parent.number, None)
    return [tangents.get(node.number) for node in ends]


def _last_uses(reached: dict[int, Node], ends: Sequence[Node]) -> dict[int, int]:
    """For each node the number of the last step that uses its result; not for those that are asked for."""
    uses: dict[int, int] = {}
    for number in sorted(reached):
        for parent in reached[number].parents():
            uses[parent.number] = number
    for node in ends:
        uses.pop(node.number, None)
    return uses


__all__ = ["Cotangent", "fitted", "scatter", "spread", "summed_to", "walk_back", "walk_forth"]
