"""Whether other processes were busy while something was timed.

Two threads that share one core, because a stranger has the other, wait out time slices: a call of 50 us then takes
8 ms, whichever library makes it. Such rounds say nothing, so they are measured again.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

_STATISTICS = Path("/proc/stat")
# Share of one core that others may take, and what the kernel's count in steps of 10 ms leaves uncertain.
_TOLERANCE = 0.1
_STEP = 0.011


class Watch:
    """Adds up what other processes took of the processor inside its ``with`` blocks; where this is unknown, nothing."""

    def __init__(self) -> None:
        self.wall = 0.0
        self.others = 0.0

    @property
    def disturbed(self) -> bool:
        return self.others > _STEP + _TOLERANCE * self.wall

    def __enter__(self) -> Watch:
        self._start = (time.perf_counter(), _processor_time_of_others())
        return self

    def __exit__(self, *exception: Any) -> None:
        wall, others = self._start
        self.wall += time.perf_counter() - wall
        self.others += max(0.0, _processor_time_of_others() - others)


def _processor_time_of_others() -> float:
    if not _STATISTICS.exists():
        return 0.0
    with _STATISTICS.open() as file:
        user, nice, system, _, _, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
    own = os.times()
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK") - own.user - own.system
