"""Plots and tables of the measurements in ``bench/results``: what was slower than a peer, and by how much."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from pictures.style import BLUE, FOREGROUND, GREEN, ORANGE, PURPLE, save

RESULTS = Path(__file__).parent.parent.parent / "bench" / "results"
VALUES = {
    "elementwise": "elementwise",
    "reduction": "softmax and losses",
    "selection": "pooling and top_k",
    "linear": "padding and rearrangement",
    "resize": "resizing",
}
PEERS = {
    "torch": ("PyTorch", ORANGE),
    "jax": ("JAX", BLUE),
    "numpy": ("NumPy or SciPy", GREEN),
    "autograd": ("autograd", PURPLE),
}


class Case(NamedTuple):
    """One case of a benchmark: our time in seconds and the ratio of each peer's time to it."""

    name: str
    size: str
    seconds: float
    ratios: dict[str, float]


def cases(file: str) -> list[Case]:
    """The cases of a file of results."""
    found = []
    for row in json.loads((RESULTS / f"{file}.json").read_text())["results"]:
        times = row["contenders"]
        ratios = {peer: times[peer]["ratio"] for peer in PEERS if peer in times}
        found.append(Case(row["name"], row["size"], times["numbafunc"]["median_seconds"], ratios))
    return found


def ratio_axis(axes: Any) -> None:
    """A logarithmic axis with a line where both are equally fast."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    ticks = [tick for tick in (0.01, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 100, 300) if low <= tick <= high]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.axhline(1, color=FOREGROUND, linewidth=1.2)
    axes.set_ylabel("time of the peer / ours")


def values() -> Any:
    """Ratios of times of functions, by kind."""
    figure, axes = plt.subplots(figsize=(8.0, 4.2))
    rng = np.random.default_rng(0)
    for place, file in enumerate(VALUES):
        for shift, peer in enumerate(("torch", "jax", "numpy")):
            label, color = PEERS[peer]
            ratios = [case.ratios[peer] for case in cases(file) if peer in case.ratios]
            x = place + (shift - 1) * 0.26 + rng.uniform(-0.07, 0.07, len(ratios))
            axes.plot(x, ratios, "o", color=color, markersize=3.5, alpha=0.7, label=label if place == 0 else None)
    axes.set_xticks(range(len(VALUES)), [title.replace(" and ", "\nand ") for title in VALUES.values()])
    axes.grid(axis="x", visible=False)
    ratio_axis(axes)
    axes.legend(loc="upper left", ncols=3)
    return figure


def gradients() -> Any:
    """Ratios of times of gradients, by model and number of variables."""
    found = cases("gradients")
    figure, axes = plt.subplots(figsize=(8.0, 4.8))
    for peer in ("autograd", "torch", "jax"):
        label, color = PEERS[peer]
        points = [(place, case.ratios[peer]) for place, case in enumerate(found) if peer in case.ratios]
        axes.plot(*zip(*points, strict=True), "o", color=color, label=label)
    labels = [f"{case.name.replace(', 100 steps', ' (loop)')} {case.size}" for case in found]
    axes.set_xticks(range(len(found)), labels, rotation=90, fontsize="small")
    ratio_axis(axes)
    axes.legend(loc="lower left", ncols=3)
    return figure


def cost() -> Any:
    """How many evaluations of the function a gradient takes, by the time of one."""
    rows = json.loads((RESULTS / "gradients.json").read_text())["results"]
    models: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        function = row["contenders"]["value"]
        point = (function["median_seconds"] * 1e6, 1 / function["ratio"])
        models.setdefault(row["name"].replace(", 100 steps", " (loop)"), []).append(point)
    figure, axes = plt.subplots(figsize=(8.0, 3.6))
    colors = (BLUE, ORANGE, GREEN, PURPLE)
    for place, (name, points) in enumerate(models.items()):
        style = {"color": colors[place % 4], "marker": "os"[place // 4], "markersize": 5, "linewidth": 1}
        axes.loglog(*zip(*sorted(points), strict=True), label=name, **style)
    axes.set(xlabel="time of the function alone, µs", ylabel="gradient / function", ylim=(1, 40))
    axes.set_xticks([10, 100, 1000, 10000, 100000], ["10", "100", "1,000", "10,000", "100,000"])
    axes.set_yticks([1, 2, 4, 10, 20, 40], ["1", "2", "4", "10", "20", "40"])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    return figure


def modes() -> Any:
    """Times of gradients in both modes, by the number of variables."""
    rows = json.loads((RESULTS / "modes.json").read_text())["results"]
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    figure, places = plt.subplots(1, len(sizes), figsize=(8.4, 3.2), sharey=True)
    for axes, size in zip(places, sizes, strict=True):
        mine = [row for row in rows if row["size"] == size]
        variables = [int(row["name"].split()[0]) for row in mine]
        for contender, label in (("forward", "forward mode"), ("numbafunc", "reverse mode")):
            times = [row["contenders"][contender]["median_seconds"] * 1e6 for row in mine]
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
    rows = json.loads((RESULTS / "exhaustive_float32.json").read_text())
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


def write(folder: Path) -> None:
    """Draw all plots."""
    save(accuracy(), folder / "accuracy")
    for name, draw in (("values", values), ("gradients", gradients), ("cost", cost), ("modes", modes)):
        save(draw(), folder / f"bench-{name}")
    save(chain(), folder / "modes")


def ratios() -> list[str]:
    """The table of all ratios in short, by peer, as reStructuredText."""
    lines = [".. list-table::", "    :header-rows: 1", "    :class: cost", ""]
    head = ("", "Cases", "we lose", "typical ratio", "our worst", "our best")
    rows = [head]
    for what, files in (("gradients", ["gradients"]), ("values", list(VALUES))):
        for peer, (label, _) in PEERS.items():
            found = np.sort([case.ratios[peer] for file in files for case in cases(file) if peer in case.ratios])
            if found.size:
                typical = np.exp(np.log(found).mean())
                figures = (f"{ratio:.{0 if ratio >= 10 else 2}f}" for ratio in (typical, found[0], found[-1]))
                rows.append((f"{what}, {label}", str(found.size), str(np.sum(found < 1)), *figures))
    for row in rows:
        lines += [f"    {'  ' if place else '* '}- {cell}" for place, cell in enumerate(row)]
    return [*lines, ""]


def lost() -> list[str]:
    """The table of cases in which a peer was faster, as reStructuredText."""
    rows = []
    for file in (*VALUES, "gradients", "scan", "compiled"):
        what = "gradient of " if file == "gradients" else ""
        for case in cases(file):
            for peer, ratio in case.ratios.items():
                if ratio < 1:
                    rows.append((ratio, f"{what}{case.name}, {case.size}", PEERS[peer][0], file))
    lines = [".. list-table::", "    :header-rows: 1", "    :widths: 46 22 12 20", ""]
    for row in [("Case", "Peer", "Ratio", "Table"), *((n, p, f"{r:.2f}", f) for r, n, p, f in sorted(rows))]:
        lines += [f"    {'  ' if place else '* '}- {cell}" for place, cell in enumerate(row)]
    return [*lines, ""]
