"""A classifier trained by gradient descent with momentum, on one process or on several that share the data.

It is softmax regression, or, with a hidden layer, a perceptron.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree
from numpy.typing import NDArray

import numbafunc
from numbafunc.demo.data import CLASSES, PIXELS, Digits, shard
from numbafunc.launcher import threads_of_rank

# Dictionary with "kernel" of shape (features, 10) and "bias" of shape (10,); the features are the 64 pixels or, with
# a hidden layer, its units, of which "hidden_kernel", of shape (64, units), and "hidden_bias" are the weights.
Weights = Any


@dataclass(frozen=True)
class Settings:
    """Settings of the training.

    Attributes
    ----------
    steps : int
        How many there are.
    learning_rate, momentum : float
        Size of a step, and the share of the last one that goes on.
    penalty : float
        Weight of the penalty on large weights.
    hidden : int
        Units of the hidden layer; 0 for none.
    seed : int
        Of the first weights of a hidden layer.
    """

    steps: int = 80
    learning_rate: float = 3.0
    momentum: float = 0.85
    penalty: float = 3e-4
    hidden: int = 0
    seed: int = 0

    @classmethod
    def of(cls, hidden: int, **options: Any) -> Settings:
        """Settings that suit a number of hidden units, but for the options that are given."""
        suited = {"steps": 400, "learning_rate": 0.4, "momentum": 0.95, "penalty": 1e-3} if hidden else {}
        return cls(**{**suited, "hidden": hidden, **options})


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
    if "hidden_kernel" in weights:
        images = numbafunc.relu(images @ weights["hidden_kernel"] + weights["hidden_bias"])
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
        Factor of half the sum of the squared kernels.
    """
    losses = numbafunc.loss.cross_entropy_logits_sparse(logits(weights, digits.images), digits.labels)
    large = sum(numbafunc.loss.l2(weights[name]) for name in weights if name.endswith("kernel"))
    return share * losses.mean() + penalty * large


def first_weights(settings: Settings) -> Weights:
    """Zeros, but for the weights of a hidden layer, which must differ from unit to unit."""
    features = settings.hidden or PIXELS
    weights = {"kernel": np.zeros((features, CLASSES), np.float32), "bias": np.zeros(CLASSES, np.float32)}
    if settings.hidden:
        draws = np.random.default_rng(settings.seed).standard_normal((PIXELS, settings.hidden), np.float32)
        weights["hidden_kernel"] = draws * np.float32(2 / PIXELS**0.5)
        weights["hidden_bias"] = np.zeros(settings.hidden, np.float32)
    return weights


@contextmanager
def blas_threads_of_rank() -> Iterator[None]:
    """Limit the threads of NumPy's matrix products to this rank's share of the node, where threadpoolctl is installed.

    The library behind them starts a thread for each core in every rank. Where ranks share the cores, a product of two
    small matrices then waits for threads that the system has put aside: 2 ranks on 2 cores trained 25 times slower.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        yield
        return
    with threadpool_limits(threads_of_rank(), user_api="blas"):
        yield


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

    weights = first_weights(settings)
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
