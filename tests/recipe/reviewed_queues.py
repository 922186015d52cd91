"""Queues about documents of a curated set, answered as a test wants."""

import hashlib
from pathlib import Path

import pyarrow.parquet as pq

from wellkeeper.ledger.manifest import ENVELOPE
from wellkeeper.review.item import Item, Place, Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue

NOW = 1_795_000_000.0
"""Seconds since 1970: a day in November 2026."""


def ledger(out):
    """Rows of a set's ledger by id."""
    return {row["id"]: row for row in pq.read_table(Path(out) / "ledger" / "documents").to_pylist()}


def place_of(row):
    return Place(row=row["row"], id=row["id"], content_hash=row["content_hash"].hex())


def ask(path, out, kind, asked, *, effects=None, gold=None, readers=None, places=None):
    """A queue about `asked`: (ids, labels), with a label by each of alice, bob and carol in turn.

    `gold` names the known label of items, `readers` how many must look, by the place of the item in `asked`.
    """
    rows = ledger(out)
    placed = []
    for number, (ids, _) in enumerate(asked):
        found = (places or {}).get(number) or tuple(place_of(rows[name]) for name in ids)
        item = Item(
            id=f"item-{number}",
            texts=tuple(f"text of {name}" for name in ids),
            places=found,
            gold=(gold or {}).get(number, ""),
        )
        placed.append(
            Placed(item=item, readers=(readers or {}).get(number, max(1, min(2, len(asked[number][1])))))
        )
    question = QUESTIONS[kind].with_effects(effects or {})
    envelope = Path(out) / ENVELOPE
    ReviewQueue.create(
        path,
        question=question,
        placed=placed,
        pool=pool_of([None] * len(placed)),
        settings=Settings(),
        about={
            "from": kind,
            "folder": str(out),
            "seal": hashlib.sha256(envelope.read_bytes()).hexdigest() if envelope.exists() else "",
            "made_at": "2026-11-22T10:00:00+00:00",
        },
        now=NOW,
    )
    answer(path, [labels for _, labels in asked])
    return path


def answer(path, labels):
    """Give each item its labels, the first by alice, the second by bob, the third by carol."""
    with ReviewQueue(path) as queue:
        for reader, name in enumerate(("alice", "bob", "carol")):
            given = [(f"item-{n}", one[reader], "", 4.0) for n, one in enumerate(labels) if len(one) > reader]
            queue.take_in(name, given, source="test")
    return path
