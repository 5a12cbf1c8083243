import numpy as np


class KalmanFilter:
    def __init__(self, F, H, Q, R):
        self.F, self.H, self.Q, self.R = F, H, Q, R
        self.x = np.zeros((F.shape[0], 1))
        self.P = np.eye(F.shape[0]) * 100.0
        self.loglik = 0.0

    def predict(self):
        self.x = self.F.dot(self.x)
        self.P = np.dot(self.F, np.dot(self.P, self.F.T)) + self.Q

    def update(self, z):
        y = z - np.dot(self.H, self.x)
        S = self.R + np.dot(self.H, np.dot(self.P, self.H.T))
        K = np.dot(np.dot(self.P, self.H.T), np.linalg.inv(S))
        self.x = self.x + np.dot(K, y)
        I = np.eye(self.P.shape[0])
        self.P = np.dot(np.dot(I - np.dot(K, self.H), self.P), (I - np.dot(K, self.H)).T) + np.dot(
            np.dot(K, self.R), K.T
        )
        sign, logdet = np.linalg.slogdet(S)
        self.loglik += -0.5 * (logdet + np.dot(y.T, np.dot(np.linalg.inv(S), y))[0, 0] + len(z) * np.log(2 * np.pi))


Z = np.random.default_rng(1).normal(size=(15, 1)) + np.arange(15)[:, None]


def result(p):
    dt = 1.0
    F = np.array([[1, dt], [0, 1]])
    Q = p[0] ** 2 * np.array([[dt**4 / 4, dt**3 / 2], [dt**3 / 2, dt**2]])
    kf = KalmanFilter(F, np.array([[1.0, 0.0]]), Q, np.array([[p[1] ** 2]]))
    for z in Z:
        kf.predict()
        kf.update(z.reshape(1, 1))
    return kf.loglik


POINT = np.array([0.3, 1.2])
