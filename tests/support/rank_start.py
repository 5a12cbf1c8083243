"""What each rank runs first: the program with its output in a log, and a limit of time. It starts without pytest."""

import faulthandler
import fcntl
import os
import runpy
import sys
from pathlib import Path


def main():
    logs, seconds, program, *arguments = sys.argv[1:]
    rank = next(os.environ[name] for name in ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK") if name in os.environ)
    log = os.open(Path(logs, f"rank-{rank}.log"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    fcntl.flock(log, fcntl.LOCK_EX)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.dump_traceback_later(float(seconds), exit=True)
    sys.argv = [program, *arguments]
    sys.path[0] = str(Path(program).parent)
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
