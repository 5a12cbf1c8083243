"""The copy of strided views inside compiled functions, by the loops of :mod:`numbafunc.cpu.copy`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from numbafunc.cpu import copy as loops
from numbafunc.cpu.dispatchers import compile_lazily, separate
from numbafunc.cpu.memory import WORDS

_HEAD, _AXIS = 13, 3  # numbers of a traversal before the other axes, and for each of these


@functools.cache
def mover(itemsize: int) -> Any:
    """The function ``move(source, result, lengths, strides, start)`` for runs of words of a size.

    The result is the view of the source with these lengths and strides, counted in elements, from the element
    ``start`` on.
    """
    word = WORDS[itemsize].name
    run, gather = (separate(loops.build(form, 1, 1, word).py_func) for form in ("run", "gather"))

    def move(source: Any, result: Any, lengths: Any, strides: Any, start: Any) -> Any:
        if result.size == 0:
            return
        # Axes of one element are left out, and neighbours that are consecutive in the source joined.
        axes = np.empty((len(lengths) + 1, 3), np.int64)  # length, and elements apart in source and result
        count = 0
        apart = result.size
        for axis in range(len(lengths)):
            length, stride = lengths[axis], strides[axis]
            apart //= length
            if length == 1:
                continue
            if count > 0 and axes[count - 1, 1] == stride * length:
                axes[count - 1, 0] *= length
                axes[count - 1, 1] = stride
                axes[count - 1, 2] = apart
            else:
                axes[count, 0] = length
                axes[count, 1] = stride
                axes[count, 2] = apart
                count += 1
        if count == 0 or axes[count - 1, 1] == 0:
            axes[count, 0] = 1
            axes[count, 1] = 1
            axes[count, 2] = 1
            count += 1
        numbers = np.zeros(_HEAD + _AXIS * count, np.int64)
        length, stride = axes[count - 1, 0], axes[count - 1, 1]
        numbers[1] = result.size
        numbers[2] = length
        numbers[3] = stride
        numbers[6] = 1
        numbers[9] = 1
        numbers[0] = result.size // length
        if count > 1:
            for number in range(3):
                numbers[6 + number] = axes[count - 2, number]
        for axis in range(count - 3, -1, -1):
            for number in range(3):
                numbers[_HEAD + _AXIS * numbers[12] + number] = axes[axis, number]
            numbers[12] += 1
        if stride == 1:
            run(source, result, numbers, start)
        else:
            gather(source, result, numbers, start)

    return compile_lazily(move, repr(("copy inside", word)))
