"""The public function that exchanges ghost layers; :mod:`numbafunc.parallel` has its name."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from numbafunc.bounded import Bounded
from numbafunc.dual.array import Dual, on_device
from numbafunc.dual.trees import Structure, flatten, flatten_with_names
from numbafunc.kinds import arguments
from numbafunc.parallel import axes as named_axes
from numbafunc.parallel.axes import MOST_PLANS
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.device import through_main_memory
from numbafunc.parallel.dtypes import SUM, as_leaf, wire_of
from numbafunc.parallel.ghosts import Call, is_inside, plan_of, widen, widened_shape
from numbafunc.parallel.interrupts import held_back
from numbafunc.parallel.margins import margins_of, settings_of
from numbafunc.parallel.messages import address


def halo(
    x: Any,
    axes: Any = "device",
    *,
    width: Any = 1,
    periodic: Any = False,
    border: Any = 0,
    out: Any = None,
    name: str | None = None,
) -> Any:
    r"""Blocks of an array that is divided among ranks, with the outer layers of their neighbours around them.

    With blocks :math:`x_r` that follow each other along one axis, and one layer on each side:

    .. math:: \operatorname{halo}(x)_r = (x_{r-1}[-1], \; x_r, \; x_{r+1}[0])

    Parameters
    ----------
    x : array_like or nest of array_like
        The block of this rank. Along an axis that is divided, lengths may differ among the ranks; blocks side by side
        are of the same length along all other axes.
    axes : str, sequence or dict, default 'device'
        Which ranks are neighbours along which axis of the array: ``{0: 'row', 1: 'column'}``, or the names of axis 0,
        1, ..., such as ``('row', 'column')``, with None for an axis that is not divided. Several names belong to one
        :func:`grid`; a tuple of names in place of one means all of their ranks, one after the other.
    width : int, pair, sequence or dict, default 1
        How many layers: one number, ``(before, after)``, or one of these for each of ``axes``, as in
        ``((1, 1), (0, 2))`` or ``{0: 1, 1: (0, 2)}``. A block has at least as many layers as its neighbours need.
    periodic : bool, sequence or dict, default False
        Whether the first and the last rank are neighbours; for all axes or for each.
    border : number, {'edge', 'reflect', 'symmetric'} or None, default 0
        What is outside of all blocks: a number, a mode of :func:`numpy.pad`, or None for nothing. Then blocks there are
        not widened.
    out : numpy.ndarray or nest of numpy.ndarray, optional
        Where to put the result. If ``x`` is a view of the inner part of it, as in
        ``halo(u[1:-1, 1:-1], ('row', 'column'), out=u)``, the margins alone are written.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        To the bit what :func:`numpy.pad` makes of the whole array, as far as it concerns the block: corners too.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they make different calls, or where blocks side by side have different lengths.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers, a ``border`` that it can't hold, an ``out`` of another dtype, and
        arguments of the wrong kind.
    ValueError
        On all ranks, where one of them has a block with fewer layers than are needed; for axes that ``x`` lacks, such
        as those of a number, and an ``out`` of another shape or that shares memory otherwise.

    Notes
    -----
    Linear, but for a constant border. The transpose adds the margins to the layers that they came from.

    All messages along one axis are in flight at once, while the block is copied; then come those along the next. What
    is exchanged along one axis has the margins along those before, by which corners come from the right rank.

    Examples
    --------
    The sum of the neighbours of each cell of a ring; in a single process:

    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> wide = numbafunc.parallel.halo(x, periodic=True)
    >>> wide
    array([4., 1., 2., 4., 1.])
    >>> wide[:-2] + wide[2:]
    array([6., 5., 3.])
    """
    return _halo(x, axes, width, periodic, border, out, Place.of(sys._getframe(1), name))


def _halo(x: Any, axes: Any, width: Any, periodic: Any, border: Any, out: Any, place: Place) -> Any:
    key = None
    if type(x) is np.ndarray and (out is None or type(out) is np.ndarray):
        key = (repr((axes, width, periodic, border)), x.shape, x.strides, x.dtype, _relation(x, out))
        prepared = _prepared.get(key)
        if prepared is not None and (out is None or _may_take(out, x)):
            call, plan, shape = prepared
            result = np.empty(shape, x.dtype) if out is None else out
            plan.run(call._replace(place=place), (x,), (result,))
            return result
    settings = settings_of(axes, width, periodic, border)
    try:
        ranks = named_axes.find_made(settings.axis_name, None, place)
    except named_axes.NotMadeError:
        with held_back():
            return _halo(x, axes, width, periodic, border, out, place)
    leaves, structure = flatten(x)
    names = ["x"] if leaves and leaves[0] is x else [f"x{name}" for name in flatten_with_names(x)[1]]
    call = Call(settings, ranks, str(structure), place, names)
    if on_device(*leaves):
        if out is not None:
            raise TypeError("out can't take the margins of arrays of a device; leave it out")
        with held_back():
            return structure.unflatten(through_main_memory(leaves, lambda host: widen(call, _operands(host, names))))
    operands = _operands(leaves, names)
    outs = None if out is None else _checked_out(out, structure, call, operands)
    results = widen(call, operands, outs)
    if key is not None and ranks.size > 1 and operands[0] is x:
        margins = margins_of(settings, call.lines, x.ndim, 0, "x")
        _prepared[key] = call, plan_of(call, [x], results, [0], [False], [margins]), results[0].shape
    return structure.unflatten(results)


# Calls on single arrays, by the arguments of the user.
_prepared = Bounded(MOST_PLANS)
named_axes.ON_CHANGE.append(_prepared.clear)


def _relation(x: Any, out: Any) -> Any:
    """What tells how an array lies to one for its result; None in place of a distance where strides differ."""
    if out is None:
        return None
    return out.shape, out.strides, out.dtype, address(x) - address(out) if x.strides == out.strides else None


def _may_take(out: Any, x: Any) -> bool:
    """Whether an array for a result is writeable and certainly lies to the operand as one that was checked."""
    return out.flags.writeable and (x.strides == out.strides or not np.may_share_memory(x, out))


def _operands(leaves: Sequence[Any], names: Sequence[str]) -> list[Any]:
    operands = [as_leaf(leaf, name) for leaf, name in zip(leaves, names, strict=True)]
    for operand in operands:
        wire_of(SUM, operand.dtype)  # raises for what is not a number
    return operands


def _checked_out(out: Any, structure: Structure, call: Call, operands: Sequence[Any]) -> list[Any]:
    if any(type(operand) is Dual for operand in operands):
        raise TypeError("out can't hold the result for a dual array, which is a new dual array")
    outs, given = flatten(out)
    if given != structure:
        raise ValueError(f"out is nested as {given}; wanted: as x is, {structure}")
    apart = []
    for x, target, name in zip(operands, outs, call.names, strict=True):
        margins = margins_of(call.settings, call.lines, x.ndim, 0, name)
        arguments.check_out(target, widened_shape(x.shape, margins), x.dtype, ())
        if not is_inside(x, target, margins):
            apart.append(x)
    arguments.check_overlaps(outs, apart)
    return outs
