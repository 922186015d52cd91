"""The register of vettings: which verifiers let what in, round after round, one JSON object a line.

Training on what a verifier lets through draws a model to what that verifier likes: gains come first, then they stop or
turn [1]. So a register counts the rounds that one family of verifiers decided alone. Two verifiers are independent if
they are of different families: another kind, or for judges another model.

What a model drifts to is the verifier's error. People, and checks that compare with the right answer of each task or
run its tests, have no taste that answers could come nearer to, and are not counted. Their card says how often they err.

Lines are only ever added, and each has the SHA-256 of the line before it, so that a line that was changed or taken out
of the middle shows.

[1] Yi et al., Escaping model collapse via synthetic data verification: near-term improvements and long-term
    convergence, ICLR 2026, arXiv 2510.16657.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from wellkeeper.errors import WorkError

SCHEMA = "wellkeeper.register/1"
WITHOUT_TASTE = frozenset({"human", "exact", "numeric", "math", "choice", "python"})
"""Families that may decide alone for ever: people, and checks against each task's own answer or tests. A text that
`contains` or resembles (`f1`) the answer, fits a pattern or a schema, or pleases a judge may be many things besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One vetting."""

    set: str  # SHA-256 of the generated texts
    verifiers: tuple[str, ...]  # their digests
    families: tuple[str, ...]  # what they are (`VerifierSet.families`)
    generator: str  # name of the model that wrote the texts; "": not known
    time: str  # ISO 8601, UTC
    accepted: int
    rejected: int
    unknown: int
    labels: int = 0  # by people, in this round: audited texts, or anchors that judges were held against

    @property
    def is_alone(self) -> bool:
        """Whether one family that a model can drift to decided, and no person looked."""
        return len(self.families) == 1 and not self.labels and not WITHOUT_TASTE.issuperset(self.families)

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """What `asdict` made this entry of.

        Raises:
            KeyError, TypeError, ValueError: it is not such an entry.
        """
        known = {field.name: entry[field.name] for field in fields(cls)}
        for name in ("verifiers", "families"):
            known[name] = tuple(map(str, known[name]))
        for name in ("accepted", "rejected", "unknown", "labels"):
            if type(known[name]) is not int:
                raise TypeError(f"{name} is {known[name]!r}")
        return cls(**known)


def rounds_alone(earlier: Sequence[Round], present: Round) -> int:
    """Consecutive rounds, this one the last, that the family of this one decided alone; 0: it does not."""
    if not present.is_alone:
        return 0
    sets = {present.set}  # one that was vetted again is no further round
    for one in reversed(earlier):
        if not one.is_alone or one.families != present.families:
            break
        sets.add(one.set)
    return len(sets)


def read_register(path: Path) -> tuple[Round, ...]:
    """The rounds of a register, oldest first; none where there is no file.

    Raises:
        WorkError: it cannot be read, a line is no round, or the chain of digests is broken.
    """
    return tuple(entry for entry, _ in _lines(path))


def enter(path: Path, entry: Round) -> None:
    """Add a round to a register, which is made where there is none.

    Raises:
        WorkError: the register cannot be read or written.
    """
    known = _lines(path)
    previous = known[-1][1] if known else ""
    line = json.dumps({"schema": SCHEMA, **asdict(entry), "previous": previous}, ensure_ascii=False).encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(_whole(file.read()))  # a line that was cut off when its writer was killed
            file.seek(0, os.SEEK_END)
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WorkError(
            f"The register {path} cannot be written ({error.strerror or error}). Free space or fix access, then run "
            "the same command again."
        ) from error


def _whole(data: bytes) -> int:
    """Bytes of whole lines."""
    return data.rfind(b"\n") + 1


def _lines(path: Path) -> list[tuple[Round, str]]:
    """Rounds, and the SHA-256 of the line of each."""
    try:
        data = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise WorkError(
            f"The register {path} cannot be read ({error.strerror or error}). Fix access."
        ) from error
    found: list[tuple[Round, str]] = []
    for number, line in enumerate(data[: _whole(data)].splitlines(), 1):
        place = f"The register {path}, line {number}"
        try:
            told = json.loads(line)
            entry, previous = Round.from_json(told), told["previous"]
        except (ValueError, KeyError, TypeError) as error:
            raise WorkError(
                f"{place}, is no round ({type(error).__name__}: {error}). Take the file from a backup, or begin a "
                "new register."
            ) from error
        if previous != (found[-1][1] if found else ""):
            raise WorkError(
                f"{place}, does not follow the line before it: a line was changed or taken out. Take the file from a "
                "backup, or begin a new register and say why."
            )
        found.append((entry, hashlib.sha256(line).hexdigest()))
    return found
