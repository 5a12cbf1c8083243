"""Output of the demo: progress while it trains, and one figure at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Report = Callable[[int, float], None]

PLAIN_LINES = 8


@contextmanager
def progress(steps: int, quiet: bool) -> Iterator[Report]:
    """Show the progress of training: a bar on a terminal or in a notebook if rich is installed, else some lines.

    Nothing is shown if `quiet`. Yields a function to call after each step with the number of steps done and the loss.
    """
    if quiet:
        yield lambda step, loss: None
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        terminal = False
    else:
        console = Console()
        terminal = console.is_terminal or console.is_jupyter
    if not terminal:
        yield _plain_lines(steps)
        return

    columns = (
        TextColumn("training"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as bar:
        task = bar.add_task("training", total=steps, loss=float("nan"))
        yield lambda step, loss: bar.update(task, completed=step, loss=loss)


def _plain_lines(steps: int) -> Report:
    every = max(1, steps // PLAIN_LINES)

    def report(step: int, loss: float) -> None:
        if step == 1 or step == steps or step % every == 0:
            print(f"step {step:4d} of {steps}   loss {loss:.4f}", flush=True)

    return report


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
