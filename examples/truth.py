"""Everything that can be known of the example by reading its files in the plainest way.

`read` turns every file into rows with one set of names, whatever the folder calls its columns; `measure`
counts. What was planted where is added by `make_corpus.py`.
"""

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard
from definitions import clusters, similar_pairs, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of a folder is what; None: it has no such column."""

    text: str
    date: str | None = None
    origin: str | None = None
    source: str | None = None
    default_origin: str | None = None  # what a recipe should declare of rows without a label


FOLDERS = {
    "archive": Columns(text="body", date="published", origin="origin"),
    "books": Columns(text="text", default_origin="human"),
    "forum": Columns(text="content", date="created_at", origin="label", source="board"),
    "made": Columns(text="text", date="created", origin="origin"),
    "reference": Columns(text="text", date="published", origin="origin"),
}
DECLARED = {"human": "human", "ai": "ai-generated", "ai-generated": "ai-generated", None: "unknown"}
"""The words that these files use -> origins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One readable row."""

    id: str
    text: str
    folder: str
    source: str  # the board of a forum row, else the folder
    declared: str
    month: str | None  # YYYY-MM
    licence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One row that cannot become a document: its 1-based line and the byte offset where that line starts."""

    file: str
    line: int
    offset: int
    code: str


def decompressed(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        with zstandard.ZstdDecompressor().stream_reader(data) as stream:
            return bytes(stream.read())
    return data


def rows_of(path: Path, name: str, text: str) -> Iterator[dict[str, Any] | Refused]:
    """Rows of one file in order; `name` is how a refused row names the file, `text` its text column."""
    if path.suffix == ".parquet":
        yield from pq.read_table(path).to_pylist()
        return
    offset = 0
    for number, line in enumerate(decompressed(path).splitlines(keepends=True), 1):
        parsed = _parsed(line, text)
        if isinstance(parsed, str):
            yield Refused(file=name, line=number, offset=offset, code=parsed)
        else:
            yield parsed
        offset += len(line)


def _parsed(line: bytes, text: str) -> dict[str, Any] | str:
    """The row, or the code of what is wrong with it."""
    try:
        row: dict[str, Any] = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError:
        return "utf8"
    except json.JSONDecodeError:
        return "json-syntax"
    if text not in row:
        return "text-missing"
    if row[text] is None:
        return "text-null"
    return row if isinstance(row[text], str) else "text-type"


def read(root: Path, folder: str) -> tuple[list[Document], list[Refused]]:
    """Documents and refused rows of a folder of `root`, in order of file names and lines."""
    columns = FOLDERS[folder]
    documents: list[Document] = []
    refused: list[Refused] = []
    for path in sorted((root / folder).iterdir()):
        for row in rows_of(path, f"{folder}/{path.name}", columns.text):
            if isinstance(row, Refused):
                refused.append(row)
                continue
            label = row.get(columns.origin) if columns.origin else columns.default_origin
            date = row.get(columns.date) if columns.date else None
            documents.append(
                Document(
                    id=row["id"],
                    text=row[columns.text],
                    folder=folder,
                    source=row[columns.source] if columns.source else folder,
                    declared=DECLARED[label],
                    month=None if date is None else str(date)[:7],
                    licence=row["license"],
                )
            )
    return documents, refused


def tally(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def volume(documents: Sequence[Document]) -> dict[str, int]:
    return {
        "documents": len(documents),
        "bytes": sum(len(document.text.encode()) for document in documents),
        "words": sum(len(words(document.text)) for document in documents),
    }


def counts(documents: Sequence[Document], origins: Mapping[str, str]) -> dict[str, Any]:
    """Sizes and labels of some documents; `origins` is id -> true origin."""
    return {
        **volume(documents),
        "dated": sum(document.month is not None for document in documents),
        "origin": tally(origins[document.id] for document in documents),
        "declared": tally(document.declared for document in documents),
        "licence": tally(document.licence for document in documents),
    }


def by_month(documents: Sequence[Document], origins: Mapping[str, str]) -> list[dict[str, Any]]:
    """Documents of each month with a date, oldest first, and what truly wrote them."""
    months = sorted({document.month for document in documents if document.month is not None})
    table = []
    for month in months:
        of_month = [document for document in documents if document.month == month]
        origin = tally(origins[document.id] for document in of_month)
        table.append({"month": month, "documents": len(of_month), "origin": origin})
    return table


def exact_groups(documents: Sequence[Document]) -> list[list[str]]:
    """Ids that share one text, groups of two or more, sorted."""
    holders: dict[bytes, list[str]] = {}
    for document in documents:
        holders.setdefault(sha256(document.text.encode()).digest(), []).append(document.id)
    return sorted(sorted(ids) for ids in holders.values() if len(ids) > 1)


def measure(
    documents: Sequence[Document], refused: Sequence[Refused], origins: Mapping[str, str]
) -> dict[str, Any]:
    """Counts of the whole, by folder and by source; repeats; months."""
    folders = sorted({document.folder for document in documents})
    sources = sorted({(document.folder, document.source) for document in documents})
    pairs = similar_pairs({document.id: document.text for document in documents}, at_least=0.5)
    near = clusters((first, second) for first, second, similarity in pairs if similarity >= 0.8)
    exact = exact_groups(documents)
    repeats = sum(len(group) - 1 for group in exact)
    redundant = sum(len(group) - 1 for group in near)
    return {
        "all": {**counts(documents, origins), "quarantined": len(refused)},
        "by_folder": {
            folder: counts([document for document in documents if document.folder == folder], origins)
            for folder in folders
        },
        "by_source": [
            {
                "folder": folder,
                "source": source,
                **counts([row for row in documents if (row.folder, row.source) == (folder, source)], origins),
            }
            for folder, source in sources
        ],
        "by_month": by_month(documents, origins),
        "exact": {
            "groups": len(exact),
            "redundant": repeats,
            "ids": exact,
        },
        "near": {
            "similarity": 0.8,
            "clusters": len(near),
            "redundant": redundant,  # exact copies included
            "redundant_after_exact": redundant - repeats,
            "largest": max((len(group) for group in near), default=0),
            "pairs_at_0.5": [[first, second, round(similarity, 6)] for first, second, similarity in pairs],
        },
    }
