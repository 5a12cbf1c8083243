"""Runs programs on several ranks: in a process group of their own, with a log for each rank and a limit of time."""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweep import thorough

PROGRAMS = Path(__file__).parent.parent / "parallel" / "rank_programs"
START = Path(__file__).with_name("rank_start.py")
SECONDS = 120
FOREIGN = ("PMI", "PMIX", "OMPI_", "PRTE_", "HYD", "MPI_", "MPIR_", "SLURM_", "FLUX_", "PALS_", "NUMBAFUNC_MPI")
# Open MPI refuses to run as root, and more ranks than cores, unless it is told that this is meant.
PERMISSIONS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
}


def find_launcher():
    beside = Path(sys.executable).parent / "mpiexec"
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def missing():
    """Why no ranks can be started here; empty if they can."""
    if importlib.util.find_spec("mpi4py") is None:
        return "mpi4py is not installed"
    return "" if find_launcher() else "no mpiexec: neither a wheel nor this system brings an MPI"


# Where ranks are what is to be tested, their absence is a failure.
needs_ranks = pytest.mark.skipif(bool(missing()) and "NUMBAFUNC_TEST_RANKS" not in os.environ, reason=missing())


def in_one_job(program, ranks, more):
    """Arguments for a test of what a program wrote on each of some numbers of ranks; ``more`` are for long sweeps.

    The fixture ``logs`` starts a job for each number of ranks, in which all such programs run: a start takes longer
    than most of them.
    """
    cases = [(program, number) for number in ranks] + thorough(*((program, number) for number in more))
    return pytest.mark.parametrize(("program", "ranks"), cases)


class Result:
    def __init__(self, status, logs, launcher):
        self.status = status
        self.logs = logs
        self.launcher = launcher

    def __str__(self):
        parts = [f"exit status {self.status}", f"--- launcher\n{self.launcher}"]
        return "\n".join(parts + [f"--- rank {rank}\n{log}" for rank, log in enumerate(self.logs)])

    @property
    def everything(self):
        return "\n".join([self.launcher, *self.logs])


def wait_for(process, logs, seconds):
    """Exit status of a launcher, or what happened instead.

    That of Open MPI may hang when a rank ends before MPI has started; then it counts as failed once the ranks are gone.
    """
    limit = time.monotonic() + seconds
    alone = time.monotonic()
    while time.monotonic() < limit:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(1)
        started = list(logs.glob("rank-*.log"))
        if not started or not all(map(has_ended, started)):
            alone = time.monotonic()
        elif time.monotonic() > alone + 10:
            process.kill()
            return process.wait()
    return "none: killed after the limit of time"


def has_ended(log):
    """Whether the rank has gone that held a lock on its log."""
    with log.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def run_ranks(folder, ranks, program, *arguments, seconds=SECONDS, fails=False, **environment):
    """Run a program of rank_programs and return what the ranks wrote; fail with it unless they end as they should."""
    import numbafunc

    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    settings = {
        **kept,
        **PERMISSIONS,
        "PYTHONPATH": os.pathsep.join([str(Path(numbafunc.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NUMBAFUNC_MPI_TIMEOUT": str(seconds - 20),
        **environment,
    }
    logs = folder / f"logs-{len(list(folder.iterdir()))}"
    logs.mkdir()
    command = [find_launcher(), "-n", str(ranks), sys.executable, str(START), str(logs), str(seconds)]
    with (logs / "launcher.log").open("w") as log:
        process = subprocess.Popen(
            [*command, str(PROGRAMS / program), *map(str, arguments)],
            env={name: value for name, value in settings.items() if value is not None},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            status = wait_for(process, logs, seconds + 10)
        finally:
            if hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    texts = []
    for rank in range(ranks):
        path = logs / f"rank-{rank}.log"
        texts.append(path.read_text(errors="replace") if path.exists() else "(never started)")
    result = Result(status, texts, (logs / "launcher.log").read_text(errors="replace"))
    assert isinstance(status, int), str(result)
    assert (status != 0) == fails, str(result)
    return result
