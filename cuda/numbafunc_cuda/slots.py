"""What a kernel is told of its operands: how they are stored, and which of its arguments hold which coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numba.core import types

from numbafunc.numbers.number import Key


@dataclass(frozen=True)
class Slot:
    """An argument of a kernel that belongs to an operand.

    Attributes
    ----------
    key : Key
        The coefficient that it holds, see :mod:`numbafunc.numbers.number`.
    span : str
        "element" where there is one for each element of the result, in the same order; "strided" where its place is
        computed from strides; "once" where there is one for all; "number" where it comes as a number, not an address.
    """

    key: Key
    span: str


@dataclass(frozen=True)
class Operand:
    """How an operand of a kernel is stored, the counterpart of :class:`numbafunc.cpu.load_store.Operand`."""

    storage: str
    compute: str | None
    slots: tuple[Slot, ...]

    @property
    def keys(self) -> tuple[Key, ...]:
        """The coefficients that it has."""
        return tuple(slot.key for slot in self.slots)

    @property
    def number(self) -> bool:
        """Whether it comes as numbers."""
        return self.slots[0].span == "number"


def argument_type(operand: Operand) -> Any:
    """Numba's type of an argument of a kernel."""
    if operand.number:
        return types.int64 if operand.compute is None else getattr(types, operand.compute)
    return types.uint64
