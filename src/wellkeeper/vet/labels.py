"""Labels that people gave: of texts that verifiers are measured on, and of a part of the set itself.

JSON lines, compressed or not. A label is true or false, 1 or 0, "right" or "wrong", under `label`, `right`, or a name
that is given.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellkeeper.core.generated import Generated
from wellkeeper.engine.readers.streams import Stream
from wellkeeper.engine.sources import find_files
from wellkeeper.errors import InputError, did_you_mean
from wellkeeper.measure.verifier import Audited, Kept
from wellkeeper.vet.verdicts import Said

LABELS: Mapping[str, bool] = {
    "true": True, "1": True, "1.0": True, "right": True, "correct": True, "yes": True, "accept": True, "accepted": True,
    "false": False, "0": False, "0.0": False, "wrong": False, "incorrect": False, "no": False, "reject": False,
    "rejected": False,
}  # fmt: skip
_USUAL = ("label", "right")
_COMPRESSED = (".gz", ".zst")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledItem:
    """A generated text, and whether people call it right."""

    item: Generated
    right: bool


def digest_of(labelled: Sequence[LabelledItem]) -> str:
    """SHA-256, in hexadecimal digits, of texts, references and labels, in any order."""
    told = sorted(
        json.dumps([one.item.to_json(), one.right], sort_keys=True, ensure_ascii=False) for one in labelled
    )
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def read_labelled(path: Path, *, label: str | None = None) -> tuple[LabelledItem, ...]:
    """Labelled texts: JSON lines as `Generated` has them, and a label.

    `label` is the field with it; None: `label` or `right`.

    Raises:
        InputError: the file cannot be read, or a line is no labelled text; the message names the line.
    """
    found = tuple(
        LabelledItem(item=item, right=_label(entry, label, place))
        for place, entry, item in _items(path, label)
    )
    if not found:
        raise InputError(f"{path} holds no labelled text. Write JSON lines with id, text and label.")
    return found


def read_set(path: Path) -> tuple[Generated, ...]:
    """The generated texts of a file, none of them labelled yet.

    Raises:
        InputError: the file cannot be read, or a line is no generated text; the message names the line.
    """
    found = tuple(item for _, _, item in _items(path))
    if not found:
        raise InputError(f"{path} holds no text. Write JSON lines with id and text.")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelLine:
    """The label of a text that stands elsewhere."""

    id: str
    digest: str  # of the text that was labelled, where the file says it (`people.judged`); else ""
    right: bool
    text: str | None = None  # that was labelled, where the file has it


def read_label_lines(path: Path, *, label: str | None = None) -> tuple[LabelLine, ...]:
    """Labels in the order of the file, the same one given twice once.

    Raises:
        InputError: as of `read_labelled`, or one text has two labels.
    """
    found: dict[tuple[str, str], LabelLine] = {}
    for place, entry in _entries(path):
        name = entry.get("id")
        if not isinstance(name, str) or not name:
            raise InputError(f"{place}: a label without an id. Write the id of the text that it is of.")
        text = entry.get("text")
        line = LabelLine(
            id=name,
            digest=str(entry.get("sha256", "")),
            right=_label(entry, label, place),
            text=text if isinstance(text, str) else None,
        )
        if found.setdefault((line.id, line.digest), line).right is not line.right:
            raise InputError(f"{place}: {name} is labelled right and wrong. Keep one of the two labels.")
    return tuple(found.values())


def read_labels(path: Path, *, label: str | None = None) -> dict[str, LabelLine]:
    """Labels by id, from JSON lines that need no text: what `--audited` takes.

    Raises:
        InputError: as of `read_labelled`, or one id has two labels.
    """
    found: dict[str, LabelLine] = {}
    for line in read_label_lines(path, label=label):
        if found.setdefault(line.id, line).right is not line.right:
            raise InputError(f"{path}: {line.id} is labelled right and wrong. Keep one of the two labels.")
    if not found:
        raise InputError(f"{path} holds no label. Write JSON lines with id and label.")
    return found


def audited_of(
    labels: Mapping[str, LabelLine], said: Mapping[str, Said], texts: Mapping[str, str]
) -> Audited:
    """Labels of a part of a set, held against the verdicts on the set; all by id.

    Raises:
        InputError: a label is of no item of the set, or of another text than the one that has its id now.
    """
    for name, line in labels.items():
        if name not in said:
            raise InputError(
                f"The audit labels {name}, which is not in the set.{did_you_mean(name, said)} Label a random part of "
                "this very set, by its ids."
            )
        if line.text is not None and line.text != texts[name]:
            raise InputError(
                f"The audit labels another text than the set has as {name} now: the set was made anew. Draw again: "
                "wellkeeper verifier SYNTH --draw N --out FILE."
            )
    parts = {
        one: [line.right for name, line in labels.items() if said[name] == one]
        for one in ("accepted", "rejected", "unknown")
    }
    return Audited(**{one: Kept(kept=sum(rights), of=len(rights)) for one, rights in parts.items()})


def _entries(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The place and the entry of each line that is not blank."""
    wanted = "Give JSON lines with id, text and label."
    try:
        data = _inflated(path) if path.suffix in _COMPRESSED else path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}). {wanted}") from error
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise InputError(f"{place}: this is not JSON ({error}). {wanted}") from error
        if not isinstance(entry, dict):
            raise InputError(f"{place}: this is no JSON object. {wanted}")
        yield place, entry


def _items(path: Path, label: str | None = None) -> Iterator[tuple[str, Mapping[str, Any], Generated]]:
    """The place, the entry and the text of each line; `label` is a field that is not the text's."""
    seen: set[str] = set()
    for place, entry in _entries(path):
        try:
            item = Generated.from_json({name: entry[name] for name in entry if name != label})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{place}: no generated text ({type(error).__name__}: {error}). Write id, text and what the verifiers "
                "need, such as prompt and references."
            ) from error
        if item.id in seen:
            raise InputError(f"{place}: a second text has the id {item.id}. Give each its own.")
        seen.add(item.id)
        yield place, entry, item


def _inflated(path: Path) -> bytes:
    (file,) = find_files([str(path)], group="")
    stream = Stream(file)
    data = b"".join(stream)
    if stream.damage is not None:
        raise InputError(f"{path} is damaged ({stream.damage.reason}). Write or fetch it again.")
    return data


def _label(entry: Mapping[str, Any], label: str | None, place: str) -> bool:
    names = _USUAL if label is None else (label,)
    name = next((name for name in names if name in entry), None)
    if name is None:
        asked = " or ".join(names)
        raise InputError(
            f"{place}: no label under {asked}. Name the field that has it: --label {_likely(entry)}."
        )
    value = entry[name]
    right = LABELS.get(str(value).strip().lower()) if isinstance(value, bool | int | float | str) else None
    if right is None:
        raise InputError(
            f"{place}: the label under {name} is {json.dumps(value, ensure_ascii=False)[:60]}. Write right or wrong, "
            "true or false, 1 or 0."
        )
    return right


def _likely(entry: Mapping[str, Any]) -> str:
    fields = Generated.__dataclass_fields__
    return next(
        (name for name in entry if name not in fields and isinstance(entry[name], bool | int | str)), "COLUMN"
    )
