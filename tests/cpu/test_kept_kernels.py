"""Kernels that are kept run without Numba, from entries that hold machine code and plain words alone."""

import hashlib
import importlib.util
import os
import pickle
import shutil
import struct
import sys
from pathlib import Path

import pytest

from numbafunc.cpu import cache_entries, thread_pool
from numbafunc.numba_import import environment

# Ops of each kind, in forward and reverse mode; a digest of their results tells these apart to the last bit.
USE = """
    import hashlib
    import sys
    import numpy as np
    import numbafunc as nf

    digest = hashlib.sha256()

    def note(*results):
        for result in results:
            digest.update(np.ascontiguousarray(result).tobytes())

    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        x, image = rng.standard_normal((6, 9)).astype(dtype), rng.standard_normal((2, 3, 8, 8)).astype(dtype)
        note(nf.relu(x), nf.softmax(x), nf.logsumexp(x, axis=0), *nf.jvp(nf.gelu, (x,), (x,)), *nf.top_k(x, 2))
        note(nf.loss.cross_entropy_logits_sparse(x, np.arange(6)), nf.max_pool_2d(image, 2), nf.upsample_2d(image, 2))
        note(nf.pad(x, 1), nf.pad(x, 1, "reflect"), nf.space_to_batch2d(image, 2))
        note(nf.grad(lambda x: nf.softmax(x)[0, 0])(x), nf.grad(lambda x: nf.max_pool_2d(x, 2).sum())(image))
    print(digest.hexdigest(), "numba" in sys.modules)
"""
RELU = """
    import sys
    import numpy as np
    import numbafunc
    print(numbafunc.relu(np.array([-1.0, 2.0])), "numba" in sys.modules)
"""


def entries(folder):
    return sorted(folder.rglob("*.kernel"))


def head_and_payload(path):
    content = path.read_bytes()
    end = content.index(b"\n") + 1
    start = end + 8 + int.from_bytes(content[end : end + 8], "little")
    return content[:start], content[start + 32 :]


def replace(path, payload):
    head, _ = head_and_payload(path)
    path.write_bytes(head + hashlib.sha256(payload).digest() + payload)


@pytest.fixture
def relu(programs, tmp_path):
    """The entry of one kernel."""
    folder = tmp_path / "cache"
    assert programs.run(RELU, NUMBAFUNC_CACHE_DIR=folder) == "[0. 2.] True"
    (path,) = entries(folder)
    return path


def test_import_leaves_numba_alone(programs):
    assert programs.run("import sys, numbafunc; print('numba' in sys.modules, 'llvmlite' in sys.modules)") == (
        "False False"
    )


def test_kept_kernels_run_without_numba(programs, tmp_path):
    folder = tmp_path / "cache"
    compiled, imported = programs.run(USE, NUMBAFUNC_CACHE_DIR=folder).split()
    assert imported == "True"
    assert programs.run(USE, NUMBAFUNC_CACHE_DIR=folder).split() == [compiled, "False"]
    for path in entries(folder):
        facts, (code,) = cache_entries.unpacked(head_and_payload(path)[1])
        assert sorted(facts) == ["environments", "function", "needs", "wrapper"]
        assert facts["wrapper"].encode() in code
        assert facts["function"].encode() in code
    notes = [sorted(cache_entries.unpacked(head_and_payload(note)[1])[0]) for note in folder.rglob("*.settings")]
    assert ["processor", "settings"] in notes
    assert all(facts in (["processor", "settings"], ["needs"]) for facts in notes)
    # An environment of which nothing is known yet asks Numba what it makes of it, and reads the same entries.
    known = entries(folder)
    setting = {"NUMBA_DEVELOPER_MODE": "0"}
    assert programs.run(RELU, NUMBAFUNC_CACHE_DIR=folder, **setting) == "[0. 2.] True"
    assert entries(folder) == known
    assert programs.run(RELU, NUMBAFUNC_CACHE_DIR=folder, **setting) == "[0. 2.] False"
    # Settings that change machine code have entries of their own.
    setting = {"NUMBA_OPT": "1"}
    for expected in ("[0. 2.] True", "[0. 2.] False"):
        assert programs.run(RELU, NUMBAFUNC_CACHE_DIR=folder, **setting) == expected
    assert len(entries(folder)) == len(known) + 1


def test_kernels_for_threads_are_kept_too(programs, tmp_path):
    program = """
        import hashlib
        import logging
        import sys
        import numpy as np
        import numbafunc as nf

        class Listener(logging.Handler):
            hits = []
            def emit(self, record):
                self.hits.append(record.cache_hit)

        logger = logging.getLogger("numbafunc")
        logger.setLevel(logging.INFO)
        logger.addHandler(Listener())
        x = np.random.default_rng(0).standard_normal((600, 700))
        results = [nf.selu(x), *nf.jvp(nf.selu, (x,), (x,)), nf.softmax(x), nf.pad(x, 1), *nf.top_k(x, 2)]
        digest = hashlib.sha256(b"".join(result.tobytes() for result in results)).hexdigest()
        print(digest, set(Listener.hits), "numba" in sys.modules)
        """
    compiled, hits, _ = programs.run(program, NUMBAFUNC_CACHE_DIR=tmp_path / "cache").split()
    assert hits == "{False}"
    openmp = [{"NUMBA_THREADING_LAYER": "omp"}] if sys.platform == "linux" else []
    for setting in ({}, {"NUMBA_NUM_THREADS": "1"}, *openmp):
        read, hits, imported = programs.run(program, NUMBAFUNC_CACHE_DIR=tmp_path / "cache", **setting).split()
        assert read == compiled
        assert imported == "False" or setting or not thread_pool.exists()
        assert hits == "{True}" or setting.get("NUMBA_NUM_THREADS") == "1"


def test_numba_comes_later(programs, relu):
    program = """
        import sys
        import numpy as np
        import numbafunc
        x = np.array([-1.0, 2.0])
        before = numbafunc.relu(x)
        stopped = numbafunc.stop_gradient(1.5)
        assert "numba" not in sys.modules
        helpers = sys.modules["numba._helperlib"]
        import numba
        from numba import _helperlib
        assert numba._helperlib is _helperlib is helpers
        assert numba.core.runtime._nrt_python is sys.modules["numba.core.runtime._nrt_python"]
        f = numba.njit(lambda x: numbafunc.relu(x) + numbafunc.softmax(x) + numbafunc.stop_gradient(x))
        expected = before + numbafunc.softmax(x) + x
        np.testing.assert_allclose(f(x), expected)
        np.testing.assert_array_equal(numbafunc.relu(x), before)
        np.testing.assert_allclose(numbafunc.elementwise(lambda x: 2 * x)(x), 2 * x)
        np.testing.assert_allclose(numba.njit(lambda n: np.ones(n) * n)(3), 3)
        numba.config.LOOP_VECTORIZE = 0  # what the program changes counts from then on
        numbafunc.tanh(x)
        """
    programs.run(program, NUMBAFUNC_CACHE_DIR=relu.parent.parent)
    assert programs.run(RELU, NUMBAFUNC_CACHE_DIR=relu.parent.parent) == "[0. 2.] False"


AT_ONCE = """
    import sys, threading
    import numpy as np
    import numbafunc
    gradient, x = numbafunc.grad(numbafunc.logsumexp), np.arange(3.0)
    expected, known = gradient(x), "numba" in sys.modules
    start, over, failures = threading.Barrier(2), threading.Event(), []

    def load():
        start.wait()
        import numba
        numba.njit(lambda x: numbafunc.relu(x))(1.0)

    def differentiate():
        start.wait()
        while not over.is_set():
            np.testing.assert_array_equal(gradient(x), expected)

    def work(function):
        try:
            function()
        except BaseException as error:
            failures.append(error)
        over.set()

    threads = [threading.Thread(target=work, args=(function,)) for function in (load, differentiate)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(known, failures)
"""


def test_derivatives_while_another_thread_imports_numba(programs, tmp_path):
    for known in (True, False):
        assert programs.run(AT_ONCE, NUMBAFUNC_CACHE_DIR=tmp_path / "cache") == f"{known} []"


def test_function_that_imports_numba_is_differentiated(programs):
    program = """
        import sys
        import numpy as np
        import numbafunc

        def energy(x):
            import numba
            return numba.njit(lambda x: x * x + 1)(x).sum()

        numbafunc.grad
        assert "numba" not in sys.modules
        print(numbafunc.grad(energy)(np.arange(3.0)))
        """
    assert programs.run(program) == "[0. 2. 4.]"


def test_import_of_numba_that_fails_is_made_up_for(programs):
    program = """
        import sys
        from numbafunc.numba_import import after_import
        done, failures = [], [OSError("once")]

        def fail():
            if failures:
                raise failures.pop()

        after_import(fail)
        after_import(lambda: done.append(1))
        for name in [name for name in sys.modules if name.startswith("numbafunc")]:
            del sys.modules[name]
        import numbafunc  # whose finder asks that of the first copy
        try:
            import numba
        except OSError as error:
            print(error, done)
        import numba
        print(done, numba.njit(lambda x: numbafunc.relu(x))(-1.0))
        """
    assert programs.run(program) == "once []\n[1] 0.0"


def test_settings_are_not_noted_after_the_program_has_changed_them(programs, tmp_path):
    program = """
        import numbafunc
        import numba
        numba.config.LOOP_VECTORIZE = 0
        import numpy as np
        numbafunc.relu(np.ones(3))
        """
    programs.run(program, NUMBAFUNC_CACHE_DIR=tmp_path / "cache")
    assert programs.run(RELU, NUMBAFUNC_CACHE_DIR=tmp_path / "cache") == "[0. 2.] True"  # compiled with other settings


def test_threads_and_children_read_kernels(programs, relu):
    program = """
        import os, sys, threading
        import numpy as np
        import numbafunc
        found, start = [], threading.Barrier(8)
        def use():
            start.wait()
            found.append(numbafunc.relu(np.array([-1.0, 2.0])).tolist())
        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [[0.0, 2.0]] * 8
        for _ in range(2):
            child = os.fork() if hasattr(os, "fork") else 0
            if child == 0:
                assert numbafunc.relu(np.array([-1.0, 2.0])).tolist() == [0.0, 2.0]
                if hasattr(os, "fork"):
                    os._exit(0)
            else:
                assert os.waitpid(child, 0)[1] == 0
        print("numba" in sys.modules)
        """
    assert programs.run(program, NUMBAFUNC_CACHE_DIR=relu.parent.parent) == "False"


def test_threads_that_import_numba_do_not_disturb_others(programs, tmp_path):
    program = """
        import threading
        import numpy as np
        import numbafunc

        def compiled():
            import numba
            return numba.njit(lambda x: numbafunc.relu(x))(2.0)

        def gradient():
            return numbafunc.grad(lambda x: numbafunc.relu(x) ** 2)(1.0)

        def loop():
            return numbafunc.scan(lambda c, x: (c + x, c), 0.0, np.ones(2))[0]

        found, start = [], threading.Barrier(4)
        def run(function):
            start.wait()
            found.append(float(function()))
        functions = [compiled, gradient, loop, lambda: numbafunc.relu(2.0)]
        threads = [threading.Thread(target=run, args=(function,)) for function in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [2.0] * 4, found
        """
    for _ in range(3):  # the cache is empty at first
        programs.run(program, NUMBAFUNC_CACHE_DIR=tmp_path / "cache")


def test_numba_that_comes_while_a_function_is_differentiated(programs, tmp_path):
    program = """
        import numbafunc
        def f(x):
            import numba
            return numba.njit(lambda x: x * x)(x)
        print(numbafunc.grad(f)(3.0))
        """
    assert programs.run(program, NUMBAFUNC_CACHE_DIR=tmp_path / "cache") == "6.0"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no forks")
def test_a_child_reads_kernels_that_another_thread_was_reading(programs, relu):
    program = """
        import os, signal, threading
        import numpy as np
        import numbafunc
        from numbafunc.cpu import cache_folder

        reading, ended = threading.Event(), threading.Event()

        def slow(name, suffix=cache_folder.KERNEL):
            if threading.current_thread() is not threading.main_thread():
                reading.set()
                ended.wait(30)
            return found(name, suffix)

        found, cache_folder.read = cache_folder.read, slow
        thread = threading.Thread(target=lambda: numbafunc.relu(np.ones(2)))
        thread.start()
        reading.wait()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            numbafunc.relu(np.ones(2))
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        ended.set()
        thread.join()
        """
    assert programs.run(program, NUMBAFUNC_CACHE_DIR=relu.parent.parent) == "0"


def test_settings_are_asked_of_numba_where_it_chooses_vector_functions(programs, relu):
    program = """
        import sys
        import llvmlite.binding as llvm
        from numbafunc.cpu.cache_key import settings

        llvm.targets.has_svml = lambda: True
        settings()
        print("numba" in sys.modules)
        """
    assert programs.run(program, NUMBAFUNC_CACHE_DIR=relu.parent.parent) == "True"


def test_numbas_file_of_settings_counts_where_it_can_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".numba_config.yaml").write_text("opt: 0")
    found = []
    for spec in (None, importlib.machinery.ModuleSpec("yaml", None)):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, spec=spec: spec)
        found.append(environment())
    assert found[0] != found[1]


def test_sources_in_an_archive_count(programs, tmp_path):
    folder = tmp_path / "changed" / "numbafunc"
    shutil.copytree(programs.package, folder, ignore=shutil.ignore_patterns("__pycache__"))
    source = folder / "ops" / "activation_piecewise.py"
    for factor, expected in (("", "-0.5"), ("2 * ", "-1.0")):
        source.write_text(source.read_text().replace("like(negative_slope", f"like({factor}negative_slope"))
        archive = shutil.make_archive(tmp_path / expected, "zip", folder.parent, "numbafunc")
        program = "import numpy as np, numbafunc; print(numbafunc.leaky_relu(-np.ones(1), 0.5)[0])"
        found = programs.run(program, package=Path(archive, "numbafunc"), NUMBAFUNC_CACHE_DIR=tmp_path / "cache")
        assert found == expected


class Planted:
    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_planted_pickle_is_not_read(programs, relu, tmp_path):
    planted = Planted()
    planted.path = str(tmp_path / "made by a pickle")
    for payload in (pickle.dumps(planted), b"\n" + pickle.dumps(planted)):
        replace(relu, payload)
        assert programs.run(RELU, NUMBAFUNC_CACHE_DIR=relu.parent.parent) == "[0. 2.] True"
        assert not (tmp_path / "made by a pickle").exists()
        assert programs.run(RELU, NUMBAFUNC_CACHE_DIR=relu.parent.parent) == "[0. 2.] False"  # it was made anew


def wrong_entries(facts, code):
    """Payloads that have the right form."""
    yield facts, b""
    yield facts, code[: len(code) // 2]
    yield facts, bytes(len(code))
    yield facts, code[:4] + struct.pack("B", 1) + code[5:]  # for 32 bits
    yield {**facts, "needs": ["no_such_function"]}, code
    yield {**facts, "needs": 3}, code
    yield {**facts, "wrapper": "no_such_function"}, code
    yield {**facts, "function": "no_such_function"}, code
    yield {**facts, "environments": ["no_such_variable"]}, code
    yield {}, code


@pytest.mark.skipif(os.name != "posix", reason="the objects of Windows are not looked into")
def test_wrong_entries_do_no_harm(programs, relu):
    facts, (code,) = cache_entries.unpacked(head_and_payload(relu)[1])
    program = """
        import warnings
        import numpy as np
        import numbafunc
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            print(numbafunc.relu(np.array([-1.0, 2.0])))
        print(*(warning.category.__name__ for warning in caught))
        """
    for wrong in wrong_entries(facts, code):
        replace(relu, cache_entries.packed(*wrong))
        assert programs.run(program, NUMBAFUNC_CACHE_DIR=relu.parent.parent) == "[0. 2.]\nKernelCacheWarning"
