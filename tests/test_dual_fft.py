"""numpy.fft of dual arrays: transforms are linear, so a derivative is the transform of the direction."""

import dual_checks
import numpy as np
import pytest
from dual_table_linalg import case, draws, of_complex

from numbafunc import grad, jacfwd, jvp
from numbafunc.autodiff import Dual

normal = draws(1)

ONE_AXIS = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
TWO_AXES = ["fft2", "ifft2", "rfft2", "irfft2"]
ALL_AXES = ["fftn", "ifftn", "rfftn", "irfftn"]
OF_COMPLEX = ["fft", "ifft", "irfft", "hfft"]


def transform(name, **options):
    function = getattr(np.fft, name)
    label = ", ".join([name, *(f"{key}={value}" for key, value in options.items())])
    return label, lambda x: function(x, **options)


CASES = [
    *(
        case(*transform(name, **options), normal(4, 3, 5))
        for name in ONE_AXIS
        for options in (
            {}, {"axis": 0}, {"axis": -2, "norm": "ortho"}, {"n": 4, "norm": "forward"}, {"n": 7, "axis": 1}, {"n": 2},
        )
    ),
    *(
        case(*transform(name, **options), normal(4, 3, 5))
        for name in TWO_AXES
        for options in ({}, {"axes": (0, -1)}, {"s": (4, 6), "norm": "ortho"})
    ),
    *(
        case(*transform(name, **options), normal(4, 3, 5))
        for name in ALL_AXES
        for options in ({}, {"axes": (2, 0)}, {"axes": (-1,)}, {"s": (4, 6), "axes": (1, 0), "norm": "forward"})
    ),
    *(
        case(*transform(name, **options), normal(4, 3, 5))
        for name in ("fftshift", "ifftshift")
        for options in ({}, {"axes": 1}, {"axes": (0, -1)})
    ),
    *(
        case(f"{label} of complex", of_complex(function), normal(4, 5), normal(4, 5))
        for label, function in (transform(name, axis=0, n=6) for name in OF_COMPLEX)
    ),
    case("irfft2 of complex", of_complex(np.fft.irfft2), normal(2, 4, 3), normal(2, 4, 3)),
    case("ifftn of complex", of_complex(np.fft.ifftn), normal(2, 4), normal(2, 4)),
    case("fftshift of complex", of_complex(np.fft.fftshift), normal(5), normal(5)),
    case("power spectrum", lambda x: np.abs(np.fft.rfft(x)) ** 2, normal(8)),
    case("log amplitude and phase", lambda x: (np.log(abs(np.fft.fft(x))), np.angle(np.fft.fft(x))), normal(7)),
    case("filter", lambda x, w: np.fft.irfft(np.fft.rfft(x) * w, len(x)), normal(9), normal(5)),
    case("shift", lambda x: np.fft.ifft(np.fft.fft(x) * np.exp(-2j * np.pi * np.fft.fftfreq(6) * x[0])), normal(6)),
    case("spectral derivative", lambda x: np.fft.ifft(1j * np.fft.fftfreq(8) * np.fft.fft(x)).real, normal(8)),
]  # fmt: skip
each = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


@each
def test_value_is_that_of_numpy(case):
    dual_checks.check_value(case)


@each
def test_first_order(case):
    dual_checks.check_first_order(case)


@each
def test_second_order(case):
    dual_checks.check_second_order(case)


@each
def test_directions_at_once(case):
    dual_checks.check_directions(case)


@each
def test_float32(case):
    dual_checks.check_float32(case)


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
def test_out_is_refused(name):
    x = Dual(np.ones((2, 3)), np.ones((1, 2, 3)), 1)
    with pytest.raises(TypeError, match=rf"numpy.fft.{name}: the argument out"):
        getattr(np.fft, name)(x, out=np.zeros((2, 3), complex))


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
