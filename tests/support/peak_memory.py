"""The memory that calls of all registered ops take at their peak: python tests/support/peak_memory.py [PART]

PART is a part of "of KIND NAME, WAY". A line of JSON for each: kind, name, way, and all bytes at the peak, divided by
those of operands and results. Each case runs in a forked child, first with a shape that compiles what is needed, then
with one almost as large as the last, so that neither start-up nor tables that are made once count, and then with the
one that is measured.
"""

import ctypes
import gc
import json
import math
import os
import sys
import warnings
from pathlib import Path

import elementwise_table
import linear_table
import numpy as np
import reduction_table
import selection_table

import numbafunc

SHAPES = ((4, 6, 60, 180), (4, 6, 120, 708), (4, 6, 120, 720))  # of few bytes, of almost 16 MB, of 16 MB

# How a shape becomes that of an op which can't take any.
OF_SHAPE = {"batch_to_space2d": lambda shape: (6, *shape[1:]), "channel_to_space2d": lambda shape: (6, 4, *shape[2:])}


def _of_linear(name, shape):
    shape = OF_SHAPE.get(name, lambda shape: shape)(shape)
    if name == "pad_linear_ramp":
        shape = (math.prod(shape[:2]) * 4, math.prod(shape[2:]) // 4)
    return [linear_table.operand(name, shape)]


def cases():
    """Kind, name, a function of operands, and what makes operands of a shape."""
    for name in elementwise_table.NAMES:
        if name != "one_hot":
            entry = elementwise_table.TABLE[name]
            make = lambda shape, name=name: elementwise_table.operands(name, shape, np.float64)  # noqa: E731
            yield "elementwise", name, entry.function, make
    for name in reduction_table.NAMES:
        if name.endswith(("_where", "_weighted", "_signed")) and name != "logsumexp_weighted":
            continue  # which make masks and weights on their way; masks are given to functions of the kind "mask"
        if name == "kl":
            continue  # it is a product of BLAS, which takes buffers when it likes
        function = reduction_table.TABLE[name].function
        yield (
            "reduction",
            f"{name} of rows",
            lambda x, *others, function=function: function(x, -1, *others),
            lambda shape, name=name: reduction_table.operands(name, reduction_table.shape_for(name, shape)),
        )
    for name in linear_table.NAMES:
        if name != "dynamic_slice":  # whose sizes are bound
            yield "linear", name, linear_table.TABLE[name].function, lambda shape, name=name: _of_linear(name, shape)
    for case in selection_table.CASES:
        if not case.endswith(" all"):
            yield (
                "selection",
                case,
                selection_table.entry(case).function,
                lambda shape: [np.random.default_rng(0).normal(size=shape)],
            )
    for classes in (10, 1 << 17):
        yield (
            "one_hot",
            f"one_hot of {classes}",
            lambda x, classes=classes: numbafunc.one_hot(x, classes, dtype=bool),
            lambda shape, classes=classes: [np.arange(4 * shape[2] * shape[3] // classes * 60)],
        )
    for dtype in (np.int64, np.float32):
        for name, function in {
            "logsumexp": lambda x, mask: numbafunc.logsumexp(x, -1, where=mask),
            "l2": lambda x, mask: numbafunc.loss.l2(x, where=mask),
            "softmax": lambda x, mask: numbafunc.softmax(x, -1, mask),
            "mean squared error": lambda x, mask: numbafunc.loss.mean_squared_error(x, 0.0, (0,), where=mask),
        }.items():
            yield (
                "mask",
                f"{name} where {np.dtype(dtype)}",
                function,
                lambda shape, dtype=dtype: [
                    np.random.default_rng(0).normal(size=shape),
                    (np.arange(math.prod(shape)).reshape(shape) % 3 != 0).astype(dtype),
                ],
            )
    for method in ("nearest", "linear", "cubic", "lanczos5"):
        yield (
            "resize",
            f"{method} of an axis",
            lambda x, method=method: numbafunc.interpolate(x, len(x) + 1000, mode=method),
            lambda shape: [np.arange(float(math.prod(shape)))],
        )


def ways(kind, function):
    """The function itself and its derivatives in both modes, along the first operand."""
    if kind == "one_hot":
        return {"value": function}

    def forward(x, *others):
        return numbafunc.jvp(lambda x: function(x, *others), (x,), (x,))

    def backward(x, *others):
        value, pull = numbafunc.vjp(lambda x: function(x, *others), x)
        return value, pull(value)

    return {"value": function, "jvp": forward, "vjp": backward}


def size(nest):
    if isinstance(nest, (tuple, list)):
        return sum(map(size, nest))
    return nest.nbytes if hasattr(nest, "nbytes") else 0


def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def peak(function, make):
    """Bytes at the peak of a call, in multiples of those of its operands and results."""
    for shape in SHAPES[:-1]:
        function(*make(shape))
    numbafunc.relu(np.ones(2**20))  # which imports Numba and starts its threads
    operands = make(SHAPES[-1])
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    result = function(*operands)
    taken, given = status("VmHWM") - before, size(operands)
    return (given + taken) / (given + size(result))


def measured(function, make):
    """The peak, of a forked child; an error as a string."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            warnings.simplefilter("ignore")
            found = peak(function, make)
        except BaseException as error:
            found = repr(error)
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        found = json.loads(file.read())
    os.waitpid(child, 0)
    return found


def main():
    # Without huge pages, of which one more or less is a third of the smallest operands: PR_SET_THP_DISABLE.
    ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)
    for kind, name, function, make in cases():
        for way, call in ways(kind, function).items():
            if not sys.argv[1:] or any(word in f"of {kind} {name}, {way}" for word in sys.argv[1:]):
                print(json.dumps((kind, name, way, measured(call, make))), flush=True)


if __name__ == "__main__":
    main()
