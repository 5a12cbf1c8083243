import numpy as np

N = 32
L = 20.0
xg = np.arange(N) * L / N
k = 2 * np.pi * np.fft.fftfreq(N, L / N)


def result(p):
    u = 0.5 * p[0] / np.cosh(0.5 * np.sqrt(p[0]) * (xg - p[1])) ** 2
    uhat = np.fft.fft(u)
    dt = 0.005
    ik3 = 1j * k**3
    for n in range(8):
        g = -0.5j * dt * k
        E = np.exp(dt * ik3 / 2)
        E2 = E**2
        a = g * np.fft.fft(np.real(np.fft.ifft(uhat)) ** 2) * 6
        b = g * np.fft.fft(np.real(np.fft.ifft(E * (uhat + a / 2))) ** 2) * 6
        uhat = E2 * uhat + E * b
    u = np.fft.ifft(uhat).real
    return np.sum(u**2) + u[10]


POINT = np.array([1.2, 8.0])
