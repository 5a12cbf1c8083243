import numpy as np

y = np.sin(np.linspace(0, 3, 25)) + 0.1 * np.random.default_rng(5).normal(size=25)


def result(p):
    n = y.size
    A = np.array([[1.0, 0.1], [0.0, 1.0]])
    Q = np.exp(p[0]) * np.array([[0.1**3 / 3, 0.1**2 / 2], [0.1**2 / 2, 0.1]])
    R = np.exp(p[1])
    C = np.array([1.0, 0.0])
    ms = np.empty((n, 2))
    Ps = np.empty((n, 2, 2))
    mp = np.empty_like(ms)
    Pp = np.empty_like(Ps)
    m, P = np.zeros(2), np.eye(2)
    for t in range(n):
        mp[t] = A @ m
        Pp[t] = A @ P @ A.T + Q
        s = C @ Pp[t] @ C + R
        k = Pp[t] @ C / s
        m = mp[t] + k * (y[t] - C @ mp[t])
        P = Pp[t] - np.outer(k, k) * s
        ms[t], Ps[t] = m, P
    for t in reversed(range(n - 1)):
        G = np.linalg.solve(Pp[t + 1], A @ Ps[t]).T
        ms[t] += G @ (ms[t + 1] - mp[t + 1])
        Ps[t] += G @ (Ps[t + 1] - Pp[t + 1]) @ G.T
    return np.sum((ms[:, 0] - y) ** 2) + np.sum(np.sqrt(Ps[:, 0, 0]))


POINT = np.array([0.5, -2.0])
