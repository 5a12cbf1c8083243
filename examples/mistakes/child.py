"""A collective call in a process that a rank has started."""

import os
import subprocess
import sys

from numbafunc.parallel import axis_index, psum

WORK = "from numbafunc.parallel import psum; print(psum(1.0))"


def start(**settings):
    command = [sys.executable, "-c", WORK]
    environment = {**os.environ, **settings}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


psum(1.0)
if axis_index() == 0:
    print(start().stderr.splitlines()[-1])
    print(start(NUMBAFUNC_MPI="off").stdout.strip())
psum(1.0)  # no rank leaves before the child has ended
