import numpy as np


def result(x):
    a = np.zeros(3, dtype=np.float64)
    b = np.empty((3,), float)
    c = np.ones_like(x, dtype=float)
    d = np.full(3, 2.0, dtype=np.double)
    e = np.array(x, dtype=np.float64, copy=True)
    f = np.asarray(x, float)
    g = np.zeros(x.shape, x.dtype)
    h = np.full_like(x, 0.5)
    k = np.empty_like(f)
    l = np.zeros((3, 1)) + x[:, None]
    a[:] = x
    b[...] = a * 2
    c *= f
    d -= e
    g[1:] = h[1:] * x[0]
    k.fill(x[1])
    m = np.linspace(0, x[2], 4)
    n = np.arange(0.0, 1.0, 0.3) * x[0]
    o = np.geomspace(0.1, x[0], 3)
    q = np.logspace(-1, x[0], 3)
    return (
        a.sum()
        + b.sum()
        + c.sum()
        + d.sum()
        + g.sum()
        + k.sum()
        + l.sum()
        + m @ n
        + o.sum()
        + q.prod()
        + e.astype(np.float64)[0]
        + np.sum(x, dtype=np.float64)
        + e.astype("float64")[1]
        + np.asarray_chkfinite(x)[0]
    )


POINT = np.array([0.3, 0.8, 0.2])
