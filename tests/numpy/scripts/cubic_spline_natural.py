import numpy as np

xk = np.array([0.0, 1, 2.5, 3, 4.2])


def result(yk):
    h = np.diff(xk)
    n = len(xk)
    A = np.zeros((n, n))
    b = np.zeros(n)
    A[0, 0] = A[-1, -1] = 1
    for i in range(1, n - 1):
        A[i, i - 1] = h[i - 1]
        A[i, i] = 2 * (h[i - 1] + h[i])
        A[i, i + 1] = h[i]
        b[i] = 3 * ((yk[i + 1] - yk[i]) / h[i] - (yk[i] - yk[i - 1]) / h[i - 1])
    c = np.linalg.solve(A, b)

    def ev(x):
        i = min(max(np.searchsorted(xk, x) - 1, 0), n - 2)
        d = (c[i + 1] - c[i]) / (3 * h[i])
        bb = (yk[i + 1] - yk[i]) / h[i] - h[i] * (2 * c[i] + c[i + 1]) / 3
        dx = x - xk[i]
        return yk[i] + bb * dx + c[i] * dx**2 + d * dx**3

    return sum(ev(x) ** 2 for x in np.linspace(0.1, 4.1, 9))


POINT = np.array([0.0, 1.0, 0.3, -0.5, 0.8])
