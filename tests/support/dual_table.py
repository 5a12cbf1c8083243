"""Functions of real arrays made of NumPy's array functions, ufunc methods and assignment."""

import numpy as np
from dual_checks import case

GENERATOR = np.random.default_rng(31)
sliding = np.lib.stride_tricks.sliding_window_view


def spaced(*shape):
    """Numbers far from each other and from 0, in no order."""
    size = int(np.prod(shape))
    numbers = np.linspace(-2.3, 2.6, size) if size > 1 else np.full(size, 0.7)
    return GENERATOR.permutation(numbers + 0.01 * (numbers == 0)).reshape(shape)


def positive(*shape):
    return GENERATOR.uniform(0.5, 2.0, size=shape)


CUBE = spaced(2, 3, 4)
MATRIX = spaced(3, 4)
VECTOR = spaced(6)
SCALAR = spaced()
HOLES = np.where(GENERATOR.uniform(size=(3, 5)) < 0.3, np.nan, 0.0)
HOLES[:, 0] = 0
WITH_ZEROS = np.array([[0.0, 1.5, -2.0, 0.7], [0.0, 0.0, 3.0, 1.1], [1.2, -0.4, 0.9, 2.0]])
MASK = np.array([[True, False, True, True], [False, True, True, False], [True, True, False, True]])
WEIGHTS = GENERATOR.uniform(0.5, 2.0, size=(3, 4))
INTEGERS = GENERATOR.integers(1, 4, size=6)


def smooth(function):
    """The function of squares too, so that its second derivative is not zero everywhere."""
    return lambda *arrays: function(*(x * x * x / 3 + x for x in arrays))


def dual_if_any(array, arrays):
    """The array, which can hold tangents if one of the others has some."""
    return array + 0.0 * sum(np.sum(x) for x in arrays)


def stored(make, change):
    """A function that makes an array of its first operand, changes it in place and returns it."""

    def function(*arrays):
        array = dual_if_any(make(arrays[0]), arrays)
        result = change(array, *arrays)
        return array if result is None else (array, result)

    return function


def put(key):
    def change(array, x, y):
        array[key] = y * y

    return stored(lambda x: x * 2.0, change)


def views(array, x, y):
    first, flat, column = array[0], array.reshape(-1), array.T[1]
    first[1:] = y[:3] * 2
    flat[5] = y[0] * y[1]
    column *= y[:3]
    array[2] += 1
    return first * flat[:4], flat * 2.0, column.sum()


def stencil(u, steps=3):
    u, new = u * 1.0, np.zeros_like(u)
    for _ in range(steps):
        new[1:-1] = u[1:-1] + 0.1 * (u[2:] - 2 * u[1:-1] + u[:-2]) + 0.01 * u[1:-1] ** 2
        new[0], new[-1] = new[1], new[-2]
        u, new = new.copy(), u
    return u


def filled(x):
    result = np.empty_like(x)
    result[0] = np.exp(x[0])
    for i in range(1, len(x)):
        result[i] = result[i - 1] * x[i] + 0.5
    return result


def ufunc_at(ufunc):
    def function(x, y):
        result = dual_if_any(x, (x, y))
        ufunc.at(result, [0, 2, 2, 5], y[:4])
        return result

    return function


OTHER = object()


def in_place(function, *arguments):
    def call(x, *others):
        result = dual_if_any(x, (x, *others))
        function(result, *(others[0] if one is OTHER else one for one in arguments))
        return result

    return call


def name_of(function):
    return getattr(function, "__name__", str(function))


ASSIGNMENT = [
    case("item", put(2), VECTOR, SCALAR),
    case("negative item", put(-1), MATRIX, VECTOR[:4]),
    case("slice", put(slice(1, 4)), VECTOR, SCALAR),
    case("slice of an array", put(slice(None, None, -2)), VECTOR, VECTOR[:3]),
    case("ellipsis", put((..., 1)), CUBE, MATRIX[:2, :3]),
    case("newaxis", put((0, None)), CUBE, MATRIX[:, :4]),
    case("broadcast", put((slice(None), 1)), CUBE, VECTOR[:4]),
    case("surplus axes", put((0, 0)), CUBE, spaced(1, 1, 4)),
    case("mask", put(MASK), MATRIX, SCALAR),
    case("mask of an array", put(MASK), MATRIX, spaced(8)),
    case("mask of an axis", put((slice(None), np.array([True, False, True]))), CUBE, spaced(2, 2, 4)),
    case("integers", put([0, 0, 2]), VECTOR, spaced(3)),
    case("adjacent integers", put((slice(None), [0, 2], [1, 1])), CUBE, spaced(2, 2)),
    case("separated integers", put(([0, 1], slice(None), [1, 1])), CUBE, spaced(2, 3)),
    case("number and integers", put((0, slice(None), [1, 2, 3])), CUBE, spaced(3, 3)),
    case("True", put(True), VECTOR, SCALAR),
    case("all", put(...), MATRIX, MATRIX),
    case("constant", lambda x: put(slice(1, 3))(x, 2.0) + 0 * x, VECTOR),
    case(
        "shifted onto itself",
        lambda x: stored(lambda x: x * x, lambda a, x: a.__setitem__(slice(1, None), a[:-1]))(x),
        VECTOR,
    ),
    case("views", stored(lambda x: x * x, views), MATRIX, VECTOR),
    case("time steps", stencil, VECTOR),
    case("recurrence", filled, VECTOR),
    case(
        "into zeros_like of another",
        stored(lambda x: np.zeros_like(x), lambda a, x, y: a.__setitem__(1, y[0] * x[0])),
        VECTOR,
        MATRIX[0],
    ),
    case("full_like", lambda x, y: np.full_like(x + y, y * y), MATRIX, SCALAR),
    case("copyto", in_place(np.copyto, OTHER), MATRIX, VECTOR[:4]),
    case(
        "copyto where", lambda x, y: in_place(lambda a, v: np.copyto(a, v, where=MASK), OTHER)(x, y), MATRIX, VECTOR[:4]
    ),
    case("put", in_place(np.put, [1, -1, 3], OTHER), MATRIX, SCALAR),
    case("put, wrapped", in_place(np.put, [1, 14], OTHER, "wrap"), MATRIX, spaced(2)),
    case("put_along_axis", in_place(np.put_along_axis, np.array([[1], [0], [3]]), OTHER, 1), MATRIX, spaced(3, 1)),
    case("put_along_axis, flat", in_place(np.put_along_axis, np.array([1, 7]), OTHER, None), MATRIX, spaced(2)),
    case("place", in_place(np.place, MASK, OTHER), MATRIX, spaced(3)),
    case("putmask", in_place(np.putmask, MASK, OTHER), MATRIX, spaced(5)),
    case("fill_diagonal", in_place(np.fill_diagonal, OTHER), MATRIX, spaced(2)),
    case("fill_diagonal, wrapped", in_place(np.fill_diagonal, OTHER, "wrap"), spaced(5, 2), SCALAR),
    case("method fill", in_place(lambda a, v: a.fill(v), OTHER), VECTOR, SCALAR),
    case("method put", in_place(lambda a, v: a.put([0, 2], v), OTHER), VECTOR, SCALAR),
    case("method sort", in_place(lambda a: a.sort(0)), MATRIX),
    case("method partition", in_place(lambda a: a.partition(2)), spaced(4)),
]


def operators(x, y):
    z = dual_if_any(x, (x, y))
    z += y
    z *= z
    z -= 0.5 * y
    z /= 2 + y * y
    z **= 2
    z %= 5.0
    return z


def out_of(ufunc, *further, **options):
    def function(*arrays):
        out = np.zeros_like(arrays[0] + (arrays[1] if len(arrays) > 1 else 0))
        result = ufunc(*arrays, *further, out=out, **options)
        assert result is out
        return out

    return function


def reductions():
    smooth_ones = [
        np.add,
        np.subtract,
        np.multiply,
        np.divide,
        np.logaddexp,
        np.logaddexp2,
        np.hypot,
        np.maximum,
        np.minimum,
        np.fmax,
        np.fmin,
    ]
    for ufunc in smooth_ones:
        name = name_of(ufunc)
        yield case(f"{name}.reduce", smooth(ufunc.reduce), MATRIX)
        yield case(f"{name}.reduce of a vector", lambda x, u=ufunc: u.reduce(x * x, axis=-1), VECTOR)
        yield case(f"{name}.reduce keepdims", lambda x, u=ufunc: u.reduce(x * x, axis=1, keepdims=True), CUBE)
        yield case(f"{name}.accumulate", lambda x, u=ufunc: u.accumulate(x * x, axis=1), MATRIX)
        yield case(f"{name}.reduceat", lambda x, u=ufunc: u.reduceat(x * x, [0, 3, 1, 4]), VECTOR)
        yield case(f"{name}.outer", lambda x, y, u=ufunc: u.outer(x, y), VECTOR, MATRIX[0] + 0.04)
        yield case(f"{name}.at", ufunc_at(ufunc), VECTOR, spaced(4) + 0.02)
    for ufunc in (np.add, np.multiply, np.maximum, np.minimum, np.logaddexp):
        name = name_of(ufunc)
        yield case(f"{name}.reduce initial", lambda x, u=ufunc: u.reduce(x * x, 1, initial=1.3), MATRIX)
        yield case(
            f"{name}.reduce initial moves",
            lambda x, y, u=ufunc: u.reduce(x * x + 0 * y, 1, initial=y * y),
            MATRIX,
            SCALAR,
        )
        yield case(f"{name}.reduce axes", lambda x, u=ufunc: u.reduce(x * x, (0, 2)), CUBE)
        yield case(f"{name}.reduce all", lambda x, u=ufunc: u.reduce(x * x, None), CUBE)
        yield case(f"{name}.reduce where", lambda x, u=ufunc: u.reduce(x * x, 1, initial=0.5, where=MASK), MATRIX)
        yield case(f"{name}.reduce out", lambda x, u=ufunc: u.reduce(x * x, 1, out=np.zeros_like(x[:, 0])), MATRIX)


UFUNCS = [
    case("operators in place", operators, VECTOR, positive(6)),
    case("in place, broadcast", stored(lambda x: x * x, lambda a, x, y: a.__iadd__(y) * 0), MATRIX, VECTOR[:4]),
    case("matmul in place", stored(lambda x: x * x, lambda a, x, y: a.__imatmul__(y) * 0), MATRIX, spaced(4, 4)),
    case("out", out_of(np.multiply), VECTOR, VECTOR),
    case("out is larger", lambda x: np.exp(x[0], out=np.zeros_like(x)), MATRIX),
    case("out of one", out_of(np.sin), MATRIX),
    case("out is an operand", lambda x: np.multiply(x, x, out=x * 1.0), VECTOR),
    case("where", lambda x: np.log(x * x, out=x * x * x, where=x > 0), VECTOR),
    case("where without out", lambda x: np.sqrt(x, where=x > 0, out=None)[x > 0], VECTOR),
    case("where of two", lambda x, y: np.multiply(x, y, out=np.zeros_like(x * y), where=MASK), MATRIX, VECTOR[:4]),
    case("dtype", lambda x: np.exp(x, dtype=np.float64), VECTOR),
    case("two results", lambda x, y: np.divmod(x, y), VECTOR, positive(6)),
    case("two results, out", lambda x: np.modf(x, out=(np.zeros_like(x), np.zeros_like(x))), VECTOR),
    case("frexp", lambda x: np.frexp(x * x)[0], VECTOR),
    case("nextafter", lambda x: np.nextafter(x * x, 3.0), VECTOR),
    case("add.at of a constant", lambda x: in_place(lambda a: np.add.at(a, [1, 1], 2.0))(x * x), VECTOR),
    case(
        "subtract.at of rows",
        in_place(lambda a, v: np.subtract.at(a, ([0, 0], slice(1, 3)), v), OTHER),
        MATRIX,
        spaced(2),
    ),
    case("negative.at", in_place(lambda a: np.negative.at(a, [0, 0, 1])), VECTOR),
    *reductions(),
    *(
        case(f"{name} {x.shape} {y.shape}", getattr(np, name), x, y)
        for name, x, y in (
            ("vecdot", VECTOR, VECTOR),
            ("vecdot", MATRIX, VECTOR[:4]),
            ("vecdot", VECTOR[:4], CUBE),
            ("vecdot", spaced(2, 1, 4), MATRIX),
            ("matvec", MATRIX, VECTOR[:4]),
            ("matvec", CUBE, MATRIX[:2]),
            ("matvec", MATRIX, spaced(2, 4)),
            ("vecmat", VECTOR[:3], MATRIX),
            ("vecmat", spaced(2, 3), CUBE),
            ("vecmat", spaced(5, 2, 3), CUBE),
        )
        if hasattr(np, name)
    ),
]

AXES = {"all": {}, "axis": {"axis": 1}, "axes": {"axis": (0, -1)}, "keepdims": {"axis": 0, "keepdims": True}}


def of_each_axis(functions, array, **further):
    for function in functions:
        for label, options in AXES.items():
            yield case(
                f"{name_of(function)} {label}", smooth(lambda x, f=function, o=options: f(x, **o, **further)), array
            )


def with_holes(function):
    def call(x):
        return function(x * x + HOLES)

    return call


def of_holes():
    for function in (np.nansum, np.nanprod, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmin, np.nanmedian):
        for label, options in AXES.items():
            if options.get("axis") == (0, -1):
                options = {"axis": (0, 1)}
            yield case(
                f"{name_of(function)} {label}", with_holes(lambda x, f=function, o=options: f(x, **o)), spaced(3, 5)
            )


REDUCTIONS = [
    *of_each_axis(
        (np.prod, np.max, np.min, np.amax, np.amin, np.ptp, np.var, np.std, np.median, np.sum, np.mean), CUBE
    ),
    case("prod with zeros", lambda x: np.prod(x, 1), WITH_ZEROS),
    case("prod with zeros, all", np.prod, WITH_ZEROS[0]),
    case("prod where", lambda x: np.prod(x, 1, where=MASK, initial=2.0), MATRIX),
    case("cumprod", lambda x: np.cumprod(x, 1), MATRIX),
    case("cumprod, flat", np.cumprod, MATRIX[:2]),
    case("cumprod with zeros", lambda x: np.cumprod(x, 1), WITH_ZEROS),
    case("method cumprod", lambda x: x.cumprod(0), MATRIX),
    case("nancumsum", with_holes(lambda x: np.nancumsum(x, 1)), spaced(3, 5)),
    case("nancumprod", with_holes(lambda x: np.nancumprod(x, 1)), spaced(3, 5)),
    case("nan_to_num", with_holes(lambda x: np.nan_to_num(x, nan=3.0)), spaced(3, 5)),
    case("var ddof", lambda x: np.var(x, 1, ddof=1), MATRIX),
    case("var about a mean", lambda x, y: np.var(x, 1, ddof=1, mean=y, keepdims=True), MATRIX, spaced(3, 1)),
    case("std about a mean", lambda x: np.std(x, 1, where=MASK, mean=np.mean(x, 1, keepdims=True)), MATRIX),
    case("var of constants about a mean", lambda y: np.var(MATRIX, 1, mean=y), spaced(3, 1)),
    case("std correction", lambda x: np.std(x, 0, correction=0.5), MATRIX),
    case("var where", lambda x: np.var(x, 1, where=MASK), MATRIX),
    case("std where", lambda x: np.std(x, where=MASK), MATRIX),
    case("nanvar ddof", with_holes(lambda x: np.nanvar(x, ddof=1)), spaced(3, 5)),
    case("max initial", lambda x: np.max(x * x, 1, initial=0.3), MATRIX),
    case("min where", lambda x: np.min(x * x, 1, initial=9.0, where=MASK), MATRIX),
    case("sum initial where", lambda x: np.sum(x * x, 1, initial=2.0, where=MASK), MATRIX),
    case("mean where", lambda x: np.mean(x * x, 0, where=MASK), MATRIX),
    case("sum out", lambda x: np.sum(x * x, 0, out=np.zeros_like(x[0])), MATRIX),
    case("methods", lambda x: (x.max(0), x.min(), x.prod(1), x.var(axis=0, ddof=1), x.std()), MATRIX),
    case("average", lambda x: np.average(x * x, 1), MATRIX),
    case("average by weights", lambda x: np.average(x * x, weights=WEIGHTS), MATRIX),
    case("average by weights of an axis", lambda x: np.average(x * x, 1, WEIGHTS[0], keepdims=True), MATRIX),
    case("average by moving weights", lambda x, w: np.average(x, 0, w, returned=True), MATRIX, positive(3, 4)),
    case("average by moving weights of an axis", lambda x, w: np.average(x, -1, w), MATRIX, positive(4)),
    case("trapezoid", lambda y: np.trapezoid(y * y, axis=0), MATRIX),
    case("trapezoid dx", lambda y, h: np.trapezoid(y * y, dx=h), MATRIX, SCALAR),
    case("trapezoid x", lambda y, x: np.trapezoid(y * y, x), MATRIX, VECTOR[:4]),
    case("trapezoid x axis", lambda y, x: np.trapezoid(y, x, axis=0), MATRIX, VECTOR[:3]),
    *of_holes(),
]

METHODS = [
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
    "lower",
    "higher",
    "midpoint",
    "nearest",
]

ORDER = [
    *(
        case(
            f"quantile {method}",
            lambda x, m=method: np.quantile(x * x * x, [0.0, 0.27, 0.5, 0.91], 1, method=m),
            spaced(3, 7),
        )
        for method in METHODS
    ),
    *(
        case(
            f"nanpercentile {method}",
            with_holes(lambda x, m=method: np.nanpercentile(x, [10, 60], 1, method=m)),
            spaced(3, 5),
        )
        for method in METHODS
    ),
    case("quantile of all", lambda x: np.quantile(x * x, 0.3), CUBE),
    case("quantile keepdims", lambda x: np.quantile(x * x, [0.3, 0.9], (0, 2), keepdims=True), CUBE),
    case("quantile, two axes of q", lambda x: np.quantile(x * x, [[0.3], [0.9]], 1), CUBE),
    case(
        "quantile by weights",
        lambda x: np.quantile(x * x, [0.2, 0.7], 1, weights=WEIGHTS[0], method="inverted_cdf"),
        MATRIX,
    ),
    case(
        "quantile by weights of all", lambda x: np.quantile(x * x, 0.7, weights=WEIGHTS, method="inverted_cdf"), MATRIX
    ),
    case("percentile", lambda x: np.percentile(x * x, 33, -1), MATRIX),
    case("nanquantile", with_holes(lambda x: np.nanquantile(x, 0.4, 0)), spaced(3, 5)),
    case("median of an odd number", lambda x: np.median(x * x, 0), MATRIX),
    case("sort", lambda x: np.sort(x * x * x), MATRIX),
    case("sort axis", lambda x: np.sort(x, 0, stable=True), MATRIX),
    case("sort, flat", lambda x: np.sort(x * x, None), MATRIX),
    case("partition", lambda x: np.partition(x * x, 3)[3], VECTOR),
    case("partition axis", lambda x: np.partition(x, [0, 1], 0)[:2], MATRIX),
    case("unique", lambda x: np.unique(np.stack([x, x]) * 2), MATRIX),
    case("unique_values", lambda x: np.unique_values(np.stack([x, x]) * 2), MATRIX),
    case("unique_all", lambda x: np.unique_all(np.stack([x * x, x])).values, MATRIX),
    case("unique_counts", lambda x: np.unique_counts(x * x).values, MATRIX),
    case("unique_inverse", lambda x: np.unique_inverse(x * x).values, MATRIX),
    case("argsort and take", lambda x: x[np.argsort(x)], VECTOR),
]

REARRANGEMENT = [
    case("sliding_window_view", smooth(lambda x: sliding(x, (2, 3))), MATRIX),
    case("sliding_window_view of an axis", smooth(lambda x: sliding(x, 3, axis=-1)), CUBE),
    case("sliding_window_view of one axis twice", smooth(lambda x: sliding(x, (2, 2), axis=(1, 1))), MATRIX),
    *(
        case(f"rearrangement {name}", smooth(function), CUBE)
        for name, function in {
            "rollaxis": lambda x: np.rollaxis(x, 2),
            "rollaxis start": lambda x: np.rollaxis(x, 0, 3),
            "dstack": lambda x: np.dstack([x[0], x[1]]),
            "dstack of vectors": lambda x: np.dstack([x[0, 0], x[1, 0]]),
            "column_stack": lambda x: np.column_stack([x[0, :, 0], x[1]]),
            "array_split": lambda x: np.array_split(x, 3, 2),
            "hsplit": lambda x: np.hsplit(x, [1]),
            "vsplit": lambda x: np.vsplit(x, 2),
            "dsplit": lambda x: np.dsplit(x, 2),
            "hsplit of a vector": lambda x: np.hsplit(x[0, 0], 2),
            "unstack": lambda x: np.unstack(x, axis=1),
            "block": lambda x: np.block([[x[0], x[1]], [np.zeros((1, 4)), x[0, :1]]]),
            "block of one": lambda x: np.block(x[0]),
            "block of vectors": lambda x: np.block([x[0, 0], 2.0, x[0, 1]]),
            "flipud": np.flipud,
            "fliplr": np.fliplr,
            **{f"rot90 {k}": lambda x, k=k: np.rot90(x, k, (1, 2)) for k in range(-1, 4)},
            "tile": lambda x: np.tile(x, 2),
            "tile axes": lambda x: np.tile(x[0], (2, 1, 3)),
            "resize": lambda x: np.resize(x, (5, 7)),
            "append": lambda x: np.append(x, [1.0]),
            "append axis": lambda x: np.append(x, x, 1),
            "delete": lambda x: np.delete(x, 1, 2),
            "delete several": lambda x: np.delete(x, [0, -1], 1),
            "delete slice": lambda x: np.delete(x, slice(1, 9, 3)),
            "insert constant": lambda x: np.insert(x, 1, 5.0, 2),
            "compress": lambda x: np.compress([True, False, True], x, 1),
            "method compress": lambda x: x.compress([0, 1]),
            "extract": lambda x: np.extract(x > 0, x),
            "choose": lambda x: np.choose([0, 1, 1, 0], [x[0], x[1]]),
            "choose, wrapped": lambda x: np.choose([0, 3, 1, -2], [x[0], x[1], 0.0], mode="wrap"),
            "diag": lambda x: np.diag(x[0], 1),
            "diag of a vector": lambda x: np.diag(x[0, 0], -1),
            "diagflat": lambda x: np.diagflat(x[0]),
            "atleast_3d": lambda x: np.atleast_3d(x[0], x[0, 0], x[0, 0, 0], x),
            "trim_zeros": lambda x: np.trim_zeros(x[0, 0] * [0, 1, 1, 0]),
            "meshgrid": lambda x: np.meshgrid(x[0, 0], x[0, :, 0], [1.0]),
            "meshgrid ij": lambda x: np.meshgrid(x[0, 0], x[0, :, 0], indexing="ij", sparse=True),
            "ix_": lambda x: np.ix_(x[0, 0], x[0, :, 0]),
            "methods": lambda x: (x.repeat(2, 0), x.diagonal(0, 1, 2), x.trace(), x.cumsum(1)),
            "vander": lambda x: np.vander(x[0, 0], 3),
            "vander increasing": lambda x: np.vander(x[0, 0], increasing=True),
            "cumulative_sum": lambda x: (
                np.cumulative_sum(x, axis=1, include_initial=True) if hasattr(np, "cumulative_sum") else x
            ),
            "cumulative_prod": lambda x: (
                np.cumulative_prod(x, axis=1, include_initial=True) if hasattr(np, "cumulative_prod") else x
            ),
            "diff ends": lambda x: np.diff(x, 1, -1, 0.0, x[..., :2]),
            "ediff1d": lambda x: np.ediff1d(x, [1.0], x[0, 0, 0]),
            "gradient": lambda x: np.gradient(x[0]),
            "gradient edge": lambda x: np.gradient(x, 0.5, axis=-1, edge_order=2),
            "gradient variable distance": lambda x: np.gradient(x[0], x[0, 0, 0], 2 * x[0, 1, 0]),
            "gradient variable places": lambda x: np.gradient(x, np.sort(x[0, 0]), axis=-1),
            "gradient variable places edge": lambda x: np.gradient(x, np.sort(x[0, 0]), axis=-1, edge_order=2),
            "gradient of constants": lambda x: np.gradient([1.0, 4.0, 2.0], np.sort(x[0, 0])[:3]),
            "pad variable": lambda x: np.pad(x[0], 2, constant_values=(x[0, 0, 0], x[1, 0, 0])),
            "pad variable ramp": lambda x: np.pad(x[0], ((1, 2), (3, 0)), "linear_ramp", end_values=x[0, :2, :2]),
            "flat": lambda x: (x.flat[3:7], x.T.flat[5], np.stack(list(x[0].T.flat))),
            "gradient coordinates": lambda x: np.gradient(x[0], [0.0, 1.0, 3.0], 2.0),
            "unwrap": lambda x: np.unwrap(4 * x, axis=1),
        }.items()
        if name != "unstack" or hasattr(np, "unstack")
    ),
    case("insert", lambda x, y: np.insert(x, 1, y * y, 1), MATRIX, VECTOR[:3]),
    case("insert several", lambda x, y: np.insert(x, [0, 2, 2], y, 0), MATRIX, MATRIX),
    case("insert, flat", lambda x, y: np.insert(x, [3, 1], y), MATRIX, spaced(2)),
    case("append another", lambda x, y: np.append(x, y), MATRIX, VECTOR),
    case("linspace", lambda x, y: np.linspace(x * x, y, 5), SCALAR, SCALAR),
    case("linspace of arrays", lambda x, y: np.linspace(x, y * y, 4, False, True, axis=-1), VECTOR, SCALAR),
]

PIECES = [
    case("select", lambda x, y: np.select([x > 1, x > 0], [x * x, y], default=3.0), VECTOR, VECTOR + 0.3),
    case("piecewise", lambda x: np.piecewise(x, [x < -1, x > 1], [lambda v: v * v, 2.0, np.sin]), VECTOR),
    case("piecewise of one", lambda x: np.piecewise(x, x > 0, [np.sqrt, lambda v: -v]), VECTOR),
    case("clip by moving limits", lambda x, y, z: np.clip(x, y, z), VECTOR, np.float64(-0.9), np.full(6, 1.05)),
    case("apply_along_axis", lambda x: np.apply_along_axis(lambda v: v * v.sum(), 1, x), CUBE),
    case("apply_along_axis, scalars", lambda x: np.apply_along_axis(lambda v: np.exp(v).prod(), 0, x), CUBE),
    case("apply_along_axis, matrices", lambda x: np.apply_along_axis(lambda v: np.multiply.outer(v, v), 1, x), CUBE),
    case("apply_over_axes", lambda x: np.apply_over_axes(np.max, x * x, [0, 2]), CUBE),
    case("sinc", np.sinc, np.array([-2.7, -0.501, -0.49, -1e-3, 0.0, 0.3, 1.0, 4.2])),
    case("bincount", lambda w: np.bincount(INTEGERS, w * w, 6), VECTOR),
    case(
        "histogram by weights",
        lambda w: np.histogram([0.1, 0.4, 1.0, 0.9, 0.5, 2.0], 3, (0.0, 1.0), weights=w * w)[0],
        VECTOR,
    ),
    case("histogram density", lambda x: np.histogram(x, 4, density=True), VECTOR),
    *(
        case(f"pad {mode} {options}", smooth(lambda x, m=mode, o=options: np.pad(x, [(2, 1), (0, 3)], m, **o)), MATRIX)
        for mode, options in (
            ("constant", {}),
            ("constant", {"constant_values": 3.0}),
            ("edge", {}),
            ("reflect", {}),
            ("symmetric", {}),
            ("wrap", {}),
            ("reflect", {"reflect_type": "odd"}),
            ("symmetric", {"reflect_type": "odd"}),
            ("linear_ramp", {}),
            ("linear_ramp", {"end_values": 2.0}),
            ("maximum", {}),
            ("minimum", {"stat_length": 2}),
            ("median", {"stat_length": ((1, 2), (3, 2))}),
            ("mean", {}),
            ("mean", {"stat_length": 2}),
        )
    ),
]

CASES = ASSIGNMENT + UFUNCS + REDUCTIONS + ORDER + REARRANGEMENT + PIECES
