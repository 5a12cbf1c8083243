"""The elementwise kind: a scalar function of scalars becomes an op on arrays of any layout, dtype and derivative order."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from numbafunc.autodiff.dual import Dual, assemble, components
from numbafunc.cpu.memory import flat_words
from numbafunc.kinds import arguments
from numbafunc.kinds.directions import Components, Levels, plan, result_keys

Array = Any  # numpy.ndarray or Dual

REGISTRY: dict[str, Elementwise] = {}


class Elementwise:
    """An op of the elementwise kind.

    Parameters
    ----------
    definition : callable
        Scalar function of numbers; the names of its parameters are the names of the operands.
    name : str
        Name of the op, for messages and for the cache.
    boolean : bool
        Whether bool arrays are accepted.
    keep_integers : bool
        Whether integer operands are handed over as integers and give an integer result; otherwise they become float64.
    identity : str or None
        What tells this definition from all others in the cache.
    """

    def __init__(
        self,
        definition: Callable[..., Any],
        *,
        name: str,
        boolean: bool = True,
        keep_integers: bool = False,
        identity: str | None,
    ) -> None:
        self.definition = definition
        self.name = name
        self.boolean = boolean
        self.keep_integers = keep_integers
        self.identity = identity
        self.parameters = tuple(inspect.signature(definition).parameters)
        self._kernels: dict[Any, Any] = {}
        # Kernels of one contiguous array in and out, by dtype: the way of small calls, where each look-up counts.
        self._unary: dict[np.dtype[Any], Any] = {}

    def __call__(self, *operands: Any, out: Any = None) -> Array:
        x = operands[0]
        if len(operands) == 1 and out is None and type(x) is np.ndarray:
            kernel = self._unary.get(x.dtype)
            if kernel is not None and x.flags.c_contiguous:
                result = arguments.empty(x.shape, x.dtype)
                kernel(x if x.ndim == 1 else x.reshape(-1), result if x.ndim == 1 else result.reshape(-1))
                return result
        return self._general(operands, out)

    def _general(self, given: Sequence[Any], out: Any) -> Array:
        operands = [arguments.as_operand(x, n, boolean=self.boolean) for x, n in zip(given, self.parameters)]
        dtype, compute = self._precision(operands)
        shapes = {n: np.shape(x) if not isinstance(x, Dual) else x.shape for x, n in zip(operands, self.parameters)}
        shape = arguments.broadcast(shapes)
        parts = [components(x) if isinstance(x, Dual) else {(): x} for x in operands]
        if out is not None:
            if any(isinstance(x, Dual) for x in operands):
                raise TypeError("out can't take a result with tangents; leave it out when differentiating")
            arguments.check_out(out, shape, dtype, operands)
        results = self._run(parts, shape, dtype, compute, out)
        if out is not None:
            return out
        return results[()] if len(results) == 1 else assemble(results)

    def _precision(self, operands: Sequence[Any]) -> tuple[np.dtype[Any], str | None]:
        """Dtype of the result, and the precision to compute in."""
        dtypes = [dtype for dtype in map(arguments.dtype_of, operands) if dtype is not None]
        if self.keep_integers and not any(map(arguments.is_float, dtypes)) and not any(map(_is_python_float, operands)):
            dtype = np.result_type(*dtypes) if dtypes else np.dtype(np.int64)
            return (np.dtype(np.int64) if dtype.kind == "b" else dtype), None
        dtype = arguments.float_dtype(operands)
        return dtype, "float64" if dtype.itemsize == 8 else "float32"

    def _run(
        self,
        operands: list[dict[Levels, Any]],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        compute: str | None,
        out: Any,
    ) -> dict[Levels, np.ndarray[Any, Any]]:
        from numbafunc.cpu.access import Operand

        order = _memory_order([x[()] for x in operands], shape)
        steps = plan(operands)
        sources: list[dict[Levels, Any]] = []
        descriptions = []
        for parts in operands:
            indexed = np.ndim(parts[()]) > 0
            if indexed or isinstance(parts[()], np.ndarray) and dtype.itemsize > 8:
                sources.append({levels: _flat(part, levels, shape, order) for levels, part in parts.items()})
                storage = parts[()].dtype.name
            else:
                sources.append({levels: _listed(part, compute) for levels, part in parts.items()})
                storage = "number"
            descriptions.append(Operand(storage, compute, steps.operand_keys(parts), indexed))
        keys = result_keys([description.keys for description in descriptions])
        targets: dict[Levels, np.ndarray[Any, Any]] = {}
        flat: dict[Levels, np.ndarray[Any, Any]] = {}
        for levels in {steps.component(key) for key in keys}:
            if levels == () and out is not None and _ordered(out, order).flags.c_contiguous:
                targets[levels] = out
            else:
                targets[levels] = _allocate(steps.shape(levels, shape), levels, dtype, order)
            flat[levels] = _flat(targets[levels], levels, shape, order)
        kernel = self._kernel(tuple(descriptions), dtype.name, keys)
        for call in steps.calls():
            slots = [
                _pick(source[steps.component(key)], steps.index(key, call))
                for source, description in zip(sources, descriptions)
                for key in description.keys
            ]
            results = [_pick(flat[steps.component(key)], steps.index(key, call)) for key in keys]
            kernel(*slots, *results)
        if len(operands) == 1 and len(keys) == 1 and descriptions[0].indexed and descriptions[0].storage == dtype.name:
            if dtype.name in ("float32", "float64"):
                self._unary[dtype] = kernel
        if out is not None and targets[()] is not out:
            np.copyto(out, targets[()])
        return targets

    def _kernel(self, operands: tuple[Any, ...], storage: str, keys: Any) -> Any:
        from numbafunc.cpu import threads

        parallel = threads.parallel_allowed()
        key = (operands, storage, keys, parallel)
        kernel = self._kernels.get(key)
        if kernel is None:
            from numbafunc.cpu import elementwise

            kernel = elementwise.build(self.definition, self.identity, operands, storage, keys, parallel=parallel)
            self._kernels[key] = kernel
        return kernel


def _is_python_float(x: Any) -> bool:
    return isinstance(x, float) and not isinstance(x, np.generic)


def _memory_order(values: Sequence[Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The permutation of axes under which the first full-size operand is laid out by descending strides."""
    for value in values:
        if isinstance(value, np.ndarray) and value.shape == shape and value.ndim > 1:
            if value.flags.c_contiguous:
                break
            return tuple(sorted(range(value.ndim), key=lambda axis: (-abs(value.strides[axis]), axis)))
    return tuple(range(len(shape)))


def _ordered(array: np.ndarray[Any, Any], order: tuple[int, ...], leading: int = 0) -> np.ndarray[Any, Any]:
    if order == tuple(range(len(order))):
        return array
    return array.transpose(*range(leading), *(leading + axis for axis in order))


def _flat(array: Any, levels: Levels, shape: tuple[int, ...], order: tuple[int, ...]) -> Any:
    """The array broadcast to the shape of the result, its elements in one contiguous run behind the directions."""
    leading = len(levels)
    directions = array.shape[:leading]
    if array.shape[leading:] != shape:
        padded = array.reshape((*directions, *(1,) * (len(shape) - array.ndim + leading), *array.shape[leading:]))
        array = np.broadcast_to(padded, (*directions, *shape))
    return flat_words(_ordered(array, order, leading), leading)


def _listed(part: Any, compute: str | None) -> Any:
    """A number that is the same for all elements; those of all directions in an array."""
    if isinstance(part, np.ndarray):
        return part.astype(np.float64) if compute is not None else part
    return part


def _pick(source: Any, index: tuple[int, ...]) -> Any:
    if isinstance(source, np.ndarray):
        picked = source[index]
        return picked[()] if picked.ndim == 0 else picked
    return source


def _allocate(
    full: tuple[int, ...], levels: Levels, dtype: np.dtype[Any], order: tuple[int, ...]
) -> np.ndarray[Any, Any]:
    """A new array whose memory is laid out in an order of axes."""
    leading = len(levels)
    stored = (*full[:leading], *(full[leading + axis] for axis in order))
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return _ordered(arguments.empty(stored, dtype), tuple(inverse), leading)


def define(**options: Any) -> Callable[[Callable[..., Any]], Elementwise]:
    """Decorator that makes an op of a definition of this package and enters it into the registry."""

    def decorate(definition: Callable[..., Any]) -> Elementwise:
        name = definition.__name__.strip("_")
        op = Elementwise(definition, name=name, identity=f"{definition.__module__}.{definition.__qualname__}", **options)
        REGISTRY[name] = op
        return op

    return decorate


def elementwise(definition: Callable[..., Any]) -> Callable[..., Any]:
    """Make an op of a scalar function: a fast loop over arrays, on all cores, and derivatives of every order.

    Parameters
    ----------
    definition : callable
        Scalar function in the subset of Python that Numba compiles. Use operators, ``if``, and functions of ``math``,
        NumPy or :mod:`numbafunc.elementary`. Number literals take the precision of the arguments.

    Returns
    -------
    callable
        Function of as many array-likes, which broadcast, with a keyword ``out``.

    Raises
    ------
    TypeError
        When ``definition`` is not a Python function, or takes no positional parameters.

    Examples
    --------
    >>> import numpy as np, math
    >>> import numbafunc
    >>> @numbafunc.elementwise
    ... def gaussian(x, width):
    ...     return math.exp(-(x / width) ** 2)
    >>> gaussian(np.array([0.0, 1.0, 2.0]), 2.0).round(4)
    array([1.    , 0.7788, 0.3679])
    >>> numbafunc.grad(gaussian)(0.0, 1.0)
    array(-0.)
    """
    if not inspect.isfunction(definition):
        raise TypeError(f"elementwise is given {definition!r}; wanted: a Python function")
    kinds = [parameter.kind for parameter in inspect.signature(definition).parameters.values()]
    if not kinds or any(kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds):
        raise TypeError(f"elementwise is given {definition.__name__}; wanted: plain positional parameters, at least one")
    from numbafunc.cpu.cache import identify

    op = Elementwise(definition, name=definition.__name__, identity=identify(definition))
    signature = inspect.signature(definition)

    @functools.wraps(definition)
    def wrapped(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return op(*bound.args, out=out)

    return wrapped


__all__ = ["REGISTRY", "Components", "Elementwise", "define", "elementwise"]
