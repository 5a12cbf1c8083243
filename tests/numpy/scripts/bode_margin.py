import numpy as np


def result(p):
    Kp, Ki, Kd = p
    w = np.logspace(-2, 2, 50)
    s = 1j * w
    num = np.polyval([Kd, Kp, Ki], s)
    den = np.polyval([1, 3, 2, 0, 0], s)
    L = num / den
    mag = np.abs(L)
    ph = np.unwrap(np.angle(L))
    k = np.where(mag < 1)[0][0]
    wc = np.exp(np.interp(0.0, [-np.log(mag[k - 1]), -np.log(mag[k])], [np.log(w[k - 1]), np.log(w[k])]))
    pm = 180 + np.degrees(np.interp(np.log(wc), np.log(w), ph))
    Ms = np.max(1 / np.abs(1 + L))
    return pm / 10 + Ms


POINT = np.array([2.0, 0.5, 1.0])
