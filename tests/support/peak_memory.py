"""The memory that calls of all registered ops take at their peak, beside operands and results; a line of JSON for each.

Each case runs in a forked child, once with a shape that compiles what is needed and then with a larger one.
"""

import ctypes
import gc
import json
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

SHAPES = ((4, 6, 60, 180), (4, 6, 120, 720))


def cases():
    """Name, a function of operands, and what makes operands of a shape."""
    for name in elementwise_table.NAMES:
        if name != "one_hot":
            entry = elementwise_table.TABLE[name]
            yield name, entry.function, lambda shape, name=name: elementwise_table.operands(name, shape, np.float64)
    for name in reduction_table.NAMES:
        function = reduction_table.TABLE[name].function
        yield (
            f"{name} of rows",
            lambda x, *others, function=function: function(x, -1, *others),
            lambda shape, name=name: reduction_table.operands(name, reduction_table.shape_for(name, shape)),
        )
    for name in linear_table.NAMES:
        if name != "dynamic_slice":  # whose sizes are bound
            yield name, linear_table.TABLE[name].function, lambda shape, name=name: [linear_table.operand(name, shape)]
    for case in selection_table.CASES:
        if not case.endswith(" all"):
            yield (
                case,
                selection_table.entry(case).function,
                lambda shape, case=case: [np.random.default_rng(0).normal(size=shape)],
            )
    for classes in (10, 1 << 17):
        yield (
            f"one_hot of {classes}",
            lambda x, classes=classes: numbafunc.one_hot(x, classes, dtype=bool),
            lambda shape, classes=classes: [np.arange(4 * shape[2] * shape[3] // classes * 60)],
        )
    for method in ("nearest", "linear", "cubic", "lanczos5"):
        yield (
            f"{method} of an axis",
            lambda x, method=method: numbafunc.interpolate(x, len(x) + 1000, mode=method),
            lambda shape: [np.arange(float(np.prod(shape) // 8))],
        )


def ways(function):
    """The function itself and its derivatives in both modes."""

    def forward(*operands):
        return numbafunc.jvp(function, operands, operands)

    def backward(*operands):
        value, pull = numbafunc.vjp(function, *operands)
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
    """Bytes at the peak of a call, and bytes of its operands and results."""
    function(*make(SHAPES[0]))
    operands = make(SHAPES[1])
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = status("VmRSS")
    result = function(*operands)
    return status("VmHWM") - before, size(operands) + size(result)


def main():
    warnings.simplefilter("ignore")
    for name, function, make in cases():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        for way, call in ways(function).items():
            if name.startswith("one_hot") and way != "value":
                continue
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                try:
                    os.write(writer, json.dumps(peak(call, make)).encode())
                except BaseException as error:
                    os.write(writer, json.dumps(repr(error)).encode())
                os._exit(0)
            os.waitpid(child, 0)
            print(json.dumps((f"{name}, {way}", json.loads(os.read(reader, 1 << 16)))), flush=True)
            os.close(reader)
            os.close(writer)


if __name__ == "__main__":
    main()
