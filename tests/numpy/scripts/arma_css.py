import numpy as np

y = np.random.default_rng(15).normal(size=60).cumsum() * 0.3


def result(p):
    ar, ma = p[:2], p[2:4]
    e = np.zeros_like(y)
    for t in range(2, len(y)):
        e[t] = y[t] - ar[0] * y[t - 1] - ar[1] * y[t - 2] - np.dot(ma, e[t - 2 : t][::-1])
    sse = np.sum(e[2:] ** 2)
    n = len(y) - 2
    return n / 2 * np.log(sse / n)


POINT = np.array([0.5, 0.2, 0.3, -0.1])
