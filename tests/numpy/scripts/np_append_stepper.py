import numpy as np


def result(p):
    t = np.array([])
    y = np.array([])
    yi = p[0]
    for k in range(10):
        t = np.append(t, k * 0.1)
        y = np.append(y, yi)
        yi = yi + 0.1 * (-p[1] * yi + np.sin(k * 0.1))
    y = np.insert(y, 0, p[0] * 2)
    y = np.delete(y, [1])
    return np.max(y) + y[-1] * len(y) + np.argmin(y)


POINT = np.array([1.0, 0.8])
