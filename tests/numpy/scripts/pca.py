import numpy as np

X = np.random.default_rng(28).normal(size=(20, 4)) * np.array([3, 2, 1, 0.5])


def result(w):
    Xw = X * w
    Xc = Xw - Xw.mean(0)
    C = np.cov(Xc, rowvar=False)
    vals, vecs = np.linalg.eigh(C)
    idx = np.argsort(vals)[::-1]
    vals, vecs = vals[idx], vecs[:, idx]
    scores = Xc @ vecs[:, :2]
    return vals[:2].sum() / vals.sum() + np.abs(scores).mean()


POINT = np.array([1.0, 1.2, 0.8, 1.1])
