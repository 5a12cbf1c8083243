"""Sensitivities of an epidemic: how its course depends on the rates.

python examples/ode.py [picture]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import numbafunc

TIMES = np.linspace(0.0, 60.0, 121)
RATES = np.array([0.45, 0.12])  # of contacts that infect, and of recovery, per day
SPREAD = np.array([0.02, 0.01])  # their standard errors


def change(y, t, rates):
    susceptible, infected = y[0], y[1]
    new = rates[0] * susceptible * infected
    return np.stack([-new, new - rates[1] * infected])


def infected(rates, first=0.001):
    """The share of the people that is ill at each of the times."""
    y0 = np.stack([1.0 - first, 0.0 * first + first])
    return numbafunc.odeint(change, y0, TIMES, rates)[:, 1]


def height(rates):
    """The largest share that is ill."""
    return np.max(infected(rates))


def main(picture="ode.png"):
    course = infected(RATES)
    # Two parameters and many results: forward mode, one direction a parameter.
    sensitivity = numbafunc.jacfwd(infected)(RATES)
    band = 2 * np.sqrt(np.sum((sensitivity * SPREAD) ** 2, axis=1))
    peak, slope = numbafunc.value_and_grad(height)(RATES)
    print(f"at most {peak:.1%} are ill at a time")
    print(f"by the rate of contacts {slope[0]:+.2f}, of recovery {slope[1]:+.2f}")

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.4), layout="constrained")
    left.plot(TIMES, course, label="share that is ill")
    left.fill_between(
        TIMES,
        course - band,
        course + band,
        alpha=0.3,
        linewidth=0,
        label="two standard errors",
    )
    left.set_xlabel("day")
    left.legend()
    right.plot(TIMES, sensitivity[:, 0], color="C1", label="by the rate of contacts")
    right.plot(TIMES, sensitivity[:, 1], color="C2", label="by the rate of recovery")
    right.set(xlabel="day", title="derivative of the share that is ill")
    right.legend()
    figure.savefig(picture)
    return course, sensitivity, slope


if __name__ == "__main__":
    main(*sys.argv[1:])
