import numpy as np


def result(x):
    A = np.zeros((3, 3))
    A[:] = x.reshape(3, 3)
    A[0], A[2] = A[2].copy(), A[0].copy()
    A[:, [0, 1]] = A[:, [1, 0]]
    A[1, :] -= A[0, :] * 0.5
    A[A < 0] = 0.1
    A[np.diag_indices(3)] += 1
    np.fill_diagonal(A, A.diagonal() * 2)
    A[1:, 1:] *= 2
    A[-1] /= A[-1].sum()
    return np.linalg.det(A) + A[1].dot(A[2])


POINT = np.random.default_rng(1).uniform(0.2, 1, 9)
