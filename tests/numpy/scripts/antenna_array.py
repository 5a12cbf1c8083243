import numpy as np

theta = np.linspace(-np.pi / 2, np.pi / 2, 61)
pos = np.arange(6) * 0.5


def result(ph):
    w = np.exp(1j * ph)
    AF = np.array([np.vdot(w, np.exp(2j * np.pi * pos * np.sin(t))) for t in theta])
    P = np.abs(AF) ** 2
    P_dB = 10 * np.log10(P / P.max() + 1e-3)
    side = np.abs(theta) > 0.4
    return P_dB[side].mean() - np.sum(P[~side]) * 0.01


POINT = np.array([0.1, 0.3, -0.2, 0.4, 0.0, 0.25])
