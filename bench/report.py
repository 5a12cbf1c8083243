"""Tables on the screen, in Markdown and in JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bench.arguments import Options
from bench.libraries import machine
from bench.measure import OURS, Case, Effort, Result, measure

RESULTS = Path(__file__).parent / "results"
PEERS = ("torch", "jax")  # those that we mean to beat; NumPy is there for reference

console = Console(width=None if sys.stdout.isatty() else 140)


def run(title: str, cases: Sequence[Case], libraries: Mapping[str, Any], effort: Effort) -> list[Result]:
    """Measure cases with a progress bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    results = []
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=len(cases))
        for case in cases:
            progress.update(task, description=f"{title}: {case.name} {case.size}")
            results.append(measure(case, libraries, effort))
            progress.advance(task)
    return results


def time_text(seconds: float) -> str:
    """A time with a unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


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
                mark = " !" if name in PEERS and lost(result, name) else ""
                row[f"{name} / ours"] = f"{result.ratio(name):.2f} ({result.ratio_of_minima(name):.2f}){mark}"
        yield row


def lost(result: Result, peer: str) -> bool:
    """Whether a peer was faster, by the median over rounds or by the fastest round."""
    return min(result.ratio(peer), result.ratio_of_minima(peer)) < 1


def losses(results: Iterable[Result]) -> list[str]:
    """One line for each case and peer where ours was not faster."""
    lines = []
    for result in results:
        for peer in PEERS:
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
        table.add_column(column, no_wrap=True, justify="left" if column in ("case", "size", "what") else "right")
    for row in rows:
        style = "yellow" if any("!" in cell for cell in row.values()) else ""
        table.add_row(*(row.get(column, "") for column in columns_of(rows)), style=style)
    console.print(table)


def columns_of(rows: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(column for row in rows for column in row))


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """A table in Markdown."""
    columns = columns_of(rows)
    lines = [
        "| " + " | ".join(columns) + " |",
        "| " + " | ".join("---" if c in ("case", "size", "what") else "---:" for c in columns) + " |",
    ]
    lines += ["| " + " | ".join(row.get(column, "") for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def write(name: str, title: str, sections: Mapping[str, str], records: Any, options: Options) -> None:
    """Write ``results/NAME.md`` and ``results/NAME.json``, unless a part alone was measured."""
    if options.only:
        return
    effort = options.effort
    RESULTS.mkdir(exist_ok=True)
    facts = machine()
    described = ", ".join(f"{key} {value}" for key, value in facts.items())
    text = f"# {title}\n\n{described[0].upper()}{described[1:]}; {effort.rounds} rounds.\n"
    for heading, body in sections.items():
        text += f"\n## {heading}\n\n{body}\n"
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    content = {
        "machine": facts,
        "rounds": effort.rounds,
        "block_seconds": effort.block,
        "results": records,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


LEGEND = (
    "Each peer's time over ours: the median over rounds of the ratio within a round and, in brackets, the ratio of the "
    "fastest rounds. Above 1 we are faster; `!` marks where a peer was faster by either. `*`: others were busy during "
    "some of the rounds."
)


def publish(name: str, title: str, results: Sequence[Result], options: Options) -> list[str]:
    """Show and write the results of a family; the losses among them."""
    rows = list(rows_of(results))
    show(title, rows)
    lines = losses(results)
    verdict = "\n".join(f"- {line}" for line in lines) or "None."
    console.print(f"[bold]Not faster than a peer:[/bold] {len(lines)}")
    for line in lines:
        console.print(f"  {line}", highlight=False)
    write(
        name,
        title,
        {"Times": f"{LEGEND}\n\n{markdown(rows)}", "Not faster than a peer": verdict},
        [result.record() for result in results],
        options,
    )
    return lines
