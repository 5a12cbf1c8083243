"""Time and memory of a Hessian, each contender in a process of its own: ours, JAX with and without jit, autograd."""

from __future__ import annotations

import importlib.util
import json
import os
import statistics
import subprocess
import sys
from typing import Any

from bench.arguments import Options, parse
from bench.libraries import limit_cores
from bench.report import markdown, show, write
from bench.results import Row, time_text

SIZES = (100, 1000)

# NumPy's names from m: the same text for all.
FUNCTIONS = {
    "Rosenbrock": """
def f(x):
    return m.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
""",
    "logistic regression": """
rows = random.normal(size=(200, n)) / n**0.5
labels = random.uniform(size=200) > 0.5
def f(x):
    z = m.dot(rows, x)
    return m.sum(m.logaddexp(0.0, z) - labels * z) + 0.5 * m.sum(x * x)
""",
}

CONTENDERS = {
    "numbafunc": ("numbafunc", "import numpy as m, numbafunc", "numbafunc.hessian(f)"),
    "jax": (
        "jax",
        "import jax, jax.numpy as m; jax.config.update('jax_enable_x64', True)",
        "lambda x: jax.hessian(f)(x).block_until_ready()",
    ),
    "jax jit": (
        "jax",
        "import jax, jax.numpy as m; jax.config.update('jax_enable_x64', True); compiled = jax.jit(lambda x: "
        "jax.hessian(f)(x))",
        "lambda x: compiled(x).block_until_ready()",
    ),
    "autograd": ("autograd", "import autograd, autograd.numpy as m", "autograd.hessian(f)"),
}

# Memory is the growth of the peak of resident memory from after the imports.
_PROGRAM = """
import json, resource, time
import numpy as np
{imports}
random = np.random.default_rng(0)
n = {size}
x = random.normal(size=n)
{function}
hessian = {hessian}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seconds = []
for _ in range({repeats} + 1):
    start = time.perf_counter()
    h = hessian(x)
    seconds.append(time.perf_counter() - start)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps(dict(first=seconds[0], seconds=seconds[1:], kibibytes=peak - before,
                      check=float(np.sum(np.asarray(h) * np.cos(np.arange(n)))))))
"""


def measure(name: str, function: str, size: int, repeats: int) -> dict[str, Any]:
    """First call, further calls, memory and a checksum."""
    _, imports, hessian = CONTENDERS[name]
    program = _PROGRAM.format(
        imports=imports, size=size, function=FUNCTIONS[function], hessian=hessian, repeats=repeats
    )
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases in which a peer was faster."""
    limit_cores()
    repeats = 2 if options.quick else 5
    rows, records, lines = [], [], []
    for function in FUNCTIONS:
        for size in SIZES if options.wants(function) else ():
            found = {
                name: measure(name, function, size, repeats)
                for name, (package, _, _) in CONTENDERS.items()
                if importlib.util.find_spec(package)
            }
            ours = statistics.median(found["numbafunc"]["seconds"])
            figures = {
                name: {**result, "minimum": min(result["seconds"]), "median": statistics.median(result["seconds"])}
                for name, result in found.items()
            }
            records.append(Row(function, "hessian", "float64", str(size), size, "processes", figures))
            for name, result in found.items():
                seconds = statistics.median(result["seconds"])
                if abs(result["check"] - found["numbafunc"]["check"]) > 1e-6 * abs(result["check"]):
                    raise AssertionError(f"{name} disagrees on {function}: {result['check']}")
                rows.append(
                    {
                        "case": function,
                        "size": str(size),
                        "what": name,
                        "first call": time_text(result["first"]),
                        "a call": time_text(seconds) + (" !" if seconds < ours else ""),
                        "memory": f"{result['kibibytes'] / 1024:.0f} MiB",
                    }
                )
                if seconds < ours:
                    lines.append(f"{function} {size}: {name} takes {seconds / ours:.3g} of our time")
    title = "Hessians, float64"
    show(title, rows)
    legend = (
        f"Medians of {repeats} calls after the first, and growth of the process's memory over all calls. All take "
        "derivatives of the gradient by reverse mode along n directions. `!`: faster."
    )
    verdict = "\n".join(f"- {line}" for line in lines) or "None."
    write("hessian", title, {"Times": f"{legend}\n\n{markdown(rows)}", "A peer was faster": verdict}, records, options)
    return lines


if __name__ == "__main__":
    main(parse(__doc__))
