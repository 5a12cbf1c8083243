"""A classifier of handwritten digits, trained with numbafunc from data to test: ``python -m numbafunc demo``."""

from __future__ import annotations

import argparse
import math
import os
import time
from pathlib import Path

import numpy as np

from numbafunc import parallel
from numbafunc.demo.data import load, split
from numbafunc.demo.report import figure_forms, progress, save_figure
from numbafunc.demo.train import Processes, Settings, blas_threads_of_rank, confusion_matrix, first_weights, fit

REQUIRED_ACCURACY = 0.95
REQUIRED_WITH_HIDDEN_LAYER = 0.97


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the demo's command-line options."""
    plain, layered = Settings.of(0), Settings.of(1)
    parser.add_argument("--hidden", type=_count, default=0, help="units of a hidden layer (default: %(default)s, none)")
    parser.add_argument(
        "--steps", type=_positive, help=f"how many steps (default: {plain.steps}, {layered.steps} with a hidden layer)"
    )
    parser.add_argument(
        "--learning-rate",
        type=_rate,
        help=f"size of a step (default: {plain.learning_rate}, {layered.learning_rate} with a hidden layer)",
    )
    parser.add_argument(
        "--seed",
        type=_count,
        default=0,
        help="seed of the split into two parts, and of first weights (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=_figure_file,
        default="numbafunc-demo.png",
        help="file for the figure (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="print the result alone")


def run(arguments: argparse.Namespace, processes: Processes | None = None) -> int:
    """Train, test, report, and return the exit status: 0 if the accuracy is at least what is required.

    Parameters
    ----------
    arguments : argparse.Namespace
        The options of :func:`add_arguments`.
    processes : Processes, optional
        The processes that train together, all ranks of the MPI job by default; only the one with rank 0 prints and
        writes the figure.
    """
    processes = processes or Processes(parallel.axis_index(), parallel.axis_size())
    first = processes.rank == 0
    quiet = arguments.quiet or not first
    training, held_out = split(load(), arguments.seed)
    given = {name: getattr(arguments, name) for name in ("steps", "learning_rate", "seed")}
    settings = Settings.of(arguments.hidden, **{name: value for name, value in given.items() if value is not None})
    if not quiet:
        print(
            f"{len(training.labels)} images of handwritten digits to train on, {len(held_out.labels)} held out.\n"
            f"Gradient of {sum(array.size for array in first_weights(settings).values())} weights in every step"
            + (f", on {processes.count} processes." if processes.count > 1 else ".")
        )

    start = time.perf_counter()
    with progress(settings.steps, quiet) as report, blas_threads_of_rank():
        weights, history = fit(training, settings, processes, report)
    seconds = time.perf_counter() - start

    confusion = confusion_matrix(weights, held_out)
    accuracy = float(np.trace(confusion) / confusion.sum())
    required = REQUIRED_WITH_HIDDEN_LAYER if settings.hidden else REQUIRED_ACCURACY
    enough = accuracy >= required
    if first:
        verdict = "reached" if enough else "missed"
        print(f"Trained in {seconds:.1f} s; the objective fell from {history[0]:.4f} to {history[-1]:.4f}.")
        print(f"Accuracy on held-out images: {accuracy:.2%} ({required:.0%} {verdict}).")
        if save_figure(arguments.output, history, confusion):
            print(f"Loss curve and confusion matrix: {arguments.output}")
        else:
            print('No figure: matplotlib is not installed (pip install "numbafunc[demo]").')
    return 0 if enough else 1


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None


def _count(text: str) -> int:
    number = _whole(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, not {number}")
    return number


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be above 0 and finite, not {number}")
    return number


def _figure_file(text: str) -> Path:
    """The file for the figure, looked at before minutes are spent on what is to be drawn in it."""
    path = Path(text)
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no file in a folder that exists")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} can't be written")
    forms = figure_forms()
    if forms and path.suffix[1:].lower() not in forms:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no kind of image; wanted: a name that ends in .{', .'.join(forms)}"
        )
    return path


def _positive(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number
