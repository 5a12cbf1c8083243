"""Functions with a derivative that the user defines: custom_derivative."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

import numbafunc.rules as _rules  # noqa: F401  (fills the tables of rules, which derivatives need)
from numbafunc import backend
from numbafunc.dual.array import Dual, make
from numbafunc.dual.dtypes import is_inexact
from numbafunc.dual.products import finish
from numbafunc.dual.trees import flatten, flatten_with_names
from numbafunc.kinds.njit import register

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
    The tangent has to be computed from the tangents by functions that are linear in them; reverse mode transposes that
    computation. Tangents are arrays with derivatives of their own, of the shapes of the arguments: zeros for arguments
    that do not move, None for those that are not floating. In the rule, call the function itself for the value, so that
    derivatives of the derivative go by the rule as well.

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
        primals, tangents = [], []
        for x in leaves:
            moves = type(x) is Dual and x.level == level
            primals.append(x.primal if moves else x)
            # A tangent is a value of zero that moves along the directions: what is linear in it has its derivative.
            zeros = _zeros(primals[-1])
            tangents.append(make(zeros, x.tangent, level) if moves else zeros)
        result = self.rule(structure.unflatten(primals), structure.unflatten(tangents))
        if type(result) is not tuple or len(result) != 2:
            raise TypeError(f"the rule of {self._name} must return a pair (value, tangent) as a tuple")
        values, names, nest = flatten_with_names(result[0])
        changes = nest.flatten_like(result[1])
        if changes is None:
            raise TypeError(
                f"the rule of {self._name} returns a tangent nested as {flatten(result[1])[1]}; wanted: as the value, "
                f"{nest}"
            )
        return nest.unflatten(
            [self._with(value, change, level, name) for value, change, name in zip(values, changes, names, strict=True)]
        )

    @property
    def _name(self) -> str:
        return str(getattr(self.f, "__name__", self.f))

    def _with(self, value: Any, change: Any, level: int, name: str) -> Any:
        """An output with the tangent that the rule gives for it."""
        if type(change) is not Dual or change.level != level:
            return value
        value = value if type(value) is Dual or backend.is_device_array(value) else np.asarray(value)
        if not is_inexact(value.dtype) or not _can_be_broadcast(change.shape, value.shape):
            raise TypeError(
                f"the rule of {self._name} returns a value{name} of dtype {value.dtype} and shape {value.shape} with a "
                f"tangent of dtype {change.dtype} and shape {change.shape}; wanted: floating and alike"
            )
        extra = (1,) * (value.ndim - change.ndim)
        tangent = change.tangent
        if extra:
            tangent = tangent.reshape((tangent.shape[0], *extra, *change.shape))
        return finish(value, tangent, level)


def _can_be_broadcast(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, wanted) == wanted
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
