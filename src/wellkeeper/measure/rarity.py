"""How rare the words of a text are in a reference, and which groups of texts have the rarest.

The rarity of a word is log(n / d), where d of the reference's n documents have it (inverse document frequency [1]);
that of a text is the mean over its words, the same word counted as often as it stands there. The mean does not grow
with the length of a text. Words that the reference lacks are left out: slips and made-up names are not its tail.

[1] Sparck Jones, A statistical interpretation of term specificity and its application in retrieval,
    Journal of Documentation 28 (1972) 11-21.
"""

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.incidence import Documents, Incidence

FEWEST_WORDS = 5
"""Words of the reference below which a text has no rarity."""
RAREST = 0.2
"""Share of the texts that are the tail: those of the groups with the rarest words. Of .15, .2, .25 and .33, this one
found most filters in the worlds of benchmarks/vet/tail_eater.py."""


def rarity_of(texts: Documents, reference: Incidence) -> NDArray[np.float64]:
    """The mean rarity of the words of each text, in nats, shape (texts,); NaN where the reference has too few of them.

    >>> texts = Documents(offsets=np.array([0, 5, 10]), hashes=np.array([7, 7, 7, 7, 8, 8, 8, 8, 8, 8], np.uint64))
    >>> types, tokens = np.array([7, 8, 7], np.uint64), np.ones(3, np.int32)
    >>> reference = Incidence(offsets=np.array([0, 2, 3]), types=types, tokens=tokens)
    >>> rarity_of(texts, reference).round(3).tolist()
    [0.139, 0.693]
    """
    types, having = np.unique(reference.types, return_counts=True)
    if not types.size:
        return np.full(len(texts), np.nan)
    place = np.minimum(np.searchsorted(types, texts.hashes), types.size - 1)
    known = types[place] == texts.hashes
    documents = reference.offsets.size - 1
    rarity = np.where(known, np.log(documents / having[place]), 0.0)
    sums, counts = (
        np.diff(np.concatenate(([0], np.cumsum(values)))[texts.offsets]) for values in (rarity, known)
    )
    return np.where(counts >= FEWEST_WORDS, sums / np.maximum(counts, 1), np.nan)


def rarest_groups(
    groups: NDArray[np.integer], rarity: NDArray[np.float64], count: int, *, share: float = RAREST
) -> NDArray[np.bool_]:
    """The groups with the rarest words on average, that together hold a share of the texts; shape (count,).

    Groups are taken from the rarest down until they hold the share. A group is so judged by all its texts, of which
    each alone says little.

    Args:
        groups: the group of each text, from 0 to `count` - 1.
        rarity: of each text.
        count: how many groups there are; those without a text are none of the rarest.
        share: of the texts, in (0, 1).

    >>> rarest_groups(np.array([0, 0, 0, 1, 2]), np.array([1.0, 1.2, 1.1, 3.0, 2.0]), 4).tolist()
    [False, True, False, False]

    Raises:
        DataError: shapes differ, a text has no rarity, or the share is not in (0, 1).
    """
    if groups.shape != rarity.shape or np.isnan(rarity).any() or not 0 < share < 1:
        raise DataError(
            f"{groups.size} texts have groups, {np.count_nonzero(~np.isnan(rarity))} a rarity; the share is {share}. "
            "Pass a group and a rarity for each text, and a share above 0 and below 1."
        )
    sizes = np.bincount(groups, minlength=count)
    means = np.bincount(groups, weights=rarity, minlength=count) / np.maximum(sizes, 1)
    order = np.argsort(np.where(sizes > 0, -means, np.inf), kind="stable")
    before = np.cumsum(sizes[order]) - sizes[order]
    found = np.zeros(count, np.bool_)
    found[order[before < share * groups.size]] = True
    return found & (sizes > 0)
