"""Each kind of damage: what it is called, where it is said to be, and that its neighbours survive."""

import codecs
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading import TEXT, gz, in_parts, json_lines, listed, read, write_arrow, zstd

from wellkeeper.engine.readers import cutting, json_array, parse_block, reader_for
from wellkeeper.engine.readers.base import ColumnMap
from wellkeeper.errors import InputError

A, B = b'{"text":"first"}\n', b'{"text":"last"}\n'
LONG = json_lines([{"text": f"document {number}"} for number in range(2_000)])
NOISE = np.random.default_rng(7).integers(0, 36**12, 20_000)
BIG = json_lines(
    [{"text": f"document {number} {np.base_repr(noise, 36) * 3}"} for number, noise in enumerate(NOISE)]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A file, the texts that survive in it, and (code, line, offset) of each fault."""

    name: str
    content: bytes
    texts: list[str]
    faults: list[tuple[str, int, int]]
    says: str


def between(bad: bytes, code: str, says: str) -> Case:
    """A bad JSON line with a good one before and after."""
    return Case(
        name="x.jsonl",
        content=A + bad + b"\n" + B,
        texts=["first", "last"],
        faults=[(code, 2, len(A))],
        says=says,
    )


CASES = {
    "half an object": between(b'{"text":"a', "json-syntax", "not JSON"),
    "bare words": between(b"hello there", "json-syntax", r"not JSON: .* \(column 1\)"),
    "deep nesting": between(b"[" * 100_000, "json-syntax", "not JSON"),
    "a raw control character": between(b'{"text":"a\x01b"}', "json-syntax", "control character"),
    "a number too long to print": between(
        b'{"text":"a","n":-' + b"9" * 5000 + b".}", "json-syntax", "not JSON"
    ),
    "a byte of Latin-1": between(b'{"text":"caf\xe9"}', "utf8", "byte 29 of the file is 0xe9, not UTF-8"),
    "an encoded surrogate": between(b'{"text":"\xed\xa0\x80"}', "utf8", "byte 26 of the file is 0xed"),
    "a lone surrogate": between(b'{"text":"a\\ud800b"}', "lone-surrogate", "half of a surrogate pair"),
    "an array": between(b'["text"]', "not-an-object", "no object"),
    "a string": between(b'"text"', "not-an-object", "no object"),
    "null": between(b"null", "not-an-object", "no object"),
    "no text": between(b'{"body":"a"}', "text-missing", "there is no field 'text'"),
    "a null text": between(b'{"text":null}', "text-null", "'text' is null"),
    "a number for a text": between(b'{"text":7}', "text-type", "'text' is a number, not a string"),
    "zero for a text": between(b'{"text":0}', "text-type", "'text' is a number, not a string"),
    "a list for a text": between(b'{"text":["a"]}', "text-type", "'text' is an array, not a string"),
    "an object for a text": between(b'{"text":{"a":1}}', "text-type", "'text' is an object, not a string"),
    "an empty text": between(b'{"text":""}', "text-empty", "only white space"),
    "a text of white space": between(b'{"text":" \\n\\t\\u3000"}', "text-empty", "only white space"),
    "a line cut off at the end": Case(
        name="x.jsonl", content=A + B[:-4], texts=["first"], faults=[("json-syntax", 2, 17)], says="not JSON"
    ),
    "two faults around a good line": Case(
        name="x.jsonl",
        content=b"?\n" + A + b"\n\n" + b'{"text":null}',
        texts=["first"],
        faults=[("json-syntax", 1, 0), ("text-null", 5, 21)],
        says="not JSON",
    ),
    "UTF-16 lines": Case(
        name="x.jsonl",
        content=codecs.BOM_UTF16_LE + A.decode().encode("utf-16-le"),
        texts=[],
        faults=[("utf16", 0, 0)],
        says="iconv -f UTF-16 -t UTF-8",
    ),
    "a gzip name on plain text": Case(
        name="x.jsonl.gz",
        content=A,
        texts=[],
        faults=[("corrupt-stream", 1, 0)],
        says="does not start like gzip",
    ),
    "a zstd name on plain text": Case(
        name="x.jsonl.zst",
        content=A,
        texts=[],
        faults=[("corrupt-stream", 1, 0)],
        says="does not start like zstd",
    ),
    "rubbish after a gzip member": Case(
        name="x.jsonl.gz",
        content=gz(A + B) + b"rubbish",
        texts=["first", "last"],
        faults=[("corrupt-stream", 3, len(A + B))],
        says="the gzip stream is corrupt",
    ),
    "a wrong gzip checksum": Case(
        name="x.jsonl.gz",
        content=gz(A + B)[:-8] + b"\0" * 8,
        texts=["first", "last"],
        faults=[("corrupt-stream", 3, len(A + B))],
        says="incorrect data check",
    ),
    "rubbish after a zstd frame": Case(
        name="x.jsonl.zst",
        content=zstd(A + B) + b"rubbish",
        texts=["first", "last"],
        faults=[("corrupt-stream", 3, len(A + B))],
        says="the zstd stream is corrupt",
    ),
    "an array cut off": Case(
        name="x.json",
        content=b'[\n {"text": "first"},\n {"text": "second"},\n {"te',
        texts=["first", "second"],
        faults=[("truncated", 4, 44)],
        says="ends inside its array",
    ),
    "an array with a missing comma": Case(
        name="x.json",
        content=b'[{"text": "first"} {"text": "second"}]',
        texts=["first"],
        faults=[("json-syntax", 1, 19)],
        says="',' expected",
    ),
    "an array with a bad element": Case(
        name="x.json",
        content=b'[{"text": "first"},\n{"text": "caf\xe9"},\n7,\n{"text": "last"}]',
        texts=["first", "last"],
        faults=[("utf8", 2, 20), ("not-an-object", 3, 38)],
        says="byte 33 of the file is 0xe9",
    ),
    "more after an array": Case(
        name="x.json",
        content=b'[{"text": "first"}]\n[1]',
        texts=["first"],
        faults=[("json-syntax", 2, 20)],
        says="more after the end",
    ),
    "a CSV record with too few fields": Case(
        name="x.csv",
        content=b"id,text\n1,first\n2\n3,last\n",
        texts=["first", "last"],
        faults=[("csv-columns", 3, 16)],
        says="the record has 1 fields, the header has 2",
    ),
    "a CSV record with too many fields after a field of two lines": Case(
        name="x.csv",
        content=b'id,text\r\n1,"fi\r\nrst"\r\n2,a,b\r\n3,last\r\n',
        texts=["fi\r\nrst", "last"],
        faults=[("csv-columns", 4, 22)],
        says="the record has 3 fields",
    ),
    "CSV in Latin-1": Case(
        name="x.csv",
        content=b"id,text\n1,first\n2,caf\xe9\n3,last",
        texts=["first", "last"],
        faults=[("utf8", 3, 16)],
        says="byte 21 of the file is 0xe9",
    ),
    "a CSV quote that nobody closes": Case(
        name="x.csv",
        content=b'id,text\n1,first\n2,"open\n3,last\n',
        texts=["first"],
        faults=[("truncated", 3, 16)],
        says="a quote opened here is never closed",
    ),
    "an empty CSV field": Case(
        name="x.csv",
        content=b'id,text\n1,first\n2,\n3,"  "\n\n4,last\n',
        texts=["first", "last"],
        faults=[("text-empty", 3, 16), ("text-empty", 4, 19)],
        says="only white space",
    ),
    "a text file in Latin-1": Case(
        name="x.txt",
        content=b"caf\xe9",
        texts=[],
        faults=[("utf8", 1, -1)],
        says="byte 3 of the file is 0xe9",
    ),
    "a text file of white space": Case(
        name="x.txt", content=b" \n ", texts=[], faults=[("text-empty", 1, -1)], says="only white space"
    ),
    "half a gzipped text file": Case(
        name="x.txt.gz",
        content=gz(LONG)[:200],
        texts=[],
        faults=[("truncated", 1, -1)],
        says="ends in the middle",
    ),
    "no Parquet": Case(
        name="x.parquet",
        content=A,
        texts=[],
        faults=[("corrupt-file", 0, -1)],
        says="no readable Parquet file",
    ),
    "no Arrow": Case(
        name="x.arrow", content=A, texts=[], faults=[("corrupt-file", 0, -1)], says="no readable Arrow file"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_fault_is_named_and_its_neighbours_survive(tmp_path: Path, case: Case) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content)
    found = read(path)
    assert found.texts == case.texts
    assert found.places == case.faults
    assert {fault.file for fault in found.quarantined} == {case.name}
    with pytest.raises(AssertionError, match=case.says):
        raise AssertionError(found.quarantined[0].reason)


@pytest.mark.parametrize("block_bytes", [1, 30, 1_000])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_faults_do_not_depend_on_where_blocks_are_cut(tmp_path: Path, case: Case, block_bytes: int) -> None:
    path = tmp_path / case.name
    path.write_bytes(case.content)
    assert read(path, block_bytes=block_bytes) == read(path)


def test_every_fault_shows_the_record_it_is_about(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(A + b'{"text":"caf\xe9"}\n' + b'{"texts":"' + b"y" * 900 + b'"}\n')
    bad, long = read(path).quarantined
    assert bad.excerpt == '{"text":"caf�"}'
    assert long.excerpt == '{"texts":"' + "y" * 190


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gz), ("zst", zstd)])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_stream_gives_all_lines_before_its_end(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes], share: float
) -> None:
    whole = in_parts(compress, BIG)
    path = tmp_path / f"x.jsonl.{suffix}"
    path.write_bytes(whole[: int(len(whole) * share)])
    found = read(path)
    ((code, line, offset),) = found.places
    assert code == "truncated"
    assert [text.split()[1] for text in found.texts] == [str(number) for number in range(line - 1)]
    assert BIG[:offset].count(b"\n") == line - 1
    assert BIG[offset:].startswith(found.quarantined[0].excerpt.encode())
    # zstd gives back whole blocks of up to 128 KiB (RFC 8878, 3.1.1.2)
    assert offset > len(BIG) * share - (128 << 10) * 1.5


@pytest.mark.parametrize(("suffix", "compress"), [("gz", gz), ("zst", zstd)])
def test_a_flipped_byte_costs_only_what_follows_it(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    first, second = compress(LONG), bytearray(compress(LONG))
    second[len(second) // 2] ^= 0xFF
    path = tmp_path / f"x.jsonl.{suffix}"
    path.write_bytes(first + second)
    found = read(path)
    ((line, offset),) = [place[1:] for place in found.places if place[0] == "corrupt-stream"]
    assert found.texts[:2_000] == [f"document {number}" for number in range(2_000)]
    assert line > 2_000
    assert offset >= len(LONG)


def test_a_line_longer_than_a_block_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(A + json_lines([{"text": "x" * 5_000_000}]) + B)
    assert [len(text) for text in read(path, block_bytes=1_000).texts] == [5, 5_000_000, 4]


@pytest.mark.parametrize("block_bytes", [1, 20, 100])
@pytest.mark.parametrize(
    ("name", "head", "good", "bad"),
    [
        ("x.jsonl", b"", A, b'{"text":"' + b"x" * 3_000_000 + b'"}\n'),
        ("x.csv", b"id,text\n", b"1,first\n", b'2,"' + b"x\n" * 1_500_000 + b'"\n'),
    ],
)
def test_a_record_over_the_limit_is_passed_over(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    block_bytes: int,
    name: str,
    head: bytes,
    good: bytes,
    bad: bytes,
) -> None:
    monkeypatch.setattr(cutting, "RECORD_BYTES", 2_000_000)
    path = tmp_path / name
    path.write_bytes(head + good + bad + good)
    found = read(path, block_bytes=block_bytes)
    assert found.texts == ["first", "first"]
    before = head + good
    assert found.places == [("line-too-long", before.count(b"\n") + 1, len(before))]
    last = found.documents[-1]
    assert (last["line"], last["offset"]) == ((before + bad).count(b"\n") + 1, len(before + bad))
    assert "more than 2,000,000 bytes" in found.quarantined[0].reason


def test_a_json_array_over_the_limit_says_how_to_convert_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_array, "ARRAY_BYTES", 10)
    path = tmp_path / "x.json"
    path.write_bytes(b'[{"text": "first"}]')
    with pytest.raises(InputError, match=r"jq -c '\.\[\]' x\.json > x\.jsonl"):
        read(path)


def table(rows: int = 40) -> pa.Table:
    return pa.table(
        {"id": list(range(rows)), "text": [f"document {row} " + "x" * 200 for row in range(rows)]}
    )


@pytest.mark.parametrize("block_bytes", [100, 1 << 20])
def test_a_corrupt_row_group_costs_its_own_rows(tmp_path: Path, block_bytes: int) -> None:
    """By the worker that reads a small group, and by the driver that decodes a large one."""
    path = tmp_path / "x.parquet"
    pq.write_table(table(), path, row_group_size=10, compression="zstd", use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(1).column(1)
    data = bytearray(path.read_bytes())
    start = column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    found = read(path, block_bytes=block_bytes)
    assert [document["line"] for document in found.documents] == [*range(1, 11), *range(21, 41)]
    assert found.places == [("corrupt-row-group", 11, -1)]
    assert found.quarantined[0].reason.startswith("rows 11 to 20 cannot be decoded: ")


def test_a_parquet_file_without_its_footer_is_quarantined_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(table(), path)
    path.write_bytes(path.read_bytes()[:-20])
    assert read(path).places == [("corrupt-file", 0, -1)]


@pytest.mark.parametrize("block_bytes", [100, 1 << 20])
@pytest.mark.parametrize("stream", [True, False])
def test_a_truncated_arrow_file_gives_the_batches_before(
    tmp_path: Path, block_bytes: int, *, stream: bool
) -> None:
    path = tmp_path / "x.arrow"
    write_arrow(path, table(), stream=stream, rows=10)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    found = read(path, block_bytes=block_bytes)
    rows = [document["line"] for document in found.documents]
    assert rows == list(range(1, len(rows) + 1))
    assert len(rows) in {20, 30}
    assert {(code, line) for code, line, _ in found.places} == {("truncated", len(rows) + 1)}


def test_rows_without_text_are_quarantined_by_row(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    texts = pa.array([b"first", None, b"", b" \n", b"caf\xe9", "last\u3000".encode()], pa.binary())
    pq.write_table(pa.table({"text": texts}), path)
    found = read(path)
    assert found.texts == ["first", "last\u3000"]
    assert found.places == [
        ("text-null", 2, -1),
        ("text-empty", 3, -1),
        ("text-empty", 4, -1),
        ("utf8", 5, -1),
    ]
    assert found.quarantined[-1].reason == "byte 3 of 'text' is not UTF-8"


def test_strings_that_are_no_utf8_are_found_although_pyarrow_trusts_them(tmp_path: Path) -> None:
    bytes_ = pa.array([b"first", b"caf\xe9", b"last"])
    lying = pa.Array.from_buffers(pa.string(), 3, bytes_.buffers())
    with pytest.raises(pa.ArrowInvalid):
        lying.validate(full=True)
    path = tmp_path / "x.arrow"
    write_arrow(path, pa.table({"text": lying, "id": ["a", "b", "c"], "more": lying}), stream=False, rows=3)
    found = read(path, ColumnMap(text="text", id="id"), extras=True)
    assert [(row["id"], row["more"]) for row in found.documents] == [("a", "first"), ("c", "last")]
    assert found.places == [("utf8", 2, -1)]
    renamed = read(path, ColumnMap(text="id", source="text"))
    assert renamed.texts == ["a", "c"]
    assert renamed.places == [("utf8", 2, -1)]
    kept = read(path, ColumnMap(text="id"), extras=True)
    assert [row["more"] for row in kept.documents] == ["first", "caf�", "last"]


@pytest.mark.parametrize("name", ["x.parquet", "x.arrow"])
@pytest.mark.parametrize(
    ("column", "says"),
    [("id", r"column 'id' is int64, not text\. Name a text column"), ("nope", "no column 'nope'")],
)
def test_a_table_without_such_a_text_column_stops_the_run(
    tmp_path: Path, name: str, column: str, says: str
) -> None:
    path = tmp_path / name
    if name == "x.parquet":
        pq.write_table(table(), path)
    else:
        write_arrow(path, table(), stream=True, rows=10)
    with pytest.raises(InputError, match=says):
        read(path, ColumnMap(text=column))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.jsonl", b"a\nb\n", r"x\.jsonl has no readable record \(line 1: not JSON.*Check that every line"),
        ("x.jsonl", b"\n\n", "nothing but white space"),
        ("x.jsonl.gz", b"plain", "does not start like gzip"),
        ("x.parquet", b"plain", r"cannot be read as parquet \(.*Write the file again"),
        ("x.arrow", b"plain", "cannot be read as arrow"),
        ("x.csv", b"id,text\n", "no record follows its header"),
        ("x.csv", b"id,caf\xe9\n1,a\n", "the header is not UTF-8.*iconv"),
        ("x.csv", b"text,text\n1,a\n", "names 'text' twice"),
        ("x.warc", b"plain", "it does not start with 'WARC/'"),
    ],
)
def test_a_file_without_any_record_is_an_error_when_columns_are_guessed(
    tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    file = listed(path)
    with pytest.raises(InputError, match=says):
        reader_for(file).schema(file)


def test_a_file_that_vanished_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    for name, content in [("x.jsonl", A), ("x.parquet", b"x"), ("x.csv", b"a,text\n1,b\n")]:
        path = tmp_path / name
        path.write_bytes(content)
        file = listed(path)
        path.unlink()
        with pytest.raises(InputError, match=r"is gone\. Run again"):
            list(reader_for(file).blocks(file))


def test_a_python_nan_costs_no_document(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"text": "first", "score": float("nan")}) + '\n{"text":"b","n":1e999}\n')
    found = read(path, extras=True)
    assert found.quarantined == ()
    assert found.texts == ["first", "b"]
    assert math.isnan(found.documents[0]["score"])


def test_legal_oddities_are_no_faults(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(
        codecs.BOM_UTF8
        + b'{"text":"a\\u0000b"}\r\n\r\n   \n{"text":"\\ud83d\\ude00","text":"again"}\r\n{"text":"end"}'
    )
    found = read(path)
    assert found.quarantined == ()
    assert [(row["text"], row["line"], row["offset"]) for row in found.documents] == [
        ("a\0b", 1, 3),
        ("again", 4, 30),
        ("end", 5, 70),
    ]


def test_one_bad_member_of_a_text_folder_is_named_by_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("first")
    (tmp_path / "sub" / "b.md").write_bytes(b"caf\xe9")
    (tmp_path / "z.txt").write_bytes("last".encode("utf-16"))
    found = read(tmp_path)
    assert [(row["id"], row["text"], row["line"]) for row in found.documents] == [
        ("a.txt", "first", 1),
        ("z.txt", "last", 3),
    ]
    assert [(fault.file, fault.code, fault.line) for fault in found.quarantined] == [("sub/b.md", "utf8", 2)]


def test_damage_found_while_cutting_reaches_the_result(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gz(LONG)[:-4])
    file = listed(path)
    *_, last = reader_for(file).blocks(file, block_bytes=1_000)
    assert [fault.code for fault in last.damage] == ["truncated"]
    assert parse_block(last, TEXT).quarantined == last.damage
