import numpy as np


def de_casteljau(pts, t):
    pts = np.asarray(pts, dtype=float).copy()
    n = len(pts)
    for r in range(1, n):
        for i in range(n - r):
            pts[i] = (1 - t) * pts[i] + t * pts[i + 1]
    return pts[0]


def result(p):
    ctrl = p.reshape(-1, 2)
    curve = np.array([de_casteljau(ctrl, t) for t in np.linspace(0, 1, 11)])
    seg = np.sqrt(np.sum(np.diff(curve, axis=0) ** 2, axis=1))
    return seg.sum()


POINT = np.array([0.0, 0, 1, 2, 3, 2.5, 4, 0.3])
