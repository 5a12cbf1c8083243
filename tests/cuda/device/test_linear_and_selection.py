"""The linear and the selection kind, scan and pad on arrays of a CUDA device."""

import functools
import math
from types import SimpleNamespace

import numpy as np
import optree
import pytest
from chosen_backend import refused, to_device
from sweep import mostly_thorough

import numbafunc
from numbafunc.dual.array import assemble, components
from numbafunc.dual.levels import admit

pytestmark = pytest.mark.any_backend

# Lengths beyond a warp, a block and the grid of the simulator, and a transpose that goes through tiles.
RANDOM = np.random.default_rng(7)
IMAGES = RANDOM.normal(size=(4, 4, 6, 36)).astype(np.float32)
TRANSPOSED = np.ascontiguousarray(RANDOM.normal(size=(2, 40, 33))).transpose(0, 2, 1)
ROWS = np.round(RANDOM.normal(size=(3, 70)), 1)
HALVES = ROWS[:, 4:].astype(np.float16)

CASES = {
    "batch_to_space2d": (numbafunc.batch_to_space2d, IMAGES),
    "channel_to_space2d": (numbafunc.channel_to_space2d, IMAGES),
    "space_to_batch2d": (numbafunc.space_to_batch2d, IMAGES),
    "space_to_channel2d": (lambda x: numbafunc.space_to_channel2d(x, (3, 2)), IMAGES.astype(np.float16)),
    "flatten": (numbafunc.flatten, TRANSPOSED),
    "upscale_nn": (lambda x: numbafunc.upscale_nn(x, 3), IMAGES[:1, ..., ::-1]),
    "dynamic_slice": (lambda x: numbafunc.dynamic_slice(x, (1, 3), (2, 41)), ROWS),
    "dynamic_slice of a number": (lambda x: numbafunc.dynamic_slice(x, (), ()), np.array(3.5)),
    "average_pool_2d": (lambda x: numbafunc.average_pool_2d(x, 3, 2, 1), IMAGES),
    "max_pool_2d": (lambda x: numbafunc.max_pool_2d(x, 3, 1, "same"), np.round(IMAGES)),
    "pad": (lambda x: numbafunc.pad(x, 33, constant_values=((1, 2), (3, 4))), ROWS),
    "pad reflect": (lambda x: numbafunc.pad(x, ((0, 2), (40, 1)), "reflect"), ROWS),
    "pad linear_ramp": (lambda x: numbafunc.pad(x, ((1, 2), (3, 40)), "linear_ramp", end_values=(5, 6)), ROWS),
    "pad linear_ramp of halves": (lambda x: numbafunc.pad(x, 7, "linear_ramp", end_values=((0.1, 2), (3, 4))), HALVES),
    "pad odd": (lambda x: numbafunc.pad(x, ((0, 5), (90, 1)), "reflect", reflect_type="odd"), ROWS),
    "pad odd symmetric": (lambda x: numbafunc.pad(x, 9, "symmetric", reflect_type="odd"), HALVES),
    "pad maximum": (lambda x: numbafunc.pad(x, ((1, 2), (3, 4)), "maximum", stat_length=((2, 3), (40, 3))), ROWS),
    "pad minimum": (lambda x: numbafunc.pad(x, ((1, 2), (0, 1)), "minimum"), ROWS.astype(np.float32)),
    "pad median": (lambda x: numbafunc.pad(x, ((1, 0), (3, 4)), "median", stat_length=((2, 3), (40, 3))), ROWS),
    "interpolate": (lambda x: numbafunc.interpolate(x, (7, 50)), IMAGES[0]),
    "interpolate nearest": (lambda x: numbafunc.interpolate(x, (7, 50), mode="nearest"), IMAGES[0]),
    "upsample_2d": (lambda x: numbafunc.upsample_2d(x, 2, "cubic"), IMAGES[:1].astype(np.float16)),
    "top_k": (lambda x: numbafunc.top_k(x, 3)[0], ROWS),
    "top_k of many": (lambda x: numbafunc.top_k(x, 40)[0], ROWS),
}


def same(found, wanted, name):
    """Fail unless a result of the device is the same as the other one."""
    host = found.copy_to_host()
    assert host.dtype == wanted.dtype, name
    np.testing.assert_array_equal(host, wanted, err_msg=name)


@pytest.mark.parametrize(
    "name",
    mostly_thorough(CASES, CASES.keys() - {"pad linear_ramp of halves", "pad median", "top_k of many", "upsample_2d"}),
)
def test_the_bits_of_the_processor_with_all_tangents(name):
    for level in (1, 2):
        admit(level)
    function, x = CASES[name]
    same(function(to_device(x)), function(x), name)
    first = np.random.default_rng(8).normal(size=(2, *x.shape)).astype(x.dtype)
    parts = {(): x, (1,): first, (1, 2): np.stack([[x, -x]]).swapaxes(0, 1), (2,): first[:1]}
    wanted = components(function(assemble(parts)))
    found = components(function(assemble({levels: to_device(part) for levels, part in parts.items()})))
    assert set(found) == set(wanted), name
    for levels, part in wanted.items():
        same(found[levels], part, f"{name}, component {levels}")


add = numbafunc.elementwise(lambda x, y: x + y)
mixed = numbafunc.elementwise(lambda x, y: 0.5 * x + y * y)


def on_the_device(nest):
    """The nest with its arrays on the device."""
    return optree.tree_map(lambda x: to_device(x) if isinstance(x, np.ndarray) else x, nest)


def back(nest):
    """The nest with its arrays, all of which are on the device, in main memory."""
    return optree.tree_map(lambda x: x.copy_to_host(), nest)


def step(carry, x):
    """A step with nests on both sides, of which one leaf has more tangents from the second on."""
    total, state = carry
    state = mixed(state, x["row"])
    return (add(total, x["weight"]), state), {"state": state, "total": total, "row": x["row"]}


SCANNED = {"row": RANDOM.normal(size=(5, 40)).astype(np.float32), "weight": RANDOM.normal(size=5)}


def test_scan():
    for steps, reverse in ((5, False), (5, True), (0, False)):
        xs = {name: x[:steps] for name, x in SCANNED.items()}
        init = (0.25, np.zeros(40, np.float32))
        wanted = numbafunc.scan(step, init, xs, reverse=reverse)
        found = back(numbafunc.scan(step, on_the_device(init), on_the_device(xs), reverse=reverse))
        for a, b in zip(optree.tree_leaves(found), optree.tree_leaves(wanted)):
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            np.testing.assert_array_equal(a, b)


def test_derivatives_of_scan():
    def f(row, weight):
        return numbafunc.scan(step, (1.0, row0), {"row": row, "weight": weight})

    arguments = tuple(SCANNED.values())
    directions = tuple(RANDOM.normal(size=x.shape).astype(x.dtype) for x in arguments)
    row0 = np.ones(40, np.float32)
    wanted = numbafunc.jvp(lambda *x: numbafunc.jvp(f, x, directions), arguments, directions)
    row0 = to_device(row0)
    given, along = map(on_the_device, (arguments, directions))
    found = back(numbafunc.jvp(lambda *x: numbafunc.jvp(f, x, along), given, along))
    for a, b in zip(optree.tree_leaves(found), optree.tree_leaves(wanted)):
        np.testing.assert_array_equal(a, b)


def test_scan_takes_numbers_to_the_device_and_leaves_the_callers_arrays_alone():
    xs, init = to_device(np.arange(4, dtype=np.int16)), to_device(np.zeros(1))
    last, taken = numbafunc.scan(lambda carry, x: (x, carry), np.int16(-7), xs)
    np.testing.assert_array_equal(taken.copy_to_host(), np.array([-7, 0, 1, 2], np.int16))
    assert last.copy_to_host() == 3
    for number in (True, 2.5, -(2**62), np.uint64(2**64 - 1), np.float16(0.1), np.uint8(200)):
        some = to_device(np.full(2, number))
        _, taken = numbafunc.scan(lambda carry, x: (x, carry), np.asarray(number)[()], some)
        same(taken, np.full(2, number), f"the number {number!r}")

    given = iter([to_device(np.array(1.5)), 2.5, np.float64(3.5), to_device(np.array(4.5))])
    _, taken = numbafunc.scan(lambda carry, x: (carry, next(given)), None, xs)
    same(taken, np.array([1.5, 2.5, 3.5, 4.5]), "numbers among arrays")

    def in_place(carry, x):
        carry[0] = 5.0
        return carry, x

    numbafunc.scan(in_place, init, xs)
    assert init.copy_to_host() == 0


def test_scan_differentiates_a_number_of_the_host():
    decay = numbafunc.elementwise(lambda t, a, b: a * math.exp(-b * t))
    times = RANDOM.uniform(0, 1, 5)

    def final(start, times):
        return numbafunc.scan(lambda carry, time: (decay(time, carry, 0.1), carry), start, times)[0]

    for start in (1.0, -0.0):
        for function in (numbafunc.grad(final), numbafunc.grad(numbafunc.grad(final))):
            found, wanted = function(start, to_device(times)), function(start, times)
            np.testing.assert_array_equal(getattr(found, "copy_to_host", lambda found=found: found)(), wanted)


def test_scan_refuses():
    xs = to_device(ROWS)
    places = iter([xs, ROWS, ROWS, xs])
    for _ in range(2):
        refused(TypeError, "in some steps only", numbafunc.scan, lambda c, x: (c, next(places)), None, xs)
    refused(TypeError, "wanted: a carry that stays", numbafunc.scan, lambda c, x: (x, c), np.zeros(2), xs)
    refused(TypeError, "complex", numbafunc.scan, lambda c, x: (c, x), 0, to_device(ROWS * 1j))
    refused(IndexError, "xs has no dimensions", numbafunc.scan, lambda c, x: (c, x), 0, to_device(np.array(1.0)))


def test_means_of_margins():
    # Sums are joined in another order than processors do, in float64.
    for dtype in (np.float16, np.float32):
        x = ROWS.astype(dtype)
        for lengths in (None, ((2, 3), (40, 9))):
            pad = functools.partial(numbafunc.pad, pad_width=((1, 2), (3, 4)), mode="mean", stat_length=lengths)
            same(pad(to_device(x)), pad(x), f"mean of {x.dtype}, {lengths}")
    x = np.array([1e16, *[1.0] * 8, -1e16, 2.0])
    assert numbafunc.pad(to_device(x), (1, 0), "mean").copy_to_host()[0] == math.fsum(x) / x.size
    for bad in (np.inf, np.nan):
        found = numbafunc.pad(to_device(np.array([1.0, bad, 2.0])), (1, 0), "mean").copy_to_host()
        np.testing.assert_array_equal(found[0], bad)


def test_streams_of_margins():
    from numbafunc_cuda import pad_statistics

    seen = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pad_statistics, "stream_for", lambda views: seen.append(len(views)) or 7)
        patch.setattr(pad_statistics, "launch", lambda kernel, tasks, arguments, stream: seen.append(stream))
        patch.setattr(pad_statistics, "arranged", lambda array, *_: seen.append(array.stream) or array)
        admit(1)
        parts = {(): to_device(ROWS), (1,): to_device(ROWS[None])}
        numbafunc.pad(assemble(parts), 1, "maximum")
    assert seen == [2, *[7] * 4, *[7] * 2]  # one stream for both components, of two axes, and for the results


EVENTS = []


class Event:
    """An event of a device that writes down what is done with it."""

    def __init__(self, timing):
        assert not timing

    def record(self, stream):
        """What an event marks."""
        EVENTS.append(("after", stream))

    def wait(self, stream):
        """Who waits for it."""
        EVENTS.append(("waits", stream))


def test_a_stream_follows_another_one():
    from numbafunc_cuda import arrays

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "cuda", SimpleNamespace(event=Event))
        for stream, other in ((0, 2), (1, 2), (2, 2), (1, 0), (0, 0)):
            arrays.follow(stream, other)
    assert EVENTS == [("after", 2), ("waits", 0), ("after", 2), ("waits", 1)]


def test_a_stack_waits_for_the_streams_of_steps():
    from numbafunc_cuda import arrays, scan

    streams, seen = iter([0, 0, 0, 5]), []  # two looks at the first step, and one for each that is put
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "view", lambda x, name: arrays.view(x, name)._replace(stream=next(streams)))
        patch.setattr(scan, "follow", lambda *given: seen.append(given))
        step = to_device(np.ones(3))
        stack = scan.Stack(2, step)
        for i in range(2):
            stack.put(i, step)
    assert seen == [(0, 0), (0, 5)]


def test_ends_of_ramps_have_derivatives():
    def ramp(x, end):
        return numbafunc.pad(x, (2, 3), "linear_ramp", end_values=(end, end * end))

    x, t = np.arange(3.0), np.array([1.0, -2.0, 3.0])
    for given in ((x, 4.0), (x, -0.5)):
        wanted = numbafunc.jvp(ramp, given, (t, 3.0))
        found = numbafunc.jvp(ramp, (to_device(x), given[1]), (to_device(t), 3.0))
        for a, b in zip(found, wanted):
            same(a, b, "ramp")
    same(numbafunc.jacfwd(lambda e: ramp(to_device(x), e))(4.0), numbafunc.jacfwd(lambda e: ramp(x, e))(4.0), "ends")


def test_lines_of_functions():
    x = to_device(ROWS[:2, :3])
    seen = []

    def keep(line, width, axis, options):
        seen.append((line.copy_to_host().tolist(), width, axis, options))
        return line

    same(numbafunc.pad(x, ((1, 0), (0, 2)), keep, stat_length=2), np.pad(ROWS[:2, :3], ((1, 0), (0, 2))), "lines")
    assert len(seen) == 5 + 3
    assert seen[0] == ([0.0, *ROWS[:2, 0].tolist()], (1, 0), 0, {"stat_length": 2})

    def by_function(x):
        return numbafunc.pad(x, ((1, 0), (0, 2)), lambda line, *_: mixed(line, line * line))

    wanted = numbafunc.jacfwd(numbafunc.jacfwd(by_function))(ROWS[:2, :3])
    found = numbafunc.jacfwd(numbafunc.jacfwd(by_function))(x)
    np.testing.assert_allclose(found.copy_to_host(), wanted, rtol=1e-14)
    found = numbafunc.pad(to_device(np.arange(3)), 1, lambda line, *_: mixed(line, line))
    same(found, np.array([0, 0, 1, 5, 0]), "integers")
    line = np.array([2**62 + 1, -(2**62) - 3, 2**53 + 1, 5, -7])
    for dtype in (np.uint64, np.int32, np.int8, np.bool_):
        found = numbafunc.pad(to_device(np.zeros(3, dtype)), 1, lambda *_: to_device(line))
        same(found, line.astype(dtype), "integers of another dtype")
    integers, many = to_device(np.arange(3)), to_device(np.linspace(-1, 1, 5))
    words = "what mode returned is float64, but array has dtype int64"
    by_integers = functools.partial(
        numbafunc.jvp, lambda t: numbafunc.pad(integers, 1, lambda *_: numbafunc.sigmoid(t))
    )
    refused(TypeError, words, by_integers, (many,), (many,))
    for wrong, words in ((lambda line, *_: None, "None"), (lambda line, *_: line.copy_to_host(), "an array")):
        refused(TypeError, f"what mode returned is {words}", numbafunc.pad, x, 1, wrong)
    refused(ValueError, "what mode returned has shape", numbafunc.pad, x, 1, lambda line, *_: line[1:])
    assert numbafunc.pad(to_device(np.zeros((0, 2))), ((0, 0), (1, 1)), keep).shape == (0, 4)


def test_constants_in_two_places():
    constant = to_device(np.array(1.0))
    for rows in (ROWS, to_device(ROWS)):
        for mode, name in (("constant", "constant_values"), ("linear_ramp", "end_values")):
            for given in (constant, (constant, 1.0), [[constant, constant]]):
                words = f"{name} has an array of a CUDA device"
                refused(TypeError, words, numbafunc.pad, rows, 1, mode, **{name: given})
        refused(TypeError, "pad_width has an array of a CUDA device", numbafunc.pad, rows, constant)
        refused(TypeError, "stat_length has an", numbafunc.pad, rows, 1, "mean", stat_length=(constant, 1))
