"""Compilation of kernels from parts, which become machine code in the kernel only.

Numba makes a library of every function that a kernel calls, and three more of every parallel loop: its body, a wrapper
around the body, and one that launches the threads. It optimises each of them with all that it calls and emits its
machine code, though only the kernel, into which all are linked, ever runs. Libraries made here leave out the
needless work: half of the compilation time, and up to four fifths with several parallel loops.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from weakref import WeakValueDictionary

from llvmlite import binding
from numba.core import cgutils, config
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen, RuntimeLinker
from numba.core.compiler import Compiler

from numbafunc.cpu.loop_hints import pass_on
from numbafunc.cpu.order_of_sums import fix_order
from numbafunc.cpu.schedule import ONE_BY_ONE, WITHOUT_LOCK
from numbafunc.cpu.thread_pool import RENAMED

# Parts of the names that Numba gives the libraries of a parallel loop.
_LAUNCH = "parallelgufuncwrapper"
_OF_LOOPS = ("__numba_parfor_gufunc", "<numba.np.ufunc.wrappers._GufuncWrapper", _LAUNCH)


_FINISHED: WeakValueDictionary[str, Any] = WeakValueDictionary()
"""The libraries of parts, by the names of their functions."""


class _Library(JITCodeLibrary):
    """A library that is optimised as a whole only."""

    def add_ir_module(self, ir_module: Any) -> None:
        """Take the code of a function."""
        fix_order(ir_module)
        pass_on(ir_module)
        super().add_ir_module(ir_module)

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        self._resolve_recursion()
        super()._optimize_final_module()

    def _resolve_recursion(self) -> None:
        """Let functions that call themselves, or each other, do so directly.

        Numba calls those through pointers that it sets when all is compiled, to functions which LLVM may have changed
        or removed by then, since nobody seems to call them; or which are parts of no library that is linked into this
        one.
        """
        module = self._final_module
        for pointer in list(module.global_variables):
            name = pointer.name.removeprefix(RuntimeLinker.PREFIX)
            if name == pointer.name:
                continue
            inside = _defines(module, name)
            # A function that is no part of anything yet is being compiled, and calls this one.
            if not (inside or name in _FINISHED):
                continue
            opaque = str(pointer.type) == "ptr"
            value = f'ptr @"{name}"' if opaque else f'i8* bitcast (void ()* @"{name}" to i8*)'
            text = f'declare void @"{name}"()\n@"{pointer.name}" = linkonce_odr constant {value}\n'
            module.link_in(binding.parse_assembly(text))
            if not inside:  # it is linked because the text refers to it
                module.link_in(_FINISHED[name]._get_module_for_linking(), preserve=True)
            resolved = module.get_global_variable(RuntimeLinker.PREFIX + name)
            resolved.linkage, resolved.name = "internal", f"numbafunc.resolved.{name}"


def _defines(module: Any, name: str) -> bool:
    return any(function.name == name and not function.is_declaration for function in module.functions)


class _Part(_Library):
    """A library that is only linked into others. It is optimised, so that its loops are vectorised before it grows."""

    def _finalize_final_module(self) -> None:
        _FINISHED.update(
            {function.name: self for function in self._final_module.functions if not function.is_declaration}
        )
        self._finalize_dynamic_globals()
        # The engine must know the variables in which Numba keeps the environments of functions.
        module = self._codegen._create_empty_module(self.name)
        for variable in self._final_module.global_variables:
            if variable.linkage == binding.Linkage.common:
                environment = cgutils.add_global_variable(module, cgutils.voidptr_t, variable.name)
                environment.linkage, environment.initializer = "common", cgutils.voidptr_t(None)
        self._environments = binding.parse_assembly(str(module))
        self._codegen._add_module(self._environments)
        self._codegen._engine.finalize_object()
        self._finalized = True


def _link_own(module: Any, text: str) -> None:
    """Link functions into a module that are its own, and are not seen from outside."""
    added = binding.parse_assembly(text)
    names = [function.name for function in added.functions if not function.is_declaration]
    module.link_in(added)
    for function in module.functions:
        if function.name in names and not function.is_declaration:
            function.linkage = "internal"


class _PartOfLoop(_Part):
    """A library of a parallel loop. A library that links it links what it calls as well, and optimises the whole."""

    def add_llvm_module(self, ll_module: Any) -> None:
        """Take the code of a function; the one that launches threads does so without the lock of the interpreter."""
        if self.name.startswith(_LAUNCH):
            _link_own(ll_module, WITHOUT_LOCK)
        super().add_llvm_module(ll_module)

    def finalize(self) -> None:
        """Finish the library: nothing can be added afterwards."""
        self._raise_if_finalized()
        self._finalize_final_module()


class _Kernel(_Library):
    """The library of a kernel."""

    shares_out = False
    """Whether its loops over tasks are shared out to threads, see :mod:`numbafunc.cpu.schedule`."""

    def add_linking_library(self, library: Any) -> None:
        """Link a library into this one."""
        super().add_linking_library(library)
        if isinstance(library, _PartOfLoop):
            for called in library._linking_libraries:  # after their caller: LLVM links only what is called already
                self.add_linking_library(called)

    def _optimize_final_module(self) -> None:
        if self.shares_out:
            _link_own(self._final_module, ONE_BY_ONE)
            for function in self._final_module.functions:
                function.name = RENAMED.get(function.name, function.name)
        # Names are unique only among functions that one process compiles, and cached kernels come from other processes:
        # a kernel must call its own parts, not functions of the same name elsewhere.
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage != binding.Linkage.external:
                function.linkage = "internal"
        super()._optimize_final_module()


# By this feature LLVM's vectoriser takes vectors of half the length on Intel's processors with AVX-512, since the first
# of them slowed down for longer ones. Loops that compute much take up to 1.6 times as long with it, others as long.
_HALF_VECTORS = "prefer-256-bit"


@cache
def _machine(triple: str, *options: tuple[str, Any]) -> Any:
    return binding.Target.from_triple(triple).create_target_machine(**dict(options))


class _KernelCodegen(JITCPUCodegen):
    """A code generator on the engine of another one, which takes the longest vectors that the processor has."""

    def __init__(self, original: Any) -> None:
        self.__dict__.update(original.__dict__)
        triple = binding.get_process_triple()
        if triple.startswith("x86_64") and _HALF_VECTORS not in self._tm_features:  # unless the user asks for it
            options: dict[str, Any] = {"opt": config.OPT}
            self._customize_tm_options(options)
            options["features"] = ",".join(filter(None, (self._tm_features, f"-{_HALF_VECTORS}")))
            self._tm = _machine(triple, *options.items())

    def create_library(self, name: str, **options: Any) -> Any:
        """Make a library."""
        if name.startswith(_OF_LOOPS):
            return _PartOfLoop(self, name, **options)
        return super().create_library(name, **options)


class KernelCompiler(Compiler):
    """Numba's compiler for kernels."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        context = self.state.targetctx
        functions = context.cached_internal_func
        self.state.targetctx = context.subtarget(_internal_codegen=_KernelCodegen(context.codegen()))
        self.state.targetctx.cached_internal_func = functions

    def compile_extra(self, func: Any) -> Any:
        """Compile a kernel."""
        self.state.library = _Kernel(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.shares_out = bool(self.state.flags.auto_parallel.enabled)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)


class _Glue(_Part):
    """A library that is not optimised. A library that links it optimises the whole."""

    def _optimize_final_module(self) -> None:
        self._resolve_recursion()


class GlueCompiler(Compiler):
    """Numba's compiler for functions that are optimised in what calls them only.

    These are what stands between functions of users and kernels, and the loops of a kernel around smaller parts.
    """

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        self.state.library = _Glue(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


class PartCompiler(Compiler):
    """Numba's compiler for functions that are linked into kernels."""

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        self.state.library = _Part(_KernelCodegen(self.state.targetctx.codegen()), func.__qualname__)
        return super().compile_extra(func)


__all__ = ["GlueCompiler", "KernelCompiler", "PartCompiler"]
