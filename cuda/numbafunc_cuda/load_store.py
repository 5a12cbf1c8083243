"""Loads and stores of kernels: from the memory of a device to numbers in registers and back.

A kernel gets addresses, which cost less to hand over than Numba's arrays, and counts elements from there in 32 bits
where all of them can be reached so. Operands never overlap results, so loads may go through the cache for data that
does not change. Where arrays are contiguous and addresses divisible by 16, several elements move at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from numbafunc.cpu.load_store import FLOATS, HALF, narrow, widen
from numbafunc.numbers.cores import CORES
from numbafunc.numbers.keys import Key
from numbafunc.numbers.numba_type import NumberType, pack
from numbafunc.numbers.number import Number
from numbafunc_cuda.compiler import DeviceBuilder, intrinsic, unpack
from numbafunc_cuda.layout import StoredOperand, argument_type

# The address space of memory that all threads see.
_GLOBAL = 1
_WORD = ir.IntType(32)


def _stored(storage: str) -> Any:
    return types.uint16 if storage in HALF else types.boolean if storage == "bool" else getattr(types, storage)


def in_memory(context: Any, storage: str) -> Any:
    """LLVM's type of elements in memory."""
    return ir.IntType(8) if storage == "bool" else context.get_value_type(_stored(storage))


def _wide(builder: Any, index: Any, type_: Any) -> Any:
    """An index in the width of addresses."""
    if type_.bitwidth == 64:
        return index
    return (builder.sext if type_.signed else builder.zext)(index, ir.IntType(64))


def pointer_to(builder: Any, address: Any, element: Any, index: Any, index_type: Any) -> Any:
    """The pointer to an element, given the address of the first one."""
    pointer = builder.inttoptr(address, element.as_pointer(_GLOBAL))
    return builder.gep(pointer, [_wide(builder, index, index_type)])


def load_from(builder: Any, pointer: Any, align: int) -> Any:
    """Load from memory that is not written while the kernel runs."""
    loaded = builder.load(pointer, align=align)
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded


def _raise_to_number(context: Any, builder: Any, operand: StoredOperand, word: Any) -> tuple[Any, Any]:
    """Type and value of what was loaded."""
    if operand.storage in HALF:
        return types.float32, widen(builder, operand.storage, word)
    if operand.storage == "bool":
        return types.boolean, builder.icmp_unsigned("!=", word, ir.Constant(word.type, 0))
    return _stored(operand.storage), word


def _number_type(operand: StoredOperand) -> Any:
    if operand.compute is not None:
        return NumberType(FLOATS[operand.compute], operand.keys)
    return types.int64 if operand.number or operand.storage == "bool" else _stored(operand.storage)


def _assembled(context: Any, builder: Any, operand: StoredOperand, words: list[tuple[Any, Any]]) -> Any:
    """The number of an operand, given type and value of each of its slots."""
    target = _number_type(operand)
    if operand.compute is None:
        return context.cast(builder, words[0][1], words[0][0], target)
    parts = {
        slot.key: unpack(context, builder, type_, word, target.dtype).value
        for slot, (type_, word) in zip(operand.slots, words)
    }
    return pack(context, builder, target, Number(parts, CORES))


def make_load(operands: tuple[StoredOperand, ...]) -> Callable[..., Any]:
    """The intrinsic ``load(slots, indices)``: a tuple with one number for each operand.

    ``indices`` has the index at which to read for each slot.
    """

    @intrinsic
    def load(typingctx: Any, slots: Any, indices: Any) -> Any:
        result = types.containers.Tuple([_number_type(operand) for operand in operands])

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            numbers, position = [], 0
            for operand in operands:
                words = []
                for slot in operand.slots:
                    argument = builder.extract_value(args[0], position)
                    if slot.span == "number":
                        words.append((slots.types[position], argument))
                    else:
                        element = in_memory(context, operand.storage)
                        index = builder.extract_value(args[1], position)
                        pointer = pointer_to(builder, argument, element, index, indices.types[position])
                        loaded = load_from(builder, pointer, _bytes(context, element))
                        words.append(_raise_to_number(context, builder, operand, loaded))
                    position += 1
                numbers.append(_assembled(context, builder, operand, words))
            return context.make_tuple(builder, sig.return_type, numbers)

        return result(slots, indices), codegen

    return load  # type: ignore[no-any-return]


def _bytes(context: Any, element: Any) -> int:
    return int(context.get_abi_sizeof(element))


def moved_as(element: Any, size: int, lanes: int) -> Any:
    """The vector type in which a group of elements moves: elements below 32 bits are packed in such words."""
    if size < 4 <= size * lanes:
        return ir.VectorType(_WORD, size * lanes // 4)
    return ir.VectorType(element, lanes)


def lane_of(builder: Any, group: Any, element: Any, size: int, lane: int) -> Any:
    """An element of a group. A bitcast of the vector would make LLVM load small elements one by one."""
    if group.type.element == element:
        return builder.extract_element(group, ir.Constant(_WORD, lane))
    place, rest = divmod(lane * size, 4)
    word = builder.extract_element(group, ir.Constant(_WORD, place))
    return builder.trunc(builder.lshr(word, ir.Constant(_WORD, 8 * rest)), element)


def group_of(builder: Any, type_: Any, size: int, elements: list[Any]) -> Any:
    """The group of some elements, the counterpart of :func:`lane_of`."""
    words = elements
    if type_.element != elements[0].type:
        words = []
        for lane, element in enumerate(elements):
            wide = builder.zext(element, _WORD)
            rest = lane * size % 4
            if rest == 0:
                words.append(wide)
            else:
                words[-1] = builder.or_(words[-1], builder.shl(wide, ir.Constant(_WORD, 8 * rest)))
    group = ir.Constant(type_, ir.Undefined)
    for place, word in enumerate(words):
        group = builder.insert_element(group, word, ir.Constant(_WORD, place))
    return group


def make_load_vector(operands: tuple[StoredOperand, ...], lanes: int) -> Callable[..., Any]:
    """The intrinsic ``load_vector(slots, index)``: what ``load`` gives for each of the elements of a group, a tuple."""

    @intrinsic
    def load_vector(typingctx: Any, slots: Any, index: Any) -> Any:
        one = types.containers.Tuple([_number_type(operand) for operand in operands])

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            numbers: list[list[Any]] = [[] for _ in range(lanes)]
            position = 0
            for operand in operands:
                words: list[list[Any]] = [[] for _ in range(lanes)]
                for slot in operand.slots:
                    argument = builder.extract_value(args[0], position)
                    position += 1
                    if slot.span == "number":
                        for lane in words:
                            lane.append((argument_type(operand), argument))
                        continue
                    element = in_memory(context, operand.storage)
                    size = _bytes(context, element)
                    if slot.span == "once":
                        zero = ir.Constant(ir.IntType(64), 0)
                        loaded = load_from(builder, pointer_to(builder, argument, element, zero, types.int64), size)
                        for lane in words:
                            lane.append(_raise_to_number(context, builder, operand, loaded))
                        continue
                    moved = moved_as(element, size, lanes)
                    group = load_from(builder, pointer_to(builder, argument, moved, args[1], index), size * lanes)
                    for number, lane in enumerate(words):
                        word = lane_of(builder, group, element, size, number)
                        lane.append(_raise_to_number(context, builder, operand, word))
                for lane, found in zip(numbers, words):
                    lane.append(_assembled(context, builder, operand, found))
            tuples = [context.make_tuple(builder, one, lane) for lane in numbers]
            return context.make_tuple(builder, sig.return_type, tuples)

        return types.containers.Tuple([one] * lanes)(slots, index), codegen

    return load_vector  # type: ignore[no-any-return]


def _lowered(context: Any, builder: Any, storage: str, keys: tuple[Key, ...], type_: Any, value: Any) -> list[Any]:
    """The words to store for a number, one for each coefficient."""
    stored = _stored(storage)

    def converted(source: Any, real: Any) -> Any:
        if storage in HALF:
            format = source if source == types.float64 else types.float32  # one rounding to float16
            return narrow(builder, storage, context.cast(builder, real, source, format))
        result = context.cast(builder, real, source, stored)
        return builder.zext(result, ir.IntType(8)) if storage == "bool" else result

    if isinstance(type_, NumberType):
        number = unpack(context, builder, type_, value, type_.dtype)
        zero = number.value.constant(0.0)
        return [converted(type_.dtype, number.parts.get(key, zero).value) for key in keys]
    nothing = converted(types.float64, context.get_constant(types.float64, 0.0))
    return [converted(type_, value), *[nothing] * (len(keys) - 1)]


def make_store(storage: str, keys: tuple[Key, ...]) -> Callable[..., Any]:
    """The intrinsic ``store(results, index, value)``: a number into the arrays of its coefficients."""

    @intrinsic
    def store(typingctx: Any, results: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = in_memory(context, storage)
            for slot, word in enumerate(_lowered(context, builder, storage, keys, value, args[2])):
                pointer = pointer_to(builder, builder.extract_value(args[0], slot), element, args[1], index)
                builder.store(word, pointer, align=_bytes(context, element))
            return context.get_dummy_value()

        return types.none(results, index, value), codegen

    return store  # type: ignore[no-any-return]


def make_complete(target: Any) -> Callable[..., Any]:
    """The intrinsic ``complete(numbers)``: a tuple of numbers, each with all coefficients of a type."""

    @intrinsic
    def complete(typingctx: Any, numbers: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            found = []
            for position, type_ in enumerate(numbers.types):
                number = unpack(context, builder, type_, builder.extract_value(args[0], position), target.dtype)
                zero = number.value.constant(0.0)
                whole = Number({key: number.parts.get(key, zero) for key in target.keys}, CORES)
                found.append(pack(context, builder, target, whole))
            return context.make_tuple(builder, sig.return_type, found)

        return types.containers.Tuple([target] * len(numbers))(numbers), codegen

    return complete  # type: ignore[no-any-return]


def make_store_vector(storage: str, keys: tuple[Key, ...], lanes: int) -> Callable[..., Any]:
    """The intrinsic ``store_vector(results, index, values)``: a group of numbers, the counterpart of the load."""

    @intrinsic
    def store_vector(typingctx: Any, results: Any, index: Any, values: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = in_memory(context, storage)
            size = _bytes(context, element)
            moved = moved_as(element, size, lanes)
            lowered = [
                _lowered(context, builder, storage, keys, type_, builder.extract_value(args[2], lane))
                for lane, type_ in enumerate(values.types)
            ]
            for slot, words in enumerate(zip(*lowered)):
                pointer = pointer_to(builder, builder.extract_value(args[0], slot), moved, args[1], index)
                builder.store(group_of(builder, moved, size, list(words)), pointer, align=size * lanes)
            return context.get_dummy_value()

        return types.none(results, index, values), codegen

    return store_vector  # type: ignore[no-any-return]


@intrinsic
def index_like(typingctx: Any, value: Any, size: Any) -> Any:
    """A count of threads, converted to the type of a size."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.cast(builder, args[0], value, size)

    return size(value, size), codegen


@intrinsic
def advance(typingctx: Any, index: Any, step: Any) -> Any:
    """The sum of two indices in their own type; Numba's ``+`` would have 64 bits."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.add(*args)

    return index(index, step), codegen


def make_groups(lanes: int) -> Callable[..., Any]:
    """The intrinsic ``groups(size)``: the number of full groups of elements."""

    @intrinsic
    def groups(typingctx: Any, size: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.udiv(args[0], ir.Constant(args[0].type, lanes))

        return size(size), codegen

    return groups  # type: ignore[no-any-return]


def make_behind(lanes: int) -> Callable[..., Any]:
    """The intrinsic ``behind(groups, index)``: the index of an element after all full groups."""

    @intrinsic
    def behind(typingctx: Any, groups: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return builder.add(builder.mul(args[0], ir.Constant(args[0].type, lanes)), args[1])

        return index(groups, index), codegen

    return behind  # type: ignore[no-any-return]


@intrinsic
def offset(typingctx: Any, index: Any, lengths: Any, strides: Any) -> Any:
    """The offset in elements of the element whose index in C order is given.

    There is one length less than there are strides, since the first axis takes what is left.
    """
    signed = types.int32 if index.bitwidth == 32 else types.int64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rest, count = args[0], len(strides)
        total = ir.Constant(rest.type, 0)
        for axis in range(count - 1, 0, -1):
            length = builder.extract_value(args[1], axis - 1)
            quotient = builder.udiv(rest, length)
            place = builder.sub(rest, builder.mul(quotient, length))
            total = builder.add(total, builder.mul(place, builder.extract_value(args[2], axis)))
            rest = quotient
        return builder.add(total, builder.mul(rest, builder.extract_value(args[2], 0)))

    return signed(index, lengths, strides), codegen


# Single elements, as plain values of Numba.


def make_read(storage: str, *, changing: bool = False) -> Callable[..., Any]:
    """The intrinsic ``read(address, index)``: an element as it is stored; 16-bit floats as float32.

    ``changing`` tells of memory that the kernel itself writes.
    """

    @intrinsic
    def read(typingctx: Any, address: Any, index: Any) -> Any:
        result = types.float32 if storage in HALF else getattr(types, storage)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = in_memory(context, storage)
            pointer = pointer_to(builder, args[0], element, args[1], index)
            align = context.get_abi_sizeof(element)
            loaded = builder.load(pointer, align=align) if changing else load_from(builder, pointer, align)
            return widen(builder, storage, loaded) if storage in HALF else loaded

        return result(address, index), codegen

    return read  # type: ignore[no-any-return]


def make_write(storage: str) -> Callable[..., Any]:
    """The intrinsic ``write(address, index, value)``, the counterpart of :func:`make_read`."""

    @intrinsic
    def write(typingctx: Any, address: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            element = in_memory(context, storage)
            if storage in HALF:
                real = value if value == types.float64 else types.float32  # one rounding to float16
                stored = narrow(builder, storage, context.cast(builder, args[2], value, real))
            else:
                stored = context.cast(builder, args[2], value, getattr(types, storage))
            pointer = pointer_to(builder, args[0], element, args[1], index)
            builder.store(stored, pointer, align=context.get_abi_sizeof(element))
            return context.get_dummy_value()

        return types.none(address, index, value), codegen

    return write  # type: ignore[no-any-return]


def adopted(original: Any) -> Any:
    """An intrinsic of the CPU's loops for use in kernels, with the same instructions."""
    definition = original._defn

    @functools.wraps(definition)
    def typed(typingctx: Any, *operands: Any) -> Any:
        signature, codegen = definition(typingctx, *operands)

        def emit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return codegen(context, DeviceBuilder(builder), sig, args)

        return signature, emit

    return intrinsic(typed)


@intrinsic
def split(typingctx: Any, index: Any, lengths: Any) -> Any:
    """Split an index into those of axes of these lengths, behind what is left over; all of 64 bits."""
    word = ir.IntType(64)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rest, places = args[0], []
        for axis in reversed(range(len(lengths))):
            length = builder.extract_value(args[1], axis)
            quotient = builder.udiv(rest, length)
            places.append(builder.sub(rest, builder.mul(quotient, length)))
            rest = quotient
        wide = [place if index.bitwidth == 64 else builder.zext(place, word) for place in (*places, rest)]
        return context.make_tuple(builder, sig.return_type, wide[::-1])

    return types.UniTuple(types.int64, 1 + len(lengths))(index, lengths), codegen
