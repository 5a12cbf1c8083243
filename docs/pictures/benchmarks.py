"""Plots and tables of the measurements in ``bench/results``: what was slower than a peer, and by how much."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from bench import plots, report
from bench.results import FOLDER, Results, load
from pictures.style import BLUE, FOREGROUND, ORANGE, save

# Rows of the table of what we lose, and of what was left out; the page in Markdown beside the results has all.
MOST = 30


@cache
def measured() -> Results:
    """What ``python -m bench`` has measured."""
    return load()


def modes() -> Any:
    """Times of gradients in both modes, by the number of variables."""
    rows = load(FOLDER / "modes.json").rows
    sizes = list(dict.fromkeys(row.size for row in rows))
    figure, places = plt.subplots(1, len(sizes), figsize=(8.4, 3.2), sharey=True)
    for axes, size in zip(places, sizes, strict=True):
        mine = [row for row in rows if row.size == size]
        variables = [int(row.name.split()[0]) for row in mine]
        for contender, label in (("forward", "forward mode"), ("numbafunc", "reverse mode")):
            times = [row.libraries[contender]["median"] * 1e6 for row in mine]
            axes.loglog(variables, times, "o-", label=label, markersize=4)
        axes.set(title=f"arrays of {size.split()[0]}", xlabel="variables")
        axes.set_xticks([2, 4, 8, 16, 32], ["2", "4", "8", "16", "32"])
        axes.minorticks_off()
    places[0].set_ylabel("time of a gradient, µs")
    places[0].set_yticks([100, 1000, 10000], ["100", "1,000", "10,000"])
    places[0].legend(loc="upper left")
    return figure


def chain() -> Any:
    """The chain rule from either end."""
    figure, axes = plt.subplots(figsize=(8.0, 2.7))
    axes.set(xlim=(-0.4, 8.4), ylim=(-1.1, 1.1))
    axes.set_axis_off()
    names = ("variables\nx", "u = sin(x)", "v = u²", "result\ny = sum(v)")
    for place, name in enumerate(names):
        box = {"boxstyle": "round,pad=0.5", "facecolor": "none", "edgecolor": FOREGROUND}
        axes.text(2.6 * place, 0, name, ha="center", va="center", bbox=box)
    arrow = {"arrowstyle": "-|>", "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
    forth, back = ("· cos(x)", "· 2u", "sum"), ("· cos(x)", "· 2u", "repeat")
    for place in range(3):
        left, right = 2.6 * place + 0.35, 2.6 * place + 2.25
        axes.annotate("", (right, 0.6), (left, 0.6), arrowprops={**arrow, "color": BLUE})
        axes.text((left + right) / 2, 0.66, forth[place], color=BLUE, ha="center", va="bottom")
        axes.annotate("", (left, -0.6), (right, -0.6), arrowprops={**arrow, "color": ORANGE})
        axes.text((left + right) / 2, -0.66, back[place], color=ORANGE, ha="center", va="top")
    axes.text(3.9, 1.02, "forward: tangents, a direction of x at a time", color=BLUE, ha="center", va="center")
    axes.text(3.9, -1.04, "reverse: cotangents, an element of y at a time", color=ORANGE, ha="center", va="center")
    return figure


def largest_errors() -> dict[str, tuple[float, str]]:
    """The largest error of each function over all float32 inputs, in units in the last place, and where it is."""
    rows = json.loads((FOLDER / "exhaustive_float32.json").read_text())
    return {name: (row["max_ulp"], row["at"]) for name, row in rows.items()}


def accuracy() -> Any:
    """Bars of the largest errors."""
    errors = sorted((error, name) for name, (error, _) in largest_errors().items())
    figure, axes = plt.subplots(figsize=(8.0, 3.2))
    axes.bar([name for _, name in errors], [error for error, _ in errors], color=BLUE, width=0.7)
    axes.axhline(0.5, color=FOREGROUND, linewidth=1, linestyle=":")  # no function can be better
    axes.tick_params("x", rotation=90, labelsize="small")
    axes.set(ylabel="largest error, ULP", xlim=(-0.7, len(errors) - 0.3))
    axes.grid(axis="x", visible=False)
    return figure


def accuracy_table() -> list[str]:
    """The largest errors as reStructuredText."""
    lines = [".. list-table::", "    :header-rows: 1", "    :class: cost", ""]
    rows = [(f"``{name}``", f"{error:.3f}", at) for name, (error, at) in largest_errors().items()]
    for row in [("Function", "Largest error, ULP", "at"), *rows]:
        lines += [f"    {'  ' if place else '* '}- {cell}" for place, cell in enumerate(row)]
    return [*lines, ""]


def drawn(name: str) -> bool:
    """Whether there are results for a plot."""
    own = name.removeprefix("bench-")
    return own == "modes" or plots.possible(own, measured())


def write(folder: Path) -> None:
    """Draw all plots."""
    save(accuracy(), folder / "accuracy")
    for name, draw in plots.PLOTS.items():
        if drawn(name):
            save(draw(measured()), folder / f"bench-{name}")
    save(modes(), folder / "bench-modes")
    save(chain(), folder / "modes")


def table(rows: list[dict[str, str]]) -> list[str]:
    """A table as reStructuredText."""
    lines = [".. list-table::", "    :header-rows: 1", "    :class: cost", ""]
    columns = report.columns_of(rows)
    for row in [dict(zip(columns, columns)), *rows]:
        cells = [_unbroken(row.get(column, "")) for column in columns]
        lines += [f"    {'  ' if place else '* '}- {cell}" for place, cell in enumerate(cells)]
    return [*lines, ""]


def _unbroken(cell: str) -> str:
    """A cell in which a unit stays beside its number."""
    return re.sub(r"^([\d.]+) u?(s|ms|ns)$", lambda found: found[0].replace(" us", " µs").replace(" ", "\u00a0"), cell)


def _without(rows: list[dict[str, str]], *columns: str) -> list[dict[str, str]]:
    """Rows as a page has room for them."""
    return [{column: cell for column, cell in row.items() if column not in columns} for row in rows]


def ratios() -> list[str]:
    """The table of all ratios in short."""
    return table(_without(report.summary(measured()), "our best"))


def lost() -> list[str]:
    """The table of the cases in which we lose most."""
    rows = _without(report.lost_rows(measured()), "of minima")
    return [*table(rows[:MOST]), f"{min(MOST, len(rows))} of {len(rows)} cases.", ""] if rows else ["Nothing.", ""]


def families() -> list[str]:
    """The table of ratios by family."""
    return table(_without(report.family_rows(measured()), "our worst"))


def bandwidth() -> list[str]:
    """The table of ops beside copies."""
    return _if_any(report.bandwidth_rows(measured()))


def errors() -> list[str]:
    """The table of the largest errors of all libraries."""
    return _if_any(report.error_rows(measured()))


def _if_any(rows: list[dict[str, str]]) -> list[str]:
    return table(rows) if rows else ["It has not been measured yet.", ""]


def conditions() -> list[str]:
    """Where and how it was measured, and what is missing."""
    results = measured()
    facts = {**results.machine, **results.versions}
    lines = [
        f"Measured on {facts.pop('processor')}: " + ", ".join(f"{key} {text}" for key, text in facts.items()) + "."
    ]
    wrong = [
        f"{plots.TITLES.get(library, 'numbafunc')}, {name} in {dtype} ({error:.3g} ULP)"
        for name, dtype, library, error in results.inaccurate()
    ]
    if wrong:
        lines += ["", "Faster may be less exact: values are wrong by more than 2 ULP by " + "; ".join(wrong) + "."]
    if results.left_out:
        lines += ["", "Left out:", ""] + [f"- {line.rstrip('.')}." for line in results.left_out[:MOST]]
        lines += [f"- And {len(results.left_out) - MOST} more."] if len(results.left_out) > MOST else []
    return [*lines, ""]
