"""A small transformer that learns a corpus from scratch, and then what it wrote itself.

Two layers of width 96 and pieces of its own, 422,016 parameters with the defaults: half a minute of one processor core
for a generation of 70,000 words, and less with a graphics card. Models of this size are undertrained on rare words as
large ones are on rarer ones: they lose in one generation what an n-gram model loses in many.

Each training set is read as one row of tokens. What a model writes are windows as long as its context, each opened by a
token of people's text, drawn at random among those that begin a word; one after the other they make documents as long
as those of people.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import MissingExtraError, RecipeError
from wellkeeper.lab.experiment import Experiment, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.learner import Surprise, by_document
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.text_figures import FIGURES
from wellkeeper.lab.worlds._pieces import HeldOutPieces, Pieces, surprise_of, trained
from wellkeeper.lab.worlds._written import Written, WrittenWorld

if TYPE_CHECKING:
    from wellkeeper.lab.worlds._gpt import Transformer

_BYTES = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a small transformer and its training."""

    vocabulary: int = 2000  # pieces of words, at most; 256 at least: one for every byte
    layers: int = 2
    width: int = 96
    heads: int = 3
    context: int = 64  # tokens
    steps: int = 300  # at most; a short text is read 12 times and no more
    batch: int = 32  # windows a step

    def __post_init__(self) -> None:
        for name in ("layers", "width", "heads", "context", "steps", "batch"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)}. Give at least 1.")
        if self.vocabulary < _BYTES:
            raise RecipeError(
                f"vocabulary is {self.vocabulary}. Give at least {_BYTES}: one piece for every byte."
            )
        if self.width % self.heads:
            raise RecipeError(
                f"A width of {self.width} cannot be parted among {self.heads} heads. Give a multiple of the heads."
            )


class TransformerWorld(WrittenWorld):
    """A corpus, and small transformers that are trained from scratch. Sizes are in words, data documents."""

    name = "transformer"

    def __init__(self, human: HumanText, *, size: Size | None = None) -> None:
        """Train the tokeniser, on all documents but those held out.

        Raises:
            InputError: the held-out text has fewer than 10 documents.
            MissingExtraError: torch or tokenizers is not installed.
        """
        super().__init__(human)
        _torch_part()  # better missed before a run than in it
        self.size = size or Size()
        self.pieces = trained(human.documents, self.size.vocabulary)
        self._held_out = HeldOutPieces.of(human, self.pieces)
        row = self.pieces.in_a_row(human.documents)
        self._openings = row[self.pieces.begins[row]]
        self._words_a_window = human.text.words.size / row.size * self.size.context

    def fit(self, data: Written, random: np.random.Generator) -> "Transformer":
        return _fitted(data, self.size, self.pieces, random)

    def sample(
        self, model: "Transformer", size: int, decoding: Decoding, random: np.random.Generator
    ) -> Written:
        """Windows, one after the other, cut into documents; fewer words than `size` if the model hardly writes any.

        Raises:
            WorkError: it writes no word at all.
        """

        def write(windows: int) -> str:
            openings = random.choice(self._openings, windows)
            return self.pieces.written(_torch_part().written(model, openings, decoding, random))

        return self.parted(self.gathered(write, size, self._words_a_window), size, random)

    def held_out_nats(self, model: "Transformer") -> NDArray[np.float64]:
        return self._held_out.by_word(model.nats(self._held_out.tokens, self.pieces.opening))

    def surprise(self, model: "Transformer", data: Written) -> NDArray[np.float64]:
        """Of a model at each document, in nats a word, shape (1, documents); NaN at one without words."""
        tokens = self.pieces.encoded(data)
        return self.a_word(data, by_document(tokens.offsets, model.nats(tokens, self.pieces.opening)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taught:
    """A transformer with the pieces that it reads."""

    pieces: Pieces
    transformer: "Transformer"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerLearner:
    """Learns documents from scratch, its pieces too: for `wellkeeper prove`."""

    size: Size = field(default_factory=Size)
    name: str = "transformer"

    def __post_init__(self) -> None:
        """Raises MissingExtraError where torch is not installed: better before texts are read than after."""
        _torch_part()

    def fit(self, documents: Sequence[str], seed: int) -> Taught:
        """A transformer that has read the documents.

        Raises:
            DataError: they are too few for one window.
            MissingExtraError: torch or tokenizers is not installed.
        """
        pieces = trained(documents, self.size.vocabulary)
        random = stream(seed, self.name, "learner")
        return Taught(pieces=pieces, transformer=_fitted(documents, self.size, pieces, random))

    def surprise(self, model: Taught, documents: Sequence[str]) -> Surprise:
        text = model.pieces.encoded(documents)
        nats = model.transformer.nats(text, model.pieces.opening)
        return surprise_of(documents, model.pieces, text, nats)


def _torch_part() -> ModuleType:
    try:
        from wellkeeper.lab.worlds import _gpt
    except ImportError as error:
        raise MissingExtraError("A transformer", extra="torch") from error
    return _gpt


def _fitted(
    documents: Sequence[str], size: Size, pieces: Pieces, random: np.random.Generator
) -> "Transformer":
    row = pieces.in_a_row(documents)
    model: Transformer = _torch_part().fitted(row, size, len(pieces), random)
    return model


def _world(
    replicates: int,  # noqa: ARG001
    corpus: HumanText | None,
    seed: int,  # noqa: ARG001
    **size: int,
) -> TransformerWorld:
    assert corpus is not None  # the experiment needs one
    return TransformerWorld(corpus, size=Size(**size))


EXPERIMENT = Experiment(
    name="transformer",
    title="A small transformer on your text",
    paper="Shumailov et al. 2024; Guo et al. 2024",
    regime="from scratch",
    figures=FIGURES,
    policies=("replace", "replace,temperature=0.8", "fixed=0.1"),
    size=50_000,
    generations=3,
    settings=(
        Setting(name="vocabulary", value=2000, help="pieces of words that it reads, at most"),
        Setting(name="layers", value=2, help="blocks of attention and network"),
        Setting(name="width", value=96, help="numbers that stand for a token"),
        Setting(name="heads", value=3, help="parts of attention; the width is a multiple"),
        Setting(name="context", value=64, help="tokens that it sees at once, and writes in a window"),
        Setting(
            name="steps",
            value=300,
            help="steps of training of each generation, at most: 12 passes over its text",
        ),
        Setting(name="batch", value=32, help="windows of a step"),
    ),
    needs=("corpus", "torch"),
    about=(
        "A transformer learns text of people from scratch, and the next one what it wrote. Rare words are gone in a "
        "generation or two. Sampled plainly, it drifts into noise: words that nobody used, more variety than people "
        "have. Sampled at a low temperature, its text collapses to a few words. Held-out text of people becomes less "
        "likely both times."
    ),
    world=_world,
)
