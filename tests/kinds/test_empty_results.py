"""Results without elements need no memory, however long their other axes are, in derivatives too."""

import json
import sys

import pytest

PROGRAM = """
import json, resource, warnings
import numpy as np
import numbafunc
from numbafunc import loss

B, S = 2**34, 2**30
warnings.simplefilter("ignore")  # of shapes that differ

def zeros(*shape):
    return np.zeros(shape)

def long(dtype=float):
    return np.broadcast_to(dtype(1), (1, B))

def padded(mode, **options):
    return lambda x: numbafunc.pad(x, ((0, 0), (B, 0)), mode, **options)

MODES = ("constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap")
DIFFERENTIATED = {
    **{f"pad {mode}": (padded(mode), zeros(0, 2)) for mode in MODES},
    "pad odd": (padded("reflect", reflect_type="odd"), zeros(0, 2)),
    "pad by a function": (padded(lambda line, *rest: line), zeros(0, 2)),
    "pad of what moves": (lambda c: numbafunc.pad(zeros(0, 2), ((0, 0), (B, 0)), constant_values=c), zeros()),
    "upsample_2d": (lambda x: numbafunc.upsample_2d(x, (S, 1)), zeros(0, 1, 3, 3)),
    "elu": (lambda x: numbafunc.elu(x, long()), zeros(0, 1)),
    "softmax where": (lambda x: numbafunc.softmax(x, where=long(np.bool_)), zeros(0, 1)),
    "logsumexp b": (lambda x: numbafunc.logsumexp(x, 1, long()), zeros(0, 1)),
    "sigmoid_cross_entropy_logits": (lambda x: loss.sigmoid_cross_entropy_logits(x, long()), zeros(0, 1)),
    "cross_entropy_logits": (lambda x: loss.cross_entropy_logits(x, long()), zeros(0, 1)),
    "mean_squared_error": (lambda x: loss.mean_squared_error(x, long()), zeros(0, 1)),
    "top_k": (lambda x: numbafunc.top_k(x, 0).values, zeros(2, 3)),
}
CALLS = {
    "one_hot": lambda: numbafunc.one_hot(np.zeros(0, int), B, dtype=bool),
    "one_hot axis": lambda: numbafunc.one_hot(np.zeros((0, 3), int), B, axis=0),
    "one_hot of one": lambda: numbafunc.one_hot(np.array([5]), 2**28, dtype=bool)[0, 4:7].tolist(),
    "top_k": lambda: numbafunc.top_k(np.broadcast_to(1.0, (1, 2**31 - 1)), 0),
    "top_k axis": lambda: numbafunc.top_k(np.broadcast_to(1.0, (0, S)), 0, axis=0, largest=False),
    "dynamic_slice": lambda: numbafunc.dynamic_slice(long().T, (0, 0), (0, 1)),
    "flatten": lambda: numbafunc.flatten(np.broadcast_to(1.0, (B, 0, 2))),
    "scan": lambda: numbafunc.scan(lambda c, x: (c, np.zeros((0, S))), 0.0, None, 3),
}
for name, (function, x) in DIFFERENTIATED.items():
    CALLS[f"{name}: value"] = lambda function=function, x=x: function(x)
    CALLS[f"{name}: forward"] = lambda function=function, x=x: numbafunc.jvp(function, (x,), (x,))
    CALLS[f"{name}: reverse"] = lambda function=function, x=x: numbafunc.grad(
        lambda x: np.sum(function(x)), mode="reverse")(x)
failures = {}
for name, call in CALLS.items():
    # Room for compilers, not for any of the results if they had elements.
    pages = int(open("/proc/self/statm").read().split()[0])
    room = pages * resource.getpagesize() + 2**30
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    try:
        call()
    except Exception as error:
        failures[name] = f"{type(error).__name__}: {error}"
print(json.dumps([len(CALLS), failures]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is Linux's")
def test_memory(programs):
    count, failures = json.loads(programs.run(PROGRAM))
    assert count > 60
    assert not failures
