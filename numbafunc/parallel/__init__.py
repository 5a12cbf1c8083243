"""Collective functions over the ranks of an MPI job: sums, means, extrema and movements of arrays, numbers and nests.

The functions need mpi4py only where a launcher started several processes; a process by itself is an axis of one rank.
"""

from __future__ import annotations

import sys
from typing import Any

import numba as _numba  # noqa: F401  (first, so that modules of it which another thread loads are waited for)

from numbafunc.errors import CollectiveMismatchError
from numbafunc.parallel import axes, dtypes
from numbafunc.parallel.call_site import Place
from numbafunc.parallel.collectives import (
    all_gather,
    all_to_all,
    barrier,
    pargmax,
    pargmin,
    ppermute,
    pscan,
    reduce_scatter,
)
from numbafunc.parallel.halos import halo
from numbafunc.parallel.njit import register as _register
from numbafunc.parallel.reduce import reduce as _reduce
from numbafunc.parallel.starting import Handle, pmean_start, psum_start
from numbafunc.parallel.watchdog import checked_limit as _checked_limit, watchdog as _watchdog
from numbafunc.prompt import no_attribute as _no_attribute, presented as _presented

__all__ = [
    "CollectiveMismatchError",
    "Handle",
    "all_gather",
    "all_to_all",
    "axis_index",
    "axis_size",
    "barrier",
    "broadcast",
    "grid",
    "halo",
    "pargmax",
    "pargmin",
    "pmax",
    "pmean",
    "pmean_start",
    "pmin",
    "ppermute",
    "pscan",
    "psum",
    "psum_start",
    "reduce_scatter",
    "register_axis",
    "set_timeout",
]


def __getattr__(name: str) -> None:
    raise _no_attribute(__name__, name, __all__)


def __dir__() -> list[str]:
    return __all__


def psum(
    x: Any,
    axis_name: Any = "device",
    *,
    axis_index_groups: Any = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Any:
    r"""Sum over the ranks of an axis.

    .. math:: \operatorname{psum}(x) = \sum_r x_r

    Parameters
    ----------
    x : array_like or nest of array_like
        Real or complex; of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        ``'device'`` for all ranks, a name of :func:`register_axis`, or one or several names of a :func:`grid`.
    axis_index_groups : sequence of sequences of int, optional
        Divides the ranks of the axis; each group reduces by itself. Every rank is in one group.
    out : numpy.ndarray or nest of numpy.ndarray, optional
        Where to put the result; an array of ``x`` may be the one that its own result is put into.
    reproducible : bool, default False
        Add up in the order of the ranks: the same bits from every MPI and however arrays are combined in a call. Takes
        1.2 times the time for large arrays, three times and more for small ones: each rank gets those of all ranks.
    name : str, optional
        What is summed, such as ``"mass"`` or ``f"step {i}"``. The ranks compare it: calls on one line of a program that
        sum different things are an error then.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        The same on all ranks, nested as ``x``, in the dtype of ``x``; the sum of bool is an int64. float16 and bfloat16
        are added in float32, and arrays of up to 28 numbers in 64 bits.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers, an ``out`` of another dtype, a ``reproducible`` that is not True or False,
        or a ``name`` that is not a string.
    ValueError
        For groups that do not hold each rank once, or an ``out`` of another shape or that shares memory.

    Notes
    -----
    Linear: tangents are summed as the values are. They have to be there on all ranks or on none. A gradient by reverse
    mode is that of the sum of the results of all ranks, so the cotangents of the ranks are summed.

    Inside functions under ``numba.njit`` ``x`` may be an array, a number or a tuple of such.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.psum({"count": 1, "loss": 0.5})
    {'count': array(1), 'loss': array(0.5)}
    """
    return _reduce(dtypes.SUM, x, axis_name, axis_index_groups, out, reproducible, sys._getframe(1), name)


def pmean(
    x: Any,
    axis_name: Any = "device",
    *,
    weight: Any = None,
    axis_index_groups: Any = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Any:
    r"""Mean over the ranks of an axis.

    .. math:: \operatorname{pmean}(x) = \frac{\sum_r w_r x_r}{\sum_r w_r}, \qquad w_r = 1
        \text{ unless given}

    Parameters
    ----------
    x : array_like or nest of array_like
        Real or complex; of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    weight : float, optional
        What this rank's ``x`` counts, such as the number of rows that it is the mean of. Where it is 0, ``x`` may be
        NaN: it does not count.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`; each group divides by its own size.
    out : numpy.ndarray or nest of numpy.ndarray, optional
        Where to put the result; an array of ``x`` may be the one that its own result is put into.
    reproducible : bool, default False
        As of :func:`psum`.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        The same on all ranks, nested as ``x``, in the dtype of ``x``; integers and bool give float64.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers, an ``out`` of another dtype, a ``reproducible`` that is not True or False,
        or a ``name`` that is not a string.
    ValueError
        For groups that do not hold each rank once, an ``out`` of another shape or that shares memory, or a ``weight``
        that is negative, not finite or no single number.

    Warns
    -----
    RuntimeWarning
        Where all weights are 0; the mean is NaN.

    Notes
    -----
    Linear in ``x``: the mean of the tangents is the tangent of the mean. They have to be there on all ranks or on none.
    A ``weight`` may be differentiated too. Where a sum overflows, or is NaN, the ranks exchange their shares of the
    mean as well, so that a mean that is representable is right; not inside compiled functions, nor for arrays that
    MPI takes from the memory of a device.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.pmean([1, 2.0])
    [array(1.), array(2.)]
    """
    if weight is not None:
        from numbafunc.parallel.weighted import weighted_mean

        place = Place.of(sys._getframe(1), name)
        return weighted_mean(x, weight, axis_name, axis_index_groups, out, reproducible, place)
    return _reduce(dtypes.MEAN, x, axis_name, axis_index_groups, out, reproducible, sys._getframe(1), name)


def pmax(
    x: Any,
    axis_name: Any = "device",
    *,
    axis_index_groups: Any = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Any:
    r"""Maximum over the ranks of an axis, element by element; NaN where a rank has NaN.

    .. math:: \operatorname{pmax}(x) = \max_r x_r

    Parameters
    ----------
    x : array_like or nest of array_like
        Real; of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    out : numpy.ndarray or nest of numpy.ndarray, optional
        Where to put the result; an array of ``x`` may be the one that its own result is put into.
    reproducible : bool, default False
        A maximum always is.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        The same bits on all ranks, nested as ``x``, in the dtype of ``x``. 0 is above -0.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold real numbers, or an ``out`` of another dtype.
    ValueError
        For groups that do not hold each rank once, or an ``out`` of another shape or that shares memory.

    Notes
    -----
    The tangents are those of the rank that has the maximum, of the lowest one where several have it, and of the lowest
    that has NaN where the result is NaN. This rule is ours; JAX has none. At ties the derivative is thus one-sided.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.pmax(3)
    array(3)
    """
    return _reduce(dtypes.MAX, x, axis_name, axis_index_groups, out, reproducible, sys._getframe(1), name)


def pmin(
    x: Any,
    axis_name: Any = "device",
    *,
    axis_index_groups: Any = None,
    out: Any = None,
    reproducible: bool = False,
    name: str | None = None,
) -> Any:
    r"""Minimum over the ranks of an axis, element by element; NaN where a rank has NaN.

    .. math:: \operatorname{pmin}(x) = \min_r x_r

    Parameters
    ----------
    x : array_like or nest of array_like
        Real; of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    axis_index_groups : sequence of sequences of int, optional
        As of :func:`psum`.
    out : numpy.ndarray or nest of numpy.ndarray, optional
        Where to put the result; an array of ``x`` may be the one that its own result is put into.
    reproducible : bool, default False
        A minimum always is.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        The same bits on all ranks, nested as ``x``, in the dtype of ``x``. -0 is below 0.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold real numbers, or an ``out`` of another dtype.
    ValueError
        For groups that do not hold each rank once, or an ``out`` of another shape or that shares memory.

    Notes
    -----
    The tangents are those of the winning rank, as in :func:`pmax`.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.pmin((2.5, None))
    (array(2.5), None)
    """
    return _reduce(dtypes.MIN, x, axis_name, axis_index_groups, out, reproducible, sys._getframe(1), name)


def broadcast(x: Any, axis_name: Any = "device", *, root: int = 0, name: str | None = None) -> Any:
    """Send the value of one rank to all ranks of an axis.

    Parameters
    ----------
    x : array_like or nest of array_like
        Of the same shape, dtype and nest on all ranks.
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.
    root : int, default 0
        The rank, on this axis, whose value counts.
    name : str, optional
        As of :func:`psum`.

    Returns
    -------
    numpy.ndarray or nest of numpy.ndarray
        New arrays with the value of rank ``root``, to the bit; tangents too.

    Raises
    ------
    CollectiveMismatchError
        On all ranks, where they call different functions, or with different shapes, dtypes, nests or in another order.
    NameError
        For an axis that does not exist.
    TypeError
        For ``x`` that does not hold numbers.
    ValueError
        For a ``root`` that is not a rank of the axis.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.broadcast([1.0, 2.0])
    [array(1.), array(2.)]
    """
    from numbafunc.parallel.broadcasting import broadcast as implementation

    return implementation(x, axis_name, root, Place.of(sys._getframe(1), name))


def axis_index(axis_name: Any = "device") -> int:
    """Number of this rank on an axis.

    Parameters
    ----------
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`; with several names the last one varies fastest.

    Returns
    -------
    int
        From 0 to ``axis_size(axis_name) - 1``.

    Raises
    ------
    NameError
        For an axis that does not exist.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.axis_index()
    0
    """
    return axes.coordinates(axis_name, Place.of(sys._getframe(1)))


def axis_size(axis_name: Any = "device") -> int:
    """Number of ranks on an axis.

    Parameters
    ----------
    axis_name : str or tuple of str, default 'device'
        As of :func:`psum`.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    NameError
        For an axis that does not exist.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.axis_size()
    1
    """
    return axes.find(axis_name, None, Place.of(sys._getframe(1))).size


def register_axis(name: str, communicator: Any) -> None:
    """Name the ranks of a communicator of mpi4py, for use as ``axis_name``.

    All ranks of the communicator call it together. The communicator is duplicated, so the messages of this package and
    those of the program don't meet.

    Parameters
    ----------
    name : str
        Any but ``'device'``. A name that exists gets the new meaning.
    communicator : mpi4py.MPI.Intracomm
        The ranks.

    Raises
    ------
    TypeError
        For anything that is not an intracommunicator.
    ValueError
        For the name ``'device'``.

    Examples
    --------
    Ranks with even and with odd numbers::

        from mpi4py import MPI

        half = MPI.COMM_WORLD.Split(MPI.COMM_WORLD.rank % 2)
        numbafunc.parallel.register_axis("half", half)
        numbafunc.parallel.psum(x, "half")
    """
    axes.register(name, communicator)


def grid(**sizes: int) -> dict[str, int]:
    """Arrange all ranks as a grid and name its dimensions, for use as ``axis_name``.

    All ranks call it together, with the same sizes. The last dimension varies fastest. A tuple of several
    names becomes an axis at its first use, which all ranks have to make together too.

    Parameters
    ----------
    **sizes : int
        Length of each dimension; their product is the number of ranks. One of them may be -1 and takes what is left.

    Returns
    -------
    dict of str to int
        The lengths.

    Raises
    ------
    CollectiveMismatchError
        Where ranks ask for different grids.
    TypeError
        For a length that is not an integer.
    ValueError
        For lengths that don't fit the number of ranks, or the name ``'device'``.

    Examples
    --------
    In a single process:

    >>> import numbafunc
    >>> numbafunc.parallel.grid(data=-1, model=1)
    {'data': 1, 'model': 1}
    >>> numbafunc.parallel.psum(2.0, ("data", "model"))
    array(2.)
    """
    return axes.make_grid(sizes, Place.of(sys._getframe(1)))


def set_timeout(seconds: float) -> None:
    """Set the time that a rank waits for the others in a collective call before it ends the job.

    Parameters
    ----------
    seconds : float
        0 to wait for ever. The default is 300, or what the environment variable ``NUMBAFUNC_MPI_TIMEOUT`` says.

    Raises
    ------
    TypeError
        For anything that is not a number.
    ValueError
        For a negative number or NaN.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.parallel.set_timeout(300)
    """
    _watchdog().limit = _checked_limit(seconds)


_register(psum, pmean, pmax, pmin, broadcast, axis_index, axis_size)
_register(all_gather, reduce_scatter, all_to_all, ppermute, barrier, pscan, pargmax, pargmin)
_presented(*map(globals().get, __all__))
