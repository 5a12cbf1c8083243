"""How an operand of an op is stored, as far as a kernel depends on it."""

from __future__ import annotations

from typing import NamedTuple

from numbafunc.numbers.keys import Key


class StoredOperand(NamedTuple):
    """Storage of an operand of a kernel.

    Attributes
    ----------
    storage : str
        Name of the NumPy dtype of its arrays: "float16", "bfloat16", "float32", ... or an integer or bool dtype.
    compute : str or None
        "float32" or "float64", the precision that the definition sees; None hands integers over as they are.
    keys : tuple of Key
        The coefficients that it has, one slot each.
    indexed : bool
        Whether slots are arrays read at the index of the element; otherwise numbers, the same for all elements.
    units : tuple of Key
        Further coefficients, which are 1 for all elements and have no slot.
    """

    storage: str
    compute: str | None
    keys: tuple[Key, ...]
    indexed: bool = True
    units: tuple[Key, ...] = ()

    @property
    def slots(self) -> int:
        """Number of arguments of the kernel that belong to this operand."""
        return len(self.keys)


__all__ = ["StoredOperand"]
