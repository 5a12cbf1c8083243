"""Derivatives of compiled functions in a new process: from the cache on disk, and never those of other sources."""

import os

import pytest
from compilations import LISTENER

# Every part of the second derivative is a factor of its own.
DEFAULT = {"factor": 2, "table": 3, "constant": 5, "member": 7, "helper": 11, "fields": "first second", "default": 13}

USER = """
import collections
import enum

import constants_of_mine
import numba
import numpy as np

FACTOR = {factor}.0
TABLE = np.array([1.0, {table}.0])
Pair = collections.namedtuple("Pair", "{fields}")

class Member(enum.IntEnum):
    CHOSEN = {member}

@numba.njit
def helper(x, by={default}.0):
    return {helper}.0 * x * by

@numba.njit
def f(p, x):
    pair = Pair(x, 17.0 * x)
    return p * p * FACTOR * TABLE[1] * constants_of_mine.K * Member.CHOSEN.value * helper(pair.first)

@numba.njit
def of_pair(pair):
    return f(pair[0], pair[1])

@numba.njit
def step(carry, x):
    return carry, f(carry[0], x)

# Expressions on arrays are functions of their own, which Numba names by their addresses.
@numba.njit
def slope(y, t, p):
    return 0.0 * y + f(p, 1.0) * np.ones(1)

@numba.njit
def goes_on(carry):
    return carry[0] < 1.5 * f(carry[2], 1.0)

@numba.njit
def body(carry):
    return carry[0] + f(carry[2], 1.0), carry[1] + slope(carry[1], 0.0, carry[2]), carry[2]
"""

PROGRAM = (
    LISTENER
    + """
import sys
import numbafunc as nf
from user_module import body, f, goes_on, of_pair, slope, step

loop = lambda p: nf.scan(step, (np.float64(p) if type(p) is float else p, np.int64(1)), np.ones(3))[1].sum() / 3
# Of Python numbers the Python source would be run to find their types, with the functions that it calls.
twice = lambda p: nf.while_loop(goes_on, body, (np.float64(0), np.zeros(1), p))[1][0] / 2
solved = lambda p: nf.odeint(slope, np.zeros(1), [0.0, 1.0], p)[1, 0]
results = [nf.grad(f, mode="forward")(0.5, 1.0), nf.grad(loop, mode="forward")(0.5), loop(1.0)]
if sys.argv[1] == "all":
    results += [twice(np.float64(1)), solved(1.0)]
    for mode in ("forward", "reverse"):
        results += [nf.grad(twice, mode=mode)(0.5), nf.grad(solved, mode=mode)(0.5)]
    results += [nf.grad(f, mode="reverse")(0.5, 1.0), nf.grad(loop, mode="reverse")(0.5)]
    results += [nf.derivative(loop, 2)(0.5) / 2]
    results.append(nf.grad(lambda p: of_pair((p, 1.0)))(0.5))
assert np.allclose(results, results[0], rtol=1e-14), results
print(Compilations.count, round(float(results[0])), int("numba.np.linalg" in sys.modules))
"""
)


def write(folder, **changes):
    parts = {**DEFAULT, **changes}
    folder.joinpath("constants_of_mine.py").write_text(f"K = {parts['constant']}.0\n")
    folder.joinpath("user_module.py").write_text(USER.format(**parts))
    product = 1
    for value in parts.values():
        product *= value if value not in ("first second", "second first") else 1
    return product * (17 if parts["fields"] == "second first" else 1)


def run(programs, folder, program, *arguments):
    path = os.pathsep.join(map(str, (programs.package.parent, folder)))
    return programs.run(program, *arguments, PYTHONPATH=path, NUMBAFUNC_CACHE_DIR=folder / "cache")


def test_the_next_process_compiles_nothing_unless_something_has_changed(programs, tmp_path):
    for again in (False, True):
        product = write(tmp_path)
        count, found, loaded = map(int, run(programs, tmp_path, PROGRAM, "all").split())
        assert found == product
        assert (count == 0) == again
        # Nor is the whole compiler loaded.
        assert (loaded == 0) == again
    for part, other in DEFAULT.items():
        product = write(tmp_path, **{part: "second first" if part == "fields" else other + 1})
        count, found, _ = map(int, run(programs, tmp_path, PROGRAM, "some").split())
        assert found == product, part
        assert count > 0


FACTORY = """
import sys
import numba
import numpy as np
import numbafunc as nf

def make(k, table):
    @numba.njit
    def f(x):
        total = 0.0
        for v in x:
            total += k * v * v * table[0]
        return total
    return f

for k in map(float, sys.argv[1:]):
    f = make(k, np.array([1.0, 2.0]))
    assert np.all(nf.jacfwd(f)(np.array([1.0, 2.0])) == [2 * k, 4 * k])

    @numba.njit
    def step(carry, x):
        return np.full(2, f(carry)), x

    assert np.all(nf.jacfwd(lambda x: nf.scan(step, x, np.ones(1))[0])(np.array([1.0, 2.0])) == [2 * k, 4 * k])
"""


def test_functions_of_one_factory_are_kept_apart(programs, tmp_path):
    # The first two processes give their functions the same names.
    for arguments in (("2",), ("3",), ("2", "3"), ("3", "2")):
        run(programs, tmp_path, FACTORY, *arguments)


CHANGING = """
import sys
import numba
import numpy as np
import numbafunc as nf

@numba.njit
def helper(x):
    return K * x

@numba.njit
def f(x):
    return helper(x) * x

@numba.njit
def g(x):
    return helper(x) + K * x

@numba.njit
def step(carry, x):
    return helper(carry), x

def derivative(function, dtype):
    return float(nf.grad(function)(dtype(1.0)))

@numba.njit
def slope(y, t):
    return helper(np.ones(1)) + 0.0 * y

@numba.njit
def goes_on(carry):
    return carry[0] < 1

@numba.njit
def body(carry):
    return carry[0] + 1, helper(carry[1])

def loop(x):
    return nf.scan(step, x, np.ones(1))[0]

def others():
    solution = nf.odeint(slope, np.zeros(1), [0.0, 1.0])
    return [solution[1, 0].round(9), nf.while_loop(goes_on, body, (0, np.ones(2)))[1][0]]

K = 3.0
if sys.argv[1] == "changes":
    step(1.0, 1.0)
    assert derivative(f, np.float64) == 6.0
    K = 5.0
    # Compiled functions keep what has been true when they were compiled; whichever it is here, it is not for others.
    derivative(f, np.float32), derivative(g, np.float64), loop(1.0), derivative(loop, np.float64), others()
else:
    K = float(sys.argv[2])
    found = [derivative(f, np.float32), derivative(g, np.float64), loop(1.0), derivative(loop, np.float64), *others()]
    assert found == [2 * K, 2 * K, K, K, K, K], found
"""


def test_what_changes_within_a_process_is_not_kept_for_others(programs, tmp_path):
    run(programs, tmp_path, CHANGING, "changes")
    for constant in ("5", "3"):
        run(programs, tmp_path, CHANGING, "looks", constant)


OVERLOADED = """
import numba
import numbafunc as nf

def known(x):
    raise NotImplementedError

@numba.extending.overload(known)
def _known(x):
    return lambda x: {k}.0 * x * x

@numba.njit
def f(x):
    return known(x)

print(round(float(nf.grad(f)(0.5))))
"""


def test_overloads_of_users_are_never_stale(programs, tmp_path):
    for k in (2, 3):
        assert run(programs, tmp_path, OVERLOADED.format(k=k)) == str(k)


HIDDEN = """
import operator
import sys
import numba
import numpy as np
import numbafunc as nf

@numba.extending.overload(operator.matmul, inline="{inline}")
def _product(a, b):
    if isinstance(a, numba.types.BaseTuple) and isinstance(b, numba.types.BaseTuple):
        return lambda a, b: {k}.0 * a[0] * b[0]

@numba.njit
def f(x):
    return (x, 1.0) @ (x, 1.0)

@numba.njit
def step(carry, x):
    return f(carry), x

if sys.argv[1] == "earlier":
    nf.grad(numba.njit(lambda x: (x, 1.0) @ (x, 1.0)))(0.5)
op = nf.elementwise(lambda x: f(x) + 0.0)
results = [nf.grad(f)(0.5), op(np.ones(1))[0], nf.grad(lambda x: nf.scan(step, x, np.ones(1))[0])(0.5)]
assert results == [{k}.0] * 3, results
"""


@pytest.mark.parametrize(("inline", "when"), [("never", "now"), ("never", "earlier"), ("always", "now")])
def test_overloads_of_operators_are_never_stale(programs, tmp_path, inline, when):
    # No identity covers them, since code doesn't name operators: Numba says that it has compiled them.
    for k in (2, 3):
        run(programs, tmp_path, HIDDEN.format(k=k, inline=inline), when)
        assert not any(tmp_path.joinpath("cache").rglob("*.kernel"))


# What a function may find its number in.
CHANGED = {
    "second name of a member": """
class Member(enum.IntEnum):
    FIRST = 2
    SECOND = 3
    CHOSEN = {k}
@njit
def f(x): return Member.CHOSEN.value * x
""",
    "attribute of math": "math.mine = {k}.0\n@njit\ndef f(x): return math.mine * x\n",
    "function in numpy": """
@njit
def helper(x): return {k} * x
np.mine = helper
@njit
def f(x): return np.mine(x)
""",
    "builtin": "import builtins\nbuiltins.MINE = {k}.0\n@njit\ndef f(x): return MINE * x\n",
    "options of a jitable function": """
@numba.extending.register_jitable(error_model="numpy" if {k} == 2 else "python")
def helper(x): return 1.0 / (x - x)
@njit
def f(x): return helper(x)
""",
    "lowered function": """
def known(x): return x
@numba.extending.type_callable(known)
def typed(context): return lambda x: x
@numba.extending.lower_builtin(known, numba.types.Float)
def lowered(context, builder, signature, arguments):
    return builder.fmul(arguments[0], arguments[0].type({k}.0))
@njit
def f(x): return known(x)
""",
    "namesake": """
def _(a, b=None): return 0.0 * a[0]
helper = njit(_)
@numba.extending.overload(operator.mul)
def product(a, b):
    if isinstance(a, numba.types.UniTuple) and isinstance(b, numba.types.Float):
        def _(a, b): return {k}.0 * a[0]
        _.__qualname__ = "_"
        return _
@njit
def f(x): return (x,) * 2.0 + helper((x,))
""",
    "one of several functions": """
def make(k): return njit(lambda x: k * x)
ALL = (make(1.0), make({k}.0))
@njit
def f(x): return ALL[1](x)
""",
    "default of a tuple": "@njit\ndef f(x, k=(1.0, ({k}.0,))): return k[1][0] * x\n",
    "view of an array": """
TABLE = np.array([2.0, 3.0])[:: 1 if {k} == 2 else -1]
@njit
def f(x): return TABLE[0] * x
""",
    "record": """
RECORD = np.array([(1.0, {k}.0)], dtype=[("a", "f8"), ("b", "f8")])[0]
@njit
def f(x): return RECORD.b * x
""",
    "member of a class": """
@numba.experimental.jitclass([("k", numba.float64)])
class Factor:
    def __init__(self): self.k = {k}
    def times(self, x): return self.k * x
@njit
def f(x): return Factor().times(x)
""",
    "lowered operator": """
@numba.extending.lower_builtin(operator.sub, numba.types.float64, numba.types.float64)
def lowered(context, builder, signature, arguments):
    return builder.fmul(arguments[0], arguments[0].type({k}.0))
@njit
def f(x): return x - 1.0
""",
}
LOOKING = """
import sys
sys.path.insert(0, sys.argv[1])
import importlib
import numpy as np
import numba
import numbafunc as nf

def shown(call):
    try:
        return float(call())
    except ZeroDivisionError as error:
        return str(error)

for number in range(int(sys.argv[2])):
    f = importlib.import_module(f"changed{number}").f

    @numba.njit
    def step(carry, x):
        return f(carry) + 0.0, x

    print(shown(lambda: nf.grad(f, mode="forward")(0.5)), shown(lambda: nf.scan(step, 0.5, np.ones(1))[0]))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("names", [list(CHANGED)[:-1], list(CHANGED)[-1:]], ids=["functions", "operator"])
def test_wherever_a_number_comes_from_it_is_never_stale(programs, tmp_path, names):
    found = []
    for k in (2, 3):
        for number, source in enumerate(map(CHANGED.get, names)):
            head = "import enum, math, operator\nimport numba\nimport numpy as np\nfrom numba import njit\n"
            tmp_path.joinpath(f"changed{number}.py").write_text(head + source.replace("{k}", str(k)))
        found.append(run(programs, tmp_path, LOOKING, tmp_path, len(names)).splitlines())
    for name, two, three in zip(names, *found):
        if name == "options of a jitable function":
            assert (two.split()[1], three.split()[1]) == ("inf", "division"), name
        else:
            slope = {2: "1.0", 3: "1.0"} if name.startswith("lowered") else {2: "2.0", 3: "3.0"}
            assert two.split()[:2] == [slope[2], "1.0"], name
            assert three.split()[:2] == [slope[3], "1.5"], name


@pytest.mark.parametrize("where", ["__main__", "a module"])
def test_named_tuples_come_back_as_the_class_of_this_process(programs, tmp_path, where):
    define = "import collections\nPair = collections.namedtuple('Pair', 'first second')\n"
    if where != "__main__":
        tmp_path.joinpath("pairs_of_mine.py").write_text(define)
        define = "from pairs_of_mine import Pair\n"
    program = define + (
        "import numba\nimport numbafunc as nf\n"
        "f = numba.njit(lambda pair: Pair(pair.second, pair.first * pair.second))\n"
        "value, change = nf.jvp(f, (Pair(2.0, 3.0),), (Pair(1.0, 0.0),))\n"
        "assert type(value) is type(change) is Pair\nprint(*value, *change)"
    )
    for _ in range(2):
        assert run(programs, tmp_path, program) == "3.0 6.0 0.0 3.0"
