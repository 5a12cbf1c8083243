import numpy as np

truth = np.array([[1 + 0.5 * k, 2 + 0.3 * k] for k in range(12)])
obs = np.c_[np.hypot(truth[:, 0], truth[:, 1]), np.arctan2(truth[:, 1], truth[:, 0])]
obs += 0.02 * np.random.default_rng(3).standard_normal(obs.shape)


def wrap(a):
    return (a + np.pi) % (2 * np.pi) - np.pi


def result(theta):
    qs, rr, rb = np.exp(theta[0]), np.exp(theta[1]), np.exp(theta[2])
    x = np.array([1.0, 2.0, 0.4, 0.2])
    P = np.diag([1.0, 1.0, 0.5, 0.5])
    F = np.eye(4)
    F[0, 2] = F[1, 3] = 1.0
    G = np.vstack((0.5 * np.eye(2), np.eye(2)))
    Q = qs * G @ G.T
    R = np.diag([rr, rb])
    nll = 0.0
    for z in obs:
        x = F @ x
        P = F @ P @ F.T + Q
        px, py = x[0], x[1]
        r = np.sqrt(px**2 + py**2)
        h = np.array([r, np.arctan2(py, px)])
        H = np.array([[px / r, py / r, 0, 0], [-py / r**2, px / r**2, 0, 0]])
        innov = z - h
        innov[1] = wrap(innov[1])
        S = H @ P @ H.T + R
        K = P @ H.T @ np.linalg.inv(S)
        x = x + K @ innov
        P = (np.eye(4) - K @ H) @ P
        nll += 0.5 * (innov @ np.linalg.solve(S, innov) + np.log(np.linalg.det(2 * np.pi * S)))
    return nll


POINT = np.array([-3.0, -5.0, -6.0])
