import numpy as np


class Solver:
    def __init__(self, f, y0, h):
        self.f, self.h = f, h
        self.y = np.asarray(y0, dtype=float)
        self.t = 0.0
        self.n = len(self.y)
        self.K = np.zeros((4, self.n))

    def step(self):
        h, f = self.h, self.f
        self.K[0] = f(self.t, self.y)
        self.K[1] = f(self.t + h / 2, self.y + h / 2 * self.K[0])
        self.K[2] = f(self.t + h / 2, self.y + h / 2 * self.K[1])
        self.K[3] = f(self.t + h, self.y + h * self.K[2])
        self.y = self.y + h * np.dot(np.array([1, 2, 2, 1]) / 6, self.K)
        self.t += h
        return self.y


def result(p):
    s = Solver(lambda t, y: [y[1], -p[0] * np.sin(y[0]) - p[1] * y[1]], [1.0, p[2]], 0.1)
    ys = [s.step() for _ in range(10)]
    return np.array(ys)[:, 0].sum() + ys[-1][1]


POINT = np.array([2.0, 0.3, 0.1])
