"""numba as a compiler that runs once: from a function to an object file that is linked without numba.

numba optimises each function by itself and makes machine code of it, then again within each of its callers. Loops are
called alone. Here all that a loop needs is gathered first, and optimised and made machine code of once, which takes
half the time.

Loading this module loads numba. `wellkeeper.native` does so when a loop is nowhere in its cache.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llvmlite.binding import Linkage
from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher, CPUTarget, cpu_target


def dispatcher(function: Callable[..., Any], options: Mapping[str, Any]) -> Any:
    """The function as numba calls it from others; it shares nothing with what the user compiles."""
    return _Dispatcher(function, targetoptions=dict(options), pipeline_class=Compiler)


@global_compiler_lock  # type: ignore[untyped-decorator]  # numba has no types
def object_file(
    function: Callable[..., Any], signature: Any, options: Mapping[str, Any], symbol: str
) -> tuple[bytes, list[str]]:
    """Machine code of a function under the name `symbol`, and the names outside of it that it calls or reads."""
    made = dispatcher(function, options)
    made.compile(signature)
    compiled = made.overloads[signature.args]
    library = compiled.library
    library.finalize()  # links what it calls
    module = library._final_module  # noqa: SLF001
    entry = module.get_function(compiled.fndesc.llvm_func_name)
    entry.name = symbol
    for function_ in module.functions:
        if not function_.is_declaration and function_.name != symbol:
            function_.linkage = Linkage.internal  # names of parts say nothing to other loops
    for variable in module.global_variables:
        if variable.linkage == Linkage.common:
            variable.linkage = Linkage.internal
    library.optimise()
    module.verify()
    needs = sorted({name for name in _declared(module) if not name.startswith("llvm.")})
    return library.codegen._tm.emit_object(module), needs  # noqa: SLF001


def _declared(module: Any) -> Iterator[str]:
    for value in (*module.functions, *module.global_variables):
        if value.is_declaration:
            yield value.name


class _Library(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
    """What one function and all it calls become; stays as numba wrote it until `optimise`."""

    def optimise(self) -> None:
        super()._optimize_final_module()

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout  # noqa: SLF001

    def _optimize_final_module(self) -> None: ...

    def _finalize_specific(self) -> None: ...

    def get_pointer_to_function(self, _name: str) -> int:
        return 0  # it has no machine code


class _Codegen(JITCPUCodegen):  # type: ignore[misc]
    _library_class = _Library

    def _add_module(self, _module: Any) -> None: ...

    def set_env(self, _name: str, _environment: Any) -> None: ...


class _Target(CPUTarget):  # type: ignore[misc]
    """The processor at hand with a code generator of our own."""

    @property
    def typing_context(self) -> Any:
        return cpu_target.typing_context

    @property
    def _toplevel_target_context(self) -> Any:
        return _contexts[0]


_contexts = [cpu_target.target_context.subtarget(_internal_codegen=_Codegen("wellkeeper"))]


class _Dispatcher(CPUDispatcher):  # type: ignore[misc]
    targetdescr = _Target("cpu")
