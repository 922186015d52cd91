"""Suites from files: YAML that a person wrote, and the records of published evaluation sets.

A YAML file says how items are asked and scored, and lists items or names a file of records with the fields to take.
A file or folder of records alone (JSON lines, JSON, CSV, Parquet, Arrow, a folder that `datasets` saved) is a suite,
too: its fields are guessed, and the guess is said.

Templates of prompts and references are Jinja, in its sandbox: they see the fields of a record and nothing else.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wellkeeper.engine.readers.evaluation import read_records, set_name
from wellkeeper.engine.yaml_document import Document, dotted_name, read_document
from wellkeeper.engine.yaml_document import Path as KeyPath
from wellkeeper.errors import InputError, RecipeError, did_you_mean
from wellkeeper.suites.suite import LETTERS, Suite, SuiteItem

Record: TypeAlias = Mapping[str, Any]

FIELDS: Mapping[str, tuple[str, ...]] = {
    "name": ("name", "id", "task_id", "question_id", "doc_id", "qid", "uid", "_id"),
    "prompt": ("prompt", "messages", "question", "input", "query", "problem", "instruction"),
    "reference": (
        *(
            "references",
            "reference",
            "answers",
            "answer",
            "answerKey",
            "target",
            "targets",
            "ideal",
            "final_answer",
        ),
        *("solution", "label", "expected", "output"),
    ),
    "choices": ("choices", "options", "mc1_targets"),
}
"""Names that the fields of published sets bear, most certain first; compared without case."""

_WANTED = "A suite is a mapping; begin with `name:`, `scorer:` and `items:`."
_SUITE_KEYS = (
    "wellkeeper",
    "name",
    "licence",
    "scorer",
    "system",
    "samples",
    "temperature",
    "tokens",
    "items",
)
_ITEM_KEYS = ("name", "prompt", "reference", "references", "choices", "slices", "scorer", "system")
_RECORD_KEYS = ("path", "name", "prompt", "reference", "choices", "slices", "system", "limit")
_NUMBER = re.compile(r"[-+]?[$€£]?[\d][\d,. ]*%?")
_LISTED = 12  # hexadecimal digits of a prompt's hash in the name of an item that has none
_WORK = "####"
"""What GSM8K writes between the working and the answer."""


def read_suite(path: str | Path) -> Suite:
    """The suite at a path: a YAML file, or a file, folder or glob of records.

    Raises:
        InputError: there is none, or it says something that cannot be asked; the message names the line.
    """
    place = str(path)
    if place.lower().endswith((".yaml", ".yml")):
        return _from_yaml(Path(place))
    return _from_records(place, set_name(place))


# --- YAML --------------------------------------------------------------------------------------------------------


def _from_yaml(file: Path) -> Suite:
    try:
        document = read_document(file.read_text(encoding="utf-8"), str(file), wanted=_WANTED)
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}). Give the path of a suite.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    except RecipeError as error:
        raise InputError(str(error)) from error
    return _Written(file, document).suite()


class _Written:
    """A YAML document that is checked as it is taken apart."""

    def __init__(self, file: Path, document: Document) -> None:
        self._file, self._document = file, document

    def suite(self) -> Suite:
        values = self._document.values
        self._known((), values, _SUITE_KEYS)
        if values.get("wellkeeper", 1) != 1:
            raise self._wrong(
                ("wellkeeper",), "This version reads format 1. Write wellkeeper: 1, or leave it out."
            )
        given = values.get("items")
        if isinstance(given, dict):
            suite = self._of_records(given)
        elif isinstance(given, list) and given:
            items = tuple(self._item(("items", at), one) for at, one in enumerate(given))
            suite = Suite(name=self._file.stem, items=items)
        else:
            raise self._wrong(
                ("items",), "There are no items. List them, or name a file of records with path."
            )
        return replace(
            suite,
            name=self._text((), "name") or suite.name,
            scorer=self._scorer((), values) or suite.scorer,
            system=self._text((), "system"),
            samples=self._number("samples", least=1, whole=True, default=1),
            temperature=self._number("temperature", least=0, whole=False, default=0.0),
            tokens=self._number("tokens", least=1, whole=True, default=suite.tokens),
            licence=self._text((), "licence") or "",
        )

    def _of_records(self, given: Record) -> Suite:
        at: KeyPath = ("items",)
        self._known(at, given, _RECORD_KEYS)
        path = given.get("path")
        if not isinstance(path, str):
            raise self._wrong((*at, "path"), "Name the file, folder or glob of the records.")
        whole = path if "://" in path or Path(path).is_absolute() else str(self._file.parent / path)
        slices = given.get("slices", [])
        slices = [slices] if isinstance(slices, str) else slices
        if not isinstance(slices, list) or not all(isinstance(name, str) for name in slices):
            raise self._wrong((*at, "slices"), "Name fields: slices: [subject, language].")
        limit = given.get("limit")
        if limit is not None and not (isinstance(limit, int) and limit >= 1):
            raise self._wrong((*at, "limit"), "Give a whole number of items, 1 or more.")
        said = {role: given[role] for role in ("name", "prompt", "reference", "choices") if role in given}
        for role, value in said.items():
            if not isinstance(value, str):
                raise self._wrong(
                    (*at, role), "Name a field, or write a template such as 'Q: {{ question }}'."
                )
        return _from_records(whole, self._file.stem, said=said, slices=slices, limit=limit)

    def _item(self, at: KeyPath, given: Any) -> SuiteItem:
        if isinstance(given, str):
            return SuiteItem(name=_hashed(given), prompt=given)
        if not isinstance(given, dict):
            raise self._wrong(at, "An item is a text, or a mapping with a prompt.")
        self._known(at, given, _ITEM_KEYS)
        if not is_prompt(given.get("prompt")):
            raise self._wrong(
                (*at, "prompt"),
                "Give a text, or a list of messages that each have a role and a content, both texts.",
            )
        prompt = given["prompt"]
        slices = given.get("slices", {})
        if not isinstance(slices, dict) or not all(
            isinstance(value, str | int | float) for value in slices.values()
        ):
            raise self._wrong((*at, "slices"), "Name and value: slices: {language: de}.")
        choices = _texts(given.get("choices"))
        references = _texts(given.get("references", given.get("reference")))
        return SuiteItem(
            name=str(given["name"]) if "name" in given else _hashed(prompt),
            prompt=prompt,
            references=self._right(at, references, choices),
            choices=choices,
            slices={name: str(value) for name, value in slices.items()},
            scorer=self._scorer(at, given),
            system=self._text(at, "system", given),
        )

    def _right(self, at: KeyPath, references: tuple[str, ...], choices: tuple[str, ...]) -> tuple[str, ...]:
        right = tuple(_among(reference, choices) for reference in references)
        wrong = [one for one in right if choices and one not in choices]
        if wrong:
            raise self._wrong(
                (*at, "reference"), f"{wrong[0]!r} is none of the choices. Give a choice or its letter."
            )
        return right

    def _scorer(self, at: KeyPath, given: Record) -> dict[str, Any] | None:
        scorer = given.get("scorer")
        if scorer is None:
            return None
        if isinstance(scorer, str):
            return {"kind": scorer}
        if not isinstance(scorer, dict) or not isinstance(scorer.get("kind"), str):
            raise self._wrong(
                (*at, "scorer"), "Give a kind and its options: scorer: {kind: numeric, tolerance: 0.01}."
            )
        return dict(scorer)

    def _text(self, at: KeyPath, key: str, given: Record | None = None) -> str | None:
        value = (self._document.values if given is None else given).get(key)
        if value is not None and not isinstance(value, str):
            raise self._wrong((*at, key), f"{value!r} is no text. Put it in quotes.")
        return value

    def _number(self, key: str, *, least: float, whole: bool, default: Any) -> Any:
        value = self._document.values.get(key, default)
        kinds = (int,) if whole else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value < float("inf"):
            kind = "a whole number" if whole else "a number"
            raise self._wrong((key,), f"{value!r} does not do. Give {kind} of at least {least:g}.")
        return value

    def _known(self, at: KeyPath, given: Record, known: Sequence[str]) -> None:
        for key in given:
            if key not in known:
                raise self._wrong(
                    (*at, key), f"No such key.{did_you_mean(str(key), known)} Known: {', '.join(known)}."
                )

    def _wrong(self, path: KeyPath, message: str) -> InputError:
        place = self._document.place(path)
        return InputError(f"{self._file}{', ' + place if place else ''}: {dotted_name(path)}: {message}")


# --- records -----------------------------------------------------------------------------------------------------


def _from_records(
    path: str,
    name: str,
    *,
    said: Mapping[str, str] | None = None,
    slices: Sequence[str] = (),
    limit: int | None = None,
) -> Suite:
    """Records as items: each role is a field, or a template over all fields."""
    records, lost = read_records(path, group=name)
    records = records[:limit]
    given = said or {}
    fields = {role: given.get(role) or _guess(role, [record for _, record in records]) for role in FIELDS}
    if fields["prompt"] is None:
        known = ", ".join(sorted({str(key) for _, record in records[:100] for key in record}))
        raise InputError(
            f"{path}: no field of the records looks like a prompt ({known}). Write a YAML suite that names one: items: "
            "{path: ..., prompt: '{{ field }}'}."
        )
    takers = {role: None if field is None else _taker(field, path) for role, field in fields.items()}
    items = tuple(_of_record(place, record, takers, slices) for place, record in records)
    guessed = [
        f"{role} from {field}" for role, field in fields.items() if field is not None and role not in given
    ]
    notes = [f"guessed: {', '.join(guessed)}"] if guessed else []
    items, repeated = _without_repeats(items)
    if repeated:
        notes.append(f"{repeated:,} records that repeat an earlier one are left out")
    return Suite(
        name=name, items=items, scorer=_likely_scorer(items), notes=(*notes, *([lost] if lost else []))
    )


def _guess(role: str, records: Sequence[Record]) -> str | None:
    names = {str(key).lower(): str(key) for record in records[:100] for key in record}
    return next((names[name.lower()] for name in FIELDS[role] if name.lower() in names), None)


Taker: TypeAlias = Callable[[Record], Any]


def _taker(said: str, path: str) -> Taker:
    """What gives a record's value: of a field, dotted where it is nested, or of a template."""
    if "{{" not in said and "{%" not in said:
        keys = said.split(".")

        def take(record: Record) -> Any:
            if said in record:
                return record[said]
            value: Any = record
            for key in keys:
                value = value.get(key) if isinstance(value, Mapping) else None
            return value

        return take
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    try:
        template = environment.from_string(said)
    except TemplateError as error:
        raise InputError(f"The template {said!r} is none: {error}. Check its braces.") from error

    def render(record: Record) -> str:
        try:
            return template.render(record)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            fields = ", ".join(map(str, record))
            raise InputError(
                f"{path}: the template {said!r} cannot be filled: {error}. Use fields of the records: {fields}."
            ) from error

    return render


def _of_record(
    place: str, record: Record, takers: Mapping[str, Taker | None], slices: Sequence[str]
) -> SuiteItem:
    found = {role: None if take is None else take(record) for role, take in takers.items()}
    prompt: Any = found["prompt"]
    labels = None
    choices: tuple[str, ...] = ()
    if isinstance(found["choices"], Mapping):  # ARC: {"text": [...], "label": ["A", ...]}
        labels = _texts(found["choices"].get("label", found["choices"].get("labels")))
        choices = _texts(found["choices"].get("text", found["choices"].get("choices")))
        labels = labels if len(labels) == len(choices) else None
    else:
        choices = _texts(found["choices"])
    if not is_prompt(prompt):
        raise InputError(
            f"{place}: the prompt is {type(prompt).__name__}, neither a text nor messages with a role and a content. "
            "Name another field in a YAML suite: items: {path: ..., prompt: FIELD}."
        )
    references = tuple(_among(_answer(one), choices, labels) for one in _texts(found["reference"]))
    if choices and isinstance(prompt, str) and not all(choice in prompt for choice in choices):
        prompt = lettered(prompt, choices)
    return SuiteItem(
        name=_hashed(prompt) if found["name"] is None else str(found["name"]),
        prompt=prompt,
        references=references,
        choices=choices,
        slices={name: str(record[name]) for name in slices if record.get(name) is not None},
    )


def lettered(question: str, choices: Sequence[str]) -> str:
    """A question with its choices under letters, as a chat is asked.

    >>> print(lettered("Which is a fish?", ["cod", "cow"]))
    Which is a fish?
    A. cod
    B. cow
    Answer with the letter alone.
    """
    lines = [f"{letter}. {choice}" for letter, choice in zip(LETTERS, choices, strict=False)]
    return "\n".join([question.rstrip(), *lines, "Answer with the letter alone."])


def _without_repeats(items: Sequence[SuiteItem]) -> tuple[tuple[SuiteItem, ...], int]:
    """Items with names of their own: one that comes again as it was is left out, another of its name gets a new one."""
    kept: dict[str, SuiteItem] = {}
    repeated = 0
    for item in items:
        if item.name not in kept:
            kept[item.name] = item
        elif kept[item.name] == item:
            repeated += 1
        else:
            own = replace(item, name=f"{item.name}-{_hashed((item.prompt, item.references))}")
            repeated += own.name in kept
            kept.setdefault(own.name, own)
    return tuple(kept.values()), repeated


def _likely_scorer(items: Sequence[SuiteItem]) -> dict[str, Any] | None:
    if not all(item.references for item in items):
        return None
    if all(item.choices for item in items):
        return {"kind": "choice"}
    numeric = all(_NUMBER.fullmatch(text.strip()) for item in items for text in item.references)
    return {"kind": "numeric" if numeric else "exact"}


# --- values ------------------------------------------------------------------------------------------------------


def is_prompt(given: object) -> bool:
    """Whether it is a text that is not blank, or messages with a role and a content."""
    if isinstance(given, str):
        return bool(given.strip())
    return (
        isinstance(given, list)
        and len(given) > 0
        and all(
            isinstance(one, Mapping) and all(isinstance(one.get(key), str) for key in ("role", "content"))
            for one in given
        )
    )


def _texts(given: Any) -> tuple[str, ...]:
    """Answers or choices as texts; one or many, and TriviaQA's {"value": ..., "aliases": [...]}."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return _texts([given.get("value"), *given.get("aliases", [])]) if "value" in given else ()
    if isinstance(given, list | tuple):
        return tuple(dict.fromkeys(str(one) for one in given if one is not None))
    return (str(given),)


def _answer(reference: str) -> str:
    """The answer at the end of a worked solution, as GSM8K writes it; any other text as it is."""
    return reference.rpartition(_WORK)[2].strip() if _WORK in reference else reference


def _among(reference: str, choices: Sequence[str], labels: Sequence[str] | None = None) -> str:
    """The choice that a text, a letter, a label or a number from 0 stands for; without choices the text itself."""
    if not choices or reference in choices:
        return reference
    names = list(labels or LETTERS[: len(choices)])
    if reference in names:
        return choices[names.index(reference)]
    if reference.isdigit() and int(reference) < len(choices):
        return choices[int(reference)]
    return reference


def _hashed(told: object) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_LISTED]
