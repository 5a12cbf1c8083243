from math import comb

import numpy as np


def result(p):
    s, mu = p
    N = 6
    M = np.zeros((N + 1, N + 1))
    for i in range(N + 1):
        x = i / N
        xs = x * (1 + s) / (1 + s * x)
        xs = xs * (1 - mu) + (1 - xs) * mu
        for j in range(N + 1):
            M[i, j] = comb(N, j) * xs**j * (1 - xs) ** (N - j)
    d = np.zeros(N + 1)
    d[1] = 1
    d = d @ np.linalg.matrix_power(M, 8)
    return d @ np.arange(N + 1) / N + -np.sum(d * np.log(d))


POINT = np.array([0.1, 0.02])
