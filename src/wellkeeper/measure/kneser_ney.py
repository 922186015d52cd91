"""An interpolated Kneser-Ney n-gram model: the cheapest model that learns from a corpus as larger ones do.

With c the tokens of an n-gram of full length and D the discount, a word w after the words h has the probability [1]

    p(w | h) = (max(c(h w) - D, 0) + D N(h .) p(w | h')) / sum over w of c(h w)

where h' is h without its first word and N(h .) the number of distinct words after h. At every shorter length the count
c(h w) is not of tokens but of distinct words that stand before h w: a word of one fixed phrase is common, and yet
unlikely anywhere else. Below single words the remainder is spread evenly over a closed vocabulary, so that no word of
it is impossible. Where h was never seen, p(w | h) = p(w | h'). Documents begin with as many marks as the model looks
back on, and no n-gram reaches over the end of one.

[1] Chen and Goodman, An empirical study of smoothing techniques for language modeling, Computer Speech and Language 13
    (1999) 359-394, section 2.8, equations 21 to 23.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import _trie
from wellkeeper.measure.incidence import Offsets, check_offsets

Words: TypeAlias = NDArray[
    np.int32
]  # shape (tokens,): numbers of words, from 0 to below the vocabulary's size
LogProbabilities: TypeAlias = NDArray[np.float64]  # shape (tokens,): natural, below 0

ORDER = 3
DISCOUNT = 0.75
"""Ney, Essen and Kneser's usual discount of text with many n-grams seen once; Computer Speech and Language 8 (1994)
1-38. At 0.75 a trigram seen once keeps a quarter of its weight."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """What was counted in the documents of one corpus."""

    order: int  # words of the longest n-grams
    discount: float  # in (0, 1)
    vocabulary: int  # words that exist, seen or not
    trie: _trie.Trie = field(repr=False)
    counts: _trie.Counts = field(repr=False)
    leaves: NDArray[np.int32] = field(repr=False)  # shape (tokens fitted,): node of the longest n-gram there

    def log_probabilities(self, offsets: Offsets, words: Words) -> LogProbabilities:
        """Of each token, after the words of its document before it.

        Raises:
            DataError: the offsets do not delimit the words, or a word is outside the vocabulary.
        """
        return self._score(self._places(offsets, words), self.counts)

    def without_each(
        self, bounds: NDArray[np.int64], offsets: Offsets, words: Words
    ) -> Iterator[LogProbabilities]:
        """The same under the model less the tokens [bounds[b], bounds[b + 1]) that it was fitted on, for each b.

        The vocabulary stays. Taking a block of tokens out of the counts and putting it back costs a small part
        of fitting anew.
        """
        places = self._places(offsets, words)
        counts = _trie.Counts(*(column.copy() for column in self.counts))
        for first, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            _trie.remove(self.leaves[first:end], self.trie, counts)
            yield self._score(places, counts)
            _trie.add(self.leaves[first:end], self.trie, counts)

    def _places(self, offsets: Offsets, words: Words) -> _trie.Places:
        _check(offsets, words, self.vocabulary)
        return _trie.places(offsets, words, self.order, self.trie)

    def _score(self, places: _trie.Places, counts: _trie.Counts) -> LogProbabilities:
        return _trie.log_probabilities(places, counts, self.discount, self.vocabulary)


def fit(
    offsets: Offsets, words: Words, *, vocabulary: int, order: int = ORDER, discount: float = DISCOUNT
) -> Model:
    """Count the n-grams of documents; document d has the words `words[offsets[d]:offsets[d + 1]]`.

    A model of words a, b, a, b, ... is nearly sure of what comes next:

    >>> text = np.array([0, 1, 0, 1, 0, 1], np.int32)
    >>> model = fit(np.array([0, 6]), text, vocabulary=2)
    >>> np.exp(model.log_probabilities(np.array([0, 3]), text[:3])).round(3).tolist()
    [0.812, 0.812, 0.906]

    Raises:
        DataError: the offsets do not delimit the words, a word is outside the vocabulary, `order` is not positive,
            or `discount` not in (0, 1).
    """
    _check(offsets, words, vocabulary)
    if order < 1 or not 0 < discount < 1:
        raise DataError(
            f"order is {order} and discount {discount}. Give an order of at least 1, and a discount between 0 and 1."
        )
    trie, leaves = _trie.grown(offsets, words, order)
    counts = _trie.Counts(*(np.zeros(trie.parent.size, np.int32) for _ in range(3)))
    _trie.add(leaves, trie, counts)
    return Model(
        order=order, discount=discount, vocabulary=vocabulary, trie=trie, counts=counts, leaves=leaves
    )


def _check(offsets: Offsets, words: Words, vocabulary: int) -> None:
    check_offsets(offsets, words.size, "words")
    if vocabulary < 1:
        raise DataError(f"the vocabulary has {vocabulary} words. Give at least 1.")
    low, high = int(words.min(initial=0)), int(words.max(initial=0))
    if low < 0 or high >= vocabulary:
        raise DataError(
            f"words are numbered from {low} to {high}, and the vocabulary has {vocabulary}. "
            "Number the words of all texts together, from 0 on, before fitting on any."
        )
