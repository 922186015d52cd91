"""The corpus as steps and measures see it: columns over the sidecars, and texts read again where needed."""

import mmap
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices, ShingleSets
from wellkeeper.core.rights import is_open
from wellkeeper.core.signals import NO_DATE, QUALITY, band_name
from wellkeeper.engine.executor import Kind, run_tasks
from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, RawBlock
from wellkeeper.engine.readers.select import seekable_lines, select_records
from wellkeeper.engine.sidecar import SidecarBlock, Sidecars
from wellkeeper.kernels import text
from wellkeeper.ledger.rows import QUARANTINE
from wellkeeper.origin.evidence import origin_of
from wellkeeper.recipe.textpass import Group, tables, text_buffers


class LoadedCorpus:
    """Implements `wellkeeper.core.decision.Corpus` over sidecars; documents are numbered in manifest order."""

    def __init__(
        self,
        groups: Sequence[Group],
        folders: Sequence[Path],
        *,
        kind: Kind = "threads",
        workers: int | None = None,
        scratch: Path | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        self.files: tuple[tuple[Group, InputFile], ...] = tuple((g, f) for g in groups for f in g.files)
        self.sidecars = Sidecars(folders)
        self._block_bytes = block_bytes
        self._kind: Kind = kind
        self._workers = workers
        self._scratch = scratch
        self._derived: dict[str, NDArray[Any]] = {}
        self._codes: dict[str, tuple[NDArray[np.int32], tuple[str, ...]]] = {}

    def __len__(self) -> int:
        return len(self.sidecars)

    def column(self, name: str) -> NDArray[Any]:
        if name in ("source", "licence", "generator"):
            return self.codes(name)[0]
        if name in ("origin_resolved", "ai_log_odds", "strength", "conflict"):
            self._resolve()
        elif name == "licence_rank" and name not in self._derived:
            codes, names = self.codes("licence")
            ranks = np.array([0 if is_open(licence) else 1 for licence in names] + [2], np.uint8)
            self._derived[name] = ranks[codes]
        elif name == "month" and name not in self._derived:
            self._derived[name] = month_of(self.column("captured_at"))
        elif name == "reference" and name not in self._derived:
            self._derived[name] = self._per_file(lambda group: group.reference).astype(np.uint8)
        return self._derived[name] if name in self._derived else self.sidecars.column(name)

    def codes(self, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Codes of a string column and the names they index; -1 for null."""
        if name not in self._codes:
            self._codes[name] = self.sidecars.codes(name)
        return self._codes[name]

    def source_names(self) -> Sequence[str]:
        return self.codes("source")[1]

    def group_of(self) -> NDArray[np.int32]:
        """Group number of every document, in the order the groups were given."""
        names = list(dict.fromkeys(group.name for group, _ in self.files))
        return self._per_file(lambda group: names.index(group.name)).astype(np.int32)

    def file_of(self) -> NDArray[np.int32]:
        """File number of every document, as in `files`."""
        return np.repeat(
            np.array([block.file for block in self.sidecars.blocks], np.int32),
            [block.documents for block in self.sidecars.blocks],
        )

    def _per_file(self, value: Any) -> NDArray[Any]:
        values = np.array([value(group) for group, _ in self.files])
        return values[self.file_of()] if len(self) else np.zeros(0, np.int64)

    def _resolve(self) -> None:
        if "origin_resolved" in self._derived:
            return
        names = ("evidence_mask", "origin", "captured_at")
        origin, log_odds, strength, conflict = origin_of(*(self.sidecars.column(name) for name in names))
        self._derived |= {
            "origin_resolved": origin,
            "ai_log_odds": log_odds,
            "strength": strength,
            "conflict": conflict.astype(np.uint8),
        }

    def strings(self, name: str, documents: Sequence[int]) -> list[str]:
        """Values of a string column of a few documents, null as ''."""
        found: dict[int, str] = {}
        for block, rows in self._by_block(np.unique(np.asarray(documents, np.int64))):
            column = pq.read_table(block.path, columns=[name], use_threads=False).column(0)
            for row in rows.tolist():
                found[block.first + row] = column[row].as_py() or ""
        return [found[int(document)] for document in documents]

    def _by_block(self, documents: Indices) -> Iterator[tuple[SidecarBlock, NDArray[np.int64]]]:
        """Blocks that hold some of the documents (ascending), and which of their rows."""
        for block in self.sidecars.blocks:
            low, high = np.searchsorted(documents, [block.first, block.first + block.documents])
            if low < high:
                yield block, documents[low:high] - block.first

    def read_again(self, documents: Indices) -> Iterator["BlockRead"]:
        """The raw blocks that hold the documents, cut down to their records where the format allows it."""
        wanted: dict[int, list[tuple[SidecarBlock, NDArray[np.int64]]]] = {}
        for block, rows in self._by_block(documents):
            wanted.setdefault(block.file, []).append((block, rows))
        for number, blocks in wanted.items():
            group, file = self.files[number]
            by_line = seekable_lines(file)
            if by_line is None:
                yield from self._scanned(group, file, blocks)
                continue
            offsets = self.sidecars.column("offset")
            with by_line(file) as lines:
                for block, rows in blocks:
                    chosen = block.first + rows
                    raw = lines.block(block.index, offsets[chosen])
                    yield BlockRead(raw, group.columns, np.arange(len(rows)), chosen)

    def _scanned(
        self, group: Group, file: InputFile, blocks: Sequence[tuple[SidecarBlock, NDArray[np.int64]]]
    ) -> Iterator["BlockRead"]:
        wanted = {block.index: (block, rows) for block, rows in blocks}
        lines = self.sidecars.column("line")
        for raw in reader_for(file).blocks(file, skip=min(wanted), block_bytes=self._block_bytes):
            if raw.index in wanted:
                block, rows = wanted.pop(raw.index)
                chosen = block.first + rows
                few = select_records(raw, lines[chosen])
                yield BlockRead(few or raw, group.columns, np.arange(len(rows)) if few else rows, chosen)
            if not wanted:
                break

    def shingles(self, documents: Indices, order: Indices) -> ShingleSets:
        # repeats counted: at least as many as a set has members
        room = self.column("shingles")[documents[order]]
        bounds = np.zeros(len(documents) + 1, np.int64)
        np.cumsum(room, out=bounds[1:])
        starts = np.empty(len(documents), np.int64)
        starts[order] = bounds[:-1]
        sizes = np.zeros(len(documents), np.int64)
        spill = _Spill(int(bounds[-1]), self._scratch)
        for read, edges, values in run_tasks(
            _shingles_of, self.read_again(documents), kind=self._kind, workers=self._workers
        ):
            for k, at in enumerate(np.searchsorted(documents, read.documents).tolist()):
                sizes[at] = edges[k + 1] - edges[k]
                spill.write(int(starts[at]), values[edges[k] : edges[k + 1]])
        hashes, done = spill.read()
        return ShingleSets(starts=starts, sizes=sizes, hashes=hashes, done=done)

    def preload(self, bands: int, *, statistics: bool) -> None:
        """Read in one go what nearly every run asks for."""
        always = (
            "line offset bytes chars words shingles sha256 priority evidence_mask "
            "origin captured_at captured_basis"
        )
        names = [*always.split(), *(band_name(band) for band in range(bands))]
        if statistics:
            names += [signal.name for signal in QUALITY]
        self.sidecars.load(names)


class _Spill:
    """Hashes written once and read once: in memory while few, else in an unnamed file that goes with the process."""

    def __init__(self, count: int, folder: Path | None) -> None:
        self._count = count
        self._file = None if count < _SPILL_HASHES else tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._memory = np.empty(0 if self._file else count, np.uint64)

    def write(self, at: int, values: NDArray[np.uint64]) -> None:
        if self._file is None:
            self._memory[at : at + len(values)] = values
        else:
            self._file.seek(8 * at)
            self._file.write(values.data)

    def read(self) -> tuple[NDArray[np.uint64], Callable[[int, int], None]]:
        """The hashes, and how to let go of a stretch of them."""
        if self._file is None:
            return self._memory, lambda _start, _end: None
        self._file.truncate(8 * self._count)
        self._file.flush()
        view = mmap.mmap(self._file.fileno(), 8 * self._count, access=mmap.ACCESS_COPY)

        def done(start: int, end: int) -> None:
            low, high = 8 * start // mmap.PAGESIZE, 8 * end // mmap.PAGESIZE
            if high > low and hasattr(view, "madvise"):
                view.madvise(mmap.MADV_DONTNEED, low * mmap.PAGESIZE, (high - low) * mmap.PAGESIZE)

        return np.frombuffer(view, np.uint64), done


_SPILL_HASHES = 1 << 22


@dataclass(frozen=True, slots=True)
class BlockRead:
    raw: RawBlock
    columns: ColumnMap
    rows: NDArray[np.int64]  # rows of the parsed block
    documents: NDArray[np.int64]  # the documents they are


def _shingles_of(task: BlockRead) -> tuple[BlockRead, NDArray[np.int64], NDArray[np.uint64]]:
    data, offsets = text_buffers(parse_block(task.raw, task.columns).table.column("text"))
    bounds, hashes = text.shingle_sets(data, offsets, tables(), task.rows)
    return replace(task, raw=replace(task.raw, payload=b"")), bounds, hashes


def month_of(seconds: NDArray[np.int64]) -> NDArray[np.int32]:
    """Months since January 1970 of seconds since 1970-01-01 UTC; -1 for NO_DATE and for earlier times.

    >>> month_of(np.array([0, 31 * 86400, NO_DATE]))
    array([ 0,  1, -1], dtype=int32)
    """
    known = seconds != NO_DATE
    safe = np.where(known, seconds, 0).astype("datetime64[s]").astype("datetime64[M]").astype(np.int64)
    return np.where(known & (safe >= 0), safe, -1).astype(np.int32)


def month_label(month: int) -> str:
    """`2024-07` for months since January 1970; `undated` for -1."""
    return "undated" if month < 0 else f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"


def facts_by_file(corpus: LoadedCorpus) -> dict[str, Mapping[str, int]]:
    """Documents and quarantined records of each file, by its name."""
    tally: dict[str, dict[str, int]] = {f.name: {"documents": 0, "quarantined": 0} for _, f in corpus.files}
    for block in corpus.sidecars.blocks:
        counts = tally[corpus.files[block.file][1].name]
        counts["documents"] += block.documents
        counts["quarantined"] += int(block.facts["quarantined"])
    return {name: dict(counts) for name, counts in tally.items()}


def quarantine_table(corpus: LoadedCorpus) -> pa.Table:
    """All quarantined records, in manifest order."""
    tables_ = [table for _, table in corpus.sidecars.companions("quarantine")]
    return pa.concat_tables(tables_) if tables_ else QUARANTINE.empty_table()
