"""Resizing of images and of arrays of any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from numbafunc.backend import Backend
from numbafunc.constants import Interpolate
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import empty
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.linear import Linear
from numbafunc.kinds.moving_calls import keep_linear
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, IMAGES, Call
from numbafunc.kinds.shortcuts import FLAT, kernel_call, new_shortcut, shortcut
from numbafunc.limits import FEW_ELEMENTS
from numbafunc.ops.resize_taps import Sampling, kept_steps, resample
from numbafunc.ops.resize_transpose import prepared_transpose, resample_transpose

__all__ = ["interpolate", "upsample_2d"]

METHODS = {
    "nearest": "nearest",
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), "linear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "cubic"),
    "lanczos3": "lanczos3",
    "lanczos5": "lanczos5",
}

_RESAMPLE: Any = (resample, Backend.resize, resample_transpose, Backend.resize_transpose, prepared_transpose)
_interpolate = Linear("interpolate", *_RESAMPLE)
_upsample_2d = Linear("upsample_2d", *_RESAMPLE)


_OPTIONS = ("align_corners", "antialias", "cubic_coefficient", "border")


@shortcut("input", tuples=["size", "scale_factor"], options=_OPTIONS)
def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: Any = Interpolate.BILINEAR,
    *,
    align_corners: bool = False,
    antialias: bool = True,
    cubic_coefficient: float = -0.5,
    border: str = "renormalize",
) -> Any:
    r"""Resize an array along some of its axes.

    .. math::
        y_o = \sum_i w_{oi} x_i, \quad
        w_{oi} \propto k\left(\frac{|c_o - i|}{\max(n/m, 1)}\right), \quad \sum_i w_{oi} = 1, \quad
        c_o = \left(o + \tfrac12\right) \frac{n}{m} - \tfrac12

    along each axis, from length :math:`n` to length :math:`m`.

    Parameters
    ----------
    input : array_like
        Real numbers. Integers and bool are taken as float64, but for ``nearest``.
    size : int, tuple of int or list of int, optional
        New lengths: of the last axis, of as many trailing axes, or, as a list, of all axes.
    scale_factor : int or float, or tuple of these, optional
        Factors of the lengths: one for all axes but the first, or one for each of as many trailing axes. Either this or
        ``size`` must be given, and be neither 0 nor empty. Lengths are rounded down, and with a factor that is not
        whole :math:`n/m` is one over this factor, as the decimal or ratio of small numbers that is meant.
    mode : Interpolate or str, default Interpolate.BILINEAR
        The method, or its name in any case: nearest; linear, bilinear, trilinear or triangle; cubic, bicubic or
        tricubic; lanczos3; lanczos5. The names do not limit the number of axes.
    align_corners : bool, default False
        Whether the outermost results are the outermost elements: :math:`c_o = o (n - 1) / (m - 1)`, 0 for a single
        result. Not for nearest.
    antialias : bool, default True
        Whether the distance is stretched where an axis shrinks. Without effect for nearest.
    cubic_coefficient : float, default -0.5
        The coefficient :math:`a` of the cubic weights.
    border : {"renormalize", "replicate"}, default "renormalize"
        Beyond the borders there is nothing, and the weights of elements that exist are divided by their sum; or the
        elements at the borders are repeated. Not for nearest.

    Returns
    -------
    numpy.ndarray
        In the floating-point dtype of the input; for ``nearest`` in its dtype, whatever it is.

    Raises
    ------
    TypeError
        For an input that does not hold real numbers, sizes that are not integers, and other arguments that are not what
        they should be.
    ValueError
        For both or none of ``size`` and ``scale_factor``, more numbers than axes, a list that does not give all axes,
        negative numbers, an axis of length 0 that would have to grow, an unknown mode, or an option that the mode does
        not have.

    Notes
    -----
    The weight as a function of the distance, :math:`k(d)`, is :math:`\max(0, 1 - d)` for linear; for cubic it is
    :math:`(a + 2) d^3 - (a + 3) d^2 + 1` below 1 and :math:`a (d^3 - 5 d^2 + 8 d - 4)` from there to 2; for lanczos
    it is :math:`\operatorname{sinc}(d) \operatorname{sinc}(d/r)` below the radius :math:`r`. The distance is
    stretched when an axis shrinks, so that nothing between the samples is lost. At the borders the weights of
    elements that exist are divided by their sum.

    The defaults are those of ``jax.image.resize``. The results of ``torch.nn.functional.interpolate`` come with
    ``antialias=False`` and, for bicubic, with ``cubic_coefficient=-0.75, border="replicate"``; those of its
    ``antialias=True`` with the defaults; those of its nearest-exact with nearest. As there, an axis that a factor
    leaves at its length is left alone for linear, and with ``antialias`` for all methods but nearest.

    ``nearest`` copies the element :math:`\lfloor (o + \tfrac12) n / m \rfloor`, found in integers: where the centre
    of a result lies halfway between two elements, the later one.

    An element that is not finite reaches the results in which it has a weight other than zero, and no others; so it is
    with tangents. The op is linear, so derivatives are those of the input resized.

    References
    ----------
    R. G. Keys, "Cubic convolution interpolation for digital image processing", IEEE Transactions on Acoustics, Speech
    and Signal Processing 29 (1981), 1153-1160, for the cubic weights.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.interpolate([1.0, 2.0, 4.0, 8.0], size=8)
    array([1.  , 1.25, 1.75, 2.5 , 3.5 , 5.  , 7.  , 8.  ])
    >>> numbafunc.interpolate([1.0, 2.0, 4.0, 8.0], size=3, mode="nearest")
    array([1., 4., 8.])
    >>> numbafunc.interpolate([1.0, 2.0, 4.0, 8.0], size=3, align_corners=True, antialias=False)
    array([1., 3., 8.])
    """
    given = arguments.as_array_anywhere(input, "input")
    sampling = _sampling(_method(mode, "mode"), align_corners, antialias, cubic_coefficient, border)
    target, scales = _target(given.shape, size, scale_factor)
    sampling = sampling._replace(scales=scales) if scales else sampling
    asked = ("scale_factor", scale_factor) if size is None else ("size", size)
    return _resize(_interpolate, given, "input", target, sampling, asked)


@shortcut("x", tuples=["scale"], options=_OPTIONS)
def upsample_2d(
    x: Any,
    scale: Any,
    method: Any = Interpolate.BILINEAR,
    *,
    align_corners: bool = False,
    antialias: bool = True,
    cubic_coefficient: float = -0.5,
    border: str = "renormalize",
) -> Any:
    r"""Enlarge the last two axes of a batch of images by factors.

    See :func:`interpolate` for the formula and the methods.

    Parameters
    ----------
    x : array_like
        Real numbers of shape (N, C, H, W). Integers and bool are taken as float64, but for ``nearest``.
    scale : int or float, or tuple or list of two
        Factor of H and W, or of each.
    method : Interpolate or str, default Interpolate.BILINEAR
        The method, or its name in any case.
    align_corners, antialias, cubic_coefficient, border
        As in :func:`interpolate`.

    Returns
    -------
    numpy.ndarray
        Of shape (N, C, H * scale, W * scale), lengths rounded down, in the floating-point dtype of ``x``; for
        ``nearest`` in its dtype.

    Raises
    ------
    TypeError
        For an ``x`` that does not hold real numbers, factors that are no numbers, and options that are not what they
        should be.
    ValueError
        For an ``x`` that does not have four axes, factors that are negative or not one or two, an unknown method, or an
        option that the method does not have.

    Notes
    -----
    An element that is not finite reaches the results in which it has a weight other than zero, and no others. The op is
    linear, so derivatives are those of the input resized.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.upsample_2d([[[[0.0, 4.0]]]], (1, 2))
    array([[[[0., 1., 3., 4.]]]])
    """
    given = arguments.as_array_anywhere(x, "x")
    if given.ndim != 4:
        raise ShapeError(f"x has shape {given.shape}; wanted: four axes (N, C, H, W)")
    sampling = _sampling(_method(method, "method"), align_corners, antialias, cubic_coefficient, border)
    wanted = "an int or a float, or a pair of them"
    factors = _factors(scale, "scale", wanted)
    if len(factors) != 2:
        if isinstance(scale, (tuple, list)):
            raise ValueError(f"scale is {scale!r}; wanted: {wanted}")
        factors *= 2
    target, scales = _scaled(given.shape, factors)
    sampling = sampling._replace(scales=scales) if scales else sampling
    return _resize(_upsample_2d, given, "x", target, sampling, ("scale", scale))


_PLAIN = {method: Sampling(method) for method in METHODS.values()}


def _sampling(method: str, align_corners: Any, antialias: Any, cubic_coefficient: Any, border: Any) -> Sampling:
    """How to resample, from options that are checked."""
    plain = align_corners is False and antialias is True and type(border) is str and border == "renormalize"
    if plain and type(cubic_coefficient) is float and cubic_coefficient == -0.5:
        return _PLAIN[method]
    for name, flag in (("align_corners", align_corners), ("antialias", antialias)):
        arguments.check_flag(flag, name)
    coefficient = arguments.as_float(cubic_coefficient, "cubic_coefficient", "a number")
    if not abs(coefficient) <= 1e3:
        raise ValueError(f"cubic_coefficient is {cubic_coefficient!r}; wanted: a number from -1000 to 1000")
    if not isinstance(border, str):
        raise TypeError(f"border is {border!r}; wanted: {_BORDERS}")
    if border not in ("renormalize", "replicate"):
        raise ValueError(f"border is {border!r}; wanted: {_BORDERS}")
    if method == "nearest":
        for name, given, default in (("align_corners", align_corners, False), ("border", border, "renormalize")):
            if given != default:
                raise ValueError(f"{name} is {given!r} for nearest; wanted: {default!r}, or another method")
    if method != "cubic" and coefficient != -0.5:
        raise ValueError(f"cubic_coefficient is {cubic_coefficient!r} for {method}; wanted: cubic, or -0.5")
    if method == "nearest":
        return _PLAIN[method]
    return Sampling(method, bool(align_corners), bool(antialias), coefficient, border)


_BORDERS = "'renormalize' or 'replicate'"


def _resize(op: Linear, x: Any, name: str, target: tuple[int, ...], sampling: Sampling, asked: tuple[str, Any]) -> Any:
    if not 0 < math.prod(target) < FEW_ELEMENTS:
        arguments.check_size(target, x.dtype, *asked)
    for n, m in zip(x.shape, target):
        if n == 0 and m > 0:
            raise ValueError(f"{name} has shape {x.shape}, to be resized to {target}; wanted: no empty axis to enlarge")
    if sampling.method != "nearest" and not arguments.is_float(x.dtype) and isinstance(x, np.ndarray):
        x = x.astype(np.float64)
    shortcut = new_shortcut(moving=True)
    if shortcut is not None and shortcut.moving:

        def prepare(part: Any, leading: int) -> Callable[..., Any] | None:
            return _prepared(part, (*part.shape[:leading], *target), sampling)

        return keep_linear(shortcut, x, lambda x: op(x, target, sampling), prepare)
    result = op(x, target, sampling)
    if shortcut is not None and shortcut.operands[0] is x:
        call = _prepared(x, target, sampling)
        if call is not None:
            shortcut.keep(call)
    return result


def _prepared(x: np.ndarray[Any, Any], target: tuple[int, ...], sampling: Sampling) -> Callable[..., Any] | None:
    """A prepared call for contiguous arrays like this one, if its result has been computed before and there is one."""
    if x.dtype.char not in "fd":
        return None
    calls = []
    for step in kept_steps(x.shape, target, sampling, x.dtype):
        tail = (step.places, step.weights)
        code = machine_code(step.kernel, (*[empty(0, x.dtype)] * 2, *tail))
        calls.append(kernel_call(code, step.shape, x.dtype, [FLAT], (), tail))
    if len(calls) == 2:
        first, second = calls
        return lambda x: second(first(x))
    return calls[0] if len(calls) == 1 else None


def _method(mode: Any, name: str) -> str:
    """The method of a member of Interpolate, or of its name in any case."""
    if isinstance(mode, Interpolate):
        return METHODS[mode.value]
    wanted = f"a member of Interpolate or one of {', '.join(METHODS)}"
    if not isinstance(mode, str):
        raise TypeError(f"{name} is {mode!r}; wanted: {wanted}")
    if mode.lower() not in METHODS:
        raise ValueError(f"{name} is {mode!r}; wanted: {wanted}")
    return METHODS[mode.lower()]


Factor = Any  # int or float
Scales = tuple["tuple[int, int] | None", ...]


def _target(shape: tuple[int, ...], size: Any, scale_factor: Any) -> tuple[tuple[int, ...], Scales]:
    """The shape that is asked for, and the factors that differ from the ratios of lengths."""
    sized = size is not None
    if sized == (scale_factor is not None) or not (_is_something(size) and _is_something(scale_factor)):
        raise ValueError(f"size is {size!r} and scale_factor is {scale_factor!r}; wanted: exactly one of them, not 0")
    ndim = len(shape)
    if sized:
        lengths = _whole_numbers(size, "size", "an int, a tuple of ints, or a list of ints for all axes")
        if len(lengths) > ndim or (isinstance(size, list) and len(lengths) != ndim):
            raise ValueError(
                f"size is {size!r} for an input of shape {shape}; wanted: at most {ndim} numbers, as a list {ndim}"
            )
        return shape[: ndim - len(lengths)] + lengths, ()
    wanted = "an int or a float, or a tuple of them"
    if isinstance(scale_factor, list):
        raise TypeError(f"scale_factor is {scale_factor!r}; wanted: {wanted}")
    factors = _factors(scale_factor, "scale_factor", wanted)
    if not isinstance(scale_factor, tuple):
        factors *= max(0, ndim - 1)
    if len(factors) > ndim:
        raise ValueError(f"scale_factor is {scale_factor!r} for an input of shape {shape}; wanted: at most {ndim}")
    return _scaled(shape, factors)


def _scaled(shape: tuple[int, ...], factors: tuple[Factor, ...]) -> tuple[tuple[int, ...], Scales]:
    """A shape with factors of the trailing axes, and those that differ from the ratios of lengths."""
    kept = len(shape) - len(factors)
    target = shape[:kept] + tuple(math.floor(n * factor) for n, factor in zip(shape[kept:], factors))
    if all(isinstance(factor, int) for factor in factors):
        return target, ()
    scales: list[tuple[int, int] | None] = [None] * kept
    for n, m, factor in zip(shape[kept:], target[kept:], factors):
        ratio = _ratio(factor)
        scales.append(None if n * ratio == m else (ratio.numerator, ratio.denominator))
    return target, tuple(scales) if any(scales) else ()


def _ratio(factor: Factor) -> Fraction:
    """The ratio of small numbers that a float stands for, or the one that it is."""
    meant = Fraction(factor).limit_denominator(10**6)
    return meant if float(meant) == factor else Fraction(factor)


def _factors(value: Any, name: str, wanted: str) -> tuple[Factor, ...]:
    """A factor, or a sequence of factors, as a tuple of ints and floats."""
    numbers = value if isinstance(value, (tuple, list)) else (value,)
    if not any(isinstance(number, (float, np.floating)) for number in numbers):
        return _whole_numbers(value, name, wanted)
    result: list[Factor] = []
    for number in numbers:
        if isinstance(number, (float, np.floating)):
            if not 0 <= number < 2**31:
                raise ValueError(f"{name} is {value!r}; wanted: nothing negative, and less than 2**31")
            result.append(int(number) if number == int(number) else float(number))
        else:
            result += _whole_numbers(number, name, wanted)
    return tuple(result)


def _is_something(value: Any) -> bool:
    return not isinstance(value, (int, float, tuple, list, np.generic)) or bool(value)


def _whole_numbers(value: Any, name: str, wanted: str) -> tuple[int, ...]:
    """An integer, or a sequence of integers, as a tuple."""
    numbers = value if isinstance(value, (tuple, list)) else (value,)
    result = tuple(whole for whole in map(arguments.as_int, numbers) if whole is not None)
    if len(result) != len(numbers):
        raise TypeError(f"{name} is {value!r}; wanted: {wanted}")
    if any(not 0 <= number < 2**31 for number in result):
        raise ValueError(f"{name} is {value!r}; wanted: nothing negative, and less than 2**31")
    return result


CALLS["interpolate"] = Call(IMAGES, settings={"scale_factor": 2})
CALLS["upsample_2d"] = Call(IMAGES, settings={"scale": 2})
register(__name__)
