"""What people said, applied to the documents of a corpus: what they lift step by step, and the rest before the mix.

Who says that a document stays lifts what a step decided that the answer speaks of (`wellkeeper.review.decisions`), as
soon as the step has spoken: the steps after it judge the document like any other. So a person's letter that a step
took for a model's is still no use if it is a copy, or if its writer took consent back. What people drop, they drop once
all steps have spoken.

Decisions are about the very text that was read: a document is known by its id and the SHA-256 of its text. One that has
gone, or reads otherwise now, is left as it is and counted. So are answers that a step stands against of which they do
not speak, readings that a trusted signature contradicts, and what a steward decided otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision, Ruling
from wellkeeper.core.origin import LABELS, Origin
from wellkeeper.ledger.review_log import SAID, SPITE, STEP
from wellkeeper.origin.evidence import attested
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.decide import Decisions, record
from wellkeeper.recipe.reviews import Review
from wellkeeper.review.decisions import Decided, speaks_of
from wellkeeper.review.item import Place
from wellkeeper.review.question import Kind

GONE = "it is no longer in the corpus"
CHANGED = "its text has changed"
SIGNED = "a trusted signature says otherwise"
LATER = "a later review says otherwise"
STEWARD = "a steward decided otherwise"
PARTNER = "the other document of the pair is no longer there"
TWINS = "the two documents of the pair cannot be told apart any more"
ANOTHER = "it went in favour of another document than the one it was shown with"
"""Why an answer was not applied; of one that a step stands against, `out_by` says why."""

_SHOWN = 20  # ids that are told of each reason


@dataclass(slots=True, kw_only=True)
class Reviewed:
    """What came of the reviews of a recipe."""

    reviews: tuple[Review, ...]
    origin: NDArray[np.uint8]  # `Origin` that readers said of each document, UNKNOWN where they said none
    tools: dict[int, str]  # document -> who said so, and in which lines
    about: dict[int, list[Decided]]  # document -> what was decided about it, applied or not
    counts: dict[str, int]  # documents by what was done: dropped, restored, replaced, origin, already
    refused: dict[str, list[str]] = field(default_factory=dict)  # why an answer was not applied -> ids
    applied: tuple[int, ...] = ()  # answers of each review that were applied, or were so already

    def to_json(self) -> dict[str, Any]:
        """The section `reviewed` of a curation."""
        return {
            "reviews": [
                {
                    "name": review.name,
                    "kind": review.verdicts.kind,
                    "entries": len(review.entries),
                    "head": review.head,
                    "settled": review.verdicts.settled,
                    "conflicts": review.verdicts.conflicts,
                    "waiting": review.verdicts.waiting,
                    "silent": review.verdicts.silent,
                    "without": review.verdicts.without,
                    "applied": applied,
                }
                for review, applied in zip(self.reviews, self.applied, strict=True)
            ],
            "documents": len(self.about),
            **self.counts,
            "not_applied": [
                {"reason": reason, "documents": len(ids), "ids": ids[:_SHOWN]}
                for reason, ids in sorted(self.refused.items())
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Single:
    """What was decided about one document alone, and by which review."""

    number: int  # of the review, from 0
    kind: Kind
    decided: Decided


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """What was decided about two documents; the first is the one that stays, if one goes."""

    number: int
    kind: Kind
    rows: tuple[int, int]
    decided: tuple[Decided, Decided]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fate:
    """What becomes of a document, and by which step."""

    decision: Decision
    reason: str
    step: str = STEP
    survivor: int = -1
    cluster: int = -1

    @property
    def is_kept(self) -> bool:
        return self.decision == Decision.KEEP


class Overlay:
    """What people decided, while a set is made: `lift` after each step, `settle` once all have spoken."""

    def __init__(self, corpus: LoadedCorpus, decisions: Decisions, reviews: Sequence[Review]) -> None:
        self._corpus, self._decisions, self._reviews = corpus, decisions, reviews
        self._fates: dict[int, _Fate] = {}  # what is entered at the end
        self._lifted: dict[int, _Fate] = {}  # documents that people put back, as they stood then
        self._apart: set[int] = set()  # of these, what readers found to be no copy
        self._origins: dict[int, Decided] = {}
        self._about: dict[int, list[Decided]] = {}
        self._refused: dict[str, dict[str, None]] = {}  # ids once each, in the order in which they came
        self._already: set[int] = set()
        self._applied = [0] * len(reviews)
        self._places = _found_in(corpus, [one.place for review in reviews for one in review.verdicts.decided])
        self._readers: dict[int, _Single] = {}  # the last word of readers on each document
        self._stewards: dict[int, _Single] = {}
        self._pairs: list[_Pair] = []
        for number, review in enumerate(reviews):
            if review.verdicts.kind == "duplicates":
                self._note_pairs(number, review)
            else:
                self._note(number, review)
        self._drop_signed()
        self._wanted = self._stays()

    def _note(self, number: int, review: Review) -> None:
        """Take decisions on single documents; the last one on each counts."""
        kind = review.verdicts.kind
        words = self._stewards if kind == "documents" else self._readers
        for decided in review.verdicts.decided:
            row = self._row(decided)
            if row is not None:
                self._about.setdefault(row, []).append(decided)
                earlier = words.get(row)
                if earlier is not None and earlier.decided.label != decided.label:
                    self._refuse(LATER, earlier.decided)
                words[row] = _Single(number=number, kind=kind, decided=decided)

    def _note_pairs(self, number: int, review: Review) -> None:
        """Take decisions on documents that were shown side by side."""
        given = review.verdicts.decided
        for first, second in zip(given[::2], given[1::2], strict=True):
            rows = self._row(first), self._row(second)
            for row, decided, other in ((rows[0], first, rows[1]), (rows[1], second, rows[0])):
                if row is not None:
                    self._about.setdefault(row, []).append(decided)
                    if other is None:
                        self._refuse(PARTNER, decided)
            if rows[0] is not None and rows[0] == rows[1]:  # it would go in favour of itself
                self._refuse(TWINS, first)
            elif rows[0] is not None and rows[1] is not None:
                self._pairs.append(
                    _Pair(
                        number=number,
                        kind=review.verdicts.kind,
                        rows=(rows[0], rows[1]),
                        decided=(first, second),
                    )
                )

    def _drop_signed(self) -> None:
        """Leave out readings that a trusted signature contradicts: readers were blind to it."""
        marked = self._corpus.sidecars.column("origin_marked")
        signed = attested(self._corpus.sidecars.column("evidence_mask"), marked)
        for row, one in list(self._readers.items()):
            said = _origin(one.decided)
            if said and signed[row] and LABELS[marked[row]] != said:
                self._refuse(SIGNED, one.decided)
                del self._readers[row]

    def _stays(self) -> dict[int, list[tuple[_Single | _Pair, Decided, int]]]:
        """Of each document that somebody wants to stay: who says so, and the other one of a pair, or -1."""
        found: dict[int, list[tuple[_Single | _Pair, Decided, int]]] = {}
        singles = self._readers | self._stewards
        for row, one in singles.items():
            if one.decided.keep == "keep":
                found.setdefault(row, []).append((one, one.decided, -1))
        for pair in self._pairs:
            for row, decided, other in zip(pair.rows, pair.decided, pair.rows[::-1], strict=True):
                if decided.keep == "keep" and not self._is_dropped(row):
                    found.setdefault(row, []).append((pair, decided, other))
        return found

    def _is_dropped(self, row: int) -> bool:
        """Whether what was said of the document alone takes it out."""
        one = self._stewards.get(row) or self._readers.get(row)
        return one is not None and one.decided.keep == "drop"

    # --- while steps speak --------------------------------------------------------------------------------------------

    def lift(self) -> None:
        """Put back what the step that spoke last took out, of what people said in spite of it."""
        rows = np.array(sorted(self._wanted), np.int64)
        fates: dict[int, _Fate] = {}
        for row in rows[self._decisions.decision[rows] != Decision.KEEP].tolist():
            fate = self._fate(row)
            for one, decided, other in self._wanted[row]:
                if speaks_of(one.kind, fate.step, label=decided.label) and (
                    other < 0 or self._stands_for(other, row)
                ):
                    fates[row] = _Fate(
                        decision=Decision.KEEP, reason=f"{SAID}{decided.label}{SPITE}{fate.reason}"
                    )
                    if isinstance(one, _Pair) and all(each.keep == "keep" for each in one.decided):
                        self._apart.add(row)
                    break
            if row in fates:
                self._decisions.against.pop(row, None)  # an earlier set's copy does not stand in its place
        if fates:
            self._lifted |= fates
            self._record(fates)

    # --- once all have spoken -----------------------------------------------------------------------------------------

    def settle(self) -> Reviewed:
        """Enter what is left of what people said, have the corpus know it, and tell what came of it."""
        resolved = self._corpus.column("origin_resolved")
        for row, one in self._readers.items():
            steward = self._stewards.get(row)
            if _origin(one.decided):
                self._origins[row] = one.decided
            if steward is None:
                self._applied[one.number] += self._decide(row, one) or bool(_origin(one.decided))
            elif one.decided.keep not in ("", steward.decided.keep):
                self._refuse(STEWARD, one.decided)
                self._applied[one.number] += bool(_origin(one.decided))
            else:
                self._applied[one.number] += 1
        for row, one in self._stewards.items():
            self._applied[one.number] += self._decide(row, one)
        # pairs come last: what goes for another reason does not stand in the place of a copy
        for pair in self._pairs:
            self._applied[pair.number] += self._decide_pair(pair)
        before = self._decisions.decision.copy()
        back = {row: fate for row, fate in self._lifted.items() if self._fate(row).is_kept}
        self._record(back | self._fates)  # a step that weighs documents has put its own reason there since
        self._decisions.cluster[sorted(self._apart)] = -1
        found = self._told(before, resolved, back)
        self._corpus.review(found)
        return found

    def _decide(self, row: int, one: _Single) -> bool:
        """Keep or drop a document; False if a step stands against it, or nothing is to be done with it."""
        fate, decided = self._fate(row), one.decided
        if not decided.keep:
            return False
        if fate.is_kept == (decided.keep == "keep") and fate.decision != Decision.REVIEW:
            self._already.add(row)
        elif decided.keep == "drop":
            self._fates[row] = _Fate(decision=Decision.DROP, reason=f"{SAID}{decided.label}")
        else:
            self._refuse(out_by(fate.step), decided)
            return False
        return True

    def _decide_pair(self, pair: _Pair) -> bool:
        """Keep both documents, or one in the place of the other; False if one that is to stay is out."""
        (stays, goes), (first, second) = pair.rows, pair.decided
        wanted = [(stays, first)] if second.keep == "drop" else [(stays, first), (goes, second)]
        out = [(row, decided) for row, decided in wanted if not self._fate(row).is_kept]
        for row, decided in out:
            step = self._fate(row).step
            self._refuse(ANOTHER if speaks_of(pair.kind, step) else out_by(step), decided)
        self._already |= {row for row, _ in wanted} - {row for row, _ in out}
        if out:
            return False
        if second.keep == "drop":
            return self._replace(goes, stays, second)
        return True

    def _replace(self, row: int, survivor: int, decided: Decided) -> bool:
        """Drop a document in favour of another, unless it is out already; False if a steward keeps it."""
        steward = self._stewards.get(row)
        if steward is not None and steward.decided.keep == "keep" and self._fate(row).is_kept:
            self._refuse(STEWARD, decided)
            return False
        if not self._fate(row).is_kept:
            self._already.add(row)
            return True
        known = [int(self._decisions.cluster[one]) for one in (survivor, row)]
        cluster = next((one for one in known if one >= 0), min(row, survivor))
        self._fates[row] = _Fate(
            decision=Decision.DROP, reason=f"{SAID}{decided.label}", survivor=survivor, cluster=cluster
        )
        return True

    def _stands_for(self, survivor: int, row: int) -> bool:
        """Whether a document went in favour of another, or of one that itself went in its favour."""
        seen = {row}
        while (row := int(self._decisions.survivor[row])) >= 0 and row not in seen:
            if row == survivor:
                return True
            seen.add(row)
        return False

    def _fate(self, row: int) -> _Fate:
        """Where a document stands now."""
        if row in self._fates:
            return self._fates[row]
        step, reason = int(self._decisions.step[row]), int(self._decisions.reason[row])
        return _Fate(
            decision=Decision(int(self._decisions.decision[row])),
            reason="" if reason < 0 else self._decisions.reasons[reason],
            step="" if step < 0 else self._decisions.steps[step],
        )

    def _row(self, decided: Decided) -> int | None:
        """The document, if it is there and reads as it did; else it is counted."""
        found = self._places[decided.place]
        if isinstance(found, str):
            self._refuse(found, decided)
            return None
        return found

    def _refuse(self, reason: str, decided: Decided) -> None:
        self._refused.setdefault(reason, {})[decided.place.id] = None

    def _record(self, fates: Mapping[int, _Fate]) -> None:
        """Enter fates as one ruling."""
        rows = np.array(sorted(fates), np.int64)
        some = [fates[row] for row in rows.tolist()]
        reasons = tuple(dict.fromkeys(fate.reason for fate in some))
        ruling = Ruling(
            step=STEP,
            documents=rows,
            decision=np.array([fate.decision for fate in some], np.uint8),
            reason=np.array([reasons.index(fate.reason) for fate in some], np.int32),
            score=np.full(len(rows), np.nan, np.float32),
            survivor=np.array([fate.survivor for fate in some], np.int64),
            cluster=np.array([fate.cluster for fate in some], np.int64),
            reasons=reasons,
        )
        record(self._decisions, ruling, before=int(self._decisions.kept.sum()))

    def _told(
        self, before: NDArray[np.uint8], resolved: NDArray[np.uint8], back: Mapping[int, _Fate]
    ) -> Reviewed:
        origin = np.zeros(len(self._corpus), np.uint8)
        for row, decided in self._origins.items():
            origin[row] = LABELS.index(decided.origin)
        anew = {row for row in self._origins if resolved[row] != origin[row]}
        dropped = {row: fate for row, fate in self._fates.items() if before[row] != fate.decision}
        counts = {
            "dropped": sum(fate.survivor < 0 for fate in dropped.values()),
            "replaced": sum(fate.survivor >= 0 for fate in dropped.values()),
            "restored": len(back),
            "origin": len(anew),
            "already": len(self._already - dropped.keys() - back.keys() - anew),
        }
        return Reviewed(
            reviews=tuple(self._reviews),
            origin=origin,
            tools={row: _by_whom(decided) for row, decided in self._origins.items()},
            about=self._about,
            counts=counts,
            refused={reason: [*ids] for reason, ids in self._refused.items()},
            applied=tuple(self._applied),
        )


def out_by(step: str) -> str:
    """Why an answer was not applied to a document that a step took out of which the answer does not speak.

    >>> out_by("quality.v1")
    'quality.v1 took it out, of which the answer does not speak'
    """
    if step == STEP:
        return "readers took it out, for another reason"
    return f"{step} took it out, of which the answer does not speak"


def _origin(decided: Decided) -> str:
    """The origin that readers said; empty: none, or that they cannot tell."""
    return decided.origin if decided.origin != Origin.UNKNOWN.label else ""


def _by_whom(decided: Decided) -> str:
    """Who said what wrote a document, and where that stands."""
    lines = ", ".join(str(line) for line in decided.entries)
    return (
        f"review by {', '.join(decided.reviewers)}; log line{'s' if len(decided.entries) > 1 else ''} {lines}"
    )


def _found_in(corpus: LoadedCorpus, places: Sequence[Place]) -> Mapping[Place, int | str]:
    """The document of each place, or why there is none: it has gone, or its text has changed."""
    wanted = np.array([bytes.fromhex(place.content_hash) for place in places], "V32")
    hashes = corpus.column("sha256")
    rows = np.flatnonzero(np.isin(hashes, wanted)).tolist() if places else []
    known: dict[tuple[str, bytes], list[int]] = {}
    for row, name in zip(rows, corpus.strings("id", rows), strict=True):
        known.setdefault((name, hashes[row].tobytes()), []).append(row)
    found: dict[Place, int | str] = {}
    lost: list[Place] = []
    for place in places:
        same = known.get((place.id, bytes.fromhex(place.content_hash)))
        if same is None:
            lost.append(place)
        else:  # the one that was read if it has not moved; else the first: they read alike
            found[place] = place.row if place.row in same else same[0]
    there = [place for place in lost if place.row < len(corpus)]
    names = corpus.strings("id", [place.row for place in there])
    changed = {place for place, name in zip(there, names, strict=True) if place.id == name}
    return found | {place: CHANGED if place in changed else GONE for place in lost}
