"""Arrays of a CUDA device as users have them, in Numba's simulator: in a process of its own unless this one has it."""

import os
from pathlib import Path

from device_backend import ACTIVE

SOURCE = (Path(__file__).parent / "device_program.py").read_text()


def test_in_the_simulator(programs):
    if ACTIVE and os.environ.get("NUMBA_ENABLE_CUDASIM") != "1":
        exec(compile(SOURCE, "device_program.py", "exec"), {"__name__": "device_program"})  # on the device there is
        return
    root = programs.package.parent
    path = os.pathsep.join(map(str, (root, root / "cuda", Path(__file__).parent)))
    settings = {"NUMBA_ENABLE_CUDASIM": 1, "NUMBAFUNC_TEST_BACKEND": None, "PYTHONPATH": path}
    assert programs.run(SOURCE, **settings).endswith("done")
