"""Compiled loops do what their Python says, and no state of the cache can stop or mislead them."""

import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from wellkeeper import compiler, native
from wellkeeper.native import Loop, loop, part, structure

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
TYPES = ["u8", "u16", "u32", "u64", "i32", "i64", "f32", "f64"]


@part
def scrambled(value):
    return (value ^ (value >> np.uint64(29))) * GOLDEN


@loop("const u64[:,:], u64, u64[:]", returns="i64")
def row_hashes(rows, seed, out):
    for row in range(rows.shape[0]):
        value = seed
        for column in range(rows.shape[1]):
            value = scrambled(value + rows[row, column])
        out[row] = value
    return rows.size


@loop("const f64[:], f32, f64[:]")
def scaled(values, factor, out):
    for k in range(values.size):
        out[k] = values[k] * factor


@loop("i64[:,:,:], i32")
def filled(cube, value):
    for i in range(cube.shape[0]):
        for j in range(cube.shape[1]):
            for k in range(cube.shape[2]):
                cube[i, j, k] = value + 100 * i + 10 * j + k


@loop("i64", returns="i64")
def raising(value):
    if value > 3:
        raise ValueError
    return value


class Grid(NamedTuple):
    weights: Any
    offset: Any
    cells: Any


GRID = structure(Grid, "const f64[:], i32, i64[:,:]")


@part
def placed(grid, row, column):
    return grid.offset + 10 * row + column


@loop("i64", GRID, "const f64[:]", returns="f64")
def laid_out(factor, grid, more):
    total = 0.0
    for row in range(grid.cells.shape[0]):
        for column in range(grid.cells.shape[1]):
            grid.cells[row, column] = factor * placed(grid, row, column)
        total += grid.weights[row] * more[row]
    return total


def item_of(name: str) -> Loop:
    @loop(f"const {name}[:], i64, {name}, {name}[:]", returns=name)
    def item(values, at, other, out):
        out[0] = other
        return values[at]

    return item


ITEM_OF = {name: item_of(name) for name in TYPES}


@given(arrays.arrays(np.uint64, arrays.array_shapes(min_dims=2, max_dims=2)), st.integers(0, 2**64 - 1))
def test_a_loop_with_a_part_does_what_its_python_says(rows, seed) -> None:
    compiled, plain = np.empty(len(rows), np.uint64), np.empty(len(rows), np.uint64)
    rows.flags.writeable = False
    assert row_hashes(rows, seed, compiled) == rows.size
    with np.errstate(over="ignore"):
        row_hashes.function(rows, np.uint64(seed), plain)
    assert compiled.tolist() == plain.tolist()


@given(arrays.arrays(np.float64, st.integers(0, 9)), st.floats(width=32))
def test_numbers_of_single_precision_keep_their_value(values, factor) -> None:
    out = np.empty(values.size)
    assert scaled(values, factor, out) is None
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out, values * np.float64(factor))


def test_arrays_of_three_dimensions_keep_their_shape() -> None:
    cube = np.zeros((2, 3, 4), np.int64)
    filled(cube, -5)
    i, j, k = np.indices(cube.shape)
    assert (cube == 100 * i + 10 * j + k - 5).all()


def test_a_structure_is_one_argument_and_a_named_tuple_inside() -> None:
    grid = Grid(np.array([0.5, 2.0]), 7, np.zeros((2, 3), np.int64))
    grid.weights.flags.writeable = False
    assert laid_out(2, grid, np.array([10.0, 100.0])) == 205.0
    assert grid.cells.tolist() == [[14, 16, 18], [34, 36, 38]]
    assert laid_out.signature == "(i64, Grid(const f64[:], i32, i64[:,:]), const f64[:]) -> f64"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"offset": 2**31}, r"laid_out: grid\.offset is 2147483648\. Pass a number that fits int32\.$"),
        (
            {"cells": None},
            r"laid_out: grid\.cells is of type NoneType\. Pass a C-contiguous array of int64 with 2",
        ),
        (
            {"weights": np.zeros(2, np.float32)},
            r"laid_out: grid\.weights is an array of float32 with shape \(2,\)",
        ),
    ],
)
def test_a_field_that_does_not_fit_is_named(wrong: dict[str, Any], says: str) -> None:
    grid = Grid(np.zeros(2), 7, np.zeros((2, 3), np.int64))._replace(**wrong)
    with pytest.raises(TypeError, match=says):
        laid_out(2, grid, np.zeros(2))


def test_a_tuple_of_another_class_is_no_structure() -> None:
    with pytest.raises(TypeError, match=r"laid_out: grid is of type tuple\. Pass a Grid\.$"):
        laid_out(2, (np.zeros(2), 7, np.zeros((2, 3), np.int64)), np.zeros(2))


@pytest.mark.parametrize("name", TYPES)
@given(st.data())
def test_every_type_goes_in_and_comes_out_unchanged(name: str, data) -> None:
    dtype = ITEM_OF[name]._returns[0]
    values = data.draw(arrays.arrays(dtype, st.integers(1, 5)))
    other = data.draw(arrays.from_dtype(np.dtype(dtype)))
    at, out = data.draw(st.integers(0, values.size - 1)), np.empty(1, dtype)
    found = ITEM_OF[name](values, at, other, out)
    np.testing.assert_array_equal([dtype(found), out[0]], [values[at], other])


GOOD = {
    "rows": np.zeros((2, 3), np.uint64), "seed": 7, "out": np.zeros(2, np.uint64),
}  # fmt: skip
ROWS = r"row_hashes: rows is .*\. Pass a C-contiguous array of uint64 with 2 dimension\(s\)\.$"
OUT = r"Pass a C-contiguous array of uint64 with 1 dimension\(s\) that may be written to\.$"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"rows": np.zeros((2, 3), np.int64)}, r"rows is an array of int64 with shape \(2, 3\)\. Pass a C-"),
        ({"rows": np.zeros((2, 3), ">u8")}, r"rows is an array of >u8 with shape"),
        ({"rows": np.zeros(3, np.uint64)}, r"rows is an array of uint64 with shape \(3,\)\. Pass a C-"),
        ({"rows": np.zeros((3, 4), np.uint64)[:, ::2]}, r"with shape \(3, 2\), not contiguous\. Pass a C-"),
        ({"rows": np.zeros((3, 4), np.uint64).T}, ROWS),
        ({"rows": np.zeros(49, np.uint8)[1:].view(np.uint64).reshape(2, 3)}, r", not aligned\. Pass a C-"),
        ({"rows": [[1, 2], [3, 4]]}, r"row_hashes: rows is of type list\. Pass a C-contiguous array"),
        ({"rows": None}, ROWS),
        ({"out": np.frombuffer(bytes(16), np.uint64)}, r"with shape \(2,\), read-only\. " + OUT),
        ({"out": 3}, r"row_hashes: out is of type int\. " + OUT),
        ({"seed": -1}, r"row_hashes: seed is -1\. Pass a number that fits uint64\.$"),
        ({"seed": 2**64}, r"row_hashes: seed is 18446744073709551616\. Pass a number that fits uint64\.$"),
        ({"seed": 1.0}, r"row_hashes: seed is 1\.0\. Pass a number that fits uint64\.$"),
        ({"seed": "1"}, r"row_hashes: seed is of type str\. Pass a number that fits uint64\.$"),
        ({"seed": np.zeros(1)}, r"row_hashes: seed is an array of float64 with shape \(1,\)\. Pass a number"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_the_loop_runs(wrong: dict[str, Any], says: str) -> None:
    out = GOOD["out"].copy()
    with pytest.raises(TypeError, match=says):
        row_hashes(*(GOOD | wrong).values())
    assert (GOOD["out"] == out).all()


def test_a_wrong_number_of_arguments_is_told_with_the_signature() -> None:
    signature = r"\(const u64\[:,:\], u64, u64\[:\]\) -> i64"
    with pytest.raises(TypeError, match=rf"row_hashes was given 2 arguments\. Pass 3: {signature}\.$"):
        row_hashes(GOOD["rows"], 7)


def test_text_is_no_number_even_if_it_reads_as_one() -> None:
    with pytest.raises(
        TypeError, match=r"scaled: factor is of type str\. Pass a number that fits float32\.$"
    ):
        scaled(np.zeros(1), "1.5", np.zeros(1))


def test_what_a_loop_declares_is_checked_when_it_is_marked() -> None:
    def two(a, b): ...

    with pytest.raises(TypeError, match=r"two takes 2 arguments and declares 1\. Declare each of them\.$"):
        loop("i64")(two)
    with pytest.raises(TypeError, match=r"two: b is declared as 'int'\. Declare one of u8, u16, .*, f64\.$"):
        loop("i64, int[:]")(two)
    with pytest.raises(TypeError, match=r"two is declared as 'bool'\. Declare one of"):
        loop("i64, i64", returns="bool")(two)
    with pytest.raises(TypeError, match=r"Grid has 3 fields and declares 2\. Declare each of them\.$"):
        structure(Grid, "i64, i64")
    with pytest.raises(TypeError, match=r"two: b\.offset is declared as 'i33'\. Declare one of"):
        loop("i64", structure(Grid, "i64, i33, i64"))(two)


def test_a_loop_that_raises_all_the_same_is_told_and_can_be_called_again() -> None:
    assert raising(3) == 3
    with pytest.raises(RuntimeError, match=r"raising raised an exception.* NUMBA_DISABLE_JIT=1 to see it"):
        raising(4)
    assert raising(-3) == -3


def test_loops_and_parts_go_to_other_processes_by_name() -> None:
    assert pickle.loads(pickle.dumps(row_hashes)) is row_hashes
    assert row_hashes.__name__ == "row_hashes"
    assert scrambled(np.uint64(0)) == 0


# The cache. Each test has modules, a folder and processes of its own.

PARTS = """
import numpy as np
from wellkeeper.native import part

STEP = {step}

@part
def stepped(x):
    return x * {factor} + STEP
"""
LOOPS = """
import numpy as np
from wellkeeper.native import loop
from {parts} import STEP, stepped

TABLE = np.array([{table}])

@loop("const i64[:]", returns="i64")
def total(values):
    found = 0
    for k in range(values.size):
        found += stepped(values[k]) + TABLE[k % TABLE.size] * STEP
    return found

@loop("const i64[:]", returns="f64")
def root(values):
    found = 0.0
    for k in range(values.size):
        found += np.exp(np.log(values[k]))
    return found
"""
VALUES = np.array([1, 2, 3])
_numbers = count()

Make = Callable[..., ModuleType]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WELLKEEPER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], ModuleType]:
    """Writes a module and imports it anew, as another process would."""

    def placed(name: str, source: str) -> ModuleType:
        file = tmp_path / f"{name}.py"
        file.write_text(source)
        module = ModuleType(name)
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, name, module)
        native._loops.pop(name, None)
        exec(compile(source, file, "exec"), vars(module))
        return module

    return placed


@pytest.fixture
def make(place) -> Make:
    """Imports a module of two loops anew, and one of a part that they use."""
    number = next(_numbers)
    parts = f"parts_{number}"

    def made(*, factor: int = 2, step: int = 1, table: int = 0) -> ModuleType:
        place(parts, PARTS.format(factor=factor, step=step))
        return place(f"loops_{number}", LOOPS.format(parts=parts, table=table))

    return made


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The loops that were compiled, and not linked from the cache."""
    found: list[str] = []
    monkeypatch.setattr(native, "before_compiling", [found.append])
    return found


def total(module: ModuleType) -> int:
    assert module.root(VALUES) == pytest.approx(6)
    return module.total(VALUES)


def only(folder: Path, name: str = "total") -> Path:
    """The one file of a loop."""
    (file,) = folder.glob(f"*.{name}-*.native")
    return file


def test_a_loop_is_compiled_once_and_linked_from_then_on(cache, make, compilations) -> None:
    module = make()
    assert [total(module), total(make()), total(make())] == [15] * 3
    assert compilations == [f"{module.__name__}.root", f"{module.__name__}.total"]
    assert {only(cache, "root"), only(cache)} == set(cache.iterdir())


def test_a_loop_that_is_not_called_is_not_compiled(cache, make, compilations) -> None:
    module = make()
    assert module.total(VALUES) == 15
    assert compilations == [f"{module.__name__}.total"]
    assert list(cache.iterdir()) == [only(cache)]


@pytest.mark.parametrize(
    ("change", "expected"), [({"factor": 3}, 21), ({"step": 5}, 27), ({"table": 1}, 18), ({}, 15)]
)
def test_changed_code_of_loops_parts_and_constants_changes_the_key(
    cache, make, compilations, change: dict[str, int], expected: int
) -> None:
    assert make().total(VALUES) == 15
    assert make(**change).total(VALUES) == expected
    assert len(compilations) == len(list(cache.iterdir())) == (2 if change else 1)


def test_a_changed_file_is_compiled_anew_for_all_its_loops(cache, make, compilations) -> None:
    total(make())
    total(make(table=1))
    assert len(compilations) == 4


def test_a_constant_from_elsewhere_is_part_of_the_key(make) -> None:
    module = make()
    before = native._key(module.total)
    module.TABLE = np.array([1])
    assert native._key(module.total) != before


def test_the_key_tells_compilers_and_processors_apart(make, monkeypatch: pytest.MonkeyPatch) -> None:
    from llvmlite import binding

    module = make()
    keys = [native._key(module.total), native._key(module.root)]
    monkeypatch.setenv("NUMBA_OPT", "1")
    keys.append(native._key(module.total))
    monkeypatch.setattr(binding, "get_host_cpu_name", lambda: "z80")
    native._machine.cache_clear()
    keys.append(native._key(module.total))
    native._machine.cache_clear()
    assert len(set(keys)) == 4


def sealed(body: bytes) -> bytes:
    return hashlib.sha256(body).digest() + body


def changed(stored: bytes, **changes: Any) -> bytes:
    """A cache file with another header, and a digest that fits."""
    header, objects = stored[32:].split(b"\n", 1)
    return sealed(json.dumps(json.loads(header) | changes).encode() + b"\n" + objects)


FAULTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "torn": lambda stored: stored[: len(stored) // 2],
    "one byte changed": lambda stored: stored[:-50] + bytes([stored[-50] ^ 1]) + stored[-49:],
    "longer": lambda stored: stored + b"\0",
    "not a cache file": lambda _: sealed(b"hello"),
    "no header": lambda stored: sealed(b"[]\n" + stored),
    "of other code": lambda stored: changed(stored, key="0" * 24),
    "no list of needs": lambda stored: changed(stored, needs=None),
    "another symbol": lambda stored: sealed(stored[32:].replace(b".total.", b".totem.")),
    "calls what is not there": lambda stored: changed(stored, needs=["numba_of_another_version"]),
    "no machine code": lambda stored: sealed(stored[32:].split(b"\n", 1)[0] + b"\n" + b"garbage " * 1000),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_linked_is_compiled_anew_and_replaced(
    cache, make, compilations, fault: str
) -> None:
    assert total(make()) == 15
    file = only(cache)
    good = file.read_bytes()
    file.write_bytes(FAULTS[fault](good))
    assert total(make()) == 15
    assert len(compilations) == 3  # the other loop stays as it is
    assert only(cache) == file
    assert total(make()) == 15
    assert len(compilations) == 3


def test_without_a_linker_numba_alone_does_the_work(
    cache, make, compilations, monkeypatch: pytest.MonkeyPatch
) -> None:
    from llvmlite import binding

    def broken(*_: Any) -> None:
        raise RuntimeError("no linker")

    assert total(make()) == 15
    monkeypatch.setattr(binding.ObjectFileRef, "from_data", broken)
    assert total(make()) == 15
    assert len(compilations) == 4


def test_if_numba_gives_no_machine_code_away_nothing_is_kept_and_all_runs(
    cache, make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(*_: Any) -> None:
        raise AttributeError("_final_module")

    monkeypatch.setattr(compiler, "object_file", moved)
    assert total(make()) == 15
    assert not cache.exists()


def test_what_the_compiler_shares_with_no_one_stays_so(cache, make) -> None:
    """What the user compiles with numba is as it was, before and after our loops were compiled."""
    from numba import njit
    from numba.core.registry import cpu_target

    used, generator = cpu_target.target_context, cpu_target.target_context.codegen()
    least = njit(lambda a, b: min(a, b) + 1)
    module = make()
    assert total(module) == 15
    assert least(3, 4) == 4
    assert cpu_target.target_context is used
    assert used.codegen() is generator


def test_without_a_key_nothing_is_kept_and_all_runs(cache, make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "find_spec", lambda _: None)
    native._machine.cache_clear()
    assert total(make()) == 15
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_gives_way_to_the_next_and_then_to_none(
    make, compilations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WELLKEEPER_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "personal"))
    assert total(make()) == 15
    beside = only(tmp_path / "__pycache__")
    shutil.rmtree(tmp_path / "__pycache__")
    (tmp_path / "__pycache__").touch()  # no folder, even for root
    assert [total(make()), total(make())] == [15, 15]
    assert only(tmp_path / "personal" / "wellkeeper").name == beside.name
    assert len(compilations) == 4
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "__pycache__" / "x"))
    assert total(make()) == 15
    assert len(compilations) == 6


def test_a_failed_write_leaves_nothing_behind(cache, make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full)
    assert total(make()) == 15
    assert list(cache.iterdir()) == []


def test_old_files_of_a_loop_are_removed_and_those_of_others_stay(cache, make) -> None:
    total(make())
    name = only(cache).name
    stem = name.rpartition("-")[0]
    old = [f"{stem}-{number:024x}.native" for number in range(native.KEPT)]
    killed = f"{stem}-{99:024x}.native.123.456"
    others = [f"{stem}x-{number:024x}.native" for number in range(native.KEPT + 2)]
    others.append(only(cache, "root").name)
    for age, left in enumerate([killed, *old, *others]):
        (cache / left).touch()
        os.utime(cache / left, (10**9 + age, 10**9 + age))
    total(make(step=2))
    left = {file.name for file in cache.iterdir()}
    assert name in left
    assert killed not in left
    assert len([found for found in left if found.startswith(f"{stem}-")]) == native.KEPT
    assert left >= {*old[2:], *others}


def test_threads_that_call_first_at_once_compile_once_and_agree(cache, make, compilations) -> None:
    module, start, found = make(), threading.Barrier(6), []

    def call(name: str) -> None:
        start.wait()
        found.append(getattr(module, name)(VALUES))

    threads = [threading.Thread(target=call, args=(name,)) for name in ["total", "root"] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == pytest.approx([6, 6, 6, 15, 15, 15])
    assert len(compilations) == 2


def test_a_loop_that_does_not_compile_says_so_at_each_call(cache, place) -> None:
    from numba.core.errors import TypingError

    module = place(
        f"wrong_{next(_numbers)}", LOOPS.format(parts="math", table=0).replace("STEP, stepped", "tau")
    )
    for _ in range(2):
        with pytest.raises(TypingError, match="stepped"):
            module.total(VALUES)
        assert module.root(VALUES) == pytest.approx(6)
    assert list(cache.iterdir()) == [only(cache, "root")]


SCAN = """
import sys
import numpy as np
from wellkeeper.kernels import scan

texts = b"as a language model, I; chatgpt said....As A Language Model"
table = scan.anchor_table([b"language model", b"chatgpt"])
for _ in range(2):
    found, which = scan.candidates(np.frombuffer(texts, np.uint8), np.array([0, 22, len(texts)]), table)
    print(found.tolist(), which.tolist())
"""
JACCARD = """
from wellkeeper.kernels import clusters

for _ in range(2):
    print(clusters.jaccard(np.array([1, 2, 3], np.uint64), np.array([2, 3, 4], np.uint64)))
"""
COMPILED = """
print("numba" in sys.modules)
"""
FOUND = "[0, 1, 1] [0, 1, 0]\n" * 2


def process(script: str, cache: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script],
        env=os.environ | {"WELLKEEPER_CACHE": str(cache)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_run_with_a_warm_cache_never_imports_numba(tmp_path: Path) -> None:
    script = SCAN + JACCARD + COMPILED
    assert process(script, tmp_path).communicate() == (f"{FOUND}0.5\n0.5\nTrue\n", "")
    assert [only(tmp_path, "_scan"), only(tmp_path, "_jaccard_of")] == sorted(
        tmp_path.iterdir(), reverse=True
    )
    assert process(script, tmp_path).communicate() == (f"{FOUND}0.5\n0.5\nFalse\n", "")


def test_no_loop_of_ours_needs_numba_once_it_was_compiled() -> None:
    """A loop that allocates or raises cannot be linked alone: it would be compiled in every run, unnoticed."""
    package = Path(native.__file__).parent
    paths = [path for path in package.rglob("*.py") if "@loop(" in path.read_text()]
    modules = sorted(".".join(path.relative_to(package.parent).with_suffix("").parts) for path in paths)
    modules.remove("wellkeeper.native")
    assert "wellkeeper.kernels.scan" in modules
    script = f"""
import sys
from importlib import import_module
from wellkeeper import native

for module in {modules}:
    import_module(module)
    for loop in native._loops[module]:
        loop.link()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    again = subprocess.run(
        [sys.executable, "-c", script + COMPILED], check=True, stdout=subprocess.PIPE, text=True
    )
    assert again.stdout == "False\n"


def test_processes_that_meet_on_a_cold_cache_all_succeed_and_leave_it_warm(tmp_path: Path) -> None:
    together = [process(SCAN, tmp_path / "cache") for _ in range(2)]
    assert [running.communicate() for running in together] == [(FOUND, "")] * 2
    assert list((tmp_path / "cache").iterdir()) == [only(tmp_path / "cache", "_scan")]
    assert process(SCAN + COMPILED, tmp_path / "cache").communicate() == (f"{FOUND}False\n", "")


def test_without_its_compiler_a_loop_runs_as_the_python_it_is_written_in(tmp_path: Path) -> None:
    plain = process(
        f"import sys\nimport numpy as np\n{JACCARD}{COMPILED}", tmp_path, NUMBA_DISABLE_JIT="1"
    ).communicate()
    assert plain == ("0.5\n0.5\nFalse\n", "")
    assert list(tmp_path.iterdir()) == []
