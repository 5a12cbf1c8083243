"""Runs the programs of the documentation on each rank of a job, and writes what they find as JSON.

Started by ``tests/package/test_examples.py``; arguments are the folder of the repository and one to write into.
"""

import contextlib
import io
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
from mpi4py import MPI

from numbafunc import parallel

ROOT, FOLDER = map(Path, sys.argv[1:])
PRINTED = {}


def run(name, **options):
    """What the function ``main`` of an example returns."""
    names = runpy.run_path(str(ROOT / "examples" / f"{name}.py"))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        result = names["main"](FOLDER / f"{name}.png", **options)
    PRINTED[name] = printed.getvalue()
    return result


def plain(value):
    """Arrays as lists, for JSON."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def interrupted_training():
    """Train until one rank gets SIGUSR1 in its step 9: the number of steps, and whether all was done."""
    import signal

    names = runpy.run_path(str(ROOT / "examples" / "restart.py"))
    inner = names["train"].__globals__
    whole, calls = names["whole"], []

    def interrupting(weights, points):
        calls.append(1)
        if len(calls) == 9 and parallel.axis_index() == 1:
            signal.raise_signal(signal.SIGUSR1)
        return whole(weights, points)

    inner["whole"] = interrupting
    state, done = names["train"](FOLDER / "restart.npz", 24)
    return {"step": int(state["step"]), "done": bool(done)}


def mistakes():
    """What the programs print that make mistakes."""
    for name in ("set_order", "skipped_step", "skipped_together", "child"):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            runpy.run_path(str(ROOT / "examples" / "mistakes" / f"{name}.py"))
        PRINTED[name] = printed.getvalue()


def side_by_side():
    """Results of both columns of the table of mpi4py's names, a pair for each way to write it."""
    comm = MPI.COMM_WORLD
    rank, size = comm.rank, comm.size
    base = {name: getattr(parallel, name) for name in parallel.__all__}
    base |= {"MPI": MPI, "comm": comm, "numpy": np, "size": size, "n": 1.5 + rank}
    base |= {"right": (rank + 1) % size, "left": (rank - 1) % size}
    base |= {"x": np.arange(4.0) * (rank + 1), "z": np.arange(6.0 * size).reshape(size, 6) + rank}
    base |= {"rows": np.arange(2.0 + rank)}
    page = (ROOT / "docs" / "how-to" / "moving_mpi.rst").read_text()
    table = page.partition(":class: side-by-side")[2].partition("Without a counterpart")[0]

    def evaluate(code, y):
        names = {**base, "y": y}
        exec(code, names)
        return names["y"]

    found = []
    for left, right in re.findall(r"\* - ``(.+)``\n +- ``(.+)``\n", table):
        ours = evaluate(right, base["x"].copy())
        # Functions of mpi4py fill an array; that which sums in place begins with what is in it.
        y = base["x"].copy() if np.shape(ours) == base["x"].shape else np.empty(np.shape(ours))
        found.append((left, evaluate(left, y), ours))
    return found


results = {
    "perceptron": run("perceptron", steps=20)[1],
    "monte_carlo": run("monte_carlo", samples=64_000),
    "uneven": run("uneven"),
    "one without rows": run("uneven", files=(300, 0)),
    "another without rows": run("uneven", files=(0, 300)),
    "interrupted": interrupted_training(),
    "side by side": side_by_side(),
    "mistakes": mistakes(),
    "printed": PRINTED,
}
(FOLDER / f"rank-{parallel.axis_index()}.json").write_text(json.dumps(results, default=plain))
