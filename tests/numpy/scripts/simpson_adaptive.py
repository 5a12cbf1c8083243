import numpy as np


def adapt(f, a, b, tol):
    c = (a + b) / 2
    S = lambda a, b: (b - a) / 6 * (f(a) + 4 * f((a + b) / 2) + f(b))
    whole, l, r = S(a, b), S(a, c), S(c, b)
    if abs(l + r - whole) < 15 * tol:
        return l + r + (l + r - whole) / 15
    return adapt(f, a, c, tol / 2) + adapt(f, c, b, tol / 2)


def result(p):
    return adapt(lambda x: np.sqrt(x + p[0] ** 2) * np.cos(p[1] * x), 0.0, p[2], 1e-4)


POINT = np.array([0.6, 1.3, 1.9])
