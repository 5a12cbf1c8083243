"""Tables on the screen and in Markdown, of results that are in hand or in a file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.arguments import Options
from bench.machine import machine, versions
from bench.measure import OURS, Case, Effort, Result, measure
from bench.ops import public
from bench.results import (
    COPIES,
    FOLDER,
    PEERS,
    TITLES,
    TOLERATED,
    Results,
    Row,
    dump,
    geometric_mean,
    time_text,
)

RIVALS = ("torch", "jax")  # those that we mean to beat; NumPy is there for reference

console = Console(width=None if sys.stdout.isatty() else 140)


def progress() -> Progress:
    """A bar with what is being done, and the time that it may take still."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)


def run(title: str, cases: Sequence[Case], libraries: Mapping[str, Any], effort: Effort) -> list[Result]:
    """Measure cases one by one with a progress bar, of which none may fail."""
    results = []
    with progress() as bar:
        task = bar.add_task(title, total=len(cases))
        for case in cases:
            bar.update(task, description=f"{title}: {case.name} {case.size}")
            measured, failures = measure([case], libraries, effort)
            if failures:
                raise RuntimeError(f"{failures[0].library}, {case.name}: {failures[0].message}")
            results += measured
            bar.advance(task)
    return results


def rows_of(results: Iterable[Result]) -> Iterator[dict[str, str]]:
    """What a table says of each result."""
    for result in results:
        ours = result.timings[OURS]
        row = {
            "case": result.case.name + ("*" if result.disturbed else ""),
            "size": result.case.size,
            "a call": time_text(ours.median),
            "ns/element": f"{ours.median / max(1, result.case.elements) * 1e9:.3g}",
        }
        for name in result.timings:
            if name != OURS:
                mark = " !" if name in RIVALS and lost(result, name) else ""
                row[f"{name} / ours"] = f"{result.ratio(name):.2f} ({result.ratio_of_minima(name):.2f}){mark}"
        yield row


def lost(result: Result, peer: str) -> bool:
    """Whether a peer was faster, by the median over rounds or by the fastest round."""
    return min(result.ratio(peer), result.ratio_of_minima(peer)) < 1


def losses(results: Iterable[Result]) -> list[str]:
    """One line for each case and peer where ours was not faster."""
    lines = []
    for result in results:
        for peer in RIVALS:
            if peer in result.timings and lost(result, peer):
                a, b = result.timings[peer], result.timings[OURS]
                lines.append(
                    f"{result.case.name} {result.case.size}: {peer} takes {result.ratio(peer):.2f} of our time "
                    f"({time_text(a.median)} to {time_text(b.median)}; minima {result.ratio_of_minima(peer):.2f})"
                )
    return lines


def show(title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """A table on the screen."""
    table = Table(title=title)
    for column in columns_of(rows):
        table.add_column(column, no_wrap=True, justify="left" if column in _LEFT else "right")
    for row in rows:
        style = "yellow" if any("!" in cell for cell in row.values()) else ""
        table.add_row(*(row.get(column, "") for column in columns_of(rows)), style=style)
    console.print(table)


_LEFT = ("case", "family", "size", "what", "peer", "our worst", "wrong")


def columns_of(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """A table in Markdown."""
    columns = columns_of(rows)
    lines = [
        "| " + " | ".join(columns) + " |",
        "| " + " | ".join("---" if column in _LEFT else "---:" for column in columns) + " |",
    ]
    lines += ["| " + " | ".join(row.get(column, "") for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def page(title: str, facts: Mapping[str, Any], sections: Mapping[str, str]) -> str:
    """A page in Markdown that begins with where it was measured."""
    described = ", ".join(f"{key} {value}" for key, value in facts.items())
    text = f"# {title}\n\n{described[:1].upper()}{described[1:]}.\n"
    return text + "".join(f"\n## {heading}\n\n{body}\n" for heading, body in sections.items())


def write(name: str, title: str, sections: Mapping[str, str], rows: Iterable[Row], options: Options) -> None:
    """Write ``results/NAME.md`` and ``results/NAME.json`` of a program, unless a part alone was measured."""
    if options.only:
        return
    effort = options.effort
    settings = {"rounds": effort.rounds, "block_seconds": effort.block}
    results = Results(list(rows), machine(), versions(), settings)
    dump(FOLDER / f"{name}.json", results)
    facts = {**results.machine, **results.versions, **settings}
    (FOLDER / f"{name}.md").write_text(page(title, facts, sections), encoding="utf-8")


LEGEND = (
    "Each peer's time over ours: of the medians over rounds and, in brackets, of the fastest rounds. Above 1 we are "
    "faster; `!` marks where a peer was faster by either. `*`: others were busy during some of the rounds."
)


def publish(name: str, title: str, results: Sequence[Result], options: Options) -> list[str]:
    """Show and write the results of a program; the losses among them."""
    rows = list(rows_of(results))
    show(title, rows)
    lines = losses(results)
    verdict = "\n".join(f"- {line}" for line in lines) or "None."
    console.print(f"[bold]Not faster than a peer:[/bold] {len(lines)}")
    for line in lines:
        console.print(f"  {line}", highlight=False)
    sections = {"Times": f"{LEGEND}\n\n{markdown(rows)}", "Not faster than a peer": verdict}
    write(name, title, sections, [result.row() for result in results], options)
    return lines


# What ``python -m bench`` makes of the file that has all results.


def summary(results: Results) -> list[dict[str, str]]:
    """For each peer how often we lose, and by how much."""
    rows = []
    for models, whats in ((True, ("gradient",)), (False, ("gradient", "jvp", "value"))):
        for what in whats:
            for peer in PEERS:
                for mode in ("blocks", "alternating"):
                    found = sorted(
                        row.ratios()[peer] for row in results.select(what, mode, models) if peer in row.ratios()
                    )
                    if found:
                        rows.append(
                            {
                                "what": f"{what} of models" if models else what,
                                "peer": TITLES[peer],
                                "mode": mode,
                                "cases": str(len(found)),
                                "we lose": str(sum(ratio < 1 for ratio in found)),
                                "typical": f"{geometric_mean(found):.2f}",
                                "our worst": f"{found[0]:.2g}",
                                "our best": f"{found[-1]:.3g}",
                            }
                        )
    return rows


def lost_rows(results: Results) -> list[dict[str, str]]:
    """Each case in which a peer was faster in blocks, the worst first, with the ratio when they alternated."""
    other = {(row.what, row.key): row.ratios() for row in results.rows if row.mode == "alternating"}
    rows = []
    for ratio, row, peer in results.lost():
        alternating = other.get((row.what, row.key), {}).get(peer)
        wrong = results.wrong_by(row).get(peer)
        rows.append(
            {
                "case": row.name + ("*" if row.disturbed else ""),
                "what": row.what,
                "size": f"{row.size} {row.dtype}",
                "peer": TITLES[peer],
                "ratio": f"{ratio:.2f}",
                "of minima": f"{row.ratios('minimum')[peer]:.2f}",
                "alternating": "" if alternating is None else f"{alternating:.2f}",
                "ours": time_text(row.ours),
                **({} if wrong is None else {"peer is wrong by": f"{wrong:.3g} ULP"}),
            }
        )
    return rows


# What the geometric mean of a family shall be for values, over the better of PyTorch and JAX in each case; and the
# modules of the package that have its ops.
FAMILIES = {
    "elementwise": (2.5, ("activation", "activation_piecewise")),
    "rows": (2.5, ("softmax", "top_k")),
    "losses": (3.0, ("loss", "cross_entropy", "divergence")),
    "windows": (3.5, ("pool", "resize", "pad")),
}


def family_rows(results: Results) -> list[dict[str, str]]:
    """For each family the typical ratio to the better peer of comparable accuracy, and how often that is faster.

    A peer whose values err by more than 2 ULP does not compare; a column says what the ratio is if it does.
    """
    modules = {name.rpartition(".")[2]: op.__module__.rpartition(".")[2] for name, op in public().items()}
    rows: list[dict[str, str]] = []

    def better(members: Sequence[str], what: str | None, mode: str, wrong: bool = False) -> list[tuple[float, Row]]:
        found = []
        for row in results.select(what, mode):
            left_out = set() if wrong else set(results.wrong_by(row))
            ratios = [ratio for peer, ratio in row.ratios().items() if peer in RIVALS and peer not in left_out]
            if ratios and modules.get(row.name.split(" ")[0]) in members:
                found.append((min(ratios), row))
        return found

    def typical(found: Sequence[tuple[float, Row]]) -> str:
        return f"{geometric_mean(ratio for ratio, _ in found):.2f}" if found else ""

    for family, (bar, members) in FAMILIES.items():
        for what in (None, "value", "jvp", "gradient"):
            if found := better(members, what, "blocks"):
                worst, where = min(found, key=lambda entry: entry[0])
                rows.append(
                    {
                        "family": family,
                        "what": what or "all",
                        "cases": str(len(found)),
                        "below 1": str(sum(ratio < 1 for ratio, _ in found)),
                        "typical": typical(found),
                        "bar": f"{bar:g}" if what == "value" else "",
                        "our worst": f"{worst:.2g}, {where.what} of {where.name}, {where.size} {where.dtype}",
                        "typical, any accuracy": typical(better(members, what, "blocks", wrong=True)),
                        "typical, alternating": typical(better(members, what, "alternating")),
                    }
                )
    return rows


# The least share of the bandwidth of a copy.
SHARES = {"sigmoid": 0.7, "tanh": 0.7}
SHARE = 0.9


def bandwidth_rows(results: Results) -> list[dict[str, str]]:
    """What ops with ``out=`` move in a second, beside copies and PyTorch."""
    titles = {OURS: "ours", "torch": TITLES["torch"], COPIES[0]: "copyto", COPIES[1]: "PyTorch's copy"}
    return [
        {
            "case": row.name + ("*" if row.disturbed else ""),
            "size": f"{row.size} {row.dtype}",
            **{f"{title}, GB/s": f"{rates[key] / 1e9:.3g}" for key, title in titles.items() if key in rates},
            "of a copy": f"{share:.0%}",
            "bar": f"{SHARES.get(row.name.split(' ')[0], SHARE):.0%}",
        }
        for row, share, rates in results.shares()
    ]


# Functions of the table of all float32 inputs that ops evaluate under other names.
_EXHAUSTIVE = {"sigmoid": "logistic"}


def error_rows(results: Results) -> list[dict[str, str]]:
    """The largest error of each library for each op; of ours that over all float32 inputs too, where it is known."""
    every = json.loads((FOLDER / "exhaustive_float32.json").read_text())
    rows = []
    for name, by_dtype in results.errors.items():
        for dtype, errors in by_dtype.items():
            known = every.get(_EXHAUSTIVE.get(name, name.replace(" ", "_"))) if dtype == "float32" else None
            row = {"case": name, "dtype": dtype}
            for library, title in {OURS: "ours", **TITLES}.items():
                if library in errors:
                    row[title] = f"{errors[library]:.3g}" + (" !" if errors[library] > TOLERATED else "")
            rows.append(row | {"ours, all inputs": f"{known['max_ulp']:.3g}" if known else ""})
    return rows


# The most that a gradient of a model may cost in evaluations, and a jvp of an op, from so many elements on; and the
# most that a gradient may take of compiled JAX's time, at about ten thousand variables.
GRADIENT_BAR, JVP_BAR, FROM = 4.0, 3.0, 10**5
JAX_BAR, NEAR = 3.0, (5_000, 20_000)


def bars(results: Results) -> list[str]:
    """How our own bars stand: the worst case of each."""
    found = []
    for what, models, bar in (("gradient", True, GRADIENT_BAR), ("jvp", False, JVP_BAR)):
        large = [(cost, row) for row, _, cost in results.costs(what, models) if row.elements >= FROM]
        if large:
            cost, row = max(large, key=lambda entry: entry[0])
            whose = "of a model" if models else "of an op"
            over = sum(other > bar for other, _ in large)
            found.append(
                f"From {FROM} elements on a {what} {whose} takes at most {cost:.3g} evaluations ({row.name}, "
                f"{row.size}); the bar is {bar:g}, {over} of {len(large)} cases are over it."
            )
    near = [
        (1 / row.ratios()["jax"], row)
        for row in results.select("gradient", models=True)
        if "jax" in row.ratios() and NEAR[0] <= int(row.size.split()[0]) <= NEAR[1]
    ]
    if near:
        ratio, row = max(near, key=lambda entry: entry[0])
        found.append(
            f"At about 10,000 variables a gradient takes at most {ratio:.3g} of JAX's time ({row.name}); the bar is "
            f"{JAX_BAR:g}."
        )
    return found


def times_rows(results: Results) -> list[dict[str, str]]:
    """A row for each op, precision and what is computed: by size our time, and each peer's by ours."""
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for models in (True, False):
        for row in results.select(models=models):
            if OURS not in row.libraries:
                continue
            ratios = " ".join(f"{peer[0]}{ratio:.2g}" for peer, ratio in row.ratios().items())
            own = rows.setdefault(
                (row.name, row.what, row.dtype), {"case": row.name, "what": row.what, "dtype": row.dtype}
            )
            spread = row.libraries[OURS]["spread"]
            if wrong := [
                f"{TITLES.get(key, 'ours')} by {error:.3g} ULP" for key, error in results.wrong_by(row).items()
            ]:
                own["wrong"] = ", ".join(wrong)
            own[row.size] = f"{time_text(row.ours)} {'' if spread is None else f'±{spread:.0%} '}{ratios}".strip()
    order = list(dict.fromkeys(size for row in results.rows for size in (row.size,)))
    head = ["case", "what", "dtype", *order, "wrong"]
    return [{column: row[column] for column in head if column in row} for row in rows.values()]


def write_page(results: Results, title: str, plots: Iterable[str]) -> str:
    """The page on all results."""
    sections = {
        "What we lose": "Ratios are the peer's time by ours: below 1 the peer is faster. `*`: others were busy.\n\n"
        + (markdown(lost_rows(results)) if results.lost() else "Nothing."),
        "In short": "`blocks`: each library by itself, after a pause and a warm-up. `alternating`: the libraries take "
        f"turns call by call.\n\n{markdown(summary(results))}",
        "Our bars": "\n".join(f"- {line}" for line in bars(results)) or "Not measured.",
        "Families": "The peer's time by ours, of the better of PyTorch and JAX in each case, but for a library whose "
        f"values err by more than {TOLERATED:g} ULP.\n\n"
        + (markdown(family_rows(results)) if family_rows(results) else "Not measured."),
        "Bandwidth": "Ops that write to `out=`, which read and write each element once, in arrays that no cache "
        "holds; beside `numpy.copyto`, PyTorch's `copy_`, and PyTorch's own op.\n\n"
        + (markdown(bandwidth_rows(results)) if results.shares() else "Not measured."),
        "Errors": "The largest error of values in units in the last place, on a sample, beside mpmath; `!`: more than "
        f"{TOLERATED:g}.\n\n"
        + (markdown(error_rows(results)) if results.errors else "Not looked for: mpmath is not installed."),
        "Plots": "\n".join(f"![{name}](plots/{name}.png)" for name in plots) or "None.",
        "Times": "Our median time in blocks and its spread (distance of the quartiles), and what the peers take by "
        "it: t PyTorch, j JAX, n NumPy or SciPy, a autograd.\n\n" + "\n\n".join(map(markdown, _by_sizes(results))),
        "Left out": "\n".join(f"- {line}" for line in results.left_out) or "Nothing.",
    }
    return page(title, {**results.machine, **results.versions, **results.settings}, sections)


def _by_sizes(results: Results) -> Iterator[list[dict[str, str]]]:
    """Tables of rows that have sizes in common."""
    groups: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in times_rows(results):
        names = row["case"] if row["case"] in results.models else "ops"
        groups.setdefault((names,), []).append(row)
    yield from groups.values()
