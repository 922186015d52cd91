"""What wellkeeper removed, from the ledger of a full run, and each removal checked by other code.

The timed command is `curate --dry-run`, as a user tries a recipe; it decides the same and writes no ledger. So the
ids come from one more run, which is not timed.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from measuring import measured

from peers.corpora import Corpus
from peers.tools import REPOSITORY, curate

sys.path.insert(0, str(REPOSITORY / "tests" / "kernels"))
from naive import shingles_of  # type: ignore[import-not-found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """One removed document, as the ledger has it."""

    id: str
    survivor: str
    similarity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The ledger's similarities against the plain Python definition of words and 5-grams that the tests use."""

    removals: int
    least_similarity: float | None  # of a removed document with the survivor that the ledger names
    largest_difference: float | None  # from the ledger's figure
    survivors_removed: int  # survivors that were themselves removed
    left_planted: tuple[
        float, ...
    ]  # planted pairs at 0.8 or more of which both stay: their similarity by this code


def curated(python: Path, corpus: Path, out: Path, *, workers: int) -> tuple[list[str], list[Removal]]:
    """Ids that stayed, and the removals, of a full `curate`.

    Raises:
        CommandError: the command failed.
    """
    measured([*curate(python, corpus, out, workers=workers), "--no-keep-rejected"])
    columns = ["id", "decision", "survivor_id", "score"]
    rows = pq.read_table(out / "ledger" / "documents", columns=columns).to_pylist()
    kept = [row["id"] for row in rows if row["decision"] == "keep"]
    removals = [
        Removal(id=row["id"], survivor=row["survivor_id"], similarity=row["score"])
        for row in rows
        if row["decision"] == "drop"
    ]
    return kept, removals


def verified(corpus: Corpus, kept: list[str], removals: list[Removal]) -> Verified:
    """Compare every removed document with its survivor once more, and the planted pairs that stay, from the texts."""
    stays = set(kept)
    left = [
        pair
        for pair in corpus.planted
        if pair.similarity >= 0.8 and pair.original in stays and pair.copy in stays
    ]
    wanted = {id_ for removal in removals for id_ in (removal.id, removal.survivor)}
    wanted |= {id_ for pair in left for id_ in (pair.original, pair.copy)}
    sets = {id_: shingles_of(text) for id_, text in _texts(corpus.path, wanted)}
    values = [_jaccard(sets[removal.id], sets[removal.survivor]) for removal in removals]
    gone = {removal.id for removal in removals}
    return Verified(
        removals=len(removals),
        least_similarity=min(values, default=None),
        largest_difference=max(
            (abs(value - removal.similarity) for value, removal in zip(values, removals, strict=True)),
            default=None,
        ),
        survivors_removed=sum(removal.survivor in gone for removal in removals),
        left_planted=tuple(_jaccard(sets[pair.original], sets[pair.copy]) for pair in left),
    )


def _texts(corpus: Path, wanted: set[str]) -> Iterator[tuple[str, str]]:
    with corpus.open("rb") as stream:
        for line in stream:
            row = json.loads(line)
            if row["id"] in wanted:
                yield row["id"], row["text"]


def _jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> float:
    return len(a & b) / len(a | b)
