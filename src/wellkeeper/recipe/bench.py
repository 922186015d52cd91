"""Recipes tried out: what steps and a mix would do to a corpus that an audit has read, from its sidecars alone.

Steps are applied once; mixes then choose, one after the other, among what they leave. Nothing here writes anything.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.errors import RecipeError
from wellkeeper.filter.quality import QUALITY, RULES
from wellkeeper.recipe.audit import Audited
from wellkeeper.recipe.corpus import LoadedCorpus, month_label
from wellkeeper.recipe.curate import Human, curation_document
from wellkeeper.recipe.decide import MIX, Decisions, apply_mix, apply_steps
from wellkeeper.recipe.findings import curation_findings_of
from wellkeeper.recipe.model import Recipe, StepCall
from wellkeeper.recipe.propose import CAPPED, RETENTION, Largest, Left, Trial
from wellkeeper.recipe.tail_cost import Removal, StepCost, TailWatch, removals
from wellkeeper.recipe.tail_guard import TailGuard, losses_said
from wellkeeper.recipe.tails import word_sample


class Bench:
    """A corpus on which steps and mixes are tried, from its sidecars."""

    def __init__(self, found: Audited, *, seed: int) -> None:
        self.corpus = found.corpus
        self.reference = found.reference
        human = _human(found)
        self._topics = None if human is None else human.for_mix()
        self._watch = None
        if human is not None:
            self._watch = TailWatch(human.corpus, human.mine, human.theirs, topics=human.topics, seed=seed)
        self._seed = seed
        self._steps: tuple[StepCall, ...] | None = None
        self._stepped: Decisions | None = None
        self._mixed: Decisions | None = None

    # --- quality rules

    def trials(self, trials: Sequence[Trial]) -> list[Trial]:
        """The rules with what they take of the reference and cost its tail, one by one and then together.

        A loss is judged at the level of its own tests, as where the guard relaxes: to leave a rule out by mistake costs
        a few bad documents.
        """
        if self.reference is None or self._watch is None:
            return list(trials)
        tried = [self._tried(trial, self.reference) for trial in trials]
        while kept := [trial for trial in tried if trial.objection() is None]:
            cost = self._cost(trial.rule for trial in kept)
            if cost is None:
                break
            worst = max(kept, key=lambda trial: trial.documents)
            told = f"with the other rules it {cost}"
            tried = [replace(trial, cost=told) if trial is worst else trial for trial in tried]
        return tried

    def _tried(self, trial: Trial, reference: LoadedCorpus) -> Trial:
        failing = int(np.count_nonzero(_fails(reference, trial.rule)))
        cost = self._cost([trial.rule])
        return replace(
            trial, reference=(failing, len(reference)), cost=None if cost is None else f"it {cost}"
        )

    def _cost(self, rules: Iterable[str]) -> str | None:
        lost = np.zeros(len(self.corpus), np.bool_)
        for rule in rules:
            lost |= _fails(self.corpus, rule)
        return self._loss(_removal(QUALITY.name, np.ones(len(lost), np.bool_), lost))

    def _loss(self, removal: Removal) -> str | None:
        assert self._watch is not None, "asked for where there is a reference"
        return next(losses_said(self._watch.cost(removal), RETENTION), None)

    # --- steps and mix

    def step(self, plan: Recipe) -> None:
        """Apply the steps of a recipe, unless they are those that were applied last."""
        if self._stepped is None or plan.steps != self._steps:
            self._stepped = apply_steps(self.corpus, [(step.name, step.options) for step in plan.steps])
            self._steps = plan.steps
        self._mixed = self._stepped

    def mix(self, plan: Recipe) -> str | None:
        """Apply the mix of a recipe after the steps; where it cannot hold, says why and leaves all as it was."""
        assert self._stepped is not None, "steps come first"
        decisions = _branch(self._stepped)
        try:
            apply_mix(self.corpus, decisions, plan.mix, self._topics)
        except RecipeError as error:
            return str(error)
        self._mixed = decisions
        return None

    def mix_loss(self) -> str | None:
        """What the mix costs the tail, at the level of its own tests; None: no more than chance."""
        if self._watch is None:
            return None
        for removal in removals(self.decisions, len(self.corpus)):
            if removal.step == MIX and (loss := self._loss(removal)) is not None:
                return f"the mix then {loss}."
        return None

    def left(self) -> Left:
        """What is left of the corpus, after the mix where one was applied."""
        return _left_of(self.corpus, self.decisions.kept)

    @property
    def decisions(self) -> Decisions:
        assert self._mixed is not None, "steps come first"
        return self._mixed

    def refusal(self, plan: Recipe) -> str | None:
        """What the recipe's guard says of what it decided; None: it lets it pass, or there is none."""
        if plan.guard is None or self._watch is None:
            return None
        try:
            TailGuard(plan.guard, self._watch).check(self._costs())
        except RecipeError as error:
            return str(error)
        return None

    def _costs(self) -> list[StepCost]:
        assert self._watch is not None, "asked for where there is a reference"
        return self._watch.costs(self.decisions)

    # --- what is told

    def kept(self, plan: Recipe, *, name: str) -> dict[str, Any]:
        """What the recipe keeps, as `curate --dry-run` tells it, and what it keeps of the tail as a whole."""
        self.step(plan)
        problem = self.mix(plan)
        assert problem is None, f"every line was tried: {problem}"
        document = curation_document(
            name, plan, self.corpus, self.decisions, None, seed=self._seed, tails=False
        )
        document |= {"tail_cost": None, "tail": None, "dry_run": True}
        if self._watch is not None:
            document["tail_cost"] = self._watch.describe(self._costs())
            document["tail"] = self._whole_tail(self._watch)
        document["findings"] = [finding.to_json() for finding in curation_findings_of(document)]
        return document

    def _whole_tail(self, watch: TailWatch) -> dict[str, Any] | None:
        """The cost of the whole recipe, as if it were one removal; None where nothing is lost."""
        lost = np.zeros(len(self.corpus), np.bool_)
        for removal in removals(self.decisions, len(self.corpus)):
            lost |= removal.lost
        if not lost.any():
            return None
        cost = watch.cost(_removal("recipe", np.ones(len(lost), np.bool_), lost))
        return {
            "judged": len(lost),
            "removed": int(np.count_nonzero(lost)),
            "words": None if cost.words is None else cost.words.to_json(),
            "topics": None if cost.topics is None else cost.topics.to_json(),
        }


def _human(found: Audited) -> Human | None:
    if found.reference is None or found.topics is None:
        return None
    return Human(
        corpus=found.corpus,
        mine=word_sample(found.corpus),
        theirs=word_sample(found.reference),
        beside=found.reference,
        topics=found.topics,
    )


def _fails(corpus: LoadedCorpus, rule: str) -> NDArray[np.bool_]:
    return RULES[rule].fails(corpus.column(RULES[rule].column))


def _removal(step: str, judged: NDArray[np.bool_], lost: NDArray[np.bool_]) -> Removal:
    return Removal(step=step, judged=judged, lost=lost, replaced=0)


def _branch(decisions: Decisions) -> Decisions:
    """Decisions that go on from these and leave them as they are."""
    return Decisions(**{part.name: copy(getattr(decisions, part.name)) for part in fields(decisions)})


def _left_of(corpus: LoadedCorpus, kept: NDArray[np.bool_]) -> Left:
    origin = corpus.column("origin_resolved")[kept]
    largest = {kind: found for kind in CAPPED if (found := _largest(corpus, kind, kept)) is not None}
    return Left(
        documents=len(origin),
        human=int(np.count_nonzero(origin == Origin.HUMAN)),
        synthetic=int(np.count_nonzero(np.isin(origin, SYNTHETIC))),
        largest=largest,
    )


def _largest(corpus: LoadedCorpus, kind: str, kept: NDArray[np.bool_]) -> Largest | None:
    codes, names = (corpus.column("month"), None) if kind == "month" else corpus.codes(kind)
    found = codes[kept & (codes >= 0)]
    if not found.size:
        return None
    documents = np.bincount(found)
    first = int(documents.argmax())
    return Largest(
        name=month_label(first) if names is None else names[first],
        documents=int(documents[first]),
        groups=int(np.count_nonzero(documents)),
    )
