import numpy as np


def rates(V):
    am = 0.1 * (V + 40) / (1 - np.exp(-(V + 40) / 10))
    bm = 4 * np.exp(-(V + 65) / 18)
    ah = 0.07 * np.exp(-(V + 65) / 20)
    bh = 1 / (1 + np.exp(-(V + 35) / 10))
    an = 0.01 * (V + 55) / (1 - np.exp(-(V + 55) / 10))
    bn = 0.125 * np.exp(-(V + 65) / 80)
    return am, bm, ah, bh, an, bn


def result(g):
    gNa, gK, gL, I = g
    V = -64.5
    m, h, n = 0.05, 0.6, 0.32
    Vs = np.zeros(40)
    for i in range(40):
        am, bm, ah, bh, an, bn = rates(V)
        INa = gNa * m**3 * h * (V - 50)
        IK = gK * n**4 * (V + 77)
        IL = gL * (V + 54.4)
        V += 0.02 * (I - INa - IK - IL)
        m += 0.02 * (am * (1 - m) - bm * m)
        h += 0.02 * (ah * (1 - h) - bh * h)
        n += 0.02 * (an * (1 - n) - bn * n)
        Vs[i] = V
    return Vs.max() + np.mean(Vs)


POINT = np.array([120.0, 36.0, 0.3, 10.0])
