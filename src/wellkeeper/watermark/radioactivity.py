"""Whether a corpus, or what a model writes, carries a mark above chance: radioactivity [1].

A model that was trained on marked text writes marked n-grams a little more often than chance, far too little to show in
one document. So the n-grams of all documents are pooled. Each is counted once, wherever it comes again: one n-gram
carries one draw of the key, and a phrase that a corpus repeats a thousand times would otherwise count as a thousand
independent witnesses [1, 2]. What is left is one exact test, by the null distribution of the key, over all distinct
n-grams.

A small p-value says that the text is not independent of the key. It does not say how it came to be: the corpus may hold
marked documents outright, or quote some, or be of a model that was trained on some. If a model was asked with prompts
that hold marked text, it copies from them. So n-grams of other text can be left out, of the prompts or of the marked
set itself: what is still above chance was not copied from there. Leaving out makes no false alarm likelier. Text that
knows nothing of the key leaves the draws of the others as they were; marked text takes n-grams that the key likes, and
so leaves fewer of them.

[1] Sander, Fernandez, Durmus, Douze and Furon, Watermarking makes language models radioactive, NeurIPS 2024
    (arXiv:2402.14904).
[2] Fernandez et al., Three bricks to consolidate watermarks for large language models, WIFS 2023 (arXiv:2308.00113).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Detector, Scores, check_documents
from wellkeeper.watermark.keys import WatermarkKey, detector_of, ngrams_of
from wellkeeper.watermark.kgw import KGW
from wellkeeper.watermark.tokens import Tokens

_AT_ONCE = 1 << 18  # n-grams scored in one call
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd: Knuth, vol. 3, section 6.4
_MIXERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # splitmix64, Steele et al. 2014


@dataclass(frozen=True, slots=True, kw_only=True)
class Radioactivity:
    """One key against one body of text."""

    documents: int
    tokens: int
    ngrams: int  # distinct, those that the test is over
    left_out: int  # distinct, that stand in other text too and are not counted
    statistic: float  # the scheme's, over all of them
    p_value: float  # chance of a statistic at least as large without the mark, in (0, 1]


class PooledTest:
    """Gathers text in pieces; how it is cut and ordered changes the last bits of a real-valued sum at most."""

    def __init__(self, key: WatermarkKey) -> None:
        self._detector = detector_of(key)
        self._width, lead = ngrams_of(key)
        self._draws = (
            _GreenDraws(self._detector)
            if isinstance(self._detector, KGW)
            else _Documents(self._detector, self._width, lead)
        )
        self._seen, self._elsewhere = _Seen(), _Seen()
        self._documents = self._tokens = self._left_out = 0
        self._parts: list[Scores] = []

    def leave_out(self, tokens: Tokens) -> None:
        """Name other text, before any is taken in: n-grams that stand in it will not count.

        Raises:
            DataError: text was taken in already, or a token id is not below the key's vocabulary.
        """
        if self._documents:
            raise DataError("Text was taken in already. Name what is left out before the first document.")
        self._elsewhere.take(np.unique(self._draws.identities(_ngrams(tokens, self._width))))

    def add(self, tokens: Tokens) -> None:
        """Take in documents.

        Raises:
            DataError: a token id is not below the key's vocabulary.
        """
        self._documents += len(tokens)
        self._tokens += len(tokens.ids)
        ngrams = _ngrams(tokens, self._width)
        draws, first = np.unique(self._draws.identities(ngrams), return_index=True)
        new = self._seen.take(draws)
        elsewhere = self._elsewhere.has(draws)
        self._left_out += int(np.count_nonzero(new & elsewhere))
        ngrams = ngrams[first[new & ~elsewhere]]
        for start in range(0, len(ngrams), _AT_ONCE):
            self._parts.append(self._draws.scores(ngrams[start : start + _AT_ONCE]))

    def result(self) -> Radioactivity:
        """The test over all that was taken in."""
        whole = _pooled(self._parts) if self._parts else None
        p_value = 1.0 if whole is None else float(self._detector.p_values(whole)[0])
        return Radioactivity(
            documents=self._documents,
            tokens=self._tokens,
            ngrams=0 if whole is None else int(whole.scored[0]),
            left_out=self._left_out,
            statistic=0.0 if whole is None else float(whole.statistic[0]),
            p_value=p_value,
        )


class _Documents:
    """Any detector: an n-gram is scored as a document of its own, which has nothing else to score."""

    def __init__(self, detector: Detector, width: int, lead: int) -> None:
        self._detector, self._width, self._lead = detector, width, lead

    def identities(self, ngrams: NDArray[np.int32]) -> NDArray[np.uint64]:
        """64 bits of each n-gram. Two that share them count as one, which costs a witness and invents none."""
        found = np.zeros(len(ngrams), np.uint64)
        for column in ngrams.T:
            found = (found ^ column.astype(np.uint64)) * _MULTIPLIER
            for shift, mixer in zip((30, 27), _MIXERS, strict=True):
                found = (found ^ (found >> np.uint64(shift))) * mixer
            found ^= found >> np.uint64(31)
        return found

    def scores(self, ngrams: NDArray[np.int32]) -> Scores:
        rows = np.zeros((len(ngrams), self._lead + self._width), np.int32)
        rows[:, self._lead :] = ngrams
        offsets = np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1]
        return _pooled([self._detector.scores(rows.reshape(-1), offsets)])


class _GreenDraws:
    """KGW: n-grams that lead to the same seed and end in the same token are one draw."""

    def __init__(self, detector: KGW) -> None:
        self._detector = detector

    def identities(self, ngrams: NDArray[np.int32]) -> NDArray[np.uint64]:
        check_documents(
            np.ascontiguousarray(ngrams).reshape(-1),
            np.zeros(1, np.int64),
            vocabulary=self._detector.vocabulary,
        )
        return self._detector.draws_of(ngrams)

    def scores(self, ngrams: NDArray[np.int32]) -> Scores:
        green = self._detector.count_green(self._detector.draws_of(ngrams))
        return Scores(scored=np.array([len(ngrams)]), statistic=np.array([green]))


def radioactivity(
    key: WatermarkKey, pieces: Iterable[Tokens], *, without: Iterable[Tokens] = ()
) -> Radioactivity:
    """Test whether text carries the mark of a key above chance.

    Args:
        key: of any scheme.
        pieces: the documents, in as many pieces as one likes.
        without: other text, such as a model's prompts, whose n-grams do not count.

    Raises:
        DataError: a token id is not below the key's vocabulary.
    """
    test = PooledTest(key)
    for piece in without:
        test.leave_out(piece)
    for piece in pieces:
        test.add(piece)
    return test.result()


def _pooled(parts: Sequence[Scores]) -> Scores:
    """The documents of all parts as one, for its p-value; without sums by layer, which no p-value is of."""
    return Scores(
        scored=np.concatenate([part.scored for part in parts]).sum(keepdims=True),
        statistic=np.concatenate([part.statistic for part in parts]).sum(keepdims=True),
    )


def _ngrams(tokens: Tokens, width: int) -> NDArray[np.int32]:
    """All n-grams that lie within one document, shape (n-grams, width)."""
    if len(tokens.ids) < width:
        return np.empty((0, width), np.int32)
    windows = np.lib.stride_tricks.sliding_window_view(tokens.ids, width)
    document = np.repeat(np.arange(len(tokens)), tokens.counts())
    within: NDArray[np.int32] = windows[document[: len(windows)] == document[width - 1 :]]
    return within


class _Seen:
    """A set of numbers, 8 bytes each: ascending runs, each at least twice as long as the next.

    A number is merged as often as lengths double, so that n of them cost n log n steps, however small the pieces.
    """

    def __init__(self) -> None:
        self._runs: list[NDArray[np.uint64]] = []

    def has(self, values: NDArray[np.uint64]) -> NDArray[np.bool_]:
        found = np.zeros(len(values), np.bool_)
        for run in self._runs:
            found |= _among(values, run)
        return found

    def take(self, values: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Take in distinct values, ascending; returns which of them are new."""
        new = ~self.has(values)
        run = values[new]
        while self._runs and len(self._runs[-1]) < 2 * len(run):
            # two ascending runs, which a stable sort finds and merges
            run = np.sort(np.concatenate((self._runs.pop(), run)), kind="stable")
        if len(run):
            self._runs.append(run)
        return new


def _among(values: NDArray[np.uint64], ascending: NDArray[np.uint64]) -> NDArray[np.bool_]:
    places = np.searchsorted(ascending, values)
    inside = places < len(ascending)
    found = np.zeros(len(values), np.bool_)
    found[inside] = ascending[places[inside]] == values[inside]
    return found
