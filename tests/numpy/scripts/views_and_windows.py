import numpy as np


def result(x):
    y = np.zeros(8)
    even, odd = y[::2], y[1::2]
    even[:] = x
    odd += x[::-1] ** 2
    m = y.reshape(2, 4)
    m[0] *= 2
    col = m[:, 1]
    col -= y[0]
    z = y.view()
    z[2] *= 3
    w = y.T
    w[-1] = 5 * x[0]
    return (y * np.arange(8)).sum() + m.sum() ** 2


POINT = np.array([0.3, 0.8, 0.2, 0.5])
