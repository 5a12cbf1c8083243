import numpy as np


def cf(u, S, v0, kappa, theta, xi, rho, T, r=0.01):
    d = np.sqrt((rho * xi * u * 1j - kappa) ** 2 + xi**2 * (u * 1j + u**2))
    g = (kappa - rho * xi * u * 1j - d) / (kappa - rho * xi * u * 1j + d)
    e = np.exp(-d * T)
    C = r * u * 1j * T + kappa * theta / xi**2 * (
        (kappa - rho * xi * u * 1j - d) * T - 2 * np.log((1 - g * e) / (1 - g))
    )
    D = (kappa - rho * xi * u * 1j - d) / xi**2 * ((1 - e) / (1 - g * e))
    return np.exp(C + D * v0 + 1j * u * np.log(S))


def result(p):
    v0, kappa, theta, xi, rho = p
    K, S, T, r = 105.0, 100.0, 1.0, 0.01
    u, w = np.polynomial.legendre.leggauss(48)
    u = 40 * (u + 1)
    w = 40 * w
    fwd = cf(-1j, S, v0, kappa, theta, xi, rho, T)
    P1 = (
        0.5
        + np.sum(
            w * np.real(np.exp(-1j * u * np.log(K)) * cf(u - 1j, S, v0, kappa, theta, xi, rho, T) / (1j * u * fwd))
        )
        / np.pi
    )
    P2 = (
        0.5
        + np.sum(w * np.real(np.exp(-1j * u * np.log(K)) * cf(u, S, v0, kappa, theta, xi, rho, T) / (1j * u))) / np.pi
    )
    return S * P1 - K * np.exp(-r * T) * P2


POINT = np.array([0.04, 1.5, 0.05, 0.4, -0.6])
