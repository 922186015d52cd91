"""Argilla 2: a dataset for a queue, and the answers in what it exports.

Written after argilla 2.8.0, whose `Dataset.from_disk` reads the folder. A response bears the UUID of a user, which
Argilla alone gives: answers of readers who have none there go along as suggestions, once they are settled.

Its `records.to_json` leaves out whether a response was submitted, is a draft or was discarded; `to_list(flatten=True)`
and the server's own JSON have it. Where nothing says it, only responses of records that Argilla calls completed count.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from wellkeeper.errors import InputError
from wellkeeper.review.exchange import (
    NO_ANSWER,
    Read,
    Reviewed,
    Told,
    hidden_of,
    name_of,
    storable,
)
from wellkeeper.review.label_studio import SIDES, guess_of, shown_in, sides_of
from wellkeeper.review.question import Question

TOOL = "argilla"
RECORDS = "records.json"
SETTINGS = ".argilla/settings.json"
DATASET = ".argilla/dataset.json"
"""Files of a folder that `Dataset.from_disk` reads."""
_PEOPLE, _SCORE = "people", "wellkeeper"
_SUBMITTED, _UNTOLD = "submitted", ""


# --- out ----------------------------------------------------------------------------------------------------------


def record_of(one: Reviewed, question: Question, *, with_hidden: bool = False) -> dict[str, Any]:
    """An item as a record.

    Args:
        one: the item.
        question: what is asked of it.
        with_hidden: also the answers there are, and what readers do not see before they have answered.
    """
    item = one.item
    fields = dict(zip(sides_of(item), map(storable, item.texts), strict=True))
    if item.prompt:
        fields["prompt"] = storable(item.prompt)
    record: dict[str, Any] = {
        "id": name_of(item),
        "fields": fields,
        "metadata": {},
        "suggestions": {},
        "responses": {},
        "vectors": {},
        "status": "pending",
    }
    if not with_hidden:
        return record
    hidden = hidden_of(one)
    record["metadata"] = {"item": item.id, **{name: hidden[name] for name in ("score", "gold", "rank")}}
    record["metadata"] |= {f"fact-{name}": value for name, value in item.facts.items()}
    record["metadata"] |= {f"hidden-{name}": value for name, value in item.hidden.facts.items()}
    record["metadata"] = {name: value for name, value in record["metadata"].items() if value is not None}
    record["responses"] = _responses(one)
    guess = guess_of(item.score, question)
    if one.label:
        record["suggestions"] = {"label": {"value": one.label, "score": None, "agent": _PEOPLE}}
    elif guess is not None:
        record["suggestions"] = {"label": {"value": guess[0], "score": guess[1], "agent": _SCORE}}
    return record


def _responses(one: Reviewed) -> dict[str, list[dict[str, Any]]]:
    responses: dict[str, list[dict[str, Any]]] = {}
    for answer in one.first_looks:
        user = answer.reviewer.removeprefix(f"{TOOL}:")
        if _is_uuid(user):
            for question, value in (("label", answer.label), ("note", storable(answer.note))):
                if value:
                    told = {"value": value, "user_id": user, "status": _SUBMITTED}
                    responses.setdefault(question, []).append(told)
    return responses


def _is_uuid(user: str) -> bool:
    try:
        UUID(user)
    except ValueError:
        return False
    return True


def settings_of(question: Question, *, pairs: bool, prompted: bool, with_hidden: bool) -> dict[str, Any]:
    """The settings of the dataset: what is shown and asked.

    Args:
        question: what is asked.
        pairs: whether items are two texts side by side.
        prompted: whether some have a prompt.
        with_hidden: whether records bear metadata.
    """
    sides = [(side, f"The {side}") for side in SIDES] if pairs else [("text", "Text")]
    fields = [*([("prompt", "Prompt")] if prompted else []), *sides]
    return {
        "guidelines": question.guidelines or None,
        "questions": [
            {
                "name": "label",
                "title": question.asks,
                "required": True,
                "settings": {
                    "type": "label_selection",
                    "options": [{"value": label.name, "text": label.says} for label in question.labels],
                    "visible_options": len(question.labels) if len(question.labels) > 2 else None,
                },
            },
            {
                "name": "note",
                "title": "Note",
                "required": False,
                "settings": {"type": "text", "use_markdown": False},
            },
        ],
        "fields": [
            {
                "name": name,
                "title": title,
                "required": name != "prompt",
                "settings": {"type": "text", "use_markdown": False},
            }
            for name, title in fields
        ],
        "vectors": [],
        "metadata": [],
        "allow_extra_metadata": with_hidden,
        "distribution": {"strategy": "overlap", "min_submitted": 1},
        "mapping": None,
    }


def dataset_of(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset itself, which has no name of a workspace: `from_disk` is given one."""
    return {
        "name": name,
        "status": "draft",
        **{part: settings[part] for part in ("guidelines", "allow_extra_metadata", "distribution")},
    }


# --- in -----------------------------------------------------------------------------------------------------------


def read_records(records: Any, path: Path) -> Read:
    """Answers in what Argilla exported: `records.to_json`, `to_list(flatten=True)`, or records of its server.

    Drafts and what was discarded are no answers: they are counted.

    Raises:
        InputError: it is no such export; the message names the record.
    """
    told: list[Told] = []
    passed_over: Counter[str] = Counter()
    untold = 0
    for number, record in enumerate(records if isinstance(records, list) else [records], 1):
        place = f"record {number}"
        try:
            answers = _answers(record, place)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{path}, {place}: this is no record of Argilla ({type(error).__name__}: {error}). Give what "
                "`records.to_json` wrote, of records that `review export` wrote."
            ) from error
        passed_over[NO_ANSWER] += not answers
        for one, status in answers:
            if not one.label:
                passed_over[NO_ANSWER] += 1
            elif status not in {_SUBMITTED, _UNTOLD}:
                passed_over[status] += 1
            elif status == _UNTOLD and record.get("status") != "completed":
                passed_over["of records that are not completed"] += 1
            else:
                told.append(one)
                untold += status == _UNTOLD and len(answers) > 1
    doubt = (
        f"{untold} responses are of records that several people answered, and the file does not say which are drafts: "
        "they count as submitted. An export by `to_list(flatten=True)` says it."
    )
    return Read(answers=tuple(told), passed_over=+passed_over, doubts=(doubt,) if untold else ())


def _answers(record: Mapping[str, Any], place: str) -> list[tuple[Told, str]]:
    """Answers of a record, and the status of each; empty: nothing says it."""
    fields = record["fields"] if isinstance(record.get("fields"), dict) else record
    shown = shown_in(fields)
    name = str(record["external_id"] if record.get("external_id") is not None else record["id"])
    return [
        (
            Told(
                place=f"{place}, {TOOL}:{user}" if user else place,
                item=name,
                label=str(label or ""),
                reviewer=f"{TOOL}:{user}" if _is_uuid(user) else user,
                note=str(note or ""),
                shown=shown,
            ),
            str(status or _UNTOLD).lower(),
        )
        for user, label, note, status in _responded(record)
    ]


def _responded(record: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any, Any]]:
    """User, label, note and status of each response, whichever way the export has them."""
    responses = record.get("responses")
    if isinstance(responses, list):  # as the server has them
        for one in responses:
            values = one.get("values") or {}
            label, note = ((values.get(name) or {}).get("value") for name in ("label", "note"))
            yield str(one.get("user_id") or ""), label, note, one["status"]
    elif isinstance(responses, dict):  # as to_json writes them
        notes = {one.get("user_id"): one.get("value") for one in responses.get("note", ())}
        for one in responses.get("label", ()):
            user = one.get("user_id")
            yield str(user or ""), one["value"], notes.get(user), one.get("status")
    else:  # flattened
        labels, users, statuses = _column(record, "label")
        said, writers, _ = _column(record, "note")
        notes = dict(zip(writers, said, strict=True))
        for label, user, status in zip(labels, users, statuses, strict=True):
            yield str(user or ""), label, notes.get(user), status


def _column(record: Mapping[str, Any], question: str) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    values = record.get(f"{question}.responses") or []
    users = record.get(f"{question}.responses.users") or [None] * len(values)
    statuses = record.get(f"{question}.responses.status") or [None] * len(values)
    return values, users, statuses


def dump(told: Mapping[str, Any]) -> bytes:
    """A file of the folder."""
    return json.dumps(told, ensure_ascii=False, indent=2).encode() + b"\n"
