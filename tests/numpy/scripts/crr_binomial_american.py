import numpy as np


def result(p):
    S0, sigma, r = p
    K, T, N = 100.0, 1.0, 25
    dt = T / N
    u = np.exp(sigma * np.sqrt(dt))
    d = 1 / u
    q = (np.exp(r * dt) - d) / (u - d)
    disc = np.exp(-r * dt)
    S = S0 * d ** np.arange(N, -1, -1) * u ** np.arange(0, N + 1, 1)
    V = np.maximum(0, K - S)
    for i in np.arange(N - 1, -1, -1):
        S = S0 * d ** np.arange(i, -1, -1) * u ** np.arange(0, i + 1, 1)
        V[: i + 1] = disc * (q * V[1 : i + 2] + (1 - q) * V[0 : i + 1])
        V = V[:-1]
        V = np.maximum(V, K - S)
    return V[0]


POINT = np.array([97.3, 0.22, 0.04])
