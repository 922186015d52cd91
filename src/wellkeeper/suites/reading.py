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
from typing import Any, TypeAlias, TypeGuard

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wellkeeper.core.answers import Prompt
from wellkeeper.engine.readers.columns import optional_getter
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
_WORKED = re.compile(r"\s####\s*(\S[^\n]*)\s*\Z")
"""What GSM8K writes between the working and the answer, and the answer; a heading of code is none."""


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
        for path, problem in self._document.problems:
            raise self._wrong(path, problem)
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
        if not isinstance(path, str) or not path.strip():
            raise self._wrong((*at, "path"), "Name the file, folder or glob of the records.")
        whole = path if "://" in path or Path(path).is_absolute() else str(self._file.parent / path)
        slices = given.get("slices", [])
        slices = [slices] if isinstance(slices, str) else slices
        if not isinstance(slices, list) or not all(isinstance(name, str) for name in slices):
            raise self._wrong((*at, "slices"), "Name fields: slices: [subject, language].")
        limit = given.get("limit")
        if limit is not None and not (_is_whole(limit) and limit >= 1):
            raise self._wrong((*at, "limit"), "Give a whole number of items, 1 or more.")
        said = {role: given[role] for role in ("name", "prompt", "reference", "choices") if role in given}
        for role, value in said.items():
            if not isinstance(value, str) or not value.strip():
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
        choices = self._choices(at, given)
        return SuiteItem(
            name=self._name(at, given) or _hashed(prompt),
            prompt=_with_choices(prompt, choices, written=True),
            references=self._references(at, given, choices),
            choices=choices,
            slices={name: _as_text(value) for name, value in slices.items()},
            scorer=self._scorer(at, given),
            system=self._text(at, "system", given),
        )

    def _name(self, at: KeyPath, given: Record) -> str | None:
        """The item's own name; None where it has none."""
        if "name" not in given:
            return None
        name = given["name"]
        if not (isinstance(name, str) and name.strip()) and not _is_whole(name):
            raise self._wrong((*at, "name"), f"{name!r} is no name. Put it in quotes, or leave it out.")
        return str(name)

    def _choices(self, at: KeyPath, given: Record) -> tuple[str, ...]:
        if "choices" not in given:
            return ()
        choices = given["choices"]
        if not _are_plain(choices) or not 2 <= len(choices) <= len(LETTERS):
            raise self._wrong(
                (*at, "choices"), f"List from 2 to {len(LETTERS)} of them: choices: [cod, cow]."
            )
        return tuple(map(_as_text, choices))

    def _references(self, at: KeyPath, given: Record, choices: tuple[str, ...]) -> tuple[str, ...]:
        key = "references" if "references" in given else "reference"
        if key == "references" and "reference" in given:
            raise self._wrong((*at, key), "There is a reference, too. Leave one of the two out.")
        said = given.get(key, [])
        said = said if isinstance(said, list) else [said]
        if not _are_plain(said):
            raise self._wrong((*at, key), "A reference is a text or a number; list them if there are many.")
        if _are_numbers(given.get("choices")):
            said = list(map(_as_text, said))  # each is one of them, and not its place
        for one in said:
            if _is_whole(one) and str(one) in choices and _among(one, choices) != str(one):
                raise self._wrong(
                    (*at, key),
                    f"{one} is a choice, and the number of another one. Give the choice in quotes, or its letter.",
                )
        right = tuple(dict.fromkeys(_among(one, choices) for one in said))
        wrong = [one for one in right if choices and one not in choices]
        if wrong:
            raise self._wrong(
                (*at, key), f"{wrong[0]!r} is none of the choices. Give a choice or its letter."
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
    _check_fields(
        path, [record for _, record in records], {role: takers[role] for role in given}, given, slices
    )
    written = _is_template(fields["prompt"])
    items = tuple(_of_record(place, record, takers, slices, written=written) for place, record in records)
    guessed = [
        f"{role} from {field}" for role, field in fields.items() if field is not None and role not in given
    ]
    notes = [f"guessed: {', '.join(guessed)}"] if guessed else []
    items, repeated = _without_repeats(items)
    if repeated:
        notes.append(f"{repeated:,} records that repeat an earlier one are left out")
    lacking = sum(not item.references for item in items)
    if 0 < lacking < len(items):
        notes.append(f"{lacking:,} of {len(items):,} items have no reference: no scorer is guessed")
    return Suite(
        name=name, items=items, scorer=_likely_scorer(items), notes=(*notes, *([lost] if lost else []))
    )


def _guess(role: str, records: Sequence[Record]) -> str | None:
    names = {str(key).lower(): str(key) for record in records[:100] for key in record}
    return next((names[name.lower()] for name in FIELDS[role] if name.lower() in names), None)


Taker: TypeAlias = Callable[[Record], Any]


def _taker(said: str, path: str) -> Taker:
    """What gives a record's value: of a field, dotted where it is nested, or of a template."""
    if not _is_template(said):
        return optional_getter(said)
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


def _is_template(said: str) -> bool:
    return "{{" in said or "{%" in said


def _check_fields(
    path: str,
    records: Sequence[Record],
    takers: Mapping[str, Taker | None],
    said: Mapping[str, str],
    slices: Sequence[str],
) -> None:
    """Refuse a field that the suite names and no record has: a slip of the pen, and not a suite without references."""
    missing = [
        said[role] for role, take in takers.items() if take and all(take(one) is None for one in records)
    ]
    missing += [name for name in slices if all(one.get(name) is None for one in records)]
    if missing:
        known = sorted({str(key) for record in records[:100] for key in record})
        near = did_you_mean(missing[0], known)
        raise InputError(f"{path}: no record has a field {missing[0]}.{near} There are: {', '.join(known)}.")


def _of_record(
    place: str, record: Record, takers: Mapping[str, Taker | None], slices: Sequence[str], *, written: bool
) -> SuiteItem:
    found = {role: None if take is None else take(record) for role, take in takers.items()}
    prompt: Any = found["prompt"]
    if not is_prompt(prompt):
        raise InputError(
            f"{place}: the prompt is {type(prompt).__name__}, neither a text nor messages with a role and a content. "
            "Name another field in a YAML suite: items: {path: ..., prompt: FIELD}."
        )
    choices, labels = _choices(found["choices"], place)
    reference = found["reference"]
    if _are_numbers(found["choices"]) and _is_whole(reference):
        reference = str(reference)  # one of them, and not its place
    references = _references(reference, choices, labels)
    wrong = [one for one in references if choices and one not in choices]
    if wrong:
        raise InputError(
            f"{place}: the reference {wrong[0]!r} is none of the choices. Name another field in a YAML suite: items: "
            "{path: ..., reference: FIELD}."
        )
    prompt = _with_choices(prompt, choices, written=written)
    return SuiteItem(
        name=_hashed(prompt) if found["name"] is None else str(found["name"]),
        prompt=prompt,
        references=references,
        choices=choices,
        slices={name: _as_text(record[name]) for name in slices if record.get(name) is not None},
    )


def _choices(given: Any, place: str) -> tuple[tuple[str, ...], Sequence[Any] | None]:
    """Choices and what the publisher calls them, None where it says nothing; all stay, since numbers count them.

    Publishers write {"text": [...], "label": ["A", ...]}, [{"text": ..., "label": "A"}, ...] and {"A": ..., ...}, too.
    """
    labels: Any = None
    if isinstance(given, Mapping) and ("text" in given or "choices" in given):
        labels = given.get("label", given.get("labels"))
        given = given.get("text", given.get("choices"))
    elif isinstance(given, Mapping):
        labels, given = list(given), list(given.values())
    elif (
        isinstance(given, list) and given and all(isinstance(one, Mapping) and "text" in one for one in given)
    ):
        labels = [one.get("label") for one in given]
        given = [one["text"] for one in given]
    if given is None or given == []:
        return (), None
    if not _are_plain(given) or not 2 <= len(given) <= len(LETTERS):
        raise InputError(
            f"{place}: the choices are no list of 2 to {len(LETTERS)} texts. Name another field in a YAML suite: "
            "items: {path: ..., choices: FIELD}."
        )
    same = isinstance(labels, list | tuple) and len(labels) == len(given)
    return tuple(map(_as_text, given)), labels if same else None


def _references(given: Any, choices: tuple[str, ...], labels: Sequence[Any] | None) -> tuple[str, ...]:
    if given is None and labels is not None and all(_is_whole(label) for label in labels):
        return tuple(
            choice for choice, label in zip(choices, labels, strict=True) if label == 1
        )  # TruthfulQA
    many = given if isinstance(given, list | tuple) else [given]
    if all(map(_is_whole, many)):
        return tuple(dict.fromkeys(_among(one, choices, labels) for one in many))
    return tuple(dict.fromkeys(_among(_answer(one), choices, labels) for one in _texts(given)))


def _with_choices(prompt: Prompt, choices: tuple[str, ...], *, written: bool) -> Prompt:
    """A prompt that shows its choices, which are put below one that does not; conversations stay as they are.

    Args:
        prompt: as it was given.
        choices: in the order of their letters.
        written: whether somebody wrote the prompt for this suite, so that choices in it are no chance.
    """
    if not choices or not isinstance(prompt, str):
        return prompt
    marks = [r"(?<!\w)" if written else rf"(?<!\w){letter}[.:)\]]*\s+" for letter in LETTERS[: len(choices)]]
    shown = all(
        re.search(rf"{mark}{re.escape(choice)}(?!\w)", prompt)
        for mark, choice in zip(marks, choices, strict=True)
    )
    return prompt if shown else lettered(prompt, choices)


def lettered(question: str, choices: Sequence[str]) -> str:
    """A question with its choices under letters, as a chat is asked.

    >>> print(lettered("Which is a fish?", ["cod", "cow"]))
    Which is a fish?
    A. cod
    B. cow
    Answer with the letter alone.
    """
    lines = [f"{letter}. {choice}" for letter, choice in zip(LETTERS[: len(choices)], choices, strict=True)]
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
    """Answers as texts; one or many, and TriviaQA's {"value": ..., "aliases": [...]}."""
    if given is None:
        return ()
    if isinstance(given, Mapping):
        return _texts([given.get("value"), *given.get("aliases", [])]) if "value" in given else ()
    if isinstance(given, list | tuple):
        return tuple(dict.fromkeys(_as_text(one) for one in given if one is not None))
    return (_as_text(given),)


def _as_text(value: object) -> str:
    """A value as YAML and JSON write it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_numbers(given: object) -> bool:
    return isinstance(given, list | tuple) and all(map(_is_whole, given))


def _are_plain(given: object) -> bool:
    """Whether it is a list of texts, numbers and truth values."""
    return isinstance(given, list | tuple) and all(isinstance(one, str | int | float) for one in given)


def _answer(reference: str) -> str:
    """The answer at the end of a worked solution, as GSM8K writes it; any other text as it is."""
    worked = _WORKED.search(reference)
    return worked[1].strip() if worked else reference


def _among(reference: str | int, choices: Sequence[str], labels: Sequence[Any] | None = None) -> str:
    """The choice that a text, a letter, a label or a number from 0 stands for; without choices the text itself.

    A number in a record counts the choices, even where one of them reads like it: MMLU asks for sums.

    >>> _among(0, ["1", "0"]), _among("0", ["1", "0"]), _among("(b)", ["cod", "cow"])
    ('1', '0', 'cow')
    """
    text = _as_text(reference)
    if labels is not None and text in (names := list(map(_as_text, labels))):
        return choices[names.index(text)]
    counts = _is_whole(reference) and 0 <= reference < len(choices)
    if not choices or (text in choices and not counts):
        return text
    letter = text.strip(" ().").upper()
    if len(letter) == 1 and letter in LETTERS[: len(choices)]:
        return choices[LETTERS.index(letter)]
    if text.isascii() and text.isdigit() and int(text) < len(choices):
        return choices[int(text)]
    return text


def _hashed(told: object) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_LISTED]
