"""Topics of an audit: which of a human reference's topics the corpus has, and how much less or more of each.

Documents are drawn by sampling priority, at most `DRAWN` of each side; those of the corpus whose very text stands in
the reference are left out, since they would keep its topics by copying.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices
from wellkeeper.measure.cells import BEYOND, tail_cells
from wellkeeper.measure.gaps import share_gaps
from wellkeeper.measure.incidence import Incidence, halves
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS, Interval
from wellkeeper.measure.two_corpora import compare
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.neighbourhood import describe_neighbourhood
from wellkeeper.recipe.topics import LEAST_WORDS, Topics

DRAWN = 50_000
"""Documents of each side, at most: a share of one in a thousand is then known to a third of itself or better."""
GAPS = 12
"""Topics told of each direction."""
TOO_FEW = (
    f"Topics need at least {FEWEST_DOCUMENTS} documents of the corpus and {2 * FEWEST_DOCUMENTS} of the reference with "
    f"{LEAST_WORDS} words or more."
)
FIGURES = ("tail_recall", "tail_mass", "lost_mass", "invented_mass")


def describe_topics(
    corpus: LoadedCorpus, reference: LoadedCorpus, topics: tuple[Topics, Topics | None], *, seed: int
) -> dict[str, Any] | None:
    """The `topics` section of an audit, of the topics of both; None where one side has too few documents to compare."""
    mine, theirs = topics
    assert theirs is not None, "a reference was given"
    documents = _drawn(corpus, reference), _in_order(reference)
    labels = _labels(mine, documents[0]), _labels(theirs, documents[1])
    if len(labels[0]) < FEWEST_DOCUMENTS or len(labels[1]) < 2 * FEWEST_DOCUMENTS:
        return None
    counts = [np.bincount(some, minlength=len(mine.names)) for some in labels]
    rare = tail_cells(counts[1])
    gaps = share_gaps(*counts)
    return {
        "topics": len(mine.names),
        "documents": len(labels[0]),
        "reference_documents": len(labels[1]),
        "rare": {
            "topics": int(rare.sum()),
            "beyond": BEYOND,
            "share": float(counts[1][rare].sum() / counts[1].sum()),
            "held": int(np.count_nonzero(counts[0][rare])),
        },
        "against_human": _against_human(*labels, seed=seed),
        "neighbourhood": describe_neighbourhood(mine, theirs, *documents, seed=seed),
        "gaps": _largest(mine.names, counts, gaps, rare),
        "map": [
            {
                "name": name,
                "x": round(float(x), 4),
                "y": round(float(y), 4),
                "documents": int(documents),
                "reference_documents": int(of_reference),
                "is_rare": bool(is_rare),
                "gap": direction_of(gap),
            }
            for name, (x, y), documents, of_reference, is_rare, gap in zip(
                mine.names, mine.places, *counts, rare, gaps, strict=True
            )
        ],
    }


def direction_of(gap: Interval) -> str:
    """`less` or `more` where the interval tells, of a topic's share in the corpus; else `even`."""
    return "less" if gap.high < 0 else "more" if gap.low > 0 else "even"


def _in_order(corpus: LoadedCorpus) -> Indices:
    order: Indices = np.argsort(corpus.column("priority"), kind="stable")[:DRAWN]
    return order


def _drawn(corpus: LoadedCorpus, reference: LoadedCorpus) -> Indices:
    order = _in_order(corpus)
    return order[~np.isin(corpus.column("sha256")[order], reference.column("sha256"))]


def _labels(topics: Topics, documents: Indices) -> NDArray[np.int32]:
    """Topics of the documents that have one."""
    labels = topics.of[documents]
    return labels[labels >= 0]


def _against_human(
    labels: NDArray[np.int32], of_reference: NDArray[np.int32], *, seed: int
) -> list[dict[str, Any]]:
    """Figures of the corpus beside those of human text of the same size, both read against other human text.

    One half of the reference says which topics are rare and how common each is; the other half is the human text.
    """
    yardstick, human = halves(_of_one_type(of_reference))
    compared = compare(human, _of_one_type(labels), reference=yardstick, seed=seed)
    found = {change.figure: change for change in compared.changes}
    return [
        {
            "figure": figure,
            "documents": compared.documents[1],
            "human": found[figure].first.to_json(),
            "corpus": found[figure].second.to_json(),
            "change": found[figure].change.to_json(),
            "p": found[figure].p,
        }
        for figure in FIGURES
        if figure in found
    ]


def _of_one_type(labels: NDArray[np.int32]) -> Incidence:
    """Documents as measures see them, of which each has its topic and nothing else."""
    return Incidence(
        offsets=np.arange(len(labels) + 1),
        types=labels.astype(np.uint64),
        tokens=np.ones(len(labels), np.int32),
    )


def _largest(
    names: Sequence[str],
    counts: Sequence[NDArray[np.int64]],
    gaps: Sequence[Interval],
    rare: NDArray[np.bool_],
) -> list[dict[str, Any]]:
    """The topics whose shares differ most and surely, those that the corpus has less of first."""
    estimates = np.array([gap.estimate for gap in gaps])
    ascending = np.lexsort((np.arange(len(gaps)), estimates)).tolist()
    less = [topic for topic in ascending if direction_of(gaps[topic]) == "less"][:GAPS]
    more = [topic for topic in reversed(ascending) if direction_of(gaps[topic]) == "more"][:GAPS]
    return [
        {
            "name": names[topic],
            "documents": int(counts[0][topic]),
            "reference_documents": int(counts[1][topic]),
            "is_rare": bool(rare[topic]),
            "gap": gaps[topic].to_json(),
        }
        for topic in [*less, *more]
    ]
