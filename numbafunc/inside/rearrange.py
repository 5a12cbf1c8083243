"""Functions that move elements between the axes of an array, inside compiled functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import types

from numbafunc.cpu.dispatchers import inline
from numbafunc.inside.copy import mover
from numbafunc.inside.operands import Operand, implementation, is_integer
from numbafunc.kinds.njit_arguments import refuse
from numbafunc.ops import rearrange as ops


def images(function: str, given: Any, *, boolean: bool = True) -> Operand:
    """The operand x, which has four axes."""
    operand = Operand.of(function, "x", given, boolean=boolean)
    if operand.ndim != 4:
        raise refuse(function, "x", given, "an array of four axes (batch, channels, height, width)")
    return operand


def pair(function: str, name: str, given: Any) -> str:
    """Expression of two integers, given as one or two."""
    if is_integer(given):
        return f"{name}, {name}"
    if isinstance(given, types.BaseTuple) and len(given) == 2 and all(map(is_integer, given)):
        return f"{name}[0], {name}[1]"
    raise refuse(function, name, given, "an integer or a pair of them")


def _rearranged(public: Callable[..., Any], factors: str, x: Any, size: Any) -> Any:
    function = public.__name__
    operand = images(function, x)
    way = ops.BLOCKS[function]
    lines = [
        f"a, b = {pair(function, 'size', size)}",
        "if a < 1 or b < 1:",
        "    raise ValueError('size is not positive')",
        "n, c, h, w = x.shape",
        f"if {factors}:",
        "    raise ValueError('x has a shape that size does not divide')",
        "lengths, shape = blocks(n, c, h, w, a, b)",
        f"source = {operand.flat()}",
        "result = np.empty(shape, x.dtype)",
        f"moved, strides = arranged(lengths, {way.order})",
        "move(words(source), words(run_of(result)), moved, strides, 0)",
        "return result",
    ]
    return implementation(public, lines, {"blocks": inline(way.blocks), "move": mover(operand.dtype.itemsize)})


def batch_to_space2d(x: Any, size: Any) -> Any:
    """Implementation of batch_to_space2d."""
    return _rearranged(ops.batch_to_space2d, "n % (a * b) != 0", x, size)


def channel_to_space2d(x: Any, size: Any) -> Any:
    """Implementation of channel_to_space2d."""
    return _rearranged(ops.channel_to_space2d, "c % (a * b) != 0", x, size)


def space_to_batch2d(x: Any, size: Any) -> Any:
    """Implementation of space_to_batch2d."""
    return _rearranged(ops.space_to_batch2d, "h % a != 0 or w % b != 0", x, size)


def space_to_channel2d(x: Any, size: Any) -> Any:
    """Implementation of space_to_channel2d."""
    return _rearranged(ops.space_to_channel2d, "h % a != 0 or w % b != 0", x, size)


def flatten(x: Any) -> Any:
    """Implementation of flatten."""
    operand = Operand.of("flatten", "x", x)
    if not operand.ndim:
        raise refuse("flatten", "x", x, "an array with at least one axis")
    lines = [
        "_, first, others = split(x.shape, 0, 1)" if operand.ndim > 1 else "first, others = x.shape[0], 1",
        "return x.copy().reshape((first, others))",
    ]
    return implementation(ops.flatten, lines, {})


def upscale_nn(x: Any, scale: Any) -> Any:
    """Implementation of upscale_nn."""
    operand = images("upscale_nn", x)
    if not is_integer(scale):
        raise refuse("upscale_nn", "scale", scale, "a non-negative integer")
    lines = [
        "if scale < 0:",
        "    raise ValueError('scale is negative')",
        "n, c, h, w = x.shape",
        "result = np.empty((n, c, h * scale, w * scale), x.dtype)",
        f"source = {operand.flat()}",
        "lengths, strides = listed((n * c, h, scale, w, scale)), listed((h * w, w, 0, 1, 0))",
        "move(words(source), words(run_of(result)), lengths, strides, 0)",
        "return result",
    ]
    return implementation(ops.upscale_nn, lines, {"move": mover(operand.dtype.itemsize)})
