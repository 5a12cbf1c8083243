"""Exceptions of this package."""

from __future__ import annotations

__all__ = [
    "BroadcastWarning",
    "CollectiveMismatchError",
    "CompiledDerivativeWarning",
    "KernelCacheWarning",
    "RankError",
    "ShapeError",
]


def __dir__() -> list[str]:
    return __all__


class ShapeError(ValueError, TypeError):
    """Shapes that do not fit together.

    A ``ValueError``, as NumPy raises, and a ``TypeError``, as JAX and objax raise: code written for either catches it.
    """


class RankError(ShapeError, IndexError):
    """An array with too few or too many axes, which JAX and objax report as an ``IndexError``."""


class CollectiveMismatchError(RuntimeError):
    """Ranks made different collective calls where all have to make the same one.

    Raised on every rank of the axis, with the call of each of them. No data have been exchanged, and the axis works on.
    """


class BroadcastWarning(UserWarning):
    """Arrays of different shapes are broadcast where equal shapes are meant as a rule, as by a loss."""


class KernelCacheWarning(RuntimeWarning):
    """Compiled kernels are not kept, or those in the folder are not used; each cause is warned of once in a process."""


class CompiledDerivativeWarning(RuntimeWarning):
    """A function that Numba compiled is differentiated by its Python source, at the speed of Python.

    It is issued once for a function, and names what derivatives of compiled code don't go through, with file and line.
    """
