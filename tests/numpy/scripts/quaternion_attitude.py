import numpy as np


def qmul(a, b):
    w1, x1, y1, z1 = a
    w2, x2, y2, z2 = b
    return np.array(
        [
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
        ],
        dtype=float,
    )


def q2R(q):
    q = q / np.linalg.norm(q)
    w, x, y, z = q
    return np.array(
        [
            [1 - 2 * (y**2 + z**2), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x**2 + z**2), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x**2 + y**2)],
        ]
    )


def result(p):
    q = np.array([1.0, 0.0, 0.0, 0.0])
    I = np.diag([1.0, 2.0, 3.0])
    Iinv = np.linalg.inv(I)
    w = p[:3].copy()
    for i in range(20):
        wdot = Iinv @ (p[3:] - np.cross(w, I @ w))
        w = w + 0.05 * wdot
        q = q + 0.5 * 0.05 * qmul(q, np.concatenate([[0.0], w]))
        q /= np.sqrt(np.sum(q**2))
    R = q2R(q)
    return R[0, 1] + np.trace(R)


POINT = np.array([0.3, -0.2, 0.5, 0.1, 0.05, -0.1])
