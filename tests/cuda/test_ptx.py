"""Kernels compile and assemble for every architecture, and keep to their bounds: proved without a device."""

import itertools
import os

import ptx
import ptx_table
import pytest

import numbafunc

# Architectures newer than the oldest differ little; those that are named are compiled for.
CHOSEN = os.environ.get("NUMBAFUNC_TEST_PTX", "")
CAPABILITIES = [c for c in ptx.capabilities() if not CHOSEN or f"sm_{c[0]}{c[1]}" in CHOSEN.split(",")]

# The circular functions are libdevice's, which reduces large float32 arguments by products in float64.
IN_DOUBLE = {f"{module}.{name}" for module in ("elementary", "numpy") for name in ("cos", "sin", "tan")}

# The gamma function and its relatives lose digits by cancellation, so they are computed in float64 throughout.
IN_DOUBLE |= {f"elementary.{name}" for name in ("gamma", "lgamma", "digamma", "trigamma", "tetragamma", "pentagamma")}

# Margins come of sums and products in float64.
IN_DOUBLE |= {"ramp", "mean of lines", "tied minimum of lines", "middle of lines"}

# Means whose sums overflow are taken once more, in float64.
IN_DOUBLE.add("mean")

# Integers become float64 in means and on the way to another size.
TO_FLOAT = {"mean", "interpolate"}

# What is computed in float32.
SINGLE = {"float16", "bfloat16", "float32"}

GROUPS = {}
for _case in ptx_table.cases():
    GROUPS.setdefault((_case.kind, _case.name, _case.dtype), []).append(_case)


@pytest.mark.parametrize("group", GROUPS.values(), ids=[" ".join(key) for key in GROUPS])
def test_kernels(group):
    for case, capability in itertools.product(group, CAPABILITIES):
        report = ptx.report(case, capability)
        where = f"{case.title}, for compute capability {capability}"
        assert report.registers > 0, where
        if case.order != "2":
            assert report.spilled == 0, where
        integers = case.name in TO_FLOAT and case.dtype in ptx.INTEGERS
        converted = case.layout.startswith("flat, of ") and case.layout.split()[-1] not in SINGLE
        in_double = (case.name in IN_DOUBLE and case.dtype in ptx.FLOATS) or converted
        if case.dtype not in ("float64", "uint64") and not in_double and not integers:
            assert report.doubles == 0, where
        if case.name in IN_DOUBLE and case.dtype == "float32":
            assert report.doubles > 0, f"{where}: needs no exception"
        if case.layout == "flat" and case.order in ("0", "1"):
            # 16 bytes, but for 8 elements of one byte each; fewer where the coefficients of several need registers.
            widths = {"float64": {"2 x 64"}, "uint64": {"2 x 64"}, "int8": {"2 x 32"}}.get(case.dtype, {"4 x 32"})
            assert widths & set(report.loads), f"{where}: {report.loads}"
            assert widths & set(report.stores), f"{where}: {report.stores}"


def test_spills_and_doubles_are_seen():
    # Many values that live at once, and a sum in float64, must show in a report.
    many = ptx.elementwise_case(ptx.ScalarFunction(_needs_all, tuple("abcdefgh")), "many", "float64", "0", "flat")
    kernel = ptx.compiled(many, CAPABILITIES[0])
    assert ptx.assembled(kernel, CAPABILITIES[0]).doubles > 0
    limited = kernel.replace("\n{", "\n.maxnreg 16\n{", 1)
    assert ptx.assembled(limited, CAPABILITIES[0]).spilled > 0


def _needs_all(a, b, c, d, e, f, g, h):
    return ((a / b) * (c / d) + (e / f) * (g / h)) / ((a * h) / (b * g) + (c * f) / (d * e))


@pytest.mark.parametrize("order", ["0", "1", "2"])
def test_ops_inside_definitions(order):
    composed = ptx.ScalarFunction(_composed, ("x", "alpha"))
    report = ptx.report(ptx.elementwise_case(composed, "composed", "float32", order, "flat"), CAPABILITIES[0])
    assert report.doubles == 0


def _composed(x, alpha):
    return 2 * numbafunc.softplus(x) + numbafunc.elu(x, alpha) * numbafunc.celu(x)
