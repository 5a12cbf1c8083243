import numpy as np

X = np.random.default_rng(31).normal(size=(5, 4))


def result(w):
    Wq, Wk, Wv = np.split(w.reshape(12, 4), 3, axis=0)
    q, k, v = X @ Wq, X @ Wk, X @ Wv
    q = q.reshape(5, 2, 2).transpose(1, 0, 2)
    k = k.reshape(5, 2, 2).transpose(1, 0, 2)
    v = v.reshape(5, 2, 2).swapaxes(0, 1)
    s = q @ np.swapaxes(k, -1, -2) / np.sqrt(2)
    mask = np.tril(np.ones((5, 5), dtype=bool))
    s = np.where(mask, s, -1e9)
    a = np.exp(s - np.max(s, axis=-1, keepdims=True))
    a = a / np.sum(a, axis=-1, keepdims=True)
    o = np.matmul(a, v).transpose(1, 0, 2).reshape(5, 4)
    mu = o.mean(-1, keepdims=True)
    var = o.var(-1, keepdims=True)
    return np.sum(((o - mu) / np.sqrt(var + 1e-5))[:, 0] ** 3)


POINT = np.random.default_rng(32).normal(size=48) * 0.5
