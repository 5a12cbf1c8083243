"""The elementwise kind: a scalar function becomes an op on arrays of any layout, dtype and derivative order."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy import ndarray

from numbafunc import backend
from numbafunc.backend import Backend
from numbafunc.cpu import kernels, threads
from numbafunc.cpu.direct_calls import LARGEST, AnyShape
from numbafunc.cpu.kernel import address_of
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import FLAGS, PLAIN, empty
from numbafunc.cpu.stored_operand import StoredOperand
from numbafunc.dual.array import Dual, make, on_device
from numbafunc.dual.other_arrays import as_target
from numbafunc.dual.products import SCALED
from numbafunc.dual.recorded import recorded_level
from numbafunc.dual.recorder import Recorder
from numbafunc.kinds import arguments, elementwise_layout as layout
from numbafunc.kinds.moving_calls import keep_forward
from numbafunc.kinds.partials import at_once, by_partials
from numbafunc.kinds.plan import (
    Chunks,
    Operands,
    Plan,
    Source,
    Target,
    calls_of,
    chunks_of,
    component_of,
    number,
    result_keys,
)
from numbafunc.kinds.registry import REGISTRY
from numbafunc.kinds.shortcuts import Shortcut, fits, planned_arrays
from numbafunc.kinds.signatures import moving_signature, signature_of
from numbafunc.kinds.ufunc_protocol import applied
from numbafunc.numba_import import import_numba
from numbafunc.result_memory import LARGE, SMALLEST, recycled_empty

Array = Any  # numpy.ndarray or Dual

# From this many elements on, threads are asked, where the time that the elements take makes it worthwhile: of one of
# our definitions, of one that costs next to nothing, and of a user's, which may be one or the other.
PARALLEL_FROM = threads.asked_from(1 << 13, 1 << 16)
LIGHT_FROM = threads.asked_from(1 << 16, 1 << 18)
USERS_FROM = threads.asked_from(1 << 15, 1 << 16)


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
    light : bool
        Whether the definition costs next to nothing, so that threads pay for larger arrays only.
    identity : str, optional
        Identifies the definition in the cache. A definition without one is a user's function, which is frozen when the
        first kernel is compiled.
    """

    def __init__(
        self,
        definition: Callable[..., Any],
        *,
        name: str,
        boolean: bool = True,
        keep_integers: bool = False,
        light: bool = False,
        identity: str | None = None,
    ) -> None:
        self.given = definition
        self.definition: Callable[..., Any] | None = definition if identity is not None else None
        self.name = name
        self.boolean = boolean
        self.keep_integers = keep_integers
        self.parallel_from = LIGHT_FROM if light else USERS_FROM if identity is None else PARALLEL_FROM
        self.identity = identity
        self.parameters = tuple(inspect.signature(definition).parameters)
        self._kernels = threads.Kernels()
        self._plans = threads.Kernels(4096)
        self._elsewhere: dict[Backend, Callable[..., Array]] = {}
        self._prepared = threads.Kernels(4096)
        # Machine code for contiguous arrays that share any one shape, by their dtype and the types of other operands.
        self._small = threads.Kernels()
        self._large = threads.Kernels()
        self._dual_small = threads.Kernels()
        self._dual_large = threads.Kernels()
        self._partial_small = threads.Kernels()
        self._partial_large = threads.Kernels()
        self.variant: tuple[str, Elementwise] | None = None
        """An option of the public function, and the op that it calls instead of this one.

        A flag chooses the other op where it is true. An option that is the last operand of the other op does so where
        it is given.
        """
        self.type: Any = None
        """Numba's type of the user's function, once it has been called inside a compiled one."""
        self.call = self._calls()
        # As long as one thread takes some microseconds, and the result is no large one.
        most = LARGEST if identity is None else LARGE - 1 if light else 2 * LARGEST
        self._users = identity is None
        self._direct = AnyShape(len(self.parameters), min(most, self.parallel_from - 1), self.call, self._users)

    def __call__(self, *operands: Any, out: Any = None) -> Array:
        return self.call(*operands, out)

    def _calls(self) -> Callable[..., Array]:
        """The function ``call(*operands, out)`` that the public function calls.

        For contiguous arrays of one shape and dtype, and Python floats, it goes straight to the machine code: a call on
        one element costs a microsecond, so each look-up counts.
        """
        small, large, general = self._small, self._large, self._general
        dual_small, dual_large = self._dual_small, self._dual_large
        partial_small, partial_large = self._partial_small, self._partial_large
        parallel_from = self.parallel_from

        def dual(x: Dual, *others: Any) -> Array:
            """The result for a dual array of one level and direction, if such a call has been prepared; else None."""
            value, change = x.primal if x.lent is None else x.lent, x.tangent
            if type(change) is Recorder and type(value) is ndarray:
                return recorded(x, value, *others)
            if type(value) is not ndarray or type(change) is not ndarray or len(change) != 1:
                return None
            code = (dual_small if value.size < parallel_from else dual_large).get((value.dtype, *map(type, others)))
            if code is None or value.flags.num & change.flags.num & FLAGS != PLAIN:
                return None
            shape, dtype = value.shape, value.dtype
            new = empty if value.size < LARGE or value.nbytes < SMALLEST else recycled_empty
            result, slope = new(shape, dtype), new(change.shape, dtype)
            code(value.ravel(), change.ravel(), *others, result.ravel(), slope.ravel())
            return make(result, slope, x.level)

        def recorded(x: Dual, value: Any, *others: Any) -> Array:
            """The same for a recorded tangent: the value and the partial derivative by the first operand."""
            change = x.tangent
            shape, dtype = value.shape, value.dtype
            code = (partial_small if value.size < parallel_from else partial_large).get((dtype, *map(type, others)))
            if code is None or value.flags.num & FLAGS != PLAIN or (x.family is not None and x.family[0].blank):
                return None
            new = empty if value.size < LARGE or value.nbytes < SMALLEST else recycled_empty
            result, slope = new(shape, dtype), new(shape, dtype)
            code(value.ravel(), *others, result.ravel(), slope.ravel())
            return make(result, SCALED.of(change, change.shape, dtype, slope), x.level)

        def unary(x: Any, out: Any = None) -> Array:
            if type(x) is ndarray:
                size = x.size
                code = (small if size < parallel_from else large).get(x.dtype)
                if code is not None and x.flags.num & FLAGS == PLAIN:
                    if out is None:
                        new = empty if size < LARGE or x.nbytes < SMALLEST else recycled_empty
                        result = new(x.shape, x.dtype)
                    elif fits(out, x.shape, x.dtype, x):
                        result = out
                    else:
                        return general((x,), out)
                    if x.ndim == 1:
                        code(x, result)
                    else:
                        code(x.ravel(), result.ravel())
                    return result
            elif type(x) is Dual and out is None:
                known = dual(x)
                if known is not None:
                    return known
            return general((x,), out)

        def binary(x: Any, y: Any, out: Any = None) -> Array:
            if type(x) is ndarray:
                size = x.size
                code = (small if size < parallel_from else large).get((x.dtype, type(y)))
                if code is not None and x.flags.num & FLAGS == PLAIN:
                    if out is None:
                        new = empty if size < LARGE or x.nbytes < SMALLEST else recycled_empty
                        result = new(x.shape, x.dtype)
                    elif fits(out, x.shape, x.dtype, x, y):
                        result = out
                    else:
                        return general((x, y), out)
                    if type(y) is float:
                        if x.ndim == 1:
                            code(x, y, result)
                        else:
                            code(x.ravel(), y, result.ravel())
                        return result
                    if y.dtype == x.dtype and y.shape == x.shape and y.flags.num & FLAGS == PLAIN:
                        code(x.ravel(), y.ravel(), result.ravel())
                        return result
            elif type(x) is Dual and type(y) is float and out is None:
                known = dual(x, y)
                if known is not None:
                    return known
            return general((x, y), out)

        def any_number(*operands_and_out: Any) -> Array:
            return general(operands_and_out[:-1], operands_and_out[-1])

        calls: dict[int, Callable[..., Array]] = {1: unary, 2: binary}
        return calls.get(len(self.parameters), any_number)

    def _general(self, given: Sequence[Any], out: Any) -> Array:
        signature = signature_of(*given)
        call = None if signature is None else self._prepared.get(signature)
        if call is not None:
            result = call(*given, out)
            if result is not None:
                return result
        if signature is None:
            if out is None:
                signature = moving_signature(*given)
                if signature is not None:
                    return self._moving(given, signature)
                result = at_once(self, given)
                if result is not None:
                    return result
            if any(map(on_device, given)):
                return self.on_device(given, out)
            if out is None:
                result = applied(self, given)
                if result is not NotImplemented:
                    return result
        checked = [arguments.as_operand(x, n, boolean=self.boolean) for x, n in zip(given, self.parameters)]
        shortcut = None if signature is None else Shortcut(self._prepared, signature, tuple(given), ())
        return self.evaluate(checked, out=out, shortcut=shortcut)

    def _moving(self, given: Sequence[Any], signature: tuple[Any, ...]) -> Any:
        """The result for dual arrays of a signature."""
        call = self._prepared.get(signature)
        if call is not None:
            return call(*given)
        checked = [arguments.as_operand(x, n, boolean=self.boolean) for x, n in zip(given, self.parameters)]
        return self.evaluate(checked, shortcut=Shortcut(self._prepared, signature, tuple(given), (), moving=True))

    def on_device(self, operands: Sequence[Any], out: Any, dtype: np.dtype[Any] | None = None) -> Any:
        """The result where an operand, or ``out``, belongs to another back end; in a dtype if one is given."""
        if recorded_level(*operands):
            return self._recorded(operands, out, dtype)
        here = backend.of(*operands, out)
        run = self._elsewhere.get(here)
        if run is None:
            run = self._elsewhere[here] = Backend.elementwise.of(here, self.name)(self)
        return run(operands, out, dtype)

    def evaluate(
        self,
        checked: Sequence[Any],
        *,
        out: Any = None,
        dtype: np.dtype[Any] | None = None,
        shortcut: Shortcut | None = None,
    ) -> Array:
        """The result for checked operands, in the given dtype if there is one; the plan is kept in the short cut."""
        if shortcut is None or shortcut.moving:
            if out is None:
                result = at_once(self, checked, dtype, shortcut)
                if result is not None:
                    return result
            if any(map(on_device, checked)):
                return self.on_device(checked, out, dtype)
            if recorded_level(*checked):
                return self._recorded(checked, out, dtype)
        if self.keep_integers:
            checked = [x.astype(np.int64) if type(x) is ndarray and x.dtype.kind == "b" else x for x in checked]
        operands = Operands(checked)
        key = operands.description if dtype is None else (dtype, *operands.description)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(operands, checked, dtype)
        target = out
        if out is not None:
            if operands.levels:
                raise TypeError("out can't take a result with tangents; leave it out when differentiating")
            target = as_target(out)
            arguments.check_out(target, plan.shape(), plan.dtype, checked)
        result = plan.run(operands, target)[0]
        if shortcut is not None and shortcut.moving:
            keep_forward(shortcut, plan, checked)
        elif shortcut is not None:
            shortcut.keep_plan(plan, checked, self._users)
        return result if target is out else out

    def _recorded(self, operands: Sequence[Any], out: Any, dtype: np.dtype[Any] | None) -> Array:
        """The result where an operand has a recorded tangent."""
        if out is not None:
            raise TypeError("out can't take a result with tangents; leave it out when differentiating")
        return by_partials(self, operands, dtype)

    def prepared_partials(
        self,
        operands: Sequence[Any],
        moving: tuple[int, ...],
        dtype: np.dtype[Any] | None = None,
        value: bool = True,
    ) -> Callable[[Sequence[Any]], Any] | None:
        """What :meth:`partials` calls with operands like these, if such a call has been made before; else None."""
        signature = signature_of(*operands)
        return None if signature is None else self._prepared.get((moving, value, dtype, signature))

    def partials(
        self, checked: Sequence[Any], moving: Sequence[int], dtype: np.dtype[Any] | None = None, value: bool = True
    ) -> list[np.ndarray[Any, Any]]:
        """The value, unless it is not wanted, and the partial derivatives by the operands at some positions.

        The operands are plain arrays in main memory and numbers.
        """
        moving = tuple(moving)
        signature = signature_of(*checked)
        call = None if signature is None else self._prepared.get((moving, value, dtype, signature))
        if call is not None:
            return call(checked)  # type: ignore[no-any-return]
        operands = Operands(checked)
        key = (moving, value, dtype, *operands.description)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(operands, checked, dtype, moving, value)
        if signature is not None:
            call = planned_arrays(plan, checked)
            if call is not None:
                self._prepared[moving, value, dtype, signature] = call
        return plan.arrays(operands)

    def settled(self) -> Callable[..., Any]:
        """The definition; a user's definition is frozen at the first call, and must not raise."""
        if self.definition is None:
            import_numba()  # before the lock of a module that what waits for the import needs
            from numbafunc.cpu.user_functions import frozen, with_compiled_helpers
            from numbafunc.kinds.compile_errors import refuse_statements

            given = frozen(self.given)
            refuse_statements(given, self.name)
            self.given, self.definition = given, with_compiled_helpers(given)
        return self.definition

    def __reduce__(self) -> Any:
        if self.identity is not None:
            return _registered, (self.given.__module__, self.name)
        return _of_definition, (self.given, self.name)

    def _precision(self, operands: Sequence[Any]) -> tuple[np.dtype[Any], str | None]:
        """Dtype of the result, and the precision to compute in."""
        dtypes = [dtype for dtype in map(arguments.dtype_of, operands) if dtype is not None]
        if self.keep_integers and not any(map(arguments.is_float, dtypes)) and not any(map(_is_python_float, operands)):
            dtype = np.result_type(*dtypes) if dtypes else np.dtype(np.int64)
            return (np.dtype(np.int64) if dtype.kind == "b" else dtype), None
        dtype = arguments.float_dtype(operands)
        return dtype, "float64" if dtype.itemsize == 8 else "float32"

    def _plan(
        self,
        operands: Operands,
        checked: Sequence[Any],
        wanted: np.dtype[Any] | None,
        moving: tuple[int, ...] = (),
        value: bool = True,
    ) -> Plan:
        dtype, compute = self._precision(checked)
        if wanted is not None:
            dtype = wanted
        shape = arguments.broadcast({name: arguments.shape_of(x) for name, x in zip(self.parameters, checked)})
        values = [parts[()] for parts in operands.parts]
        order = layout.memory_order(values, shape)
        stored = tuple(shape[axis] for axis in order)
        lengths = [layout.lengths_of(value.shape, order) if isinstance(value, ndarray) else None for value in values]
        spans, columns = layout.spans_of(lengths, stored)
        steps = Chunks((len(moving),), len(moving)) if moving else chunks_of(operands.counts())
        units = {position: (((0, direction),),) for direction, position in enumerate(moving)}
        descriptions = []
        sources: list[Source] = []
        for position, (parts, given, span) in enumerate(zip(operands.parts, values, spans)):
            indexed = span != "number"
            for component in parts:
                flatten: Any = layout.integer
                if compute is not None:
                    flatten = functools.partial(number, leading=len(component))
                if span == "element":
                    flatten = functools.partial(layout.flat, leading=len(component), shape=shape, order=order)
                elif indexed:
                    flatten = functools.partial(layout.run_of, leading=len(component), ndim=len(shape), order=order)
                sources.append(Source(position, component, flatten))
            storage = given.dtype.name if indexed else "number"
            own = units.get(position, ())
            descriptions.append(StoredOperand(storage, compute, steps.operand_keys(parts), indexed, own))
        keys = result_keys([(*description.keys, *description.units) for description in descriptions])
        keys = keys if value else keys[1:]
        restore = functools.partial(layout.restored, order=order) if order != tuple(range(len(order))) else None
        targets = []
        for component in sorted({component_of(key) for key in keys}, key=lambda c: (len(c), c)):
            targets.append(Target(0, component, steps.shape(component, stored), restore))
        kernel = self._kernel(tuple(descriptions), dtype.name, keys, spans, math.prod(shape))
        if wanted is None and value:
            self._keep_machine_code(kernel, operands, values, shape, dtype, moving)
        calls = calls_of(steps, [description.keys for description in descriptions], sources, targets, keys)
        tail = (columns,) if columns is not None else ()
        return Plan(kernel, dtype, tuple(sources), tuple(targets), calls, (), tail, [])

    def _keep_machine_code(
        self,
        kernel: Any,
        operands: Operands,
        values: Sequence[Any],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        moving: tuple[int, ...],
    ) -> None:
        """Keep the machine code of a kernel for contiguous arrays that share any one shape."""
        first, *others = values
        if dtype.char not in "fd" or not shape or not _like(first, shape, dtype):
            return
        if type(first) is float or not all(_like(other, shape, dtype) for other in others):
            return
        key = (dtype, *map(type, others))
        flats = [value if type(value) is float else empty(0, dtype) for value in values]
        large = math.prod(shape) >= self.parallel_from
        if moving:
            if moving == (0,) and all(type(other) is float for other in others):
                book = self._partial_large if large else self._partial_small
                book[key] = machine_code(kernel, (*flats, empty(0, dtype), empty(0, dtype)))
        elif not operands.levels:
            code = machine_code(kernel, (*flats, empty(0, dtype)))
            book = self._large if large else self._small
            book[key if others else dtype] = code
            if not large and len(values) <= 2:
                number = type(values[-1]) is float
                self.call = self._direct.learn(np.dtype(dtype.char), number, address_of(code), code)
        elif (
            list(operands.parts[0]) == [(), (0,)]
            and operands.counts() == (1,)
            and all(type(other) is float for other in others)
        ):
            book = self._dual_large if large else self._dual_small
            book[key] = machine_code(kernel, (flats[0], *flats, empty(0, dtype), empty(0, dtype)))

    def _kernel(self, operands: tuple[Any, ...], storage: str, keys: Any, spans: tuple[str, ...], size: int) -> Any:
        parallel = size >= self.parallel_from and threads.parallel_allowed()
        key = (operands, storage, keys, spans, parallel)
        kernel = self._kernels.get(key)
        if kernel is None:
            definition, identity = self.settled(), self.identity
            if identity is None:
                from numbafunc.cpu.identity import identify

                identity = identify(definition)
            kernel = kernels.elementwise(definition, identity, operands, storage, keys, spans, parallel=parallel)
            self._kernels[key] = kernel
        return kernel


def _like(value: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return type(value) is float or (np.shape(value) == shape and value.dtype == dtype)


def _is_python_float(x: Any) -> bool:
    return isinstance(x, float) and not isinstance(x, np.generic)


@backend.CPU.brings(Backend.elementwise)
def _in_main_memory(op: Elementwise) -> Callable[..., Array]:
    def run(operands: Sequence[Any], out: Any, dtype: np.dtype[Any] | None) -> Array:
        checked = [arguments.as_operand(x, n, boolean=op.boolean) for x, n in zip(operands, op.parameters)]
        return op.evaluate(checked, out=out, dtype=dtype)

    return run


def define(**options: Any) -> Callable[[Callable[..., Any]], Elementwise]:
    """Decorator that makes an op of a definition of this package and enters it into the registry."""

    def decorate(definition: Callable[..., Any]) -> Elementwise:
        name = definition.__name__.strip("_")
        op = Elementwise(
            definition, name=name, identity=f"{definition.__module__}.{definition.__qualname__}", **options
        )
        REGISTRY[name] = op
        return op

    return decorate


def _registered(module: str, name: str) -> Elementwise:
    import_module(module)
    found: Elementwise = REGISTRY[name]
    return found


def _of_definition(definition: Callable[..., Any], name: str) -> Elementwise:
    from numbafunc.kinds.njit import know_elementwise

    know_elementwise()
    return Elementwise(definition, name=name)


_YIELDING = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def elementwise(definition: Callable[..., Any]) -> Callable[..., Any]:
    """Make an op of a scalar function: a fast loop over arrays, on all cores, and derivatives of every order.

    Parameters
    ----------
    definition : callable
        Scalar function in the subset of Python that Numba compiles, or one under ``numba.njit``. Use ``+ - * / **``
        and comparisons, ``if``, ``abs``, ``max``, ``min``, ``floor``, ``ceil``, ``isnan``, ``isinf``, ``isfinite``,
        and the functions of :mod:`numbafunc.elementary` by these names or, where they have the same, those of
        ``math`` and NumPy (``exp``, ``log1p``, ``tanh``, ...). The package's own elementwise functions
        (``numbafunc.softplus``, ...), other functions made by this one, and functions of yours, plain or under
        ``numba.njit``, that use no more can be called. There is no ``raise``, ``assert`` or ``print``, since threads
        share the work: return ``math.nan``. Number literals take the precision of the arguments. Global variables and
        those of enclosing functions keep the values they have at the first call.

    Returns
    -------
    callable
        Function of as many array-likes, which broadcast, with a keyword ``out``. Functions under ``numba.njit`` can
        call it too.

    Raises
    ------
    TypeError
        When ``definition`` is not a Python function, takes no positional parameters, or has one called ``out``; at the
        first call, when it raises exceptions or prints; at the first call with operands of new types, when it can't be
        compiled for them.

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
    definition = getattr(definition, "py_func", definition)  # of a function under numba.njit
    if not inspect.isfunction(definition) or definition.__code__.co_flags & _YIELDING:
        raise TypeError(f"elementwise is given {definition!r}; wanted: a Python function that returns a number")
    kinds = [parameter.kind for parameter in inspect.signature(definition).parameters.values()]
    if not kinds or any(kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds):
        raise TypeError(
            f"elementwise is given {definition.__name__}; wanted: plain positional parameters, at least one"
        )
    if "out" in inspect.signature(definition).parameters:
        raise TypeError(f"elementwise is given {definition.__name__}, which has a parameter out; wanted: another name")
    op = _of_definition(definition, definition.__name__)
    signature = inspect.signature(definition)

    @functools.wraps(definition)
    def wrapped(*args: Any, out: Any = None, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{definition.__name__}(): {error}") from None
        bound.apply_defaults()
        try:
            return op(*bound.args, out=out)
        except Exception as error:
            from numbafunc.kinds.compile_errors import compile_errors, explained

            if isinstance(error, compile_errors()):
                raise explained(definition, op.name, error) from error
            raise

    vars(wrapped)["elementwise_op"] = op
    return wrapped


__all__ = ["REGISTRY", "Elementwise", "define", "elementwise"]
