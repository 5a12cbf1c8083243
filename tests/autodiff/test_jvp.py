"""The driver jvp: arguments, structures, dtypes and errors."""

import threading

import ml_dtypes
import numpy as np
import pytest
from chosen_backend import numbafunc

from numbafunc.autodiff import Dual, jvp

pytestmark = pytest.mark.any_backend

X = np.array([0.5, -1.0])


def test_value_and_tangent():
    x, v = np.array([1.0, 2.0]), np.array([3.0, -1.0])
    value, tangent = jvp(lambda x: np.sin(x) * x, (x,), (v,))
    np.testing.assert_array_equal(value, np.sin(x) * x)
    np.testing.assert_allclose(tangent, (np.cos(x) * x + np.sin(x)) * v, rtol=1e-15)


@pytest.mark.parametrize("container", [tuple, list])
def test_primals_in_a_tuple_or_list(container):
    value, tangent = jvp(lambda x, y: x * y, container([3.0, 4.0]), container([1.0, 10.0]))
    assert (value, tangent) == (12, 34)


def test_scalars_come_back_as_arrays():
    value, tangent = jvp(lambda x: x * x, (3.0,), (1.0,))
    for result in (value, tangent):
        assert type(result) is np.ndarray
        assert result.shape == ()
        assert result.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dtype_is_kept(dtype):
    value, tangent = jvp(lambda x: 2 * x + 1, (np.ones(3, dtype),), (np.ones(3, dtype),))
    assert value.dtype == tangent.dtype == dtype
    value, tangent = jvp(np.exp, (dtype(1),), (dtype(1),))
    assert value.dtype == tangent.dtype == dtype


def test_python_float_counts_as_float64():
    assert jvp(lambda x: x * np.float32(2), (1.0,), (1.0,))[1].dtype == np.float64


def test_output_nests():
    def f(x):
        return {"a": (x, 2 * x), "b": [None, x.sum()], "c": ()}

    x = np.array([1.0, 2.0])
    value, tangent = jvp(f, (x,), (x,))
    for result in (value, tangent):
        assert list(result) == ["a", "b", "c"]
        assert type(result["a"]) is tuple
        assert type(result["b"]) is list
        assert result["b"][0] is None
        assert result["c"] == ()
        np.testing.assert_array_equal(result["a"][1], [2, 4])
    assert tangent["b"][1] == 3
    assert jvp(lambda x: None, (1.0,), (1.0,)) == (None, None)


def test_primal_nests():
    primals = {"w": np.ones((2, 2)), "b": [3.0, None]}
    tangents = {"w": np.full((2, 2), 2.0), "b": [1.0, None]}
    value, tangent = jvp(lambda p: p["w"] * p["b"][0], (primals,), (tangents,))
    np.testing.assert_array_equal(value, np.full((2, 2), 3))
    np.testing.assert_array_equal(tangent, np.full((2, 2), 7))


@pytest.mark.parametrize(
    "constant", [np.array([1, 2]), 3, 2.5, True, np.float32(1), np.array([True]), np.array([1.0, 2.0], np.float16)]
)
def test_output_that_does_not_depend(constant):
    value, tangent = jvp(lambda x: constant, (1.0,), (1.0,))
    np.testing.assert_array_equal(value, constant)
    assert type(value) is type(tangent) is np.ndarray
    assert tangent.dtype == value.dtype == np.asarray(constant).dtype
    np.testing.assert_array_equal(tangent, np.zeros(np.shape(constant)))


def test_auxiliary_result():
    value, tangent, aux = jvp(lambda x: (x * x, {"x": x, "note": "text"}), (3.0,), (1.0,), has_aux=True)
    assert (value, tangent) == (9, 6)
    assert type(aux["x"]) is np.ndarray
    assert aux == {"x": 3.0, "note": "text"}
    with pytest.raises(TypeError, match="pair"):
        jvp(lambda x: x, (1.0,), (1.0,), has_aux=True)


def test_leaves_that_do_not_move():
    def f(x, p):
        assert p["n"] == 3
        assert type(p["n"]) is int
        return x ** p["n"] * np.sum(p["mask"]) + p["b"]

    p = {"n": 3, "mask": np.array([True, False]), "b": 1.0}
    value, tangent = jvp(f, (2.0, p), (1.0, {"n": None, "mask": None, "b": 5.0}))
    assert (value, tangent) == (9, 17)
    assert jvp(f, (2.0, p), (None, {"n": None, "mask": None, "b": 5.0}))[1] == 5
    with pytest.raises(TypeError, match=r"primals\[1\]\['n'\] has dtype int64.*None for its tangent"):
        jvp(f, (2.0, p), (1.0, {"n": 1, "mask": None, "b": 5.0}))


def test_identity_and_no_arguments():
    value, tangent = jvp(lambda x: x, (np.ones(2),), (np.zeros(2),))
    np.testing.assert_array_equal(value, 1)
    np.testing.assert_array_equal(tangent, 0)
    assert jvp(lambda: 2.0, (), ()) == (2, 0)


def test_empty_and_zero_dimensional():
    value, tangent = jvp(np.exp, (np.zeros((0, 3)),), (np.zeros((0, 3)),))
    assert value.shape == tangent.shape == (0, 3)
    assert jvp(np.sum, (np.zeros(0),), (np.zeros(0),)) == (0, 0)


def test_inputs_are_left_alone():
    x, v = np.array([1.0, 2.0]), np.array([1.0, 1.0])
    x.flags.writeable = v.flags.writeable = False
    jvp(lambda x: np.exp(x)[::-1] * x.sum(), (x,), (v,))
    np.testing.assert_array_equal(x, [1, 2])


ONE = np.ones(2)


@pytest.mark.parametrize(
    ("primals", "tangents", "error", "match"),
    [
        (ONE, (ONE,), TypeError, "primals must be a tuple or list"),
        ((ONE,), ONE, TypeError, "tangents must be a tuple or list"),
        (1.0, 1.0, TypeError, "primals must be a tuple or list"),
        ((ONE,), (), TypeError, "primals has 1 entries and tangents has 0"),
        ((ONE,), (ONE.astype(np.float32),), TypeError, r"tangents\[0\] has dtype float32"),
        ((ONE,), (np.ones(2, int),), TypeError, r"tangents\[0\] has dtype int64"),
        ((1.0,), (1,), TypeError, r"tangents\[0\] has dtype int64"),
        ((ONE,), (np.ones(3),), ValueError, r"tangents\[0\] has shape \(3,\)"),
        ((ONE,), (1.0,), ValueError, r"tangents\[0\] has shape \(\)"),
        ((ONE, np.ones((2, 1))), (ONE, np.ones((1, 2))), ValueError, r"tangents\[1\]"),
        ((1,), (1,), TypeError, r"primals\[0\] has dtype int64"),
        ((np.ones(2, np.uint8),), (np.ones(2, np.uint8),), TypeError, "uint8"),
        ((True,), (True,), TypeError, "bool"),
        ((np.array([True]),), (np.array([True]),), TypeError, "bool"),
        ((1j,), (1j,), TypeError, "complex"),
        (("x",), (1.0,), TypeError, r"primals\[0\] is a str"),
        ((object(),), (1.0,), TypeError, r"primals\[0\] is a object"),
        (({"a": [1.0, 2]},), ({"a": [1.0, 2]},), TypeError, r"primals\[0\]\['a'\]\[1\] has dtype int64"),
        (([1.0],), ((1.0,),), TypeError, r"tangents\[0\] is nested"),
        (({"a": 1.0},), ({"b": 1.0},), TypeError, "nested"),
        (([1.0, 2.0],), (np.ones(2),), TypeError, "nested"),
    ],
)
def test_errors(primals, tangents, error, match):
    with pytest.raises(error, match=match):
        jvp(lambda *x: x, primals, tangents)


@pytest.mark.parametrize("output", ["text", object(), {"a": "text"}])
def test_output_that_is_no_array(output):
    with pytest.raises(TypeError, match="the output of f"):
        jvp(lambda x: output, (1.0,), (1.0,))


def test_error_of_the_function_passes_through():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        jvp(f, (1.0,), (1.0,))


def test_tangent_is_writable():
    tangent = jvp(lambda x: np.broadcast_to(x, (3, 2)), (np.ones(2),), (np.ones(2),))[1]
    tangent += 1
    np.testing.assert_array_equal(tangent, 2)


def test_closures_and_control_flow():
    def power(x, n):
        result = np.ones_like(x)
        while n:
            if n % 2:
                result = result * x
            x, n = x * x, n // 2
        return result if np.all(result > 0) else -result

    value, tangent = jvp(lambda x: power(x, 5), (np.array([2.0]),), (np.array([1.0]),))
    assert (value, tangent) == (32, 80)


def test_threads_do_not_share_levels():
    levels = []

    def f(x):
        assert isinstance(x, Dual)
        levels.append(x.level)
        return x * jvp(lambda y: x * y, (x,), (np.ones(()),))[1]

    def work():
        for _ in range(50):
            assert jvp(f, (2.0,), (1.0,))[1] == 4

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(levels)) == len(levels) == 200


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8"])
def test_derivatives_of_byte_swapped_arrays(dtype):
    for function in (numbafunc.sigmoid, numbafunc.softmax, lambda x: x * x):
        expected = numbafunc.jvp(function, (X.astype(dtype[1:]),), (np.ones(2, dtype[1:]),))
        given = numbafunc.jvp(function, (X.astype(dtype),), (np.ones(2, dtype),))
        np.testing.assert_array_equal(given, expected)


def test_derivatives_in_bfloat16():
    x = X.astype(ml_dtypes.bfloat16)
    value, slope = numbafunc.jvp(lambda x: x * x + numbafunc.tanh(x), (x,), (np.ones_like(x),))
    assert value.dtype == slope.dtype == x.dtype
    np.testing.assert_allclose(slope.astype(float), 2 * X + 1 - np.tanh(X) ** 2, rtol=0.02)
    assert numbafunc.grad(lambda x: np.sum(x * x))(x).dtype == x.dtype


def test_results_do_not_share_the_memory_of_tangents():
    tangent = np.ones(2)
    for function in (lambda x: x, lambda x: x[::-1], lambda x: (x, x.reshape(2, 1))[0]):
        slope = numbafunc.jvp(function, (X,), (tangent,))[1]
        assert not np.shares_memory(slope, tangent)
