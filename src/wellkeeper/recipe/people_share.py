"""The share of AI-made text in a corpus by what people said of a part of it: `audit --reviewed QUEUE`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wellkeeper.errors import InputError
from wellkeeper.measure.jackknife import LEVEL
from wellkeeper.measure.prediction_powered import Estimate
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.review_share import Looked, ShareFound, share_found
from wellkeeper.recipe.review_standing import standing_items
from wellkeeper.recipe.reviewing import open_queue

LEAST_HELP = 0.95
"""Width over that by labels alone from which on scores are not said to help, as in `review status`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSaid:
    """What a queue tells of its pool, before it is known which corpus that is."""

    place: str
    found: ShareFound
    estimate: Estimate
    pool: int  # documents
    gold: int  # more documents, of known label, which are not of the pool
    gold_share: float  # of them that is AI-made, in [0, 1]; 0 where there are none
    texts: frozenset[bytes]  # SHA-256 of the texts that were looked at

    @property
    def documents(self) -> int:
        """Of the set that the queue was made from."""
        return self.pool + self.gold

    def of_all(self, share: float) -> float:
        """The share of the set, from that of the pool."""
        return (share * self.pool + self.gold_share * self.gold) / self.documents


def people_said(place: str | Path) -> PeopleSaid:
    """Read a queue; to be asked for before a corpus is read.

    Raises:
        InputError: there is none, it does not ask who wrote the documents of a set, or nobody has answered yet.
        WorkError: it cannot be read.
    """
    with open_queue(place) as queue:
        if queue.question.kind != "origin":
            raise InputError(
                f"{place} asks about {queue.question.kind}, and its answers make no share of a corpus. Give a queue "
                "made by: wellkeeper review init RESULT --from origin"
            )
        looked: list[Looked] = []
        texts: set[bytes] = set()
        for placed, _, one in standing_items(queue):
            if one is not None:
                looked.append(one)
                if one.is_answered:
                    texts.update(bytes.fromhex(where.content_hash) for where in placed.item.places)
        found = share_found(looked, queue.pool)
        if found.estimate is None:
            raise InputError(
                f"{place} gives no share yet: {found.why[0].lower()}{found.why[1:]} Answer some first: wellkeeper "
                f"review serve {place}"
            )
        return PeopleSaid(
            place=str(place),
            found=found,
            estimate=found.estimate,
            pool=queue.pool.items,
            gold=int(queue.about.get("gold_of_pool", 0)),
            gold_share=float(queue.about.get("gold_share", 0)),
            texts=frozenset(texts),
        )


def people_share(said: PeopleSaid, corpus: LoadedCorpus) -> Mapping[str, Any]:
    """`origin.share` of an audit.

    Raises:
        InputError: the corpus is not what the queue was made from.
    """
    _check_same(said, corpus)
    found, estimate = said.found, said.estimate
    labels = estimate.labels
    of = f"{found.drawn:,} of them drawn by lot" if found.known else "drawn by lot"
    note = f"From {labels:,} documents that people labelled, {of}, of {said.documents:,}. "
    if said.gold:
        note += f"{said.gold:,} more are gold, and count as their label says. "
    if estimate.narrower < LEAST_HELP:
        note += (
            f"The ledger's scores of all documents made the interval {1 - estimate.narrower:.0%} narrower. "
        )
    missing = found.missing.items
    if missing:
        what = "1 more was drawn and has" if missing == 1 else f"{missing:,} more were drawn and have"
        note += (
            f"{what} no label that tells; whatever they are, the share is "
            f"{said.of_all(found.low):.1%} to {said.of_all(found.high):.1%}. "
        )
    return {
        "estimate": said.of_all(estimate.share.estimate),
        "low": said.of_all(estimate.share.low),
        "high": said.of_all(estimate.share.high),
        "level": LEVEL,
        "method": estimate.method,
        "anchored": False,
        "labels": labels,
        "note": f"{note}It is as right as the readers: wellkeeper review status {said.place}",
    }


def _check_same(said: PeopleSaid, corpus: LoadedCorpus) -> None:
    if len(corpus) != said.documents:
        raise InputError(
            f"The labels of {said.place} stand for {said.documents:,} documents, and these are {len(corpus):,}. "
            "Audit what the queue was made from, or make a queue from what you audit."
        )
    left = set(said.texts)
    for _, (texts,) in corpus.stream(["sha256"]):
        plain = np.ascontiguousarray(texts).view(np.uint8).reshape(-1, 32)
        left.difference_update(row.tobytes() for row in plain)
    if left:
        raise InputError(
            f"{len(left):,} of {len(said.texts):,} texts that were labelled in {said.place} are not in this corpus. "
            "Audit what the queue was made from, or make a queue from what you audit."
        )
