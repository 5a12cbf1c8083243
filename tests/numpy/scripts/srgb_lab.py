import numpy as np

M = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
white = M.sum(axis=1)


def to_lab(rgb):
    rgb = np.asarray(rgb)
    lin = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = lin @ M.T / white
    f = np.select([xyz > 0.008856], [np.cbrt(xyz)], 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def result(c):
    L1, a1, b1 = to_lab(c[:3])
    L2, a2, b2 = to_lab(c[3:])
    C1, C2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h = np.degrees(np.arctan2(b1, a1)) % 360
    return np.sqrt((L1 - L2) ** 2 + (C1 - C2) ** 2) + h / 100


POINT = np.array([0.3, 0.6, 0.02, 0.5, 0.2, 0.7])
