import numpy as np
from scipy.special import erfc

q = np.array([1.0, -1.0, 1.0, -1.0])


def result(x):
    r = x.reshape(4, 3)
    L = 2.0
    alpha = 1.8
    V = L**3
    E = 0.0
    for i in range(4):
        for j in range(i + 1, 4):
            d = r[i] - r[j]
            d = d - L * np.rint(d / L)
            dist = np.sqrt(np.sum(d * d))
            E += q[i] * q[j] * erfc(alpha * dist) / dist
    rng_k = range(-2, 3)
    for kx in rng_k:
        for ky in rng_k:
            for kz in rng_k:
                if kx == ky == kz == 0:
                    continue
                k = 2 * np.pi / L * np.array([kx, ky, kz])
                k2 = k @ k
                S = np.sum(q * np.exp(1j * (r @ k)))
                E += 2 * np.pi / V * np.exp(-k2 / (4 * alpha**2)) / k2 * abs(S) ** 2
    return E - alpha / np.sqrt(np.pi) * (q**2).sum()


POINT = np.random.default_rng(44).uniform(0, 2, 12)
