from dataclasses import dataclass

import numpy as np


@dataclass
class Params:
    alpha: float = 0.5
    beta: float = 2.0
    kappa: float = 1.0


def sigma_points(m, P, prm):
    n = len(m)
    lam = prm.alpha**2 * (n + prm.kappa) - n
    L = np.linalg.cholesky((n + lam) * P)
    pts = np.zeros((2 * n + 1, n))
    pts[0] = m
    for i in range(n):
        pts[i + 1] = m + L[:, i]
        pts[n + i + 1] = m - L[:, i]
    Wm = np.full(2 * n + 1, 0.5 / (n + lam))
    Wc = Wm.copy()
    Wm[0] = lam / (n + lam)
    Wc[0] = Wm[0] + 1 - prm.alpha**2 + prm.beta
    return pts, Wm, Wc


def result(x):
    m = np.array([x[0], x[1]])
    P = np.array([[x[2] ** 2 + 0.2, 0.1], [0.1, x[3] ** 2 + 0.3]])
    for k in range(3):
        X, Wm, Wc = sigma_points(m, P, Params())
        Y = np.array([[p[0] + 0.1 * np.sin(p[1]), p[1] * np.exp(-0.1 * p[0])] for p in X])
        m = np.dot(Wm, Y)
        P = np.zeros((2, 2))
        for w, yv in zip(Wc, Y):
            d = yv - m
            P += w * np.outer(d, d)
        P = P + 0.01 * np.eye(2)
    return np.trace(P) + m.sum()


POINT = np.array([0.4, -0.3, 0.7, 0.9])
