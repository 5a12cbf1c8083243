"""Timing of statements that do the same by different libraries, in turn and in one process."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.quiet import Watch

OURS = "numbafunc"
THREADS = 2
# Idle threads of the contender before poll for new work this long.
REST = 0.02


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds : int
        Times that each statement is measured, after the warm-up.
    block : float
        Seconds that one measurement lasts at least; short statements are repeated that long.
    patience : float
        Seconds for each case to repeat rounds in which other processes were busy.
    """

    rounds: int = 9
    block: float = 0.02
    patience: float = 20.0

    @classmethod
    def of(cls, quick: bool) -> Effort:
        return cls(rounds=5, block=0.01, patience=5.0) if quick else cls()


@dataclass(frozen=True)
class Case:
    """One comparison.

    Attributes
    ----------
    name : str
        What is computed.
    size : str
        Of how much.
    elements : int
        Number of elements, for figures per element.
    data : callable
        ``data(random)``: fresh NumPy arrays by name.
    statements : mapping
        For each contender the expression to time, on names in the data and in the namespace of its library.
    """

    name: str
    size: str
    elements: int
    data: Callable[[np.random.Generator], Mapping[str, Any]]
    statements: Mapping[str, str]


@dataclass
class Timing:
    """Seconds of one call, by round, of one contender."""

    statement: str
    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        return min(self.seconds)


@dataclass(frozen=True)
class Result:
    """All timings of a case."""

    case: Case
    timings: Mapping[str, Timing]
    disturbed: int = 0  # rounds during which other processes were busy

    def ratio(self, contender: str, base: str = OURS) -> float:
        """Time of a contender over that of another: the median over rounds, within which both ran side by side."""
        return statistics.median(
            a / b for a, b in zip(self.timings[contender].seconds, self.timings[base].seconds, strict=True)
        )

    def ratio_of_minima(self, contender: str, base: str = OURS) -> float:
        return self.timings[contender].minimum / self.timings[base].minimum

    def record(self) -> dict[str, Any]:
        """Everything, for JSON."""
        return {
            "name": self.case.name,
            "size": self.case.size,
            "elements": self.case.elements,
            "disturbed_rounds": self.disturbed,
            "contenders": {
                name: {
                    "statement": timing.statement,
                    "median_seconds": timing.median,
                    "minimum_seconds": timing.minimum,
                    "ratio": self.ratio(name) if OURS in self.timings else None,
                    "ratio_of_minima": self.ratio_of_minima(name) if OURS in self.timings else None,
                }
                for name, timing in self.timings.items()
            },
        }


class Library:
    """A contender: its names, how it takes arrays, and what must surround a timed call."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = dict(namespace)

    def take(self, value: Any) -> Any:
        return value

    def run(self, timer: timeit.Timer, number: int) -> float:
        return timer.timeit(number)


def measure(case: Case, libraries: Mapping[str, Library], effort: Effort, seed: int = 0) -> Result:
    """Time the statements of a case in turn, with new data and in another order each round.

    Each statement makes a new array for its result at every call and drops it. The data are made before the clock
    starts, and a rest and two calls that are not timed precede each block, so no contender pays for another's threads
    or caches.
    """
    names = [name for name in case.statements if name in libraries]
    counts: dict[str, int] = {}
    _round(case, names, libraries, effort, counts, (seed, 0))
    deadline = time.perf_counter() + effort.patience
    rounds: list[tuple[bool, dict[str, float]]] = []
    while True:
        disturbed, seconds = _round(case, names, libraries, effort, counts, (seed, len(rounds) + 1))
        rounds.append((disturbed, seconds))
        undisturbed = sum(not disturbed for disturbed, _ in rounds)
        if undisturbed == effort.rounds or (len(rounds) >= effort.rounds and time.perf_counter() > deadline):
            break
    # Which rounds count is decided by what other processes did, never by the times.
    chosen = sorted(rounds, key=lambda entry: entry[0])[: effort.rounds]
    timings = {name: Timing(case.statements[name], [seconds[name] for _, seconds in chosen]) for name in names}
    return Result(case, timings, sum(disturbed for disturbed, _ in chosen))


def _round(
    case: Case,
    names: Sequence[str],
    libraries: Mapping[str, Library],
    effort: Effort,
    counts: dict[str, int],
    seed: tuple[int, int],
) -> tuple[bool, dict[str, float]]:
    """Whether others disturbed it, and seconds of a call by contender; the first round finds the numbers of calls."""
    data = case.data(np.random.default_rng(seed))
    shift = seed[1] % len(names)
    seconds = {}
    watch = Watch()
    for name in (*names[shift:], *names[:shift]):
        library = libraries[name]
        own = {key: library.take(value) for key, value in data.items()}
        timer = timeit.Timer(case.statements[name], globals={**library.namespace, **own})
        if name not in counts:
            counts[name] = _calibrate(library, timer, effort.block)
        time.sleep(REST)
        library.run(timer, 2)
        with watch:
            seconds[name] = library.run(timer, counts[name]) / counts[name]
    return watch.disturbed, seconds


def _calibrate(library: Library, timer: timeit.Timer, block: float) -> int:
    """Number of calls that last as long as a block."""
    library.run(timer, 2)  # compiles
    number = 1
    while True:
        seconds = library.run(timer, number)
        if seconds >= block / 2:
            return max(1, round(number * block / seconds))
        number *= 2 if seconds == 0 else max(2, min(100, int(block / seconds)))
