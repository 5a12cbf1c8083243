"""The logger `numbafunc` tells of compilations and of kernels that are read from the cache."""

import logging

import pytest

from numbafunc.cpu.compile_log import dtypes_of, op_of
from numbafunc.cpu.dispatchers import compile_lazily

PROGRAM = """
import logging, sys
import numpy as np
import numbafunc

class Facts(logging.Handler):
    def emit(self, record):
        print(record.levelname, record.op, record.dtype, record.cache_hit, 0 < record.seconds < 60, sep="; ")
        assert record.op in record.getMessage() and ("cache" in record.getMessage()) == record.cache_hit

logger = logging.getLogger("numbafunc")
logger.addHandler(Facts())
logger.setLevel(logging.INFO if sys.argv[1] == "on" else logging.WARNING)
x = np.ones(3, np.float32)
numbafunc.softmax(x)
numbafunc.softmax(x)
numbafunc.jvp(numbafunc.sigmoid, (x,), (x,))
"""


def test_compilations_are_logged_and_reads_of_the_cache(programs, tmp_path):
    def facts(level):
        return programs.run(PROGRAM, level, NUMBAFUNC_CACHE_DIR=tmp_path / "cache").splitlines()

    lines = "INFO; reduction rows softmax; {}; {}; True", "INFO; elementwise sigmoid with tangents; float32; {}; True"
    first, second, third = facts("on"), facts("on"), facts("off")
    assert first == [lines[0].format("float32, int64", False), lines[1].format(False)]
    assert second == [lines[0].format("float32, int64", True), lines[1].format(True)]
    assert third == []


@pytest.mark.parametrize(
    ("identity", "op"),
    [
        (None, "function without identity"),
        (repr(("copy", "gather", 4, 4, "float32")), "copy gather"),
        (repr(("elementwise", "totals' part of l2", (), "float64")), "elementwise totals' part of l2"),
        (repr(("elementwise", "a" * 64, (((), ((0, 0),)),))), "elementwise definition aaaaaaaa with tangents"),
        (repr(("elementwise", "numbafunc.ops.one_hot._one_hot", ())), "elementwise one_hot"),
        ("parallel steps\nof more", "parallel steps"),
        (f"loop of scan {'a' * 64} ['*'] [[]]", "loop of scan aaaaaaaa"),
    ],
)
def test_ops_are_named_by_the_identities_of_kernels(identity, op):
    assert op_of(identity) == op


def test_what_no_cache_keeps_is_logged(caplog):
    def add_one(x):
        return x + 1

    with caplog.at_level(logging.INFO, "numbafunc"):
        assert compile_lazily(add_one, None)(2.0) == 3
    (record,) = caplog.records
    assert (record.op, record.dtype, record.cache_hit) == ("function without identity", "float64", False)


def test_dtypes_are_named_once():
    assert dtypes_of("(Array(float32, 1, 'C'), Array(float32, 2, 'A'), int64, bool)") == "float32, int64, bool"
    assert dtypes_of("()") == "no numbers"
