import numpy as np


def result(p):
    beta, gamma = p
    S, I, R = 0.99, 0.01, 0.0
    dt = 0.5
    peak = 0.0
    hist = []
    lockdown = False
    for day in range(80):
        b = beta * 0.4 if lockdown else beta
        new_inf = b * S * I * dt
        rec = gamma * I * dt
        S, I, R = S - new_inf, I + new_inf - rec, R + rec
        if I > 0.1 and not lockdown:
            lockdown = True
        peak = max(peak, I)
        hist.append((S, I, R))
    hist = np.array(hist)
    assert abs(hist[-1].sum() - 1) < 1e-9
    return peak + hist[:, 2].max() + hist.mean(axis=0)[1]


POINT = np.array([0.6, 0.15])
