import numpy as np


def result(K):
    K1, K2, c0 = K[0], K[1], K[2]
    x = np.array([0.5, 0.1])
    it = 0
    while it < 50:
        F = np.array([x[0] ** 2 - K1 * (c0 - x[0] - x[1]), x[0] * x[1] - K2 * (1 - x[1])])
        J = np.array([[2 * x[0] + K1, K1], [x[1], x[0] + K2]])
        dx = np.linalg.solve(J, -F)
        x = x + dx
        it += 1
        if np.linalg.norm(dx, np.inf) < 1e-14:
            break
    else:
        raise RuntimeError("no convergence")
    return -np.log10(x[0]) + x[1]


POINT = np.array([0.5, 0.3, 2.0])
