"""The heap of the C library, from which NumPy takes the memory of its arrays."""

from __future__ import annotations

import numpy as np

# Just below the largest block that raises glibc's limits when it is freed; others don't.
_BLOCK = 2**25 - 2**15


def keep_freed_memory() -> None:
    """Let freed memory stay with the process, up to 64 MiB at the end of the heap, for the arrays to come.

    By default glibc gives the end of its heap back to the system when more than 256 KiB of it are free, or more than
    twice the largest block that was mapped on its own and then freed. A tape is freed as a whole, so each gradient
    would get its memory from the system anew, page by page, which takes longer than what is computed with it. Freeing
    one large block raises the limit, unless the user has set it (``MALLOC_TRIM_THRESHOLD_``), as a large array in the
    user's program does; nothing is written to this block, so it takes no memory. Other C libraries take no notice.
    """
    np.empty(_BLOCK, np.uint8)


__all__ = ["keep_freed_memory"]
