"""What LLVM's vectoriser is told about a loop: how many elements a vector has, and how many vectors are taken together.

It chooses by its own estimate otherwise: one vector at a time where a loop is long. Processors look only so many
instructions ahead, and a long chain of them, each of which waits for the one before, leaves their units idle.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir

_HINTS = "numbafunc.hints"

Hints = tuple[tuple[str, int], ...]
"""Names and values of properties of a loop, as LLVM calls them behind ``llvm.loop``."""

TOGETHER: Hints = (("interleave.count", 4),)
ONE_BY_ONE: Hints = (("vectorize.width", 1), ("interleave.count", 1))


def mark(instruction: Any, hints: Hints) -> None:
    """Mark an instruction of a loop that shall be hinted at."""
    module, number = instruction.parent.module, ir.IntType(32)
    words = [item for name, value in hints for item in (ir.MetaDataString(module, name), ir.Constant(number, value))]
    instruction.set_metadata(_HINTS, module.add_metadata(words))


def pass_on(module: ir.Module) -> None:
    """Tell LLVM about the innermost loop around each marked instruction."""
    for function in module.functions:
        for block in function.blocks:
            found = next((i for i in block.instructions if _HINTS in i.metadata), None)
            if found is not None:
                words = found.metadata[_HINTS].operands
                hint(function, block, {name.string: value.constant for name, value in zip(words[::2], words[1::2])})


def hint(function: ir.Function, inner: ir.Block, properties: dict[str, int]) -> None:
    """Give properties, such as ``vectorize.width``, to the innermost loop around a block."""
    latch, module, number = _latch(function.blocks, inner), function.module, ir.IntType(32)
    nodes = [
        module.add_metadata([ir.MetaDataString(module, f"llvm.loop.{name}"), ir.Constant(number, value)])
        for name, value in properties.items()
    ]
    # The loop's own node has itself as the first operand. The text keeps it apart from nodes of other loops, since
    # equal ones are one.
    node = module.add_metadata([ir.MetaDataString(module, str(len(module.metadata))), *nodes])
    node.operands = (node, *nodes)
    latch.set_metadata("llvm.loop", node)


def _latch(blocks: list[ir.Block], inner: ir.Block) -> Any:
    """The jump back to the start of the innermost loop around a block: blocks are in the order of the source."""
    places = {block.name: place for place, block in enumerate(blocks)}
    todo = [inner]
    for block in todo:
        for target in _targets(block.terminator):
            if places[target.name] <= places[inner.name]:
                return block.terminator
            if target not in todo:
                todo.append(target)
    raise AssertionError("an instruction of a loop outside of one")


def _targets(jump: Any) -> Iterator[ir.Block]:
    return (operand for operand in jump.operands if isinstance(operand, ir.Block))


__all__ = ["ONE_BY_ONE", "TOGETHER", "Hints", "hint", "mark", "pass_on"]
