"""The one pass that touches text: every block of every input becomes a sidecar.

Reading, kernels and evidence meet here. A block's sidecar depends on its bytes, on the parameters in
`PassOptions` and on the code's versions, never on workers, timing or an earlier run; the folder it lies in is
named by a fingerprint of all of these. Running again therefore resumes, inside a file too, and a run with
other parameters starts anew beside the old one.
"""

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.core.dates import DateBasis
from wellkeeper.core.evidence import BY_NAME
from wellkeeper.core.origin import declared_origin
from wellkeeper.core.rights import licence_expression
from wellkeeper.core.signals import NO_DATE, band_name, template_band_name
from wellkeeper.engine.credentials.tables import texts_as_written
from wellkeeper.engine.dates import parse_dates, plausible
from wellkeeper.engine.executor import Kind, ready, run_tasks, worker_count
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.readers.base import BLOCK_BYTES, DOCUMENT_FIELDS, ColumnMap, InputFile, RawBlock
from wellkeeper.engine.readers.columns import number_array, text_buffers
from wellkeeper.engine.sidecar import block_path, companion_path, done_blocks, write_block
from wellkeeper.engine.store import sweep, write_atomic
from wellkeeper.errors import InputError, WorkError
from wellkeeper.filter.duplicates import Banding
from wellkeeper.kernels import text
from wellkeeper.lanes import padded
from wellkeeper.ledger.digest import sha256_of_texts
from wellkeeper.ledger.rows import quarantine_of
from wellkeeper.mix.sampling import priority
from wellkeeper.origin import artefacts
from wellkeeper.origin.evidence import date_evidence, declared_evidence, without_weaker_dates
from wellkeeper.recipe.marked import marks_of_block
from wellkeeper.recipe.marked import version as marks_version
from wellkeeper.recipe.rights import VERSION as RIGHTS_VERSION
from wellkeeper.recipe.rights import licences_or_pages, parent_rows, rights_columns

if TYPE_CHECKING:
    from wellkeeper.recipe.keyed import KeyedMarks

TAIL_WORDS = 400_000
"""Words drawn for the tail measures from a corpus of any size, so that they cost the same for all."""
_SPARE = 4  # words kept in sidecars for each word drawn, since block sizes are only estimated beforehand
_BYTES_A_WORD = 6
_COMPRESSION = 4  # text bytes a compressed byte is taken to stand for
EXCERPT_CHARS = 200
"""Characters of each document kept in its sidecar, so that a report can show examples without reading again."""
INVISIBLE_RUN = 4
"""Length from which a run of invisible characters is recorded as evidence (weight 0 by itself)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Inputs that share a column map and defaults: a source of the recipe, or a PATH of an audit."""

    name: str
    files: tuple[InputFile, ...]
    columns: ColumnMap
    licence: str | None = None
    origin: str | None = None
    generator: str | None = None
    language: str | None = None
    consent: str | None = None
    depth: str | None = None
    site_files: tuple[str, str] | None = None  # folder, and the digest of the files in it
    date: str | None = None
    date_basis: DateBasis | None = None  # how far its dates can be trusted; None: as the reader says
    reference: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PassOptions:
    """Parameters that change what the pass writes."""

    banding: Banding
    template_banding: Banding | None = None  # a second cut of the sketch, for templates
    seed: int = 0
    sample_shift: int = 0  # one document in 2 ** sample_shift leaves its words for the tail measures
    block_bytes: int = BLOCK_BYTES
    statistics: bool = True  # quality and repetition columns; left out where no step reads them
    words: bool = True  # word hashes of a sample, for tail measures
    topics: bool = False  # a bag of each document's words, to find topics with
    extras: bool = False  # record the user's other columns and their types, for writing them out again
    fingerprint_words: int = 0  # fingerprints for shared runs of so many words; 0: leave them out
    vectors: bool = False  # the vectors that groups name, and which types stand in which documents
    type_shift: int = 0  # types are kept whose hash begins with so many zero bits
    evaluation: str = ""  # digest of the table of evaluation sets to search for; "": there is none
    style: bool = False  # style score of every document; without it a sample is scored later
    watermarks: "KeyedMarks | None" = None  # keys whose marks are looked for in every document
    trust: str | None = None  # PEM certificates whose holders' credentials are trusted


@dataclass(frozen=True, slots=True)
class BlockTask:
    raw: RawBlock
    group: Group
    options: PassOptions
    folder: str


@dataclass(frozen=True, slots=True)
class FileTask:
    """A whole file, cut on the worker, so that nothing of it passes through the driver."""

    group: Group
    file: InputFile
    options: PassOptions
    folder: str
    strict: bool


FILES_A_WORKER = 4
"""Files for each worker of a cluster from which whole files are sent and not blocks. With fewer, the last ones
would be waited for longer than the driver takes to cut them."""


@dataclass(frozen=True, slots=True)
class BlockDone:
    documents: int
    bytes: int
    disk_bytes: int


def sample_shift(files: Sequence[InputFile]) -> int:
    """How sparsely to draw documents so that about `TAIL_WORDS` words, and some to spare, are kept."""
    compressed = ("parquet", "arrow")
    bulk = sum(
        max(0, file.size) * (_COMPRESSION if file.compression or file.format in compressed else 1)
        for file in files
    )
    return max(0, math.floor(math.log2(max(1.0, bulk / _BYTES_A_WORD / (_SPARE * TAIL_WORDS)))))


def drawn(priorities: NDArray[np.uint64], shift: int) -> NDArray[np.bool_]:
    """Which documents are drawn for the tail measures: one in 2 ** shift, by priority."""
    if not shift:
        return np.ones(len(priorities), np.bool_)
    return np.asarray(priorities >> np.uint64(64 - shift) == 0)


def sidecar_folder(work: Path, file: InputFile, group: Group, options: PassOptions) -> Path:
    """Where the blocks of a file lie: a name that changes with anything that could change their content.

    A larger corpus draws fewer documents for its tail measures. Blocks made when it was smaller hold those and more, so
    that adding a file never makes the others be read again.
    """
    plain = {field: value for field, value in asdict(group).items() if field not in {"files", "reference"}}
    key = json.dumps(
        [
            file.name,
            file.url,
            file.fingerprint,
            file.format,
            *((file.origin, file.generator, file.depth) if file.origin else ()),
            plain,
            asdict(replace(options, sample_shift=0)),
            text.VERSION,
            artefacts.VERSION,
            marks_version(),
            RIGHTS_VERSION,
            _fingerprints_version() if options.fingerprint_words else None,
            _style_version() if options.style else None,
            _bags_version() if options.topics else None,
        ],
        sort_keys=True,
        default=str,
    )
    name = hashlib.sha256(key.encode()).hexdigest()[:20]
    shifts = range(options.sample_shift + 1)
    folders = [work / "sidecars" / f"{name}-{shift}" for shift in shifts]
    return next((folder for folder in folders if (folder / "complete.json").exists()), folders[-1])


def _fingerprints_version() -> str:
    from wellkeeper.kernels.fingerprints import VERSION

    return VERSION


def _style_version() -> str:
    from wellkeeper.origin.style import load_model  # what few recipes need

    return load_model().version


def _bags_version() -> str:
    from wellkeeper.kernels.bags import VERSION

    return VERSION


def work_of(folder: Path) -> Path:
    """The work folder that a folder of sidecars lies in."""
    return folder.parents[1]


def run_text_pass(
    groups: Sequence[Group],
    work: Path,
    options: PassOptions,
    *,
    kind: Kind = "threads",
    workers: int | None = None,
    strict: bool = False,
    listener: Listener = nobody,
) -> tuple[Path, ...]:
    """Bring the sidecars of all files up to date; returns their folders, in manifest order.

    Raises:
        InputError: with `strict`, at the first quarantined record.
        WorkError: the work folder cannot be written.
    """
    pairs = [(group, file) for group in groups for file in group.files]
    folders = tuple(sidecar_folder(work, file, group, options) for group, file in pairs)
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError(
            f"The work folder {work} cannot be written: {error.strerror}. Choose another with --work DIR."
        ) from error
    total = sum(max(0, file.size) for _, file in pairs)
    seen = documents = 0
    with ready(kind, workers=workers):
        if kind == "ray":
            from wellkeeper.engine.cluster import check_places

            check_places(work, _one_a_folder(pairs))
        for done in _worked(pairs, folders, options, kind=kind, workers=workers, strict=strict):
            seen += done.disk_bytes
            documents += done.documents
            listener(
                Progress(
                    stage="reading", done=min(seen, total), total=total, unit="bytes", documents=documents
                )
            )
    if kind == "ray":
        for folder in folders:
            sweep(folder)  # what a lost machine was writing
    if strict:
        _refuse_quarantined(folders)  # of blocks that an earlier run, less strict, has done
    return folders


def _one_a_folder(pairs: Sequence[tuple[Group, InputFile]]) -> list[tuple[str, int]]:
    """Address and size of one file of each folder."""
    first: dict[str, InputFile] = {}
    for _, file in pairs:
        first.setdefault(file.url.rpartition("/")[0], file)
    return [(file.url, file.size) for file in first.values()]


def _worked(
    pairs: Sequence[tuple[Group, InputFile]],
    folders: Sequence[Path],
    options: PassOptions,
    *,
    kind: Kind,
    workers: int | None,
    strict: bool,
) -> Iterator[BlockDone]:
    """The pass over all blocks that are not done, by blocks or, on a cluster and with many files, by files."""
    if kind == "ray":
        files = [
            FileTask(replace(group, files=()), file, options, str(folder), strict)
            for (group, file), folder in zip(pairs, folders, strict=True)
            if not (folder / "complete.json").exists()
        ]
        if len(files) >= FILES_A_WORKER * worker_count(kind, workers):
            yield from run_tasks(_file, files, kind=kind, workers=workers)
            return
    tasks = _tasks(pairs, folders, options)
    yield from run_tasks(_block_of_strict if strict else _block, tasks, kind=kind, workers=workers)


def _refuse_quarantined(folders: Sequence[Path]) -> None:
    for folder in folders:
        for index in sorted(done_blocks(folder)):
            path = companion_path(block_path(folder, index), "quarantine")
            if path.exists():
                raise InputError(_strict(pq.read_table(path).slice(0, 1).to_pylist()[0]))


def _strict(record: Mapping[str, Any]) -> str:
    return (
        f"{record['file']}, line {record['line']}, byte {record['offset']}: {record['reason']} (--strict stops at "
        "the first bad record). Repair the record, or run without --strict to quarantine it and go on."
    )


def _tasks(
    pairs: Sequence[tuple[Group, InputFile]], folders: Sequence[Path], options: PassOptions
) -> Iterator[BlockTask]:
    for (group, file), folder in zip(pairs, folders, strict=True):
        if (folder / "complete.json").exists():
            continue
        done = done_blocks(folder)
        first_missing = next(index for index in range(len(done) + 1) if index not in done)
        count = first_missing
        bare = replace(group, files=())  # a task is sent to its worker: with its file alone
        for raw in reader_for(file).blocks(
            file,
            skip=first_missing,
            block_bytes=options.block_bytes,
            fields=read_fields(group, options),
        ):
            count = raw.index + 1
            if raw.index not in done:
                yield BlockTask(raw, bare, options, str(folder))
        # Written when the file has been cut to its end, not when its blocks are done: those speak for themselves.
        write_atomic(folder / "blocks.json", json.dumps({"blocks": count}).encode())


def read_fields(group: Group, options: PassOptions) -> frozenset[str] | None:
    """Fields of the input that will be parsed; None: all of them."""
    if options.extras or _with_vectors(group.columns, options):
        return None
    return frozenset(group.columns.named().values())


def _with_vectors(columns: ColumnMap, options: PassOptions) -> bool:
    return options.vectors and columns.embedding is not None


def seal(folders: Sequence[Path]) -> None:
    """Mark the files whose blocks are all there, so that the next run need not open them."""
    for folder in folders:
        cut = folder / "blocks.json"
        if cut.exists() and len(done_blocks(folder)) == json.loads(cut.read_bytes())["blocks"]:
            write_atomic(folder / "complete.json", b"{}")


def _block_of_strict(task: BlockTask) -> BlockDone:
    return _block(task, strict=True)


def _file(task: FileTask) -> BlockDone:
    block = _block_of_strict if task.strict else _block
    tasks = _tasks([(task.group, task.file)], [Path(task.folder)], task.options)
    done = [block(one) for one in tasks]
    return BlockDone(sum(b.documents for b in done), sum(b.bytes for b in done), max(0, task.file.size))


_TABLES: list[text.Tables] = []


def tables() -> text.Tables:
    """The kernels' lookup tables, read once a process."""
    if not _TABLES:
        _TABLES.append(text.load_tables())
    return _TABLES[0]


def _block(task: BlockTask, *, strict: bool = False) -> BlockDone:
    raw, group, options = task.raw, task.group, task.options
    parsed = parse_block(raw, group.columns, options.extras or _with_vectors(group.columns, options))
    quarantined = parsed.quarantined
    if strict and quarantined:
        raise InputError(_strict(asdict(quarantined[0])))
    table = parsed.table
    data, offsets = padded(*text_buffers(table.column("text")))
    banding, second = options.banding, options.template_banding
    columns = text.text_pass(
        data,
        offsets,
        tables(),
        bands=banding.bands,
        rows=banding.rows,
        second=(second.bands, second.rows) if second is not None else (0, 0),
        statistics=options.statistics,
    )
    digests = written_digests(table)
    declared = _declared(table, group, raw.file)
    integers = dict(zip(text.INTEGERS, columns.integers, strict=True))
    hits = artefacts.scan(data, offsets)
    mask = hits.masks(len(table)) | declared_evidence(declared["origin"])
    mask |= date_evidence(declared["captured_at"], declared["captured_basis"])
    marks = marks_of_block(table, anchors=options.trust)
    rights = rights_columns(table, group, raw.file, marks.rows)
    mask = without_weaker_dates(mask | marks.mask)
    mask |= np.where(
        integers["invisible_run"] >= INVISIBLE_RUN, np.uint64(1 << BY_NAME["invisible-run"].bit), 0
    )
    order = priority(
        options.seed, digests.view(np.uint8).reshape(-1, 32), _occurrence(raw.file.name, table.column("line"))
    )
    arrays: dict[str, Any] = {
        "id": document_ids(table, raw.file.name),
        "line": table.column("line"),
        "offset": table.column("offset"),
        "source": _filled(table.column("source"), group.name),
        "slice": _not_empty(table.column("declared_slice")),
        "language": _filled(_not_empty(table.column("declared_language")), group.language),
        "domain": _hosts(_not_empty(table.column("declared_domain"))),
        "licence": licences_or_pages(declared["licence"], marks.rows),
        "generator": _filled(table.column("generator"), group.generator or raw.file.generator),
        "origin": declared["origin"],
        "origin_marked": marks.origin,
        "captured_at": declared["captured_at"],
        "captured_basis": declared["captured_basis"],
        "signals": rights.signals,
        "consent": rights.consent,
        "rights_signals": rights.mask,
        "declared_depth": rights.depth,
        "sha256": pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(32), len(table), [None, pa.py_buffer(digests)]
        ),
        "priority": order,
        "evidence_mask": mask.astype(np.uint64),
        "bytes": np.diff(offsets),
        "excerpt": pc.utf8_slice_codeunits(table.column("text"), 0, EXCERPT_CHARS).cast(pa.string()),
        **{name: values for name, values in integers.items() if options.statistics or name in text.ALWAYS},
        **(dict(zip(text.SHARES, columns.shares, strict=True)) if options.statistics else {}),
        **{band_name(band): keys for band, keys in enumerate(columns.bands[: banding.bands])},
        **{template_band_name(band): keys for band, keys in enumerate(columns.bands[banding.bands :])},
    }
    if options.style:
        from wellkeeper.origin.style import load_model  # what few recipes need

        arrays["style_score"] = load_model().score(data, offsets)
    if options.watermarks is not None:
        found = options.watermarks.read(table.column("text").to_pylist())
        arrays |= {"watermark_p": found.p_values, "watermark_key": found.keys}
    vectors = types = None
    if options.vectors:
        from wellkeeper.recipe.semantic import type_rows, vector_rows  # what few recipes need

        vectors = vector_rows(table, group.columns.embedding)
        types = type_rows(data, offsets, tables(), options.type_shift)
    prints = _fingerprints(data, offsets, options.fingerprint_words) if options.fingerprint_words else None
    facts = {
        "file": raw.file.name,
        "group": group.name,
        "reference": group.reference,
        "documents": len(table),
        "quarantined": len(quarantined),
        "extras": base64.b64encode(_extras(table).serialize().to_pybytes()).decode()
        if options.extras
        else None,
        "undated": declared["not_understood"],
        "not_understood": rights.not_understood,
        "unread_credentials": marks.unread,
        "fingerprints": None if prints is None else {"words": options.fingerprint_words, "rows": len(prints)},
        "vectors": None if vectors is None else {**vectors.facts, "type_shift": options.type_shift},
    }
    write_block(
        Path(task.folder),
        raw.index,
        pa.table(
            {
                name: number_array(made) if isinstance(made, np.ndarray) else made
                for name, made in arrays.items()
            }
        ),
        facts,
        {
            "quarantine": quarantine_of(quarantined),
            **({"parents": parent_rows(table)} if group.columns.parents is not None else {}),
            "spans": _spans(hits, data, offsets),
            "marks": marks.rows,
            **({"words": _words(data, offsets, order, options.sample_shift)} if options.words else {}),
            **({"bags": bag_rows(data, offsets)} if options.topics else {}),
            **({"fingerprints": prints} if prints is not None else {}),
            **({"vectors": vectors.rows} if vectors is not None else {}),
            **({"types": types} if types is not None else {}),
            **({"overlaps": _overlaps(data, offsets, task)} if options.evaluation else {}),
        },
    )
    return BlockDone(len(table), int(offsets[-1] - offsets[0]), _disk_bytes(raw))


def _overlaps(data: NDArray[np.uint8], offsets: NDArray[np.int64], task: BlockTask) -> pa.Table:
    from wellkeeper.recipe.decontamination import (  # what few recipes need
        load_table,
        overlap_rows,
        table_path,
    )

    table = load_table(table_path(work_of(Path(task.folder)), task.options.evaluation))
    return overlap_rows(data, offsets, tables(), table)


def _extras(table: pa.Table) -> pa.Schema:
    return pa.schema([field for field in table.schema if field.name not in DOCUMENT_FIELDS.names])


def _disk_bytes(raw: RawBlock) -> int:
    ratio = _COMPRESSION if raw.file.compression else 1
    return len(raw.payload) // ratio if isinstance(raw.payload, bytes) else 0


def written_digests(table: pa.Table) -> NDArray[Any]:
    """SHA-256 of the texts of a table of documents, with the credentials that they carried on them."""
    digests: NDArray[Any] = sha256_of_texts(*text_buffers(texts_as_written(table)))
    return digests


def _occurrence(name: str, lines: pa.ChunkedArray) -> NDArray[np.uint64]:
    """Tells copies of one text apart: where each stands, by file name and line."""
    salt = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    places: NDArray[np.uint64] = lines.to_numpy().astype(np.uint64) ^ np.uint64(salt)
    return places


def document_ids(table: pa.Table, name: str) -> pa.Array:
    """The user's id where there is one, else `file:line`."""
    ids = table.column("id")
    if ids.null_count == 0:
        return ids
    places = pc.binary_join_element_wise(name, table.column("line").cast(pa.string()), ":")
    return pc.coalesce(ids, places)


def _filled(column: pa.ChunkedArray, default: str | None) -> pa.ChunkedArray:
    return column if default is None else column.fill_null(default)


def _not_empty(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column with null for empty strings."""
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _hosts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of a URL its host, without `www.`; another value is taken for the domain itself. In lower case."""
    return pc.utf8_lower(pc.replace_substring_regex(column, _URL, r"\1"))


_URL = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@]*@)?(?:www\.)?([^/:?#]*).*$"


def _declared(table: pa.Table, group: Group, file: InputFile) -> dict[str, Any]:
    """Origins, dates and licences as the source declares them, per document or for all of it, or the file's label."""
    captured, not_understood = parse_dates(_filled(table.column("date"), group.date))
    captured, stand_ins = plausible(captured)
    basis = table.column("date_basis").to_numpy().astype(np.uint8)
    if group.date_basis is not None:
        basis = np.where(basis < group.date_basis, np.uint8(group.date_basis), basis)
    origin = file.origin or group.origin
    return {
        "origin": _mapped(table.column("origin"), origin, lambda label: int(declared_origin(label))),
        "captured_at": captured,
        "captured_basis": np.where(captured == NO_DATE, np.uint8(DateBasis.NONE), basis).astype(np.uint8),
        "licence": _licences(table.column("licence"), group.licence),
        "not_understood": int(not_understood) + stand_ins,
    }


def _mapped(column: pa.ChunkedArray, default: str | None, code: Any) -> NDArray[np.uint8]:
    encoded = _filled(column, default).combine_chunks().dictionary_encode()
    codes = np.array([code(label) for label in encoded.dictionary.to_pylist()] + [code(None)], np.uint8)
    indices = encoded.indices.fill_null(len(codes) - 1).to_numpy(zero_copy_only=False)
    mapped: NDArray[np.uint8] = codes[indices]
    return mapped


def _licences(column: pa.ChunkedArray, default: str | None) -> pa.Array:
    encoded = _filled(column, default).combine_chunks().dictionary_encode()
    names = pa.array([licence_expression(name) for name in encoded.dictionary.to_pylist()], pa.string())
    return names.take(encoded.indices)


_CONTEXT_BYTES = 80  # shown before and after a trace in reports


def _spans(hits: artefacts.Hits, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> pa.Table:
    """The traces found, with the text around them, so that a report need not read documents again."""
    starts, ends = offsets[hits.document], offsets[hits.document + 1]
    before = [
        data[max(low, low + at - _CONTEXT_BYTES) : low + at].tobytes().decode(errors="ignore")
        for low, at in zip(starts.tolist(), hits.start.tolist(), strict=True)
    ]
    after = [
        data[low + at : min(high, low + at + _CONTEXT_BYTES)].tobytes().decode(errors="ignore")
        for low, high, at in zip(starts.tolist(), ends.tolist(), hits.end.tolist(), strict=True)
    ]
    return pa.table(
        {
            "document": number_array(hits.document),
            "bit": number_array(hits.bit),
            "start": number_array(hits.start),
            "end": number_array(hits.end),
            "matched": pa.array([matched.decode(errors="replace") for matched in hits.matched], pa.string()),
            "before": pa.array(before, pa.string()),
            "after": pa.array(after, pa.string()),
        }
    )


def _words(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], order: NDArray[np.uint64], shift: int
) -> pa.Table:
    chosen = np.flatnonzero(drawn(order, shift))
    bounds, hashes = text.word_hashes(data, offsets, tables(), chosen)
    return pa.table(
        {
            "document": pa.array(chosen, pa.int64()),
            "priority": pa.array(order[chosen], pa.uint64()),
            "words": pa.LargeListArray.from_arrays(
                pa.array(bounds, pa.int64()), pa.array(hashes, pa.uint64())
            ),
        }
    )


def _fingerprints(data: NDArray[np.uint8], offsets: NDArray[np.int64], words: int) -> pa.Table:
    everything = np.arange(len(offsets) - 1)
    bounds, hashes = text.word_hashes(data, offsets, tables(), everything)
    from wellkeeper.kernels import fingerprints  # what few recipes need

    made = fingerprints.fingerprints_of(bounds, hashes, words=words)
    return pa.table({name: pa.array(column) for name, column in made._asdict().items()})


def bag_rows(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> pa.Table:
    """A bag of words of each document, in order."""
    from wellkeeper.kernels.bags import bags_of  # what few runs need

    everything = np.arange(len(offsets) - 1)
    bounds, buckets = bags_of(*text.word_hashes(data, offsets, tables(), everything))
    return pa.table({"words": pa.LargeListArray.from_arrays(pa.array(bounds), pa.array(buckets))})
