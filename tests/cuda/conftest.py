"""Tests that need the compiler for CUDA devices are left out where it is missing; tox run -e ptx has it."""

import importlib.util
import os

collect_ignore_glob = ["ptx*.py"]
if importlib.util.find_spec("numba_cuda") is None or os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
    collect_ignore_glob += ["test_groups.py", "test_inside.py", "test_ptx.py"]
