"""Reverse mode of one function of real arrays, by the public interface, against forward mode.

For cotangents c and a direction v, ``sum(c * (J v))`` by forward mode is ``sum((J^T c) * v)`` by reverse mode. Random
ones miss a wrong element with probability zero. Forward mode is compared with finite differences, complex steps and
mpmath by suites of its own.
"""

import numpy as np
from dual_checks import leaves

import numbafunc
from numbafunc.autodiff import linearization, value_of


def flat(result):
    """The leaves of a nest of tuples, lists and dicts."""
    if isinstance(result, dict):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flat(part)]
    return leaves(result)


def with_flat_results(function):
    """The function with a tuple of arrays as its result."""
    return lambda *arrays: tuple(flat(function(*arrays)))


def draw(arrays, seed):
    """Random numbers in the shapes and dtypes of some arrays; None for those that are not floating."""
    generator = np.random.default_rng(seed)
    drawn = []
    for x in map(value_of, arrays):
        numbers = generator.normal(size=x.shape)
        if x.dtype.kind == "c":
            numbers = numbers + 1j * generator.normal(size=x.shape)
        drawn.append(np.asarray(numbers).astype(x.dtype) if x.dtype.kind in "fcV" else None)
    return tuple(drawn)


def push(function, arrays, direction):
    """The derivative along a direction, by forward mode."""
    return numbafunc.jvp(function, arrays, direction)[1]


def pull(function, arrays, cotangents):
    """The gradient of the sum of cotangents times results, by reverse mode."""
    return numbafunc.vjp(function, *arrays)[1](cotangents)


def masked(cotangents, tangents):
    """The cotangents with zeros where the derivative is not finite."""
    return tuple(
        c if c is None else np.where(np.isfinite(t), c, np.zeros_like(c))
        for c, t in zip(cotangents, tangents, strict=True)
    )


def product(some, others):
    """The sum of the real parts of products of elements, and the sum of their magnitudes."""
    total = scale = 0.0
    for x, y in zip(some, others, strict=True):
        if x is not None:
            wide = np.complex128 if np.asarray(y).dtype.kind == "c" else np.float64
            used = x != 0  # what is not finite was masked
            terms = (np.asarray(x, wide)[used] * np.asarray(y, wide)[used]).real
            total += np.sum(terms)
            scale += np.sum(np.abs(terms))
    return total, scale


def agree(got, wanted, tolerance):
    (one, scale), (other, size) = got, wanted
    assert np.isfinite(one), "not finite"
    assert abs(one - other) <= tolerance * max(1.0, scale, size), f"{one} by reverse mode, {other} by forward mode"


def check_gradient(function, arrays, tolerance=1e-11):
    """The gradient with respect to all operands."""
    _check_gradient(with_flat_results(function), arrays, tolerance)


def check_each_operand(function, arrays, tolerance=1e-11):
    """The gradient with respect to each of several operands alone, the others constant."""
    function = with_flat_results(function)
    for position, x in enumerate(arrays):

        def restricted(moving, position=position):
            return function(*arrays[:position], moving, *arrays[position + 1 :])

        _check_gradient(restricted, (x,), tolerance)


def _check_gradient(function, arrays, tolerance):
    direction = draw(arrays, 20)
    value, tangents = numbafunc.jvp(function, arrays, direction)
    cotangents = masked(draw(value, 21), tangents)
    again, pulled = numbafunc.vjp(function, *arrays)
    for got, wanted in zip(again, value, strict=True):
        # Reductions add in the order of the widths of their loops.
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance)
        assert got.dtype == wanted.dtype
    gradient = pulled(cotangents)
    for part, x in zip(gradient, arrays, strict=True):
        assert type(part) is np.ndarray
        assert (part.shape, part.dtype) == (x.shape, x.dtype)
        assert part.flags.writeable
    agree(product(gradient, direction), product(cotangents, tangents), tolerance)


def check_replay(function, arrays, monkeypatch, tolerance=1e-11):
    """The steps of the tape taken forwards, which `linearize` does for many variables."""
    function = with_flat_results(function)
    direction = draw(arrays, 22)
    monkeypatch.setattr(linearization, "_FEW", -1)
    for got, wanted in zip(
        numbafunc.linearize(function, *arrays)[1](*direction), push(function, arrays, direction), strict=True
    ):
        scale = np.max(np.abs(wanted), initial=1.0)
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance * scale)
        assert got.dtype == wanted.dtype


def check_jacobian(function, arrays, chunk_size=3, tolerance=1e-10):
    """All elements of the Jacobian, several rows in one walk."""
    function = with_flat_results(function)
    argnums = tuple(range(len(arrays)))
    got = numbafunc.jacrev(function, argnums, chunk_size=chunk_size)(*arrays)
    wanted = numbafunc.jacfwd(function, argnums)(*arrays)
    for one, other in zip(flat(got), flat(wanted), strict=True):
        scale = np.max(np.abs(other), initial=1.0)
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance * scale)
        assert (one.shape, one.dtype) == (other.shape, other.dtype)


NESTINGS = {
    "forward over reverse": lambda f, xs, c, v, u: product(push(lambda *x: pull(f, x, c), xs, u), v),
    "reverse over forward": lambda f, xs, c, v, u: product(pull(lambda *x: push(f, x, v), xs, c), u),
    "reverse over reverse": lambda f, xs, c, v, u: product(pull(lambda *x: pull(f, x, c), xs, v), u),
}


def check_second_order(function, arrays, nestings=tuple(NESTINGS), tolerance=1e-8):
    """Second derivatives in several nestings of the modes against forward mode over forward mode."""
    function = with_flat_results(function)
    v, u = draw(arrays, 23), draw(arrays, 24)
    tangents = push(lambda *x: push(function, x, v), arrays, u)
    cotangents = masked(draw(tangents, 25), tangents)
    wanted = product(cotangents, tangents)
    for nesting in nestings:
        agree(NESTINGS[nesting](function, arrays, cotangents, v, u), wanted, tolerance)


def check_precision(function, arrays, dtype, tolerance):
    """The gradient in a smaller dtype: of that dtype, and near that of float64."""
    function = with_flat_results(function)
    arrays = [x.astype(dtype) for x in arrays]
    exact_arrays = [x.astype(np.float64) for x in arrays]
    tangents = push(function, arrays, draw(arrays, 26))
    cotangents = masked(draw(tangents, 27), [_wide(t) for t in tangents])
    gradient = pull(function, arrays, cotangents)
    assert [part.dtype for part in gradient] == [np.dtype(dtype)] * len(arrays)
    # The function of float64 may have results of another dtype where those of a smaller one were kept.
    results = numbafunc.vjp(function, *exact_arrays)[0]
    cotangents = tuple(c if c is None else c.astype(y.dtype) for c, y in zip(cotangents, results, strict=True))
    for got, wanted in zip(gradient, pull(function, exact_arrays, cotangents), strict=True):
        scale = np.max(np.abs(wanted), initial=1.0)
        np.testing.assert_allclose(_wide(got), wanted, rtol=tolerance, atol=tolerance * scale)


def _wide(x):
    return np.asarray(x, np.complex128 if x.dtype.kind == "c" else np.float64)


def check_reverse(case, monkeypatch):
    """The gradient, also of each operand alone, the steps taken forwards, and the second derivative."""
    check_gradient(case.function, case.arrays)
    if len(case.arrays) > 1:
        check_each_operand(case.function, case.arrays)
    check_replay(case.function, case.arrays, monkeypatch)
    check_second_order(case.function, case.arrays)
