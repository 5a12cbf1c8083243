import numpy as np


class PID:
    def __init__(self, kp, ki, kd, dt, lim=(-2.0, 2.0)):
        self.kp, self.ki, self.kd, self.dt, self.lim = kp, ki, kd, dt, lim
        self.integral = 0.0
        self.prev = None

    def __call__(self, e):
        self.integral += e * self.dt
        d = 0.0 if self.prev is None else (e - self.prev) / self.dt
        self.prev = e
        u = self.kp * e + self.ki * self.integral + self.kd * d
        lo, hi = self.lim
        return max(lo, min(hi, u))


def result(g):
    pid = PID(*g, dt=0.05)
    y, v = 0.0, 0.0
    ise = 0.0
    log = np.zeros((60, 2))
    for k in range(60):
        u = pid(1.0 - y)
        v += 0.05 * (u - 0.5 * v - y)
        y += 0.05 * v
        ise += (1 - y) ** 2 * 0.05
        log[k] = y, u
    return ise + log[:, 0].max() + 0.01 * np.sum(np.abs(np.diff(log[:, 1])))


POINT = np.array([1.5, 0.4, 0.2])
