import numpy as np


def result(p):
    ka, ke, V = p
    t = np.linspace(0, 36, 25)
    c = np.zeros_like(t)
    for td in (0, 12, 24):
        tau = t - td
        m = tau > 0
        c[m] += 100 * ka / (V * (ka - ke)) * (np.exp(-ke * tau[m]) - np.exp(-ka * tau[m]))
    auc = np.sum((c[1:] + c[:-1]) / 2 * np.diff(t))
    eff = np.piecewise(c, [c < 1.0, c >= 1.0], [lambda x: x**2, lambda x: 2 * x - 1])
    return auc + eff.mean() + c[c > 2].sum()


POINT = np.array([1.1, 0.2, 30.0])
