"""Reductions in a process that is alone: the identity, with all checks and dtypes; mpi4py is not loaded."""

import sys

import ml_dtypes
import numpy as np
import pytest

import numbafunc
from numbafunc import parallel
from numbafunc.parallel.__main__ import main


class OnDevice:
    @property
    def __cuda_array_interface__(self):
        return {"shape": (3,), "typestr": "<f4", "data": (0, False), "version": 3}


FUNCTIONS = [parallel.psum, parallel.pmean, parallel.pmax, parallel.pmin]


@pytest.fixture(autouse=True)
def mpi_stays_unloaded():
    yield
    assert "mpi4py.MPI" not in sys.modules


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", ["?", "i1", "u8", "f2", "f4", "f8", ml_dtypes.bfloat16, ">f4"])
def test_identity(function, dtype):
    x = np.array([[0, 1, 1], [1, 0, 1]]).astype(dtype).T
    result = function(x)
    np.testing.assert_array_equal(result.astype(float), x.astype(float))
    assert result.flags.c_contiguous
    assert not np.shares_memory(result, x)
    native = x.dtype.newbyteorder("=")
    if function is parallel.pmean and native.kind in "biu":
        native = np.dtype(float)
    elif function is parallel.psum and native.kind == "b":
        native = np.dtype(np.int64)
    assert result.dtype == native


def test_nests_and_numbers():
    assert parallel.psum(1) == 1
    assert parallel.psum(True).dtype == np.int64
    assert parallel.pmean({"a": [1, 2.5], "b": None}) == {"a": [1, 2.5], "b": None}
    assert parallel.psum(2j) == 2j
    assert parallel.broadcast((1, np.ones(2)))[1].tolist() == [1, 1]
    assert (parallel.axis_index(), parallel.axis_size()) == (0, 1)
    assert parallel.psum(3, axis_index_groups=[[0]]) == 3


@pytest.mark.parametrize("function", FUNCTIONS)
def test_derivatives(function):
    value, tangent = numbafunc.jvp(lambda x: function(3 * x), (2.0,), (1.0,))
    assert (value, tangent) == (6, 3)
    assert numbafunc.grad(numbafunc.grad(lambda x: function({"a": x**3})["a"]))(2.0) == 12


def test_functions_that_move_data():
    x = np.arange(6.0).reshape(1, 2, 3)
    for result, wanted in [
        (parallel.all_gather(x, axis=1), x[:, None]),
        (parallel.all_gather({"a": [x]}, axis=1, tiled=True)["a"][0], x),
        (parallel.reduce_scatter(x), x[0]),
        (parallel.reduce_scatter(x, axis=2, tiled=True), x),
        (parallel.all_to_all(x, concat_axis=2), x[0, :, :, None]),
        (parallel.all_to_all(x, split_axis=1, concat_axis=2, tiled=True), x),
        (parallel.ppermute(x, perm=[(0, 0)]), x),
        (parallel.ppermute(x, perm=[]), 0 * x),
        (parallel.halo(x, {1: "device"}, width=(0, 2), border="edge"), np.pad(x, ((0, 0), (0, 2), (0, 0)), "edge")),
        (parallel.halo(x, (None, "device"), periodic=True), np.pad(x, ((0, 0), (1, 1), (0, 0)), "wrap")),
        (parallel.halo(x, width=0, border=None), x),
    ]:
        np.testing.assert_array_equal(result, wanted, strict=True)
        assert not np.shares_memory(result, x)
    parallel.barrier()
    with pytest.raises(ValueError, match="x has length 2 along axis 1; wanted: 1"):
        parallel.reduce_scatter(x, axis=1)
    value, tangent = numbafunc.jvp(lambda v: parallel.all_gather(3 * v), (2.0,), (1.0,))
    assert (value, tangent) == ([6], [3])
    assert numbafunc.grad(lambda v: parallel.all_gather(v**3)[0], mode="reverse")(2.0) == 12


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"x": 5.0}, ValueError, "along axis 0, but x is a number"),
        ({"x": {"a": [2j]}}, ValueError, r"but x\['a'\]\[0\] is a number"),
        ({"x": ["text"]}, TypeError, "'text'"),
        ({"axes": {2: "device"}}, ValueError, "along axis 2, but x has 2 axes"),
        ({"axes": "rows"}, NameError, "no axis 'rows'"),
        ({"axes": ("device", "device")}, ValueError, "has a name twice"),
        ({"axes": 0}, TypeError, "axes is 0; wanted: the name of an axis of ranks"),
        ({"axes": (None, 5)}, TypeError, "axes has 5 for axis 1; wanted: a string"),
        ({"axes": {"device": 0}}, TypeError, "axes has 0 for axis 'device'"),
        ({"axes": {1.5: "device"}}, TypeError, "axes has the axis 1.5; wanted: an int"),
        ({"width": -1}, ValueError, "width is -1; wanted: no negative number"),
        ({"width": 1.0}, TypeError, "width is 1.0; wanted: an int"),
        ({"width": True}, TypeError, "width is True; wanted: an int"),
        ({"width": ((1, 1), (1, 1))}, ValueError, "of which there are 1"),
        ({"width": ((1, 2, 3),)}, TypeError, r"width is \(1, 2, 3\); wanted: an int"),
        ({"width": {1: 1}}, ValueError, r"width has the axes \[1\]; wanted: those of axes, \[0\]"),
        (
            {"width": 4, "periodic": True},
            ValueError,
            "rank 0: too small: x has length 3 along axis 0; needed: 4: halo of",
        ),
        ({"width": 3, "border": "reflect"}, ValueError, "needed: 4"),
        ({"periodic": "yes"}, TypeError, "periodic is 'yes'; wanted: True or False"),
        ({"periodic": (True, False)}, ValueError, "of which there are 1"),
        ({"border": "wrap"}, ValueError, "border is 'wrap'; wanted: a number, 'edge'"),
        ({"border": [1, 2]}, TypeError, r"border is \[1, 2\]; wanted: a number"),
        ({"border": 1j}, TypeError, "border is 1j, which x, of dtype float64, can't hold"),
        ({"x": np.arange(3), "border": 0.5}, TypeError, "border is 0.5, which x, of dtype int64, can't hold"),
        ({"x": np.arange(3), "border": float("nan")}, TypeError, "can't hold"),
        ({"out": np.empty((3, 2))}, ValueError, r"out has shape \(3, 2\); wanted: \(5, 2\)"),
        ({"out": [np.empty((5, 2))]}, ValueError, "out is nested as"),
        ({"name": 5}, TypeError, "name is 5; wanted: a string"),
    ],
)
def test_what_halo_refuses(options, error, words):
    with pytest.raises(error, match=words):
        parallel.halo(**{"x": np.ones((3, 2)), **options})


def test_a_halo_takes_no_dual_number_where_it_would_lose_the_tangent():
    x = np.ones(3)
    with pytest.raises(TypeError, match="border is a dual number"):
        numbafunc.grad(lambda b: parallel.halo(x, border=b).sum())(2.0)
    with pytest.raises(TypeError, match="out can't hold the result for a dual array"):
        numbafunc.jvp(lambda v: parallel.halo(v, out=np.empty(5)), (x,), (x,))


def test_what_is_started_is_waited_for():
    x = np.array([1.0, 2.0])
    for start, function in [(parallel.psum_start, parallel.psum), (parallel.pmean_start, parallel.pmean)]:
        handle = start({"a": x, "b": [3, None]}, name="both")
        assert not x.flags.writeable
        result = handle.wait()
        assert handle.wait() is result
        x += 1
        np.testing.assert_array_equal(result["a"], x - 1, strict=True)
        assert result["b"] == function([3, None])
        assert result["b"][0].dtype == function(3).dtype
        with pytest.warns(RuntimeWarning, match=rf"nobody waited for {start.__name__} of .* at .*test_alone.py:\d+"):
            start(x)
        assert x.flags.writeable
        with pytest.raises(TypeError, match=r"x\['a'\] is 'text'"):
            start({"a": "text"})
        assert numbafunc.grad(numbafunc.grad(lambda v, start=start: start({"a": v**3}).wait()["a"]))(2.0) == 12


@pytest.mark.parametrize("function", FUNCTIONS)
def test_refused(function):
    with pytest.raises(TypeError, match="x is in the memory of a CUDA device"):
        function(OnDevice())
    with pytest.raises(TypeError, match=r"x\['a'\]\[1\] is 'text'"):
        function({"a": [1, "text"]})
    with pytest.raises(TypeError, match="x has dtype object"):
        function(np.array([None]))
    with pytest.raises(TypeError, match="masked"):
        function(np.ma.masked_array([1.0, 2.0], [True, False]))
    with pytest.raises(NameError, match="no axis 'rows'; known: .*'device'"):
        function(1.0, "rows")
    with pytest.raises(TypeError, match="axis_name is 5"):
        function(1.0, 5)
    with pytest.raises(ValueError, match="axis_index_groups"):
        function(1.0, axis_index_groups=[[0], [1]])


@pytest.mark.parametrize("function", [parallel.pmax, parallel.pmin])
def test_complex_numbers_have_no_order(function):
    for x in (1j, np.array([1j])):
        with pytest.raises(TypeError, match="complex128; pm.. wants real numbers"):
            function(x)


def test_out():
    x = np.array([1.0, 2.0])
    out = np.empty(2)
    for _ in range(2):
        assert parallel.psum(x, out=out) is out
        assert out.tolist() == [1, 2]
    with pytest.raises(TypeError, match="out has dtype float32; wanted: float64"):
        parallel.psum(x, out=np.empty(2, np.float32))
    with pytest.raises(ValueError, match=r"out has shape \(3,\); wanted: \(2,\)"):
        parallel.psum(x, out=np.empty(3))
    with pytest.raises(ValueError, match="out overlaps"):
        parallel.psum(x, out=x[::-1])
    assert parallel.psum(x, out=x) is x
    with pytest.raises(ValueError, match="out is nested as"):
        parallel.psum([x], out=(out,))
    with pytest.raises(TypeError, match="out can't hold the result for a dual array"):
        numbafunc.jvp(lambda v: parallel.psum(v, out=out), (x,), (x,))


def test_out_of_a_nest():
    x = np.array([1.0, 2.0])
    for out in ([np.empty(2)] * 2, [block := np.empty(2), block[::-1]]):
        with pytest.raises(ValueError, match="out has two arrays that share memory"):
            parallel.psum([x, x], out=out)
    with pytest.raises(ValueError, match="out overlaps"):
        parallel.psum([x, x], out=[np.empty(2), x])
    block = np.empty((2, 2))
    parallel.psum([x, x], out=list(block.T))
    assert block.tolist() == [[1, 1], [2, 2]]


def test_axes_of_one_rank():
    assert parallel.grid(data=-1, model=1) == {"data": 1, "model": 1}
    assert parallel.psum(2, ("data", "model")) == 2
    assert parallel.axis_size("data") == 1
    with pytest.raises(ValueError, match="does not fit on the 1 ranks"):
        parallel.grid(data=2)
    with pytest.raises(TypeError, match="communicator is None"):
        parallel.register_axis("other", None)
    parallel.axes._forget("data")
    with pytest.raises(NameError, match="data"):
        parallel.psum(1, "data")


def test_inside_a_compiled_function():
    import numba

    @numba.njit
    def f(x):
        return parallel.psum(x) + parallel.pmean(1, weight=x[0]) + parallel.pscan(x[0], exclusive=True)

    assert f(np.array([1.0, 2.0])).tolist() == [2, 3]


def test_a_compiled_function_says_what_it_can_not_reduce():
    import numba

    for function, arguments, text in [
        (lambda x: parallel.psum(x), ("text",), "wanted inside a compiled function: an array of numbers"),
        (lambda x: parallel.pmax(x), (np.ones(2, complex),), "complex ones have no order"),
        (lambda x, name: parallel.psum(x, name), (1.0, "device"), "axis_name has to be written out"),
        (lambda x: parallel.psum(x, out=x), (np.ones(2),), "out can't be given"),
        (lambda x: parallel.psum(x, reproducible=2), (1.0,), "reproducible is 2; wanted: True or False"),
        (lambda x: parallel.psum(x, name=x), (1.0,), "name is float64; wanted: a string"),
        (lambda x: parallel.pscan(x, op="min"), (1.0,), "op is 'min'; wanted: 'sum' or 'max', written out"),
        (lambda x, tiled: parallel.all_gather(x, tiled=tiled), (1.0, True), "tiled is bool; wanted: False or True"),
        (lambda x: parallel.ppermute(x, perm=None), (1.0,), "perm is None; wanted: a list"),
        (lambda x: parallel.broadcast(x, root=1.5), (1.0,), "root is float64; wanted: an int"),
    ]:
        # The message also shows lines of this file.
        with pytest.raises(numba.TypingError, match=f"TypingError: .*{text}"):
            numba.njit(function)(*arguments)


def test_a_loop_that_threads_share_makes_no_collective_calls():
    import numba

    def f(x):
        for i in numba.prange(x.size):
            x[i] = parallel.psum(x[i]) + parallel.axis_index()
        return x

    with pytest.raises(numba.TypingError, match=r"called in a parallel loop \(numba.prange\)"):
        numba.njit(f, parallel=True)(np.ones(4))
    assert numba.njit(f)(np.ones(4)).tolist() == [1] * 4


@pytest.mark.parametrize("missing", [(), ("rich.console",)])
def test_check(capsys, monkeypatch, missing):
    for module in missing:
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["check", "--largest", "1003"]) == 0
    output = capsys.readouterr().out
    for text in (
        "on 1 rank",
        "not started by an MPI launcher",
        "can't disagree",
        "sum of 8 B",
        "sum of 1000 B",
        "psum ",
    ):
        assert text in output
    assert "sum of 1 KB" not in output
    monkeypatch.setattr(parallel, "psum", lambda x: x + 1)
    assert main(["check", "--largest", "8"]) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "required: command"),
        (["chek"], "invalid choice: 'chek'"),
        (["check", "--largest", "-1"], "--largest: must be a number of bytes, at least 8, not -1"),
        (["check", "--largest", "much"], "not much"),
        (["check", "now"], "unrecognized arguments: now"),
    ],
)
def test_check_refuses(capsys, arguments, text):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert text in capsys.readouterr().err


def test_set_timeout_refuses_what_is_no_time():
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="seconds is"):
            parallel.set_timeout(wrong)
    for wrong in ("5", None):
        with pytest.raises(TypeError, match="seconds is"):
            parallel.set_timeout(wrong)


def test_the_plan_knows_the_size_of_a_frame():
    from numbafunc.parallel import agreement, plan

    assert plan._PAYLOAD == agreement.PAYLOAD
