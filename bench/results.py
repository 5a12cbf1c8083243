"""The one format of results: written as JSON, read by the tables, the plots, the documentation and its tests.

::

    {"machine": {...}, "versions": {...}, "settings": {...},
     "statements": {name: {library: what is called}},
     "models": [names of the cases that are models, not ops],
     "errors": {name: {dtype: {library: largest error in ULP}}},
     "left_out": [what was not measured, and why],
     "cases": [{"name", "what": "value" | "jvp" | "gradient", "dtype", "size", "elements",
                "mode": "blocks" | "alternating" | "bandwidth",
                "libraries": {library: {"minimum", "median", "spread"}}}]}

In the mode ``bandwidth``, of ops with ``out=``, the two copies of ``COPIES`` are among the libraries. Times are
seconds of a call; the spread is the distance of the quartiles by the median, null where it is not known.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "results"
FILE = FOLDER / "benchmarks.json"
OURS = "numbafunc"
PEERS = ("torch", "jax", "numpy", "autograd")
TITLES = {"torch": "PyTorch", "jax": "JAX", "numpy": "NumPy, SciPy", "autograd": "autograd"}
TOLERATED = 2.0  # units in the last place
BANDWIDTH = "bandwidth"  # the mode of ops that are measured beside copies
COPIES = ("copy", "copy by threads")


@dataclass(frozen=True)
class Row:
    """A case as it is in the file."""

    name: str
    what: str
    dtype: str
    size: str
    elements: int
    mode: str
    libraries: Mapping[str, Mapping[str, Any]]
    disturbed: int = 0

    @property
    def key(self) -> tuple[str, str, int, str]:
        """What a row has in common with those of other modes and derivatives."""
        return self.name, self.dtype, self.elements, self.size

    @property
    def ours(self) -> float:
        """Our median time."""
        return float(self.libraries[OURS]["median"])

    def ratios(self, figure: str = "median") -> dict[str, float]:
        """The time of each peer by ours."""
        ours = self.libraries.get(OURS)
        if ours is None:
            return {}
        return {peer: self.libraries[peer][figure] / ours[figure] for peer in PEERS if peer in self.libraries}


@dataclass(frozen=True)
class Results:
    """A file of results."""

    rows: list[Row]
    machine: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    statements: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    errors: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    def select(self, what: str | None = None, mode: str = "blocks", models: bool = False, **fields: str) -> list[Row]:
        """The rows of ops, or of models, in the order in which they were measured."""
        return [
            row
            for row in self.rows
            if row.mode == mode
            and (what is None or row.what == what)
            and (row.name in self.models) == models
            and all(getattr(row, name) == value for name, value in fields.items())
        ]

    def costs(self, what: str, models: bool = False) -> list[tuple[Row, Row, float]]:
        """Derivatives, their values, and how many of our evaluations one takes: by the fastest rounds of both."""
        values = {row.key: row for row in self.select("value", models=models)}
        pairs = ((row, values.get(row.key)) for row in self.select(what, models=models))
        return [
            (row, value, row.libraries[OURS]["minimum"] / value.libraries[OURS]["minimum"])
            for row, value in pairs
            if value and OURS in row.libraries and OURS in value.libraries
        ]

    def lost(self, mode: str = "blocks") -> list[tuple[float, Row, str]]:
        """Where a peer was faster: the ratio, the case and the peer, the worst first."""
        found = [
            (ratio, row, peer)
            for models in (False, True)
            for row in self.select(mode=mode, models=models)
            for peer, ratio in row.ratios().items()
            if ratio < 1
        ]
        return sorted(found, key=lambda entry: entry[0])

    def shares(self) -> list[tuple[Row, float, dict[str, float]]]:
        """Ops with ``out``, what they reach of the quickest copy, and what each contender moves, in bytes a second."""
        found = []
        for row in self.select(mode=BANDWIDTH):
            copies = [row.libraries[name]["median"] for name in COPIES if name in row.libraries]
            if OURS in row.libraries and copies:
                moved = 2 * row.elements * int(row.dtype.removeprefix("float")) // 8  # read and written
                rates = {name: moved / figures["median"] for name, figures in row.libraries.items()}
                found.append((row, min(copies) / row.ours, rates))
        return found

    def wrong_by(self, row: Row) -> dict[str, float]:
        """The libraries whose values of an op are wrong by more than is tolerated, and by how much."""
        errors = self.errors.get(row.name, {}).get(row.dtype, {})
        return {library: error for library, error in errors.items() if error > TOLERATED}

    def inaccurate(self) -> Iterator[tuple[str, str, str, float]]:
        """Name, dtype, library and error of values that are wrong by more than is tolerated."""
        for name, by_dtype in self.errors.items():
            for dtype, by_library in by_dtype.items():
                for library, error in by_library.items():
                    if error > TOLERATED:
                        yield name, dtype, library, error


def load(file: Path = FILE) -> Results:
    """Read a file."""
    content = json.loads(file.read_text())
    rows = [Row(**case) for case in content.pop("cases")]
    return Results(
        rows, **{name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}
    )


def dump(file: Path, results: Results) -> None:
    """Write a file, a line for each case."""
    head = {item.name: getattr(results, item.name) for item in fields(results) if item.name != "rows"}
    text = json.dumps(head, indent=1).removesuffix("\n}")
    lines = ",\n".join(f"  {json.dumps(asdict(row))}" for row in results.rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'{text},\n "cases": [\n{lines}\n ]\n}}\n', encoding="utf-8")


def geometric_mean(ratios: Iterable[float]) -> float:
    """The typical ratio."""
    logarithms = [math.log(ratio) for ratio in ratios]
    return math.exp(sum(logarithms) / len(logarithms)) if logarithms else math.nan


def time_text(seconds: float) -> str:
    """A time with a unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
