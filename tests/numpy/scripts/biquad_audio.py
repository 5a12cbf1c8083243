import numpy as np

x = np.random.default_rng(45).normal(size=40)


def result(p):
    f0, Q = p
    w0 = 2 * np.pi * f0 / 1000
    al = np.sin(w0) / (2 * Q)
    b = np.array([(1 - np.cos(w0)) / 2, 1 - np.cos(w0), (1 - np.cos(w0)) / 2])
    a = np.array([1 + al, -2 * np.cos(w0), 1 - al])
    b, a = b / a[0], a / a[0]
    y = np.zeros(len(x))
    z = np.zeros(2)
    for n, xn in enumerate(x):
        y[n] = b[0] * xn + z[0]
        z[0] = b[1] * xn - a[1] * y[n] + z[1]
        z[1] = b[2] * xn - a[2] * y[n]
    return 10 * np.log10(np.mean(y**2))


POINT = np.array([120.0, 0.9])
