import numpy as np

D = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))


def result(p):
    K = np.exp(-D)
    K += p[0] * np.eye(4)
    K[0, 0] += p[1]
    M = D @ D
    M += p[0]
    M[1, 2] = p[1]
    r = np.arange(4.0) / 3
    r -= p[1] * np.ones(4)
    s = D.sum(axis=0)
    s /= p[0]
    return np.linalg.slogdet(K)[1] + M.sum() + r @ r + s @ r


POINT = np.array([0.3, 0.8])
