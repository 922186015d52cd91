"""Is the judge still the one on its card? Labelled texts are judged again in the session that judges the set.

A judge is a model, and its provider may change it between the day of its card and today. So it is given some labelled
texts again, its anchors. Where it accepts right ones less often than on its card, or wrong ones more often, by more
than chance, none of its verdicts counts: they are unknown.

Ask a judge about its anchors without a cache, or the old judge answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wellkeeper.measure.verifier import risen
from wellkeeper.vet.cards import Card, Labelled
from wellkeeper.vet.labels import LabelledItem
from wellkeeper.vet.verdicts import Said

LEVEL = 0.05
"""Chance that a judge that did not change is doubted, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorCheck:
    """A judge's verdicts on its anchors, held against its card."""

    name: str  # of the judge
    right: Labelled
    wrong: Labelled
    p: float  # of a judge that is as good as its card, in [0, 1]; the smaller of two, doubled

    @property
    def anchors(self) -> int:
        """Labelled texts that it gave a verdict on."""
        return self.right.told + self.wrong.told

    @property
    def is_worse(self) -> bool:
        """Whether it accepts right texts less often than on its card, or wrong ones more often."""
        return self.p <= LEVEL

    @property
    def said(self) -> str:
        """What was found, in a sentence, with what follows from it."""
        found = (
            f"{self.name} accepted {self.right.accepted} of {self.right.told} right anchors and "
            f"{self.wrong.accepted} of {self.wrong.told} wrong ones"
        )
        if self.is_worse:
            return f"{found}, worse than on its card (p = {self.p:.2g}): it changed, and its verdicts count as unknown."
        return f"{found}, as on its card (p = {self.p:.2g})."

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "anchors": self.anchors,
            "p": self.p,
            "worse": self.is_worse,
            "said": self.said,
        }


def held_to_card(card: Card, anchors: Sequence[LabelledItem], said: Sequence[Said]) -> AnchorCheck:
    """The verdicts that a judge gives today on labelled texts, in their order, held against its card."""
    right, wrong = (
        Labelled.of(verdict for verdict, one in zip(said, anchors, strict=True) if one.right is label)
        for label in (True, False)
    )
    p = min(
        1.0,
        2 * risen(card.right.let_go, right.let_go),
        2 * risen(card.wrong.kept, wrong.kept),
    )
    return AnchorCheck(name=card.name, right=right, wrong=wrong, p=p)
