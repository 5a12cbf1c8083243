import numpy as np


def normalize(v):
    return v / np.linalg.norm(v)


def intersect(o, d, c, r):
    oc = o - c
    b = 2 * np.dot(d, oc)
    cc = np.linalg.norm(oc) ** 2 - r**2
    delta = b**2 - 4 * cc
    if delta > 0:
        t1 = (-b + np.sqrt(delta)) / 2
        t2 = (-b - np.sqrt(delta)) / 2
        if t1 > 0 and t2 > 0:
            return min(t1, t2)
    return None


def result(p):
    scene = [
        {"c": p[:3], "r": p[3], "col": np.array([1, 0.2, 0.1])},
        {"c": np.array([0.6, 0.1, -0.5]), "r": 0.4, "col": np.array([0.1, 0.8, 0.3])},
    ]
    light = np.array([5.0, 5, 5])
    cam = np.array([0, 0, 1.5])
    image = np.zeros((4, 4, 3))
    for i, yy in enumerate(np.linspace(0.6, -0.6, 4)):
        for j, xx in enumerate(np.linspace(-0.6, 0.6, 4)):
            d = normalize(np.array([xx, yy, 0]) - cam)
            hits = [(intersect(cam, d, s["c"], s["r"]), s) for s in scene]
            hits = [h for h in hits if h[0] is not None]
            if not hits:
                continue
            t, s = min(hits, key=lambda h: h[0])
            pt = cam + t * d
            n = normalize(pt - s["c"])
            Ld = normalize(light - pt)
            image[i, j] = np.clip(s["col"] * (0.1 + max(np.dot(n, Ld), 0)), 0, 1)
    return image.mean()


POINT = np.array([-0.2, 0.05, -1.0, 0.7])
