"""The price of an option and its derivatives by Monte Carlo, over the ranks of MPI.

python examples/monte_carlo.py [picture]
mpiexec -n 4 python examples/monte_carlo.py [picture]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import numbafunc
from numbafunc import parallel

STRIKE, YEARS = 100.0, 1.0
NAMES = (
    "price",
    "by the stock (delta)",
    "by the volatility (vega)",
    "by the rate of interest (rho)",
)


def payoff(p, z):
    """What the option is worth today in the cases of the random numbers z."""
    stock, volatility, rate = p
    end = stock * np.exp(
        (rate - volatility**2 / 2) * YEARS + volatility * np.sqrt(YEARS) * z
    )
    return np.exp(-rate * YEARS) * numbafunc.relu(end - STRIKE)


def estimate(p, samples, seed=0, streams=64):
    """Means of the payoff and its derivatives over all ranks, and their errors."""
    # Streams are dealt out, not samples: the numbers drawn are the same on any ranks.
    rank, ranks = parallel.axis_index(), parallel.axis_size()
    seeds = np.random.SeedSequence(seed).spawn(streams)[rank::ranks]
    each = samples // streams
    z = [np.random.default_rng(seed).normal(size=each) for seed in seeds]
    z = np.reshape(z, -1)
    values = np.column_stack([payoff(p, z), numbafunc.jacfwd(payoff)(p, z)])
    # Sums and counts, so that ranks with more or fewer samples count as they should.
    count, total = parallel.psum((len(values), values.sum(axis=0)))
    mean = total / count
    deviations = parallel.psum(((values - mean) ** 2).sum(axis=0))
    return mean, np.sqrt(deviations / (count - 1) / count)


def main(picture="monte_carlo.png", samples=200_000):
    p = np.array([100.0, 0.2, 0.03])
    mean, error = estimate(p, samples)
    if parallel.axis_index() > 0:
        return mean, error
    for line in zip(NAMES, mean, error, strict=True):
        print("{:30} {:8.3f} ± {:.3f}".format(*line))

    stocks = np.linspace(70.0, 140.0, 36)
    z = np.random.default_rng(1).normal(size=20_000)
    curves = [
        [
            np.mean(column)
            for column in numbafunc.jvp(
                payoff, (np.array([s, 0.2, 0.03]), z), (np.eye(3)[0], None)
            )
        ]
        for s in stocks
    ]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
    left.plot(stocks, [value for value, _ in curves])
    left.plot(
        stocks,
        np.maximum(stocks - STRIKE, 0),
        ":",
        color="C1",
        label="worth at the end",
    )
    left.set(xlabel="stock", title="price of the option")
    left.legend()
    right.plot(stocks, [slope for _, slope in curves], color="C2")
    right.set(xlabel="stock", title="its derivative (delta)")
    figure.savefig(picture)
    return mean, error


if __name__ == "__main__":
    main(*sys.argv[1:])
