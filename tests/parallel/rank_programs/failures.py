"""One rank does not come to a call: how, says the first argument."""

import faulthandler
import importlib
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import numpy as np


def main(how):
    if how == "raises before the start" and int(os.environ.get("PMI_RANK", os.environ.get("OMPI_COMM_WORLD_RANK"))):
        raise ValueError("broken")
    if how == "calls from a thread that MPI does not allow":
        import mpi4py

        mpi4py.rc.thread_level = "funneled"
        importlib.import_module("mpi4py.MPI")
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
    if how == "finalizes":
        parallel.grid(a=-1)
        parallel.psum_start(np.ones(30_000)).wait()
        parallel.axes._mpi().Finalize()
        groups = [list(range(parallel.axis_size()))]
        for call in (
            lambda: parallel.psum(np.ones(3)),
            lambda: parallel.psum(np.ones(3000)),
            lambda: parallel.pmax({"a": np.ones(3)}, "a"),
            lambda: parallel.psum(1, axis_index_groups=groups),
            lambda: parallel.broadcast(1),
            lambda: parallel.psum_start(np.ones(30_000)),
            lambda: parallel.grid(b=-1),
        ):
            try:
                call()
            except RuntimeError as error:
                assert "after MPI.Finalize()" in str(error)
            else:
                raise AssertionError("no error")
        print("done")
        return
    if how == "calls from a thread that MPI does not allow":
        return in_another_thread(parallel)
    if how in ("leaves a grid", "leaves a registered axis", "leaves a group"):
        parallel.set_timeout(0)
        return leaves(parallel, rank, how)
    if how == "calls in a parallel loop":
        return in_parallel_loop(parallel)
    if how == "starts children":
        return children(parallel)
    if how == "calls from two threads":
        return two_threads(parallel, rank)
    if how == "never comes, with closed streams":
        sys.stdout.close()
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
        if how == "never comes, with closed streams":
            time.sleep(60)
        if how in ("never comes", "never comes to a compiled call", "never comes to a start"):
            time.sleep(60)
        if how == "waits elsewhere":
            parallel.register_axis("other", parallel.axes._mpi().COMM_WORLD)
    if how == "never comes to a compiled call":
        import numba

        numba.njit(lambda x: parallel.pmax(x))(np.ones(5))
    elif how == "never comes to a start":
        parallel.pmean_start(np.ones(50_000))
    else:
        parallel.pmax(np.ones(5000))


def leaves(parallel, rank, how):
    """The other ranks wait on an axis that is not the one of all ranks, without a limit."""
    ranks = parallel.axis_size()
    groups = [list(range(ranks))]
    parallel.grid(row=ranks, column=1)
    parallel.register_axis("own", parallel.axes._mpi().COMM_WORLD)
    parallel.psum(1, axis_index_groups=groups)
    if rank == 0:
        axis = {"leaves a grid": "row", "leaves a registered axis": "own", "leaves a group": "device"}[how]
        parallel.pmax(np.ones(5000), axis, axis_index_groups=groups if axis == "device" else None)


def in_parallel_loop(parallel):
    """Numba does not show that a function calls another one that makes collective calls."""
    import numba

    @numba.njit
    def total(x):
        return parallel.psum(x)

    @numba.njit(parallel=True)
    def totals(x):
        for i in numba.prange(x.size):
            x[i] = total(x[i])
        return x

    print(totals(np.ones(1000)))


def in_another_thread(parallel):
    parallel.axes._mpi()
    caught = []

    def call():
        try:
            parallel.psum(np.ones(3))
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert "MPI_THREAD_MULTIPLE" in caught[0], caught
    handle = parallel.psum_start(np.ones(30_000))
    assert repr(handle).endswith("over>")  # MPI allows no thread that would take part in it
    assert handle.wait()[0] == parallel.axis_size()
    assert parallel.psum(1) == parallel.axis_size()
    print("done")


def of_child(out):
    from numbafunc import parallel

    try:
        out.put(int(parallel.psum(1)))
    except RuntimeError as error:
        out.put(str(error))


def children(parallel):
    """Processes that a rank starts are told that they are no ranks, or are alone if that is what is asked for."""
    code = "from numbafunc import parallel; print(parallel.psum(1), parallel.axis_size())"
    command = [sys.executable, "-c", code]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert child.returncode == 1
    assert f"started by rank process {os.getpid()}" in child.stderr, child.stderr
    assert "NUMBAFUNC_MPI=off" in child.stderr
    environment = {**os.environ, "NUMBAFUNC_MPI": "off"}
    child = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert child.stdout == "1 1\n", child.stderr
    context = multiprocessing.get_context("spawn")
    for setting in (None, "off"):
        if setting:
            os.environ["NUMBAFUNC_MPI"] = setting
        out = context.Queue()
        worker = context.Process(target=of_child, args=(out,))
        worker.start()
        result = out.get(timeout=60)
        worker.join()
        assert result == 1 if setting else "started by rank process" in result, result
    assert parallel.psum(1) == parallel.axis_size()  # in the rank itself nothing has changed
    print("done")


def two_threads(parallel, rank):
    """While one thread is in a call, in whichever part of it, another one is refused and does no harm."""
    tree = [np.full(8_000_000, rank + 1.0), np.full(8_000_001, rank + 1.0)]
    results = []
    thread = threading.Thread(target=lambda: results.append(parallel.psum(tree)))
    time.sleep(0.5 * rank)
    thread.start()
    if rank == 1:
        thread.join()
    axis = parallel.axes._axes["device"]
    while rank == 0 and axis.entered() % 2 == 0:
        time.sleep(0.001)  # until the thread waits for rank 1
    refused = 0
    while True:
        try:
            assert parallel.broadcast(np.full(5, 7.0 + rank)).tolist() == [7.0] * 5
            break
        except RuntimeError as error:
            assert "two threads" in str(error), error
            refused += 1
    assert refused or rank == 1
    thread.join()
    for one in results[0]:
        assert np.all(one == 3)
    print("done")


if __name__ == "__main__":
    main(sys.argv[1])
