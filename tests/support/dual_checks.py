"""Checks of one function of real arrays: value, first and second derivative, directions at once, dtypes.

The oracles are NumPy itself for values, and finite differences of sixth order in float64 for derivatives.
"""

from typing import Any, NamedTuple

import numpy as np

from numbafunc.autodiff import Dual, jvp

STEP = 1e-3


class Case(NamedTuple):
    name: str
    function: Any
    arrays: tuple[np.ndarray, ...]
    keeps_float32: bool


def case(name, function, *arrays, keeps_float32=True):
    return Case(name, function, arrays, keeps_float32)


def leaves(result):
    """The arrays of a result."""
    return [leaf for part in result for leaf in leaves(part)] if isinstance(result, (tuple, list)) else [result]


def difference(function, arrays, directions, step=STEP):
    """The derivative along a direction by differences of sixth order."""

    def moved(distance):
        points = [x + distance * v for x, v in zip(arrays, directions, strict=True)]
        return [np.asarray(leaf) for leaf in leaves(function(*points))]

    slopes = [0.0] * len(moved(0.0))
    for multiple, weight in ((1, 45), (2, -9), (3, 1)):
        pairs = zip(moved(multiple * step), moved(-multiple * step), strict=True)
        slopes = [
            slope + weight * (ahead - behind) / (60 * step)
            for slope, (ahead, behind) in zip(slopes, pairs, strict=True)
        ]
    return slopes


def close(got, wanted, tolerance):
    for one, other in zip(leaves(got), leaves(wanted), strict=True):
        scale = np.max(np.abs(other), initial=1.0)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)


def draw(arrays, seed):
    generator = np.random.default_rng(seed)
    return tuple(generator.normal(size=x.shape).astype(x.dtype) for x in arrays)


def check_value(case):
    value, _ = jvp(case.function, case.arrays, draw(case.arrays, 1))
    expected = case.function(*case.arrays)
    for got, wanted in zip(leaves(value), leaves(expected), strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == np.asarray(wanted).dtype


def check_first_order(case, tolerance=1e-8):
    directions = draw(case.arrays, 2)
    _, tangent = jvp(case.function, case.arrays, directions)
    close(tangent, difference(case.function, case.arrays, directions), tolerance)
    # Each operand alone, the others constant.
    if len(case.arrays) > 1:
        for position, (x, v) in enumerate(zip(case.arrays, directions, strict=True)):

            def restricted(moving, position=position):
                return case.function(*case.arrays[:position], moving, *case.arrays[position + 1 :])

            _, tangent = jvp(restricted, (x,), (v,))
            close(tangent, difference(restricted, (x,), (v,)), tolerance)


def check_second_order(case, tolerance=1e-7):
    first, second = draw(case.arrays, 3), draw(case.arrays, 4)

    def slope(*arrays):
        return jvp(case.function, arrays, first)[1]

    _, tangent = jvp(slope, case.arrays, second)
    close(tangent, difference(slope, case.arrays, second), tolerance)


def check_directions(case):
    batches = [draw(case.arrays, seed) for seed in range(5, 8)]
    duals = [Dual(x, np.stack(vs), 1) for x, *vs in zip(case.arrays, *batches, strict=True)]
    results = leaves(case.function(*duals))
    for position, result in enumerate(results):
        if not isinstance(result, Dual):
            continue
        assert result.tangent.shape == (3, *result.shape)
        for tangent, directions in zip(result.tangent, batches, strict=True):
            alone = leaves(jvp(case.function, case.arrays, directions)[1])[position]
            close(tangent, alone, 1e-11)


def check_float32(case):
    arrays = tuple(x.astype(np.float32) for x in case.arrays)
    directions = draw(arrays, 9)
    value, tangent = jvp(case.function, arrays, directions)
    for got, change, wanted in zip(leaves(value), leaves(tangent), leaves(case.function(*arrays)), strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == change.dtype == np.asarray(wanted).dtype
    wide = [x.astype(np.float64) for x in arrays]
    exact = jvp(case.function, tuple(wide), tuple(v.astype(np.float64) for v in directions))[1]
    close([np.asarray(leaf, np.result_type(leaf, np.float64)) for leaf in leaves(tangent)], exact, 1e-2)


def check_levels(case):
    """Derivatives with respect to two operands at different levels, in either order."""
    first, second = draw(case.arrays, 10)[:2]
    x, y, *rest = case.arrays

    def by_first(y):
        return jvp(lambda x: case.function(x, y, *rest), (x,), (first,))[1]

    def by_second(x):
        return jvp(lambda y: case.function(x, y, *rest), (y,), (second,))[1]

    close(jvp(by_first, (y,), (second,))[1], jvp(by_second, (x,), (first,))[1], 1e-9)


def check_forward(case):
    """First and second derivative, and several directions at once."""
    check_first_order(case)
    check_second_order(case)
    check_directions(case)
