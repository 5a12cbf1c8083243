"""Padding of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU, Backend
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import WORDS, empty, flat_words
from numbafunc.dual import anywhere
from numbafunc.dual.array import Components, Dual, assemble, components, parts_to_read
from numbafunc.dual.dtypes import is_inexact
from numbafunc.dual.recorded import recorded_level
from numbafunc.dual.recorder import Recorder
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.defaults import Unset
from numbafunc.kinds.linear import JointlyLinear, Linear
from numbafunc.kinds.moving_calls import keep_linear
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, IMAGES, VECTORS, Call
from numbafunc.kinds.shortcuts import FLAT, WORDS_OF_IT, kernel_call, new_shortcut, shortcut
from numbafunc.ops import pad_margins
from numbafunc.ops.pad_index import LARGEST_TABLE, MAPS, Widths, padded, padded_transpose, prepare, prepared_back

_constant = JointlyLinear(
    "pad_constant",
    lambda arrays, leading, widths: padded(arrays[0], leading, widths, "constant", arrays[1]),
    Backend.pad_constant,
)
_mapped = Linear(
    "pad_mapped", padded, Backend.pad_mapped, padded_transpose, Backend.pad_mapped_transpose, prepared_back
)
_odd = Linear("pad_odd", pad_margins.odd, Backend.pad_odd)
_ramp = JointlyLinear("pad_linear_ramp", pad_margins.ramp, Backend.pad_ramp)

_MODES = sorted(("constant", "empty", "linear_ramp", *MAPS, *pad_margins.STATISTICS))

# The option of each mode; other modes have none.
_OPTIONS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    **dict.fromkeys(pad_margins.STATISTICS, "stat_length"),
}

# Modes that can pad an axis without elements.
_WITHOUT_ELEMENTS = ("constant", "empty")

# NumPy sorts no others.
_MOST_AXES_OF_MEDIAN = 32

_ZERO = Unset(0)


def _pairs(given: Any, name: str, ndim: int, smallest: int) -> Widths:
    """A pair of ints for each axis."""
    if type(given) is tuple and len(given) == ndim and all(_is_plain_pair(pair, smallest) for pair in given):
        return given
    wanted = f"an int, (before, after), one int or pair for each of {ndim} axes, or a dict of these by axis"
    arguments.check_known(given, name)
    if isinstance(given, dict):
        return _by_axis(given, name, ndim, smallest, wanted)
    if given is None or isinstance(given, (str, bytes, Dual)):
        raise TypeError(f"{name} is {given!r}; wanted: {wanted}")
    try:
        numbers = np.asarray(given)
    except ValueError:
        raise ShapeError(f"{name} is {given!r}; wanted: {wanted}") from None
    if numbers.dtype.kind not in "iuO" and (numbers.size or numbers.ndim == 0):
        raise TypeError(f"{name} is {given!r}, not integers; wanted: {wanted}")
    for entry in _entries(given):
        if isinstance(entry, (bool, np.bool_)) or not hasattr(type(entry), "__index__"):
            raise TypeError(f"{name} is {given!r}, not integers; wanted: {wanted}")
    if not _is_form(numbers.shape, ndim):
        raise ShapeError(f"{name} is {given!r}, of shape {numbers.shape}; wanted: {wanted}")
    if numbers.size and numbers.min() < smallest:
        raise ValueError(f"{name} is {given!r}; wanted: numbers from {smallest} on")
    return tuple((int(a), int(b)) for a, b in np.broadcast_to(numbers, (ndim, 2)))


def _is_plain_pair(pair: Any, smallest: int) -> bool:
    return (
        type(pair) is tuple
        and len(pair) == 2
        and type(pair[0]) is int
        and type(pair[1]) is int
        and smallest <= min(pair)
        and max(pair) < 2**31
    )


def _is_form(shape: tuple[int, ...], ndim: int) -> bool:
    """Whether options of a shape broadcast to a pair for each axis."""
    return shape in ((), (1,), (2,), (1, 1), (1, 2), (ndim, 1), (ndim, 2))


def _by_axis(given: dict[Any, Any], name: str, ndim: int, smallest: int, wanted: str) -> Widths:
    """A pair of ints for each axis, those of the axes that a dict has, and 0 for all others."""
    pairs = [(0, 0)] * ndim
    named = set()
    for axis, width in given.items():
        place = arguments.as_int(axis)
        if place is None:
            raise TypeError(f"{name} is {given!r}, with the axis {axis!r}; wanted: {wanted}")
        if not -ndim <= place < ndim:
            raise ShapeError(f"{name} is {given!r}, with the axis {place}, for an array of {ndim} axes")
        if place % ndim in named:
            raise ShapeError(f"{name} is {given!r}, which names axis {place % ndim} twice")
        named.add(place % ndim)
        pairs[place % ndim] = _pairs(width, f"{name}[{axis!r}]", 1, smallest)[0]
    return tuple(pairs)


def _entries(given: Any) -> Iterator[Any]:
    """The entries of a nest of sequences, unconverted, since NumPy would make an integer of a bool among integers."""
    if isinstance(given, (tuple, list)):
        for entry in given:
            yield from _entries(entry)
    elif isinstance(given, np.ndarray):
        yield from given.ravel()
    else:
        yield given


def _stacked(given: Any) -> Any:
    """A nest of numbers and Dual numbers as one array."""
    if isinstance(given, (tuple, list)) and arguments.contains_dual(given):
        entries = [_stacked(entry) for entry in given]
        shapes = {np.shape(entry) if not isinstance(entry, Dual) else entry.shape for entry in entries}
        if len(shapes) > 1:
            raise ShapeError
        return np.stack(entries)
    return given


def _values(given: Any, name: str, array: Any) -> Any:
    """A value before and one after each axis, in the dtype of the array."""
    ndim = array.ndim
    if type(given) is int and given == 0:
        return anywhere.repeated(np.zeros((1, 1), array.dtype), (ndim, 2))
    wanted = f"a number, (before, after), or one number or pair for each of {ndim} axes"
    arguments.check_known(given, name)
    try:
        values = arguments.as_array(_stacked(given), name, complex_values=array.dtype.kind == "c")
    except ShapeError:
        raise ShapeError(f"{name} is {given!r}; wanted: {wanted}") from None
    if not _is_form(values.shape, ndim):
        raise ShapeError(f"{name} has shape {values.shape}; wanted: {wanted}")
    if isinstance(values, Dual):
        if not is_inexact(array.dtype):
            raise TypeError(f"{name} is a Dual array, but array has dtype {array.dtype}; wanted: a floating dtype")
    elif array.dtype.kind in "iu" and arguments.is_float(values.dtype) and not np.isfinite(values).all():
        raise ValueError(f"{name} is {given!r}; wanted: finite numbers for an array of dtype {array.dtype}")
    return np.broadcast_to(values.astype(array.dtype), (ndim, 2))


def _checked(mode: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, all of which must belong to the mode."""
    if isinstance(mode, Dual):
        raise TypeError("mode is a Dual array; wanted: the name of a mode or a function")
    options = {name: value for name, value in given.items() if value is not None}
    constants = given["constant_values"]
    if constants is None:
        raise TypeError("constant_values is None; wanted: a number, (before, after), or one such pair for each axis")
    if constants is _ZERO:
        del options["constant_values"]
    if callable(mode):
        return options
    if not isinstance(mode, str) or mode not in _MODES:
        raise ValueError(f"mode is {mode!r}; wanted: a function, or one of {', '.join(_MODES)}")
    for name, value in options.items():
        if _OPTIONS.get(mode) != name:
            takers = ", ".join(sorted(taker for taker, option in _OPTIONS.items() if option == name))
            raise ValueError(f"{name} is {value!r}, but mode is {mode!r}; it is an option of {takers}")
    kind = options.get("reflect_type", "even")
    if not isinstance(kind, str) or kind not in ("even", "odd"):
        raise ValueError(f"reflect_type is {kind!r}; wanted: 'even' or 'odd'")
    return options


def _by_name(array: Any, widths: Widths, mode: str, options: dict[str, Any]) -> Any:
    if mode in ("constant", "empty"):
        constants = _values(options.get("constant_values", 0), "constant_values", array)
        is_here = type(array) is Dual and backend.of(array) is CPU
        if type(constants) is not Dual and (is_here or recorded_level(array)):
            return _with_constants(array, constants, widths)
        return _joint(_constant, array, constants, widths)
    if mode == "linear_ramp":
        return _joint(_ramp, array, _values(options.get("end_values", 0), "end_values", array), widths)
    if mode in MAPS:
        odd = options.get("reflect_type") == "odd"
        if not odd:
            return _mapped(array, widths, mode)
        here = backend.of(array)
        if anywhere.is_recorded_elsewhere(array):
            return anywhere.sent(_odd(anywhere.fetched(array), widths, mode == "symmetric"), here)
        return _odd(array, widths, mode == "symmetric")
    lengths = _pairs(options["stat_length"], "stat_length", array.ndim, 1) if "stat_length" in options else None
    if anywhere.is_recorded_elsewhere(array):
        return anywhere.sent(CPU.pad_statistics(anywhere.fetched(array), widths, lengths, mode), backend.of(array))
    return backend.of(array).pad_statistics(array, widths, lengths, mode)


def _with_constants(array: Dual, constants: Any, widths: Widths) -> Any:
    """The array with margins of constants that have no tangents, so those of its tangents are zeros."""
    parts = parts_to_read(array)
    value = _constant.anywhere((parts.pop(()), constants), 0, widths)
    results: Components = {(): value}
    for levels, part in parts.items():
        results[levels] = _mapped.of_tangents(part, len(levels), 0, value, widths, "constant")
    return assemble(results)


def _joint(op: JointlyLinear, array: Any, constants: Any, widths: Widths) -> Any:
    """The op, in main memory where tangents are recorded elsewhere."""
    here = backend.of(array)
    if here is not CPU and (recorded_level(array) or recorded_level(constants)):
        return anywhere.sent(op((anywhere.fetched(array), constants), widths), here)
    return op((array, constants), widths)


@CPU.brings(Backend.pad_statistics)
def _statistical(array: Any, widths: Widths, lengths: Any, mode: str) -> Any:
    return pad_margins.statistical(array, widths, lengths, pad_margins.STATISTICS[mode])


def _by_function(array: Any, widths: Widths, function: Callable[..., Any], options: dict[str, Any]) -> Any:
    """The array padded with zeros, each of its lines replaced by the function's result, along each axis in turn."""
    result = _by_name(array, widths, "constant", {})
    here = backend.of(result)
    recorded = anywhere.is_recorded_elsewhere(result)
    if recorded:  # lines are taken in main memory, and are where they belong when the function gets them
        result = anywhere.fetched(result)
    replaced = backend.of(result).pad_function
    for axis, width in enumerate(widths):

        def of_line(line: Any, axis: int = axis, width: Any = width) -> Any:
            if not recorded:
                return function(line, width, axis, {**options})
            return anywhere.fetched(function(anywhere.sent(line, here), width, axis, {**options}))

        result = replaced(result, axis, of_line)
    return anywhere.sent(result, here) if recorded else result


@CPU.brings(Backend.pad_function)
def _replaced(x: Any, axis: int, function: Callable[[Any], Any]) -> Any:
    if not x.size:
        return x
    lines = np.moveaxis(x, axis, -1)
    new = []
    for index in np.ndindex(lines.shape[:-1]):
        line = arguments.as_array(
            function(lines[index].copy()), "what mode returned", complex_values=x.dtype.kind == "c"
        )
        if line.shape != lines.shape[-1:]:
            raise ShapeError(f"what mode returned has shape {line.shape}; wanted: the new line, {lines.shape[-1:]}")
        new.append(line.astype(x.dtype))
    result = np.moveaxis(np.stack(new).reshape(lines.shape), -1, axis)
    parts = components(result)
    return assemble(
        {key: part if type(part) is Recorder else np.ascontiguousarray(part) for key, part in parts.items()}
    )


def _prepared(array: Any, widths: Widths, mode: str, constant: Any) -> Callable[..., Any] | None:
    """A prepared call for contiguous arrays like this one, if there is one."""
    if mode not in ("constant", "empty", *MAPS) or array.dtype.kind == "c":
        return None
    if not math.prod(before + length + after for length, (before, after) in zip(array.shape, widths)):
        return None
    padding, kernel = prepare(array.shape, widths, "constant" if mode == "empty" else mode, array.itemsize)
    if padding.entries > LARGEST_TABLE:
        return None
    word = WORDS[array.itemsize]
    values = flat_words(_values(constant, "constant_values", array), 0).view(word)
    code = machine_code(kernel, (empty(0, word), values, empty(0, word), padding.plan))
    way = FLAT if array.dtype == word else WORDS_OF_IT
    handed = (empty(array.size, word),)
    tail = (padding.plan,)
    return kernel_call(code, padding.shape, array.dtype, [way], (values,), tail, result=way, handed=handed)


@shortcut(
    "array", tuples=["pad_width"], floats=["constant_values"], unset=["stat_length", "end_values", "reflect_type"]
)
def pad(
    array: Any,
    pad_width: Any,
    mode: str | Callable[..., Any] = "constant",
    *,
    stat_length: Any = None,
    constant_values: Any = _ZERO,
    end_values: Any = None,
    reflect_type: Any = None,
) -> Any:
    r"""Add margins to an array.

    .. math:: y_{b + i} = x_i, \quad 0 \le i < n

    on each axis, of length n, with b elements added before it. Axes are padded in order: a later one sees the margins
    of the earlier ones.

    Parameters
    ----------
    array : array_like
        Array to pad. One without axes is returned unchanged.
    pad_width : int, sequence of int or dict
        Elements added: on all sides, as (before, after) for all axes, as one such pair for each axis, as one int in
        brackets for each axis, ``((1,), (2,))``, or as a dict of an int or pair for some axes, ``{-1: (0, 2)}``.
    mode : str or callable, default "constant"
        What the margins hold:

        - ``"constant"``: ``constant_values``, and ``"empty"``: zeros;
        - ``"edge"``: the element at the edge;
        - ``"linear_ramp"``: equal steps from ``end_values``, outermost, to the edge; integers are rounded down;
        - ``"maximum"``, ``"mean"``, ``"median"``, ``"minimum"``: that statistic of ``stat_length`` elements; means and
          medians of integers are rounded half to even, those of bool are true where one that counts is true;
        - ``"reflect"``, ``"symmetric"``: the mirrored array, without and with the edge itself, continued periodically;
        - ``"wrap"``: the array, continued periodically;
        - a function: ``mode(line, (before, after), axis, options)`` gets each line of the array padded with zeros,
          along each axis in turn, and returns the new line (``numpy.pad`` has it change the line in place instead).
          ``options`` is a dict of the options below that were given.
    stat_length : int or sequence of int, optional
        Number of elements, counted from the edge, that a statistic is taken of, in the forms of ``pad_width``. By
        default all elements along the axis.
    constant_values : array_like, default 0
        A constant, (before, after), or one such pair for each axis, or ``((c,), (d,))``; in the dtype of the array.
    end_values : array_like, optional
        The outermost elements of ramps, in the same forms. By default 0.
    reflect_type : {"even", "odd"}, optional
        Of ``"reflect"`` and ``"symmetric"``: whether reflections are the elements themselves, which is the default, or
        twice the edge less the elements.

    Returns
    -------
    numpy.ndarray
        In the dtype of ``array``, integers and bool included.

    Raises
    ------
    ValueError
        For an unknown mode, an option that is given and not of the mode, a negative width, a ``stat_length`` below 1,
        a result that no array can hold, widths or values in another form, or an axis without elements that the mode
        can't pad (the last two are a TypeError too).
    TypeError
        For inputs that are not numbers, or widths that are not integers.

    Notes
    -----
    The derivative follows the elements; ``constant_values`` and ``end_values`` have derivatives too. Where several
    elements are the maximum or minimum, the derivative is the mean of theirs; that of the median is the one of the
    middle element, or the mean of those of the two in the middle.

    Examples
    --------
    >>> import numbafunc
    >>> numbafunc.pad([1, 2, 3], 2)
    array([0, 0, 1, 2, 3, 0, 0])
    >>> numbafunc.pad([1, 2, 3], (0, 3), "reflect")
    array([1, 2, 3, 2, 1, 2])
    >>> numbafunc.pad([1.0, 5.0], (1, 2), "linear_ramp", end_values=(0, 7))
    array([0., 1., 5., 6., 7.])
    """
    operand = arguments.as_array_anywhere(array, "array", complex_values=True)
    given = {
        "stat_length": stat_length,
        "constant_values": constant_values,
        "end_values": end_values,
        "reflect_type": reflect_type,
    }
    options = _checked(mode, given)
    widths = _pairs(pad_width, "pad_width", operand.ndim, 0)
    if not operand.ndim:
        return _mapped(operand, widths, "edge")
    shape = tuple(before + length + after for length, (before, after) in zip(operand.shape, widths))
    arguments.check_size(shape, operand.dtype, "pad_width", pad_width)
    if not isinstance(mode, str):
        return _by_function(operand, widths, mode, options)
    if mode == "median" and operand.ndim > _MOST_AXES_OF_MEDIAN:
        raise ShapeError(f"array has {operand.ndim} axes; wanted: at most {_MOST_AXES_OF_MEDIAN} for mode 'median'")
    if mode not in _WITHOUT_ELEMENTS:
        for axis, (length, width) in enumerate(zip(operand.shape, widths)):
            if not length and any(width):
                raise ShapeError(f"array has shape {operand.shape}; wanted: elements on axis {axis} for mode {mode!r}")
    shortcut = new_shortcut(moving=True)
    constant = options.get("constant_values", 0)
    if shortcut is not None and shortcut.moving:

        def prepare_part(part: Any, leading: int) -> Callable[..., Any] | None:
            # Constants do not move.
            return _prepared(part, (*((0, 0),) * leading, *widths), mode, 0 if leading else constant)

        return keep_linear(shortcut, operand, lambda x: _by_name(x, widths, mode, options), prepare_part)
    if shortcut is not None and shortcut.operands[0] is operand:
        call = _prepared(operand, widths, mode, constant)
        if call is not None:
            shortcut.keep(call)
    return _by_name(operand, widths, mode, options)


CALLS["pad"] = Call((*VECTORS, *IMAGES), settings={"pad_width": 1})
register(__name__)
