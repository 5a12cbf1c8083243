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
from numbafunc.parallel import pmean, pmean_start

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
    """

    rank: int = 0
    count: int = 1


def first_layer(weights: Weights, images: NDArray[np.float32]) -> tuple[Any, Any]:
    """Units of the hidden layer for every image, shape (images, units), and half the sum of its squared kernel.

    Without a hidden layer the images themselves, and 0.
    """
    if "hidden_kernel" not in weights:
        return images, 0
    units = numbafunc.relu(images @ weights["hidden_kernel"] + weights["hidden_bias"])
    return units, numbafunc.loss.l2(weights["hidden_kernel"])


def logits(weights: Weights, features: Any) -> Any:
    """Score of every class for every image, shape (images, 10), from what the first layer gives."""
    return features @ weights["kernel"] + weights["bias"]


def last_layer(weights: Weights, features: Any, large: Any, labels: NDArray[Any], share: float, penalty: float) -> Any:
    """Objective, from what the first layer gives; `share` and `penalty` are those of :func:`objective`."""
    losses = numbafunc.loss.cross_entropy_logits_sparse(logits(weights, features), labels)
    return share * losses.mean() + penalty * (numbafunc.loss.l2(weights["kernel"]) + large)


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
    return last_layer(weights, *first_layer(weights, digits.images), digits.labels, share, penalty)


def mean_by_layer(weights: Weights, digits: Digits, share: float, penalty: float) -> tuple[Any, Weights]:
    """Means over the processes of the objective and of its gradient, which is found from the last layer to the first.

    While the gradient of the first layer is computed, that of the last one is on its way between the processes.
    """
    first = {name: weights[name] for name in weights if name.startswith("hidden")}
    last = {name: weights[name] for name in weights if name not in first}
    features, back_of_first = numbafunc.vjp(lambda w: first_layer(w, digits.images), first)
    value, back_of_last = numbafunc.vjp(
        lambda w, units, large: last_layer(w, units, large, digits.labels, share, penalty), last, *features
    )
    gradient, *cotangents = back_of_last(np.ones_like(value))
    mean_of_last = pmean_start((value, gradient))
    of_first = pmean(back_of_first(tuple(cotangents))[0])
    value, of_last = mean_of_last.wait()
    return value, {**of_last, **of_first}


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
        if settings.hidden and processes.count > 1:
            value, gradient = mean_by_layer(weights, part, share, settings.penalty)
        else:
            value, gradient = pmean(evaluate(weights, part, share, settings.penalty))
        velocity = optree.tree_map(lambda v, g: settings.momentum * v + g, velocity, gradient)
        weights = optree.tree_map(lambda w, v: w - settings.learning_rate * v, weights, velocity)
        history.append(float(value))
        report(step + 1, history[-1])
    return weights, history


def classify(weights: Weights, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probability of every class for every image, shape (images, 10)."""
    probabilities: NDArray[np.float32] = numbafunc.softmax(logits(weights, first_layer(weights, images)[0]))
    return probabilities


def confusion_matrix(weights: Weights, digits: Digits) -> NDArray[np.int64]:
    """Count of images by true digit (row) and by the most probable digit (column)."""
    counts = np.zeros((CLASSES, CLASSES), np.int64)
    np.add.at(counts, (digits.labels, classify(weights, digits.images).argmax(axis=-1)), 1)
    return counts
