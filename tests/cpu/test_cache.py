"""The cache of compiled kernels: shared by any number of processes, never wrong, never in the way."""

import shutil
from types import SimpleNamespace

import llvmlite.binding
import pytest
from compilations import LISTENER
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys
from sweep import thorough

from numbafunc.cpu import cache

# A few ops and dtypes, each with a result that no other has.
USE = (
    LISTENER
    + """
import sys
import numbafunc

CASES = {
    "sigmoid": (numbafunc.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "tanh": (numbafunc.tanh, np.tanh),
    "softplus": (numbafunc.softplus, lambda x: np.log1p(np.exp(x))),
    "softmax": (numbafunc.softmax, lambda x: np.exp(x) / np.exp(x).sum()),
}
order = sys.argv[1].split(",") if len(sys.argv) > 1 else sorted(CASES)
for name in order:
    for dtype in (np.float32, np.float64):
        x = np.linspace(-3, 3, 13)
        result = CASES[name][0](x.astype(dtype))
        assert result.dtype == dtype
        np.testing.assert_allclose(result, CASES[name][1](x), rtol=1e-5)
print(Compilations.count)
"""
)


def entries(folder):
    return sorted(folder.rglob("*.kernel"))


@pytest.fixture
def warm(programs, tmp_path_factory):
    """A folder with the entries of USE, filled once and copied for each test."""
    root = tmp_path_factory.getbasetemp() / "warm"
    if not root.exists():
        programs.run(USE, NUMBAFUNC_CACHE_DIR=root)
    copy = tmp_path_factory.mktemp("cache") / "kernels"
    shutil.copytree(root, copy)
    return copy


def test_second_process_compiles_nothing(programs, warm):
    before = entries(warm)
    assert len(before) == 8
    stamps = [path.stat().st_mtime_ns for path in before]
    assert programs.run(USE, NUMBAFUNC_CACHE_DIR=warm) == "0"
    assert entries(warm) == before
    assert [path.stat().st_mtime_ns for path in before] == stamps
    assert not [path for path in warm.rglob("*") if path.is_file() and path.suffix not in (".kernel", ".settings")]


def test_many_processes_in_one_folder(programs, tmp_path):
    orders = ["sigmoid,tanh,softplus,softmax", "softmax,softplus,tanh,sigmoid", "tanh,softmax,sigmoid,softplus"]
    running = [programs.start(USE, orders[i % 3], NUMBAFUNC_CACHE_DIR=tmp_path / "cache") for i in range(4)]
    for process in running:
        programs.finish(process)
    assert len(entries(tmp_path / "cache")) == 8
    assert not list((tmp_path / "cache").rglob("*.part"))
    assert programs.run(USE, NUMBAFUNC_CACHE_DIR=tmp_path / "cache") == "0"


@pytest.mark.parametrize(
    "damage", ["flipped", "folder", *thorough("empty", "truncated", "flipped head", "foreign", "text")]
)
def test_damaged_entries_are_made_anew(programs, warm, damage):
    paths = entries(warm)
    contents = [path.read_bytes() for path in paths]
    for path, content, other in zip(paths, contents, contents[1:] + contents[:1]):
        if damage == "empty":
            path.write_bytes(b"")
        elif damage == "truncated":
            path.write_bytes(content[: len(content) // 2])
        elif damage == "flipped":
            middle = len(content) // 2
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        elif damage == "flipped head":
            path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
        elif damage == "foreign":
            path.write_bytes(other)
        elif damage == "text":
            path.write_text("not a kernel\n" * 100)
        else:
            path.unlink()
            path.mkdir()
    assert int(programs.run(USE, NUMBAFUNC_CACHE_DIR=warm)) > 0
    if damage != "folder":
        assert programs.run(USE, NUMBAFUNC_CACHE_DIR=warm) == "0"


def test_folder_that_can_not_be_used(programs, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", "/proc/no/such/folder"):
        assert int(programs.run(USE, "tanh", NUMBAFUNC_CACHE_DIR=folder)) > 0
    assert (tmp_path / "file").read_text() == ""


def test_change_in_the_sources_counts(programs, tmp_path):
    package = tmp_path / "changed" / "numbafunc"
    shutil.copytree(programs.package, package, ignore=shutil.ignore_patterns("__pycache__"))
    program = "import numbafunc; print(numbafunc.__file__); print(float(numbafunc.leaky_relu(-2.0, 0.5)))"
    cache = tmp_path / "cache"
    first = programs.run(program, package=package, NUMBAFUNC_CACHE_DIR=cache).splitlines()
    assert first == [str(package / "__init__.py"), "-1.0"]
    source = (package / "ops" / "activation_piecewise.py").read_text()
    assert source.count("like(negative_slope * x, x)\n") == 1
    changed = source.replace("like(negative_slope * x, x)\n", "negative_slope * x - 1\n")
    (package / "ops" / "activation_piecewise.py").write_text(changed)
    assert programs.run(program, package=package, NUMBAFUNC_CACHE_DIR=cache).splitlines()[1] == "-2.0"
    (package / "ops" / "activation_piecewise.py").write_text(source)
    assert programs.run(program, package=package, NUMBAFUNC_CACHE_DIR=cache).splitlines()[1] == "-1.0"


USER = (
    LISTENER
    + """
import math
import numbafunc
FACTOR = {factor}
TABLE = ({table}, 5.0)

def helper(x):
    return {helper}

def make(shift):
    @numbafunc.elementwise
    def op(x, scale={default}):
        return {body}
    return op

print(float(make({shift})(np.array([2.0]))[0]))
print(Compilations.count)
"""
)

DEFAULTS = {"factor": "3.0", "table": "4.0", "helper": "x + 1", "default": "1.0", "body": "x", "shift": "0.0"}


@pytest.mark.parametrize(
    ("part", "first", "second"),
    [
        ({}, ({"body": "x * 2"}, 4), ({"body": "x * 7"}, 14)),
        ({"body": "x * FACTOR"}, ({"factor": "3.0"}, 6), ({"factor": "5.0"}, 10)),
        ({"body": "x + shift"}, ({"shift": "3.0"}, 5), ({"shift": "5.0"}, 7)),
        ({"body": "numbafunc.elementary.exp(x - 2)"}, ({}, 1), ({"body": "numbafunc.elementary.expm1(x - 2)"}, 0)),
        *thorough(
            ({}, ({"body": "x + x"}, 4), ({"body": "x * x * x"}, 8)),
            ({"body": "x * TABLE[0]"}, ({"table": "3.0"}, 6), ({"table": "5.0"}, 10)),
            ({"body": "x + scale"}, ({"default": "3.0"}, 5), ({"default": "5.0"}, 7)),
            ({"body": "x if x > 1 else -x"}, ({}, 2), ({"body": "x if x < 1 else -x"}, -2)),
        ),
    ],
    ids=["literal", "global", "closure", "function", "operators", "tuple", "default", "comparison"],
)
def test_change_in_a_user_function_counts(programs, tmp_path, part, first, second):
    for given, expected in (first, second, first):
        output = programs.run(USER.format(**{**DEFAULTS, **part, **given}), NUMBAFUNC_CACHE_DIR=tmp_path / "cache")
        assert float(output.splitlines()[0]) == expected
    assert output.splitlines()[1] == "0"


def test_change_in_a_helper_of_a_user_function_counts(programs, tmp_path):
    source = USER.replace("def helper", "import numba\n@numba.njit\ndef helper")
    for helper, expected in (("x + 1", 3), ("x + 5", 7), ("x + 1", 3)):
        output = programs.run(
            source.format(**{**DEFAULTS, "body": "helper(x)", "helper": helper}), NUMBAFUNC_CACHE_DIR=tmp_path / "cache"
        )
        assert float(output.splitlines()[0]) == expected
    assert output.splitlines()[1] == "0"


def test_user_functions_of_one_name_are_kept_apart(programs, tmp_path):
    program = """
        import numpy as np
        import numbafunc
        ops = []
        for factor in (2.0, 3.0, 5.0):
            @numbafunc.elementwise
            def op(x, factor=factor):
                return x * factor
            @numbafunc.elementwise
            def op(x, inner=op.__wrapped__.__defaults__[0]):
                return x + inner
            ops.append(op)
        print([float(op(1.0)) for op in ops])
        """
    for _ in range(2):
        assert programs.run(program, NUMBAFUNC_CACHE_DIR=tmp_path / "cache") == "[3.0, 4.0, 6.0]"


def test_global_that_changes_between_two_definitions(programs, tmp_path):
    program = """
        import numbafunc
        FACTOR = 2.0
        @numbafunc.elementwise
        def first(x):
            return x * FACTOR
        print(float(first(1.0)))
        FACTOR = 3.0
        @numbafunc.elementwise
        def second(x):
            return x * FACTOR
        print(float(second(1.0)))
        """
    for _ in range(2):
        assert programs.run(program, NUMBAFUNC_CACHE_DIR=tmp_path / "cache").split() == ["2.0", "3.0"]


def test_threading_layers_and_processors_are_told_apart(programs, tmp_path):
    program = """
        import numpy as np
        import numbafunc
        x = np.linspace(-3, 3, 100_000)
        np.testing.assert_allclose(numbafunc.sigmoid(x), 1 / (1 + np.exp(-x)), rtol=1e-14)
        """
    settings = [{}, {"NUMBA_NUM_THREADS": "1"}, {"NUMBA_THREADING_LAYER": "workqueue"}, {"NUMBA_CPU_NAME": "generic"}]
    for setting in settings * 2:
        programs.run(program, NUMBAFUNC_CACHE_DIR=tmp_path / "cache", **setting)


def test_code_that_calls_the_run_time_of_numba_is_not_kept():
    # Loaded before Numba has compiled these functions, it would end the process.
    rtsys.initialize(cpu_target.target_context)
    module = llvmlite.binding.parse_assembly("declare void @NRT_incref()")
    assert cache._needs_more(SimpleNamespace(_final_module=module))
    module = llvmlite.binding.parse_assembly("declare void @memcpy()\ndefine void @NRT_incref() { ret void }")
    assert not cache._needs_more(SimpleNamespace(_final_module=module))


GLOBAL = """
    import sys
    import numpy as np
    import numbafunc

    k = 2.0

    @numbafunc.elementwise
    def f(x):
        return k * x

    if sys.argv[1] == "change":
        k = 3.0
    first = f(np.ones(1))[0]
    k = 7.0
    print(first, f(np.ones(1, np.float32))[0], *numbafunc.jvp(f, (1.0,), (1.0,)))
"""


def test_globals_count_as_they_are_at_the_first_call(programs, tmp_path):
    folder = tmp_path / "cache"
    for _ in range(2):
        assert programs.run(GLOBAL, "change", NUMBAFUNC_CACHE_DIR=folder) == "3.0 3.0 3.0 3.0"
        assert programs.run(GLOBAL, "keep", NUMBAFUNC_CACHE_DIR=folder) == "2.0 2.0 2.0 2.0"


MODULE = """
    import sys
    import numba
    import numpy as np
    import numbafunc

    sys.path.insert(0, sys.argv[1])
    import constants_of_mine

    @numbafunc.elementwise
    def f(x):
        return constants_of_mine.K * x

    @numbafunc.elementwise
    def g(x):
        return constants_of_mine.h(x) + later(x)

    @numba.njit
    def later(x):
        return {later} * x

    print(f(np.ones(1))[0], g(np.ones(1))[0])
"""


def test_attributes_of_modules_and_names_bound_later_tell_entries_apart(programs, tmp_path):
    folder = tmp_path / "cache"
    for constant, factor, later in ((2.0, 2, 10), (5.0, 2, 10), (5.0, 7, 10), (5.0, 7, 20)):
        module = f"import numba\n\nK = {constant}\n\n\n@numba.njit\ndef h(x):\n    return {factor} * x\n"
        tmp_path.joinpath("constants_of_mine.py").write_text(module)
        printed = programs.run(MODULE.format(later=later), tmp_path, NUMBAFUNC_CACHE_DIR=folder)
        assert printed == f"{constant} {float(factor + later)}"


COLLISION = """
    import sys
    import numpy as np
    import numbafunc

    x = np.linspace(-4, 4, 200_000)
    for name in sys.argv[1:]:
        y = getattr(numbafunc, name)(x)
    print(y[0].round(3))
"""


def test_kernels_from_the_cache_call_their_own_parts(programs, tmp_path):
    folder = tmp_path / "cache"
    assert programs.run(COLLISION, "sigmoid", NUMBAFUNC_CACHE_DIR=folder) == "0.018"
    assert programs.run(COLLISION, "tanh", "sigmoid", NUMBAFUNC_CACHE_DIR=folder) == "0.018"


RECURSION = """
    import numba
    import numpy as np
    import numbafunc

    @numba.njit
    def factorial(n):
        return 1.0 if n <= 1 else n * factorial(n - 1)

    print(numbafunc.elementwise(lambda x: x * factorial(3))(np.ones(2))[0])
"""


def test_recursive_functions_in_a_second_process(programs, tmp_path):
    for _ in range(2):
        assert programs.run(RECURSION, NUMBAFUNC_CACHE_DIR=tmp_path / "cache") == "6.0"
