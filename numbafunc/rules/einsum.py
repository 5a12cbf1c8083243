"""Rule of einsum: a sum of products is linear in each operand.

A term of the derivative is the same sum with one operand replaced by its tangent, whose axis of directions gets a
label of its own, first in the result.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.dual.array import Operand, quiet
from numbafunc.dual.products import finish
from numbafunc.rules.linalg import separate, whole
from numbafunc.rules.linear import refuse, rule_for
from numbafunc.rules.queries import define_on_value
from numbafunc.rules.ufuncs import combine

_MANY = 2**9
_VERY_MANY = 2**16
"""Elements of a tangent from which finding a good order of the products pays, for several products and for one."""

define_on_value(np.einsum_path)


def _labels(subscripts: Sequence[Any]) -> str:
    """Subscripts given as numbers and Ellipsis, as letters."""
    return "".join("..." if label is Ellipsis else string.ascii_letters[label] for label in subscripts)


def _as_text(operands: Sequence[Any]) -> tuple[str, list[Any]]:
    """The subscripts as text, and the arrays, of either form of the arguments."""
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), list(operands[1:])
    pairs = len(operands) // 2
    text = ",".join(_labels(subscripts) for subscripts in operands[1 : 2 * pairs : 2])
    if len(operands) % 2:
        text += "->" + _labels(operands[-1])
    return text, list(operands[: 2 * pairs : 2])


def _result_labels(text: str) -> str:
    """What einsum returns where the subscripts don't say: labels that occur once, in alphabetical order."""
    letters = text.replace("...", "").replace(",", "")
    once = "".join(sorted(label for label in set(letters) if letters.count(label) == 1))
    return "..." + once if "..." in text else once


@rule_for(np.einsum)
def _einsum(
    *operands: Operand,
    out: Any = None, optimize: Any = False, dtype: Any = None, order: str = "K", casting: str = "safe",
) -> Any:  # fmt: skip
    refuse("einsum", out=out, dtype=dtype)
    text, arrays = _as_text(operands)
    level, primals, tangents = separate("numpy.einsum", *arrays)
    value = whole(np.einsum(text, *primals, optimize=optimize))
    inputs, _, result = text.partition("->")
    if "->" not in text:
        result = _result_labels(inputs)
    parts = inputs.split(",")
    directions = next(label for label in string.ascii_letters if label not in text)
    change = None
    with quiet():
        for position, tangent in enumerate(tangents):
            if tangent is None:
                continue
            # What is slow for one direction by the plain loops is too slow for many.
            large = tangent.size > (_MANY if len(primals) > 2 else _VERY_MANY)
            labels = ",".join([*parts[:position], directions + parts[position], *parts[position + 1 :]])
            factors = [*primals[:position], tangent, *primals[position + 1 :]]
            change = combine(change, np.einsum(f"{labels}->{directions}{result}", *factors, optimize=optimize or large))
        return finish(value, change, level)
