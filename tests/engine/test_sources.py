"""What a path stands for, which field is the text, and what is said when neither is clear."""

import os
import re
import subprocess
import sys
from pathlib import Path

import datasets
import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import guessed, json_lines, listed, read

from wellkeeper.engine.files import FORMATS, expand, kind_of
from wellkeeper.engine.readers.base import ColumnMap
from wellkeeper.engine.sources import ROLE_NAMES, TEXT_NAMES, check_columns, find_files, guess_columns
from wellkeeper.errors import InputError

LINE = json_lines([{"text": "a"}])


def names(*paths: object) -> list[str]:
    return [file.name for file in find_files([str(path) for path in paths], group="g")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    for name in (
        "b.jsonl",
        "a.jsonl.gz",
        "sub/deep/c.json",
        "sub/d.jsonl",
        ".hidden/e.jsonl",
        "_tmp/f.jsonl",
        "_g.jsonl",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(LINE)
    (root / "picture.png").write_bytes(b"x")
    (root / "empty.jsonl").touch()
    return root


def test_a_folder_is_walked_without_hidden_empty_and_foreign_files(folder: Path) -> None:
    assert names(folder) == ["a.jsonl.gz", "b.jsonl", "sub/d.jsonl", "sub/deep/c.json"]
    assert names(f"{folder}/") == names(folder)


def test_a_glob_names_files_below_its_plain_part(folder: Path) -> None:
    assert names(f"{folder}/*.jsonl*") == ["a.jsonl.gz", "b.jsonl"]
    assert names(f"{folder}/**/*.json*") == ["a.jsonl.gz", "b.jsonl", "sub/d.jsonl", "sub/deep/c.json"]
    assert names(f"{folder}/s*") == ["sub/d.jsonl", "sub/deep/c.json"]


def test_a_file_is_found_once_and_a_shared_name_is_written_in_full(folder: Path, tmp_path: Path) -> None:
    assert names(folder / "b.jsonl", folder) == names(folder)
    other = tmp_path / "other"
    other.mkdir()
    (other / "b.jsonl").write_bytes(LINE)
    assert names(folder / "b.jsonl", other) == sorted([str(folder / "b.jsonl"), str(other / "b.jsonl")])


def test_a_relative_path_becomes_absolute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (file,) = find_files(["b.jsonl"], group="g")
    assert file.url == str(folder / "b.jsonl")
    assert (file.group, file.format, file.compression, file.size) == ("g", "jsonl", None, len(LINE))


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    path = tmp_path / "a[1].jsonl"
    path.write_bytes(LINE)
    assert read(path).texts == ["a"]


def test_a_fingerprint_changes_with_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(LINE)
    os.utime(path, ns=(1, 1_000_000_000))
    first = listed(path).fingerprint
    assert listed(path).fingerprint == first
    os.utime(path, ns=(1, 1_000_001_000))
    second = listed(path).fingerprint
    path.write_bytes(LINE + LINE)
    os.utime(path, ns=(1, 1_000_000_000))
    assert len({first, second, listed(path).fingerprint}) == 3


def test_text_files_of_a_folder_are_one_entry_whose_fingerprint_knows_them_all(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("text too, where there is nothing else")
    (tmp_path / "a.txt").write_text("a")
    before = listed(tmp_path)
    assert (before.format, before.name, before.size) == ("text", tmp_path.name, 38)
    (tmp_path / "b.txt").write_text("b")
    assert listed(tmp_path).fingerprint != before.fingerprint
    (tmp_path / "x.jsonl").write_bytes(LINE)
    assert sorted(file.format for file in find_files([str(tmp_path)], group="g")) == ["jsonl", "text"]
    assert read(f"{tmp_path}/*.md").texts == ["text too, where there is nothing else"]


def test_a_readme_beside_data_is_no_document(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "data" / "train-00000-of-00001.parquet")
    for name in ("README.md", "LICENSE.txt", "dataset_infos.json", ".gitattributes"):
        (tmp_path / name).write_text("{}")
    assert names(tmp_path) == ["data/train-00000-of-00001.parquet"]


def test_data_sets_saved_by_hugging_face_are_read_without_their_caches(tmp_path: Path) -> None:
    rows = {"text": [f"document {row}" for row in range(20)], "label": list(range(20))}
    whole = datasets.Dataset.from_dict(rows)
    whole.save_to_disk(str(tmp_path / "one"), num_shards=2)
    (tmp_path / "one" / "cache-123.arrow").write_bytes(
        (tmp_path / "one" / "data-00000-of-00002.arrow").read_bytes()
    )
    assert names(tmp_path / "one") == ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    splits = datasets.DatasetDict({"train": whole, "test": whole.select(range(3))})
    splits.save_to_disk(str(tmp_path / "two"))
    found = find_files([str(tmp_path / "two")], group="g")
    assert [file.name for file in found] == [
        "test/data-00000-of-00001.arrow",
        "train/data-00000-of-00001.arrow",
    ]
    assert [read(file.url).texts for file in found] == [rows["text"][:3], rows["text"]]
    assert guessed(found[0]) == ColumnMap(text="text")


@pytest.mark.parametrize(
    "below", ["", "/*", "/*.jsonl", "/sub", "/s?b/*.jsonl", "/a.jsonl", "/none", "/*.none"]
)
def test_plain_paths_are_listed_as_fsspec_lists_them(tmp_path: Path, below: str) -> None:
    for name in (
        "a.jsonl",
        "b.txt",
        "sub/c.jsonl",
        "sub/deep/d.jsonl",
        "_hidden/e.jsonl",
        ".f.jsonl",
        "sub/.g/h.jsonl",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(LINE)
    (tmp_path / "empty").mkdir()
    ours, theirs = expand(f"{tmp_path}{below}"), expand(f"file://{tmp_path}{below}")
    assert [(f.url, f.name, f.size) for f in ours] == [
        (f.url.removeprefix("file://"), f.name, f.size) for f in theirs
    ]
    for one, same in zip(ours, theirs, strict=True):
        assert [one.info[key] for key in ("mtime", "created")] == [
            same.info[key] for key in ("mtime", "created")
        ]


def test_a_link_is_what_it_points_to(tmp_path: Path) -> None:
    """The cache of the Hugging Face hub is a folder of links."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "blobs" / "one").write_bytes(LINE)
    (tmp_path / "snapshot" / "a.jsonl").symlink_to(tmp_path / "blobs" / "one")
    (tmp_path / "snapshot" / "gone.jsonl").symlink_to(tmp_path / "blobs" / "two")
    for path in ("snapshot", "snapshot/*.jsonl", "snapshot/a.jsonl"):
        (file,) = find_files([str(tmp_path / path)], group="g")
        assert (file.name, file.size) == ("a.jsonl", len(LINE))
        assert read(file.url).texts == ["a"]
    before = listed(tmp_path / "snapshot").fingerprint
    (tmp_path / "blobs" / "one").write_bytes(LINE + LINE)
    assert listed(tmp_path / "snapshot").fingerprint != before


def test_a_plain_file_is_read_without_what_rarer_formats_need(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(LINE)
    code = f"""
import sys
from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.sources import find_files, guess_columns
for path in ({str(tmp_path)!r}, {str(tmp_path / "*.jsonl")!r}):
    (file,) = find_files([path], group="g")
    reader = reader_for(file)
    columns, _ = guess_columns(reader.schema(file))
    (block,) = reader.blocks(file)
    assert parse_block(block, columns).table.num_rows == 1
print(*sorted({{"fsspec", "zstandard", "pandas", "numba", "pyarrow.csv", "trafilatura"}} & set(sys.modules)))
"""
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == []


def test_an_object_store_is_listed_like_a_disk() -> None:
    memory = fsspec.filesystem("memory")
    for name in ("/bucket/a.jsonl", "/bucket/sub/b.jsonl", "/bucket/_c.jsonl"):
        memory.pipe(name, LINE)
    try:
        assert names("memory://bucket") == ["a.jsonl", "sub/b.jsonl"]
        assert names("memory://bucket/**/*.jsonl") == ["a.jsonl", "sub/b.jsonl"]
        first = listed("memory://bucket/a.jsonl")
        assert first.url.startswith("memory://")
        memory.pipe("/bucket/a.jsonl", LINE + LINE)
        assert listed("memory://bucket/a.jsonl").fingerprint != first.fingerprint
        with pytest.raises(
            InputError, match=r"memory://bucket/b\.jsonl does not exist\. Did you mean 'a\.jsonl'"
        ):
            names("memory://bucket/b.jsonl")
    finally:
        memory.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("", r"A path is empty\. Name a file or a folder, or write \. for this one\."),
        ("dat", r"dat does not exist\. Did you mean 'data'\? Check the path\."),
        ("nothing-like-it", r"nothing-like-it does not exist\. Check the path\."),
        ("data/B.json", r"Did you mean .*'b\.jsonl'"),
        ("data/*.csv", r"No file matches .*\*\.csv\. Check the pattern"),
        (
            "data/picture.png",
            r"a file with \.png cannot be read\. Readable are \.jsonl, .*; convert it to one of them",
        ),
        (
            "data/empty.jsonl",
            r"empty\.jsonl is empty\. Check that the step that writes it has run to its end",
        ),
        (
            "pictures",
            r"pictures holds no file that can be read, only \.png \(2\), \.jpg \(1\)\. Readable are ",
        ),
        ("nobody", "nobody is a folder without files"),
        ("zip://a.jsonl::b.zip", "is a chained URL, which cannot be listed. Unpack it first"),
        ("nosuch://a", "nosuch://a cannot be opened: .*nosuch.* Install what that file system needs"),
        ("packed.parquet.gz", r"a file with \.parquet\.gz cannot be read"),
    ],
)
def test_a_path_that_cannot_be_read_says_why_and_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: str, says: str
) -> None:
    monkeypatch.chdir(folder.parent)
    for name in ("pictures/a.png", "pictures/b.png", "pictures/c.jpg", "nobody/.hidden", "packed.parquet.gz"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(b"x")
    with pytest.raises(InputError, match=says):
        find_files([path], group="g")


def test_many_files_that_are_all_empty_are_an_error(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.txt"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="holds 3 files and all are empty"):
        find_files([str(tmp_path)], group="g")


def test_every_extension_has_a_reader_also_in_capitals() -> None:
    for suffix, format_ in FORMATS.items():
        assert kind_of(f"a{suffix}") == (format_, None)
        assert kind_of(f"A{suffix.upper()}") == (format_, None)
    assert kind_of("CC-MAIN-2024.warc.wet.gz") == ("warc", "gzip")


@pytest.mark.parametrize(
    ("fields", "columns"),
    [
        ({"text": "string", "content": "string"}, ColumnMap(text="text")),
        ({"content": "string", "Title": "string"}, ColumnMap(text="content")),
        ({"text": "int", "body": "string"}, ColumnMap(text="body")),
        ({"TEXT": "string", "ID": "int"}, ColumnMap(text="TEXT", id="ID")),
        ({"essay": "large_string", "id": "string", "n": "int64"}, ColumnMap(text="essay", id="id")),
        ({"model": "string"}, ColumnMap(text="model")),
        ({"text": "string", "url": "string", "doc_id": "int"}, ColumnMap(text="text", id="doc_id")),
        ({"text": "string", "url": "string"}, ColumnMap(text="text", id="url")),
        ({"text": "string", "id": "json", "date": "list<item: string>"}, ColumnMap(text="text")),
        (
            {"text": "string", "created_at": "timestamp[us, tz=UTC]"},
            ColumnMap(text="text", date="created_at"),
        ),
        ({"text": "string", "timestamp": "int", "date": "string"}, ColumnMap(text="text", date="date")),
        ({"text": "string", "label": "string", "generated_by": "string"}, ColumnMap(text="text")),
        (
            {
                "text": "string",
                "license": "string",
                "origin": "string",
                "model": "string",
                "source": "string",
            },
            ColumnMap(text="text", licence="license", origin="origin", generator="model", source="source"),
        ),
        ({"text": "string", "source": "int", "model": "int"}, ColumnMap(text="text")),
        ({"text": "dictionary<values=string, indices=int32, ordered=0>"}, ColumnMap(text="text")),
        ({"essay": "string", "meta": "json", "meta.url": "string"}, ColumnMap(text="essay")),
    ],
)
def test_columns_are_guessed_from_names_and_types(fields: dict[str, str], columns: ColumnMap) -> None:
    assert guess_columns(fields)[0] == columns


def test_guesses_are_said_aloud() -> None:
    fields = {"body": "string", "created_at": "string", "n": "int", "meta": "json", "meta.url": "string"}
    assert guess_columns(fields)[1] == (
        "text column: 'body' (guessed from 4 columns; --text COL overrides)",
        "date column: 'created_at' (guessed; --date COL overrides)",
    )
    assert guess_columns({"line": "string"})[1] == (
        "text column: 'line' (the only column; --text COL overrides)",
    )


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (
            {"question": "string", "reply": "string"},
            r"It is not clear which .*'question', 'reply'.* with --text COL\.",
        ),
        (
            {"n": "int", "m": "float"},
            r"No column holds text; there are 'n', 'm'\. Point to data with a text column",
        ),
        ({f"n{n}": "int" for n in range(20)}, "'n11' and 8 more"),
    ],
)
def test_an_unclear_text_column_is_an_error_that_lists_the_choices(fields: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        guess_columns(fields)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (
            ColumnMap(text="txt"),
            r"There is no column 'txt' for the text; .*Did you mean 'text'\? .*with --text COL\.",
        ),
        (
            ColumnMap(text="text", id="Idd"),
            r"'Idd' for the id; .*Did you mean 'id'\? .*with --id COL\.",
        ),
        (ColumnMap(text="n"), r"Column 'n' is int, not text; text is in 'text', 'id'\. Name a text column"),
    ],
)
def test_a_column_map_that_does_not_fit_is_an_error(columns: ColumnMap, says: str) -> None:
    with pytest.raises(InputError, match=says):
        check_columns(columns, {"text": "string", "id": "string", "n": "int"})
    check_columns(ColumnMap(text="raw"), {"raw": "binary"})


some_fields = st.dictionaries(
    st.sampled_from([*TEXT_NAMES, *(name for names in ROLE_NAMES.values() for name in names), "x", "y"]),
    st.sampled_from(["string", "int", "json", "large_string", "timestamp[us]"]),
    min_size=1,
)


@given(some_fields)
def test_a_guess_always_passes_its_own_check(fields: dict[str, str]) -> None:
    try:
        columns, said = guess_columns(fields)
    except InputError as error:
        message = str(error)
    else:
        check_columns(columns, fields)
        taken = columns.taken().values()
        assert len(set(taken)) == len(taken), (
            "only a field that stays may have a second role, as a domain has"
        )
        assert len(columns.named()) == len(said)
        return
    assert re.search(r"--text COL\.$|convert one\.$", message)
