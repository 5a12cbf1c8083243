"""Public functions that move data between ranks; :mod:`numbafunc.parallel` has their names."""

from __future__ import annotations

import sys
from typing import Any

from numbafunc.parallel import dtypes, gathering
from numbafunc.parallel.call_site import Place


def all_gather(
    x: Any,
    axis_name: Any = "device",
    *,
    axis: int = 0,
    tiled: bool = False,
    axis_index_groups: Any = None,
    name: str | None = None,
) -> Any:
    """The arrays of all ranks, on all ranks.

    Parameters
    ----------
    x : array_like or nest of array_like
        Of the same shape, dtype and nest on all ranks. With ``tiled`` lengths along ``axis`` may differ, and be 0.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis : int, default 0
        The axis of the result along which the ranks are.
    tiled : bool, default False
        Join the arrays along ``axis``, which they have, in place of stacking them along a new one.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        In the order of the ranks, to the bit, nested as ``x``.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers or an ``axis`` that is not an int.
    ValueError
        For an ``axis`` that arrays don't have, or groups that do not hold each rank once.

    Notes
    -----
    Linear: tangents are gathered as the values are. The transpose is :func:`reduce_scatter`. Arrays of different
    lengths are sent at the greatest one.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.all_gather([1.0, 2.0])
    [array([1.]), array([2.])]
    """
    place = Place.of(sys._getframe(1), name)
    return gathering.all_gather(x, axis_name, axis, tiled, axis_index_groups, place)


def reduce_scatter(
    x: Any,
    axis_name: Any = "device",
    *,
    axis: int = 0,
    tiled: bool = False,
    axis_index_groups: Any = None,
    name: str | None = None,
) -> Any:
    """The part of this rank of the sum over the ranks.

    Parameters
    ----------
    x : array_like or nest of array_like
        Real or complex; of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis : int, default 0
        The axis along which the sum is divided. It is as long as there are ranks, and gone in the result.
    tiled : bool, default False
        Keep ``axis``, whose length is a multiple of the number of ranks: each gets as many entries of it.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        In the dtype that :func:`psum` gives, added in the order of the ranks.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers or an ``axis`` that is not an int.
    ValueError
        For a length that does not fit the number of ranks, an ``axis`` that arrays don't have, or groups that do not
        hold each rank once.

    Notes
    -----
    Linear: tangents are summed as the values are. The transpose is :func:`all_gather`.

    Examples
    --------
    In a single process:

    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.parallel.reduce_scatter(np.array([[1.0, 2.0]]))
    array([1., 2.])
    """
    place = Place.of(sys._getframe(1), name)
    return gathering.reduce_scatter(x, axis_name, axis, tiled, axis_index_groups, place)


def all_to_all(
    x: Any,
    axis_name: Any = "device",
    *,
    split_axis: int = 0,
    concat_axis: int = 0,
    tiled: bool = False,
    axis_index_groups: Any = None,
    name: str | None = None,
) -> Any:
    """Send part ``r`` of an array to rank ``r``, and put together what comes from all ranks.

    Parameters
    ----------
    x : array_like or nest of array_like
        Of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    split_axis : int, default 0
        The axis along which arrays are divided. It is as long as there are ranks, and gone in what is sent.
    concat_axis : int, default 0
        The axis of the result along which the senders are.
    tiled : bool, default False
        Keep both axes: parts of ``split_axis``, whose length is a multiple of the number of ranks, are joined along
        ``concat_axis``.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        In the order of the ranks, to the bit, nested as ``x``.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers or an axis that is not an int.
    ValueError
        For a length that does not fit the number of ranks, an axis that arrays don't have, or groups that do not hold
        each rank once.

    Notes
    -----
    Linear: tangents are sent as the values are. The transpose is the same function with the axes exchanged.

    Examples
    --------
    In a single process:

    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.parallel.all_to_all(np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    """
    place = Place.of(sys._getframe(1), name)
    return gathering.all_to_all(x, axis_name, split_axis, concat_axis, tiled, axis_index_groups, place)


def ppermute(
    x: Any,
    axis_name: Any = "device",
    *,
    perm: Any,
    axis_index_groups: Any = None,
    name: str | None = None,
) -> Any:
    """Send arrays from rank to rank.

    Parameters
    ----------
    x : array_like or nest of array_like
        Of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    perm : sequence of pairs of int
        A sender and a receiver each, ranks of the axis; the same on all ranks. None may be twice among the senders or
        among the receivers.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        What this rank gets, to the bit; zeros where it is no receiver.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers or a ``perm`` that is not pairs of ints.
    ValueError
        For a ``perm`` with a rank twice or one that the axis does not have, or groups that do not hold each rank once.

    Notes
    -----
    Linear: tangents are sent as the values are. The transpose sends from the receivers to the senders.

    Examples
    --------
    To the next rank, round in a circle; in a single process:

    >>> import numbafunc
    >>> n = numbafunc.parallel.axis_size()
    >>> numbafunc.parallel.ppermute(5.0, perm=[(r, (r + 1) % n) for r in range(n)])
    array(5.)
    """
    return gathering.ppermute(x, axis_name, perm, axis_index_groups, Place.of(sys._getframe(1), name))


def barrier(axis_name: Any = "device", *, axis_index_groups: Any = None, name: str | None = None) -> None:
    """Wait until all ranks of an axis have come here.

    Parameters
    ----------
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they make different calls.
    NameError
        For an axis that does not exist.
    ValueError
        For groups that do not hold each rank once.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.parallel.barrier()
    """
    gathering.barrier(axis_name, axis_index_groups, Place.of(sys._getframe(1), name))


def pscan(
    x: Any,
    axis_name: Any = "device",
    *,
    op: str = "sum",
    exclusive: bool = False,
    axis_index_groups: Any = None,
    name: str | None = None,
) -> Any:
    r"""Sum or maximum over the ranks up to this one.

    .. math:: \operatorname{pscan}(x)_r = \sum_{s \le r} x_s

    Parameters
    ----------
    x : array_like or nest of array_like
        Real, or complex for sums; of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    op : {'sum', 'max'}, default 'sum'
        What to do with the numbers of the ranks. A maximum is NaN where a rank has NaN.
    exclusive : bool, default False
        Leave this rank out. Rank 0 gets 0, or the least number of the dtype.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        Nested as ``x``, in the dtypes that :func:`psum` and :func:`pmax` give.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers of the kind that ``op`` takes, or an ``exclusive`` that is not True or
        False.
    ValueError
        For groups that do not hold each rank once, or another ``op``.

    Notes
    -----
    A sum is linear; its transpose is the sum from this rank on. The tangents of a maximum are those of the rank that
    has it, of the lowest one at ties. Numbers are added pairwise, in as many rounds as the number of ranks has bits.

    Examples
    --------
    Where the rows of this rank begin among those of all; in a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.pscan(7, exclusive=True)
    array(0)
    """
    return gathering.pscan(x, axis_name, op, exclusive, axis_index_groups, Place.of(sys._getframe(1), name))


def pargmax(x: Any, axis_name: Any = "device", *, axis_index_groups: Any = None, name: str | None = None) -> Any:
    """Rank that has the maximum over the ranks of an axis, element by element.

    Parameters
    ----------
    x : array_like or nest of array_like
        Real; of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        int64, the same on all ranks; the lowest rank at ties, and the lowest that has NaN where one has it.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold real numbers.
    ValueError
        For groups that do not hold each rank once.

    Notes
    -----
    Constant where it is differentiable, so the result has no tangents.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.pargmax([3.0, -1.0])
    [array(0), array(0)]
    """
    return gathering.winner(x, dtypes.MAX, axis_name, axis_index_groups, Place.of(sys._getframe(1), name))


def pargmin(x: Any, axis_name: Any = "device", *, axis_index_groups: Any = None, name: str | None = None) -> Any:
    """Rank that has the minimum over the ranks of an axis, element by element.

    Parameters
    ----------
    x : array_like or nest of array_like
        Real; of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        int64, the same on all ranks; the lowest rank at ties, and the lowest that has NaN where one has it.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold real numbers.
    ValueError
        For groups that do not hold each rank once.

    Notes
    -----
    Constant where it is differentiable, so the result has no tangents.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.pargmin([3.0, -1.0])
    [array(0), array(0)]
    """
    return gathering.winner(x, dtypes.MIN, axis_name, axis_index_groups, Place.of(sys._getframe(1), name))
