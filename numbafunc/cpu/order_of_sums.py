"""The order in which loops sum terms: one for all kernels of an op, on every processor.

LLVM's vectoriser sums in as many lanes as it thinks best for a loop. Where tangents are summed beside the values that
is another number than without them, and the values' last bits differ. So the loops tell it the number: 16, or a
multiple, which is one register of AVX-512 for float32, two of AVX2 or four of SSE2, and twice as many for float64.
Neither does it then make a second vector loop, of another width, for what is left over: those terms are added one
after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from llvmlite import ir

from numbafunc.cpu.loop_hints import hint

_WIDTHS = {"float": 16, "double": 8}
"""The number of terms in the longest vector of any processor, by LLVM's name of their type."""

MAY_REORDER = "reassoc"
"""The flag of LLVM's that lets it change the order of additions."""

_MANY = "numbafunc.lanes"


@contextmanager
def summed_in(block: ir.Block, lanes: int) -> Iterator[None]:
    """Mark the additions in any order that are emitted meanwhile with the number of lanes."""
    before = len(block.instructions)
    yield
    for instruction in block.instructions[before:]:
        if instruction.opname == "fadd" and MAY_REORDER in instruction.flags:
            number = ir.Constant(ir.IntType(32), lanes)
            instruction.set_metadata(_MANY, block.module.add_metadata([number]))


def fix_order(module: ir.Module) -> None:
    """Tell LLVM for each loop with such additions in how many lanes it shall sum."""
    for function in module.functions:
        for block in function.blocks:
            found = next((i for i in block.instructions if _MANY in i.metadata), None)
            if found is not None:
                width, lanes = _WIDTHS[str(found.type)], found.metadata[_MANY].operands[0].constant
                properties = {"vectorize.width": width, "interleave.count": lanes // width}
                hint(function, block, properties)


__all__ = ["MAY_REORDER", "fix_order", "summed_in"]
