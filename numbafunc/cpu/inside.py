"""From numbers back to floats, for ops inside the user's compiled functions."""

from __future__ import annotations

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from numbafunc.autodiff.number_type import NumberType, unpack


@intrinsic
def leave(typingctx: Any, number: Any) -> Any:
    """The value of a number as a float of its precision."""
    target = number.dtype if isinstance(number, NumberType) else types.float64

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return unpack(context, builder, number, args[0], target).value.value

    return target(number), codegen
