import numpy as np

DH = [(0.0, np.pi / 2, 0.4), (0.5, 0.0, 0.0), (0.3, 0.0, 0.1), (0.0, np.pi / 2, 0.2)]


def dh(theta, a, alpha, d):
    ct, st, ca, sa = np.cos(theta), np.sin(theta), np.cos(alpha), np.sin(alpha)
    return np.array([[ct, -st * ca, st * sa, a * ct], [st, ct * ca, -ct * sa, a * st], [0, sa, ca, d], [0, 0, 0, 1]])


def fk(q):
    T = np.eye(4)
    for qi, (a, al, d) in zip(q, DH):
        T = T @ dh(qi, a, al, d)
    return T


def result(q):
    T = fk(q)
    return np.hstack([T[:3, 3], np.arctan2(T[1, 0], T[0, 0])])


POINT = np.array([0.1, 0.5, -0.7, 0.9])
