"""Runs other programs of this folder, one after the other in one job, since starting takes longer than most of them.

The logs name each program before what it prints.
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    for program in sys.argv[1:]:
        print(f"=== {program}", flush=True)
        runpy.run_path(str(Path(__file__).with_name(program)), run_name="__main__")
