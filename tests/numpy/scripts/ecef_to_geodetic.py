import numpy as np

a, e2 = 6.378137, 0.00669437999014


def result(r):
    x, y, z = r
    lon = np.arctan2(y, x)
    p = np.hypot(x, y)
    lat = np.arctan2(z, p * (1 - e2))
    prev = 10.0
    while np.abs(lat - prev) > 1e-14:
        prev = lat
        N = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
        h = p / np.cos(lat) - N
        lat = np.arctan2(z, p * (1 - e2 * N / (N + h)))
    return np.degrees([lat, lon]).tolist() + [h]


POINT = np.array([4.2, 1.1, 4.7])
