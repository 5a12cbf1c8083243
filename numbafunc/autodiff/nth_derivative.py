"""Derivatives of any order with respect to one number: derivative."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.autodiff.array_helpers import in_main_memory
from numbafunc.autodiff.variables import check_function, constant, floating, pair, split
from numbafunc.dual.array import Dual, make
from numbafunc.dual.levels import Run, recycle_memory
from numbafunc.dual.trees import flatten_with_names
from numbafunc.kinds.arguments import as_int
from numbafunc.kinds.compiled import on_duals
from numbafunc.kinds.njit import register
from numbafunc.limits import broadcast_shapes

__all__ = ["derivative"]

# 2**24 parts of each number take some gigabytes, and 3**24 products of parts hours.
MOST_ORDERS = 24


def derivative(f: Callable[..., Any], n: int = 1, argnum: int = 0, has_aux: bool = False) -> Callable[..., Any]:
    r"""Make the function that evaluates the derivative of order n with respect to one number.

    .. math:: f^{(n)}(x) = \frac{\mathrm{d}^n f(x)}{\mathrm{d} x^n}

    Parameters
    ----------
    f : callable
        Function of a number, with a result of any shape or a nest of results. The number may be an array if `f` works
        element by element: then each element is differentiated with respect to its own number.
    n : int
        The order; 0 is the value.
    argnum : int
        The positional argument to differentiate with respect to; a negative one counts from the end.
    has_aux : bool
        Whether `f` returns a pair of the value and something else, which is handed through.

    Returns
    -------
    callable
        Takes the arguments of `f`, returns the derivative with the nest, shapes and dtypes of the value; with `has_aux`
        the pair of derivative and other result.

    Raises
    ------
    TypeError
        `n` or `argnum` not an int; from the returned function: an argument that is not floating.
    ValueError
        `n` negative, or above 24, where it takes more memory and time than anyone has; from the returned function:
        the argument is an array, and the value lacks its shape, so that `f` can't have worked element by element.

    Notes
    -----
    Dual numbers in n levels: exact to rounding. Each order takes about three times as long as the one before.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.derivative(np.sin)(0.0), numbafunc.derivative(np.sin, 3)(0.0)
    (array(1.), array(-1.))
    >>> numbafunc.derivative(lambda x: x**4, 2)(np.array([1.0, 2.0]))
    array([12., 48.])
    """
    has_aux = check_function(f, "derivative", has_aux)
    for name, number in (("n", n), ("argnum", argnum)):
        if as_int(number) is None:
            raise TypeError(f"{name} must be an int, not {number!r}")
    if n < 0:
        raise ValueError(f"n is {n}; an order is at least 0")
    if n > MOST_ORDERS:
        raise ValueError(f"n is {n}, for which each number has up to 2**{n} parts; wanted: at most {MOST_ORDERS}")
    f = on_duals(f)

    @functools.wraps(f)
    def of_order_n(*args: Any, **options: Any) -> Any:
        if not -len(args) <= argnum < len(args):
            raise TypeError(f"argnum is {argnum}, but f was called with {len(args)} positional arguments")
        position = argnum % len(args)
        in_main_memory("derivative", [args[position]])
        x = floating(args[position], f"argument {position}")
        unit = np.ones((1, *x.shape), x.dtype)
        with contextlib.ExitStack() as stack:
            run = [stack.enter_context(Run(1)) for _ in range(n)]
            if run:
                recycle_memory(run[-1], (x,))
            moved = x
            for level in run:
                moved = make(moved, unit, level)
            result = f(*args[:position], moved, *args[position + 1 :], **options)
            result, aux = pair(result) if has_aux else (result, None)
            leaves, names, structure = flatten_with_names(result)
            places = [f"the output of f{name}" for name in names]
            derived = structure.unflatten(
                [_change(leaf, place, run, x.shape) for leaf, place in zip(leaves, places, strict=True)]
            )
        return (derived, constant(aux, *run)) if has_aux else derived

    return of_order_n


def _change(leaf: Any, place: str, run: list[int], shape: tuple[int, ...]) -> Any:
    """The derivative of an output at all levels of a run, with respect to a number or each number of an array."""
    for level in reversed(run):
        primal, tangent = split(leaf, level, place)
        leaf = np.zeros(primal.shape, primal.dtype) if tangent is None else tangent[0]
    change = split(leaf, 0, place)[0]
    if broadcast_shapes(shape, change.shape) != change.shape:
        raise ValueError(
            f"{place} has shape {change.shape} for an argument of shape {shape}; a derivative by an array needs a "
            "function that works element by element, see grad and jacfwd for others"
        )
    # Broadcasting leaves read-only views; the caller may write to results.
    return change if type(change) is Dual or change.flags.writeable else change.copy()


register(__name__)
