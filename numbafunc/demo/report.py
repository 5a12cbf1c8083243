"""Output of the demo: progress while it trains, and one figure at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numbafunc.progress import shown

Report = Callable[[int, float], None]


@contextmanager
def progress(steps: int, quiet: bool) -> Iterator[Report]:
    """Show the progress of training, unless `quiet`.

    Yields a function to call after each step with the number of steps done and the loss.
    """
    if quiet:
        yield lambda step, loss: None
        return
    with shown("training", "step", steps) as show:
        yield lambda step, loss: show(step, f"loss {loss:.4f}")


def figure_forms() -> list[str]:
    """The endings of the names of files that :func:`save_figure` can draw into; none where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return []
    return sorted(Figure().canvas.get_supported_filetypes())


def save_figure(path: Path, history: Sequence[float], confusion: NDArray[np.int64]) -> bool:
    """Draw the loss curve beside the confusion matrix into an image file; False where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False

    figure = Figure(figsize=(11, 5), layout="constrained")
    curve, matrix = figure.subplots(1, 2)

    curve.semilogy(range(1, len(history) + 1), history)
    curve.set(xlabel="step", ylabel="objective", title="Training")
    curve.grid(True, which="both", alpha=0.3)

    accuracy = np.trace(confusion) / confusion.sum()
    matrix.imshow(confusion, cmap="Blues")
    digits = range(len(confusion))
    matrix.set(
        xlabel="predicted digit",
        ylabel="true digit",
        title=f"Held-out images, accuracy {accuracy:.1%}",
        xticks=digits,
        yticks=digits,
    )
    for (row, column), count in np.ndenumerate(confusion):
        if count:
            colour = "white" if count > confusion.max() / 2 else "black"
            matrix.text(column, row, str(count), ha="center", va="center", color=colour)

    figure.savefig(path, dpi=120)
    return True
