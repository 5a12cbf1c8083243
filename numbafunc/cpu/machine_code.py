"""The machine code of a kernel for given argument types, called without Numba's dispatch on each argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numbafunc.cpu.kernel import Kernel, type_of


def machine_code(kernel: Any, arguments: Sequence[Any]) -> Any:
    """The function behind a kernel for contiguous, aligned, writeable arrays, floats and signed integers.

    It takes any arguments of the same types and must not get others.
    """
    if isinstance(kernel, Kernel):
        return kernel.code(arguments)
    return kernel.compile(tuple(map(type_of, arguments)))


__all__ = ["machine_code"]
