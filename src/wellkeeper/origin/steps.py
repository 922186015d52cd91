"""The recipe's steps on origin.

- `artefacts.v1` rules on traces of chat tools,
- `origin.v1` on all evidence together, and on style by flags whose error rate is known,
- `weight-by-origin.v1` drops nothing: it makes probable AI text rarer in what is sampled.

The first two do not judge text that a source openly declares AI-made: how much of that goes in is the recipe's choice
(`mix.synthetic_share`), not a defect to remove. They keep what they cannot tell, and hand documents whose evidence
contradicts itself to a person instead of dropping them. Style alone drops nothing unless the recipe says so in
`flag`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Corpus, Decision, Indices, Keyed, Referenced, Ruling, Weights
from wellkeeper.core.evidence import BY_NAME, KINDS, Strength
from wellkeeper.core.origin import AI_MADE, LABELS
from wellkeeper.errors import RecipeError
from wellkeeper.origin.evidence import (
    PRIORS,
    date_evidence,
    origin_of,
    probability,
    style_log10_by_slice,
    traced_by_ai,
    watermark_evidence,
)
from wellkeeper.origin.weights import effective_size, origin_weights

if TYPE_CHECKING:
    from wellkeeper.origin.flags import Flags

CONFLICTING = "conflicting-evidence"
FLAGGED = "style-flag"
WEIGHED = "weighed-by-origin"
_CONTROLS = ("false-alarms", "discoveries")  # as in wellkeeper.origin.flags, which few recipes need

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
        conflict = _judged(corpus, documents, "by-month").conflict
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
        flag: also rule on style, by tests against the run's human references (anchors); null (default): not at all.
            level: greatest rate of errors, in (0, 1). Default 0.01.
            control: `false-alarms` (default): of human documents, at most this share is flagged; `discoveries`: of
                flagged documents, at most this share is human. By source, read sources for documents.
            by: `document` (default) or `source`, all of whose documents are judged together.
            action: `review` (default), `drop`, or `weigh`: keep, and multiply the sampling weight by 1 - probability.

    The score is the probability, or for `style-flag` the p-value. Documents whose evidence contradicts itself go to
    review; so do, instead of being dropped, flagged ones that are declared, or by their date known to be, human.
    Where the run has references of both kinds, style is part of the probability, but the thresholds pass over
    documents that have no other evidence of AI: on style alone rules nothing but `flag`.

    Raises:
        RecipeError: `flag` is asked for in a run without references, or none of its slices has enough for the level.
    """

    name: str = "origin.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        _known(options, ("drop_above", "review_between", "declared", "prior", "flag"), self.name)
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
            "flag": self._checked_flag(options.get("flag")),
        }

    def _checked_flag(self, given: Any) -> dict[str, Any] | None:
        if given is None:
            return None
        if not isinstance(given, Mapping):
            raise RecipeError(
                f"{self.name}: flag is {given!r}. Give a mapping, such as {{level: 0.01, by: source}}, or null."
            )
        _known(given, ("level", "control", "by", "action"), f"{self.name}: flag")
        checked = {"level": 0.01, "control": _CONTROLS[0], "by": "document", "action": "review", **given}
        level = checked["level"]
        if not _is_probability(level) or level in (0, 1):
            raise RecipeError(
                f"{self.name}: flag.level is {level!r}. Give a rate above 0 and below 1, such as 0.01."
            )
        _choice(checked["control"], _CONTROLS, f"{self.name}: flag.control")
        _choice(checked["by"], ("document", "source"), f"{self.name}: flag.by")
        _choice(checked["action"], ("review", "drop", "weigh"), f"{self.name}: flag.action")
        return {**checked, "level": float(level)}

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        candidates = np.flatnonzero(active).astype(np.int64)
        styled = _Styled.of(corpus, candidates)
        flags = self._flags(corpus, candidates, styled, options["flag"])
        weigh = flags is not None and options["flag"]["action"] == "weigh"
        # what is to be weighed stays: against evidence of a human its factor is near 1 anyway
        against = np.zeros(candidates.size, bool) if flags is None or weigh else flags.flagged
        found = _judged(corpus, candidates, options["prior"], styled, against)
        held = np.zeros(candidates.size, bool)  # for the flag alone, which stands against evidence of a human
        both = np.flatnonzero(found.conflict & against)
        held[both] = ~_judged(corpus, candidates[both], options["prior"]).conflict
        score = probability(found.odds)
        decision = _by_thresholds(score, found, options)
        reason = np.where(held, 3, np.where(found.conflict, 1, 0))
        ours = np.isin(found.declared, AI_MADE)
        decision[ours] = Decision.DROP if options["declared"] == "drop" else Decision.KEEP
        reason[ours] = 2
        facts = {
            "prior": str(PRIORS[options["prior"]]),
            "declared_ai": int(ours.sum()),
            "conflicts": int((found.conflict & ~ours).sum()),
            "with_style": found.with_style,
        }
        if flags is None:
            return self._ruled(candidates, decision, reason, score, facts)
        acted = flags.flagged & (decision == Decision.KEEP)
        facts["flag"] = _flag_facts(options["flag"], flags, acted | held)
        if weigh:
            weights = Weights(
                documents=candidates[acted],
                factor=(1 - score[acted]).astype(np.float32),
                score=flags.p[acted].astype(np.float32),
                reason=FLAGGED,
            )
            return replace(self._ruled(candidates, decision, reason, score, facts), weights=weights)
        decision[acted] = Decision[options["flag"]["action"].upper()]
        reason[acted] = 3
        return self._ruled(candidates, decision, reason, np.where(acted | held, flags.p, score), facts)

    def _flags(
        self,
        corpus: Corpus,
        candidates: Indices,
        styled: "_Styled | None",
        options: Mapping[str, Any] | None,
    ) -> "Flags | None":
        """Flags of the candidates; those declared AI-made are not tested.

        Raises:
            RecipeError: there are no references, or in no slice enough of them; or all documents are of one source.
        """
        if options is None or not candidates.size:
            return None
        if styled is None or not any(human.size for human, _ in styled.references.values()):
            raise RecipeError(
                f"{self.name}: flag needs style scores of texts that you know to be human, and this run has none for "
                "any of its slices. Build them: wellkeeper anchors build --human PATH --out anchors.json; then add "
                "anchors: anchors.json to the recipe."
            )
        from wellkeeper.origin.flags import MOST_OF_A_SOURCE, flag

        sources = corpus.column("source")[candidates] if options["by"] == "source" else None
        if sources is not None and candidates.size > MOST_OF_A_SOURCE and np.all(sources == sources[0]):
            raise RecipeError(
                f"{self.name}: flag by source would judge all {candidates.size:,} documents as one: all are of one "
                "source. Name a column of authors, sites or feeds with source: COL in the recipe, or flag by document."
            )
        declared = corpus.column("origin")[candidates]
        flags = flag(
            np.where(np.isin(declared, AI_MADE), np.float32(np.nan), styled.scores),
            styled.codes,
            styled.names,
            {name: human for name, (human, _) in styled.references.items()},
            level=options["level"],
            control=options["control"],
            sources=sources,
        )
        if not flags.certified:
            largest = max(flags.slices, key=lambda one: one.references)
            raise RecipeError(f"{self.name}: no slice has enough references for flag. {largest.note}")
        return flags

    def _ruled(
        self,
        candidates: Indices,
        decision: NDArray[np.int64],
        reason: NDArray[np.int64],
        score: NDArray[np.float64],
        facts: Mapping[str, Any],
    ) -> Ruling:
        ruled = decision != Decision.KEEP
        return _ruling(
            self.name,
            candidates[ruled],
            decision[ruled].astype(np.uint8),
            reason[ruled].astype(np.int32),
            score[ruled].astype(np.float32),
            ("ai-evidence", CONFLICTING, "declared-ai", *((FLAGGED,) if "flag" in facts else ())),
            facts,
        )


@dataclass(frozen=True, slots=True)
class WeightByOrigin:
    """Weigh documents by the probability that no AI was in their making; none is dropped.

    Options:
        k: exponent, 0 or more: the weight is proportional to (1 - p)^k. Default 1.
        floor: least (1 - p)^k that is taken, in [0, 1]. Default 0.
        max_repeats: greatest weight, 1 or more. Default 3.
        upsample: mean weight, above 0 and at most `max_repeats`. Default 1: as much text as without weights.
        prior: `by-month` (default) or `neutral`; see `wellkeeper.origin.evidence`.

    p is the posterior probability of `origin.v1`, labels and, where the run has references of both kinds, style
    included. Weights add up over the documents that the steps before this one left: put it last. The score is p.
    Method and source: `wellkeeper.origin.weights`.
    """

    name: str = "weight-by-origin.v1"

    def check(self, options: Mapping[str, Any]) -> Mapping[str, Any]:
        checked = {"k": 1, "floor": 0, "max_repeats": 3, "upsample": 1, "prior": "by-month", **options}
        _known(options, ("k", "floor", "max_repeats", "upsample", "prior"), self.name)
        if not _is_number(checked["k"]) or checked["k"] < 0:
            raise RecipeError(
                f"{self.name}: k is {checked['k']!r}. Give an exponent of 0 or more, such as 1; 0 weighs all alike."
            )
        if not _is_probability(checked["floor"]):
            raise RecipeError(
                f"{self.name}: floor is {checked['floor']!r}. Give the least weight beside a surely human document's, "
                "from 0 to 1, such as 0.1."
            )
        if not _is_number(checked["max_repeats"]) or checked["max_repeats"] < 1:
            raise RecipeError(
                f"{self.name}: max_repeats is {checked['max_repeats']!r}. Give how often a document may be seen at "
                "most, 1 or more, such as 3."
            )
        if not _is_number(checked["upsample"]) or not 0 < checked["upsample"] <= checked["max_repeats"]:
            raise RecipeError(
                f"{self.name}: upsample is {checked['upsample']!r} and max_repeats {checked['max_repeats']!r}. Give a "
                "mean weight above 0 that is not above max_repeats, such as 1."
            )
        _choice(checked["prior"], tuple(PRIORS), f"{self.name}: prior")
        return {name: value if name == "prior" else float(value) for name, value in checked.items()}

    def rule(self, corpus: Corpus, active: NDArray[np.bool_], options: Mapping[str, Any]) -> Ruling:
        documents = np.flatnonzero(active).astype(np.int64)
        found = _judged(corpus, documents, options["prior"], _Styled.of(corpus, documents))
        p = probability(found.odds)
        shape = {name: options[name] for name in ("k", "floor", "max_repeats", "upsample")}
        weights = origin_weights(found.odds, **shape)
        nothing = np.zeros(0, np.int64)
        ruling = _ruling(
            self.name,
            nothing,
            nothing.astype(np.uint8),
            nothing.astype(np.int32),
            nothing.astype(np.float32),
            (),
            {
                "prior": str(PRIORS[options["prior"]]),
                **shape,
                "documents": documents.size,
                "effective_documents": {"before": documents.size, "after": effective_size(weights)},
                "expected_ai_share": {"before": _mean(p), "after": _mean(p, weights)},
                "at_max_repeats": int(np.count_nonzero(weights >= options["max_repeats"] * (1 - 1e-12))),
                "with_style": found.with_style,
                "by_declared_origin": _by_origin(found.declared, weights),
            },
        )
        return replace(
            ruling,
            weights=Weights(
                documents=documents,
                factor=weights.astype(np.float32),
                score=p.astype(np.float32),
                reason=WEIGHED,
            ),
        )


ARTEFACTS: Final = Artefacts()
ORIGIN: Final = OriginStep()
WEIGHT_BY_ORIGIN: Final = WeightByOrigin()


class _Judged(NamedTuple):
    """What all evidence says of some documents; arrays share one length."""

    declared: NDArray[np.uint8]  # `Origin`
    odds: NDArray[np.float32]  # posterior log10 odds
    conflict: NDArray[np.bool_]
    style_alone: NDArray[np.bool_]  # style is all the evidence of AI that there is
    with_style: int  # documents whose style is evidence


def _judged(
    corpus: Corpus,
    documents: Indices,
    prior: str,
    styled: "_Styled | None" = None,
    flagged: NDArray[np.bool_] | None = None,
) -> _Judged:
    mask = corpus.column("evidence_mask")[documents].astype(np.uint64)
    declared = corpus.column("origin")[documents].astype(np.uint8)
    captured_at = corpus.column("captured_at")[documents].astype(np.int64)
    mask |= date_evidence(captured_at, corpus.column("captured_basis")[documents].astype(np.uint8))
    style = None if styled is None else styled.log10()
    watermark = corpus.watermark_log10() if isinstance(corpus, Keyed) else None
    if watermark is not None:
        watermark = watermark[documents]
        mask |= watermark_evidence(watermark)
    _, odds, _, conflict = origin_of(
        mask, declared, captured_at, prior=PRIORS[prior], style=style, watermark=watermark, flagged=flagged
    )
    told = np.zeros(documents.size) if style is None else np.nan_to_num(style)
    alone = (told > 0) & ~traced_by_ai(mask) & ~np.isin(declared, AI_MADE)
    return _Judged(declared, odds, conflict, alone, int(np.count_nonzero(told)))


@dataclass(frozen=True, slots=True)
class _Styled:
    """Style scores of documents, and the references of the slices that they lie in."""

    scores: NDArray[np.float32]  # NaN too where the slice has no references
    codes: NDArray[np.int64]  # slice of each document, an index into `names`
    names: Sequence[str]
    references: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]  # human, AI

    @classmethod
    def of(cls, corpus: Corpus, documents: Indices) -> "_Styled | None":
        """None: no slice of the documents has references."""
        if not isinstance(corpus, Referenced):
            return None
        slices, names = corpus.slices()
        codes = slices[documents].astype(np.int64)
        present = np.unique(codes).tolist()
        references = {
            names[code]: found for code in present if (found := corpus.references(names[code])) is not None
        }
        if not references:
            return None
        scores = np.full(documents.size, np.nan, np.float32)
        wanted = np.isin(codes, [code for code in present if names[code] in references])
        scores[wanted] = corpus.style_scores(documents[wanted])
        return cls(scores, codes, names, references)

    def log10(self) -> NDArray[np.float64]:
        """log10 likelihood ratio of each document's style; NaN where nothing calibrates it."""
        return style_log10_by_slice(self.scores, self.codes, self.names, self.references.get)


def _by_thresholds(
    score: NDArray[np.float64], found: _Judged, options: Mapping[str, Any]
) -> NDArray[np.int64]:
    """Decisions by the posterior, which pass over documents whose style alone speaks for AI."""
    drop = (score > options["drop_above"]) & ~found.style_alone
    between = options["review_between"]
    review = np.zeros(score.size, bool) if between is None else (between[0] <= score) & (score <= between[1])
    review &= ~drop & ~found.style_alone
    return np.select(
        [found.conflict, drop, review], [Decision.REVIEW, Decision.DROP, Decision.REVIEW], Decision.KEEP
    )


def _flag_facts(options: Mapping[str, Any], flags: "Flags", acted: NDArray[np.bool_]) -> dict[str, Any]:
    return {
        **options,
        "flagged": int(flags.flagged.sum()),
        "acted_on": int(acted.sum()),  # the others are decided by evidence already
        "slices": [one.to_json() for one in flags.slices],
    }


def _by_origin(declared: NDArray[np.uint8], weights: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Share of documents and of weight by declared origin, of those with any."""
    documents = np.bincount(declared, minlength=len(LABELS))
    weight = np.bincount(declared, weights=weights, minlength=len(LABELS))
    total = max(float(weight.sum()), np.finfo(np.float64).tiny)
    return [
        {
            "origin": label,
            "documents": int(documents[origin]),
            "share": float(documents[origin] / declared.size),
            "weight_share": float(weight[origin] / total),
        }
        for origin, label in enumerate(LABELS)
        if documents[origin]
    ]


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64] | None = None) -> float | None:
    return float(np.average(values, weights=weights)) if values.size else None


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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_probability(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1


def _is_interval(value: Any) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        return False
    return all(map(_is_probability, value)) and value[0] <= value[1]
