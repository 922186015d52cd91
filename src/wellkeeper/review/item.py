"""What stands in a queue, and what comes out of it: plain values that the store, the page and statistics share."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A document of a ledger."""

    row: int
    id: str
    content_hash: (
        str  # SHA-256 of its text, in hexadecimal digits: decisions are applied to this text and no other
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A stretch of a text that evidence was seen in."""

    text: int  # 0: the first text of the item, 1: the second
    start: int  # character
    end: int  # one past the last
    says: str  # what it is, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Hidden:
    """What a reader is told after the answer, and not before: it would sway them."""

    facts: Mapping[str, str] = field(default_factory=dict)  # such as source, decision, reason; name -> value
    marks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something to look at: one text, or two side by side."""

    id: str  # unique in the queue
    texts: tuple[str, ...]  # one or two, in the order in which they are shown
    prompt: str = ""  # what the texts answer, shown above them
    places: tuple[
        Place, ...
    ] = ()  # the document of each text, in the same order; none where there is no ledger
    hidden: Hidden = field(default_factory=Hidden)
    facts: Mapping[str, str] = field(default_factory=dict)  # for whoever reads labels later; never shown
    score: float | None = (
        None  # chance, in [0, 1], that the share counts it (`Label.value` 1), before anybody looks
    )
    value: float = 0.0  # of a label for it, 0 or more; the higher, the earlier it is shown
    gold: str = ""  # label that is known to be right; empty: none is

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal digits, of what is shown."""
        return hashlib.sha256(
            json.dumps([self.prompt, self.texts], ensure_ascii=False).encode("utf-8", "surrogatepass")
        ).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An item at its place in a queue."""

    item: Item
    rank: int | None = (
        None  # from 0, in the random order of the pool, where chance put it in; None: its value did
    )
    readers: int = 1  # who must look at it
    repeated: bool = False  # whether each reader is shown it a second time, later


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What items were chosen from: all that estimates need of it. Items of gold are not of it."""

    items: int
    scored: int  # items with a score
    score_sum: float  # of all scores
    score_squares: float  # sum of their squares
    weight_note: str = ""  # a sentence: what the pool is, for reports


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a queue is handed out."""

    lease_seconds: float = 600.0  # an item that was shown is nobody else's for so long
    repeat_after: int = 20  # decisions of a reader before they are shown an item again
    third_reader: bool = True  # asks one more person where two do not agree
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """An item in front of a reader, as it may be sent to the browser.

    Nothing here says what others answered, what a machine thinks, or whether this is a repeat or gold.
    """

    ticket: str  # of this showing, drawn at random; an answer is taken once for each
    texts: tuple[str, ...]
    prompt: str
    shown: str  # the item's digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a reader said of an item."""

    entry: int  # number in the log
    item: str  # id
    number: int  # of the item in the queue
    reviewer: str
    label: str
    note: str
    seconds: float  # from showing to answer, as the page measured, at most one day
    at: str  # ISO 8601, UTC
    turn: int  # 1: the first look; 2: a hidden repeat
    shown: str  # digest of what was shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Where an item stands: answers of first looks, without those that were taken back."""

    item: str
    number: int
    answers: tuple[Answer, ...]  # in the order of the log
    label: str  # what most said; empty: nobody yet, or no majority
    is_settled: bool  # enough readers agree
    is_conflict: bool  # readers do not agree, settled by a third or not


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a queue is; from one reader's place, or everybody's."""

    items: int
    settled: int
    conflicts: int  # that wait for a third reader
    answers: int  # first looks and repeats, of all
    mine: int  # of the reader
    left: int  # items that the reader may still be shown
    agreement: (
        float | None
    )  # share of items with two or more answers in which the first two agree; None: none yet
    seconds: float | None  # median of the reader's time an item; None: no answer yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """An answered item, as its reader may see it now."""

    ticket: str  # of the showing that was answered
    number: int
    texts: tuple[str, ...]
    prompt: str
    mine: Answer
    others: tuple[Answer, ...]
    hidden: Hidden
    can_undo: bool  # it is the reader's last


def item_to_json(item: Item) -> dict[str, Any]:
    """All of an item but its texts, which are kept apart."""
    return {  # by hand: `asdict` would take a third of the time in which a queue is made
        "id": item.id,
        "prompt": item.prompt,
        "places": [
            {"row": place.row, "id": place.id, "content_hash": place.content_hash} for place in item.places
        ],
        "hidden": {
            "facts": dict(item.hidden.facts),
            "marks": [
                {"text": mark.text, "start": mark.start, "end": mark.end, "says": mark.says}
                for mark in item.hidden.marks
            ],
        },
        "facts": dict(item.facts),
        "score": item.score,
        "value": item.value,
        "gold": item.gold,
    }


def item_from_json(stored: Mapping[str, Any], texts: tuple[str, ...]) -> Item:
    """What `item_to_json` made this of.

    Raises:
        KeyError, TypeError: it is no item.
    """
    hidden = stored["hidden"]
    marks = tuple(Mark(**mark) for mark in hidden["marks"])
    places = tuple(Place(**place) for place in stored["places"])
    return Item(
        **{
            **stored,
            "texts": texts,
            "places": places,
            "hidden": Hidden(facts=hidden["facts"], marks=marks),
        }
    )


def pool_of(scores: list[float | None], *, note: str = "") -> Pool:
    """What estimates need of the scores of a whole pool."""
    known = [score for score in scores if score is not None]
    return Pool(
        items=len(scores),
        scored=len(known),
        score_sum=sum(known),
        score_squares=sum(score * score for score in known),
        weight_note=note,
    )
