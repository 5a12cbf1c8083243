"""Exponential, logarithm, square root and the like of matrices.

The derivative of such a function f along a direction is a block of the function of a matrix twice as large [1]_:

    f([[A, dA], [0, A]]) = [[f(A), L(A, dA)], [0, f(A)]]

A derivative of order n takes matrices 2**n times as large. The transpose of the linear function L(A, .) is L(A.T, .).

References
----------
.. [1] N. J. Higham, "Functions of Matrices: Theory and Computation", SIAM (2008), chapter 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.dual.array import Dual, Operand, value_of
from numbafunc.dual.products import finish
from numbafunc.dual.quiet import quiet
from numbafunc.dual.recorder import Primitive, Recorder
from numbafunc.rules.application import Tangent
from numbafunc.scipy.original import differentiable, double, matrix, original


class _Unset:
    """The default of an argument that SciPy has and that dual arrays refuse."""

    def __repr__(self) -> str:
        return "unset"


UNSET: Any = _Unset()


def _apply(name: str, a: Operand) -> Any:
    """The function of this name of a stack of matrices."""
    if type(a) is Dual:
        value = _apply(name, a.primal)
        with quiet():
            return finish(value, _differential(name, a.primal, a.tangent, value.dtype), a.level)
    function = getattr(original("linalg"), name)
    if a.ndim == 2 or not a.size:
        return np.asarray(function(a))
    results = [function(one) for one in np.reshape(a, (-1, *a.shape[-2:]))]
    return np.reshape(np.stack(results), a.shape)


def _differential(name: str, a: Operand, da: Tangent, dtype: Any) -> Any:
    """The derivative at a stack of matrices along directions."""
    if type(da) is Recorder:
        return DIFFERENTIAL.record(da.shape, dtype, name, a, da, dtype)
    size = a.shape[-1]
    # In single precision SciPy may call the logarithm of the larger matrix inaccurate.
    a, da = double(a), double(da)
    scale = _scale(value_of(a), value_of(da))
    whole = np.broadcast_to(a, da.shape)
    above = np.concatenate([whole, da / scale], -1)
    below = np.concatenate([np.zeros(da.shape, da.dtype), whole], -1)
    change = _apply(name, np.concatenate([above, below], -2))[..., :size, size:] * scale
    # Of a real matrix with a real result, SciPy may find imaginary parts of rounding errors here.
    return change if dtype.kind == "c" else change.real


def _scale(a: Any, da: Any) -> Any:
    """A power of two by which a direction is divided, so that it is about as large as the matrix."""
    sizes = (np.max(abs(x), axis=(-2, -1), keepdims=True, initial=0) for x in (a, da))
    largest, moving = (np.where((size == 0) | ~np.isfinite(size), 1, size) for size in sizes)
    return np.exp2(np.floor(np.log2(moving) - np.log2(largest)))


DIFFERENTIAL = Primitive(
    "derivative of a function of matrices",
    _differential,
    lambda cotangent, place, name, a, da, dtype: _differential(name, np.swapaxes(a, -1, -2), cotangent, dtype),
)


def _function_of(name: str, a: Any, **refused: Any) -> Any:
    for option, given in refused.items():
        if given is not UNSET:
            raise TypeError(f"scipy.linalg.{name}: the argument {option} is not supported for dual arrays")
    return _apply(name, matrix(name, a, square=True))


@differentiable("linalg")
def expm(A: Any) -> Any:
    r"""Exponential of a matrix.

    .. math:: dX = \int_0^1 e^{(1-s) A} \, dA \, e^{s A} \, ds

    Stacks of matrices are taken too.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.jvp(linalg.expm, (np.zeros((2, 2)),), (np.array([[0.0, 1.0], [2.0, 0.0]]),))[1]
    array([[0., 1.],
           [2., 0.]])
    """
    return _function_of("expm", A)


@differentiable("linalg")
def sqrtm(A: Any, disp: Any = UNSET, blocksize: Any = UNSET) -> Any:
    """Principal square root of a matrix: its eigenvalues have no negative real parts.

    For dual arrays ``disp`` and ``blocksize`` are refused. There is no derivative at a singular matrix.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.jvp(linalg.sqrtm, (np.diag([4.0, 9.0]),), (np.ones((2, 2)),))[1].round(6)
    array([[0.25    , 0.2     ],
           [0.2     , 0.166667]])
    """
    return _function_of("sqrtm", A, disp=disp, blocksize=blocksize)


@differentiable("linalg")
def logm(A: Any, disp: Any = UNSET) -> Any:
    """Principal logarithm of a matrix. For dual arrays ``disp`` is refused.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.jvp(linalg.logm, (np.diag([1.0, 2.0]),), (np.ones((2, 2)),))[1].round(6)
    array([[1.      , 0.693147],
           [0.693147, 0.5     ]])
    """
    return _function_of("logm", A, disp=disp)


def _of_one_argument(name: str, what: str, at: str, slope: str) -> Any:
    """The public function of this name, which takes a matrix alone."""

    def function(A: Any) -> Any:
        return _function_of(name, A)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""{what} of a matrix.

    Examples
    --------
    >>> import numbafunc, numpy as np
    >>> from numbafunc.scipy import linalg
    >>> numbafunc.grad(lambda s: linalg.{name}(s * np.eye(2))[0, 0])({at})
    array({slope})
    """
    return differentiable("linalg")(function)


cosm = _of_one_argument("cosm", "Cosine", "np.pi / 2", "-1.")
sinm = _of_one_argument("sinm", "Sine", "0.0", "1.")
tanm = _of_one_argument("tanm", "Tangent", "0.0", "1.")
coshm = _of_one_argument("coshm", "Hyperbolic cosine", "0.0", "0.")
sinhm = _of_one_argument("sinhm", "Hyperbolic sine", "0.0", "1.")
tanhm = _of_one_argument("tanhm", "Hyperbolic tangent", "0.0", "1.")
