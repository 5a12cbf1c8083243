"""Loops that go on while a condition holds."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import CPU
from numbafunc.dual.array import Dual, value_of
from numbafunc.dual.trees import flatten
from numbafunc.kinds.compiled import NotCompiledError, WithoutSource, is_dispatcher, python_source, warn_once
from numbafunc.kinds.njit import register
from numbafunc.kinds.registry import CALLS, Call
from numbafunc.ops.prepared_loops import PREPARED, Described, keep_while_loop
from numbafunc.ops.scan_leaves import is_weak, start_of
from numbafunc.ops.scan_loop import Loop

__all__ = ["while_loop"]


def while_loop(condition: Any, body: Any, initial: Any) -> Any:
    r"""Apply a function to a carry as long as a condition holds.

    .. math:: c_{i+1} = \text{body}(c_i) \text{ while } \text{condition}(c_i), \quad c_0 = \text{initial}

    Parameters
    ----------
    condition : callable
        ``condition(carry)`` of the value of the carry, without tangents; True or False.
    body : callable
        ``body(carry)``, which returns the new carry with its structure, shapes and dtypes. If both functions are
        compiled by ``numba.njit``, the whole loop runs compiled.
    initial : nest of array_like
        The first carry, as that of :func:`scan`: Python numbers take the dtypes that the body keeps. If the condition
        does not hold of it, the body is not called.

    Returns
    -------
    nest of numpy.ndarray
        The first carry of which the condition does not hold.

    Raises
    ------
    TypeError
        For functions that are not callable, a condition that is neither True nor False, a carry that changes its
        structure, or a shape or dtype in it, and for leaves that are not arrays or numbers.

    Notes
    -----
    Derivatives go through the carry and through all that ``body`` refers to, in both modes; the number of steps is a
    constant to them. Reverse mode keeps what each step computes. Compiled functions are differentiated compiled, as
    others under ``numba.njit`` are; what their derivatives don't go through runs from the Python source, with a
    :class:`numbafunc.errors.CompiledDerivativeWarning`.

    Examples
    --------
    >>> import numbafunc
    >>> def newton(a):
    ...     far = lambda x: abs(x * x - a) > 1e-12
    ...     return numbafunc.while_loop(far, lambda x: (x + a / x) / 2, a)
    >>> numbafunc.value_and_grad(newton)(2.0)
    (array(1.41421356), array(0.35355339))
    """
    described = key = None
    if is_dispatcher(condition) and is_dispatcher(body):
        described = Described()
        key = condition, body, described.form(initial)
        prepared = PREPARED.get(key)
        if prepared is not None:
            found = prepared(described)
            if found is not None:
                return found
    for name, function in (("condition", condition), ("body", body)):
        if not callable(function):
            raise TypeError(f"{name} is a {type(function).__name__}; wanted: a function of the carry")
    leaves, structure = start_of(initial, "initial")
    here = backend.of(*leaves)
    compiled = key is not None and here is CPU
    step = body.py_func if compiled else body
    if compiled:
        _driver(condition, body, False)  # which takes copies: a run of the Python source may compile what it calls
    loop = Loop(lambda carry, _: (step(carry), None), structure, [], flatten(None)[1], 1, False, here, "body")
    if not loop.holds(_of_values(condition) if compiled else condition, leaves, "condition"):
        return structure.unflatten([_last(leaf, here) for leaf in leaves])
    taken = None
    if any(map(is_weak, leaves)):
        if compiled:
            # Numba has no weak numbers, so the Python source is run to find their types, unless that fails.
            values = [value_of(leaf) for leaf in leaves]
            with contextlib.suppress(Exception):
                values = loop.promoted(values)[0]
            leaves = [value if is_weak(leaf) else leaf for value, leaf in zip(values, leaves)]
        else:
            leaves, taken = loop.promoted(leaves)
    if compiled:
        try:
            last = _run_compiled(condition, body, structure, leaves)
        except NotCompiledError as error:
            warn_once(body, error.args[0], 3)
            step = python_source(body)
        else:
            assert described is not None
            driver = _driver(condition, body, described.level > 0)
            keep_while_loop(key, described, _of_values(condition), driver, initial, last)
            return last
    loop.expect(leaves)
    if taken is not None:
        leaves = loop.checked(taken)[0]
    while loop.holds(condition, leaves, "condition"):
        leaves = loop.checked((step(structure.unflatten(leaves)), None))[0]
    return structure.unflatten([_last(leaf, here) for leaf in leaves])


def _last(leaf: Any, here: Any) -> Any:
    """A leaf of the last carry as an array."""
    return np.asarray(leaf) if is_weak(leaf) or (here is CPU and type(leaf) is not Dual) else leaf


def _run_compiled(condition: Any, body: Any, structure: Any, leaves: list[Any]) -> Any:
    from numba import typeof
    from numba.core.errors import NumbaError

    from numbafunc.cpu.polling import raise_what_came
    from numbafunc.cpu.scan import carry_error, leaf_types, same_type

    given = [leaf if type(leaf) is Dual or np.ndim(leaf) else np.asarray(leaf)[()] for leaf in leaves]
    moves = any(type(leaf) is Dual for leaf in given)
    carry, driver = structure.unflatten(given), _driver(condition, body, moves)
    try:
        if not moves:
            kind = typeof(carry)
            if (kind,) not in driver.overloads:
                driver.compile((kind,))
            new = driver.overloads[(kind,)].signature.return_type
            pairs = list(zip(leaf_types(kind) or (), leaf_types(new) or ()))
            if not pairs or not all(same_type(old, found) for (_, old), (_, found) in pairs):
                raise carry_error("", f"of Numba's type {kind}", f"of type {new}", "body")
        try:
            last = (WithoutSource(driver) if moves else driver)(carry)
        finally:  # the step after the one that was interrupted may have failed
            raise_what_came()
    except (NumbaError, NotImplementedError, ValueError) as error:
        if isinstance(error, ValueError) and not str(error).startswith("Cannot determine Numba type"):
            raise
        raise TypeError(f"condition and body can't be compiled for a loop around this carry: {error}") from None
    new_leaves, found = flatten(last)
    if found != structure:
        raise carry_error("", f"a nest of structure {structure}", f"one of structure {found}", "body")
    for position, (leaf, old) in enumerate(zip(new_leaves, given)):
        if np.shape(value_of(leaf)) != np.shape(value_of(old)):
            raise carry_error("", "of one shape", "of another", "body")
        if type(leaf) is not Dual:  # Numba returns numbers as those of Python
            new_leaves[position] = np.asarray(leaf, old.dtype)
    return structure.unflatten(new_leaves)


@lru_cache(maxsize=128)
def _of_values(condition: Any) -> Any:
    """The compiled condition of values, whose machine code the cache on disk may have."""
    from numbafunc.cpu.differentiated import copy_for_values, identity_of
    from numbafunc.cpu.dispatchers import compile_loop

    copy = copy_for_values(condition)
    identity = identity_of(copy)

    def holds(carry: Any) -> Any:
        return copy(carry)

    return compile_loop(holds, f"condition {identity}") if identity else condition


@lru_cache(maxsize=128)
def _driver(condition: Any, body: Any, moves: bool) -> Any:
    """The compiled loop, of values or of numbers with tangents; the cache on disk may have those of values."""
    from numbafunc.cpu.differentiated import copy_for_values, identity_of
    from numbafunc.cpu.dispatchers import compile_loop
    from numbafunc.cpu.polling import NAMES, polled

    step = ["carry = body(carry)", "if came or not condition(carry):", "    break"]
    lines = polled(step, "endless", ["came = interrupted()"])
    lines = [
        "def driver(carry):",
        "    endless, came = 2**62, False",
        "    if condition(carry):",
        *("        " + line for line in lines),
    ]
    if not moves:
        condition, body = copy_for_values(condition), copy_for_values(body)
    identities = [identity_of(function) or "" for function in (condition, body)]
    namespace = {"__name__": __name__, "condition": condition, "body": body, **NAMES}
    exec(compile("\n".join([*lines, "    return carry"]), "<numbafunc while_loop>", "exec"), namespace)
    return compile_loop(namespace["driver"], f"while_loop {' '.join(identities)}" if all(identities) else None)


CALLS["while_loop"] = Call(())
register(__name__)
