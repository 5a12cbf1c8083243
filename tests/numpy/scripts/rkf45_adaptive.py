import numpy as np


def result(p):
    f = lambda t, y: np.array([y[1], p[0] * (1 - y[0] ** 2) * y[1] - y[0]])
    t, tf, h, y = 0.0, 1.0, 0.1, np.array([p[1], 0.0])
    steps = 0
    while t < tf:
        if t + h > tf:
            h = tf - t
        k1 = f(t, y)
        k2 = f(t + h / 2, y + h / 2 * k1)
        k3 = f(t + 3 * h / 4, y + 3 * h / 4 * k2)
        ynew = y + h / 9 * (2 * k1 + 3 * k2 + 4 * k3)
        k4 = f(t + h, ynew)
        err = np.linalg.norm(h * (-5 / 72 * k1 + k2 / 12 + k3 / 9 - k4 / 8))
        if err < 1e-4:
            t += h
            y = ynew
        h = h * min(2.0, max(0.3, 0.9 * (1e-4 / (err + 1e-16)) ** (1 / 3)))
        steps += 1
    return y[0]


POINT = np.array([1.1, 1.7])
