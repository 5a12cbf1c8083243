"""The cases that the table of ops gives: each op at each size, in both precisions, value, jvp and gradient."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bench.libraries import OURS, Library
from bench.measure import Case
from bench.operands import LARGE, SIZES, constants, draw, drawn
from bench.ops import Op

DTYPES = ("float32", "float64")
QUICK = ("64x10", "3e4", "1e6")
# Variants of ops are measured at these sizes of float32.
OF_VARIANTS = ("1e3", "1e5", "1e6")


def case(name: str, op: Op, size: str, dtype: str, what: str, libraries: Mapping[str, Library]) -> Case:
    """One op at one size, by all libraries that have something of the kind."""
    elements, operands = SIZES[size], list(op.operands)
    fixed = constants(op, elements)
    statements = {}
    for library_name, library in libraries.items():
        expression = library.expression(name, op, what)
        if expression:
            statements[library_name] = library.statement(expression, what, operands, fixed)
    shapes: list[Any] = []  # that of the result, once it is known

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        def normal(shape: tuple[int, ...]) -> Any:
            return np.asarray(random.standard_normal(shape, dtype))

        names = {**draw(op, elements, dtype, random), **fixed, "dtype": getattr(np, dtype)}
        if what == "jvp":
            names["v"] = drawn(normal, names[operands[0]].shape)
        if what == "gradient":
            if not shapes:
                ours = libraries[OURS]
                shapes.append(np.shape(eval(op.ours or "", {**ours.namespace, **names})))
            names["u"] = drawn(normal, shapes[0])
        return names

    return Case(name, size, elements, data, statements, what, dtype)


def batches(
    table: Mapping[str, Op],
    libraries: Mapping[str, Library],
    sizes: Iterable[str] = tuple(SIZES),
    dtypes: Iterable[str] = DTYPES,
    only: Collection[str] = (),
    variants: bool = True,
) -> list[list[Case]]:
    """What is measured together: the sizes of an op that are not large, or a large one alone.

    What can be left out best, should time run out, comes last: large arrays, and of these jvps of float64.
    """
    small = [size for size in sizes if SIZES[size] <= LARGE]
    large = [[size] for size in sizes if SIZES[size] > LARGE]
    found = []
    for group, what, dtype, (name, op) in itertools.product(
        (small, *large), ("value", "gradient", "jvp"), dtypes, table.items()
    ):
        if (only and name.split(" ")[0] not in only) or (op.variant and (not variants or dtype != "float32")):
            continue
        chosen = [size for size in group if _measured(op, size)]
        if chosen and what in op.what:
            found.append([case(name, op, size, dtype, what, libraries) for size in chosen])
    return found


def _measured(op: Op, size: str) -> bool:
    return SIZES[size] <= op.largest and (not op.variant or size in OF_VARIANTS)


def weight(cases: Sequence[Case]) -> float:
    """The share of the time that a batch gets, roughly as what it costs at least."""
    return sum(1 + case.elements / 2e6 for case in cases)
