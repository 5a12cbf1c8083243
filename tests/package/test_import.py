"""Importing is light: it compiles nothing, writes nothing and loads no package that is not needed."""

import importlib
import inspect
import operator
import pickle
from types import FunctionType

import numpy as np
import pytest

import numbafunc


def test_import_loads_and_compiles_nothing(programs, tmp_path):
    output = programs.run(
        """
        import sys
        import numba
        from numba.core import event

        class Counter(event.Listener):
            count = 0
            def on_start(self, event):
                self.count += 1
            def on_end(self, event):
                pass

        compilations, uses_of_llvm = Counter(), Counter()
        event.register("numba:compile", compilations)
        event.register("numba:llvm_lock", uses_of_llvm)
        before = set(sys.modules)
        import numbafunc
        print(compilations.count, uses_of_llvm.count)
        unwanted = {"scipy", "torch", "jax", "mpi4py", "matplotlib", "rich", "pandas", "ml_dtypes", "pytest"}
        loaded = set(sys.modules) - before  # Numba looks for SciPy by itself
        print(sorted({name.partition(".")[0] for name in loaded} & unwanted))
        print(any(name.startswith(("numba.cuda", "numba_cuda", "numbafunc_cuda")) for name in loaded))
        """,
        NUMBAFUNC_CACHE_DIR=tmp_path / "cache",
    )
    # LLVM is told the name of the function by which compiled code reaches the reductions over ranks.
    assert output.splitlines() == ["0 1", "[]", "False"]
    assert not (tmp_path / "cache").exists()


def test_import_starts_no_threads(programs):
    output = programs.run(
        """
        import threading
        import numba
        import numbafunc
        from numba.np.ufunc import parallel
        print(threading.active_count(), parallel._is_initialized)
        """
    )
    assert output == "1 False"


UNKNOWN = [
    (numbafunc, "sofmax", "'numbafunc' has no attribute 'sofmax'. Did you mean 'softmax'?"),
    (numbafunc, "leaky_ReLU", "'numbafunc' has no attribute 'leaky_ReLU'. Did you mean 'leaky_relu'?"),
    (numbafunc, "silu", "'numbafunc' has no attribute 'silu'. Did you mean 'numbafunc.swish'?"),
    (numbafunc.parallel, "allreduce", "'numbafunc.parallel' has .* Did you mean 'numbafunc.parallel.psum'?"),
    (numbafunc, "zzz", "'numbafunc' has no attribute 'zzz'"),
    (numbafunc, "__path_of__", "'numbafunc' has no attribute '__path_of__'"),
    (numbafunc.autodiff, "gard", "'numbafunc.autodiff' has no attribute 'gard'. Did you mean 'grad'?"),
    (numbafunc.loss, "mean_square_error", "'numbafunc.loss' has .* Did you mean 'mean_squared_error'?"),
    (numbafunc.divergence, "kld", "'numbafunc.divergence' has .* Did you mean 'kl'?"),
    (numbafunc.elementary, "expml", "'numbafunc.elementary' has .* Did you mean 'expm1'?"),
    (numbafunc.parallel, "pmeen", "'numbafunc.parallel' has .* Did you mean 'pmean'?"),
    (numbafunc.scipy, "linag", "'numbafunc.scipy' has .* Did you mean 'linalg'?"),
]


@pytest.mark.parametrize(("module", "name", "message"), UNKNOWN)
def test_unknown_names(module, name, message):
    with pytest.raises(AttributeError, match=f"^module {message}$".replace("?$", r"\?$")):
        getattr(module, name)


def test_names_of_other_libraries_lead_to_ours():
    for name, ours in numbafunc.prompt._ELSEWHERE.items():
        assert callable(operator.attrgetter(ours)(numbafunc)), name


def test_unknown_names_at_the_end_of_a_program(programs):
    process = programs.start("import numbafunc\nnumbafunc.sofmax\n")
    _, errors = process.communicate(timeout=300)
    assert errors.splitlines()[-1].count("softmax") == 1  # Python adds no suggestion of its own
    with pytest.raises(ImportError, match="reul"):
        from numbafunc import reul  # noqa: F401


def test_modules_are_loaded_when_their_names_are_used(programs):
    output = programs.run(
        """
        import sys
        import numbafunc

        def loaded():
            names = ("ops.activation", "rules", "loss", "parallel")
            return [name for name in names if f"numbafunc.{name}" in sys.modules]

        print(loaded())
        numbafunc.sigmoid(1.0)
        print(loaded())
        numbafunc.grad
        print(loaded())
        numbafunc.loss.l2([1.0])
        print(loaded())
        from numbafunc import *
        print(loaded(), len(numbafunc.__all__) == len([name for name in numbafunc.__all__ if name in globals()]))
        """
    )
    assert output.splitlines() == [
        "[]",
        "['ops.activation']",
        "['ops.activation', 'rules']",
        "['ops.activation', 'rules', 'loss']",
        "['ops.activation', 'rules', 'loss', 'parallel'] True",
    ]


def test_an_unpickled_dual_array_has_its_rules(programs, tmp_path):
    dual = numbafunc.Dual(np.array([2.0]), np.array([[1.0]]), 1)
    (tmp_path / "dual").write_bytes(pickle.dumps(dual))
    output = programs.run(
        f"""
        import pickle
        from pathlib import Path
        x = pickle.loads(Path({str(tmp_path / "dual")!r}).read_bytes())
        print((x * x).tangent)
        """
    )
    assert output == "[[4.]]"


def test_compiled_functions_may_be_the_first_to_name_an_op(programs):
    output = programs.run(
        """
        import numba
        import numbafunc as nf
        import numpy as np

        @numba.njit
        def f(x):
            return nf.relu(x) + nf.loss.sigmoid_cross_entropy_logits(x, 1.0) + nf.parallel.psum(x)

        print(f(np.zeros(2)))

        @numba.njit
        def g(x):
            return nf.top_k(x, 1)[1]

        print(g(np.arange(2.0)))
        try:
            numba.njit(lambda x: nf.odeint(x, x, x))(np.zeros(2))
        except numba.TypingError as error:
            print("numbafunc.odeint can't be called inside functions that Numba compiles" in str(error))
        """
    )
    assert output.splitlines() == ["[0.69314718 0.69314718]", "[1]", "True"]


def test_import_in_an_unwritable_home(programs, tmp_path):
    output = programs.run(
        "import numbafunc; print(numbafunc.relu(-1.0))", NUMBAFUNC_CACHE_DIR=None, XDG_CACHE_HOME="/proc/no/such/folder"
    )
    assert output == "0.0"


MODULES = (
    *("autodiff", "constants", "divergence", "elementary", "errors", "loss", "parallel"),
    *("scipy", "scipy.linalg", "scipy.special", "numpy", "numpy.linalg", "numpy.fft"),
)


@pytest.mark.parametrize("name", ["numbafunc", *(f"numbafunc.{name}" for name in MODULES)])
def test_public_modules_show_public_names(name):
    module = importlib.import_module(name)
    shown = set(dir(module))
    assert shown >= set(module.__all__)
    assert not {x for x in shown if x[0] == "_"} - {"__version__", *module.__all__}
    if name not in ("numbafunc", "numbafunc.numpy", "numbafunc.scipy.linalg", "numbafunc.scipy.special"):
        assert shown == set(module.__all__)


@pytest.mark.parametrize("name", ["numbafunc", *(f"numbafunc.{name}" for name in MODULES if "numpy" not in name)])
def test_help_shows_names_without_the_annotations_of_the_source(name):
    module = importlib.import_module(name)
    for public in module.__all__:
        found = getattr(module, public)
        for function in [found, *vars(found).values()] if isinstance(found, type) else [found]:
            if type(function) is FunctionType:
                assert "Any" not in str(inspect.signature(function)), function
                assert "'" not in str(inspect.signature(function)).partition("=")[0], function
    assert str(inspect.signature(numbafunc.softmax)) == "(x, axis=-1, where=None, initial=None, *, out=None)"


def test_ops_are_compiled_where_the_user_debugs_uncompiled_functions(programs, tmp_path):
    program = """
        import numba
        import numpy as np
        import numbafunc

        @numba.njit
        def square(x):
            return x * x

        assert not hasattr(square, "py_func")
        print(numbafunc.relu(np.ones(2)), numbafunc.elementwise(square)(np.arange(3.0)), numbafunc.jacfwd(square)(3.0))
    """
    settings = {"NUMBA_DISABLE_JIT": "1", "NUMBAFUNC_CACHE_DIR": tmp_path / "cache"}
    assert programs.run(program, **settings) == "[1. 1.] [0. 1. 4.] 6.0"
