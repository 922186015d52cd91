"""A small transformer that learns examples from scratch, letter by letter: a student for tasks of a few letters.

Two layers of width 64 with the defaults, 101,000 parameters, seconds of one processor core a round. It is the lab's own
transformer (`wellkeeper.lab.worlds.transformer`); only the letters of an answer are learnt, the prompt's are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.errors import InputError, MissingExtraError, RecipeError
from wellkeeper.feedback.folder import digest_of
from wellkeeper.feedback.student import Example
from wellkeeper.lab.worlds.transformer import Size

if TYPE_CHECKING:
    from wellkeeper.feedback._letters import Letters

END = "\n"
"""Ends an answer; no prompt and no answer has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformer:
    """A `Student` of small transformers."""

    letters: str  # of all prompts and answers, without `END`
    layers: int = 2
    width: int = 64
    heads: int = 4
    context: int = 16  # letters of a prompt and its answer
    start_steps: int = 500  # batches that the first model reads
    steps: int = 250  # batches of every later round
    rate: float = 1e-3  # of later rounds; the first model learns at the lab's own
    batch: int = 64
    name: str = field(default="transformer")

    def __post_init__(self) -> None:
        """Look for torch and at the settings: better missed before a run than in it.

        Raises:
            MissingExtraError: torch is not installed.
            RecipeError: a setting makes no sense.
        """
        if self.rate <= 0:
            raise RecipeError(f"rate is {self.rate}. Give a rate above 0, such as 0.001.")
        self.size(self.start_steps)
        self.size(self.steps)
        _torch_part()

    @property
    def digest(self) -> str:
        return digest_of({name: getattr(self, name) for name in self.__dataclass_fields__})

    def size(self, steps: int) -> Size:
        return Size(
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            context=self.context,
            steps=steps,
            batch=self.batch,
        )

    def train(self, parent: "Letters | None", examples: Sequence[Example], seed: int) -> "Letters":
        pairs = [(self.text_of(one.prompt), one.answer.rstrip(END)) for one in examples]
        for prompt, answer in pairs:
            # what a model wrote may fill the context, and is learnt as far as it goes; what people wrote must fit
            self._check(prompt + answer if parent is None else prompt)
        found: Letters = _torch_part().taught_letters(self, parent, pairs, seed)
        return found

    def answer(
        self, model: "Letters", prompts: Sequence[Prompt], n: int, temperature: float, seed: int
    ) -> list[list[Output]]:
        texts = [self.text_of(prompt) for prompt in prompts]
        for text in texts:
            self._check(text)
        answers: list[list[Output]] = _torch_part().answers(self, model, texts, n, temperature, seed)
        return answers

    @property
    def tells_surprise(self) -> bool:
        return True

    def surprise(self, model: "Letters", examples: Sequence[Example]) -> NDArray[np.float64]:
        """In nats a letter."""
        pairs = [(self.text_of(one.prompt), one.answer.rstrip(END)) for one in examples]
        for prompt, answer in pairs:
            self._check(prompt)
            self._check_letters(answer)
        found: NDArray[np.float64] = _torch_part().surprise(self, model, pairs)
        return found

    def save(self, model: "Letters", folder: Path) -> None:
        _torch_part().save(model, folder)

    def load(self, folder: Path) -> "Letters":
        model: Letters = _torch_part().load(self, folder)
        return model

    def text_of(self, prompt: Prompt) -> str:
        """Raises InputError: the prompt is a conversation."""
        if not isinstance(prompt, str):
            raise InputError(
                "This student reads prompts of one text, and one is a conversation. Use the student transformers."
            )
        return prompt

    def _check(self, text: str) -> None:
        self._check_letters(text)
        if len(text) + 1 > self.context:
            raise InputError(
                f"{text!r} has {len(text)} letters, and prompt, answer and end must fit into a context of "
                f"{self.context}. Set context higher."
            )

    def _check_letters(self, text: str) -> None:
        strange = set(text) - set(self.letters)
        if strange:
            raise InputError(
                f"{text!r} has letters that no human example or prompt has: {sorted(strange)}. Add examples with them."
            )


def transformer_of(settings: dict[str, Any], texts: Sequence[str]) -> Transformer:
    """The student with these settings for the letters of these texts.

    Raises:
        RecipeError: there is no such setting, or its value does not do.
        MissingExtraError: torch is not installed.
    """
    known = [name for name in Transformer.__dataclass_fields__ if name not in {"letters", "name"}]
    for name, value in settings.items():
        if name not in known:
            raise RecipeError(
                f"student.{name} is no setting of the student transformer. It has: {', '.join(known)}."
            )
        if isinstance(value, bool) or not isinstance(value, (int, float) if name == "rate" else int):
            raise RecipeError(
                f"student.{name} is {value!r}. Give a {'' if name == 'rate' else 'whole '}number."
            )
    letters = "".join(sorted(set().union(*texts) - {END}))
    return Transformer(letters=letters, **settings)


def _torch_part() -> ModuleType:
    try:
        from wellkeeper.feedback import _letters
    except ImportError as error:
        raise MissingExtraError("The student transformer", extra="torch") from error
    return _letters
