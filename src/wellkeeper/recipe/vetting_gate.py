"""The conditions of the gate, told from what a vetting decided; the document of schema `wellkeeper.vet/1`."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.core.decision import Decision
from wellkeeper.core.generated import Generated
from wellkeeper.errors import RecipeError
from wellkeeper.filter.decontaminate import DECONTAMINATE
from wellkeeper.filter.duplicates import EXACT_DUPLICATES, NEAR_DUPLICATES
from wellkeeper.filter.verified import ACCEPTED, REJECTED, SAID, UNKNOWN, VERIFIED
from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.tail_cost import Kept, topic_cost
from wellkeeper.recipe.earlier import AGAINST
from wellkeeper.recipe.tail_cost import TOPICS, WORDS
from wellkeeper.recipe.vetting_diversity import SHARES, Seasoned, Seasoning
from wellkeeper.recipe.vetting_tail import rare_topics_cost, removal_by
from wellkeeper.recipe.vetting_verdicts import reason_of
from wellkeeper.vet.anchors import AnchorCheck
from wellkeeper.vet.cards import Card, Labelled, card_for
from wellkeeper.vet.gate import (
    Condition,
    admission,
    contamination_condition,
    diversity_condition,
    register_condition,
    share_condition,
    tail_condition,
    verifier_condition,
)
from wellkeeper.vet.labels import LabelLine, audited_of, read_labels
from wellkeeper.vet.register import Round, read_register
from wellkeeper.vet.verdicts import Verdict
from wellkeeper.vet.verifiers import VerifierSet

if TYPE_CHECKING:
    from wellkeeper.recipe.corpus import LoadedCorpus
    from wellkeeper.recipe.curate import Human
    from wellkeeper.recipe.decide import Decisions

SCHEMA = "wellkeeper.vet/1"
EXAMPLES = 8
"""Texts that were not accepted that the report shows, of as many reasons as there are."""
CELLS = "cells"
"""Name of the test of the cells that texts were asked for."""
_REASONS = 20  # that the report lists, the most frequent ones
_EXCERPT = 160  # letters


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is asked of the set."""

    share: float  # of synthetic documents in the mix
    most_share: float  # that is allowed
    margin: float  # change of diversity that does not matter
    waived: bool = False  # there is no evaluation set to keep clear of

    def __post_init__(self) -> None:
        for name in ("share", "most_share", "margin"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise RecipeError(
                    f"{name.replace('_', ' ')} is {value}. Give a share above 0 and below 1, such as 0.1."
                )


@dataclass(slots=True, kw_only=True)
class Gate:
    """Holds what is known of the verifiers beforehand, and judges the set."""

    verifiers: VerifierSet
    terms: Terms
    card: Card | None
    labels: Mapping[str, LabelLine] | None
    register: Path | None
    anchors: Sequence[AnchorCheck] = ()
    """Judges, held to their card today."""
    _items: Sequence[Generated] = ()
    _verdicts: Sequence[Verdict] = ()
    _earlier: Sequence[Round] = field(default_factory=tuple)
    _present: Round | None = None

    @classmethod
    def of(
        cls,
        verifiers: VerifierSet,
        terms: Terms,
        *,
        card: str | Path | None,
        audited: str | Path | None,
        register: str | Path | None,
    ) -> "Gate":
        """Read card, labels and register, before anything is paid for.

        Raises:
            InputError: a file cannot be read, or the card is of other verifiers.
            WorkError: the register is broken.
        """
        return cls(
            verifiers=verifiers,
            terms=terms,
            card=None if card is None else card_for(verifiers, Path(card)),
            labels=None if audited is None else read_labels(Path(audited)),
            register=None if register is None else Path(register),
            _earlier=() if register is None else read_register(Path(register)),
        )

    @property
    def present(self) -> Round:
        """This vetting, as the register has it."""
        assert self._present is not None, "there are verdicts before there is a round"
        return self._present

    @property
    def is_new(self) -> bool:
        """Whether the register lacks this vetting: a command that is run again is not another round."""
        return not any(self._is_present(one) for one in self._earlier)

    def heard(self, items: Sequence[Generated], verdicts: Sequence[Verdict]) -> None:
        """Take the verdicts on all items."""
        self._items, self._verdicts = items, verdicts
        said: Counter[str] = Counter(verdict.said for verdict in verdicts)
        generators = sorted({item.generator for item in items if item.generator})
        texts = sorted(hashlib.sha256(item.text.encode()).hexdigest() for item in items)
        self._present = Round(
            set=hashlib.sha256("".join(texts).encode()).hexdigest(),
            verifiers=tuple(one.digest for one in self.verifiers.verifiers),
            families=self.verifiers.families,
            generator=", ".join(generators),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            accepted=said[ACCEPTED],
            rejected=said[REJECTED],
            unknown=said[UNKNOWN],
            labels=0 if self.labels is None else len(self.labels),
        )

    def _is_present(self, one: Round) -> bool:
        return one.set == self.present.set and one.verifiers == self.present.verifiers

    def judged(
        self,
        document: Mapping[str, Any],
        corpus: "LoadedCorpus",
        decisions: "Decisions",
        human: "Human",
        *,
        seed: int,
    ) -> dict[str, Any]:
        """The document of the vetting, but for paths and the curation itself."""
        kept = int(document["kept"])
        documents = _human_documents(human)
        accepted = human.apart(human.mine)
        accepted = accepted.restricted(decisions.kept[accepted.documents])
        seasoning = Seasoning(human.theirs, accepted, margin=self.terms.margin, seed=seed)
        diversity = _Diversity.of(seasoning, self.terms.share)
        row, kept_of = _tail(document, human, decisions, seed)
        tail = tail_condition(kept_of | self._kept_of_cells(seed), rejected=_let_go(document))
        conditions = [
            self._verifier(),
            tail,
            diversity.condition(self.terms),
            self._contamination(document, kept),
            share_condition(
                wanted=self.terms.share, human=documents, accepted=kept, cap=self.terms.most_share
            ),
            register_condition(
                self._before(),
                self.present,
            ),
        ]
        verdict = admission(conditions)
        return {
            "schema": SCHEMA,
            "version": __version__,
            "set": document["recipe"],
            "verdict": verdict,
            "gate": [condition.to_json() for condition in conditions],
            "share": {
                "wanted": self.terms.share,
                "most": self.terms.most_share,
                "passes": _passing_share(conditions, self.terms, diversity),
            },
            "counts": {
                **{name: int(document[name]) for name in ("read", "documents", "kept", "quarantined")},
                "human": documents,
                "steps": _steps(document),
            },
            "verifiers": self._described(),
            "verification": self._verification(),
            "card": None if self.card is None else self.card.to_json(),
            "anchors": [check.to_json() for check in self.anchors],
            "tail_cost": [] if row is None else [_adjusted(row, tail)],
            "diversity": diversity.to_json(),
            "examples": _examples(corpus, decisions),
            "register": None if self.register is None else {"path": str(self.register), "rounds": len(self._earlier)},
        }  # fmt: skip

    def _before(self) -> Sequence[Round]:
        """The rounds of the register before this one."""
        place = next((k for k, one in enumerate(self._earlier) if self._is_present(one)), len(self._earlier))
        return self._earlier[:place]

    def _verifier(self) -> Condition:
        said = {item.id: verdict.said for item, verdict in zip(self._items, self._verdicts, strict=True)}
        texts = {item.id: item.text for item in self._items}
        audited = None if self.labels is None else audited_of(self.labels, said, texts)
        found = Labelled(
            accepted=self.present.accepted, rejected=self.present.rejected, unknown=self.present.unknown
        )
        return verifier_condition(found, card=self.card, audited=audited)

    def _kept_of_cells(self, seed: int) -> dict[str, Kept]:
        """What was kept of the rare cells that texts were asked for, beside the others; nothing where few texts say.

        Cells that a generator was asked for are sharper than topics that are found afterwards.
        """
        known = [
            (item.cell, bool(item.rare), verdict.said != ACCEPTED)
            for item, verdict in zip(self._items, self._verdicts, strict=True)
            if item.cell and item.rare is not None
        ]
        names = {cell: at for at, cell in enumerate(sorted({(cell, rare) for cell, rare, _ in known}))}
        documents, removed = np.zeros((2, len(names)), np.int64)
        for cell, rare, is_out in known:
            documents[names[cell, rare]] += 1
            removed[names[cell, rare]] += is_out
        tail = np.array([rare for _, rare in names], np.bool_)
        found = topic_cost(documents, removed, tail, ~tail, seed=seed) if known else None
        return {} if found is None else {CELLS: found.kept}

    def _contamination(self, document: Mapping[str, Any], kept: int) -> Condition:
        evaluation = document.get("evaluation")
        dropped = sum(step["dropped"] for step in _steps(document) if step["step"] in _CONTAMINATION)
        return contamination_condition(
            left=0,  # whatever was found is out
            dropped=dropped,
            of=kept + dropped,
            evaluations=0 if evaluation is None else len(evaluation["sets"]),
            waived=self.terms.waived,
        )

    def _described(self) -> dict[str, Any]:
        return {
            "name": self.verifiers.name,
            "digest": self.verifiers.digest,
            "families": list(self.verifiers.families),
            "each": [{"name": one.name, "digest": one.digest} for one in self.verifiers.verifiers],
        }

    def _verification(self) -> dict[str, Any]:
        by: dict[str, Counter[str]] = {}
        reasons: Counter[str] = Counter()
        for verdict in self._verdicts:
            for name, said in verdict.by.items():
                by.setdefault(name, Counter())[said] += 1
            if verdict.said != ACCEPTED:
                reasons[reason_of(verdict)] += 1
        listed = sorted(reasons.items(), key=lambda found: (-found[1], found[0]))
        return {
            **{said: getattr(self.present, said) for said in SAID},
            "by": [
                {"verifier": name, **{said: counts[said] for said in SAID}} for name, counts in by.items()
            ],
            "reasons": [{"reason": reason, "documents": many} for reason, many in listed[:_REASONS]],
        }


_CONTAMINATION = (AGAINST, NEAR_DUPLICATES.name, DECONTAMINATE.name)
_STEPS = {
    AGAINST: "copies of the human reference",
    VERIFIED.name: "verification",
    EXACT_DUPLICATES.name: "the same text again",
    NEAR_DUPLICATES.name: "near duplicates in the set",
    DECONTAMINATE.name: "items of evaluation sets",
}


def _steps(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "step": row["step"],
            "what": _STEPS[row["step"]],
            **{name: int(row[name]) for name in ("before", "dropped", "review")},
        }
        for row in document["steps"]
        if row["step"] in _STEPS
    ]


def _let_go(document: Mapping[str, Any]) -> int:
    """Texts that verification did not accept."""
    return sum(step["dropped"] + step["review"] for step in _steps(document) if step["step"] == VERIFIED.name)


def _human_documents(human: "Human") -> int:
    assert human.beside is not None, "the reference of a vetting is a path"
    return len(human.beside)


# --- tail -----------------------------------------------------------------------------------------


def _tail(
    document: Mapping[str, Any], human: "Human", decisions: "Decisions", seed: int
) -> tuple[Mapping[str, Any] | None, dict[str, Kept]]:
    """What verification cost the tail, as every curation tells it, and what each test found, with its own p-value.

    Topics are rare by their words. None and nothing where nothing could be lost.
    """
    row = next((row for row in document["tail_cost"] or () if row["step"] == VERIFIED.name), None)
    removal = removal_by(VERIFIED.name, decisions, len(human.corpus))
    if row is None or removal is None:
        return row, {}
    topics = rare_topics_cost(human, removal, seed=seed)
    found = {} if topics is None else {TOPICS: topics.kept}
    if row["words"] is not None:
        words = row["words"]["at_equal_words"]
        interval = Interval(**{name: words[name] for name in ("estimate", "low", "high")})
        found[WORDS] = Kept(retention=interval, p=words["p"])
    return {**row, "topics": None if topics is None else topics.to_json()}, found


def _adjusted(row: Mapping[str, Any], tail: Condition) -> Mapping[str, Any]:
    """The row with the p-values that the gate went by: those of its own tests, and not of all steps."""
    tests = tail.figures.get("tests", {})
    words, topics = row["words"], row["topics"]
    if WORDS in tests:
        words = {
            **words,
            "at_equal_words": {**words["at_equal_words"], "p_adjusted": tests[WORDS]["p_adjusted"]},
        }
    if TOPICS in tests:
        topics = {**topics, "p_adjusted": tests[TOPICS]["p_adjusted"]}
    return {**row, "words": words, "topics": topics}


# --- diversity ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Diversity:
    """The mix of the share that is asked for, and what is told beside it."""

    asked: Seasoned | None
    most: float | None  # largest share that passes
    tried: Sequence[Seasoned]
    alone: Mapping[str, Any] | None

    @classmethod
    def of(cls, seasoning: Seasoning, share: float) -> "_Diversity":
        most, tried = seasoning.largest(sorted({*SHARES, share}))
        alone = seasoning.alone()
        return cls(
            asked=seasoning.at(share),
            most=most,
            tried=tried,
            alone=None if alone is None else alone.to_json(),
        )

    def condition(self, terms: Terms) -> Condition:
        if self.asked is None:
            return Condition(
                name="diversity",
                passed="not enough data",
                said=f"There are too few human or accepted documents to mix a share of {terms.share:.0%} and compare.",
                next="Give more human documents as the reference, or vet more texts.",
            )
        return diversity_condition(
            self.asked.judgement, margin=terms.margin, share=terms.share, most=self.most
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "asked": None if self.asked is None else self.asked.to_json(),
            "most": self.most,
            "tried": [{"share": one.share, "verdict": one.judgement.verdict} for one in self.tried],
            "alone": self.alone,
        }


def _passing_share(conditions: Sequence[Condition], terms: Terms, diversity: _Diversity) -> float | None:
    """The largest share with which the set is admitted, where only the share is in the way; None: there is none.

    Of a set that is admitted, the share that was asked for.
    """
    open_ = {condition.name for condition in conditions if condition.passed != "pass"}
    if not open_:
        return terms.share
    if open_ - {"share", "diversity"} or diversity.most is None:
        return None
    return min(diversity.most, terms.most_share)


# --- examples -------------------------------------------------------------------------------------


def _examples(corpus: "LoadedCorpus", decisions: "Decisions") -> list[dict[str, Any]]:
    """Texts that are not in the set, the first of each reason, then the second, ...; by how many a reason took."""
    out = np.flatnonzero(decisions.decision != Decision.KEEP)
    by_reason: dict[int, list[int]] = {}
    for document in out.tolist():
        by_reason.setdefault(int(decisions.reason[document]), []).append(document)
    ranked = sorted(by_reason.values(), key=lambda held: -len(held))
    rounds = max((len(held) for held in ranked), default=0)
    chosen = [held[k] for k in range(min(rounds, EXAMPLES)) for held in ranked if k < len(held)][:EXAMPLES]
    return [
        {
            "id": name,
            "step": decisions.steps[decisions.step[document]],
            "decision": Decision(int(decisions.decision[document])).label,
            "reason": decisions.reasons[decisions.reason[document]],
            "excerpt": excerpt[:_EXCERPT],
        }
        for document, name, excerpt in zip(
            chosen, corpus.strings("id", chosen), corpus.strings("excerpt", chosen), strict=True
        )
    ]
