"""numbafunc.scipy.special: SciPy's functions that are no ufuncs, against SciPy, mpmath and the rules of ufuncs."""

import inspect
import re
from pathlib import Path

import dual_checks
import mpmath
import numpy as np
import pytest
import reverse_checks
import scipy.special
from dual_checks import case
from dual_table_linalg import draws

import numbafunc
from numbafunc.scipy import linalg, special
from numbafunc.scipy.original import FUNCTIONS

normal = draws(3)
POSITIVE = 2.0 + abs(normal(2, 3))
SIGNED = np.array([[1.0, -2.0, 0.7], [9.0, -8.0, -7.0]])

CASES = [
    case("logsumexp", special.logsumexp, normal(2, 3)),
    case("logsumexp of an axis", lambda a, b: special.logsumexp(a, 1, b, keepdims=True), normal(2, 3), POSITIVE),
    case("logsumexp signed", lambda a, b: special.logsumexp(a, 0, b, return_sign=True), normal(2, 3), SIGNED),
    case("softmax", special.softmax, normal(2, 3)),
    case("softmax of an axis", lambda x: special.softmax(x, axis=0), normal(2, 3)),
    case("log_softmax", special.log_softmax, normal(2, 3)),
    case("log_softmax of an axis", lambda x: special.log_softmax(x, axis=-1), normal(2, 3)),
    *(case(f"polygamma {n}", lambda x, n=n: special.polygamma(n, x), POSITIVE) for n in range(3)),
    case("polygamma of several orders", lambda x: special.polygamma([0, 1, 4], x), POSITIVE),
    case("multigammaln", lambda a: special.multigammaln(a, 3), POSITIVE),
    case("multigammaln of a number", lambda a: special.multigammaln(a, 2), POSITIVE[0, 0]),
]
each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each
def test_value_is_that_of_scipy(case):
    value, _ = numbafunc.jvp(case.function, case.arrays, dual_checks.draw(case.arrays, 1))
    dual_checks.close(value, dual_checks.leaves(case.function(*case.arrays)), 1e-13)


@each
def test_forward_mode(case):
    dual_checks.check_forward(case)


@each
def test_reverse_mode(case, monkeypatch):
    reverse_checks.check_reverse(case, monkeypatch)


def test_polygamma_against_mpmath():
    for n in range(4):
        for x in (0.3, 2.0, 17.5):
            slope = numbafunc.grad(lambda x, n=n: special.polygamma(n, x))(x)
            np.testing.assert_allclose(slope, float(mpmath.polygamma(n + 1, mpmath.mpf(x))), rtol=1e-13)


def test_refusals():
    x = np.array([0.2])
    with pytest.raises(TypeError, match="respect to the order n"):
        numbafunc.jvp(lambda n: special.polygamma(n, 2.0), (x,), (x,))
    with pytest.raises(ValueError, match=r"a is \[0.2\]; wanted: above 1.0, as d is 3"):
        numbafunc.jvp(lambda a: special.multigammaln(a, 3), (x,), (x,))


@pytest.mark.parametrize("name", special.__all__)
def test_signature_is_that_of_scipy(name):
    wanted = inspect.signature(getattr(scipy.special, name)).parameters.values()
    found = inspect.signature(getattr(special, name)).parameters.values()
    assert [(one.name, one.default) for one in wanted] == [(one.name, one.default) for one in found]


def test_names():
    assert set(special.__all__) == set(FUNCTIONS["special"]) == {case.name.split()[0] for case in CASES}
    assert special.erf is scipy.special.erf
    assert {"erf", "logsumexp"} <= set(dir(special))
    x = normal(3)
    np.testing.assert_array_equal(special.softmax(x), scipy.special.softmax(x))
    assert set(dir(numbafunc.scipy)) >= {"linalg", "special"}
    with pytest.raises(AttributeError, match="'numbafunc.scipy' has no attribute 'fft'"):
        numbafunc.scipy.fft  # noqa: B018


def test_the_documentation_lists_what_differentiates():
    page = (Path(__file__).parents[2] / "docs" / "scipy.rst").read_text()
    assert set(re.findall(r"^    ([a-z_]+)$", page, re.MULTILINE)) == {*linalg.__all__, *special.__all__}


@pytest.mark.parametrize("function", [getattr(m, name) for m in (linalg, special) for name in m.__all__])
def test_docstrings(function):
    assert "Examples\n" in function.__doc__
