"""Ops on operands for which reverse mode is compared with forward mode: all of the op tables, and ways through them.

``orders`` says up to which order a case is in the fast suite: each op has one with at least 1. ``most`` says the same
of all suites. Kernels of reductions take long to compile, for second derivatives and along the first axis in
particular. There a few ops stand for all: reverse mode hands the axes on, and the kernels are tested on the ops' own.
"""

import functools
import math
import warnings
from typing import Any, NamedTuple

import elementwise_table
import linear_table
import numpy as np
import reduction_table
import selection_table

import numbafunc


class Case(NamedTuple):
    name: str
    function: Any
    arrays: tuple[np.ndarray, ...]
    orders: int = 2
    most: int = 2


GENERATOR = np.random.default_rng(41)


def normal(*shape):
    return GENERATOR.normal(size=shape)


def uniform(*shape, low=0.1, high=1.0):
    return GENERATOR.uniform(low, high, shape)


def elementwise_cases():
    """Each op on operands of one shape; those of several operands also with some that are broadcast."""
    for name in elementwise_table.SMOOTH:
        function = elementwise_table.TABLE[name].function
        first, *others = elementwise_table.operands(name, (3, 4), np.float64)
        yield Case(name, function, (first, *others))
        if others:
            yield Case(f"{name} broadcast", _silent(function), (first, *(x[:1] for x in others)), 1)


def _silent(function):
    """The function without the warning about operands that are broadcast."""

    def silent(*arrays):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*arrays)

    return silent


AXES = {"last": ((3, 4), -1), "first": ((3, 4), 0), "two": ((2, 3, 4), (0, 2)), "all": ((5,), None)}


SECOND = ("softmax", "logsumexp_weighted", "cross_entropy_logits", "cross_entropy_logits_sparse")


def reduction_cases():
    """Each op along axes of each kind; labels and other integers are constants."""
    for name in reduction_table.NAMES:
        entry = reduction_table.TABLE[name]
        for axes, (shape, axis) in AXES.items():
            if axes == "last" or name in reduction_table.FREE:
                operands = reduction_table.operands(name, reduction_table.shape_for(name, shape))
                orders = (axes == "last") + (name in SECOND and axes != "first")
                most = 2 if axes != "first" or name in SECOND else 1
                function = functools.partial(_reduced, entry.function, axis)
                yield Case(f"{name} {axes}", function, tuple(operands), orders, most)


def _reduced(function, axis, first, *others):
    return function(first, axis, *others)


def linear_cases():
    for name in linear_table.NAMES:
        entry = linear_table.TABLE[name]
        for number, shape in enumerate(entry.shapes[:-1]):
            yield Case(f"{name} {shape}", entry.function, (normal(*shape),), 2 if number == 0 else 1)


def selection_cases():
    for name in selection_table.CASES:
        entry = selection_table.entry(name)
        for number, shape in enumerate(entry.shapes[:-1]):
            yield Case(f"{name} {shape}", entry.function, (normal(*shape),), 2 if number == 0 else 1)


def _margins(line, widths, axis, options):
    return np.concatenate([line[2:4] * 2, line[2:-2], line[-4:-2] ** 2])


PADS = {
    "constant": {},
    "edge": {},
    "empty": {},
    "linear_ramp": {},
    "maximum": {},
    "mean": {"stat_length": 2},
    "median": {},
    "minimum": {"stat_length": ((2, 1), (3, 2))},
    "reflect": {"reflect_type": "odd"},
    "symmetric": {},
    "wrap": {},
}


def pad_cases():
    widths = ((2, 3), (1, 6))
    for mode, options in PADS.items():
        if mode != "empty":  # whose margins have no value
            pad = functools.partial(numbafunc.pad, pad_width=widths, mode=mode, **options)
            yield Case(f"pad {mode}", pad, (normal(3, 4),))
    for mode, option in (("constant", "constant_values"), ("linear_ramp", "end_values")):

        def with_values(x, values, mode=mode, option=option):
            return numbafunc.pad(x, widths, mode, **{option: values})

        yield Case(f"pad {mode} of values that move", with_values, (normal(3, 4), normal(2, 2)))
        yield Case(
            f"pad {mode} of values that move alone",
            functools.partial(with_values, np.ones((3, 4))),
            (normal(2, 2),),
        )
    yield Case("pad by a function", lambda x: numbafunc.pad(x, 2, _margins), (normal(3, 4),))


POOLS = [
    (2, None, "VALID"),
    (3, 1, "SAME"),
    ((2, 3), (1, 2), ((1, 0), (2, 1))),
    (2, 3, 1),
    (3, 2, (5, 0)),
    ((3, 2), 1, "VALID"),
]


def pool_cases():
    for op in (numbafunc.average_pool_2d, numbafunc.max_pool_2d):
        for size, strides, padding in POOLS:
            pool = functools.partial(op, size=size, strides=strides, padding=padding)
            orders = 2 if padding == "SAME" else int(padding == 1)
            yield Case(f"{op.__name__} {size} {strides} {padding}", pool, (normal(2, 2, 6, 7),), orders)


def resize_cases():
    for mode in ("nearest", "linear", "cubic", "lanczos3", "lanczos5"):
        for size in ((3, 9), (10, 4), (7, 5), (12, 14)):
            resize = functools.partial(numbafunc.interpolate, size=size, mode=mode)
            orders = 2 if size == (3, 9) else int(size == (12, 14))
            yield Case(f"interpolate {mode} {size}", resize, (normal(2, 6, 7),), orders)


@numbafunc.elementwise
def bell(x, w):
    return math.exp(-((x / w) ** 2))


@numbafunc.elementwise
def hinge(x, y):
    return x * y if x > y else y - x


def _sum_of_states(c, x):
    return {"a": c["a"] * x, "b": c["b"] + c["a"].sum()}, c["b"] * x


LABELS = np.array([0, -1, 7, 2])


def other_cases():
    yield Case("top_k of none", lambda x: numbafunc.top_k(x, 0).values, (normal(3, 5),))
    yield Case("top_k of the smallest", lambda x: numbafunc.top_k(x, 2, axis=0, largest=False).values, (normal(3, 5),))
    yield Case("top_k with indices", lambda x: numbafunc.top_k(x, 3), (normal(3, 5),))
    yield Case(
        "scan", lambda c, x: numbafunc.scan(lambda c, x: (c * x + np.sin(c), c * c), c, x), (normal(3), normal(5, 3))
    )
    yield Case(
        "scan in reverse, of a nest",
        lambda c, x: numbafunc.scan(_sum_of_states, {"a": c, "b": 0.0}, x, reverse=True)[1],
        (normal(3), normal(5, 3)),
    )
    yield Case(
        "cross_entropy_logits_sparse, labels outside",
        lambda x: numbafunc.loss.cross_entropy_logits_sparse(x, LABELS),
        (normal(4, 5),),
        1,
    )
    some = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
    yield Case(
        "cross_entropy_logits_sparse, all options",
        lambda x, weight: numbafunc.loss.cross_entropy_logits_sparse(
            x, LABELS, ignore_index=7, weight=weight, where=some, label_smoothing=0.1
        ),
        (normal(4, 5), uniform(5)),
        1,
    )
    yield Case(
        "sigmoid_cross_entropy_logits, all options",
        lambda x, y, weight: numbafunc.loss.sigmoid_cross_entropy_logits(x, y, pos_weight=weight, where=some),
        (normal(4, 5), uniform(4, 5), uniform(5)),
        1,
    )
    yield Case(
        "logsumexp where", lambda x, b: numbafunc.logsumexp(x, 1, b, where=some[:2]), (normal(2, 5), uniform(5)), 1
    )
    yield Case(
        "logsumexp of complex numbers",
        lambda x, b: np.real((1 - 2j) * numbafunc.logsumexp(x[0] + 1j * x[1], 0, b + 0.3j * b[::-1])),
        (normal(2, 3, 4), uniform(3, 1)),
        1,
    )
    yield Case("kl of matrices", numbafunc.divergence.kl, (uniform(4, 4), uniform(4, 4)), 1)
    yield Case(
        "softmax where, initial",
        lambda x: numbafunc.softmax(x, where=np.arange(5) < 3, initial=-2.0),
        (normal(4, 5),),
        1,
    )
    yield Case(
        "logsumexp, weights that are broadcast",
        lambda x, b: numbafunc.logsumexp(x, 1, b),
        (normal(4, 5), uniform(5)),
        1,
    )
    yield Case("one_hot", lambda x: x * numbafunc.one_hot(x, 3)[:, 0], (np.array([0.0, 2.0, 1.0, 0.0]),))
    yield Case("dynamic_slice", lambda x: numbafunc.dynamic_slice(x, (1, 9), (2, 2)), (normal(4, 5),))
    yield Case("elementwise of the user's", bell, (normal(4, 5), uniform(4, 1, low=1.0, high=2.0)))
    yield Case("elementwise with a condition", hinge, (normal(4, 5), normal(5)))
    yield Case("stop_gradient", lambda x: x * numbafunc.stop_gradient(x) ** 2, (normal(4),))
    yield Case("one operand twice", lambda x: numbafunc.loss.mean_squared_error(x, x[::-1] * 2.0), (normal(4),), 1)
    yield Case(
        "ops of ops",
        lambda x: numbafunc.softmax(numbafunc.gelu(numbafunc.pad(x, 1, "wrap")) * x[0, 0]),
        (normal(2, 3),),
    )


FAMILIES = {
    "elementwise": elementwise_cases,
    "reduction": reduction_cases,
    "linear": linear_cases,
    "selection": selection_cases,
    "pad": pad_cases,
    "pool": pool_cases,
    "resize": resize_cases,
    "other": other_cases,
}

CASES = [case for cases in FAMILIES.values() for case in cases()]
