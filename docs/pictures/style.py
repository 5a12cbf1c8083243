"""How pictures look, and how they are written for light pages and for dark ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

FOREGROUND, FAINT = "#1f2933", "#c3cad1"
DARK = {FOREGROUND: "#d8dee6", FAINT: "#454c55"}
BLUE, ORANGE, GREEN, PURPLE = "#2f7ed8", "#e0702a", "#2b9a55", "#a35fd6"  # legible on white and on near-black

STYLE = {
    "axes.edgecolor": FOREGROUND,
    "axes.grid": True,
    "axes.labelcolor": FOREGROUND,
    "axes.prop_cycle": matplotlib.cycler(color=[BLUE, ORANGE, GREEN, PURPLE]),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": "medium",
    "figure.constrained_layout.use": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "savefig.dpi": 150,  # of photographs within pictures
    "savefig.transparent": True,
    "svg.hashsalt": "numbafunc",
    "text.color": FOREGROUND,
    "xtick.color": FOREGROUND,
    "ytick.color": FOREGROUND,
}


class Picture(NamedTuple):
    """A picture of a function.

    Attributes
    ----------
    draw : callable
        Draws it; given True, as a small one without text, if ``small``.
    alt : str
        What a reader who can't see it is told.
    small : bool
        Whether there is a small version, for overviews.
    """

    draw: Callable[[bool], Any]
    alt: str
    small: bool = False


def save(figure: Any, file: Path) -> None:
    """Write a figure as ``file.light.svg`` and ``file.dark.svg``."""
    light = file.with_name(f"{file.name}.light.svg")
    figure.savefig(light, format="svg", metadata={"Date": None})
    plt.close(figure)
    darken(light)


def darken(light: Path) -> None:
    """Write the dark version of a picture ``file.light.svg`` beside it."""
    text = light.read_text()
    for color, replacement in DARK.items():
        text = text.replace(color, replacement)
    light.with_name(light.name.replace(".light.", ".dark.")).write_text(text)
