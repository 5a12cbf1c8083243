import numpy as np

f = np.logspace(1, 5, 30)


def result(x):
    R, L, C = 10**x
    w = 2 * np.pi * f
    ZL = 1j * w * L
    ZC = 1 / (1j * w * C)
    H = ZC / (R + ZL + ZC)
    db = 20 * np.log10(np.abs(H))
    ph = np.unwrap(np.angle(H))
    return np.trapezoid(db, np.log10(f)) + ph[-1]


POINT = np.array([1.5, -2.0, -6.0])
