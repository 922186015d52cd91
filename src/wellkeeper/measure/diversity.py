"""How varied a corpus is, in figures that stand beside a human reference's own at the same size.

None of them is a verdict. Diversity without a reference can point the wrong way: in a recursion of small models the
held-out likelihood and the coverage of rare human words got worse while distinct-2 and entropy rose, since noise is
varied too; sampled colder, all of them fell. So each figure is two-sided, and says which of two diseases a loss of
tail may be: *entropy collapse* (fewer types, steeper ranks, more repetition) or *noise drift* (the reverse).
"""

from dataclasses import dataclass
from typing import Any

from wellkeeper.measure.incidence import Documents, Incidence, incidence_of, ngrams, take_words
from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.redundancy import distinct, self_repetition
from wellkeeper.measure.sample import shortage
from wellkeeper.measure.sample_coverage import CoverageProfile, common_level, coverage_profile
from wellkeeper.measure.zipf import WordLaws, word_laws

SELF_REPETITION_N = 4
"""Length of the n-grams of self-repetition: Salkar et al., AACL 2022; and of BLEU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diversity:
    """Figures of one corpus at a number of words, with intervals; None where no document has such an n-gram."""

    documents: int
    words: int
    completeness: CoverageProfile  # sample coverage, Hill numbers at a coverage, entropy
    laws: WordLaws
    distinct_2: Interval | None
    distinct_3: Interval | None
    self_repetition: Interval | None

    def to_json(self) -> dict[str, Any]:
        completeness, laws = self.completeness.to_json(), self.laws.to_json()
        return {
            "documents": self.documents,
            "words": self.words,
            "sample_coverage": completeness["coverage"],
            "level": completeness["level"],
            "hill_at_level": completeness["hill"],
            "entropy": completeness["entropy"],
            "zipf": laws["zipf"],
            "heaps": laws["heaps"],
            **{
                name: None if found is None else found.to_json()
                for name, found in (
                    ("distinct_2", self.distinct_2),
                    ("distinct_3", self.distinct_3),
                    ("self_repetition", self.self_repetition),
                )
            },
        }


def diversity_beside(
    corpus: Documents, reference: Documents | None, *, most: int
) -> tuple[Diversity | None, Diversity | None]:
    """Of the corpus and of the reference, both cut to the words of the smaller one, and at most to `most`.

    Documents are cut off whole, at the one nearest to the size. Hill numbers are at a coverage that half of the
    documents of either have; where there is none in common, each is at its own. The reference's are None without a
    reference, or if either is too small at the common size: then the corpus is cut to `most` words alone. The corpus'
    own are None if it is too small by itself: fewer than 10 documents, or fewer than two types.
    """
    mine = incidence_of(corpus.offsets, corpus.hashes)
    if reference is not None:
        theirs = incidence_of(reference.offsets, reference.hashes)
        size = min(mine.words, theirs.words, most)
        cuts = take_words(mine, size), take_words(theirs, size)
        if all(map(_measurable, cuts)):
            level = common_level(*cuts)
            return _diversity(corpus, cuts[0], level), _diversity(reference, cuts[1], level)
    cut = take_words(mine, min(mine.words, most))
    return (_diversity(corpus, cut, None) if _measurable(cut) else None), None


def _measurable(cut: Incidence) -> bool:
    return shortage(cut, "") is None and bool((cut.types != cut.types[0]).any())


def _diversity(texts: Documents, cut: Incidence, level: float | None) -> Diversity:
    """Of the first texts, those whose words `cut` counts."""
    offsets = texts.offsets[: cut.documents + 1]
    hashes = texts.hashes[: offsets[-1]]
    two, three, four = (incidence_of(*ngrams(offsets, hashes, n)) for n in (2, 3, SELF_REPETITION_N))
    return Diversity(
        documents=cut.documents,
        words=cut.words,
        completeness=coverage_profile(cut, level=level),
        laws=word_laws(cut),
        distinct_2=distinct(two) if two.words else None,
        distinct_3=distinct(three) if three.words else None,
        self_repetition=self_repetition(four) if four.words else None,
    )
