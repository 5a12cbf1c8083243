"""Ops inside functions under numba.njit, also in parallel loops, have the bits that they have from Python."""

import re
import warnings

import numba
import numpy as np
import pytest

import numbafunc
import numbafunc.divergence
import numbafunc.loss

PICTURES = (2, 4, 6, 6)
LABELS = np.arange(12).reshape(3, 4) * 5 % 7
MASK = np.arange(5) % 3 != 1

# Calls of ops, by the shape of x. Numbers in place of shapes are given as they are.
CALLS = {
    (3, 4, 7): [
        "numbafunc.softmax(x)",
        "numbafunc.softmax(x, axis=1)",
        "numbafunc.softmax(x, axis=len(x) - 5)",
        "numbafunc.softmax(x, (0, -1))",
        "numbafunc.softmax(x, None)",
        "numbafunc.softmax(x, ())",
        "numbafunc.softmax(x, where=x > 0, initial=0.5)",
        "numbafunc.log_softmax(x)",
        "numbafunc.log_softmax(x, 0)",
        "numbafunc.log_softmax(x, initial=1)",
        "numbafunc.log_softmax(x, -1, x[0] > 0)",
        "numbafunc.logsumexp(x)",
        "numbafunc.logsumexp(x, -2)",
        "numbafunc.logsumexp(x, axis=len(x) - 2, keepdims=True)",
        "numbafunc.logsumexp(x, (2, 0), keepdims=True)",
        "numbafunc.logsumexp(x, (1,), x[0] * x[0])",
        "numbafunc.logsumexp(x, -1, -x, False, True)[1]",
        "numbafunc.logsumexp(x, -1, None, return_sign=True)[0]",
        "numbafunc.logsumexp(x, 1, where=x > 0)",
        "numbafunc.logsumexp(x, -1, -x, False, True, where=x[0] > 0)[1]",
        "numbafunc.logsumexp(x, 0, 0.5, where=x[:, :1] < 0)",
        "numbafunc.loss.l2(x)",
        "numbafunc.loss.l2(x, where=x > 0)",
        "numbafunc.loss.mean_absolute_error(x, 2 * x, where=x[0] > 0)",
        "numbafunc.loss.mean_squared_error(x, 1, None, where=x)",
        "numbafunc.loss.mean_squared_log_error(x * x, x + 20, (1,), where=x < 0)",
        "numbafunc.loss.mean_absolute_error(x, 2 * x)",
        "numbafunc.loss.mean_squared_error(x, x[1], None)",
        "numbafunc.loss.mean_squared_error(x, 1, keep_axis=(1,))",
        "numbafunc.loss.mean_squared_log_error(x * x, x + 20, (2, 1))",
        "numbafunc.loss.cross_entropy_logits(x, x * x)",
        "numbafunc.loss.cross_entropy_logits(x, x[0])",
        "numbafunc.loss.cross_entropy_logits_sparse(x, LABELS)",
        "numbafunc.loss.cross_entropy_logits_sparse(x, LABELS[:, :1] - 9)",
        "numbafunc.loss.cross_entropy_logits_sparse(x, -3)",
        "numbafunc.loss.cross_entropy_logits_sparse(x, LABELS, ignore_index=1)",
        "numbafunc.loss.cross_entropy_logits_sparse(x, -100, ignore_index=-100)",
        "numbafunc.loss.sigmoid_cross_entropy_logits(x, 0.25)",
        "numbafunc.flatten(x)",
        "numbafunc.dynamic_slice(x, (1, -9, len(x)), (2, 3, 4))",
        "numbafunc.dynamic_slice(x, np.array([1, 1, 9]), np.array([2, 0, 1]))",
        "numbafunc.top_k(x, 2).values",
        "numbafunc.top_k(x, x.shape[-1])[1]",
        "numbafunc.top_k(x, 2, axis=1, largest=False).values",
        "numbafunc.top_k(x, 1, axis=-3)[1]",
        "numbafunc.one_hot(x, 5)",
        "numbafunc.pad(x, 2)",
        "numbafunc.pad(x, ((1, 2), (0, 3), (2, 0)), constant_values=((1, 2), (3, 4), (5, 6)))",
        "numbafunc.pad(x, (0, len(x)), 'empty')",
        "numbafunc.pad(x, (9, 5), mode='reflect')",
        "numbafunc.pad(x, (9, 8), 'wrap')",
        "numbafunc.pad(x, ((0, 0), (0, 0), (2, 3)), 'symmetric')",
        "numbafunc.pad(x, np.array([[2, 1], [0, 0], [0, 0]]), 'edge')",
        "numbafunc.pad(x, ((1,), (2,), (0,)), 'edge')",
        "numbafunc.interpolate(x, 9)",
        "numbafunc.interpolate(x, (2, 9))",
        "numbafunc.interpolate(x, size=(9, 2), mode='bicubic')",
        "numbafunc.interpolate(x, (1, 9, 5), mode='lanczos3')",
        "numbafunc.interpolate(x, (5, 1, 30), mode='Lanczos5')",
        "numbafunc.interpolate(x, scale_factor=2, mode='nearest')",
        "numbafunc.interpolate(x, scale_factor=(3, 1), mode='linear')",
        "numbafunc.stop_gradient(x)",
        "numbafunc.scan(step, 0.5, x)[1][0]",
        "numbafunc.scan(step_of_two, 0, (x[0], x[1]), reverse=True)[1]",
        "numbafunc.scan(step_alone, x, None, 5)[1][1]",
    ],
    PICTURES: [
        "numbafunc.max_pool_2d(x)",
        "numbafunc.max_pool_2d(x, 3, 2, 1)",
        "numbafunc.max_pool_2d(x, (3, 2), (1, len(x)), ((2, 0), (1, 4)))",
        "numbafunc.average_pool_2d(x, padding='same', size=3, strides=1)",
        "numbafunc.average_pool_2d(x, len(x), None, numbafunc.ConvPadding.SAME)",
        "numbafunc.average_pool_2d(x, (5, 1), 3, (1, 2))",
        "numbafunc.batch_to_space2d(x, (2, 1))",
        "numbafunc.channel_to_space2d(x)",
        "numbafunc.space_to_batch2d(x, (3, len(x)))",
        "numbafunc.space_to_channel2d(x, 3)",
        "numbafunc.upscale_nn(x)",
        "numbafunc.upscale_nn(x, scale=3)",
        "numbafunc.upsample_2d(x, (2, 3))",
        "numbafunc.upsample_2d(x, 2, 'cubic')",
        "numbafunc.upsample_2d(x, (2, 0), method='nearest')",
        "numbafunc.flatten(x)",
    ],
    (5,): [
        "numbafunc.softmax(x)",
        "numbafunc.logsumexp(x, 0)",
        "numbafunc.softmax(x, where=MASK)",
        "numbafunc.divergence.kl(x * x, x[0] * x[0] + x * x)",
        "numbafunc.divergence.kl(x * x, 1 + x * x, 1e-3)",
        "numbafunc.loss.cross_entropy_logits_sparse(x, 2)",
        "numbafunc.flatten(x)",
        "numbafunc.top_k(x, 0)[0]",
        "numbafunc.pad(x, (1, 2), constant_values=len(x))",
    ],
    # Each of the four loops of the reduction kind.
    (70, 3): ["numbafunc.softmax(x)", "numbafunc.logsumexp(x, 1)"],
    (3, 2, 1500): ["numbafunc.softmax(x, 1)", "numbafunc.logsumexp(x, 0)", "numbafunc.logsumexp(x, 2)"],
    (2, 70000): ["numbafunc.log_softmax(x)", "numbafunc.logsumexp(x, 1)", "numbafunc.top_k(x, 40)[0]"],
    (0, 3): ["numbafunc.softmax(x)", "numbafunc.logsumexp(x, 0)", "numbafunc.loss.l2(x)", "numbafunc.pad(x, 1)"],
}
NUMBERS = [
    "numbafunc.logsumexp(x)",
    "numbafunc.softmax(x, None)",
    "numbafunc.loss.l2(x)",
    "numbafunc.loss.mean_squared_error(x, 2)",
    "numbafunc.one_hot(x, num_classes=3, axis=0)",
    "numbafunc.one_hot(x, 4, dtype=np.float32)",
    "numbafunc.stop_gradient(x)",
    "numbafunc.sigmoid(x)",
]


def name_of(call):
    return re.match(r"numbafunc\.[\w.]+", call)[0]


# The calls of each function with their shapes. What one compiled function calls is optimised once.
CASES = {}
for _shape, _calls in CALLS.items():
    for _call in _calls:
        CASES.setdefault(name_of(_call), []).append((_shape, _call))


@numba.njit
def step(carry, x):
    return carry * 0.5 + x[0, 0], (carry, x)


@numba.njit
def step_of_two(carry, xs):
    return carry + xs[0][0] * xs[1][0], carry


@numba.njit
def step_alone(carry, _):
    return carry * 0.5, (carry, carry[0, 0, 0])


NAMES = {"numbafunc": numbafunc, "np": np, "LABELS": LABELS, "MASK": MASK}
NAMES.update(step=step, step_of_two=step_of_two, step_alone=step_alone)


def function_of(call):
    namespace = dict(NAMES)
    exec(f"def function(x):\n    return {call}\n", namespace)
    return namespace["function"]


def assert_same_bits_as_from_python(calls, operands, **options):
    """Compile one function for all calls, each with an operand of its own, and compare each with a call from Python."""
    given = ", ".join(f"x{i}" for i in range(len(operands)))
    results = "".join(re.sub(r"\bx\b", f"x{i}", call) + ", " for i, call in enumerate(calls))
    namespace = dict(NAMES)
    exec(f"def function({given}):\n    return ({results})\n", namespace)
    found = numba.njit(**options)(namespace["function"])(*operands)
    assert len(found) == len(calls)
    for call, x, result in zip(calls, operands, found):
        assert_same_bits(result, from_python(function_of(call), x), call)


def from_python(function, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of shapes that are broadcast
        return np.asarray(function(x))


def assert_same_bits(result, expected, call=None):
    if type(result) is float and expected.dtype == np.float32:  # Numba returns float32 numbers as Python's
        assert float(np.float32(result)) == result
        result = np.float32(result)
    result = np.asarray(result)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype), call
    assert result.tobytes() == expected.tobytes(), call


def operand(shape, dtype="float64", seed=0):
    x = np.random.default_rng(seed).normal(0, 3, shape)
    return (np.round(x) if np.dtype(dtype).kind == "i" else x).astype(dtype)


def strided(x):
    wide = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def read_only(x):
    x.flags.writeable = False
    return x


FORMS = {
    "int32": lambda shape: operand(shape, "int32"),
    "Fortran": lambda shape: np.asfortranarray(operand(shape)),
    "strided": lambda shape: strided(operand(shape)),
    "read-only": lambda shape: read_only(operand(shape)),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_arrays(name):
    shapes, calls = zip(*CASES[name])
    # The first call in single precision too.
    assert_same_bits_as_from_python([*calls, calls[0]], [*map(operand, shapes), operand(shapes[0], "float32")])


# Kernels for integers are others, and compiling takes seconds.
@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(CASES))
def test_dtypes_and_layouts(name):
    shape, call = CASES[name][0]
    assert_same_bits_as_from_python([call] * len(FORMS), [form(shape) for form in FORMS.values()])


def first_calls(together=4):
    """The first call of each function, those of one shape in groups: any parallel loop takes seconds to compile."""
    calls = {}
    for name in sorted(CASES):
        shape, call = CASES[name][0]
        calls.setdefault(shape, []).append(call)
    for shape, of_shape in calls.items():
        for start in range(0, len(of_shape), together):
            group = of_shape[start : start + together]
            yield pytest.param(shape, group, id=" ".join(map(name_of, group)).replace("numbafunc.", ""))


@pytest.mark.parametrize(("shape", "calls"), list(first_calls()))
def test_parallel_loops(shape, calls):
    functions = [function_of(call) for call in calls]
    namespace = {f"inside{k}": numba.njit(function) for k, function in enumerate(functions)}
    given = ", ".join(f"results{k}" for k in range(len(calls)))
    body = "".join(f"        results{k}[i] = inside{k}(xs[i])\n" for k in range(len(calls)))
    namespace["prange"] = numba.prange
    exec(f"def many(xs, {given}):\n    for i in prange(len(xs)):\n{body}", namespace)
    xs = operand((9, *shape))
    expected = [np.stack([from_python(function, x) for x in xs]) for function in functions]
    results = list(map(np.empty_like, expected))
    numba.njit(parallel=True)(namespace["many"])(xs, *results)
    for call, found, wanted in zip(calls, results, expected):
        assert_same_bits(found, wanted, call)


def test_numbers():
    # A float and an integer.
    calls = [call for call in NUMBERS for _ in range(2)]
    assert_same_bits_as_from_python(calls, [0.75, 2] * len(NUMBERS))


def test_flags_of_the_caller_change_no_bit():
    calls = ["numbafunc.softmax(x)", "numbafunc.interpolate(x, 9, mode='cubic')", "numbafunc.gelu(x)"]
    assert_same_bits_as_from_python(calls, [operand((3, 4, 7))] * 3, fastmath=True, error_model="numpy")


def test_all_functions_are_covered():
    # while_loop is for Python: a compiled function has loops of its own.
    left = {"average_pool_2d", "elementwise", "odeint", "while_loop", "Dual", "ConvPadding", "Interpolate"}
    modules = (numbafunc, numbafunc.loss, numbafunc.divergence)
    from numbafunc import autodiff
    from numbafunc.kinds.elementwise import REGISTRY

    names = {f"{module.__name__}.{name}" for module in modules for name in module.__all__ if name not in REGISTRY}
    names -= {
        f"numbafunc.{name}"
        for name in (*left, *autodiff.__all__, "divergence", "errors", "loss", "parallel", "constants")
    }
    assert names <= {*CASES, "numbafunc.gelu"}
