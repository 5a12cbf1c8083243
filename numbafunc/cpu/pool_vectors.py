"""Windows side by side, compared by vector instructions as they lie in memory, with tangents that are carried along."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.load_store import HALF, Separation, address_of, filled, is_beaten, narrow, widen
from numbafunc.cpu.pool_places import Window

# The most elements from one window to the next for which vectors are taken apart; others are loaded one by one.
_STEPS = 4


def make_follow_windows(storage: str, window: Window, count: int, separation: Separation) -> Callable[..., Any]:
    """The intrinsic ``follow(sources, rows, columns, targets, place)`` for ``count`` windows side by side.

    The first of the ``sources`` has the elements, the others their tangents. ``rows`` has the index at which each row
    begins that is below the windows. ``columns`` is the column of the first window, whose elements all windows have in
    the rows; for a window alone it is a tuple of the columns of its own. What wins goes to ``targets`` at a place: the
    first of the largest elements, and their tangents; where all are minus infinity, tangents of zero.

    An element that comes twice makes no difference, so a window at the border may have one in place of any outside.
    """
    high, wide, _, across = window
    # With a single element a comparison would become a branch, which the processor mispredicts.
    lanes = max(count, 4)

    @intrinsic
    def follow(typingctx: Any, sources: Any, rows: Any, columns: Any, targets: Any, place: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            word = context.get_data_type(sources.types[0].dtype)
            item = context.get_abi_sizeof(word)
            vector = ir.VectorType(word, lanes)

            def loaded(slot: int, index: Any, many: int) -> Any:
                array = builder.extract_value(args[0], slot)
                address = address_of(context, builder, sources.types[slot], array, index)
                if many > 1:
                    address = builder.bitcast(address, ir.VectorType(word, many).as_pointer())
                found = builder.load(address, align=item)
                separation.mark(builder.module, found, "x")
                return found

            def one_by_one(slot: int, indices: list[Any]) -> Any:
                found = ir.Constant(vector, ir.Undefined)
                for lane, index in enumerate(indices):
                    found = builder.insert_element(found, loaded(slot, index, 1), ir.Constant(ir.IntType(32), lane))
                return found

            def elements(slot: int, i: int, k: int) -> Any:
                """What all windows have in one place."""
                row = builder.extract_value(args[1], i)
                if count == 1:
                    return one_by_one(slot, [builder.add(row, builder.extract_value(args[2], k))])
                # The last element of a vector belongs to the last window, so that nothing beyond is read.
                shift = min(k, across - 1)
                first = builder.add(builder.add(row, args[2]), ir.Constant(row.type, k - shift))
                if across > min(wide, _STEPS):
                    steps = [ir.Constant(row.type, shift + across * lane) for lane in range(lanes)]
                    return one_by_one(slot, [builder.add(first, step) for step in steps])
                found = loaded(slot, first, lanes * across)
                if across == 1:
                    return found
                order = ir.Constant(
                    ir.VectorType(ir.IntType(32), lanes), [across * lane + shift for lane in range(lanes)]
                )
                return builder.shuffle_vector(found, found, order)

            def number(found: Any) -> Any:
                return widen(builder, storage, found) if storage in HALF else found

            held: list[Any] = []
            for i in range(high):
                for k in range(wide):
                    new = [number(elements(slot, i, k)) for slot in range(len(sources))]
                    if not held:
                        held = [filled(new[0].type, value) for value in (float("-inf"), *[0.0] * (len(new) - 1))]
                    better = is_beaten(builder, new[0], held[0])
                    held = [builder.select(better, *pair) for pair in zip(new, held)]
            for slot, result in enumerate(held):
                result = narrow(builder, storage, result) if storage in HALF else result
                array = builder.extract_value(args[3], slot)
                address = address_of(context, builder, targets.types[slot], array, args[4])
                if count == 1:
                    result = builder.extract_element(result, ir.Constant(ir.IntType(32), 0))
                else:
                    address = builder.bitcast(address, vector.as_pointer())
                stored = builder.store(result, address, align=item)
                separation.mark(builder.module, stored, "y")
            return context.get_dummy_value()

        return types.none(sources, rows, columns, targets, place), codegen

    return follow  # type: ignore[no-any-return]


__all__ = ["make_follow_windows"]
