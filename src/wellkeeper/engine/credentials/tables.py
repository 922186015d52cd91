"""Credentials in a table of documents: taken off the texts, which are kept beside as they were written."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from wellkeeper.engine.credentials.text import detached, text_has_credential
from wellkeeper.engine.readers.columns import text_buffers

if TYPE_CHECKING:
    Texts: TypeAlias = pa.ChunkedArray[Any]
else:
    Texts = pa.ChunkedArray  # generic in its type stubs alone


def without_credentials(table: pa.Table) -> pa.Table:
    """The table with credentials off its `text` column, and in `signed_text` each such text as it was.

    A text that is nothing but its credential stays as it is: a document is never empty.
    """
    data, offsets = text_buffers(table.column("text"))
    bare: list[str | None] = [None] * len(table)
    for document in text_has_credential(data, offsets).tolist():
        text = data[offsets[document] : offsets[document + 1]].tobytes()
        rest, _ = detached(text)
        if rest != text and not rest.isspace() and rest:
            bare[document] = rest.decode()
    if not any(bare):
        return table
    left = pa.array(bare, pa.large_string())
    signed = pc.if_else(left.is_valid(), table.column("text"), pa.scalar(None, pa.large_string()))
    texts = pc.coalesce(left, table.column("text"))
    place = table.column_names.index
    table = table.set_column(place("text"), table.schema.field("text"), texts)
    return table.set_column(place("signed_text"), table.schema.field("signed_text"), signed)


def carriers(table: pa.Table) -> Iterator[bytes | None]:
    """What carries the credential of each document: its text, or the page that it is from; None: nothing does."""
    for text, page in zip(*(table.column(name) for name in ("signed_text", "signed_page")), strict=True):
        yield page.as_py() if not text.is_valid else text.as_py().encode()


def texts_as_written(table: pa.Table) -> Texts:
    """The texts of a table of documents with their credentials on: what hashes and signatures are made over."""
    texts = table.column("text")
    if "signed_text" not in table.column_names or table.column("signed_text").null_count == len(table):
        return texts
    return pc.coalesce(table.column("signed_text"), texts)
