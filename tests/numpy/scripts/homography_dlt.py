import numpy as np

src = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0.4, 0.6]])


def result(d):
    dst = src + d.reshape(5, 2)
    A = []
    for (x, y), (u, v) in zip(src, dst):
        A.append([-x, -y, -1, 0, 0, 0, u * x, u * y, u])
        A.append([0, 0, 0, -x, -y, -1, v * x, v * y, v])
    A = np.array(A)
    _, _, Vt = np.linalg.svd(A, full_matrices=False)
    H = Vt[-1].reshape(3, 3)
    H = H / H[2, 2]
    q = H @ np.array([0.5, 0.5, 1.0])
    return q[0] / q[2] + H[2, 0]


POINT = 0.1 * np.random.default_rng(22).normal(size=10)
