import numpy as np


def result(p):
    c, s = p
    N = 40
    dx = 0.05
    dt = 0.03
    xs = np.arange(N) * dx
    u = np.exp(-((xs - 1.0) ** 2) / (2 * s**2))
    u_prev = u.copy()
    u_next = np.zeros(N)
    for k in range(15):
        u_next[1:-1] = 2 * u[1:-1] - u_prev[1:-1] + (c * dt / dx) ** 2 * (u[2:] - 2 * u[1:-1] + u[:-2])
        u_next[0] = u_next[-1] = 0
        u_prev, u, u_next = u, u_next, u_prev
    return np.dot(u, xs)


POINT = np.array([1.1, 0.2])
