import numpy as np

W = np.random.default_rng(51).normal(size=(4, 4))


def result(x):
    buf = np.empty(4)
    tmp = np.empty(4)
    y = x.copy()
    for _ in range(3):
        np.dot(W, y, out=buf)
        np.tanh(buf, out=tmp)
        np.add(y, tmp, out=y)
        np.multiply(y, 0.5, y)
    np.maximum(y, 0.01, out=y)
    return np.einsum("i,i", y, y)


POINT = np.array([0.3, -0.4, 0.8, 0.1])
