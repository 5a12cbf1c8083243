import numpy as np

data = np.array([0.3, 1.2, -0.5, 2.0, 1.7, 0.1])


def lse(a, axis=None):
    m = np.amax(a, axis=axis, keepdims=True)
    return np.squeeze(m, axis=axis) + np.log(np.sum(np.exp(a - m), axis=axis))


def result(p):
    mu = p[0:3]
    logA = p[3:12].reshape((3, 3))
    logA = logA - lse(logA, axis=1)[:, None]
    T, K = data.shape[0], 3
    logB = -0.5 * (data[:, np.newaxis] - mu[np.newaxis, :]) ** 2 - 0.5 * np.log(2 * np.pi)
    la = np.full((T, K), -np.inf)
    lb = np.zeros((T, K))
    la[0, :] = np.log(1.0 / K) + logB[0, :]
    for t in range(1, T):
        la[t] = lse(la[t - 1][:, None] + logA, axis=0) + logB[t]
    for t in range(T - 2, -1, -1):
        lb[t] = lse(logA + logB[t + 1] + lb[t + 1], axis=1)
    gamma = np.exp(la + lb - lse(la[-1]))
    assert np.allclose(gamma.sum(axis=1), 1.0)
    return (gamma * np.arange(K)).sum() + lse(la[-1])


POINT = np.random.default_rng(6).normal(size=12)
