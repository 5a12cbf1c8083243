import numpy as np

ANT = {"benzene": (6.90565, 1211.033, 220.79), "toluene": (6.95464, 1344.8, 219.482)}


def psat(T, comp):
    A, B, C = ANT[comp]
    return 10 ** (A - B / (C + T))


def result(p):
    x1, P = p[0], p[1]
    x = [x1, 1 - x1]
    T = 95.0
    for k in range(40):
        Ptot = sum(xi * psat(T, c) for xi, c in zip(x, ANT))
        dP = sum(xi * psat(T, c) * np.log(10) * ANT[c][1] / (ANT[c][2] + T) ** 2 for xi, c in zip(x, ANT))
        dT = (P - Ptot) / dP
        T += dT
        if abs(dT) < 1e-12:
            break
    y = np.array([xi * psat(T, c) / P for xi, c in zip(x, ANT)])
    return T + y[0]


POINT = np.array([0.4, 760.0])
