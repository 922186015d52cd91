"""A pre-trained model, fine-tuned on text of people, and then on what it wrote itself: the regime of Shumailov et al.

Every generation begins with the pre-trained model, which knows the tail from elsewhere, and is tuned on the text of the
generation before: another regime than training from scratch, and a milder one. As in the paper, the model is given
blocks of 64 tokens of people's text and writes the 64 that follow; one after the other these make documents as long
as those of people. The paper tuned all of OPT-125m for 5 epochs at a rate of 2e-5 on WikiText-2; the defaults here tune
the last four layers at a higher rate, which takes minutes on one processor core for SmolLM2-135M.

Any causal model with byte-level pieces will do, as a GGUF file of a Llama, or as a folder of transformers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from wellkeeper.errors import InputError, MissingExtraError, RecipeError
from wellkeeper.lab.experiment import Experiment, Setting
from wellkeeper.lab.human import HumanText
from wellkeeper.lab.learner import Surprise, by_document
from wellkeeper.lab.policy import Decoding
from wellkeeper.lab.seeds import stream
from wellkeeper.lab.text_figures import FEWEST_HELD_OUT, FIGURES
from wellkeeper.lab.worlds._pieces import HeldOutPieces, surprise_of
from wellkeeper.lab.worlds._written import Written, WrittenWorld

if TYPE_CHECKING:
    from wellkeeper.lab.worlds._tuned import Base, Tuned

HELD_OUT_WORDS = 3_000
"""Held-out words that are read of each generation, at most; some ten seconds of one processor core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How a model is fine-tuned."""

    layers: int = 4  # the last ones; 0: all weights
    rate: float = 1e-4  # of AdamW
    epochs: int = 2
    batch: int = 8  # blocks of 64 tokens a step

    def __post_init__(self) -> None:
        for name, least in (("layers", 0), ("epochs", 1), ("batch", 1)):
            if getattr(self, name) < least:
                raise RecipeError(f"{name} is {getattr(self, name)}. Give at least {least}.")
        if not 0 < self.rate < 1:
            raise RecipeError(f"rate is {self.rate:g}. Give a number between 0 and 1; 1e-4 is the default.")


class SmolLM2World(WrittenWorld):
    """A corpus, and fine-tunes of one pre-trained model. Sizes are in words, data documents."""

    name = "smollm2"

    def __init__(self, human: HumanText, model: Path, *, tuning: Tuning | None = None) -> None:
        """Open the model.

        Raises:
            InputError: there is no model that can be used, or the held-out text has fewer than 10 documents.
            MissingExtraError: torch or transformers is not installed; or gguf, for a GGUF file.
        """
        super().__init__(_shortened(human, HELD_OUT_WORDS))
        self.tuning = tuning or Tuning()
        self.base = opened(model)
        self._held_out = HeldOutPieces.of(self.text, self.base.pieces)
        self._prompts = self._of(human.documents)
        self._words_a_window = human.text.words.size / self._row(human.documents).size * _torch_part().BLOCK

    def beside(self, size: int) -> Self:
        """The same world, whose figures take the first `size` words of people for the original, as its prompts do."""
        world = super().beside(size)
        world._prompts = self._of(self._part(0, size))  # noqa: SLF001  # its own
        return world

    def _row(self, documents: Sequence[str]) -> NDArray[np.int32]:
        return self.base.pieces.in_a_row(documents)

    def _of(self, documents: Sequence[str]) -> NDArray[np.int32]:
        """Blocks of people's text that end where a word does, shape (blocks, 64)."""
        row, size = self._row(documents), _torch_part().BLOCK
        begins = np.append(np.flatnonzero(self.base.pieces.begins[row]), row.size)
        wanted = np.arange(size, row.size + 1, size)
        if not wanted.size:
            raise InputError(
                f"The text of people has {row.size} tokens, too few for a prompt of {size}. Choose a larger size."
            )
        ends = begins[np.searchsorted(begins, wanted)]
        prompts: NDArray[np.int32] = row[ends[:, None] + np.arange(-size, 0)]
        return prompts

    def fit(self, data: Written, random: np.random.Generator) -> "Tuned":
        return _tuned(self.base, data, self.tuning, random)

    def sample(self, model: "Tuned", size: int, decoding: Decoding, random: np.random.Generator) -> Written:
        """What the model writes after blocks of people's text, in a random order; cut into documents.

        Raises:
            WorkError: it writes no word at all.
        """
        order = random.permutation(len(self._prompts))
        used = 0

        def write(windows: int) -> str:
            nonlocal used
            prompts = self._prompts[order[np.arange(used, used + windows) % order.size]]
            used += windows
            return self.base.pieces.written(_torch_part().written(model, prompts, decoding, random))

        return self.parted(self.gathered(write, size, self._words_a_window), size, random)

    def held_out_nats(self, model: "Tuned") -> NDArray[np.float64]:
        return self._held_out.by_word(model.nats(self._held_out.tokens))

    def surprise(self, model: "Tuned", data: Written) -> NDArray[np.float64]:
        """Of a model at each document, in nats a word, shape (1, documents); NaN at one without words."""
        tokens = self.base.pieces.encoded(data)
        return self.a_word(data, by_document(tokens.offsets, model.nats(tokens)))


@dataclass(frozen=True, slots=True, kw_only=True)
class SmolLM2Learner:
    """Fine-tunes one pre-trained model on documents: for `wellkeeper prove`."""

    model: Path
    tuning: Tuning = field(default_factory=Tuning)
    name: str = "smollm2"

    def __post_init__(self) -> None:
        """Open the model: better missed before texts are read than after.

        Raises:
            InputError: there is no model that can be used.
            MissingExtraError: torch or transformers is not installed; or gguf, for a GGUF file.
        """
        opened(self.model)

    def fit(self, documents: Sequence[str], seed: int) -> "Tuned":
        """The model, tuned on the documents.

        Raises:
            DataError: they are too few for one block.
        """
        return _tuned(opened(self.model), documents, self.tuning, stream(seed, self.name, "learner"))

    def surprise(self, model: "Tuned", documents: Sequence[str]) -> Surprise:
        pieces = model.base.pieces
        text = pieces.encoded(documents)
        return surprise_of(documents, pieces, text, model.nats(text))


def _torch_part() -> ModuleType:
    try:
        from wellkeeper.lab.worlds import _tuned
    except ImportError as error:
        raise MissingExtraError("A pre-trained model", extra="lm-torch") from error
    return _tuned


@lru_cache(maxsize=1)
def opened(model: Path) -> "Base":
    """The pre-trained model of a path, kept for who asks next: reading it takes seconds, and it is never changed."""
    base: Base = _torch_part().load(model)
    return base


def _tuned(base: "Base", documents: Sequence[str], tuning: Tuning, random: np.random.Generator) -> "Tuned":
    row = base.pieces.in_a_row(documents)
    model: Tuned = _torch_part().tuned(base, row, tuning, random)
    return model


def _shortened(human: HumanText, words: int) -> HumanText:
    """The same text, with held-out documents of about so many words, and 10 at least."""
    count = int(np.searchsorted(human.held_out.offsets, words, side="right")) - 1
    count = min(max(count, FEWEST_HELD_OUT), len(human.held_out))
    return replace(
        human,
        held_out=human.held_out.take(np.arange(count)),
        held_out_documents=human.held_out_documents[:count],
    )


def _world(
    replicates: int,  # noqa: ARG001
    corpus: HumanText | None,
    seed: int,  # noqa: ARG001
    *,
    model: str,
    layers: int,
    rate: float,
    epochs: int,
    batch: int,
) -> SmolLM2World:
    assert corpus is not None  # the experiment needs one
    if not model:
        raise RecipeError(
            "The experiment smollm2 tunes a model that you have. Name it with --set model=PATH: a GGUF file of a "
            "Llama, or a folder of transformers."
        )
    tuning = Tuning(layers=layers, rate=rate, epochs=epochs, batch=batch)
    return SmolLM2World(corpus, Path(model), tuning=tuning)


EXPERIMENT = Experiment(
    name="smollm2",
    title="A pre-trained language model, fine-tuned on your text",
    paper="Shumailov et al. 2024",
    regime="fine-tuning",
    figures=FIGURES,
    policies=("replace", "fixed=0.1"),
    size=5_000,
    generations=3,
    settings=(
        Setting(
            name="model", value="", help="path of a GGUF file of a Llama, or of a folder of transformers"
        ),
        Setting(name="layers", value=4, help="last layers that are tuned; 0: all weights"),
        Setting(name="rate", value=1e-4, help="of AdamW"),
        Setting(name="epochs", value=2, help="times that each training set is read"),
        Setting(name="batch", value=8, help="blocks of 64 tokens of a step"),
    ),
    needs=("corpus", "torch"),
    about=(
        "A pre-trained model is tuned on text of people, and then anew on what the model tuned before it wrote. It "
        "knows rare words from elsewhere, so that held-out text of people hardly becomes less likely in the first "
        "generations. How it is decoded decides what kind of loss it is: plainly sampled it drifts, with beams and a "
        "penalty for repetition, as in the paper (beams=5,repetition-penalty=3), it repeats itself."
    ),
    world=_world,
)
