import numpy as np

nx = 20
dx = 1.0 / (nx - 1)
x = np.linspace(0, 1, nx)


def thomas(a, b, c, d):
    n = len(d)
    cp = np.zeros(n)
    dp = np.zeros(n)
    cp[0] = c[0] / b[0]
    dp[0] = d[0] / b[0]
    for i in range(1, n):
        m = b[i] - a[i] * cp[i - 1]
        cp[i] = c[i] / m
        dp[i] = (d[i] - a[i] * dp[i - 1]) / m
    xs = np.zeros(n)
    xs[-1] = dp[-1]
    for i in range(n - 2, -1, -1):
        xs[i] = dp[i] - cp[i] * xs[i + 1]
    return xs


def result(p):
    alpha, amp = p
    r = alpha * 0.01 / dx**2
    T = amp * np.sin(np.pi * x)
    a = np.full(nx, -r)
    b = np.full(nx, 1 + 2 * r)
    c = np.full(nx, -r)
    a[0] = a[-1] = c[0] = c[-1] = 0
    b[0] = b[-1] = 1.0
    for n in range(5):
        T = thomas(a, b, c, T)
    return np.sum(T) * dx


POINT = np.array([0.5, 1.3])
