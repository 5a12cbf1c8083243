"""How far some work has come: a bar if rich is installed, on a terminal or in a notebook, else some lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

PLAIN_LINES = 8


@contextmanager
def shown(work: str, unit: str, total: int) -> Iterator[Callable[[int, str], None]]:
    """Show the progress of some work of so many units.

    Yields a function to call after each unit with the number of units done and what there is to say of the last.
    """
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    except ImportError:
        terminal = False
    else:
        console = Console()
        terminal = console.is_terminal or console.is_jupyter
    if not terminal:
        yield _plain_lines(unit, total)
        return

    columns = (TextColumn(work), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(work, total=total, note="")
        yield lambda done, note: bar.update(task, completed=done, note=note)


def _plain_lines(unit: str, total: int) -> Callable[[int, str], None]:
    every = max(1, total // PLAIN_LINES)

    def report(done: int, note: str) -> None:
        if done == 1 or done == total or done % every == 0:
            print(f"{unit} {done:4d} of {total}   {note}", flush=True)

    return report


__all__ = ["shown"]
