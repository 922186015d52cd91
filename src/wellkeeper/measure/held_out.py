"""How much worse a corpus teaches the words of people: likelihood of held-out human text, rare words apart.

Counting says which rare words a corpus still has; this says what a model learns of them. Two models of one kind
(`wellkeeper.measure.kneser_ney`) read equally many words, one the corpus, the other the first half A of a human
reference. Both are then shown the second half B, which neither has seen. The *excess* is what the corpus' model has
more in negative log-likelihood, in nats a word: 0 on average for a corpus that is one more sample of the reference's
source, above 0 for what the corpus teaches worse.

Words are put into bands by how many documents of B have them, which is neither model's text: bands by A would favour
the model of A, which has seen every word of them.

Entropy and distinct n-grams of a collapsing corpus may rise all the while; this figure does not [1].

[1] Measured: a Kneser-Ney trigram model trained on its own output, WikiText-2, ten generations: distinct 2-grams .437
    to .445, entropy of words 9.47 to 9.60 bits, while held-out perplexity went from 527 to 1,567.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.incidence import Documents, Offsets, dense, grouped
from wellkeeper.measure.jackknife import Interval, OwnVariance, influences
from wellkeeper.measure.kneser_ney import Model, Words, fit
from wellkeeper.measure.reference import BANDS, bands_of
from wellkeeper.measure.sample import ratio

Numbers: TypeAlias = NDArray[np.float64]

WORDS = 100_000
"""Words that each model reads, and that are held out, at most. More would cost more and change little: a rare word's
excess is that of its kind, of which 100,000 words hold thousands."""

VOCABULARY = 1 << 20
"""Words among which both models choose, seen or not. A constant, and not the words of the three texts, so that the
human baseline does not depend on the corpus beside it. No three texts of `WORDS` words have more."""

WORST = 0.05
"""The worst documents are those that together hold this share of the held-out words."""

_MODEL_BLOCKS = 10
"""Blocks of the text that a model reads. Each is taken out of its counts, and all of B read anew."""

_MEAN, _WORST = len(BANDS), len(BANDS) + 1  # figures: the bands, then these


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """Negative log-likelihood of held-out human words, in nats a word, and what the corpus adds to it."""

    words: int  # held-out words that the figures are of
    corpus: Interval  # under the model of the corpus
    human: Interval  # under the model of the reference's first half: the baseline
    excess: Interval  # corpus minus human; the corpus teaches these words worse where `low` is above 0

    def to_json(self) -> dict[str, Any]:
        return {
            "words": self.words,
            "corpus": self.corpus.to_json(),
            "human": self.human.to_json(),
            "excess": self.excess.to_json(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """What models of a corpus and of a human reference make of human text that neither has seen."""

    documents: int  # of the corpus, that its model read
    words: int
    reference_documents: int  # of the reference's first half, that the other model read
    reference_words: int
    held_out_documents: int  # of its second half
    held_out_words: int
    bands: tuple[
        tuple[str, Taught], ...
    ]  # by held-out documents that have the word, rarest first; none empty
    mean: Taught
    worst: Taught  # the documents that each model knows worst, which hold `WORST` of the held-out words

    def to_json(self) -> dict[str, Any]:
        return {
            "documents": self.documents,
            "words": self.words,
            "reference_documents": self.reference_documents,
            "reference_words": self.reference_words,
            "held_out_documents": self.held_out_documents,
            "held_out_words": self.held_out_words,
            "bands": [{"band": band, **taught.to_json()} for band, taught in self.bands],
            "mean": self.mean.to_json(),
            "worst": self.worst.to_json(),
        }


def held_out_likelihood(
    corpus: Documents, first: Documents, second: Documents, *, words: int = WORDS
) -> HeldOut:
    """Likelihood of `second`, held out, under models of the corpus and of `first`, halves of one human reference.

    Both models read as many words as the smaller of corpus and `first` has, and at most `words`, in whole documents;
    so many are held out at most.

    The intervals hold for other draws of all three texts, with as many words for the models and as many held-out
    documents. The three are independent, each with a jackknife of its own: for the models' texts that means to read
    the held-out text again without each block of what they learnt from.

    Raises:
        DataError: one of the three has fewer than 10 documents after cutting, or no word.
    """
    texts = _matched(corpus, first, second, words)
    shortage = _shortage(*texts)
    if shortage:
        raise DataError(shortage)
    return _measured(*texts)


def held_out_likelihood_or_none(
    corpus: Documents, first: Documents, second: Documents, *, words: int = WORDS
) -> HeldOut | None:
    """`held_out_likelihood`, or None where one text has too few documents or no word."""
    texts = _matched(corpus, first, second, words)
    return None if _shortage(*texts) else _measured(*texts)


def _matched(
    corpus: Documents, first: Documents, second: Documents, words: int
) -> tuple[Documents, Documents, Documents]:
    read = min(words, corpus.words, first.words)
    return corpus.take_words(read), first.take_words(read), second.take_words(words)


def _shortage(corpus: Documents, first: Documents, second: Documents) -> str | None:
    for text, name in (
        (corpus, "the corpus"),
        (first, "the first half of the reference"),
        (second, "the second half of the reference"),
    ):
        if len(text) < jackknife.FEWEST_DOCUMENTS or not text.words:
            return (
                f"{name}, at {text.words:,} words, has {len(text)} documents, too few for an interval. "
                f"Give at least {jackknife.FEWEST_DOCUMENTS} documents with words."
            )
    return None


def _measured(corpus: Documents, first: Documents, second: Documents) -> HeldOut:
    texts = (corpus, first, second)
    ids, types = dense(np.concatenate([text.hashes for text in texts]))
    words, first_words, second_words = np.split(ids, np.cumsum([text.words for text in texts])[:-1])
    held_out = _text_of(second.offsets, second_words, types)
    size = max(VOCABULARY, types)
    ours = _figures_under(fit(corpus.offsets, words, vocabulary=size), corpus.offsets, held_out)
    human = _figures_under(fit(first.offsets, first_words, vocabulary=size), first.offsets, held_out)
    figures = _report(held_out, ours, human)
    return HeldOut(
        documents=len(corpus),
        words=corpus.words,
        reference_documents=len(first),
        reference_words=first.words,
        held_out_documents=len(second),
        held_out_words=second.words,
        bands=tuple((BANDS[k], figures[k]) for k in range(len(BANDS)) if figures[k].words),
        mean=figures[_MEAN],
        worst=figures[_WORST],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """The held-out text: what turns the surprise at each token, its negative log-likelihood, into figures.

    Bands are numbered as by `bands_of`, 0 for words that the text does not have. Cells are the distinct pairs of a
    block of documents and a word.
    """

    offsets: Offsets
    words: Words  # shape (tokens,)
    band: NDArray[np.int64]  # shape (words,)
    tokens: NDArray[np.int64]  # shape (words,): of each word
    size: Numbers  # shape (7,): tokens that each figure is of
    block_of: NDArray[np.int64]  # shape (documents,)
    blocks: NDArray[np.int64]  # shape (blocks,): documents of each
    cell: NDArray[np.int32]  # shape (tokens,)
    cell_block: NDArray[np.int64]  # shape (cells,)
    cell_word: Words
    cell_tokens: NDArray[np.int32]
    after: NDArray[np.int64]  # shape (cells,): the band that the word has once the block is emptied


def _text_of(offsets: Offsets, words: Words, types: int) -> _Text:
    bounds = jackknife.blocks(offsets.size - 1)
    blocks = np.diff(bounds)
    block_of = np.repeat(np.arange(blocks.size), blocks)
    pairs = grouped(offsets, words, np.ones(words.size, np.int32), types)  # of a document and a word it has
    pair_words = words[pairs.firsts]
    cells = grouped(pairs.bounds[bounds], pair_words, pairs.totals, types)
    cell_word = pair_words[cells.firsts]
    frequency = np.bincount(pair_words, minlength=types)
    band, tokens = bands_of(frequency), np.bincount(words, minlength=types)
    keys = np.repeat(np.arange(blocks.size), np.diff(offsets[bounds])) * types + words
    of_band = np.bincount(band, tokens, len(BANDS) + 1)[1:]
    return _Text(
        offsets=offsets,
        words=words,
        band=band,
        tokens=tokens,
        size=np.append(of_band, [words.size, WORST * words.size]),
        block_of=block_of,
        blocks=blocks,
        cell=dense(keys.view(np.uint64))[0],  # numbered by first appearance, as `grouped` has them
        cell_block=np.repeat(np.arange(blocks.size), np.diff(cells.bounds)),
        cell_word=cell_word,
        cell_tokens=cells.totals,
        after=bands_of(frequency[cell_word] - cells.entries),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figures:
    """Figures of the held-out text under one model, or differences of two.

    Figures are the mean surprise of the words of each band, of all words, and of the worst documents, shape (7,).
    """

    surprise: Numbers  # shape (tokens,)
    values: Numbers
    losses: Numbers  # of each figure without each block of the held-out text, shape (blocks, 7)
    read: tuple[Numbers, ...]  # influences of the blocks of each text that a model read, shape (blocks, 7)
    read_changes: Numbers  # what words alone add to the squares of these, shape (7,)


def _figures_under(model: Model, offsets: Offsets, held_out: _Text) -> _Figures:
    surprise = -model.log_probabilities(held_out.offsets, held_out.words)
    values, by_word = _values(held_out, surprise)
    bounds = offsets[jackknife.blocks(offsets.size - 1, _MODEL_BLOCKS)]
    without = [
        _values(held_out, -found) for found in model.without_each(bounds, held_out.offsets, held_out.words)
    ]
    changes = np.array([by_word - less for _, less in without])
    changes -= changes.mean(axis=0)  # a model that read less knows less; that is no chance
    squares = np.square(changes).sum(axis=0)
    return _Figures(
        surprise=surprise,
        values=values,
        losses=values - _values_without(held_out, surprise),
        read=(influences(values - np.array([less for less, _ in without]), np.diff(bounds)),),
        read_changes=_by_figure(held_out, held_out.band, squares, squares),
    )


def _values(held_out: _Text, surprise: Numbers) -> tuple[Numbers, Numbers]:
    """The figures, and sums over the tokens of each word."""
    by_word = np.bincount(held_out.words, surprise, held_out.band.size).astype(np.float64, copy=False)
    sums = np.append(np.bincount(held_out.band, by_word, len(BANDS) + 1)[1:], by_word.sum())
    by_document, lengths, order = _worst_first(held_out, surprise)
    return np.append(ratio(sums, held_out.size[:_WORST], 0.0), _worst(by_document, lengths, order)), by_word


def _values_without(held_out: _Text, surprise: Numbers) -> Numbers:
    """The figures with each block of the held-out text emptied, shape (blocks, 7): words move to rarer bands."""
    sums = _sums_without(held_out, surprise)
    sizes = _sums_without(held_out, np.ones(surprise.size))
    values, _ = _values(held_out, surprise)
    by_document, lengths, order = _worst_first(held_out, surprise)
    worst = [
        _worst(by_document, lengths, order[held_out.block_of[order] != block])
        for block in range(held_out.blocks.size)
    ]
    # sizes are whole numbers. A band that lies in one block alone has none without it: it says nothing about it.
    return np.column_stack((np.where(sizes > 0.5, sums / np.maximum(sizes, 1.0), values[:_WORST]), worst))


def _sums_without(held_out: _Text, values: Numbers) -> Numbers:
    """Sums of what tokens have over each band, and over all, with each block emptied, shape (blocks, 6)."""
    width, blocks = len(BANDS) + 1, held_out.blocks.size
    by_word = np.bincount(held_out.words, values, held_out.band.size)
    by_cell = np.bincount(held_out.cell, values)
    of_word, row = by_word[held_out.cell_word], held_out.cell_block * width
    moved = np.bincount(row + held_out.after, of_word - by_cell, blocks * width)
    moved -= np.bincount(row + held_out.band[held_out.cell_word], of_word, blocks * width)
    bands = np.bincount(held_out.band, by_word, width)[1:] + moved.reshape(blocks, width)[:, 1:]
    return np.column_stack((bands, by_word.sum() - np.bincount(held_out.cell_block, by_cell, blocks)))


def _worst_first(held_out: _Text, surprise: Numbers) -> tuple[Numbers, NDArray[np.int64], NDArray[np.int64]]:
    """Sum and tokens of each document, and documents by falling mean surprise."""
    ends = np.concatenate(([0.0], np.cumsum(surprise)))
    by_document, lengths = np.diff(ends[held_out.offsets]), np.diff(held_out.offsets)
    return by_document, lengths, np.argsort(-ratio(by_document, lengths, 0.0), kind="stable")


def _worst(by_document: Numbers, lengths: NDArray[np.int64], order: NDArray[np.int64]) -> float:
    """Mean over the first documents of `order` that hold `WORST` of its words; the last of them counts in part."""
    sums, words = by_document[order], lengths[order]
    most = WORST * float(words.sum())
    taken = np.clip(most - (np.cumsum(words) - words), 0, words)
    return float(np.sum(ratio(sums, words, 0.0) * taken)) / most if most else 0.0


def _minus(ours: _Figures, human: _Figures) -> _Figures:
    return _Figures(
        surprise=ours.surprise - human.surprise,
        values=ours.values - human.values,
        losses=ours.losses - human.losses,
        read=(*ours.read, *human.read),
        read_changes=ours.read_changes + human.read_changes,
    )


def _report(held_out: _Text, ours: _Figures, human: _Figures) -> list[Taught]:
    # What a word adds to the excess is due to which texts have it. To a plain figure most of it is the word's own,
    # and that a text has it more or less often is chance besides.
    changes = ours.read_changes + human.read_changes
    none = np.zeros(changes.size)
    three = [
        _intervals(held_out, taught, read_changes)
        for taught, read_changes in ((ours, none), (human, none), (_minus(ours, human), changes))
    ]
    return [
        Taught(words=round(size), corpus=corpus, human=baseline, excess=excess)
        for size, corpus, baseline, excess in zip(held_out.size.tolist(), *three, strict=True)
    ]


def _intervals(held_out: _Text, taught: _Figures, read_changes: Numbers) -> list[Interval]:
    samples = (influences(taught.losses, held_out.blocks), *taught.read)
    proper, changes = _own(held_out, taught)
    changes += read_changes
    return [
        jackknife.interval(
            float(value),
            [sample[:, k] for sample in samples],
            OwnVariance(proper=float(proper[k]), jackknife=float(changes[k])),
        )
        for k, value in enumerate(taught.values)
    ]


def _own(held_out: _Text, taught: _Figures) -> tuple[Numbers, Numbers]:
    """What `OwnVariance` of each figure is made of, shape (7,) both.

    A word adds (sum of its surprise - its tokens * figure) / tokens of the figure. That hangs on all three texts at
    once, and so each of their jackknives counts the whole of it.
    """
    by_word = np.bincount(held_out.words, taught.surprise, held_out.band.size)
    by_cell = np.bincount(held_out.cell, taught.surprise)
    level, mean = np.append(0.0, taught.values[: len(BANDS)]), taught.values[_MEAN]
    word, before = held_out.cell_word, held_out.band[held_out.cell_word]
    band, tokens = held_out.band, held_out.tokens
    proper = _by_figure(
        held_out, band, np.square(by_word - level[band] * tokens), np.square(by_word - mean * tokens)
    )
    stays = before == held_out.after
    left = (
        np.where(stays, 0.0, by_word[word] - by_cell),
        np.where(stays, 0, tokens[word] - held_out.cell_tokens),
    )
    leaves = (by_cell + left[0]) - level[before] * (held_out.cell_tokens + left[1])
    arrives = left[0] - level[held_out.after] * left[1]
    within = by_cell - mean * held_out.cell_tokens
    changes = _by_figure(held_out, before, np.square(leaves), np.square(within))
    changes += _by_figure(held_out, held_out.after, np.square(arrives), np.zeros(arrives.size))
    return proper, changes


def _by_figure(held_out: _Text, band: NDArray[np.int64], of_band: Numbers, of_all: Numbers) -> Numbers:
    """Sums of squared additions to the figures of the bands and of all words, shape (7,), for words or cells.

    Common words have none (see `jackknife.FEW`), nor have the worst documents, which are no sum over words.
    """
    sums = np.bincount(band, of_band, len(BANDS) + 1)[1:]
    sums[-1] = 0.0
    few = band < len(BANDS)
    found: Numbers = np.append(sums, [of_all[few].sum(), 0.0]) / np.maximum(held_out.size, 1.0) ** 2
    return found
