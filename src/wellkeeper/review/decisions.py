"""What people said, as decisions on documents: from the log alone, so that whoever has the log can follow each of them.

An item decides once enough readers have looked at it and most of them say the same. Items whose label was known try
readers, and second looks try a reader's constancy: neither decides anything. Where readers do not agree, nobody has
decided, and the documents stay as they are.

An answer speaks about what was asked and nothing else. Who says that a person wrote a text lifts what steps that look
for models decided about it; that it is a copy of another one, an evaluation item or a text without rights was not
asked, and those steps' word stands. `SPEAKS_OF` lists the steps that each question speaks of. A steward, who was asked
whether a document is to be in the set, speaks of all of them, but of rights only in so many words (`DESPITE_RIGHTS`):
no opinion of a text makes it the set's to use.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from wellkeeper.engine.database import Database
from wellkeeper.errors import DataError, InputError
from wellkeeper.ledger.review_log import Asked, answers_in, effects_of, first_looks, question_of
from wellkeeper.review._state import state_of
from wellkeeper.review._tables import LAYOUT, asked_lines
from wellkeeper.review.item import Place
from wellkeeper.review.question import DESPITE_RIGHTS, Kind, Question
from wellkeeper.review.trail import Entry

SPEAKS_OF: Mapping[Kind, tuple[str, ...]] = {
    "origin": ("artefacts", "origin"),
    "conflicts": ("artefacts", "origin"),
    "duplicates": ("exact-duplicates", "near-duplicates", "semantic-duplicates"),
    "vet": ("verified",),
    "compare": (),
}
"""Names of steps, without their versions, whose decisions an answer lifts. A steward's lifts all, see `speaks_of`."""

_RIGHTS = "rights"

Fate: TypeAlias = Literal["", "keep", "drop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What readers decided about one document."""

    place: Place
    keep: Fate  # empty: as it stands
    origin: str  # from now on, one of `core.origin.LABELS`; empty: as it stands
    survivor: Place | None  # of a pair: the one that stays in this one's place
    other: Place | None  # of a pair: the other one
    item: str
    label: str
    reviewers: tuple[str, ...]  # who gave the label, in the order of the log
    entries: tuple[int, ...]  # lines of the log with the answers of all readers of the item


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """What a review decided, and how much of it is not decided. Items of gold are not counted."""

    kind: Kind
    decided: tuple[
        Decided, ...
    ]  # in the order in which items were settled; of a pair the one that stays first
    settled: int  # items
    conflicts: int  # items on which readers do not agree
    waiting: int  # items that too few have answered, or nobody
    silent: int  # settled items whose label changes nothing
    without: int  # settled items that are about no document of a ledger


def asked_in(queue: Path) -> Iterator[str]:
    """What stands in a queue's file, a line of JSON an item: the lines whose SHA-256 the log's first line names.

    Raises:
        InputError: it is no queue, or damaged.
        WorkError: it cannot be opened.
    """
    database = Database(queue, LAYOUT)
    try:
        with database.told() as db:
            yield from asked_lines(db)
    finally:
        database.close()


def verdicts_of(asked: Iterable[Asked], entries: Sequence[Entry]) -> Verdicts:
    """What the readers of a log decided.

    Args:
        asked: what stands in the queue.
        entries: the whole log, its first line included, which names the question.

    Raises:
        InputError: the log tells of no review, or of one that this version does not know.
    """
    question = _question(entries)
    looks = first_looks(answers_in(entries))
    asks_third = bool(entries[0].told.get("settings", {}).get("third_reader", True))
    found: list[tuple[int, list[Decided]]] = []
    counts = dict.fromkeys(("settled", "conflicts", "waiting", "silent", "without"), 0)
    for one in asked:
        given = looks.get(one.id, [])
        state = state_of(
            [answer.label for answer in given], readers=one.readers, is_gold=one.gold, asks_third=asks_third
        )
        if one.gold:
            continue
        if not state.is_settled:
            counts["conflicts" if state.is_conflict else "waiting"] += 1
            continue
        counts["settled"] += 1
        label = question.label(state.label)
        if not (label.keep or (label.origin and len(one.places) < 2)):
            counts["silent"] += 1
        elif not one.places:
            counts["without"] += 1
        else:
            reviewers = tuple(dict.fromkeys(said.reviewer for said in given if said.label == label.name))
            lines = tuple(said.entry for said in given)
            decided = [
                Decided(
                    place=Place(**place._asdict()),
                    keep="keep" if fate == "keep" else "drop" if fate == "drop" else "",
                    origin="" if len(one.places) > 1 else label.origin,
                    survivor=_other(one, place) if fate == "drop" and len(one.places) > 1 else None,
                    other=_other(one, place) if len(one.places) > 1 else None,
                    item=one.id,
                    label=label.name,
                    reviewers=reviewers,
                    entries=lines,
                )
                for place, fate, _ in effects_of(one.places, label.keep)
            ]
            found.append((lines[-1], decided))
    found.sort(key=lambda one: one[0])
    return Verdicts(kind=question.kind, decided=tuple(one for _, some in found for one in some), **counts)


def _question(entries: Sequence[Entry]) -> Question:
    try:
        return Question.from_json(question_of(entries))
    except (KeyError, TypeError, DataError) as error:
        raise InputError(
            f"The log does not tell what was asked ({error}). Export it again with the version of wellkeeper that made "
            "the queue."
        ) from error


def _other(asked: Asked, place: tuple[int, str, str]) -> Place:
    first, second = asked.places
    return Place(**(second if place == first else first)._asdict())


def speaks_of(kind: Kind, step: str, *, label: str = "") -> bool:
    """Whether an answer to a question, `label`, lifts what a step decided.

    >>> speaks_of("origin", "artefacts.v1"), speaks_of("origin", "near-duplicates.v1")
    (True, False)
    """
    name = step.rpartition(".v")[0]
    if kind == "documents":
        return name != _RIGHTS or label == DESPITE_RIGHTS
    return name in SPEAKS_OF[kind]
