import numpy as np


def f(T):
    scalar = np.isscalar(T) or np.ndim(T) == 0
    T = np.atleast_1d(np.asarray(T, dtype=float))
    out = np.empty(T.shape)
    hot = T > 300
    out[hot] = 1.5 * T[hot] ** 0.7
    out[~hot] = 2 * T[~hot] ** 0.65
    return out[0] if scalar else out


def result(x):
    return f(x[0]) + np.sum(f(x[1:])) + f(x)[-1]


POINT = np.array([310.0, 250.0, 280.0, 350.0])
