"""Steps and mix, applied in order: one decision for every document, with its step, reason, score and survivor."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Ruling
from wellkeeper.mix.choose import choose
from wellkeeper.mix.plan import Mix, MixPlan
from wellkeeper.recipe.steps import step_named

MIX = "mix"
"""Name under which the ledger records what the mix left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTally:
    """What one step did, for the report."""

    step: str
    before: int  # documents it ruled on
    dropped: int
    review: int
    reasons: tuple[tuple[str, int], ...]  # most frequent first


@dataclass(slots=True, kw_only=True)
class Decisions:
    """One entry a document; codes index `steps` and `reasons`, -1 where no step objected."""

    decision: NDArray[np.uint8]
    step: NDArray[np.int32]
    reason: NDArray[np.int32]
    score: NDArray[np.float32]
    survivor: NDArray[np.int64]
    cluster: NDArray[np.int64]
    steps: list[str]
    reasons: list[str]
    tallies: list[StepTally]
    rulings: dict[str, Ruling]
    mix: Mix | None = None

    @property
    def kept(self) -> NDArray[np.bool_]:
        return np.asarray(self.decision == Decision.KEEP, np.bool_)

    def digest(self) -> str:
        """SHA-256 over all decisions: what a write pass was planned from."""
        state = hashlib.sha256()
        for array in (self.decision, self.step, self.reason, self.score, self.survivor, self.cluster):
            state.update(np.ascontiguousarray(array).tobytes())
        state.update("\n".join((*self.steps, "", *self.reasons)).encode())
        return state.hexdigest()


def undecided(documents: int) -> Decisions:
    """Every document kept, before any step has spoken."""
    return Decisions(
        decision=np.full(documents, Decision.KEEP, np.uint8),
        step=np.full(documents, -1, np.int32),
        reason=np.full(documents, -1, np.int32),
        score=np.full(documents, np.nan, np.float32),
        survivor=np.full(documents, -1, np.int64),
        cluster=np.full(documents, -1, np.int64),
        steps=[],
        reasons=[],
        tallies=[],
        rulings={},
    )


def apply_steps(corpus: Corpus, steps: Sequence[tuple[str, Mapping[str, Any]]]) -> Decisions:
    """Let each step rule on what the steps before it kept.

    Raises:
        RecipeError: a step is unknown or an option is wrong; all are checked before the first one runs.
    """
    checked = [(step_named(name), step_named(name).check(options)) for name, options in steps]
    decisions = undecided(len(corpus))
    for step, options in checked:
        active = decisions.kept
        record(decisions, step.rule(corpus, active, options), before=int(active.sum()))
    return decisions


def record(decisions: Decisions, ruling: Ruling, *, before: int) -> None:
    """Enter one ruling."""
    documents = ruling.documents
    decisions.decision[documents] = ruling.decision
    decisions.step[documents] = _code(decisions.steps, ruling.step)
    codes = np.array([_code(decisions.reasons, reason) for reason in ruling.reasons] or [-1], np.int32)
    decisions.reason[documents] = codes[ruling.reason]
    decisions.score[documents] = ruling.score
    decisions.survivor[documents] = ruling.survivor
    decisions.cluster[documents] = ruling.cluster
    # A survivor belongs to the group that its copies name.
    duplicates = ruling.survivor >= 0
    decisions.cluster[ruling.survivor[duplicates]] = ruling.cluster[duplicates]
    counts = np.bincount(ruling.reason, minlength=len(ruling.reasons)).tolist()
    reasons = sorted(
        ((reason, int(n)) for reason, n in zip(ruling.reasons, counts, strict=True) if n),
        key=lambda r: -r[1],
    )
    decisions.tallies.append(
        StepTally(
            step=ruling.step,
            before=before,
            dropped=int(np.count_nonzero(ruling.decision == Decision.DROP)),
            review=int(np.count_nonzero(ruling.decision == Decision.REVIEW)),
            reasons=tuple(reasons),
        )
    )
    decisions.rulings[ruling.step] = ruling


def apply_mix(corpus: Corpus, decisions: Decisions, plan: MixPlan) -> Mix:
    """Choose among the kept documents; enters what is left out and returns the choice.

    Raises:
        RecipeError: the constraints cannot hold together.
    """
    active = np.flatnonzero(decisions.kept)
    unit = plan.size.unit
    size = np.ones(len(active), np.int64) if unit == "documents" else corpus.column(unit)[active]
    mix = choose(
        plan,
        source=corpus.column("source")[active],
        month=corpus.column("month")[active],
        origin=corpus.column("origin_resolved")[active],
        priority=corpus.column("priority")[active],
        size=size,
    )
    out = np.flatnonzero(~mix.kept)
    record(
        decisions,
        Ruling(
            step=MIX,
            documents=active[out],
            decision=np.full(len(out), Decision.DROP, np.uint8),
            reason=mix.reason[out].astype(np.int32),
            score=np.full(len(out), np.nan, np.float32),
            survivor=np.full(len(out), -1, np.int64),
            # keep the duplicate group of a survivor that the mix leaves out
            cluster=decisions.cluster[active[out]],
            reasons=mix.reasons,
        ),
        before=len(active),
    )
    decisions.mix = mix
    return mix


def _code(names: list[str], name: str) -> int:
    if name not in names:
        names.append(name)
    return names.index(name)
