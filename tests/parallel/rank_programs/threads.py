"""Prints how many cores there are and how many threads a rank uses, then what ``info`` says."""

import os

import numba

from numbafunc.__main__ import main
from numbafunc.cpu import threads

if __name__ == "__main__":
    threads.start()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(cores, numba.get_num_threads(), flush=True)
    main(["info"])
