"""Functions of numbafunc.elementwise travel to other processes, and cached loops know what they are made of."""

import pytest

PROGRAM = """
import math
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numba
import numpy as np

import numbafunc

FACTOR = 2.5


def helper(x):
    return x * FACTOR


@numbafunc.elementwise
@numba.njit
def op(x):
    return helper(x) + math.tanh(x)


def inside(x):
    return numba.njit(lambda x: op(x))(x)


def gradient(x):
    return float(numbafunc.grad(op)(x))


if __name__ == "__main__":
    x = np.linspace(0, 1, 3)
    expected = 2.5 * x + np.tanh(x)
{body}
    print("done")
"""

BODIES = {
    "concurrent.futures": """
    for way in {"spawn", "fork"} & {*multiprocessing.get_all_start_methods()}:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(way)) as pool:
            for function in (op, inside):
                np.testing.assert_allclose(list(pool.map(function, x)), expected)
""",
    "cloudpickle": """
    import cloudpickle

    before = cloudpickle.dumps(op)
    op(x)
    FACTOR = 7.0
    for pickled in (before, cloudpickle.dumps(op)):
        np.testing.assert_allclose(cloudpickle.loads(pickled)(x), expected)
        np.testing.assert_allclose(numba.njit(lambda x, op=cloudpickle.loads(pickled): op(x))(x), expected)
""",
    "joblib": """
    import joblib

    for _ in range(2):
        for function in (op, inside):
            np.testing.assert_allclose(joblib.Parallel(2)(joblib.delayed(function)(a) for a in x), expected)
        np.testing.assert_allclose(joblib.Parallel(2)(joblib.delayed(gradient)(a) for a in x), 3.5 - np.tanh(x) ** 2)
        op(x)
""",
    "dask": """
    import dask

    np.testing.assert_allclose(dask.compute(*[dask.delayed(op)(a) for a in x], scheduler="processes"), expected)
""",
}


@pytest.mark.parametrize("library", BODIES)
def test_functions_of_the_main_program(programs, library):
    if library != "concurrent.futures":
        pytest.importorskip(library)
    assert programs.run(PROGRAM.replace("{body}", BODIES[library].strip("\n"))) == "done"


HELPERS = """
def deep(x):
    return x * CONSTANT


def helper(x):
    return deep(x) + OTHER
"""
USER = """
import sys
sys.path.insert(0, sys.argv[1])
import numba
import numbafunc
import helpers

@numbafunc.elementwise
def op(x):
    return helpers.helper(x)

@numba.njit
def inside(x):
    return op(x)

print(op(1.0), inside(1.0))
"""


def test_changed_helpers_give_new_loops(programs, tmp_path):
    for constant, other in ((2.0, 1.0), (3.0, 1.0), (3.0, 5.0)):
        text = HELPERS.replace("CONSTANT", str(constant)).replace("OTHER", str(other))
        (tmp_path / "helpers.py").write_text(text)
        result = f"{constant + other} {constant + other}"
        environment = {"NUMBAFUNC_CACHE_DIR": tmp_path / "cache"}
        assert programs.run(USER, tmp_path, **environment) == result
