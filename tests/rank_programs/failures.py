"""One rank does not come to a call: how, says the first argument."""

import faulthandler
import os
import sys
import time

import numpy as np


def main(how):
    if how == "raises before the start" and int(os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK"))):
        raise ValueError("broken")
    from numbafunc import parallel

    rank = parallel.axis_index()
    parallel.psum(np.ones(3))
    if len(sys.argv) > 2:
        parallel.set_timeout(float(sys.argv[2]))
    if how == "is late":
        time.sleep(2 * rank)
        assert parallel.psum(1) == parallel.axis_size()
        print("done")
        return
    if how == "switches the limit off":
        parallel.set_timeout(0)
        sys.argv = sys.argv[:2]
        return main("is late")
    if how == "ends later":
        # Nobody waits for anyone here, so nothing is wrong.
        time.sleep(2 * (1 - rank))
        print("done")
        return
    if how == "forks":
        if rank == 1:
            faulthandler.cancel_dump_traceback_later()  # the child would wait for its thread
            child = os.fork()
            if child == 0:
                try:
                    parallel.psum(np.ones(3))
                except RuntimeError as error:
                    sys.exit(0 if "forked child" in str(error) else 1)
                sys.exit(2)
            assert os.waitpid(child, 0)[1] == 0
        assert parallel.psum(1) == parallel.axis_size()
        print("done")
        return
    if rank == 1:
        if how == "raises":
            raise ValueError("broken")
        if how == "exits":
            sys.exit(3)
        if how == "ends":
            return
        if how in ("never comes", "never comes to a compiled call"):
            time.sleep(60)
        if how == "waits elsewhere":
            parallel.register_axis("other", parallel.axes._mpi().COMM_WORLD)
    if how == "never comes to a compiled call":
        import numba

        numba.njit(lambda x: parallel.pmax(x))(np.ones(5))
    else:
        parallel.pmax(np.ones(5000))


if __name__ == "__main__":
    main(sys.argv[1])
