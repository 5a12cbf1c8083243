"""All ops of the package beside PyTorch, jitted JAX, NumPy, SciPy and autograd: values, jvps and gradients.

``python -m bench`` measures and writes ``bench/results/benchmarks.json``, a page in Markdown and plots;
``python -m bench plots`` makes the page and the plots anew from the JSON file, ``python -m bench readme`` the sentences
of README.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from bench import bandwidth
from bench.cases import DTYPES, QUICK, batches, weight
from bench.errors import largest_errors
from bench.libraries import OURS, Jax, Library, libraries
from bench.machine import machine, versions
from bench.measure import Case, Effort, Failure, Result, measure
from bench.models import batches as batches_of_models
from bench.operands import SIZES
from bench.ops import Op, table
from bench.readme import update
from bench.results import FILE, FOLDER, Results, dump, load

MINUTES, MINUTES_QUICK = 13.8, 4.4
# Share of the time that is kept for errors, page and plots.
KEPT = 0.04


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if everything of ours could be measured."""
    given = parse(arguments)
    if given.command == "plots":
        write_pages(given.output / FILE.name)
        return 0
    if given.command == "readme":
        update(load(given.output / FILE.name))
        return 0
    return run(given)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=_Raw)
    parser.add_argument("command", nargs="?", choices=("run", "plots", "readme"), default="run")
    parser.add_argument("--quick", action="store_true", help="a few sizes of float32, into bench/results/quick")
    parser.add_argument("--minutes", type=float, help="how long it may take; what does not fit is left out, and said")
    parser.add_argument("--rounds", type=int, default=Effort.rounds, help="rounds of each case at least")
    parser.add_argument(
        "--only",
        nargs="+",
        default=(),
        metavar="OP",
        help="these ops, models or bandwidth; writes nothing without --output",
    )
    parser.add_argument("--sizes", nargs="+", choices=SIZES, help="numbers of elements")
    parser.add_argument("--dtypes", nargs="+", choices=DTYPES, help="precisions")
    parser.add_argument("--output", type=Path, help="folder of the results")
    given = parser.parse_args(arguments)
    given.partial = bool(given.only or given.sizes or given.dtypes)
    given.minutes = given.minutes or (MINUTES_QUICK if given.quick else MINUTES)
    given.sizes = given.sizes or (QUICK if given.quick else tuple(SIZES))
    given.dtypes = given.dtypes or (DTYPES[:1] if given.quick else DTYPES)
    if given.output is None and (given.command != "run" or not given.partial):
        given.output = FOLDER / "quick" if given.quick else FOLDER
    return given


class _Raw(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    pass


def run(given: argparse.Namespace) -> int:
    """Measure, show and write."""
    from bench.report import bandwidth_rows, console, family_rows, lost_rows, progress, show, summary

    start = time.perf_counter()
    end = start + 60 * given.minutes * (1 - KEPT)
    found, entries = libraries(), table()
    ops = batches(entries, found, given.sizes, given.dtypes, given.only, variants=not given.quick)
    wanted = not given.only or "models" in given.only
    models = batches_of_models(found, 1e4 if given.quick else float("inf")) if wanted else []
    beside_copies = bandwidth.batches(found) if not given.only or "bandwidth" in given.only else []
    effort = replace(Effort(), rounds=given.rounds)
    measured: list[Result] = []
    failures: list[Failure] = []
    late: list[Case] = []
    with progress() as bar:
        planned = [*models, *beside_copies, *ops]
        task = bar.add_task("", total=len(planned))
        left = sum(map(weight, planned))
        for place, cases in enumerate(planned):
            bar.update(task, description=f"{cases[0].name} {cases[0].dtype} {cases[0].what}")
            now = time.perf_counter()
            if now > end:
                late += cases
            else:
                share = (end - now) * weight(cases) / left
                timed = bandwidth.measure if cases in beside_copies else measure
                done, failed = timed(cases, found, effort, share, seed=place)
                measured += done
                failures += failed
                jax = found.get("jax")
                if isinstance(jax, Jax):
                    jax.forget()
            left -= weight(cases)
            bar.advance(task)
    chosen = {case.name for cases in ops for case in cases}
    errors = largest_errors({name: op for name, op in entries.items() if name in chosen}, found)
    left_out = [f"{name}: not installed" for name in ("torch", "jax", "autograd", "scipy") if name not in versions()]
    left_out += sorted({f"{one.library}, {one.case.what} of {one.case.name}: {one.message}" for one in failures})
    left_out += [f"{case.what} of {case.name}, {case.size} {case.dtype}: there was no time" for case in late]
    minutes = (time.perf_counter() - start) / 60
    settings = {
        "rounds_at_least": effort.rounds,
        "rounds_at_most": effort.most,
        "block_seconds": effort.block,
        "alternating_calls": effort.alternating,
        "minutes": round(minutes, 1),
    }
    results = Results(
        [result.row() for result in measured],
        machine(),
        versions(),
        settings,
        statements_of({name: op for name, op in entries.items() if name in chosen}, found),
        tuple(dict.fromkeys(cases[0].name for cases in models)),
        errors,
        tuple(left_out),
    )
    if given.output is not None:
        dump(given.output / FILE.name, results)
        write_pages(given.output / FILE.name)
    show("Where a peer is faster", lost_rows(results)[:40])
    show("In short", summary(results))
    show("Families", family_rows(results))
    show("Bandwidth", bandwidth_rows(results))
    for line in left_out[:60]:
        console.print(f"left out: {line}", highlight=False)
    console.print(f"{len(measured)} results in {minutes:.1f} minutes; left out for want of time: {len(late)}")
    return 1 if any(one.library == OURS for one in failures) else 0


def statements_of(entries: Mapping[str, Op], found: Mapping[str, Library]) -> dict[str, dict[str, str]]:
    """What each library calls for each op."""
    statements: dict[str, dict[str, str]] = {}
    for name, op in entries.items():
        for what in op.what:
            for key, library in found.items():
                if expression := library.expression(name, op, what):
                    statements.setdefault(name, {})[key] = expression
    return statements


def write_pages(file: Path) -> None:
    """The page and the plots beside a file of results."""
    from bench.plots import write
    from bench.report import write_page

    results = load(file)
    drawn = [path.stem for path in write(results, file.parent / "plots") if path.suffix == ".png"]
    file.with_suffix(".md").write_text(write_page(results, "Benchmarks", drawn), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
