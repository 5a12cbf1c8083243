"""Minimax polynomials of numbafunc/numbers/cores_constants.py.

    python bench/minimax.py            # every polynomial
    python bench/minimax.py exp log    # some

Each polynomial P minimises ``max |weight(x) * (target(x) - P(x))|`` over an interval, where P is a combination of the
given powers. The Remez exchange algorithm (Remez 1934; Muller, Elementary Functions, 3rd ed., 2016, chapter 3.5) runs
on a dense grid in high-precision arithmetic. Coefficients are then rounded to the floating-point format one at a time,
the most influential first, and the remaining ones are optimised again, so that they make up for the rounding of the
others (the idea of Brisebarre, Muller and Tisserand, 2006, in its simplest form). What is printed is what stands in
the module, with the range and the base-2 logarithm of the largest weighted error.
"""

from __future__ import annotations

import argparse
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
from mpmath import mpf

mpmath.mp.prec = 200
GRID_POINTS = 600
HALF_LN2 = mpmath.log(2) / 2

Function = Callable[[Any], Any]


@dataclass(frozen=True)
class Problem:
    """What to approximate: ``target`` by the powers, on ``interval``, with the error multiplied by ``weight``."""

    target: Function
    weight: Function
    interval: tuple[Any, Any]
    float32: tuple[int, ...]
    float64: tuple[int, ...]
    float32_interval: tuple[Any, Any] | None = None  # where it is another one for float32

    def interval_of(self, name: str) -> tuple[Any, Any]:
        """The interval for a floating-point format."""
        return self.float32_interval if name == "float32" and self.float32_interval else self.interval


def from_to(first: int, last: int, step: int = 1) -> tuple[int, ...]:
    """Powers from the first to the last."""
    return tuple(range(first, last + 1, step))


def exp_tail(r: Any) -> Any:
    """exp(r) - 1 - r - r**2 / 2."""
    return mpmath.expm1(r) - r - r * r / 2


def atanh_tail(s: Any) -> Any:
    """2 * atanh(s) - 2 * s."""
    return mpmath.log((1 + s) / (1 - s)) - 2 * s


def scaled_erfc(t: Any) -> Any:
    """(a + 2) * exp(a**2) * erfc(a), where t = (a - 2) / (a + 2)."""
    a = 2 * (1 + t) / (1 - t)
    return (a + 2) * mpmath.exp(a * a) * mpmath.erfc(a)


def scaled_erfc_variable(a: Any) -> Any:
    """The variable ``t`` of :func:`scaled_erfc`."""
    return (a - 2) / (a + 2)


NORMAL_CENTER = mpf(14005) / 4096


def scaled_normal(t: Any) -> Any:
    """(a + k) * exp(a**2 / 2) * erfc(a / sqrt(2)) / 2, where t = (a - k) / (a + k) / 2 and k = NORMAL_CENTER."""
    a = NORMAL_CENTER * (1 + 2 * t) / (1 - 2 * t)
    return (a + NORMAL_CENTER) * mpmath.exp(a * a / 2) * mpmath.erfc(a / mpmath.sqrt(2)) / 2


def scaled_normal_variable(a: Any) -> Any:
    """The variable ``t`` of :func:`scaled_normal`."""
    return a / (a + NORMAL_CENTER) - mpf(1) / 2


PROBLEMS = {
    # exp(r) = 1 + r + r**2 / 2 + r**3 * P(r), relative to exp(r) ...
    "exp": Problem(
        exp_tail,
        lambda r: 1 / mpmath.exp(r),
        (-HALF_LN2 * mpf("1.0001"), HALF_LN2 * mpf("1.0001")),
        from_to(3, 6),
        from_to(3, 11),
    ),
    # ... and relative to expm1(r), for which one power more is needed.
    "expm1": Problem(
        exp_tail,
        lambda r: 1 / abs(mpmath.expm1(r)),
        (-HALF_LN2 * mpf("1.0001"), HALF_LN2 * mpf("1.0001")),
        from_to(3, 7),
        from_to(3, 12),
    ),
    # cosh(r) = 1 + z * P(z) and sinh(r) = r + r * z * P(z), z = r**2.
    "cosh": Problem(
        lambda r: mpmath.cosh(r) - 1,
        lambda r: 1 / mpmath.cosh(r),
        (mpf(2) ** -20, HALF_LN2 * mpf("1.0001")),
        from_to(2, 6, 2),
        from_to(2, 10, 2),
    ),
    "sinh": Problem(
        lambda r: mpmath.sinh(r) - r,
        lambda r: 1 / mpmath.sinh(r),
        (mpf(2) ** -20, HALF_LN2 * mpf("1.0001")),
        from_to(3, 7, 2),
        from_to(3, 11, 2),
    ),
    # 2 * atanh(s) = 2 * s + s * z * P(z), z = s**2; relative to 2 * atanh(s) = log((1 + s) / (1 - s)). With
    # 3/4 <= (1 + s) / (1 - s) < 3/2, |s| <= 1/5.
    "log": Problem(
        atanh_tail,
        lambda s: 1 / (2 * mpmath.atanh(s)),
        (mpf(2) ** -20, mpf("0.20002")),
        from_to(3, 7, 2),
        from_to(3, 15, 2),
    ),
    # m**(-1/3) = P(m), a first approximation that Newton's method improves: the same for both formats.
    "cbrt": Problem(lambda m: 1 / mpmath.cbrt(m), mpmath.cbrt, (mpf(1), mpf(2)), from_to(0, 4), from_to(0, 4)),
    # (a + 2) * exp(a**2) * erfc(a) = C + t * P(t), t = (a - 2) / (a + 2), for all a from 0 to where exp(-a**2) is 0.
    "erfc": Problem(
        lambda t: scaled_erfc(t) - scaled_erfc(0),
        lambda t: 1 / scaled_erfc(t),
        (mpf(-1), scaled_erfc_variable(mpf("27.5"))),
        from_to(1, 11),
        from_to(1, 26),
        (mpf(-1), scaled_erfc_variable(mpf("10.5"))),
    ),
    # erf(x) = 2 / sqrt(pi) * x + x * z * P(z), z = x**2.
    "erf": Problem(
        lambda x: mpmath.erf(x) - 2 / mpmath.sqrt(mpmath.pi) * x,
        lambda x: 1 / mpmath.erf(x),
        (mpf(2) ** -20, mpf("0.5001")),
        from_to(3, 9, 2),
        from_to(3, 17, 2),
    ),
    # (a + k) * exp(a**2 / 2) * erfc(a / sqrt(2)) / 2 = P(t), t = (a - k) / (a + k) / 2, for all a from 0 to where
    # a * exp(-a**2 / 2) is 0.
    "normal": Problem(
        scaled_normal,
        lambda t: 1 / scaled_normal(t),
        (mpf(-1) / 2, scaled_normal_variable(mpf("38.8"))),
        from_to(0, 10),
        from_to(0, 25),
        (mpf(-1) / 2, scaled_normal_variable(mpf("14.8"))),
    ),
}


def round_to(number: Any, name: str) -> float:
    """The nearest number of a floating-point format."""
    if name == "float64":
        return float(number)
    with mpmath.workprec(24):
        return float(struct.unpack("f", struct.pack("f", float(+mpf(number))))[0])


def remez(points: list[Any], target: list[Any], weight: list[Any], powers: tuple[int, ...]) -> tuple[list[Any], Any]:
    """Coefficients of the best polynomial on a grid, and its largest weighted error."""
    count = len(powers)
    # Errors alternate in sign once the sign of the common factor x**powers[0] is taken out.
    weight = [-w if x < 0 and powers[0] % 2 else w for x, w in zip(points, weight)]
    basis = [[w * x**power for power in powers] for x, w in zip(points, weight)]
    goal = [w * t for t, w in zip(target, weight)]
    size = len(points)
    # Chebyshev nodes of the interval to start from.
    chosen = [round((size - 1) * (1 - float(mpmath.cos(mpmath.pi * i / count))) / 2) for i in range(count + 1)]
    coefficients: list[Any] = []
    worst = mpf(0)
    for _ in range(60):
        matrix = mpmath.matrix(count + 1, count + 1)
        right = mpmath.matrix(count + 1, 1)
        for row, index in enumerate(chosen):
            for column in range(count):
                matrix[row, column] = basis[index][column]
            matrix[row, count] = (-1) ** row
            right[row] = goal[index]
        solution = mpmath.lu_solve(matrix, right)
        coefficients = [solution[i] for i in range(count)]
        level = abs(solution[count])
        errors = [goal[i] - mpmath.fdot(basis[i], coefficients) for i in range(size)]
        worst = max(abs(e) for e in errors)
        if worst <= level * mpf("1.0000001"):
            break
        chosen = exchange(errors, count + 1)
    return coefficients, worst


def exchange(errors: list[Any], wanted: int) -> list[int]:
    """The largest error of each run of equal sign; of these, ``wanted`` successive ones with the largest errors."""
    peaks: list[int] = []
    for index, error in enumerate(errors):
        if peaks and (error > 0) == (errors[peaks[-1]] > 0):
            if abs(error) > abs(errors[peaks[-1]]):
                peaks[-1] = index
        else:
            peaks.append(index)
    while len(peaks) > wanted:
        if len(peaks) == wanted + 1:
            del peaks[0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1]
        else:  # drop the smallest peak and the smaller neighbour, which keeps the signs alternating
            i = min(range(len(peaks) - 1), key=lambda j: max(abs(errors[peaks[j]]), abs(errors[peaks[j + 1]])))
            del peaks[i : i + 2]
    if len(peaks) < wanted:
        raise ArithmeticError(f"only {len(peaks)} alternating errors for {wanted} unknowns: use fewer powers")
    return peaks


def rounded_remez(problem: Problem, name: str) -> tuple[list[float], Any]:
    """Coefficients in a floating-point format, and the largest weighted error of the rounded polynomial."""
    low, high = problem.interval_of(name)
    powers: tuple[int, ...] = getattr(problem, name)
    nodes = [mpmath.cos(mpmath.pi * (2 * i + 1) / (2 * GRID_POINTS)) for i in range(GRID_POINTS)]
    points = sorted((low + high) / 2 - (high - low) / 2 * node for node in nodes)
    weight = [problem.weight(x) for x in points]
    exact = [problem.target(x) for x in points]
    rest = list(exact)
    result: list[float] = []
    coefficients: list[Any] = []
    for done in range(len(powers)):
        kept, left = coefficients[1:], powers[done:]
        coefficients, worst = remez(points, rest, weight, left)
        if kept:  # a few high powers hardly differ from each other: the exchange may end up in a worse place
            before = max(
                abs(w * (r - mpmath.fdot(kept, [x**k for k in left]))) for x, w, r in zip(points, weight, rest)
            )
            coefficients = kept if 1000 * before < worst else coefficients
        rounded = round_to(coefficients[0], name)
        result.append(rounded)
        rest = [r - mpf(rounded) * x ** powers[done] for r, x in zip(rest, points)]
    worst = max(abs(w * r) for w, r in zip(weight, rest))
    return result, worst


def main() -> None:
    """Print the polynomials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(PROBLEMS)}")
    for name in parser.parse_args().names or PROBLEMS:
        problem = PROBLEMS[name]
        for format_name in ("float32", "float64"):
            low, high = (mpmath.nstr(end, 6) for end in problem.interval_of(format_name))
            coefficients, worst = rounded_remez(problem, format_name)
            print(f"{name}, {format_name}, [{low}, {high}], error 2**{mpmath.nstr(mpmath.log(worst, 2), 5)}")
            for coefficient in coefficients:
                digits = 9 if format_name == "float32" else 17
                print(f"    {coefficient:.{digits}g},")


if __name__ == "__main__":
    main()
