"""A user's compiled functions on dual arrays: the function is compiled again, for numbers with tangents.

In forward mode the tangents of all arguments go through one run, up to eight at a time. In reverse mode the function
is run forward along all unit directions of its arguments, and the step of the tape is the product with the Jacobian.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Sequence
from functools import cache, update_wrapper
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

import numbafunc
from numbafunc import backend
from numbafunc.backend import CPU
from numbafunc.dual.array import Dual, assemble, components, make, settled
from numbafunc.dual.levels import Level
from numbafunc.dual.nests import holds_dual
from numbafunc.dual.recorded import added, recorded_level, shaped_like, taken_apart, with_level
from numbafunc.errors import CompiledDerivativeWarning
from numbafunc.interrupts import held_back
from numbafunc.kinds.njit import COLLECTIVES
from numbafunc.numba_import import after_import, is_imported

LARGEST_JACOBIAN = 2**10
"""The most elements of arguments for which reverse mode finds the Jacobian of a compiled function."""


def is_dispatcher(f: Any) -> bool:
    """Whether something is a function compiled by Numba."""
    kind: Any = type(f)
    return is_imported() and hasattr(f, "py_func") and _is_dispatcher_type(kind)


@cache
def _is_dispatcher_type(kind: Any) -> bool:
    """Whether objects of a type are functions compiled by Numba; Numba's class asks its metaclass, at each question."""
    from numba.core.dispatcher import Dispatcher

    return bool(issubclass(kind, Dispatcher))


def on_duals(f: Any) -> Any:
    """A function that takes dual arrays too, if ``f`` is a function compiled by Numba; otherwise ``f`` itself."""
    return Compiled(f) if is_dispatcher(f) else f


class Compiled:
    """A compiled function that takes dual arrays.

    Parameters
    ----------
    dispatcher : dispatcher
        The user's function.
    """

    def __init__(self, dispatcher: Any) -> None:
        self.dispatcher = dispatcher
        update_wrapper(self, dispatcher.py_func)

    def __call__(self, *args: Any, **options: Any) -> Any:
        args = tuple(map(_given, args))
        if not holds_dual((args, tuple(options.values()))):
            return self.dispatcher(*args, **options)
        try:
            bound = inspect.signature(self.dispatcher.py_func).bind(*args, **options)
        except TypeError as error:
            raise TypeError(f"{self.dispatcher.py_func.__name__}(): {error}") from None
        bound.apply_defaults()
        if bound.kwargs:
            return self._in_python(bound.args, "keyword-only arguments", bound.kwargs)
        return self._evaluated(bound.args)

    def _evaluated(self, args: tuple[Any, ...]) -> Any:
        leaves: list[Any] = []
        forms = tuple(_form(arg, leaves) for arg in args)
        if backend.of(*leaves) is not CPU:
            return python_source(self.dispatcher)(*args)
        strange = [x for x in leaves if type(x) is Dual and x.dtype.char not in "fd"]
        if strange:
            return self._in_python(args, f"arrays of dtype {strange[0].dtype}")
        collective = _collective(self.dispatcher)
        if collective:
            # Of all ranks' arguments together, which no Jacobian of this rank's has.
            return self._in_python(args, f"it calls the collective function {collective}")
        level = recorded_level(*leaves)
        if level:
            return self._by_jacobian(args, forms, leaves, level)
        return self._forward(args, forms, leaves)

    # Forward mode.

    def _forward(self, args: tuple[Any, ...], forms: tuple[Any, ...], leaves: list[Any]) -> Any:
        from numbafunc.cpu.coefficients import Directions

        directions = Directions(leaves)
        failure = None
        offers = self._offers(forms, leaves)
        for cached in (True, False):
            for taken in offers:
                compiled = self._compile(taken, leaves, directions, cached)
                if isinstance(compiled, Exception):
                    failure = failure or compiled
                elif compiled is not None:
                    return self._run(compiled, taken, leaves, directions)
        return self._in_python(args, failure)

    def _offers(self, forms: Any, leaves: list[Any]) -> tuple[Any, ...]:
        """The forms in which the function may take some leaves, the first one that it can be compiled for."""
        return forms, _widened(forms, leaves)

    def _compile(self, forms: tuple[Any, ...], leaves: list[Any], directions: Any, cached: bool) -> Any:
        """The compiled function of some leaves, or the exception that says why there is none.

        With ``cached`` it is not compiled: None where neither this process nor the cache on disk has it.
        """
        from numbafunc.cpu.differentiated import driver, load

        failed = _FAILED.setdefault(self.dispatcher, {})
        types = _types(leaves, forms)
        key = (forms, types, directions.algebra)
        if key in failed:
            return failed[key]
        try:
            _add_ops()
            compiled = driver(self.dispatcher, forms, directions.algebra)
            if types not in compiled.overloads and cached:
                with held_back():
                    return compiled if load(compiled, types) else None
            if types not in compiled.overloads:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    compiled.compile(types)
        except Exception as error:  # Numba's own, and those of its parts that meet something they don't know
            failed[key] = error
            return error
        return compiled

    def _run(self, compiled: Any, forms: tuple[Any, ...], leaves: list[Any], directions: Any) -> Any:
        from numbafunc.cpu.polling import raise_what_came

        moving = _moving(forms)
        results = []
        for number, chunk in enumerate(directions.chunks):
            given = []
            for leaf, moves in zip(leaves, moving, strict=True):
                if moves:
                    leaf = directions.pack(leaf, chunk)
                elif number and type(leaf) is np.ndarray:
                    leaf = leaf.copy()  # what the function writes to is written to once
                given.append(leaf)
            try:
                results.append(compiled(*given))
            finally:  # a handler's exception may have come before one of the function's own
                raise_what_came()
        return _joined(results, directions)

    def prepared(self, args: tuple[Any, ...], leaves: list[Any]) -> Any:
        """What :func:`prepared_for` gives."""
        from numbafunc.cpu.coefficients import Directions, packed, unpacked
        from numbafunc.cpu.differentiated import Coefficients, driver
        from numbafunc.cpu.polling import raise_what_came

        own: list[Any] = []
        forms = tuple(_form(arg, own) for arg in args)
        recorded = recorded_level(*own)
        if recorded:
            with Level() as level:
                own = _along_units(*taken_apart(own, recorded), level)[0]
                directions = Directions(own)
        else:
            directions = Directions(own)
        if len(own) != len(leaves) or len(directions.widths) > 1 or len(directions.chunks) > 1:
            return None
        for taken in self._offers(forms, own):
            compiled = driver(self.dispatcher, taken, directions.algebra)
            if _types(own, taken) in compiled.overloads:
                break
        else:
            return None
        moving, dtypes = _moving(taken), [getattr(leaf, "dtype", None) for leaf in own]
        width, count = directions.widths[0], directions.counts[0]

        def joined(result: Any, level: int) -> Any:
            if type(result) is Coefficients:
                return unpacked(result.array, count, level)
            return _like(result, [joined(part, level) for part in result]) if isinstance(result, tuple) else result

        def call(leaves: list[Any], level: int) -> Any:
            given = [packed(x, dtype, width) if moves else x for x, dtype, moves in zip(leaves, dtypes, moving)]
            try:
                return joined(compiled(*given), level)
            finally:  # a handler's exception may have come before one of the function's own
                raise_what_came()

        def call_recorded(leaves: list[Any], level: int) -> Any:
            rests, tangents = taken_apart(leaves, level)
            with Level() as own:
                seeded, recorders, sizes = _along_units(rests, tangents, own)
                if sum(sizes) != count:
                    return None
                return with_steps(call(seeded, own), own, recorders, sizes, level)

        return call_recorded if recorded else call

    # Reverse mode.

    def _by_jacobian(self, args: tuple[Any, ...], forms: tuple[Any, ...], leaves: list[Any], level: int) -> Any:
        rests, tangents = taken_apart(leaves, level)
        total = sum(rest.size for rest, tangent in zip(rests, tangents) if tangent is not None)
        if total > LARGEST_JACOBIAN:
            return self._in_python(
                args, f"reverse mode by {total} elements of arguments; wanted: at most {LARGEST_JACOBIAN}"
            )
        with Level() as own:
            seeded, recorders, sizes = _along_units(rests, tangents, own)
            remaining = iter(seeded)
            result = self._evaluated(tuple(_filled(form, remaining) for form in forms))
            return with_steps(result, own, recorders, sizes, level)

    # What can't be compiled.

    def _in_python(self, args: tuple[Any, ...], cause: Any, options: Any = None) -> Any:
        warn_once(self.dispatcher, cause, 5)
        return python_source(self.dispatcher)(*args, **(options or {}))


class NotCompiledError(Exception):
    """The cause why the derivatives of a loop can't be compiled, a text or an exception; none where all is as usual."""


class WithoutSource(Compiled):
    """A compiled loop on dual arrays, which has no source that Python could run: it raises `NotCompiledError`."""

    def _in_python(self, args: tuple[Any, ...], cause: Any, options: Any = None) -> Any:
        raise NotCompiledError(cause)


def prepared_for(dispatcher: Any, args: tuple[Any, ...], leaves: list[Any]) -> Any:
    """The function that calls a compiled function again for leaves like those of some arguments, given their level.

    The arguments have one level, and the function has been called with them. None if its Python source was run, it
    takes several runs, or an argument is a nest of leaves none of which moves.
    """
    return Compiled(dispatcher).prepared(args, leaves)


def python_source(dispatcher: Any) -> Any:
    """The Python function of a compiled one, with :mod:`numbafunc.numpy` in NumPy's place: its arrays hold tangents."""
    function = dispatcher.py_func
    variables = dict(function.__globals__)
    for name in function.__code__.co_names:
        if variables.get(name) is np:
            variables[name] = numbafunc.numpy
    copy = FunctionType(
        function.__code__, variables, function.__name__, function.__defaults__, function.__closure__
    )  # fmt: skip
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def warn_once(dispatcher: Any, cause: Any, depth: int) -> None:
    """Warn, at the first time, that a function is differentiated by its Python source; the cause may be an error."""
    if dispatcher in _WARNED:
        return
    _WARNED[dispatcher] = True
    function = dispatcher.py_func
    place = f"line {function.__code__.co_firstlineno} of {function.__code__.co_filename}"
    if isinstance(cause, Exception):
        from numbafunc.kinds.compile_errors import cause_and_line

        cause, place = cause_and_line(function, cause)
    warnings.warn(
        f"{function.__name__} is differentiated at the speed of Python, since its compiled code can't be: {cause} "
        f"({place})",
        CompiledDerivativeWarning,
        stacklevel=depth,
    )


def _add_ops() -> None:
    """Let copies of compiled functions call elementwise ops of this package with arrays of numbers."""
    from numbafunc.cpu.differentiated import FUNCTIONS
    from numbafunc.kinds.njit import OPS
    from numbafunc.numbers.numba_functions import is_number, stand_in
    from numbafunc.numbers.numba_scalars import over_elements

    for public in OPS.keys() - FUNCTIONS.keys():
        FUNCTIONS[public] = stand_in(public, over_elements(public), lambda *given: any(map(is_number, given)))


def _collective(dispatcher: Any) -> str | None:
    """The name of a collective function that a compiled function calls, itself or through others, if there is one."""
    if not COLLECTIVES:
        return None
    if dispatcher not in _KNOWN_COLLECTIVES:
        from numbafunc.kinds.compile_errors import collective_name

        _KNOWN_COLLECTIVES[dispatcher] = collective_name(dispatcher)
    return _KNOWN_COLLECTIVES[dispatcher]


_KNOWN_COLLECTIVES: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()
_FAILED: WeakKeyDictionary[Any, dict[Any, Exception]] = WeakKeyDictionary()
_WARNED: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def _along_units(rests: list[Any], tangents: list[Any], own: int) -> tuple[list[Any], list[Any], list[int]]:
    """Arguments, of which those that have tangents move along the units of all their elements at a level of their own.

    Also these tangents, and the numbers of elements.
    """
    seeded, moving = list(rests), [number for number, tangent in enumerate(tangents) if tangent is not None]
    sizes = [rests[number].size for number in moving]
    total, start = sum(sizes), 0
    for number, size in zip(moving, sizes, strict=True):
        units = np.zeros((total, *rests[number].shape), rests[number].dtype)
        units.reshape(-1)[start * size : (start + size) * size : size + 1] = 1
        seeded[number] = make(rests[number], units, own)
        start += size
    return seeded, [tangents[number] for number in moving], sizes


def with_steps(result: Any, own: int, recorders: list[Any], sizes: list[int], level: int) -> Any:
    """A nest of results that move along all unit directions, with the recorded tangents of these results."""
    if isinstance(result, tuple):
        parts = [with_steps(part, own, recorders, sizes, level) for part in result]
        return _like(result, parts)
    if type(result) is not Dual or result.level != own:
        return result
    value, rows = result.primal, result.tangent
    rows = rows.reshape((rows.shape[0], math.prod(value.shape)))
    change, start = None, 0
    for recorder, size in zip(recorders, sizes, strict=True):
        part = _product(_flat(recorder), rows[start : start + size], level)
        change = part if change is None else added(change, part)
        start += size
    return with_level(value, shaped_like(change, value), level)


def _flat(tangent: Any) -> Any:
    """A tangent, a recorder or a dual array of such, with one axis behind the directions."""
    parts = {}
    for levels, part in components(tangent).items():
        leading = part.shape[: len(levels) + 1]
        parts[levels] = part.reshape((*leading, math.prod(part.shape[len(leading) :])))
    return assemble(parts)


def _product(tangents: Any, rows: Any, level: int) -> Any:
    """The matrix product of recorded tangents of a level and rows, either of which may move at higher levels."""
    high = max((x.level for x in (tangents, rows) if type(x) is Dual), default=0)
    if high < level:
        return np.matmul(tangents, rows)
    (tangents, moved), (rows, changes) = (
        (x.primal, x.tangent) if type(x) is Dual and x.level == high else (x, None) for x in (tangents, rows)
    )
    change = None if moved is None else _product(moved, rows, level)
    if changes is not None:
        part = _product(tangents, changes, level)
        change = part if change is None else added(change, part)
    return make(_product(tangents, rows, level), change, high)


# Compiled functions that are called with dual arrays hand them on.


def _compile_for_args(self: Any, *args: Any, **options: Any) -> Any:
    """What a dispatcher calls with arguments of types that are new to it: it returns the function to call with them."""
    if holds_dual(args):
        return Compiled(self)
    return _original("_compile_for_args")(self, *args, **options)


def _explain_matching_error(self: Any, *args: Any, **options: Any) -> Any:
    """What a dispatcher with given signatures calls with arguments for which there is none."""
    if holds_dual(args):
        raise TypeError(
            f"{self.py_func.__name__} is compiled for given signatures only, so it can't be called with dual arrays; "
            "wanted: numba.njit without signatures"
        )
    return _original("_explain_matching_error")(self, *args, **options)


def _original(name: str) -> Any:
    from numba.core.dispatcher import _DispatcherBase

    return getattr(_DispatcherBase, name)


def _hand_on() -> None:
    # For good: to change a class in each run would take a few microseconds, and this is called for new types only.
    from numba.core.dispatcher import Dispatcher

    for method in (_compile_for_args, _explain_matching_error):
        setattr(Dispatcher, method.__name__, method)


after_import(_hand_on)


def _given(argument: Any) -> Any:
    """An argument; a default value as it is."""
    return argument.value if type(argument).__name__ == "OmittedArg" else argument


# Nests of arguments and results.


def _form(argument: Any, leaves: list[Any]) -> Any:
    """The form of an argument, as compiled drivers know it; its leaves are appended."""
    from numbafunc.cpu.differentiated import Moving, Nest

    argument = settled(argument)
    if isinstance(argument, tuple) and holds_dual(argument):
        kind = type(argument) if hasattr(argument, "_fields") else None
        return Nest(kind, tuple(_form(part, leaves) for part in argument))
    leaves.append(argument)
    return Moving(argument.dtype.name, argument.ndim) if type(argument) is Dual else "leaf"


def _types(leaves: list[Any], forms: Any) -> tuple[Any, ...]:
    """Numba's types of the arguments of a driver."""
    import numba

    return tuple(
        numba.types.Array(getattr(numba, leaf.dtype.name), leaf.ndim + 1, "C") if moves else numba.typeof(leaf)
        for leaf, moves in zip(leaves, _moving(forms), strict=True)
    )


def _moving(forms: Any) -> list[bool]:
    from numbafunc.cpu.differentiated import Moving, Nest

    found: list[bool] = []
    for form in forms:
        found += _moving(form.parts) if isinstance(form, Nest) else [isinstance(form, Moving)]
    return found


def _widened(forms: Any, leaves: list[Any]) -> Any:
    """The forms where all floating arrays are arrays of numbers, since the function may store tangents in them."""
    from numbafunc.cpu.differentiated import Moving, Nest

    remaining = iter(leaves)

    def widen(form: Any) -> Any:
        if isinstance(form, Nest):
            return Nest(form.kind, tuple(map(widen, form.parts)))
        leaf = next(remaining)
        if type(leaf) is np.ndarray and leaf.dtype.char in "fd" and leaf.dtype.isnative:
            return Moving(leaf.dtype.name, leaf.ndim)
        return form

    return tuple(map(widen, forms))


def _filled(form: Any, leaves: Any) -> Any:
    from numbafunc.cpu.differentiated import Nest

    if not isinstance(form, Nest):
        return next(leaves)
    parts = [_filled(part, leaves) for part in form.parts]
    return tuple(parts) if form.kind is None else form.kind(*parts)


def _like(nest: Any, parts: list[Any]) -> Any:
    return type(nest)(*parts) if hasattr(nest, "_fields") else tuple(parts)


def _joined(results: Sequence[Any], directions: Any) -> Any:
    """The nest of results of which each run has found the derivatives along some directions."""
    from numbafunc.cpu.differentiated import Coefficients

    first = results[0]
    if type(first) is Coefficients:
        return directions.unpack([result.array for result in results])
    if isinstance(first, tuple):
        return _like(first, [_joined(parts, directions) for parts in zip(*results, strict=True)])
    return first
