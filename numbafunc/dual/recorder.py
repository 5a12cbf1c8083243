"""Recorders: tangents that note what is computed from them, so that the linear function can be transposed.

A rule computes the tangent of its result by NumPy arithmetic that is linear in the tangents of its operands. Reverse
mode runs the same rules with tangents that hold no numbers: a :class:`Recorder` has the shape and dtype of a tangent,
and each linear step that is made with it becomes a :class:`Node`. A walk back over the nodes turns cotangents of the
results into those of the variables, by the transpose of each step.

A recorder belongs to one level. All that it meets of lower levels is a constant, dual arrays included, so that
derivatives of derivatives are had by letting the walk compute with dual arrays. A cotangent c of a tangent t
contributes ``Re(sum(c * t))``, without a conjugate, to the derivative that is sought.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any, NoReturn, TypeAlias

import numpy as np

from numbafunc.dual.levels import recycle_memory
from numbafunc.result_memory import DERIVATIVES_FROM

Shape: TypeAlias = tuple[int, ...]

RECORDED: dict[Callable[..., Any], Callable[..., Any]] = {}
"""For each function of NumPy that recorders know, the function that records it; also for indexing and assignment, by
the functions of the standard module `operator`. The modules of :mod:`numbafunc.transposes` fill it."""

RECORDED_METHODS: dict[tuple[np.ufunc, str], Callable[..., Any]] = {}
"""The same for methods of ufuncs, by ufunc and name of the method."""

SHARED: dict[int, list[Node]] = {}
"""For each level the steps that a walk has to take even if nothing depends on them, since other processes take part."""

WATCHED: dict[int, dict[int, tuple[np.ndarray[Any, Any], Any]]] = {}
"""For each level the user's arrays that its steps refer to, by their identity, with what tells whether they changed."""

collective_calls = [0]
"""How many calls were made that other processes take part in: which runs make some is told by a difference."""

_next_number = itertools.count().__next__
_new: Any = object.__new__
_FIRST = (0,)
_FIRST_TWO = (0, 1)


class Primitive:
    """A linear step that can be transposed.

    Parameters
    ----------
    name : str
        For messages.
    apply : callable
        ``apply(*arguments)``: the function, linear in the arguments that are recorded, of arrays in their places.
    transpose : callable
        ``transpose(cotangent, place, *arguments)``: what the cotangent of the result contributes to that of the
        recorded argument number ``place``, each of which is a :class:`Node`. The contribution may have the shape that
        the argument is broadcast to, and any dtype; it may be an :class:`At`; it shares memory with the cotangent or
        is new.
    overwrites : bool
        Whether ``transpose`` may write to the cotangent when it is called for the first place, after all others.
    joint : bool
        Whether the step has several results, each the step :data:`PICKED` of this one. Then ``apply`` returns a list,
        and ``transpose(cotangents, *arguments)``, with a dict of the cotangents by the numbers of the results, the
        list of the contributions to all recorded arguments, None for zero.
    curved : bool
        Whether the step is a product, element by element, with derivatives of a function that is not linear. A zero
        among these may hide a derivative of higher order: see :mod:`numbafunc.dual.guesses`.
    fixed : bool
        Whether the other arguments of the first one follow from shapes, dtypes and settings, and not from values.
    """

    __slots__ = ("apply", "curved", "fixed", "joint", "name", "overwrites", "transpose")

    def __init__(
        self,
        name: str,
        apply: Callable[..., Any],
        transpose: Callable[..., Any],
        *,
        overwrites: bool = False,
        joint: bool = False,
        curved: bool = False,
        fixed: bool = False,
    ) -> None:
        self.curved = curved
        self.fixed = fixed
        self.name = name
        self.apply = apply
        self.transpose = transpose
        self.overwrites = overwrites
        self.joint = joint

    def record(self, shape: Shape, dtype: Any, *arguments: Any) -> Recorder:
        """The recorder of the step's result, which has this shape and dtype."""
        taken, places, level = list(arguments), [], 0
        for place, x in enumerate(arguments):
            if type(x) is Recorder:
                taken[place], level = x.node, x.level
                places.append(place)
        return _recorded(self, shape, dtype, level, tuple(taken), tuple(places))

    def of(self, x: Recorder, shape: Shape, dtype: Any, *others: Any) -> Recorder:
        """The recorder of the result of a step of which the first argument alone is recorded."""
        return _recorded(self, shape, dtype, x.level, (x.node, *others), _FIRST)

    def of_two(self, x: Recorder, y: Recorder, shape: Shape, dtype: Any, *others: Any) -> Recorder:
        """The recorder of the result of a step of which the first two arguments alone are recorded."""
        return _recorded(self, shape, dtype, x.level, (x.node, y.node, *others), _FIRST_TWO)

    def __repr__(self) -> str:
        return f"<linear step {self.name}>"


def _recorded(
    primitive: Primitive, shape: Shape, dtype: Any, level: int, arguments: tuple[Any, ...], places: tuple[int, ...]
) -> Recorder:
    """The recorder of a new step."""
    node: Node = _new(Node)
    node.number = _next_number()
    node.shape, node.dtype, node.level = shape, dtype, level
    node.primitive, node.arguments, node.places = primitive, arguments, places
    recorder: Recorder = _new(Recorder)
    recorder.node, recorder.shape, recorder.dtype, recorder.level = node, shape, dtype, level
    return recorder


class At:
    """A contribution to some elements of a cotangent: those that ``key`` selects, in row-major order if ``flat``.

    The elements are distinct unless it is ``flat``: then ``key`` is an array of positions, which may repeat.
    """

    __slots__ = ("flat", "key", "values")

    def __init__(self, key: Any, values: Any, flat: bool = False) -> None:
        self.key = key
        self.values = values
        self.flat = flat


class One:
    """A contribution to one of several results of a joint step."""

    __slots__ = ("cotangent", "number")

    def __init__(self, number: int, cotangent: Any) -> None:
        self.number = number
        self.cotangent = cotangent


class Rooted:
    """A contribution that passed a slope which may be infinite, of a function with this ``unknown_from``."""

    __slots__ = ("cotangent", "unknown_from")

    def __init__(self, cotangent: Any, unknown_from: int) -> None:
        self.cotangent = cotangent
        self.unknown_from = unknown_from


PICKED = Primitive(
    "one of several results",
    lambda results, number: results[number],
    lambda cotangent, place, results, number: One(number, cotangent),
)


class Node:
    """A step of a tape: the result of a :class:`Primitive`, or, without one, a variable or zeros."""

    __slots__ = ("arguments", "dtype", "level", "number", "places", "primitive", "shape")

    primitive: Primitive | None
    arguments: tuple[Any, ...]
    places: tuple[int, ...]
    """The numbers of the arguments that are nodes."""

    def __init__(self, shape: Shape, dtype: Any, level: int) -> None:
        self.number = _next_number()
        self.shape = shape
        self.dtype = dtype
        self.level = level
        self.primitive = None
        self.arguments = ()
        self.places = ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def parents(self) -> list[Node]:
        """The arguments that are nodes."""
        return [self.arguments[place] for place in self.places]


def _refused(what: str) -> Callable[..., NoReturn]:
    def refuse(self: Recorder, *args: Any, **options: Any) -> NoReturn:
        raise not_linear(what)

    return refuse


def not_linear(what: str) -> TypeError:
    """The error for something that needs the value of a tangent, which a recorder does not have."""
    return TypeError(
        f"{what} looks at the value of a tangent, so reverse mode can't pass through it; differentiate with "
        "mode='forward', or by jvp or jacfwd"
    )


def without_transpose(name: str) -> TypeError:
    """The error for a function of tangents that has no transpose."""
    return TypeError(
        f"{name} of a tangent has no transpose, so reverse mode can't pass through it; differentiate with "
        "mode='forward', or by jvp or jacfwd"
    )


def _name_of(function: Any) -> str:
    module = (getattr(function, "__module__", None) or "numpy").replace("numpy._core.multiarray", "numpy").strip("_")
    return f"{module}.{getattr(function, '__name__', function)}"


def _binary(function: Callable[..., Any]) -> Callable[[Recorder, Any], Any]:
    def operation(self: Recorder, other: Any) -> Any:
        return RECORDED[function](self, other)

    return operation


def _reflected(function: Callable[..., Any]) -> Callable[[Recorder, Any], Any]:
    def operation(self: Recorder, other: Any) -> Any:
        return RECORDED[function](other, self)

    return operation


class Recorder:
    """A tangent without values: a reference to a step of a tape, which assignment points to another one."""

    __slots__ = ("dtype", "level", "node", "shape")
    __array_priority__ = 2000.0
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, node: Node) -> None:
        self.node = node
        self.shape: Shape = node.shape
        self.dtype = node.dtype
        self.level = node.level

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        return f"<recorded tangent of shape {self.shape} and dtype {self.dtype}>"

    # NumPy's protocols.

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *operands: Any, **options: Any) -> Any:
        step = RECORDED.get(ufunc) if method == "__call__" else RECORDED_METHODS.get((ufunc, method))
        if step is None:
            name = f"numpy.{ufunc.__name__}"
            raise without_transpose(name if method == "__call__" else f"{name}.{method}")
        return step(*operands, **options)

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        step = RECORDED.get(function)
        if step is None:
            raise without_transpose(_name_of(function))
        return step(*args, **options)

    # What would need a value.

    __bool__ = _refused("a condition")
    __reduce__ = _refused("pickling")
    __array__ = _refused("conversion to a NumPy array")
    __float__ = _refused("float()")
    __lt__ = _refused("a comparison")
    __le__ = _refused("a comparison")
    __gt__ = _refused("a comparison")
    __ge__ = _refused("a comparison")
    __eq__ = _refused("a comparison")
    __ne__ = _refused("a comparison")

    # Operators.

    __add__ = _binary(np.add)
    __radd__ = _reflected(np.add)
    __sub__ = _binary(np.subtract)
    __rsub__ = _reflected(np.subtract)
    __mul__ = _binary(np.multiply)
    __rmul__ = _reflected(np.multiply)
    __truediv__ = _binary(np.divide)
    __matmul__ = _binary(np.matmul)
    __rmatmul__ = _reflected(np.matmul)

    def __neg__(self) -> Recorder:
        return RECORDED[np.negative](self)  # type: ignore[no-any-return]

    def __pos__(self) -> Recorder:
        return self

    def __getitem__(self, key: Any) -> Recorder:
        return RECORDED[operator.getitem](self, key)  # type: ignore[no-any-return]

    def __setitem__(self, key: Any, values: Any) -> None:
        self.become(RECORDED[operator.setitem](self, key, values))

    def become(self, other: Recorder) -> None:
        """Refer to the step of another recorder."""
        self.node = other.node

    # Methods of arrays.

    def copy(self) -> Recorder:
        """Another reference to the same step."""
        return Recorder(self.node)

    def astype(self, dtype: Any, copy: bool = True) -> Recorder:
        return RECORDED[np.astype](self, dtype)  # type: ignore[no-any-return]

    def reshape(self, *shape: Any) -> Recorder:
        return RECORDED[np.reshape](self, shape[0] if len(shape) == 1 else shape)  # type: ignore[no-any-return]

    def ravel(self) -> Recorder:
        return self.reshape(-1)

    def transpose(self, *axes: Any) -> Recorder:
        order = (axes[0] if len(axes) == 1 else axes) if axes else None
        return RECORDED[np.transpose](self, order)  # type: ignore[no-any-return]

    def swapaxes(self, axis1: int, axis2: int) -> Recorder:
        return RECORDED[np.swapaxes](self, axis1, axis2)  # type: ignore[no-any-return]

    def squeeze(self, axis: Any = None) -> Recorder:
        return RECORDED[np.squeeze](self, axis)  # type: ignore[no-any-return]

    def sum(self, axis: Any = None, dtype: Any = None, **options: Any) -> Recorder:
        return RECORDED[np.sum](self, axis, dtype, **options)  # type: ignore[no-any-return]

    def mean(self, axis: Any = None, **options: Any) -> Recorder:
        return RECORDED[np.mean](self, axis, **options)  # type: ignore[no-any-return]

    def cumsum(self, axis: Any = None) -> Recorder:
        return RECORDED[np.cumsum](self, axis)  # type: ignore[no-any-return]

    def dot(self, other: Any) -> Recorder:
        return RECORDED[np.dot](self, other)  # type: ignore[no-any-return]

    def take(self, indices: Any, axis: Any = None, mode: Any = "raise") -> Recorder:
        return RECORDED[np.take](self, indices, axis, mode=mode)  # type: ignore[no-any-return]

    def repeat(self, repeats: Any, axis: Any = None) -> Recorder:
        return RECORDED[np.repeat](self, repeats, axis)  # type: ignore[no-any-return]

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Recorder:
        return RECORDED[np.diagonal](self, offset, axis1, axis2)  # type: ignore[no-any-return]

    def conj(self) -> Recorder:
        return RECORDED[np.conjugate](self)  # type: ignore[no-any-return]

    conjugate = conj

    def any(self, *args: Any, **options: Any) -> NoReturn:
        raise not_linear("any()")

    @property
    def T(self) -> Recorder:
        return self.transpose()

    @property
    def real(self) -> Recorder:
        return RECORDED[np.real](self)  # type: ignore[no-any-return]

    @property
    def imag(self) -> Recorder:
        return RECORDED[np.imag](self)  # type: ignore[no-any-return]


def variable(shape: Shape, dtype: Any, level: int) -> Recorder:
    """The recorder of a variable, or of zeros, where the tape of a level begins."""
    return Recorder(Node(shape, dtype, level))


# Arrays of the user's that a step needs for the walk back are not copied, so they must stay as they are.

# Larger ones are compared by a sample, each element of which may be a page that is not in the processor's cache.
_WHOLE, _SAMPLE = 2**14, 2**11
# BLAS hands longer products to threads, which take thousands of times as long when the cores are busy.
_CHUNK = 2**13


@cache
def _weights() -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).random(_CHUNK)


def watch(array: Any, level: int) -> None:
    """Note an array that steps of a level refer to; ValueError if it has changed since it was noted."""
    if type(array) is not np.ndarray or not array.flags.writeable:
        return
    known = WATCHED.get(level)
    if known is None:
        # The run of this level is over: a second run of a checkpoint, or a dual array that was kept.
        return
    if array.nbytes >= DERIVATIVES_FROM:
        recycle_memory(level, (array,))
    seen = known.get(id(array))
    sign = fingerprint(array)
    if seen is None:
        known[id(array)] = (array, sign)
    elif not _same(seen[1], sign):
        raise _changed(array)


def check_watched(watched: dict[int, tuple[np.ndarray[Any, Any], Any]]) -> None:
    """ValueError if one of the arrays has changed since it was noted."""
    for array, sign in watched.values():
        if not _same(sign, fingerprint(array)):
            raise _changed(array)


def fingerprint(array: np.ndarray[Any, Any]) -> Any:
    """A sum of all elements with weights that tell them apart, or of a sample of a large array."""
    if array.dtype.kind not in "fc" or array.itemsize == 2:
        array = array.view(f"u{array.itemsize}")
    if array.size > _WHOLE:
        while array.ndim > 1 and array.size > array.shape[-1] and not array.flags.forc:
            array = array[array.shape[0] // 2]
        # An odd distance meets all columns of a matrix whose rows have a power of two elements.
        array = array.reshape(-1, order="A")[:: array.size // _SAMPLE | 1]
    if array.ndim != 1:
        array = array.reshape(-1)
    weights = _weights()
    if array.size <= _CHUNK:
        return array.dot(weights[: array.size])
    rest = array[_CHUNK:]
    return array[:_CHUNK].dot(weights) + 3 * rest.dot(weights[: rest.size])


def _same(a: Any, b: Any) -> bool:
    return bool(a == b or (a != a and b != b))


def _changed(array: np.ndarray[Any, Any]) -> ValueError:
    return ValueError(
        f"an array of shape {array.shape} and dtype {array.dtype} was changed in place after the differentiated "
        "function used it, and reverse mode needs it as it was; use a copy, make a new array in place of the "
        "change, or differentiate with mode='forward'"
    )
