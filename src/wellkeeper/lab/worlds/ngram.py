"""N-gram language models of text of people: recursion on any corpus in seconds.

Models of maximum likelihood are the ideal that the law of effective sample size speaks of (`wellkeeper.lab.n_eff`):
they give back what they read as often as they read it, and lose what they do not happen to draw. Kneser-Ney models
smooth, as networks do: they make pairs of words that nobody wrote, so that text drifts into noise, which entropy and
distinct n-grams take for variety.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import InputError, RecipeError
from wellkeeper.lab.experiment import Experiment, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.text import Text, bounds_of, joined
from wellkeeper.lab.text_figures import FIGURES, TextFigures, in_blocks
from wellkeeper.lab.world import Arrays, Figures
from wellkeeper.measure.incidence import Offsets
from wellkeeper.measure.kneser_ney import ORDER, Model, Words, fit, fit_maximum_likelihood
from wellkeeper.measure.sample import ratio

Estimator: TypeAlias = Literal["kneser-ney", "maximum-likelihood"]

BLOCK = 1000
"""Words of the units that a text without documents is drawn by."""
CENTRAL = 0.9
"""Share of human documents that pass for human, those neither too likely nor too unlikely."""
_SHOWN = 60  # words


@dataclass(frozen=True, eq=False)
class NgramWorld:
    """N-gram models of a corpus. Sizes are in words; data are documents, and units are documents.

    A corpus of one document is a stream: its data are blocks of 1,000 words, the last of each part shorter, which
    models and figures read as one document. Blocks stay as they are, whatever is joined to them or taken out.

    Raises:
        RecipeError: there is no such estimator, or the order is not positive.
        InputError: the held-out text has fewer than 10 documents, or the original more words than the corpus.
    """

    text: HumanText  # fresh text follows what the first model is trained on
    order: int = field(default=ORDER, kw_only=True)  # words of the longest n-grams
    estimator: Estimator = field(default="kneser-ney", kw_only=True)
    original: int | None = field(default=None, kw_only=True)  # words that figures compare with; None: all
    seed: int = field(default=0, kw_only=True)  # of figures that are of a random part of the data

    name: ClassVar[str] = "ngram"
    replicates: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.estimator not in _FITS:
            raise RecipeError(f"There is no estimator {self.estimator!r}. Choose {' or '.join(_FITS)}.")
        if self.order < 1:
            raise RecipeError(f"order is {self.order}. Give at least 1; 3 is usual.")
        _ = self._figures  # which says what is wrong with the texts

    def beside(self, size: int) -> "NgramWorld":
        """The same world, whose figures take the first `size` words of people for the original."""
        return replace(self, original=size)

    @cached_property
    def _figures(self) -> TextFigures:
        return TextFigures(
            original=self.text.text if self.original is None else self._as_read(self._part(0, self.original)),
            held_out=self.text.held_out,
            vocabulary=len(self.text.vocabulary),
            block=BLOCK if self._is_stream else None,
            seed=self.seed,
        )

    @property
    def _is_stream(self) -> bool:
        return len(self.text.text) == 1

    def human(self, first: int, size: int, random: np.random.Generator) -> Text:  # noqa: ARG002
        """The words of people from word `first` on, in the order of the corpus; documents are cut at both ends.

        Raises:
            InputError: the corpus has no more.
        """
        return self._part(first, size)

    def _part(self, first: int, size: int) -> Text:
        words = self.text.text.words
        end = first + size
        if end > words.size:
            raise InputError(
                f"The corpus has {words.size:,} words to train on, and the run asks for those from {first:,} to "
                f"{end:,}. Choose a smaller size, fewer generations or less fresh text; or give more text."
            )
        return self._in_units(
            Text(offsets=np.unique(self.text.text.offsets.clip(first, end)) - first, words=words[first:end])
        )

    def fit(self, data: Text, random: np.random.Generator) -> Model:  # noqa: ARG002
        read = self._as_read(data)
        return _FITS[self.estimator](
            read.offsets, read.words, vocabulary=len(self.text.vocabulary), order=self.order
        )

    def sample(self, model: Model, size: int, decoding: Decoding, random: np.random.Generator) -> Text:
        """Documents of lengths drawn from those of people, `size` words in all; of a stream one row of blocks.

        Raises:
            RecipeError: beams or a repetition penalty are asked for.
        """
        if decoding.beams > 1 or decoding.repetition_penalty != 1:
            raise RecipeError(
                f"N-gram models are not sampled with {decoding}. Leave beams and repetition-penalty out; temperature, "
                "top-k and top-p are there."
            )
        offsets = bounds_of(np.array([size])) if self._is_stream else self._drawn_bounds(size, random)
        words = model.sample(
            offsets, random, temperature=decoding.temperature, top_k=decoding.top_k, top_p=decoding.top_p
        )
        return self._in_units(Text(offsets=offsets, words=words))

    def _drawn_bounds(self, size: int, random: np.random.Generator) -> NDArray[np.int64]:
        sizes = self.text.text.sizes[self.text.text.sizes > 0]
        lengths = random.choice(sizes, 1 + size // int(sizes.min()))
        return np.unique(np.minimum(bounds_of(lengths), size))

    def join(self, parts: Sequence[Text]) -> Text:
        return joined(parts)

    def _in_units(self, text: Text) -> Text:
        return in_blocks(text, BLOCK) if self._is_stream else text

    def _as_read(self, data: Text) -> Text:
        return Text(offsets=data.offsets[[0, -1]], words=data.words) if self._is_stream else data

    def figures(self, data: Text, model: Model) -> Figures:
        is_evaluator = self.estimator == "kneser-ney" and self.order == ORDER
        return self._figures.of(self._as_read(data), model if is_evaluator else None)

    def units(self, data: Text) -> int:
        return len(data)

    def take(self, data: Text, chosen: NDArray[np.int64]) -> Text:
        return data.take(chosen[0])

    def right(self, data: Text) -> NDArray[np.bool_]:
        """Which units pass for human, shape (1, units).

        A unit is right where its mean surprise for the judge, a model of the held-out text, lies inside the central
        90 % of the corpus' own units: neither more of a jumble than people write, nor more monotonous.
        """
        low, high = self._central
        surprise = self._judged(data)
        right: NDArray[np.bool_] = (low <= surprise) & (surprise <= high)
        return right[None]

    @cached_property
    def _central(self) -> tuple[float, float]:
        """Between which surprises the central units of people lie."""
        surprise = self._judged(self._in_units(self.text.text))
        low, high = np.quantile(surprise[np.isfinite(surprise)], ((1 - CENTRAL) / 2, (1 + CENTRAL) / 2))
        return float(low), float(high)

    def _judged(self, data: Text) -> NDArray[np.float64]:
        """Surprise of the judge at each unit, in nats a word, shape (units,); infinite at a unit without words."""
        return self._a_word(self._figures.judge, data, np.inf)

    def surprise(self, model: Model, data: Text) -> NDArray[np.float64]:
        """Of a model at each unit, in nats a word, shape (1, units); NaN at a unit without words."""
        return self._a_word(model, data, np.nan)[None]

    def _a_word(self, model: Model, data: Text, otherwise: float) -> NDArray[np.float64]:
        read = self._as_read(data)
        nats = -model.log_probabilities(read.offsets, read.words)
        # Not by differences of a running sum: models of maximum likelihood are surprised without end.
        sums = np.bincount(np.repeat(np.arange(len(data)), data.sizes), nats, len(data))
        return ratio(sums, data.sizes, otherwise)

    def pack(self, data: Text) -> Arrays:
        return {"offsets": data.offsets, "words": data.words}

    def unpack(self, arrays: Arrays) -> Text:
        return Text(offsets=arrays["offsets"], words=arrays["words"])

    def excerpt(self, data: Text) -> str:
        """The beginning of the last unit that is long enough: of what was added last, where data are added."""
        long_enough = np.flatnonzero(data.sizes >= min(_SHOWN, data.sizes.max(initial=0)))
        if not long_enough.size:
            return ""
        first = data.offsets[long_enough[-1]]
        return self.text.vocabulary.written(data.words[first : first + _SHOWN].tolist())


class _Fit(Protocol):
    def __call__(self, offsets: Offsets, words: Words, *, vocabulary: int, order: int) -> Model: ...


_FITS: Mapping[str, _Fit] = {"kneser-ney": fit, "maximum-likelihood": fit_maximum_likelihood}


def _world(
    replicates: int,  # noqa: ARG001  # which are run one after the other
    corpus: HumanText | None,
    seed: int,
    *,
    order: int,
    estimator: Estimator,
) -> NgramWorld:
    assert corpus is not None  # the experiment needs one
    return NgramWorld(corpus, order=order, estimator=estimator, seed=seed)


EXPERIMENT = Experiment(
    name="ngram",
    title="N-gram language models of your text",
    paper="Shumailov et al. 2024; Suresh et al. 2024; Kazdan et al. 2024",
    regime="from scratch",
    figures=FIGURES,
    policies=("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1"),
    size=100_000,
    generations=10,
    replicates=3,
    settings=(
        Setting(name="order", value=ORDER, help="words of the longest n-grams"),
        Setting(name="estimator", value="kneser-ney", help="kneser-ney, or maximum-likelihood: no smoothing"),
    ),
    needs=("corpus",),
    about=(
        "A model of words is trained on text of people, and each next one on what a policy makes of its output. Rare "
        "words go first and held-out text of people becomes less likely, while smoothing hides the loss from entropy "
        "and distinct pairs. Models of maximum likelihood follow the law of effective sample size."
    ),
    world=_world,
)
