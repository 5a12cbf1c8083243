import numpy as np


def result(x):
    edges = np.linspace(-2, 2, 6)
    idx = np.digitize(x, edges)
    tot = 0.0
    for b in np.unique(idx):
        tot = tot + x[idx == b].mean() ** 2
    cnt = np.bincount(idx, minlength=7)
    agg = np.bincount(idx, weights=x, minlength=7)
    out = np.zeros(7)
    np.add.at(out, idx, x**2)
    return tot + (agg**2).sum() + (out * cnt).sum()


POINT = np.random.default_rng(53).normal(size=9)
