"""Fits a damped oscillation to measurements, by Gauss-Newton with an exact Jacobian.

python examples/fit.py [picture]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import numbafunc

NAMES = ("amplitude", "decay", "frequency", "phase")
TRUE = np.array([1.0, 0.3, 2.5, 0.4])
NOISE = 0.05


def model(p, t):
    amplitude, decay, frequency, phase = p
    return amplitude * np.exp(-decay * t) * np.cos(frequency * t + phase)


def measurements(count=80):
    rng = np.random.default_rng(1)
    t = np.sort(rng.uniform(0.0, 8.0, count))
    return t, model(TRUE, t) + NOISE * rng.normal(size=count)


def gauss_newton(residuals, p, steps=20, tolerance=1e-12):
    """The parameters with the least sum of squares near p, and the Jacobian there."""
    jacobian = numbafunc.jacfwd(residuals)
    for _ in range(steps):
        r, j = residuals(p), jacobian(p)
        step = np.linalg.lstsq(j, -r, rcond=None)[0]
        while (
            np.sum(residuals(p + step) ** 2) > np.sum(r**2)
            and np.linalg.norm(step) > tolerance
        ):
            step = step / 2
        p = p + step
        if np.linalg.norm(step) < tolerance:
            break
    return p, jacobian(p)


def main(picture="fit.png"):
    t, y = measurements()

    def residuals(p):
        return model(p, t) - y

    p, j = gauss_newton(residuals, np.array([0.7, 0.5, 2.2, 0.0]))
    variance = np.sum(residuals(p) ** 2) / (len(y) - len(p))
    errors = np.sqrt(variance * np.diag(np.linalg.inv(j.T @ j)))
    for name, value, error in zip(NAMES, p, errors, strict=True):
        print(f"{name:10} {value:7.4f} ± {error:.4f}")

    fine = np.linspace(0.0, 8.0, 400)
    # The error of the curve follows from that of the parameters, by the derivative of
    # the model at each time.
    slopes = numbafunc.jacfwd(lambda p: model(p, fine))(p)
    band = 2 * np.sqrt(
        variance * np.sum((slopes @ np.linalg.inv(j.T @ j)) * slopes, axis=1)
    )
    figure, axes = plt.subplots(figsize=(7, 3.6))
    axes.plot(t, y, ".", color="C1", label="measurements")
    axes.plot(fine, model(p, fine), color="C0", label="fit, with two standard errors")
    axes.fill_between(
        fine,
        model(p, fine) - band,
        model(p, fine) + band,
        alpha=0.3,
        color="C0",
        linewidth=0,
    )
    axes.set_xlabel("time")
    axes.legend()
    figure.savefig(picture)
    return p, errors


if __name__ == "__main__":
    main(*sys.argv[1:])
