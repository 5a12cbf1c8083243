import numpy as np


def result(x):
    A = np.diag(x[:2])
    B = np.outer(x[:2], x[2:])
    M = np.block([[A, B], [B.T, np.eye(2) * 5]])
    S = M[2:, 2:] - M[2:, :2] @ np.linalg.inv(M[:2, :2]) @ M[:2, 2:]
    P = np.r_[x[0], np.linspace(0, 1, 3), x[1:3]]
    Q = np.c_[P, P**2]
    return np.linalg.det(S) + Q.sum(axis=0) @ np.array([1, 2]) + np.dstack((P, P)).sum()


POINT = np.array([1.0, 2.0, 0.3, 0.7])
