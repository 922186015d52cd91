"""Readers of every input format, behind one contract (see `base`)."""

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, cast

from wellkeeper.engine.readers.base import ColumnMap, InputFile, Parsed, RawBlock, Reader

if TYPE_CHECKING:
    from wellkeeper.engine.readers import delimited, jsonl, tables, text, warc

    _ALL: tuple[Reader, ...] = (delimited, jsonl, tables, text, warc)  # each module keeps the contract

_MODULES = {
    "jsonl": "jsonl",
    "parquet": "tables",
    "arrow": "tables",
    "csv": "delimited",
    "tsv": "delimited",
    "text": "text",
    "warc": "warc",
}


def reader_for(file: InputFile) -> Reader:
    """The reader of a file's format; what it needs is imported now.

    Raises:
        MissingExtraError: the format's library is not installed.
    """
    return cast("Reader", import_module(f"{__name__}.{_MODULES[file.format]}"))


def parse_block(block: RawBlock, columns: ColumnMap, extras: bool = False) -> Parsed:  # noqa: FBT001, FBT002
    """Documents of one block of any format; a function that a process or another machine can be sent.

    Credentials that a text carries in itself are taken off it, so that nobody counts them as words.
    """
    from wellkeeper.engine.credentials.tables import without_credentials  # it knows the readers' columns

    parsed = reader_for(block.file).parse(block, columns, extras=extras)
    return replace(parsed, table=without_credentials(parsed.table))
