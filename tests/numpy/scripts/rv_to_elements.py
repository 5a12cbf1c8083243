import numpy as np

mu = 398600.4418


def result(s):
    r, v = s[:3] * 1000, s[3:]
    h = np.cross(r, v)
    n = np.cross([0, 0, 1], h)
    rmag = np.linalg.norm(r)
    vmag = np.linalg.norm(v)
    evec = ((vmag**2 - mu / rmag) * r - np.dot(r, v) * v) / mu
    e = np.linalg.norm(evec)
    a = 1 / (2 / rmag - vmag**2 / mu)
    i = np.arccos(h[2] / np.linalg.norm(h))
    RAAN = np.arccos(n[0] / np.linalg.norm(n))
    if n[1] < 0:
        RAAN = 2 * np.pi - RAAN
    argp = np.arccos(np.dot(n, evec) / (np.linalg.norm(n) * e))
    if evec[2] < 0:
        argp = 2 * np.pi - argp
    return np.array([a / 1000, e, i, RAAN, argp])


POINT = np.array([6.524, 6.862, 6.448, 4.901, 5.533, -1.976])
