"""Two revisions side by side: does a case take longer than it did?

``python -m bench.compare REV`` measures the working tree beside the revision REV of git, ``REV OTHER`` the revision
OTHER beside REV. Each has a worktree, a cache of compiled kernels and a process of its own; the processes take turns
block by block. Exit status 1 says that a case is slower by more than 5 %, in repeated measurements.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from bench.operands import SIZES

ROOT = Path(__file__).parent.parent
# By how much a case may be slower.
TOLERANCE = 0.05
# A case that seems slower is measured again in new processes so many times, and has to be slower each time.
REPEATS = 3
ROUNDS, BLOCK = 7, 0.004
DEFAULT_SIZES = ("1", "1e3", "1e5", "1e6")


class Side(Protocol):
    """What measures one of the revisions."""

    def seconds(self, case: str, seed: int) -> float:
        """The time of a call, from one block of calls."""


@dataclass(frozen=True)
class Comparison:
    """The times of one case: ``old`` and ``new`` in each round."""

    case: str
    old: Sequence[float]
    new: Sequence[float]

    @property
    def fastest(self) -> float:
        """New by old: the ratio of the fastest rounds."""
        return min(self.new) / min(self.old)

    @property
    def ratio(self) -> float:
        """New by old: the median over rounds and the ratio of the fastest rounds, whichever says less.

        Others on the machine can make either of them large, a slower program both.
        """
        median = statistics.median(b / a for a, b in zip(self.old, self.new, strict=True))
        low, high = sorted((median, self.fastest))
        return low if low > 1 else min(high, 1.0)

    @property
    def noise(self) -> float:
        """By how much the old revision differs from itself: the distance of the quartiles of its times."""
        low, middle, high = np.quantile(self.old, (0.25, 0.5, 0.75))
        return float((high - low) / middle)


def compare(case: str, old: Side, new: Side, rounds: int) -> Comparison:
    """Measure one case by blocks in turn; who begins alternates."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for place in (0, 1) if number % 2 else (1, 0):
            times[place].append((old, new)[place].seconds(case, number))
    return Comparison(case, *times)


def slower(
    cases: Sequence[str],
    pair: Callable[[], contextlib.AbstractContextManager[tuple[Side, Side]]],
    tolerance: float = TOLERANCE,
    rounds: int = ROUNDS,
    tell: Callable[[str], None] = lambda case: None,
) -> tuple[list[Comparison], list[Comparison]]:
    """Compare all cases.

    Returns
    -------
    all : list of Comparison
        The last measurement of each case.
    slower : list of Comparison
        The cases that were slower in the first measurement, by the fastest rounds, and in every repetition, in new
        processes.
    """
    found: dict[str, Comparison] = {}
    suspected = list(cases)
    for repetition in range(1 + REPEATS):
        if not suspected:
            break
        with pair() as (old, new):
            for case in suspected:
                tell(case)
                found[case] = compare(case, old, new, rounds if repetition == 0 else 3 * rounds)
        if repetition == 0:
            suspected = [case for case in suspected if found[case].fastest > 1 + tolerance]
        else:
            suspected = [case for case in suspected if found[case].ratio > 1 + tolerance]
    return list(found.values()), [found[case] for case in suspected]


# The processes.


class Worker:
    """A process that has the package of one worktree and answers lines of JSON."""

    def __init__(self, tree: Path, cache: Path, options: Mapping[str, Any]) -> None:
        paths = (tree, tree / "cuda", ROOT)  # the benchmarks themselves are those of this checkout
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "NUMBAFUNC_CACHE_DIR": str(cache),
            "JAX_PLATFORMS": "cpu",
        }
        command = [sys.executable, "-c", "from bench.compare import serve; serve()", json.dumps(options)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, cwd=cache, env=environment, text=True, **pipes)  # type: ignore[call-overload]
        answer = self.ask()
        if Path(answer["package"]).parent.parent != tree:
            raise RuntimeError(f"{answer['package']} was imported; wanted: the package in {tree}")
        self.cases: list[str] = answer["cases"]

    def ask(self, **question: Any) -> Any:
        """The answer to a question; the first answer comes by itself."""
        if question:
            self.send(**question)
        line = self.process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError(f"a process that measures has ended with status {self.process.wait()}")
        return json.loads(line)

    def send(self, **question: Any) -> None:
        self.process.stdin.write(json.dumps(question) + "\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]

    def seconds(self, case: str, seed: int) -> float:
        return float(self.ask(case=case, seed=seed)["seconds"])

    def close(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.wait()


def serve() -> None:
    """What a worker runs: first the names of the cases, then seconds, or an error, for each that is asked for."""
    options = json.loads(sys.argv[1])
    answers, sys.stdout = sys.stdout, sys.stderr
    from bench.cases import batches
    from bench.libraries import OURS, Ours, limit_cores
    from bench.measure import Timed
    from bench.ops import COPY, table

    limit_cores()
    import numbafunc

    ours = {OURS: Ours()}
    entries = {name: op for name, op in table().items() if name.split(" ")[0] != COPY}
    found = batches(entries, ours, options["sizes"], options["dtypes"], options["only"])
    cases = {f"{one.name}, {one.what}, {one.dtype}, {one.size}": one for some in found for one in some}
    known: dict[str, Timed] = {}

    def answer(**content: Any) -> None:
        answers.write(json.dumps(content) + "\n")
        answers.flush()

    answer(package=numbafunc.__file__, cases=list(cases))
    for line in sys.stdin:
        question = json.loads(line)
        name = question["case"]
        try:
            if name not in known:
                known.clear()  # cases come one after the other
                known[name] = Timed(cases[name], ours[OURS], OURS, options["block"])
            seconds = known[name].block(question["seed"]) if "seed" in question else 0.0
            answer(seconds=seconds)
        except Exception as error:
            answer(seconds=0.0, error=f"{type(error).__name__}: {error}")


# The command.


@contextlib.contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """A worktree of a commit, for a time."""
    _git("worktree", "add", "--detach", "--force", str(folder), commit)
    try:
        yield folder.resolve()
    finally:
        _git("worktree", "remove", "--force", str(folder))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def commit_of(revision: str | None) -> str:
    """The commit of a revision; without one, of the working tree with what is not committed yet."""
    if revision is None:
        return _git("stash", "create") or _git("rev-parse", "HEAD")
    return _git("rev-parse", "--verify", f"{revision}^{{commit}}")


def warm_up(workers: Sequence[Worker], cases: Sequence[str], tell: Callable[[str], None]) -> dict[str, str]:
    """Let all processes compile everything, at the same time; what one of them can't do, and why."""
    failed = {}
    for case in cases:
        tell(case)
        for worker in workers:
            worker.send(case=case)
        for worker in workers:
            if error := worker.ask().get("error"):
                failed[case] = error
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """1 if a case is slower."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("old", metavar="REV", help="the revision to compare with")
    parser.add_argument("new", metavar="OTHER", nargs="?", help="the revision that is compared; the working tree")
    parser.add_argument("--only", nargs="+", default=[], metavar="OP", help="these ops")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=DEFAULT_SIZES, help="numbers of elements")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "float64"], help="precisions")
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="by how much a case may be slower")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="blocks of each revision")
    parser.add_argument("--caches", type=Path, help="folder that keeps compiled kernels from one run to the next")
    given = parser.parse_args(arguments)
    from bench.report import console, progress

    options = {"only": given.only, "sizes": given.sizes, "dtypes": given.dtypes, "block": BLOCK}
    commits = [commit_of(given.old), commit_of(given.new)]
    start = time.perf_counter()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        trees = [stack.enter_context(worktree(commit, folder / name)) for commit, name in zip(commits, ("old", "new"))]
        caches = [(given.caches or folder / "caches").resolve() / commit for commit in commits]
        if commits[0] == commits[1]:
            caches[1] = caches[1].with_name(f"{commits[1]}-again")
        for cache in caches:
            cache.mkdir(parents=True, exist_ok=True, mode=0o700)

        @contextlib.contextmanager
        def pair() -> Iterator[tuple[Worker, Worker]]:
            with contextlib.ExitStack() as processes:
                workers = [Worker(tree, cache, options) for tree, cache in zip(trees, caches)]
                for worker in workers:
                    processes.callback(worker.close)
                yield workers[0], workers[1]

        bar = stack.enter_context(progress())
        with pair() as workers:
            both = [case for case in workers[1].cases if case in workers[0].cases]
            alone = [case for case in workers[1].cases if case not in workers[0].cases]
            task = bar.add_task("compiling", total=len(both))
            failed = warm_up(workers, both, lambda case: bar.update(task, advance=1, description=f"compiling {case}"))
        cases = [case for case in both if case not in failed]
        task = bar.add_task("measuring", total=len(cases))
        found, bad = slower(
            cases, pair, given.tolerance, given.rounds, lambda case: bar.update(task, advance=1, description=case)
        )
    report(found, bad, given.tolerance)
    for case, error in failed.items():
        console.print(f"not compared: {case}: {error}", highlight=False)
    if alone:
        console.print(f"only in the new revision: {len(alone)} cases", highlight=False)
    console.print(f"{len(found)} cases in {(time.perf_counter() - start) / 60:.1f} minutes")
    return 1 if bad or not found else 0


def report(found: Sequence[Comparison], bad: Sequence[Comparison], tolerance: float) -> None:
    """What is slower, what changed most, and how noisy the machine is."""
    from bench.report import console, show
    from bench.results import geometric_mean, time_text

    def rows(comparisons: Sequence[Comparison]) -> list[dict[str, str]]:
        return [
            {
                "case": one.case,
                "old": time_text(min(one.old)),
                "new": time_text(min(one.new)),
                "new / old": f"{one.ratio:.3f}",
                "noise": f"{one.noise:.0%}",
            }
            for one in comparisons
        ]

    if not found:
        console.print("Nothing was compared")
        return
    ordered = sorted(found, key=lambda one: one.ratio)
    show("Fastest by the old revision's time", rows(ordered[:10]))
    show("Slowest by the old revision's time", rows(ordered[::-1][:10]))
    noise = sorted(one.noise for one in found)
    typical, high = noise[len(noise) // 2], noise[int(0.9 * (len(noise) - 1))]
    console.print(f"new / old, geometric mean: {geometric_mean(one.ratio for one in found):.3f}")
    console.print(
        f"Noise: in the typical case the quartiles of a revision's own times are {typical:.1%} apart, in one of ten "
        f"cases more than {high:.1%}."
    )
    if high > tolerance:
        console.print(f"[yellow]The machine is noisy: differences of {tolerance:.0%} can't be told in all cases.[/]")
    if bad:
        show(f"Slower by more than {tolerance:.0%} in all of {1 + REPEATS} measurements", rows(bad))
    else:
        console.print(f"No case is slower by more than {tolerance:.0%} in repeated measurements")


if __name__ == "__main__":
    sys.exit(main())
