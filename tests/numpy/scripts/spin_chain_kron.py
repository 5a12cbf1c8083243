import numpy as np

sx = np.array([[0, 1], [1, 0]])
sz = np.array([[1, 0], [0, -1]])
I2 = np.eye(2)


def op(o, i, n):
    out = np.array([[1.0]])
    for k in range(n):
        out = np.kron(out, o if k == i else I2)
    return out


def result(p):
    n = 3
    H = np.zeros((2**n, 2**n))
    for i in range(n - 1):
        H -= p[0] * op(sz, i, n) @ op(sz, i + 1, n)
    for i in range(n):
        H -= (p[1] + 0.1 * i) * op(sx, i, n)
    H -= p[2] * op(sz, 0, n)
    w = np.linalg.eigvalsh(H)
    Z = np.sum(np.exp(-w))
    return -np.log(Z) + w[0]


POINT = np.array([1.0, 0.6, 0.2])
