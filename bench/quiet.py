"""Whether other processes were busy while something was timed.

Two threads that share one core because a stranger has the other wait out time slices: a call of 50 us then takes 8 ms, for
every contender with threads. Such rounds say nothing about any library, so they are measured again.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_STATISTICS = Path("/proc/stat")
# Share of one core that others may take; the kernel counts in steps of 10 ms.
TOLERANCE = 0.1
_STEP = 0.011


@dataclass(frozen=True)
class Clock:
    """Seconds that have passed, and seconds of processor time that all others took."""

    wall: float
    others: float

    @classmethod
    def now(cls) -> Clock:
        others = 0.0
        if _STATISTICS.exists():
            with _STATISTICS.open() as file:
                user, nice, system, _, _, irq, softirq, steal, *_ = map(int, file.readline().split()[1:])
            own = os.times()
            busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
            others = busy - own.user - own.system
        return cls(time.perf_counter(), others)

    def quiet_since(self, start: Clock) -> bool:
        """Whether others took next to nothing since an earlier reading."""
        return self.others - start.others <= max(_STEP, TOLERANCE * (self.wall - start.wall))


def wait(patience: float) -> bool:
    """Wait until the machine is quiet, for some seconds at most; whether it is."""
    deadline = time.perf_counter() + patience
    while True:
        start = Clock.now()
        time.sleep(0.1)
        if Clock.now().quiet_since(start):
            return True
        if time.perf_counter() > deadline:
            return False
