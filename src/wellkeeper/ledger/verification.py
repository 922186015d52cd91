"""What a check of a sealed folder, of one of its documents or of a proof comes to."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from wellkeeper.ledger.manifest import ENVELOPE
from wellkeeper.ledger.seal import Statement
from wellkeeper.ledger.signature import VerifyKey

SCHEMA = "wellkeeper.verify/1"

AGAIN = "Run the command that made it again, or get an unaltered copy."
SUSPECT = "Do not use this folder: get an unaltered copy, or make it again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that does not agree."""

    code: str
    where: str  # file, table, tile or field
    found: str
    next: str  # what to do


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was checked in a folder, and what does not agree."""

    folder: str
    problems: tuple[Problem, ...]
    keyids: tuple[str, ...] = ()  # that the signatures name; nothing vouches for them
    key: str | None = None  # keyid of the key that it was checked with; None: with none
    quick: bool = False
    root: str | None = None
    checked: Mapping[str, int] = field(default_factory=dict)
    records: tuple[
        Mapping[str, Any], ...
    ] = ()  # rows of the ledger, where some were asked for and are as sealed

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def signed(self) -> bool:
        """Whether there is a signature, be it checked or not."""
        return bool(self.keyids)

    def to_json(self) -> dict[str, Any]:
        """Schema `wellkeeper.verify/1`."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "folder": self.folder,
            "signed": self.signed,
            "keyids": list(self.keyids),
            "key": self.key,
            "quick": self.quick,
            "root": self.root,
            "checked": dict(self.checked),
            "records": [{name: _plain(value) for name, value in record.items()} for record in self.records],
            "problems": [asdict(problem) for problem in self.problems],
        }

    def lines(self) -> list[str]:
        """The result for a terminal."""
        lines = [f"{self.folder}: {self._verdict()}"]
        for problem in self.problems:
            lines += [f"  {problem.code} {problem.where}: {problem.found}", f"    next: {problem.next}"]
        if self.checked:
            counted = (
                f"{count:,} {name if count != 1 else name.removesuffix('s')}"
                for name, count in self.checked.items()
            )
            lines.append(f"  checked: {', '.join(counted)}")
        for record in self.records:
            step = f" by {record['step']}: {record['reason']}" if record["step"] else ""
            lines.append(f"  row {record['row']:,}: {record['id']}, {record['decision']}{step}")
        return lines + ([f"  root: {self.root}"] if self.root else [])

    def _verdict(self) -> str:
        if not self.ok:
            return f"{len(self.problems):,} problem{'s' if len(self.problems) > 1 else ''}."
        whole = "as sealed" if self.records else "every file is as sealed" if self.quick else "whole"
        if not self.signed:
            return f"{whole}, but not signed: anyone could have made it."
        if self.key is None:
            who = ", ".join(self.keyids)
            return f"{whole}. It says that {who} signed it: give that one's public key with --key to check."
        return f"{whole}, and signed by {self.key}."


def _plain(value: Any) -> Any:
    """A value of a row as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def key_of(key: VerifyKey | Path | str | None) -> VerifyKey | None:
    """The key, or the one in a file.

    Raises:
        InputError: it cannot be read.
    """
    return key if key is None or isinstance(key, VerifyKey) else VerifyKey.load(key)


def keyids_of(statement: Statement) -> tuple[str, ...]:
    """Who signed, as the signatures say."""
    return tuple(signature.keyid for signature in statement.envelope.signatures)


def check_signature(statement: Statement, key: VerifyKey | None) -> Iterator[Problem]:
    """Whether the key has signed; without one nothing is asked."""
    if key is None:
        return
    names = keyids_of(statement)
    if not names:
        yield Problem(
            code="not-signed",
            where=ENVELOPE,
            found=f"the seal has no signature, and {key.keyid} should have signed it",
            next="Ask who made it for the signed folder, or leave --key out to check that it is whole.",
        )
    elif not statement.envelope.signed_by(key) or key.keyid not in names:
        yield Problem(
            code="not-their-signature",
            where=ENVELOPE,
            found=f"no signature is by {key.keyid}: the seal names {', '.join(names)}",
            next=f"If that is not a key you trust, do not use the folder. {AGAIN}",
        )
