"""More ranks than cores: each kind of exchange, whose forms that return at once are taken."""

import os

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(os.getppid()))})  # some launchers give each rank a core

import numpy as np
from common import data, same_bits_everywhere

from numbafunc import parallel

rank, ranks = parallel.axis_index(), parallel.axis_size()


def main():
    if hasattr(os, "sched_setaffinity"):
        assert parallel.axes.find("device", None, None).crowded == (ranks > 1)
    for size in (3, 1000, 100_003):
        everyone = data(size, "f8", ranks, seed=1)
        x = everyone[rank]
        for function, reference in ((parallel.psum, np.sum), (parallel.pmax, np.max)):
            found = function(x)
            assert same_bits_everywhere(found)
            np.testing.assert_allclose(found, reference(everyone, 0), rtol=1e-12, atol=1e-12)
        total = everyone[0].copy()
        for other in everyone[1:]:
            total += other
        assert parallel.psum(x, reproducible=True).tobytes() == total.tobytes()
        assert parallel.broadcast(x, root=ranks - 1).tobytes() == everyone[-1].tobytes()
        assert parallel.all_gather(x).tobytes() == np.stack(everyone).tobytes()
    parallel.grid(row=ranks, column=1)
    assert parallel.psum(1, "row") == ranks
    try:
        parallel.psum(np.ones(3 + rank))
    except parallel.CollectiveMismatchError as error:
        assert "rank 0: psum of float64 (3,)" in str(error)
    assert parallel.psum(1) == ranks
    print("done")


if __name__ == "__main__":
    main()
