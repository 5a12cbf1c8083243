"""Loads and stores of kernels: from arrays as they lie in memory to numbers in registers and back.

An operand of an op reaches a kernel as a flat run of slots, one for each coefficient (see
:mod:`numbafunc.numbers.number`). A slot is an array of any layout that the kernel indexes by itself, or a Python
number. float16 and bfloat16 serve for storage only: their arrays come as arrays of 16-bit words, which are converted
to float32 in registers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from numbafunc.cpu.loop_hints import Hints, mark
from numbafunc.cpu.stored_operand import StoredOperand
from numbafunc.numbers.cores import CORES
from numbafunc.numbers.keys import VALUE, Key, sort_keys
from numbafunc.numbers.numba_type import NumberType, pack, unpack
from numbafunc.numbers.number import Number
from numbafunc.numbers.real import Real

FLOATS = {"float32": types.float32, "float64": types.float64}


class Separation(NamedTuple):
    """A promise to LLVM: the named groups of arrays of a kernel do not overlap each other."""

    names: tuple[str, ...]

    def mark(self, module: Any, instruction: Any, name: str) -> None:
        """Mark a load or store as one of a group."""
        if name not in self.names:
            return
        marks = _MARKS.setdefault(module, {})
        if (self, name) not in marks:
            marks[self, name] = self._marks(module, name)
        for kind, scopes in marks[self, name].items():
            instruction.set_metadata(kind, scopes)

    def _marks(self, module: Any, name: str) -> dict[str, Any]:
        domain = module.add_metadata([ir.MetaDataString(module, "numbafunc")])

        def scopes(names: list[str]) -> Any:
            return module.add_metadata([module.add_metadata([ir.MetaDataString(module, n), domain]) for n in names])

        others = [other for other in self.names if other != name]
        return {"alias.scope": scopes([name]), **({"noalias": scopes(others)} if others else {})}


_MARKS: WeakKeyDictionary[Any, dict[tuple[Separation, str], dict[str, Any]]] = WeakKeyDictionary()
"""What marks loads and stores of a module, by their groups: to find it takes longer than to emit an instruction."""


def address_of(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """Pointer to an element of a contiguous array, or behind a pointer, given its index from the first element on."""
    if not isinstance(array_type, types.CPointer):
        array = context.make_array(array_type)(context, builder, array).data
    return builder.gep(array, [index])


def _alike(element: Any, value: Any) -> Any:
    """The type of as many elements as a value has: a vector of them if the value is one."""
    return ir.VectorType(element, value.type.count) if isinstance(value.type, ir.VectorType) else element


def filled(type_: Any, number: Any) -> Any:
    """A constant, of a vector the same in all places."""
    return ir.Constant(type_, [number] * type_.count if isinstance(type_, ir.VectorType) else number)


def widen(builder: Any, storage: str, word: Any) -> Any:
    """The float32 of a 16-bit float that was loaded as a word, or those of a vector."""
    real = _alike(ir.FloatType(), word)
    if storage == "float16":
        return builder.fpext(builder.bitcast(word, _alike(ir.HalfType(), word)), real)
    bits = _alike(ir.IntType(32), word)
    return builder.bitcast(builder.shl(builder.zext(word, bits), filled(bits, 16)), real)


def narrow(builder: Any, storage: str, real: Any) -> Any:
    """The word that stores a float32, or a float64, as a 16-bit float, rounded to nearest even, or those of vectors."""
    if storage == "float16":
        return builder.bitcast(builder.fptrunc(real, _alike(ir.HalfType(), real)), _alike(ir.IntType(16), real))
    word = _alike(ir.IntType(32), real)
    if str(real.type) == "double":
        real = builder.fptrunc(real, ir.FloatType())
    bits = builder.bitcast(real, word)
    odd = builder.and_(builder.lshr(bits, filled(word, 16)), filled(word, 1))
    rounded = builder.add(bits, builder.add(odd, filled(word, 0x7FFF)))
    quiet = builder.or_(bits, filled(word, 0x400000))  # the rounding must not carry a NaN into infinity
    chosen = builder.select(builder.fcmp_unordered("uno", real, real), quiet, rounded)
    return builder.trunc(builder.lshr(chosen, filled(word, 16)), _alike(ir.IntType(16), real))


def make_load(
    operands: tuple[StoredOperand, ...], names: tuple[str, ...], separation: Separation, *, alone: bool = False
) -> Callable[..., Any]:
    """The intrinsic ``load(slots, indices)``: a tuple with one number for each operand.

    ``indices`` has the index at which to read for each operand; ``names`` tells the group of each slot. An operand that
    is ``alone`` has its index and its number as they are, since each tuple in a source takes time to compile.
    """
    starts = [sum(operand.slots for operand in operands[:position]) for position in range(len(operands))]

    def type_of(operand: StoredOperand, slot: Any) -> Any:
        if operand.compute is not None:
            return NumberType(FLOATS[operand.compute], sort_keys((*operand.keys, *operand.units)))
        return slot.dtype if operand.indexed else slot

    def fetch(context: Any, builder: Any, operand: StoredOperand, name: str, type_: Any, value: Any, index: Any) -> Any:
        if not operand.indexed:
            return type_, value
        loaded = builder.load(address_of(context, builder, type_, value, index))
        separation.mark(builder.module, loaded, name)
        if operand.storage in ("float16", "bfloat16"):
            return types.float32, widen(builder, operand.storage, loaded)
        return type_.dtype, context.data_model_manager[type_.dtype].from_data(builder, loaded)

    @intrinsic
    def load(typingctx: Any, slots: Any, indices: Any) -> Any:
        loaded_types = [type_of(operand, slots.types[start]) for operand, start in zip(operands, starts)]
        result = loaded_types[0] if alone else types.containers.Tuple(loaded_types)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            values = []
            for position, (operand, start) in enumerate(zip(operands, starts)):
                target = loaded_types[position]
                index = args[1] if alone else builder.extract_value(args[1], position)
                parts: dict[Key, Real] = {}
                for slot, key in enumerate(operand.keys, start):
                    raw = builder.extract_value(args[0], slot)
                    plain, value = fetch(context, builder, operand, names[slot], slots.types[slot], raw, index)
                    if operand.compute is None:
                        values.append(value)
                        break
                    parts[key] = unpack(context, builder, plain, value, target.dtype).value
                for key in operand.units:
                    parts[key] = parts[VALUE].constant(1.0)
                if operand.compute is not None:
                    values.append(pack(context, builder, target, Number(parts, CORES)))
            return values[0] if alone else context.make_tuple(builder, sig.return_type, values)

        return result(slots, indices), codegen

    return load  # type: ignore[no-any-return]


def make_store(
    storage: str, keys: tuple[Key, ...], names: tuple[str, ...], separation: Separation, hints: Hints = ()
) -> Callable[..., Any]:
    """The intrinsic ``store(slots, index, value)``: a number into the arrays of its coefficients.

    ``hints`` are for the loop around it, see :mod:`numbafunc.cpu.loop_hints`.
    """

    @intrinsic
    def store(typingctx: Any, slots: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            tuple_value, index_value, source = args

            def converted(real: Any, source_type: Any, slot: int) -> Any:
                if storage in ("float16", "bfloat16"):
                    return narrow(builder, storage, context.cast(builder, real, source_type, types.float32))
                target = slots.types[slot].dtype
                return context.data_model_manager[target].as_data(
                    builder, context.cast(builder, real, source_type, target)
                )

            if isinstance(value, NumberType):
                number = unpack(context, builder, value, source, value.dtype)
                zero = number.value.constant(0.0)
                stored = [
                    converted(number.parts.get(key, zero).value, value.dtype, slot) for slot, key in enumerate(keys)
                ]
            else:
                nothing = context.get_constant(types.float64, 0.0)
                stored = [converted(source, value, 0)]
                stored += [converted(nothing, types.float64, slot) for slot in range(1, len(keys))]
            for slot, content in enumerate(stored):
                raw = builder.extract_value(tuple_value, slot)
                address = address_of(context, builder, slots.types[slot], raw, index_value)
                stored_in = builder.store(content, address)
                separation.mark(builder.module, stored_in, names[slot])
                if hints:
                    mark(stored_in, hints)
            return context.get_dummy_value()

        return types.none(slots, index, value), codegen

    return store  # type: ignore[no-any-return]


@intrinsic
def pointers(typingctx: Any, arrays: Any) -> Any:
    """Pointers to the elements of a tuple of contiguous arrays; what is no array stays as it is.

    An array is a struct: each use in a source becomes code that counts references, and takes it apart.
    """
    results = [types.CPointer(one.dtype) if isinstance(one, types.Array) else one for one in arrays.types]

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        parts = [builder.extract_value(args[0], place) for place in range(len(results))]
        for place, array_type in enumerate(arrays.types):
            if isinstance(array_type, types.Array):
                parts[place] = context.make_array(array_type)(context, builder, parts[place]).data
        return context.make_tuple(builder, sig.return_type, parts)

    return types.Tuple(results)(arrays), codegen


def make_pieces(first: int, count: int) -> Callable[..., Any]:
    """The intrinsic ``pieces(array, length)``: pointers to consecutive pieces of so many elements, from one on.

    The array has to be :func:`kept` while they are used.
    """

    @intrinsic
    def pieces(typingctx: Any, array: Any, length: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            places = (builder.mul(args[1], ir.Constant(args[1].type, first + k)) for k in range(count))
            found = [address_of(context, builder, array, args[0], place) for place in places]
            return context.make_tuple(builder, sig.return_type, found)

        return types.UniTuple(types.CPointer(array.dtype), count)(array, types.intp), codegen

    return pieces  # type: ignore[no-any-return]


@intrinsic
def kept(typingctx: Any, array: Any) -> Any:
    """Nothing; until here the memory of an array is not given back."""
    return types.none(array), lambda context, builder, sig, args: context.get_dummy_value()


@intrinsic
def out_of_line(typingctx: Any) -> Any:
    """Keep the function that calls this from being inlined in the emitted code."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.none(), codegen


HALF = ("float16", "bfloat16")


def make_read(storage: str, separation: Separation, group: str, compute: Any = None) -> Callable[..., Any]:
    """The intrinsic ``read(array, index)``: an element, in the Numba type ``compute`` if one is given.

    Otherwise it comes as it is stored; 16-bit floats, whose arrays come as words, as float32. The index counts elements
    in memory, whatever the number of axes.
    """

    @intrinsic
    def read(typingctx: Any, array: Any, index: Any) -> Any:
        stored = types.float32 if storage in HALF else array.dtype
        result = stored if compute is None else compute

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            loaded = builder.load(address_of(context, builder, array, *args))
            separation.mark(builder.module, loaded, group)
            value = widen(builder, storage, loaded) if storage in HALF else loaded
            return context.cast(builder, value, stored, result)

        return result(array, index), codegen

    return read  # type: ignore[no-any-return]


def make_write(storage: str, separation: Separation, group: str, hints: Hints = ()) -> Callable[..., Any]:
    """The intrinsic ``write(array, index, value)``, the counterpart of :func:`make_read`; see :func:`make_store`."""

    @intrinsic
    def write(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            if storage in HALF:
                stored = narrow(builder, storage, context.cast(builder, args[2], value, types.float32))
            else:
                stored = context.cast(builder, args[2], value, array.dtype)
            instruction = builder.store(stored, address_of(context, builder, array, args[0], args[1]))
            separation.mark(builder.module, instruction, group)
            if hints:
                mark(instruction, hints)
            return context.get_dummy_value()

        return types.none(array, index, value), codegen

    return write  # type: ignore[no-any-return]


def _extremum(type_: Any, comparison: str, of_reals: Callable[[Real, Real], Real]) -> tuple[Any, Any]:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if isinstance(type_, types.Float):
            return of_reals(*(Real(builder, arg) for arg in args)).value
        compare = builder.icmp_signed if type_.signed else builder.icmp_unsigned
        return builder.select(compare(comparison, *args), *args)

    return type_(type_, type_), codegen


@intrinsic
def maximum(typingctx: Any, a: Any, b: Any) -> Any:
    """The larger of two numbers of one type; NaN when either is."""
    return _extremum(a, ">", Real.maximum)


@intrinsic
def minimum(typingctx: Any, a: Any, b: Any) -> Any:
    """The smaller of two numbers of one type; NaN when either is."""
    return _extremum(a, "<", Real.minimum)


@intrinsic
def halfway(typingctx: Any, a: Any, b: Any) -> Any:
    """The midpoint of two floats of one type, as float64, without overflow."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        double = ir.DoubleType()
        wide = args if a.bitwidth == 64 else [builder.fpext(part, double) for part in args]
        return builder.fadd(*(builder.fmul(part, ir.Constant(double, 0.5)) for part in wide))

    return types.float64(a, b), codegen


@intrinsic
def ordinal(typingctx: Any, number: Any) -> Any:
    """A signed 64-bit integer in the order of the numbers, from -(2**(n - 1)) on for numbers of n bits.

    Both zeros give the same integer.
    """
    word = ir.IntType(number.bitwidth)
    lowest = ir.Constant(word, 1 << (number.bitwidth - 1))

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = args[0]
        if isinstance(number, types.Float):
            bits = builder.bitcast(bits, word)
            bits = builder.select(builder.icmp_signed("<", bits, ir.Constant(word, 0)), builder.sub(lowest, bits), bits)
        elif not number.signed:
            bits = builder.xor(bits, lowest)
        return bits if number.bitwidth == 64 else builder.sext(bits, ir.IntType(64))

    return types.int64(number), codegen


def is_beaten(builder: Any, new: Any, held: Any) -> Any:
    """Whether floats, or those of vectors, are larger than the ones held so far, or are the first NaN."""
    larger = builder.fcmp_unordered(">", new, held)
    return builder.and_(larger, builder.fcmp_ordered("ord", held, held))


@intrinsic
def beats(typingctx: Any, new: Any, held: Any) -> Any:
    """Whether a float is larger than the one held so far, or is the first NaN."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return is_beaten(builder, *args)

    return types.boolean(new, held), codegen


@intrinsic
def is_finite(typingctx: Any, number: Any) -> Any:
    """Whether a float is neither infinite nor NaN."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fcmp_ordered("==", builder.fsub(args[0], args[0]), ir.Constant(args[0].type, 0.0))

    return types.boolean(number), codegen


@intrinsic
def chosen(typingctx: Any, condition: Any, a: Any, b: Any) -> Any:
    """The first of two numbers of one type where the condition holds, else the second; no branch."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(*args)

    return b(condition, a, b), codegen
