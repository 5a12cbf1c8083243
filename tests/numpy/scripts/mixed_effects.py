import numpy as np

rng = np.random.default_rng(40)
groups = np.repeat(np.arange(4), 5)
x = rng.normal(size=20)
y = 1 + 2 * x + rng.normal(size=4)[groups]
Z = (groups[:, None] == np.arange(4)).astype(float)
X = np.c_[np.ones(20), x]


def result(p):
    s2, t2 = np.exp(p)
    V = s2 * np.eye(20) + t2 * Z @ Z.T
    Vi = np.linalg.inv(V)
    beta = np.linalg.solve(X.T @ Vi @ X, X.T @ Vi @ y)
    r = y - X @ beta
    return -0.5 * (np.linalg.slogdet(V)[1] + r @ Vi @ r + np.linalg.slogdet(X.T @ Vi @ X)[1])


POINT = np.array([-0.5, 0.2])
