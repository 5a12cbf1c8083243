import numpy as np

rng = np.random.default_rng(21)
pts3 = rng.normal(size=(5, 3)) + [0, 0, 6]
uv = rng.normal(size=(2, 5, 2)) * 0.2


def rodrigues(points, rvec):
    theta = np.linalg.norm(rvec)
    with np.errstate(invalid="ignore"):
        v = rvec / theta
        v = np.nan_to_num(v)
    dot = np.sum(points * v, axis=1)[:, np.newaxis]
    return np.cos(theta) * points + np.sin(theta) * np.cross(v, points) + dot * (1 - np.cos(theta)) * v


def project(points, cam):
    p = rodrigues(points, cam[:3]) + cam[3:6]
    p = -p[:, :2] / p[:, 2, np.newaxis]
    f, k1, k2 = cam[6], cam[7], cam[8]
    n = np.sum(p**2, axis=1)
    r = 1 + k1 * n + k2 * n**2
    return p * (r * f)[:, np.newaxis]


def result(params):
    cams = params[:18].reshape((2, 9))
    points = params[18:].reshape((5, 3))
    res = [(project(points, c) - o).ravel() for c, o in zip(cams, uv)]
    return 0.5 * np.sum(np.concatenate(res) ** 2)


cam0 = np.array([0.1, -0.2, 0.05, 0.1, 0, 0.2, 1.0, 0.05, 0.01])
POINT = np.concatenate([cam0, cam0[::-1] * 0.5 + 0.1, pts3.ravel()])
