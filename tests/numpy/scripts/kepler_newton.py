import numpy as np


def kepler_E(M, e, tol=1e-13):
    E = M if e < 0.8 else np.pi
    while True:
        dE = (E - e * np.sin(E) - M) / (1 - e * np.cos(E))
        E -= dE
        if abs(dE) < tol:
            break
    return E


def result(el):
    a, e, inc, Om, w, M = el
    E = kepler_E(M, e)
    nu = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(E / 2), np.sqrt(1 - e) * np.cos(E / 2))
    r = a * (1 - e * np.cos(E))
    x_orb = np.array([r * np.cos(nu), r * np.sin(nu), 0])
    R3 = lambda t: np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    R1 = lambda t: np.array([[1, 0, 0], [0, np.cos(t), -np.sin(t)], [0, np.sin(t), np.cos(t)]])
    return R3(Om) @ R1(inc) @ R3(w) @ x_orb


POINT = np.array([1.5, 0.2, 0.3, 0.8, 1.1, 2.0])
