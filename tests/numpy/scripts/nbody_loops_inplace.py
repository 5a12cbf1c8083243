import numpy as np

m = np.array([1.0, 0.5, 0.3])
F = np.zeros((3, 2))


def forces(r, F):
    F[:] = 0
    for i in range(3):
        for j in range(i + 1, 3):
            d = r[j] - r[i]
            f = m[i] * m[j] * d / (d @ d + 0.01) ** 1.5
            F[i] += f
            F[j] -= f
    return F


def result(z):
    r = z[:6].reshape(3, 2).copy()
    v = z[6:].reshape(3, 2).copy()
    ws = np.zeros((3, 2))
    for k in range(8):
        v += 0.05 * forces(r, ws) / m[:, None]
        r += 0.05 * v
    return np.sum(r**2) + np.abs(v).max()


POINT = np.random.default_rng(19).normal(size=12)
