import numpy as np

z = np.random.default_rng(47).normal(size=(60, 3))


def result(w):
    loss = -(z * np.array([0.1, 0.2, 0.15])) @ w
    srt = np.sort(loss)[::-1]
    k = int(0.1 * len(srt))
    es = srt[:k].mean()
    var = np.percentile(loss, 90)
    top = sorted(loss, reverse=True)[:3]
    return es + var + sum(top) + np.median(loss)


POINT = np.array([0.3, 0.5, 0.2])
