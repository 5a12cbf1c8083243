"""Divergences between distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc import backend
from numbafunc.backend import Backend
from numbafunc.dual.array import Dual, value_of
from numbafunc.errors import ShapeError
from numbafunc.kinds import arguments
from numbafunc.kinds.elementwise import define
from numbafunc.kinds.njit import register
from numbafunc.kinds.reduction import Reduction, Stages
from numbafunc.kinds.registry import CALLS, Call
from numbafunc.kinds.shortcuts import new_shortcut, shortcut
from numbafunc.limits import MOST_AXES
from numbafunc.numbers.elementary import damped, log


@define()
def _log_ratio(p: Any, q: Any, eps: Any) -> Any:
    return log(p + eps) - log(q + eps)


def _term(shift: Any, p: Any, q: Any, eps: Any) -> Any:
    # 0 times infinity is 0 here, and so is 0 * log(0 / 0), but 0 times NaN is NaN. A choice of one of the results would
    # have p loaded only where it is wanted; such loads are slow where arrays don't fit into a cache.
    weight = p if q == q else q
    return (damped(log(p + eps) - log(q + eps), weight),)


def _sum(shift: Any, count: Any, total: Any) -> Any:
    return (total,)


_kl = Reduction("kl", Stages(lift=_term, finish=_sum))


@backend.CPU.brings(Backend.dot)
def _dot(p: Any, ratio: Any, q: Any, dtype: np.dtype[Any]) -> Any:
    weights = arguments.as_array(p, "p").astype(dtype)
    if not np.isfinite(value_of(ratio)).all():
        # Weights of zero hide what is infinite, and what is log(0 / 0).
        factors = weights if np.ndim(ratio) < 2 else weights[..., np.newaxis]
        hidden = ~np.isfinite(value_of(ratio)) & ~np.isnan(value_of(p)) & ~np.isnan(value_of(q))
        shown = np.where((value_of(factors) == 0) & hidden, 0, ratio)
        result = np.sum(factors * shown, axis=-1 if np.ndim(ratio) < 2 else -2)
        return result if isinstance(result, Dual) else np.asarray(result)
    result = np.dot(weights, ratio)
    return result if isinstance(result, Dual) else np.asarray(result)


@shortcut("p", "q", "eps")
def kl(p: Any, q: Any, eps: Any = 2**-17) -> Any:
    r"""Kullback-Leibler divergence of ``p`` from ``q``.

    .. math:: p \cdot (\log(p + \epsilon) - \log(q + \epsilon))

    with the product of :func:`numpy.dot`: a scalar for vectors, a matrix product for matrices. Probabilities of zero
    contribute nothing, whatever the logarithms are.

    Parameters
    ----------
    p : array_like
        Probabilities.
    q : array_like
        Probabilities; broadcast against ``p`` before the product.
    eps : float, default 2**-17
        Added to both under the logarithm.

    Returns
    -------
    numpy.ndarray
        In the widest floating-point dtype of the operands; integers and bool are taken as float64.

    Raises
    ------
    TypeError
        For inputs that are not real numbers, or shapes that do not broadcast or contract (which is a ValueError too).

    References
    ----------
    S. Kullback, R. A. Leibler, On information and sufficiency, Ann. Math. Statist. 22, 1951.

    Examples
    --------
    >>> import numbafunc
    >>> round(float(numbafunc.divergence.kl([0.2, 0.3, 0.5], [0.1, 0.4, 0.5])), 7)
    0.0523191
    """
    given = [arguments.as_operand(x, name, device=True) for x, name in ((p, "p"), (q, "q"), (eps, "eps"))]
    operands = [*(arguments.as_array(x, name, device=True) for x, name in zip(given[:2], "pq")), given[2]]
    shapes = {"p": operands[0].shape, "q": operands[1].shape}
    shapes["eps"] = arguments.shape_of(operands[2])
    shape = arguments.broadcast(shapes)
    dtype = arguments.float_dtype(given)
    if len(shape) == 1 and operands[0].shape == shape:
        return _kl(operands, (0,), dtype, shape=shape, shortcut=new_shortcut(moving=True), names=("p", "q", "eps"))
    ratio = _log_ratio(*given)
    rows = tuple(operands[0].shape)
    if rows and shape and rows[-1] != shape[max(0, len(shape) - 2)]:
        raise ShapeError(
            f"p has shape {rows} and log(p / q) has shape {shape}; wanted: shapes that numpy.dot contracts"
        )
    if max(len(rows), len(shape)) > _MOST_AXES or len(rows) + len(shape) - 2 > MOST_AXES:
        raise ShapeError(f"p has {len(rows)} axes and log(p / q) has {len(shape)}; wanted: at most {_MOST_AXES} each")
    return backend.of(ratio).dot(given[0], ratio, given[1], dtype)


# Of numpy.dot.
_MOST_AXES = 32


__all__ = ["kl"]


CALLS["kl"] = Call(((1000,), (1_000_000,)), ("real", "real"))
register(__name__)
