"""Rounds on disk: a folder a round, whole or absent, each sealed by the next one.

    LINE/round-03/accepted.jsonl   texts that were let in, as `Generated` has them, depth 3
    LINE/round-03/rejected.jsonl   the others, each with the reason
    LINE/round-03/selected.jsonl   ids of those that were trained on, where the plan has a selection
    LINE/round-03/run/             the new model's answers to the held-out items
    LINE/round-03/best-run/        those of the best model before it, drawn anew beside them
    LINE/round-03/model/           the new model
    LINE/round-03/round.json       figures, conditions, the watch; SHA-256 of all files above and of the last round.json

A round is written beside its place and moved there when all of it is on disk, so that a run that was killed goes on
after the last whole round.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wellkeeper.engine.store import flush, sha256_of_file, write_atomic
from wellkeeper.errors import WorkError

SCHEMA = "wellkeeper.feedback-round/1"
ROUND, MODEL = "round.json", "model"
_BEGUN = ".begun"


def round_folder(line: Path, number: int) -> Path:
    return line / f"round-{number:02d}"


def begin(line: Path, number: int) -> Path:
    """An empty folder to write a round in.

    Raises:
        WorkError: it cannot be made.
    """
    folder = line / f"{_BEGUN}-{number:02d}"
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise WorkError(
            f"{folder} cannot be made ({error.strerror}). Give a folder of yours, on a disk with room."
        ) from error
    return folder


def finish(line: Path, number: int, told: Mapping[str, Any]) -> dict[str, Any]:
    """Seal the round that was begun and move it to its place; gives what `round.json` says."""
    folder = line / f"{_BEGUN}-{number:02d}"
    before = round_folder(line, number - 1) / ROUND
    record = {
        "schema": SCHEMA,
        "round": number,
        "previous": sha256_of_file(before) if number else None,
        "files": files_of(folder),
        **told,
    }
    write_atomic(folder / ROUND, json.dumps(record, ensure_ascii=False, indent=2).encode() + b"\n")
    # what is written by `write_atomic` is on disk already; a student may write its model otherwise
    for path in [folder, *(path for path in folder.rglob("*") if path.is_dir() or path.parent.name == MODEL)]:
        flush(path)
    folder.rename(round_folder(line, number))
    flush(line)
    return record


def rounds_in(line: Path, *, plan: str) -> list[dict[str, Any]]:
    """What the whole rounds of a line say, from round 0; none where nothing was begun.

    Args:
        line: the folder.
        plan: digest of what the line was made by.

    Raises:
        WorkError: the rounds are of another plan, or a file of one was changed.
    """
    found: list[dict[str, Any]] = []
    previous = None
    while (path := round_folder(line, len(found)) / ROUND).exists():
        record = _record(path)
        if record["plan"] != plan:
            raise WorkError(
                f"{line} holds rounds of another plan, other examples or another version. Give another --out, or "
                "begin anew with --fresh."
            )
        if record["previous"] != previous or record["files"] != files_of(path.parent):
            raise WorkError(
                f"{path.parent} is not as it was written: its files or the round before it were changed. Restore it, "
                "or begin anew with --fresh."
            )
        previous = sha256_of_file(path)
        found.append(record)
    return found


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_bytes())
        if record["schema"] != SCHEMA:
            raise ValueError(f"schema {record['schema']}")  # noqa: TRY301
        return {"plan": record["plan"], "previous": record["previous"], "files": record["files"], **record}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorkError(f"{path} is damaged ({error}). Restore it, or begin anew with --fresh.") from error


def files_of(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a round but its `round.json`, by path, sorted."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / ROUND)
    return {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in paths}


def digest_of(told: Any) -> str:
    """SHA-256, in hexadecimal digits, of plain values."""
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def write_lines(path: Path, entries: list[dict[str, Any]]) -> None:
    """JSON lines, in UTF-8."""
    lines = (json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    write_atomic(path, "".join(lines).encode(), lasting=False)
