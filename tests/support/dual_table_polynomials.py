"""Functions of real arrays that go through numpy.polynomial, or what stands for it on dual arrays."""

from dual_checks import case
from dual_table_linalg import draws
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre, polynomial

from numbafunc.autodiff import Dual
from numbafunc.rules.polynomial_series import REPLACEMENTS

normal = draws(5)
BASES = {
    "polyval": polynomial,
    "chebval": chebyshev,
    "legval": legendre,
    "hermval": hermite,
    "hermeval": hermite_e,
    "lagval": laguerre,
}


def replaced(function):
    """The function of NumPy for plain arguments, what stands for it where one is a dual array."""

    def chosen(*arguments, **options):
        moves = any(isinstance(x, Dual) for x in (*arguments, *options.values()))
        return (REPLACEMENTS[function] if moves else function)(*arguments, **options)

    return chosen


COEFFICIENTS = normal(5)

DISPATCHED = [
    case(f"{name} at points alone", lambda x, name=name: getattr(BASES[name], name)(x, COEFFICIENTS), normal(2, 3))
    for name in BASES
]

POLYNOMIALS = [
    *DISPATCHED,
    *(
        case(f"{name} {c} {x}", replaced(getattr(module, name)), normal(*x), normal(*c))
        for name, module in BASES.items()
        for c, x in (((5,), (2, 3)), ((4, 2), (3,)), ((1,), (3,)), ((2,), ()))
    ),
    case("polyval, no tensor", lambda x, c: replaced(polynomial.polyval)(x, c, tensor=False), normal(2), normal(3, 2)),
    case("chebval2d", replaced(chebyshev.chebval2d), normal(3), normal(3), normal(3, 4)),
    case("polyval3d", replaced(polynomial.polyval3d), normal(2), normal(2), normal(2), normal(2, 3, 2)),
    case("leggrid2d", replaced(legendre.leggrid2d), normal(3), normal(2), normal(3, 4)),
    case("polyadd of series", replaced(polynomial.polyadd), normal(3), normal(5)),
    case("polysub of series", replaced(polynomial.polysub), normal(3), normal(2)),
    case("chebadd", replaced(chebyshev.chebadd), normal(3), normal(3)),
    case("polymul of series", replaced(polynomial.polymul), normal(3), normal(4)),
    case("polyfromroots", replaced(polynomial.polyfromroots), normal(5)),
    case("polyfromroots of an even number", lambda x: replaced(polynomial.polyfromroots)(x * x), normal(4)),
    case("polyvander", lambda x: replaced(polynomial.polyvander)(x, 3), normal(2, 3)),
    case("polyvander of degree 0", lambda x: x[0] * replaced(polynomial.polyvander)(x, 0), normal(1)),
    case("polyder of a series", lambda c: replaced(polynomial.polyder)(c, 2, 1.5), normal(5)),
    case("polyder of columns", lambda c: replaced(polynomial.polyder)(c, axis=1), normal(2, 4)),
    case("polyder of a low degree", lambda c: replaced(polynomial.polyder)(c * c, 3), normal(2)),
    case("polyint of a series", lambda c: replaced(polynomial.polyint)(c, 2, [1.0], 0.5, 2.0), normal(4)),
    case("polyint from a bound", lambda c, b: replaced(polynomial.polyint)(c, lbnd=b), normal(4), normal()),
    case("polyint of columns", lambda c: replaced(polynomial.polyint)(c, axis=1), normal(2, 3)),
]

CASES = POLYNOMIALS
