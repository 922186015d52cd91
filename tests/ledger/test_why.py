"""One question, the whole story: for every fate, every way to ask, and every way to miss."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ledgers import ROWS, TEXTS, counts, documents, same_as_golden, write_ledger

from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.errors import InputError
from wellkeeper.ledger.folder import write_part, write_quarantine
from wellkeeper.ledger.manifest import ManifestInput, write_manifest
from wellkeeper.ledger.rows import SPANS, table_of
from wellkeeper.ledger.why import why

SURVIVING = "wiki-17, which was kept because"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ledger(tmp_path_factory.mktemp("ledger"))


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    return write_ledger(tmp_path)


def sentence(folder: Path, query: str) -> str:
    (story,) = why(folder, query).documents
    return story.sentence


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("wiki-17", "kept: no step objected"),
        ("made-3", f"dropped by near-duplicates.v1: similarity 0.93 with {SURVIVING} it is human"),
        ("forum-9", "dropped by quality.v1: gopher:top-2gram-char-share (value 0.48)"),
        ("forum-12", "held back for a person to review by origin.v1: probability-between (value 0.91)"),
        ("forum-13", "dropped by mix: cap:source"),
        ("wiki-18", f"dropped by exact-duplicates.v1: the same text as {SURVIVING} it has a capture date"),
    ],
)
def test_every_fate_is_one_plain_sentence(ledger: Path, query: str, says: str) -> None:
    assert sentence(ledger, query) == says


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_the_story_of_each_fate_reads_as_kept_on_file(ledger: Path, row: dict[str, Any]) -> None:
    same_as_golden(f"why-{row['id']}.txt", "\n".join(why(ledger, row["id"]).lines()) + "\n")


def test_a_quarantined_record_is_told_with_the_damage_of_its_file(ledger: Path) -> None:
    story = why(ledger, "forum/f.jsonl:10")
    assert story.documents == ()
    assert [record.code for record in story.quarantined] == ["json-syntax"]
    same_as_golden("why-quarantined.txt", "\n".join(story.lines()) + "\n")


@pytest.mark.parametrize("query", ["forum/f.jsonl:12", "f.jsonl:12"])
def test_a_position_finds_its_document(ledger: Path, query: str) -> None:
    assert [story.record["id"] for story in why(ledger, query).documents] == ["forum-12"]


def test_half_a_file_name_is_not_a_file(ledger: Path) -> None:
    with pytest.raises(InputError):
        why(ledger, "sonl:12")


@given(digits=st.integers(8, 64), number=st.integers(0, len(TEXTS) - 1), upper=st.booleans())
def test_any_hash_prefix_finds_all_documents_with_that_text(
    ledger: Path, digits: int, number: int, upper: bool
) -> None:
    prefix = hashlib.sha256(TEXTS[number].encode()).hexdigest()[:digits]
    found = why(ledger, prefix.upper() if upper else prefix).documents
    assert [story.record["id"] for story in found] == [
        row["id"] for row, text in zip(ROWS, TEXTS, strict=True) if text == TEXTS[number]
    ]


def test_all_documents_with_one_id_are_told(tmp_path: Path) -> None:
    rows = [dict(row, id="same") for row in ROWS]
    write_part(tmp_path, "documents", 0, documents(rows))
    write_quarantine(tmp_path, [])
    story = why(tmp_path, "same")
    assert [document.record["row"] for document in story.documents] == list(range(len(ROWS)))
    assert sum(line == "same" for line in story.lines()) == len(ROWS)


def test_a_terminal_shows_twenty_of_many_and_json_has_all(tmp_path: Path) -> None:
    rows = [dict(ROWS[0], id="same") for _ in range(50)]
    write_part(tmp_path, "documents", 0, documents(rows, texts=("x",) * 50))
    write_quarantine(tmp_path, [])
    story = why(tmp_path, "same")
    assert len(story.to_json()["documents"]) == 50
    assert story.lines().count("same") == 20
    assert story.lines()[-1] == "... and 30 more; --json lists all of them"


def test_an_id_wins_over_a_hash_and_over_a_position(tmp_path: Path) -> None:
    prefix = hashlib.sha256(TEXTS[0].encode()).hexdigest()[:8]
    for number, query in enumerate((prefix, "archive/a.jsonl:1")):
        folder = tmp_path / str(number)
        write_part(folder, "documents", 0, documents([*ROWS[:2], dict(ROWS[2], id=query), *ROWS[3:]]))
        write_quarantine(folder, [])
        assert [story.record["row"] for story in why(folder, query).documents] == [2]


def test_evidence_comes_with_its_span_and_its_weight(ledger: Path) -> None:
    (story,) = why(ledger, "forum-12").documents
    seen = {piece.kind: piece for piece in story.evidence}
    marker = seen["citation-marker"]
    assert TEXTS[3].encode()[marker.start : marker.end].decode() == marker.matched == "turn0search0"
    assert (marker.weight, marker.strength) == (3.0, "artefact")


def test_evidence_known_only_from_the_mask_is_told_without_a_span(ledger: Path) -> None:
    (story,) = why(ledger, "wiki-17").documents
    assert {piece.kind: piece.start for piece in story.evidence} == {
        "declared-human": None,
        "captured-before-2022-11-30": None,
    }


SCHEMA = {
    "type": "object",
    "required": ["schema", "query", "documents", "quarantined"],
    "additionalProperties": False,
    "properties": {
        "schema": {"const": "wellkeeper.why/1"},
        "query": {"type": "string"},
        "documents": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    *documents().schema.names,
                    "sentence",
                    "evidence",
                    "survivors",
                ],
                "properties": {
                    "content_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    "captured_at": {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\dT.*\+00:00$"},
                    "decision": {"enum": ["keep", "drop", "review"]},
                    "evidence": {
                        "type": "array",
                        "items": {"required": ["kind", "title", "weight", "start", "end"]},
                    },
                    "survivors": {
                        "type": "array",
                        "items": {"required": ["row", "id", "origin", "preferred"]},
                    },
                },
            },
        },
        "quarantined": {
            "type": "array",
            "items": {"required": ["file", "line", "offset", "code", "reason", "excerpt", "sentence"]},
        },
    },
}


@pytest.mark.parametrize("query", [*(str(row["id"]) for row in ROWS), "f.jsonl:10"])
def test_the_json_keeps_its_schema(ledger: Path, query: str) -> None:
    jsonschema.validate(json.loads(json.dumps(why(ledger, query).to_json(), allow_nan=False)), SCHEMA)


def test_a_survivor_that_went_later_is_followed_to_the_one_that_stayed(tmp_path: Path) -> None:
    middle = dict(ROWS[1], id="middle", origin="unknown", generator=None)
    last = dict(ROWS[1], id="last", score=0.996, survivor=1, survivor_id="middle")
    rows = [ROWS[0], middle, last]
    write_part(tmp_path, "documents", 0, documents(rows, texts=TEXTS[:3]))
    write_quarantine(tmp_path, [])
    (story,) = why(tmp_path, "last").documents
    assert [survivor.id for survivor in story.survivors] == ["middle", "wiki-17"]
    assert story.sentence == (
        "dropped by near-duplicates.v1: similarity 0.99 with middle, which was preferred because its origin is "
        "unknown and not ai-generated and later dropped by near-duplicates.v1"
    )


def told(folder: Path, **changes: Any) -> str:
    """The story of one document that is as usual but for some facts."""
    rows = [ROWS[0], ROWS[1] | changes]
    write_part(folder, "documents", 0, documents(rows, texts=TEXTS[:2]))
    write_quarantine(folder, [])
    return "\n".join(why(folder, "made-3").lines())


def test_the_number_of_a_semantic_duplicate_is_a_cosine(tmp_path: Path) -> None:
    found = told(tmp_path, step="semantic-duplicates.v1", score=0.932)
    assert f"dropped by semantic-duplicates.v1: cosine similarity 0.93 with {SURVIVING}" in found


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("a/b.parquet", "row"),
        ("x.arrow", "row"),
        ("x.feather", "row"),
        ("b.jsonl.zst", "line"),
        ("n.csv", "line"),
    ],
)
def test_places_in_tables_are_rows(tmp_path: Path, file: str, place: str) -> None:
    assert f"  place     {file}, {place} 261; ledger row 1" in told(tmp_path, file=file, line=261)
    with pytest.raises(InputError, match=f"The document closest to that {place} starts at {file}:261"):
        why(tmp_path, f"{file}:262")


def test_a_quarantined_record_of_a_table_is_a_row(tmp_path: Path) -> None:
    write_part(tmp_path, "documents", 0, documents(ROWS[:1], texts=TEXTS[:1]))
    bad = Quarantined(file="t.parquet", line=62, offset=-1, code="text-null", reason="'text' is null")
    write_quarantine(tmp_path, [bad])
    assert why(tmp_path, "t.parquet:62").lines() == [
        "t.parquet, row 62",
        "  not a document: row 62 was quarantined as text-null. 'text' is null",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("short and whole", "'short and whole'"),
        ("four " * 40, repr("four " * 40)),  # as long as may be, and whole
        ("seven77 " * 40, repr("seven77 " * 24 + "seven77 ...")),
        ("sixsix " * 40, repr("sixsix " * 27 + "sixsix ...")),
        ("字" * 300, repr("字" * 200 + " ...")),
    ],
)
def test_an_excerpt_ends_with_a_word_and_says_that_it_goes_on(tmp_path: Path, text: str, shown: str) -> None:
    write_ledger(tmp_path)
    span = {
        "row": 1, "id": "made-3", "start": 10, "end": 10 + len(text.encode()), "words": 50, "holder": 0,
        "holder_id": "wiki-17", "holder_start": 0, "holder_end": 9, "frequency": 2, "action": "reported",
        "step": "repeated-passages.v1", "matched": text,
    }  # fmt: skip
    columns: dict[str, Any] = {name: [value] for name, value in span.items()}
    write_part(tmp_path, "spans", 0, table_of(columns, schema=SPANS))
    (line,) = [line for line in why(tmp_path, "made-3").lines() if line.startswith("  repeated")]
    assert line.endswith(f": {shown}")
    ((story,),) = (why(tmp_path, "made-3").documents[0].repeated,)
    assert story.matched == text[:200], "in JSON as the ledger has it"


def test_rows_that_name_each_other_do_not_go_round_for_ever(tmp_path: Path) -> None:
    rows = [
        dict(ROWS[1], survivor=1, survivor_id="b", id="a"),
        dict(ROWS[1], survivor=0, survivor_id="a", id="b"),
    ]
    write_part(tmp_path, "documents", 0, documents(rows, texts=TEXTS[:2]))
    write_quarantine(tmp_path, [])
    (story,) = why(tmp_path, "a").documents
    assert [survivor.id for survivor in story.survivors] == ["b"]


@pytest.mark.parametrize(
    ("winner", "loser", "because"),
    [
        ({"licence": "CC0-1.0"}, {"licence": "House licence"}, " because its licence is open (CC0-1.0)"),
        ({"licence": "House licence"}, {"licence": None}, " because its licence is known (House licence)"),
        ({"captured_at": 10}, {"captured_at": 86_400}, " because it was captured earlier, on 1970-01-01"),
        ({}, {}, " because it is longer"),
        ({"captured_at": 86_400}, {"captured_at": 10}, ""),
    ],
)
def test_the_first_criterion_that_differs_is_the_reason(
    tmp_path: Path, winner: dict[str, Any], loser: dict[str, Any], because: str
) -> None:
    """The last case is one that the policy could not have made: then no reason is given."""
    usual = {"origin": "unknown", "captured_at": None, "licence": None, "generator": None}
    rows = [ROWS[0] | usual | winner, ROWS[1] | usual | loser]
    write_part(tmp_path, "documents", 0, documents(rows, texts=("a longer text", "a text")))
    write_quarantine(tmp_path, [])
    assert sentence(tmp_path, "made-3").endswith(f"wiki-17, which was kept{because}")


def test_equal_documents_keep_the_order_of_the_input(tmp_path: Path) -> None:
    rows = [ROWS[0], ROWS[0] | {key: ROWS[5][key] for key in ("id", "decision", "step", "score", "survivor")}]
    rows[1] |= {"survivor_id": "wiki-17"}
    write_part(tmp_path, "documents", 0, documents(rows, texts=("same", "same")))
    write_quarantine(tmp_path, [])
    assert sentence(tmp_path, "wiki-18").endswith("which was kept because it comes first in the input")


def test_the_recipes_own_order_of_criteria_is_read_from_the_manifest(fresh: Path) -> None:
    steps = [{"quality.v1": {}}, {"near-duplicates.v1": {"similarity": 0.8, "keep": ["longest", "human"]}}]
    write_manifest(
        fresh,
        recipe={"wellkeeper": 1, "steps": steps},
        recipe_digest="0" * 64,
        version="0.1.0",
        code_digest="0" * 64,
        seed=0,
        inputs=[ManifestInput(name="x", url="x", size=1, fingerprint="f", documents=6, quarantined=2)],
        counts=counts(fresh),
        tables={},
    )
    assert sentence(fresh, "made-3").endswith(
        "which was kept"
    )  # the dropped one is longer: no criterion explains it
    assert sentence(fresh, "wiki-18").endswith(
        "because it has a capture date"
    )  # its step keeps the usual order


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (
            "wiki-71",
            r"has no document 'wiki-71'\. Close ids: wiki-18, wiki-17\. Give an id, the first 8 or more",
        ),
        ("WIKI-18", r"Close ids: wiki-18\. Give an id"),
        ("abc123", r"A hash needs at least 8 digits\. Give an id"),
        ("f.jsonl:11", r"The document closest to that line starts at forum/f\.jsonl:12\. Give an id"),
        ("forum/g.jsonl.gz:3", r"has no document"),
        ("ffffffffff", r"has no document 'ffffffffff'\. Give an id, the first 8 or more hexadecimal digits"),
    ],
)
def test_a_miss_says_what_is_close_and_how_to_ask(ledger: Path, query: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        why(ledger, query)


def test_a_folder_without_a_ledger_is_not_asked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no ledger .*Give the output folder of `wellkeeper curate`"):
        why(tmp_path, "wiki-17")


@pytest.mark.slow
def test_a_question_over_a_million_documents_takes_less_than_a_second(tmp_path: Path) -> None:
    size = 1_000_000
    small = documents(ROWS[:1], texts=TEXTS[:1])
    rng = np.random.default_rng(3)
    ids = pa.array([f"doc-{number:07d}" for number in rng.permutation(size)])
    hashes = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(32), size, [None, pa.py_buffer(rng.bytes(32 * size))]
    )
    columns = {name: pa.repeat(small.column(name)[0], size) for name in small.column_names}
    columns |= {
        "row": pa.array(np.arange(size, dtype=np.uint64)),
        "line": pa.array(np.arange(size) + 1),
        "id": ids,
        "content_hash": hashes,
    }
    table = pa.Table.from_arrays(list(columns.values()), schema=small.schema)
    for part in range(4):
        write_part(tmp_path, "documents", part, table.slice(part * size // 4, size // 4))
    write_quarantine(tmp_path, [])
    for query in (ids[777_777].as_py(), hashes[777_777].as_py().hex()[:12], "a.jsonl:777778"):
        started = time.process_time()  # of all threads: a busy machine takes its own time
        (story,) = why(tmp_path, query).documents
        assert story.record["row"] == 777_777
        assert time.process_time() - started < 1
