import numpy as np

mask = np.array([[1, np.nan, 1], [1, 1, np.nan], [np.nan, 1, 1.0]])


def result(x):
    Z = x.reshape(3, 3) * mask
    z = (Z - np.nanmean(Z, axis=0)) / np.nanstd(Z, axis=0, ddof=1)
    return np.nansum(z * Z**3) + np.nanmax(Z) + np.count_nonzero(~np.isnan(Z)) * x[0]


POINT = np.random.default_rng(52).normal(size=9)
