"""Functions that move elements between the axes of an array."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from numbafunc.errors import RankError, ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.copy import MANY, Movement, scattered
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, IMAGES, Call
from numbafunc.kinds.shortcuts import new_shortcut, shortcut
from numbafunc.ops.resize_taps import Sampling
from numbafunc.ops.resize_transpose import resample_transpose

View = tuple["np.ndarray[Any, Any]", tuple[int, ...]]


class Blocks(NamedTuple):
    """How images are taken apart or assembled.

    Attributes
    ----------
    blocks : callable
        ``blocks(n, c, h, w, a, b)``: the lengths into which the axes are split, and the shape of the result.
    order : tuple of int
        The order into which the axes are put.
    """

    blocks: Callable[..., tuple[tuple[int, ...], tuple[int, ...]]]
    order: tuple[int, ...]


def _of_batch(n: int, c: int, h: int, w: int, a: int, b: int) -> Any:
    return (n // (a * b), a, b, c, h, w), (n // (a * b), c, h * a, w * b)


def _of_channels(n: int, c: int, h: int, w: int, a: int, b: int) -> Any:
    return (n, c // (a * b), a, b, h, w), (n, c // (a * b), h * a, w * b)


def _to_batch(n: int, c: int, h: int, w: int, a: int, b: int) -> Any:
    return (n, c, h // a, a, w // b, b), (n * a * b, c, h // a, w // b)


def _to_channels(n: int, c: int, h: int, w: int, a: int, b: int) -> Any:
    return (n, c, h // a, a, w // b, b), (n, c * a * b, h // a, w // b)


BLOCKS = {
    "batch_to_space2d": Blocks(_of_batch, (0, 3, 4, 1, 5, 2)),
    "channel_to_space2d": Blocks(_of_channels, (0, 1, 4, 2, 5, 3)),
    "space_to_batch2d": Blocks(_to_batch, (0, 3, 5, 1, 2, 4)),
    "space_to_channel2d": Blocks(_to_channels, (0, 1, 3, 5, 2, 4)),
}


def _movement(name: str) -> Movement:
    blocks, order = BLOCKS[name]

    def arrange(x: np.ndarray[Any, Any], leading: int, a: int, b: int) -> View:
        directions = x.shape[:leading]
        lengths, shape = blocks(*x.shape[leading:], a, b)
        view = x.reshape((*directions, *lengths)).transpose(*range(leading), *(leading + axis for axis in order))
        return view, (*directions, *shape)

    return Movement(name, arrange)


def _flatten(x: np.ndarray[Any, Any], leading: int) -> View:
    first, *others = x.shape[leading:]
    return x, (*x.shape[:leading], first, math.prod(others))


def _upscale_nn(x: np.ndarray[Any, Any], leading: int, scale: int) -> View:
    *outside, h, w = x.shape
    view = np.broadcast_to(x[..., None, :, None], (*outside, h, scale, w, scale))
    return view, (*outside, h * scale, w * scale)


def _upscale_nn_transpose(
    cotangent: np.ndarray[Any, Any], leading: int, shape: tuple[int, ...], arrange: Any, scale: int
) -> np.ndarray[Any, Any]:
    """The sum of each block."""
    if cotangent.size < MANY:
        return scattered(cotangent, leading, shape, arrange, scale)
    target = (*shape[:2], shape[2] * scale, shape[3] * scale)
    return resample_transpose(cotangent, leading, shape, target, Sampling("nearest"))


_batch_to_space = _movement("batch_to_space2d")
_channel_to_space = _movement("channel_to_space2d")
_space_to_batch = _movement("space_to_batch2d")
_space_to_channel = _movement("space_to_channel2d")
_flat = Movement("flatten", _flatten)
_upscaled = Movement("upscale_nn", _upscale_nn, _upscale_nn_transpose)


def _block(size: Any) -> tuple[int, int]:
    """A size as a pair of positive ints."""
    if type(size) is int:
        pair = [size, size]
    else:
        given = size.tolist() if isinstance(size, np.ndarray) else size
        entries = [given, given] if not isinstance(given, (tuple, list)) else list(given)
        if len(entries) != 2:
            raise ShapeError(f"size is {size!r}; wanted: an int or a pair of ints")
        pair = [_whole(entry, "size", size, "a positive int or a pair of them") for entry in entries]
    if pair[0] < 1 or pair[1] < 1:
        raise ValueError(f"size is {size!r}; wanted: a positive int or a pair of them")
    return pair[0], pair[1]


def _whole(entry: Any, name: str, given: Any, wanted: str) -> int:
    whole = arguments.as_int(entry)
    if whole is None:
        raise TypeError(f"{name} is {given!r}; wanted: {wanted}")
    return whole


def _images(x: Any) -> Any:
    """An operand with four axes."""
    operand = arguments.as_array_anywhere(x, "x", complex_values=True)
    if operand.ndim != 4:
        raise RankError(f"x has shape {operand.shape}; wanted: four axes (batch, channels, height, width)")
    return operand


def _rearranged(op: Movement, x: Any, size: Any, axes: str) -> Any:
    a, b = _block(size)
    operand = _images(x)
    lengths = dict(zip("NCHW", operand.shape))
    for axis, factor in zip(axes, (a * b,) if len(axes) == 1 else (a, b)):
        if lengths[axis] % factor:
            names = {"N": "batch entries", "C": "channels", "H": "rows", "W": "columns"}
            raise ShapeError(
                f"x has shape {operand.shape}, that is {lengths[axis]} {names[axis]}; "
                f"wanted: a multiple of {factor} for size {size!r}"
            )
    return op(operand, a, b, shortcut=new_shortcut(moving=True))


@shortcut("x", tuples=["size"])
def batch_to_space2d(x: Any, size: Any = 2) -> Any:
    r"""Assemble images from blocks that lie in different entries of a batch.

    .. math:: y_{n, c, ha + i, wb + j} = x_{(na + i)b + j, c, h, w}, \quad 0 \le i < a, \quad 0 \le j < b

    Parameters
    ----------
    x : array_like
        Batch of images, of shape (N, C, H, W) with N a multiple of ab.
    size : int or pair of int, default 2
        Height a and width b of a block.

    Returns
    -------
    numpy.ndarray
        Of shape (N / ab, C, Ha, Wb), in the dtype of ``x``, integers and bool included.

    Raises
    ------
    ValueError
        For an array without four axes (which is a TypeError and an IndexError too), an N that is not divisible (which
        is a TypeError too), or a size that is not positive.
    TypeError
        For inputs that are not numbers, or a size that is not an int.

    See Also
    --------
    space_to_batch2d : The inverse.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(16).reshape(4, 1, 2, 2)
    >>> numbafunc.batch_to_space2d(x)[0, 0]
    array([[ 0,  4,  1,  5],
           [ 8, 12,  9, 13],
           [ 2,  6,  3,  7],
           [10, 14, 11, 15]])
    """
    return _rearranged(_batch_to_space, x, size, "N")


@shortcut("x", tuples=["size"])
def channel_to_space2d(x: Any, size: Any = 2) -> Any:
    r"""Assemble images from blocks that lie in different channels.

    .. math:: y_{n, c, ha + i, wb + j} = x_{n, (ca + i)b + j, h, w}, \quad 0 \le i < a, \quad 0 \le j < b

    Parameters
    ----------
    x : array_like
        Batch of images, of shape (N, C, H, W) with C a multiple of ab.
    size : int or pair of int, default 2
        Height a and width b of a block.

    Returns
    -------
    numpy.ndarray
        Of shape (N, C / ab, Ha, Wb), in the dtype of ``x``, integers and bool included.

    Raises
    ------
    ValueError
        For an array without four axes (which is a TypeError and an IndexError too), a C that is not divisible (which
        is a TypeError too), or a size that is not positive.
    TypeError
        For inputs that are not numbers, or a size that is not an int.

    See Also
    --------
    space_to_channel2d : The inverse.

    References
    ----------
    W. Shi et al., Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
    network, CVPR 2016.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(8).reshape(1, 4, 1, 2)
    >>> numbafunc.channel_to_space2d(x)[0, 0]
    array([[0, 2, 1, 3],
           [4, 6, 5, 7]])
    """
    return _rearranged(_channel_to_space, x, size, "C")


@shortcut("x", tuples=["size"])
def space_to_batch2d(x: Any, size: Any = 2) -> Any:
    r"""Take images apart: the pixels at one place in all blocks become an entry of the batch.

    .. math:: y_{(na + i)b + j, c, h, w} = x_{n, c, ha + i, wb + j}, \quad 0 \le i < a, \quad 0 \le j < b

    Parameters
    ----------
    x : array_like
        Batch of images, of shape (N, C, H, W) with H a multiple of a and W of b.
    size : int or pair of int, default 2
        Height a and width b of a block.

    Returns
    -------
    numpy.ndarray
        Of shape (Nab, C, H / a, W / b), in the dtype of ``x``, integers and bool included.

    Raises
    ------
    ValueError
        For an array without four axes (which is a TypeError and an IndexError too), an H or W that is not divisible
        (which is a TypeError too), or a size that is not positive.
    TypeError
        For inputs that are not numbers, or a size that is not an int.

    See Also
    --------
    batch_to_space2d : The inverse.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(8).reshape(1, 1, 2, 4)
    >>> numbafunc.space_to_batch2d(x)[:, 0]
    array([[[0, 2]],
    <BLANKLINE>
           [[1, 3]],
    <BLANKLINE>
           [[4, 6]],
    <BLANKLINE>
           [[5, 7]]])
    """
    return _rearranged(_space_to_batch, x, size, "HW")


@shortcut("x", tuples=["size"])
def space_to_channel2d(x: Any, size: Any = 2) -> Any:
    r"""Take images apart: the pixels at one place in all blocks become a channel.

    .. math:: y_{n, (ca + i)b + j, h, w} = x_{n, c, ha + i, wb + j}, \quad 0 \le i < a, \quad 0 \le j < b

    Parameters
    ----------
    x : array_like
        Batch of images, of shape (N, C, H, W) with H a multiple of a and W of b.
    size : int or pair of int, default 2
        Height a and width b of a block.

    Returns
    -------
    numpy.ndarray
        Of shape (N, Cab, H / a, W / b), in the dtype of ``x``, integers and bool included.

    Raises
    ------
    ValueError
        For an array without four axes (which is a TypeError and an IndexError too), an H or W that is not divisible
        (which is a TypeError too), or a size that is not positive.
    TypeError
        For inputs that are not numbers, or a size that is not an int.

    See Also
    --------
    channel_to_space2d : The inverse.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.arange(8).reshape(1, 1, 2, 4)
    >>> numbafunc.space_to_channel2d(x)[0]
    array([[[0, 2]],
    <BLANKLINE>
           [[1, 3]],
    <BLANKLINE>
           [[4, 6]],
    <BLANKLINE>
           [[5, 7]]])
    """
    return _rearranged(_space_to_channel, x, size, "HW")


@shortcut("x")
def flatten(x: Any) -> Any:
    r"""Join all axes but the first.

    .. math:: y_{i, (j n_3 + k) n_4 + \dots} = x_{i, j, k, \dots}

    Parameters
    ----------
    x : array_like
        Array with at least one axis.

    Returns
    -------
    numpy.ndarray
        Of shape (length of the first axis, product of the others), in the dtype of ``x``, integers and bool included.

    Raises
    ------
    ValueError
        For an array without axes (which is a TypeError and an IndexError too).
    TypeError
        For inputs that are not numbers.

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> numbafunc.flatten(np.arange(8).reshape(2, 2, 2))
    array([[0, 1, 2, 3],
           [4, 5, 6, 7]])
    """
    operand = arguments.as_array_anywhere(x, "x", complex_values=True)
    if operand.ndim == 0:
        raise RankError("x has no axes; wanted: an array with at least one axis")
    return _flat(operand, shortcut=new_shortcut(moving=True))


@shortcut("x")
def upscale_nn(x: Any, scale: Any = 2) -> Any:
    r"""Enlarge images by an integer factor: each pixel becomes a block.

    .. math:: y_{n, c, hs + i, ws + j} = x_{n, c, h, w}, \quad 0 \le i, j < s

    Parameters
    ----------
    x : array_like
        Batch of images, of shape (N, C, H, W).
    scale : int, default 2
        The factor s for height and width. 0 gives empty images.

    Returns
    -------
    numpy.ndarray
        Of shape (N, C, Hs, Ws), in the dtype of ``x``, integers and bool included.

    Raises
    ------
    ValueError
        For an array without four axes (which is a TypeError and an IndexError too), or a result that no array can
        hold.
    TypeError
        For inputs that are not numbers, or a scale that is negative or not an int (for a sequence, a ValueError
        too).

    Examples
    --------
    >>> import numpy as np
    >>> import numbafunc
    >>> x = np.array([[[[1, 2]]]])
    >>> numbafunc.upscale_nn(x)[0, 0]
    array([[1, 1, 2, 2],
           [1, 1, 2, 2]])
    """
    wanted = "a non-negative int"
    if isinstance(scale, (tuple, list)):
        raise ShapeError(f"scale is {scale!r}; wanted: {wanted}")
    factor = scale if type(scale) is int else _whole(scale, "scale", scale, wanted)
    if factor < 0:
        raise TypeError(f"scale is {scale!r}; wanted: {wanted}")
    operand = _images(x)
    n, c, h, w = operand.shape
    arguments.check_size((n, c, h * factor, w * factor), operand.dtype, "scale", scale)
    return _upscaled(operand, factor, shortcut=new_shortcut(moving=True))


CALLS["batch_to_space2d"] = CALLS["channel_to_space2d"] = CALLS["flatten"] = Call(IMAGES)
CALLS["space_to_batch2d"] = CALLS["space_to_channel2d"] = CALLS["upscale_nn"] = Call(IMAGES)
register(__name__)
