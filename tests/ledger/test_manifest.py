"""The same run twice is the same manifest, every file is in it, and no record is without a fate."""

import dataclasses
import hashlib
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import QUARANTINED, ROWS, counts, documents, write_data, write_ledger

from wellkeeper.core.decision import Decision
from wellkeeper.errors import InputError, WorkError
from wellkeeper.ledger.counts import counts_of
from wellkeeper.ledger.folder import open_part_tables
from wellkeeper.ledger.manifest import (
    ManifestEarlier,
    ManifestInput,
    file_digests,
    read_manifest,
    reconcile,
    write_manifest,
)
from wellkeeper.ledger.rows import content_digest

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
INPUT = ManifestInput(name="f", url="f.jsonl", size=10, fingerprint="10-1", documents=6, quarantined=2)


def write(folder: Path, **changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "recipe": {"wellkeeper": 1, "steps": [{"quality.v1": {}}]},
        "recipe_digest": "ab" * 32,
        "version": "0.1.0",
        "code_digest": "cd" * 32,
        "seed": 0,
        "inputs": [INPUT],
        "counts": counts(folder),
        "tables": {"documents": content_digest(open_part_tables(folder, "documents").to_batches())},
        "created": NOON,
    }
    return write_manifest(folder, **(usual | changes))


def test_earlier_sets_are_told_by_name_and_digest_and_count_in_the_digest(tmp_path: Path) -> None:
    out = write_data(write_ledger(tmp_path))
    without = write(out)
    assert "against" not in without, "manifests of sets that name none keep their digest"
    july = ManifestEarlier(name="july", digest="ef" * 32, documents=3)
    written = write(out, earlier=[july])
    assert written["against"] == [{"name": "july", "digest": "ef" * 32, "documents": 3}]
    other = write(out, earlier=[dataclasses.replace(july, digest="00" * 32)])
    assert len({manifest["digest"] for manifest in (without, written, other)}) == 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "croissant.json").write_text("{}")
    (tmp_path / "report.html").write_text("took 3 s")
    return write_data(write_ledger(tmp_path))


def test_every_finished_file_is_listed_with_its_digest(folder: Path) -> None:
    write(folder)
    (folder / ".work").mkdir()
    (folder / ".work" / "half").write_text("")
    manifest = write(folder)
    assert sorted(manifest["files"]) == [
        "data/part-00000.parquet",
        "ledger/documents/part-00000.parquet",
        "ledger/documents/part-00001.parquet",
        "ledger/evidence/part-00000.parquet",
        "ledger/quarantine.parquet",
    ]
    data = (folder / "ledger" / "quarantine.parquet").read_bytes()
    assert manifest["files"]["ledger/quarantine.parquet"] == {
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
    assert list(manifest["run"]["files"]) == ["croissant.json"]


def test_the_file_is_sorted_json_that_ends_with_a_line_end(folder: Path) -> None:
    written = write(folder)
    text = (folder / "manifest.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert json.loads(text) == written == read_manifest(folder)


def test_two_runs_differ_in_the_part_that_tells_of_the_run_and_nowhere_else(tmp_path: Path) -> None:
    manifests = []
    for number, run in enumerate(({"workers": 1}, {"workers": 16})):
        out = write_data(write_ledger(tmp_path / str(number)))
        (out / "croissant.json").write_text(f'{{"datePublished": "2026-01-0{number + 1}"}}')
        manifests.append(write(out, run=run, created=NOON.replace(hour=number)))
    one, other = ({key: value for key, value in manifest.items() if key != "run"} for manifest in manifests)
    assert one == other
    assert manifests[0]["run"] != manifests[1]["run"]


def test_the_digest_sees_any_change_outside_of_the_run(folder: Path) -> None:
    digests = {write(folder)["digest"], write(folder, created=NOON.replace(year=2030))["digest"]}
    assert len(digests) == 1
    digests |= {
        write(folder, **change)["digest"]
        for change in (
            {"seed": 1},
            {"version": "0.1.1"},
            {"tables": {}},
            {"recipe": {"wellkeeper": 1}},
            {"inputs": [dataclasses.replace(INPUT, fingerprint="10-2")]},
        )
    }
    (folder / "data" / "part-00001.parquet").write_bytes(b"more")
    digests.add(write(folder)["digest"])
    assert len(digests) == 7


def test_a_failed_write_leaves_the_earlier_manifest(folder: Path) -> None:
    write(folder)
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match="Out of range float"):
        write(folder, recipe={"threshold": float("nan")})
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("data/forum/*.jsonl", "data/forum/*.jsonl"),
        ("s3://bucket/a@b.parquet", "s3://bucket/a@b.parquet"),
        ("https://anna:s3cret@host.org/x?version=2", "https://host.org/x?version=2"),
    ],
)
def test_a_password_in_a_url_is_not_published(folder: Path, url: str, kept: str) -> None:
    manifest = write(folder, inputs=[dataclasses.replace(INPUT, url=url)])
    assert manifest["inputs"][0]["url"] == kept
    assert "s3cret" not in (folder / "manifest.json").read_text()


@given(st.tuples(*[st.integers(0, 50)] * 4), st.integers(-3, 3))
def test_counts_reconcile_exactly_when_every_record_has_one_fate(fates: tuple[int, ...], lost: int) -> None:
    kept, dropped, review, quarantined = fates
    empty = counts_of([], read=sum(fates) + lost, quarantined=quarantined)
    figures = dataclasses.replace(empty, kept=kept, dropped=dropped, review=review)
    if lost == 0:
        reconcile(figures)
    else:
        with pytest.raises(
            WorkError, match=r"records were read, and .* have a fate .*run again with --fresh"
        ):
            reconcile(figures)


def test_inputs_that_disagree_with_the_counts_stop_the_manifest(folder: Path) -> None:
    says = r"gave 5 documents and 2 quarantined records, and the run counted 8 records with 2 quarantined\. Do not use"
    with pytest.raises(WorkError, match=says):
        write(folder, inputs=[dataclasses.replace(INPUT, documents=5)])
    assert not (folder / "manifest.json").exists()


def test_the_counts_are_those_of_the_rows(folder: Path) -> None:
    figures = counts(folder)
    fates = [sum(row["decision"] == decision.label for row in ROWS) for decision in Decision]
    assert [figures.kept, figures.dropped, figures.review] == fates
    assert figures.quarantined == len(QUARANTINED)
    assert sum(row.documents for row in figures.by_source) == len(ROWS)
    assert sum(row.documents for row in figures.by_step_reason) == figures.dropped + figures.review
    assert [(row.licence, row.kept, row.kept_words) for row in figures.by_licence] == [
        ("CC-BY-SA-4.0", 1, 13)
    ]
    origins = {(row.origin, row.declared): (row.documents, row.kept) for row in figures.by_origin}
    assert origins == {
        ("human", "human"): (2, 1),
        ("ai-generated", "ai-generated"): (1, 0),
        ("ai-assisted", "unknown"): (1, 0),
        ("unknown", "unknown"): (2, 0),
    }


@given(st.lists(st.integers(0, 6), max_size=4), st.booleans())
def test_parts_and_their_order_do_not_change_the_counts(cuts: list[int], backwards: bool) -> None:
    table = documents()
    edges = sorted({0, 6, *cuts})
    parts = [table.slice(low, high - low) for low, high in itertools.pairwise(edges)]
    whole = counts_of([table], read=6, quarantined=0)
    assert counts_of(parts[::-1] if backwards else parts, read=6, quarantined=0) == whole


def test_files_that_are_no_manifest_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"manifest\.json is missing\. Give the output folder of `wellkeeper curate`"
    ):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match=r"is not JSON: .*\. Restore the file or run the recipe again\."):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema": "wellkeeper.manifest/9"}')
    with pytest.raises(
        InputError, match=r"has schema 'wellkeeper\.manifest/9'.*Use the version of wellkeeper that"
    ):
        read_manifest(tmp_path)


def test_a_rewritten_part_keeps_the_content_digest_and_loses_the_file_digest(folder: Path) -> None:
    import pyarrow.parquet as pq

    part = folder / "ledger" / "documents" / "part-00000.parquet"
    table, before = open_part_tables(folder, "documents").to_table(), file_digests(folder)
    pq.write_table(pq.read_table(part), part, compression="none")
    assert content_digest([open_part_tables(folder, "documents").to_table()]) == content_digest([table])
    assert (
        file_digests(folder)[part.relative_to(folder).as_posix()]
        != before[part.relative_to(folder).as_posix()]
    )
