"""The picture at the top of README.md: ``python -m pictures.readme`` in ``docs`` writes it into ``docs/_static``."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import numbafunc
from pictures.curves import axes_through_zero
from pictures.examples import EXAMPLES
from pictures.style import ORANGE, PURPLE, STYLE, save


def draw() -> Any:
    """A function with its derivatives, a loss that falls, and what was learned."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8.6, 2.6), width_ratios=[1.3, 1.3, 1])
    x = np.linspace(-5, 3, 241)
    for order, label in enumerate(("mish", "first derivative", "second", "third")):
        left.plot(x, [numbafunc.derivative(numbafunc.mish, order)(point) for point in x], label=label)
    axes_through_zero(left)
    left.set(title="derivatives of every order", xlim=(-5, 3), ylim=(-1.1, 2.2))
    left.legend(loc="upper left", fontsize="small")

    perceptron = runpy.run_path(str(EXAMPLES / "perceptron.py"))
    points, sides = perceptron["spirals"]()
    weights, history = perceptron["train"](points, sides, 400)
    middle.semilogy(history)
    middle.set(title="a network learns", xlabel="step", yticks=[1, 0.1, 0.01, 0.001])
    middle.minorticks_off()

    edge = np.linspace(-1.3, 1.3, 80)
    plane = np.stack([axis.ravel() for axis in np.meshgrid(edge, edge)], axis=1)
    probability = numbafunc.sigmoid(perceptron["logits"](weights, plane)).reshape(80, 80)
    right.contourf(edge, edge, probability, (0, 0.5, 1), colors=(ORANGE, PURPLE), alpha=0.3)
    for side, color in ((0, ORANGE), (1, PURPLE)):
        right.plot(*points[sides == side][::2].T, "o", color=color, markersize=1.8)
    right.set(title="two spirals apart", aspect="equal")
    right.set_axis_off()
    return figure


if __name__ == "__main__":
    with plt.rc_context(STYLE):
        save(draw(), Path(__file__).parent.parent / "_static" / "readme")
