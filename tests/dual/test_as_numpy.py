"""Cases in which a dual array did not do what an array of NumPy does; the same program on arrays is the oracle."""

import ml_dtypes
import numpy as np
import pytest

import numbafunc

X = np.array([0.3, -1.2, 0.7])
MATRIX = np.array([[0.4, -0.9, 1.3], [1.1, 0.2, -0.6]])


def assert_as_numpy(program, x):
    """The value of NumPy, and the derivative that differences of its values show."""
    value, slope = numbafunc.jvp(program, (x,), (np.cos(x),))
    np.testing.assert_allclose(value, program(x), rtol=1e-14, atol=1e-14)
    step = 1e-5 * np.cos(x)
    np.testing.assert_allclose(slope, (program(x + step) - program(x - step)) / 2e-5, rtol=1e-8, atol=1e-8)
    rows = numbafunc.jacrev(program)(x)
    np.testing.assert_allclose(np.tensordot(rows, np.cos(x), x.ndim), slope, rtol=1e-13, atol=1e-13)
    second = numbafunc.jvp(lambda x: numbafunc.jvp(program, (x,), (np.ones_like(x),))[1], (x,), (np.cos(x),))[1]
    slopes = [numbafunc.jvp(program, (x + way * step,), (np.ones_like(x),))[1] for way in (1, -1)]
    np.testing.assert_allclose(second, (slopes[0] - slopes[1]) / 2e-5, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("ufunc", [np.logaddexp, np.logaddexp2, np.hypot])
def test_reductions_leave_out_a_first_element_that_the_mask_leaves_out(ufunc):
    assert_as_numpy(lambda x: ufunc.reduce(x, where=np.array([False, True, True])), X)
    assert_as_numpy(lambda x: ufunc.reduce(x, axis=1, where=np.array([[False], [True]])[:, :1] | (MATRIX < 0)), MATRIX)


def test_astype_without_a_copy_is_the_array_itself():
    def program(x):
        y = x * x
        y.astype(y.dtype, copy=False)[1:] = 7 * x[0]
        np.astype(y, y.dtype, copy=False)[0] = x[2] ** 2
        y.astype(y.dtype)[2] = 5.0
        return y

    assert_as_numpy(program, X)


def test_a_vector_that_is_not_contiguous_is_raveled_to_a_copy():
    def program(x):
        y = x * x
        y[::-1].ravel()[0] = 5.0
        np.ravel(y[::2])[0] = 5.0
        np.ravel(y)[1] *= x[0]
        return y

    assert_as_numpy(program, X)


def test_real_and_imaginary_part_are_views():
    def program(x):
        z = x * (1 + 2j)
        z.real[0] = x[1] ** 2
        z.imag[1:] += x[0]
        np.imag(z)[0] *= x[2]
        real = z.real
        z *= 1j
        return np.stack([z.real, z.imag, real])

    assert_as_numpy(program, X)


def test_operators_in_place_change_an_array_through_its_views_without_axes():
    def program(x):
        y = x * x
        last = y[..., 2]
        last += x[0]
        whole = y[:1].reshape(())
        whole *= x[1]
        whole **= 2
        number = y[1]
        number += 5
        return y

    assert_as_numpy(program, X)


def test_operators_in_place_bind_numbers_anew():
    def program(x):
        total = x[0]
        kept = np.atleast_1d(total)
        total += x[1]
        return np.append(kept, total)

    assert_as_numpy(program, X)


def test_column_major_order():
    def program(x):
        y = x * x
        y.T.reshape(-1, order="F")[1] = 3 * x[0, 0]
        parts = [y.ravel(order="F"), y.reshape(3, -1, order="F"), np.reshape(y, (1, 6, 1), order="F"), y.flatten("F")]
        parts.append(np.ravel(y, "F"))
        return np.concatenate([np.ravel(part) for part in parts])

    assert_as_numpy(program, MATRIX)


@pytest.mark.parametrize("kind", [np.matrix, np.ma.MaskedArray])
@pytest.mark.parametrize("ufunc", [np.multiply, np.power, np.add])
def test_arrays_that_compute_in_another_way_are_refused(kind, ufunc):
    other = np.eye(3).view(kind)
    for order in (1, -1):
        with pytest.raises(TypeError, match=f"{kind.__name__}|dual array"):
            numbafunc.grad(lambda x, way: np.sum(ufunc(*[x, other][::way])))(np.eye(3), order)
    with pytest.raises(TypeError, match=f"argument 0 is a {kind.__name__}"):
        numbafunc.grad(np.sum)(other)


def test_formats_show_the_value():
    shown = []

    def program(x):
        shown.extend([f"{x:.3f}", f"{x * x:10.2e}", f"{x * 1j:.1f}", "{:>6}".format(x), str(x) == f"{x}"])  # noqa: UP032
        return x

    inner = numbafunc.grad(lambda x: numbafunc.grad(program)(x) * x)
    inner(np.float32(1.5))
    assert shown == ["1.500", "  2.25e+00", "0.0+1.5j", "   1.5", True]
    with pytest.raises(TypeError, match="format"):
        numbafunc.jvp(lambda x: f"{x:.3f}", (X,), (X,))


def test_rounded_numbers_are_plain():
    def program(x):
        assert [round(x), round(x, 1), type(round(x))] == [2, 1.6, int]
        return x * round(x, 1)

    assert numbafunc.grad(program)(1.62) == 1.6
    with pytest.raises(TypeError, match=r"numpy\.round"):
        numbafunc.jvp(round, (X,), (X,))


def test_products_that_only_later_directions_need():
    x = np.linspace(0.5, 2.0, 60)
    hessian = numbafunc.jacfwd(numbafunc.grad(lambda x: np.sum(x[1:] * x[1:] * x[1:])))(x)
    np.testing.assert_allclose(hessian, np.diag(np.append(0, 6 * x[1:])), rtol=1e-13)


def test_a_quantile_that_is_one_element_leaves_out_its_infinite_neighbour():
    for function in (np.median, np.nanmedian, lambda x: np.quantile(x, 0.5)):
        slope = numbafunc.jvp(lambda x: function(-np.sqrt(x)), (np.array([4.0, 1.0, 0.0]),), (np.ones(3),))[1]  # noqa: B023
        assert slope == -0.5


def test_assignment_to_flat_and_to_parts():
    def program(x):
        a = np.zeros_like(x, shape=(2, 3))
        a.T.flat[1:4] = x[:2]
        a.flat[-1] = x[2] ** 2
        whole = np.zeros_like(x, shape=(2, 2))
        whole.flat = x
        z = np.zeros_like(x + 0j)
        z.real = x * x
        z.imag = 2 * x
        number = np.zeros_like(x[0])
        number.flat = x[1]
        return np.concatenate([a.ravel(), whole.ravel(), z.real, z.imag, number.reshape(1)])

    assert_as_numpy(program, X)


def test_imag_of_real_arrays_cannot_be_set():
    def f(x):
        x.imag = 1.0
        return x

    with pytest.raises(TypeError, match="imag"):
        numbafunc.jvp(f, (np.ones(2),), (np.ones(2),))


def test_flat_is_taken_for_a_vector():
    def program(x):
        y = x * x
        y.flat[0:2] = []
        first = next(y.flat)
        parts = [np.multiply(y.flat, 2), np.concatenate([x.flat, y.flat]), (x.flat > 0) * x, first.reshape(1)]
        return np.concatenate([*parts, np.sum(x.flat).reshape(1), x.flat.copy()])

    assert_as_numpy(program, X)


def test_moments_about_a_mean_as_numpy_has_them():
    x = np.arange(3.0)

    def value(function, **options):
        return numbafunc.jvp(lambda x: function(x, **options), (x,), (x,))[0]

    assert value(np.var, mean=None) == np.var(x)
    with pytest.warns(RuntimeWarning, match="Degrees of freedom"):
        assert np.isnan(value(np.nanvar, mean=0.0, ddof=5))
    np.testing.assert_array_equal(value(np.var, mean=0.3 + 0.1j), np.var(x, mean=0.3 + 0.1j))
    narrow = np.linspace(0, 1, 7, dtype=np.float32)
    options = {"dtype": np.float64, "mean": np.float32(0.3)}
    wide = numbafunc.jvp(lambda x: np.var(x, **options), (narrow,), (narrow,))[0]
    np.testing.assert_array_equal(wide, np.var(narrow, **options))


def test_gradient_keeps_the_dtype_and_takes_truth_values():
    f = np.arange(4, dtype=np.float32) ** 2
    value, slope = numbafunc.jvp(lambda h: np.gradient(f, h), (0.5,), (1.0,))
    assert value.dtype == slope.dtype == np.gradient(f, 0.5).dtype
    flags, places = np.array([True, False, True, True, False]), np.array([0, 1, 2.5, 3, 4.7])
    value, _ = numbafunc.jvp(lambda x: np.gradient(flags, x, edge_order=2), (places,), (places,))
    np.testing.assert_array_equal(value, np.gradient(flags, places, edge_order=2))


def test_products_of_bfloat16():
    x = np.array([2, 3], ml_dtypes.bfloat16)
    value, slope = numbafunc.jvp(np.prod, (x,), (np.ones_like(x),))
    assert value == 6
    assert slope == 5
