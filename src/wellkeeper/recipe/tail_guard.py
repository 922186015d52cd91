"""`guard: {tail: 0.95}`: a curation that costs the tail more than allowed is refused, or relaxed.

Relaxing puts documents back, step by step, so that later steps judge them like any other. Only what a step took out
for the way it reads may come back (`wellkeeper.core.decision.Relaxable`): a copy, an evaluation item, a text without
rights or one that a model wrote does not become welcome because it holds a rare word.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision, Indices, Relaxable, Ruling
from wellkeeper.core.origin import SYNTHETIC
from wellkeeper.errors import RecipeError
from wellkeeper.measure.tail_restore import Goals, Restored, restore
from wellkeeper.mix.plan import KEEP_TAIL, RECIPE_KEYS
from wellkeeper.recipe.decide import MIX
from wellkeeper.recipe.model import Guard
from wellkeeper.recipe.steps import registered_steps
from wellkeeper.recipe.tail_cost import (
    DOCUMENTS,
    TOPICS,
    WORDS,
    Removal,
    StepCost,
    TailWatch,
    holdings_in,
    removal_of,
)

if TYPE_CHECKING:
    from wellkeeper.measure.tail_cost import Holdings

REASON = "guard: tail"
"""How the ledger's reason for a restored document begins; what it was dropped for follows."""

_FURTHER = 0.005  # retention by which restoring goes on

_SAID: Mapping[str, str] = {
    DOCUMENTS: "of the rare words that a random removal of as many documents leaves",
    WORDS: "of the rare words that a random removal of as many words leaves",
    TOPICS: "as large a share of rare topics as of common ones",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxed:
    """What was put back of one step's removals."""

    step: str
    documents: int
    before: Mapping[str, float]  # retention in all documents, by test
    after: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "restored": self.documents,
            "before": dict(self.before),
            "after": dict(self.after),
        }


class TailGuard:
    """Watches a curation as it is made; `amend` is given to `apply_steps` where the guard relaxes."""

    def __init__(self, guard: Guard, watch: TailWatch) -> None:
        self.guard = guard
        self.relaxed: list[Relaxed] = []
        self._watch = watch
        self._rare: Holdings | None = None

    def amend(self, ruling: Ruling, active: NDArray[np.bool_]) -> Ruling:
        """The ruling less the documents that the tail cannot spare.

        What looks like a loss in one step is made good at the level of its own tests: to relax by mistake costs a few
        documents, and a loss that counts only among all steps' tests must find them restored.
        """
        if not may_relax(ruling.step):
            return ruling
        removal = removal_of(ruling, active)
        losses = self._watch.cost(removal).losses(self.guard.tail)
        if not losses:
            return ruling
        found = self._restore(removal, losses)
        self.relaxed.append(
            Relaxed(step=ruling.step, documents=len(found.documents), before=found.before, after=found.after)
        )
        return spared(ruling, np.sort(found.documents))

    def check(self, costs: Sequence[StepCost]) -> None:
        """Refuse a curation that costs the tail more than the guard allows.

        Raises:
            RecipeError: a step, or the mix, lost too much, and what may come back, if anything, does not make it good.
        """
        if self._watch.is_blind and any(cost.removal.lost.any() for cost in costs):
            raise RecipeError(
                f"guard.tail is {self.guard.tail:g}, and it can watch nothing: no document has a rare word of the "
                "reference, and too few have its topics. Give a larger reference of the same kind, or remove the guard."
            )
        problems = [(cost.removal.step, sentence) for cost in costs for sentence in self._problems(cost)]
        if problems:
            said = " ".join(sentence for _, sentence in problems)
            steps = list(dict.fromkeys(step for step, _ in problems))
            raise RecipeError(f"guard.tail is {self.guard.tail:g}. {said} {self._next(steps)}")

    def to_json(self) -> dict[str, Any]:
        return {
            "tail": self.guard.tail,
            "action": self.guard.action,
            "restored": sum(one.documents for one in self.relaxed),
            "relaxed": [one.to_json() for one in self.relaxed],
        }

    def _problems(self, cost: StepCost) -> Iterator[str]:
        return (f"{cost.removal.step} {said}." for said in losses_said(cost, self.guard.tail))

    def _next(self, steps: Sequence[str]) -> str:
        which = " and ".join(steps)
        free = [step for step in steps if may_relax(step)]
        if free and self.guard.action == "refuse":
            return (
                f"Loosen {which}, lower the guard, or have {' and '.join(free)} put documents back: "
                f"--guard tail={self.guard.tail:g}:relax."
            )
        if free:
            return f"Loosen {which}, of whose documents no more may come back, or lower the guard."
        if steps == [MIX]:
            return f"Loosen its limits, give it a tail quota ({RECIPE_KEYS[KEEP_TAIL]}), or lower the guard."
        return f"Loosen {which}, whose documents the guard never puts back, or lower the guard."

    def _restore(self, removal: Removal, losses: Sequence[str]) -> Restored:
        corpus = self._watch.corpus
        if (
            self._rare is None
        ):  # to tell what was lost a sample will do; to choose what comes back, all must be known
            self._rare = holdings_in(corpus, self._watch.holdings.rare_alone(), np.arange(len(corpus)))
        welcome = ~np.isin(corpus.column("origin_resolved"), SYNTHETIC)
        most = np.count_nonzero(removal.lost & welcome)
        found, goal = None, self.guard.tail
        # the sample by which the step will be judged is one of many, and may need a little more than all of them do
        while losses and (found is None or (goal < 1 and len(found.documents) < most)):
            goal = goal if found is None else min(1.0, goal + _FURTHER)
            found = restore(
                self._rare,
                removal.judged,
                removal.lost,
                corpus.column("priority"),
                Goals(
                    guard=goal,
                    documents=DOCUMENTS in losses,
                    words=WORDS in losses,
                    topics=self._watch.votes if TOPICS in losses else None,
                ),
                sample=self._watch.share,
                welcome=welcome,
            )
            still = self._watch.cost(_without(removal, found.documents)).losses(self.guard.tail)
            losses = (*losses, *still) if still else ()
        assert found is not None, "there is a loss to make good"
        return found


def _without(removal: Removal, restored: Indices) -> Removal:
    lost = removal.lost.copy()
    lost[restored] = False
    return replace(removal, lost=lost)


def losses_said(cost: StepCost, guard: float) -> Iterator[str]:
    """What a removal kept of the tail, by each test that found it lost, without a subject or a full stop."""
    for test in cost.losses(guard):
        kept = cost.kept(test).retention
        yield f"keeps {kept.estimate:.3f} ({kept.low:.3f} to {kept.high:.3f}) {_SAID[test]}"


def may_relax(step: str) -> bool:
    """Whether a guard may put back what the step took out; the mix and earlier sets are no steps, and it may not."""
    found: object = registered_steps().get(step)
    return isinstance(found, Relaxable) and found.relaxable


def spared(ruling: Ruling, documents: Indices) -> Ruling:
    """The ruling, but that some of its documents (ascending) are kept, for which the reason tells of the guard."""
    chosen = np.isin(ruling.documents, documents)
    reasons = list(ruling.reasons)
    codes = ruling.reason.copy()
    for code in np.unique(ruling.reason[chosen]).tolist():
        codes[chosen & (ruling.reason == code)] = len(reasons)
        reasons.append(f"{REASON}, in spite of {ruling.reasons[code]}")
    decision = np.where(chosen, np.uint8(Decision.KEEP), ruling.decision).astype(np.uint8)
    return replace(ruling, decision=decision, reason=codes, reasons=tuple(reasons))
