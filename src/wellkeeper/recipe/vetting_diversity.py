"""Is human text that is seasoned with accepted texts poorer than the human text alone? At equal words, pair by pair.

The human reference is divided in two by the hash of its documents. One half is the yardstick, whose rare types are the
tail. The other half is the core: in it the first documents, up to the share of its words that the mix would have, are
replaced by accepted texts, word for word. Each place gets the accepted texts that fall on it when both are laid end to
end, so that many short texts stand where one long document stood. What a mix loses by being shorter, or gains by having
shorter documents, is so no change. The share is of documents, and comes to a share of words by their mean lengths.

Places are pairs (`two_corpora.compare`, paired): what stays is the same on both sides and adds no noise, and the labels
of a place that was filled are swapped at random. If the accepted texts are such as people wrote, both sides are alike.
Words alone make the verdict, and 3-grams are told beside it: their rare types are so many that few documents show
nothing of them. A tenth of like with like passed in 40 of 40 runs with 1,000 human passages of 90 words, and in 26 of
40 with 480, where most of the others were not enough data and one was called poorer; sets of common words alone, or of
repeated passages, were called poorer in all (benchmarks/vet/seasoning.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure.incidence import Documents, Incidence, incidence_of, ngrams, united
from wellkeeper.measure.two_corpora import MARGIN, Compared, Judgement, compare, judge
from wellkeeper.recipe.tails import NGRAM, WordSample

SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
"""Shares of documents that are tried for the largest that passes."""
PERMUTATIONS = 999
FEWEST_PERMUTATIONS = 99
"""Where only `not worse` is asked for, which goes by bounds and not by permutations."""
FEWEST_FILLED = 5
"""Places that accepted texts must fill: the swaps of four show nothing (`measure.verdicts.FEWEST_UNITS`)."""

_WORDS = "words"
_FAMILIES = (_WORDS, "3-grams")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seasoned:
    """A mix of a share, held against the human core."""

    share: float  # of the documents, as asked for
    words: float  # share of the words that were replaced, by whole documents
    filled: int  # places of human documents that accepted texts stand in
    items: int  # accepted texts in the mix
    compared: Mapping[str, Compared]
    judgement: Judgement  # by words

    def to_json(self) -> dict[str, Any]:
        return {
            "share": self.share,
            "words": self.words,
            "filled": self.filled,
            "items": self.items,
            **self.judgement.to_json(),
            "families": {family: found.to_json() for family, found in self.compared.items()},
        }


class Seasoning:
    """Human documents and accepted texts, ready to be mixed."""

    def __init__(
        self,
        human: WordSample,
        accepted: WordSample,
        *,
        margin: float = MARGIN,
        permutations: int = PERMUTATIONS,
        seed: int = 0,
    ) -> None:
        """`human` and `accepted` in sampling order, which is that of a hash; neither has a document of the other."""
        reference, core = human.halves()
        self._yardstick = _families(reference.texts())
        self._core, self._accepted = core.texts(), accepted.texts()
        self._alone = _families(self._core)
        self._margin, self._permutations, self._seed = margin, permutations, seed

    def of_words(self, share: float) -> float:
        """The share of words that a share of documents, in [0, 1], comes to in a mix."""
        mine = share * self._accepted.words / max(1, len(self._accepted))
        theirs = (1 - share) * self._core.words / max(1, len(self._core))
        return mine / max(mine + theirs, 1e-12)

    def at(self, share: float) -> Seasoned | None:
        """The mix of a share of documents in (0, 1); None where there are too few documents of either for it.

        Raises:
            DataError: the share is not in (0, 1).
        """
        return self._at(share, _FAMILIES, self._permutations)

    def _at(self, share: float, families: Sequence[str], permutations: int) -> Seasoned | None:
        if not 0 < share < 1:
            raise DataError(f"share is {share}. Give a share of the documents in (0, 1), such as 0.1.")
        words = self.of_words(share) * self._core.words
        replaced = len(self._core.take_words(round(words)))
        if words > self._accepted.words or replaced < FEWEST_FILLED:
            return None
        place = self._places(replaced)
        mixed = _mixed(self._core, self._accepted, place, replaced, families)
        try:
            compared = {
                family: compare(
                    self._alone[family],
                    mix,
                    reference=self._yardstick[family],
                    paired=True,
                    seed=self._seed,
                    permutations=permutations,
                    margin=self._margin,
                )
                for family, mix in mixed.items()
            }
        except DataError:  # too few documents, or none with words: nothing can be told of them
            return None
        return Seasoned(
            share=share,
            words=float(self._core.offsets[replaced] / max(1, self._core.words)),
            filled=replaced,
            items=int(np.count_nonzero(place >= 0)),
            compared=compared,
            judgement=self._judged(compared[_WORDS]),
        )

    def alone(self) -> Compared | None:
        """The accepted texts by themselves beside the human core, by words; None where there are too few."""
        try:
            return compare(
                self._alone[_WORDS],
                incidence_of(self._accepted.offsets, self._accepted.hashes),
                reference=self._yardstick[_WORDS],
                seed=self._seed,
                permutations=self._permutations,
                margin=self._margin,
            )
        except DataError:
            return None

    def largest(self, shares: Sequence[float] = SHARES) -> tuple[float | None, list[Seasoned]]:
        """The largest of the shares, ascending, that passes before one that does not; and what was found at each.

        Small shares fill few places, and may not be told where larger ones are: they are passed over.
        """
        passed: float | None = None
        found = []
        for share in shares:
            seasoned = self._at(share, (_WORDS,), FEWEST_PERMUTATIONS)
            if seasoned is None:
                continue
            found.append(seasoned)
            if seasoned.judgement.verdict == "not worse":
                passed = share
            elif passed is not None:
                break
        return passed, found

    def _judged(self, words: Compared) -> Judgement:
        """The verdict by words; the documents that would decide are those of the whole reference: half is core."""
        found = judge({_WORDS: words})
        if found.documents_to_decide is None:
            return found
        many = 2 * max(found.documents_to_decide[0], 2 * len(self._core))
        return replace(found, documents_to_decide=(many, many))

    def _places(self, replaced: int) -> NDArray[np.int64]:
        """The place of each accepted text: of the document that its middle falls on; -1 behind the last one."""
        ends = self._core.offsets[1 : replaced + 1]
        middles = (self._accepted.offsets[:-1] + self._accepted.offsets[1:]) / 2
        place = np.searchsorted(ends, middles, side="right")
        return np.where(place < replaced, place, -1)


def _mixed(
    core: Documents,
    accepted: Documents,
    place: NDArray[np.int64],
    replaced: int,
    families: Sequence[str],
) -> dict[str, Incidence]:
    """The core with accepted texts in the first places, in the order of its places."""
    stays = np.where(np.arange(len(core)) < replaced, -1, np.arange(len(core)))
    both = Documents(
        offsets=np.concatenate((core.offsets, core.offsets[-1] + accepted.offsets[1:])),
        hashes=np.concatenate((core.hashes, accepted.hashes)),
    )
    units = np.concatenate((stays, place))
    return {family: united(_incidence(both, family), units, len(core)) for family in families}


def _families(documents: Documents) -> dict[str, Incidence]:
    return {family: _incidence(documents, family) for family in _FAMILIES}


def _incidence(documents: Documents, family: str) -> Incidence:
    if family == _WORDS:
        return incidence_of(documents.offsets, documents.hashes)
    return incidence_of(*ngrams(documents.offsets, documents.hashes, NGRAM))
