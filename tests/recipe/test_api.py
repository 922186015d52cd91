"""From Python: paths, tables, anything with the Arrow C stream; values that answer the next question."""

import json

import corpora
import pandas
import polars
import pyarrow as pa
import pytest

import wellkeeper
from wellkeeper.errors import InputError


@pytest.fixture(scope="module")
def made():
    return corpora.rows(120, seed=5)


def figures(audit):
    document = audit.to_json()
    return {key: document[key] for key in ("origin", "duplicates", "tails", "quality", "rights")}


@pytest.mark.parametrize(
    "wrap",
    [
        pa.Table.from_pylist,
        lambda made: pa.Table.from_pylist(made).to_reader(),
        pandas.DataFrame,
        polars.DataFrame,
    ],
    ids=["table", "reader", "pandas", "polars"],
)
def test_tables_and_frames_are_audited_like_a_file_of_the_same_rows(made, tmp_path, wrap):
    audit = wellkeeper.audit(wrap(made), out=tmp_path / "table")
    path = tmp_path / "rows.jsonl"
    path.write_bytes(corpora.lines(made))
    file = wellkeeper.audit(path, out=tmp_path / "file")
    assert audit.documents == file.documents == 120
    assert figures(audit)["duplicates"]["near"] == figures(file)["duplicates"]["near"]
    assert audit.share == file.share


def test_a_second_audit_of_the_same_corpus_reads_no_text_again(made, tmp_path):
    corpus = corpora.write(tmp_path / "corpus", made)
    first = wellkeeper.audit(corpus, out=tmp_path / "out")
    blocks = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("block-*.parquet")}
    second = wellkeeper.audit(corpus, out=tmp_path / "out")
    assert figures(first) == figures(second)
    assert blocks
    assert {path: path.stat().st_mtime_ns for path in blocks} == blocks


def test_an_audit_is_a_value_that_shows_itself(made, tmp_path):
    audit = wellkeeper.audit(pa.Table.from_pylist(made), out=tmp_path)
    assert repr(audit).startswith("Audit(120 documents, AI-made not identified, between ")
    assert "<table>" in audit._repr_html_()
    assert audit.to_html().startswith("<!doctype html>")
    assert json.loads(json.dumps(audit.to_json()))["schema"] == "wellkeeper.audit/1"
    assert all(finding.next for finding in audit.findings)
    with pytest.raises(AttributeError):
        audit.document = {}


def test_what_is_neither_path_nor_table_is_said_to_be(tmp_path):
    with pytest.raises(
        InputError, match=r"Input 1 is a int, which is neither a path nor an Arrow table\. Pass a path"
    ):
        wellkeeper.audit([7], out=tmp_path)


def test_the_public_surface_is_what_all_says():
    assert wellkeeper.__all__ == sorted(wellkeeper.__all__)
    for name in wellkeeper.__all__:
        assert getattr(wellkeeper, name) is not None
    assert dir(wellkeeper) == wellkeeper.__all__
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = wellkeeper.nothing


def test_block_size_and_workers_do_not_change_any_figure(made, tmp_path):
    corpus = corpora.write(tmp_path / "corpus", made)
    runs = [
        wellkeeper.audit(corpus, out=tmp_path / f"{k}", workers=workers, block_bytes=size)
        for k, (workers, size) in enumerate([(1, None), (2, 3000), (1, 20_000)])
    ]
    assert figures(runs[0]) == figures(runs[1]) == figures(runs[2])


def test_formats_give_the_same_figures(made, tmp_path):
    plain = tmp_path / "rows.jsonl"
    plain.write_bytes(corpora.lines(made))
    mixed = corpora.write(tmp_path / "mixed", made)
    one, many = wellkeeper.audit(plain, out=tmp_path / "1"), wellkeeper.audit(mixed, out=tmp_path / "2")
    assert one.document["duplicates"]["exact"] == many.document["duplicates"]["exact"]
    assert one.document["origin"]["declared"] == many.document["origin"]["declared"]
    assert one.document["inputs"]["words"] == many.document["inputs"]["words"]
