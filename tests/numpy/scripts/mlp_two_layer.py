import numpy as np

rng = np.random.default_rng(30)
X = rng.normal(size=(10, 3))
y = rng.integers(0, 3, 10)


def unpack(p):
    shapes = [(3, 5), (5,), (5, 3), (3,)]
    i = 0
    for s in shapes:
        n = int(np.prod(s))
        yield p[i : i + n].reshape(s)
        i += n


def result(p):
    W1, b1, W2, b2 = unpack(p)
    h = np.tanh(X @ W1 + b1)
    logits = h @ W2 + b2
    logits -= logits.max(axis=1, keepdims=True)
    logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    loss = -logp[np.arange(len(y)), y].mean()
    return loss + 1e-3 * sum(np.sum(w**2) for w in (W1, W2))


POINT = rng.normal(size=38) * 0.5
