"""Random calls of ops beside what NumPy, SciPy and their formulas in longer words give."""

import itertools

import numpy as np
from hypothesis import strategies as st
from layouts import LAYOUTS
from scipy import special

import numbafunc
from numbafunc import loss

LONG = np.longdouble


def formula(function):
    """Oracle of an elementwise op: its formula in longer words."""
    return lambda x, options: function(x.astype(LONG), **options)


def gelu(x):
    return x / 2 * special.erfc(-(x / np.sqrt(LONG(2))).astype(float))


def padded(x, options):
    return np.pad(x, **options)


def windows(x, options, reduce, fill):
    size, strides, margin = options["size"], options["strides"], options["padding"]
    wide = np.pad(x, ((0, 0), (0, 0), (margin, margin), (margin, margin)), constant_values=fill)
    if wide.shape[2] < size[0] or wide.shape[3] < size[1]:
        counts = (max(0, (n - s) // step + 1) for n, s, step in zip(wide.shape[2:], size, strides))
        return np.zeros((*x.shape[:2], *counts))
    views = np.lib.stride_tricks.sliding_window_view(wide, size, (2, 3))
    return reduce(views[:, :, :: strides[0], :: strides[1]], axis=(-2, -1))


def largest(x, options):
    k, axis = options["k"], options["axis"]
    return np.flip(np.sort(x, axis), axis).take(range(k), axis)


def sliced(x, options):
    places = [max(0, min(s + n if s < 0 else s, n - m)) for s, m, n in zip(*options.values(), x.shape)]
    return x[tuple(slice(p, p + m) for p, m in zip(places, options["slice_sizes"]))]


def axes(draw, x):
    return draw(st.sampled_from([None, *range(-x.ndim, x.ndim), *itertools.combinations(range(x.ndim), 2)]))


def window_options(draw, x):
    pair = st.tuples(st.integers(1, 3), st.integers(1, 3))
    return {"size": draw(pair), "strides": draw(pair), "padding": draw(st.integers(0, 2))}


def pad_options(draw, x):
    most = min(x.shape) - 1
    mode = draw(st.sampled_from(["constant", "edge", "reflect", "symmetric", "wrap", "maximum", "minimum", "mean"]))
    width = st.tuples(st.integers(0, 4), st.integers(0, 4)) if most > 0 else st.just((0, 0))
    return {"pad_width": [draw(width) for _ in x.shape], "mode": mode}


def slice_options(draw, x):
    starts = tuple(draw(st.integers(-n - 2, n + 2)) for n in x.shape)
    return {"start_indices": starts, "slice_sizes": tuple(draw(st.integers(0, n)) for n in x.shape)}


def top_options(draw, x):
    axis = draw(st.integers(-x.ndim, x.ndim - 1))
    return {"k": draw(st.integers(0, x.shape[axis])), "axis": axis}


def error_options(draw, x):
    return {"keep_axis": draw(st.sampled_from([None, (0,), (x.ndim - 1,), ()]))}


def error_mean(x, options, of):
    kept = options["keep_axis"] or ()
    return of(x.astype(LONG), LONG(OTHER)).mean(tuple(axis for axis in range(x.ndim) if axis not in kept))


OTHER = 0.375


def others(x):
    return np.full(np.shape(x), OTHER, np.asarray(x).dtype if isinstance(x, list) else x.dtype)


def nothing(draw, x):
    return {}


def axis_options(draw, x):
    return {"axis": axes(draw, x)}


def alpha_options(draw, x):
    return {"alpha": draw(st.floats(0.1, 3))}


# Function, options of an array, oracle, ULP of the dtype relative to the largest result, whether it is smooth.
CASES = {
    "sigmoid": (numbafunc.sigmoid, nothing, formula(lambda x: 1 / (1 + np.exp(-x))), 4, True),
    "tanh": (numbafunc.tanh, nothing, formula(np.tanh), 4, True),
    "softplus": (numbafunc.softplus, nothing, formula(lambda x: np.logaddexp(x, 0)), 4, True),
    "log_sigmoid": (numbafunc.log_sigmoid, nothing, formula(lambda x: -np.logaddexp(-x, 0)), 4, True),
    "relu": (numbafunc.relu, nothing, formula(lambda x: np.maximum(x, 0)), 0, False),
    "swish": (numbafunc.swish, nothing, formula(lambda x: x / (1 + np.exp(-x))), 4, True),
    "mish": (numbafunc.mish, nothing, formula(lambda x: x * np.tanh(np.logaddexp(x, 0))), 6, True),
    "gelu": (numbafunc.gelu, nothing, formula(gelu), 8, True),
    "elu": (numbafunc.elu, alpha_options, formula(lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x))), 6, False),
    "softmax": (numbafunc.softmax, axis_options, lambda x, o: special.softmax(x.astype(LONG), **o), 8, True),
    "log_softmax": (
        numbafunc.log_softmax, axis_options,
        lambda x, o: x.astype(LONG) - special.logsumexp(x.astype(float), **o, keepdims=True), 16, True,
    ),
    "logsumexp": (
        numbafunc.logsumexp, axis_options, lambda x, o: special.logsumexp(x.astype(float), **o), 16, True,
    ),
    "max_pool_2d": (
        numbafunc.max_pool_2d, window_options, lambda x, o: windows(x, o, np.max, -np.inf), 0, False,
    ),
    "average_pool_2d": (
        numbafunc.average_pool_2d, window_options, lambda x, o: windows(x.astype(LONG), o, np.mean, 0), 16, True,
    ),
    "pad": (numbafunc.pad, pad_options, padded, 64, False),
    "flatten": (numbafunc.flatten, nothing, lambda x, o: x.reshape(x.shape[0], -1), 0, True),
    "dynamic_slice": (numbafunc.dynamic_slice, slice_options, sliced, 0, True),
    "top_k": (lambda x, **o: numbafunc.top_k(x, **o)[0], top_options, largest, 0, False),
    "mean_squared_error": (
        lambda x, **o: loss.mean_squared_error(x, others(x), **o), error_options,
        lambda x, o: error_mean(x, o, lambda a, b: (a - b) ** 2), 32, True,
    ),
    "mean_absolute_error": (
        lambda x, **o: loss.mean_absolute_error(x, others(x), **o), error_options,
        lambda x, o: error_mean(x, o, lambda a, b: abs(a - b)), 32, False,
    ),
}  # fmt: skip

IMAGES = ("max_pool_2d", "average_pool_2d")
PLAIN_LAYOUTS = [name for name in LAYOUTS if name not in ("list", "array interface", "dlpack", "subclass")]


@st.composite
def calls(draw, names=tuple(CASES), dtypes=(np.float64, np.float32, np.float16), layouts=("plain", *PLAIN_LAYOUTS)):
    """An op with an array of any shape, dtype and layout, and options."""
    name = draw(st.sampled_from(names))
    ndim = 4 if name in IMAGES else draw(st.integers(2, 4))
    shape = tuple(draw(st.integers(1, 70 if ndim == 2 else 9)) for _ in range(ndim))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([0.01, 1.0, 8.0]))
    x = (scale * random.normal(size=shape)).astype(draw(st.sampled_from(dtypes)))
    return name, x, draw(st.sampled_from(layouts)), CASES[name][1](draw, x)


def check(name, x, layout, options, derivatives=True):
    """Compare a call with its oracle, all ways to call it with each other, and its derivatives with differences."""
    function, _, oracle, ulp, smooth = CASES[name]
    given = x if layout == "plain" else LAYOUTS[layout](x)
    found = np.asarray(function(given, **options))
    expected = np.asarray(oracle(x, options))
    assert found.shape == expected.shape, (found.shape, expected.shape)
    assert found.dtype == x.dtype, found.dtype
    if not found.size:
        return
    bound = (ulp * np.finfo(x.dtype).eps + (2e-3 if x.dtype == np.float16 else 0)) * max(
        1.0, float(abs(expected[np.isfinite(expected)]).max(initial=0))
    )
    found_long = found.astype(LONG)
    with np.errstate(invalid="ignore"):  # infinities are equal
        error = float(np.where(found_long == expected, 0, abs(found_long - expected)).max())
    assert error <= bound, f"{error} away, allowed: {bound}"
    assert np.array_equal(found, function(x, **options)), "another layout has other bits"
    assert np.array_equal(found, function(x, **options)), "a second call has other bits"
    if derivatives and x.dtype == np.float64 and layout == "plain":
        check_derivatives(lambda a: function(a, **options), x, found, smooth)


def check_derivatives(f, x, value, smooth):
    """Both modes against each other, and smooth functions against differences of fourth order."""
    random = np.random.default_rng(x.size)
    direction, weights = random.normal(size=x.shape), random.normal(size=value.shape)
    again, change = numbafunc.jvp(f, (x,), (direction,))
    assert np.allclose(again, value, rtol=1e-13, atol=1e-13)
    (gradient,) = numbafunc.vjp(f, x)[1](weights)
    forward, back = float((weights * change).sum()), float((gradient * direction).sum())
    size = float((abs(weights * change)).sum() + abs(gradient * direction).sum())
    assert abs(forward - back) <= 1e-11 * size + 1e-12, f"forward {forward}, reverse {back}"
    if smooth:
        h = 1e-3
        points = [np.asarray(f(x + k * h * direction)) for k in (-2, -1, 1, 2)]
        slope = (points[0] - 8 * points[1] + 8 * points[2] - points[3]) / (12 * h)
        allowed = 1e-6 * (1 + abs(slope).max())
        assert abs(slope - change).max() <= allowed, f"{abs(slope - change).max()} from differences, allowed: {allowed}"
