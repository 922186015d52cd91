"""N-gram models: interpolated Kneser-Ney, the cheapest model that learns from a corpus as larger ones do, and counts.

With c the tokens of an n-gram of full length and D the discount, a word w after the words h has the probability [1]

    p(w | h) = (max(c(h w) - D, 0) + D N(h .) p(w | h')) / sum over w of c(h w)

where h' is h without its first word and N(h .) the number of distinct words after h. At every shorter length the count
c(h w) is not of tokens but of distinct words that stand before h w: a word of one fixed phrase is common, and yet
unlikely anywhere else. Below single words the remainder is spread evenly over a closed vocabulary, so that no word of
it is impossible. Where h was never seen, p(w | h) = p(w | h'). Documents begin with as many marks as the model looks
back on, and no n-gram reaches over the end of one.

A model of maximum likelihood takes nothing off: p(w | h) = c(h w) / c(h), with counts of tokens at every length, and
p(w | h) = p(w | h') where h was never seen. It gives back what it read, and is the ideal that theories of recursive
training speak of. Of single words a small share is even over the vocabulary.

Both are sampled as the mixtures that they are: from what followed h, by its own part of the probability, or else as
after h'.

[1] Chen and Goodman, An empirical study of smoothing techniques for language modeling, Computer Speech and Language 13
    (1999) 359-394, section 2.8, equations 21 to 23.
"""

import math
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
LogProbabilities: TypeAlias = NDArray[np.float64]  # shape (tokens,): natural, at most 0

ORDER = 3
DISCOUNT = 0.75
"""Ney, Essen and Kneser's usual discount of text with many n-grams seen once; Computer Speech and Language 8 (1994)
1-38. At 0.75 a trigram seen once keeps a quarter of its weight."""
FLOOR = 1e-4
"""Share of a maximum-likelihood model's single words that is even over the vocabulary, so that none is impossible.
Ours: too small to move a figure, and read only where nothing is known of the words before."""
_MOST_NODES = 2**31 - 1
_COLDEST = 1e-300
"""Temperature below which 1 / temperature has no room among floats: it is as good as 0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """What was counted in the documents of one corpus."""

    order: int  # words of the longest n-grams
    rule: _trie.Rule  # Kneser-Ney's, or that of maximum likelihood
    trie: _trie.Trie = field(repr=False)
    counts: _trie.Counts = field(repr=False)
    leaves: NDArray[np.int32] = field(repr=False)  # shape (tokens fitted,): node of the longest n-gram there

    @property
    def vocabulary(self) -> int:
        """Words that exist, seen or not."""
        return self.rule.vocabulary

    def log_probabilities(self, offsets: Offsets, words: Words) -> LogProbabilities:
        """Of each token, after the words of its document before it.

        Raises:
            DataError: the offsets do not delimit the words, or a word is outside the vocabulary.
        """
        return self._score(self._places(offsets, words), self.counts)

    def known(self, offsets: Offsets, words: Words) -> NDArray[np.int64]:
        """Words of the longest n-gram ending at each token that the model has read, shape (tokens,), from 0 to `order`.

        The marks before a document count as words.

        Raises:
            DataError: as `log_probabilities`.
        """
        found: NDArray[np.int64] = np.count_nonzero(
            self._places(offsets, words).found != _trie.ABSENT, axis=1
        )
        return found

    def sample(
        self,
        offsets: Offsets,
        random: np.random.Generator,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Words:
        """Words of new documents; document d has those from offsets[d] to below offsets[d + 1].

        Exact: of the whole interpolated distribution p(w | h), never of a sample of it. At a temperature T words are
        drawn by p ** (1 / T); of these the `top_k` likeliest, and of what is left the likeliest that together have at
        least `top_p` of it, in the order of Hugging Face's `generate`. Of equally likely words the first of the
        vocabulary comes first. At temperature 0 the likeliest word is taken.

        >>> model = fit(np.array([0, 6]), np.array([0, 1, 0, 1, 0, 1], np.int32), vocabulary=2)
        >>> model.sample(np.array([0, 4]), np.random.default_rng(0), temperature=0).tolist()
        [0, 1, 0, 1]

        Raises:
            DataError: the offsets do not ascend from 0, or a setting is out of its range.
        """
        check_offsets(offsets, int(offsets[-1]) if offsets.size else 0, "words to sample")
        _check_decoding(temperature, top_k, top_p)
        if temperature < _COLDEST:
            temperature, top_k = 1.0, 1
        choice = _trie.Choice(
            power=1 / temperature, most=top_k or self.vocabulary, mass=math.inf if top_p is None else top_p
        )
        mixtures = _trie.mixtures(
            self.trie,
            self.counts,
            self.rule,
            temperature=temperature,
            ranked=top_k is not None or top_p is not None,
        )
        seed = int(random.integers(1 << 64, dtype=np.uint64))
        return _trie.sampled(offsets, self.trie, mixtures, self.rule, choice, order=self.order, seed=seed)

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
            _trie.remove(self.leaves[first:end], self.trie, counts, self.rule)
            yield self._score(places, counts)
            _trie.add(self.leaves[first:end], self.trie, counts, self.rule)

    def _places(self, offsets: Offsets, words: Words) -> _trie.Places:
        _check(offsets, words, self.vocabulary)
        return _trie.places(offsets, words, self.order, self.trie)

    def _score(self, places: _trie.Places, counts: _trie.Counts) -> LogProbabilities:
        return _trie.log_probabilities(places, counts, self.rule)


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
            or `discount` not in (0, 1); or there are more words than a trie has numbers for.
    """
    if order < 1 or not 0 < discount < 1:
        raise DataError(
            f"order is {order} and discount {discount}. Give an order of at least 1, and a discount between 0 and 1."
        )
    rule = _trie.Rule(discount=discount, floor=0.0, vocabulary=vocabulary, by_token=0)
    return _counted(offsets, words, order, rule)


def fit_maximum_likelihood(
    offsets: Offsets, words: Words, *, vocabulary: int, order: int = ORDER, floor: float = FLOOR
) -> Model:
    """The same without a discount: what was read, as often as it was read.

    >>> text = np.array([0, 0, 1], np.int32)
    >>> model = fit_maximum_likelihood(np.array([0, 3]), text, vocabulary=2, order=2)
    >>> np.exp(model.log_probabilities(np.array([0, 3]), text)).round(3).tolist()
    [1.0, 0.5, 0.5]

    Raises:
        DataError: as `fit`; or `floor` is not from 0 to below 1.
    """
    if order < 1 or not 0 <= floor < 1:
        raise DataError(
            f"order is {order} and floor {floor}. Give an order of at least 1, and a floor from 0 to below 1."
        )
    return _counted(
        offsets, words, order, _trie.Rule(discount=0.0, floor=floor, vocabulary=vocabulary, by_token=1)
    )


def _counted(offsets: Offsets, words: Words, order: int, rule: _trie.Rule) -> Model:
    _check(offsets, words, rule.vocabulary)
    if order * (words.size + 1) > _MOST_NODES:
        raise DataError(
            f"{words.size:,} words may have more n-grams of up to {order} words than can be numbered, {_MOST_NODES:,}. "
            "Give a part of the text, or a lower order."
        )
    trie, leaves = _trie.grown(offsets, words, order)
    counts = _trie.Counts(*(np.zeros(trie.parent.size, np.int32) for _ in range(3)))
    _trie.add(leaves, trie, counts, rule)
    return Model(order=order, rule=rule, trie=trie, counts=counts, leaves=leaves)


def _check_decoding(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not 0 <= temperature < math.inf:
        raise DataError(f"the temperature is {temperature}. Give a number of at least 0.")
    if top_k is not None and top_k < 1:
        raise DataError(f"top-k is {top_k}. Give at least 1, or None for all words.")
    if top_p is not None and not 0 < top_p <= 1:
        raise DataError(f"top-p is {top_p}. Give a share above 0, up to 1, or None for all words.")


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
