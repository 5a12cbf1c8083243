"""Loops that carry a state and collect a result of each step."""

from __future__ import annotations

import contextlib
import math
import operator
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, Backend
from numbafunc.cpu import scan as compiled
from numbafunc.cpu.differentiated import copy_for_values
from numbafunc.dual.array import Dual, number_of, value_of
from numbafunc.dual.checkpoint import checkpoint
from numbafunc.dual.levels import LIVE
from numbafunc.dual.trees import Structure, flatten, flatten_with_names
from numbafunc.errors import RankError
from numbafunc.kinds.arguments import check_flag
from numbafunc.kinds.compiled import is_dispatcher, python_source
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, Call
from numbafunc.kinds.scan import differentiated
from numbafunc.ops.prepared_loops import PREPARED, Described, keep_scan
from numbafunc.ops.scan_leaves import (
    is_weak,
    leaves_of,
    start_of,
)
from numbafunc.ops.scan_loop import Loop, of_values

__all__ = ["scan"]


def scan(
    f: Any, init: Any, xs: Any, length: Any = None, reverse: bool = False, unroll: Any = 1, *, until: Any = None
) -> Any:
    r"""Apply a function along the leading axis of arrays, carrying a state from step to step.

    .. math:: (c_{i+1}, y_i) = f(c_i, x_i), \quad c_0 = \text{init}

    Parameters
    ----------
    f : callable
        ``f(carry, x)``, which returns the pair of the new carry and the result of the step, ``y``. The carry keeps its
        structure, shapes and dtypes. A function compiled by ``numba.njit`` makes the whole loop run compiled.
    init : nest of array_like
        The first carry: arrays and numbers in tuples, lists, dicts, with None anywhere. Python numbers take the dtypes
        in which steps keep them, those of the arrays that they meet; 64 bits where they meet none.
    xs : nest of numpy.ndarray or None
        Arrays of equal length along their first axis; each step gets one entry of each. None if there are none. Of
        arrays of a CUDA device the steps get entries on the device, as arrays of Numba; an elementwise step under
        ``numba.njit`` gets numbers, and the loop is one kernel.
    length : int, optional
        Number of steps; needed only where ``xs`` has no arrays.
    reverse : bool, default False
        Whether to begin with the last entry. The results of the steps stay aligned with ``xs``.
    unroll : int, default 1
        Accepted for compatibility and positive; it has no influence.
    until : callable, optional
        ``until(carry)`` of the value of the new carry; the loop ends after the first step for which it is true.

    Returns
    -------
    tuple of two
        The last carry, and the nest of arrays of all ``y``, stacked along a new first axis; only those of the steps
        that were taken, if ``until`` has ended the loop.

    Raises
    ------
    TypeError
        For an ``f`` that does not return a pair, a carry that changes its structure, or a shape or dtype in it, or a
        ``y`` that does, for leaves that are not arrays or numbers, for a ``reverse`` that is not True or False, and for
        an ``until`` that is not callable or returns neither.
    ValueError
        For neither ``xs`` nor ``length``, lengths that disagree, a negative ``length``, an ``unroll`` that is not
        positive, and for a number among ``xs``.
    IndexError
        For an array of no dimensions among ``xs``.

    Notes
    -----
    Derivatives go through the carry, through ``xs``, and through all that ``f`` refers to. A carry without tangents may
    get some during the loop. Reverse mode keeps what each step computes; with ``checkpoint(f)`` in place of ``f``, see
    :func:`checkpoint`, it needs memory for about ``2 * sqrt(n)`` of n steps.

    Without any step ``f`` is called once all the same, with zeros for ``x``, to learn the shapes. Where ``init`` has
    Python numbers the first step is taken until it keeps the dtypes of the carry, twice as a rule.

    With a function compiled by ``numba.njit`` the carry may be (named) tuples of arrays and numbers, and its types are
    those that Numba infers: a sum of 32-bit integers, for one, has 64 bits, and the carry must not change to that.
    Its derivatives run compiled as well; what they don't go through is named by a
    :class:`numbafunc.errors.CompiledDerivativeWarning`, and the Python source runs. So it does, at the speed of Python,
    for arrays of a device, unless the step is elementwise. With ``until`` each step runs compiled, and the loop around
    it in Python.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.scan(lambda total, x: (total + x, total), 0, np.array([1, 2, 3]))
    (array(6), array([0, 1, 3]))
    """
    if not callable(f):
        raise TypeError(f"f is a {type(f).__name__}; wanted: a function of a carry and an entry of xs")
    described = key = None
    flag: Any = reverse
    if until is None and type(flag) is bool and type(unroll) is int and unroll > 0 and is_dispatcher(f):
        described = Described()
        key = f, described.form(init), described.form(xs)
        prepared = PREPARED.get(key)
        if prepared is not None:
            found = prepared(described, length, reverse)
            if found is not None:
                return found
    _check_unroll(unroll)
    reverse = check_flag(reverse, "reverse")
    entries, x_structure = _entries(xs)
    steps = _length(entries, xs, length)
    if until is not None and not callable(until):
        raise TypeError(f"until is a {type(until).__name__}; wanted: a function of the carry")
    step = getattr(f, "keeps_arguments", None)
    if step is not None:
        # Memory matters where a derivative is being taken.
        if steps > _SHORTEST and LIVE and until is None:
            if backend.of(*flatten(init)[0], *entries) is CPU:
                return _in_segments(step, init, entries, x_structure, steps, reverse)
        else:
            f = step
    leaves, structure = start_of(init, "init")
    jitted = is_dispatcher(f)
    here = backend.of(*leaves, *entries)
    loop = Loop(f.py_func if jitted else f, structure, entries, x_structure, steps, reverse, here)
    if until is not None:
        if jitted and here is CPU:
            loop.f, leaves = f, [leaf if type(leaf) is Dual else number_of(leaf) for leaf in leaves]
        return loop.run(leaves, until)
    if jitted and here.has(Backend.scan_compiled):
        found = here.scan_compiled(f, init, xs, leaves, entries, steps, reverse)
        if found is not None:
            if described is not None and here is CPU and steps:
                keep_scan(key, described, f, init, xs, found[0])
            return found
        if here is CPU:
            loop.f = python_source(f)
    return loop.run(leaves)


@CPU.brings(Backend.scan_compiled)
def _compiled(
    f: Any, init: Any, xs: Any, leaves: list[Any], entries: list[Any], steps: int, reverse: bool
) -> tuple[Any, Any] | None:
    weak = [is_weak(leaf) for leaf in leaves]
    typed = leaves
    if any(weak):
        copy_for_values(f)  # before what it calls is compiled
        # Numba has no weak numbers, so the Python source is run to find their types, unless that fails.
        with contextlib.suppress(Exception):
            loop = Loop(f.py_func, flatten(init)[1], entries, flatten(xs)[1], steps, reverse, CPU)
            typed = of_values(loop).promoted([value_of(leaf) for leaf in leaves])[0]
        typed = [new if is_number else leaf for new, leaf, is_number in zip(typed, leaves, weak)]
    if any(type(leaf) is Dual for leaf in (*leaves, *entries)):
        return differentiated(f, init, typed, xs, entries, steps, reverse)  # type: ignore[no-any-return]
    return compiled.run(f, init, typed, weak, xs, entries, steps, reverse)  # type: ignore[no-any-return]


_SHORTEST = 3
"""Steps up to which a loop is not cut into segments."""


def _in_segments(
    f: Any, init: Any, entries: list[Any], x_structure: Structure, steps: int, reverse: bool
) -> tuple[Any, Any]:
    """The loop in segments of about as many steps as there are segments, which keep nothing but their first carries."""
    size = math.isqrt(steps - 1) + 1
    starts = range(0, steps, size)
    carry, results = init, []
    for start in reversed(starts) if reverse else starts:
        count = min(size, steps - start)

        def segment(carry: Any, parts: Any, count: int = count) -> tuple[Any, Any]:
            return scan(f, carry, parts, count, reverse)  # type: ignore[no-any-return]

        parts = x_structure.unflatten([entry[start : start + count] for entry in entries])
        carry, ys = checkpoint(segment)(carry, parts)
        results.append(flatten(ys))
    joined = [np.concatenate(pieces) for pieces in zip(*(leaves for leaves, _ in results[:: -1 if reverse else 1]))]
    return carry, results[0][1].unflatten(joined)


def _check_unroll(unroll: Any) -> None:
    try:
        times = operator.index(unroll)
    except TypeError:
        raise TypeError(f"unroll is {unroll!r}; wanted: a positive int") from None
    if times < 1:
        raise ValueError(f"unroll is {unroll!r}; wanted: a positive int")


def _entries(xs: Any) -> tuple[list[Any], Structure]:
    """The arrays of xs, all of which have a first axis."""
    leaves, structure = leaves_of(xs, "xs")
    for position, leaf in enumerate(leaves):
        number = not hasattr(leaf, "ndim")
        if number or leaf.ndim == 0:
            name = flatten_with_names(xs)[1][position]
            if not number:
                raise RankError(f"xs{name} has no dimensions; wanted: arrays with a leading axis to go along")
            raise ValueError(f"xs{name} is the number {leaf!r}; wanted: arrays with a leading axis to go along")
    return [backend.of(leaf).scan_own(leaf, leaf.ndim == 1) for leaf in leaves], structure


def _length(entries: list[Any], xs: Any, length: Any) -> int:
    """The number of steps."""
    given: int | None = None
    if length is not None:
        try:
            given = operator.index(length)
        except TypeError:
            raise TypeError(f"length is {length!r}; wanted: an int") from None
        if not 0 <= given < 2**63:
            raise ValueError(f"length is {length!r}; wanted: nothing negative, and less than 2**63")
    lengths = [len(leaf) for leaf in entries]
    if not lengths:
        if given is None:
            raise ValueError("length is missing; wanted: the number of steps, since xs has no arrays")
        return given
    if len(set(lengths)) > 1:
        names = flatten_with_names(xs)[1]
        described = ", ".join(f"xs{name} has length {n}" for name, n in zip(names, lengths))
        raise ValueError(f"{described}; wanted: one length")
    if given is not None and given != lengths[0]:
        raise ValueError(f"length is {length!r} and xs has length {lengths[0]}; wanted: the same")
    return lengths[0]


CALLS["scan"] = Call(())
register(__name__)
