"""Trains a perceptron to tell two spirals apart, on one process or several.

python examples/perceptron.py [picture]
mpiexec -n 4 python examples/perceptron.py [picture]
"""

import itertools
import sys

import matplotlib.pyplot as plt
import numpy as np
import optree

import numbafunc
from numbafunc import parallel

UNITS = 32


def spirals(count=400):
    """Points of the plane, and which of two spirals each is near to: 0 or 1."""
    rng = np.random.default_rng(0)
    turn = np.sqrt(rng.uniform(0.02, 1.0, count)) * 3 * np.pi
    side = np.arange(count) % 2
    angle = turn + np.pi * side
    points = (turn / 8)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + 0.03 * rng.normal(size=points.shape), side.astype(float)


def first_weights(seed=0):
    rng = np.random.default_rng(seed)
    sizes = [2, UNITS, UNITS, 1]
    return [
        {"kernel": rng.normal(size=(i, o)) * np.sqrt(2 / i), "bias": np.zeros(o)}
        for i, o in itertools.pairwise(sizes)
    ]


def logits(weights, points):
    *hidden, last = weights
    for layer in hidden:
        points = numbafunc.swish(points @ layer["kernel"] + layer["bias"])
    return (points @ last["kernel"] + last["bias"])[:, 0]


def loss(weights, points, labels):
    return numbafunc.loss.sigmoid_cross_entropy_logits(
        logits(weights, points), labels
    ).mean()


def adam(weights, mean, square, gradient, step, rate):
    """One step of Adam: the weights, the means of gradients and of their squares."""
    mean = optree.tree_map(lambda m, g: 0.9 * m + 0.1 * g, mean, gradient)
    square = optree.tree_map(lambda s, g: 0.99 * s + 0.01 * g**2, square, gradient)
    size = rate * np.sqrt(1 - 0.99**step) / (1 - 0.9**step)
    weights = optree.tree_map(
        lambda w, m, s: w - size * m / (np.sqrt(s) + 1e-8), weights, mean, square
    )
    return weights, mean, square


def train(points, labels, steps, rate=0.01):
    """Train by Adam; each rank takes the gradient of its own part of the points."""
    mine = slice(parallel.axis_index(), None, parallel.axis_size())
    points, labels = points[mine], labels[mine]
    evaluate = numbafunc.value_and_grad(loss)
    weights = first_weights()
    mean = square = optree.tree_map(np.zeros_like, weights)
    history = []
    for step in range(1, steps + 1):
        part = evaluate(weights, points, labels)
        value, gradient = parallel.pmean(part, weight=len(labels))
        weights, mean, square = adam(weights, mean, square, gradient, step, rate)
        history.append(float(value))
    return weights, history


def main(picture="perceptron.png", steps=400):
    points, labels = spirals()
    weights, history = train(points, labels, steps)
    right = np.mean((logits(weights, points) > 0) == labels)
    if parallel.axis_index() > 0:
        return weights, history, right
    print(f"{parallel.axis_size()} ranks, {steps} steps: loss {history[-1]:.4f}")
    print(f"{right:.1%} of the points are right")

    figure, (left, middle) = plt.subplots(
        1, 2, figsize=(8.4, 3.8), layout="constrained"
    )
    left.semilogy(history)
    left.set(xlabel="step", title="loss")
    x, y = np.meshgrid(np.linspace(-1.3, 1.3, 120), np.linspace(-1.3, 1.3, 120))
    probability = numbafunc.sigmoid(
        logits(weights, np.stack([x.ravel(), y.ravel()], axis=1))
    ).reshape(x.shape)
    middle.contourf(x, y, probability, 10, cmap="PuOr", alpha=0.7)
    middle.scatter(
        *points.T, c=labels, cmap="PuOr", edgecolors="k", linewidths=0.4, s=14
    )
    middle.set(title="probability of the second spiral", aspect="equal")
    middle.grid(False)
    figure.savefig(picture)
    return weights, history, right


if __name__ == "__main__":
    main(*sys.argv[1:])
