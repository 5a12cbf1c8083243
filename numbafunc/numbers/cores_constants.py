"""Constants of the elementary functions: limits, logarithms to twice the precision, polynomial coefficients.

The coefficients are what ``bench/minimax.py`` prints: they approximate

- ``exp``, ``expm1``: exp(r) = 1 + r + r**2 / 2 + r**3 * P(r), relative to exp(r) and to expm1(r);
- ``cosh``, ``sinh``: cosh(r) = 1 + z * P(z) and sinh(r) = r + r * z * P(z), z = r**2;
- ``log``: 2 * atanh(s) = 2 * s + s * z * P(z), z = s**2;
- ``cbrt``: m**(-1/3) = P(m), roughly;
- ``erfc``: (a + 2) * exp(a**2) * erfc(a) = C + t * P(t), t = (a - 2) / (a + 2), for a >= 0;
- ``erf``: erf(x) = 2 / sqrt(pi) * x + x * z * P(z), z = x**2;
- ``normal``: (a + k) * exp(a**2 / 2) * erfc(a / sqrt(2)) / 2 = P(t), t = (a - k) / (a + k) / 2, for a >= 0.
"""

from __future__ import annotations

from typing import NamedTuple

from numbafunc.numbers.real import FLOAT32, FLOAT64, Real


class Constants(NamedTuple):
    """Constants that depend on the format. A pair (hi, lo) is a number to twice the precision."""

    ln2: tuple[float, float]
    log2_e: tuple[float, float]
    log10_2: tuple[float, float]
    log10_e: tuple[float, float]
    # Beyond these exp is 0 or infinite; 2**n still fits into the two factors. At the lower one 2**n, raised by the
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
    gaussian_largest: float  # beyond, exp(-x**2) rounds to 0
    normal_largest: float  # beyond, exp(-x**2 / 2) times ``x`` rounds to 0
    cubic_largest: float  # beyond, exp(-2 v) with the ``v`` of the tanh form of gelu, times ``x``, rounds to 0
    two_over_root_pi: tuple[float, float]
    one_over_root_two_pi: tuple[float, float]
    cubic_slope: tuple[float, float]  # 2 * sqrt(2 / pi)
    cubic: tuple[float, float]  # 0.044715 times that
    erfc_center: tuple[float, float]  # 4 * exp(4) * erfc(2), the constant term of the polynomial ``erfc``
    exp: tuple[float, ...]
    expm1: tuple[float, ...]
    cosh: tuple[float, ...]
    sinh: tuple[float, ...]
    log: tuple[float, ...]
    cbrt: tuple[float, ...]
    erfc: tuple[float, ...]
    erf: tuple[float, ...]
    normal: tuple[float, ...]


NORMAL_CENTER = 14005 / 4096
"""The ``k`` of ``normal``: of few bits, and such that P(0) is hardly rounded in either format."""

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
        tanh_largest=9.02,
        tiny=2.0**-25,
        smallest_normal=2.0**-126,
        logistic_shift=32,
        gaussian_largest=10.4,
        normal_largest=14.8,
        cubic_largest=10.9,
        two_over_root_pi=(float.fromhex("0x1.20dd76p+0"), float.fromhex("-0x1.f7ac92p-25")),
        one_over_root_two_pi=(float.fromhex("0x1.988454p-2"), float.fromhex("-0x1.857936p-27")),
        cubic_slope=(float.fromhex("0x1.988454p+0"), float.fromhex("-0x1.857936p-25")),
        cubic=(float.fromhex("0x1.2444f2p-4"), float.fromhex("0x1.49b16ap-29")),
        erfc_center=(float.fromhex("0x1.058672p+0"), float.fromhex("-0x1.2b4e22p-26")),
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
        # erfc, float32, [-1.0, 0.68], error 2**-29.367
        erfc=(
            -0.687160671,
            0.279472083,
            -0.0364424773,
            -0.0215104483,
            0.00648016948,
            0.00308857905,
            -0.000837335829,
            -0.000652934483,
            3.14496428e-05,
            0.000119984717,
            2.88311385e-05,
        ),
        # erf, float32, [9.53674e-7, 0.5001], error 2**-29.261
        erf=(
            -0.37612617,
            0.112829447,
            -0.0267636534,
            0.00472942507,
        ),
        # normal, float32, [-0.5, 0.31233], error 2**-28.544
        normal=(
            0.742292762,
            -1.11507738,
            1.210253,
            -0.836905241,
            0.186786249,
            0.238334432,
            -0.166422933,
            -0.0925400108,
            0.0923133492,
            0.0568340048,
            -0.0118048377,
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
        tanh_largest=19.07,
        tiny=2.0**-54,
        smallest_normal=2.0**-1022,
        logistic_shift=64,
        gaussian_largest=27.4,
        normal_largest=38.8,
        cubic_largest=21.59,
        two_over_root_pi=(float.fromhex("0x1.20dd750429b6dp+0"), float.fromhex("0x1.1ae3a914fed8p-56")),
        one_over_root_two_pi=(float.fromhex("0x1.9884533d43651p-2"), float.fromhex("-0x1.cbc0d30ebfd15p-56")),
        cubic_slope=(float.fromhex("0x1.9884533d43651p+0"), float.fromhex("-0x1.cbc0d30ebfd15p-54")),
        cubic=(float.fromhex("0x1.2444f2a4d8b4bp-4"), float.fromhex("-0x1.6c843a29d1c7p-61")),
        erfc_center=(float.fromhex("0x1.058671b52c776p+0"), float.fromhex("-0x1.3b83c701df899p-56")),
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
        # erfc, float64, [-1.0, 0.864407], error 2**-57.913
        erfc=(
            -0.68716068441381062,
            0.27947209255605454,
            -0.036442231506878052,
            -0.021510661889465731,
            0.0064791850677442748,
            0.0030906120586013997,
            -0.00083729606286172111,
            -0.00066307349730869729,
            3.4371440157707076e-05,
            0.00014447068398580027,
            3.4148876752498963e-05,
            -2.1695855923452816e-05,
            -1.6120836567656272e-05,
            -1.1271129677173716e-06,
            3.6433826787367113e-06,
            2.0067542231028307e-06,
            3.748565493400494e-09,
            -5.8148158878993782e-07,
            -3.2882406137762933e-07,
            1.0778767539559465e-08,
            1.1727286403781252e-07,
            4.5938685799164006e-08,
            -1.6514296286866173e-08,
            -1.3538803082959826e-08,
            1.4271392582447023e-10,
            1.1367172825254294e-09,
        ),
        # erf, float64, [9.53674e-7, 0.5001], error 2**-57.712
        erf=(
            -0.3761263890318356,
            0.11283791670930128,
            -0.026866170634065354,
            0.0052239773883716997,
            -0.00085482988884074827,
            0.0001205338291903366,
            -1.4846918233743308e-05,
            1.4735718242224718e-06,
        ),
        # normal, float64, [-0.5, 0.419013], error 2**-56.747
        normal=(
            0.7422927630656172,
            -1.1150773971997392,
            1.210252392873014,
            -0.83690233300365713,
            0.18682865716702407,
            0.23824250341131775,
            -0.1674979102623485,
            -0.091852757191354273,
            0.10413122017167574,
            0.061773959644326422,
            -0.06210546529509435,
            -0.058693527080375285,
            0.028919337475062035,
            0.058088987123493321,
            0.0026861344395667083,
            -0.048957810663945618,
            -0.031474743280030248,
            0.025593052351115642,
            0.049445297614370602,
            0.0089890602137257664,
            -0.04822404401417197,
            -0.038910913571965716,
            0.029968439924394682,
            0.043373175755920812,
            -0.0097126356930951965,
            -0.021003069949131471,
        ),
    ),
}


def constants_of(x: Real) -> Constants:
    """The constants for the format of a value."""
    return _BY_FORMAT[x.format.name]
