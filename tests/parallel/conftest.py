"""One job of ranks for many programs."""

import re

import pytest
from rank_launcher import run_ranks

# In this order: the first two count on what no other program has done before them.
PROGRAMS = (
    "mismatches.py", "axes.py", "values.py", "derivatives.py", "moving.py", "halos.py", "reverse.py", "inside_all.py",
    "check.py",
)  # fmt: skip


@pytest.fixture(scope="session")
def jobs():
    """The results of jobs, or their failures, by numbers of ranks."""
    return {}


@pytest.fixture
def logs(jobs, request, program, ranks, tmp_path_factory):
    """What each rank wrote in a program, which runs in one job with all others that tests want on as many ranks."""
    if ranks not in jobs:
        calls = [item.callspec.params for item in request.session.items if "logs" in getattr(item, "fixturenames", ())]
        wanted = {call["program"] for call in calls if call["ranks"] == ranks}
        try:
            jobs[ranks] = run(tmp_path_factory.mktemp("ranks"), ranks, [name for name in PROGRAMS if name in wanted])
        except AssertionError as error:
            jobs[ranks] = error
    if isinstance(jobs[ranks], AssertionError):
        raise jobs[ranks]
    return jobs[ranks][program]


def run(folder, ranks, programs):
    # A rank waits for others no longer than in a job of its own.
    limits = {"seconds": 480, "NUMBAFUNC_MPI_TIMEOUT": "100"}
    result = run_ranks(folder, ranks, "together.py", *programs, COLUMNS="120", **limits)
    parts = [re.split(r"^=== (\S+)\n", log, flags=re.M) for log in result.logs]
    assert all(part[1::2] == programs for part in parts), str(result)
    return {program: [part[2 * i + 2] for part in parts] for i, program in enumerate(programs)}
