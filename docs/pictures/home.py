"""The picture at the top of the documentation."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import numbafunc
from pictures.curves import axes_through_zero, slope
from pictures.images import face, show


def draw() -> Any:
    """A photograph, pooled; a loss that falls; a function with its derivative."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(8.6, 2.6), width_ratios=[1, 1.35, 1.35])
    show(left, numbafunc.average_pool_2d(face(), 4, 4), "average_pool_2d")

    from numbafunc.demo.data import load, split
    from numbafunc.demo.train import Processes, Settings, fit

    _, history = fit(split(load(), 0)[0], Settings(steps=60), Processes(), lambda step, value: None)
    middle.semilogy(history)
    middle.set(title="loss, by gradients of 650 weights", xlabel="step", yticks=[0.1, 1], yticklabels=["0.1", "1"])
    middle.minorticks_off()

    x = np.linspace(-5, 5, 301)
    right.plot(x, numbafunc.mish(x), label="mish")
    right.plot(x, slope(numbafunc.mish)(x), label="derivative")
    axes_through_zero(right)
    right.set(title="mish", ylim=(-0.6, 3), xlabel="x")
    right.legend(loc="upper left")
    return figure
