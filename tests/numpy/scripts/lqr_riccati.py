import numpy as np


def result(p):
    A = np.array([[1.0, 0.1], [p[0], 1.0]])
    B = np.array([[0.0], [0.1]])
    Q = np.diag([p[1], 1.0])
    R = np.array([[p[2]]])
    P = Q
    for _ in range(500):
        K = np.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)
        Pn = Q + A.T @ P @ (A - B @ K)
        if np.max(np.abs(Pn - P)) < 1e-13:
            P = Pn
            break
        P = Pn
    x = np.array([1.0, 0.0])
    J = 0.0
    for _ in range(20):
        u = -K @ x
        J += x @ Q @ x + R[0, 0] * u[0] ** 2
        x = A @ x + (B @ u)
    return J + P[0, 0]


POINT = np.array([0.2, 2.0, 0.5])
