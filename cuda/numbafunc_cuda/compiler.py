"""Extension of numba-cuda's compiler by the number type, and what devices have in place of the C library.

``numba-cuda`` has types, typing and data models of its own beside those of Numba, so the number type of
:mod:`numbafunc.numbers.numba_type` is installed once more. The elementary functions are those of processors,
instruction by instruction, so both give the same bits; what processors take from the C library comes from libdevice.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.cuda import extending

from numbafunc.numbers.cores import CORES
from numbafunc.numbers.numba_type import Installation

if importlib.util.find_spec("numba_cuda") is None:  # Numba's own compiler for CUDA has no registries to extend
    raise ImportError("arrays of CUDA devices need the package numba-cuda: pip install 'numbafunc[cuda]'")

__all__ = ["DeviceBuilder", "extending", "intrinsic", "make_start", "unpack"]

intrinsic = extending.intrinsic

_FLOAT = "float"


class DeviceBuilder:
    """A builder of LLVM instructions for the machine of CUDA devices."""

    def __init__(self, builder: Any) -> None:
        self._builder = builder
        self.substitutes = _SUBSTITUTES

    def __getattr__(self, name: str) -> Any:
        return getattr(self._builder, name)

    def fmul(self, a: Any, b: Any) -> Any:
        """A product that is rounded: libNVVM and ptxas fuse plain ones with the sums they enter."""
        suffix = "f" if str(a.type) == _FLOAT else "d"
        return _call(self, f"llvm.nvvm.mul.rn.{suffix}", a, b)

    def fneg(self, a: Any) -> Any:
        """The negative of a number: libNVVM's LLVM is older than the instruction."""
        return self._builder.fsub(ir.Constant(a.type, -0.0), a)


def _call(builder: Any, name: str, *arguments: Any) -> Any:
    """A call of a function whose arguments and result have one type."""
    real = arguments[0].type
    module = builder.module
    function = module.globals.get(name)
    if function is None:
        function = ir.Function(module, ir.FunctionType(real, [real] * len(arguments)), name)
    return builder.call(function, arguments)


def _library(name: str) -> Callable[..., Any]:
    """A function of libdevice, for float32 or float64."""
    return lambda builder, x, *others: _call(builder, f"__nv_{name}{'f' if str(x.type) == _FLOAT else ''}", x, *others)


def _extremum(comparison: str) -> Callable[..., Any]:
    """The larger or the smaller of two, NaN when either is; +0 is larger than -0."""

    def emit(builder: Any, a: Any, b: Any) -> Any:
        word = ir.IntType(32 if str(a.type) == _FLOAT else 64)
        bits = builder.bitcast(a, word), builder.bitcast(b, word)
        join = builder.and_ if comparison == ">" else builder.or_
        zero = builder.bitcast(join(*bits), a.type)
        chosen = builder.select(builder.fcmp_ordered(comparison, a, b), a, b)
        chosen = builder.select(builder.fcmp_ordered("==", a, b), zero, chosen)
        return builder.select(builder.fcmp_unordered("uno", a, b), builder.fadd(a, b), chosen)

    return emit


_SUBSTITUTES: dict[str, Callable[..., Any]] = {
    **{f"llvm.{name}": _library(name) for name in ("copysign", "fabs", "floor", "pow", "rint")},
    "llvm.maximum": _extremum(">"),
    "llvm.minimum": _extremum("<"),
}
for _name in ("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "fmod", "lgamma", "tgamma"):
    _SUBSTITUTES[_name] = _SUBSTITUTES[f"{_name}f"] = _library(_name)

_DEVICE = Installation(extending, CORES, DeviceBuilder)
_DEVICE.install()

unpack = _DEVICE.unpack
make_start = _DEVICE.make_start
