import numpy as np

obs = np.array([0, 1, 1, 2, 0, 2, 2, 1, 0, 0])


def softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def result(x):
    A = softmax(x[:4].reshape(2, 2))
    B = softmax(x[4:10].reshape(2, 3))
    pi = softmax(x[10:])
    alpha = np.zeros((len(obs), 2))
    c = np.zeros(len(obs))
    alpha[0] = pi * B[:, obs[0]]
    c[0] = alpha[0].sum()
    alpha[0] /= c[0]
    for t in range(1, len(obs)):
        for j in range(2):
            alpha[t, j] = np.sum(alpha[t - 1] * A[:, j]) * B[j, obs[t]]
        c[t] = alpha[t].sum()
        alpha[t] /= c[t]
    return np.log(c).sum()


POINT = np.random.default_rng(4).normal(size=12)
