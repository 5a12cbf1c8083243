"""A Gaussian process with its hyperparameters found by SciPy, with exact gradients.

python examples/gaussian_process.py [picture]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize

import numbafunc
from numbafunc.scipy import linalg


def measurements():
    rng = np.random.default_rng(4)
    x = np.sort(rng.uniform(-4.0, 4.0, 30))
    return x, np.sin(1.5 * x) + 0.3 * x + 0.15 * rng.normal(size=x.size)


def covariance(p, a, b):
    """Squared exponential; the parameters are logarithms of height and length."""
    return np.exp(2 * p[0] - ((a[:, None] - b) / np.exp(p[1])) ** 2 / 2)


def factor(p, x):
    return linalg.cholesky(
        covariance(p, x, x) + np.exp(2 * p[2]) * np.eye(x.size), lower=True
    )


def surprise(p, x, y):
    """The negative logarithm of the probability of the measurements."""
    lower = factor(p, x)
    white = linalg.solve_triangular(lower, y, lower=True)
    return (
        white @ white / 2
        + np.sum(np.log(np.diagonal(lower)))
        + x.size / 2 * np.log(2 * np.pi)
    )


def main(picture="gaussian_process.png"):
    x, y = measurements()
    objective = numbafunc.value_and_grad(surprise)
    found = scipy.optimize.minimize(
        objective, np.zeros(3), args=(x, y), jac=True, method="BFGS"
    )
    height, length, noise = np.exp(found.x)
    print(f"after {found.nfev} evaluations:")
    print(f"height {height:.2f}, length {length:.2f}, noise {noise:.3f}")

    fine = np.linspace(-5.0, 5.0, 300)
    white = linalg.solve_triangular(
        factor(found.x, x), covariance(found.x, x, fine), lower=True
    )
    mean = white.T @ linalg.solve_triangular(factor(found.x, x), y, lower=True)
    band = 2 * np.sqrt(height**2 - np.sum(white**2, axis=0))
    figure, axes = plt.subplots(figsize=(7, 3.6))
    axes.plot(x, y, ".", color="C1", label="measurements")
    axes.plot(fine, mean, color="C0", label="mean, with two standard deviations")
    axes.fill_between(
        fine, mean - band, mean + band, alpha=0.3, color="C0", linewidth=0
    )
    axes.legend()
    figure.savefig(picture)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
