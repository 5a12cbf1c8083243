"""The instructions by which compiled functions hand their memory to collective functions."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from numbafunc.collective_symbol import SYMBOL

_WORD = ir.IntType(64)


def width(given: Any) -> int:
    """How many words an argument takes: a string its address, length and bytes of a character, all others one."""
    return 3 if isinstance(given, types.UnicodeType) else 1


def make_invoke(text: str) -> Any:
    """The function that makes a call described by a text, with a tuple of arguments that become words of 64 bits.

    Integers are words. Arrays, strings and, each in a tuple by itself, numbers are given by their addresses. The result
    is the status and the words, some of which the call has written.
    """

    @intrinsic
    def invoke(typingctx: Any, arguments: Any) -> Any:
        given = tuple(map(types.unliteral, arguments))
        count = sum(map(width, given))
        words_type = types.UniTuple(types.int64, count)

        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            def address(pointer: Any) -> Any:
                return builder.ptrtoint(pointer, _WORD)

            words: list[Any] = []
            for kind, value in zip(given, cgutils.unpack_tuple(builder, args[0], len(given)), strict=True):
                if isinstance(kind, types.Array):
                    words.append(address(context.make_array(kind)(context, builder, value).data))
                elif isinstance(kind, types.UnicodeType):
                    string = cgutils.create_struct_proxy(kind)(context, builder, value=value)
                    words += [address(string.data), string.length, builder.zext(string.kind, _WORD)]
                elif isinstance(kind, types.BaseTuple):
                    (number,) = kind
                    model = context.data_model_manager[types.unliteral(number)]
                    (inside,) = cgutils.unpack_tuple(builder, value, 1)
                    inside = context.cast(builder, inside, number, types.unliteral(number))
                    place = cgutils.alloca_once(builder, model.get_data_type())
                    builder.store(model.as_data(builder, inside), place)
                    words.append(address(place))
                else:
                    words.append(context.cast(builder, value, kind, types.int64))
            memory = cgutils.alloca_once(builder, _WORD, count)
            places = [builder.gep(memory, [_WORD(position)]) for position in range(count)]
            for word, place in zip(words, places, strict=True):
                builder.store(word, place)
            function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_WORD, [_WORD] * 4), SYMBOL)
            described = address(context.insert_const_string(builder.module, text))
            status = builder.call(function, [described, _WORD(len(text.encode())), address(memory), _WORD(count)])
            written = context.make_tuple(builder, words_type, list(map(builder.load, places)))
            return context.make_tuple(builder, sig.return_type, (status, written))

        return types.Tuple((types.int64, words_type))(arguments), codegen

    return invoke
