import numpy as np


def result(x):
    A = x.reshape(3, 2)
    d = np.zeros((3, 3))
    for i, a in enumerate(A):
        for j, b in enumerate(A):
            d[i, j] = np.linalg.norm(a - b + 0.1)
    tot = 0
    for row in d:
        tot += min(row) * max(row)
    for (i, j), v in np.ndenumerate(d):
        tot += v * (i + j)
    for v in np.nditer(d):
        tot = tot + v
    for k, (p, q) in enumerate(zip(*A.T)):
        tot -= k * p * q
    for c in A.T:
        tot += c.sum() ** 2
    return tot + d.ravel().tolist()[3]


POINT = np.random.default_rng(11).normal(size=6)
