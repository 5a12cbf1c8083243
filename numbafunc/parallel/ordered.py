"""Sums in the order of the ranks: the same bits whatever the MPI library, the number of arrays or their neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

from numbafunc.parallel.axes import Axis

# Elements that a rank sends to another one at a time.
BLOCK = 1 << 16


def ordered_sum(axis: Axis, source: Any, target: Any) -> None:
    """Sum of flat contiguous arrays over the ranks into `target`, which may be `source`.

    Each rank gets a part of the elements from all ranks, adds them up beginning with rank 0, and gives the sum to all.
    """
    size = axis.size
    step = BLOCK * size
    for start in range(0, source.size, step):
        part = source[start : start + step]
        share = -(-part.size // size)
        sent = np.zeros((size, share), source.dtype)
        sent.reshape(-1)[: part.size] = part
        received = np.empty_like(sent)
        axis.blocking(axis.communicator.Alltoall, sent, received)
        total = received[0]
        for other in received[1:]:
            total += other
        axis.blocking(axis.communicator.Allgather, total, sent)
        target[start : start + step] = sent.reshape(-1)[: part.size]
