import numpy as np

s1, s2 = "ACGTA", "AGTCA"


def result(p):
    match, mis, gap = p
    n, m = len(s1), len(s2)
    F = np.zeros((n + 1, m + 1))
    F[:, 0] = np.arange(n + 1) * gap
    F[0, :] = [gap * j for j in range(m + 1)]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            s = match if s1[i - 1] == s2[j - 1] else mis
            F[i, j] = np.logaddexp(np.logaddexp(F[i - 1, j - 1] + s, F[i - 1, j] + gap), F[i, j - 1] + gap)
    return F[-1, -1]


POINT = np.array([1.0, -0.5, -0.8])
