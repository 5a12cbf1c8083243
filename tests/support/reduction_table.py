"""The ops of the reduction kind as the test modules see them: one entry for each name in the registry."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracles
from chosen_backend import divergence, loss, numbafunc, to_device

from numbafunc.dual.array import on_device


@dataclass(frozen=True)
class Entry:
    """An op with what it computes and on what it is tested.

    ``function`` takes ``x``, an axis or a tuple of axes, and further operands; ``oracle`` does the same in NumPy, for
    complex numbers too. ``operands`` makes the operands of a shape. ``last`` tells that only the last axis can be
    reduced.
    """

    function: Any
    oracle: Any
    operands: Any
    last: bool = False
    boolean: bool = True


def _tuple(axis, ndim):
    axes = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple(one % ndim for one in axes)


def _kept(axis, ndim):
    return tuple(one for one in range(ndim) if one not in _tuple(axis, ndim))


def _one(random, shape):
    return [random.normal(0, 3, shape)]


def _two(random, shape):
    return [random.normal(0, 3, shape), random.normal(0, 3, shape)]


def _positive(random, shape):
    return [random.uniform(0.1, 4, shape), random.uniform(0.1, 4, shape)]


def _weighted(random, shape):
    return [random.normal(0, 3, shape), random.uniform(0.5, 2, shape)]


def _shares(random, shape):
    return [random.normal(0, 3, shape), oracles.softmax(random.normal(0, 1, shape))]


def mask(shape):
    """Which entries take part in the masked ops."""
    return np.arange(int(np.prod(shape))).reshape(shape) % 3 != 1


def _labels(shape):
    shape = tuple(shape)  # that of the simulator knows no negative indices
    return np.arange(int(np.prod(shape[:-1]))).reshape(shape[:-1]) * 5 % shape[-1]


def _beside(x, array):
    """An array in main memory, or on the device if that is where another one is."""
    return to_device(array) if on_device(x) else array


def _cross_entropy(x, axis, labels):
    return oracles.logsumexp(x, axis) - np.sum(x * labels, axis)


def _cross_entropy_sparse(x, axis):
    picked = np.take_along_axis(x, _labels(x.shape)[..., None], -1)[..., 0]
    return oracles.logsumexp(x, axis) - picked


def _entropy_of_options(x, axis, labels):
    kept, weight = mask(x.shape), _class_weights(x.shape)
    share = 0.1 / np.maximum(np.sum(kept, axis, keepdims=True), 1)
    log_shares = np.where(kept, oracles.masked_log_softmax(x, kept, axis), 0)
    return -np.sum(np.where(kept, weight * (0.9 * labels + share) * log_shares, 0), axis)


def _class_weights(shape):
    return np.arange(1.0, tuple(shape)[-1] + 1) / 4


def _some(shape):
    """A mask that leaves an element of every line of two or more."""
    shape = tuple(shape)
    return (np.random.default_rng(4).random(shape) < 0.4) | (np.indices(shape).sum(0) % 2 == 0)


def _logsumexp_of_some(x, axis):
    axes = _tuple(axis, x.ndim)
    with np.errstate(divide="ignore"):  # of nothing
        return np.log(np.sum(np.where(_some(x.shape), np.exp(x), 0), axes))


def _mean_where(elements, axis):
    axes = _tuple(axis, elements.ndim)
    kept = _some(elements.shape)
    with np.errstate(invalid="ignore"):  # a mean of nothing
        return np.sum(np.where(kept, elements, 0), axes) / np.sum(kept, axes)


def _without_warning(function, *operands):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "logits has shape", UserWarning)
        return function(*operands)


def _kl(p, axis, q):
    return np.sum(p * (np.log(p + 2.0**-17) - np.log(q + 2.0**-17)), axis)


TABLE = {
    "cross_entropy_logits": Entry(
        lambda x, axis, y: loss.cross_entropy_logits(x, y), _cross_entropy, _shares, last=True, boolean=False
    ),
    "cross_entropy_logits_sparse": Entry(
        lambda x, axis: loss.cross_entropy_logits_sparse(x, _beside(x, _labels(x.shape))),
        _cross_entropy_sparse,
        _one,
        last=True,
        boolean=False,
    ),
    # With all options.
    "cross_entropy_weighted": Entry(
        lambda x, axis, y: loss.cross_entropy_logits(
            x,
            y,
            weight=_beside(x, _class_weights(x.shape)),
            where=_beside(x, mask(x.shape)),
            label_smoothing=0.1,
        ),
        _entropy_of_options,
        _shares,
        last=True,
        boolean=False,
    ),
    # What cross_entropy_logits takes where the logits have one class and the labels several.
    "inner_product": Entry(
        lambda x, axis, y: _without_warning(loss.cross_entropy_logits, x[..., :1], y),
        lambda x, axis, y: oracles.logsumexp(x[..., :1], axis) - np.sum(x[..., :1] * y, axis),
        _shares,
        last=True,
        boolean=False,
    ),
    "kl": Entry(lambda p, axis, q: divergence.kl(p, q), _kl, _positive, last=True),
    "l2": Entry(
        lambda x, axis: loss.l2(x),
        lambda x, axis: np.sum(x * x) / 2,
        _one,
    ),
    "l2_where": Entry(
        lambda x, axis: loss.l2(x, where=_beside(x, mask(x.shape))),
        lambda x, axis: np.sum(np.where(mask(x.shape), x * x, 0)) / 2,
        _one,
    ),
    "log_softmax": Entry(numbafunc.log_softmax, oracles.log_softmax, _one, boolean=False),
    "log_softmax_where": Entry(
        lambda x, axis: numbafunc.log_softmax(x, axis, _beside(x, mask(x.shape))),
        lambda x, axis: oracles.masked_log_softmax(x, mask(x.shape), axis),
        _one,
        boolean=False,
    ),
    "logsumexp": Entry(numbafunc.logsumexp, oracles.logsumexp, _one),
    "logsumexp_signed": Entry(
        lambda x, axis, b: numbafunc.logsumexp(x, axis, -b, return_sign=True)[0], oracles.logsumexp, _weighted
    ),
    "logsumexp_weighted": Entry(numbafunc.logsumexp, oracles.logsumexp, _weighted),
    "logsumexp_where": Entry(
        lambda x, axis: numbafunc.logsumexp(x, axis, where=_beside(x, _some(x.shape))),
        lambda x, axis: _logsumexp_of_some(x, axis),
        _one,
    ),
    "mean_absolute_error": Entry(
        lambda x, axis, y: loss.mean_absolute_error(x, y, _kept(axis, len(x.shape))),
        lambda x, axis, y: np.mean(oracles.absolute(x - y), _tuple(axis, x.ndim)),
        _two,
        boolean=False,
    ),
    "mean_absolute_error_where": Entry(
        lambda x, axis, y: loss.mean_absolute_error(x, y, _kept(axis, len(x.shape)), where=_beside(x, _some(x.shape))),
        lambda x, axis, y: _mean_where(oracles.absolute(x - y), axis),
        _two,
        boolean=False,
    ),
    "mean_squared_error": Entry(
        lambda x, axis, y: loss.mean_squared_error(x, y, _kept(axis, len(x.shape))),
        lambda x, axis, y: np.mean((x - y) ** 2, _tuple(axis, x.ndim)),
        _two,
        boolean=False,
    ),
    "mean_squared_error_where": Entry(
        lambda x, axis, y: loss.mean_squared_error(x, y, _kept(axis, len(x.shape)), where=_beside(x, _some(x.shape))),
        lambda x, axis, y: _mean_where((x - y) ** 2, axis),
        _two,
        boolean=False,
    ),
    "mean_squared_log_error": Entry(
        lambda x, axis, y: loss.mean_squared_log_error(x, y, _kept(axis, len(x.shape))),
        lambda x, axis, y: np.mean((oracles.log1p(x) - oracles.log1p(y)) ** 2, _tuple(axis, x.ndim)),
        _positive,
    ),
    "mean_squared_log_error_where": Entry(
        lambda x, axis, y: loss.mean_squared_log_error(
            x, y, _kept(axis, len(x.shape)), where=_beside(x, _some(x.shape))
        ),
        lambda x, axis, y: _mean_where((oracles.log1p(x) - oracles.log1p(y)) ** 2, axis),
        _positive,
    ),
    "softmax": Entry(numbafunc.softmax, oracles.softmax, _one, boolean=False),
    "softmax_where": Entry(
        lambda x, axis: numbafunc.softmax(x, axis, _beside(x, mask(x.shape))),
        lambda x, axis: oracles.masked_softmax(x, mask(x.shape), axis),
        _one,
        boolean=False,
    ),
}

NAMES = sorted(TABLE)

# Largest error, relative or absolute.
TOLERANCE = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 4e-6, "float64": 1e-14}

# Ops that reduce over axes of the caller's choice.
FREE = [name for name in NAMES if not TABLE[name].last and name not in ("l2", "l2_where")]


def operands(name, shape, dtype=np.float64, seed=0):
    """Operands of an op for an array of a shape."""
    return [array.astype(dtype) for array in TABLE[name].operands(np.random.default_rng(seed), shape)]


def shape_for(name, shape):
    """A shape on which the op reduces; kl takes vectors only, since it is a matrix product for matrices."""
    return shape[-1:] if name == "kl" else shape
