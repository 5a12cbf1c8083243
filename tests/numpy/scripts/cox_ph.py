import numpy as np

rng = np.random.default_rng(39)
X = rng.normal(size=(15, 2))
T = rng.exponential(size=15)
E = rng.random(15) < 0.7


def result(b):
    order = np.argsort(-T)
    eta = X[order] @ b
    lse = np.logaddexp.accumulate(eta)
    return -np.sum((eta - lse)[E[order]])


POINT = np.array([0.3, -0.2])
