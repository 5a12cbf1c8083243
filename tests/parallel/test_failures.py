"""Ranks that disagree or do not come: an error on all, or the end of the job with a message; never a hang."""

import os
import time

import pytest
from rank_launcher import in_one_job, needs_ranks, run_ranks

LIMIT = 2


@needs_ranks
@in_one_job("mismatches.py", ranks=[2], more=[3])
def test_mismatches_raise_on_every_rank(logs):
    assert all("done" in log for log in logs)


@needs_ranks
@pytest.mark.parametrize(
    ("how", "messages"),
    [
        ("raises", ["rank 1 raised ValueError: broken", "its last collective call: psum of float64 (3,)"]),
        ("exits", ["rank 1 has left the program", "rank 0: pmax of float64 (5000,) over 'device'"]),
        ("ends", ["rank 1 has left the program", "rank 0: pmax of float64 (5000,) over 'device'"]),
        ("leaves a grid", ["rank 1: the end of the program", "rank 0: pmax of float64 (5000,) over 'row'"]),
        ("leaves a registered axis", ["rank 1: the end of the program", "rank 0: pmax of float64 (5000,) over 'own'"]),
        ("leaves a group", ["rank 1: the end of the program", "over 'device in groups [[0, 1]]'"]),
    ],
)
def test_a_rank_that_leaves_ends_the_job_at_once(tmp_path, how, messages):
    result = run_ranks(tmp_path, 2, "failures.py", how, fails=True)
    for message in messages:
        assert message in result.everything, str(result)
    assert "failures.py:" in result.everything


@needs_ranks
@pytest.mark.parametrize(
    ("how", "messages"),
    [
        ("never comes", ["in pmax of float64 (5000,) over 'device'", "rank 1: in no collective call, now at "]),
        (
            "never comes, with closed streams",
            ["in pmax of float64 (5000,) over 'device'", "rank 1: in no collective call"],
        ),
        ("never comes to a compiled call", ["in pmax of float64 (5,) over 'device'", "rank 1: in no collective call"]),
        ("never comes to a start", ["rank 1: in no collective call", "for data in flight at "]),
        ("waits elsewhere", ["in pmax of float64 (5000,) over 'device'", "in the start of axis 'other'"]),
        ("raises before the start", ["ValueError: broken"]),
    ],
)
def test_a_rank_that_does_not_come_ends_the_job_in_time(tmp_path, how, messages):
    start = time.monotonic()
    # The start of MPI on a busy machine may itself take seconds, so most programs set the limit when it is over.
    setting = {"NUMBAFUNC_MPI_TIMEOUT": "4"} if how == "raises before the start" else {}
    result = run_ranks(tmp_path, 2, "failures.py", how, *(() if setting else (LIMIT,)), fails=True, **setting)
    assert time.monotonic() - start < 60
    for message in messages:
        assert message in result.everything, str(result)
    if how.startswith("never"):
        assert f"rank 0 has waited {LIMIT}." in result.logs[0], str(result)
        assert "NUMBAFUNC_MPI_TIMEOUT" in result.logs[0]
        assert "failures.py:" in result.logs[0]


@needs_ranks
@pytest.mark.parametrize(
    ("how", "limit"),
    [("is late", 60), ("is late", 0), ("switches the limit off", 1), ("ends later", 1)],
)
def test_a_rank_may_be_late_within_the_limit(tmp_path, how, limit):
    result = run_ranks(tmp_path, 2, "failures.py", how, limit)
    assert all("done" in log for log in result.logs), str(result)


@needs_ranks
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_leaves_without_touching_mpi(tmp_path):
    result = run_ranks(tmp_path, 2, "failures.py", "forks")
    assert all("done" in log for log in result.logs), str(result)


@needs_ranks
@pytest.mark.parametrize("how", ["finalizes", "calls from two threads", "calls from a thread that MPI does not allow"])
def test_calls_that_mpi_does_not_allow_are_refused(tmp_path, how):
    result = run_ranks(tmp_path, 2, "failures.py", how)
    assert all("done" in log for log in result.logs), str(result)


@needs_ranks
def test_a_call_of_another_function_in_a_parallel_loop_ends_the_job(tmp_path):
    result = run_ranks(tmp_path, 2, "failures.py", "calls in a parallel loop", fails=True, NUMBA_NUM_THREADS="2")
    assert "called in a parallel loop (numba.prange)" in result.everything, str(result)


@needs_ranks
def test_children_of_a_rank_are_no_ranks(tmp_path):
    result = run_ranks(tmp_path, 2, "failures.py", "starts children")
    assert all("done" in log for log in result.logs), str(result)


@needs_ranks
@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        ((), {}),
        (("device",), {"NUMBA_ENABLE_CUDASIM": "1"}),
        (("device",), {"NUMBA_ENABLE_CUDASIM": "1", "NUMBAFUNC_MPI_CUDA_AWARE": "1"}),
    ],
)
def test_an_exception_of_a_signal_handler_leaves_the_ranks_in_step(tmp_path, arguments, environment):
    result = run_ranks(tmp_path, 2, "interrupts.py", *arguments, **environment)
    assert all("done" in log for log in result.logs), str(result)


@needs_ranks
def test_a_launcher_of_another_mpi_is_noticed(programs):
    output = programs.run(
        """
        from numbafunc import parallel
        try:
            parallel.psum(1)
        except RuntimeError as error:
            print(error)
        """,
        SLURM_STEP_NUM_TASKS="2",
    )
    assert "started 2 ranks" in output
    assert "sees a single one" in output


def test_mpi4py_is_asked_for_only_where_ranks_were_promised(programs):
    program = """
        import sys
        sys.modules["mpi4py"] = None
        from numbafunc import parallel
        try:
            print(parallel.psum(1))
        except ModuleNotFoundError as error:
            print(error)
        """
    assert programs.run(program) == "1"
    assert programs.run(program, PMI_SIZE="1") == "1"
    output = programs.run(program, PMI_SIZE="3")
    assert "one of 3 ranks" in output
    assert "numbafunc[mpi]" in output


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_a_limit_that_is_no_number_of_seconds(programs, text):
    output = programs.run(
        """
        from numbafunc import parallel
        try:
            parallel.set_timeout(5)
        except ValueError as error:
            print(error)
        """,
        NUMBAFUNC_MPI_TIMEOUT=text,
    )
    assert output.startswith(f"NUMBAFUNC_MPI_TIMEOUT is {text!r}")
