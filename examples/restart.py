"""Trains with checkpoints: what is interrupted goes on, on any number of ranks.

python examples/restart.py [picture]
mpiexec -n 4 python examples/restart.py [picture]
"""

import os
import signal
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import numbafunc
from numbafunc import parallel

UNITS, BLOCKS, RATE = 16, 8, 0.2


def data(count=512):
    rng = np.random.default_rng(0)
    x = rng.uniform(-3.0, 3.0, count)
    return np.stack([x, np.sin(2 * x) + 0.1 * rng.normal(size=count)])


def predict(weights, x):
    """A perceptron with one hidden layer; its weights are rows of one array."""
    slope, offset, out = weights
    return numbafunc.tanh(x[:, None] * slope + offset) @ out


def loss(weights, x, y):
    """Half of the squared errors, summed."""
    return numbafunc.loss.l2(predict(weights, x) - y)


def whole(weights, points):
    """Mean loss of points and its gradient: the same bits on any number of ranks.

    Ranks share blocks that do not depend on their number; the sum has a fixed order.
    """
    rank, ranks = parallel.axis_index(), parallel.axis_size()
    evaluate = numbafunc.value_and_grad(loss)
    blocks = np.array_split(points, BLOCKS, axis=1)
    parts = np.zeros((0, 1 + weights.size))
    for number in np.array_split(np.arange(BLOCKS), ranks)[rank]:
        value, gradient = evaluate(weights, *blocks[number])
        parts = np.vstack([parts, np.append(value, gradient)])
    total = parallel.all_gather(parts, tiled=True).sum(axis=0) / points.shape[1]
    return total[0], total[1:].reshape(weights.shape)


def first_state(steps):
    sizes = np.array([[1.0], [1.5], [0.2]])
    weights = sizes * np.random.default_rng(1).normal(size=(3, UNITS))
    return {
        "step": np.array(0),
        "weights": weights,
        "velocity": np.zeros_like(weights),
        "history": np.zeros(steps),
    }


def save(file, state):
    """Write the state. Who looks for the file finds the old or the new one, whole."""
    if parallel.axis_index() > 0:
        return
    part = file.with_suffix(".part")
    with part.open("wb") as stream:
        np.savez(stream, **state)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(file)


def load(file, state):
    """The state in the file, on all ranks; the given one if there is no file."""
    if parallel.axis_index() == 0 and file.exists():
        with np.load(file) as saved:
            state = {name: saved[name] for name in state}
    return parallel.broadcast(state, name="checkpoint")


class Deadline:
    """Whether the scheduler has announced the end of the job, by SIGUSR1."""

    def __init__(self):
        self.announced = False
        signal.signal(signal.SIGUSR1, self.announce)

    def announce(self, *_):
        self.announced = True

    def near(self):
        """Whether it has on any rank: a signal reaches ranks in different steps."""
        return bool(parallel.pmax(self.announced))


def train(file, steps, every=50):
    """Train, from the checkpoint if there is one: the state, and if all is done."""
    points, deadline = data(), Deadline()
    state = load(file, first_state(steps))
    for step in range(int(state["step"]), steps):
        # The batch follows from the number of the step: no generator has to be saved.
        batch = points[:, np.random.default_rng([2, step]).permutation(512)[:200]]
        value, gradient = whole(state["weights"], batch)
        velocity = 0.9 * state["velocity"] - RATE * gradient
        state["history"][step] = value
        state |= {
            "step": np.array(step + 1),
            "weights": state["weights"] + velocity,
            "velocity": velocity,
        }
        near = deadline.near()
        if near or (step + 1) % every == 0:
            save(file, state)
        if near:
            break
    return state, state["step"] == steps


def main(picture="restart.png", steps=300):
    file = Path(picture).with_suffix(".npz")
    state, done = train(file, steps)
    if parallel.axis_index() > 0:
        return state, done
    if not done:
        print(f"stopped after step {state['step']}: start the program again")
        return state, done
    print(f"{steps} steps: loss {state['history'][-1]:.4f}")
    file.unlink(missing_ok=True)  # a checkpoint that is left stands for work left

    figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.2), layout="constrained")
    left.semilogy(state["history"])
    left.set(xlabel="step", title="loss of a batch")
    x = np.linspace(-3.0, 3.0, 201)
    right.plot(*data(), ".", markersize=2, color="C2")
    right.plot(x, predict(state["weights"], x), color="C0")
    right.set(xlabel="x", title="what was learned")
    figure.savefig(picture)
    return state, done


if __name__ == "__main__":
    main(*sys.argv[1:])
