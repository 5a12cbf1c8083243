"""Constants of the elementary functions: limits, logarithms to twice the precision, polynomial coefficients.

The coefficients are what ``bench/minimax.py`` prints: they approximate

- ``exp``, ``expm1``: exp(r) = 1 + r + r**2 / 2 + r**3 * P(r), relative to exp(r) and to expm1(r);
- ``cosh``, ``sinh``: cosh(r) = 1 + z * P(z) and sinh(r) = r + r * z * P(z), z = r**2;
- ``log``: 2 * atanh(s) = 2 * s + s * z * P(z), z = s**2;
- ``cbrt``: m**(-1/3) = P(m), roughly.
"""

from __future__ import annotations

from typing import NamedTuple

from numbafunc.numbers.real import FLOAT32, FLOAT64, Real


class Constants(NamedTuple):
    """What depends on the format. A pair (hi, lo) is a number to twice the precision."""

    ln2: tuple[float, float]
    log2_e: tuple[float, float]
    log10_2: tuple[float, float]
    log10_e: tuple[float, float]
    # Beyond these exp is 0 or infinite; 2**n is still within the two factors. At the lower one 2**n, raised by the
    # shift below, is just zero, and even x * exp(x) rounds to zero.
    exp_limits: tuple[float, float]
    exp2_limits: tuple[float, float]
    cosh_largest: float  # above, cosh is infinite
    large: float  # from here on expm1, sinh and cosh are halved until the end
    expm1_least: float  # below, expm1 rounds to -1
    tanh_largest: float  # beyond, tanh rounds to 1
    tiny: float  # below, log1p(x) rounds to x
    smallest_normal: float
    logistic_shift: int  # 2**shift makes the least exp that counts a normal number
    exp: tuple[float, ...]
    expm1: tuple[float, ...]
    cosh: tuple[float, ...]
    sinh: tuple[float, ...]
    log: tuple[float, ...]
    cbrt: tuple[float, ...]


_BY_FORMAT = {
    FLOAT32.name: Constants(
        ln2=(float.fromhex("0x1.62e43p-1"), float.fromhex("-0x1.05c61p-29")),
        log2_e=(float.fromhex("0x1.715476p+0"), float.fromhex("0x1.4ae0cp-26")),
        log10_2=(float.fromhex("0x1.344136p-2"), float.fromhex("-0x1.ec10cp-27")),
        log10_e=(float.fromhex("0x1.bcb7b2p-2"), float.fromhex("-0x1.5b235ep-27")),
        exp_limits=(-110.0, 89.0),
        exp2_limits=(-151.0, 129.0),
        cosh_largest=89.75,
        large=64.0,
        expm1_least=-20.0,
        tanh_largest=10.0,
        tiny=2.0**-25,
        smallest_normal=2.0**-126,
        logistic_shift=32,
        # exp, float32, [-0.346608, 0.346608], error 2**-28.029
        exp=(
            0.166665345,
            0.0416672416,
            0.00836743321,
            0.00138634176,
        ),
        # expm1, float32, [-0.346608, 0.346608], error 2**-30.74
        expm1=(
            0.166666657,
            0.0416664928,
            0.00833365601,
            0.00139320584,
            0.000196690264,
        ),
        # cosh, float32, [9.53674e-7, 0.346608], error 2**-33.278
        cosh=(
            0.5,
            0.0416664593,
            0.00139354519,
        ),
        # sinh, float32, [9.53674e-7, 0.346608], error 2**-34.331
        sinh=(
            0.166666672,
            0.00833317544,
            0.000199740884,
        ),
        # log, float32, [9.53674e-7, 0.20002], error 2**-28.389
        log=(
            0.666669488,
            0.399576575,
            0.303640395,
        ),
        # cbrt, float32, [1.0, 2.0], error 2**-14.696
        cbrt=(
            1.67000675,
            -1.17288029,
            0.695482731,
            -0.221237898,
            0.0285910331,
        ),
    ),
    FLOAT64.name: Constants(
        ln2=(float.fromhex("0x1.62e42fefa39efp-1"), float.fromhex("0x1.abc9e3b39803fp-56")),
        log2_e=(float.fromhex("0x1.71547652b82fep+0"), float.fromhex("0x1.777d0ffda0d24p-56")),
        log10_2=(float.fromhex("0x1.34413509f79ffp-2"), float.fromhex("-0x1.9dc1da994fd21p-59")),
        log10_e=(float.fromhex("0x1.bcb7b1526e50ep-2"), float.fromhex("0x1.95355baaafad3p-57")),
        exp_limits=(-753.5, 710.0),
        exp2_limits=(-1076.0, 1025.0),
        cosh_largest=710.75,
        large=512.0,
        expm1_least=-40.0,
        tanh_largest=20.0,
        tiny=2.0**-54,
        smallest_normal=2.0**-1022,
        logistic_shift=64,
        # exp, float64, [-0.346608, 0.346608], error 2**-57.366
        exp=(
            0.16666666666666433,
            0.041666666666603978,
            0.0083333333335004062,
            0.0013888888926789915,
            0.0001984126946556438,
            2.4801508688303857e-05,
            2.7557641363183784e-06,
            2.7625185357717889e-07,
            2.4978244734747932e-08,
        ),
        # expm1, float64, [-0.346608, 0.346608], error 2**-61.618
        expm1=(
            0.16666666666666677,
            0.041666666666666692,
            0.0083333333333217748,
            0.0013888888888886786,
            0.00019841269885348596,
            2.4801587294850801e-05,
            2.7557245202605665e-06,
            2.7557315811568193e-07,
            2.5108652006537799e-08,
            2.0897986728804696e-09,
        ),
        # cosh, float64, [9.53674e-7, 0.346608], error 2**-58.048
        cosh=(
            0.50000000000000122,
            0.041666666666519261,
            0.001388888894610752,
            2.4801490807085067e-05,
            2.7630993052057483e-07,
        ),
        # sinh, float64, [9.53674e-7, 0.346608], error 2**-61.623
        sinh=(
            0.16666666666666677,
            0.0083333333333213758,
            0.00019841269886776547,
            2.755724362774168e-06,
            2.5109203668730634e-08,
        ),
        # log, float64, [9.53674e-7, 0.20002], error 2**-55.894
        log=(
            0.66666666666672691,
            0.39999999996170316,
            0.28571429394013914,
            0.22222138587471363,
            0.18186353146436532,
            0.15250237736500974,
            0.15367865545046575,
        ),
        # cbrt, float64, [1.0, 2.0], error 2**-14.696
        cbrt=(
            1.6700067641938048,
            -1.1728803652098481,
            0.69548287104327844,
            -0.22123799430852967,
            0.028591053822838986,
        ),
    ),
}


def constants_of(x: Real) -> Constants:
    """The constants for the format of a value."""
    return _BY_FORMAT[x.format.name]
