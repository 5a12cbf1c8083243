"""The public function that exchanges ghost layers; :mod:`numbafunc.parallel` has its name."""

from __future__ import annotations

import sys
from typing import Any

from numbafunc.parallel.call_site import Place


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
    from numbafunc.parallel.blocks import halo as implementation

    return implementation(x, axes, width, periodic, border, out, Place.of(sys._getframe(1), name))
