"""Kernels from the cache, without Numba: machine code becomes functions that Python calls.

An entry holds an object file as LLVM has emitted it, and names what it needs. LLVM puts it into memory. The function is
an object of one of Numba's modules in C, which are loaded as files, under their own names: Numba finds them loaded when
it is imported later.
"""

from __future__ import annotations

import builtins
import ctypes
import sys
import threading
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from numbafunc.cpu.cache_entries import keep, packed, read, unpacked
from numbafunc.cpu.cache_folder import NOTE
from numbafunc.cpu.cache_key import numba_folder
from numbafunc.numba_import import import_numba
from numbafunc.process_lock import held_by_forks

_lock = held_by_forks(threading.RLock())


def alone() -> threading.RLock:
    """The lock of the thread that puts machine code into memory, as only one at a time may do."""
    return _lock


# How the names of variables begin that hold the environments of functions.
ENVIRONMENT = "_ZN08NumbaEnv"


class NotPlainError(Exception):
    """A kernel can't be kept as machine code alone."""


def payload_of(compiled: Any) -> bytes:
    """The entry of a kernel that Numba has compiled.

    Parameters
    ----------
    compiled : numba.core.compiler.CompileResult
        The kernel.

    Raises
    ------
    NotPlainError
        When its machine code reads Python objects beside its arguments.
    """
    library, function = compiled.library, compiled.fndesc
    environments = [compiled.environment, *compiled._find_referenced_environments()]
    # What is to be done before it is loaded is to start the threads, without which no parallel kernel is asked for.
    others = [one for one in compiled.reload_init if one.__name__ != "_reload_parfors"]
    if any(environment.consts for environment in environments) or others or compiled.objectmode:
        raise NotPlainError("it refers to Python objects")
    module = library._final_module
    declared = [one.name for one in (*module.functions, *module.global_variables) if one.is_declaration]
    facts = {
        "wrapper": function.llvm_cpython_wrapper_name,
        "function": function.llvm_func_name,
        "environments": sorted({function.env_name, *(environment.env_name for environment in environments)}),
        "needs": sorted(name for name in declared if not name.startswith("llvm.")),
    }
    return packed(facts, library._get_compiled_object())


def load(payload: bytes, name: str) -> tuple[Any, int]:
    """The function of an entry, under a name, and the address of its code, for a thread that is :func:`alone`.

    Raises
    ------
    ValueError, KeyError, TypeError, RuntimeError
        When the entry is none of a kernel, or this process lacks something that the kernel needs.
    """
    facts, (code,) = unpacked(payload)
    engine = _engine_with(code, [facts["wrapper"], facts["function"], *facts["environments"]], facts["needs"])
    address = engine.get_function_address(facts["wrapper"])
    if not address:
        raise ValueError(f"it has no function {facts['wrapper']}")
    functions = _part("numba._dynfunc")
    environment = functions.Environment({"__name__": __name__})
    for variable in facts["environments"]:
        place = engine.get_global_value_address(variable)
        if place:
            ctypes.c_void_p.from_address(place).value = id(environment)
    doc = f"compiled wrapper for {name!r}"
    made = functions.make_function(sys.modules[__name__], name, doc, address, environment, (engine, environment))
    return made, engine.get_function_address(facts["function"])


def _engine_with(code: bytes, defined: Sequence[str], needs: Sequence[str]) -> Any:
    """What has put an object file into memory, which defines some symbols and needs others."""
    if not _is_object(code) or not all(symbol.encode() in code for symbol in defined):  # LLVM would end the process
        raise ValueError("it is no machine code of a kernel")
    engine = _engine()
    missing = [symbol for symbol in needs if not llvm.address_of_symbol(symbol)]
    if missing:  # likewise
        raise RuntimeError(f"it needs {', '.join(missing)}")
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def engine_of(text: str, names: Sequence[str]) -> Any:
    """What has put the functions of a module of LLVM's in words into memory: from the cache, or compiled now."""
    key = repr((text, names, "any processor", llvmlite.__version__, llvm.get_process_triple())).encode()
    payload = read(key, NOTE)
    if payload is not None:
        try:
            facts, (code,) = unpacked(payload)
            return _engine_with(code, names, facts["needs"])
        except (ValueError, KeyError, TypeError, RuntimeError):
            pass  # it is written anew
    module = llvm.parse_assembly(text)
    module.verify()
    needs = [one.name for one in module.functions if one.is_declaration and not one.name.startswith("llvm.")]
    # Not for this processor: to LLVM its name stands for instructions that a virtual machine may lack.
    code = _machine("").emit_object(module)
    keep(key, packed({"needs": needs}, code), NOTE)
    return _engine_with(code, names, needs)


# How object files begin: those of macOS, and of Windows on two processors.
_OTHER_OBJECTS = (b"\xcf\xfa\xed\xfe", b"\x64\x86", b"\x64\xaa")


def _is_object(code: bytes) -> bool:
    """Whether something looks like an object file that is not cut off."""
    if not code.startswith(b"\x7fELF"):
        return code.startswith(_OTHER_OBJECTS)
    # The table of sections stands last; its place, and the size and number of its entries, in the header.
    start, size, count = (int.from_bytes(code[a:b], sys.byteorder) for a, b in ((40, 48), (58, 60), (60, 62)))
    return len(code) >= 64 and code[4] == 2 and start + size * count <= len(code)


@cache
def _engine() -> Any:
    """What puts machine code into memory."""
    _name_helpers()
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(llvm.get_host_cpu_name()))


def _machine(processor: str) -> Any:
    """What a processor is to LLVM, by its name, or any with none."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=processor,
        reloc="static" if target.name.startswith("x86") else "pic" if target.name.startswith("ppc") else "default",
        codemodel="jitdefault",
        jit=True,
    )


def _name_helpers() -> None:
    """Give LLVM the addresses of the functions of Python and Numba that machine code calls, as Numba does."""
    helpers, functions = _part("numba._helperlib").c_helpers, _part("numba._dynfunc").c_helpers
    runtime = _part("numba.core.runtime._nrt_python").c_helpers
    errors = [one for one in vars(builtins).values() if isinstance(one, type) and issubclass(one, BaseException)]
    symbols = {
        "_Py_NoneStruct": id(None),
        **{f"numba_{name}": address for name, address in (*helpers.items(), *functions.items())},
        **{f"PyExc_{one.__name__}": id(one) for one in errors},
        **{name if name.startswith("_") else f"NRT_{name}": address for name, address in runtime.items()},
    }
    for name, address in symbols.items():
        llvm.add_symbol(name, address)


def _part(name: str) -> Any:
    """One of Numba's modules in C, loaded without the package that it is in."""
    found = sys.modules.get(name)
    if found is not None:
        return found
    folder = None if "numba" in sys.modules else numba_folder()
    for suffix in EXTENSION_SUFFIXES if folder is not None else ():
        path = Path(str(folder), *name.split(".")[1:-1], name.rpartition(".")[2] + suffix)
        spec = spec_from_file_location(name, path) if path.exists() else None
        if spec is not None and spec.loader is not None:
            module = module_from_spec(spec)
            spec.loader.exec_module(module)
            return sys.modules.setdefault(name, module)
    import_numba()
    return import_module(name)


__all__ = ["ENVIRONMENT", "NotPlainError", "alone", "engine_of", "load", "payload_of"]
