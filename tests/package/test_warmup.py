"""Kernels of chosen ops that are compiled ahead: a later program compiles nothing and does not import Numba."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from numbafunc.cpu import threads
from numbafunc.cpu.kernel import Kernel
from numbafunc.kinds.registry import CALLS
from numbafunc.warmup import calls, choice

ALL = choice.ops("all")
WITHOUT_KERNELS = {"odeint", "scan", "stop_gradient", "while_loop"}


@pytest.fixture
def nothing_is_compiled(monkeypatch):
    monkeypatch.setattr(Kernel, "compiled_when_missing", False)
    yield
    threads.choose_for(numba.config.NUMBA_NUM_THREADS)


def test_each_op_can_be_chosen():
    assert {op.name for op in ALL} == choice.public().keys() - WITHOUT_KERNELS
    assert CALLS.keys() <= {name.rpartition(".")[2] for name in choice.public()}


@pytest.mark.usefixtures("nothing_is_compiled")
@pytest.mark.parametrize("op", ALL, ids=str)
def test_ops_take_what_they_are_called_with(op):
    outcome = calls.work(calls.Unit(op, "float32", (0, 1, 2), choice.MODES))
    assert outcome.errors == []
    assert outcome.compiled == []


def test_settings_and_derivatives_of_a_unit():
    (op,) = choice.ops("elu(alpha=2.0)")
    f, x = calls._function(calls.Unit(op, "float64", (), ()), (3,))
    np.testing.assert_array_equal(f(-x), 2 * np.expm1(-x))
    f = lambda x: np.exp(3 * x)  # noqa: E731
    np.testing.assert_allclose(calls._pulled(f, x), 3 * f(x))
    np.testing.assert_allclose(calls._pushed(lambda x: calls._pulled(f, x), x), 9 * f(x))


WRONG = [
    ("--ops relx", "'relx' is no op. Did you mean 'relu'?"),
    ("--ops l2", "'l2' is no op. Did you mean 'loss.l2'?"),
    ("--ops frobnicate", "'frobnicate' is no op; wanted: average_pool_2d, "),
    ("--ops relu+tanh", "'relu+tanh' is no list of ops; wanted: such as relu,softmax(axis=0), or all"),
    ("--ops relu)", "'relu)' is no list of ops"),
    ("--ops softmax(0)", "'softmax(0)' has a setting without its name"),
    ("--ops softmax(axs=0)", "softmax(axs=0): got an unexpected keyword argument 'axs'"),
    ("--ops scan", "scan has no kernels without functions of yours; warm up a program that calls it"),
    ("--ops relu --dtypes float34", "'float34' is none of float16, float32, float64. Did you mean 'float64'?"),
    ("--ops relu --orders 9", "'9' is none of 0, 1, 2, 3"),
    ("--ops relu --modes revers", "Did you mean 'reverse'?"),
    ("--ops relu --jobs 0", "must be at least 1, not 0"),
    ("--ops relu program.py", "wanted: either --ops with the names of ops, or a program"),
    ("--list", "wanted: either --ops with the names of ops, or a program"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG)
def test_wrong_choices_are_explained(arguments, message, capsys):
    from numbafunc.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main(["warmup", *arguments.split()])
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert message in output.err
    assert output.out == ""


def start(folder, *arguments, **environment):
    command = [sys.executable, "-m", "numbafunc", "warmup", *arguments, "--folder", str(folder)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env={**os.environ, **environment}, **streams)


def finish(process):
    output, errors = process.communicate(timeout=300)
    assert errors == ""
    return process.returncode, output.splitlines()


CHOSEN = "--ops", "relu,leaky_relu(negative_slope=0.5),flatten", "--dtypes", "float32", "--jobs", "1"
# Small arrays, then large ones, which threads share.
USE = """
    import logging, sys
    import numpy as np
    import numbafunc as nf

    class Listener(logging.Handler):
        hits = []
        def emit(self, record):
            self.hits.append(record.cache_hit)

    logging.getLogger("numbafunc").setLevel(logging.INFO)
    logging.getLogger("numbafunc").addHandler(Listener())

    def use(x):
        for f in (nf.relu, lambda x: nf.leaky_relu(x, 0.5), nf.flatten):
            nf.jvp(f, (x,), (x,))
            nf.vjp(f, x)[1](f(x))

    use(np.ones((2, 3, 4, 5), np.float32))
    small = len(Listener.hits), "numba" in sys.modules
    use(np.ones((8, 16, 64, 64), np.float32))
    from numbafunc.cpu.threads import parallel_allowed
    print(*small, (len(Listener.hits) > small[0]) == parallel_allowed(), set(Listener.hits))
"""


def test_a_program_finds_what_two_ranks_have_compiled(programs, tmp_path):
    folder = tmp_path / "made" / "cache"
    ranks = [start(folder, *CHOSEN, PMI_RANK=str(rank), PMI_SIZE="2") for rank in range(2)]
    (first, printed), (second, nothing) = map(finish, ranks)
    assert (first, second, nothing) == (0, 0, [])
    assert printed[-2].startswith("op    3 of 3 ")
    assert printed[-1].endswith(f"from the cache, {folder}")
    assert not list(folder.rglob("*.part"))
    kernels = list(folder.rglob("*.kernel"))
    others = CHOSEN[1].replace("flatten", "flatten,tanh"), *CHOSEN[2:]
    status, lines = finish(start(folder, "--check", "--list", "--ops", *others))
    assert status == 1
    missing = [line for line in lines if line.startswith("missing ")]
    assert "missing   tanh, float32, reverse order 1: elementwise tanh with tangents" in missing
    assert all(line.startswith("missing   tanh, float32") for line in missing)
    assert lines[-1] == f"compiled 0 kernels in 0.0 s, read {len(kernels)} from the cache, {folder}"
    assert sum(line.startswith("read ") for line in lines) == len(kernels)
    number, *others = programs.run(USE, NUMBAFUNC_CACHE_DIR=folder).split()
    assert int(number) >= 5
    assert others == ["False", "True", "{True}"]
    assert set(folder.rglob("*.kernel")) == set(kernels)


def test_a_folder_that_can_not_be_used_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    process = start(tmp_path / "file", *CHOSEN)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 1
    assert errors == f"Kernels can't be kept in {tmp_path / 'file'}.\n"
