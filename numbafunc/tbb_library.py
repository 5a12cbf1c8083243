"""The TBB library, which Numba takes for its threads if it finds it when it starts them.

The wheel ``tbb`` installs the library outside the loader's search path. Numba starts its threads when a program first
sets their number, which may be long before the first kernel, and would then take OpenMP. Its idle threads keep the
cores busy for a while after each kernel, and matrix products of NumPy, which have threads of their own, take ten
times as long.
"""

from __future__ import annotations

import ctypes
import site
import sys
from pathlib import Path

_LIBRARIES = {"linux": "lib/libtbb.so.12", "darwin": "lib/libtbb.12.dylib", "win32": "Library/bin/tbb12.dll"}


def load() -> None:
    """Load the library where the wheel has put it."""
    name = _LIBRARIES.get(sys.platform)
    if name is None:
        return
    for prefix in dict.fromkeys((sys.prefix, sys.base_prefix, site.getuserbase())):
        path = Path(prefix, name)
        if path.exists():
            try:
                ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
            except OSError:
                continue
            return
