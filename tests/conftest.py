"""What all test modules share: one cache of kernels for a session, and programs run in processes of their own."""

import atexit
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zlib
from pathlib import Path

import pytest

import numbafunc

# Imported by the tests, or started by them in other processes.
collect_ignore = ["support", "parallel/rank_programs"]

# The first process that comes here makes the folder; workers of pytest-xdist inherit it and share the kernels.
if not os.environ.get("NUMBAFUNC_CACHE_DIR"):
    _folder = tempfile.mkdtemp(prefix="numbafunc-tests-")
    os.environ["NUMBAFUNC_CACHE_DIR"] = _folder
    atexit.register(shutil.rmtree, _folder, ignore_errors=True)


def pytest_configure(config):
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        # Kernels have no flags of NumPy's to raise; in the simulator its scalars do.
        config.addinivalue_line("filterwarnings", "ignore:.*encountered in scalar:RuntimeWarning")


def pytest_addoption(parser):
    parser.addoption(
        "--sweeps",
        metavar="K/N",
        help="also the K-th of N parts of the thorough tests, of which each is in one part; to be given with -m ''",
    )


def pytest_collection_modifyitems(config, items):
    if not (part := config.getoption("--sweeps")):
        return
    number, count = map(int, part.split("/"))
    left_out = {
        item
        for item in items
        if item.get_closest_marker("thorough") and zlib.crc32(item.nodeid.encode()) % count != number % count
    }
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish(session):
    # Thousands of tests live as long as the session. The garbage collector need not look through them again and again,
    # which took a tenth of the time.
    gc.collect()
    gc.freeze()


# The benchmarks and what is made of their results; at the end, so that an installed package is found first.
sys.path.append(str(Path(__file__).parent.parent))

# Registries of ops hold those whose modules have been loaded.
for _name in numbafunc.__all__:
    getattr(numbafunc, _name)


class Programs:
    """Runs Python programs with this package importable, whichever way it was installed here."""

    def __init__(self, folder):
        self.folder = folder
        self.package = Path(numbafunc.__file__).parent
        self.started = []

    def start(self, source, *arguments, package=None, **environment):
        """Start a program; variables of the environment that are None are taken away."""
        root = (package or self.package).parent
        settings = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        program = Path(tempfile.mkdtemp(dir=self.folder), "program.py")
        program.write_text(textwrap.dedent(source))
        process = subprocess.Popen(
            [sys.executable, str(program), *map(str, arguments)],
            env={name: str(value) for name, value in settings.items() if value is not None},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def finish(self, process, timeout=300):
        """Wait for a program and return what it printed; fail with its messages unless it ended well."""
        output, errors = process.communicate(timeout=timeout)
        assert process.returncode == 0, f"exit status {process.returncode}\n{output}\n{errors}"
        return output.strip()

    def run(self, source, *arguments, package=None, **environment):
        """Run a program and return what it printed."""
        return self.finish(self.start(source, *arguments, package=package, **environment))


@pytest.fixture
def programs(tmp_path):
    found = Programs(tmp_path)
    yield found
    for process in found.started:  # what a test that failed has left
        process.kill()
        with process:  # which closes its pipes
            pass
