"""Loops over arrays, compiled once by numba and kept as machine code, so that a run need not load the compiler.

Loading numba takes longer than reading fifty megabytes of text. A loop is therefore marked here without it:

    @part                                            # compiled into the loops that use it
    def squared(x): ...

    @loop("const i64[:], f64[:]", returns="i64")     # called from Python
    def sums(values, out): ...

The first call of a loop looks for its machine code in the cache and links it, which takes milliseconds. Where there
is none, for this code, processor and compiler, `wellkeeper.compiler` makes it and the cache keeps it.

Arrays that belong together go to a loop as one value, a named tuple:

    TABLES = structure(Tables, "const u8[:], const i32[:,:]")

    @loop("const u8[:]", TABLES, "i64")
    def classes(data, tables, end): ...

Loops allocate nothing, raise nothing and hold no lock: arrays come from the caller, and other threads run while a
loop does. Arrays are C-contiguous; their type and number of dimensions are checked at each call, their sizes are
the loop's own promise. `const` marks arrays that are only read, such as buffers of Arrow.

With NUMBA_DISABLE_JIT=1 loops run as the Python they are written in, for a debugger, slowly.
"""

import ctypes
import hashlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, update_wrapper
from importlib.util import cache_from_source, find_spec
from numbers import Real
from operator import index
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

KEPT = 8
"""Files a loop may have in a cache: other versions of its code, of the compiler, other processors."""

before_compiling: list[Callable[[str], None]] = []
"""Told, one after the other, the name of each loop that is about to be compiled, which takes seconds."""

_TYPES: Mapping[str, tuple[Any, Any]] = {
    "u8": (np.uint8, ctypes.c_uint8),
    "u16": (np.uint16, ctypes.c_uint16),
    "u32": (np.uint32, ctypes.c_uint32),
    "u64": (np.uint64, ctypes.c_uint64),
    "i32": (np.int32, ctypes.c_int32),
    "i64": (np.int64, ctypes.c_int64),
    "f32": (np.float32, ctypes.c_float),
    "f64": (np.float64, ctypes.c_double),
}
_OPTIONS: Mapping[str, Any] = {
    "nogil": True,
    "boundscheck": False,
    "error_model": "numpy",
    "_nrt": False,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
# NPY_ARRAY_C_CONTIGUOUS, _ALIGNED and _WRITEABLE of numpy's C interface: one look at all of them
_CONTIGUOUS, _ALIGNED, _WRITEABLE = 0x0001, 0x0100, 0x0400
_AS_WRITTEN = os.environ.get("NUMBA_DISABLE_JIT", "0") not in {"", "0"}

_lock = threading.RLock()
_loops: dict[str, list["Loop"]] = {}  # by module


class Part:
    """A function that loops call; from Python it runs as written."""

    def __init__(self, function: Callable[..., Any], *, inline: bool = False) -> None:
        update_wrapper(self, function)
        self.function: Any = function
        self.options = {**_OPTIONS, "forceinline": inline}

    def __call__(self, *arguments: Any) -> Any:
        return self.function(*arguments)


class Intrinsic(Part):
    """A part that is written in the compiler's own terms; `function()` returns numba's intrinsic."""

    def __call__(self, *_arguments: Any) -> Any:
        raise TypeError(
            f"{self.function.__name__} is an instruction of compiled loops. Unset NUMBA_DISABLE_JIT."
        )


class Loop:
    """A function of arrays and numbers that runs as machine code."""

    def __init__(
        self, function: Callable[..., Any], arguments: Sequence["str | Structure"], returns: str | None
    ) -> None:
        update_wrapper(self, function)
        self.function: Any = function
        self.name = function.__name__
        self.signature = f"({', '.join(map(str, arguments))}) -> {returns}"
        self._arguments = _declared(self.name, function.__code__, arguments)
        self._returns = None if returns is None else _type_of(self.name, returns)
        self._run: Any = None
        self._alive: Any = None  # what holds the machine code in memory
        _loops.setdefault(function.__module__, []).append(self)

    def __call__(self, *arguments: Any) -> Any:
        """Run the loop.

        Raises:
            TypeError: an argument is not what the loop's signature says.
            RuntimeError: the loop raised, which none should.
        """
        if len(arguments) != len(self._arguments):
            raise TypeError(
                f"{self.name} was given {len(arguments)} arguments. Pass {len(self._arguments)}: {self.signature}."
            )
        words: list[Any] = []
        for declared, given in zip(self._arguments, arguments, strict=True):
            declared.flatten(given, words)
        if _AS_WRITTEN:
            return self._as_written(arguments)
        if self._run is None:
            self.link()
        returned = None if self._returns is None else self._returns[1]()
        error = ctypes.c_void_p()
        room = ctypes.c_void_p() if returned is None else returned
        status = self._run(ctypes.byref(room), ctypes.byref(error), *words)
        if status != 0:
            raise RuntimeError(
                f"{self.name} raised an exception, which no loop should. "
                "Run with NUMBA_DISABLE_JIT=1 to see it, and report it."
            )
        return None if returned is None else returned.value

    def __reduce__(self) -> str:
        return self.function.__qualname__  # type: ignore[no-any-return]

    def link(self) -> None:
        """Find the machine code in the cache, or else have it made. Until the first call nothing needs it."""
        with _lock:
            if self._run is None:  # else another thread was faster
                _link(self)

    def bind(self, address: int, owner: Any) -> None:
        """Run the machine code at `address`, which `owner` holds in memory, from now on."""
        self._alive = owner
        # numba's calling convention: where the result goes, where an exception goes, then all words of the arguments
        types = [word for argument in self._arguments for word in argument.word_types]
        self._run = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *types)(address)

    def numba_signature(self) -> Any:
        """The types of the arguments and of what it returns, as numba has them."""
        from numba import from_dtype, types

        returned = types.void if self._returns is None else from_dtype(np.dtype(self._returns[0]))
        return returned(*(argument.numba_type() for argument in self._arguments))

    def _as_written(self, arguments: Sequence[Any]) -> Any:
        given = [
            declared.as_written(value) for declared, value in zip(self._arguments, arguments, strict=True)
        ]
        with np.errstate(all="ignore"):  # machine words wrap around
            found = self.function(*given)
        return None if self._returns is None else self._returns[0](found).item()


def part(function: Callable[..., Any]) -> Part:
    """Mark a function that loops call."""
    return Part(function)


def inlined(function: Callable[..., Any]) -> Part:
    """Mark a part that is copied into its callers.

    The compiler does so with small ones by itself. One that is called for every word and takes the tables spends more
    time on its arguments, of which an array is seven, than on the word.
    """
    return Part(function, inline=True)


def intrinsic(function: Callable[[], Any]) -> Intrinsic:
    """Mark a function that returns a numba intrinsic, which loops call."""
    return Intrinsic(function)


@dataclass(frozen=True, slots=True)
class Structure:
    """A named tuple as a loop takes it: arrays and numbers that are one argument."""

    type: Any  # the class, a NamedTuple
    fields: str  # the types of its fields, as in `loop`

    def __str__(self) -> str:
        return f"{self.type.__name__}({self.fields})"


def structure(type_: Any, fields: str) -> Structure:
    """Declare a named tuple for loops.

    Args:
        type_: the class, a NamedTuple.
        fields: the types of its fields, as in `loop`.

    Raises:
        TypeError: it has another number of fields.
    """
    if len(fields.split(", ")) != len(type_._fields):
        raise TypeError(
            f"{type_.__name__} has {len(type_._fields)} fields and declares {len(fields.split(', '))}. "
            "Declare each of them."
        )
    return Structure(type_, fields)


def loop(*arguments: str | Structure, returns: str | None = None) -> Callable[[Callable[..., Any]], Loop]:
    """Mark a function that Python calls as machine code.

    Args:
        arguments: types separated by ", ": a number `i64`, an array that is written to `f64[:]` or `u64[:,:]`, one
            that is only read `const u8[:]`. Items are u8, u16, u32, u64, i32, i64, f32, f64. A `Structure` between
            such texts is one argument, a named tuple.
        returns: the type of the number it returns, if it does.

    Raises:
        TypeError: a type is unknown, or the function takes another number of arguments.
    """
    return lambda function: Loop(function, arguments, returns)


class _Number:
    """A number as declared: `i64`."""

    def __init__(self, where: str, item: str) -> None:
        self._where = where
        self._type, word = _type_of(where, item)
        self.word_types = (word,)
        self._whole = np.issubdtype(self._type, np.integer)
        self._low, self._high = (
            (int(np.iinfo(self._type).min), int(np.iinfo(self._type).max)) if self._whole else (0, 0)
        )

    def flatten(self, value: Any, words: list[Any]) -> None:
        """Append the machine words that numba's calling convention makes of the value."""
        if self._whole:
            with suppress(TypeError):
                number = index(value)
                if self._low <= number <= self._high:
                    words.append(number)
                    return
        elif isinstance(value, Real):
            words.append(float(value))
            return
        found = repr(value) if isinstance(value, int | float | np.generic) else _told(value)
        raise TypeError(f"{self._where} is {found}. Pass a number that fits {self._type.__name__}.")

    def as_written(self, value: Any) -> Any:
        return self._type(value)

    def numba_type(self) -> Any:
        from numba import from_dtype

        return from_dtype(np.dtype(self._type))


class _Array:
    """An array as declared: `u8[:]`, `const u8[:]`, `u64[:,:]`."""

    def __init__(self, where: str, item: str, axes: int, *, const: bool) -> None:
        self._where = where
        self._dtype, self._axes, self._const = np.dtype(_type_of(where, item)[0]), axes, const
        self._flags = _CONTIGUOUS | _ALIGNED | (0 if const else _WRITEABLE)
        pointer, size = ctypes.c_void_p, ctypes.c_int64
        self.word_types = (pointer, pointer, size, size, pointer, *[size] * (2 * axes))

    def flatten(self, value: Any, words: list[Any]) -> None:
        """Append the machine words that numba's calling convention makes of the value."""
        if not (
            isinstance(value, np.ndarray)
            and value.dtype == self._dtype
            and value.ndim == self._axes
            and value.flags.num & self._flags == self._flags
        ):
            raise TypeError(
                f"{self._where} is {_told(value)}. Pass a C-contiguous array of {self._dtype} with "
                f"{self._axes} dimension(s){'' if self._const else ' that may be written to'}."
            )
        # Nobody counts references, hence twice None: the caller holds the array while the loop runs.
        words += (None, None, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides)

    def as_written(self, value: Any) -> Any:
        return value

    def numba_type(self) -> Any:
        from numba import from_dtype, types

        return types.Array(from_dtype(self._dtype), self._axes, "C", readonly=self._const)


class _Tuple:
    """A named tuple as declared by a `Structure`."""

    def __init__(self, where: str, declared: Structure) -> None:
        self._where = where
        self._type = declared.type
        self._fields = [
            _field(f"{where}.{name}", word)
            for name, word in zip(declared.type._fields, declared.fields.split(", "), strict=True)
        ]
        self.word_types = tuple(word for field in self._fields for word in field.word_types)

    def flatten(self, value: Any, words: list[Any]) -> None:
        """Append the machine words that numba's calling convention makes of the value."""
        if not isinstance(value, self._type):
            raise TypeError(f"{self._where} is {_told(value)}. Pass a {self._type.__name__}.")
        for field, given in zip(self._fields, value, strict=True):
            field.flatten(given, words)

    def as_written(self, value: Any) -> Any:
        return self._type(
            *(field.as_written(given) for field, given in zip(self._fields, value, strict=True))
        )

    def numba_type(self) -> Any:
        from numba import types

        return types.NamedTuple([field.numba_type() for field in self._fields], self._type)


def _declared(
    name: str, code: CodeType, arguments: Sequence[str | Structure]
) -> tuple[_Number | _Array | _Tuple, ...]:
    words: list[str | Structure] = []
    for given in arguments:
        words += given.split(", ") if isinstance(given, str) else [given]
    if len(words) != code.co_argcount:
        raise TypeError(
            f"{name} takes {code.co_argcount} arguments and declares {len(words)}. Declare each of them."
        )
    return tuple(
        _field(f"{name}: {parameter}", word)
        if isinstance(word, str)
        else _Tuple(f"{name}: {parameter}", word)
        for word, parameter in zip(words, code.co_varnames, strict=False)
    )


def _field(where: str, word: str) -> _Number | _Array:
    item, bracket, axes = word.removeprefix("const ").partition("[")
    if bracket:
        return _Array(where, item, axes.count(":"), const=word.startswith("const "))
    return _Number(where, word)


def _type_of(where: str, item: str) -> tuple[Any, Any]:
    if item not in _TYPES:
        raise TypeError(f"{where} is declared as '{item}'. Declare one of {', '.join(_TYPES)}.")
    return _TYPES[item]


def _told(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return f"of type {type(value).__name__}"
    faults = (
        (value.flags.c_contiguous, "not contiguous"),
        (value.flags.aligned, "not aligned"),
        (value.flags.writeable, "read-only"),
    )
    return ", ".join(
        [
            f"an array of {value.dtype} with shape {value.shape}",
            *(fault for right, fault in faults if not right),
        ]
    )


def _link(loop_: Loop) -> None:
    """Give a loop its machine code: from the cache, or else from the compiler."""
    # Whatever is wrong with a cache costs the time to compile, and never the run.
    name, key, places = f"{loop_.__module__}.{loop_.name}", "", []
    with suppress(Exception):
        key = _key(loop_)
        places = [folder / f"{name}-{key}.native" for folder in _folders(loop_.__module__)]
    for place in places:
        with suppress(Exception):
            _bind(loop_, place.read_bytes(), key)
            return
    for told in before_compiling:
        told(name)
    stored = _compile(loop_, key)
    if stored is None:
        return
    for place in places:
        with suppress(OSError):
            _write(place, stored)
            with suppress(OSError):  # another process may be at it too
                _forget(place.parent, name)
            return


def _bind(loop_: Loop, stored: bytes, key: str) -> None:
    """Link what a file holds and bind the loop to it.

    Raises:
        ValueError, KeyError, TypeError: it is torn or somebody else's, or lacks something.
        RuntimeError: it cannot be linked here.
    """
    from llvmlite import binding

    digest, body = stored[:32], stored[32:]
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("the file is torn")
    line, code = body.split(b"\n", 1)
    header = json.loads(line)
    if header["key"] != key:
        raise ValueError("the file belongs to other code")
    target = _target()
    if not all(map(binding.address_of_symbol, header["needs"])):
        raise ValueError("the file calls what is not here")  # LLVM would link it to address 0
    # An engine for each: it costs a third of a millisecond, and no loop can meet another's symbols.
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), target.create_target_machine(jit=True))
    loaded = binding.ObjectFileRef.from_data(code)
    if not loaded:
        raise ValueError("the file holds no machine code")
    engine.add_object_file(loaded)
    engine.finalize_object()
    address = engine.get_function_address(_symbol(loop_, key))
    if not address:
        raise ValueError("the file lacks the loop")
    loop_.bind(address, engine)


@cache
def _target() -> Any:
    """The processor at hand, as LLVM links for it."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_triple(binding.get_process_triple())


def _symbol(loop_: Loop, key: str) -> str:
    return f"{loop_.__module__}.{loop_.name}.{key}"


def _compile(loop_: Loop, key: str) -> bytes | None:
    """Compile a loop and bind it; return what the cache shall keep, None if it cannot be had."""
    with suppress(Exception):  # the compiler looks into numba, which may change; loops run all the same
        from wellkeeper import compiler

        seen = _visible(loop_.function, compiler.dispatcher, _parts)
        code, needs = compiler.object_file(seen, loop_.numba_signature(), _OPTIONS, _symbol(loop_, key))
        body = json.dumps({"key": key, "needs": needs}).encode() + b"\n" + code
        stored: bytes = hashlib.sha256(body).digest() + body
        _bind(loop_, stored, key)
        return stored
    from numba import njit

    signature = loop_.numba_signature()
    seen = _visible(loop_.function, lambda function, options: njit(**options)(function), {})
    result = njit(signature, **_OPTIONS)(seen).overloads[signature.args]
    loop_.bind(result.library.get_pointer_to_function(result.fndesc.llvm_func_name), result)
    return None


def _write(place: Path, stored: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f"{place.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.write_bytes(stored)
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def _forget(folder: Path, name: str) -> None:
    """Remove all but the latest files of a loop, and what killed writers left behind."""
    files = sorted(folder.glob(f"{name}-*.native*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in files[KEPT:]:
        path.unlink(missing_ok=True)


def _folders(module: str) -> Iterator[Path]:
    """Where machine code is kept: as asked, else beside the source like Python's own, else in the user's cache."""
    if asked := os.environ.get("WELLKEEPER_CACHE"):
        yield Path(asked)
        return
    yield Path(cache_from_source(_file_of(module))).parent
    with suppress(RuntimeError):  # a user without a home
        yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wellkeeper"


def _key(loop_: Loop) -> str:
    """Changes with the code, the compiler and the processor, so that a wrong piece of machine code is never run."""
    digest = hashlib.sha256(_machine())
    for text in (
        repr(sorted((name, os.environ[name]) for name in os.environ if name.startswith(_SHAPING))),
        f"{loop_.name} {loop_.signature}",
    ):
        digest.update(text.encode() + b"\0")
    modules = {__name__}
    for value in _ingredients(loop_.function, modules, set()):
        digest.update(value + b"\0")
    for module in sorted(modules):
        digest.update(_source(module))
    return digest.hexdigest()[:24]


@cache
def _machine() -> bytes:
    """What machine code depends on and no loop is part of: versions, processor, options of the compiler."""
    import llvmlite
    from llvmlite import binding

    compiler = find_spec("numba")  # found, not loaded
    assert compiler is not None
    assert compiler.origin is not None
    texts = (
        llvmlite.__version__,
        np.__version__,
        sys.version,
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
        repr(sorted(_OPTIONS.items())),
    )
    return b"\0".join(
        (
            *(text.encode() for text in texts),
            Path(compiler.origin).with_name("_version.py").read_bytes(),
            Path(__file__).with_name("compiler.py").read_bytes(),
        )
    )


def _source(module: str) -> bytes:
    """The digest of a module's source, read once for each module that is loaded."""
    loaded = sys.modules[module]
    if loaded not in _sources:
        _sources[loaded] = hashlib.sha256(Path(_file_of(module)).read_bytes()).digest()
    return _sources[loaded]


_sources: WeakKeyDictionary[ModuleType, bytes] = WeakKeyDictionary()

# Environment variables of numba that change the machine code it makes.
_SHAPING = (
    "NUMBA_OPT",
    "NUMBA_CPU_",
    "NUMBA_ENABLE_AVX",
    "NUMBA_LOOP_VECTORIZE",
    "NUMBA_SLP_",
    "NUMBA_BOUNDSCHECK",
)


def _ingredients(function: Any, modules: set[str], seen: set[int]) -> Iterator[bytes]:
    """The constants that end up in a loop; `modules` gathers those whose source does."""
    if id(function) in seen:
        return
    seen.add(id(function))
    modules.add(function.__module__)
    for name, value in sorted(_outer(function).items()):
        if isinstance(value, Part):
            yield from _ingredients(value.function, modules, seen)
        elif isinstance(value, np.ndarray):
            yield f"{name} {value.dtype} {value.shape}".encode() + value.tobytes()
        elif isinstance(value, int | float | str | bytes | tuple | np.generic):
            yield f"{name} {value!r}".encode()
        elif str(getattr(value, "__module__", "")).startswith(f"{__package__}."):
            modules.add(value.__module__)  # a named tuple, or a function that makes an intrinsic


def _outer(function: Any) -> dict[str, Any]:
    """What a function sees outside of itself, by name."""
    names = set(_names(function.__code__))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: value for name, value in function.__globals__.items() if name in names} | {
        name: cell.cell_contents for name, cell in cells
    }


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _file_of(module: str) -> str:
    """Path of a module's source.

    Raises:
        ValueError: it has none, such as what was typed into a shell.
    """
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        raise ValueError(f"{module} has no file")
    return str(file)


_parts: dict[Part, Any] = {}  # as the compiler sees them


def _visible(
    function: Any, dispatcher: Callable[[Any, Mapping[str, Any]], Any], made: dict[Part, Any]
) -> Any:
    """The function with every part it can see, directly or through others, replaced by what numba understands."""
    outer = _outer(function)
    for name, value in outer.items():
        if isinstance(value, Part):
            if value not in made:
                made[value] = (
                    value.function()
                    if isinstance(value, Intrinsic)
                    else dispatcher(_visible(value.function, dispatcher, made), value.options)
                )
            outer[name] = made[value]
    code = function.__code__
    cells = tuple(CellType(outer[name]) for name in code.co_freevars)
    seen = FunctionType(
        code, function.__globals__ | outer, function.__name__, function.__defaults__, cells or None
    )
    seen.__module__, seen.__qualname__ = function.__module__, function.__qualname__
    return seen
