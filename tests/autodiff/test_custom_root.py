"""Solutions with derivatives by the implicit function theorem: orders, modes, shapes, closures, errors."""

import itertools
import math

import mpmath
import numpy as np
import pytest
import scipy.optimize
import scipy.special
from optree import tree_flatten

import numbafunc
from numbafunc import checkpoint, custom_root, derivative, grad, hessian, hvp, jacfwd, jacrev, jvp, linearize, scan, vjp
from numbafunc.autodiff import implicit

MODES = ["forward", "reverse"]
modes = pytest.mark.parametrize("mode", MODES)
M, ECCENTRICITY = 1.0, 0.3


@custom_root(lambda E, M, e: E - e * np.sin(E) - M)
def kepler(M, e):
    # The solver is given numbers: functions of math take no others.
    return scipy.optimize.brentq(lambda E: E - e * math.sin(E) - M, -10.0, 10.0, xtol=1e-15, rtol=1e-15)


def exact_kepler(M, e):
    return mpmath.findroot(lambda E: E - e * mpmath.sin(E) - M, M)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_order_and_nesting_by_the_mean_anomaly(order):
    with mpmath.workdps(50):
        wanted = float(mpmath.diff(lambda M: exact_kepler(M, ECCENTRICITY), M, order))
    for chosen in itertools.product(MODES, repeat=order):
        f = kepler
        for mode in chosen:
            f = grad(f, mode=mode)
        np.testing.assert_allclose(f(M, ECCENTRICITY), wanted, rtol=1e-12)
    np.testing.assert_allclose(derivative(kepler, order)(M, ECCENTRICITY), wanted, rtol=1e-12)


@modes
def test_first_and_second_derivatives_by_both_arguments(mode):
    p = np.array([M, ECCENTRICITY])
    with mpmath.workdps(40):
        first = [float(mpmath.diff(exact_kepler, tuple(p), n)) for n in ((1, 0), (0, 1))]
        second = [[float(mpmath.diff(exact_kepler, tuple(p), (i, j))) for i, j in row] for row in SECOND]

    def f(p):
        return kepler(p[0], e=p[1])

    np.testing.assert_allclose(grad(f, mode=mode)(p), first, rtol=1e-13)
    np.testing.assert_allclose(hessian(f, mode=mode)(p), second, rtol=1e-12)
    np.testing.assert_allclose(hvp(f, (p,), (p,), mode=mode), second @ p, rtol=1e-12)


SECOND = [[(2, 0), (1, 1)], [(1, 1), (0, 2)]]


@pytest.mark.parametrize("solve", [float, np.float64, np.asarray], ids=["float", "scalar", "array"])
def test_value_is_that_of_the_solver(solve):
    seen = []

    @custom_root(lambda x, p: x * x - p)
    def root(p):
        seen.append(type(p))
        return solve(math.sqrt(p) * (1 + 1e-9))

    value, change = jvp(root, (2.0,), (1.0,))
    assert float(value) == float(root(2.0)) == math.sqrt(2) * (1 + 1e-9)
    # The derivative of the point that was returned, on the level set of the residual that it is on.
    np.testing.assert_allclose(change, 0.5 / (math.sqrt(2) * (1 + 1e-9)), rtol=1e-14)
    assert set(seen) <= {float, np.float64}
    assert root.__name__ == "root"


def test_arrays_that_a_solver_changes_and_returns_are_copied():
    p = np.array([2.0, 3.0])
    buffer = np.zeros(2)

    @custom_root(lambda x, p: x**2 - p, elementwise=True)
    def root(p):
        buffer[:] = np.sqrt(p)
        p[:] = 0.0
        return buffer

    got = grad(lambda p: np.sum(root(p) * root(2 * p)), mode="reverse")(p)
    np.testing.assert_allclose(got, math.sqrt(2), rtol=1e-15)
    np.testing.assert_array_equal(p, [2.0, 3.0])


RANDOM = np.random.default_rng(3)
A = RANDOM.standard_normal((4, 4)) + 4 * np.eye(4)
B = RANDOM.standard_normal(4)
DIRECTIONS = RANDOM.standard_normal((4, 4)), RANDOM.standard_normal(4)


@custom_root(lambda x, a, b: a @ x - b)
def linear(a, b):
    return np.linalg.solve(a, b)


@modes
def test_linear_system_is_that_of_numpy(mode):
    def of(solve):
        return lambda a, b: np.sum(np.sin(solve(a, b)))

    for argument in (0, 1):
        for take in (grad, hessian):
            got, wanted = (take(of(f), argument, mode=mode)(A, B) for f in (linear, np.linalg.solve))
            np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-13)
    for got, wanted in zip(jacrev(linear, (0, 1))(A, B), jacfwd(np.linalg.solve, (0, 1))(A, B), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(linearize(linear, A, B)[1](*DIRECTIONS), jvp(linear, (A, B), DIRECTIONS)[1], rtol=1e-12)
    assert np.vdot(vjp(linear, A, B)[1](B)[1], DIRECTIONS[1]) == pytest.approx(
        B @ jvp(linear, (A, B), (None, DIRECTIONS[1]))[1], rel=1e-12
    )


@pytest.mark.parametrize("order", [(x, y, z) for x in MODES for y in MODES for z in MODES], ids="-".join)
def test_third_order_of_a_system(order):
    def of(solve):
        f = lambda s: np.sum(np.exp(solve(A + s * DIRECTIONS[0], B * np.cos(s)) / 4))  # noqa: E731
        for mode in order:
            f = grad(f, mode=mode)
        return f(0.2)

    np.testing.assert_allclose(of(linear), of(np.linalg.solve), rtol=1e-11)


FEATURES = RANDOM.standard_normal((9, 3))
TARGETS = RANDOM.standard_normal(9)


def ridge_loss(w, features, targets, strength):
    return np.sum((features @ w - targets) ** 2) + strength * np.sum(w * w)


@custom_root(grad(ridge_loss))
def ridge(features, targets, strength):
    return scipy.optimize.minimize(ridge_loss, np.zeros(3), (features, targets, strength), "BFGS", tol=1e-9).x


def ridge_in_closed_form(features, targets, strength):
    return np.linalg.solve(features.T @ features + strength * np.eye(3), features.T @ targets)


@modes
def test_optimum(mode):
    def held_out(solve):
        return lambda s: np.sum(solve(FEATURES, TARGETS, np.exp(s)) ** 2)

    for take in (grad, hessian):
        got, wanted = (take(held_out(f), mode=mode)(0.5) for f in (ridge, ridge_in_closed_form))
        np.testing.assert_allclose(got, wanted, rtol=1e-6)
    got, wanted = (jacrev(f, 0)(FEATURES, TARGETS, 0.5) for f in (ridge, ridge_in_closed_form))
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-8)


@custom_root(lambda w, z: w * np.exp(w) - z, elementwise=True)
def lambert_w(z):
    return scipy.special.lambertw(z).real


@modes
def test_equations_of_elements(mode):
    z = np.array([[0.1, 1.0, 3.0], [0.5, 7.0, 20.0]])
    w = scipy.special.lambertw(z).real
    slope = w / (z * (1 + w))
    curvature = -(w**2) * (w + 2) / (z**2 * (1 + w) ** 3)
    np.testing.assert_allclose(grad(lambda z: np.sum(lambert_w(z)), mode=mode)(z), slope, rtol=1e-13)
    np.testing.assert_allclose(derivative(lambert_w, 2)(z), curvature, rtol=1e-12)
    np.testing.assert_allclose(hvp(lambda z: np.sum(lambert_w(z)), (z,), (w,), mode=mode), curvature * w, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@modes
def test_cube_root_in_low_precision(mode, dtype):
    @custom_root(lambda x, p: x**3 - p, elementwise=True)
    def cube_root(p):
        return np.cbrt(p)

    p = np.array([0.5, 8.0], dtype)
    got = grad(lambda p: np.sum(cube_root(p)), mode=mode)(p)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, np.cbrt(p.astype(float)) ** -2 / 3, rtol=4 * np.finfo(dtype).eps)


@modes
def test_nests(mode):
    """A circle and a line: unknowns and parameters in nests, of several shapes and dtypes."""

    def residual(x, p, *, shift):
        first, second = x["first"], x["second"]
        return {"first": first**2 + second[0] ** 2 - p["squares"][0], "second": second - first * shift[0]}

    @custom_root(residual)
    def crossing(p, *, shift):
        first = np.sqrt(p["squares"] / (1 + shift[0] ** 2))
        return {"first": first[0], "second": first * shift[0]}

    p = {"squares": np.array([5.0]), "text": "unused"}

    def of(solve):
        def f(s, shift):
            x = solve({**p, "squares": s}, shift=(shift,))
            return np.sum(x["first"] * x["second"] ** 2)

        return f

    for take in (grad, hessian):
        got, wanted = (take(of(f), (0, 1), mode=mode)(p["squares"], 2.0) for f in (crossing, crossing.__wrapped__))
        for one, other in zip(tree_flatten(got)[0], tree_flatten(wanted)[0], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    value = jvp(lambda s: crossing({"squares": s}, shift=(1.0,)), (p["squares"],), (np.ones(1),))[0]
    assert value["first"].shape == ()
    assert value["second"].shape == (1,)


@modes
def test_inside_loops_and_checkpoints(mode):
    def steps(wrap, solve):
        def f(e):
            step = wrap(lambda E, x: (solve(E / 2 + x, e), E))
            last, all_of_them = scan(step, 0.5, np.linspace(0.0, 1.0, 5))
            return last + np.sum(all_of_them**2)

        return f

    # The same by an iteration whose steps are differentiated.
    def iterate(M, e):
        E = M
        for _ in range(60):
            E = M + e * np.sin(E)
        return E

    wanted = grad(steps(lambda f: f, iterate), mode="forward")(0.3)
    for wrap in (lambda f: f, checkpoint):
        np.testing.assert_allclose(grad(steps(wrap, kepler), mode=mode)(0.3), wanted, rtol=1e-12)
    np.testing.assert_allclose(
        hessian(steps(lambda f: f, kepler), mode=mode)(0.3),
        hessian(steps(lambda f: f, iterate), mode="forward")(0.3),
        rtol=1e-11,
    )


@pytest.mark.parametrize("other", MODES)
@modes
def test_closure_of_the_residual_counts(mode, other):
    def root(p, q):
        @custom_root(lambda x, q: x**3 - p * q)
        def solve(q):
            return float(numbafunc.stop_gradient(p) * q) ** (1 / 3)

        return solve(q)

    np.testing.assert_allclose(grad(root, mode=mode)(2.0, 4.0), 4 / 12, rtol=1e-14)
    np.testing.assert_allclose(grad(grad(root, mode=mode), 1, mode=other)(2.0, 4.0), 1 / 3 / 12, rtol=1e-13)
    # One level from outside, another by the argument.
    mixed = grad(lambda p: grad(lambda q: root(p, q), mode=other)(4.0), mode=mode)(2.0)
    np.testing.assert_allclose(mixed, 1 / 3 / 12, rtol=1e-13)


def test_closure_of_the_solver_alone_is_refused():
    def f(c):
        @custom_root(lambda x, p: x - p)
        def solve(p):
            return c * p

        return solve(2.0)

    with pytest.raises(TypeError, match=r"solve returns a solution with derivatives that its residual knows nothing"):
        grad(f)(1.0)


def test_without_derivatives_it_is_the_solver(monkeypatch):
    monkeypatch.setattr(implicit, "LIVE", set())  # other tests make dual arrays themselves
    calls = []

    @custom_root(lambda x, p: calls.append(1))
    def solve(p):
        return p, "as it is"

    assert solve(2) == (2, "as it is")
    assert not calls
    monkeypatch.undo()
    # A first guess has no derivative, nor has what does not depend on the variable.
    started = custom_root(lambda x, p, start: x - p)(lambda p, start: p)
    assert grad(started, 1)(1.0, 2.0) == 0
    assert grad(lambda x: started(1.0, 2.0) * x)(3.0) == 1


@modes
def test_residual_of_an_array_may_be_a_list(mode):
    def residual(x, k):
        return [k * x[0] - x[1], x[0] + x[1] - 1]

    @custom_root(residual)
    def balance(k):
        return scipy.optimize.fsolve(residual, [0.5, 0.5], (k,))

    np.testing.assert_allclose(grad(lambda k: balance(k)[0], mode=mode)(2.0), -1 / 9, rtol=1e-9)


def refused(solver, residual, error, match, p=2.0, **options):
    with pytest.raises(error, match=match):
        grad(lambda p: np.sum(custom_root(residual, **options)(solver)(p)))(p)


def test_errors():
    def solve(p):
        return np.ones(2)

    def at_zero(p):
        return np.zeros(2)

    refused(solve, lambda x, p: x[0] - p, ValueError, r"of solve has shape \(\), and the solution has shape \(2,\)")
    refused(
        solve, lambda x, p: {0: x - p}, TypeError, r"residual of solve is nested as .*, and the solution as a single"
    )
    refused(solve, lambda x, p: x - 1j * p, TypeError, r"residual of solve has dtype complex128; wanted: real")
    refused(lambda p: 1j, lambda x, p: x - p, TypeError, r"solution that <lambda> returns is a complex; wanted")
    refused(lambda p: scipy.optimize.OptimizeResult(x=1.0), lambda x, p: x - p, TypeError, "OptimizeResult; wanted")
    refused(at_zero, lambda x, p: x * x - p, np.linalg.LinAlgError, "condition number of the Jacobian is inf at the")
    matrix = np.array([[0.1, 0.2], [0.3, 0.6]])
    refused(solve, lambda x, p: matrix @ x - p, np.linalg.LinAlgError, "at the solution that solve returns")
    refused(
        lambda p: np.arange(2.0), lambda x, p: x * (x - 1) ** 2 - p, np.linalg.LinAlgError, "for element 1",
        elementwise=True,
    )  # fmt: skip
    refused(
        lambda p: 0.0, lambda x, p: x**3 - p, np.linalg.LinAlgError, "slope of the residual is zero at the solution"
    )
    refused(solve, lambda x, p: matrix @ x - p, ValueError, "residual of solve is not elementwise", elementwise=True)
    refused(solve, lambda x, p: x - p, RuntimeError, "residual of solve is 1 at the point returned", tolerance=0.5)
    refused(solve, lambda x, p: x * np.nan, RuntimeError, "residual of solve is nan at the point", tolerance=0.5)
    for wrong, error in ((1, TypeError), (None, TypeError)):
        with pytest.raises(error, match=r"custom_root is given a .*; wanted: the residual"):
            custom_root(wrong)
        with pytest.raises(error, match=r"custom_root decorates a .*; wanted: a function that solves"):
            custom_root(max)(wrong)
    with pytest.raises(TypeError, match="elementwise is 'no'"):
        custom_root(max, elementwise="no")
    with pytest.raises(ValueError, match=r"tolerance is -1; wanted"):
        custom_root(max, tolerance=-1)


def test_tolerance_holds_without_derivatives_too():
    f = custom_root(lambda x, p: x - p, tolerance=1e-3)
    assert f(lambda p: p + 1e-4)(1.0) == 1.0001
    with pytest.raises(RuntimeError, match=r"is 0.1 at the point returned; tolerance is 0.001"):
        f(lambda p: p + 0.1)(1.0)


@modes
def test_units_do_not_make_a_jacobian_singular(mode):
    scales = np.array([1e-12, 1.0, 1e9])
    f = custom_root(lambda x, p: (A[:3, :3] @ (x / scales) - p) * scales[::-1])(
        lambda p: scales * np.linalg.solve(A[:3, :3], p)
    )
    got = grad(lambda p: np.sum(f(p) / scales), mode=mode)(B[:3])
    np.testing.assert_allclose(got, np.linalg.inv(A[:3, :3]).sum(0), rtol=1e-11)
