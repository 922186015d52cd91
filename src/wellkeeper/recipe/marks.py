"""Marks of a corpus: read in the text pass, kept beside its sidecars, and told by kind, validity, trust and month."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wellkeeper.core.marks import Credential, RawSignal, Validity, signals_json, signals_of
from wellkeeper.engine.credentials import read_text, text_reader_installed
from wellkeeper.origin.marks import marked_by_credential, marked_by_signals

VERSION = "marks.1"
"""Changes with what is read: sidecars made with another are made anew."""

_NOTHING = Credential(validity=Validity.NONE)
_ROWS = pa.schema(
    [
        pa.field("document", pa.int64()),
        pa.field("signed", pa.bool_()),  # whether a credential was taken off the text
        pa.field("credential", pa.string()),  # JSON of `credential_json`; null: none was read
        pa.field("signals", pa.string()),  # JSON of `core.marks.signals_json`
    ]
)


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
    rows: list[tuple[int, bool, str | None, str | None]] = []
    readable, pem = text_reader_installed(), None if anchors is None else anchors.encode()
    for document, text, written in _marked(table):
        credential = _NOTHING if text is None or not readable else read_text(text.encode(), anchors=pem)
        signals = (*signals_given(written), *mining_signals(credential))
        marked = marked_by_credential(credential) | marked_by_signals(signals)
        mask[document], origin[document] = marked.mask, marked.origin
        told = None if credential.validity is Validity.NONE else credential_json(credential)
        rows.append((document, text is not None, told, signals_json(signals)))
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    arrays = [pa.array(values, field.type) for values, field in zip(columns, _ROWS, strict=True)]
    unread = 0 if readable else sum(signed for _, signed, _, _ in rows)
    return BlockMarks(mask=mask, origin=origin, rows=pa.table(arrays, schema=_ROWS), unread=unread)


def _marked(table: pa.Table) -> Iterator[tuple[int, str | None, str | None]]:
    """Documents with a credential or signals, ascending: number, text as signed, signals as written."""
    signed, signals = table.column("signed_text"), table.column("signals")
    if signed.null_count == len(table) == signals.null_count:
        return
    some = np.flatnonzero(np.asarray(pc.or_(signed.is_valid(), signals.is_valid())))
    for document in some.tolist():
        yield document, signed[document].as_py(), signals[document].as_py()


def signals_given(written: str | None) -> tuple[RawSignal, ...]:
    """The signals of a document; none where a user's column of that name holds something else.

    >>> signals_given("no JSON"), signals_given('[["robots","html-meta","robots","noai"]]')[0].value
    ((), 'noai')
    """
    try:
        signals = signals_of(written)
    except (ValueError, TypeError):
        return ()
    return signals if all(isinstance(part, str) for signal in signals for part in signal) else ()


def mining_signals(credential: Credential) -> Iterator[RawSignal]:
    """What a valid credential says of training, as a signal for whoever resolves rights."""
    if credential.validity is Validity.VALID and credential.mining is not None:
        yield RawSignal("c2pa-mining", "c2pa", "cawg.training-mining", credential.mining)


def credential_json(credential: Credential) -> str:
    """A credential as reports and the marks of a block keep it: without its store."""
    told = {
        "validity": credential.validity.label,
        "trust": credential.trust.label,
        "origin": credential.origin.label,
        "source_types": credential.source_types,
        "generator": credential.generator,
        "signer": credential.signer,
        "signed_at": credential.signed_at,
        "problems": credential.problems,
        "mining": credential.mining,
        "parents": credential.parents,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))
