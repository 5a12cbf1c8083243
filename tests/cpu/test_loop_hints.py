"""What LLVM is told about loops: hints stand at the innermost one around what was marked; vectors are the longest."""

import platform
import re
from copy import copy

import numba
import pytest
from llvmlite import binding, ir
from numba.core.registry import cpu_target

from numbafunc.cpu.loop_hints import ONE_BY_ONE, TOGETHER, mark, pass_on
from numbafunc.cpu.parts import _KernelCodegen


def nest(hints):
    """A loop in a loop that stores something, as text."""
    number, pointer = ir.IntType(64), ir.FloatType().as_pointer()
    module = ir.Module()
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer, number]), "nest")
    entry, outer, inner, after, end = (function.append_basic_block(n) for n in ("entry", "outer", "in", "after", "end"))
    builder = ir.IRBuilder(entry)
    builder.branch(outer)
    builder.position_at_end(outer)
    builder.branch(inner)
    builder.position_at_end(inner)
    i = builder.phi(number)
    following = builder.add(i, number(1))
    for value, block in ((number(0), outer), (following, inner)):
        i.add_incoming(value, block)
    stored = builder.store(ir.FloatType()(1), builder.gep(function.args[0], [i]))
    if hints:
        mark(stored, hints)
    builder.cbranch(builder.icmp_signed("<", following, function.args[1]), inner, after)
    builder.position_at_end(after)
    builder.cbranch(builder.icmp_signed("<", following, number(0)), outer, end)
    builder.position_at_end(end)
    builder.ret_void()
    pass_on(module)
    return str(binding.parse_assembly(str(module)))


def test_hints_are_those_of_the_innermost_loop():
    for hints in (TOGETHER, ONE_BY_ONE):
        text = nest(hints)
        (jump,) = re.findall(r"br i1 .*!llvm.loop.*", text)
        assert "%in" in jump
        assert dict(re.findall(r'!"llvm.loop.([a-z.]+)", i32 (\d+)', text)) == {n: str(v) for n, v in hints}


def test_no_hints_without_marks():
    assert "!llvm.loop" not in nest(())


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="names of processors are those of x86")
@pytest.mark.parametrize(("processor", "lanes"), [("sapphirerapids", 16), ("haswell", 8), ("generic", 4)])
def test_vectors_are_the_longest_of_the_processor(monkeypatch, processor, lanes):
    monkeypatch.setattr(numba.config, "CPU_NAME", processor)
    original = copy(cpu_target.target_context.codegen())
    original._tm_features = ""
    passes, builder = _KernelCodegen(original)._module_pass_manager()
    module = binding.parse_assembly(nest(()))
    passes.run(module, builder)
    assert max(int(count) for count in re.findall(r"store <(\d+) x float>", str(module))) == lanes
