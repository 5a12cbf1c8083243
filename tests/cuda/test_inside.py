"""Ops called in the user's own kernels compile for devices, in the precision of what they are given."""

import math
import os
from pathlib import Path

import numba
import numbafunc_cuda
import numpy as np
import ptx
import pytest
from elementwise_table import NAMES, TABLE
from numba import cuda, types
from numbafunc_cuda import loop

import numbafunc
from numbafunc.numbers.numba_type import NumberType

assert numbafunc_cuda

# These are no public functions of scalars; two are public ones with another argument.
PUBLIC = [name for name in NAMES if name not in ("log_ratio", "gelu_tanh", "softplus_scaled", "one_hot")]


def compiled(kernel, *arguments):
    with ptx.no_device((7, 5)):
        return cuda.compile_ptx(kernel, arguments, cc=(7, 5))[0]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_op(name):
    function = TABLE[name].function
    if len(TABLE[name].domains) == 1:

        def kernel(x, y, out):
            out[0] = function(x[0])
    else:

        def kernel(x, y, out):
            out[0] = function(x[0], y[0])

    check(kernel)


def test_flags():
    def kernel(x, y, out):
        out[0] = numbafunc.gelu(x[0], True) - numbafunc.gelu(y[0], approximate=False)

    check(kernel)


def check(kernel):
    single, double = types.float32[::1], types.float64[::1]
    code = compiled(kernel, single, single, single)
    assert ".f64" not in code
    ptx.assembled(code, (7, 5))
    assert ".f64" in compiled(kernel, double, double, double)


def test_defaults_do_not_widen_and_integers_stay():
    def kernel(x, n, out, count):
        out[0] = numbafunc.elu(x[0]) + numbafunc.leaky_relu(x[0])
        count[0] = numbafunc.relu(n[0])

    code = compiled(kernel, types.float32[::1], types.int32[::1], types.float32[::1], types.int32[::1])
    assert ".f64" not in code


def test_arrays_are_refused_by_name():
    def kernel(x, out):
        out[0] = numbafunc.elu(x)

    with pytest.raises(Exception, match=r"x of numbafunc\.elu is an array"):
        compiled(kernel, types.float32[::1], types.float32[::1])


def test_arrays_of_a_thread_stay_in_registers():
    def kernel(x, out):
        row = cuda.local.array(4, np.float32)
        largest = np.float32(-np.inf)
        for i in range(4):
            row[i] = numbafunc.softplus(x[i])
            largest = max(largest, row[i])
        total = np.float32(0)
        for i in range(4):
            row[i] = math.exp(row[i] - largest)
            total += row[i]
        for i in range(4):
            out[i] = row[i] / total

    code = compiled(kernel, types.float32[::1], types.float32[::1])
    assert ".local" not in code
    assert ptx.assembled(code, (7, 5)).spilled == 0


@pytest.mark.parametrize(
    ("step", "wanted"),
    [
        (
            lambda carry, x: ((carry[0] + math.sin(x), carry[1] * np.exp(x)), numbafunc.relu(x)),
            (("leaf", "leaf"), "leaf"),
        ),
        (lambda carry, x: (carry, (None, x)), (("leaf", "leaf"), ("none", "leaf"))),
        (lambda carry, x: (carry, x.sum()), None),
        (lambda carry, x: (carry, x > 0), None),
        (lambda carry, x: (carry, 1.0), None),
        (lambda carry, x: carry[0], None),
    ],
)
def test_elementwise_steps_of_loops_are_told_apart(step, wanted):
    number = NumberType(types.float64, ((), ((0, 0),)))
    with ptx.no_device((7, 5)):
        assert loop._returned(numba.njit(step), ("leaf", "leaf"), "leaf", number) == wanted


def test_a_kernel_may_be_the_first_to_name_an_op(programs):
    root = programs.package.parent
    path = os.pathsep.join(map(str, (root, root / "cuda", Path(__file__).parent)))
    source = """
        import sys

        import numbafunc
        import numbafunc_cuda
        import ptx
        from numba import cuda, types

        def kernel(x, y):
            y[0] = numbafunc.sigmoid(x[0])

        assert "numbafunc.ops.activation" not in sys.modules
        with ptx.no_device((7, 5)):
            code = cuda.compile_ptx(kernel, (types.float32[:], types.float32[:]), cc=(7, 5))[0]
        ptx.assembled(code, (7, 5))
        print("compiled")
    """
    assert programs.run(source, PYTHONPATH=path) == "compiled"
