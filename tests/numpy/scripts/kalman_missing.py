import numpy as np

y = np.random.default_rng(7).normal(size=(20, 2))
y[3, 0] = np.nan
y[7] = np.nan
y[15, 1] = np.nan


def result(p):
    phi = np.tanh(p[:2])
    F = np.diag(phi)
    Q = np.array([[1.0, p[2]], [p[2], 1.0]]) * 0.5
    R = np.eye(2) * np.exp(p[3])
    a = np.zeros(2)
    P = np.eye(2)
    ll = 0
    for t in range(y.shape[0]):
        a = F @ a
        P = F @ P @ F.T + Q
        mask = ~np.isnan(y[t])
        if not mask.any():
            continue
        Z = np.eye(2)[mask]
        v = y[t][mask] - Z @ a
        S = Z @ P @ Z.T + R[np.ix_(mask, mask)]
        Si = np.linalg.inv(S)
        K = P @ Z.T @ Si
        a = a + K.dot(v)
        P = P - K @ Z @ P
        ll -= 0.5 * (np.log(np.linalg.det(S)) + v.dot(Si).dot(v) + mask.sum() * np.log(2 * np.pi))
    return ll


POINT = np.array([0.3, 0.5, 0.2, -0.4])
