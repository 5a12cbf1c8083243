"""Short cuts: a call like an earlier one goes straight to machine code, past checks whose outcome is known.

Small arrays would otherwise spend their time on those checks. Calls are alike if their operands are C-contiguous arrays
of the same shapes and dtypes, or Python floats, and all other arguments, the settings, are equal and of equal types.

:func:`shortcut` decorates a public function, which checks its arguments and calls its kind. If possible the kind keeps
a prepared call in the :class:`Shortcut` that :func:`new_shortcut` gives. What the decorator makes of
``top_k(operand, k)`` is in short::

    def top_k(operand, k):
        shortcut = None
        if type(operand) is ndarray and operand.flags.num & READABLE == READABLE and type(k) in settings:
            key = (operand.shape, operand.dtype, k)
            call = find(key)
            if call is not None:
                return call(operand)
            shortcut = Shortcut(table, key, (operand,), ())
        # While the function runs, new_shortcut() gives this one.
        return checked(operand, k)
"""

from __future__ import annotations

import inspect
import itertools
import math
import threading
from collections.abc import Callable, Sequence
from functools import cache, update_wrapper
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np
from numpy import empty, may_share_memory, ndarray

from numbafunc.constants import ConvPadding, Interpolate
from numbafunc.cpu.direct_calls import LARGEST, KnownArguments, prepared_call
from numbafunc.cpu.kernel import address_of
from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import FLAGS, OWNS, PLAIN, READABLE, WORDS, flat_words
from numbafunc.cpu.threads import Kernels
from numbafunc.dual.array import Dual, make
from numbafunc.dual.recorder import Node, Recorder
from numbafunc.kinds.defaults import Unset
from numbafunc.kinds.plan import Plan
from numbafunc.kinds.signatures import moving_signature, signature_of
from numbafunc.result_memory import empty_for

Function = TypeVar("Function", bound=Callable[..., Any])

# Types of settings whose equal values have equal meanings. Neither bool nor float: True and 1.0 are equal to 1.
_SETTINGS = frozenset(
    (int, str, type, type(None), ConvPadding, Interpolate, Unset, *(type(np.dtype(c)) for c in "?bBhHiIlLefd"))
)
# Expressions that hand an operand to a kernel: its elements in one run, the same as words of their size, the array or
# number as it is, the number in an array of one element, or nothing, for an operand that is among the arguments before
# the result.
FLAT, WORDS_OF_IT, AS_IT_IS, ITEM, LEFT_OUT = "{}.ravel()", "{}.ravel().view(word)", "{}", "{}.item()", ""

_MOST = 4096

# Codes of dtypes whose arrays kernels take as they are. 16-bit floats come as words, bool as bytes.
AS_STORED = "bBhHiIlLqQfd"


class Shortcut(NamedTuple):
    """Place in which a call keeps a prepared call for later calls like it.

    Attributes
    ----------
    table : dict
        The prepared calls of a public function.
    key : tuple
        What the calls that a prepared call serves have in common.
    operands : tuple
        The operands as they were given.
    tuples : tuple
        The settings that may be tuples.
    moving : bool
        Whether dual arrays are among the operands: see :mod:`numbafunc.kinds.moving_calls`.
    plain : callable, optional
        Of a short cut for a single operand that moves: the public function with the same settings, of another operand.
    """

    table: Kernels
    key: tuple[Any, ...]
    operands: tuple[Any, ...]
    tuples: tuple[Any, ...]
    moving: bool = False
    plain: Callable[[Any], Any] | None = None

    def keep(self, call: Callable[..., Any]) -> None:
        """Keep ``call(*operands)``, or ``call(*operands, out)`` if the function has ``out``.

        It may return None where ``out`` can't take the result; the checks then say why.
        """
        self.table[self.key] = [call, *self.tuples] if self.tuples else call

    def keep_moving(self, x: Any, call: Callable[[Any], Any]) -> Any:
        """``call(x)``, kept for dual arrays like this one where it is the only operand as it was given."""
        if not (self.moving and len(self.operands) == 1 and self.operands[0] is x):
            return call(x)
        self.keep(call)
        result = call(x)
        if type(x.tangent) is Recorder and type(result) is Dual and type(result.tangent) is Recorder:
            self._keep_step(x, result.tangent.node)
        return result

    def _keep_step(self, x: Any, node: Node) -> None:
        """Keep a plain call for the value and a step like this one, if it is the only one, and a fixed one."""
        primitive, arguments = node.primitive, node.arguments
        if primitive is None or not primitive.fixed or node.places != (0,) or arguments[0] is not x.tangent.node:
            return
        plain = self._plain_call(x.primal if x.lent is None else x.lent)
        if plain is None:
            return
        others, shape, dtype, record = arguments[1:], node.shape[1:], node.dtype, primitive.of

        def call(x: Dual) -> Dual:
            value, change = x.primal if x.lent is None else x.lent, x.tangent
            return make(plain(value), record(change, (change.shape[0], *shape), dtype, *others), x.level)

        self.keep(call)

    def _plain_call(self, x: ndarray[Any, Any]) -> Callable[..., Any] | None:
        """The prepared call for plain operands like this one, if there is one: that of the value of one that moves."""
        if self.plain is None:
            return None
        self.plain(x)  # now it is kept
        found = self.table.get((x.shape, x.dtype, *self.key[3:]))
        return found[0] if type(found) is list else found

    def keep_kernel(self, kernel: Any, result: ndarray[Any, Any], *tail: Any, flat: bool = True) -> None:
        """Keep ``kernel(x, result, *tail)`` of the only operand ``x``, whose first call has given a result."""
        arrays = [array.ravel() if flat else array for array in (*self.operands, result)]
        code, way = machine_code(kernel, (*arrays, *tail)), FLAT if flat else AS_IT_IS
        self.keep(kernel_call(code, result.shape, result.dtype, [way], (), tail, result=way, handed=arrays[:-1]))

    def keep_plan(self, plan: Plan, operands: Sequence[Any], users: bool = False) -> None:
        """Keep a plan if it comes down to one call of its kernel, which may be a user's.

        ``operands`` are those of the plan, which begin with the ones that were given; others, like a range of indices,
        are the same in each call.
        """
        call = _planned_call(plan, self.operands, operands, users)
        if call is not None:
            self.keep(call)


class _Current(threading.local):
    """The short cut that the public function running in this thread may fill."""

    shortcut: Shortcut | None = None


_CURRENT = _Current()


def new_shortcut(moving: bool = False) -> Shortcut | None:
    """The short cut that the decorated function now running may fill; None where its arguments are unusual.

    Parameters
    ----------
    moving : bool
        Whether it may be one for operands among which are dual arrays.
    """
    found = _CURRENT.shortcut
    return found if found is None or moving or not found.moving else None


def _whole(setting: Any) -> bool:
    """Whether a setting is no tuple, or one of ints and of tuples of ints, which equals none of another meaning."""
    if type(setting) is not tuple:
        return True
    for entry in setting:  # most are ints, and a loop takes half the time of a set
        if type(entry) is not int:
            break
    else:
        return True
    types = {*map(type, setting)}
    if types == {tuple}:
        types = {type(entry) for entries in setting for entry in entries}
    return types <= {int}


def shortcut(
    *operands: str,
    numbers: bool = False,
    ints: bool = False,
    tuples: Sequence[str] = (),
    floats: Sequence[str] = (),
    unset: Sequence[str] = (),
    options: Sequence[str] = (),
) -> Callable[[Function], Function]:
    """Decorate a public function so that calls like an earlier one take a short cut.

    Parameters
    ----------
    *operands : str
        Parameters that take arrays; where there are several, Python floats too.
    numbers : bool
        Whether the only operand may be a Python float.
    ints : bool
        Whether operands may be Python ints, for each of which there is a short cut of its own.
    tuples, floats : sequence of str
        Parameters whose settings may be tuples of ints, or floats.
    unset : sequence of str
        Parameters that have to be left at their defaults.
    options : sequence of str
        Keyword-only parameters that must not be given at all, of which there may be many: together they cost a call
        as little as one.
    """

    def decorate(checked: Function) -> Function:
        parameters = inspect.signature(checked).parameters
        named = [name for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY and name not in options]
        positional = [name for name in parameters if name not in (*named, *options)]
        settings = [name for name in parameters if name not in (*operands, *unset, *options, "out")]
        # Python has an instruction of its own for "is None".
        defaults = {name: parameters[name].default for name in unset}
        conditions = [f"{name} is {'None' if defaults[name] is None else f'unset_{name}'}" for name in unset]
        conditions += ["not options"] if options else []
        for name in settings:
            condition = f"type({name}) in settings"
            if name in tuples:
                condition = f"type({name}) is tuple or {condition}"
            if name in floats:  # 0.0 is equal to -0.0
                condition += f" or (type({name}) is float and {name})"
            conditions.append(f"({condition})")
        # A NaN is equal to no other one.
        keyed = [f"({name} if {name} == {name} else ...)" if name in floats else name for name in settings]
        if len(operands) == 1 and not numbers:
            signature, key = "None", [f"{operands[0]}.shape", f"{operands[0]}.dtype", *keyed]
            conditions[:0] = [f"type({operands[0]}) is ndarray", f"{operands[0]}.flags.num & READABLE == READABLE"]
        else:
            counted = ", ints=True" if ints else ""
            signature, key = f"signature_of({', '.join(operands)}{counted})", ["*signature", *keyed]
            conditions[:0] = ["signature is not None"]
        output = "out" in parameters
        usual = [f"whole({name})" for name in tuples] + (["out is None"] if output else [])
        if tuples and output:
            raise TypeError(
                f"{checked.__name__} has out and settings that may be tuples; a short cut serves one of both"
            )
        same = [*(name for name in positional if name != "out"), *(f"{name}={name}" for name in named)]
        names = {
            "name": checked.__name__,
            "parameters": ", ".join((*positional, *["*"][: len(named)], *named, *["**options"][: len(options)])),
            "arguments": ", ".join(
                (*positional, *(f"{name}={name}" for name in named), *["**options"][: len(options)])
            ),
            "signature": signature,
            "conditions": " and ".join(conditions),
            "defaults": "".join(f", unset_{name}" for name in unset),
            "key": ", ".join(key),
            "operands": ", ".join(operands),
            "tuples": "".join(f"{name}, " for name in tuples),
            "given": ", ".join((*operands, "out") if output else operands),
            "seen": "".join(f", seen_{name}" for name in tuples),
            "remember": "\n".join(f"{' ' * 20}known[{place}] = {name}" for place, name in enumerate(tuples, 1)),
            "same": " and ".join(f"{name} is seen_{name}" for name in tuples),
            "whole": " and ".join(f"whole({name})" for name in tuples) or "True",
            "moves": f"type({operands[0]}) is Dual" if len(operands) == 1 else "signature is None",
            "moving": f"moving_signature({', '.join(operands)}{', ints=True' if ints else ''})",
            "all": ", ".join((*positional, *named)),
            "no_options": " and not options" if options else "",
            "usual": " and ".join((*conditions[2 if len(operands) == 1 and not numbers else 1 :], *usual)) or "True",
            "settings": "".join(f", {name}" for name in keyed),
            "plain": f", lambda {operands[0]}: {checked.__name__}({', '.join(same)})" if len(operands) == 1 else "",
        }
        lines = _LINES_WITH_TUPLES if tuples else _LINES_WITH_OUT if output else _LINES
        table = Kernels(_MOST)
        namespace: dict[str, Any] = {}
        # With the globals of the function's module, as if written there: doctest finds a module's functions by them.
        source = _TEMPLATE.format(lines=lines.format(**names), **names)
        place = f"<short cut of {checked.__module__}.{checked.__name__}>"
        exec(compile(source, place, "exec"), checked.__globals__, namespace)
        made = namespace["make_shortcut"](
            *(checked, table, table.get, Shortcut, _CURRENT, ndarray, READABLE),
            *(_SETTINGS, signature_of, _whole, Dual, moving_signature),
            KnownArguments([[*positional, *named].index(name) for name in operands]).learn,
            type(len),
            *defaults.values(),
        )
        made.__defaults__ = checked.__defaults__
        kept = {name: one for name, one in (checked.__kwdefaults__ or {}).items() if name not in options}
        made.__kwdefaults__ = kept or None
        update_wrapper(made, checked)
        return cast(Function, made)

    return decorate


# Written out for each function, since look-ups in tables of its parameters would cost more than the short cut saves.
_TEMPLATE = """\
def make_shortcut(
    checked, table, find, Shortcut, current, ndarray, READABLE, settings, signature_of, whole, Dual,
    moving_signature, learn, builtin{defaults}
):
    known_call = None

    def {name}({parameters}):
        nonlocal known_call
        if known_call is not None{no_options}:
            result = known_call({all})
            if result is not NotImplemented:
                return result
        shortcut = None
        signature = {signature}
        if {conditions}:
            key = ({key},)
{lines}
                shortcut = Shortcut(table, key, ({operands},), ({tuples}))
        elif {moves} and {usual} and (signature := {moving}) is not None:
            key = (*signature{settings},)
            call = find(key)
            if call is not None:
                return call({operands})
            shortcut = Shortcut(table, key, ({operands},), (), True{plain})
        outer = current.shortcut
        if outer is shortcut:  # both None, as in most calls: nothing to restore
            return checked({arguments})
        current.shortcut = shortcut
        try:
            return checked({arguments})
        finally:
            current.shortcut = outer

    return {name}
"""
_LINES = """\
            call = find(key)
            if call is not None:
                if type(call) is builtin:
                    known_call = learn(call, ({all},))
                return call({given})
            else:"""
_LINES_WITH_OUT = """\
            call = find(key)
            if call is not None:
                if type(call) is builtin and out is None:
                    known_call = learn(call, ({all},))
                result = call({given})
                if result is not None:
                    return result
            else:"""
# Settings equal to earlier ones may still hold floats or bools, unless they are the same objects.
_LINES_WITH_TUPLES = """\
            try:
                known = find(key)
            except Exception:  # such as a list in a tuple, which has no hash
                known = False
            if known:
                call{seen} = known
                if {same}:
                    if type(call) is builtin:
                        known_call = learn(call, ({all},))
                    return call({given})
                if {whole}:  # whatever other threads remember meanwhile means the same
{remember}
                    return call({given})
            elif known is None and {whole}:"""


def kernel_call(
    code: Any,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    operands: Sequence[str],
    before: tuple[Any, ...] = (),
    after: tuple[Any, ...] = (),
    *,
    result: str = FLAT,
    handed: Sequence[Any] = (),
    users: bool = False,
) -> Callable[..., Any]:
    """A function of operands and an optional ``out`` that calls machine code once.

    Parameters
    ----------
    code : callable
        ``code(*operands, *before, result, *after)``.
    shape, dtype
        Of the result.
    operands : sequence of str
        How each operand is handed over, see :data:`FLAT`.
    before, after : tuple
        Arguments that are the same in each call.
    result : str
        How the result is handed over.
    handed : sequence
        Operands as they are handed over, if the call may serve small arrays directly.
    users : bool
        Whether the code is a user's, which may take any time.
    """
    make = _maker(tuple(operands), len(before), result, len(after))
    new = empty_for(shape, dtype)
    call: Callable[..., Any] = make(code, shape, dtype, before, after, WORDS.get(dtype.itemsize), new, fits)
    if not handed or ITEM in operands or math.prod(shape) > LARGEST:
        return call
    array = empty(shape, dtype)
    given = (*handed, *before, array if result == AS_IT_IS else array.ravel(), *after)
    counted = itertools.count()
    places = [next(counted) if way else -1 for way in operands]
    return prepared_call(address_of(code), given, places, len(handed) + len(before), shape, dtype, call, users)


@cache
def _maker(operands: tuple[str, ...], before: int, result: str, after: int) -> Callable[..., Any]:
    """The maker of functions for :func:`kernel_call`, written out for each number of arguments.

    A loop over them would take longer than a kernel of one element.
    """
    names = [f"x{number}" for number in range(len(operands))]
    starts, ends = ([f"{name}{number}" for number in range(count)] for name, count in (("b", before), ("a", after)))
    taken = [expression.format(name) for name, expression in zip(names, operands) if expression]
    source = _CALL_TEMPLATE.format(
        operands=", ".join(names),
        starts="".join(f"{name}, " for name in starts),
        ends="".join(f"{name}, " for name in ends),
        arguments=", ".join([*taken, *starts, result.format("result"), *ends]),
    )
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["make"]  # type: ignore[no-any-return]


_CALL_TEMPLATE = """\
def make(code, shape, dtype, before, after, word, empty, fits):
    ({starts}), ({ends}) = before, after

    def call({operands}, out=None):
        if out is None:
            result = empty(shape, dtype)
        elif fits(out, shape, dtype, {operands}):
            result = out
        else:
            return None
        code({arguments})
        return result

    return call
"""


def _planned_call(plan: Plan, given: Sequence[Any], operands: Sequence[Any], users: bool) -> Callable[..., Any] | None:
    if len(plan.calls) != 1 or len(plan.sources) != len(operands) or len(plan.targets) != 1:
        return None
    if plan.dtype.char not in AS_STORED + "?":
        return None
    flats = [source.flatten(operands[source.operand]) for source in plan.sources]
    ways = [way_of(x, flat) for x, flat in zip(given, flats)]
    first = next((number for number, way in enumerate(ways) if way == LEFT_OUT), len(ways))
    if None in ways or any(ways[first:]):
        return None
    target = plan.targets[0]
    stored = empty(target.shape, plan.dtype)
    restored = stored if target.restore is None else target.restore(stored)
    if not restored.flags.c_contiguous:
        return None
    code = machine_code(plan.kernel, (*flats, *plan.middle, restored.ravel(), *plan.tail))
    before = (*flats[first:], *plan.middle)
    taken = [way or "" for way in ways]
    handed = flats[:first]
    return kernel_call(code, restored.shape, plan.dtype, taken, before, plan.tail, handed=handed, users=users)


def planned_arrays(plan: Plan, given: Sequence[Any]) -> Callable[[Sequence[Any]], list[ndarray[Any, Any]]] | None:
    """A function of operands like the given ones, plain arrays and floats, that returns the arrays of a plan's targets.

    Of a dual array both the value and the tangent are among them. None where it does not come down to one call of the
    kernel on operands as they lie in memory.
    """
    if len(plan.calls) != 1 or len(plan.sources) != len(given) or plan.dtype.char not in AS_STORED:
        return None
    slots = plan.calls[0].slots
    if [number for number, _ in slots] != list(range(len(given))):
        return None
    flats = [source.flatten(x) for source, x in zip(plan.sources, given)]
    flats = [flat[index] if index else flat for flat, (_, index) in zip(flats, slots)]
    ways = [way_of(x, flat) for x, flat in zip(given, flats)]
    if not all(ways):
        return None
    call = plan.calls[0]
    shapes = [target.shape for target in plan.targets]
    restored = [target.restore for target in plan.targets]
    results = [empty(shape, plan.dtype) for shape in shapes]
    words = [flat_words(array, len(target.component)) for array, target in zip(results, plan.targets)]
    parts = [words[number][index] if index else words[number] for number, index in call.results]
    code = machine_code(plan.kernel, (*flats, *plan.middle, *parts, *plan.tail))
    leading = [len(target.component) for target in plan.targets]
    flat = [(*shape[:lead], math.prod(shape[lead:])) for shape, lead in zip(shapes, leading)]
    make = _arrays_maker(
        tuple(ways),
        tuple([rows != shape for rows, shape in zip(flat, shapes)]),
        tuple([restore is not None for restore in restored]),
        tuple([(number, bool(index)) for number, index in call.results]),
        len(plan.middle),
        len(plan.tail),
    )
    indices = [index for _, index in call.results]
    new = empty_for(max(shapes, key=math.prod), plan.dtype)
    return make(code, plan.dtype, shapes, flat, restored, indices, plan.middle, plan.tail, new)  # type: ignore[no-any-return]


@cache
def _arrays_maker(
    operands: tuple[str, ...],
    reshaped: tuple[bool, ...],
    restored: tuple[bool, ...],
    results: tuple[tuple[int, bool], ...],
    middle: int,
    tail: int,
) -> Callable[..., Any]:
    """The maker of functions for :func:`planned_arrays`, written out like those of :func:`kernel_call`.

    Of each target it is told whether it is reshaped to rows for the kernel, and whether it is restored; of each result
    of the kernel, which target it is part of, and whether by an index.
    """
    targets = range(len(reshaped))
    parts = [f"rows{number}[index{place}]" if part else f"rows{number}" for place, (number, part) in enumerate(results)]
    befores, afters = ([f"{name}{number}" for number in range(count)] for name, count in (("b", middle), ("a", tail)))
    given = [expression.format(f"x{number}") for number, expression in enumerate(operands)]
    source = _ARRAYS_TEMPLATE.format(
        operands="".join(f"x{number}, " for number in range(len(operands))),
        shapes="".join(f"shape{number}, " for number in targets),
        flats="".join(f"flat{number}, " for number in targets),
        restores="".join(f"restore{number}, " for number in targets),
        indices="".join(f"index{place}, " for place in range(len(results))),
        befores="".join(f"{name}, " for name in befores),
        afters="".join(f"{name}, " for name in afters),
        arrays="; ".join(f"array{number} = empty(shape{number}, dtype)" for number in targets),
        rows="; ".join(f"rows{n} = array{n}" + (f".reshape(flat{n})" if reshaped[n] else "") for n in targets),
        arguments=", ".join([*given, *befores, *parts, *afters]),
        results=", ".join(f"restore{n}(array{n})" if restored[n] else f"array{n}" for n in targets),
    )
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    return namespace["make"]  # type: ignore[no-any-return]


_ARRAYS_TEMPLATE = """\
def make(code, dtype, shapes, flat, restored, indices, middle, tail, empty):
    ({shapes}), ({flats}), ({restores}) = shapes, flat, restored
    ({indices}), ({befores}), ({afters}) = indices, middle, tail

    def run(operands):
        ({operands}) = operands
        {arrays}
        {rows}
        code({arguments})
        return [{results}]

    return run
"""


def way_of(given: Any, flat: Any) -> str | None:
    """Expression that hands an operand to a kernel that took it as ``flat``; None where it had to be converted."""
    if type(given) is int:
        return LEFT_OUT if type(flat) is not int or -(2**63) <= flat < 2**63 else None
    if type(flat) in (float, int):
        if type(given) is float:
            return AS_IT_IS
        # An unsigned word may turn out too large for the signed one that the machine code takes.
        return ITEM if given.dtype.kind in "bif" or (given.dtype.kind == "u" and given.itemsize < 8) else None
    same = (
        isinstance(given, ndarray)
        and isinstance(flat, ndarray)
        and flat.dtype == given.dtype
        and flat.size == given.size
        and flat.__array_interface__["data"][0] == given.__array_interface__["data"][0]
    )
    return FLAT if same else None


def fits(out: Any, shape: tuple[int, ...], dtype: Any, *operands: Any) -> bool:
    """Whether a kernel can write its result straight into an array; if not, the caller's checks say why."""
    if not (type(out) is ndarray and out.flags.num & FLAGS == PLAIN and out.shape == shape and out.dtype == dtype):
        return False
    for x in operands:  # a generator would take longer
        # Arrays that own their memory share it with no other that does.
        if type(x) is ndarray and (x is out or (not x.flags.num & out.flags.num & OWNS and may_share_memory(out, x))):
            return False
    return True


__all__ = [
    "AS_STORED",
    "FLAT",
    "WORDS_OF_IT",
    "Shortcut",
    "fits",
    "kernel_call",
    "new_shortcut",
    "planned_arrays",
    "shortcut",
    "signature_of",
    "way_of",
]
