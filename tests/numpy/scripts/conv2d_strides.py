import numpy as np
from numpy.lib.stride_tricks import as_strided

img = np.random.default_rng(25).normal(size=(7, 7))


def result(k):
    k = k.reshape(3, 3)
    H, W = img.shape
    win = as_strided(img, shape=(H - 2, W - 2, 3, 3), strides=img.strides * 2)
    out = np.einsum("ijkl,kl->ij", win, k)
    out = np.maximum(out, 0)
    pooled = out[:4, :4].reshape(2, 2, 2, 2).max(axis=(1, 3))
    return pooled.sum() + np.tensordot(win, k, axes=((2, 3), (0, 1))).var()


POINT = np.random.default_rng(26).normal(size=9)
