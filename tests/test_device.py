"""Arrays of a CUDA device as users have them, in Numba's simulator: in a process of its own unless this one has it."""

import importlib.util
import os
from pathlib import Path

import pytest
from device_backend import ACTIVE

import numbafunc

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("program", ["device_program.py", "device_reductions_program.py", "device_kinds_program.py"])
def test_in_the_simulator(programs, program):
    source = (FOLDER / program).read_text()
    if ACTIVE and os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
        exec(compile(source, program, "exec"), {"__name__": "device_program"})  # on the device there is
        return
    root = programs.package.parent
    path = os.pathsep.join(map(str, (root, root / "cuda", FOLDER)))
    settings = {"NUMBA_ENABLE_CUDASIM": 1, "NUMBAFUNC_TEST_BACKEND": None, "PYTHONPATH": path}
    assert programs.run(source, **settings).endswith("done")


class Foreign:
    """An array of some other library on a device."""

    @property
    def __cuda_array_interface__(self):
        return {"shape": (3,), "typestr": "<f4", "data": (4096, False), "version": 3}


@pytest.mark.skipif(importlib.util.find_spec("numba_cuda") is not None, reason="numba-cuda is there")
def test_without_numba_cuda():
    for function in (numbafunc.relu, numbafunc.grad(numbafunc.relu), numbafunc.softmax, numbafunc.loss.l2):
        with pytest.raises(ImportError, match=r"pip install 'numbafunc\[cuda\]'"):
            function(Foreign())
