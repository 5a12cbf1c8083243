"""Reductions of arrays of a CUDA device in Numba's simulator, in a process of its own."""

import os
from pathlib import Path

import pytest
from reduction_table import NAMES

SOURCE = (Path(__file__).parent / "device_reductions.py").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_in_the_simulator(programs, name):
    root = programs.package.parent
    path = os.pathsep.join(map(str, (root, root / "cuda", Path(__file__).parent)))
    settings = {"NUMBA_ENABLE_CUDASIM": 1, "NUMBAFUNC_TEST_BACKEND": None, "PYTHONPATH": path}
    assert programs.run(SOURCE, name, **settings).endswith("done")
