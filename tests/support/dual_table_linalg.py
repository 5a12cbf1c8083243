"""Functions of real arrays that go through numpy.linalg and through products of arrays."""

import numpy as np
from dual_checks import case

GENERATOR = np.random.default_rng(23)


def draws(seed):
    """A function that draws arrays of a shape."""
    generator = np.random.default_rng(seed)
    return lambda *shape: generator.normal(size=shape)


normal = draws(1)


def regular(*shape):
    """Square matrices far from singular."""
    return GENERATOR.uniform(-1, 1, size=shape) + 3 * np.eye(shape[-1])


def positive(*shape):
    """Symmetric positive definite matrices with eigenvalues apart from each other."""
    q = np.linalg.qr(GENERATOR.normal(size=shape))[0]
    return (q * np.arange(1.0, shape[-1] + 1)) @ np.swapaxes(q, -1, -2)


def of_complex(function):
    """The function of a complex array, given by its parts."""
    return lambda x, y: function(x + 1j * y)


def phase_free(v):
    """What does not depend on the phases of the columns."""
    return v * np.conj(v[..., :1, :]) / abs(v[..., :1, :])


def eigh_parts(x, y):
    z = x + 1j * y
    values, vectors = np.linalg.eigh(z + np.conj(np.swapaxes(z, -1, -2)))
    return values, phase_free(vectors)


def rebuilt(a):
    values, vectors = np.linalg.eig(a)
    return (vectors * np.exp(values)[..., np.newaxis, :] @ np.linalg.inv(vectors)).real


def svd_parts(x, y):
    u, s, vh = np.linalg.svd(x + 1j * y, full_matrices=False)
    phases = np.conj(u[..., :1, :]) / abs(u[..., :1, :])
    return u * phases, s, np.conj(np.swapaxes(phases, -1, -2)) * vh


def lstsq_parts(result):
    solution, residuals, rank, singular_values = result
    return solution, residuals, rank * singular_values


SQUARE = regular(3, 3)
SIDES = normal(2, 3, 2)
spectral = draws(4)
REAL_SPECTRUM = np.diag([1.0, 2.5, -2.0]) + 0.3 * spectral(2, 3, 3)
COMPLEX_SPECTRUM = np.array([[0.3, -2.0, 0.4], [1.5, 0.1, 0.2], [0.3, 0.5, 3.0]])
TALL = normal(5, 2)
SIDE = normal(5)

NORMS = [
    (None, None, False, (2, 3, 2)), (None, None, True, (2, 3)), (None, None, False, ()), (None, 1, True, (2, 3)),
    (2, -1, False, (2, 3)), (1, 0, False, (2, 3)), (1, None, True, (4,)), (np.inf, None, False, (4,)),
    (np.inf, 1, True, (2, 3)), (-np.inf, (0,), False, (2, 3)), (0, 0, False, (2, 3)), (3, None, False, (4,)),
    (2.5, 1, True, (2, 3)), (-2, 0, False, (3, 2)), (0.5, 0, False, (3,)), ("fro", None, False, (2, 3)),
    ("fro", (0, 2), True, (2, 3, 2)), (None, (1, 0), False, (2, 3)), ("nuc", None, False, (2, 3)),
    ("nuc", (2, 0), True, (3, 2, 2)), (2, None, False, (2, 3)), (2, (0, 1), True, (2, 3, 2)),
    (-2, None, False, (3, 2)), (1, None, False, (2, 3)), (1, (2, 0), True, (2, 3, 4)), (-1, (0, 2), False, (2, 3, 4)),
    (np.inf, None, True, (2, 3)), (np.inf, (1, 0), False, (2, 3, 4)), (-np.inf, (-1, -2), True, (2, 3, 4)),
]  # fmt: skip

COMPLEX_NORMS = [
    (None, None), (2, 0), (1, 0), (np.inf, 1), (3, 0), ("fro", None), ("nuc", None), (2, None), (1, None),
    (np.inf, None),
]  # fmt: skip

SYSTEMS = [
    ((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3,)), ((2, 3, 3), (3, 2)), ((3, 3), (2, 3, 4)),
    ((2, 3, 3), (2, 3, 1)), ((2, 1, 3, 3), (4, 3, 2)), ((3, 3), (3, 0)),
]  # fmt: skip

LINALG = [
    *(
        case(
            f"norm {order} {axis} {keepdims}",
            lambda x, o=order, a=axis, k=keepdims: np.linalg.norm(x, o, a, k),
            normal(*shape),
        )
        for order, axis, keepdims, shape in NORMS
    ),
    *(
        case(
            f"complex norm {order} {axis}",
            of_complex(lambda z, o=order, a=axis: np.linalg.norm(z, o, a)),
            normal(3, 2),
            normal(3, 2),
        )
        for order, axis in COMPLEX_NORMS
    ),
    case("vector_norm", np.linalg.vector_norm, normal(2, 3)),
    case("vector_norm axes", lambda x: np.linalg.vector_norm(x, axis=(2, 0), ord=3, keepdims=True), normal(2, 3, 2)),
    case("vector_norm axis", lambda x: np.linalg.vector_norm(x, axis=-1, ord=1), normal(2, 3)),
    case("vector_norm of all", lambda x: np.linalg.vector_norm(x, keepdims=True, ord=np.inf), normal(2, 3)),
    case("matrix_norm", np.linalg.matrix_norm, normal(2, 3, 2)),
    case("matrix_norm nuc", lambda x: np.linalg.matrix_norm(x, keepdims=True, ord="nuc"), normal(2, 3, 2)),
    case("cond", np.linalg.cond, regular(2, 3, 3)),
    case("cond -2", lambda x: np.linalg.cond(x, -2), normal(3, 2)),
    case("cond 1", lambda x: np.linalg.cond(x, 1), regular(3, 3)),
    case("cond fro", lambda x: np.linalg.cond(x, "fro"), regular(2, 3, 3)),
    case("cond inf", lambda x: np.linalg.cond(x, np.inf), regular(3, 3)),
    case("inv", np.linalg.inv, regular(3, 3)),
    case("inv of a stack", np.linalg.inv, regular(2, 1, 3, 3)),
    case("inv of complex", of_complex(np.linalg.inv), regular(3, 3), normal(3, 3)),
    case("inv of 0 x 0", np.linalg.inv, normal(0, 0)),
    case("det", np.linalg.det, regular(3, 3)),
    case("det of a stack", np.linalg.det, regular(2, 3, 3)),
    case("det of complex", of_complex(np.linalg.det), regular(3, 3), normal(3, 3)),
    case("det of 1 x 1", np.linalg.det, normal(1, 1)),
    case("det of zero", np.linalg.det, np.zeros((1, 1))),
    case("det of a singular matrix", np.linalg.det, np.array([[1.0, 2, 3], [2, 4, 6], [1, 1, 5]])),
    case("det of a matrix of rank 1", np.linalg.det, np.array([[1.0, 2, 3], [2, 4, 6], [3, 6, 9]])),
    case("det of a partly singular stack", np.linalg.det, np.array([[[1.0, 2], [2, 4]], [[1, 2], [3, 4]]])),
    case("slogdet", lambda x: tuple(np.linalg.slogdet(x)), regular(3, 3)),
    case("slogdet, field", lambda x: np.linalg.slogdet(x).logabsdet, -regular(2, 3, 3)),
    case("slogdet of complex", of_complex(lambda z: tuple(np.linalg.slogdet(z))), regular(2, 3, 3), normal(2, 3, 3)),
    *(case(f"solve {a} {b}", np.linalg.solve, regular(*a), normal(*b)) for a, b in SYSTEMS),
    case("solve, matrix constant", lambda b: np.linalg.solve(SQUARE, b), normal(3)),
    case("solve, matrix of integers", lambda b: np.linalg.solve([[2, 1], [1, 3]], b), normal(2, 2)),
    case("solve, right side constant", lambda a: np.linalg.solve(a, SIDES), regular(3, 3)),
    case("solve complex", lambda x, y, b: np.linalg.solve(x + 1j * y, b), regular(3, 3), normal(3, 3), normal(3)),
    case("tensorsolve", np.linalg.tensorsolve, regular(6, 6).reshape(2, 3, 6), normal(2, 3)),
    case(
        "tensorsolve axes",
        lambda a, b: np.linalg.tensorsolve(a, b, axes=(0, 2)),
        regular(4, 4).reshape(4, 2, 2).transpose(1, 0, 2),
        normal(4),
    ),
    case("tensorinv", np.linalg.tensorinv, regular(6, 6).reshape(2, 3, 3, 2)),
    case("tensorinv ind", lambda a: np.linalg.tensorinv(a, ind=1), regular(4, 4).reshape(4, 2, 2)),
    case("pinv", np.linalg.pinv, normal(4, 2)),
    case("pinv of a wide stack", np.linalg.pinv, normal(2, 2, 4)),
    case("pinv of a square matrix", lambda a: np.linalg.pinv(a, rcond=1e-10), regular(3, 3)),
    case("pinv of constant rank", lambda x, y: np.linalg.pinv(x @ y, 1e-4), normal(4, 2), normal(2, 3)),
    case("pinv of complex", of_complex(lambda z: np.linalg.pinv(z, rtol=1e-10)), normal(4, 2), normal(4, 2)),
    case("lstsq", lambda a, b: lstsq_parts(np.linalg.lstsq(a, b)), normal(5, 2), normal(5)),
    case("lstsq, several sides", lambda a, b: lstsq_parts(np.linalg.lstsq(a, b, 1e-12)), normal(5, 2), normal(5, 3)),
    case("lstsq, wide", lambda a, b: lstsq_parts(np.linalg.lstsq(a, b)), normal(2, 4), normal(2)),
    case("lstsq, matrix constant", lambda b: lstsq_parts(np.linalg.lstsq(TALL, b)), normal(5)),
    case("lstsq, side constant", lambda a: lstsq_parts(np.linalg.lstsq(a, SIDE)), normal(5, 2)),
    case(
        "lstsq, complex",
        lambda x, y, b: lstsq_parts(np.linalg.lstsq(x + 1j * y, b)),
        normal(5, 2),
        normal(5, 2),
        normal(5),
    ),
    *(
        case(f"matrix_power {n}", lambda a, n=n: np.linalg.matrix_power(a, n), regular(2, 3, 3))
        for n in (0, 1, 2, 3, 4, 5, 6, 7, -1, -3)
    ),
    case("multi_dot", lambda *x: np.linalg.multi_dot(x), normal(2, 3), normal(3, 4), normal(4, 2), normal(2, 5)),
    case("multi_dot of 2", lambda *x: np.linalg.multi_dot(x), normal(2, 3), normal(3, 4)),
    case("multi_dot of 3", lambda *x: np.linalg.multi_dot(x), normal(2, 3), normal(3, 4), normal(4, 2)),
    case("multi_dot, vectors", lambda *x: np.linalg.multi_dot(x), normal(3), normal(3, 4), normal(4)),
    case("multi_dot, one vector", lambda *x: np.linalg.multi_dot(x), normal(3), normal(3, 4), normal(4, 2)),
    case("matrix_rank", lambda x: np.linalg.norm(x) * np.linalg.matrix_rank(x), normal(3, 2)),
    case("cholesky", np.linalg.cholesky, positive(3, 3)),
    case("cholesky upper", lambda a: np.linalg.cholesky(a, upper=True), positive(2, 3, 3)),
    case("cholesky of complex", of_complex(np.linalg.cholesky), positive(2, 3, 3), 0.1 * normal(2, 3, 3)),
    case(
        "cholesky upper of complex",
        of_complex(lambda z: np.linalg.cholesky(z, upper=True)),
        positive(3, 3),
        0.1 * normal(3, 3),
    ),
    case("qr", lambda a: tuple(np.linalg.qr(a)), normal(4, 2)),
    case("qr square", lambda a: tuple(np.linalg.qr(a, "complete")), normal(2, 3, 3)),
    case("qr wide", lambda a: tuple(np.linalg.qr(a)), normal(2, 4)),
    case("qr r", lambda a: np.linalg.qr(a, "r"), normal(2, 4, 3)),
    case("qr of complex", of_complex(lambda z: tuple(np.linalg.qr(z))), normal(4, 3), normal(4, 3)),
    case("qr of complex, square", of_complex(lambda z: tuple(np.linalg.qr(z))), normal(3, 3), normal(3, 3)),
    case("eigh", lambda a: tuple(np.linalg.eigh(a)), positive(3, 3)),
    case("eigh of a stack, upper", lambda a: tuple(np.linalg.eigh(a, "U")), positive(2, 3, 3)),
    case("eigh of complex", eigh_parts, positive(3, 3), normal(3, 3)),
    case("eigvalsh", np.linalg.eigvalsh, positive(2, 3, 3)),
    case("eigvalsh upper", lambda a: np.linalg.eigvalsh(a, "U"), positive(3, 3)),
    case("eigvalsh of complex", of_complex(np.linalg.eigvalsh), positive(3, 3), normal(3, 3)),
    case("eig", lambda a: tuple(np.linalg.eig(a)), REAL_SPECTRUM),
    case("eig, complex vectors", lambda a: tuple(np.linalg.eig(a)), COMPLEX_SPECTRUM),
    case("eig of complex", of_complex(lambda z: tuple(np.linalg.eig(z))), spectral(3, 3), spectral(3, 3)),
    case("eig, directions alone", lambda a: phase_free(np.linalg.eig(a)[1]), COMPLEX_SPECTRUM),
    case("eig, back to the matrix", rebuilt, COMPLEX_SPECTRUM),
    case("eigvals", np.linalg.eigvals, COMPLEX_SPECTRUM),
    case("eigvals of a real spectrum", np.linalg.eigvals, REAL_SPECTRUM),
    case("eigvals of complex", of_complex(np.linalg.eigvals), spectral(2, 3, 3), spectral(2, 3, 3)),
    case("svd", lambda a: tuple(np.linalg.svd(a)), regular(3, 3)),
    case("svd tall", lambda a: tuple(np.linalg.svd(a, full_matrices=False)), normal(2, 4, 2)),
    case("svd wide", lambda a: tuple(np.linalg.svd(a, full_matrices=False)), normal(2, 4)),
    case("svd values", lambda a: np.linalg.svd(a, compute_uv=False), normal(2, 4, 3)),
    case("svd of complex", svd_parts, normal(4, 2), normal(4, 2)),
    case("svd of complex, wide", svd_parts, normal(2, 3), normal(2, 3)),
    case("svdvals", np.linalg.svdvals, normal(3, 4)),
    case("svdvals of complex", of_complex(np.linalg.svdvals), normal(3, 4), normal(3, 4)),
]

TENSORDOTS = [
    ((2, 3, 4), (3, 4, 5), 2), ((2, 3), (4,), 0), ((2, 3), (3, 4), 1), ((2, 3, 4), (4, 3, 2), ([0, 1], [2, 1])),
    ((2, 3, 4), (5, 3), (1, 1)), ((2, 3), (2, 3), 2), ((2, 3, 4), (2, 4), ((-3, -1), (0, 1))),
]  # fmt: skip

EINSUMS = [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,jk", [(2, 3), (3, 4)]), ("ba,cb", [(2, 3), (4, 2)]), ("i,i", [(3,), (3,)]),
    ("ii", [(3, 3)]), ("ii->i", [(3, 3)]), ("ij->ji", [(2, 3)]), ("ij->", [(2, 3)]), ("i,j->ji", [(2,), (3,)]),
    ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]), ("...ij,...jk", [(2, 3), (5, 3, 4)]), ("i...->...", [(2, 3, 4)]),
    ("...,...", [(2, 3), (3,)]), ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]), (" i j , j -> i ", [(2, 3), (3,)]),
    ("bij,bjk->bk", [(2, 3, 4), (2, 4, 5)]), ("dA,Aa->ad", [(2, 3), (3, 4)]), ("j,", [(3,), ()]),
]  # fmt: skip

PRODUCTS = [
    *(
        case(f"tensordot {a} {b} {axes}", lambda x, y, axes=axes: np.tensordot(x, y, axes), normal(*a), normal(*b))
        for a, b, axes in TENSORDOTS
    ),
    *(
        case(f"einsum {subscripts}", lambda *x, s=subscripts: np.einsum(s, *x), *(normal(*shape) for shape in shapes))
        for subscripts, shapes in EINSUMS
    ),
    case(
        "einsum optimize",
        lambda *x: np.einsum("ij,jk,kl,l->i", *x, optimize=True),
        normal(2, 3),
        normal(3, 4),
        normal(4, 2),
        normal(2),
    ),
    case(
        "einsum optimize by name",
        lambda *x: np.einsum("ij,jk,kl->il", *x, optimize="greedy"),
        normal(2, 3),
        normal(3, 4),
        normal(4, 2),
    ),
    case(
        "einsum path",
        lambda *x: np.einsum("ij,jk,k->i", *x, optimize=np.einsum_path("ij,jk,k->i", *x)[0]),
        normal(2, 3),
        normal(3, 4),
        normal(4),
    ),
    case("einsum of lists", lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [2, 0]), normal(2, 3), normal(3, 4)),
    case("einsum of lists, implicit", lambda x, y: np.einsum(x, [3, 1], y, [1, 2]), normal(2, 3), normal(3, 4)),
    case(
        "einsum of lists, ellipsis",
        lambda x, y: np.einsum(x, [..., 1], y, [1, 2], [..., 2]),
        normal(5, 2, 3),
        normal(3, 4),
    ),
    case("einsum with a constant", lambda x: np.einsum("ij,jk->ik", [[1, 2], [3, 4]], x), normal(2, 3)),
    case("einsum of one array twice", lambda x: np.einsum("ij,kj->ik", x, x), normal(2, 3)),
    case(
        "einsum of complex",
        lambda x, y: np.einsum("ij,jk->ik", x + 1j * y, np.conj(x + y * y).T),
        normal(2, 3),
        normal(2, 3),
    ),
    case("kron", np.kron, normal(2, 3), normal(3, 2)),
    case("kron of vectors", np.kron, normal(2), normal(3)),
    case("kron of more axes", np.kron, normal(2), normal(2, 3, 2)),
    case("kron of fewer axes", np.kron, normal(2, 3, 2), normal(2, 2)),
    case("kron of a number", np.kron, normal(), normal(2, 2)),
    case("cross", np.cross, normal(3), normal(3)),
    case("cross of stacks", np.cross, normal(4, 3), normal(5, 1, 3)),
    case("cross axes", lambda x, y: np.cross(x, y, axisa=0, axisb=1, axisc=0), normal(3, 4), normal(4, 3)),
    case("cross axis", lambda x, y: np.cross(x, y, axis=0), normal(3, 4), normal(3, 4)),
    case("linalg.cross", lambda x, y: np.linalg.cross(x, y, axis=0), normal(3, 4), normal(3, 4)),
    case("linalg.outer", np.linalg.outer, normal(3), normal(4)),
    case("linalg.matmul", np.linalg.matmul, normal(5, 2, 3), normal(3, 4)),
    case("linalg.vecdot", lambda x, y: np.linalg.vecdot(x, y, axis=0), normal(3, 4), normal(3, 4)),
    case("vecdot", np.vecdot, normal(2, 3), normal(3)),
    case("vecdot of complex", lambda x, y: np.vecdot(x + 1j * y, np.exp(1j * x) + y), normal(2, 3), normal(2, 3)),
    case("linalg.trace", lambda x: np.linalg.trace(x, offset=1), normal(2, 3, 4)),
    case("linalg.diagonal", lambda x: np.linalg.diagonal(x, offset=-1), normal(2, 3, 4)),
    case("linalg.matrix_transpose", np.linalg.matrix_transpose, normal(2, 3, 4)),
    case("linalg.tensordot", lambda x, y: np.linalg.tensordot(x, y, axes=1), normal(2, 3), normal(3, 4)),
    case("trace", lambda x: np.trace(x, 1, 0, 2), normal(3, 2, 4)),
    case("vdot of complex", lambda x, y: np.vdot(x + 1j * y, np.exp(1j * x)), normal(2, 3), normal(2, 3)),
    case("dot of complex", lambda x, y: np.dot(x + 1j * y, np.exp(1j * x).T), normal(2, 3), normal(2, 3)),
    case("matmul of real and complex", lambda x, y: (x + 1j * y) @ x.T, normal(2, 3), normal(2, 3)),
    case("inner of complex", lambda x, y: np.inner(x + 1j * y, x), normal(2, 3), normal(2, 3)),
    case("outer of complex", lambda x, y: np.outer(x + 1j * y, y), normal(2), normal(2)),
    *(
        case(f"convolve {a} {b} {mode}", lambda x, y, mode=mode: np.convolve(x, y, mode), normal(a), normal(b))
        for a, b in [(5, 3), (3, 5), (6, 4), (4, 6), (1, 3), (4, 4)]
        for mode in ("full", "same", "valid")
    ),
    *(
        case(f"correlate {a} {b} {mode}", lambda x, y, mode=mode: np.correlate(x, y, mode), normal(a), normal(b))
        for a, b in [(5, 3), (3, 5), (6, 4), (4, 6), (1, 3), (4, 4), (5, 2), (2, 5)]
        for mode in ("full", "same", "valid")
    ),
    case("correlate by default", np.correlate, normal(5), normal(3)),
    case("convolve of a number", np.convolve, normal(), normal(3)),
    case("convolve with a constant", lambda x: np.convolve(x, [1, 2, 3], "same"), normal(5)),
    case(
        "correlate of complex", lambda x, y: np.correlate(x + 1j * x**2, np.exp(1j * y), "full"), normal(4), normal(3)
    ),
]

CURVES = [
    case("polyval", np.polyval, normal(4), normal(2, 3)),
    case("polyval at a number", lambda p: np.polyval(p, 2.0), normal(4)),
    case("polyval of constants", lambda x: np.polyval([1, 2, 3], x), normal(3)),
    case("polyadd", np.polyadd, normal(3), normal(5)),
    case("polyadd of a longer one", np.polyadd, normal(5), normal(3)),
    case("polysub", np.polysub, normal(3), normal(3)),
    case("polymul", np.polymul, normal(3), normal(4)),
    case("polyder", lambda p: np.polyder(p, 2), normal(5)),
    case("polyint", lambda p: np.polyint(p, 2, k=[1.0, 2.0]), normal(3)),
    case("polyint by default", np.polyint, normal(3)),
    case("polyint, constant", lambda x: np.polyint(x[:3], 2, k=x[3:]), normal(4)),
    case("poly", np.poly, normal(4)),
    case("vander", np.vander, normal(4)),
    case("vander increasing", lambda x: np.vander(x, 3, increasing=True), normal(4)),
    case("polyfit", lambda x, y: np.polyfit(x, y, 2), normal(7), normal(7)),
    case("polyfit of columns", lambda x, y: np.polyfit(x, y, 1), normal(5), normal(5, 2)),
    case("polyfit weighted", lambda y, w: np.polyfit([1, 2, 3, 4, 5], y, 1, w=w), normal(5), 1 + normal(5) ** 2),
    case("interp", np.interp, np.array([[0.3, 1.7], [2.2, 0.6]]), np.array([0.0, 1.0, 2.5]), normal(3)),
    case("interp beyond the ends", np.interp, np.array([-1.0, 0.5, 4.0]), np.array([0.0, 1.0, 2.5]), normal(3)),
    case(
        "interp with ends", lambda x: np.interp(x, [0.0, 1.0], [2.0, 3.0], x[0] ** 2, x[1]), np.array([-1.0, 0.5, 4.0])
    ),
    case("interp at a number", lambda x: np.interp(x, [0.0, 1.0, 2.0], [1.0, 4.0, 2.0]), np.array(1.25)),
    case("interp of one knot", lambda x, f: np.interp(x, [1.0], f), normal(3), normal(1)),
    case(
        "interp, period",
        lambda x, xp, fp: np.interp(x, xp, fp, period=3.0),
        np.array([-4.2, 0.4, 7.7]),
        np.array([2.5, 0.2, 4.1]),
        normal(3),
    ),
    case(
        "interp of complex", lambda x, y: np.interp(x, [0.0, 1.0, 2.0], y + 1j * y**2), np.array([0.4, 1.6]), normal(3)
    ),
    case("unwrap", lambda x: np.unwrap(5 * x), normal(6)),
    case("unwrap axis", lambda x: np.unwrap(3 * x, axis=0, period=2.0), normal(5, 2)),
    case("sinc", np.sinc, np.array([-2.3, -0.51, -0.49, -0.1, 0.0, 1e-5, 0.3, 1.0, 2.0])),
]

CASES = LINALG + PRODUCTS + CURVES
