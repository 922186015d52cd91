"""`review: FILE` in a recipe: what people said, applied after the steps and before the mix.

Decisions are about the very text that was read: a document is known by its id and the SHA-256 of its text. One that has
gone, or reads otherwise now, is left as it is and counted. So are answers that a step stands against which they do not
speak of (`wellkeeper.review.decisions.SPEAKS_OF`), and readings that a trusted signature contradicts.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision, Ruling
from wellkeeper.core.origin import LABELS, Origin
from wellkeeper.engine.store import open_atomic
from wellkeeper.errors import InputError
from wellkeeper.ledger.review_log import (
    SAID,
    SPITE,
    STEP,
    Asked,
    items_path,
    log_name,
    parsed_item,
    read_items,
    read_log,
)
from wellkeeper.ledger.verification import Problem, Verification
from wellkeeper.origin.evidence import attested
from wellkeeper.recipe.corpus import LoadedCorpus
from wellkeeper.recipe.decide import Decisions, record
from wellkeeper.recipe.model import Recipe
from wellkeeper.review.decisions import Decided, Verdicts, asked_in, speaks_of, verdicts_of
from wellkeeper.review.item import Place
from wellkeeper.review.trail import Entry, breaks

GONE = "it is no longer in the corpus"
CHANGED = "its text has changed"
SIGNED = "a trusted signature says otherwise"
LATER = "a later review says otherwise"
PARTNER = "the other document of the pair is no longer there"
"""Why an answer was not applied; of one that a step stands against, `out_by` says why."""

_SHOWN = 20  # ids that are told of each reason


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Review:
    """A queue, or an exported log, as it was when it was read."""

    name: str  # of the file
    entries: tuple[Entry, ...]
    verdicts: Verdicts
    lines: Callable[[], Iterator[str]]  # what was asked, as the ledger keeps it; this never changes

    @property
    def head(self) -> str:
        """Hash of the last line of the log."""
        return self.entries[-1].hash


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


# --- reading ----------------------------------------------------------------------------------------------------------


def reviews_of(recipe: Recipe) -> tuple[Review, ...]:
    """The reviews that a recipe names, in its order.

    Raises:
        InputError: one is not there, cannot be read, or was tampered with.
    """
    return tuple(read_review(Path(recipe.locate(path))) for path in recipe.review or ())


def read_review(path: Path) -> Review:
    """A queue's file, or a log as a ledger or `wellkeeper review export` has it (`*.jsonl`).

    Raises:
        InputError: it is not there, cannot be read, or was tampered with.
    """
    if path.suffix == ".jsonl":
        return _exported(path)
    from wellkeeper.review.queue import ReviewQueue

    with ReviewQueue(path) as queue:
        problems = queue.problems()
        if problems:
            raise InputError(
                f"{path} is not what its log says: {problems[0]}. Do not apply it: restore it from a copy."
            )
        entries = tuple(queue.log())
    asked = (parsed_item(line) for line in asked_in(path))
    verdicts = verdicts_of(asked, entries)
    return Review(name=path.name, entries=entries, verdicts=verdicts, lines=lambda: asked_in(path))


def verify_queue(path: str | Path, *, key: str | Path | None = None) -> Verification:
    """Check a queue's file: its log, what was asked, and that its tables say what the log says.

    Raises:
        InputError: it is no queue, or damaged; or a key is given.
        WorkError: it cannot be opened.
    """
    from wellkeeper.review.queue import ReviewQueue

    if key is not None:
        raise InputError(
            "A queue is not signed: the set is, to which it was applied. Leave --key out, or check the set."
        )
    with ReviewQueue(Path(path)) as queue:
        found = queue.problems()
        checked = {"items": sum(1 for _ in asked_in(Path(path))), "log lines": sum(1 for _ in queue.log())}
    problems = [
        Problem(
            code="queue", where=Path(path).name, found=said, next="Do not apply it: restore it from a copy."
        )
        for said in found
    ]
    return Verification(folder=str(path), problems=tuple(problems), checked=checked)


def _exported(path: Path) -> Review:
    entries, items = tuple(read_log(path)), items_path(path)
    broken = next(iter(breaks(entries)), None)
    if broken is not None:
        raise InputError(f"{path} was tampered with: {broken[1]}. Do not apply it: restore it from a copy.")

    def lines() -> Iterator[str]:
        with items.open(encoding="utf-8") as file:
            yield from (line.removesuffix("\n") for line in file)

    asked: Iterable[Asked] = list(read_items(items))
    if _digest(lines()) != entries[0].told.get("digest"):
        raise InputError(
            f"{items} is not what the log beside it is about: its SHA-256 is another. Restore both from one copy."
        )
    return Review(name=path.name, entries=entries, verdicts=verdicts_of(asked, entries), lines=lines)


def _digest(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def write_logs(folder: Path, reviews: Sequence[Review]) -> None:
    """Write the logs, and what was asked, into the ledger of a folder."""
    for number, review in enumerate(reviews, 1):
        path = folder / log_name(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, (json.dumps(entry.to_json()) for entry in review.entries))
        _write(items_path(path), review.lines())


def _write(path: Path, lines: Iterable[str]) -> None:
    with open_atomic(path) as file:
        file.writelines(f"{line}\n".encode() for line in lines)


# --- applying ---------------------------------------------------------------------------------------------------------


def review(corpus: LoadedCorpus, decisions: Decisions, reviews: Sequence[Review]) -> Reviewed:
    """Enter what people said, and have the corpus know it; returns what came of it."""
    overlay = _Overlay(corpus, decisions, reviews)
    for number, one in enumerate(reviews):
        if one.verdicts.kind != "duplicates":
            for decided in one.verdicts.decided:
                overlay.take(number, one, decided)
    overlay.settle()
    # pairs come last: what goes for another reason does not stand in the place of a copy
    for number, one in enumerate(reviews):
        if one.verdicts.kind == "duplicates":
            pairs = one.verdicts.decided
            for first, second in zip(pairs[::2], pairs[1::2], strict=True):
                overlay.pair(number, one, first, second)
    found = overlay.enter()
    corpus.review(found)
    return found


class _Overlay:
    """Decisions as people change them, one by one, until they are entered together."""

    def __init__(self, corpus: LoadedCorpus, decisions: Decisions, reviews: Sequence[Review]) -> None:
        self.corpus, self.decisions, self.reviews = corpus, decisions, reviews
        self.places = _found_in(corpus, [one.place for review in reviews for one in review.verdicts.decided])
        self.fates: dict[int, _Fate] = {}
        self.apart: set[int] = set()  # documents that readers found to be no copies
        self.origins: dict[int, Decided] = {}
        self.single: dict[int, tuple[int, Review, Decided]] = {}
        self.about: dict[int, list[Decided]] = {}
        self.refused: dict[str, list[str]] = {}
        self.already: set[int] = set()
        self.applied = [0] * len(reviews)
        self.signed = attested(
            corpus.sidecars.column("evidence_mask"), corpus.sidecars.column("origin_marked")
        )

    def take(self, number: int, review: Review, decided: Decided) -> None:
        """Note a decision on one document; the last one on it counts."""
        row = self._row(decided)
        if row is not None:
            self.about.setdefault(row, []).append(decided)
            earlier = self.single.get(row)
            if earlier is not None and earlier[2].label != decided.label:
                self._refuse(LATER, earlier[2])
            self.single[row] = number, review, decided

    def settle(self) -> None:
        """Decide on the documents that were noted."""
        for row, (number, review, decided) in self.single.items():
            said = decided.origin if decided.origin != Origin.UNKNOWN.label else ""
            if said and self.signed[row] and LABELS[self.corpus.column("origin_marked")[row]] != said:
                self._refuse(SIGNED, decided)
                continue
            if said:
                self.origins[row] = decided
            self.applied[number] += self._decide(row, review, decided) or bool(said)

    def pair(self, number: int, review: Review, first: Decided, second: Decided) -> None:
        """Decide on two documents that were shown side by side; the first is the one that stays, if one goes."""
        rows = self._row(first), self._row(second)
        for row, decided, other in ((rows[0], first, rows[1]), (rows[1], second, rows[0])):
            if row is not None:
                self.about.setdefault(row, []).append(decided)
                if other is None:
                    self._refuse(PARTNER, decided)
        stays, goes = rows
        if stays is None or goes is None:
            return
        if second.keep != "drop":
            out = [row for row in (stays, goes) if not self._fate(row).is_kept]
            lifted = [self._lift(stays, goes, review, first), self._lift(goes, stays, review, second)]
            self.apart |= {row for row in out if self._fate(row).is_kept}
            self.applied[number] += all(lifted)
        elif self._lift(stays, goes, review, first):
            self._replace(goes, stays, second)
            self.applied[number] += 1

    def _decide(self, row: int, review: Review, decided: Decided) -> bool:
        """Keep or drop a document; False if a step stands against it, or nothing is to be done with it."""
        fate = self._fate(row)
        if not decided.keep:
            return False
        if fate.is_kept == (decided.keep == "keep") and fate.decision != Decision.REVIEW:
            self.already.add(row)
        elif decided.keep == "drop":
            self.fates[row] = _Fate(decision=Decision.DROP, reason=f"{SAID}{decided.label}")
        elif speaks_of(review.verdicts.kind, fate.step):
            self.fates[row] = _Fate(
                decision=Decision.KEEP, reason=f"{SAID}{decided.label}{SPITE}{fate.reason}"
            )
        else:
            self._refuse(out_by(fate.step), decided)
            return False
        return True

    def _lift(self, row: int, other: int, review: Review, decided: Decided) -> bool:
        """See that a document is kept if it was taken out as a copy of the other one; False if it stays out."""
        fate = self._fate(row)
        if fate.is_kept:
            self.already.add(row)
            return True
        if not (speaks_of(review.verdicts.kind, fate.step) and self._stands_for(other, row)):
            self._refuse(out_by(fate.step), decided)
            return False
        self.fates[row] = _Fate(decision=Decision.KEEP, reason=f"{SAID}{decided.label}{SPITE}{fate.reason}")
        return True

    def _replace(self, row: int, survivor: int, decided: Decided) -> None:
        """Drop a document in favour of another, unless it is out already."""
        if not self._fate(row).is_kept:
            self.already.add(row)
            return
        known = [int(self.decisions.cluster[one]) for one in (survivor, row)]
        cluster = next((one for one in known if one >= 0), min(row, survivor))
        self.fates[row] = _Fate(
            decision=Decision.DROP, reason=f"{SAID}{decided.label}", survivor=survivor, cluster=cluster
        )

    def _stands_for(self, survivor: int, row: int) -> bool:
        """Whether a document went in favour of another, or of one that itself went in its favour."""
        seen = {row}
        while (row := self._fate(row).survivor) >= 0 and row not in seen:
            if row == survivor:
                return True
            seen.add(row)
        return False

    def _fate(self, row: int) -> "_Fate":
        """Where a document stands now."""
        if row in self.fates:
            return self.fates[row]
        step, reason = int(self.decisions.step[row]), int(self.decisions.reason[row])
        return _Fate(
            decision=Decision(int(self.decisions.decision[row])),
            reason="" if reason < 0 else self.decisions.reasons[reason],
            step="" if step < 0 else self.decisions.steps[step],
            survivor=int(self.decisions.survivor[row]),
        )

    def _row(self, decided: Decided) -> int | None:
        """The document, if it is there and reads as it did; else it is counted."""
        found = self.places[decided.place]
        if isinstance(found, str):
            self._refuse(found, decided)
            return None
        return found

    def _refuse(self, reason: str, decided: Decided) -> None:
        self.refused.setdefault(reason, []).append(decided.place.id)

    def enter(self) -> Reviewed:
        """Enter all changes as one ruling, and tell what came of the reviews."""
        before = self.decisions.decision.copy(), self.corpus.column("origin_resolved")
        rows = np.array(sorted(self.fates), np.int64)
        fates = [self.fates[row] for row in rows.tolist()]
        reasons = tuple(dict.fromkeys(fate.reason for fate in fates))
        ruling = Ruling(
            step=STEP,
            documents=rows,
            decision=np.array([fate.decision for fate in fates], np.uint8),
            reason=np.array([reasons.index(fate.reason) for fate in fates], np.int32),
            score=np.full(len(rows), np.nan, np.float32),
            survivor=np.array([fate.survivor for fate in fates], np.int64),
            cluster=np.array([fate.cluster for fate in fates], np.int64),
            reasons=reasons,
        )
        record(self.decisions, ruling, before=int(self.decisions.kept.sum()))
        self.decisions.cluster[sorted(self.apart)] = -1
        return self._told(*before)

    def _told(self, decision: NDArray[np.uint8], resolved: NDArray[np.uint8]) -> Reviewed:
        origin = np.zeros(len(self.corpus), np.uint8)
        for row, decided in self.origins.items():
            origin[row] = LABELS.index(decided.origin)
        anew = [row for row in self.origins if resolved[row] != origin[row]]
        changed = {row: fate for row, fate in self.fates.items() if decision[row] != fate.decision}
        dropped = [fate for fate in changed.values() if fate.decision == Decision.DROP]
        counts = {
            "dropped": sum(fate.survivor < 0 for fate in dropped),
            "replaced": sum(fate.survivor >= 0 for fate in dropped),
            "restored": sum(fate.decision == Decision.KEEP for fate in changed.values()),
            "origin": len(anew),
            "already": len(self.already - changed.keys() - set(anew)),
        }
        tools = {row: _by_whom(decided) for row, decided in self.origins.items()}
        return Reviewed(
            reviews=tuple(self.reviews),
            origin=origin,
            tools=tools,
            about=self.about,
            counts=counts,
            refused=self.refused,
            applied=tuple(self.applied),
        )


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


def out_by(step: str) -> str:
    """Why an answer was not applied to a document that a step took out of which the answer does not speak.

    >>> out_by("quality.v1")
    'quality.v1 took it out, of which the answer does not speak'
    """
    if step == STEP:
        return "readers took it out, for another reason"
    return f"{step} took it out, of which the answer does not speak"


def _by_whom(decided: Decided) -> str:
    """Who said what wrote a document, and where that stands."""
    lines = ", ".join(str(line) for line in decided.entries)
    return (
        f"review by {', '.join(decided.reviewers)}; log line{'s' if len(decided.entries) > 1 else ''} {lines}"
    )


def _found_in(corpus: LoadedCorpus, places: Sequence[Place]) -> Mapping[Place, int | str]:
    """The document of each place, or why there is none: it has gone, or its text has changed."""
    wanted = np.array([bytes.fromhex(place.content_hash) for place in places], "V32")
    hashes = np.ascontiguousarray(corpus.column("sha256")).view("V32").ravel()
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
