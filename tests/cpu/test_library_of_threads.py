"""TBB's threads are there for a program that starts Numba's threads before the first large op, and for its children."""

import importlib.metadata
import os

import pytest

try:
    importlib.metadata.version("tbb")
except importlib.metadata.PackageNotFoundError:
    pytest.skip("the wheel tbb is not installed", allow_module_level=True)

PROGRAM = """
import os
import sys
import numbafunc
import numba
import numpy as np
from numbafunc.cpu.threads import parallel_allowed

@numba.njit(parallel=True)
def total(x):
    result = 0.0
    for i in numba.prange(x.size):
        result += x[i]
    return result

x = np.linspace(-1, 1, 200_000)
{first}
expected = numbafunc.sigmoid(x)

def state():
    np.testing.assert_array_equal(numbafunc.sigmoid(x), expected)
    return numba.threading_layer(), numba.get_num_threads(), parallel_allowed()

print(*state(), flush=True)
if hasattr(os, "fork"):
    child = os.fork()
    if child == 0:
        print(*state(), flush=True)
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize("layer", [None, "tbb"])
@pytest.mark.parametrize("first", ["numba.set_num_threads(2)", "total(x)"])
def test_threads_are_those_of_tbb(programs, first, layer):
    output = programs.run(PROGRAM.replace("{first}", first), NUMBA_NUM_THREADS="2", NUMBA_THREADING_LAYER=layer)
    assert output.splitlines() == ["tbb 2 True"] * (1 + hasattr(os, "fork")) + ["0"] * hasattr(os, "fork")
