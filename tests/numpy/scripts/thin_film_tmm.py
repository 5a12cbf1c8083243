import numpy as np

wl = np.linspace(0.4, 0.7, 7)
n_list = [1.0, 2.3, 1.38, 2.3, 1.52 + 0.01j]


def result(d):
    R = []
    for lam in wl:
        M = np.eye(2, dtype=complex)
        for n, t in zip(n_list[1:-1], d):
            delta = 2 * np.pi * n * t / lam
            M = M @ np.array([[np.cos(delta), 1j * np.sin(delta) / n], [1j * n * np.sin(delta), np.cos(delta)]])
        B, C = M @ np.array([1, n_list[-1]])
        r = (n_list[0] * B - C) / (n_list[0] * B + C)
        R.append(np.abs(r) ** 2)
    return np.mean(R)


POINT = np.array([0.06, 0.1, 0.07])
