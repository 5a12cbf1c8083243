"""Groups of elements that move at once come apart and together in order: the emitted code, run on the processor."""

import ctypes

import numpy as np
import pytest
from llvmlite import binding, ir
from numbafunc_cuda.load_store import group_of, lane_of, moved_as


@pytest.mark.parametrize(
    ("dtype", "lanes"),
    [("u1", 8), ("u1", 4), ("u2", 8), ("u2", 4), ("u2", 2), ("u4", 4), ("u8", 2), ("f4", 4), ("f8", 2)],
)
def test_elements_keep_their_places(dtype, lanes):
    x = np.arange(3, 3 + lanes).astype(dtype)
    size = x.itemsize
    element = {"f4": ir.FloatType(), "f8": ir.DoubleType()}.get(dtype, ir.IntType(8 * size))
    group = moved_as(element, size, lanes)
    assert group.count * (4 if group.element != element else size) == x.nbytes
    module = ir.Module()
    module.triple = binding.get_process_triple()
    pointer = group.as_pointer()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer, pointer]), "turned")
    builder = ir.IRBuilder(function.append_basic_block())
    loaded = builder.load(function.args[0], align=1)
    elements = [lane_of(builder, loaded, element, size, lane) for lane in range(lanes)]
    builder.store(group_of(builder, group, size, elements[1:] + elements[:1]), function.args[1], align=1)
    builder.ret_void()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_triple(module.triple).create_target_machine()
    with binding.create_mcjit_compiler(binding.parse_assembly(str(module)), machine) as engine:
        engine.finalize_object()
        turned = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(engine.get_function_address("turned"))
        result = np.zeros_like(x)
        turned(x.ctypes.data, result.ctypes.data)
    np.testing.assert_array_equal(result, np.roll(x, -1))
