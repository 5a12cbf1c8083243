"""Curves of functions and their derivatives, all of which the package computes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import numbafunc
from pictures.style import FAINT, FOREGROUND, GREEN, ORANGE, Picture

WIDE, SMALL = (6.4, 3.4), (2.2, 1.5)


def slope(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The derivative of a function that acts on each element by itself."""
    return lambda x: numbafunc.jvp(function, (x,), (np.ones_like(x),))[1]


def without_jumps(x: Any, y: Any) -> Any:
    """The ordinates with NaN at jumps, so that no line is drawn across them."""
    y = np.array(y, float)
    steps = np.abs(np.diff(y))
    y[1:][steps > 50 * np.median(steps) + 0.05 * np.ptp(y) + 1e-9] = np.nan
    return y


def axes_through_zero(axes: Any) -> None:
    """Mark the axes of coordinates."""
    axes.axhline(0, color=FOREGROUND, linewidth=0.8, zorder=0)
    axes.axvline(0, color=FOREGROUND, linewidth=0.8, zorder=0)


def without_text(axes: Any) -> None:
    """Leave the curves alone."""
    axes.set(xlabel="", ylabel="", title="", xticklabels=[], yticklabels=[])
    axes.tick_params(length=0)
    if axes.get_legend():
        axes.get_legend().remove()


def activation(function: Callable[[Any], Any], lower: float, small: bool) -> Any:
    """Value, first and second derivative of an activation function."""
    figure, axes = plt.subplots(figsize=SMALL if small else WIDE)
    x = np.linspace(lower, 5.0, 1201)
    curves = (
        (function, "value", "-"),
        (slope(function), "derivative", "-"),
        (slope(slope(function)), "second derivative", "--"),
    )
    for curve, label, style in curves[: 2 if small else 3]:
        axes.plot(x, without_jumps(x, curve(x)), style, label=label)
    axes_through_zero(axes)
    top = 3.0
    axes.set(xlabel="x", xlim=(min(lower, 0.0), 5.0), ylim=(-2.0 if lower < 0 else -3.0, top))
    if lower < 0 and np.max(np.abs(function(x[x < 4]))) < 1.5:
        axes.set_ylim(-1.3, 1.3)
    axes.legend(loc="lower right" if lower >= 0 else "upper left")
    if small:
        without_text(axes)
    return figure


def of_error(loss: Callable[[Any, Any], Any], target: float, lower: float, small: bool) -> Any:
    """A loss and its derivative, for one prediction that is compared with a target."""
    figure, axes = plt.subplots(figsize=SMALL if small else WIDE)
    predictions = np.linspace(lower, 4.0, 1201)
    values = [loss(np.array([p]), np.array([target])) for p in predictions]
    slopes = [numbafunc.grad(lambda p: loss(p, np.array([target])).sum())(np.array([p]))[0] for p in predictions]
    axes.plot(predictions, np.array(values).ravel(), label="loss")
    axes.plot(predictions, without_jumps(predictions, slopes), label="derivative by the prediction")
    axes.axvline(target, color=FAINT, linestyle=":")
    axes_through_zero(axes)
    axes.set(xlabel=f"prediction (the target is {target:g})", xlim=(lower, 4.0))
    axes.set_ylim((-3.0, 4.0) if lower < 0 else (-2.0, 1.5))
    axes.legend(loc="upper left" if lower >= 0 else "lower left")
    if small:
        without_text(axes)
    return figure


def half_square(x: Any, _: Any) -> Any:
    """L2 loss of the prediction alone."""
    return numbafunc.loss.l2(x)


def by_logit(losses: dict[str, Callable[[Any], Any]], xlabel: str, small: bool) -> Any:
    """Losses as functions of one logit, and their derivatives."""
    figure, axes = plt.subplots(figsize=SMALL if small else WIDE)
    x = np.linspace(-6.0, 6.0, 401)
    for number, (label, loss) in enumerate(losses.items()):
        color = f"C{number}"
        axes.plot(x, [float(loss(z)) for z in x], color=color, label=label)
        axes.plot(x, [float(numbafunc.grad(loss)(z)) for z in x], "--", color=color, label="its derivative")
    axes_through_zero(axes)
    axes.set(xlabel=xlabel, xlim=(-6.0, 6.0))
    axes.legend(loc="upper center")
    if small:
        without_text(axes)
    return figure


def sigmoid_cross_entropy(label: float) -> Callable[[Any], Any]:
    """The loss of one logit, given its label."""
    return lambda z: numbafunc.loss.sigmoid_cross_entropy_logits(z, label)


def cross_entropy(label: int, sparse: bool) -> Callable[[Any], Any]:
    """The loss of three classes as a function of the logit of the first."""

    def loss(z: Any) -> Any:
        logits = np.stack([z, 0.0 * z + 1.0, 0.0 * z])
        if sparse:
            return numbafunc.loss.cross_entropy_logits_sparse(logits, np.array(label))
        return numbafunc.loss.cross_entropy_logits(logits, np.eye(3)[label])

    return loss


def softmax_family(function: Callable[[Any], Any], small: bool) -> Any:
    """The result for the logits (x, 0, 1), as x varies."""
    figure, axes = plt.subplots(figsize=SMALL if small else WIDE)
    x = np.linspace(-6.0, 6.0, 401)
    results = function(np.stack([x, 0 * x, 0 * x + 1], axis=-1))
    for number, logit in enumerate(("x", "0", "1")):
        axes.plot(x, results[:, number], label=f"class with the logit {logit}")
    axes_through_zero(axes)
    axes.set(xlabel="x", xlim=(-6.0, 6.0))
    axes.legend(loc="center left" if results.min() >= 0 else "lower center")
    if small:
        without_text(axes)
    return figure


def log_sum_exp(small: bool) -> Any:
    """logsumexp of (x, 0) beside the maximum that it smooths."""
    figure, axes = plt.subplots(figsize=SMALL if small else WIDE)
    x = np.linspace(-5.0, 5.0, 401)

    def function(x: Any) -> Any:
        return numbafunc.logsumexp(np.stack([x, 0 * x], axis=-1), axis=-1)

    axes.plot(x, function(x), label="logsumexp of (x, 0)")
    axes.plot(x, slope(function)(x), label="derivative by x: the softmax")
    axes.plot(x, np.maximum(x, 0), ":", color=FOREGROUND, label="largest of (x, 0)")
    axes_through_zero(axes)
    axes.set(xlabel="x", xlim=(-5.0, 5.0))
    axes.legend(loc="upper left")
    if small:
        without_text(axes)
    return figure


def divergence(small: bool) -> Any:
    """The Kullback-Leibler divergence of two coins."""
    figure, axes = plt.subplots(figsize=SMALL if small else WIDE)
    x = np.linspace(0.001, 0.999, 501)
    for number, q in enumerate((0.2, 0.5)):

        def function(p: Any, q: float = q) -> Any:
            return numbafunc.divergence.kl(np.stack([p, 1 - p]), np.array([q, 1 - q]))

        axes.plot(x, [float(function(p)) for p in x], color=f"C{number}", label=f"q = ({q}, {1 - q})")
    axes_through_zero(axes)
    axes.set(xlabel="p, for the distribution (p, 1 - p)", xlim=(0.0, 1.0), ylabel="kl(p, q)")
    axes.legend(loc="upper center")
    if small:
        without_text(axes)
    return figure


def smoothed(_: bool) -> Any:
    """An exponential average by scan."""
    figure, axes = plt.subplots(figsize=WIDE)
    rng = np.random.default_rng(0)
    noisy = np.sin(np.linspace(0, 10, 400)) + rng.normal(size=400) / 3

    def step(mean: Any, x: Any) -> tuple[Any, Any]:
        mean = 0.9 * mean + 0.1 * x
        return mean, mean

    axes.plot(noisy, ".", color=FAINT, label="elements of xs")
    axes.plot(numbafunc.scan(step, 0.0, noisy)[1], label="carry: 0.9 carry + 0.1 x")
    axes.set(xlabel="step")
    axes.legend(loc="lower left")
    return figure


def prey(_: bool) -> Any:
    """A solution by odeint with its derivative by a parameter."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.6, 3.2))
    times = np.linspace(0.0, 12.0, 241)

    def solution(growth: Any) -> Any:
        def rates(y: Any, _: Any, growth: Any) -> Any:
            return np.stack([growth * y[0] - y[0] * y[1], y[0] * y[1] - y[1]])

        return numbafunc.odeint(rates, np.array([1.5, 1.0]), times, growth)

    values, slopes = numbafunc.jvp(solution, (0.7,), (1.0,))
    for number, label in enumerate(("prey", "predators")):
        left.plot(times, values[:, number], label=label)
        right.plot(times, slopes[:, number])
    left.set(xlabel="time", title="solution")
    right.set(xlabel="time", title="its derivative by the growth of the prey")
    left.legend()
    return figure


def tangent(_: bool) -> Any:
    """What jvp gives: value and slope at a point."""
    figure, axes = plt.subplots(figsize=WIDE)
    x = np.linspace(-1.0, 4.0, 301)

    def function(x: Any) -> Any:
        return np.sin(x) + x / 3

    axes.plot(x, function(x), label="sin(x) + x/3")
    for point in (0.5, 2.6):
        value, slope = numbafunc.jvp(function, (point,), (1.0,))
        near = np.linspace(point - 0.9, point + 0.9, 2)
        axes.plot(near, value + slope * (near - point), color=ORANGE)
        axes.plot(point, value, "o", color=ORANGE)
    axes.plot([], [], color=ORANGE, label="value and derivative by jvp, at two points")
    axes.set(xlabel="x")
    axes.legend(loc="lower right")
    return figure


def taylor(_: bool) -> Any:
    """Taylor polynomials from derivative."""
    figure, axes = plt.subplots(figsize=WIDE)
    x = np.linspace(-3.0, 3.0, 301)
    axes.plot(x, numbafunc.tanh(x), color=FOREGROUND, label="tanh")
    total, factorial = np.zeros_like(x), 1.0
    for order in range(6):
        factorial *= max(order, 1)
        total = total + numbafunc.derivative(numbafunc.tanh, order)(0.5) / factorial * (x - 0.5) ** order
        if order % 2:
            axes.plot(x, total, label=f"Taylor polynomial of order {order} at 0.5")
    axes.set(xlabel="x", ylim=(-2.0, 2.0))
    axes.legend(loc="upper left")
    return figure


def descent(_: bool) -> Any:
    """Gradients of a function of two variables."""
    figure, axes = plt.subplots(figsize=(6.4, 4.0))

    def function(p: Any) -> Any:
        return (p[0] ** 2 + p[1] - 3) ** 2 / 4 + (p[0] + p[1] ** 2 - 2) ** 2 / 4

    x, y = np.meshgrid(np.linspace(-2.6, 2.6, 120), np.linspace(-2.2, 2.6, 120))
    axes.contour(x, y, np.log1p(function(np.stack([x, y]))), 14, cmap="viridis", linewidths=1.0)
    p, path = np.array([-0.3, -1.6]), []
    for _ in range(60):
        path.append(p)
        p = p - 0.12 * numbafunc.grad(function)(p)
    axes.plot(*np.array(path).T, "o-", color=ORANGE, markersize=3, linewidth=1, label="steps along the gradient")
    axes.set(xlabel="first variable", ylabel="second variable")
    axes.grid(False)
    axes.legend(loc="lower right")
    return figure


def matrix(values: Any, title: str, axes: Any) -> None:
    """A matrix in colours, blue for negative elements."""
    bound = np.abs(values).max()
    axes.imshow(values, cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="none")
    axes.set(title=title, xticks=[], yticks=[])
    axes.grid(False)


def jacobian(driver: Callable[..., Any], _: bool) -> Any:
    """The Jacobian of a moving average, and of a cumulative sum of squares."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.2))
    x = np.linspace(-1.0, 1.0, 16)
    matrix(
        driver(lambda x: np.convolve(np.tanh(3 * x), [0.25, 0.5, 0.25], "same"))(x), "moving average of tanh(3 x)", left
    )
    matrix(driver(lambda x: np.cumsum(x**2))(x), "cumulative sum of x²", right)
    for axes in (left, right):
        axes.set(xlabel="variable", ylabel="element of the result")
    return figure


def curvature(_: bool) -> Any:
    """The Hessian of a chain of springs, and of one in which all pull at all."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.2))
    x = np.linspace(0.0, 1.0, 12) ** 2
    matrix(numbafunc.hessian(lambda x: np.sum((x[1:] - x[:-1]) ** 2))(x), "neighbours: sum of (xᵢ₊₁ - xᵢ)²", left)
    matrix(numbafunc.hessian(numbafunc.logsumexp)(4 * x), "logsumexp", right)
    for axes in (left, right):
        axes.set(xlabel="variable", ylabel="variable")
    return figure


def root(_: bool) -> Any:
    """The solution of Kepler's equation as a function of the time, and its derivative."""

    def residual(e: Any, time: Any) -> Any:
        return e - 0.8 * np.sin(e) - time

    @numbafunc.custom_root(residual, elementwise=True)
    def anomaly(time: Any) -> Any:
        e = time + 0.8 * np.sin(time)
        for _ in range(60):
            e = e - residual(e, time) / (1 - 0.8 * np.cos(e))
        return e

    figure, axes = plt.subplots(figsize=WIDE)
    time = np.linspace(0.0, 2 * np.pi, 301)
    axes.plot(time, anomaly(time), label="e, the root of e - 0.8 sin(e) - t")
    axes.plot(time, slope(anomaly)(time), label="its derivative by t")
    axes.set(xlabel="t")
    axes.legend(loc="upper center")
    return figure


def of_its_own(_: bool) -> Any:
    """A function made by elementwise, with its derivative."""
    import math

    @numbafunc.elementwise
    def wave(x: Any, width: Any) -> Any:
        return math.cos(4 * x) * math.exp(-((x / width) ** 2))

    figure, axes = plt.subplots(figsize=WIDE)
    x = np.linspace(-3.0, 3.0, 501)
    axes.plot(x, wave(x, 1.5), label="cos(4 x) exp(-(x / width)²), width 1.5")
    axes.plot(
        x, numbafunc.jvp(lambda w: wave(x, w), (1.5,), (1.0,))[1], color=GREEN, label="its derivative by the width"
    )
    axes.set(xlabel="x", ylim=(-1.1, 1.7))
    axes.legend(loc="upper left")
    return figure


def _activations() -> dict[str, Picture]:
    found = {}
    for name in ("celu", "elu", "gelu", "hard_swish", "leaky_relu", "log_sigmoid", "mish", "relu", "rsqrt", "selu"):
        found[name] = name
    for name in ("sigmoid", "softplus", "swish", "tanh"):
        found[name] = name
    return {
        name: Picture(
            partial(activation, getattr(numbafunc, name), 0.12 if name == "rsqrt" else -5.0),
            f"Curves of {name}, its derivative and its second derivative",
            small=True,
        )
        for name in found
    }


def _losses() -> dict[str, Picture]:
    alt = "Curve of {} as the prediction varies, with its derivative"
    loss = numbafunc.loss
    found = {
        "loss.l2": Picture(partial(of_error, half_square, 0.0, -4.0), alt.format("the L2 loss"), small=True),
        "loss.mean_squared_log_error": Picture(
            partial(of_error, loss.mean_squared_log_error, 1.5, 0.0),
            alt.format("the squared error of logarithms"),
            small=True,
        ),
    }
    for name in ("mean_absolute_error", "mean_squared_error"):
        found[f"loss.{name}"] = Picture(
            partial(of_error, getattr(loss, name), 1.0, -4.0), alt.format(f"the {name.replace('_', ' ')}"), small=True
        )
    logit = "logit of the first of three classes"
    for name, sparse in (("cross_entropy_logits", False), ("cross_entropy_logits_sparse", True)):
        losses = {"label: first class": cross_entropy(0, sparse), "label: second class": cross_entropy(1, sparse)}
        found[f"loss.{name}"] = Picture(
            partial(by_logit, losses, logit), "Cross entropy of three classes as one logit varies", small=True
        )
    losses = {"label 1": sigmoid_cross_entropy(1.0), "label 0": sigmoid_cross_entropy(0.0)}
    found["loss.sigmoid_cross_entropy_logits"] = Picture(
        partial(by_logit, losses, "logit"), "Cross entropy of a logit for both labels, with derivatives", small=True
    )
    return found


PICTURES: dict[str, Picture] = {
    **_activations(),
    **_losses(),
    "divergence.kl": Picture(
        divergence, "Kullback-Leibler divergence of two-valued distributions from two others", small=True
    ),
    "softmax": Picture(
        partial(softmax_family, numbafunc.softmax), "Softmax of three classes as one logit varies", small=True
    ),
    "log_softmax": Picture(
        partial(softmax_family, numbafunc.log_softmax), "Log-softmax of three classes as one logit varies", small=True
    ),
    "logsumexp": Picture(log_sum_exp, "Logsumexp of x and 0 smooths the larger of both; its derivative", small=True),
    "scan": Picture(smoothed, "Noisy numbers and their exponential average, made by scan"),
    "odeint": Picture(prey, "Numbers of predators and prey in time, and their derivatives by a parameter"),
    "jvp": Picture(tangent, "A curve with tangent lines at two points"),
    "grad": Picture(descent, "Contours of a function of two variables and a path along its gradient"),
    "derivative": Picture(taylor, "The hyperbolic tangent and three Taylor polynomials"),
    "jacfwd": Picture(partial(jacobian, numbafunc.jacfwd), "The Jacobians of two functions as matrices in colours"),
    "jacrev": Picture(partial(jacobian, numbafunc.jacrev), "The Jacobians of two functions as matrices in colours"),
    "hessian": Picture(curvature, "The Hessians of two functions as matrices in colours"),
    "custom_root": Picture(root, "The solution of Kepler's equation and its derivative"),
    "elementwise": Picture(of_its_own, "A wave packet and its derivative by the width"),
}
