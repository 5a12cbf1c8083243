import numpy as np

a = 6378137.0
f = 1 / 298.257223563
b = (1 - f) * a


def result(p):
    phi1, L1, phi2, L2 = np.radians(p)
    U1 = np.arctan((1 - f) * np.tan(phi1))
    U2 = np.arctan((1 - f) * np.tan(phi2))
    L = L2 - L1
    lam = L
    for it in range(200):
        sin_s = np.sqrt(
            (np.cos(U2) * np.sin(lam)) ** 2 + (np.cos(U1) * np.sin(U2) - np.sin(U1) * np.cos(U2) * np.cos(lam)) ** 2
        )
        cos_s = np.sin(U1) * np.sin(U2) + np.cos(U1) * np.cos(U2) * np.cos(lam)
        s = np.arctan2(sin_s, cos_s)
        sin_al = np.cos(U1) * np.cos(U2) * np.sin(lam) / sin_s
        cos2al = 1 - sin_al**2
        cos2sm = cos_s - 2 * np.sin(U1) * np.sin(U2) / cos2al
        C = f / 16 * cos2al * (4 + f * (4 - 3 * cos2al))
        lam_p = lam
        lam = L + (1 - C) * f * sin_al * (s + C * sin_s * (cos2sm + C * cos_s * (-1 + 2 * cos2sm**2)))
        if abs(lam - lam_p) < 1e-15:
            break
    u2 = cos2al * (a**2 - b**2) / b**2
    A = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)))
    B = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)))
    ds = (
        B
        * sin_s
        * (
            cos2sm
            + B / 4 * (cos_s * (-1 + 2 * cos2sm**2) - B / 6 * cos2sm * (-3 + 4 * sin_s**2) * (-3 + 4 * cos2sm**2))
        )
    )
    return b * A * (s - ds) / 1e6


POINT = np.array([50.0, -5.7, 58.6, 3.07])
