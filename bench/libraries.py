"""The contenders. Those that are not installed are left out."""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import timeit
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.measure import THREADS, Library


def limit_cores() -> None:
    """Keep this process on as many cores as there are threads: XLA sizes its pool by them. Call before any import."""
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) > THREADS:
            os.sched_setaffinity(0, allowed[:THREADS])
    os.environ.setdefault("JAX_PLATFORMS", "cpu")


def ours() -> Library:
    import numba
    import numpy

    import numbafunc

    numba.set_num_threads(min(THREADS, numba.config.NUMBA_NUM_THREADS))
    return Library({"numbafunc": numbafunc, "np": numpy})


def scipy() -> Library:
    """NumPy, and SciPy where it is installed."""
    import numpy

    namespace: dict[str, Any] = {"np": numpy}
    if importlib.util.find_spec("scipy"):
        import scipy.special

        namespace["special"] = scipy.special
    return Library(namespace)


class Torch(Library):
    """PyTorch, without the bookkeeping for derivatives."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(THREADS)
        self.torch = torch
        super().__init__({"torch": torch, "F": torch.nn.functional})

    def take(self, value: Any) -> Any:
        import numpy

        return self.torch.from_numpy(value) if isinstance(value, numpy.ndarray) else value

    def run(self, timer: timeit.Timer, number: int) -> float:
        with self.torch.inference_mode():
            return super().run(timer, number)


class Jax(Library):
    """JAX, every function compiled; statements wait for the result."""

    def __init__(self) -> None:
        import jax

        self.jax = jax
        super().__init__({"jax": jax, "jnp": jax.numpy})

    def define(self, static: tuple[str, ...] = (), **functions: Any) -> None:
        """Compile functions and add them to what statements can name."""
        compiled = {name: self.jax.jit(function, static_argnames=static) for name, function in functions.items()}
        self.namespace.update(compiled)

    def take(self, value: Any) -> Any:
        import numpy

        return self.jax.device_put(value).block_until_ready() if isinstance(value, numpy.ndarray) else value


@functools.cache
def libraries() -> dict[str, Library]:
    """Contenders by name; ours first."""
    limit_cores()
    found = {"numbafunc": ours()}
    if importlib.util.find_spec("torch"):
        found["torch"] = Torch()
    if importlib.util.find_spec("jax"):
        found["jax"] = Jax()
    found["numpy"] = scipy()
    return found


def machine() -> dict[str, Any]:
    """Processor, cores and versions."""
    versions = {}
    for name in ("numba", "llvmlite", "numpy", "tbb", "torch", "jax", "jaxlib", "autograd", "scipy"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "threads": THREADS,
        **versions,
    }


def _processor() -> str:
    try:
        fields = dict(
            line.split(":", 1)
            for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
            if ":" in line
        )
    except (OSError, ValueError):
        return platform.processor() or "unknown"
    known = {key.strip(): value.strip() for key, value in fields.items()}
    flags = known.get("flags", known.get("Features", "")).split()
    vectors = [flag for flag in ("avx2", "avx512f", "asimd", "sve") if flag in flags]
    name = known.get("model name", platform.machine())
    if "cpu family" in known:
        name += f" (family {known['cpu family']}, model {known['model']})"
    return " ".join((name, *vectors))
