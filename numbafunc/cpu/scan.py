"""The loop of scan around a function that the user has compiled with Numba."""

from __future__ import annotations

import functools
from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.core.errors import NumbaError

from numbafunc.cpu.cache import are_covered, recall, remember
from numbafunc.cpu.differentiated import Nest, copy_for, copy_for_values, entrance, exit_of, identity_of
from numbafunc.cpu.dispatchers import compile_loop
from numbafunc.cpu.identity import UnidentifiableError, class_words, type_words
from numbafunc.cpu.polling import NAMES, polled, raise_what_came
from numbafunc.dual.array import Dual
from numbafunc.dual.trees import flatten_with_names
from numbafunc.interrupts import held_back


def carry_error(name: str, was: str, became: str, function: str = "f") -> TypeError:
    """The error for a carry that changes."""
    return TypeError(f"the carry{name} is {was} and {function} makes it {became}; wanted: a carry that stays as it is")


def run(
    f: Any, init: Any, leaves: list[Any], weak: list[bool], xs: Any, entries: list[Any], steps: int, reverse: bool,
    directions: Any = None,
) -> Any:  # fmt: skip
    """The last carry and the stacked results.

    Parameters
    ----------
    f : dispatcher
        The user's function.
    init, leaves, weak : nest, list, list of bool
        The first carry, its leaves, and which of them are Python numbers; these take the type that the function gives.
    xs, entries : nest, list
        The nest that the steps go through, and its leaves.
    steps : int
        Number of steps.
    reverse : bool
        Whether the last entry comes first.
    directions : Directions, optional
        Those of the dual arrays among the leaves and entries. There is at least one step then.
    """
    loop = loop_for(f, init, leaves, weak, xs, entries, None if directions is None else directions.algebra)
    values = loop.typed(leaves)
    entries = [entry if type(entry) is Dual else np.ascontiguousarray(entry) for entry in entries]
    if steps == 0:
        return loop.without_steps(values, entries)
    given = [*values, *entries]
    runs = []
    for chunk in [None] if directions is None else directions.chunks:
        packed = [directions.pack(x, chunk) if moves else x for x, moves in zip(given, loop.moving)]
        runs.append(loop.results(packed, steps, reverse))
    return loop.nested([_unpacked(found, directions) for found in zip(*runs)])


def loop_for(
    f: Any, init: Any, leaves: list[Any], weak: list[bool], xs: Any, entries: list[Any], algebra: Any
) -> CompiledLoop:
    """The compiled loop for leaves and entries of the types of these; the arguments are those of :func:`run`."""
    users, f = f, copy_for_values(f) if algebra is None else copy_for(f, algebra)
    carry_form, x_form = form_of(init, "init"), form_of(xs, "xs")
    names = flatten_with_names(init)[1]
    values = list(map(_leaf, leaves))
    entries = [entry if type(entry) is Dual else np.ascontiguousarray(entry) for entry in entries]
    x_types = tuple(_entry_type(entry, algebra) for entry in entries)
    untyped = tuple(isinstance(leaf, (int, float, complex)) and not isinstance(leaf, np.generic) for leaf in leaves)
    carry_types = tuple(_carry_type(value, algebra) for value in values)
    carry_types, returned = settled_types(
        f, carry_form, carry_types, tuple(weak), untyped, tuple(names), x_form, x_types, algebra
    )  # fmt: skip
    return _loop_of(users, f, carry_form, carry_types, tuple(names), x_form, x_types, returned, algebra)


def _leaf(leaf: Any) -> Any:
    """A leaf of the carry: a contiguous array, or a number of NumPy's."""
    if type(leaf) is Dual:
        return leaf
    return np.ascontiguousarray(leaf) if np.ndim(leaf) else np.asarray(leaf)[()]


class CompiledLoop:
    """The loop around a function for a carry and entries of given types."""

    def __init__(
        self, users: Any, f: Any, carry_form: Any, carry_types: Any, names: tuple[str, ...], x_form: Any, x_types: Any,
        returned: Any, algebra: Any,
    ) -> None:  # fmt: skip
        y_leaves = leaf_types(returned.types[1])
        if y_leaves is None:
            raise TypeError(
                f"the result of f has Numba's type {returned.types[1]}; wanted: arrays, numbers and tuples of them"
            )
        self.f, self.algebra = f, algebra
        self.carry_form, self.carry_types, self.x_form, self.x_types = carry_form, carry_types, x_form, x_types
        self.returned, self.y_leaves = returned, y_leaves
        self.dtypes = list(map(dtype_of, carry_types))
        self.moving = [is_number(type_) for type_ in (*carry_types, *x_types)]
        self.nest = nest_of((carry_form, _shape_of(returned.types[1])), len(carry_types) + len(y_leaves))
        self._users, self._names = users, names
        self._driver: Any = None

    def typed(self, leaves: Any) -> list[Any]:
        """The leaves of a carry, with numbers in the dtypes of the loop."""
        values = map(_leaf, leaves)
        return [
            value if type(value) is Dual or dtype == value.dtype else dtype.type(value)
            for value, dtype in zip(values, self.dtypes)
        ]

    def without_steps(self, values: list[Any], entries: list[Any]) -> Any:
        """What a loop without steps returns."""
        y: Any = None
        if any(ndim_of(type_) for _, type_ in self.y_leaves):  # only a step can tell their shapes
            zeros = [np.zeros(entry.shape[1:], entry.dtype)[()] for entry in entries]
            _, y = self._users(_fill(self.carry_form, iter(values)), _fill(self.x_form, iter(zeros)))
        stacked = []
        for path, type_ in self.y_leaves:
            shape = np.shape(functools.reduce(lambda nest, i: nest[i], path, y)) if ndim_of(type_) else ()
            stacked.append(np.empty((0, *shape), dtype_of(type_)))
        return self.nest(*map(np.asarray, values), *stacked)

    def results(self, given: list[Any], steps: int, reverse: bool) -> Any:
        """The leaves of the last carry and the stacked results, as the machine code returns them."""
        driver = self._driver
        if driver is None:
            driver = _driver(
                self.f, self.carry_form, self.carry_types, self.x_form, self.x_types, self.returned, self.algebra
            )
            if not driver.overloads:
                compile_driver(driver, (*given, steps, reverse))
            self._driver = driver
        try:
            status, *results = driver(*given, steps, reverse)
        finally:  # the step after the one that was interrupted may have failed
            raise_what_came()
        if status:
            self.explain(status)
        return results

    def explain(self, status: int) -> None:
        """Raise the error for the leaf that has changed its shape."""
        _explain(status, self._names, self.y_leaves)

    def nested(self, results: list[Any]) -> Any:
        """The last carry and the stacked results, from their leaves."""
        for i, dtype in enumerate(self.dtypes):
            if type(results[i]) is not Dual:
                results[i] = np.array(results[i], dtype)
        return self.nest(*results)


_loop_of = functools.lru_cache(maxsize=256)(CompiledLoop)


@functools.lru_cache(maxsize=256)
def nest_of(form: Any, count: int) -> Any:
    """The function that makes a nest of its leaves."""
    names = [f"leaf{i}" for i in range(count)]
    return eval(f"lambda {', '.join(names)}: {text(form, iter(names))}", classes_of(form))


def _form_words(form: Any) -> str:
    """What identifies a nesting of tuples."""
    if isinstance(form, str):
        return form
    kind = class_words(form.kind) if isinstance(form, Nest) else "tuple"
    return f"{kind}({', '.join(map(_form_words, parts_of(form)))})"


@functools.lru_cache(maxsize=256)
def settled_types(
    f: Any, carry_form: Any, carry_types: Any, weak: tuple[bool, ...], untyped: tuple[bool, ...], names: tuple[str,
    ...], x_form: Any, x_types: Any, algebra: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Numba's types of the carry, and of what the function returns."""
    identity = identity_of_loop(f, "types", carry_form, carry_types, x_form, x_types, algebra)
    key = identity and f"{identity} {weak} {untyped}"
    found = key and recall(key)
    if not found:
        found = _inferred(f, carry_form, carry_types, weak, untyped, names, x_form, x_types, algebra)
        if not are_covered(compiled.library for compiled in f.overloads.values()):
            return found
        if key and identity_of_loop(f, "types", carry_form, found[0], x_form, (*x_types, found[1]), algebra):
            remember(key, found)
    return found


def _inferred(
    f: Any, carry_form: Any, carry_types: Any, weak: tuple[bool, ...], untyped: tuple[bool, ...], names: tuple[str,
    ...], x_form: Any, x_types: Any, algebra: Any,
) -> tuple[Any, Any]:  # fmt: skip
    # A Python number takes the type that the function gives it, which may be a wider one in the next round.
    free = list(untyped)
    while True:
        returned = _returned(f, carry_form, carry_types, x_form, x_types)
        new = leaf_types(returned.types[0])
        if new is None or _shape_of(returned.types[0]) != carry_form:
            was = _tuple_type(carry_form, iter(carry_types))
            raise carry_error("", f"of Numba's type {was}", f"of type {returned.types[0]}")
        next_types, error = list(carry_types), None
        for position, (old, (_, type_)) in enumerate(zip(carry_types, new)):
            if same_type(old, type_):
                continue
            found = dtype_of(old)
            if weak[position] and not ndim_of(type_):
                became = dtype_of(type_)
                found = np.result_type(found, became)
                if free[position] and became.kind == "f" and dtype_of(old).kind != "c":
                    found, free[position] = became, False
            if found != dtype_of(old):
                next_types[position] = _carry_type(found.type(0), algebra)
            elif error is None:
                error = carry_error(names[position], f"of Numba's type {old}", f"of type {type_}")
        if tuple(next_types) == carry_types:
            if error is not None:
                raise error
            return carry_types, returned
        carry_types = tuple(next_types)


def identity_of_loop(
    f: Any, what: str, carry_form: Any, carry_types: Any, x_form: Any, x_types: Any, algebra: Any
) -> Any:
    """What identifies a loop in the cache on disk; None where it has no place there."""
    identity = identity_of(f)
    try:
        words = [[*map(type_words, types_)] for types_ in (carry_types, x_types)]
        forms = [*map(_form_words, (carry_form, x_form))]
    except UnidentifiableError:
        return None
    return identity and f"{what} of scan {identity} {forms} {words} {algebra}"


def compile_driver(driver: Any, arguments: Any) -> None:
    """Compile a loop for arguments like these."""
    try:
        driver.compile(tuple(map(numba.typeof, arguments)))
    except (NumbaError, NotImplementedError) as error:
        raise TypeError(f"f can't be compiled: {error}") from None


def _unpacked(found: Any, directions: Any) -> Any:
    """A result of all runs."""
    if type(found[0]).__name__ != "Coefficients":
        return found[0]
    return directions.unpack([result.array for result in found])


def is_number(type_: Any) -> bool:
    """Whether a type is that of numbers with tangents, or of an array of them."""
    return type(type_).__name__ in ("NumberType", "NumberArray")


def _with_tangents(whole: Any, ndim: int, algebra: Any) -> Any:
    """The type of numbers, or arrays of them, with the dtype of a dual array."""
    if whole.dtype.char not in "fd":
        raise TypeError(f"f can't be compiled for an array of dtype {whole.dtype} with derivatives; pass f.py_func")
    return number_type(whole.dtype.name, ndim, algebra)


@functools.cache
def number_type(dtype: str, ndim: int, algebra: Any) -> Any:
    """Numba's type of numbers with tangents, or of arrays of them."""
    from numbafunc.numbers.numba_array import NumberArray
    from numbafunc.numbers.numba_type import NumberType

    element = NumberType(getattr(types, dtype), *algebra)
    return NumberArray(element, ndim, "C") if ndim else element


def _carry_type(value: Any, algebra: Any) -> Any:
    """Numba's type of a leaf of the carry; where there are tangents, any floating leaf may get some."""
    if algebra is not None and value.dtype.kind == "f":
        return _with_tangents(value, value.ndim, algebra)
    return _typeof(value)


def _explain(status: int, names: tuple[str, ...], y_leaves: list[Any]) -> None:
    if status <= len(names):
        raise carry_error(names[status - 1], "of one shape", "of another")
    path = y_leaves[status - len(names) - 1][0]
    raise TypeError(f"the result of f{''.join(f'[{i}]' for i in path)} changes its shape from step to step")


def form_of(tree: Any, argument: str) -> Any:
    """The nesting of tuples: "leaf", "none", a tuple of these, or a :class:`Nest` for a named tuple."""
    if tree is None:
        return "none"
    if type(tree) is tuple:
        return tuple(form_of(part, argument) for part in tree)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return Nest(type(tree), tuple(form_of(part, argument) for part in tree))
    if isinstance(tree, (np.ndarray, np.generic, bool, int, float, complex, Dual)):
        return "leaf"
    raise TypeError(
        f"f can't be compiled for {argument} with a {type(tree).__name__}; wanted: arrays, numbers and tuples of them, "
        "or pass f.py_func"
    )


def _fill(form: Any, leaves: Any) -> Any:
    """A nest with a given nesting and given leaves."""
    if form == "none":
        return None
    if form == "leaf":
        return next(leaves)
    if isinstance(form, Nest):
        return form.kind(*(_fill(part, leaves) for part in form.parts))
    return tuple(_fill(part, leaves) for part in form)


def _typeof(value: Any) -> Any:
    if value.dtype in (np.float16, np.longdouble) or value.dtype.kind == "V":
        raise TypeError(f"f can't be compiled for an array of dtype {value.dtype}; pass f.py_func")
    return numba.typeof(value)


def _entry_type(entry: Any, algebra: Any) -> Any:
    if type(entry) is Dual:
        return _with_tangents(entry, entry.ndim - 1, algebra)
    whole = _typeof(entry)
    return whole.dtype if whole.ndim == 1 else types.Array(whole.dtype, whole.ndim - 1, "C", not whole.mutable)


def _tuple_type(form: Any, leaves: Any) -> Any:
    if form == "none":
        return types.none
    if form == "leaf":
        return next(leaves)
    if isinstance(form, Nest):
        return types.BaseTuple.from_types([_tuple_type(part, leaves) for part in form.parts], form.kind)
    return types.containers.Tuple(tuple(_tuple_type(part, leaves) for part in form))


def _returned(f: Any, carry_form: Any, carry_types: Any, x_form: Any, x_types: Any) -> Any:
    """Numba's type of what the function returns."""
    arguments = (_tuple_type(carry_form, iter(carry_types)), _tuple_type(x_form, iter(x_types)))
    try:
        if arguments not in f.overloads:
            with held_back():
                f.compile(arguments)
    except RuntimeError:  # the user has listed signatures, and none of them fits
        raise TypeError(
            f"f has no signature for a carry of type {arguments[0]} and {arguments[1]}; wanted: one, or none at all"
        ) from None
    except (
        NumbaError,
        NotImplementedError,
        AttributeError,
        AssertionError,
    ) as error:  # of parts that don't know numbers
        raise TypeError(f"f can't be compiled for a carry of type {arguments[0]} and {arguments[1]}: {error}") from None
    result = f.overloads[arguments].signature.return_type
    if not isinstance(result, types.BaseTuple) or len(result) != 2:
        raise TypeError(f"f returns {result}; wanted: the pair of the new carry and a result")
    return result


def leaf_types(type_: Any, path: tuple[int, ...] = ()) -> list[Any] | None:
    """Paths and types of the leaves of a nest of tuples; None where there is any other container."""
    if isinstance(type_, types.NoneType):
        return []
    if isinstance(type_, types.BaseTuple):
        found = []
        for index, part in enumerate(type_):
            inner = leaf_types(part, (*path, index))
            if inner is None:
                return None
            found += inner
        return found
    if isinstance(type_, (types.Number, types.Boolean, types.Array)) or is_number(type_):
        return [(path, type_)]
    return None


def _shape_of(type_: Any) -> Any:
    if isinstance(type_, types.NoneType):
        return "none"
    if isinstance(type_, types.BaseNamedTuple):
        return Nest(type_.instance_class, tuple(map(_shape_of, type_)))
    if isinstance(type_, types.BaseTuple):
        return tuple(map(_shape_of, type_))
    return "leaf"


def ndim_of(type_: Any) -> int:
    """The number of axes of arrays of a type of Numba's, 0 for numbers."""
    return int(type_.ndim) if isinstance(type_, types.Array) else 0


def _scalar(type_: Any) -> Any:
    plain = type_.dtype if isinstance(type_, types.Array) else type_
    if isinstance(plain, types.Literal):
        plain = plain.literal_type
    return plain.dtype if is_number(plain) else plain


def dtype_of(type_: Any) -> np.dtype[Any]:
    """The dtype of arrays or numbers of a type of Numba's, with tangents or without."""
    return numba.np.numpy_support.as_dtype(_scalar(type_))  # type: ignore[no-any-return]


def same_type(old: Any, new: Any) -> bool:
    """Whether two of Numba's types have the same number of axes and elements of one type."""
    return ndim_of(old) == ndim_of(new) and _scalar(old) == _scalar(new)


def text(form: Any, leaves: Any) -> str:
    """The expression of a nest, from those of its leaves."""
    if form == "none":
        return "None"
    if form == "leaf":
        return next(leaves)  # type: ignore[no-any-return]
    kind, parts = (_name(form.kind), form.parts) if isinstance(form, Nest) else ("", form)
    listed = ", ".join(text(part, leaves) for part in parts)
    return f"{kind}({listed})" if kind or len(parts) != 1 else f"({listed},)"


@functools.lru_cache(maxsize=256)
def leaves_by(form: Any) -> Any:
    """The function that lists the leaves of a nest."""
    return eval(f"lambda nest: [{', '.join(f'nest{place(path)}' for path in paths_of(form))}]")


def paths_of(form: Any, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    """The paths of the leaves of a nest."""
    if form == "none":
        return []
    if form == "leaf":
        return [path]
    return [inner for index, part in enumerate(parts_of(form)) for inner in paths_of(part, (*path, index))]


def _name(kind: Any) -> str:
    return f"{kind.__name__}_{id(kind)}"


def classes_of(form: Any) -> dict[str, Any]:
    """The classes of named tuples by the names that :func:`text` gives them."""
    found = {_name(form.kind): form.kind} if isinstance(form, Nest) else {}
    for part in parts_of(form):
        found.update(classes_of(part))
    return found


def parts_of(form: Any) -> tuple[Any, ...]:
    """The forms inside a form."""
    return form.parts if isinstance(form, Nest) else form if isinstance(form, tuple) else ()


def place(path: tuple[int, ...]) -> str:
    """The indices of a leaf of a nest, as source text."""
    return "".join(f"[{index}]" for index in path)


def _entrance(type_: Any, more: int, algebra: Any) -> Any:
    return entrance(_scalar(type_), ndim_of(type_) + more, algebra)


def _exit(algebra: Any) -> Any:
    return exit_of(algebra)


def _numbers_of(algebra: Any) -> Any:
    """The function that makes an array of numbers of another array, for compiled code."""
    from numbafunc.numbers.numba_creation import replacements

    return replacements(algebra)[np.array]


def _maker(type_: Any, algebra: Any) -> Any:
    from numbafunc.numbers.numba_functions import make_empty
    from numbafunc.numbers.numba_type import NumberType

    return make_empty(NumberType(_scalar(type_), *algebra))


def _stored(name: str, expression: str, ndim: int) -> list[str]:
    """The lines that put an array into the results, whose shape has been checked.

    An assignment of Numba's checks it again, and takes seconds to compile the message.
    """
    place = ", ".join(f"i{axis}" for axis in range(ndim))
    loops = [f"{'    ' * axis}for i{axis} in range({expression}.shape[{axis}]):" for axis in range(ndim)]
    return [*loops, f"{'    ' * ndim}{name}[i, {place}] = {expression}[{place}]"]


def after_step(
    carry_types: Any, returned: Any, algebra: Any, namespace: dict[str, Any]
) -> tuple[list[str], list[str], list[str]]:
    """Lines that make the arrays of results of a step ``carry, y``, the names of these, and what follows each step.

    What follows checks the shapes of the carry, stores the results, and lets the new carry be that of the next step.
    """
    new, outputs = leaf_types(returned.types[0]), leaf_types(returned.types[1])
    assert new is not None
    assert outputs is not None
    normalize, check, allocate, store = [], [], [], []
    for i, (old, (path, type_)) in enumerate(zip(carry_types, new)):
        expression = f"carry{place(path)}"
        if isinstance(type_, types.Array):
            expression += "[()]" if type_.ndim == 0 else ""
            if is_number(old) and type_ != old:
                namespace["numbers"] = _numbers_of(algebra)
                expression = f"numbers({expression}, dtype_c{i})"
                namespace[f"dtype_c{i}"] = dtype_of(old)
            elif type_.ndim and type_.layout != "C":
                expression = f"ascontiguousarray({expression})"
        normalize.append(f"n{i} = {expression}")
        if ndim_of(old):
            check += [f"if n{i}.shape != c{i}.shape:", f"    failed = {i + 1}"]
    names = []
    for i, (path, type_) in enumerate(outputs):
        names.append(f"y{i}")
        new_array, dtype = "empty", f", dtype{i}"
        if is_number(type_):
            new_array, dtype = f"empty{i}", ""
            namespace[new_array] = _maker(type_, algebra)
        expression = f"y{place(path)}"
        if ndim_of(type_):
            allocate.append(f"y{i} = {new_array}((length,) + {expression}.shape{dtype})")
            check += [f"if {expression}.shape != y{i}.shape[1:]:", f"    failed = {len(new) + i + 1}"]
            store += (
                _stored(f"y{i}", expression, ndim_of(type_)) if not is_number(type_) else [f"y{i}[i] = {expression}"]
            )
        else:
            allocate.append(f"y{i} = {new_array}(length{dtype})")
            store.append(f"y{i}[i] = {expression}" + ("[()]" if isinstance(type_, types.Array) else ""))
    namespace.update({f"dtype{i}": dtype_of(type_) for i, (_, type_) in enumerate(outputs)})
    namespace.update(**NAMES, empty=np.empty, ascontiguousarray=np.ascontiguousarray)
    advance = [f"c{i} = n{i}" for i in range(len(new))]
    return allocate, names, [*normalize, *check, "if failed:", "    break", *store, *advance]


@functools.lru_cache(maxsize=128)
def _driver(f: Any, carry_form: Any, carry_types: Any, x_form: Any, x_types: Any, returned: Any, algebra: Any) -> Any:
    """The compiled loop ``driver(*carry, *xs, length, reverse)``; it returns a status, the carry and the results.

    The status is 0, or the number of the leaf, carry before results, whose shape has changed, or -1 for an interrupt.
    With algebra, numbers with tangents come and go as float arrays of their coefficients.
    """
    carries = [f"c{i}" for i in range(len(carry_types))]
    entries = [f"x{i}" for i in range(len(x_types))]
    step = f"carry, y = f({text(carry_form, iter(carries))}, {text(x_form, iter([f'{e}[i]' for e in entries]))})"
    position = "i = length - 1 - step if reverse else step"
    namespace: dict[str, Any] = {**classes_of(carry_form), **classes_of(x_form), "__name__": __name__, "f": f}
    enter = []
    for name, type_, more in (
        *zip(carries, carry_types, (0,) * len(carries)),
        *zip(entries, x_types, (1,) * len(entries)),
    ):
        if is_number(type_):
            namespace[f"enter_{name}"] = _entrance(type_, more, algebra)
            enter.append(f"{name} = enter_{name}({name})")
    allocate, names, after = after_step(carry_types, returned, algebra, namespace)
    results = ", ".join((*carries, *names) if algebra is None else (f"leave({name})" for name in (*carries, *names)))
    if algebra is not None:
        namespace["leave"] = _exit(algebra)
    steps = [position, "if step > 0:", f"    {step}", *after]
    lines = [
        f"def driver({', '.join((*carries, *entries, 'length', 'reverse'))}):",
        *(f"    {line}" for line in enter),
        "    failed = 0",
        "    step = 0",
        f"    {position}",
        f"    {step}",
        *(f"    {line}" for line in allocate),
        *(f"    {line}" for line in polled(steps, "length", ["if interrupted():", "    failed = -1"])),
        f"    return failed, {results}",
    ]
    exec(compile("\n".join(lines), "<numbafunc scan>", "exec"), namespace)
    identity = identity_of_loop(f, "loop", carry_form, carry_types, x_form, (*x_types, returned), algebra)
    return compile_loop(namespace["driver"], identity)
