import numpy as np

R = 8.314462618


def result(x):
    T, P = x[0] * 100, x[1] * 1e5
    Tc, Pc, om = 369.8, 42.5e5, 0.152
    kappa = 0.37464 + 1.54226 * om - 0.26992 * om**2
    alpha = (1 + kappa * (1 - np.sqrt(T / Tc))) ** 2
    a = 0.45724 * R**2 * Tc**2 / Pc * alpha
    b = 0.07780 * R * Tc / Pc
    A = a * P / (R * T) ** 2
    B = b * P / (R * T)
    Z = np.roots([1, -(1 - B), A - 3 * B**2 - 2 * B, -(A * B - B**2 - B**3)])
    Z = np.real(Z[np.isreal(Z)])
    Zv = np.max(Z)
    lnphi = (
        Zv
        - 1
        - np.log(Zv - B)
        - A / (2 * np.sqrt(2) * B) * np.log((Zv + (1 + np.sqrt(2)) * B) / (Zv + (1 - np.sqrt(2)) * B))
    )
    return lnphi


POINT = np.array([3.0, 3.0])
