import numpy as np


def integrate(slope, lam, n=15):
    y = np.array([1.0, slope])
    h = 1.0 / n
    f = lambda y: np.array([y[1], lam * y[0] ** 2])
    for _ in range(n):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y[0]


def result(p):
    lam, target = p
    s0, s1 = -1.0, -0.5
    f0 = integrate(s0, lam) - target
    for i in range(30):
        f1 = integrate(s1, lam) - target
        if abs(f1) < 1e-14 or abs(f1 - f0) < 1e-15:
            break
        s0, s1, f0 = s1, s1 - f1 * (s1 - s0) / (f1 - f0), f1
    return s1


POINT = np.array([1.5, 0.8])
