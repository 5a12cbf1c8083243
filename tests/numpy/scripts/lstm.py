import numpy as np

xs = np.random.default_rng(33).normal(size=(6, 2))
sigmoid = lambda z: 1 / (1 + np.exp(-z))


class LSTM:
    def __init__(self, W, hidden):
        self.W = W
        self.n = hidden
        self.h = np.zeros(hidden)
        self.c = np.zeros(hidden)

    def step(self, x):
        z = np.dot(self.W, np.hstack((self.h, x, 1.0)))
        i, f, o, g = np.split(z, 4)
        self.c = sigmoid(f) * self.c + sigmoid(i) * np.tanh(g)
        self.h = sigmoid(o) * np.tanh(self.c)
        return self.h


def result(w):
    net = LSTM(w.reshape(8, 5), 2)
    outs = np.stack([net.step(x) for x in xs])
    return ((outs - 0.3) ** 2).mean()


POINT = np.random.default_rng(34).normal(size=40) * 0.4
