"""Fits a curve to events that the ranks have in different numbers, one perhaps none.

python examples/uneven.py [picture]
mpiexec -n 4 python examples/uneven.py [picture]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import numbafunc
from numbafunc import parallel

FILES = (400, 0, 250, 30, 0, 160, 300)  # how many events each has
EDGES = np.linspace(0.0, 100.0, 21)


def read(number, count):
    """The events of a file: energies, and whether the detector saw each event."""
    rng = np.random.default_rng(number)
    energy = rng.uniform(0.0, 100.0, count)
    return energy, rng.uniform(size=count) < numbafunc.sigmoid((energy - 40.0) / 8.0)


def events(files):
    """The events of those files that are for this rank."""
    mine = range(parallel.axis_index(), len(files), parallel.axis_size())
    parts = [read(number, files[number]) for number in mine]
    empty = read(0, 0)  # so that a rank without a file has arrays too, of length 0
    return [np.concatenate(columns) for columns in zip(empty, *parts, strict=True)]


def surprise(p, energy, seen):
    """Minus the log-likelihood of the events: a sum, and so 0 for none."""
    logits = p[0] + p[1] * energy / 50.0
    return numbafunc.loss.sigmoid_cross_entropy_logits(logits, seen * 1.0).sum()


def descend(p, energy, seen, size=100, rate=2.0):
    """Go through the events once, in batches; each step uses a batch of every rank."""
    # As many rounds as the rank with the most events needs: all take part in each.
    rounds = int(parallel.pmax(-(-len(energy) // size)))
    for start in range(0, rounds * size, size):
        batch = slice(start, start + size)  # empty, where this rank has no more
        value, gradient = numbafunc.value_and_grad(surprise)(
            p, energy[batch], seen[batch]
        )
        step = {"count": len(energy[batch]), "value": value, "gradient": gradient}
        step = parallel.psum(step)
        p = p - rate * step["gradient"] / step["count"]
    return p


def fit(p, energy, seen, rounds=8):
    """Newton's method: the parameters and their covariance."""
    for _ in range(rounds):
        gradient = numbafunc.grad(surprise)(p, energy, seen)
        curvature = numbafunc.hessian(surprise)(p, energy, seen)
        gradient, curvature = parallel.psum((gradient, curvature))
        p = p - np.linalg.solve(curvature, gradient)
    return p, np.linalg.inv(curvature)


def threshold(p):
    """The energy at which half of the events are seen."""
    return -50.0 * p[0] / p[1]


def main(picture="uneven.png", files=FILES):
    energy, seen = events(files)
    p, covariance = fit(descend(np.zeros(2), energy, seen), energy, seen)
    slope = numbafunc.grad(threshold)(p)
    error = np.sqrt(slope @ covariance @ slope)

    # A mean of means counts each by its number of rows. NaN, of none, has weight 0.
    mine = np.mean(energy) if len(energy) else np.nan
    mean = parallel.pmean(mine, weight=len(energy))
    # Lists of any length are joined, in the order of the ranks.
    late = parallel.all_gather(energy[~seen & (energy > 60.0)], tiled=True)
    # Where the rows of this rank begin among those of all.
    first = int(parallel.pscan(len(energy), exclusive=True))
    hits = parallel.psum([np.histogram(e, EDGES)[0] for e in (energy[seen], energy)])
    found = {"p": p, "threshold": (threshold(p), error), "mean": mean}
    found |= {"late": late, "first": first, "hits": hits}
    if parallel.axis_index() > 0:
        return found

    print(f"{hits[1].sum()} events, {mean:.2f} is their mean energy")
    print(f"half are seen at {threshold(p):.2f} ± {error:.2f}")
    print("missed above 60:", *(f"{energy:.2f}" for energy in np.sort(late)))
    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    share = hits[0] / np.maximum(hits[1], 1)
    spread = np.sqrt(share * (1 - share) / np.maximum(hits[1], 1))
    axes.errorbar((EDGES[1:] + EDGES[:-1]) / 2, share, spread, fmt="o", markersize=4)
    x = np.linspace(0.0, 100.0, 201)
    axes.plot(x, numbafunc.sigmoid(p[0] + p[1] * x / 50.0))
    axes.axvline(threshold(p), linestyle=":", color="C2")
    axes.set(xlabel="energy", title="share of events that are seen")
    figure.savefig(picture)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
