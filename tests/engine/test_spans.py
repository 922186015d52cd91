"""The span scanner against orjson, which judges: the same documents, the same faults, whatever the bytes."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from reading import TEXT, gz, json_lines, listed, read, write_arrow, zstd

from wellkeeper.engine.readers import cutting, jsonl, parse_block, reader_for, streams
from wellkeeper.engine.readers.base import ColumnMap, InputFile, Parsed, RawBlock
from wellkeeper.engine.readers.json_array import Elements
from wellkeeper.engine.readers.spans import scan

ALL_ROLES = ColumnMap(
    text="text", id="id", source="source", date="date", licence="id", origin="text", generator="naïve \u2028"
)
FILE = InputFile(
    url="x.jsonl", name="x.jsonl", group="g", format="jsonl", compression=None, size=1, fingerprint="f"
)
NAMES = [*ALL_ROLES.named().values(), "", "tex", "texts", "more", 'quoted "', "line\n", "\0"]

letters = st.characters(exclude_categories=["Cs"])
strings = st.one_of(
    st.text(letters, max_size=90),
    st.text(
        st.sampled_from('ab"\\/\b\f\n\r\t\x00\x1f\x7f\x85 \u00a0é\u1680\u2000\u3000語\uffff😀'), max_size=200
    ),
    st.sampled_from(
        ["x" * 63 + "é", "x" * 62 + "語" * 9, "x" * 61 + "😀\n", "\u3000 \x1c", "a" * 64, "a" * 300]
    ),
)
numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([10**400, -(2**63), 2**64, 1e308, -0.0, math.inf, 5e-324])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | strings,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(strings, inner, max_size=3),
    max_leaves=8,
)
fields = st.tuples(st.sampled_from(NAMES), values)


@st.composite
def written_lines(draw: st.DrawFn) -> bytes:
    """One record as some program may write it: in any order, names twice, with or without escapes and spaces."""
    pairs = draw(st.lists(fields, max_size=6))
    if draw(st.booleans()):
        pairs.insert(draw(st.integers(0, len(pairs))), ("text", draw(strings)))
    ascii_, space = draw(st.booleans()), draw(st.sampled_from(["", " ", "\t ", " \r"]))
    members = (
        f"{json.dumps(name, ensure_ascii=ascii_)}{space}:{space}{json.dumps(value, ensure_ascii=ascii_)}"
        for name, value in pairs
    )
    return f"{space}{{{space}{f'{space},{space}'.join(members)}{space}}}{space}".encode()


ODD_LINES = [
    b"", b" ", b"\r", b"\x0b\x0c", b"\xef\xbb\xbf" + b'{"text":"a"}', b"{}", b"[]", b"null", b'{"text":"a"}}',
    b'{"text":"a"} 1', b'{"text":"a",}', b'{"text" "a"}', b'{text:"a"}', b'{"text":"a"', b'{"text":"a', b'{"text":',
    b'{"text"', b'{"t', b"{", b'{"text":"a\\', b'{"text":"a\\u00', b'{"text":"\\x"}', b'{"text":"\\u12g4"}',
    b'{"text":"\\ud800"}', b'{"text":"\\udc00\\ud800"}', b'{"text":"\\ud83d\\ude00"}', b'{"text":"\\ud83d\\u0041"}',
    b'{"text":"\\u0000\\u007f\\u0080\\u07ff\\u0800\\uFFFF\\uaBcD"}', b'{"te\\u0078t":"a","text":null}',
    b'{"text":"a","te\\u0078t":"b"}', b'{"text":"a","text":7}', b'{"text":7,"text":"a"}', b'{"text":"a\x00b"}',
    b'{"text":"a\x1fb"}', b'{"text":"a\x7fb"}', b'{"text":"a","n":NaN}', b'{"text":"a","n":-Infinity}',
    b'{"text":"a","n":01}', b'{"text":"a","n":-}', b'{"text":"a","n":1.}', b'{"text":"a","n":.5}',
    b'{"text":"a","n":1e}', b'{"text":"a","n":1e+}', b'{"text":"a","n":1e999}', b'{"text":"a","n":1E-9}',
    b'{"text":"a","n":+1}', b'{"text":"a","n":0x1}', b'{"text":"a","n":tru}', b'{"text":"a","n":nulll}',
    b'{"text":"a","n":True}', b'{"text":"a","n":falsey}', b'{"text":"a","n":[1,]}', b'{"text":"a","n":[1 2]}',
    b'{"text":"a","n":{"a":1,}}', b'{"text":"a","n":{"a" 1}}', b'{"text":"a","n":{a:1}}', b'{"text":"a","n":[1}',
    b'{"text":"a","n":{"a":1]}', b'{"text":"a","n":[{},[],{"":[{}]}]}', b'{"text":"a","n":{"\\ud800":1}}',
    b'{"text":"a","id":[1,"\\u00e9"],"source":{"a":null},"date":1609459200}', b'{"text":"caf\xe9"}',
    b'{"text":"\xc0\x80"}', b'{"text":"\xed\xa0\x80"}', b'{"text":"\xf4\x90\x80\x80"}', b'{"text":"\xf0\x8f\xbf\xbf"}',
    b'{"text":"\xe0\x9f\xbf"}', b'{"text":"\xf4\x8f\xbf\xbf"}', b'{"text":"\xe2\x82"}', b'{"text":"\xf5\x80\x80\x80"}',
    b'{"text":"a","caf\xe9":1}', b'{"text":"a"}\xe9', b'\xe9{"text":"a"}', b'{"text":"a","n":"\xff"}',
    *(b'{"text":"a","n":' + b"[" * depth + b"]" * depth + b"}" for depth in (1, 59, 60, 61, 62, 63, 64, 65, 1030)),
    *(b'{"text":"a","n":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}" for depth in (59, 60, 61, 64, 200)),
    *(b'{"text":"' + b"x" * size + end for size in range(54, 70) for end in (b'"}', b'\\n"}', b'\xc3\xa9"}', b"\xc3")),
]  # fmt: skip
lines = st.one_of(written_lines(), st.sampled_from(ODD_LINES))
edits = st.tuples(st.integers(0, 400), st.sampled_from(["set", "drop", "add", "cut"]), st.binary(max_size=3))


def edited(data: bytes, edit: tuple[int, str, bytes]) -> bytes:
    place, kind, new = edit
    at = place % (len(data) + 1)
    match kind:
        case "set":
            return data[:at] + new + data[at + len(new) :]
        case "drop":
            return data[:at] + data[at + 1 :]
        case "add":
            return data[:at] + new + data[at:]
    return data[:at]


def block_of(payload: Any) -> RawBlock:
    return RawBlock(file=FILE, index=3, line=70, offset=1_000, payload=payload)


def by_orjson(payload: bytes, columns: ColumnMap, *, extras: bool) -> Parsed:
    """Elements of arrays never meet the scanner; here they are the very same lines."""
    records = payload.split(b"\n")
    sizes = np.array([len(record) + 1 for record in records])
    elements = Elements(
        tuple(records), 70 + np.arange(len(records)), 1_000 + np.concatenate([[0], np.cumsum(sizes)[:-1]])
    )
    return parse_block(block_of(elements), columns, extras)


def agree(payload: bytes, columns: ColumnMap = ALL_ROLES) -> None:
    for extras in (False, True):
        ours, theirs = (
            parse_block(block_of(payload), columns, extras),
            by_orjson(payload, columns, extras=extras),
        )
        ours.table.validate(full=True)
        assert ours.table.schema == theirs.table.schema
        # NaN is not equal to itself, so that values are compared as they are written
        assert repr(ours.table.to_pylist()) == repr(theirs.table.to_pylist())
        assert ours.quarantined == theirs.quarantined
        assert ours.fields == theirs.fields


payloads = st.tuples(st.lists(lines, max_size=8).map(b"\n".join), st.lists(edits, max_size=3))


@settings(max_examples=30)
@given(payloads)
def test_the_scanner_and_orjson_say_the_same_of_any_bytes(
    given: tuple[bytes, list[tuple[int, str, bytes]]],
) -> None:
    agree(reduce(edited, given[1], given[0]))


@pytest.mark.nightly
@settings(max_examples=3_000)
@given(payloads)
def test_the_scanner_and_orjson_say_the_same_of_many_more_bytes(
    given: tuple[bytes, list[tuple[int, str, bytes]]],
) -> None:
    agree(reduce(edited, given[1], given[0]))


@pytest.mark.parametrize(
    "columns", [TEXT, ALL_ROLES, ColumnMap(text="id", source="text"), ColumnMap(text="a.b", id="text")]
)
def test_the_scanner_and_orjson_say_the_same_of_odd_lines(columns: ColumnMap) -> None:
    for line in ODD_LINES:
        agree(line, columns)
        agree(b'{"text":"first","id":"1"}\n' + line + b'\r\n{"text":"last","source":"\\t"}', columns)
    agree(b"\n".join(ODD_LINES), columns)


@given(st.lists(st.dictionaries(st.text(letters, max_size=5), strings), max_size=5), st.booleans())
@example([{"text": "語" * 100}], False)
def test_what_programs_write_every_day_never_needs_a_second_reader(
    records: list[dict[str, str]],
    ascii_: bool,
) -> None:
    texts = [record["id"] + "x" for record in records if "id" in record]
    written = [
        {**record, "text": record.get("id", "") + "x", "n": [1.5e10, -3, {"a": None}]} for record in records
    ]
    data = "".join(json.dumps(record, ensure_ascii=ascii_) + "\n" for record in written).encode()
    found = scan(data, ["text"])
    # a name with an escape may be any name
    assert len(found.unsure) <= sum(
        json.dumps(name, ensure_ascii=ascii_).count("\\") > 0 for r in records for name in r
    )
    if not len(found.unsure):
        assert found.text().to_pylist() == [record["text"] for record in written]
    assert set(texts) <= {record["text"] for record in written}


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_in_a_string_are_judged_as_orjson_judges_them(data: bytes) -> None:
    line = b'{"text":"x' + data.replace(b"\n", b"").replace(b'"', b"").replace(b"\\", b"") + b'"}'
    found = scan(line, ["text"])
    try:
        expected = [orjson.loads(line)["text"]]
    except orjson.JSONDecodeError:
        expected = []
    assert found.text().to_pylist() == expected
    assert len(found.unsure) == 1 - len(expected)


def test_every_code_point_survives_both_ways_of_writing_it() -> None:
    points = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = ["x" + "".join(points[at : at + 997]) for at in range(0, len(points), 997)]
    for ascii_ in (False, True):
        data = "\n".join(json.dumps({"text": text}, ensure_ascii=ascii_) for text in texts).encode()
        found = scan(data, ["text"])
        assert not len(found.unsure)
        assert found.text().to_pylist() == texts


def test_a_text_is_blank_exactly_where_python_says_so() -> None:
    for code in [*range(0x3100), *range(0xFF00, 0x10100)]:
        if not 0xD800 <= code < 0xE000:
            data = json.dumps({"text": chr(code)}, ensure_ascii=False).encode()
            assert len(scan(data, ["text"]).unsure) == chr(code).isspace(), hex(code)


def test_a_block_of_nothing_but_line_ends_is_empty() -> None:
    found = scan(b"\n" * 1_000, ["text"])
    assert len(found.lines) == len(found.unsure) == 0
    assert len(scan(b"", ["text"]).lines) == 0


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@given(
    st.lists(st.sampled_from([b"", b"a", b"bb" * 9, b"c" * 50, b"\r"]), max_size=30),
    st.integers(1, 120),
    st.booleans(),
)
def test_a_plain_file_is_cut_where_a_stream_is(
    tmp_path_factory: pytest.TempPathFactory,
    mark: bytes,
    records: list[bytes],
    target: int,
    ends: bool,
) -> None:
    path = tmp_path_factory.mktemp("x") / "x.jsonl"
    path.write_bytes(mark + b"\n".join(records) + b"\n" * ends)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_LOOK_AHEAD", 7)
        patch.setattr(cutting, "RECORD_BYTES", 60)
        file = listed_or_made(path)
        assert pieces(cutting.PlainLines(file), target) == pieces(
            cutting.Cutter(file, cutting.LineEnds()), target
        )


def listed_or_made(path: Path) -> InputFile:
    """Empty files are listed nowhere, and may be emptied after they were."""
    return InputFile(
        url=str(path), name=path.name, group="g", format="jsonl", compression=None, size=-1, fingerprint="f"
    )


def pieces(cutter: cutting.PlainLines | cutting.Cutter, target: int) -> list[cutting.Piece]:
    with cutter:
        return list(iter(lambda: cutter.next(target), None))


NOISE = np.random.default_rng(7).bytes(3_000_000).hex()
BIG = json_lines([{"text": NOISE[at : at + 20_000]} for at in range(0, len(NOISE), 20_000)])


def inflating() -> bool:
    return any(thread.name == "wellkeeper-inflate" for thread in threading.enumerate())


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gz), ("zst", zstd)])
def test_leaving_a_compressed_file_early_ends_its_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr(streams, "_ALONE", 100_000)
    monkeypatch.setattr(streams, "_AHEAD", 100_000)
    path = tmp_path / f"x.jsonl.{suffix}"
    path.write_bytes(compress(BIG))
    file = listed(path)
    blocks = jsonl.blocks(file, block_bytes=1 << 16)
    while not inflating():
        next(blocks)
    blocks.close()
    assert not inflating()


def test_inflating_stays_a_bounded_stretch_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0

    def chunks() -> Iterator[bytes]:
        nonlocal made
        for _ in range(200):
            made += 1
            yield b"x" * 1_000

    monkeypatch.setattr(streams, "_ALONE", 5_000)
    monkeypatch.setattr(streams, "_AHEAD", 20_000)
    taken = 0
    for chunk in streams._ahead(chunks()):
        taken += len(chunk)
        assert made * 1_000 - taken <= 2 * 20_000 + 2_000  # what waits, and what was taken at once
    assert taken == 200_000


def test_an_error_in_the_thread_is_raised_where_the_bytes_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunks() -> Iterator[bytes]:
        yield from [b"a", b"b", b"c"]
        raise OSError("the disk is gone")

    monkeypatch.setattr(streams, "_ALONE", 1)
    taken: list[bytes] = []
    with pytest.raises(OSError, match="the disk is gone"):
        taken.extend(streams._ahead(chunks()))
    assert taken == [b"a", b"b", b"c"]


def test_texts_of_an_arrow_table_reach_the_kernels_without_a_copy(tmp_path: Path) -> None:
    texts = pa.array([f"document {number}" for number in range(100)], pa.large_string())
    path = tmp_path / "x.arrow"
    write_arrow(path, pa.table({"text": texts}), stream=False, rows=100)
    file = listed(path)
    (block,) = reader_for(file).blocks(file)
    (given,) = block.payload.table.column("text").chunks
    (kept,) = parse_block(block, TEXT).table.column("text").chunks
    assert [b.address for b in kept.buffers()[1:]] == [b.address for b in given.buffers()[1:]]


def test_fields_are_counted_over_all_records_of_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(
        json_lines([{"text": "a", "n": 1, "m": {"a": {"b": 1}}}, {"n": 2.5, "m": None}, {"n": 2.5, "z": ""}])
    )
    file = listed(path)
    assert dict(jsonl.schema(file)) == {
        "text": "string", "n": "float", "m": "json", "m.a": "json", "m.a.b": "int", "z": "string"
    }  # fmt: skip
    assert read(path).texts == ["a"]
