import numpy as np

rng = np.random.default_rng(38)
P = rng.dirichlet(np.ones(4), size=(2, 4))


def result(r):
    R = r.reshape(2, 4)
    pi = np.zeros(4, dtype=int)
    for _ in range(20):
        Ppi = P[pi, np.arange(4)]
        rpi = R[pi, np.arange(4)]
        V = np.linalg.solve(np.eye(4) - 0.9 * Ppi, rpi)
        Q = R + 0.9 * np.einsum("aij,j->ai", P, V)
        new = Q.argmax(axis=0)
        if np.array_equal(new, pi):
            break
        pi = new
    return V @ np.array([0.1, 0.2, 0.3, 0.4])


POINT = np.array([0.1, 0.5, -0.3, 0.2, 0.4, 0.0, 0.3, -0.1])
