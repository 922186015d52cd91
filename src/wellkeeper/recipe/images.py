"""`audit` of pictures: files to fingerprints and marks, to figures, to a ledger and a report. No picture is changed.

A picture is a document of the ledger without words: its content hash is that of the file, its evidence what the file
says of itself. OUT holds `report.html`, `report.json`, `ledger/`, and `images.parquet` with one row a picture: what was
measured, and the first picture of the group of copies that it belongs to.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.core.dates import DateBasis
from wellkeeper.core.decision import Decision
from wellkeeper.core.evidence import BY_NAME, KINDS
from wellkeeper.core.optouts import resolve
from wellkeeper.core.origin import declared_origin
from wellkeeper.core.rights import Consent, declared_consent, licence_expression
from wellkeeper.core.signals import NO_DATE
from wellkeeper.engine.credentials import load_anchors
from wellkeeper.engine.dates import parse_dates
from wellkeeper.engine.executor import run_tasks
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.readers.base import Quarantined
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError
from wellkeeper.images.duplicates import Duplicates, duplicates_of
from wellkeeper.images.examine import Seen, examine
from wellkeeper.images.kept import Kept, Result
from wellkeeper.images.marks import licence_named
from wellkeeper.images.pictures import careful_decoder, thumbnail
from wellkeeper.images.readers import Listing, Task, list_images, pictures_in, read, read_again
from wellkeeper.ledger.folder import Kind, remove_parts, write_part, write_quarantine
from wellkeeper.ledger.leaves import rows_digest
from wellkeeper.ledger.rows import (
    DOCUMENTS,
    EVIDENCE,
    SIGNALS,
    content_digest,
    depth_of,
    pre_ai_of,
    quarantine_of,
    table_of,
)
from wellkeeper.ledger.seal import seal, unseal
from wellkeeper.origin.evidence import NEUTRAL, date_evidence, declared_evidence, origin_of
from wellkeeper.recipe.image_document import image_document, thumbnails_wanted
from wellkeeper.recipe.results import ImageAudit
from wellkeeper.recipe.rights import signal_rows
from wellkeeper.recipe.running import Clock, Running, prepare_work

THUMBNAIL_SIDE = 160  # pixels
IMAGES = "images.parquet"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pictures:
    """All pictures of a run, and what was concluded of each; arrays have the shape (pictures,)."""

    seen: Sequence[Seen]
    duplicates: Duplicates
    quarantined: Sequence[Quarantined]
    listing: Listing
    sources: Sequence[str]
    licences: Sequence[str | None]
    generators: Sequence[str | None]
    consents: Sequence[str]  # to training
    rights_signals: NDArray[np.uint16]  # core.optouts.KINDS
    captured_at: NDArray[np.int64]  # seconds since 1970, `NO_DATE`
    captured_basis: NDArray[np.uint8]  # DateBasis
    declared: NDArray[np.uint8]  # Origin, by the fields beside the picture
    mask: NDArray[np.uint64]
    origin: NDArray[np.uint8]
    log_odds: NDArray[np.float32]
    strength: NDArray[np.uint8]
    conflict: NDArray[np.bool_]


def audit_images(
    paths: Sequence[str],
    *,
    trust: str | Path | None = None,
    out: str | Path | None = None,
    work: str | Path | None = None,
    workers: int | None = None,
    strict: bool = False,
    fresh: bool = False,
    listener: Listener = nobody,
) -> ImageAudit:
    """Tell what is in a set of pictures: marks of their origin, copies, rights, and what cannot be read.

    Args:
        paths: folders, files, globs or URLs of pictures, of Parquet files with an image column, of WebDataset tars.
        trust: PEM file of certificates whose signatures on C2PA credentials are believed; None: nobody's are.
        out: folder for the report and the ledger; None: `wellkeeper-audit` in the current folder.
        work: folder for what was seen of the pictures, `out`/.work by default; keep it and the next audit decodes only
            what is new or has changed.
        workers: threads; None: as many as there are cores. Results do not depend on it.
        strict: stop at the first file that cannot be read.
        fresh: forget what an earlier run left in the work folder.
        listener: is told of progress.

    Raises:
        InputError: there is no picture, or none could be read; with `strict`, one could not.
        MissingExtraError: the extra `images` is not installed.
        WorkError: the output folder cannot be made.
    """
    clock = Clock()
    anchors = None if trust is None else load_anchors(Path(trust))
    folder = Path(out if out is not None else "wellkeeper-audit")
    with careful_decoder():
        listing = list_images([str(path) for path in paths], out=folder)
        run = Running(
            work=prepare_work(folder, work, fresh=fresh), workers=workers, strict=strict, listener=listener
        )
        kept = Kept(run.work / "images", anchors=anchors)
        pictures = concluded(listing, *_read_all(listing, run, anchors, kept))
        kept.forget_others(listing.tasks)
        document = image_document(pictures)
        document["run"] = clock.told(run, seed=0)
        thumbnails = _thumbnails(pictures, thumbnails_wanted(document))
    return ImageAudit(document=document, paths=_write(folder, pictures, document, thumbnails))


def _read_all(
    listing: Listing, run: Running, anchors: bytes | None, kept: Kept
) -> tuple[list[Seen], list[Quarantined]]:
    """Every picture, in the order of the listing, whatever the order in which threads finish."""
    found: dict[int, Sequence[Result]] = {}
    done, total = 0, sum(map(pictures_in, listing.tasks))
    tasks = enumerate(listing.tasks)
    for number, results in run_tasks(_examiner(anchors, kept), tasks, kind="threads", workers=run.workers):
        found[number] = results
        done += pictures_in(listing.tasks[number])
        run.listener(Progress(stage="reading", done=done, total=total, unit="images"))
        if run.strict:
            _stop_at_the_first(results)
    ordered = [one for number in sorted(found) for one in found[number]]
    bad = [*listing.quarantined, *(one for one in ordered if isinstance(one, Quarantined))]
    if run.strict:
        _stop_at_the_first(bad)
    seen = [one for one in ordered if isinstance(one, Seen)]
    if not seen:
        raise InputError(
            f"None of {len(bad):,} pictures could be read. The first: {bad[0].file}: {bad[0].reason}. "
            "Check the paths, or write the pictures again."
        )
    return seen, bad


def _examiner(
    anchors: bytes | None, kept: Kept
) -> Callable[[tuple[int, Task]], tuple[int, Sequence[Result]]]:
    def look(task: Task) -> Sequence[Result]:
        return [
            given if isinstance(given, Quarantined) else examine(given, anchors=anchors)
            for given in read(task)
        ]

    def run(numbered: tuple[int, Task]) -> tuple[int, Sequence[Result]]:
        number, task = numbered
        return number, kept.results(task, look)

    return run


def _stop_at_the_first(results: Sequence[Result]) -> None:
    for one in results:
        if isinstance(one, Quarantined):
            raise InputError(f"{one.file}: {one.reason}. Repair or remove it, or run without --strict.")


def concluded(listing: Listing, seen: Sequence[Seen], quarantined: Sequence[Quarantined]) -> Pictures:
    """Copies, origins and rights of pictures that were read."""
    declared = np.array([declared_origin(one.fields.get("origin")) for one in seen], np.uint8)
    captured, _ = parse_dates(pa.array([one.fields.get("date") for one in seen], pa.string()))
    basis = np.where(captured == NO_DATE, DateBasis.NONE, DateBasis.PAGE_CLAIMED).astype(np.uint8)
    mask = np.array([one.marks.mask for one in seen], np.uint64) | date_evidence(captured, basis)
    mask |= declared_evidence(declared)
    marked = np.array([one.marks.origin for one in seen], np.uint8)
    rights = [
        resolve(one.signals, declared_consent(one.fields.get("consent")) or Consent.UNKNOWN) for one in seen
    ]
    origin, log_odds, strength, conflict = origin_of(mask, declared, captured, prior=NEUTRAL, marked=marked)
    return Pictures(
        seen=seen,
        duplicates=duplicates_of([one.sha256 for one in seen], [one.fingerprints for one in seen]),
        quarantined=quarantined,
        listing=listing,
        sources=[one.fields.get("source") or one.place.group for one in seen],
        licences=[
            licence_expression(one.fields.get("licence")) or licence_named(one.signals) for one in seen
        ],
        generators=[one.fields.get("generator") or one.marks.generator for one in seen],
        consents=[one.consent.label for one in rights],
        rights_signals=np.array([one.mask for one in rights], np.uint16),
        captured_at=captured,
        captured_basis=basis,
        declared=declared,
        mask=mask,
        origin=origin,
        log_odds=log_odds,
        strength=strength,
        conflict=conflict,
    )


def _thumbnails(pictures: Pictures, rows: Sequence[int]) -> dict[int, bytes]:
    """Small pictures for the report, by row; none of a file that has changed since it was read."""
    made = {}
    for row in rows:
        one = pictures.seen[row]
        data = read_again(one.place)
        small = thumbnail(data, THUMBNAIL_SIDE) if data is not None and one.matches(data) else None
        if small is not None:
            made[row] = small
    return made


def _write(
    folder: Path, pictures: Pictures, document: Mapping[str, Any], thumbnails: Mapping[int, bytes]
) -> dict[str, Path]:
    """Everything in the output folder, the seal last."""
    from wellkeeper.report.images import render_images

    unseal(folder)
    remove_parts(folder)
    parts: dict[Kind, pa.Table] = {
        "documents": _documents(pictures),
        "evidence": _evidence(pictures),
        "signals": _signals(pictures),
    }
    for kind, table in parts.items():
        write_part(folder, kind, 0, table)
    write_quarantine(folder, pictures.quarantined)
    _write_images(folder / IMAGES, pictures)
    text = json.dumps(document, ensure_ascii=False, indent=2)
    write_atomic(folder / "report.json", (text + "\n").encode())
    write_atomic(folder / "report.html", render_images(document, thumbnails).encode())
    tables = {
        "ledger/documents": rows_digest([parts["documents"]]),
        **{f"ledger/{kind}": content_digest([parts[kind]]) for kind in parts if kind != "documents"},
        "ledger/quarantine": content_digest([quarantine_of(pictures.quarantined)]),
    }
    seal(folder, facts={"verb": "audit", "version": __version__, "tables": tables})
    names = {"report": "report.html", "json": "report.json", "images": IMAGES, "ledger": "ledger"}
    return {"folder": folder, **{name: folder / place for name, place in names.items()}}


def _documents(pictures: Pictures) -> pa.Table:
    seen = pictures.seen
    near = pictures.duplicates.near
    cluster = np.full(len(seen), -1, np.int64)
    cluster[near.member] = near.first
    return table_of(
        {
            "row": np.arange(len(seen), dtype=np.uint64),
            "id": [one.id for one in seen],
            "content_hash": [one.sha256 for one in seen],
            "group": [one.place.group for one in seen],
            "source": list(pictures.sources),
            "file": [one.place.file for one in seen],
            "line": np.array([one.place.line for one in seen], np.int64),
            "offset": np.array([one.place.offset for one in seen], np.int64),
            "captured_at": pictures.captured_at,
            "captured_basis": pictures.captured_basis,
            "pre_ai": pre_ai_of(pictures.captured_at),
            "origin": pictures.origin,
            "origin_declared": pictures.declared,
            "origin_log_odds": pictures.log_odds,
            "evidence_mask": pictures.mask,
            "strength": pictures.strength,
            "licence": list(pictures.licences),
            "consent": list(pictures.consents),
            "rights_signals": pictures.rights_signals,
            "generator": list(pictures.generators),
            "depth": depth_of(pictures.origin),
            "decision": np.full(len(seen), Decision.KEEP, np.uint8),
            "cluster": cluster,
            "words": np.zeros(len(seen), np.int32),
            "bytes": np.array([one.size for one in seen], np.int64),
        },
        schema=DOCUMENTS,
    )


def _evidence(pictures: Pictures) -> pa.Table:
    """One row a statement of the file, then one for each kind that the fields beside it give."""
    rows = [row for number in range(len(pictures.seen)) for row in _pieces(pictures, number)]
    none = np.full(len(rows), -1, np.int64)
    kinds = [BY_NAME[kind] for _, kind, _ in rows]
    return table_of(
        {
            "row": np.array([number for number, _, _ in rows], np.uint64),
            "id": [pictures.seen[number].id for number, _, _ in rows],
            "kind": [kind.name for kind in kinds],
            "strength": [kind.strength.label for kind in kinds],
            "weight": np.array([kind.weight for kind in kinds], np.float32),
            "start": none,
            "end": none,
            "matched": [matched for _, _, matched in rows],
            "tool": [f"wellkeeper {__version__}"] * len(rows),
        },
        schema=EVIDENCE,
    )


def _pieces(pictures: Pictures, number: int) -> Iterator[tuple[int, str, str | None]]:
    statements = pictures.seen[number].marks.statements
    yield from ((number, statement.kind, statement.matched) for statement in statements)
    told = {statement.kind for statement in statements}
    for kind in KINDS:
        if int(pictures.mask[number]) >> kind.bit & 1 and kind.name not in told:
            yield number, kind.name, None


def _signals(pictures: Pictures) -> pa.Table:
    rows = [
        (row, one.id, *said) for row, one in enumerate(pictures.seen) for said in signal_rows(one.signals)
    ]
    columns = zip(*rows, strict=True) if rows else ([] for _ in SIGNALS)
    return table_of(dict(zip(SIGNALS.names, map(list, columns), strict=True)), schema=SIGNALS)


_IMAGES = pa.schema(
    [
        pa.field("row", pa.uint64(), nullable=False),  # as in the ledger
        pa.field("id", pa.string(), nullable=False),
        pa.field("media_type", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("frames", pa.int32(), nullable=False),
        pa.field("bytes", pa.int64(), nullable=False),
        pa.field("sha256", pa.binary(32), nullable=False),  # of the file
        pa.field("pixels_sha256", pa.binary(32), nullable=False),  # of size and decoded pixels
        pa.field("phash", pa.uint64(), nullable=False),
        pa.field("dhash", pa.uint64(), nullable=False),
        pa.field("contrast", pa.float32(), nullable=False),
        pa.field("detail", pa.float32(), nullable=False),
        pa.field("plain", pa.bool_(), nullable=False),  # left out of the comparison by eye
        pa.field(
            "same_bytes", pa.uint64(), nullable=False
        ),  # first row with the same bytes; the row's own if none
        pa.field("same_pixels", pa.uint64(), nullable=False),
        pa.field("alike", pa.uint64(), nullable=False),
        pa.field("distance", pa.int32(), nullable=False),  # bits between its phash and that of `alike`
        pa.field("credential", pa.string(), nullable=False),  # core.marks.Validity
        pa.field("credential_trust", pa.string(), nullable=False),
    ]
)


def _write_images(path: Path, pictures: Pictures) -> None:
    seen, copies = pictures.seen, pictures.duplicates
    many = len(seen)
    columns: dict[str, Any] = {
        "row": range(many),
        "id": [one.id for one in seen],
        "media_type": [one.media_type for one in seen],
        "width": [one.width for one in seen],
        "height": [one.height for one in seen],
        "frames": [one.frames for one in seen],
        "bytes": [one.size for one in seen],
        "sha256": [one.sha256 for one in seen],
        "pixels_sha256": [one.fingerprints.pixels for one in seen],
        "phash": [one.fingerprints.perceptual for one in seen],
        "dhash": [one.fingerprints.difference for one in seen],
        "contrast": [one.fingerprints.contrast for one in seen],
        "detail": [one.fingerprints.detail for one in seen],
        "plain": copies.plain,
        "same_bytes": copies.bytes.first_of(many),
        "same_pixels": copies.pixels.first_of(many),
        "alike": copies.near.first_of(many),
        "distance": copies.distance,
        "credential": [one.credential.validity.label for one in seen],
        "credential_trust": [one.credential.trust.label for one in seen],
    }
    arrays = [pa.array(columns[field.name], field.type) for field in _IMAGES]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, schema=_IMAGES), sink, compression="zstd")
    write_atomic(path, sink.getvalue().to_pybytes())
