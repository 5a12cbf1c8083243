import numpy as np


def result(rates):
    dfs = []
    for i, s in enumerate(rates):
        annuity = sum(dfs)
        dfs.append((1 - s * annuity) / (1 + s))
    dfs = np.array(dfs)
    t = np.arange(1, len(rates) + 1)
    zero = -np.log(dfs) / t
    fwd = np.append(zero[0], np.diff(zero * t))
    y25 = np.interp(2.5, t, zero)
    return y25 * 10 + np.prod(1 + fwd)


POINT = np.array([0.01, 0.015, 0.02, 0.023, 0.025])
