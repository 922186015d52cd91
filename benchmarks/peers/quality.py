"""What a tool found and what it removed wrongly, from the ids it kept and exact similarities alone."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from peers.corpora import Corpus, Planted

BANDS = ((1.0, "1"), (0.9, ".9-1"), (0.8, ".8-.9"), (0.7, ".7-.8"), (0.5, ".5-.7"), (0.0, "<.5"))
"""Least exact similarity of each band, and its name."""
_ROUNDING = 5e-5  # similarities of pairs are written with four digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """One tool on one corpus; shares are in [0, 1], None where there is nothing to count."""

    removed: int
    recall: float | None  # of planted pairs at 0.8 or more, those of which not both stay
    recall_by_band: dict[str, float]
    pairs_by_band: dict[str, int]
    precision_80: float | None  # of removed documents, those with a document that stays at 0.8 or more
    precision_50: float | None  # the same at 0.5
    originals_kept: float | None  # of planted pairs at 0.8 or more of which one stays: it is the original


def quality_of(corpus: Corpus, kept: Collection[str]) -> Quality:
    """Compare the ids that stayed with what is known of the corpus.

    Originals with one planted copy count for recall: with two copies, two of three may stay for good reasons.

    Raises:
        ValueError: an id is not in the corpus, or nothing was kept.
    """
    stays = frozenset(kept)
    strangers = stays.difference(corpus.ids)
    if strangers or not stays:
        raise ValueError(f"{len(stays)} ids kept, {len(strangers)} of them not in {corpus.name}")
    removed = [id_ for id_ in corpus.ids if id_ not in stays]
    copies = Counter(pair.original for pair in corpus.planted)
    single = [pair for pair in corpus.planted if copies[pair.original] == 1]
    close = [pair for pair in single if pair.similarity >= 0.8]
    by_band = {name: [pair for pair in single if _band(pair.similarity) == name] for _, name in BANDS}
    decided = [pair for pair in close if (pair.original in stays) != (pair.copy in stays)]
    return Quality(
        removed=len(removed),
        recall=_share(close, stays),
        recall_by_band={
            name: share for name, pairs in by_band.items() if (share := _share(pairs, stays)) is not None
        },
        pairs_by_band={name: len(pairs) for name, pairs in by_band.items() if pairs},
        precision_80=_precision(corpus, removed, stays, 0.8),
        precision_50=_precision(corpus, removed, stays, 0.5),
        originals_kept=sum(pair.original in stays for pair in decided) / len(decided) if decided else None,
    )


def _band(similarity: float) -> str:
    return next(name for least, name in BANDS if similarity >= least - (1e-9 if least == 1.0 else 0))


def _share(pairs: list[Planted], stays: frozenset[str]) -> float | None:
    found = sum(not (pair.original in stays and pair.copy in stays) for pair in pairs)
    return found / len(pairs) if pairs else None


def _precision(corpus: Corpus, removed: list[str], stays: frozenset[str], least: float) -> float | None:
    right = sum(
        any(
            similarity >= least - _ROUNDING and other in stays
            for other, similarity in corpus.pairs.get(id_, {}).items()
        )
        for id_ in removed
    )
    return right / len(removed) if removed else None
