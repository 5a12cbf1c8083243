"""Ops on arrays of a CUDA device: against PyTorch and CuPy there, and against copies of as many bytes.

In Numba's simulator (``NUMBA_ENABLE_CUDASIM=1``) it is a rehearsal: small cases run once to show that they run.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import timeit
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bench import derivatives, elementwise, linear, reduction, resize, selection
from bench.arguments import Options, parse
from bench.measure import OURS, Case, Effort, Library, Result
from bench.report import LEGEND, console, losses, markdown, rows_of, run, show, time_text, write

FAMILIES = {
    "elementwise": elementwise,
    "reduction": reduction,
    "linear": linear,
    "selection": selection,
    "resize": resize,
}
# Launching a kernel takes longer than computing this many elements.
LAUNCH = 10**3
REHEARSED = 10**4
COPY, PRIMAL = "copy", "primal"


class Device(Library):
    """A contender whose arrays are on the device; a block of calls ends when the device has done them all."""

    def __init__(
        self, namespace: Mapping[str, Any], take: Any, synchronize: Any, mode: Any = contextlib.nullcontext
    ) -> None:
        super().__init__(namespace)
        self._take, self._synchronize, self._mode = take, synchronize, mode

    def take(self, value: Any) -> Any:
        return self._take(value) if isinstance(value, np.ndarray) else value

    def run(self, timer: timeit.Timer, number: int) -> float:
        def block() -> None:
            timer.timeit(number)
            self._synchronize()

        self._synchronize()
        with self._mode():
            return timeit.timeit(block, number=1)


def contenders() -> dict[str, Library]:
    """Ours, and the libraries that see a device."""
    from numba import cuda

    import numbafunc

    ours = Device({"numbafunc": numbafunc, "np": np}, cuda.to_device, cuda.synchronize)
    found: dict[str, Library] = {
        OURS: ours,
        PRIMAL: ours,
        COPY: Device({"copy": copy}, cuda.to_device, cuda.synchronize),
    }
    if importlib.util.find_spec("torch"):
        import torch

        if torch.cuda.is_available():
            names = {"torch": torch, "F": torch.nn.functional}
            found["torch"] = Device(names, _to_torch, torch.cuda.synchronize, torch.inference_mode)
    if importlib.util.find_spec("cupy") and not simulated():
        import cupy
        import cupyx.scipy.special

        names = {"np": cupy, "special": cupyx.scipy.special}
        found["cupy"] = Device(names, cupy.asarray, cupy.cuda.Device().synchronize)
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


def cases(family: Any, options: Options) -> Iterator[Case]:
    """The cases of a family of ops; where they have a statement for NumPy, it is CuPy's."""
    for case in family.cases(options):
        statements = {OURS: case.statements[OURS], "torch": case.statements["torch"]}
        if "numpy" in case.statements:
            statements["cupy"] = case.statements["numpy"]
        if family in (elementwise, linear) and not case.name.startswith("one_hot"):
            statements[COPY] = "copy(x)"
        yield dataclasses.replace(case, statements=statements)


def tangents(options: Options) -> Iterator[Case]:
    """jvp beside the primal."""
    names = [*derivatives.COMPUTE, *derivatives.TRANSPORT, *derivatives.ROWS]
    for name in names:
        primal = f"numbafunc.{name}({'x, axis=-1' if name in derivatives.ROWS else 'x'})"
        statements = {OURS: f"numbafunc.jvp(lambda x: {primal}, (x,), (v,))", PRIMAL: primal}
        for size in (10**3, *derivatives.SIZES):
            if options.wants(name):
                yield Case(f"jvp {name}", f"{size:.0e}", size, derivatives.data_of(name, size), statements)


def chosen(cases: Iterator[Case]) -> list[Case]:
    """The cases to run: in the simulator the smallest of each op."""
    if not simulated():
        return list(cases)
    smallest: dict[str, Case] = {}
    for case in cases:
        if case.elements <= REHEARSED and case.elements < getattr(smallest.get(case.name), "elements", 1 << 60):
            smallest[case.name] = case
    return list(smallest.values())


def row(result: Result, shown: dict[str, str]) -> dict[str, str]:
    """A row of a table: beside the ratios, the share of a copy's bandwidth."""
    shown.pop(f"{COPY} / ours", None)
    shown.pop(f"{PRIMAL} / ours", None)
    if COPY in result.timings:
        shown["of a copy"] = f"{result.ratio(COPY):.0%}"
    if PRIMAL in result.timings:
        shown["over primal"] = f"{1 / result.ratio(PRIMAL):.2f}"
    return shown


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where a peer was faster."""
    from numba import cuda

    if not cuda.is_available():
        raise SystemExit("Numba finds no CUDA device on this machine")
    libraries = contenders()
    effort = Effort(rounds=1, block=0.0, patience=0.0) if simulated() else options.effort
    sections, results = {}, []
    families = {name: cases(family, options) for name, family in FAMILIES.items()}
    for name, given in {**families, "derivatives": tangents(options)}.items():
        measured = run(name, chosen(given), libraries, effort)
        rows = [row(result, shown) for result, shown in zip(measured, rows_of(measured))]
        show(name, rows)
        sections[name.capitalize()] = markdown(rows)
        results += measured
    launches = [result for result in results if result.case.elements <= LAUNCH and OURS in result.timings]
    cost = min((result.timings[OURS].median for result in launches), default=float("nan"))
    lines = losses(results)
    sections = {
        "How to read": f"{LEGEND} CuPy computes the statements of NumPy. `of a copy`: a copy's time over ours.",
        "Launch": f"The cheapest call on at most {LAUNCH} elements takes {time_text(cost)}.",
        **sections,
        "Not faster than a peer": "\n".join(f"- {line}" for line in lines) or "None.",
    }
    console.print(f"Device: {device_name()}. {sections['Launch']}")
    if not simulated():
        title = f"Ops on arrays of {device_name()}, float32, new result arrays"
        write("cuda", title, sections, [result.record() for result in results], options)
    return lines


if __name__ == "__main__":
    main(parse(__doc__))
