from math import pi, sqrt

import numpy as np
from scipy.special import ndtr


def result(x):
    price, S = x[0], x[1]
    K, T = 100.0, 1.0
    sigma = 0.3
    for _ in range(50):
        d1 = (np.log(S / K) + 0.5 * sigma**2 * T) / (sigma * sqrt(T))
        c = S * ndtr(d1) - K * ndtr(d1 - sigma * sqrt(T))
        vega = S * np.exp(-(d1**2) / 2) / sqrt(2 * pi) * sqrt(T)
        diff = c - price
        sigma = sigma - diff / vega
        if abs(diff) < 1e-13:
            break
    return sigma


POINT = np.array([9.0, 101.0])
