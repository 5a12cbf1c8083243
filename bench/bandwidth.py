"""Ops that write to ``out=``, beside copies of arrays that no cache holds: what they reach of the memory's bandwidth.

A copy reads and writes each element once, as these ops do, so the quickest copy is what they could reach. Copies are
``numpy.copyto``, by one thread, and PyTorch's ``copy_``, by as many as it has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from bench.libraries import OURS, Library
from bench.measure import Case, Effort, Failure, Result, measure as measure_in_blocks
from bench.operands import draw
from bench.ops import Op
from bench.results import BANDWIDTH, COPIES

# float32 numbers of 100 MB, which is more than the last-level caches of processors hold.
ELEMENTS = 25_000_000
SIZE = "2.5e7"

# What PyTorch calls; where its own functions have no ``out``, the operator behind them.
PYTORCH = {
    "relu": "torch.clamp_min(x, 0, out=out)",
    "leaky_relu": "torch.ops.aten.leaky_relu.out(x, 0.01, out=out)",
    "elu": "torch.ops.aten.elu.out(x, 1.0, 1.0, 1.0, out=out)",
    "selu": "torch.ops.aten.elu.out(x, 1.6732632423543772, 1.0507009873554805, 1.0, out=out)",
    "rsqrt": "torch.rsqrt(x, out=out)",
    "sigmoid": "torch.sigmoid(x, out=out)",
    "tanh": "torch.tanh(x, out=out)",
}


def batches(libraries: Mapping[str, Library], elements: int = ELEMENTS) -> list[list[Case]]:
    """A case for each op, with two copies of the same array."""
    return [[_case(name, peer, libraries, elements)] for name, peer in PYTORCH.items()]


def _case(name: str, peer: str, libraries: Mapping[str, Library], elements: int) -> Case:
    kind = "positive" if name == "rsqrt" else "real"
    op = Op(operands={"x": kind, "out": "ones"})
    statements = {OURS: f"nf.{name}(x, out=out)", COPIES[0]: "np.copyto(out, x)"}
    if "torch" in libraries:
        statements |= {"torch": peer, COPIES[1]: "out.copy_(x)"}

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        return draw(op, elements, "float32", random)

    return Case(f"{name} out=", SIZE, elements, data, statements)


def measure(
    cases: list[Case], libraries: Mapping[str, Library], effort: Effort, seconds: float, seed: int = 0
) -> tuple[list[Result], list[Failure]]:
    """Time an op and the copies, in blocks."""
    contenders = {name: libraries[name] for name in (OURS, "torch") if name in libraries}
    contenders |= {copy: libraries[of] for copy, of in zip(COPIES, ("numpy", "torch")) if of in libraries}
    found, failures = measure_in_blocks(cases, contenders, replace(effort, alternating=0), seconds, seed)
    return [replace(result, mode=BANDWIDTH) for result in found], failures
