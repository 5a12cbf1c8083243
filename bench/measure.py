"""Timing of statements that do the same by different libraries: in blocks of their own, and call by call in turn."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bench.libraries import OURS, Library, Statement
from bench.operands import LARGE
from bench.quiet import Watch
from bench.results import Row

# Calls that take longer need no warm-up in each round, and the call that shows it counts.
LONG = 0.03
# A library whose call takes longer is measured by that call alone.
SLOW = 0.3
BLOCKS, ALTERNATING = MODES = ("blocks", "alternating")


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds, most : int
        Times that each statement is measured after the warm-up: at least, and at most while there is time.
    block : float
        Seconds that one measurement lasts at least; short statements are repeated that long.
    alternating : int
        Calls of each library in the mode in which they alternate; 0 leaves it out.
    rest : float
        Seconds before a library's turn, in which idle threads of the one before cease to poll for new work.
    """

    rounds: int = 3
    most: int = 9
    block: float = 0.005
    alternating: int = 15
    rest: float = 0.02

    @classmethod
    def of(cls, quick: bool) -> Effort:
        """That of the programs that measure one thing."""
        return cls(5, 5, 0.01, 0) if quick else cls(9, 9, 0.02, 0)


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
        ``data(random)``: fresh NumPy arrays, and other objects, by name.
    statements : mapping
        For each contender what to time, on names in the data and in the namespace of its library.
    what, dtype : str
        Value, jvp or gradient, and of which precision.
    names : mapping
        For each contender further names of its own.
    """

    name: str
    size: str
    elements: int
    data: Callable[[np.random.Generator], Mapping[str, Any]]
    statements: Mapping[str, Statement | str]
    what: str = "value"
    dtype: str = "float32"
    names: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    """Seconds of one call, by round, of one contender."""

    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def minimum(self) -> float:
        return min(self.seconds)

    @property
    def spread(self) -> float:
        """The distance of the quartiles, by the median."""
        low, high = np.quantile(self.seconds, (0.25, 0.75))
        return float((high - low) / self.median)


@dataclass(frozen=True)
class Result:
    """All timings of a case in one mode."""

    case: Case
    timings: Mapping[str, Timing]
    mode: str = BLOCKS
    disturbed: int = 0  # rounds during which other processes were busy

    def ratio(self, contender: str, base: str = OURS) -> float:
        """Median time of a contender over that of another."""
        return self.timings[contender].median / self.timings[base].median

    def ratio_of_minima(self, contender: str, base: str = OURS) -> float:
        return self.timings[contender].minimum / self.timings[base].minimum

    def row(self) -> Row:
        """What is kept of it."""
        figures = {
            name: {
                "minimum": _rounded(timing.minimum),
                "median": _rounded(timing.median),
                "spread": round(timing.spread, 3),
            }
            for name, timing in self.timings.items()
        }
        case = self.case
        return Row(
            case.name, case.what, case.dtype, case.size, case.elements, self.mode, figures, disturbed=self.disturbed
        )


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.4g}")


@dataclass(frozen=True)
class Failure:
    """A library that could not do a case, and what it said."""

    case: Case
    library: str
    message: str


class Timed:
    """One case of one library, for whoever takes blocks one by one."""

    def __init__(self, case: Case, library: Library, name: str, block: float) -> None:
        self.bench = _Bench([case], {name: library}, Effort(block=block, rest=0.002), 0)
        self.bench.draw(0)
        self.bench.warm_up()
        if self.bench.failures:
            raise RuntimeError(self.bench.failures[0].message)

    def block(self, seed: int) -> float:
        """Seconds of a call, on new data, after calls that don't count."""
        self.bench.seconds.clear()
        self.bench.slow.clear()
        self.bench.draw(seed)
        self.bench.round(seed)
        ((_, seconds),) = next(iter(self.bench.seconds.values()))
        return seconds


class _Bench:
    """The statements of some cases, bound to data that change with each round."""

    def __init__(self, cases: Sequence[Case], libraries: Mapping[str, Library], effort: Effort, seed: int) -> None:
        self.cases, self.libraries, self.effort, self.seed = cases, libraries, effort, seed
        names = list(dict.fromkeys(name for case in cases for name in case.statements))
        self.names = [name for name in names if name in libraries]
        self.drawn: dict[int, Mapping[str, Any]] = {}
        self.timers: dict[tuple[int, str], timeit.Timer] = {}
        self.counts: dict[tuple[int, str], int] = {}
        self.seconds: dict[tuple[int, str], list[tuple[bool, float]]] = {}
        self.failures: list[Failure] = []
        self.slow: set[tuple[int, str]] = set()

    def draw(self, number: int) -> None:
        """New operands for a round; those of large cases stay."""
        for place, case in enumerate(self.cases):
            if place in self.drawn and case.elements > LARGE:
                continue
            try:
                self.drawn[place] = case.data(np.random.default_rng((self.seed, number)))
            except Exception as error:  # of the op itself, where the shape of its result is asked for
                self._left_out(place, OURS, error)
                continue
            for name in self.names:
                if name in case.statements and (number == 0 or (place, name) in self.counts):
                    self.timers[place, name] = self._timer(case, name, self.drawn[place])

    def _timer(self, case: Case, name: str, data: Mapping[str, Any]) -> timeit.Timer:
        library, given = self.libraries[name], case.statements[name]
        statement = Statement(given) if isinstance(given, str) else given
        own = {key: library.take(value) for key, value in data.items()}
        names = {**library.namespace, **own, **case.names.get(name, {})}
        return timeit.Timer(statement.call, statement.setup, globals=names)

    def warm_up(self) -> None:
        """Compile, and find how many calls make a block; libraries that can't do a case are left out."""
        for name in self.names:
            time.sleep(self.effort.rest)
            for place in range(len(self.cases)):
                if (place, name) in self.timers:
                    try:
                        self._calibrate(place, name)
                    except Exception as error:
                        self._left_out(place, name, error)

    def _left_out(self, place: int, name: str, error: Exception) -> None:
        first = (str(error).splitlines() or [""])[0]
        self.failures.append(Failure(self.cases[place], name, f"{type(error).__name__}: {first}"[:200]))

    def _calibrate(self, place: int, name: str) -> None:
        library, timer, what = self.libraries[name], self.timers[place, name], self.cases[place].what
        library.run(timer, 1, what)  # compiles
        with Watch() as watch:
            number, seconds = 1, library.run(timer, 1, what)
        if seconds > LONG:
            self.seconds[place, name] = [(watch.disturbed, seconds)]
        if seconds > SLOW:
            self.slow.add((place, name))
        while seconds < self.effort.block / 2:
            number *= 2 if seconds == 0 else max(2, min(100, int(self.effort.block / seconds)))
            seconds = library.run(timer, number, what)
        self.counts[place, name] = max(1, round(number * self.effort.block / seconds)) if self.effort.block else 1

    def round(self, number: int) -> None:
        """A block of each library, one after the other, over all cases."""
        shift = number % len(self.names)
        for name in (*self.names[shift:], *self.names[:shift]):
            library = self.libraries[name]
            time.sleep(self.effort.rest)
            watch, turn = Watch(), {}
            for place, case in enumerate(self.cases):
                key = place, name
                if key not in self.counts or key in self.slow:
                    continue
                timer, count = self.timers[key], self.counts[key]
                if count > 1 or self.seconds.get(key, [(False, 0.0)])[0][1] < LONG:
                    library.run(timer, 2, case.what)
                with watch:
                    turn[key] = library.run(timer, count, case.what) / count
            for key, seconds in turn.items():
                # The kernel counts in steps that are longer than a block, so this is known of the turn only.
                self.seconds.setdefault(key, []).append((watch.disturbed, seconds))

    def alternate(self, place: int, deadline: float) -> dict[str, list[float]]:
        """Single calls, the libraries in turn after each call; what libraries need once is done before."""
        case = self.cases[place]
        names = [name for name in self.names if (place, name) in self.counts and (place, name) not in self.slow]
        seconds: dict[str, list[float]] = {name: [] for name in names}
        first, least = (0, 1) if case.elements > LARGE else (1, 3)  # large arrays find no warm caches anyway
        for number in range(first + self.effort.alternating):
            for name in names:
                elapsed = self.libraries[name].run(self.timers[place, name], 1, case.what)
                if number >= first:
                    seconds[name].append(elapsed)
            if number + 1 - first >= least and time.perf_counter() > deadline:
                break
        return seconds

    def timings(self, place: int) -> tuple[dict[str, Timing], int]:
        """Of the rounds those in which others were quiet, if these are enough; else all, and how many were not."""
        found, disturbed = {}, 0
        for name in self.names:
            rounds = self.seconds.get((place, name), [])
            quiet = [seconds for busy, seconds in rounds if not busy]
            if len(quiet) < min(self.effort.rounds, len(rounds)):
                disturbed = max(disturbed, len(rounds) - len(quiet))
                quiet = [seconds for _, seconds in rounds]
            if quiet:
                found[name] = Timing(quiet)
        return found, disturbed


def measure(
    cases: Sequence[Case], libraries: Mapping[str, Library], effort: Effort, seconds: float = 0.0, seed: int = 0
) -> tuple[list[Result], list[Failure]]:
    """Time some cases side by side, with new data and another order of the libraries in each round.

    A library's turn is a block of calls of each case. It begins with a rest, so that idle threads of the library before
    have gone to sleep, and two calls that are not timed precede each block; so no contender pays for another's threads
    or caches. After the rounds the libraries alternate call by call: each then finds caches and threads as the
    others left them. Each statement makes a new array for its result at every call and drops it.

    There are as many rounds as fit into ``seconds``, within the bounds of ``effort``.
    """
    start = time.perf_counter()
    bench = _Bench(cases, libraries, effort, seed)
    bench.draw(0)
    bench.warm_up()
    least = 1 if min(case.elements for case in cases) > LARGE else effort.rounds
    for number in range(1, effort.most + 1):
        bench.draw(number)
        bench.round(number)
        if number >= least and time.perf_counter() - start > 0.7 * seconds:
            break
    results = []
    for place, case in enumerate(cases):
        timings, disturbed = bench.timings(place)
        if timings:
            results.append(Result(case, timings, BLOCKS, disturbed))
        if effort.alternating and len(timings) > 1:
            deadline = start + (0.7 + 0.3 * (place + 1) / len(cases)) * seconds
            alternating = {name: Timing(calls) for name, calls in bench.alternate(place, deadline).items() if calls}
            results.append(Result(case, alternating, ALTERNATING))
    return results, bench.failures
