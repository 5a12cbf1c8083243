"""Ops have the same bits with the instructions of other processors."""

import platform
from pathlib import Path

import numpy as np
import pytest
import reduction_table

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names of processors are those of x86"),
]

PROGRAM = """
import sys
import warnings
sys.path.insert(0, SUPPORT)
import elementwise_table
import numpy as np
import reduction_table

warnings.simplefilter("ignore")
found = {}
for dtype in (np.float32, np.float64):
    for name in elementwise_table.NAMES:
        operands = elementwise_table.operands(name, (20_003,), dtype)
        found[f"elementwise {name} {dtype.__name__}"] = elementwise_table.TABLE[name].function(*operands)
    for name in reduction_table.NAMES:
        first, *others = reduction_table.operands(name, reduction_table.shape_for(name, (30, 700)), dtype)
        found[f"sum {name} {dtype.__name__}"] = reduction_table.TABLE[name].function(first, -1, *others)
np.savez(sys.argv[1], **found)
"""


def test_bits_across_processors(programs, tmp_path):
    source, results = PROGRAM.replace("SUPPORT", repr(str(Path(reduction_table.__file__).parent))), []
    for name in (None, "generic", "haswell"):
        path = tmp_path / f"{name}.npz"
        # Without features named, those of this processor would come along: AVX-512 on Haswell.
        programs.run(source, path, NUMBA_CPU_NAME=name, NUMBA_CPU_FEATURES=None if name is None else "")
        results.append(np.load(path))
    native, *others = results
    assert len(native.files) > 40
    for other in others:
        for name in native.files:
            assert native[name].tobytes() == other[name].tobytes(), name
