"""What rounds are made of, and what a line of rounds hangs on."""

from dataclasses import dataclass
from typing import Any

from wellkeeper import __version__
from wellkeeper.core.generated import Generated
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.feedback.evaluation import HeldOut
from wellkeeper.feedback.own import OwnDetector
from wellkeeper.feedback.plan import Plan
from wellkeeper.feedback.student import Example, Student
from wellkeeper.measure.jackknife import FEWEST_DOCUMENTS
from wellkeeper.suites.suite import Suite
from wellkeeper.vet.cards import Card
from wellkeeper.vet.verifiers import VerifierSet
from wellkeeper.watch.answer_texts import normalised


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What a plan's paths hold."""

    student: Student
    human: tuple[Example, ...]
    prompts: Suite
    held_out: HeldOut
    verifiers: VerifierSet | None = None  # None: all answers go in
    card: Card | None = None
    detector: OwnDetector | None = None  # for a selection by detector
    notes: tuple[str, ...] = ()  # what was guessed or left out when the human examples were read

    def check(self, plan: Plan) -> None:
        """Refuse what cannot be told apart later.

        Raises:
            InputError: a prompt of the rounds or of a human example is a held-out one, an item cannot be verified, or
                there are too few held-out items.
            RecipeError: texts are to be selected by what nobody can tell.
        """
        if plan.selection is not None:
            self._check_selection(plan.selection.by)
        many = len(self.held_out.suite.items)
        if many < FEWEST_DOCUMENTS:
            raise InputError(
                f"There are {many} held-out items, too few to tell whether a round does harm. Give at least "
                f"{FEWEST_DOCUMENTS}, better 200."
            )
        held_out = {normalised(str(item.prompt)): item.name for item in self.held_out.suite.items}
        for item in self.prompts.items:
            if (same := held_out.get(normalised(str(item.prompt)))) is not None:
                raise InputError(
                    f"The prompt {item.name} is that of the held-out item {same}: models would be measured on what "
                    "they were trained on. Take it out of one of the two."
                )
        for example in self.human:
            if (same := held_out.get(normalised(str(example.prompt)))) is not None:
                raise InputError(
                    f"A human example asks what the held-out item {same} asks: models would be measured on what they "
                    "were trained on. Take it out of one of the two."
                )
        if self.verifiers is not None:
            for item in self.prompts.items:
                self.verifiers.check(
                    Generated(id=item.name, text="", prompt=item.prompt, references=item.references)
                )

    def _check_selection(self, by: str) -> None:
        if by == "surprise" and not self.student.tells_surprise:
            raise RecipeError(
                f"Texts are to be selected by surprise, and the student {self.student.name} cannot tell it. Give it "
                "surprise(model, examples), or select at random."
            )
        if by == "detector" and self.detector is None:
            raise RecipeError(
                "Texts are to be selected by a detector, and there is none. Name it: selection: {by: detector, "
                "detector: FILE.py}."
            )


def identity_of(plan: Plan, materials: Materials, seed: int) -> dict[str, Any]:
    """All that a line hangs on."""
    written = {name: getattr(plan, name) for name in Plan.__dataclass_fields__ if name not in _PLACES}
    verifiers = materials.verifiers
    return {
        "version": __version__,
        "plan": written,
        "seed": seed,
        "student": materials.student.digest,
        "human": [[example.prompt, example.answer, example.rare] for example in materials.human],
        "prompts": materials.prompts.digest,
        "held_out": materials.held_out.suite.digest,
        "verifiers": None if verifiers is None else verifiers.digest,
        "card": None if materials.card is None else materials.card.digest,
        "detector": None if materials.detector is None else materials.detector.digest,
    }


_PLACES = frozenset(
    {"folder", "seeds", "student", "human", "prompts", "held_out", "verifiers", "card", "detector"}
)
"""Settings that say where something is, and not what: moving a file changes nothing."""
