"""What every reader promises.

Reading has two halves, so that one file can feed many workers and a run can resume inside it:

1. `Reader.blocks` runs in the driver, one pass a file, and cuts the file into *blocks* at places that
   depend on the file alone: never on workers, timing or an earlier run. It is cheap: it finds line ends or
   row groups, and decompresses, but parses nothing. Blocks that an earlier run finished are skipped.
2. `parse` runs in a worker and turns one block into a `Parsed`: an Arrow table of documents, and what had
   to be quarantined. It is a module-level function of plain values, so that it can be sent to a process.

Nothing is lost silently: every line, row or file of the input is either a document or in quarantine.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

BLOCK_BYTES = 8 << 20
"""Text bytes a block aims at. Large enough that a block's fixed costs vanish, small enough that the few
blocks in flight stay far below the memory of a laptop."""


TAKEN = ("id", "source", "date", "licence", "origin", "generator")
STAYING = ("language", "domain", "signals", "consent", "parents", "depth", "slice")
"""Roles beside the text that are read as strings; the fields of those that stay are the user's other columns, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """Which field of the input is what. None: the input has no such field."""

    text: str
    id: str | None = None
    source: str | None = None
    date: str | None = None
    licence: str | None = None
    origin: str | None = None
    generator: str | None = None
    language: str | None = None  # this and what follows stay among the user's other columns, too
    domain: str | None = None
    signals: str | None = None  # statements beside the document, JSON of `core.marks.signals_json`
    consent: str | None = None
    parents: str | None = None  # ids or SHA-256 of the documents that a model made this one from
    depth: str | None = None  # generations of models behind the document
    slice: str | None = None  # names slices of the anchors
    embedding: str | None = None  # a list of numbers

    def taken(self) -> dict[str, str]:
        """Role -> field, for the mapped roles whose fields are no longer among the user's other columns."""
        return self._mapped(("text", *TAKEN))

    def named(self) -> dict[str, str]:
        """Role -> field, for the roles that are mapped and read as strings: all but `embedding`."""
        return self._mapped(("text", *TAKEN, *STAYING))

    def all_named(self) -> dict[str, str]:
        """Role -> field, for all roles that are mapped."""
        return self.named() | ({} if self.embedding is None else {"embedding": self.embedding})

    def _mapped(self, roles: Sequence[str]) -> dict[str, str]:
        return {role: value for role in roles if (value := getattr(self, role)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class InputFile:
    """One file of the manifest."""

    url: str  # fsspec URL or plain path, as it can be opened
    name: str  # short name, unique in the run: path relative to what the user gave
    group: str  # the recipe's source, or the audit's PATH, that it belongs to
    format: str  # jsonl, parquet, arrow, csv, tsv, text, warc
    compression: str | None  # gzip, zstd or None
    size: int  # bytes on disk, -1 where the file system does not say
    fingerprint: (
        str  # changes when the content does: size and modification time, or the file system's checksum
    )
    # What its label says, if it bears one (`wellkeeper.recipe.marking`), of documents that say nothing themselves.
    origin: str | None = None
    generator: str | None = None
    depth: int | None = None  # generations of models behind it, 255: nobody knows


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBlock:
    """A piece of one file that a worker can parse alone."""

    file: InputFile
    index: int  # 0, 1, 2, ... in the file
    line: int  # 1-based line (text formats) or row (tables) of the first record
    offset: int  # byte offset of the first record in the decompressed file; -1 where rows have none
    payload: Any  # bytes, or what the reader's own `parse` understands; picklable
    damage: tuple["Quarantined", ...] = ()  # found while cutting: a truncated stream, a corrupt row group
    line_ends: int | None = None  # in the payload, where whoever cut it has counted them


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A record that could not become a document."""

    file: str  # InputFile.name; for a folder of text files, the member's own path below it
    line: int  # 1-based line or row; 0: the file as a whole
    offset: int  # byte offset in the decompressed file; -1 where rows have none
    code: str  # stable: json-syntax, utf8, not-an-object, text-missing, text-null, text-type, text-empty, ...
    reason: str  # one sentence: what was found
    excerpt: str = ""  # first 200 characters of the record, for the quarantine file


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """The documents of one block.

    `table` has one row a document and the columns of `DOCUMENT_FIELDS`, all present, null where the input
    has no such field; with `extras=True` also the user's other columns, named as in the input.
    `fields` tells the user's other columns and their types, so that the whole run can agree on one schema:
    the Arrow type for tables; bool, int, float, string, json (JSON text) or null for JSON.
    """

    table: pa.Table
    quarantined: tuple[Quarantined, ...]
    fields: Mapping[str, str] = field(default_factory=dict)  # name -> type, as below


_FIELDS: tuple[Any, ...] = (
    pa.field("text", pa.large_string(), nullable=False),  # valid UTF-8, never empty
    pa.field("line", pa.int64(), nullable=False),  # 1-based line or row in its file
    pa.field("offset", pa.int64(), nullable=False),  # byte offset of the record, -1 for tables
    pa.field("id", pa.string()),
    pa.field("source", pa.string()),
    pa.field("date", pa.string()),  # as written; numbers and timestamps as ISO 8601 in UTC
    pa.field("licence", pa.string()),
    pa.field("origin", pa.string()),  # the label as written
    pa.field("generator", pa.string()),
    *(pa.field(f"declared_{role}", pa.string()) for role in STAYING),
    pa.field("date_basis", pa.uint8(), nullable=False),  # core.dates.DateBasis of `date`
    pa.field("signed_text", pa.large_string()),  # the text with its credential, where it carried one
    pa.field("signed_page", pa.large_binary()),  # the page that the text is from, where it carried one
)
DOCUMENT_FIELDS: pa.Schema = pa.schema(_FIELDS)


class Reader(Protocol):
    """One input format."""

    def schema(self, file: InputFile) -> Mapping[str, str]:
        """Field name -> type (as in `Parsed.fields`) from the first records, for guessing columns.

        Raises:
            InputError: the file has no readable record at all.
        """
        ...

    def blocks(
        self,
        file: InputFile,
        *,
        skip: int = 0,
        block_bytes: int = BLOCK_BYTES,
        fields: Collection[str] | None = None,
    ) -> Iterator[RawBlock]:
        """Blocks `skip`, `skip` + 1, ... of the file; the first `skip` are passed over without being kept.

        `fields` promises that `parse` will ask for no others, so that a table reader need not decode the
        rest. It never moves a cut.
        """
        ...

    def parse(self, block: RawBlock, columns: ColumnMap, *, extras: bool = False) -> Parsed:
        """Documents of one block. Row k of the table is the same document in every run."""
        ...
