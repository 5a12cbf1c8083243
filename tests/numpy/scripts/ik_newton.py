import numpy as np

L1, L2 = 1.0, 0.8


def result(target):
    q = np.array([0.3, 0.6])
    for i in range(100):
        x = L1 * np.cos(q[0]) + L2 * np.cos(q[0] + q[1])
        y = L1 * np.sin(q[0]) + L2 * np.sin(q[0] + q[1])
        err = target - np.array([x, y])
        if np.linalg.norm(err) < 1e-13:
            break
        J = np.array(
            [
                [-L1 * np.sin(q[0]) - L2 * np.sin(q.sum()), -L2 * np.sin(q.sum())],
                [L1 * np.cos(q[0]) + L2 * np.cos(q.sum()), L2 * np.cos(q.sum())],
            ]
        )
        dq = np.linalg.pinv(J).dot(err)
        q += dq
    return q


POINT = np.array([1.1, 0.9])
