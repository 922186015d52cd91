"""Steps and mix, applied in order: one decision for every document, with its step, reason, score and survivor."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Indices, RepeatedSpans, Ruling, Stretches, Weights
from wellkeeper.mix.choose import choose
from wellkeeper.mix.plan import WEIGHT, Epochs, Mix, MixPlan
from wellkeeper.mix.sampling import copies_of
from wellkeeper.recipe.steps import step_named

Amend: TypeAlias = Callable[[Ruling, NDArray[np.bool_]], Ruling]
"""Changes a ruling on the documents that were active, before it is entered."""

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
    restored: int = 0  # that steps before it had taken out


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """Words that are left out of the texts of kept documents, and how much that is of each, ascending."""

    stretches: Stretches  # apart from each other, by document
    documents: Indices
    words: NDArray[np.int64]
    bytes: NDArray[np.int64]


_NOTHING = np.zeros(0, np.int64)
NO_CUTS = Cuts(
    stretches=Stretches(_NOTHING, _NOTHING, _NOTHING), documents=_NOTHING, words=_NOTHING, bytes=_NOTHING
)


@dataclass(slots=True, kw_only=True)
class Decisions:
    """One entry a document; codes index `steps` and `reasons`, -1 where no step objected."""

    decision: NDArray[np.uint8]
    step: NDArray[np.int16]
    reason: NDArray[np.int16]
    score: NDArray[np.float32]
    survivor: NDArray[Any]  # int32, or int64 where there are more documents
    cluster: NDArray[Any]
    weight: NDArray[np.float32]
    steps: list[str]
    reasons: list[str]
    tallies: list[StepTally]
    rulings: dict[str, Ruling]
    sequence: list[Ruling] = field(default_factory=list)  # every ruling in order; a step may have ruled twice
    spans: list[RepeatedSpans] = field(default_factory=list)  # one a step that looked for any
    cuts: Cuts = NO_CUTS
    mix: Mix | None = None
    against: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Of a document that an earlier set has already: that set, and the id of the document there."""

    @property
    def kept(self) -> NDArray[np.bool_]:
        return np.asarray(self.decision == Decision.KEEP, np.bool_)

    def digest(self) -> str:
        """SHA-256 over all decisions: what a write pass was planned from."""
        state = hashlib.sha256()
        columns = (
            self.decision,
            self.step,
            self.reason,
            self.score,
            self.survivor,
            self.cluster,
            self.weight,
        )
        for array in (*columns, *self.cuts.stretches):
            state.update(np.ascontiguousarray(array).tobytes())
        state.update("\n".join((*self.steps, "", *self.reasons)).encode())
        if self.against:
            state.update(repr(sorted(self.against.items())).encode())
        return state.hexdigest()


def undecided(documents: int) -> Decisions:
    """Every document kept, before any step has spoken; in the smallest types that hold it, for there may be many."""
    place = np.int32 if documents < 1 << 31 else np.int64
    return Decisions(
        decision=np.full(documents, Decision.KEEP, np.uint8),
        step=np.full(documents, -1, np.int16),
        reason=np.full(documents, -1, np.int16),
        score=np.full(documents, np.nan, np.float32),
        survivor=np.full(documents, -1, place),
        cluster=np.full(documents, -1, place),
        weight=np.ones(documents, np.float32),
        steps=[],
        reasons=[],
        tallies=[],
        rulings={},
    )


def apply_steps(
    corpus: Corpus,
    steps: Sequence[tuple[str, Mapping[str, Any]]],
    decisions: Decisions | None = None,
    *,
    amend: Amend | None = None,
    then: Callable[[], None] | None = None,
) -> Decisions:
    """Let each step rule on what the steps before it, and `decisions` if given, kept; these are entered into.

    What `amend` makes of a ruling is entered in its place, and later steps rule on what it spares. `then` is called
    after each step, and may put documents back, on which later steps rule, too.

    Raises:
        RecipeError: a step is unknown or an option is wrong; all are checked before the first one runs.
    """
    checked = [(step_named(name), step_named(name).check(options)) for name, options in steps]
    decisions = undecided(len(corpus)) if decisions is None else decisions
    for step, options in checked:
        active = decisions.kept
        ruling = step.rule(corpus, active, options)
        if amend is not None:
            ruling = amend(ruling, active)
        record(decisions, ruling, before=int(active.sum()))
        if then is not None:
            then()
    return decisions


def record(decisions: Decisions, ruling: Ruling, *, before: int) -> None:
    """Enter one ruling."""
    documents = ruling.documents
    was_kept = (
        decisions.decision[documents] == Decision.KEEP
    )  # people also decide on what steps had taken out
    decisions.decision[documents] = ruling.decision
    decisions.step[documents] = code_of(decisions.steps, ruling.step)
    codes = np.array([code_of(decisions.reasons, reason) for reason in ruling.reasons] or [-1], np.int32)
    decisions.reason[documents] = codes[ruling.reason]
    decisions.score[documents] = ruling.score
    decisions.survivor[documents] = ruling.survivor
    if ruling.spans is not None:
        decisions.spans.append(ruling.spans)
    if ruling.weights is not None:
        _weigh(decisions, ruling.step, ruling.weights)
    grouped = ruling.cluster >= 0  # other steps leave the duplicate group of a survivor as it is
    decisions.cluster[documents[grouped]] = ruling.cluster[grouped]
    # A survivor belongs to the group that its copies name.
    duplicates = (ruling.survivor >= 0) & grouped
    decisions.cluster[ruling.survivor[duplicates]] = ruling.cluster[duplicates]
    # a guard may spare documents, and says why in its ruling
    went = was_kept & (ruling.decision != Decision.KEEP)
    counts = np.bincount(ruling.reason[went], minlength=len(ruling.reasons)).tolist()
    reasons = sorted(
        ((reason, int(n)) for reason, n in zip(ruling.reasons, counts, strict=True) if n),
        key=lambda r: -r[1],
    )
    decisions.tallies.append(
        StepTally(
            step=ruling.step,
            before=before,
            dropped=int(np.count_nonzero(went & (ruling.decision == Decision.DROP))),
            review=int(np.count_nonzero(went & (ruling.decision == Decision.REVIEW))),
            reasons=tuple(reasons),
            restored=int(np.count_nonzero(~was_kept & (ruling.decision == Decision.KEEP))),
        )
    )
    decisions.rulings[ruling.step] = ruling
    decisions.sequence.append(ruling)


def _weigh(decisions: Decisions, step: str, weights: Weights) -> None:
    """Enter factors on sampling weights; documents whose factor is 1 stay as they are."""
    changed = weights.factor != 1
    documents = weights.documents[changed]
    if len(documents):
        decisions.weight[documents] *= weights.factor[changed]
        decisions.step[documents] = code_of(decisions.steps, step)
        decisions.reason[documents] = code_of(decisions.reasons, weights.reason)
        decisions.score[documents] = weights.score[changed]


def leave_out(
    decisions: Decisions,
    step: str,
    documents: Indices,
    *,
    reason: NDArray[np.int32],
    reasons: tuple[str, ...],
    score: NDArray[np.float32],
    facts: Mapping[str, Any],
    before: int,
) -> None:
    """Enter documents, ascending, that go while no other of the corpus stays in their place."""
    nobody = np.full(len(documents), -1, np.int64)
    ruling = Ruling(
        step=step,
        documents=documents,
        decision=np.full(len(documents), Decision.DROP, np.uint8),
        reason=reason,
        score=score,
        survivor=nobody,
        cluster=nobody,
        reasons=reasons,
        facts=facts,
    )
    record(decisions, ruling, before=before)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixTopics:
    """Topics, as a mix with a tail quota needs them."""

    of: NDArray[np.int32]  # shape (documents,): topic of each document of the corpus, -1 where it has none
    reference: NDArray[np.int64]  # shape (topics,): documents of the human reference
    names: tuple[str, ...]


VectorsOf: TypeAlias = Callable[[Indices], NDArray[np.int16]]
"""Unit vectors of some documents, ascending, in units of 1 / `VECTOR_UNIT`."""


def apply_mix(
    corpus: Corpus,
    decisions: Decisions,
    plan: MixPlan,
    topics: MixTopics | None = None,
    vectors: VectorsOf | None = None,
) -> Mix:
    """Choose among the kept documents; enters what is left out and returns the choice.

    Unless the plan keeps sampling weights as they are, each becomes the number of copies that it draws and the mix has
    room for: a kept document's weight is then whole, and one without a copy is left out. Weights that the plan keeps
    are multiplied by how often the mix takes a document.

    Raises:
        DataError: the plan has a tail quota and there are no topics, or spreads documents and there are no vectors.
        RecipeError: the constraints cannot hold together.
    """
    active = np.flatnonzero(decisions.kept)
    weights = decisions.weight[active]
    drawn = plan.weights is None and bool((weights != 1).any())
    copies = copies_of(weights, corpus.column("priority")[active]) if drawn else None
    unit = plan.size.unit
    size = np.ones(len(active), np.uint8) if unit == "documents" else corpus.column(unit)[active]
    coded = {kind: corpus.codes(kind) for kind in plan.caps if kind != "month"}
    names = {kind: of for kind, (_, of) in coded.items()}
    mix = choose(
        plan,
        source=corpus.column("source")[active],
        month=corpus.column("month")[active],
        origin=corpus.column("origin_resolved")[active],
        priority=corpus.column("priority")[active],
        size=size,
        labels={kind: codes[active] for kind, (codes, _) in coded.items() if kind != "source"},
        names=names if topics is None else {**names, "topic": topics.names},
        copies=copies,
        epochs=_epochs_of(corpus, plan)[active] if plan.repeats else None,
        topic=None if topics is None else topics.of[active],
        reference_topics=None if topics is None else topics.reference,
        vectors=vectors(active) if vectors is not None and plan.spread else None,
    )
    if mix.copies is not None:
        times = mix.copies[mix.kept].astype(np.float32)
        decisions.weight[active[mix.kept]] = times if plan.weights is None else weights[mix.kept] * times
    out = np.flatnonzero(~mix.kept)
    leave_out(
        decisions,
        MIX,
        active[out],
        reason=mix.reason[out].astype(np.int32),
        reasons=mix.reasons,
        score=np.where(mix.reason[out] == mix.reasons.index(WEIGHT), weights[out], np.float32(np.nan)),
        facts={},
        before=len(active),
    )
    decisions.mix = mix
    return mix


def _epochs_of(corpus: Corpus, plan: MixPlan) -> NDArray[np.int64]:
    """How often each document may be taken: a matter of the recipe's source that it comes from."""
    epochs = plan.epochs or Epochs()
    most = [epochs.named.get(name, epochs.most) for name in corpus.group_names()]
    return np.asarray(np.array(most, np.int64)[corpus.column("group")])


def code_of(names: list[str], name: str) -> int:
    """Place of a name in a list, at the end of which it is put if it is not there."""
    if name not in names:
        names.append(name)
    return names.index(name)
