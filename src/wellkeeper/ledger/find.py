"""Which rows of the ledger a question is about: by id, by hash, or by the place they were read from."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from wellkeeper.engine.files import kind_of
from wellkeeper.errors import InputError
from wellkeeper.ledger.folder import LOOKUP, read_rows
from wellkeeper.ledger.leaves import rows_of
from wellkeeper.ledger.lookup import PREFIX_DIGITS, Key, blocks_with

if TYPE_CHECKING:
    import pyarrow.dataset as ds

_HASH_PREFIX = re.compile(rf"[0-9a-fA-F]{{{PREFIX_DIGITS},64}}")
_SAMPLE = 2_000  # ids that are compared letter by letter with one that is not found
_CLOSE_LINES = 1_000


def rows_with(folder: Path, documents: "ds.Dataset", query: str) -> list[int]:
    """Rows of the documents that `query` names; none if nothing fits.

    `query` is an id; or the first 8 or more hexadecimal digits of a text's SHA-256; or `file:line`, where the end of
    the file's path is enough. An id wins over a hash, and a hash over a position. `documents` is the folder's table.
    """
    rows = _by_id(folder, documents, query) or _by_hash(folder, documents, query)
    position = position_of(query)
    return rows if rows or position is None else _by_position(documents, *position)


def position_of(query: str) -> tuple[str, int] | None:
    """File and line, if the query may be one."""
    file, _, line = query.rpartition(":")
    return (file, int(line)) if file and line.isascii() and line.isdigit() else None


def same_file(file: str, wanted: str) -> bool:
    return file == wanted or file.endswith("/" + wanted)


def place_of(file: str) -> str:
    """What the numbers of a file's records count."""
    return "row" if kind_of(file)[0] in ("parquet", "arrow") else "line"


def nothing_fits(folder: Path, documents: "ds.Dataset", query: str) -> InputError:
    """What to tell who asked for a document that is not there."""
    position = position_of(query)
    hints = [_close_lines(documents, *position)] if position else []
    close = _close_ids(documents, query)
    if close:
        hints.append(f"Close ids: {', '.join(close)}.")
    if re.fullmatch(rf"[0-9a-fA-F]{{1,{PREFIX_DIGITS - 1}}}", query):
        hints.append("A hash needs at least 8 digits.")
    said = " ".join(hint for hint in hints if hint)
    return InputError(
        f"{folder} has no document {query!r}. {said}{' ' if said else ''}"
        "Give an id, the first 8 or more hexadecimal digits of the text's SHA-256, or file:line."
    )


def _by_id(folder: Path, documents: "ds.Dataset", query: str) -> list[int]:
    return _searched(folder, documents, "id", query.encode(), _field("id") == query)


def _by_hash(folder: Path, documents: "ds.Dataset", query: str) -> list[int]:
    if not _HASH_PREFIX.fullmatch(query):
        return []
    low, high = (pa.scalar(bytes.fromhex(query.ljust(64, filler)), pa.binary(32)) for filler in "0f")
    digest = _field("content_hash")
    beginning = bytes.fromhex(query[:PREFIX_DIGITS])
    return _searched(folder, documents, "content_hash", beginning, (digest >= low) & (digest <= high))


def _searched(folder: Path, documents: "ds.Dataset", key: Key, value: bytes, matches: Any) -> list[int]:
    """Rows that match, of those that the filters leave."""
    blocks = blocks_with(folder / LOOKUP, key, value, rows_of(folder))
    if blocks is None:
        found = documents.to_table(columns=["row"], filter=matches)
    elif blocks:
        found = read_rows(folder, "documents", blocks, ["row", key]).filter(matches)
    else:
        return []
    rows: list[int] = found.column("row").to_pylist()
    return rows


def _by_position(documents: "ds.Dataset", file: str, line: int) -> list[int]:
    near = documents.to_table(columns=["row", "file"], filter=_field("line") == line)
    return [row["row"] for row in near.to_pylist() if same_file(row["file"], file)]


def _close_ids(documents: "ds.Dataset", query: str) -> list[str]:
    """Ids like the query, in any case: of those that share its longest known beginning, the closest three."""
    ids: Any = documents.to_table(columns=["id"]).column("id")
    lower: Any = pc.utf8_lower(ids)
    wanted = query.lower()
    for size in sorted({len(wanted) * quarter // 4 for quarter in range(5)}, reverse=True):
        some = ids.filter(pc.starts_with(lower, wanted[:size])).slice(0, _SAMPLE)
        spelled = {name.lower(): name for name in some.to_pylist()}
        close = get_close_matches(wanted, spelled, 3)
        if close:
            return [spelled[name] for name in close]
    return []


def _close_lines(documents: "ds.Dataset", file: str, line: int) -> str:
    number: Any = _field("line")
    near = documents.to_table(
        columns=["file", "line"], filter=(number > line - _CLOSE_LINES) & (number < line + _CLOSE_LINES)
    )
    places = [(row["file"], row["line"]) for row in near.to_pylist() if same_file(row["file"], file)]
    if not places:
        return ""
    closest = min(places, key=lambda place: abs(place[1] - line))
    return f"The document closest to that {place_of(closest[0])} starts at {closest[0]}:{closest[1]}."


def _field(name: str) -> Any:
    return pc.field(name)
