import numpy as np


def solve(A, b):
    n = len(b)
    M = np.hstack([A.astype(float), b.reshape(-1, 1).astype(float)])
    for k in range(n):
        piv = k + np.argmax(np.abs(M[k:, k]))
        if piv != k:
            M[[k, piv]] = M[[piv, k]]
        for i in range(k + 1, n):
            f = M[i, k] / M[k, k]
            M[i, k:] -= f * M[k, k:]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (M[i, -1] - M[i, i + 1 : n] @ x[i + 1 :]) / M[i, i]
    return x


def result(p):
    A = p[:9].reshape(3, 3)
    return solve(A, p[9:])[1]


POINT = np.random.default_rng(48).normal(size=12)
