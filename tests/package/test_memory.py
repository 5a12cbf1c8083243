"""The memory that ops and their derivatives take stays in proportion to operands and results."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Times what operands and results take. A tape keeps operands, values and partial derivatives; pooling keeps places.
BOUNDS = {"value": 2.0, "jvp": 2.5, "vjp": 4.0}
# Resampling by tables has them along with a single axis: a weight of 8 bytes for each element of a window, and a place.
WINDOWS = {"linear of an axis": 4, "cubic of an axis": 8, "lanczos5 of an axis": 16}
SPARE = 8 * 2**20


@pytest.mark.thorough
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux tells how much memory was taken")
def test_peak_memory_of_all_ops():
    program = Path(__file__).parents[1] / "support" / "peak_memory.py"
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, check=True)
    found = dict(map(json.loads, done.stdout.splitlines()))
    assert len(found) > 150
    wrong = {}
    for case, taken in found.items():
        name, _, way = case.rpartition(", ")
        if isinstance(taken, str) or taken[0] > WINDOWS.get(name, BOUNDS[way]) * taken[1] + SPARE:
            wrong[case] = taken
    assert wrong == {}
