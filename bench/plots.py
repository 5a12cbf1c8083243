"""Plots of results: ratios of times for each op, times against size beside those of a copy, gradients of models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

from bench.ops import COPY
from bench.results import OURS, TITLES, Results, Row, geometric_mean

COLORS = {OURS: "#c02f3a", "torch": "#e0702a", "jax": "#2f7ed8", "numpy": "#2b9a55", "autograd": "#a35fd6"}
# One op of each kind, of which times are drawn.
SHOWN = ("relu", "sigmoid", "gelu", "softmax", "cross_entropy_logits", "l2", "max_pool_2d", "pad", "upsample_2d")
_TICKS = (0.001, 0.01, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 100, 300, 1000)


def _foreground() -> str:
    return str(plt.rcParams["text.color"])


def _ratio_ticks(axis: Any, low: float, high: float) -> None:
    ticks = [tick for tick in _TICKS if low <= tick <= high]
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_minor_locator(matplotlib.ticker.NullLocator())


def ratios(results: Results, what: str) -> Any:
    """The time of each peer by ours: a line for each op, a point for each size and precision; the worst on top."""
    by_name: dict[str, dict[str, list[float]]] = {}
    for row in results.select(what):
        for peer, ratio in row.ratios().items():
            by_name.setdefault(row.name, {}).setdefault(peer, []).append(ratio)
    worst = {name: min(min(found) for found in peers.values()) for name, peers in by_name.items()}
    names = sorted(by_name, key=worst.__getitem__)
    figure, axes = plt.subplots(figsize=(8.0, 1.2 + 0.24 * len(names)))
    axes.set_xscale("log")
    drawn = [peer for peer in TITLES if any(peer in peers for peers in by_name.values())]
    for shift, peer in enumerate(drawn):
        label = TITLES[peer]
        for place, name in enumerate(names):
            found = by_name[name].get(peer, [])
            y = np.full(len(found), place + 0.24 * (shift - (len(drawn) - 1) / 2))
            axes.plot(found, y, ".", color=COLORS[peer], markersize=5, alpha=0.65, label=label)
            label = ""
    axes.axvline(1, color=_foreground(), linewidth=1.2)
    axes.set_yticks(range(len(names)), names, fontsize="small")
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params("x", top=True, labeltop=True)
    axes.set_xlabel("time of the peer / ours; left of the line we lose")
    _ratio_ticks(axes.xaxis, *axes.get_xlim())
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper center", ncols=4)
    return figure


def roofline(results: Results, dtype: str) -> list[tuple[int, float]]:
    """The least time in which any library copied so many elements into a new array."""
    found: dict[int, float] = {}
    for row in results.select("value", name=COPY, dtype=dtype):
        for figures in row.libraries.values():
            found[row.elements] = min(found.get(row.elements, np.inf), figures["median"])
    return sorted(found.items())


def times(results: Results, what: str, dtype: str = "float32") -> Any:
    """Time against the number of elements, for one op of each kind."""
    measured = list(dict.fromkeys(row.name for row in results.select(what, dtype=dtype)))
    shown = [name for name in SHOWN if name in measured] or measured[:9]
    columns = min(3, max(1, len(shown)))
    lines = -(-max(1, len(shown)) // columns)
    figure, places = plt.subplots(
        lines, columns, figsize=(8.4, 0.6 + 2.5 * lines), sharex=True, sharey=True, squeeze=False
    )
    copies = roofline(results, dtype)
    for place, (axes, name) in enumerate(zip(places.flat, shown)):
        rows = sorted(results.select(what, name=name, dtype=dtype), key=lambda row: row.elements)
        for library, label in ((OURS, "numbafunc"), *TITLES.items()):
            points = [
                (row.elements, row.libraries[library]["median"] * 1e6) for row in rows if library in row.libraries
            ]
            if points:
                width = 2.2 if library == OURS else 1.2
                axes.loglog(
                    *zip(*points, strict=True), ".-", color=COLORS[library], linewidth=width, label=label, zorder=3
                )
        if copies:
            elements, seconds = zip(*copies, strict=True)
            axes.loglog(elements, np.multiply(seconds, 1e6), ":", color=_foreground(), linewidth=1.4, label="a copy")
        axes.set_title(name, fontsize="small")
        if place >= len(shown) - columns:
            axes.set_xlabel("elements")
            axes.tick_params("x", labelbottom=True)
        if place % columns == 0:
            axes.set_ylabel("time, µs")
    for axes in list(places.flat)[len(shown) :]:
        axes.set_axis_off()
    labels = {text: line for axes in places.flat for line, text in zip(*axes.get_legend_handles_labels())}
    figure.legend(labels.values(), labels.keys(), loc="outside upper center", ncols=5)
    return figure


def cost(results: Results) -> Any:
    """How many evaluations of an op its jvp and its gradient take, by size: the typical op, and where most are."""
    figure, places = plt.subplots(1, 2, figsize=(8.4, 3.2), sharey=True)
    for axes, what in zip(places, ("jvp", "gradient")):
        by_size: dict[int, list[float]] = {}
        for row, _, factor in results.costs(what):
            by_size.setdefault(row.elements, []).append(factor)
        found = sorted(by_size.items())
        elements = [size for size, _ in found]
        axes.loglog(elements, [geometric_mean(ratios) for _, ratios in found], ".-", color=COLORS[OURS])
        if found:
            low, high = zip(*(np.quantile(ratios, (0.1, 0.9)) for _, ratios in found), strict=True)
            axes.fill_between(elements, low, high, color=COLORS[OURS], alpha=0.2, linewidth=0)
        axes.set(title=what, xlabel="elements")
        _ratio_ticks(axes.yaxis, *axes.get_ylim())
    places[0].set_ylabel("time by that of the value")
    return figure


def _model(row: Row) -> str:
    return row.name.replace(", 100 steps", " (loop)")


def models(results: Results) -> Any:
    """Ratios of times of gradients, by model and number of variables."""
    found = results.select("gradient", models=True)
    figure, axes = plt.subplots(figsize=(8.0, 4.8))
    axes.set_yscale("log")
    for peer in ("autograd", "torch", "jax"):
        points = [(place, row.ratios()[peer]) for place, row in enumerate(found) if peer in row.ratios()]
        if points:
            axes.plot(*zip(*points, strict=True), "o", color=COLORS[peer], label=TITLES[peer])
    axes.axhline(1, color=_foreground(), linewidth=1.2)
    axes.set_xticks(range(len(found)), [f"{_model(row)} {row.size}" for row in found], rotation=90, fontsize="small")
    axes.set_ylabel("time of the peer / ours")
    _ratio_ticks(axes.yaxis, *axes.get_ylim())
    axes.legend(loc="lower left", ncols=3)
    return figure


def model_cost(results: Results) -> Any:
    """How many evaluations of a model its gradient takes, by the time of one."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for row, value, factor in results.costs("gradient", models=True):
        lines.setdefault(_model(row), []).append((value.ours * 1e6, factor))
    figure, axes = plt.subplots(figsize=(8.0, 3.6))
    colors = list(COLORS.values())[1:]
    for place, (name, points) in enumerate(lines.items()):
        style = {"color": colors[place % 4], "marker": "os"[place // 4], "markersize": 5, "linewidth": 1}
        axes.loglog(*zip(*sorted(points), strict=True), label=name, **style)
    axes.set(xlabel="time of the function alone, µs", ylabel="gradient / function", ylim=(1, 40))
    axes.set_xticks([10, 100, 1000, 10000, 100000], ["10", "100", "1,000", "10,000", "100,000"])
    axes.set_yticks([1, 2, 4, 10, 20, 40], ["1", "2", "4", "10", "20", "40"])
    axes.minorticks_off()
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize="small")
    return figure


# Each draws a figure from results.
PLOTS: dict[str, Callable[[Results], Any]] = {
    "ratios-value": lambda results: ratios(results, "value"),
    "ratios-jvp": lambda results: ratios(results, "jvp"),
    "ratios-gradient": lambda results: ratios(results, "gradient"),
    "times-value": lambda results: times(results, "value"),
    "times-gradient": lambda results: times(results, "gradient"),
    "cost": cost,
    "models": models,
    "models-cost": model_cost,
}

_STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.constrained_layout.use": True,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "savefig.dpi": 110,
    "svg.hashsalt": "numbafunc",
}


def write(results: Results, folder: Path) -> list[Path]:
    """Draw all plots that there are results for, as PNG and SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with plt.rc_context(_STYLE):
        for name, draw in PLOTS.items():
            if not possible(name, results):
                continue
            figure = draw(results)
            for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None})):
                written.append(folder / f"{name}.{kind}")
                figure.savefig(written[-1], format=kind, metadata=metadata)
            plt.close(figure)
    return written


def possible(name: str, results: Results) -> bool:
    """Whether there are results for a plot."""
    models = name.startswith("models")
    what = {"jvp": "jvp", "value": "value", "gradient": "gradient"}.get(name.rpartition("-")[2], "gradient")
    return bool(results.select(what, models=models))
