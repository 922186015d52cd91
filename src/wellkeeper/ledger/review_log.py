"""Logs of reviews in a folder: who said what of which documents, and whether the ledger's decisions follow from it.

    OUT/ledger/review.jsonl         the log, a line of `wellkeeper.core.trail` each
    OUT/ledger/review-items.jsonl   what was asked, a line an item: the log's first line names this file's SHA-256
    OUT/ledger/review-2.jsonl ...   of a second review, and so on

The seal names the hash of each log's last line. So a folder whose seal was made anew after a change of the log is found
out by the chain, one whose log was made anew by the signature, and one whose decisions were changed by the log.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc

from wellkeeper.core.decision import Decision
from wellkeeper.core.evidence import REVIEWED
from wellkeeper.core.trail import Entry, breaks, read_entry
from wellkeeper.engine.store import sha256_of_file, write_atomic
from wellkeeper.errors import DataError, InputError
from wellkeeper.ledger.folder import open_part_tables

STEP = "review"
"""Name under which the ledger records what people decided."""
SAID = "reviewed: "
"""How the ledger's reason for such a decision begins; the label that readers gave follows."""
SPITE = ", in spite of "
"""What stands between the label and the reason for which a step had taken the document out."""

_LOG, _ITEMS = "review", "-items"
_TOLD = 3  # place in an item's line of all that is told of it
_NEXT = "Restore it from a copy, or export the log again."
_SHOWN = 10  # decisions that are told one by one


class Held(NamedTuple):
    """A document of the ledger that a queue was made from."""

    row: int
    id: str
    content_hash: str  # SHA-256 of its text, in hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An item that people were shown."""

    number: int  # in the queue, from 1
    id: str
    places: tuple[Held, ...]  # the document of each text, in the order in which they were shown
    gold: bool  # its label was known: it tries readers and decides nothing
    readers: int  # who were to look at it


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """An answer as the log has it."""

    entry: int  # line of the log
    at: str  # ISO 8601, UTC
    reviewer: str
    item: str
    label: str
    note: str
    seconds: float
    turn: int  # 1: the first look; 2: a hidden repeat
    source: str  # tool that it was taken over from; empty: it was given on our page
    taken_back: bool  # by a later line


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """An answer, for whoever asks about one document."""

    log: str  # path in the folder
    said: Said
    says: str  # the label as readers saw it
    is_gold: bool  # the item's label was known: the answer tried the reader
    beside: tuple[str, ...]  # ids of all documents of the item, in the order in which they were shown


def log_name(number: int) -> str:
    """Path in a folder of the log of its review `number`, from 1."""
    return f"ledger/{_LOG}.jsonl" if number == 1 else f"ledger/{_LOG}-{number}.jsonl"


def items_path(log: Path) -> Path:
    """Where what was asked lies, beside the log."""
    return log.with_name(f"{log.stem}{_ITEMS}{log.suffix}")


def log_paths(folder: Path) -> list[Path]:
    """The logs of a folder, in the order in which its decisions take them."""
    found: list[Path] = []
    while (path := folder / log_name(len(found) + 1)).is_file():
        found.append(path)
    return found


def remove_logs(folder: Path) -> None:
    """Remove all logs, and what was asked, of an earlier run."""
    for path in (folder / "ledger").glob(f"{_LOG}*.jsonl"):
        path.unlink()


def is_log(table: str) -> bool:
    """Whether a manifest's table, by its name, is a log, whose digest is the hash of its last line."""
    return table == f"ledger/{_LOG}" or table.startswith(f"ledger/{_LOG}-")


def table_name(number: int) -> str:
    """What a manifest calls the log of review `number`."""
    return log_name(number).removesuffix(".jsonl")


def read_log(path: Path) -> list[Entry]:
    """The lines of a log; whether they follow each other is not checked.

    Raises:
        InputError: there is no such file, it is empty, or a line of it is none of a log.
    """
    entries: list[Entry] = []
    for number, line in enumerate(_lines(path), 1):
        try:
            entries.append(read_entry(json.loads(line)))
        except (ValueError, DataError, AttributeError, RecursionError):
            raise InputError(
                f"{path}, line {number}: this is no line of the log of a review. {_NEXT}"
            ) from None
    if not entries or entries[0].act != "begin":
        raise InputError(f"{path} does not begin like the log of a review. {_NEXT}")
    return entries


def read_items(path: Path) -> Iterator[Asked]:
    """What was asked, in the order of the queue.

    Raises:
        InputError: there is no such file, or a line of it is no item.
    """
    for number, line in enumerate(_lines(path), 1):
        try:
            yield parsed_item(line)
        except DataError as error:
            raise InputError(f"{path}, line {number}: {error}. {_NEXT}") from None


def parsed_item(line: str | bytes) -> Asked:
    """An item from a line that `wellkeeper.review.decisions.asked_in` gave.

    Raises:
        DataError: it is none.
    """
    try:
        number, id_, _rank, told, _digest, gold, readers, _repeated = json.loads(line)
        places = tuple(Held(**place) for place in json.loads(told)["places"])
        return Asked(number=int(number), id=str(id_), places=places, gold=bool(gold), readers=int(readers))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise DataError("this is no item of a review") from None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from file
    except FileNotFoundError:
        raise InputError(f"{path} is missing. {_NEXT}") from None


def answers_in(entries: Iterable[Entry]) -> list[Said]:
    """All answers of a log, also those that were taken back.

    Raises:
        DataError: a line of an answer lacks something.
    """
    found: dict[int, Said] = {}
    for entry in entries:
        told = entry.told
        try:
            if entry.act in ("answer", "import"):
                found[entry.number] = Said(
                    entry=entry.number,
                    at=entry.at,
                    reviewer=entry.reviewer,
                    item=str(told["item"]),
                    label=str(told["label"]),
                    note=str(told.get("note", "")),
                    seconds=float(told.get("seconds", 0.0)),
                    turn=int(told.get("turn", 1)),
                    source=str(told.get("source", "")),
                    taken_back=False,
                )
            elif entry.act == "undo":
                back = found[int(told["entry"])]
                found[back.entry] = Said(
                    **{name: getattr(back, name) for name in Said.__slots__ if name != "taken_back"},
                    taken_back=True,
                )
        except (KeyError, TypeError, ValueError):
            raise DataError(f"line {entry.number} tells of no answer") from None
    return list(found.values())


def first_looks(answers: Iterable[Said]) -> dict[str, list[Said]]:
    """Answers that count, by item: first looks that stand, in the order of the log."""
    found: dict[str, list[Said]] = {}
    for one in answers:
        if one.turn == 1 and not one.taken_back:
            found.setdefault(one.item, []).append(one)
    return found


def majority(labels: Sequence[str]) -> str:
    """What more than half of the labels are; empty if none is."""
    [(most, votes)] = Counter(labels).most_common(1) or [("", 0)]
    return most if 2 * votes > len(labels) else ""


def question_of(entries: Sequence[Entry]) -> Mapping[str, Any]:
    """What was asked of every item, as the first line has it: `labels` with their names, words and effects.

    Raises:
        DataError: the first line does not tell it.
    """
    question = entries[0].told.get("question") if entries else None
    if not isinstance(question, dict) or not isinstance(question.get("labels"), list):
        raise DataError("line 1 does not tell what was asked")
    return question


def asked_digest(entries: Sequence[Entry]) -> str:
    """SHA-256 of what was asked, as a log has it: what stood in the queue at first, and what was added."""
    return str(_asked_last(entries).get("digest", ""))


def asked_items(entries: Sequence[Entry]) -> int | None:
    """How many items that is; None: the log does not tell."""
    items = _asked_last(entries).get("items")
    return items if type(items) is int else None


def _asked_last(entries: Sequence[Entry]) -> Mapping[str, Any]:
    return next((entry.told for entry in reversed(entries) if entry.act == "add"), entries[0].told)


# --- whether a folder's logs are what its seal says, and its decisions what they say ----------------------------------


def log_problems(path: Path, head: str | None, *, forgotten: bool = False) -> Iterator[tuple[str, str]]:
    """File of a folder and what is wrong with it, of one of its logs and what was asked.

    `head` is the hash that the seal names; None: it names none. `forgotten`: documents were removed from the folder,
    and so from what was asked, which is not what the log's first line names any more.
    """
    try:
        entries = read_log(path)
        asked = asked_digest(entries)
        found = sha256_of_file(items_path(path))
    except (InputError, OSError) as error:
        yield path.name, str(error)
        return
    for _, what in islice(breaks(entries), _SHOWN):
        yield path.name, what
    if head is None:
        yield path.name, "it is there, and the seal names no last line of it"
    elif entries[-1].hash != head:
        yield path.name, f"its last line has the hash {entries[-1].hash}, and the seal names {head}"
    if asked != found and not forgotten:
        yield items_path(path).name, f"its SHA-256 is {found}, and the log names {asked}"


def decision_problems(folder: Path) -> Iterator[str]:
    """Decisions and evidence of the ledger that its logs do not bear out.

    Raises:
        InputError, DataError, pyarrow.ArrowException, OSError: a log or the ledger cannot be read.
    """
    given = _said_of_documents(folder)
    wrong = [*_decided_otherwise(folder, given), *_seen_otherwise(folder, given)]
    yield from wrong[:_SHOWN]
    if len(wrong) > _SHOWN:
        yield f"{len(wrong) - _SHOWN:,} more are not what readers said"


def _decided_otherwise(folder: Path, given: Mapping[tuple[str, str], set["_Given"]]) -> Iterator[str]:
    columns = ["row", "id", "content_hash", "decision", "step", "reason", "survivor_id"]
    wanted: Any = pc.field("step") == STEP
    for row in open_part_tables(folder, "documents").to_table(columns=columns, filter=wanted).to_pylist():
        mine = given.get((row["id"], row["content_hash"].hex()), set())
        told = (label_in(row["reason"] or ""), row["decision"], row["survivor_id"] or "")
        if told not in {(one.label, one.decision, one.survivor) for one in mine}:
            said = ", ".join(sorted({one.label for one in mine})) or "nothing"
            yield (
                f"row {row['row']:,} ({row['id']}) is {row['decision']} by {row['reason']!r}, and readers said {said}"
            )


def _seen_otherwise(folder: Path, given: Mapping[tuple[str, str], set["_Given"]]) -> Iterator[str]:
    kinds: dict[str, set[str]] = {}
    for (document, _), mine in given.items():
        kinds.setdefault(document, set()).update(REVIEWED.get(one.origin, "") for one in mine)
    wanted: Any = pc.field("kind").isin([*REVIEWED.values()])
    rows = open_part_tables(folder, "evidence").to_table(columns=["row", "id", "kind"], filter=wanted)
    for row in rows.to_pylist():
        if row["kind"] not in kinds.get(row["id"], ()):
            yield f"row {row['row']:,} ({row['id']}) has evidence {row['kind']}, and readers did not say so"


def label_in(reason: str) -> str:
    """The label in a reason of step `review`.

    >>> label_in("reviewed: human, in spite of citation-marker")
    'human'
    """
    return reason.removeprefix(SAID).partition(SPITE)[0]


class _Given(NamedTuple):
    """What the readers of an item said, and what that does to one of its documents."""

    label: str
    decision: str
    survivor: str  # id of the document that stays instead
    origin: str


def _said_of_documents(folder: Path) -> dict[tuple[str, str], set[_Given]]:
    """Of each document, by id and hash, what most readers said of the items that it is in."""
    found: dict[tuple[str, str], set[_Given]] = {}
    for path in log_paths(folder):
        entries = read_log(path)
        labels = {label["name"]: label for label in question_of(entries)["labels"]}
        looks = first_looks(answers_in(entries))
        for asked in read_items(items_path(path)):
            label = labels.get(majority([one.label for one in looks.get(asked.id, ())]))
            if label is not None and not asked.gold:
                for place, decision, survivor in effects_of(asked.places, label["keep"]):
                    told = _Given(label["name"], decision, survivor, label["origin"])
                    found.setdefault((place.id, place.content_hash), set()).add(told)
    return found


def effects_of(places: Sequence[Held], keep: str) -> Iterator[tuple[Held, str, str]]:
    """Of each document of an item: keep, drop, or "" for as it stands; and the id of the one that stays instead.

    `keep` is the effect of the item's label, as `wellkeeper.review.question.Keep` lists them.
    """
    keeps, drops = Decision.KEEP.label, Decision.DROP.label
    if len(places) == 2 and keep in ("first", "second"):
        stays = 0 if keep == "first" else 1
        yield places[stays], keeps, ""
        yield places[1 - stays], drops, places[stays].id
    else:
        decision = keeps if keep == "both" else keep if keep in (keeps, drops) else ""
        for place in places:
            yield place, decision, ""


def forget_places(folder: Path, names: Mapping[tuple[str, str], str]) -> None:
    """Take documents, by id and SHA-256, out of what was asked: each gets another name, and no hash.

    What the log has of them stays, labels and notes: its lines cannot be changed one by one.
    """
    for log in log_paths(folder):
        path, changed = items_path(log), False
        lines = list(_lines(path))
        for number, line in enumerate(lines):
            item = json.loads(line)
            told = json.loads(item[_TOLD])
            for place in told["places"]:
                new = names.get((place["id"], place["content_hash"]))
                if new is not None:
                    place |= {"id": new, "content_hash": "0" * 64}
                    told |= {"prompt": "", "hidden": {"facts": {}, "marks": []}, "facts": {}}
                    item[_TOLD] = json.dumps(told)
                    lines[number], changed = json.dumps(item).encode() + b"\n", True
        if changed:
            write_atomic(path, b"".join(lines))


def spoken_of(folder: Path, documents: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[Spoken]]:
    """All that readers said of documents, each named by id and SHA-256 of its text; by log, in the order of its lines.

    Hidden repeats, answers that were taken back and items whose label was known are told, too.

    Raises:
        InputError, DataError: a log cannot be read.
    """
    wanted = set(documents)
    found: dict[tuple[str, str], list[Spoken]] = {}
    for path in log_paths(folder):
        items = {
            asked.id: asked
            for asked in read_items(items_path(path))
            if any((place.id, place.content_hash) in wanted for place in asked.places)
        }
        if not items:
            continue
        entries = read_log(path)
        says = {label["name"]: str(label["says"]) for label in question_of(entries)["labels"]}
        for one in answers_in(entries):
            if one.item in items:
                asked = items[one.item]
                spoken = Spoken(
                    log=path.relative_to(folder).as_posix(),
                    said=one,
                    says=says.get(one.label, one.label),
                    is_gold=asked.gold,
                    beside=tuple(place.id for place in asked.places),
                )
                for name in {(place.id, place.content_hash) for place in asked.places} & wanted:
                    found.setdefault(name, []).append(spoken)
    return found
