import numpy as np
from scipy.special import ndtri
from scipy.stats import norm

u = np.random.default_rng(12).uniform(0.02, 0.98, size=(30, 3))


def result(r):
    R = np.eye(3)
    iu = np.triu_indices(3, 1)
    R[iu] = np.tanh(r)
    R = R + R.T - np.diag(np.diag(R))
    z = ndtri(u)
    Ri = np.linalg.inv(R)
    quad = np.einsum("ni,ij,nj->n", z, Ri - np.eye(3), z)
    return -0.5 * np.sum(quad) - 0.5 * len(u) * np.log(np.linalg.det(R)) + norm.pdf(0.0)


POINT = np.array([0.2, -0.1, 0.3])
