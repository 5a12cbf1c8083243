import numpy as np

a = np.sin(np.linspace(0, 3, 6))


def softmin(vals, g):
    v = np.array(vals) / -g
    m = v.max()
    return -g * (m + np.log(np.sum(np.exp(v - m))))


def result(b):
    n, m = len(a), len(b)
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            D[i, j] = (a[i - 1] - b[j - 1]) ** 2 + softmin([D[i - 1, j], D[i, j - 1], D[i - 1, j - 1]], 0.5)
    return D[n, m]


POINT = np.array([0.1, 0.5, 0.9, 0.4, 0.2])
