"""What is told of a generation of text: what is learnt from it of people, what is left of their words, its variety.

Figures with a human reference come first, since variety alone can point the wrong way: see
`wellkeeper.measure.diversity`. The original is the first training set; the held-out text is of the same people and in
no training set.

The judge is a model of the held-out text. No generation has read it, and it has read no training set, so that a model
that repeats its training text word by word does not seem the more human for it. *Noise drift* is text that the judge
finds ever less likely; *entropy collapse* is text of ever fewer words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import InputError
from wellkeeper.lab.experiment import Figure
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.text import Text
from wellkeeper.measure.hill import hill_numbers
from wellkeeper.measure.incidence import grouped
from wellkeeper.measure.kneser_ney import Model, fit
from wellkeeper.measure.reference import BANDS
from wellkeeper.measure.surprise import HeldOutText, held_out_text, values_of

FEWEST_HELD_OUT = 10
COUNTS = ("1", "2-3", "4-10", "11-50", ">50")
"""Bands of the words of the original, by how often it has them."""
_COUNT_STARTS = (1, 2, 4, 11, 51)
RARE = 3
"""Rare words are those that the original has up to so often; as in the published tables of what recursion loses."""
_SHORT = 0.99
"""Figures that hang on size are told of data of the original's size; of less than this share of it they are not."""


def _name(stem: str, band: str) -> str:
    return f"{stem}_{band.replace('-', '_').replace('>', 'over_')}"


FIGURES = (
    Figure(
        name="nll", title="Negative log-likelihood of held-out human text", unit="nats a word", worse="up"
    ),
    *(
        Figure(
            name=_name("nll", band),
            title=f"Negative log-likelihood of words of {band} held-out document{'' if band == '1' else 's'}",
            unit="nats a word",
            worse="up",
        )
        for band in BANDS
    ),
    Figure(
        name="nll_worst",
        title="Negative log-likelihood of the worst 5 % of held-out text",
        unit="nats a word",
        worse="up",
    ),
    Figure(name="coverage_rare", title="Words seen 1 to 3 times that are left", unit="share", worse="down"),
    *(
        Figure(
            name=_name("coverage", band),
            title=f"Words seen {'once' if band == '1' else band + ' times'} that are left",
            unit="share",
            worse="down",
        )
        for band in COUNTS
    ),
    Figure(
        name="kept_types", title="Distinct words of the original that are left", unit="words", worse="down"
    ),
    Figure(name="lost_mass", title="Share of the original whose words are lost", unit="share", worse="up"),
    Figure(
        name="known_bigrams",
        title="Distinct held-out pairs of words that were read",
        unit="share",
        worse="down",
    ),
    Figure(name="noise", title="Surprise of a model of people at the text", unit="nats a word", worse="up"),
    Figure(name="types", title="Distinct words", unit="words"),
    Figure(name="hill_0", title="Distinct words in half as many documents as the original has", unit="words"),
    Figure(name="hill_1", title="Common words in as many documents (Hill number of order 1)", unit="words"),
    Figure(name="hill_2", title="Dominant words in as many documents (Hill number of order 2)", unit="words"),
    Figure(name="entropy", title="Entropy of words at the original's size", unit="bits"),
    Figure(name="distinct_2", title="Distinct pairs of words at the original's size", unit="share"),
)


def in_blocks(text: Text, size: int) -> Text:
    """Text cut into blocks of `size` words, the last of each document shorter."""
    starts = [
        np.arange(first, end, size) for first, end in zip(text.offsets[:-1], text.offsets[1:], strict=True)
    ]
    return Text(
        offsets=np.append(np.concatenate(starts), text.offsets[-1:]).astype(np.int64), words=text.words
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class TextFigures:
    """Measures generations of text beside the original and the held-out text."""

    original: Text
    held_out: Text
    vocabulary: int  # words of all texts together
    block: int | None = None  # words of the blocks that are counted as documents, where text has none
    seed: int = 0

    def __post_init__(self) -> None:
        documents = len(self._documents(self.held_out))
        if documents < FEWEST_HELD_OUT:
            raise InputError(
                f"The held-out text has {documents} documents, too few to tell common words from rare ones. "
                f"Hold out at least {FEWEST_HELD_OUT}: give more documents."
            )

    @cached_property
    def judge(self) -> Model:
        """A model of people, which has read the held-out text alone."""
        return self.evaluator(self.held_out)

    def evaluator(self, data: Text) -> Model:
        """What the smallest model that learns as larger ones do makes of data: a Kneser-Ney model of order 3."""
        return fit(data.offsets, data.words, vocabulary=self.vocabulary)

    def of(
        self, data: Text, model: Model | None = None, *, nats: NDArray[np.float64] | None = None
    ) -> Mapping[str, NDArray[np.float64]]:
        """All `FIGURES` of one training set, each of shape (1,); NaN where data are too small for one.

        Args:
            data: the training set.
            model: what `evaluator` makes of it, where it is there already.
            nats: negative log-likelihood of each held-out word, shape (held-out words,), under a model of another kind
                that was fitted to the data; None: under the evaluator.
        """
        documents = self._documents(data)
        found = {
            **self._likelihood(self.evaluator(data) if model is None else model, nats),
            **self._left(data),
            "noise": -float(np.mean(self.judge.log_probabilities(data.offsets, data.words))),
            **self._hill(documents),
            **self._variety(self._at_size(documents)),
        }
        return {name: np.array([value]) for name, value in found.items()}

    def _documents(self, text: Text) -> Text:
        return text if self.block is None else in_blocks(text, self.block)

    @cached_property
    def _held_out(self) -> HeldOutText:
        return held_out_text(self._documents(self.held_out).offsets, self.held_out.words, self.vocabulary)

    @cached_property
    def _held_out_bigrams(self) -> NDArray[np.int64]:
        """Where in the held-out text each of its distinct pairs of words first ends."""
        pairs, second = _bigrams(self.held_out, self.vocabulary)
        return second[np.unique(pairs, return_index=True)[1]]

    @cached_property
    def _counts(self) -> NDArray[np.int64]:
        """How often the original has each word, shape (vocabulary,)."""
        return np.bincount(self.original.words, minlength=self.vocabulary)

    def _likelihood(self, model: Model, nats: NDArray[np.float64] | None) -> dict[str, float]:
        text = self.held_out
        if nats is None:
            nats = -model.log_probabilities(text.offsets, text.words)
        values, _ = values_of(self._held_out, nats)
        has_words = self._held_out.size > 0
        names = [*(_name("nll", band) for band in BANDS), "nll", "nll_worst"]
        known = model.known(text.offsets, text.words)[self._held_out_bigrams] >= 2
        return {
            **dict(zip(names, np.where(has_words, values, np.nan).tolist(), strict=True)),
            "known_bigrams": _share(known),
        }

    def _left(self, data: Text) -> dict[str, float]:
        has = np.bincount(data.words, minlength=self.vocabulary) > 0
        counts = self._counts
        had = counts > 0
        band = np.searchsorted(_COUNT_STARTS, counts, side="right")
        return {
            "coverage_rare": _share(has[had & (counts <= RARE)]),
            **{_name("coverage", name): _share(has[band == k + 1]) for k, name in enumerate(COUNTS)},
            "kept_types": float(np.count_nonzero(had & has)),
            "lost_mass": float(counts[had & ~has].sum() / counts.sum()),
            "types": float(np.count_nonzero(has)),
        }

    def _hill(self, documents: Text) -> dict[str, float]:
        names = ("hill_0", "hill_1", "hill_2")
        units = max(1, len(self._documents(self.original)) // 2)
        if len(documents) < units:
            return dict.fromkeys(names, np.nan)
        pairs = grouped(
            documents.offsets, documents.words, np.ones(documents.words.size, np.int32), self.vocabulary
        )
        frequencies = np.bincount(documents.words[pairs.firsts])
        return dict(
            zip(names, hill_numbers(frequencies[frequencies > 0], len(documents), units), strict=True)
        )

    def _at_size(self, documents: Text) -> Text | None:
        """Documents drawn at random, with as many words as the original; None where there are too few."""
        wanted, words = self.original.words.size, documents.words.size
        if words < _SHORT * wanted:
            return None
        if words <= wanted / _SHORT:
            return documents
        order = stream(self.seed, "text figures", "size").permutation(len(documents))
        reached = np.cumsum(documents.sizes[order])
        return documents.take(order[: 1 + int(np.argmin(np.abs(reached - wanted)))])

    def _variety(self, documents: Text | None) -> dict[str, float]:
        if documents is None:
            return {"entropy": np.nan, "distinct_2": np.nan}
        shares = np.bincount(documents.words) / documents.words.size
        shares = shares[shares > 0]
        pairs, _ = _bigrams(documents, self.vocabulary)
        return {
            "entropy": -float(np.sum(shares * np.log2(shares))),
            "distinct_2": np.unique(pairs).size / pairs.size if pairs.size else np.nan,
        }


def _bigrams(text: Text, vocabulary: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each pair of neighbouring words of a document, and where its second word is."""
    has_before = np.ones(text.words.size, np.bool_)
    has_before[text.offsets[:-1][text.sizes > 0]] = False
    second = np.flatnonzero(has_before)
    return text.words[second - 1].astype(np.int64) * vocabulary + text.words[second], second


def _share(found: NDArray[np.bool_]) -> float:
    return float(found.mean()) if found.size else np.nan
