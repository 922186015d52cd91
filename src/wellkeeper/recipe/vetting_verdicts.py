"""Verdicts on the documents of a corpus: asked for, kept while they come, and read again from a file.

A journal has a line for each verdict, written as it comes: a run that was killed goes on where it was. What is unknown
is not entered: a check that ran out of time is tried again, a person may have looked since, and a judge's own answers
are kept elsewhere (`wellkeeper.infer.cache`).
"""

import hashlib
import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np

from wellkeeper.core.generated import Generated
from wellkeeper.engine.readers import parse_block
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError, WorkError
from wellkeeper.filter.verified import SAID, UNKNOWN, Verdicts
from wellkeeper.recipe.corpus import LoadedCorpus, changed_file
from wellkeeper.vet.verdicts import Verdict

PROMPT, REFERENCES = "prompt", "references"
"""Columns of what a text answers, and of the right answers, where nothing else is said."""
MOST_REASONS = 2000
"""Distinct reasons that a ledger has; of further ones only the verifier is told."""

_REASON = 160  # letters of a reason


# --- items ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemColumns:
    """Columns of the user's files that a verifier reads, beside the text."""

    prompt: str | None = None  # None: `PROMPT`, if there is such a column
    references: str | None = None

    def check(self, fields: Collection[str]) -> None:
        """Raises InputError: a column that was named is not there."""
        for option, name in (("--prompt", self.prompt), ("--references", self.references)):
            if name is not None and name not in fields:
                known = ", ".join(sorted(fields)) or "none"
                raise InputError(f"{option} {name}: there is no such column. Columns: {known}.")


def items_of(corpus: LoadedCorpus, columns: ItemColumns) -> list[Generated]:
    """Every document as a verifier sees it, read from the files again.

    Raises:
        InputError: a column that was named is not there.
        WorkError: a file changed since it was read.
    """
    fields: set[str] = set()
    items: list[Generated | None] = [None] * len(corpus)
    documents = np.arange(len(corpus))
    ids = corpus.strings("id", documents.tolist())
    for read in corpus.read_again(documents):
        parsed = parse_block(read.raw, read.columns, extras=True)
        if len(parsed.table) <= read.rows[-1]:
            raise WorkError(changed_file(read.raw.file.name))
        rows = parsed.table.take(read.rows).to_pylist()
        fields.update(parsed.fields)
        coded = {name for name, kind in parsed.fields.items() if kind == "json"}
        for document, row in zip(read.documents.tolist(), rows, strict=True):
            items[document] = _item(ids[document], row, columns, coded)
    columns.check(fields)
    return [item for item in items if item is not None]


def _item(name: str, row: Mapping[str, Any], columns: ItemColumns, coded: set[str]) -> Generated:
    def value(column: str) -> Any:
        found = row.get(column)
        return json.loads(found) if column in coded and found is not None else found

    known = {field: value(field) for field in _PLAIN if value(field) is not None}
    entry = {
        **known,
        "id": name,
        "text": row["text"],
        "prompt": _prompt(value(columns.prompt or PROMPT)),
        "references": _many(value(columns.references or REFERENCES)),
        "generator": row.get("generator") or "",
    }
    try:
        return Generated.from_json({key: kept for key, kept in entry.items() if kept is not None})
    except (KeyError, TypeError, ValueError):  # columns of those names that mean something else
        return Generated(
            id=name, text=row["text"], prompt=entry["prompt"], references=tuple(entry["references"])
        )


_PLAIN = ("finish", "template", "cell", "rare", "temperature", "seed")
"""Fields of `Generated` that a verifier may want, under their own names."""


def _prompt(given: Any) -> Any:
    """A text or messages, as JSON may have them in a text; None for anything else."""
    return given if isinstance(given, str | list) and given else None


def _many(given: Any) -> tuple[str, ...]:
    """One answer or several."""
    if given is None:
        return ()
    values = given if isinstance(given, list) else [given]
    return tuple(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in values
    )


# --- journal --------------------------------------------------------------------------------------


class Journal:
    """Verdicts of earlier runs, and those of this one as they come. One process writes, from any thread."""

    def __init__(self, path: Path, verifier: str) -> None:
        """`verifier` is the digest of what gives the verdicts: others' are passed over."""
        self._path, self._verifier = path, verifier
        self._known: dict[str, Verdict] = {}
        self._lock = threading.Lock()
        self._stream: TextIO | None = None

    def __enter__(self) -> Self:
        whole = 0
        if self._path.exists():
            for line in self._path.read_bytes().splitlines(keepends=True):
                if not line.endswith(b"\n") or not self._read(line):
                    break  # torn by a kill: nothing after it counts
                whole += len(line)
        try:
            with self._path.open("ab") as stream:
                stream.truncate(whole)
            self._stream = self._path.open("a", encoding="utf-8")
        except OSError as error:
            raise WorkError(
                f"{self._path} cannot be written: {error.strerror}. Free space or fix access, then run the same "
                "command again."
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._stream is not None:
            self._stream.close()

    def _read(self, line: bytes) -> bool:
        try:
            entry = json.loads(line)
            verdict = Verdict(
                said=entry["said"], value=entry["value"], note=entry["note"], by=dict(entry["by"])
            )
            self._known[str(entry["item"])] = verdict
        except (KeyError, TypeError, ValueError):
            return False
        return True

    def get(self, item: Generated) -> Verdict | None:
        """What was said of this very item, by this very verifier."""
        return self._known.get(self._key(item))

    def add(self, item: Generated, verdict: Verdict) -> None:
        """Enter a verdict, unless it is none."""
        if verdict.said == UNKNOWN:
            return
        assert self._stream is not None, "a journal is written while it is open"
        entry = {
            "item": self._key(item),
            "said": verdict.said,
            "value": verdict.value,
            "note": verdict.note,
            "by": dict(verdict.by),
        }
        with self._lock:
            self._stream.write(json.dumps(entry) + "\n")
            self._stream.flush()

    def _key(self, item: Generated) -> str:
        told = json.dumps([self._verifier, item.to_json()], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()


# --- verdicts of a corpus -------------------------------------------------------------------------


def verdicts_on(given: Sequence[Verdict]) -> Verdicts:
    """Verdicts on the documents of a corpus, in their order, as a step reads them."""
    reasons: dict[str, int] = {}

    def place(verdict: Verdict) -> int:
        if verdict.said == SAID[0]:
            return -1
        told = reason_of(verdict)
        if told not in reasons and len(reasons) >= MOST_REASONS:
            told = _who(verdict)
        return reasons.setdefault(told, len(reasons))

    return Verdicts(
        said=np.array([SAID.index(verdict.said) for verdict in given], np.int8),
        reason=np.array([place(verdict) for verdict in given], np.int32),
        reasons=tuple(reasons),
        value=np.array([np.nan if v.value is None else v.value for v in given], np.float32),
    )


def reason_of(verdict: Verdict) -> str:
    """Why a text was not accepted, as the ledger has it: who said so, and what.

    >>> reason_of(Verdict(said="rejected", note="41 is not 42", by={"sum": "rejected", "style": "accepted"}))
    'sum: 41 is not 42'
    """
    note = " ".join(verdict.note.split())
    who = _who(verdict)
    told = note if note.startswith(who) else f"{who}: {note}" if note else who
    return told if len(told) <= _REASON else told[: _REASON - 1] + "\u2026"


def _who(verdict: Verdict) -> str:
    """The verifiers that said so, or the word itself where the verdict is of one."""
    return ", ".join(name for name, said in verdict.by.items() if said == verdict.said) or verdict.said


# --- a file of verdicts ---------------------------------------------------------------------------


def write_verdicts(path: Path, corpus: LoadedCorpus, verdicts: Verdicts) -> None:
    """Write a line for each document: id, SHA-256 of its text, what was said, the score and why."""
    documents = np.arange(len(corpus))
    ids = corpus.strings("id", documents.tolist())
    digests = corpus.column("sha256")
    lines = (
        json.dumps(
            {
                "id": ids[at],
                "sha256": bytes(digests[at]).hex(),
                "said": SAID[verdicts.said[at]],
                "value": None if np.isnan(verdicts.value[at]) else round(float(verdicts.value[at]), 6),
                "reason": "" if verdicts.reason[at] < 0 else verdicts.reasons[verdicts.reason[at]],
            },
            ensure_ascii=False,
        )
        + "\n"
        for at in documents.tolist()
    )
    write_atomic(path, "".join(lines).encode())


def read_verdicts(path: Path, corpus: LoadedCorpus) -> Verdicts:
    """The verdicts of a file on the documents of a corpus, found by id and, where the file has it, SHA-256 of the text.

    A line is {"id": ..., "said": "accepted", "rejected" or "unknown"}, with `sha256`, `value` and `reason` where they
    are known.

    Raises:
        InputError: the file cannot be read, a line is no verdict, or two lines say different things of one text.
    """
    found: dict[tuple[str, str], tuple[int, float, str]] = {}
    for number, entry in _entries(path):
        key = (str(entry["id"]), str(entry.get("sha256") or ""))
        value = entry.get("value")
        row = (
            SAID.index(entry["said"]),
            float("nan") if value is None else float(value),
            str(entry.get("reason") or ""),
        )
        if key in found and found[key][0] != row[0]:
            raise InputError(
                f"{path}, line {number}: {key[0]} is {entry['said']} here and {SAID[found[key][0]]} further up. Give "
                "each text one verdict, with its SHA-256 if ids repeat."
            )
        found[key] = row
    return _matched(found, corpus)


def _entries(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}. Give a file of verdicts, JSON lines."
        ) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            is_one = isinstance(entry, dict) and "id" in entry and entry["said"] in SAID
            float(entry.get("value") or 0)
        except (AttributeError, KeyError, TypeError, ValueError):
            is_one = False
        if not is_one:
            raise InputError(
                f'{path}, line {number} is no verdict. A line is {{"id": ..., "said": "accepted"}}, or rejected, or '
                "unknown."
            )
        yield number, entry


def _matched(found: Mapping[tuple[str, str], tuple[int, float, str]], corpus: LoadedCorpus) -> Verdicts:
    many = len(corpus)
    said = np.full(many, -1, np.int8)
    reason, value = np.full(many, -1, np.int32), np.full(many, np.nan, np.float32)
    reasons: dict[str, int] = {}
    ids = corpus.strings("id", list(range(many)))
    digests = corpus.column("sha256")
    for at, name in enumerate(ids):
        row = found.get((name, bytes(digests[at]).hex()), found.get((name, "")))
        if row is not None:
            said[at], value[at] = row[0], row[1]
            if row[0] and row[2]:
                reason[at] = reasons.setdefault(row[2], len(reasons))
    return Verdicts(said=said, reason=reason, reasons=tuple(reasons), value=value)
