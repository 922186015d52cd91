"""A pre-trained model that is fine-tuned on examples: a folder of transformers, or a GGUF file of a Llama.

Only the answer's tokens are learnt. By default the last four layers change, and these alone are kept of a round.
Answers are drawn token by token from the model's own distribution, as many at once as there are samples of a prompt.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.answers import Output, Prompt
from wellkeeper.engine.language_models import digest_of_folder
from wellkeeper.engine.store import sha256_of_file
from wellkeeper.errors import MissingExtraError, RecipeError
from wellkeeper.feedback.folder import digest_of
from wellkeeper.feedback.student import Example

if TYPE_CHECKING:
    from wellkeeper.lab.worlds._tuned import Tuned


@dataclass(frozen=True, slots=True, kw_only=True)
class TunedStudent:
    """A `Student` that fine-tunes one pre-trained model."""

    model: Path
    layers: int = 4  # last layers that are tuned; 0: all weights
    rate: float = 1e-4  # of AdamW
    epochs: int = 2  # times that a training set is read
    batch: int = 8  # examples of a step
    tokens: int = 32  # most of one answer

    def __post_init__(self) -> None:
        """Open the model: better missed before a run than in it.

        Raises:
            InputError: there is no model that can be used.
            MissingExtraError: torch or transformers is not installed; or gguf, for a GGUF file.
            RecipeError: a setting makes no sense.
        """
        for name, least in (("layers", 0), ("epochs", 1), ("batch", 1), ("tokens", 1)):
            if getattr(self, name) < least:
                raise RecipeError(f"student.{name} is {getattr(self, name)}. Give at least {least}.")
        if self.rate <= 0:
            raise RecipeError(f"student.rate is {self.rate}. Give a rate above 0, such as 0.0001.")
        _torch_part().opened(self.model)

    @property
    def name(self) -> str:
        return self.model.stem

    @property
    def digest(self) -> str:
        whole = digest_of_folder(self.model) if self.model.is_dir() else sha256_of_file(self.model)
        settings = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "model"}
        return digest_of([whole, settings])

    def train(self, parent: "Tuned | None", examples: Sequence[Example], seed: int) -> "Tuned":
        model: Tuned = _torch_part().trained(self, parent, examples, seed)
        return model

    def answer(
        self, model: "Tuned", prompts: Sequence[Prompt], n: int, temperature: float, seed: int
    ) -> list[list[Output]]:
        answers: list[list[Output]] = _torch_part().answers(self, model, prompts, n, temperature, seed)
        return answers

    @property
    def tells_surprise(self) -> bool:
        return True

    def surprise(self, model: "Tuned", examples: Sequence[Example]) -> NDArray[np.float64]:
        """In nats a token."""
        found: NDArray[np.float64] = _torch_part().surprise(self, model, examples)
        return found

    def save(self, model: "Tuned", folder: Path) -> None:
        _torch_part().save(model, folder)

    def load(self, folder: Path) -> "Tuned":
        model: Tuned = _torch_part().load(self, folder)
        return model


def tuned_of(settings: dict[str, Any], folder: Path) -> TunedStudent:
    """The student with these settings; paths are relative to the folder.

    Raises:
        RecipeError: a setting is missing or unknown, or its value does not do.
        InputError, MissingExtraError: as of `TunedStudent`.
    """
    known = list(TunedStudent.__dataclass_fields__)
    for name, value in settings.items():
        if name not in known:
            raise RecipeError(
                f"student.{name} is no setting of the student transformers. It has: {', '.join(known)}."
            )
        wanted: Any = str if name == "model" else (int, float) if name == "rate" else int
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise RecipeError(
                f"student.{name} is {value!r}. Give {'a path' if name == 'model' else 'a number'}."
            )
    if "model" not in settings:
        raise RecipeError(
            "The student transformers tunes a model that you have. Name it: student: {kind: transformers, model: PATH}."
        )
    return TunedStudent(**{**settings, "model": folder / settings["model"]})


def _torch_part() -> ModuleType:
    try:
        from wellkeeper.feedback import _tuned
    except ImportError as error:
        raise MissingExtraError("The student transformers", extra="lm-torch") from error
    return _tuned
