"""numpy.fft of dual arrays: transforms are linear, so a derivative is the transform of the direction."""

import numpy as np
import pytest
from dual_table_fft import ALL_AXES, ONE_AXIS, TWO_AXES
from dual_table_linalg import draws

from numbafunc import grad, jacfwd, jvp
from numbafunc.autodiff import Dual

normal = draws(1)


@pytest.mark.parametrize("name", ONE_AXIS + TWO_AXES + ALL_AXES)
def test_jacobian_is_the_matrix_of_the_transform(name):
    function = getattr(np.fft, name)
    x = normal(3, 4)
    jacobian = jacfwd(function)(x)
    columns = [function(unit) for unit in np.eye(12).reshape(12, 3, 4)]
    np.testing.assert_allclose(jacobian.reshape(*function(x).shape, 12), np.stack(columns, -1), atol=1e-15)
    assert jacobian.dtype == function(x).dtype


def test_parseval():
    # sum |X|**2 = n sum x**2
    x = normal(6)
    np.testing.assert_allclose(grad(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(x), 12 * x, rtol=1e-13)
    hessian = jacfwd(grad(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2)))(x)
    np.testing.assert_allclose(hessian, 12 * np.eye(6), atol=1e-13)


def test_amplitude_of_zero_has_a_finite_slope():
    gradient = grad(lambda x: np.sum(np.abs(np.fft.fft(x)) ** 2))(np.zeros(4))
    np.testing.assert_array_equal(gradient, np.zeros(4))


@pytest.mark.parametrize("name", [*ONE_AXIS, *TWO_AXES, *ALL_AXES])
def test_out_holds_the_result_if_it_can_hold_tangents(name):
    x, function = Dual(np.ones((2, 3)), np.ones((1, 2, 3)), 1), getattr(np.fft, name)
    wanted = function(x)
    out = Dual(np.zeros_like(wanted.primal), np.zeros_like(wanted.tangent), 1)
    assert function(x, out=out) is out
    np.testing.assert_array_equal(out.tangent, wanted.tangent)
    with pytest.raises(TypeError, match=rf"numpy.fft.{name}: out"):
        function(x, out=np.zeros_like(wanted.primal))


def test_axis_out_of_range():
    x = Dual(np.ones((2, 3)), np.ones((1, 2, 3)), 1)
    for call in (lambda: np.fft.fft(x, axis=2), lambda: np.fft.fftn(x, axes=(0, -3)), lambda: np.fft.fftshift(x, 2)):
        with pytest.raises(np.exceptions.AxisError):
            call()


def test_complex_result_of_jvp():
    x = np.array([1.0, 2.0, 4.0])
    value, tangent = jvp(np.fft.fft, (x,), (x,))
    np.testing.assert_array_equal(value, np.fft.fft(x))
    np.testing.assert_array_equal(tangent, np.fft.fft(x))
    with pytest.raises(TypeError, match="complex128"):
        grad(lambda x: np.fft.fft(x)[0])(x)
    with pytest.raises(TypeError, match="complex"):
        jvp(np.fft.fft, (x * 1j,), (x * 1j,))
