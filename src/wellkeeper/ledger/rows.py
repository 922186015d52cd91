"""The ledger's tables: what is written about every document of the input, kept or not.

`DOCUMENTS` has one row a document, in input order, numbered 0 to n - 1: row k is the same document in the
ledger, in the evidence and in a later proof, and rows 256 t to 256 t + 255 are its tile t. Nothing that was
read is without a row: what could not become a document is in `QUARANTINE`.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.core.dates import CHATGPT_RELEASE, DateBasis
from wellkeeper.core.decision import Decision, SpanAction
from wellkeeper.core.evidence import KINDS, Strength
from wellkeeper.core.lineage import UNKNOWN_DEPTH
from wellkeeper.core.origin import LABELS, Origin
from wellkeeper.core.rights import CONSENTS
from wellkeeper.core.signals import NO_DATE
from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.errors import DataError
from wellkeeper.ledger.digest import ContentDigest, content_digest

__all__ = [
    "DOCUMENTS",
    "EVIDENCE",
    "MATCHED_CHARS",
    "OVERLAPS",
    "PARENTS",
    "PRE_AI",
    "QUARANTINE",
    "SIGNALS",
    "SOURCES",
    "SPANS",
    "UNKNOWN_DEPTH",
    "ContentDigest",
    "content_digest",
    "depth_of",
    "pre_ai_of",
    "quarantine_of",
    "table_of",
]

Column: TypeAlias = Any
"""A numpy array, a sequence of Python values, or an Arrow array or chunked array (pyarrow ships no types)."""

PRE_AI = ("unknown", "before-2019", "2019-to-2022-11-29", "after")
"""Capture dates against the history of text generators: GPT-2 (February 2019) was the first whose output
spread, ChatGPT (30 November 2022) the first in everyone's hands."""

MATCHED_CHARS = 200
"""Most characters of a text that the evidence table quotes."""

_BEFORE_2019_S = 1_546_300_800  # 2019-01-01T00:00:00Z
_LABEL = pa.dictionary(pa.int32(), pa.string())


def _field(name: str, kind: pa.DataType, *, nullable: bool = False) -> Any:
    return pa.field(name, kind, nullable=nullable)


DOCUMENTS = pa.schema(
    [
        _field("row", pa.uint64()),
        _field("id", pa.string()),
        _field("content_hash", pa.binary(32)),  # SHA-256 of the text's UTF-8 bytes
        _field("group", _LABEL),  # the recipe's source, or the audit's PATH
        _field("source", _LABEL),  # the document's own source; the group's name where it has none
        _field("file", _LABEL),
        _field("line", pa.int64()),  # 1-based line or row
        _field("offset", pa.int64()),  # byte in the decompressed file, -1 for tables
        _field("captured_at", pa.timestamp("s", "UTC"), nullable=True),
        _field("captured_basis", _LABEL),  # core.dates.DateBasis
        _field("pre_ai", _LABEL),  # one of PRE_AI
        _field("origin", _LABEL),  # resolved from all evidence, core.origin.Origin
        _field("origin_declared", _LABEL),
        _field("origin_log_odds", pa.float32()),  # log10 odds of AI against human authorship
        _field("evidence_mask", pa.uint64()),  # bit k: the evidence kind with bit k was seen
        _field("strength", _LABEL),  # of the strongest evidence, core.evidence.Strength
        _field("licence", _LABEL, nullable=True),  # SPDX expression or the name as written; null: unknown
        _field("consent", _LABEL),  # to training, resolved from all signals, core.rights.Consent
        _field("rights_signals", pa.uint16()),  # which signals deny and which allow it, core.optouts.KINDS
        _field("generator", _LABEL, nullable=True),  # the model that a source names
        _field("depth", pa.uint8()),  # generations of models behind the text: 0 human, 255 unknown
        _field("decision", _LABEL),  # core.decision.Decision
        _field("step", _LABEL, nullable=True),  # that decided; null: no step objected
        _field("reason", _LABEL, nullable=True),
        _field("score", pa.float32(), nullable=True),  # the value that crossed a threshold
        _field("survivor", pa.uint64(), nullable=True),  # row of the document that stays in this one's place
        _field("survivor_id", pa.string(), nullable=True),
        _field(
            "against", pa.string(), nullable=True
        ),  # the earlier set that has it; `survivor_id` is the id there
        _field("cluster", pa.uint64(), nullable=True),  # smallest row of the duplicate group
        _field("weight", pa.float32(), nullable=True),  # sampling weight of a kept document
        _field("words", pa.int32()),
        _field("bytes", pa.int64()),
        _field("cut_words", pa.int32(), nullable=True),  # left out of the text that was written; null: none
        _field("cut_bytes", pa.int64(), nullable=True),
    ]
)
"""`ledger/documents/part-*.parquet`: one row a document of the input, in input order."""

EVIDENCE = pa.schema(
    [
        _field("row", pa.uint64()),
        _field("id", pa.string()),
        _field("kind", _LABEL),  # core.evidence.KINDS
        _field("strength", _LABEL),
        _field("weight", pa.float32()),  # log10 likelihood ratio, positive towards AI
        _field(
            "start", pa.int64(), nullable=True
        ),  # first byte of the text's UTF-8; null: the whole document
        _field("end", pa.int64(), nullable=True),  # one past the last byte
        _field(
            "matched", pa.string(), nullable=True
        ),  # the text seen there, at most MATCHED_CHARS characters
        _field("tool", pa.string()),  # what saw it, with its version
    ]
)
"""`ledger/evidence/part-*.parquet`: one row a piece of evidence, by ascending `row`."""

SPANS = pa.schema(
    [
        _field("row", pa.uint64()),
        _field("id", pa.string()),
        _field("start", pa.int64()),  # byte of the text's UTF-8 at which the first word starts
        _field("end", pa.int64()),  # byte at which the word behind the span starts, or the end of the text
        _field("words", pa.int32()),
        _field("holder", pa.uint64()),  # row of the document that has the same words and keeps them
        _field("holder_id", pa.string()),
        _field("holder_start", pa.int64()),
        _field("holder_end", pa.int64()),
        _field(
            "frequency", pa.int64()
        ),  # documents that have the rarest run of the step's `words` words in it
        _field("action", _LABEL),  # core.decision.SpanAction
        _field("step", _LABEL),
        _field("matched", pa.string()),  # how it reads, at most MATCHED_CHARS characters
    ]
)
"""`ledger/spans/part-*.parquet`: one row a repeated span, by ascending `row` and `start`; not there where no step
looked for any. Spans of one document overlap where several holders each have a part."""

OVERLAPS = pa.schema(
    [
        _field("row", pa.uint64()),
        _field("id", pa.string()),
        _field("step", _LABEL),
        _field("set", _LABEL),  # name of the evaluation set
        _field("item", pa.string()),  # of the set: its own id, else file:line
        _field("field", _LABEL),  # of the item, whose text the document holds
        _field("others", pa.int32()),  # further items, of any set, that have the same text
        _field("share", pa.float32()),  # of the text's own words that the document has
        _field("item_words", pa.int32()),  # how many these are
        _field("start", pa.int64()),  # byte of the text's UTF-8 at which the longest stretch in common starts
        _field("end", pa.int64()),  # byte at which the word behind it starts, or the end of the text
        _field("matched", pa.string()),  # how it reads in the document, at most MATCHED_CHARS characters
    ]
)
"""`ledger/overlaps/part-*.parquet`: one row a text of an evaluation item that a document holds, by ascending `row`;
not there where no step looked for any."""

PARENTS = pa.schema(
    [
        _field("row", pa.uint64()),
        _field("id", pa.string()),
        _field("parent", pa.string()),  # as the document names it: an id, or the SHA-256 of a text
        _field(
            "parent_row", pa.uint64(), nullable=True
        ),  # the document that it is; null: none of this corpus
        _field("against", _LABEL, nullable=True),  # the earlier set that has it instead
        _field("depth", pa.uint8()),  # of the parent; 255: unknown, or it was found nowhere
    ]
)
"""`ledger/parents/part-*.parquet`: one row a parent that a document names, by ascending `row`; not there where no
source says which column names parents."""

SIGNALS = pa.schema(
    [
        _field("row", pa.uint64()),
        _field("id", pa.string()),
        _field("kind", pa.string()),  # core.marks.RawSignal, whose fields this and the next three are
        _field("where", pa.string()),
        _field("name", pa.string()),
        _field("value", pa.string()),  # as written
        _field("use", _LABEL, nullable=True),  # core.optouts.Use; null: it says nothing of uses for AI
        _field("allows", pa.bool_(), nullable=True),
        _field("condition", pa.string(), nullable=True),
    ]
)
"""`ledger/signals/part-*.parquet`: one row a statement found in or beside a document, by ascending `row`; one that
speaks of several uses has a row for each. Not there where none was found."""

QUARANTINE = pa.schema(
    [
        _field("file", pa.string()),
        _field("line", pa.int64()),  # 1-based; 0: the file as a whole
        _field("offset", pa.int64()),  # byte in the decompressed file, -1 for tables
        _field("code", pa.string()),
        _field("reason", pa.string()),
        _field("excerpt", pa.string()),
    ]
)
"""`ledger/quarantine.parquet`: what was read and could not become a document."""

SOURCES = pa.schema(
    [
        _field("name", pa.string()),  # as `file` in DOCUMENTS
        _field("group", pa.string()),
        _field("url", pa.string()),  # as it was opened, without a password
        _field("format", pa.string()),
        _field("size", pa.int64(), nullable=True),  # bytes on disk; null where the file system does not say
        _field("fingerprint", pa.string()),  # changes when the content does
        _field("licence", pa.string(), nullable=True),  # of all its documents; null: unknown, or several
        _field("first_captured", pa.timestamp("s", "UTC"), nullable=True),
        _field("last_captured", pa.timestamp("s", "UTC"), nullable=True),
        _field("documents", pa.int64()),
        _field("quarantined", pa.int64()),
    ]
)
"""`ledger/sources.parquet`: one row a file that was read, in the order of `DOCUMENTS`."""

_CODED: Mapping[str, Sequence[str]] = {
    "origin": LABELS,
    "origin_declared": LABELS,
    "captured_basis": [basis.label for basis in DateBasis],
    "pre_ai": PRE_AI,
    "strength": [strength.label for strength in Strength],
    "decision": [decision.label for decision in Decision],
    "consent": CONSENTS,
    "kind": [kind.name for kind in KINDS],
    "action": [action.label for action in SpanAction],
}
_UNSAID: Mapping[str, Any] = {"consent": CONSENTS[0], "rights_signals": 0}
_NEGATIVE_IS_NULL = frozenset({"parent_row", "survivor", "cluster", "start", "end", "cut_words", "cut_bytes"})


def table_of(
    columns: Mapping[str, Column],
    *,
    labels: Mapping[str, Sequence[str]] | None = None,
    schema: pa.Schema = DOCUMENTS,
) -> pa.Table:
    """A ledger table from columns of equal length, shape (documents,).

    A label column takes strings, or integer codes into `labels[name]`; the codes of `Origin`, `DateBasis`,
    `Decision`, `Strength`, `PRE_AI` and `KINDS` need no labels, and a negative code is null. Other words of
    the numeric columns mean null, too: `NO_DATE` in a date (seconds since 1970-01-01 UTC), a negative
    survivor, cluster or span, NaN in a nullable float. `content_hash` takes 32-byte numpy values or bytes.
    A nullable column may be left out; `consent` left out is `unknown`, `rights_signals` none. `matched` is cut to
    `MATCHED_CHARS`.

    Raises:
        DataError: a column is missing, unknown, of another length, or holds a value that does not fit.
    """
    size = _common_size(columns, schema)
    arrays = []
    for field in schema:
        values = columns.get(field.name)
        if values is None:
            values = _absent(field, size)
        array = _array(field, values, (labels or {}).get(field.name, _CODED.get(field.name)))
        if array.null_count and not field.nullable:
            first = int(np.flatnonzero(np.asarray(array.is_null()))[0])
            raise DataError(f"{field.name}[{first}] is null. Every row needs a value of this column.")
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=schema)


def _common_size(columns: Mapping[str, Column], schema: pa.Schema) -> int:
    for name in columns:
        if name not in schema.names:
            close = get_close_matches(name, schema.names, 1)
            hint = f"Did you mean {close[0]}?" if close else f"Use {', '.join(schema.names)}."
            raise DataError(f"The ledger has no column {name}. {hint}")
    sizes = {name: len(values) for name, values in columns.items()}
    if len(set(sizes.values())) > 1:
        shortest, longest = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
        raise DataError(
            f"{shortest} has {sizes[shortest]} values and {longest} has {sizes[longest]}. "
            "Give every column one value a row."
        )
    return next(iter(sizes.values()), 0)


def _absent(field: Any, size: int) -> Any:
    if field.name in _UNSAID:
        return pa.repeat(pa.scalar(_UNSAID[field.name]), size)
    if not field.nullable:
        raise DataError(f"Column {field.name} is missing. Pass one value a row.")
    return pa.nulls(size, field.type)


def _array(field: Any, values: Column, labels: Sequence[str] | None) -> Any:
    try:
        if isinstance(values, pa.ChunkedArray):
            values = values.combine_chunks()
        if isinstance(field.type, pa.DictionaryType):
            return _labelled(field.name, values, labels)
        if isinstance(values, pa.Array) and field.name != "matched":
            return values.cast(field.type)
        if pa.types.is_fixed_size_binary(field.type):
            return _hashes(field, values)
        array = pa.array(values, field.type, mask=_null_mask(field, values))
        return pc.utf8_slice_codeunits(array, 0, MATCHED_CHARS) if field.name == "matched" else array
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        raise DataError(
            f"Column {field.name} does not fit {field.type}: {error}. Check its values."
        ) from error


def _labelled(name: str, values: Column, labels: Sequence[str] | None) -> Any:
    if isinstance(values, pa.Array):
        return values.cast(pa.string()).dictionary_encode().cast(_LABEL)
    codes = np.asarray(values)
    if codes.dtype.kind not in "iu" or (not len(codes) and labels is None):
        return pa.array(values, pa.string()).dictionary_encode().cast(_LABEL)
    if labels is None:
        raise DataError(f"Column {name} holds codes and no labels. Pass labels={{'{name}': [...]}}.")
    if len(codes) and int(codes.max()) >= len(labels):
        worst = int(codes.argmax())
        raise DataError(
            f"{name}[{worst}] is {codes[worst]}, and there are {len(labels)} labels. Add the label."
        )
    signed = codes.astype(np.int32)
    indices: Any = pa.array(signed, mask=signed < 0)
    return pa.DictionaryArray.from_arrays(indices, pa.array(labels, pa.string()))


def _hashes(field: Any, values: Column) -> Any:
    if not isinstance(values, np.ndarray) or values.dtype == np.dtype(object):
        return pa.array(values, field.type)
    width = field.type.byte_width
    data = np.ascontiguousarray(values)
    if data.nbytes != width * len(data):
        raise DataError(
            f"{field.name} has {data.nbytes} bytes for {len(data)} rows. Pass {width} bytes a row."
        )
    return pa.FixedSizeBinaryArray.from_buffers(field.type, len(data), [None, pa.py_buffer(data.tobytes())])


def _null_mask(field: Any, values: Column) -> NDArray[np.bool_] | None:
    if not field.nullable or not isinstance(values, np.ndarray):
        return None
    if values.dtype.kind == "f":
        return np.isnan(values)
    if field.name in _NEGATIVE_IS_NULL and values.dtype.kind == "i":
        return np.asarray(values < 0)
    if pa.types.is_timestamp(field.type) and values.dtype.kind == "i":
        return np.asarray(values == NO_DATE)
    return None


def quarantine_of(records: Iterable[Quarantined]) -> pa.Table:
    """The `QUARANTINE` table of the records, in their order; it may be empty."""
    rows = [{name: getattr(record, name) for name in QUARANTINE.names} for record in records]
    return pa.Table.from_pylist(rows, schema=QUARANTINE)


def pre_ai_of(captured_at: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Codes into `PRE_AI` of capture dates, shape (documents,), in seconds since 1970 or `NO_DATE`."""
    edges = np.array([_BEFORE_2019_S, int(CHATGPT_RELEASE.timestamp())])
    codes = 1 + np.searchsorted(edges, captured_at, side="right")
    return np.where(captured_at == NO_DATE, 0, codes).astype(np.uint8)


def depth_of(
    origin: NDArray[np.integer[Any]], declared: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Generations of models behind each text by itself: 0 for resolved `Origin` human, else as its source declares.

    `wellkeeper.ledger.parents` tells the depth of a text whose parents are known.
    """
    other = UNKNOWN_DEPTH if declared is None else declared
    return np.where(origin == Origin.HUMAN, 0, other).astype(np.uint8)
