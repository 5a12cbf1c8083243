"""Functions with a derivative that the user defines: custom_derivative."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

import numbafunc.rules as _rules  # noqa: F401  (fills the tables of rules, which derivatives need)
from numbafunc import backend
from numbafunc.autodiff.array_helpers import joined
from numbafunc.dual import anywhere
from numbafunc.dual.array import Dual, make, value_of
from numbafunc.dual.dtypes import is_inexact
from numbafunc.dual.products import finish
from numbafunc.dual.recorder import Recorder
from numbafunc.dual.tape import walk_forth
from numbafunc.dual.trees import Structure, flatten, flatten_with_names, tree_map
from numbafunc.kinds.njit import register
from numbafunc.limits import broadcast_shapes

__all__ = ["custom_derivative"]

Rule = Callable[[tuple[Any, ...], tuple[Any, ...]], tuple[Any, Any]]


class custom_derivative:
    r"""Make a function whose derivative is the one that its rule gives, in both modes and in any order.

    .. math:: (x, v) \mapsto \left(f(x),\; \operatorname{d}f(x)\,v\right)

    Parameters
    ----------
    f : callable
        Function of nests of arrays, which may return a nest.

    Attributes
    ----------
    defjvp : callable
        Decorator of the rule: ``rule(primals, tangents)``, given the tuple of the arguments and the tuple of their
        tangents, returns the pair of the value and its tangent, nested alike.

    Raises
    ------
    TypeError
        For an `f` that is no function; when the function is differentiated, for a missing rule, or one that does not
        return such a pair.

    Notes
    -----
    The tangent has to be computed from the tangents by functions that are linear in them. Tangents are arrays of the
    shapes of the arguments: zeros for arguments that do not move, None for those that are not floating. In the rule,
    call the function itself for the value, so that derivatives of the derivative go by the rule as well.

    In forward mode the rule is called once for each direction, with plain tangents. Reverse mode transposes what the
    rule does with recorded tangents, which have no numbers: a rule that looks at them, in a condition for one, works in
    forward mode alone, and reverse mode raises TypeError. To find that out it calls the rule twice.

    Examples
    --------
    A square root with the derivative 0 at 0:

    >>> import numpy as np
    >>> import numbafunc
    >>> @numbafunc.custom_derivative
    ... def root(x):
    ...     return np.sqrt(x)
    >>> @root.defjvp
    ... def root_rule(primals, tangents):
    ...     (x,), (dx,) = primals, tangents
    ...     y = root(x)
    ...     return y, np.where(x > 0, 0.5 / np.where(x > 0, y, 1.0), 0.0) * dx
    >>> numbafunc.grad(lambda x: np.sum(root(x)), mode="reverse")(np.array([0.0, 4.0]))
    array([0.  , 0.25])
    """

    def __init__(self, f: Callable[..., Any]) -> None:
        if not callable(f):
            raise TypeError(f"custom_derivative is given a {type(f).__name__}; wanted: a function")
        self.f = f
        self.rule: Rule | None = None
        functools.update_wrapper(self, f)

    def defjvp(self, rule: Rule) -> Rule:
        """Set the rule; see the class."""
        if not callable(rule):
            raise TypeError(f"defjvp is given a {type(rule).__name__}; wanted: a function of primals and tangents")
        self.rule = rule
        return rule

    def __call__(self, *args: Any, **options: Any) -> Any:
        if options:
            bound = inspect.signature(self.f).bind(*args, **options)
            bound.apply_defaults()
            if bound.kwargs:
                given = ", ".join(bound.kwargs)
                raise TypeError(f"{self._name} has keyword arguments ({given}), which a rule is not given")
            args = bound.args
        leaves, structure = flatten(args)
        level = max((x.level for x in leaves if type(x) is Dual), default=0)
        if not level:
            return self.f(*args)
        if self.rule is None:
            raise TypeError(f"{self._name} has no rule for its derivative; define one with {self._name}.defjvp")
        moving = [type(x) is Dual and x.level == level for x in leaves]
        primals = structure.unflatten([x.primal if moves else x for x, moves in zip(leaves, moving, strict=True)])
        tangents = [x.tangent if moves else None for x, moves in zip(leaves, moving, strict=True)]
        running = _RUNNING.__dict__.setdefault("rules", set())
        if (self, level) in running:
            raise TypeError(
                f"the rule of {self._name} calls {self._name} with tangents; wanted: functions with rules of their own"
            )
        running.add((self, level))
        try:
            if any(type(tangent) is Recorder for tangent in tangents):
                return self._recorded(primals, leaves, tangents, structure, level)
            return self._moved(primals, leaves, tangents, structure, level)
        finally:
            running.discard((self, level))

    def _moved(self, primals: Any, leaves: list[Any], tangents: list[Any], structure: Structure, level: int) -> Any:
        """The result with the tangents that the rule gives, direction by direction."""
        directions = next(tangent.shape[0] for tangent in tangents if tangent is not None)
        values: list[Any] = []
        changes: list[list[Any]] = []
        for direction in range(directions):
            given = [
                _zeros(x) if tangent is None else anywhere.part(tangent, direction)
                for x, tangent in zip(leaves, tangents, strict=True)
            ]
            found, names, nest, moved = self._call(primals, structure.unflatten(given))
            values = values or [_without(value, level) for value in found]
            changes.append([_without(change, level) for change in moved])
        results = []
        for value, name, *moved in zip(values, names, *changes, strict=True):
            rows = [change for change in moved if change is not None]
            if len(rows) == directions:
                rows = [anywhere.reshaped(_array(row), (1, *np.shape(row))) for row in rows]
                value = self._with(value, joined(rows), level, name)
            results.append(value)
        return nest.unflatten(results)

    def _recorded(self, primals: Any, leaves: list[Any], tangents: list[Any], structure: Structure, level: int) -> Any:
        """The result with the steps that the rule takes from recorded tangents."""
        # A tangent is a value of zero that moves: what is linear in it moves by its derivative.
        given = []
        for x, tangent in zip(leaves, tangents, strict=True):
            zeros = _zeros(x)
            given.append(zeros if tangent is None else make(_without(zeros, level), tangent, level))
        values, names, nest, moved = self._call(primals, structure.unflatten(given))
        self._check_linear(primals, leaves, tangents, structure, moved, level)
        results = []
        for value, change, name in zip(values, moved, names, strict=True):
            value = _without(value, level)
            if type(change) is Dual and change.level == level:
                value = self._with(value, change.tangent, level, name)
            results.append(value)
        return nest.unflatten(results)

    def _check_linear(
        self, primals: Any, leaves: list[Any], tangents: list[Any], structure: Structure, moved: list[Any], level: int
    ) -> None:
        """Raise unless the recorded steps give what the rule gives for tangents that have values.

        They don't where a rule looks at the numbers of a tangent, or is not linear.
        """
        random = np.random.default_rng(0)
        starts, given = {}, []
        for x, tangent in zip(leaves, tangents, strict=True):
            if tangent is None:
                given.append(_plain(_zeros(x)))
                continue
            # Far from zero, where a function may look linear.
            drawn = (16 * random.standard_normal(tangent.shape[1:])).astype(tangent.dtype)
            spread = np.array(np.broadcast_to(drawn, tangent.shape))
            starts[tangent.node.number] = anywhere.sent(spread, backend.of(x))
            given.append(drawn)
        plain = tree_map(_plain, primals)
        wanted = self._call(plain, structure.unflatten(given))[3]
        ends = [change.tangent.node if _is_recorded(change, level) else None for change in moved]
        found = iter(walk_forth(starts, [end for end in ends if end is not None]))
        for end, want in zip(ends, wanted, strict=True):
            change = None if end is None else next(found)
            want = 0.0 if want is None else np.asarray(value_of(want))
            have = np.zeros(np.shape(want)) if change is None else anywhere.fetched(value_of(change))[0]
            tolerance = float(np.finfo(have.dtype).eps) ** 0.5
            size = float(np.max(np.abs(want), initial=0, where=np.isfinite(want)))
            if not np.allclose(have, want, rtol=tolerance, atol=tolerance * size, equal_nan=True):
                raise TypeError(
                    f"the rule of {self._name} looks at the numbers of a tangent, or is not linear in the tangents, so "
                    "reverse mode can't pass through it; differentiate with mode='forward', or by jvp or jacfwd"
                )

    def _call(self, primals: Any, tangents: Any) -> tuple[list[Any], list[str], Structure, list[Any]]:
        """The leaves of the value and their names, the nest, and the leaves of the tangent that the rule returns."""
        assert self.rule is not None
        result = self.rule(primals, tangents)
        if type(result) is not tuple or len(result) != 2:
            raise TypeError(f"the rule of {self._name} must return a pair (value, tangent) as a tuple")
        values, names, nest = flatten_with_names(result[0])
        changes = nest.flatten_like(result[1])
        if changes is None:
            raise TypeError(
                f"the rule of {self._name} returns a tangent nested as {flatten(result[1])[1]}; wanted: as the value, "
                f"{nest}"
            )
        return values, names, nest, changes

    @property
    def _name(self) -> str:
        return str(getattr(self.f, "__name__", self.f))

    def _with(self, value: Any, tangent: Any, level: int, name: str) -> Any:
        """An output with its tangent."""
        value = _array(value)
        shape = tangent.shape[1:]
        if not is_inexact(value.dtype) or not _can_be_broadcast(shape, value.shape):
            raise TypeError(
                f"the rule of {self._name} returns a value{name} of dtype {value.dtype} and shape {value.shape} with a "
                f"tangent of dtype {tangent.dtype} and shape {shape}; wanted: floating and alike"
            )
        extra = (1,) * (value.ndim - len(shape))
        if extra:
            tangent = anywhere.reshaped(tangent, (tangent.shape[0], *extra, *shape))
        return finish(value, tangent, level)


_RUNNING = threading.local()
"""The functions whose rules run in this thread, with the levels of their tangents."""


def _array(x: Any) -> Any:
    return x if type(x) is Dual or backend.is_device_array(x) else np.asarray(x)


def _without(x: Any, level: int) -> Any:
    """A value without tangents of a level: what a function refers to is a constant of its rule."""
    return x.primal if type(x) is Dual and x.level == level else x


def _plain(x: Any) -> Any:
    x = value_of(x)
    return anywhere.fetched(x) if backend.is_device_array(x) else x


def _is_recorded(x: Any, level: int) -> bool:
    return type(x) is Dual and x.level == level and type(x.tangent) is Recorder


def _can_be_broadcast(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return broadcast_shapes(shape, wanted) == wanted
    except ValueError:
        return False


def _zeros(x: Any) -> Any:
    """A tangent of zeros; None for what has none."""
    dtype = getattr(x, "dtype", None)
    if isinstance(x, float):
        return np.zeros(())
    if dtype is None or not is_inexact(dtype):
        return None
    return backend.of(x).zeros(x.shape, dtype, x)


register(__name__)
