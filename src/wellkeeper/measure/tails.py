"""The tail of one corpus: how rich it is, and how much of its source it has not seen.

Collapse begins in the tails: rare types vanish before averages move [1]. Documents are the sampling unit
throughout, and every figure carries a 95 % interval (`wellkeeper.measure.jackknife` says how, and how well it
covers). A type is whatever the caller hashed: words, 3-grams; call twice for both. What became of the tail of
a human reference is in `wellkeeper.measure.reference`.

[1] Shumailov et al., AI models collapse when trained on recursively generated data, Nature 631 (2024)
    755-759.
[2] Good, The population frequencies of species, Biometrika 40 (1953) 237-264; here by document frequency.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.hill import check_units, hill_of_moments, moments
from wellkeeper.measure.incidence import Incidence, dense
from wellkeeper.measure.jackknife import FEW, Interval, OwnVariance, influences
from wellkeeper.measure.sample import Sample, document_spectrum, ratio, sample_of, shortage, squares


@dataclass(frozen=True, slots=True, kw_only=True)
class Hill:
    """Hill numbers: all types (q0), common types (q1, exponential of entropy), dominant types (q2)."""

    q0: Interval
    q1: Interval
    q2: Interval

    def to_json(self) -> dict[str, Any]:
        return {"q0": self.q0.to_json(), "q1": self.q1.to_json(), "q2": self.q2.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class TailProfile:
    """The tail of one corpus, without a reference. Compare only profiles of equal size (`common_units`)."""

    documents: int
    words: int  # tokens counted: words, or n-grams where n-grams were hashed
    rarefied_to: int  # documents that the Hill numbers are for
    hill: Hill
    missing_mass: Interval  # probability in [0, 1] that a token of a fresh document is of an unseen type [2]

    @property
    def rarefied_words(self) -> float:
        """Expected words of `rarefied_to` documents."""
        return self.words * self.rarefied_to / self.documents

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "words": self.words,
            "rarefied_to": self.rarefied_to,
            "rarefied_words": round(self.rarefied_words),
            "hill": self.hill.to_json(),
            "missing_mass": self.missing_mass.to_json(),
        }


def tail_profile(incidence: Incidence, *, units: int | None = None) -> TailProfile:
    """Hill numbers rarefied to `units` documents (default: half of them) and the document-level missing mass.

    The missing mass is Good and Turing's estimate with documents for draws: tokens of types that only one
    document has, over all tokens. By tokens alone it would be far too small, since rare words come in bursts.

    Raises:
        DataError: fewer than 10 documents, no word, or `units` not from 1 to the number of documents.
    """
    short = shortage(incidence, "the corpus")
    if short:
        raise DataError(short)
    units = incidence.documents // 2 if units is None else units
    check_units(incidence.documents, units)
    sample = sample_of(incidence, *dense(incidence.types))
    return TailProfile(
        documents=incidence.documents,
        words=incidence.words,
        rarefied_to=units,
        hill=_hill(sample, incidence.documents, units),
        missing_mass=_missing_mass(sample),
    )


def tail_profile_or_none(incidence: Incidence, *, units: int | None = None) -> TailProfile | None:
    """`tail_profile`, or None where the corpus has too few documents or no word for one."""
    return None if shortage(incidence, "the corpus") else tail_profile(incidence, units=units)


def common_units(a: Incidence, b: Incidence) -> tuple[int, int]:
    """Documents of `a` and of `b` to rarefy to, so that both samples have the same expected words.

    That is half the words of the smaller corpus. Documents of two corpora differ in length, so equal numbers
    of documents would compare unequal amounts of text.

    Raises:
        DataError: a corpus has no word.
    """
    for name, corpus in (("the first corpus", a), ("the second corpus", b)):
        if not corpus.words:
            raise DataError(f"{name} has no word. Check its text column.")
    words = min(a.words, b.words) / 2
    return units_for(a, words), units_for(b, words)


def units_for(corpus: Incidence, words: float) -> int:
    """Documents of the corpus, 1 to all, whose expected words come nearest to `words`; it has to have words."""
    return min(corpus.documents, max(1, round(words * corpus.documents / corpus.words)))


def _hill(sample: Sample, documents: int, units: int) -> Hill:
    found = document_spectrum(sample)
    return hill_intervals(found.sums(moments(found.counts, documents, units)), sample)


def hill_intervals(sums: NDArray[np.float64], sample: Sample) -> Hill:
    """Hill numbers from `moments` summed over types, shape (4, blocks + 1), of all blocks and without each."""
    q0, q1, q2 = (
        jackknife.positive_interval(float(found[0]), found[1:], sample.documents)
        for found in hill_of_moments(sums)
    )
    return Hill(q0=q0, q1=q1, q2=q2)


def _missing_mass(sample: Sample) -> Interval:
    unseen = unseen_mass(sample, sample.tokens, sample.groups.totals)
    return jackknife.share_interval(
        unseen.mass,
        [influences(unseen.mass - unseen.emptied, sample.documents)],
        unseen.own,
        trials=int(sample.documents.sum()),
    )


@dataclass(frozen=True, slots=True)
class UnseenMass:
    """Good and Turing's estimate: the weight of types of one document over the weight of all."""

    mass: float  # in [0, 1]
    emptied: NDArray[np.float64]  # shape (blocks,): without each block
    own: OwnVariance


def unseen_mass(sample: Sample, weights: NDArray[Any], in_block: NDArray[Any]) -> UnseenMass:
    """`weights`, shape (types,), are what types weigh, such as their tokens; `in_block` what they do in each block."""
    groups, whole = sample.groups, float(weights.sum())
    mass = float(weights[sample.frequencies == 1].sum())
    share = mass / whole
    having, weight = sample.frequencies[sample.type_of], weights[sample.type_of]
    left, weight_left = having - groups.entries, weight - in_block
    lost = np.where(having == 1, weight, 0.0) - np.where(left == 1, weight_left, 0.0)
    emptied = ratio(mass - groups.sums(lost), whole - groups.sums(in_block), share)
    few = sample.frequencies <= FEW
    own = weights[few] * ((sample.frequencies[few] == 1) - share)
    changes = (lost - share * in_block)[having <= FEW]
    return UnseenMass(
        share, emptied, OwnVariance(proper=squares(own) / whole**2, jackknife=squares(changes) / whole**2)
    )
