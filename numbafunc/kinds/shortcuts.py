"""Prepared calls: once a call has gone well, the next one of the same form is a look-up and a call of machine code.

Small arrays would otherwise spend their time on checks whose outcome is known. A form is the shapes and dtypes of plain
arrays, and whatever else the op depends on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from numpy import empty, may_share_memory, ndarray

from numbafunc.cpu.machine_code import machine_code
from numbafunc.cpu.memory import FLAGS, PLAIN
from numbafunc.cpu.threads import Kernels
from numbafunc.kinds.plan import Plan

Form = tuple[Any, ...]


def form_of(*operands: Any) -> Form | None:
    """The form of plain arrays and Python floats; None when anything else is among them."""
    form: list[Any] = []
    for x in operands:
        if type(x) is ndarray and x.flags.num & FLAGS == PLAIN:
            form += (x.shape, x.dtype)
        elif type(x) is float:
            form.append(float)
        else:
            return None
    return tuple(form)


class PreparedCalls(Kernels):
    """Functions ``call(*operands, out=None)`` by form. They return None where ``out`` can't take the result."""

    def __init__(self) -> None:
        super().__init__(4096)

    def keep(self, form: Form, plan: Plan, given: Sequence[Any], operands: Sequence[Any]) -> None:
        """Prepare calls of this form, if they come down to one call of a kernel.

        ``operands`` are what the plan takes for the ``given`` arguments; those beyond, like a range of indices, are
        the same in each call of this form.
        """
        call = _prepared(plan, given, operands)
        if call is not None:
            self[form] = call


def _prepared(plan: Plan, given: Sequence[Any], operands: Sequence[Any]) -> Callable[..., Any] | None:
    if len(plan.calls) != 1 or len(plan.sources) != len(operands) or len(plan.targets) != 1:
        return None
    flats = [source.flatten(operands[source.operand]) for source in plan.sources]
    if not all(map(_as_it_is, given, flats)):
        return None
    target = plan.targets[0]
    stored = empty(target.shape, plan.dtype)
    restored = stored if target.restore is None else target.restore(stored)
    if not restored.flags.c_contiguous or plan.dtype.char not in _STORED_AS_THEY_ARE:
        return None
    shape, dtype, tail = restored.shape, plan.dtype, plan.tail
    middle = (*flats[len(given) :], *plan.middle)
    code = machine_code(plan.kernel, (*flats, *plan.middle, restored.ravel(), *tail))

    def one(x: Any, out: Any = None) -> Any:
        if out is None:
            result = empty(shape, dtype)
        elif fits(out, shape, dtype, x):
            result = out
        else:
            return None
        code(x.ravel(), *middle, result.ravel(), *tail)
        return result

    changes = [_CHANGES[type(flat)] for flat in flats[: len(given)]]

    def any_number(*arguments: Any, out: Any = None) -> Any:
        if out is None:
            result = empty(shape, dtype)
        elif fits(out, shape, dtype, *arguments):
            result = out
        else:
            return None
        code(*[change(x) for change, x in zip(changes, arguments)], *middle, result.ravel(), *tail)
        return result

    return one if len(given) == 1 and type(flats[0]) is ndarray else any_number


def fits(out: Any, shape: tuple[int, ...], dtype: Any, *operands: Any) -> bool:
    """Whether a kernel can write its result straight into an array; if not, the caller finds out why."""
    return (
        type(out) is ndarray
        and out.flags.num & FLAGS == PLAIN
        and out.shape == shape
        and out.dtype == dtype
        and not any(_may_overlap(out, x) for x in operands if type(x) is ndarray)
    )


def _may_overlap(a: ndarray[Any, Any], b: ndarray[Any, Any]) -> bool:
    # Arrays that own their memory share it with no other that does.
    return a is b or (not (a.base is None and b.base is None) and may_share_memory(a, b))


# Kernels take 16-bit floats as words, and complex numbers not at all.
_STORED_AS_THEY_ARE = "?bBhHiIlLqQfd"


# From an argument to what the kernel takes for it: a run of elements, or one number for all elements.
_CHANGES: dict[type, Callable[[Any], Any]] = {
    ndarray: ndarray.ravel,
    float: lambda x: x if type(x) is float else x.item(),
    int: ndarray.item,
}


def _as_it_is(given: Any, flat: Any) -> bool:
    """Whether a kernel takes an argument as it is given, but for its shape."""
    if type(flat) in (float, int):
        # An unsigned word may turn out too large for the signed one that the machine code takes.
        return type(given) is float or given.dtype.kind in "bif" or (given.dtype.kind == "u" and given.itemsize < 8)
    return (
        isinstance(given, ndarray)
        and isinstance(flat, ndarray)
        and flat.dtype == given.dtype
        and flat.size == given.size
        and flat.__array_interface__["data"][0] == given.__array_interface__["data"][0]
    )
