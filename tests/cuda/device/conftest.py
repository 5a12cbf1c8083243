"""Tests that handle arrays of a CUDA device themselves.

They run in the process that collects them if it has a device, or Numba's simulator of one. Otherwise each is run by a
second process, which has the simulator: Numba decides between both when it is imported.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import chosen_backend
import pytest

import numbafunc

HERE = os.environ.get("NUMBA_ENABLE_CUDASIM") == "1" or os.environ.get("NUMBAFUNC_TEST_BACKEND") == "cuda"


class Simulator:
    """A process that runs the tests of this folder, one at a time, when told their names."""

    def __init__(self, config, log):
        tests = Path(__file__).parent
        root = Path(numbafunc.__file__).parent.parent
        support = Path(__file__).parents[2] / "support"
        path = [*map(str, (root, root / "cuda", support)), os.environ.get("PYTHONPATH", "")]
        settings = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": os.pathsep.join(path)}
        for name in ("NUMBAFUNC_TEST_BACKEND", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
            settings.pop(name, None)
        command = [sys.executable, "-m", "pytest", "-p", "simulator_process", "-p", "no:cacheprovider"]
        self.log = log
        with log.open("w") as errors:
            self.process = subprocess.Popen(
                [*command, "-m", "", "--rootdir", str(config.rootpath), str(tests)],
                cwd=config.rootpath,
                env=settings,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )

    def run(self, name):
        """What became of a test: "passed", "failed" or "skipped", and why."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(name + "\n")
            self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            pytest.fail(f"the simulator's process has ended\n{self.log.read_text()}", pytrace=False)
        return json.loads(answer)

    def close(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="session", autouse=True)
def simulator(request, tmp_path_factory):
    """The simulator's process, or None where it isn't needed."""
    if HERE:
        yield None
        return
    process = Simulator(request.config, tmp_path_factory.mktemp("simulator") / "log")
    yield process
    process.close()


@pytest.fixture(autouse=True)
def nothing_is_moved(monkeypatch):
    """These tests say themselves what is on the device."""
    monkeypatch.setattr(chosen_backend, "moving", False)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Run a test of this folder, in the other process if need be."""
    if HERE:
        return None
    outcome, reason = pyfuncitem.funcargs["simulator"].run(pyfuncitem.nodeid)
    if outcome == "skipped":
        pytest.skip(reason)
    if outcome != "passed":
        pytest.fail(reason, pytrace=False)
    return True
