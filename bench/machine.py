"""The machine that something is measured on, and the versions of what is measured."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor and cores."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Of Python and of the libraries that are installed."""
    found = {"python": platform.python_version()}
    for name in ("numba", "llvmlite", "numpy", "tbb", "torch", "jax", "jaxlib", "autograd", "scipy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


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
