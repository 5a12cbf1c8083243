"""Arrays of a CUDA device as users have them, in Numba's simulator: in a process of its own unless this one has it."""

import os
from pathlib import Path

import pytest
from device_backend import ACTIVE

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("program", ["device_program.py", "device_reductions_program.py"])
def test_in_the_simulator(programs, program):
    source = (FOLDER / program).read_text()
    if ACTIVE and os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
        exec(compile(source, program, "exec"), {"__name__": "device_program"})  # on the device there is
        return
    root = programs.package.parent
    path = os.pathsep.join(map(str, (root, root / "cuda", FOLDER)))
    settings = {"NUMBA_ENABLE_CUDASIM": 1, "NUMBAFUNC_TEST_BACKEND": None, "PYTHONPATH": path}
    assert programs.run(source, **settings).endswith("done")
