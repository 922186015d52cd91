"""Loops over arrays, compiled once by numba and kept as machine code, so that a run need not load the compiler.

Loading numba takes longer than reading fifty megabytes of text. A loop is therefore marked here without it:

    @part                                            # compiled into the loops that use it
    def squared(x): ...

    @loop("const i64[:], f64[:]", returns="i64")     # called from Python
    def sums(values, out): ...

The first call of any loop of a module looks for the module's machine code in the cache and links it, which takes
milliseconds. Where there is none, for this code, processor and compiler, numba makes it and the cache keeps it.

Loops allocate nothing, raise nothing and hold no lock: arrays come from the caller, and other threads run while a
loop does. Arrays are C-contiguous; their type and number of dimensions are checked at each call, their sizes are
the loop's own promise. `const` marks arrays that are only read, such as buffers of Arrow.
"""

import ctypes
import hashlib
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import CellType, FunctionType
from typing import Any

import numpy as np

_SCALARS: Mapping[str, type] = {
    "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64,
    "i32": np.int32, "i64": np.int64, "f32": np.float32, "f64": np.float64,
}  # fmt: skip
_FLAGS: Mapping[str, Any] = {
    "nogil": True,
    "boundscheck": False,
    "error_model": "numpy",
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
_lock = threading.RLock()
_linked: dict[str, tuple[Any, ...]] = {}  # module -> what keeps its machine code alive


class Part:
    """A function that loops call; from Python it runs as written."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function: Any = function
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self._made: Any = None

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)

    def dispatcher(self) -> Any:
        """The same function as numba sees it."""
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> Any:
        from numba import njit

        return njit(nogil=True, boundscheck=False, error_model="numpy", _nrt=False)(_visible(self.function))


class Intrinsic(Part):
    """A part that is written in the compiler's own terms; `make()` returns numba's intrinsic."""

    def _make(self) -> Any:
        return self.function()

    def __call__(self, *arguments: Any) -> Any:
        raise TypeError(f"{self.__name__} exists in compiled loops alone")


class Loop:
    """A function of arrays and numbers that runs as machine code."""

    def __init__(self, function: Callable[..., Any], arguments: str, returns: str | None) -> None:
        self.function: Any = function
        self.__doc__ = function.__doc__
        self.__name__ = function.__name__
        self.module = function.__module__
        self.arguments = tuple(_Argument(word) for word in arguments.split(", "))
        self.returns = returns
        self.signature = f"({arguments}) -> {returns}"
        self._address: Any = None
        _loops.setdefault(self.module, []).append(self)

    def __call__(self, *arguments: Any) -> Any:
        """Run the loop.

        Raises:
            TypeError: an argument is not what the loop's signature says.
        """
        if len(arguments) != len(self.arguments):
            raise TypeError(f"{self.__name__} takes {len(self.arguments)} arguments, not {len(arguments)}")
        if self._address is None:
            with _lock:
                _link(self.module)
        flat: list[Any] = []
        for declared, given in zip(self.arguments, arguments, strict=True):
            declared.flatten(given, flat, self.__name__)
        return self._call(flat)

    def _call(self, flat: list[Any]) -> Any:
        out = (_c_type(self.returns) if self.returns else ctypes.c_void_p)()
        error = ctypes.c_void_p()
        status = self._address(ctypes.byref(out), ctypes.byref(error), *flat)
        if status != 0:
            raise RuntimeError(f"{self.__name__} stopped with status {status}: a loop must raise nothing")
        return out.value if self.returns else None

    def bind(self, address: int) -> None:
        self._address = ctypes.CFUNCTYPE(ctypes.c_int32)(address)

    def numba_signature(self) -> Any:
        from numba import types

        returned = _numba_type(self.returns) if self.returns else types.void
        return returned(*(argument.numba_type() for argument in self.arguments))


_loops: dict[str, list[Loop]] = {}


class _Argument:
    """One argument as declared: `i64`, `u8[:]`, `const u8[:]`, `u64[:,:]`."""

    def __init__(self, word: str) -> None:
        self.const = word.startswith("const ")
        self.item, _, axes = word.removeprefix("const ").partition("[")
        self.dimensions = axes.count(":")
        self.dtype = np.dtype(_SCALARS[self.item])

    def flatten(self, value: Any, flat: list[Any], name: str) -> None:
        """Append the machine words that numba's calling convention makes of the value."""
        if not self.dimensions:
            flat.append(_c_type(self.item)(value))
            return
        if not (
            isinstance(value, np.ndarray)
            and value.dtype == self.dtype
            and value.ndim == self.dimensions
            and value.flags.c_contiguous
            and (self.const or value.flags.writeable)
        ):
            raise TypeError(f"{name}: an array of {self.item}, {self.dimensions} dimension(s), is due, not {_told(value)}")
        none = ctypes.c_void_p()  # nobody counts references: the caller holds the array while the loop runs
        flat += (none, none, ctypes.c_int64(value.size), ctypes.c_int64(value.itemsize), ctypes.c_void_p(value.ctypes.data))
        flat += map(ctypes.c_int64, value.shape)
        flat += map(ctypes.c_int64, value.strides)

    def numba_type(self) -> Any:
        from numba import types

        item = _numba_type(self.item)
        return types.Array(item, self.dimensions, "C", readonly=self.const) if self.dimensions else item


def part(function: Callable[..., Any]) -> Part:
    """Mark a function that loops call."""
    return Part(function)


def intrinsic(function: Callable[[], Any]) -> Intrinsic:
    """Mark a function that returns a numba intrinsic, which loops call."""
    return Intrinsic(function)


def loop(arguments: str, returns: str | None = None) -> Callable[[Callable[..., Any]], Loop]:
    """Mark a function that Python calls as machine code; the types are those of `_SCALARS`, `[:]` for each axis."""
    return lambda function: Loop(function, arguments, returns)


def _told(value: Any) -> str:
    if isinstance(value, np.ndarray):
        flags = "".join(
            text for text, off in ((", not contiguous", not value.flags.c_contiguous), (", read-only", not value.flags.writeable)) if off
        )
        return f"{value.dtype} with shape {value.shape}{flags}"
    return type(value).__name__


def _c_type(name: str) -> Any:
    return getattr(ctypes, {"f32": "c_float", "f64": "c_double"}.get(name) or f"c_{'u' * (name[0] == 'u')}int{name[1:]}")


def _numba_type(name: str) -> Any:
    from numba import types

    return getattr(types, np.dtype(_SCALARS[name]).name)


def _visible(function: Any) -> Any:
    """The function with every part it can see replaced by what numba understands."""

    def seen(value: Any) -> Any:
        return value.dispatcher() if isinstance(value, Part) else value

    code = function.__code__
    used = set(_names(code))
    names = {name: seen(value) if name in used else value for name, value in function.__globals__.items()}
    cells = tuple(CellType(seen(cell.cell_contents)) for cell in function.__closure__ or ())
    made = FunctionType(code, names, function.__name__, function.__defaults__, cells or None)
    made.__module__, made.__qualname__ = function.__module__, function.__qualname__
    return made


def _names(code: Any) -> list[str]:
    inner = [name for constant in code.co_consts if hasattr(constant, "co_names") for name in _names(constant)]
    return [*code.co_names, *inner]


def _link(module: str) -> None:
    """Give every loop of a module its address: from the cache, or else from the compiler."""
    if module in _linked:
        return
    loops = _loops[module]
    places = [folder / f"{module}-{_key(module, loops)}.native" for folder in _folders(module)]
    for place in places:
        with suppress(OSError, ValueError, KeyError, RuntimeError):
            _linked[module] = _load(place, loops)
            return
    stored, _linked[module] = _compile(loops)
    for place in places:
        with suppress(OSError):
            _write(place, stored)
            return


def _key(module: str, loops: list[Loop]) -> str:
    """Changes with the code, the compiler and the processor, so that a wrong piece of machine code is never run."""
    import llvmlite
    from llvmlite import binding

    digest = hashlib.sha256()
    for name in sorted(_sources(module)):
        digest.update(Path(sys.modules[name].__file__ or "").read_bytes())
    for text in (
        llvmlite.__version__,
        np.__version__,
        sys.version,
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
        json.dumps({flag: str(value) for flag, value in _FLAGS.items()}),
        *(loop.signature for loop in loops),
    ):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()[:24]


def _sources(module: str) -> set[str]:
    """The modules whose code ends up in a module's loops: its own, this one, and those its parts come from."""
    found = {__name__}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            values = vars(importlib.import_module(name)).values()
            waiting += [value.function.__module__ for value in values if isinstance(value, Part)]
    return found


def _folders(module: str) -> list[Path]:
    """Where machine code is kept: as asked, else beside the source like Python's own, else in the user's cache."""
    if asked := os.environ.get("WELLKEEPER_CACHE"):
        return [Path(asked)]
    beside = Path(sys.modules[module].__file__ or "").parent / "__pycache__"
    personal = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wellkeeper"
    return [beside, personal]


def _load(place: Path, loops: list[Loop]) -> tuple[Any, ...]:
    """Link the machine code of a file.

    Raises:
        OSError, ValueError, KeyError: there is no such file, or it is torn.
        RuntimeError: it cannot be linked here.
    """
    from llvmlite import binding

    stored = place.read_bytes()
    digest, header, objects = stored[:32], *stored[32:].split(b"\n", 1)
    if hashlib.sha256(stored[32:]).digest() != digest:
        raise ValueError(f"{place} is torn")
    entries = json.loads(header)
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    engine = binding.create_mcjit_compiler(
        binding.parse_assembly(""), target.create_target_machine(jit=True)
    )
    at = 0
    for entry in entries.values():
        engine.add_object_file(binding.ObjectFileRef.from_data(objects[at : at + entry["size"]]))
        at += entry["size"]
    engine.finalize_object()
    addresses = [engine.get_function_address(entries[loop.__name__]["symbol"]) for loop in loops]
    if not all(addresses):
        raise ValueError(f"{place} lacks a loop")
    for loop_, address in zip(loops, addresses, strict=True):
        loop_.bind(address)
    return (engine,)


def _compile(loops: list[Loop]) -> tuple[bytes, tuple[Any, ...]]:
    """Machine code of the loops by numba, bound to them; and the same as a file."""
    from numba import njit

    entries: dict[str, Any] = {}
    objects: list[bytes] = []
    kept: list[Any] = []
    for loop_ in loops:
        compiled: Any = njit(loop_.numba_signature(), **_FLAGS)(_visible(loop_.function))
        result = next(iter(compiled.overloads.values()))
        library, symbol = result.library, result.fndesc.llvm_func_name
        loop_.bind(library.get_pointer_to_function(symbol))
        code = library.codegen._tm.emit_object(library._final_module)
        entries[loop_.__name__] = {"symbol": symbol, "size": len(code)}
        objects.append(code)
        kept.append(compiled)
    body = json.dumps(entries).encode() + b"\n" + b"".join(objects)
    return hashlib.sha256(body).digest() + body, tuple(kept)


def _write(place: Path, stored: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f"{place.name}.{os.getpid()}.{threading.get_ident()}")
    temporary.write_bytes(stored)
    temporary.replace(place)
