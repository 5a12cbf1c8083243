"""What calls and derivatives take at their peak stays in proportion to operands and results."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from sweep import thorough

SUPPORT = Path(__file__).parent.parent / "support"
pytestmark = pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="the system doesn't tell peaks of memory"
)

# All bytes at the peak of a value, of a derivative in forward mode and in reverse mode, in multiples of those of
# operands and results. docs/explanation/promises.rst states them.
BOUNDS = {
    "elementwise": (1.1, 1.1, 2.1),
    "reduction": (1.1, 1.1, 2.6),
    "linear": (1.4, 1.3, 3.1),
    "selection": (1.1, 1.1, 2.6),
    "mask": (1.2, 1.2, 2.6),
    "resize": (1.4, 1.3, 2.6),
    "one_hot": (1.1,),
}
SLICE = (
    "elementwise gelu,", "reduction logsumexp of rows", "linear channel_to_space2d", "selection max_pool_2d halves",
    "mask l2 where int64", "resize cubic", "one_hot of 10,",
)  # fmt: skip


def run(*words):
    program = [sys.executable, str(SUPPORT / "peak_memory.py"), *words]
    done = subprocess.run(program, capture_output=True, text=True, timeout=500, check=True)
    return list(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize(
    "words", [SLICE, *thorough(*(((f"of {kind} ",),) for kind in BOUNDS))], ids=lambda words: words[0]
)
def test_peaks(words):
    found = run(*words)
    assert {kind for kind, *_ in found} == {word.removeprefix("of ").partition(" ")[0] for word in words}
    for kind, name, way, peak in found:
        assert isinstance(peak, float), (name, way, peak)
        assert peak <= BOUNDS[kind][("value", "jvp", "vjp").index(way)], (name, way)


def test_a_copy_too_many_is_seen(programs):
    program = """
        import numpy as np
        import peak_memory

        def wasteful(x):
            y = x * 2.0
            return y * 3.0

        print(peak_memory.measured(wasteful, lambda shape: [np.ones(shape)]))
        """
    path = os.pathsep.join((str(programs.package.parent), str(SUPPORT)))
    assert 1.45 < float(programs.run(program, PYTHONPATH=path)) < 1.6
