"""How the arrays of a reduction are stored, as far as its kernel depends on it."""

from __future__ import annotations

from typing import NamedTuple

from numbafunc.cpu.stored_operand import StoredOperand
from numbafunc.numbers.keys import Key


class Layout(NamedTuple):
    """Storage of the arrays of one call.

    Attributes
    ----------
    operands : tuple of StoredOperand
        Storage of each operand.
    along : tuple of bool
        Whether an operand varies along the reduced axis; otherwise one element serves a row.
    storage : str
        Dtype of the results.
    keys : tuple of Key
        Coefficients of the results.
    """

    operands: tuple[StoredOperand, ...]
    along: tuple[bool, ...]
    storage: str
    keys: tuple[Key, ...]

    @property
    def compute(self) -> str:
        """Precision of the numbers in registers."""
        return next(o.compute for o in self.operands if o.compute is not None)


__all__ = ["Layout"]
