"""Importing is light: it compiles nothing, writes nothing and loads no package that is not needed."""


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


def test_everything_public_is_there():
    import numbafunc

    for name in numbafunc.__all__:
        assert hasattr(numbafunc, name)
    assert numbafunc.__version__


def test_import_in_an_unwritable_home(programs, tmp_path):
    output = programs.run(
        "import numbafunc; print(numbafunc.relu(-1.0))", NUMBAFUNC_CACHE_DIR=None, XDG_CACHE_HOME="/proc/no/such/folder"
    )
    assert output == "0.0"
