"""Import times, first calls, calls on one element, and the size of an installation."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import OURS, libraries
from bench.measure import Case, Result, Timing
from bench.report import LEGEND, losses, markdown, rows_of, run, show, write
from bench.results import Row, time_text

IMPORTS = ("numpy", "numba", "numbafunc", "torch", "jax.numpy")
IMPORT_BAR, COLD_BAR, CACHED_BAR, CALL_BAR = 0.05, 1.0, 0.06, 1.5e-6
FIRST_CALLS = ("sigmoid(x)", "elu(x)", "softmax(x)", "loss.l2(x)", "jvp(numbafunc.tanh, (x,), (x,))")

_IMPORT = "import time; start = time.perf_counter(); import {name}; print(time.perf_counter() - start)"
_AFTER_NUMBA = "import numba, time; start = time.perf_counter(); import {name}; print(time.perf_counter() - start)"
_FIRST_CALL = """
import time
import numpy as np, numbafunc
x = np.ones(1000, np.float32)
start = time.perf_counter()
numbafunc.{call}
print(time.perf_counter() - start)
"""
# Loops around functions of the program's own, which Numba has been imported for.
FIRST_LOOPS = {
    "scan": "numbafunc.scan(step, 0.0, x)",
    "while_loop": "numbafunc.while_loop(goes_on, body, (0, x))",
    "odeint": "numbafunc.odeint(decay, x, t, 0.5)",
    "gradient of odeint": "numbafunc.grad(lambda p: numbafunc.odeint(decay, x, t, p).sum())(0.5)",
}
_FIRST_LOOP = """
import time
import numba, numpy as np, numbafunc
step = numba.njit(lambda carry, x: (carry + x, carry))
goes_on = numba.njit(lambda carry: carry[0] < 10)
body = numba.njit(lambda carry: (carry[0] + 1, 0.5 * carry[1] + 1.0))
decay = numba.njit(lambda y, t, rate: -rate * y)
x, t = np.ones(10), np.linspace(0.0, 1.0, 5)
start = time.perf_counter()
{call}
print(time.perf_counter() - start)
"""
_FIRST_LOOP_OF_JAX = """
import time
import jax, numpy as np
from jax.experimental.ode import odeint
jax.config.update("jax_enable_x64", True)
x, t = np.ones(10), np.linspace(0.0, 1.0, 5)
jax.numpy.ones(3).block_until_ready()
def solved(p):
    return odeint(lambda y, t, rate: -rate * y, x, t, p).sum()
start = time.perf_counter()
jax.block_until_ready(jax.jit({call})({argument}))
print(time.perf_counter() - start)
"""
_LOOPS_OF_JAX = {
    "scan": ("lambda x: jax.lax.scan(lambda carry, x: (carry + x, carry), 0.0, x)", "x"),
    "while_loop": (
        "lambda x: jax.lax.while_loop(lambda c: c[0] < 10, lambda c: (c[0] + 1, 0.5 * c[1] + 1), (0, x))",
        "x",
    ),
    "odeint": ("solved", "0.5"),
    "gradient of odeint": ("jax.grad(solved)", "0.5"),
}
_PROGRAMS = {
    "numbafunc": "import numpy as np, numbafunc; print(numbafunc.relu(np.ones(10, np.float32)).sum())",
    "torch": "import torch; print(torch.relu(torch.ones(10)).sum())",
    "jax": "import numpy as np, jax; print(jax.nn.relu(np.ones(10, np.float32)).sum())",
}
_FIRST_CALL_OF_PEER = {
    "torch": """
import time
import torch
x = torch.ones(1000)
start = time.perf_counter()
torch.sigmoid(x)
print(time.perf_counter() - start)
""",
    "jax": """
import time
import jax
x = jax.numpy.ones(1000).block_until_ready()
start = time.perf_counter()
jax.jit(jax.nn.sigmoid)(x).block_until_ready()
print(time.perf_counter() - start)
""",
}


def fresh_process(source: str, **variables: str) -> str:
    """What a program prints, run by a new interpreter. It may keep bytecode, as installers do for all packages."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", source]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def seconds_in_fresh_process(source: str, **variables: str) -> float:
    """The seconds that a program prints."""
    return float(fresh_process(source, **variables).split()[-1])


def seconds_of_program(source: str) -> float:
    """The time that a program takes as a whole."""
    start = time.perf_counter()
    fresh_process(source)
    return time.perf_counter() - start


@dataclass(frozen=True)
class Start:
    """What was timed in fresh processes, and the most that it may take."""

    what: str
    timing: Timing
    bar: float | None = None

    @property
    def over(self) -> bool:
        return self.bar is not None and self.timing.minimum > self.bar

    def cells(self) -> dict[str, str]:
        """A row of a table."""
        return {
            "what": self.what,
            "minimum": time_text(self.timing.minimum),
            "median": time_text(self.timing.median),
            "bar": "" if self.bar is None else f"{time_text(self.bar)}{' !' if self.over else ''}",
        }

    def row(self) -> Row:
        """What is kept of it."""
        case = Case(self.what, "", 0, lambda random: {}, {}, "start-up", "")
        return Result(case, {"fresh process": self.timing}, "processes").row()


def import_times(runs: int) -> list[Start]:
    """Times of imports in fresh interpreters, and of ours after Numba."""
    programs = {f"import {name}": _IMPORT.format(name=name) for name in IMPORTS}
    programs["import numbafunc after numba"] = _AFTER_NUMBA.format(name="numbafunc")
    programs["the same, and all its names"] = _AFTER_NUMBA.format(
        name="numbafunc; [getattr(numbafunc, n) for n in dir(numbafunc)]"
    )
    seconds: dict[str, list[float]] = {}
    for _ in range(runs):
        for what, source in programs.items():
            try:
                seconds.setdefault(what, []).append(seconds_in_fresh_process(source))
            except subprocess.CalledProcessError:  # not installed
                seconds.pop(what, None)
    return [
        Start(what, Timing(times), IMPORT_BAR if "after" in what or "same" in what else None)
        for what, times in seconds.items()
    ]


def first_calls(runs: int) -> list[Start]:
    """Times of the first call in a process: with an empty cache, and with a full one."""
    rows = []
    for call in FIRST_CALLS:
        cold, cached = [], []
        for _ in range(max(2, runs // 2)):
            with tempfile.TemporaryDirectory() as folder:
                source = _FIRST_CALL.format(call=call)
                cold.append(seconds_in_fresh_process(source, NUMBAFUNC_CACHE_DIR=folder))
                cached.append(seconds_in_fresh_process(source, NUMBAFUNC_CACHE_DIR=folder))
        rows += [
            Start(f"numbafunc.{call}, compiled", Timing(cold), COLD_BAR),
            Start(f"numbafunc.{call}, from the cache", Timing(cached), CACHED_BAR),
        ]
    for name, call in FIRST_LOOPS.items():
        with tempfile.TemporaryDirectory() as folder:
            source = _FIRST_LOOP.format(call=call)
            seconds = [seconds_in_fresh_process(source, NUMBAFUNC_CACHE_DIR=folder) for _ in range(runs)]
        rows += [
            Start(f"{name} around a compiled function, compiled", Timing(seconds[:1])),
            Start(f"{name} around a compiled function, from the cache", Timing(seconds[1:])),
        ]
        if "jax" in libraries():
            call, argument = _LOOPS_OF_JAX[name]
            source = _FIRST_LOOP_OF_JAX.format(call=call, argument=argument)
            rows.append(
                Start(f"jax {name}", Timing([seconds_in_fresh_process(source) for _ in range(max(2, runs // 2))]))
            )
    for name, source in _FIRST_CALL_OF_PEER.items():
        if name in libraries():
            rows.append(Start(f"{name} sigmoid", Timing([seconds_in_fresh_process(source) for _ in range(runs)])))
    return rows


def programs(runs: int) -> list[Start]:
    """Times of whole programs, from the start of the interpreter to its end; ours with a full cache."""
    rows = []
    for name, source in _PROGRAMS.items():
        if name == OURS or name in libraries():
            seconds_of_program(source)
            rows.append(Start(f"{name} relu", Timing([seconds_of_program(source) for _ in range(runs)])))
    return rows


def call_cases() -> list[Case]:
    """Calls on one element, as array of one axis and of none."""

    def data(random: np.random.Generator) -> dict[str, Any]:
        return {"x": random.standard_normal(1, dtype=np.float32), "s": np.array(random.standard_normal(), np.float32)}

    result = []
    for name, torch in (("sigmoid", "torch.sigmoid"), ("elu", "F.elu"), ("relu", "torch.relu"), ("tanh", "torch.tanh")):
        for size, argument in (("(1,)", "x"), ("()", "s")):
            statements = {
                OURS: f"numbafunc.{name}({argument})",
                "torch": f"{torch}({argument})",
                "jax": f"{name}({argument}).block_until_ready()",
                "numpy": f"np.exp({argument})",
            }
            result.append(Case(name, size, 1, data, statements))
    return result


def closure(names: Iterable[str]) -> dict[str, Distribution]:
    """Installed distributions that these need, themselves included."""
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        for requirement in found[name].requires or ():
            if "extra ==" not in requirement:
                waiting.append(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])
    return found


def size_of(distributions: Iterable[Distribution]) -> int:
    """Bytes of all files of distributions."""
    total = 0
    for one in distributions:
        for file in one.files or ():
            path = Path(str(one.locate_file(file)))
            if path.is_file() and path.suffix != ".pyc":
                total += path.stat().st_size
    return total


def install_sizes() -> list[dict[str, str]]:
    """Megabytes of a library with all that it needs."""
    import numbafunc

    package = sum(
        p.stat().st_size for p in Path(numbafunc.__file__).parent.rglob("*") if p.suffix != ".pyc" and p.is_file()
    )
    rows = []
    for name, needs in (
        (OURS, ("numba", "numpy", "llvmlite", "optree", "tbb")),
        ("torch", ["torch"]),
        ("jax", ["jax"]),
    ):
        found = closure(needs)
        if found:
            total = size_of(found.values()) + (package if name == OURS else 0)
            rows.append({"what": name, "MB": f"{total / 1e6:.0f}", "made of": ", ".join(sorted(found))})
    return rows


def main(options: Options) -> list[str]:
    """Measure, show and write; what is over its bar, or slower than a peer."""
    runs = 3 if options.quick else 9
    imports, firsts, sizes = import_times(runs), first_calls(runs), install_sizes()
    contenders = libraries()
    if "jax" in contenders:
        import jax

        contenders["jax"].define(sigmoid=jax.nn.sigmoid, elu=jax.nn.elu, relu=jax.nn.relu, tanh=jax.numpy.tanh)
    results = run("calls", call_cases(), contenders, options.effort)
    calls = list(rows_of(results))
    whole = programs(runs)
    tables = {
        "Import": [one.cells() for one in imports],
        "First call": [one.cells() for one in firsts],
        "Whole programs": [one.cells() for one in whole],
        "Calls on one element": calls,
        "Size": sizes,
    }
    for title, rows in tables.items():
        show(title, rows)
    lines = [f"{one.what}: {time_text(one.timing.minimum)}" for one in imports + firsts if one.over]
    lines += [
        f"{result.case.name} {result.case.size}: {time_text(result.timings[OURS].minimum)} a call"
        for result in results
        if result.timings[OURS].minimum > CALL_BAR
    ]
    lines += losses(results)
    notes = {
        "Import": f"In fresh interpreters. Ours may add {time_text(IMPORT_BAR)} to Numba.",
        "First call": "The first call of an op in a process: 1000 float32 numbers. Imports are not counted.",
        "Whole programs": "From the start of the interpreter to its end, imports included; ours with a full cache.",
        "Calls on one element": f"{LEGEND} NumPy stands with `np.exp`. At most {time_text(CALL_BAR)} are wanted.",
        "Size": "Files on disk, those of all dependencies included.",
    }
    sections = {title: f"{notes[title]}\n\n{markdown(rows)}" for title, rows in tables.items()}
    sections["Over a bar, or slower than a peer"] = "\n".join(f"- {line}" for line in lines) or "None."
    rows = [one.row() for one in (*imports, *firsts, *whole, *results)]
    write("startup", "Start-up, small calls and size", sections, rows, options)
    return lines


if __name__ == "__main__":
    main(parse(__doc__))
