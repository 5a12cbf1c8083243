import numpy as np


def result(p):
    n = 6
    Q = np.diag([p[0]] * (n - 1), 1) + np.diag([p[1] * min(k, 2) for k in range(1, n)], -1)
    Q = Q - np.diag(np.sum(Q, axis=1))
    A = np.vstack([Q.T, np.ones(n)])
    b = np.append(np.zeros(n), 1)
    pi = np.linalg.lstsq(A, b, rcond=None)[0]
    return pi @ np.arange(n)


POINT = np.array([1.2, 0.9])
