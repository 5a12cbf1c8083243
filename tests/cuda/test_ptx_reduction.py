"""Kernels of the reduction kind compile and assemble, and keep to their bounds: proved without a device."""

import itertools

import pytest
from numbafunc_cuda import ptx, ptx_reduction
from test_ptx import CAPABILITIES

GROUPS = {
    key: list(group) for key, group in itertools.groupby(ptx_reduction.cases(), lambda case: (case.name, case.dtype))
}


@pytest.mark.parametrize("group", GROUPS.values(), ids=[" ".join(key) for key in GROUPS])
def test_kernels(group):
    for case, capability in itertools.product(group, CAPABILITIES):
        report = ptx.report(case, capability)
        where = f"{case.title}, for compute capability {capability}"
        assert report.registers > 0, where
        if case.order in ("0", "1"):
            assert report.spilled == 0, where
        if case.dtype != "float64":
            assert report.doubles == 0, where
        assert (report.shared > 0) == (case.layout != "thread"), where
