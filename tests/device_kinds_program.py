"""What is said of the linear and the selection kind on arrays of a CUDA device, for test_device.py to run."""

import numpy as np
from device_backend import refused, run, to_device

import numbafunc
from numbafunc.autodiff.dual import assemble, components
from numbafunc.autodiff.levels import admit

# Lengths beyond a warp, a block and the grid of the simulator, and a transpose that goes through tiles.
RANDOM = np.random.default_rng(7)
IMAGES = RANDOM.normal(size=(4, 4, 6, 36)).astype(np.float32)
TRANSPOSED = np.ascontiguousarray(RANDOM.normal(size=(2, 40, 33))).transpose(0, 2, 1)
ROWS = np.round(RANDOM.normal(size=(3, 70)), 1)

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
    "interpolate": (lambda x: numbafunc.interpolate(x, (7, 50)), IMAGES[0]),
    "interpolate nearest": (lambda x: numbafunc.interpolate(x, (7, 50), mode="nearest"), IMAGES[0]),
    "upsample_2d": (lambda x: numbafunc.upsample_2d(x, 2, "cubic"), IMAGES[:1].astype(np.float16)),
    "top_k": (lambda x: numbafunc.top_k(x, 3)[0], ROWS),
}


def same(found, wanted, name):
    """Fail unless a result of the device is the same as the other one."""
    host = found.copy_to_host()
    assert host.dtype == wanted.dtype, name
    np.testing.assert_array_equal(host, wanted, err_msg=name)


def test_the_bits_of_the_processor_with_all_tangents():
    for level in (1, 2):
        admit(level)
    for name, (function, x) in CASES.items():
        same(function(to_device(x)), function(x), name)
        first = RANDOM.normal(size=(2, *x.shape)).astype(x.dtype)
        parts = {(): x, (1,): first, (1, 2): np.stack([[x, -x]]).swapaxes(0, 1), (2,): first[:1]}
        wanted = components(function(assemble(parts)))
        found = components(function(assemble({levels: to_device(part) for levels, part in parts.items()})))
        assert set(found) == set(wanted), name
        for levels, part in wanted.items():
            same(found[levels], part, f"{name}, component {levels}")


def test_constants_in_two_places():
    constant = to_device(np.array(1.0))
    for rows in (ROWS, to_device(ROWS)):
        words = "constant_values is an array of a CUDA device"
        refused(TypeError, words, numbafunc.pad, rows, 1, constant_values=constant)


run(globals())
