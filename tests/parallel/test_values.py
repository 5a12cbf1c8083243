"""Reductions over real ranks: values, derivatives, axes, and calls from compiled functions."""

import numpy as np
import pytest
from rank_launcher import in_one_job, needs_ranks, run_ranks
from sweep import thorough

pytestmark = needs_ranks


@in_one_job("values.py", ranks=[2, 3], more=[1, 4])
def test_values(logs):
    assert all("test_broadcast" in log for log in logs)


@in_one_job("derivatives.py", ranks=[2], more=[1, 3])
def test_derivatives(logs):
    assert all("test_derivatives_on_some_ranks_only_are_refused" in log for log in logs)


@in_one_job("moving.py", ranks=[2], more=[1, 3, 4])
def test_functions_that_move_data(logs):
    assert all("test_bad_arguments" in log for log in logs)


@in_one_job("halos.py", ranks=[2], more=[1, 3, 4, 6])
def test_ghost_layers(logs):
    assert all("done" in log for log in logs)


@in_one_job("axes.py", ranks=[2], more=[1, 4])
def test_axes(logs):
    assert all("test_messages_of_the_program_do_not_meet_ours" in log for log in logs)


@pytest.mark.parametrize("ranks", [2, *thorough(1, 3, 4)])
def test_what_is_started_and_waited_for_later(tmp_path, ranks):
    result = run_ranks(tmp_path, ranks, "starting.py")
    assert all("done" in log for log in result.logs), str(result)
    for rank, log in enumerate(result.logs):
        assert ("nobody waited for psum_start of float64 (500000,)" in log) == (rank > 0), str(result)


def test_inside_compiled_functions_that_are_cached(tmp_path):
    # Compiled by one rank, loaded by two.
    for ranks in (1, 2):
        result = run_ranks(tmp_path, ranks, "inside_numba.py", ranks - 1, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        assert all("done" in log for log in result.logs), str(result)


@pytest.mark.parametrize("ranks", [2, *thorough(1, 3, 8)])
def test_more_ranks_than_cores(tmp_path, ranks):
    result = run_ranks(tmp_path, ranks, "crowded.py")
    assert all("done" in log for log in result.logs), str(result)


@in_one_job("inside_all.py", ranks=[2], more=[1, 3])
def test_all_functions_inside_compiled_functions(logs):
    assert all("test_derivatives" in log for log in logs)


@pytest.mark.parametrize("hidden", [0, 128])
def test_the_demo_finds_the_weights_of_a_single_process_and_rank_0_alone_reports(tmp_path, hidden):
    from numbafunc.demo.data import load, split
    from numbafunc.demo.train import Processes, Settings, fit

    training, _ = split(load(), 0)
    weights, history = fit(training, Settings.of(hidden, steps=4), Processes(), lambda step, loss: None)
    for ranks in (2,) if hidden else (2, 4):
        path = tmp_path / f"weights-{ranks}.npz"
        result = run_ranks(tmp_path, ranks, "demo.py", path, hidden)
        stored = np.load(path)
        for name in weights:
            np.testing.assert_allclose(stored[name], weights[name], rtol=0, atol=1e-5)
        np.testing.assert_allclose(stored["history"], history, rtol=1e-5)
        assert "step    4 of 4" in result.logs[0]
        assert result.logs[1:] == [""] * (ranks - 1)
        assert (tmp_path / "figure.png").exists()
        (tmp_path / "figure.png").unlink()


@in_one_job("check.py", ranks=[2], more=[1, 4])
def test_the_check_of_a_job(logs, ranks):
    first, *others = logs
    assert [log.strip() for log in others] == ["done"] * (ranks - 1)
    for text in (f"numbafunc.parallel on {ranks} rank", f"{ranks} rank", "MPI_THREAD_MULTIPLE", "sum of 78.12 KB"):
        assert text in first
    assert first.count("FAILED") == (2 if ranks > 1 else 1), first
    if ranks > 1:
        for text in ("an error on all ranks", "psum_start of 78.12 KB", "not seen on rank 0, 1"):
            assert text in first


def test_ranks_share_the_cores(tmp_path):
    result = run_ranks(tmp_path, 2, "threads.py", NUMBA_NUM_THREADS=None)
    cores, threads = map(int, result.logs[0].splitlines()[0].split())
    assert threads == max(1, cores // 2)
    assert "rank 0 of 2" in result.logs[0]
    assert "2 ranks on this node" in result.logs[0]
    result = run_ranks(tmp_path, 2, "threads.py", NUMBA_NUM_THREADS="2")
    assert result.logs[1].splitlines()[0].split()[1] == "2"


@pytest.mark.parametrize(("ranks", "directly"), [(2, 0), *thorough((1, 0), (2, 1))])
def test_device_arrays(tmp_path, ranks, directly):
    # In the simulator a device's memory is that of the host, so every MPI can read it.
    environment = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBAFUNC_MPI_CUDA_AWARE": str(directly)}
    result = run_ranks(tmp_path, ranks, "device.py", directly, **environment)
    assert all("done" in log for log in result.logs), str(result)
