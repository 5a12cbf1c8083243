import numpy as np

pi = np.array([0.3, 0.2, 0.25, 0.25])
s = np.sqrt(pi)


def result(p):
    k = np.exp(p[0])
    R = np.array([[0, 1, k, 1], [1, 0, 1, k * 1.1], [k, 1, 0, 1.2], [1, k * 1.1, 1.2, 0]])
    Q = R * pi[None, :]
    Q = Q - np.diag(Q.sum(1))
    S = np.diag(s) @ Q @ np.diag(1 / s)
    lam, U = np.linalg.eigh((S + S.T) / 2)

    def Pt(t):
        return np.diag(1 / s) @ U @ np.diag(np.exp(lam * t)) @ U.T @ np.diag(s)

    tips = {"A": [1, 0, 0, 0], "B": [0, 0, 1, 0]}
    part = np.prod([Pt(np.exp(p[i])) @ np.array(v) for i, v in zip((1, 2), tips.values())], axis=0)
    return np.log(pi @ part)


POINT = np.array([0.5, -1.0, -1.2])
