"""Marks of the documents of one block: read in the text pass, and what they are as evidence."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.core.dates import DateBasis
from wellkeeper.core.evidence import KINDS
from wellkeeper.core.marks import Credential, RawSignal, Validity, signals_json, signals_of
from wellkeeper.core.origin import AI_MADE
from wellkeeper.engine.credentials import read_text, text_reader_installed
from wellkeeper.engine.credentials.tables import carriers
from wellkeeper.engine.dates import parse_dates, plausible
from wellkeeper.origin.evidence import date_evidence
from wellkeeper.origin.marks import marked_by_credential, marked_by_signals, stated_origin

_VERSION = "marks.2"
_CREDENTIALS = tuple(kind.name for kind in KINDS if kind.name.startswith("credential-"))
_NOTHING = Credential(validity=Validity.NONE)
_Row: TypeAlias = tuple[int, bool, str | None, str | None]  # the columns below
_ROWS = pa.schema(
    [
        pa.field("document", pa.int64()),
        pa.field("signed", pa.bool_()),  # whether a credential was taken off the text
        pa.field("credential", pa.string()),  # JSON of `credential_json`; null: none was read
        pa.field("signals", pa.string()),  # JSON of `core.marks.signals_json`
    ]
)


def version() -> str:
    """Changes with what is read, and with whether credentials can be: sidecars made with another are made anew."""
    return _VERSION if text_reader_installed() else f"{_VERSION}, credentials unread"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockMarks:
    """Marks of the documents of one block; arrays have the shape (documents,)."""

    mask: NDArray[np.uint64]  # evidence
    origin: NDArray[np.uint8]  # `Origin` that the marks state
    rows: pa.Table  # of the documents that have any
    unread: int  # documents with a credential that nothing installed can read


def marks_of_block(table: pa.Table, *, anchors: str | None) -> BlockMarks:
    """Read the credentials and signals of a block's documents.

    Args:
        table: documents as a reader gives them.
        anchors: PEM certificates to trust; None: trust is unknown.
    """
    mask = np.zeros(len(table), np.uint64)
    origin = np.zeros(len(table), np.uint8)
    rows: list[_Row] = []
    readable, pem = text_reader_installed(), None if anchors is None else anchors.encode()
    for document, carrier, written in _marked(table):
        credential = _NOTHING if carrier is None or not readable else read_text(carrier, anchors=pem)
        signals = (*signals_given(written), *mining_signals(credential))
        marked = marked_by_credential(credential) | marked_by_signals(signals)
        mask[document], origin[document] = marked.mask, marked.origin
        told = None if credential.validity is Validity.NONE else credential_json(credential)
        rows.append((document, carrier is not None, told, signals_json(signals)))
    mask |= _page_dates(rows, len(table))
    unread = 0 if readable else sum(signed for _, signed, _, _ in rows)
    return BlockMarks(mask=mask, origin=origin, rows=_table(rows), unread=unread)


def _table(rows: Sequence[_Row]) -> pa.Table:
    if not rows:
        return _ROWS.empty_table()
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, _ROWS, strict=True)]
    return pa.table(arrays, schema=_ROWS)


def _page_dates(rows: Sequence[_Row], documents: int) -> NDArray[np.uint64]:
    """Evidence of the days on which pages claim to have been written."""
    claimed: list[str | None] = [None] * documents
    for document, _, _, signals in rows:
        claimed[document] = next((s.value for s in signals_of(signals) if s.kind == "page-date"), None)
    if not any(claimed):
        return np.zeros(documents, np.uint64)
    seconds, _ = parse_dates(pa.chunked_array([pa.array(claimed, pa.string())]))
    seconds, _ = plausible(seconds)
    return date_evidence(seconds, np.full(documents, DateBasis.PAGE_CLAIMED, np.uint8))


def _marked(table: pa.Table) -> Iterator[tuple[int, bytes | None, str | None]]:
    """Documents with a credential or signals, ascending: number, what carries the credential, signals as written."""
    columns = [table.column(name) for name in ("signed_text", "signed_page", "declared_signals")]
    if all(column.null_count == len(table) for column in columns):
        return
    for document, (carrier, signals) in enumerate(zip(carriers(table), columns[-1], strict=True)):
        if carrier is not None or signals.is_valid:
            yield document, carrier, signals.as_py()


def signals_given(written: str | None) -> tuple[RawSignal, ...]:
    """The signals of a document; none where a user's column of that name holds something else.

    >>> signals_given("[" * 100_000), signals_given('[["robots","html-meta","robots","noai"]]')[0].value
    ((), 'noai')
    """
    try:
        signals = signals_of(written)
    except (ValueError, TypeError, RecursionError):
        return ()
    return signals if all(isinstance(part, str) for signal in signals for part in signal) else ()


def matched_by(credential: str | None, signals: str | None) -> dict[str, str]:
    """Kind of evidence -> what it was seen by, of the marks of one document as a block keeps them.

    Of a credential its signer and generator, and of a broken one the checks that failed; of a disclosure where it
    stands and how it reads.
    """
    told = json.loads(credential) if credential else {}
    parts = [
        told.get("signer") and f"signed by {told['signer']}",
        told.get("generator") and f"made by {told['generator']}",
        told.get("problems") and f"failed: {', '.join(told['problems'])}",
    ]
    said = "; ".join(part for part in parts if part)
    found = dict.fromkeys(_CREDENTIALS, said) if said else {}
    disclosing = (signal for signal in signals_of(signals) if stated_origin(signal) in AI_MADE)
    if (first := next(disclosing, None)) is not None:
        found["machine-disclosure"] = f"{first.where} {first.name}: {first.value}"
    return found


def mining_signals(credential: Credential) -> Iterator[RawSignal]:
    """What a valid credential says of training, as a signal for whoever resolves rights."""
    if credential.validity is Validity.VALID and credential.mining is not None:
        yield RawSignal("c2pa-mining", "c2pa", "cawg.training-mining", credential.mining)


def credential_json(credential: Credential) -> str:
    """A credential as the marks of a block keep it."""
    return json.dumps(credential_told(credential), ensure_ascii=False, separators=(",", ":"))


def credential_told(credential: Credential) -> dict[str, Any]:
    """A credential as reports tell it: without its store."""
    return {
        "validity": credential.validity.label,
        "trust": credential.trust.label,
        "origin": credential.origin.label,
        "source_types": list(credential.source_types),
        "inherited": list(credential.inherited),
        "generator": credential.generator,
        "signer": credential.signer,
        "signed_at": credential.signed_at,
        "problems": list(credential.problems),
        "mining": credential.mining,
        "parents": list(credential.parents),
    }
