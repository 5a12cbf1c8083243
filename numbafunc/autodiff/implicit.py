"""Derivatives of solutions of equations by the implicit function theorem: custom_root."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from numbafunc.autodiff.array_helpers import in_main_memory
from numbafunc.autodiff.drivers import jacfwd
from numbafunc.dual.array import Dual, Operand, assemble, components, levels_of, make, number_of, value_of
from numbafunc.dual.dtypes import is_float
from numbafunc.dual.levels import LIVE, Run
from numbafunc.dual.trees import SINGLE, as_one_array, flatten, flatten_with_names
from numbafunc.kinds.arguments import as_float, check_flag
from numbafunc.kinds.njit import register

__all__ = ["custom_root"]

Solver = Callable[..., Any]


_TOLERANCE = "a number that is not negative, or None"


def custom_root(
    residual: Callable[..., Any], *, elementwise: bool = False, tolerance: float | None = None
) -> Callable[[Solver], Solver]:
    r"""Make the decorator of a solver that gives the solution its derivatives, in both modes and in any order.

    .. math:: g(x, p) = 0 \quad\Rightarrow\quad \operatorname{d}x = -\left(\frac{\partial g}{\partial x}\right)^{-1}
       \frac{\partial g}{\partial p}\,\operatorname{d}p

    Parameters
    ----------
    residual : callable
        The equation: ``residual(x, *args, **options)`` is zero at the solution x, for the arguments that the solver was
        called with. It is nested as x, of the same shapes; where x is an array, a list or tuple is taken as the array
        of its elements. It may refer to other arrays that are differentiated.
    elementwise : bool
        Whether each element of the residual depends on the element of x at its place alone, among all of x: each is
        then an equation of its own, and the derivative is a quotient in place of the solution of a linear system.
    tolerance : float, optional
        The largest absolute value of the residual with which a solution is accepted. By default any is.

    Returns
    -------
    callable
        Takes the solver and returns the same function, whose value has derivatives. The solver is called with values,
        without derivatives, numbers as scalars of Python or NumPy, so it may be any function of SciPy, compiled code
        or a loop. It returns x: real and floating, a number, an array or a nest of these.

    Raises
    ------
    TypeError
        For a `residual` or a solver that is no function; for a solution that is not real and floating, a residual that
        is not or that is nested otherwise; for a solution that a solver computes from differentiated arrays that the
        residual does not depend on.
    ValueError
        For a residual of another shape than x; one that is not `elementwise` as stated, where that is noticed; a
        `tolerance` that is negative.
    RuntimeError
        For a residual larger than `tolerance`.
    numpy.linalg.LinAlgError
        Where the Jacobian of the residual with respect to x is singular, to working precision: the solution has no
        derivative there.

    See Also
    --------
    custom_derivative : for functions whose derivative is known.

    Notes
    -----
    The derivative is that of the implicit function theorem at the point that the solver returns, whether or not it has
    converged: it is off by about as much as the point is. The solver's steps are not differentiated. In n nested
    derivatives the residual is evaluated n + 1 times, one of them for the Jacobian, which is a matrix of all elements
    of x. Each Newton step with the Jacobian of the values makes one more order exact [1]_. Reverse mode solves one
    linear system with the transposed matrix for each of the n. Value and derivative do not depend on the first guess,
    which may be an argument that the residual ignores.

    References
    ----------
    .. [1] A. Griewank and A. Walther, Evaluating Derivatives, 2nd edition, SIAM (2008), chapter 15.

    Examples
    --------
    Kepler's equation, solved by any means:

    >>> import numpy as np
    >>> import numbafunc
    >>> @numbafunc.custom_root(lambda E, M, e: E - e * np.sin(E) - M)
    ... def eccentric_anomaly(M, e):
    ...     E = M
    ...     for _ in range(100):
    ...         E = M + e * np.sin(E)
    ...     return E
    >>> E = eccentric_anomaly(1.0, 0.3)
    >>> float(numbafunc.grad(eccentric_anomaly)(1.0, 0.3)), float(1 / (1 - 0.3 * np.cos(E)))
    (1.09132930..., 1.09132930...)
    """
    if not callable(residual):
        raise TypeError(f"custom_root is given a {type(residual).__name__}; wanted: the residual, a function")
    elementwise = check_flag(elementwise, "elementwise")
    if tolerance is not None and not as_float(tolerance, "tolerance", _TOLERANCE) >= 0:
        raise ValueError(f"tolerance is {tolerance!r}; wanted: {_TOLERANCE}")

    def decorate(solver: Solver) -> Solver:
        if not callable(solver):
            raise TypeError(f"custom_root decorates a {type(solver).__name__}; wanted: a function that solves")
        name = str(getattr(solver, "__name__", solver))

        @functools.wraps(solver)
        def solution(*args: Any, **options: Any) -> Any:
            if not LIVE and tolerance is None:
                return solver(*args, **options)
            leaves, structure = flatten((args, options))
            in_main_memory(name, leaves)
            values, named = structure.unflatten(map(_as_scalar, leaves))
            found = solver(*values, **named)
            equation = _Equation(residual, name, found)
            return equation.solution(found, args, options, values, named, elementwise, tolerance)

        return solution

    return decorate


def _as_scalar(x: Any) -> Any:
    """An argument of the solver: a value without derivatives, which it may change in place, or a number."""
    value = number_of(x)
    return value.copy() if type(x) is Dual else value


class _Equation:
    """A residual as a vector, function of the vector of all unknowns."""

    def __init__(self, residual: Callable[..., Any], name: str, found: Any) -> None:
        self.residual = getattr(residual, "py_func", residual)  # compiled functions take no dual arrays
        self.name = name
        leaves, self.names, self.structure = flatten_with_names(found)
        self.levels = levels_of(*leaves)
        self.values = [self._unknown(leaf, place) for leaf, place in zip(leaves, self.names, strict=True)]
        self.size = sum(x.size for x in self.values)
        # Linear systems are solved in at least 32 bits.
        self.dtype = np.result_type(np.float32, *(x.dtype for x in self.values))

    def _unknown(self, x: Any, place: str) -> Any:
        """A part of the solution, in memory of its own."""
        value = value_of(x)
        array = np.asarray(value) if isinstance(value, (np.ndarray, np.generic, float, int)) else None
        if array is None or not (is_float(array.dtype) or array.dtype.kind in "iu"):
            what = f"a {type(value).__name__}" if array is None else f"of dtype {array.dtype}"
            raise TypeError(
                f"the solution{place} that {self.name} returns is {what}; wanted: a real floating number, an array "
                "or a nest of these"
            )
        return np.array(array, None if is_float(array.dtype) else float)

    def solution(
        self,
        found: Any,
        args: Any,
        options: Any,
        values: Any,
        named: Any,
        elementwise: bool,
        tolerance: float | None,
    ) -> Any:
        """What the solver has found, with derivatives."""

        def moving(x: Operand) -> Any:
            return self.evaluated(x, args, options)

        start = _joined(self.values, self.dtype)
        left = moving(start)
        size = float(np.max(np.abs(value_of(left)), initial=0.0))
        if tolerance is not None and not size <= tolerance:
            raise RuntimeError(
                f"the residual of {self.name} is {size:.3g} at the point returned; tolerance is {tolerance:.3g}"
            )
        levels = levels_of(left)
        if not set(self.levels) <= set(levels):
            raise TypeError(
                f"{self.name} returns a solution with derivatives that its residual knows nothing of: the solver "
                "refers to a differentiated array outside, and the residual does not"
            )
        if not levels or not self.size:
            return found if not self.levels else self.structure.unflatten(self.values)
        apart = elementwise or self.size == 1
        jacobian = (self._slopes if apart else self._matrix)(lambda x: self.evaluated(x, values, named), start)
        x = start
        for step in range(len(levels)):
            if step:
                left = moving(x)
            # What is left at the point returned is a constant: the point stays where it is.
            change = left - value_of(left)
            x = x - (change / jacobian if apart else np.linalg.solve(jacobian, change))
        return self.structure.unflatten(self._with_tangents(x))

    def evaluated(self, x: Operand, args: Any, options: Any) -> Any:
        """The residual as a vector."""
        parts = []
        start = 0
        for value in self.values:
            part = np.reshape(x[start : start + value.size], value.shape)
            parts.append(part if part.dtype == value.dtype else part.astype(value.dtype))
            start += value.size
        result = self.residual(self.structure.unflatten(parts), *args, **options)
        leaves, structure = flatten(as_one_array(result) if self.structure is SINGLE else result)
        if structure != self.structure:
            raise TypeError(
                f"the residual of {self.name} is nested as {structure}, and the solution as {self.structure}; wanted: "
                "alike"
            )
        found = []
        for leaf, value, place in zip(leaves, self.values, self.names, strict=True):
            leaf = leaf if type(leaf) is Dual else np.asarray(leaf)
            if leaf.shape != value.shape:
                raise ValueError(
                    f"the residual{place} of {self.name} has shape {leaf.shape}, and the solution{place} has shape "
                    f"{value.shape}; wanted: alike"
                )
            if not is_float(leaf.dtype) and leaf.dtype.kind not in "iu":
                raise TypeError(
                    f"the residual{place} of {self.name} has dtype {leaf.dtype}; wanted: real and floating, as the "
                    "solution is (real and imaginary parts are unknowns of their own)"
                )
            found.append(leaf)
        return _joined(found, self.dtype)

    # The Jacobian at the solution, of plain numbers.

    def _slopes(self, f: Callable[[Any], Any], x: Any) -> Any:
        """The diagonal of the Jacobian, which has nothing else."""
        other = np.random.default_rng(0).standard_normal(x.size).astype(x.dtype)
        directions = np.stack([np.ones_like(x), other])
        with Run(len(directions)) as level:
            result = f(make(x, directions, level))
            moves = type(result) is Dual and result.level == level
            slopes, along = value_of(result.tangent) if moves else np.zeros_like(directions)
        near = np.finfo(x.dtype).eps ** 0.5
        wanted = slopes * other
        if not np.allclose(along, wanted, near, near * _largest(wanted), equal_nan=True):
            raise ValueError(
                f"the residual of {self.name} is not elementwise: some of its elements depend on other elements of the "
                "solution; leave elementwise=True out"
            )
        if not slopes.all():
            at = "" if x.size == 1 else f", for element {int(np.argmin(slopes != 0))}"
            raise self._singular(f"the slope of the residual is zero{at}")
        return slopes

    def _matrix(self, f: Callable[[Any], Any], x: Any) -> Any:
        """The Jacobian as a matrix that has an inverse."""
        matrix = np.asarray(value_of(jacfwd(f)(x)), self.dtype)
        # Whether it is singular must not depend on the units of unknowns and equations.
        with np.errstate(all="ignore"):
            scaled = matrix / np.max(np.abs(matrix), axis=1, keepdims=True, initial=0.0)
            scaled = scaled / np.max(np.abs(scaled), axis=0, keepdims=True, initial=0.0)
            if np.all(np.isfinite(matrix)):
                condition = np.linalg.cond(scaled, 1) if np.all(np.isfinite(scaled)) else math.inf
                if not condition * np.finfo(self.dtype).eps < 0.1:
                    raise self._singular(f"the condition number of the Jacobian is {condition:.2g}")
        return matrix

    def _singular(self, what: str) -> np.linalg.LinAlgError:
        return np.linalg.LinAlgError(
            f"{what} at the solution that {self.name} returns, so the equation does not determine how the solution "
            "moves; wanted: a residual whose Jacobian with respect to the solution has an inverse there"
        )

    def _with_tangents(self, x: Dual) -> list[Any]:
        """The parts of the solution: the values that the solver found, to the bit, with the tangents of a vector."""
        results = []
        start = 0
        for value in self.values:
            part = np.reshape(x[start : start + value.size], value.shape)
            part = part if part.dtype == value.dtype else part.astype(value.dtype)
            results.append(assemble({**components(part), (): value.copy()}))
            start += value.size
        return results


def _joined(parts: list[Any], dtype: Any) -> Any:
    """The elements of arrays as one vector, of a dtype."""
    vectors: list[Any] = []
    for part in parts:
        vector = np.reshape(part, (part.size,))
        vectors.append(vector if vector.dtype == dtype else vector.astype(dtype))
    if not vectors:
        return np.zeros(0, dtype)
    return vectors[0] if len(vectors) == 1 else np.concatenate(vectors)


def _largest(x: Any) -> float:
    return float(np.max(np.abs(x), initial=0.0, where=np.isfinite(x)))


register(__name__)
