import numpy as np


def result(x):
    a = np.float64(x[0])
    b = np.float64(2.0)
    y = np.array([a, b, x[1]], dtype=np.float64)
    z = np.asarray([x[0], x[1]]).astype(np.float64)
    return y.sum() * z.prod()


POINT = np.array([0.5, 2.0])
