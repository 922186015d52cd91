"""A small, whole output folder to ask questions of, and rows to make others from."""

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper.core.evidence import BY_NAME
from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.ledger.counts import Counts, counts_of
from wellkeeper.ledger.folder import open_part_tables, write_part, write_quarantine
from wellkeeper.ledger.rows import EVIDENCE, table_of

GOLDEN = Path(__file__).parent.parent / "golden" / "ledger"

TEXTS = (
    "The heron stood in the shallow water and did not move until evening.",
    "The heron stood in the shallow water and did not move until the evening.",
    "buy now buy now buy now buy now",
    "As an AI language model, I cannot see the lake.turn0search0",
    "A letter from the miller to his brother, about the flood and the price of flour.",
    "The heron stood in the shallow water and did not move until evening.",
)

ROWS: list[dict[str, Any]] = [
    {
        "id": "wiki-17",
        "group": "archive",
        "source": "wiki",
        "file": "archive/a.jsonl",
        "line": 1,
        "captured_at": 1_420_070_400,
        "captured_basis": "warc",
        "pre_ai": "before-2019",
        "origin": "human",
        "origin_declared": "human",
        "origin_log_odds": -5.5,
        "evidence_mask": (1 << BY_NAME["declared-human"].bit)
        | (1 << BY_NAME["captured-before-2022-11-30"].bit),
        "strength": "declared",
        "licence": "CC-BY-SA-4.0",
        "depth": 0,
        "decision": "keep",
        "weight": 1.0,
    },
    {
        "id": "made-3",
        "group": "made",
        "source": "made",
        "file": "made/m.jsonl",
        "line": 3,
        "origin": "ai-generated",
        "origin_declared": "ai-generated",
        "origin_log_odds": 2.5,
        "evidence_mask": 1 << BY_NAME["declared-ai"].bit,
        "strength": "declared",
        "generator": "smollm2-135m-instruct",
        "decision": "drop",
        "step": "near-duplicates.v1",
        "reason": "near-duplicate",
        "score": 0.93,
        "survivor": 0,
        "survivor_id": "wiki-17",
        "cluster": 0,
    },
    {
        "id": "forum-9",
        "group": "forum",
        "source": "board-a",
        "file": "forum/f.jsonl",
        "line": 9,
        "decision": "drop",
        "step": "quality.v1",
        "reason": "gopher:top-2gram-char-share",
        "score": 0.48,
    },
    {
        "id": "forum-12",
        "group": "forum",
        "source": "board-b",
        "file": "forum/f.jsonl",
        "line": 12,
        "captured_at": 1_700_000_000,
        "captured_basis": "page-claimed",
        "pre_ai": "after",
        "origin": "ai-assisted",
        "origin_log_odds": 2.5,
        "evidence_mask": (1 << BY_NAME["assistant-voice"].bit) | (1 << BY_NAME["citation-marker"].bit),
        "strength": "artefact",
        "decision": "review",
        "step": "origin.v1",
        "reason": "probability-between",
        "score": 0.91,
    },
    {
        "id": "forum-13",
        "group": "forum",
        "source": "board-b",
        "file": "forum/f.jsonl",
        "line": 13,
        "licence": "House licence",
        "decision": "drop",
        "step": "mix",
        "reason": "cap:source",
    },
    {
        "id": "wiki-18",
        "group": "archive",
        "source": "wiki",
        "file": "archive/a.jsonl",
        "line": 2,
        "origin": "human",
        "origin_declared": "human",
        "origin_log_odds": -2.5,
        "evidence_mask": 1 << BY_NAME["declared-human"].bit,
        "strength": "declared",
        "licence": "CC-BY-SA-4.0",
        "depth": 0,
        "decision": "drop",
        "step": "exact-duplicates.v1",
        "reason": "exact-duplicate",
        "score": 1.0,
        "survivor": 0,
        "survivor_id": "wiki-17",
        "cluster": 0,
    },
]

SPANS = [
    {"row": 3, "kind": "assistant-voice", "start": 0, "end": 23, "matched": "As an AI language model"},
    {"row": 3, "kind": "citation-marker", "start": 47, "end": 59, "matched": "turn0search0"},
]

QUARANTINED = [
    Quarantined(
        file="forum/f.jsonl",
        line=10,
        offset=812,
        code="json-syntax",
        reason="The line is not JSON: it ends inside a string.",
        excerpt='{"id": "forum-10", "body": "The',
    ),
    Quarantined(
        file="forum/g.jsonl.gz", line=0, offset=4096, code="truncated", reason="The gzip stream ends early."
    ),
]

_DEFAULTS: dict[str, Any] = {
    "offset": -1,
    "captured_at": None,
    "captured_basis": "none",
    "pre_ai": "unknown",
    "origin": "unknown",
    "origin_declared": "unknown",
    "origin_log_odds": 0.0,
    "evidence_mask": 0,
    "strength": "none",
    "licence": None,
    "generator": None,
    "depth": 255,
    "step": None,
    "reason": None,
    "score": None,
    "survivor": None,
    "survivor_id": None,
    "cluster": None,
    "weight": None,
}


def documents(rows: list[dict[str, Any]] = ROWS, texts: tuple[str, ...] = TEXTS) -> pa.Table:
    """A DOCUMENTS table of rows that name only what is not usual."""
    full = [_DEFAULTS | row for row in rows]
    columns: dict[str, Any] = {name: [row[name] for row in full] for name in full[0]} if full else {}
    columns["row"] = np.arange(len(full))
    columns["content_hash"] = [hashlib.sha256(text.encode()).digest() for text in texts]
    columns["words"] = [len(text.split()) for text in texts]
    columns["bytes"] = [len(text.encode()) for text in texts]
    return table_of(columns)


def evidence() -> pa.Table:
    columns: dict[str, Any] = {name: [span[name] for span in SPANS] for name in SPANS[0]}
    kinds = [BY_NAME[name] for name in columns["kind"]]
    columns["id"] = [ROWS[row]["id"] for row in columns["row"]]
    columns["strength"] = [kind.strength.label for kind in kinds]
    columns["weight"] = np.array([kind.weight for kind in kinds], np.float32)
    columns["tool"] = ["wellkeeper-artefacts/1"] * len(kinds)
    return table_of(columns, schema=EVIDENCE)


def data() -> pa.Table:
    """The kept documents as `data/*.parquet` holds them, with a column of the user's."""
    kept = [number for number, row in enumerate(ROWS) if row["decision"] == "keep"]
    return pa.table(
        {
            "id": pa.array([ROWS[number]["id"] for number in kept]),
            "text": pa.array([TEXTS[number] for number in kept], pa.large_string()),
            "source": pa.array([ROWS[number]["source"] for number in kept]).dictionary_encode(),
            "origin": pa.array([ROWS[number]["origin"] for number in kept]).dictionary_encode(),
            "captured_at": pa.array(
                [ROWS[number].get("captured_at") for number in kept], pa.timestamp("s", "UTC")
            ),
            "weight": pa.array([1.0] * len(kept), pa.float32()),
            "likes": pa.array([7] * len(kept), pa.int64()),
            "tags": pa.array([["bird", "lake"]] * len(kept), pa.list_(pa.string())),
        }
    )


def write_ledger(folder: Path, *, parts: int = 2) -> Path:
    table = documents()
    size = -(-table.num_rows // parts)
    for number in range(parts):
        write_part(folder, "documents", number, table.slice(number * size, size))
    write_part(folder, "evidence", 0, evidence())
    write_quarantine(folder, QUARANTINED)
    return folder


def write_data(folder: Path, table: pa.Table | None = None) -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    pq.write_table(data() if table is None else table, folder / "data" / "part-00000.parquet")
    return folder


def counts(folder: Path) -> Counts:
    read = len(ROWS) + len(QUARANTINED)
    return counts_of(
        open_part_tables(folder, "documents").to_batches(), read=read, quarantined=len(QUARANTINED)
    )


def same_as_golden(name: str, text: str) -> None:
    """Compare with a text kept on file. WELLKEEPER_UPDATE_GOLDEN=1 writes it anew: read the diff."""
    path = GOLDEN / name
    if os.environ.get("WELLKEEPER_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        f"{path} differs; WELLKEEPER_UPDATE_GOLDEN=1 writes it anew"
    )
