"""Ops on arrays of a CUDA device: against PyTorch and CuPy there, and against copies of as many bytes.

In Numba's simulator (``NUMBA_ENABLE_CUDASIM=1``) it is a rehearsal: small cases run once to show that they run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import timeit
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.cases import batches
from bench.libraries import OURS, Library, NumPy, Ours, Statement, Torch
from bench.measure import Case, Effort, Result
from bench.ops import COPY, TABLE, Op, table
from bench.report import LEGEND, console, losses, markdown, rows_of, run, show, write
from bench.results import time_text

HOST = ("scan", "while_loop", "odeint", COPY)  # loops run on the host
# Launching a kernel takes longer than computing this many elements.
LAUNCH = 10**3
REHEARSED = ("1", "64x10")


class Device(Library):
    """A contender whose arrays are on the device; a block of calls ends when the device has done them all."""

    def __init__(
        self, host: Library, names: Mapping[str, Any], take: Any, synchronize: Any, mode: Any = contextlib.nullcontext
    ) -> None:
        super().__init__({**host.namespace, **names})
        self._host, self._take, self._synchronize, self._mode = host, take, synchronize, mode

    def take(self, value: Any) -> Any:
        return self._take(value) if isinstance(value, np.ndarray) else self._host.take(value)

    def run(self, timer: timeit.Timer, number: int, what: str = "value") -> float:
        def block() -> None:
            timer.timeit(number)
            self._synchronize()

        self._synchronize()
        with self._mode():
            return timeit.timeit(block, number=1)

    def expression(self, name: str, op: Op, what: str) -> str:
        return self._host.expression(name, op, what) if what == "value" or isinstance(self._host, Ours) else ""

    def statement(self, expression: str, what: str, operands: Sequence[str], constants: Mapping[str, int]) -> Statement:
        return self._host.statement(expression, what, operands, constants)


def contenders() -> dict[str, Library]:
    """Ours, and the libraries that see a device."""
    from numba import cuda

    ours = Ours()
    found: dict[str, Library] = {
        OURS: Device(ours, {}, cuda.to_device, cuda.synchronize),
        COPY: Device(ours, {"copy": copy}, cuda.to_device, cuda.synchronize),
    }
    if importlib.util.find_spec("torch"):
        import torch

        if torch.cuda.is_available():
            found["torch"] = Device(Torch(), {}, _to_torch, torch.cuda.synchronize, torch.inference_mode)
    if importlib.util.find_spec("cupy") and not simulated():
        import cupy
        import cupyx.scipy.special

        names = {"np": cupy, "special": cupyx.scipy.special}
        found["cupy"] = Device(NumPy(), names, cupy.asarray, cupy.cuda.Device().synchronize)
    return found


def _to_torch(x: np.ndarray[Any, Any]) -> Any:
    import torch

    return torch.from_numpy(x).cuda()


def copy(x: Any) -> Any:
    """A new array with the same elements: what an op costs at least that reads and writes each once."""
    from numba import cuda

    result = cuda.device_array_like(x)
    result.copy_to_device(x)
    return result


def simulated() -> bool:
    from numba import config

    return bool(config.ENABLE_CUDASIM)


def device_name() -> str:
    from numba import cuda

    if simulated():
        return "Numba's simulator"
    name = cuda.get_current_device().name
    return name.decode() if isinstance(name, bytes) else str(name)


def cases(found: Mapping[str, Library], options: Options) -> Iterator[Case]:
    """Values and jvps of float32; beside values of what moves or maps elements stands a copy."""
    entries = {name: op for name, op in table().items() if name.split(" ")[0] not in HOST and "out=" not in name}
    compared = {name: library for name, library in found.items() if name != COPY}
    seen = set()
    for some in batches(entries, compared, dtypes=("float32",), only=options.only):
        for case in some:
            if case.what == "gradient" or (
                simulated() and (case.size not in REHEARSED or (case.name, case.what) in seen)
            ):
                continue
            if "x" in TABLE.get(case.name, Op()).operands and case.what == "value":
                case = dataclasses.replace(case, statements={**case.statements, COPY: Statement("copy(x)")})
            seen.add((case.name, case.what))
            yield case


def rows(results: Sequence[Result], what: str) -> list[dict[str, str]]:
    """A table: beside the ratios, the share of a copy's bandwidth, or what a jvp takes by the value."""
    values = {(one.case.name, one.case.size): one for one in results if one.case.what == "value"}
    chosen = [one for one in results if one.case.what == what]
    shown = []
    for result, row in zip(chosen, rows_of(chosen)):
        row.pop(f"{COPY} / ours", None)
        if COPY in result.timings:
            row["of a copy"] = f"{result.ratio(COPY):.0%}"
        value = values.get((result.case.name, result.case.size))
        if what == "jvp" and value:
            row["over primal"] = f"{result.timings[OURS].median / value.timings[OURS].median:.2f}"
        shown.append(row)
    return shown


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where a peer was faster."""
    from numba import cuda

    if not cuda.is_available():
        raise SystemExit("Numba finds no CUDA device on this machine")
    libraries = contenders()
    effort = Effort(1, 1, 0.0, 0) if simulated() else options.effort
    results = run("cuda", list(cases(libraries, options)), libraries, effort)
    tables = {what: rows(results, what) for what in ("value", "jvp")}
    for title, shown in tables.items():
        show(title, shown)
    launches = [result for result in results if result.case.elements <= LAUNCH]
    cost = min((result.timings[OURS].median for result in launches), default=float("nan"))
    lines = losses(results)
    sections = {
        "How to read": f"{LEGEND} CuPy computes the statements of NumPy. `of a copy`: a copy's time over ours.",
        "Launch": f"The cheapest call on at most {LAUNCH} elements takes {time_text(cost)}.",
        **{title: markdown(shown) for title, shown in tables.items()},
        "Not faster than a peer": "\n".join(f"- {line}" for line in lines) or "None.",
    }
    console.print(f"Device: {device_name()}. {sections['Launch']}")
    if not simulated():
        title = f"Ops on arrays of {device_name()}, float32, new result arrays"
        write("cuda", title, sections, [result.row() for result in results], options)
    return lines


if __name__ == "__main__":
    main(parse(__doc__))
