"""Softmax regression by gradient descent with momentum, on one process or on several that share the data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree
from numpy.typing import NDArray

import numbafunc
from numbafunc.demo.data import CLASSES, PIXELS, Digits, shard

# Dictionary with "kernel" of shape (64, 10) and "bias" of shape (10,).
Weights = Any


@dataclass(frozen=True)
class Settings:
    """Settings of the training: number of steps, step size, momentum, and weight of the penalty on large weights."""

    steps: int = 80
    learning_rate: float = 3.0
    momentum: float = 0.85
    penalty: float = 3e-4


@dataclass(frozen=True)
class Processes:
    """The processes that train together.

    Attributes
    ----------
    rank : int
        Number of this process.
    count : int
        How many there are.
    reduce_mean : callable
        Mean of a nest of arrays over all processes, known to each of them afterwards.
    """

    rank: int = 0
    count: int = 1
    reduce_mean: Callable[[Any], Any] = lambda value: value


def logits(weights: Weights, images: NDArray[np.float32]) -> Any:
    """Score of every class for every image, shape (images, 10)."""
    return images @ weights["kernel"] + weights["bias"]


def objective(weights: Weights, digits: Digits, share: float, penalty: float) -> Any:
    """Mean cross entropy of the classifier plus a penalty on large weights.

    Parameters
    ----------
    weights : dict
        ``kernel`` and ``bias`` of the scores.
    digits : Digits
        This process's part of the images.
    share : float
        Number of this part's images divided by the average number per process. The mean over processes
        is then the mean over all images, also where the parts differ in size.
    penalty : float
        Factor of half the sum of the squared kernel.
    """
    losses = numbafunc.loss.cross_entropy_logits_sparse(logits(weights, digits.images), digits.labels)
    return share * losses.mean() + penalty * numbafunc.loss.l2(weights["kernel"])


def fit(
    digits: Digits,
    settings: Settings,
    processes: Processes,
    report: Callable[[int, float], None],
) -> tuple[Weights, list[float]]:
    """Fit the classifier and return its weights and the objective before every step.

    Every process holds the same weights and computes loss and gradient on its own part of `digits`; their means over
    the processes are those of all images. `report` is called after each step with its number and the objective.
    """
    part = shard(digits, processes.rank, processes.count)
    share = len(part.labels) * processes.count / len(digits.labels)
    evaluate = numbafunc.value_and_grad(objective)

    weights: Weights = {
        "kernel": np.zeros((PIXELS, CLASSES), np.float32),
        "bias": np.zeros(CLASSES, np.float32),
    }
    velocity: Weights = optree.tree_map(np.zeros_like, weights)
    history: list[float] = []
    for step in range(settings.steps):
        value, gradient = evaluate(weights, part, share, settings.penalty)
        value, gradient = processes.reduce_mean((value, gradient))
        velocity = optree.tree_map(lambda v, g: settings.momentum * v + g, velocity, gradient)
        weights = optree.tree_map(lambda w, v: w - settings.learning_rate * v, weights, velocity)
        history.append(float(value))
        report(step + 1, history[-1])
    return weights, history


def classify(weights: Weights, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of every class for every image, shape (images, 10)."""
    probabilities: NDArray[np.float32] = numbafunc.softmax(logits(weights, images))
    return probabilities


def confusion_matrix(weights: Weights, digits: Digits) -> NDArray[np.int64]:
    """Count of images by true digit (row) and by the most probable digit (column)."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(counts, (digits.labels, classify(weights, digits.images).argmax(axis=-1)), 1)
    return counts
