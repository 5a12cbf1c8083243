import numpy as np

rng = np.random.default_rng(11)
X = rng.uniform(-2, 2, (12, 3))
Y = X[:, 0] ** 2 - X[:, 1]
Xs = rng.uniform(-2, 2, (4, 3))


def kernel(A, B, params):
    diff = (A[:, None, :] - B[None, :, :]) / params["ls"]
    return params["amp"] * np.exp(-0.5 * (diff**2).sum(-1))


def result(x):
    params = {"ls": np.exp(x[:3]), "amp": np.exp(x[3]), "noise": 0.1}
    K = kernel(X, X, params) + params["noise"] * np.identity(len(X))
    Ks = kernel(Xs, X, params)
    mu = Ks @ np.linalg.inv(K) @ Y
    cov = kernel(Xs, Xs, params) - Ks @ np.linalg.solve(K, Ks.T)
    std = np.sqrt(np.diag(cov))
    return float_free(mu, std)


def float_free(mu, std):
    return (mu**2).mean() + std.mean()


POINT = np.array([0.1, 0.4, 0.8, 0.2])
