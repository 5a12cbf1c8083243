"""Whether a node has more ranks than cores, so that ranks that wait take the cores from those that work."""

from __future__ import annotations

import os
from typing import Any

from numbafunc import launcher


def ranks_outnumber_cores(communicator: Any) -> bool:
    """Whether some node has more ranks than the cores that these may use; the same on all ranks, which ask together."""
    from mpi4py import MPI

    node = communicator.Split_type(MPI.COMM_TYPE_SHARED)
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    everyone: set[int] = set().union(*node.allgather(cores))
    crowded = max(node.Get_size(), launcher.local_ranks()) > len(everyone)
    node.Free()
    return bool(communicator.allreduce(crowded, MPI.LOR))
