"""What a student is: a model that learns from examples and answers prompts.

A student is a pure function of what it is given: the same parent, examples and seed give the same model; the same
model, prompts and seed give the same answers. Then a run that was killed and goes on gives the same bytes as one that
was not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Output, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A prompt and the answer that a model is to learn."""

    prompt: Prompt
    answer: str
    rare: bool | None = None  # whether the prompt is of the tail; None: not known


class Student(Protocol):
    """Trains models and asks them. A model is any value that these functions understand."""

    @property
    def name(self) -> str:
        """What generated texts name as their generator."""

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal digits, of all but examples and seeds that decides models and answers."""

    @property
    def tells_surprise(self) -> bool:
        """Whether `surprise` can be asked."""

    def train(self, parent: Any | None, examples: Sequence[Example], seed: int) -> Any:
        """A model that has learnt the examples, beginning with the parent; None: with nothing, or a base of its own.

        Raises:
            InputError: an example cannot be learnt.
            WorkError: training failed.
        """

    def answer(
        self, model: Any, prompts: Sequence[Prompt], n: int, temperature: float, seed: int
    ) -> list[list[Output]]:
        """`n` answers to each prompt, in their order.

        Raises:
            InputError: a prompt cannot be given to this model.
            WorkError: the model cannot be asked.
        """

    def surprise(self, model: Any, examples: Sequence[Example]) -> NDArray[np.float64]:
        """How unlikely the model finds each answer after its prompt, shape (examples,).

        Negative log-likelihood in nats over the answer's own pieces (words, tokens or letters), its end among them; NaN
        where an answer has none.

        Raises:
            InputError: an example cannot be read.
            WorkError: the model cannot be asked.
        """

    def save(self, model: Any, folder: Path) -> None:
        """Write a model into an empty folder; the same model gives the same bytes."""

    def load(self, folder: Path) -> Any:
        """The model that `save` wrote.

        Raises:
            WorkError: it cannot be read.
        """
