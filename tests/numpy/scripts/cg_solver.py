import numpy as np


def result(p):
    n = 6
    A = np.diag(p[:n] + 3) + np.diag(np.full(n - 1, -1.0), 1) + np.diag(np.full(n - 1, -1.0), -1)
    b = np.ones(n)
    b[2] = p[-1]
    x = np.zeros(n)
    r = b - A @ x
    d = r.copy()
    rs = r @ r
    for i in range(n):
        Ad = A @ d
        al = rs / (d @ Ad)
        x += al * d
        r -= al * Ad
        rs_new = r @ r
        if np.sqrt(rs_new) < 1e-12:
            break
        d = r + (rs_new / rs) * d
        rs = rs_new
    return x.sum()


POINT = np.array([0.1, 0.5, 0.9, 0.3, 0.7, 0.2, 2.0])
