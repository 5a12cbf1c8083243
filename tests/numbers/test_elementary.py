"""The emitted elementary functions: accuracy, special values, and that their loops are vectorised."""

from __future__ import annotations

import math
import platform
import re
import warnings
from typing import Any

import ml_dtypes
import mpmath
import numpy as np
import pytest
from core_loop import core_loop
from llvmlite import binding, ir
from scipy import special

import numbafunc
from numbafunc.elementary import FUNCTIONS
from numbafunc.numbers.cores import CORES, VECTORISED
from numbafunc.numbers.real import FLOAT32, FLOAT64, Real

mp = mpmath.mp.clone()
mp.prec = 160

# Largest errors in units in the last place: float32, float64. Those of the C library's functions are glibc's.
ULP_LIMITS = {
    "exp": (1, 1),
    "exp_nonpositive": (1, 1),
    "exp2": (1, 1),
    "expm1": (1, 1),
    "log": (1, 1),
    "log2": (1, 1),
    "log10": (1, 1),
    "log1p": (1, 1),
    "sqrt": (0.5, 0.5),
    "rsqrt": (1.5, 1.5),
    "cbrt": (0.51, 0.51),
    "tanh": (1.5, 1.5),
    "sech": (1, 1),
    "sinh": (1, 1),
    "cosh": (1, 1),
    "arcsinh": (2, 2),
    "arccosh": (2, 2),
    "arctanh": (2, 2),
    "logistic": (1.5, 1.5),
    "softplus": (2, 2),
    "swish": (2, 2),
    "mish": (2, 2),
    "erf": (1.5, 1.5),
    "erfc": (1.5, 1.5),
    "gaussian": (1, 1),
    "normal_pdf": (1, 1),
    "normal_cdf": (2, 2),
    "normal_cdf_tanh": (2, 2),
    "gelu": (2, 2),
    "gelu_tanh": (2, 2),
    "sin": (2, 2),
    "cos": (2, 2),
    "tan": (2, 2),
    "arcsin": (2, 2),
    "arccos": (2, 2),
    "arctan": (2, 2),
    "gamma": (0.51, 10),
    "lgamma": (0.51, 10),
    # These are measured away from their zeros; see test_zeros_of_polygammas.
    "digamma": (0.51, 6),
    "trigamma": (0.51, 8),
    "tetragamma": (0.51, 8),
    "pentagamma": (0.51, 10),
}


def cubic(x: Any, sqrt: Any = np.sqrt, pi: Any = np.pi, cube: Any = 0.044715) -> Any:
    """The argument of the logistic function in the tanh form of gelu."""
    return sqrt(8 / pi) * (x + cube * x**3)


def exact_erfc(x: Any) -> Any:
    return mp.erfc(min(x, mp.mpf(1000)))  # of larger numbers mpmath can't tell that it is next to nothing


def exact_cdf_tanh(x: Any) -> Any:
    return 1 / (1 + mp.exp(-cubic(x, mp.sqrt, mp.pi, mp.mpf("0.044715"))))


ARRAY_ORACLES = {name: getattr(np, name) for name in CORES if hasattr(np, name)} | {
    "exp_nonpositive": np.exp,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "sech": lambda x: 1 / np.cosh(x),
    "logistic": special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "swish": lambda x: x * special.expit(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "erf": special.erf,
    "erfc": special.erfc,
    "gaussian": lambda x: np.exp(-x * x),
    "normal_pdf": lambda x: np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi),
    "normal_cdf": special.ndtr,
    "normal_cdf_tanh": lambda x: special.expit(cubic(x)),
    "gelu": lambda x: x * special.ndtr(x),
    "gelu_tanh": lambda x: x * special.expit(cubic(x)),
    "gamma": special.gamma,
    "lgamma": special.gammaln,
    "digamma": special.psi,
    "trigamma": lambda x: special.polygamma(1, x),
    "tetragamma": lambda x: special.polygamma(2, x),
    "pentagamma": lambda x: special.polygamma(3, x),
}

EXACT_ORACLES = {
    "exp": mp.exp,
    "exp_nonpositive": mp.exp,
    "exp2": lambda x: mp.power(2, x),
    "expm1": mp.expm1,
    "log": mp.log,
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "log1p": mp.log1p,
    "sqrt": mp.sqrt,
    "rsqrt": lambda x: 1 / mp.sqrt(x),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "tanh": mp.tanh,
    "sech": mp.sech,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "logistic": lambda x: 1 / (1 + mp.exp(-x)),
    "softplus": lambda x: mp.log1p(mp.exp(x)),
    "swish": lambda x: x / (1 + mp.exp(-x)),
    "mish": lambda x: x * mp.tanh(mp.log1p(mp.exp(x))),
    "erf": mp.erf,
    "erfc": exact_erfc,
    "gaussian": lambda x: mp.exp(-x * x),
    "normal_pdf": mp.npdf,
    "normal_cdf": lambda x: exact_erfc(-x / mp.sqrt(2)) / 2,
    "normal_cdf_tanh": exact_cdf_tanh,
    "gelu": lambda x: x * exact_erfc(-x / mp.sqrt(2)) / 2,
    "gelu_tanh": lambda x: x * exact_cdf_tanh(x),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "gamma": lambda x: mp.gamma(x) if x < 200 else mp.inf,
    "lgamma": mp.loggamma,
    "digamma": lambda x: mp.psi(0, x),
    "trigamma": lambda x: mp.psi(1, x),
    "tetragamma": lambda x: mp.psi(2, x),
    "pentagamma": lambda x: mp.psi(3, x),
}

# Where the real function is defined, boundaries included.
DOMAINS = {
    "exp_nonpositive": (-np.inf, 0),
    "log": (0, np.inf),
    "log2": (0, np.inf),
    "log10": (0, np.inf),
    "sqrt": (0, np.inf),
    "rsqrt": (0, np.inf),
    "log1p": (-1, np.inf),
    "arccosh": (1, np.inf),
    "arctanh": (-1, 1),
    "arcsin": (-1, 1),
    "arccos": (-1, 1),
    "gamma": (2.0**-120, np.inf),
    "lgamma": (2.0**-120, np.inf),
    **dict.fromkeys(("digamma", "trigamma", "tetragamma", "pentagamma"), (2.0**-30, 2.0**30)),
}


def evaluate(name: str, x: Any) -> Any:
    out = np.empty_like(x)
    core_loop(name)(x, out)
    return out


def neighbours(x: Any) -> Any:
    """Every number with the ones just below and above it."""
    return np.concatenate([np.nextafter(x, -np.inf), x, np.nextafter(x, np.inf)])


def boundaries(dtype: Any) -> Any:
    """Numbers near which a function changes its regime, of both signs."""
    info = np.finfo(dtype)
    halves = (np.arange(-1100, 1100) + 0.5) * np.log(2)  # where the multiple of log(2) changes, for exp and for tanh
    marks = [
        halves,
        halves / 2,
        np.arange(-1080, 1030) + 0.5,
        np.log(float(info.max)) + np.array([-1, 0, 0.5, 0.6931, 0.7, 1]),
        np.log(float(info.tiny)) + np.array([-1, 0, 1]),
        np.log(float(info.smallest_subnormal)) - np.linspace(0, 20, 201),
        np.log(float(info.smallest_subnormal)) + np.array([-1, -0.7, 0, 0.7, 1]),
        2.0 ** np.arange(info.minexp - info.nmant, info.maxexp),
        1.5 * 2.0 ** np.arange(info.minexp, info.maxexp),
        np.sqrt(0.5) * 2.0 ** np.arange(-8, 9),
        np.array([-0.5, 0.5]) + 2.0 ** np.arange(-60, 0)[:, None],
        np.array([-1.0, 1.0]) + 2.0 ** np.arange(-60, 0)[:, None],
        np.array([-1.0, 1.0]) - 2.0 ** np.arange(-60, 0)[:, None],
        np.arange(1, 200, dtype=float),
        10.0 ** np.arange(-30, 30),
        np.arange(1, 60, dtype=float) ** 3,
        [0.0, float(info.max), float(info.tiny)],
    ]
    with np.errstate(over="ignore", under="ignore"):
        points = neighbours(np.concatenate([np.ravel(mark) for mark in marks]).astype(dtype))
    points = points[np.isfinite(points)]
    return np.unique(np.concatenate([points, -points]))


def restrict(name: str, x: Any) -> Any:
    low, high = DOMAINS.get(name, (-np.inf, np.inf))
    if name == "digamma":
        x = x[(x < 0.75) | (x > 3)]
    return x[(x >= low) & (x <= high)]


def float32_errors(y: Any, reference: Any) -> Any:
    """Errors of float32 results in ULP of float64 references; infinite where only one of both is finite."""
    with np.errstate(all="ignore"):
        exponent = np.maximum(np.frexp(reference)[1] - 24, -149)
        errors = np.ldexp(np.abs(y.astype(np.float64) - reference), -exponent)
        # NumPy's double result lies beyond the largest float32: rounding it is what we should have done.
        overflow = np.abs(reference) > np.finfo(np.float32).max
        return np.where(overflow, np.where(y == reference.astype(np.float32), 0.0, np.inf), errors)


@pytest.mark.parametrize("name", CORES)
def test_float32_sample_of_all_inputs(name: str) -> None:
    patterns = np.arange(0, 2**32, 4093, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([patterns[np.isfinite(patterns)], boundaries(np.float32)])
    x = restrict(name, x)
    with np.errstate(all="ignore"):
        reference = ARRAY_ORACLES[name](x.astype(np.float64))
    x, reference = x[np.isfinite(reference)], reference[np.isfinite(reference)]
    y = evaluate(name, x)
    errors = float32_errors(y, reference)
    worst = np.argmax(errors)
    assert errors[worst] <= ULP_LIMITS[name][0], (x[worst], y[worst], reference[worst])
    zero = (y == 0) | (reference == 0)
    np.testing.assert_array_equal(np.signbit(y[zero]), np.signbit(reference[zero]))


def test_gelu_tanh_where_errors_of_rounding_add_up() -> None:
    # The form of swish is off by 2.14 ULP here, the largest error of all float32 inputs.
    start = np.float32(-2.74624).view(np.int32)
    x = np.arange(start - 2000, start + 2000, dtype=np.int32).view(np.float32)
    errors = float32_errors(evaluate("gelu_tanh", x), ARRAY_ORACLES["gelu_tanh"](x.astype(np.float64)))
    assert errors.max() <= ULP_LIMITS["gelu_tanh"][0]


def float64_inputs(name: str) -> Any:
    generator = np.random.default_rng(20240229)
    magnitudes = 2.0 ** generator.uniform(-1074, 1024, 500)
    moderate = 2.0 ** generator.uniform(-30, 10, 2000)
    x = np.concatenate([magnitudes, -magnitudes, moderate, -moderate, generator.uniform(-2, 2, 2000)])
    chosen = generator.choice(boundaries(np.float64), 4000, replace=False)
    return restrict(name, np.concatenate([x, chosen]))


def float64_error(y: float, exact: Any) -> Any:
    """Error in ULP of the exact result; a result that should round to infinity must be infinite."""
    if not mp.isfinite(exact) or abs(exact) >= mp.mpf(2) ** 1024 - mp.mpf(2) ** 970:
        return 0 if y == (mp.inf if exact > 0 else -mp.inf) else mp.inf
    if not np.isfinite(y):
        return mp.inf
    exponent = -1074 if exact == 0 else max(mp.frexp(exact)[1] - 53, -1074)
    return abs(mp.mpf(y) - exact) * mp.mpf(2) ** -exponent


@pytest.mark.parametrize("name", CORES)
def test_float64_against_arbitrary_precision(name: str) -> None:
    x = float64_inputs(name)
    if name in ("log", "log2", "log10", "rsqrt"):
        x = x[x != 0]
    if name in ("log1p", "arctanh"):
        x = x[np.abs(x) != 1] if name == "arctanh" else x[x != -1]
    y = evaluate(name, x)
    oracle = EXACT_ORACLES[name]
    worst, at = max((float64_error(float(b), oracle(mp.mpf(float(a)))), a) for a, b in zip(x, y))
    assert worst <= ULP_LIMITS[name][1], (name, at, mp.nstr(worst, 6))


INF, NAN = np.inf, np.nan
SPECIAL_VALUES: dict[str, list[tuple[float, float]]] = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0)],
    "exp_nonpositive": [(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0)],
    "exp2": [(0.0, 1.0), (INF, INF), (-INF, 0.0), (10.0, 1024.0), (-3.0, 0.125)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1.0)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (INF, INF), (-INF, NAN)],
    "log2": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (1024.0, 10.0), (-1.0, NAN), (INF, INF), (-INF, NAN)],
    "log10": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (1000.0, 3.0), (-1.0, NAN), (INF, INF), (-INF, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-2.0, NAN), (INF, INF), (-INF, NAN)],
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (4.0, 2.0), (-1.0, NAN), (INF, INF), (-INF, NAN)],
    "rsqrt": [(0.0, INF), (-0.0, -INF), (4.0, 0.5), (-1.0, NAN), (INF, 0.0), (-INF, NAN)],
    "cbrt": [(0.0, 0.0), (-0.0, -0.0), (27.0, 3.0), (-8.0, -2.0), (INF, INF), (-INF, -INF)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (100.0, 1.0)],
    "sech": [(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 0.0)],
    "sinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)],
    "cosh": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF)],
    "arcsinh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)],
    "arccosh": [(1.0, 0.0), (0.5, NAN), (-3.0, NAN), (INF, INF), (-INF, NAN)],
    "arctanh": [(0.0, 0.0), (-0.0, -0.0), (1.0, INF), (-1.0, -INF), (2.0, NAN), (INF, NAN), (-INF, NAN)],
    "logistic": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0)],
    "softplus": [(0.0, np.log(2)), (-0.0, np.log(2)), (INF, INF), (-INF, 0.0)],
    "swish": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0)],
    "mish": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (100.0, 1.0), (-100.0, -1.0)],
    "erfc": [(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (100.0, 0.0), (-100.0, 2.0)],
    "gaussian": [(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 0.0)],
    "normal_pdf": [(0.0, 1 / np.sqrt(2 * np.pi)), (INF, 0.0), (-INF, 0.0)],
    "normal_cdf": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (100.0, 1.0), (-100.0, 0.0)],
    "normal_cdf_tanh": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (100.0, 1.0), (-100.0, 0.0)],
    "gelu": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (100.0, 100.0), (-100.0, -0.0)],
    "gelu_tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -0.0), (100.0, 100.0), (-100.0, -0.0)],
    "sin": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
    "cos": [(0.0, 1.0), (INF, NAN), (-INF, NAN)],
    "tan": [(0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)],
    "arcsin": [(0.0, 0.0), (-0.0, -0.0), (2.0, NAN), (INF, NAN)],
    "arccos": [(1.0, 0.0), (2.0, NAN), (-INF, NAN)],
    "arctan": [(0.0, 0.0), (-0.0, -0.0)],
    "gamma": [(1.0, 1.0), (5.0, 24.0), (0.0, INF), (-0.0, -INF), (-1.0, NAN), (INF, INF), (-INF, NAN)],
    "lgamma": [(1.0, 0.0), (2.0, 0.0), (0.0, INF), (-3.0, INF), (INF, INF), (-INF, INF)],
    "digamma": [(0.0, -INF), (-0.0, INF), (-1.0, NAN), (INF, INF), (-INF, NAN)],
    "trigamma": [(0.0, INF), (-0.0, INF), (-2.0, INF), (INF, 0.0), (-INF, NAN)],
    "tetragamma": [(0.0, -INF), (-0.0, INF), (-2.0, NAN), (INF, -0.0), (-INF, NAN)],
    "pentagamma": [(0.0, INF), (-0.0, INF), (-2.0, INF), (INF, 0.0), (-INF, NAN)],
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CORES)
def test_special_values(name: str, dtype: Any) -> None:
    x, expected = np.array([*SPECIAL_VALUES[name], (NAN, NAN)], dtype).T.copy()
    y = evaluate(name, x)
    np.testing.assert_array_equal(y, expected)
    zero = expected == 0
    np.testing.assert_array_equal(np.signbit(y[zero]), np.signbit(expected[zero]))


@pytest.mark.parametrize("name", ["digamma", "trigamma", "tetragamma", "pentagamma"])
def test_zeros_of_polygammas(name: str) -> None:
    # Where a function crosses zero, left of zero included, errors are relative to its slope.
    x = np.concatenate([np.linspace(1, 2, 501), -np.random.default_rng(0).uniform(0.01, 30, 2000)])
    exact = [EXACT_ORACLES[name](mp.mpf(float(a))) for a in x]
    order = ["digamma", "trigamma", "tetragamma", "pentagamma"].index(name)
    slope = [mp.psi(order + 1, mp.mpf(float(a))) for a in x]
    errors = [
        abs(mp.mpf(float(y)) - e) / (abs(e) + abs(a * s)) for y, e, a, s in zip(evaluate(name, x), exact, x, slope)
    ]
    assert max(errors) < 8 * 2.0**-53


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logistic_halves_add_up(dtype: Any) -> None:
    x = np.linspace(-30, 30, 10001).astype(dtype)
    np.testing.assert_allclose(evaluate("logistic", x) + evaluate("logistic", -x), 1, rtol=2 * np.finfo(dtype).eps)


def test_every_function_of_the_table_has_a_core() -> None:
    assert set(CORES) == set(FUNCTIONS) == set(ULP_LIMITS) == set(SPECIAL_VALUES)


# ---- Vectorisation ---------------------------------------------------------------------------------------------------

PACKED = {  # arithmetic on whole vectors, by architecture and letter of the format
    "x86_64": r"v(?:fn?m(?:add|sub)\d+|mul|sqrt|div)p{letter}\s.*%[yz]mm",
    "aarch64": r"(?:fml[as]|fmul|fsqrt|fdiv)\s+v\d+\.(?:{lanes})",
}
LIBRARY = r"(?<![\w.])(?:exp2?|expm1|log2?|log10|log1p|pow|fma|rint|tanh|sinh|cosh|sqrt|cbrt)f?(?![\w.])"


def packed(assembly: str, machine: str, dtype: Any) -> bool:
    single = np.dtype(dtype) == np.float32
    pattern = PACKED[machine].format(letter="s" if single else "d", lanes="4s" if single else "2d")
    return re.search(pattern, assembly) is not None


def calls_library(assembly: str) -> bool:
    # Numba calls through an address in a register, so look for the symbol anywhere.
    return re.search(LIBRARY, assembly) is not None


def compiled(name: str, dtype: Any) -> Any:
    loop = core_loop(name)
    x = np.ones(1, dtype)
    loop(x, x.copy())
    signature = next(s for s in loop.signatures if s[0].dtype.name == np.dtype(dtype).name)
    return loop, signature


def host() -> str:
    machine = platform.machine().lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", VECTORISED)
def test_loop_on_this_machine_is_vectorised(name: str, dtype: Any) -> None:
    loop, signature = compiled(name, dtype)
    assembly = loop.inspect_asm(signature)
    assert not calls_library(assembly)
    if host() == "aarch64" or binding.get_host_cpu_features().get("avx2"):
        assert packed(assembly, host(), dtype)


TARGETS = {
    "x86-64 with AVX2": ("x86_64-unknown-linux-gnu", "haswell", "x86_64"),
    "x86-64 with AVX-512": ("x86_64-unknown-linux-gnu", "skylake-avx512", "x86_64"),
    "AArch64 with NEON": ("aarch64-unknown-linux-gnu", "generic", "aarch64"),
}


def compile_for(source: str, triple: str, cpu: str) -> str:
    """Assembly of a module for another machine, through LLVM's own pipeline."""
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    machine = binding.Target.from_triple(triple).create_target_machine(cpu=cpu, opt=3)
    module = binding.parse_assembly(source)
    module.triple = triple
    module.data_layout = str(machine.target_data)
    options = binding.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return machine.emit_assembly(module)


def plain_loop(name: str, dtype: Any) -> str:
    """A loop over two arrays that holds nothing but the core, as LLVM source independent of a machine."""
    real = (FLOAT32 if np.dtype(dtype) == np.float32 else FLOAT64).real
    index = ir.IntType(64)
    module = ir.Module(name=name)
    function = ir.Function(
        module, ir.FunctionType(ir.VoidType(), [real.as_pointer(), real.as_pointer(), index]), name="loop"
    )
    x, out, size = function.args
    for pointer in (x, out):
        pointer.add_attribute("noalias")
    entry, body, leave = (function.append_basic_block(label) for label in ("entry", "body", "leave"))
    builder = ir.IRBuilder(entry)
    builder.cbranch(builder.icmp_signed(">", size, index(0)), body, leave)
    builder.position_at_end(body)
    i = builder.phi(index)
    i.add_incoming(index(0), entry)
    value = CORES[name](Real(builder, builder.load(builder.gep(x, [i])))).value
    builder.store(value, builder.gep(out, [i]))
    following = builder.add(i, index(1), flags=["nsw"])
    i.add_incoming(following, body)
    builder.cbranch(builder.icmp_signed("<", following, size), body, leave)
    builder.position_at_end(leave)
    builder.ret_void()
    return str(module)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", VECTORISED)
def test_loop_for_other_machines_is_vectorised(name: str, dtype: Any, target: str) -> None:
    triple, cpu, machine = TARGETS[target]
    assembly = compile_for(plain_loop(name, dtype), triple, cpu)
    assert packed(assembly, machine, dtype)
    assert not calls_library(assembly)


# ---- Functions that NumPy lacks: values of plain numbers and arrays, derivatives in the tails ------------------------

COMPILED = [
    *("erf", "erfc", "gaussian", "gelu", "gelu_tanh", "mish"),
    *("normal_cdf", "normal_cdf_tanh", "normal_pdf"),
]


@pytest.mark.parametrize("name", COMPILED)
def test_plain_numbers_and_arrays_take_the_core(name: str) -> None:
    function = FUNCTIONS[name]
    x = np.array([-np.inf, -1e300, -30.0, -1.5, -0.0, 0.25, 4.0, 1e300, np.inf, np.nan])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dtype in (np.float32, np.float64):
            typed = x.astype(dtype)[1:-1] if dtype is np.float64 else np.clip(x, -1e38, 1e38).astype(dtype)
            np.testing.assert_array_equal(function(typed), evaluate(name, typed), strict=True)
            table = np.arange(-6, 6, dtype=dtype).reshape(3, 4)
            np.testing.assert_array_equal(function(table.T[::2]), function(table).T[::2], strict=True)
        np.testing.assert_array_equal(function(x), evaluate(name, x))
    for dtype in (np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)):
        narrow = np.array([-2.5, 0.0, 1.0], dtype)
        expected = evaluate(name, narrow.astype(np.float32)).astype(dtype)
        np.testing.assert_array_equal(function(narrow), expected, strict=True)
    expected = evaluate(name, np.array([2.0]))[0]
    for number in (2, 2.0, np.int64(2), np.float64(2), np.array(2)):
        assert function(number) == expected
        assert function(number).dtype == np.float64
    for wrong in (1j, np.ones(2, complex), "text", np.longdouble(1), None):
        with pytest.raises(TypeError, match=f"{name} is given .*wanted: real numbers"):
            function(wrong)


SLOPES = {
    "erf": (lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x), 26.5),
    "erfc": (lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x), 26.5),
    "gaussian": (lambda x: -2 * x * mp.exp(-x * x), 26.5),
    "normal_pdf": (lambda x: -x * mp.npdf(x), 37.5),
    "normal_cdf": (mp.npdf, 37.5),
    "normal_cdf_tanh": (lambda x: mp.diff(exact_cdf_tanh, -abs(x)), 20.5),  # far right it is 1 in any precision
    "gelu": (lambda x: exact_erfc(-x / mp.sqrt(2)) / 2 + x * mp.npdf(x), 37.5),
    "gelu_tanh": (lambda x: exact_cdf_tanh(x) + x * mp.diff(exact_cdf_tanh, x), 20.5),
    "mish": (lambda x: mp.tanh(mp.log1p(mp.exp(x))) + x / mp.cosh(mp.log1p(mp.exp(x))) ** 2 / (1 + mp.exp(-x)), 700),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", SLOPES)
def test_derivatives_hold_in_the_tails(name: str, dtype: Any) -> None:
    exact, largest = SLOPES[name]
    scale = largest if dtype is np.float64 else largest / 3 if largest < 100 else largest / 9
    x = np.linspace(-scale, scale, 201).astype(dtype)
    function = FUNCTIONS[name]
    for derived in (numbafunc.elementwise(lambda x: function(x)), function):  # a kernel, and the rule of dual arrays
        y = numbafunc.jvp(derived, (x,), (np.ones_like(x),))[1]
        assert y.dtype == dtype
        for point, found in zip(x, y):
            true = exact(mp.mpf(float(point)))
            # Near a zero of the derivative terms cancel.
            size = max(abs(true), mp.mpf(1) / 8) if abs(point) < 4 else abs(true)
            ulp = mp.mpf(2) ** (mp.frexp(size)[1] - np.finfo(dtype).nmant - 1)
            assert abs(mp.mpf(float(found)) - true) <= 4 * ulp, (point, found)


def test_error_functions_of_other_modules() -> None:
    x = np.linspace(-6, 26, 100)  # SciPy makes zeros of subnormal results
    for name in ("erf", "erfc"):
        of_math = numbafunc.elementwise({"erf": lambda x: math.erf(x), "erfc": lambda x: math.erfc(x)}[name])
        np.testing.assert_array_equal(of_math(x), FUNCTIONS[name](x))
        ours = numbafunc.jvp(FUNCTIONS[name], (x,), (np.ones_like(x),))
        theirs = numbafunc.jvp(getattr(special, name), (x,), (np.ones_like(x),))
        np.testing.assert_allclose(ours[0], theirs[0], rtol=1e-13)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-12, atol=1e-307)


def test_second_derivatives_at_infinity() -> None:
    for name in COMPILED:
        slope = numbafunc.grad(FUNCTIONS[name])
        for x in (-np.inf, np.inf):
            assert slope(x) == (1 if x > 0 and name in ("gelu", "gelu_tanh", "mish") else 0), name
            assert numbafunc.grad(slope)(x) == 0, name
