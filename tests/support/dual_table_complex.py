"""Functions of real arrays by way of complex values."""

import operator

import numpy as np
from dual_checks import case
from dual_table_linalg import draws, of_complex

normal = draws(1)

# Away from zero and from the branch cuts, on the real and the imaginary axis beyond 1.
REAL = np.array([[0.3, -0.8, 0.7], [-0.4, 0.9, 0.5]])
IMAGINARY = np.array([[0.6, 0.5, -0.7], [-0.4, 0.8, 0.3]])

ANALYTIC = [
    np.exp, np.exp2, np.expm1, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.square, np.reciprocal, np.sin, np.cos,
    np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh, np.arcsinh, np.arccosh, np.arctanh,
    np.negative, np.positive,
]  # fmt: skip
NOT_ANALYTIC = [np.abs, np.absolute, np.conj, np.real, np.imag, np.angle, np.sign]
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]

CASES = [
    *(case(f.__name__, of_complex(f), REAL, IMAGINARY) for f in ANALYTIC + NOT_ANALYTIC),
    *(
        case(f"{f.__name__} of two", lambda x, y, f=f: f(x + 1j * y, np.exp(1j * x) - y), normal(3), normal(2, 3))
        for f in OPERATORS
    ),
    *(case(f"real {f.__name__} complex", lambda x, f=f: f(np.exp(x), 2 + 1j), normal(3)) for f in OPERATORS),
    *(case(f"complex {f.__name__} real", lambda x, f=f: f(2 + 1j, np.exp(x)), normal(3)) for f in OPERATORS),
    *(case(f"power {n}", of_complex(lambda z, n=n: z**n), REAL[0], IMAGINARY[0]) for n in (0, 1, 2, 3, 4, -1, 0.5, 1j)),
    case("angle in degrees", of_complex(lambda z: np.angle(z, deg=True)), normal(3), normal(3)),
    case("angle of real", lambda x: (np.angle(x), np.angle(x[0], True)), normal(3)),
    case("attributes", of_complex(lambda z: (z.real, z.imag, z.conj(), z.conjugate())), normal(3), normal(3)),
    case("attributes of real", lambda x: (x.real, x * (1 + x.imag), x.conj()), normal(3)),
    case("functions of real", lambda x: (np.real(x), x + np.imag(x), np.conj(x)), normal(3)),
    case("real_if_close", of_complex(np.real_if_close), normal(3), normal(3)),
    case("real_if_close, close", lambda x: np.real_if_close(x + 0j), normal(3)),
    case("square of the absolute value", of_complex(lambda z: (z * z.conj()).real), normal(3), normal(3)),
    case("indexing and joining", of_complex(lambda z: np.concatenate([z[1:], [1j], z.real])), normal(3), normal(3)),
    case("where", of_complex(lambda z: np.where(z.real > 0, z, 1j)), normal(5), normal(5)),
    case("sums", of_complex(lambda z: (np.sum(z, 0), np.mean(z), np.cumsum(z))), normal(2, 3), normal(2, 3)),
    case("astype", lambda x: x.astype(complex) ** (2 + 1j), abs(normal(3)), keeps_float32=False),
]  # fmt: skip
