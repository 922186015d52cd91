"""What every reader promises: the same documents, in their places, however the file is written and cut."""

import csv
import io
import itertools
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import TEXT, guessed, gz, in_parts, json_lines, listed, read, write_arrow, zstd

from wellkeeper.core.dates import DateBasis
from wellkeeper.engine.executor import run_tasks
from wellkeeper.engine.readers import delimited, parse_block, reader_for, tables
from wellkeeper.engine.readers.base import DOCUMENT_FIELDS, ColumnMap

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
texts = words.filter(lambda text: text.strip() != "")
records = st.lists(
    st.fixed_dictionaries({"text": texts}, optional={"id": words, "n": st.integers(), "more": words})
)
block_sizes = st.integers(1, 400)

RECORDS: list[dict[str, Any]] = [
    {
        "id": f"d{number}",
        "text": f'He said "{number}", naïvely\nand left.' * (number % 5 + 1),
        "date": f"2021-01-{number % 28 + 1:02}",
        "source": ["web", "books"][number % 2],
        "n": number,
    }
    for number in range(50)
]


def write_csv(path: Path, dialect: str) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, RECORDS[0].keys(), dialect=dialect)
        writer.writeheader()
        writer.writerows(RECORDS)


TABLE = pa.Table.from_pylist(RECORDS)
WRITERS: dict[str, Callable[[Path], object]] = {
    "x.jsonl": lambda path: path.write_bytes(json_lines(RECORDS)),
    "x.ndjson": lambda path: path.write_bytes(json_lines(RECORDS).replace(b"\n", b"\r\n")),
    "x.jsonl.gz": lambda path: path.write_bytes(in_parts(gz, json_lines(RECORDS))),
    "x.jsonl.zst": lambda path: path.write_bytes(in_parts(zstd, json_lines(RECORDS))),
    "array.json": lambda path: path.write_text(json.dumps(RECORDS, indent=2)),
    "array.json.gz": lambda path: path.write_bytes(gz(json.dumps(RECORDS).encode())),
    "x.parquet": lambda path: pq.write_table(TABLE, path, row_group_size=7),
    "one-group.parquet": lambda path: pq.write_table(TABLE, path),
    "file.arrow": lambda path: write_arrow(path, TABLE, stream=False, rows=9),
    "stream.arrow": lambda path: write_arrow(path, TABLE, stream=True, rows=9),
    "x.feather": lambda path: pa.feather.write_feather(TABLE, path, compression="lz4"),
    "x.csv": lambda path: write_csv(path, "excel"),
    "x.tsv": lambda path: write_csv(path, "excel-tab"),
    "x.csv.gz": lambda path: (write_csv(path, "excel"), path.write_bytes(gz(path.read_bytes()))),
}


@pytest.fixture(params=WRITERS)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    made = tmp_path / request.param
    WRITERS[request.param](made)
    return made


@pytest.mark.parametrize("block_bytes", [1, 700, 1 << 23])
@pytest.mark.parametrize("extras", [True, False])
def test_all_formats_give_the_same_documents(path: Path, block_bytes: int, *, extras: bool) -> None:
    found = read(path, None, block_bytes=block_bytes, extras=extras)
    assert found.quarantined == ()
    roles = ("id", "text", "date", "source")
    assert [{role: row[role] for role in roles} for row in found.documents] == [
        {role: record[role] for role in roles} for record in RECORDS
    ]
    assert {row["date_basis"] for row in found.documents} == {DateBasis.PAGE_CLAIMED}
    if extras:
        assert [int(row["n"]) for row in found.documents] == list(range(50))


@pytest.mark.parametrize("skip", [0, 1, 3, 1_000])
def test_skipping_blocks_equals_dropping_them(path: Path, skip: int) -> None:
    file = listed(path)
    columns = guessed(file)
    all_blocks = list(reader_for(file).blocks(file, block_bytes=700))
    skipped = list(reader_for(file).blocks(file, block_bytes=700, skip=skip))
    assert [block.index for block in all_blocks] == list(range(len(all_blocks)))
    assert [(block.index, block.line, block.offset) for block in skipped] == [
        (block.index, block.line, block.offset) for block in all_blocks[skip:]
    ]
    for block, same in zip(skipped, all_blocks[skip:], strict=True):
        assert parse_block(block, columns).table.equals(parse_block(same, columns).table)


def test_a_block_can_be_sent_to_another_process_and_says_the_same(path: Path) -> None:
    file = listed(path)
    columns = guessed(file)
    for block in reader_for(file).blocks(file, block_bytes=700):
        sent = pickle.loads(pickle.dumps(block))
        assert parse_block(sent, columns, extras=True).table.equals(
            parse_block(block, columns, extras=True).table
        )


def test_every_table_has_the_same_first_columns(path: Path) -> None:
    file = listed(path)
    for extras in (False, True):
        for block in reader_for(file).blocks(file, block_bytes=2_000):
            parsed = parse_block(block, guessed(file), extras)
            assert parsed.table.schema.names == DOCUMENT_FIELDS.names + (["n"] if extras else [])
            assert pa.schema(list(parsed.table.schema)[: len(DOCUMENT_FIELDS)]) == DOCUMENT_FIELDS
            assert list(parsed.fields) == (["n"] if extras else [])


def test_naming_the_fields_moves_no_cut(path: Path) -> None:
    file = listed(path)
    plain = list(reader_for(file).blocks(file, block_bytes=700))
    hinted = list(reader_for(file).blocks(file, block_bytes=700, fields=["text"]))
    for block, same in zip(hinted, plain, strict=True):
        assert parse_block(block, TEXT).table.equals(parse_block(same, TEXT).table)


def test_threads_may_parse_the_blocks_of_one_file_at_once(path: Path) -> None:
    file = listed(path)
    blocks = list(reader_for(file).blocks(file, block_bytes=700))
    found = run_tasks(lambda block: (block.index, parse_block(block, TEXT).table), blocks, workers=4)
    in_order = [table for _, table in sorted(found, key=lambda pair: pair[0])]
    assert pa.concat_tables(in_order).column("text").to_pylist() == [record["text"] for record in RECORDS]


@pytest.mark.parametrize(
    "name", ["x.jsonl", "x.jsonl.zst", "x.parquet", "file.arrow", "stream.arrow", "x.csv", "x.json"]
)
def test_an_object_store_is_read_like_a_disk(tmp_path: Path, name: str) -> None:
    local = tmp_path / name
    WRITERS.get(name, WRITERS["array.json"])(local)
    memory = fsspec.filesystem("memory")
    memory.pipe(f"/bucket/{name}", local.read_bytes())
    try:
        for url in (
            f"memory://bucket/{name}",
            "memory://bucket",
            f"memory://bucket/*{name[1:]}",
            f"file://{local}",
        ):
            assert read(url, None).documents == read(local, None).documents
    finally:
        memory.rm("/bucket", recursive=True)


@given(records, block_sizes)
def test_cutting_json_lines_anywhere_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], block_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("x") / "x.jsonl"
    path.write_bytes(json_lines(records) or b"\n")
    found = read(path, ColumnMap(text="text", id="id"), block_bytes=block_bytes)
    assert found.quarantined == ()
    assert [(row["text"], row["id"]) for row in found.documents] == [
        (r["text"], r.get("id")) for r in records
    ]
    whole = path.read_bytes()
    for row in found.documents:
        assert json.loads(whole[row["offset"] :].split(b"\n")[0])["text"] == row["text"]
        assert whole[: row["offset"]].count(b"\n") == row["line"] - 1


@given(st.lists(texts, min_size=1), block_sizes, st.sampled_from([None, 2]))
def test_elements_of_an_array_are_where_they_are_said_to_be(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], block_bytes: int, indent: int | None
) -> None:
    path = tmp_path_factory.mktemp("x") / "x.json"
    path.write_text(
        json.dumps([{"text": text} for text in texts], indent=indent, ensure_ascii=False), newline=""
    )
    found = read(path, block_bytes=block_bytes)
    assert found.texts == texts
    whole = path.read_bytes()
    for row in found.documents:
        assert json.JSONDecoder().raw_decode(whole[row["offset"] :].decode())[0]["text"] == row["text"]
        assert whole[: row["offset"]].count(b"\n") == row["line"] - 1


fields = st.text(st.sampled_from('ab",;\n\r\té '), max_size=6)


@given(
    st.lists(st.tuples(fields, fields), min_size=1, max_size=12),
    block_sizes,
    st.sampled_from([("\n", csv.QUOTE_ALL), ("\r\n", csv.QUOTE_MINIMAL)]),
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    block_bytes: int,
    style: tuple[str, Any],
) -> None:
    made = io.StringIO()
    end, quoting = style  # a bare "\r" is quoted by the module only where it is part of the line end
    csv.writer(made, lineterminator=end, quoting=quoting).writerows(
        [("text", "id"), *((f"x{text}", id_) for text, id_ in rows)]
    )
    path = tmp_path_factory.mktemp("x") / "x.csv"
    path.write_bytes(made.getvalue().encode())
    found = read(path, ColumnMap(text="text", id="id"), block_bytes=block_bytes)
    assert found.quarantined == ()
    assert [(row["text"], row["id"]) for row in found.documents] == [
        (f"x{text}", id_ or None) for text, id_ in rows
    ]
    for row in found.documents:
        after = path.read_bytes()[row["offset"] :].decode()
        assert next(csv.reader(io.StringIO(after, newline="")))[0] == row["text"]


@given(st.text(st.sampled_from('ab",\n\r'), max_size=40))
def test_malformed_quoting_is_read_as_the_csv_module_reads_it(data: str) -> None:
    raw = data.encode()
    found = delimited._index(raw, ord(","), 50, range(50))
    ours = [
        [delimited._unquoted(raw[start:end]).decode() for start, end in spans[:count].tolist()]
        for spans, count in zip(found.spans, found.counts, strict=True)
    ]
    theirs = [row for row in csv.reader(io.StringIO(data, newline="")) if row]
    if found.closed:
        assert ours == theirs
    else:
        assert ours[:-1] == theirs[:-1]


def test_the_compiled_state_machine_does_what_its_source_says() -> None:
    for state in range(4):
        for text in itertools.product(b'a,"\r\n', repeat=3):
            compiled, plain = np.array([0, state]), np.array([0, state])
            data = np.array(text, np.uint8)
            found = delimited._find_end(data, 4, ord(","), compiled)
            assert found == delimited._find_end.function(data, 4, ord(","), plain)
            assert compiled.tolist() == plain.tolist()


def test_a_spreadsheet_may_divide_csv_by_semicolons_and_name_no_column(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"\xef\xbb\xbf;text\r\n0;a, b\r\n")
    found = read(path, None, extras=True)
    assert [(row["text"], row["column_1"], row["line"], row["offset"]) for row in found.documents] == [
        ("a, b", "0", 2, 10)
    ]


def test_a_field_of_a_nested_object_is_named_with_a_dot(tmp_path: Path) -> None:
    nested = [
        {"body": {"text": "a"}, "meta": {"url": "u"}, "meta.url": "literal"},
        {"body": {"text": "b"}, "meta": None},
    ]
    (tmp_path / "x.jsonl").write_bytes(json_lines(nested))
    pq.write_table(pa.Table.from_pylist(nested), tmp_path / "x.parquet")
    for name in ("x.jsonl", "x.parquet"):
        file = listed(tmp_path / name)
        assert {"body.text", "meta.url"} <= set(reader_for(file).schema(file))
        found = read(tmp_path / name, ColumnMap(text="body.text", id="meta.url"))
        assert [(row["text"], row["id"]) for row in found.documents] == [("a", "literal"), ("b", None)]


def test_other_values_become_strings_in_every_role(tmp_path: Path) -> None:
    odd = [
        {"text": "a", "id": 7, "date": 1609459200, "source": True},
        {"text": "b", "id": 2**40, "date": 2021},
    ]
    path = tmp_path / "x.jsonl"
    path.write_bytes(json_lines(odd))
    found = read(path, ColumnMap(text="text", id="id", date="date", source="source"))
    assert [(row["id"], row["date"], row["source"], row["date_basis"]) for row in found.documents] == [
        ("7", "2021-01-01T00:00:00Z", "true", DateBasis.PAGE_CLAIMED),
        (str(2**40), "2021", None, DateBasis.PAGE_CLAIMED),
    ]


@pytest.mark.parametrize(
    ("type_", "value", "written"),
    [
        (pa.timestamp("ms"), datetime(2021, 1, 2, 3, 4, 5), "2021-01-02T03:04:05Z"),  # noqa: DTZ001
        (
            pa.timestamp("us", "Europe/Paris"),
            datetime(2021, 1, 2, 3, 4, 5, 999, tzinfo=UTC),
            "2021-01-02T03:04:05Z",
        ),
        (pa.timestamp("ns"), datetime(1969, 12, 31, 23, 59, 59), "1969-12-31T23:59:59Z"),  # noqa: DTZ001
        (pa.date32(), datetime(2021, 1, 2).date(), "2021-01-02"),  # noqa: DTZ001
        (pa.int64(), 1609459200000, "2021-01-01T00:00:00Z"),
        (pa.float64(), 2021.0, "2021"),
        (pa.dictionary(pa.int8(), pa.string()), "2021-01", "2021-01"),
        (pa.null(), None, None),
    ],
)
def test_dates_of_tables_become_iso_8601(
    tmp_path: Path, type_: pa.DataType, value: Any, written: str | None
) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a", "b"], "date": pa.array([value, None], type_)}), path)
    found = read(path, ColumnMap(text="text", date="date"))
    assert [row["date"] for row in found.documents] == [written, None]
    assert found.documents[1]["date_basis"] == DateBasis.NONE


@pytest.mark.parametrize(
    "type_",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())],
)
def test_every_arrow_type_of_text_is_text(tmp_path: Path, type_: pa.DataType) -> None:
    path = tmp_path / "x.arrow"
    values = pa.array(["a", None, " ", "é" * 20]).cast(type_)
    write_arrow(path, pa.table({"text": values, "more": values}), stream=True, rows=3)
    found = read(path, extras=True)
    assert found.texts == ["a", "é" * 20]
    assert found.places == [("text-null", 2, -1), ("text-empty", 3, -1)]


def test_the_users_other_columns_keep_their_values_and_types(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    rows = [
        {
            "text": "a",
            "b": True,
            "i": 1,
            "f": 1,
            "s": "x",
            "l": [1],
            "m": 1,
            "z": None,
            "big": 2**63,
            "line": "mine",
        },
        {"text": "b", "f": 2.5, "m": "one"},
    ]
    path.write_bytes(json_lines(rows))
    file = listed(path)
    (block,) = reader_for(file).blocks(file)
    parsed = parse_block(block, TEXT, extras=True)
    assert parsed.fields == {
        "b": "bool", "i": "int", "f": "float", "s": "string", "l": "json", "m": "json", "z": "null", "big": "json",
        "line": "string",
    }  # fmt: skip
    first, second = parsed.table.to_pylist()
    assert (first["b"], first["i"], first["f"], first["s"], first["l"]) == (True, 1, 1.0, "x", "[1]")
    assert (first["m"], second["m"], first["big"], first["input_line"]) == ("1", '"one"', str(2**63), "mine")
    assert (second["b"], second["i"], second["z"]) == (None, None, None)


def test_large_row_groups_are_cut_by_rows_and_small_ones_joined(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"text": [f"{row} " + "x" * 1_000 for row in range(1_000)]})
    pq.write_table(table, path, row_group_size=500, use_dictionary=False)
    file = listed(path)
    cut = list(reader_for(file).blocks(file, block_bytes=50_000))
    rows = [len(block.payload.table) for block in cut]
    assert sum(rows) == 1_000
    assert all(45 <= count <= 50 for count in rows[:10])
    joined = list(reader_for(file).blocks(file, block_bytes=2_000_000))
    assert [[group.number for group in block.payload] for block in joined] == [[0, 1]]


def test_rows_sent_to_a_process_do_not_take_their_whole_batch_along(tmp_path: Path) -> None:
    table = pa.table({"text": ["x" * 1_000] * 1_000})
    assert len(pickle.dumps(tables.Rows(table.slice(10, 5)))) < 10_000


def test_only_the_columns_asked_for_are_decoded(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a" * 50] * 99, "more": ["b" * 50] * 99}), path, use_dictionary=False)
    file = listed(path)
    block = next(reader_for(file).blocks(file, block_bytes=1_000, fields=["text"]))
    assert block.payload.table.column_names == ["text"]


def test_the_text_files_of_a_folder_are_documents_named_by_their_path(tmp_path: Path) -> None:
    for number in range(30):
        folder = tmp_path / f"part{number % 3}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:02}.txt").write_text(f"document {number}")
    (tmp_path / "part0" / "99.md.gz").write_bytes(gz("\ufeffwith a mark".encode()))
    found = read(tmp_path, None, block_bytes=25)
    assert [row["id"] for row in found.documents] == sorted(row["id"] for row in found.documents)
    assert len(found.documents) == 31
    assert (
        found.documents[-1] | {"text": "document 29", "id": "part2/29.txt", "line": 31} == found.documents[-1]
    )
    assert next(row["text"] for row in found.documents if row["id"] == "part0/99.md.gz") == "with a mark"
    assert {row["date"] for row in found.documents} == {None}, (
        "a file's modification time is no date of writing"
    )
    assert [row["id"] for row in read(f"{tmp_path}/part1/*.txt").documents] == [
        f"{n:02}.txt" for n in range(1, 30, 3)
    ]
    assert read(tmp_path / "part0" / "00.txt").texts == ["document 0"]
