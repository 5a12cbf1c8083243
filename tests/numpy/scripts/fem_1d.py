import numpy as np


def result(k):
    n = len(k)
    h = 1.0 / n
    K = np.zeros((n + 1, n + 1))
    F = np.zeros(n + 1)
    for e in range(n):
        ke = k[e] / h * np.array([[1, -1], [-1, 1]])
        fe = h / 2 * np.array([1, 1])
        for a in range(2):
            F[e + a] += fe[a]
            for b in range(2):
                K[e + a, e + b] += ke[a, b]
    K[0, :] = 0
    K[0, 0] = 1
    F[0] = 0
    u = np.linalg.solve(K, F)
    return u[-1]


POINT = np.array([1.0, 2.0, 1.5, 0.7])
