import numpy as np

r = 0.01 * np.random.default_rng(14).standard_t(5, size=100)


def garch_filter(params, returns):
    omega, alpha, beta = params
    sigma2 = np.zeros(len(returns))
    sigma2[0] = np.var(returns)
    for t in range(1, len(returns)):
        sigma2[t] = omega + alpha * returns[t - 1] ** 2 + beta * sigma2[t - 1]
    return sigma2


def result(p):
    if np.any(p < 0) or p[1] + p[2] >= 1:
        return np.inf
    s2 = garch_filter([p[0] * 1e-4, p[1], p[2]], r)
    return 0.5 * np.sum(np.log(2 * np.pi) + np.log(s2) + r**2 / s2)


POINT = np.array([0.05, 0.1, 0.8])
