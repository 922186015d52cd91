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
from typing import Any

import numpy as np

from wellkeeper.errors import DataError
from wellkeeper.measure import jackknife
from wellkeeper.measure.incidence import Documents, Offsets, dense
from wellkeeper.measure.jackknife import Interval, OwnVariance, influences
from wellkeeper.measure.kneser_ney import Model, fit
from wellkeeper.measure.reference import BANDS
from wellkeeper.measure.surprise import (
    MEAN,
    WORST_DOCUMENTS,
    HeldOutText,
    Numbers,
    by_figure,
    held_out_text,
    own_variances,
    values_of,
    values_without,
)

WORDS = 100_000
"""Words that each model reads, and that are held out, at most. More would cost more and change little: a rare word's
excess is that of its kind, of which 100,000 words hold thousands."""

VOCABULARY = 1 << 20
"""Words among which both models choose, seen or not. A constant, and not the words of the three texts, so that the
human baseline does not depend on the corpus beside it. No three texts of `WORDS` words have more."""

_MODEL_BLOCKS = 10
"""Blocks of the text that a model reads. Each is taken out of its counts, and all of B read anew."""


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
    held_out = held_out_text(second.offsets, second_words, types)
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
        mean=figures[MEAN],
        worst=figures[WORST_DOCUMENTS],
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


def _figures_under(model: Model, offsets: Offsets, held_out: HeldOutText) -> _Figures:
    surprise = -model.log_probabilities(held_out.offsets, held_out.words)
    values, by_word = values_of(held_out, surprise)
    bounds = offsets[jackknife.blocks(offsets.size - 1, _MODEL_BLOCKS)]
    without = [
        values_of(held_out, -found) for found in model.without_each(bounds, held_out.offsets, held_out.words)
    ]
    changes = np.array([by_word - less for _, less in without])
    changes -= changes.mean(axis=0)  # a model that read less knows less; that is no chance
    squares = np.square(changes).sum(axis=0)
    return _Figures(
        surprise=surprise,
        values=values,
        losses=values - values_without(held_out, surprise),
        read=(influences(values - np.array([less for less, _ in without]), np.diff(bounds)),),
        read_changes=by_figure(held_out, held_out.band, squares, squares),
    )


def _minus(ours: _Figures, human: _Figures) -> _Figures:
    return _Figures(
        surprise=ours.surprise - human.surprise,
        values=ours.values - human.values,
        losses=ours.losses - human.losses,
        read=(*ours.read, *human.read),
        read_changes=ours.read_changes + human.read_changes,
    )


def _report(held_out: HeldOutText, ours: _Figures, human: _Figures) -> list[Taught]:
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


def _intervals(held_out: HeldOutText, taught: _Figures, read_changes: Numbers) -> list[Interval]:
    samples = (influences(taught.losses, held_out.blocks), *taught.read)
    proper, changes = own_variances(held_out, taught.surprise, taught.values)
    changes += read_changes
    return [
        jackknife.interval(
            float(value),
            [sample[:, k] for sample in samples],
            OwnVariance(proper=float(proper[k]), jackknife=float(changes[k])),
        )
        for k, value in enumerate(taught.values)
    ]
