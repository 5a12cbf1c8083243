"""Timing of statements that do the same by different libraries, in turn and in one process."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

OURS = "numbafunc"
THREADS = 2


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds : int
        Times that each statement is measured, after the warm-up.
    block : float
        Seconds that one measurement lasts at least; short statements are repeated that long.
    """

    rounds: int = 9
    block: float = 0.01

    @classmethod
    def of(cls, quick: bool) -> Effort:
        return cls(rounds=5, block=0.004) if quick else cls()


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

    Each statement makes a new array for its result at every call and drops it. The data are made before the clock starts,
    and a call that is not timed precedes each block, so no contender pays for another's caches or threads.
    """
    names = [name for name in case.statements if name in libraries]
    timings = {name: Timing(case.statements[name]) for name in names}
    counts = dict.fromkeys(names, 0)
    for round_ in range(-1, effort.rounds):  # round -1 warms up and finds the numbers of calls
        random = np.random.default_rng((seed, round_ + 1))
        data = case.data(random)
        shift = round_ % len(names)
        for name in names[shift:] + names[:shift]:
            library = libraries[name]
            own = {key: library.take(value) for key, value in data.items()}
            timer = timeit.Timer(case.statements[name], globals={**library.namespace, **own})
            if round_ < 0:
                counts[name] = _calibrate(library, timer, effort.block)
            else:
                library.run(timer, 1)
                timings[name].seconds.append(library.run(timer, counts[name]) / counts[name])
    return Result(case, timings)


def _calibrate(library: Library, timer: timeit.Timer, block: float) -> int:
    """Number of calls that last as long as a block."""
    library.run(timer, 2)  # compiles
    number = 1
    while True:
        seconds = library.run(timer, number)
        if seconds >= block / 2:
            return max(1, round(number * block / seconds))
        number *= 2 if seconds == 0 else max(2, min(100, int(block / seconds)))
