"""Answers of a queue, out into files and in from them: what all formats share, and our own JSON lines.

What goes to another tool is as blind as our own page: texts and a name that tells nothing (`name_of`), no score, no
source, no place in the corpus, nobody's answer. What comes back is held against the queue before any of it counts: an
item that is not there, another text than the one that is asked about, an answer that the question does not have and a
reader who says two things are told by their place in the file.
"""

import hashlib
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from wellkeeper.errors import InputError, did_you_mean
from wellkeeper.review._handing import heard
from wellkeeper.review.item import Answer, Item, Outcome, Placed, item_to_json
from wellkeeper.review.question import Label, Question
from wellkeeper.review.queue import LONGEST_NAME, LONGEST_NOTE, ReviewQueue

MOST_TOLD = 10
"""Answers that cannot be taken in which are told one by one; of the others, how many."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
NO_ANSWER, SECOND_LOOK = "without an answer", "second looks"
"""Why something in a file was passed over that is no fault."""

Entry: TypeAlias = tuple[str, str, str, float]
"""Item, label, note and seconds: what the store takes in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """An item of a queue with all that people said of it."""

    number: int
    placed: Placed
    outcome: Outcome | None  # None: nobody has answered yet
    answers: tuple[Answer, ...]  # in the order of the log, first and second looks

    @property
    def item(self) -> Item:
        return self.placed.item

    @property
    def label(self) -> str:
        """What is settled; empty: nothing is."""
        return self.outcome.label if self.outcome is not None and self.outcome.is_settled else ""

    @property
    def first_looks(self) -> tuple[Answer, ...]:
        """One of each reader: a second look at the same item tells of the reader, and not of the item."""
        return tuple(answer for answer in self.answers if answer.turn == 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An answer as a file has it, not yet held against the queue."""

    place: str  # in the file, such as "line 3"
    item: str  # id, or what `name_of` made of it
    label: str  # its name, or its words
    reviewer: str  # empty: the file does not say
    note: str = ""
    seconds: float = 0.0
    shown: str = ""  # digest of what was shown, by `shown_of`; empty: the file has no texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a file holds."""

    answers: tuple[Told, ...]
    passed_over: Mapping[str, int] = field(default_factory=dict)  # such as drafts -> how many
    doubts: tuple[str, ...] = ()  # sentences: what the file leaves open, and how it was read


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What of a file can be taken in, by reader."""

    entries: Mapping[str, tuple[Entry, ...]]
    known: int  # answers that the queue has already
    problems: tuple[str, ...]  # sentences, each with its place in the file


def reviewed(queue: ReviewQueue) -> Iterator[Reviewed]:
    """Every item of a queue, in its order. Texts are read as they are asked for, answers at once."""
    answers: dict[int, list[Answer]] = defaultdict(list)
    for answer in queue.answers():
        answers[answer.number].append(answer)
    outcomes = {outcome.number: outcome for outcome in queue.outcomes() if outcome.answers}
    for number, placed in queue.items():
        yield Reviewed(
            number=number,
            placed=placed,
            outcome=outcomes.get(number),
            answers=tuple(answers.get(number, ())),
        )


def name_of(item: Item) -> str:
    """What an item is called in another tool, where readers may see it: 20 hexadecimal digits of a hash of its id.

    >>> name_of(Item(id="crawl/0017", texts=("a",)))
    'f6b85f9a5692dec8ddf5'
    """
    return hashlib.sha256(f"wellkeeper review item\n{item.id}".encode("utf-8", "surrogatepass")).hexdigest()[
        :20
    ]


def storable(text: str) -> str:
    """A text as the databases of other tools can hold it: NUL and half surrogate pairs become U+FFFD.

    >>> storable("a" + chr(0) + chr(0xD800))
    'a��'
    """
    return _UNSTORABLE.sub("\ufffd", text)


def shown_of(texts: Iterable[str], prompt: str) -> str:
    """Digest of what is shown, the same before and after another tool had it."""
    return Item(id="shown", texts=tuple(map(storable, texts)), prompt=storable(prompt)).digest


def labels_by_word(question: Question) -> dict[str, Label]:
    """The labels of a question by their names and by their words, in lower case."""
    by_words = {label.says.lower(): label for label in question.labels}
    return by_words | {label.name.lower(): label for label in question.labels}


def seconds_of(given: Any) -> float:
    """Seconds that an answer took, as a tool tells them; 0: it does not."""
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return float(given) if is_number and 0 <= given <= sys.float_info.max else 0.0


# --- held against the queue ---------------------------------------------------------------------------------------


def checked(
    queue: ReviewQueue, told: Iterable[Told], *, reviewer: str = "", names: Mapping[str, str] | None = None
) -> Checked:
    """Answers of a file, held against a queue; nothing is changed.

    Names that differ in case or in how a letter is composed are one reader's, as in the queue.

    Args:
        queue: what they are answers to.
        told: the answers, in the order of the file.
        reviewer: who answered where the file does not say; empty: that is a problem.
        names: what a reader is called in the file -> the name here. The number alone will do: 5 for label-studio:5.
    """
    places = _places(queue)
    labels = labels_by_word(queue.question)
    looks = [answer for answer in queue.answers() if answer.turn == 1]
    here = {(answer.reviewer, answer.item): answer.label for answer in looks}
    met = {heard(answer.reviewer): answer.reviewer for answer in looks}
    new: dict[tuple[str, str], str] = {}
    entries: dict[str, list[Entry]] = defaultdict(list)
    known = 0
    problems: list[str] = []
    for one in told:
        who = _who(one.reviewer, names or {}) or reviewer
        wrong = _wrong(one, who, places, labels)
        if wrong:
            problems.append(f"{one.place}: {wrong}")
            continue
        who = met.setdefault(heard(who), who)
        item, label = places[one.item][0], labels[one.label.lower()].name
        earlier = here.get((who, item), new.get((who, item)))
        if earlier is None:
            new[who, item] = label
            entries[who].append((item, label, one.note, one.seconds))
        elif earlier == label:
            known += 1
        else:
            where = "the queue" if (who, item) in here else "this file too"
            problems.append(
                f"{one.place}: {who} says {label} of {item}, and {where} has {earlier} by {who}. Keep one of the two."
            )
    return Checked(
        entries={who: tuple(found) for who, found in entries.items()}, known=known, problems=tuple(problems)
    )


def _places(queue: ReviewQueue) -> dict[str, tuple[str, str]]:
    """Id and name of every item -> its id, and the digest of what it shows."""
    places: dict[str, tuple[str, str]] = {}
    for item in (placed.item for _, placed in queue.items()):
        places[item.id] = places[name_of(item)] = item.id, shown_of(item.texts, item.prompt)
    return places


def _who(called: str, names: Mapping[str, str]) -> str:
    return names.get(called) or names.get(called.partition(":")[2]) or called


def _wrong(one: Told, who: str, places: Mapping[str, tuple[str, str]], labels: Mapping[str, Label]) -> str:
    """Why an answer cannot be taken in; empty: it can."""
    return _wrong_item(one, places, labels) or _wrong_reader(one, who)


def _wrong_item(one: Told, places: Mapping[str, tuple[str, str]], labels: Mapping[str, Label]) -> str:
    if one.item not in places:
        return f"there is no item {one.item} in this queue. Name the queue that the file was exported from."
    if one.shown and one.shown != places[one.item][1]:
        return f"another text was labelled as {one.item} than the queue asks about. Export the queue anew."
    if one.label.lower() not in labels:
        known = dict.fromkeys(label.name for label in labels.values())
        return (
            f"{one.label} is no answer here.{did_you_mean(one.label, known)} Answers are {', '.join(known)}."
        )
    return ""


def _wrong_reader(one: Told, who: str) -> str:
    if not who:
        return f"nobody is named who said {one.label} of {one.item}. Name them with --reviewer NAME."
    if not who.isprintable() or len(who) > LONGEST_NAME:
        return f"{who[:LONGEST_NAME]!r} is no name of a reader. Give them another: --reviewer {one.reviewer[:20]}=NAME."
    if len(one.note) > LONGEST_NOTE:
        return f"the note has {len(one.note):,} characters. Shorten it to {LONGEST_NOTE:,}."
    return ""


# --- our own lines ------------------------------------------------------------------------------------------------


def line_of(one: Reviewed, *, with_hidden: bool = False) -> dict[str, Any]:
    """An item and its answers as one line of our file has them.

    Args:
        one: the item.
        with_hidden: also what readers do not see before they have answered, and how the item was chosen.
    """
    item = one.item
    told: dict[str, Any] = {
        "id": item.id,
        "texts": list(item.texts),
        "prompt": item.prompt,
        "places": item_to_json(item)["places"],
        "label": one.label or None,
        "conflict": one.outcome is not None and one.outcome.is_conflict,
        "answers": [
            {
                "reviewer": answer.reviewer,
                "label": answer.label,
                "note": answer.note,
                "seconds": answer.seconds,
                "at": answer.at,
                "turn": answer.turn,
            }
            for answer in one.answers
        ],
        "facts": dict(item.facts),
    }
    if with_hidden:
        told["hidden"] = hidden_of(one)
    return told


def hidden_of(one: Reviewed) -> dict[str, Any]:
    """What is not shown before the answer."""
    item = one.item
    return {
        "score": item.score,
        "value": item.value,
        "gold": item.gold or None,
        "rank": one.placed.rank,
        **item_to_json(item)["hidden"],
    }


def json_line(told: Mapping[str, Any]) -> bytes:
    """One line of a file. Half of a surrogate pair, which has no bytes of its own, is written as an escape."""
    try:
        return json.dumps(told, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(told).encode() + b"\n"


def read_lines(data: bytes, path: Path) -> Read:
    """Answers in JSON lines: of each item `answers` as we write them, or one `label` and who gave it.

    A line without a label is an item that nobody has answered. Second looks are passed over: what a reader says the
    second time is compared with the first, on the page that showed both.

    Raises:
        InputError: a line is no JSON object, or one of its fields is of another kind; the message names the line.
    """
    told: list[Told] = []
    passed_over: Counter[str] = Counter()
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            entry = json.loads(line)
            found = list(_told(entry, place))
        except (ValueError, RecursionError) as error:
            raise InputError(
                f"{path}, {place}: this is no JSON ({error}). Give lines as `review export` writes them."
            ) from error
        except (AttributeError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}, {place}: this is no answered item ({type(error).__name__}: {error}). Give JSON lines with id "
                "and label, as texts, or answers as `review export` writes them."
            ) from error
        for one, why in found:
            if why:
                passed_over[why] += 1
            else:
                told.append(one)
    return Read(answers=tuple(told), passed_over=+passed_over)


def _told(entry: Mapping[str, Any], place: str) -> Iterator[tuple[Told, str]]:
    """The answers of a line, and why each is passed over; empty: it is not."""
    texts = entry.get("texts")
    base = Told(
        place=place,
        item=_text(entry["id"], "id"),
        label="",
        reviewer="",
        shown="" if texts is None else shown_of(_texts(texts), _text(entry.get("prompt") or "", "prompt")),
    )
    given = entry.get("answers")
    for answer in [entry] if given is None else given:
        label = answer.get("label")
        one = replace(
            base,
            label=_text(label or "", "label"),
            reviewer=_text(answer.get("reviewer") or "", "reviewer"),
            note=_text(answer.get("note") or "", "note"),
            seconds=seconds_of(answer.get("seconds")),
        )
        is_later = answer.get("turn", 1) != 1
        yield one, NO_ANSWER if not one.label else SECOND_LOOK if is_later else ""
    if given == []:
        yield base, NO_ANSWER


def _texts(given: Any) -> list[str]:
    if not isinstance(given, list):
        raise TypeError("texts is no list")
    return [_text(text, "texts") for text in given]


def _text(given: Any, name: str) -> str:
    if not isinstance(given, str):
        raise TypeError(f"{name} is {json.dumps(given)[:40]} and no text")
    return given
