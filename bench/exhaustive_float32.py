"""Every float32 input of every function, compared with float64 evaluations by NumPy and SciPy.

    python -m bench.exhaustive_float32                  # all 2**32 inputs of all functions, written to results/
    python -m bench.exhaustive_float32 --functions exp log1p --threads 2
    python -m bench.exhaustive_float32 --stride 4093    # a quick sample, nothing written

The error of a result is ``|ours - reference| / ulp``, where ``ulp`` is the distance of float32 numbers in the
binade of the reference, 2**-149 for subnormal ones. Wrong special values are counted apart: NaN in one of both only,
an infinity where the reference is within the finite range or the reverse, a zero of the wrong sign.

To have a further function checked, add a line to ``REFERENCES``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from scipy import special

from tests.support.core_loop import core_loop

RESULTS = Path(__file__).parent / "results" / "exhaustive_float32"
CHUNK = 2**17  # bit patterns; the arrays of a chunk stay in the cache

Array = Any


@dataclass(frozen=True)
class Case:
    """Our function ``ours(x, out)`` of float32 arrays, and an oracle on float64 arrays."""

    ours: Callable[[Array, Array], None]
    reference: Callable[[Array], Array]


def cubic(x: Array) -> Array:
    """The argument of the logistic function in the tanh form of gelu."""
    return np.sqrt(8 / np.pi) * x * (1 + 0.044715 * (x * x))


def product(x: Array, share: Array) -> Array:
    """``x * share``, and its limit -0 where ``x`` is minus infinity and the share is 0."""
    return np.where(x == -np.inf, -0.0, x * share)


REFERENCES: dict[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "cbrt": np.cbrt,
    "tanh": np.tanh,
    "sech": lambda x: 1 / np.cosh(x),
    "sinh": np.sinh,
    "cosh": np.cosh,
    "arcsinh": np.arcsinh,
    "arccosh": np.arccosh,
    "arctanh": np.arctanh,
    "logistic": special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "swish": lambda x: x * special.expit(x),
    "mish": lambda x: product(x, np.tanh(np.logaddexp(0, x))),
    "erf": special.erf,
    "erfc": special.erfc,
    "gaussian": lambda x: np.exp(-x * x),
    "normal_pdf": lambda x: np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi),
    "normal_cdf": special.ndtr,
    "normal_cdf_tanh": lambda x: special.expit(cubic(x)),
    "gelu": lambda x: product(x, special.ndtr(x)),
    "gelu_tanh": lambda x: product(x, special.expit(cubic(x))),
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "arcsin": np.arcsin,
    "arccos": np.arccos,
    "arctan": np.arctan,
}

# Not among them are exp_nonpositive, which has the bits of exp, and the gamma functions, whose references are slow.
CASES: dict[str, Case] = {name: Case(core_loop(name), reference) for name, reference in REFERENCES.items()}


@dataclass
class Errors:
    """The largest error over some inputs, where it occurs, and how many special values are wrong."""

    max_ulp: float = 0.0
    at: str = ""
    wrong_nan: int = 0
    wrong_infinity: int = 0
    wrong_zero: int = 0

    def merge(self, other: Errors) -> None:
        """Take in the errors over other inputs."""
        if other.max_ulp > self.max_ulp:
            self.max_ulp, self.at = other.max_ulp, other.at
        self.wrong_nan += other.wrong_nan
        self.wrong_infinity += other.wrong_infinity
        self.wrong_zero += other.wrong_zero


# 1 / ulp for float64 exponent fields: subnormal float32 results all have the same ulp.
PER_ULP = np.ldexp(1.0, -np.maximum(np.arange(2048) - 1023 - 23, -149).clip(max=1000))


@numba.njit(nogil=True, error_model="numpy")
def count(ours: Array, reference: Array, exponents: Array) -> tuple[float, int, int, int, int]:
    """Largest error, its index, and the numbers of wrong NaNs, infinities and signs of zero.

    ``exponents`` holds the bits of the reference.
    """
    largest = 3.4028234663852886e38
    overflow = 3.4028235677973366e38  # from here on the nearest float32 is infinite
    worst, at, nan, infinity, zero = 0.0, 0, 0, 0, 0
    for i in range(ours.size):
        y = np.float64(ours[i])
        r = reference[i]
        if y != y or r != r:
            nan += (y == y) != (r == r)
        elif abs(r) >= overflow or abs(y) > largest:
            # Where the reference is beyond the largest number, either neighbour is within one ULP.
            wrong_sign = (y < 0) != (r < 0)
            infinity += wrong_sign or abs(r) < largest or (abs(y) <= largest and abs(r) >= overflow)
        else:
            error = abs(y - r) * PER_ULP[(exponents[i] >> 52) & 0x7FF]
            if error > worst:
                worst, at = error, i
            if y == 0 and np.signbit(y) != np.signbit(r):
                zero += 1
    return worst, at, nan, infinity, zero


def check(case: Case, first: int, last: int, stride: int) -> Errors:
    """The errors over bit patterns ``first, first + stride, ...`` below ``last``."""
    x = np.arange(first, last, stride, dtype=np.uint64).astype(np.uint32).view(np.float32)
    ours = np.empty_like(x)
    case.ours(x, ours)
    with np.errstate(all="ignore"):
        reference = np.asarray(case.reference(x.astype(np.float64)))
    worst, at, nan, infinity, zero = count(ours, reference, reference.view(np.int64))
    return Errors(worst, f"{x[at]!r}"[11:-1] if worst else "", nan, infinity, zero)


def sweep(case: Case, stride: int, threads: int) -> Errors:
    """The errors over all bit patterns, or every ``stride``-th."""
    step = CHUNK * stride
    total = Errors()
    with ThreadPoolExecutor(threads) as pool:
        starts = range(0, 2**32, step)
        for errors in pool.map(lambda start: check(case, start, min(start + step, 2**32), stride), starts):
            total.merge(errors)
    return total


def row(name: str, errors: Errors) -> str:
    """A line of the table."""
    cells = (name, f"{errors.max_ulp:.4f}", errors.at, errors.wrong_nan, errors.wrong_infinity, errors.wrong_zero)
    return "| " + " | ".join(map(str, cells)) + " |"


HEADER = """| function | largest error (ULP) | at | wrong NaN | wrong infinity | wrong zero |
| --- | --- | --- | --- | --- | --- |"""


def record(results: dict[str, Errors]) -> None:
    """Bring the tables in results/ up to date."""
    stored = RESULTS.with_suffix(".json")
    table = json.loads(stored.read_text()) if stored.exists() else {}
    table.update({name: asdict(errors) for name, errors in results.items()})
    table = {name: table[name] for name in sorted(table)}
    stored.write_text(json.dumps(table, indent=2) + "\n")
    lines = "\n".join(row(name, Errors(**entry)) for name, entry in table.items())
    title = "# All 2**32 float32 inputs\n\nWritten by `python -m bench.exhaustive_float32`.\n\n"
    RESULTS.with_suffix(".md").write_text(f"{title}{HEADER}\n{lines}\n")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", nargs="+", choices=list(CASES), default=list(CASES), metavar="NAME")
    parser.add_argument("--stride", type=int, default=1, help="take every so many bit patterns")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    print(HEADER)
    for name in arguments.functions:
        start = time.perf_counter()
        errors = sweep(CASES[name], arguments.stride, arguments.threads)
        print(row(name, errors), f"{time.perf_counter() - start:.0f} s", flush=True)
        if arguments.stride == 1:
            record({name: errors})


if __name__ == "__main__":
    main()
