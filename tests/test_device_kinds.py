"""The linear and the selection kind on arrays of a CUDA device, in Numba's simulator: in a process of its own."""

import os
from pathlib import Path

SOURCE = (Path(__file__).parent / "device_kinds_program.py").read_text()


def test_in_the_simulator(programs):
    root = programs.package.parent
    path = os.pathsep.join(map(str, (root, root / "cuda", Path(__file__).parent)))
    settings = {"NUMBA_ENABLE_CUDASIM": 1, "NUMBAFUNC_TEST_BACKEND": None, "PYTHONPATH": path}
    assert programs.run(SOURCE, **settings).endswith("done")
