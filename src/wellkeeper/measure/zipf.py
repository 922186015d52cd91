"""Two laws of words: how fast frequencies fall with rank (Zipf), how fast types grow with text (Heaps).

Neither law holds exactly, so both exponents drift with the amount of text: for one text, Zipf's went from .89 at
2,000 words to 1.02 at 200,000. Compare them at an equal number of words, which `words_laws` cuts a corpus to.

Zipf's exponent s is the maximum-likelihood one for P(rank k) proportional to k^-s over the K observed ranks [1],

    maximise  -s sum r_k ln k - (sum r_k) ln sum_k k^-s,    r_k the tokens of the k-th commonest type.

A straight line through log frequencies and log ranks, the common way, gives the many types of one token almost
all the weight and is far more biased [2]. Heaps' exponent is the growth over the last doubling of the text,

    ln(V(n) / V(t)) / ln(n / t),    t half of n documents, V(t) types that t documents hold on average,

with V(t) in closed form (`wellkeeper.measure.hill`). It is 1 where every document brings its own types, 0 where
all have the same, and for V proportional to n^b it is b. Both are two-sided: a corpus whose tail was cut falls
faster in rank and grows more slowly; one that drifts into noise does the reverse.

[1] Goldstein, Morris and Yen, Problems with fitting to the power-law distribution, European Physical Journal B 41
    (2004) 255-258; here with an end at the last observed rank.
[2] Clauset, Shalizi and Newman, Power-law distributions in empirical data, SIAM Review 51 (2009) 661-703.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.hill import Frequencies, absence, check_frequencies
from wellkeeper.measure.incidence import Incidence, dense, take_words
from wellkeeper.measure.jackknife import FEW, Interval, influences
from wellkeeper.measure.sample import (
    Sample,
    document_spectrum,
    own_variance,
    sample_of,
    shortage,
    token_spectrum,
)

_PRECISION = 1e-10
_MOST_STEPS = 200  # of Newton's method; bisections of its bracket would need a third of that


@dataclass(frozen=True, slots=True, kw_only=True)
class WordLaws:
    """Exponents of one corpus. Compare at equal `words`."""

    documents: int
    words: int
    zipf: Interval  # at least 0; around 1 for words of a language
    heaps: Interval  # in [0, 1]

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "words": self.words,
            "zipf": self.zipf.to_json(),
            "heaps": self.heaps.to_json(),
        }


def word_laws(incidence: Incidence, *, words: int | None = None) -> WordLaws:
    """Both exponents of the first documents, whole, that come nearest to `words` words (default: of all).

    Intervals are the document-block jackknife's, for documents taken up to a number of words.

    Raises:
        DataError: fewer than 10 documents in so many words, fewer than two types, or more words asked for than
            there are.
    """
    words = incidence.words if words is None else words
    if words > incidence.words:
        raise DataError(
            f"cannot cut {incidence.words:,} words to {words:,}. Ask for at most {incidence.words:,} words, those of "
            "the smaller of the corpora to compare."
        )
    cut = take_words(incidence, words)
    short = shortage(cut, f"the corpus, at {cut.words:,} words,")
    if short:
        raise DataError(short)
    sample = sample_of(cut, *dense(cut.types))
    return WordLaws(
        documents=cut.documents,
        words=cut.words,
        zipf=_zipf(sample),
        heaps=_heaps(sample, cut.documents),
    )


def zipf_exponent(counts: NDArray[np.integer]) -> float:
    """Zipf's exponent by maximum likelihood over observed ranks, from the tokens of each type, shape (types,).

    Equally common types have no slope:

    >>> round(zipf_exponent(np.array([5, 5, 5])), 9)
    0.0

    Raises:
        DataError: a count is negative, or fewer than two types have a token.
    """
    if counts.size and int(counts.min()) < 0:
        raise DataError(f"counts[{int(counts.argmin())}] is {counts.min()}. Counts start at 0.")
    values, types = np.unique(counts[counts > 0], return_counts=True)
    many = int(types.sum())
    if many < 2:
        raise DataError(
            f"{many} types have tokens, and a slope needs 2. Check that the text column is not empty."
        )
    return _exponent(values, types, _logarithms(many), 1.0)


def heaps_exponent(frequencies: Frequencies, documents: int) -> float:
    """Growth of types over the last doubling of the documents, in [0, 1], from document frequencies of types.

    Raises:
        DataError: no type, a frequency outside 1 to `documents`, or fewer than 2 documents.
    """
    check_frequencies(frequencies, documents)
    if documents < 2:
        raise DataError("growth needs 2 documents, and there is 1. Give more documents.")
    half = documents // 2
    grown = frequencies.size / float(np.sum(1 - absence(frequencies, documents, half)))
    return math.log(grown) / math.log(documents / half)


def _zipf(sample: Sample) -> Interval:
    found = token_spectrum(sample)
    many = found.types.sum(axis=1)
    if many[0] < 2:
        raise DataError(
            f"the corpus has {many[0]} type, and a slope needs 2. Check that the text column holds texts."
        )
    logs = _logarithms(int(many[0]))
    whole = _exponent(found.counts, found.types[0], logs, 1.0)
    # Without its only other types a block leaves no slope: it says nothing then.
    emptied = [
        _exponent(found.counts, types, logs[: left + 1], whole) if left > 1 else whole
        for types, left in zip(found.types[1:], many[1:].tolist(), strict=True)
    ]
    losses = influences(whole - np.array(emptied), sample.words)
    return jackknife.interval(whole, [losses], bounds=(0.0, math.inf))


def _heaps(sample: Sample, documents: int) -> Interval:
    found, half = document_spectrum(sample), documents // 2
    seen = 1 - absence(np.arange(documents + 1), documents, half)
    whole, part = found.sums(np.stack((np.ones(found.counts.size), seen[found.counts])))
    scale = math.log(documents / half)
    exponents = np.log(np.divide(whole, part, out=np.ones(whole.size), where=part > 0)) / scale
    # What a type adds to ln V(n) - ln V(t), to first order.
    contributions = ((np.arange(FEW + 1) > 0) / whole[0] - seen[: FEW + 1] / part[0]) / scale
    return jackknife.interval(
        float(exponents[0]),
        [influences(exponents[0] - exponents[1:], sample.words)],
        own_variance(sample, contributions),
        bounds=(0.0, 1.0),
    )


def _logarithms(types: int) -> NDArray[np.float64]:
    """Of rank k its ln k at place k, for ranks 1 to `types`; place 0 is not used."""
    logs = np.zeros(types + 1)
    np.log(np.arange(1, types + 1), out=logs[1:])
    return logs


def _exponent(
    counts: NDArray[np.int64], types: NDArray[np.int64], logs: NDArray[np.float64], start: float
) -> float:
    """The s at which the mean of ln k under k^-s is that of the tokens; `types[i]` types have `counts[i]` tokens.

    Newton's method from `start`, inside a bracket: the mean falls with s. Types of one count share their ranks.
    """
    last = np.cumsum(types[::-1])[::-1]  # rank of the last type with at least this count
    sums = np.cumsum(logs)
    target = float((counts * (sums[last] - sums[last - types])).sum()) / float((counts * types).sum())
    ranks = logs[1:]
    low, high, s = 0.0, math.inf, start
    for _ in range(_MOST_STEPS):
        weights = np.exp(-s * ranks)
        total = float(weights.sum())
        mean = float((weights * ranks).sum()) / total
        variance = float((weights * ranks * ranks).sum()) / total - mean * mean
        low, high = (s, high) if mean > target else (low, s)
        step = s + (mean - target) / variance if variance > 0 else math.inf
        if not low < step < high:
            step = (low + high) / 2 if high < math.inf else 2 * s + 1
        if abs(step - s) <= _PRECISION * max(1.0, s):
            return step
        s = step
    return s
