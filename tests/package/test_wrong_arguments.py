"""Every parameter of every public function with dozens of things: a result, or an error that names a parameter.

No other error, none of Numba's, and no memory taken for what can't be. Functions are found by their names, so a new one
takes part by itself; one whose arguments `wrong_arguments` can't guess fails here until they stand there.
"""

import contextlib
import inspect
import resource
import warnings

import pytest
import wrong_arguments
from numba.core.dispatcher import Dispatcher
from wrong_arguments import FUNCTIONS, THINGS, UNUSUAL, Accepted, call, cells, fault, named, right_arguments

from numbafunc import limits, parallel

MOST = 2**29


@pytest.fixture(autouse=True)
def little_memory(monkeypatch):
    """A machine with half a gigabyte, and the settings as they were afterwards."""
    monkeypatch.setattr(limits, "_SMALL", 0)
    monkeypatch.setattr(limits, "memory", lambda: MOST)
    yield
    parallel.set_timeout(300)


NAMES = sorted(set(FUNCTIONS) - set(UNUSUAL))


@pytest.fixture
def no_compiler(monkeypatch):
    """Compilation takes longest, and whoever comes to it has passed all checks; what is compiled already runs."""

    def stop(dispatcher, signature):
        raise Accepted

    monkeypatch.setattr(Dispatcher, "compile", stop)


def test_right_arguments_are_right(no_compiler):
    for name in NAMES:
        with contextlib.suppress(Accepted):
            call(name, right_arguments(name))


def faults(chosen):
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for cell in chosen:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            wrong = fault(*cell)
            taken = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
            if taken > 2 * MOST:
                wrong = f"{taken:,} bytes of memory"
            if wrong:
                found.append(f"{cell}: {wrong}"[:300])
    return found


def test_all_cells_as_far_as_the_compiler(no_compiler):
    assert faults(cells()) == []


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_all_cells(name):
    call(name, right_arguments(name))
    assert faults(cell for cell in cells() if cell[0] == name) == []


def test_there_are_enough_cells():
    assert len(THINGS) >= 40
    parameters = sum(len(inspect.signature(FUNCTIONS[name]).parameters) for name in NAMES)
    assert len(list(cells())) == (parameters - 1) * len(THINGS)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_faults_are_found(monkeypatch):
    def broken(x, n=1):
        if isinstance(n, int) and n == -1:
            raise IndexError("out of range")
        if isinstance(n, str):
            raise TypeError("something is wrong")
        if n is None:
            raise TypeError(f"n is {n!r}; wanted: an int")

    monkeypatch.setitem(FUNCTIONS, "broken", broken)
    wrong = {thing for thing in THINGS if fault("broken", "n", thing)}
    assert wrong == {"-1", "str", "empty str"}
    assert named("axis_name is 'a'", ["axis_name"])
    assert not named("axis_name is 'a'", ["axis"])
    assert not named("a wrong thing", ["a"])
    assert named("a is wrong", ["a"])
    assert set(wrong_arguments.DOCUMENTED) == {"max_steps", "labels", "axis_name", "axes"}
