"""The recipe's steps on origin: `artefacts.v1` on traces of chat tools, `origin.v1` on all evidence together.

Neither judges text that a source openly declares AI-made: how much of that goes in is the recipe's choice
(`mix.synthetic_share`), not a defect to remove. Both keep what they cannot tell, and hand documents whose
evidence contradicts itself to a person instead of dropping them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Indices, Ruling
from wellkeeper.core.evidence import BY_NAME, KINDS, Strength
from wellkeeper.core.origin import Origin
from wellkeeper.errors import RecipeError
from wellkeeper.origin.evidence import PRIORS, date_evidence, origin_of, probability

CONFLICTING = "conflicting-evidence"

# Kinds a text itself can show; those of weight 0, quotations above all, are no reason to drop anything.
_KINDS = tuple(
    kind.name
    for kind in sorted(KINDS, key=lambda kind: (-kind.weight, kind.bit))
    if kind.weight > 0 and (kind.strength is Strength.ARTEFACT or kind.name == "disclosure")
)
_DEFAULT_KINDS = tuple(
    name for name in _KINDS if BY_NAME[name].weight >= 2 and BY_NAME[name].strength is Strength.ARTEFACT
)


@dataclass(frozen=True, slots=True)
class Artefacts:
    """Rule on documents in which a chat tool left a trace.

    Options:
        kinds: evidence kinds to act on. Default: `citation-marker`, `assistant-voice`, `chat-template`, the
            traces of weight 2 or more. `disclosure`, `chat-referrer` and `unfilled-slot` can be added: an
            honest disclosure is a label, not a defect, and the other two occur in human text.
        action: `drop` (default) or `review`.

    The reason is the strongest of the kinds found. A document whose evidence contradicts itself, such as one
    declared human that speaks as an assistant, goes to review whatever the action.
    """

    name: str = "artefacts.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        _known(options, ("kinds", "action"), self.name)
        kinds = options.get("kinds", list(_DEFAULT_KINDS))
        if not isinstance(kinds, Sequence) or isinstance(kinds, str) or not kinds:
            raise RecipeError(f"{self.name}: kinds is {kinds!r}. Give a list of: {', '.join(_KINDS)}.")
        for kind in kinds:
            _choice(kind, _KINDS, f"{self.name}: kinds")
        action = options.get("action", "drop")
        _choice(action, ("drop", "review"), f"{self.name}: action")
        return {"kinds": list(kinds), "action": action}

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        mask = corpus.column("evidence_mask").astype(np.uint64)
        kinds = [kind for kind in _KINDS if kind in options["kinds"]]
        bits = np.uint64(sum(1 << BY_NAME[kind].bit for kind in kinds))
        documents = np.flatnonzero(active & ((mask & bits) != 0)).astype(np.int64)
        found = mask[documents]
        reason = np.full(documents.size, -1, np.int32)
        for number, kind in enumerate(kinds):
            reason[(reason < 0) & ((found >> np.uint64(BY_NAME[kind].bit)) & np.uint64(1) == 1)] = number
        _, _, conflict = _judged(corpus, documents, "by-month")
        decision = np.full(documents.size, Decision[options["action"].upper()], np.uint8)
        decision[conflict] = Decision.REVIEW
        counts = {kind: int(np.count_nonzero(reason == number)) for number, kind in enumerate(kinds)}
        reason[conflict] = len(kinds)
        return _ruling(
            self.name,
            documents,
            decision,
            reason,
            np.full(documents.size, math.nan, np.float32),
            (*kinds, CONFLICTING),
            {"documents_by_kind": counts, "conflicts": int(conflict.sum())},
        )


@dataclass(frozen=True, slots=True)
class OriginStep:
    """Rule on the posterior probability of AI in a document's making, from all evidence on it.

    Options:
        drop_above: drop where the probability is above this, in (0, 1]; 1 drops nothing. Default 0.99.
        review_between: [low, high], both ends included: send to review. Default [0.8, 0.99]; null: never.
        declared: `keep` (default) leaves documents that their source declares ai-generated or ai-assisted
            alone, for `mix.synthetic_share` to govern; `drop` drops them all.
        prior: `by-month` (default) or `neutral`; see `wellkeeper.origin.evidence`.

    The score is the probability. Documents whose evidence contradicts itself go to review.
    """

    name: str = "origin.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        _known(options, ("drop_above", "review_between", "declared", "prior"), self.name)
        drop_above = options.get("drop_above", 0.99)
        if not _is_probability(drop_above) or drop_above == 0:
            raise RecipeError(
                f"{self.name}: drop_above is {drop_above!r}. "
                "Give a probability above 0 and up to 1, such as 0.99."
            )
        between = options.get("review_between", [0.8, 0.99])
        if between is not None and not _is_interval(between):
            raise RecipeError(
                f"{self.name}: review_between is {between!r}. "
                "Give two probabilities, the lower first, such as [0.8, 0.99], or null."
            )
        declared = options.get("declared", "keep")
        _choice(declared, ("keep", "drop"), f"{self.name}: declared")
        prior = options.get("prior", "by-month")
        _choice(prior, tuple(PRIORS), f"{self.name}: prior")
        return {
            "drop_above": float(drop_above),
            "review_between": None if between is None else [float(end) for end in between],
            "declared": declared,
            "prior": prior,
        }

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        candidates = np.flatnonzero(active).astype(np.int64)
        declared, score, conflict = _judged(corpus, candidates, options["prior"])
        drop = score > options["drop_above"]
        between = options["review_between"]
        review = (
            np.zeros(score.size, bool) if between is None else (between[0] <= score) & (score <= between[1])
        )
        review &= ~drop
        decision = np.select(
            [conflict, drop, review], [Decision.REVIEW, Decision.DROP, Decision.REVIEW], Decision.KEEP
        )
        reason = np.where(conflict, 1, 0)
        ours = np.isin(declared, (Origin.AI_GENERATED, Origin.AI_ASSISTED))
        decision[ours] = Decision.DROP if options["declared"] == "drop" else Decision.KEEP
        reason[ours] = 2
        ruled = decision != Decision.KEEP
        return _ruling(
            self.name,
            candidates[ruled],
            decision[ruled].astype(np.uint8),
            reason[ruled].astype(np.int32),
            score[ruled].astype(np.float32),
            ("ai-evidence", CONFLICTING, "declared-ai"),
            {
                "prior": str(PRIORS[options["prior"]]),
                "declared_ai": int(ours.sum()),
                "conflicts": int((conflict & ~ours).sum()),
            },
        )


ARTEFACTS: Final = Artefacts()
ORIGIN: Final = OriginStep()


def _judged(
    corpus: Corpus, documents: Indices, prior: str
) -> tuple[NDArray[np.uint8], NDArray[np.float64], NDArray[np.bool_]]:
    """Declared origin, posterior probability and conflict of the given documents."""
    mask = corpus.column("evidence_mask")[documents].astype(np.uint64)
    declared = corpus.column("origin")[documents].astype(np.uint8)
    captured_at = corpus.column("captured_at")[documents].astype(np.int64)
    mask |= date_evidence(captured_at, corpus.column("captured_basis")[documents].astype(np.uint8))
    _, odds, _, conflict = origin_of(mask, declared, captured_at, prior=PRIORS[prior])
    return declared, probability(odds), conflict


def _ruling(
    step: str,
    documents: Indices,
    decision: NDArray[np.uint8],
    reason: NDArray[np.int32],
    score: NDArray[np.float32],
    reasons: tuple[str, ...],
    facts: Mapping[str, Any],
) -> Ruling:
    nobody = np.full(documents.size, -1, np.int64)
    return Ruling(
        step=step,
        documents=documents,
        decision=decision,
        reason=reason,
        score=score,
        survivor=nobody,
        cluster=nobody.copy(),
        reasons=reasons,
        facts=facts,
    )


def _known(options: Mapping[str, Any], allowed: Sequence[str], step: str) -> None:
    for option in options:
        if option not in allowed:
            raise RecipeError(f"{step} has no option {option!r}. {_instead(option, allowed)}")


def _choice(value: Any, allowed: Sequence[str], what: str) -> None:
    if value not in allowed:
        raise RecipeError(f"{what} is {value!r}. {_instead(value, allowed)}")


def _instead(value: Any, allowed: Sequence[str]) -> str:
    close = get_close_matches(str(value), allowed, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Use one of: {', '.join(allowed)}."


def _is_probability(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_interval(value: Any) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        return False
    return all(map(_is_probability, value)) and value[0] <= value[1]
