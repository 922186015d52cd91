"""The corpus as steps and measures see it: columns over the sidecars, and texts read again where needed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.core.decision import (
    ONE_SLICE,
    FingerprintRows,
    Indices,
    ShingleSets,
    Spread,
    Streams,
    Stretches,
    TypeRows,
    VectorRows,
)
from wellkeeper.core.evaluation import Evaluation
from wellkeeper.core.rights import is_open
from wellkeeper.core.signals import NO_DATE, QUALITY, band_name
from wellkeeper.engine.executor import Kind, run_tasks
from wellkeeper.engine.joins import Spill
from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.readers.base import BLOCK_BYTES, ColumnMap, InputFile, RawBlock
from wellkeeper.engine.readers.columns import text_buffers
from wellkeeper.engine.readers.select import RecordsAt, is_seekable, select_records
from wellkeeper.engine.scratch import noughts
from wellkeeper.engine.sidecar import SidecarBlock, Sidecars
from wellkeeper.errors import WorkError
from wellkeeper.kernels import text
from wellkeeper.ledger.rows import QUARANTINE
from wellkeeper.origin.evidence import (
    origin_of,
    reviewed_evidence,
    style_evidence,
    style_log10_by_slice,
    watermark_evidence,
)
from wellkeeper.recipe.textpass import EXCERPT_CHARS, Group, tables

if TYPE_CHECKING:
    from wellkeeper.filter.verified import Verdicts
    from wellkeeper.origin.anchors import AnchorPack
    from wellkeeper.recipe.keyed import KeyedMarks
    from wellkeeper.recipe.lineage import Lineage
    from wellkeeper.recipe.review_overlay import Reviewed


_RESOLVED = ("origin_resolved", "ai_log_odds", "strength", "conflict")  # from all evidence, besides its mask


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
        evaluation: Evaluation | None = None,
        sample_shift: int = 0,
        anchors: "AnchorPack | None" = None,
        trust: str | None = None,
        styled: bool = False,
        watermarks: "KeyedMarks | None" = None,
    ) -> None:
        self.files: tuple[tuple[Group, InputFile], ...] = tuple((g, f) for g in groups for f in g.files)
        self.folders = tuple(folders)
        self.sidecars = Sidecars(folders)
        self.block_bytes = block_bytes
        self._kind: Kind = kind
        self._workers = workers
        self.scratch = scratch
        self.evaluation = evaluation
        self.anchors = anchors
        self.trust = trust  # PEM certificates whose holders' credentials were trusted
        self.styled = styled  # whether the sidecars hold every document's style score
        self.watermarks = watermarks  # keys whose p-values they hold
        self.sample_shift = sample_shift  # one document in 2 ** sample_shift is drawn for the tail measures
        self.earlier: Mapping[str, Path] = {}  # folders of earlier sets by name, where parents may be found
        self.verdicts: Verdicts | None = None  # what verifiers said of the documents
        self.reviewed: Reviewed | None = None  # what people said of them, once `review` took it in
        self._lineage: Lineage | None = None
        self._derived: dict[str, NDArray[Any]] = {}
        self._codes: dict[str, tuple[NDArray[np.int32], tuple[str, ...]]] = {}

    def __getstate__(self) -> dict[str, Any]:
        """What another machine needs to read the same sidecars: nothing that is kept for speed."""
        return {**self.__dict__, "_derived": {}, "_codes": {}, "_lineage": None}

    @property
    def quarantined(self) -> int:
        """Records that could not be read."""
        return sum(int(block.facts["quarantined"]) for block in self.sidecars.blocks)

    @property
    def spread(self) -> Spread | None:
        if self._kind != "ray":
            return None
        from wellkeeper.engine.cluster import Machines

        return Machines(self._workers)

    def __len__(self) -> int:
        return len(self.sidecars)

    def column(self, name: str) -> NDArray[Any]:
        if name in ("source", "licence", "generator"):
            return self.codes(name)[0]
        if name == "group":
            return self.group_of()
        if name in _RESOLVED or (
            name == "evidence_mask"
            and (self.styled or self.watermarks is not None or self.reviewed is not None)
        ):
            self._resolve()
        elif name == "licence_rank" and name not in self._derived:
            codes, names = self.codes("licence")
            ranks = np.array([0 if is_open(licence) else 1 for licence in names] + [2], np.uint8)
            self._derived[name] = ranks[codes]
        elif name == "month" and name not in self._derived:
            self._derived[name] = month_of(self.column("captured_at"))
        elif name == "depth":
            return self.lineage.depth
        elif name == "reference" and name not in self._derived:
            self._derived[name] = self._per_file(lambda group: group.reference).astype(np.uint8)
        return self._derived[name] if name in self._derived else self.sidecars.column(name)

    def codes(self, name: str) -> tuple[NDArray[np.int32], tuple[str, ...]]:
        """Codes of a string column and the names they index; -1 for null."""
        if name not in self._codes:
            self._codes[name] = self.sidecars.codes(name)
        return self._codes[name]

    def stream(
        self, names: Sequence[str], documents: Indices | None = None
    ) -> Iterator[tuple[Indices, list[NDArray[Any]]]]:
        return self.sidecars.stream(names, documents)

    def source_names(self) -> Sequence[str]:
        return self.codes("source")[1]

    def references(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        if self.anchors is None or name not in self.anchors.slices:
            return None
        found = self.anchors.references(name)
        return found.human, np.zeros(0, np.float32) if found.ai is None else found.ai

    def slices(self) -> tuple[NDArray[np.int32], Sequence[str]]:
        """A document without the anchors' column lies in the slice that bears its source's name."""
        if self.anchors is None or self.anchors.slice_column is None:
            return np.zeros(len(self), np.int32), (ONE_SLICE,)
        codes, names = self.codes("slice")
        sources, source_names = self.codes("source")
        every = {name: code for code, name in enumerate(dict.fromkeys([*names, *source_names]))}
        of_source = np.array([every[name] for name in source_names], np.int32)
        return np.where(codes >= 0, codes, of_source[sources]), list(every)

    def style_log10(self) -> NDArray[np.float64] | None:
        """log10 likelihood ratio of every document's style, NaN where nothing calibrates it; None: none is scored."""
        if not self.styled:
            return None
        if "style_log10" not in self._derived:
            scores = self.column("style_score")
            self._derived["style_log10"] = style_log10_by_slice(scores, *self.slices(), self.references)
        return self._derived["style_log10"]

    def watermark_log10(self) -> NDArray[np.float64] | None:
        """log10 likelihood ratio of every document's watermark, 0 where none is found; None: no key was looked for."""
        if self.watermarks is None:
            return None
        if "watermark_log10" not in self._derived:
            from wellkeeper.recipe.keyed import keyed_log10  # what few runs need

            self._derived["watermark_log10"] = keyed_log10(self.sidecars.column("watermark_p"))
        return self._derived["watermark_log10"]

    def style_scores(self, documents: Indices) -> NDArray[np.float32]:
        """Style scores of some documents (ascending); read again and scored unless the sidecars hold them."""
        if self.styled:
            return np.asarray(self.column("style_score")[documents], np.float32)
        scores = np.full(len(documents), np.nan, np.float32)
        tasks = self.read_again(documents)
        for some, found in run_tasks(_style_of, tasks, kind=self._kind, workers=self._workers):
            scores[np.searchsorted(documents, some)] = found
        return scores

    def group_names(self) -> Sequence[str]:
        return list(dict.fromkeys(group.name for group, _ in self.files))

    def group_of(self) -> NDArray[np.int32]:
        """Group number of every document, in the order the groups were given."""
        names = self.group_names()
        return self._per_file(lambda group: names.index(group.name)).astype(np.int32)

    def file_of(self) -> NDArray[np.int32]:
        """File number of every document, as in `files`."""
        return np.repeat(
            np.array([block.file for block in self.sidecars.blocks], np.int32),
            [block.documents for block in self.sidecars.blocks],
        )

    @property
    def lineage(self) -> "Lineage":
        """Depths of the documents, and the parents that they name."""
        if self._lineage is None:
            from wellkeeper.recipe.lineage import lineage_of  # which reads ledgers of earlier sets

            self._lineage = lineage_of(self, self.earlier)
        return self._lineage

    def _per_file(self, value: Any) -> NDArray[Any]:
        values = np.array([value(group) for group, _ in self.files])
        return values[self.file_of()] if len(self) else np.zeros(0, np.int64)

    def _resolve(self) -> None:
        if "origin_resolved" in self._derived:
            return
        names = ("evidence_mask", "origin", "captured_at")
        columns = [self.sidecars.column(name) for name in names]
        style, watermark = self.style_log10(), self.watermark_log10()
        marked = self.sidecars.column("origin_marked")
        reviewed = None if self.reviewed is None else self.reviewed.origin
        origin, log_odds, strength, conflict = origin_of(
            *columns, marked=marked, style=style, watermark=watermark, reviewed=reviewed
        )
        found = columns[0] if reviewed is None else columns[0] | reviewed_evidence(reviewed)
        if style is not None:
            found = found | style_evidence(style)
        if watermark is not None:
            found = found | watermark_evidence(watermark)
        self._derived["evidence_mask"] = found
        self._derived |= {
            "origin_resolved": origin,
            "ai_log_odds": log_odds,
            "strength": strength,
            "conflict": conflict.astype(np.uint8),
        }

    def review(self, reviewed: "Reviewed") -> None:
        """Take in what people said: origins, what follows from them, and depths are theirs from now on."""
        self.reviewed, self._lineage = reviewed, None
        for name in (*_RESOLVED, "evidence_mask"):
            self._derived.pop(name, None)

    def strings(self, name: str, documents: Sequence[int]) -> list[str]:
        """Values of a string column of a few documents, null as ''."""
        found: dict[int, str] = {}
        for block, rows in self._by_block(np.unique(np.asarray(documents, np.int64))):
            column = pq.read_table(block.path, columns=[name], use_threads=False).column(0)
            for row in rows.tolist():
                found[block.first + row] = column[row].as_py() or ""
        return [found[int(document)] for document in documents]

    def texts(self, documents: Indices) -> list[str]:
        """The texts of a few documents, ascending, read again."""
        found: dict[int, str] = {}
        for read in self.read_again(documents):
            data, offsets = read.texts()
            for document, row in zip(read.documents.tolist(), read.rows.tolist(), strict=True):
                found[document] = data[offsets[row] : offsets[row + 1]].tobytes().decode()
        return [found[document] for document in documents.tolist()]

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
            if not is_seekable(file):
                yield from self._scanned(group, file, blocks)
                continue
            offsets, sizes = self.sidecars.column("offset"), self.sidecars.column("bytes")
            for block, rows in blocks:
                chosen = block.first + rows
                records = RecordsAt(offsets[chosen], sizes[chosen])
                raw = RawBlock(file=file, index=block.index, line=1, offset=0, payload=records)
                yield BlockRead(raw, group.columns, np.arange(len(rows)), chosen)

    def _scanned(
        self, group: Group, file: InputFile, blocks: Sequence[tuple[SidecarBlock, NDArray[np.int64]]]
    ) -> Iterator["BlockRead"]:
        wanted = {block.index: (block, rows) for block, rows in blocks}
        lines = self.sidecars.column("line")
        fields = frozenset(group.columns.named().values())
        for raw in reader_for(file).blocks(
            file, skip=min(wanted), block_bytes=self.block_bytes, fields=fields
        ):
            if raw.index in wanted:
                block, rows = wanted.pop(raw.index)
                chosen = block.first + rows
                few = select_records(raw, lines[chosen])
                yield BlockRead(few or raw, group.columns, np.arange(len(rows)) if few else rows, chosen)
            if not wanted:
                break

    def shingles(self, documents: Indices, order: Indices) -> ShingleSets:
        gathered = GatheredSets(self, documents, order)
        if self._kind == "threads":  # each lays down what it made, while others are at it
            tasks = self.read_again(documents)
            for _ in run_tasks(lambda read: gathered.add(*_shingles_of(read)), tasks, workers=self._workers):
                pass
        else:
            for some, bounds, hashes in self.sets(documents):
                gathered.add(some, bounds, hashes)
        return gathered.whole()

    def sets(self, documents: Indices) -> Iterator[tuple[Indices, NDArray[np.int64], NDArray[np.uint64]]]:
        """Shingle sets of the documents (ascending), some at a time: documents, bounds of their sets, hashes."""
        tasks = self.read_again(documents)
        yield from run_tasks(_shingles_of, tasks, kind=self._kind, workers=self._workers)

    def which_types(
        self, documents: Indices, types: NDArray[np.uint64]
    ) -> Iterator[tuple[Indices, NDArray[np.int64], NDArray[np.int32]]]:
        """Which of the types, hashes in ascending order, stand in the documents (ascending), some at a time.

        Yields documents, how many of the types each holds, and the places of these in `types`.
        """
        tasks = ((read, types) for read in self.read_again(documents))
        yield from run_tasks(_types_of, tasks, kind=self._kind, workers=self._workers)

    def fingerprints(self) -> FingerprintRows:
        from wellkeeper.kernels.fingerprints import gram_words  # what few recipes need

        facts = [block.facts["fingerprints"] for block in self.sidecars.blocks]
        if not all(facts):
            raise WorkError(
                "The sidecars hold no fingerprints of passages. Read the corpus with `fingerprint_words`, as a recipe "
                "with repeated-passages.v1 does."
            )
        words = max(int(fact["words"]) for fact in facts)
        return FingerprintRows(
            words=words,
            gram=gram_words(words),
            rows=sum(int(fact["rows"]) for fact in facts),
            batches=self._fingerprints(),
        )

    def _fingerprints(self) -> Iterator[tuple[Indices, NDArray[np.int64], NDArray[np.uint64]]]:
        for block, rows in self.sidecars.companions("fingerprints"):
            document, word, hashes = (rows.column(name).to_numpy() for name in ("document", "word", "hash"))
            yield document.astype(np.int64) + block.first, word.astype(np.int64), hashes

    def overlaps(self) -> Iterator[tuple[Indices, NDArray[np.int64], NDArray[np.int64]]]:
        for block, rows in self.sidecars.companions("overlaps"):
            document, gram, word = (
                rows.column(name).to_numpy().astype(np.int64) for name in ("document", "gram", "word")
            )
            yield document + block.first, gram, word

    def vectors(self) -> VectorRows:
        from wellkeeper.recipe.semantic import loaded_vectors  # what few recipes need

        return loaded_vectors(self.sidecars)

    def types(self) -> TypeRows:
        from wellkeeper.recipe.semantic import loaded_types

        return loaded_types(self.sidecars)

    def words_of(self, stretches: Stretches) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        bounds = np.zeros(len(stretches.document) + 1, np.int64)
        np.cumsum(stretches.last - stretches.first, out=bounds[1:])
        hashes = noughts(int(bounds[-1]), np.uint64, self.scratch)
        for first, found in self._run(_words_of, stretches):
            hashes[bounds[first] : bounds[first] + len(found)] = found
        return bounds, hashes

    def quotes(self, stretches: Stretches) -> "Quotes":
        """Where stretches (by ascending document) of one word or more lie in the text, and how they read."""
        start, end = np.zeros((2, len(stretches.document)), np.int64)
        texts = [""] * len(stretches.document)
        for first, starts, ends, quoted in self._run(_quotes_of, stretches):
            some = slice(first, first + len(starts))
            start[some], end[some], texts[some] = starts, ends, quoted
        return Quotes(start, end, texts)

    def _run(self, function: Callable[["StretchRead"], Any], stretches: Stretches) -> Iterator[Any]:
        """Results of a function over stretches of the texts, read again block by block."""
        tasks = self._stretch_reads(stretches)
        return run_tasks(function, tasks, kind=self._kind, workers=self._workers)

    def _stretch_reads(self, stretches: Stretches) -> Iterator["StretchRead"]:
        for read in self.read_again(np.unique(stretches.document)):
            bounds = (read.documents[0], read.documents[-1] + 1)
            low, high = np.searchsorted(stretches.document, bounds).tolist()
            yield StretchRead(read, low, Stretches(*(column[low:high] for column in stretches)))

    def preload(self, bands: int, *, statistics: bool) -> None:
        """Read in one go what nearly every run asks for."""
        always = (
            "line offset bytes chars words shingles sha256 priority evidence_mask "
            "origin origin_marked captured_at captured_basis"
        )
        names = [*always.split(), *(band_name(band) for band in range(bands))]
        if statistics:
            names += [signal.name for signal in QUALITY]
        if self.sidecars.room >= len(names):  # else most would be read for nothing
            self.sidecars.load(names)


class GatheredSets:
    """Shingle sets that come in any order, laid down in the one asked for; in a file where they are many.

    `order` is a permutation of positions in `documents`, which ascend.
    """

    def __init__(self, corpus: Streams, documents: Indices, order: Indices) -> None:
        # repeats counted: at least as many as a set has members
        counts = [columns[0] for _, columns in corpus.stream(["shingles"], documents)]
        room = np.concatenate(counts)[order] if counts else np.zeros(0, np.int64)
        ends = np.cumsum(room)
        self._documents = documents
        self._starts = np.empty(len(documents), np.int64)
        self._starts[order] = ends - room
        self._sizes = np.zeros(len(documents), np.int64)
        self._spill = Spill(int(ends[-1]) if len(ends) else 0, corpus.scratch)

    def add(self, some: Indices, bounds: NDArray[np.int64], hashes: NDArray[np.uint64]) -> None:
        """Take the sets of some documents, one behind the other; several threads may do so at once."""
        at = np.searchsorted(self._documents, some)
        self._sizes[at] = np.diff(bounds)
        self._spill.scatter(self._starts[at], bounds, hashes)

    def whole(self) -> ShingleSets:
        values, done = self._spill.read()
        return ShingleSets(starts=self._starts, sizes=self._sizes, hashes=values, done=done)


@dataclass(frozen=True, slots=True)
class BlockRead:
    raw: RawBlock
    columns: ColumnMap
    rows: NDArray[np.int64]  # rows of the parsed block, ascending
    documents: NDArray[np.int64]  # the documents they are

    def texts(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Bytes and offsets of the texts in the block.

        Raises:
            WorkError: it has fewer documents than when it was first read.
        """
        column = parse_block(self.raw, self.columns).table.column("text")
        if len(column) <= self.rows[-1]:
            raise WorkError(changed_file(self.raw.file.name))
        return text_buffers(column)


def _shingles_of(task: BlockRead) -> tuple[Indices, NDArray[np.int64], NDArray[np.uint64]]:
    data, offsets = task.texts()
    bounds, hashes = text.shingle_sets(data, offsets, tables(), task.rows)
    return task.documents, bounds, hashes


def _types_of(
    task: tuple[BlockRead, NDArray[np.uint64]],
) -> tuple[Indices, NDArray[np.int64], NDArray[np.int32]]:
    read, types = task
    data, offsets = read.texts()
    bounds, hashes = text.word_hashes(data, offsets, tables(), read.rows)
    place = np.searchsorted(types, hashes)
    place[place == len(types)] = 0
    known = types[place] == hashes
    document = np.repeat(np.arange(len(read.rows)), np.diff(bounds))[known]
    pairs = np.unique(document * len(types) + place[known])  # a word may stand in a document twice
    counts = np.bincount(pairs // len(types), minlength=len(read.rows))
    return read.documents, counts, (pairs % len(types)).astype(np.int32)


def _style_of(task: BlockRead) -> tuple[Indices, NDArray[np.float32]]:
    from wellkeeper.origin.style import load_model  # what few runs need

    data, offsets = task.texts()
    return task.documents, load_model().score(data, offsets, task.rows)


class Quotes(NamedTuple):
    """Bytes [start, end) of the text's UTF-8: a stretch from its first letter to that of the word behind it.

    With the separators behind a stretch it can be taken out, and what is left reads on. `text` is its words and what
    stands between them, at most `EXCERPT_CHARS` characters.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    text: list[str]


@dataclass(frozen=True, slots=True)
class StretchRead:
    """Stretches of the documents of one block; `first` is the number of the first stretch."""

    read: BlockRead
    first: int
    stretches: Stretches


def _words_of(task: StretchRead) -> tuple[int, NDArray[np.uint64]]:
    data, offsets = task.read.texts()
    bounds, hashes = text.word_hashes(data, offsets, tables(), task.read.rows)
    starts, ends = _words_in(task, bounds)
    pieces = [hashes[a:b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    return task.first, np.concatenate(pieces)


def _words_in(task: StretchRead, bounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the stretches start and end among the words of the documents read.

    Raises:
        WorkError: a document has fewer words than when it was first read.
    """
    document, first, last = task.stretches
    place = np.searchsorted(task.read.documents, document)
    ends = bounds[place] + last
    if np.any(ends > bounds[place + 1]):
        raise WorkError(changed_file(task.read.raw.file.name))
    return bounds[place] + first, ends


def changed_file(name: str) -> str:
    """What to say of a file whose texts are not those of the first pass."""
    return f"{name} has changed since its texts were first read in this run. Let it be, and run the same command again."


def _quotes_of(task: StretchRead) -> tuple[int, NDArray[np.int64], NDArray[np.int64], list[str]]:
    data, offsets = task.read.texts()
    bounds, _, firsts, lasts = text.word_places(data, offsets, tables(), task.read.rows)
    begin, stop = _words_in(task, bounds)
    place = np.searchsorted(task.read.documents, task.stretches.document)
    row = task.read.rows[place]
    size = offsets[row + 1] - offsets[row]
    behind = stop < bounds[place + 1]
    end = np.where(behind, firsts[np.minimum(stop, len(firsts) - 1)], size)
    quoted = [
        data[low + a : low + min(b, a + 4 * EXCERPT_CHARS)].tobytes().decode(errors="ignore")[:EXCERPT_CHARS]
        for low, a, b in zip(
            offsets[row].tolist(), firsts[begin].tolist(), lasts[stop - 1].tolist(), strict=True
        )
    ]
    return task.first, firsts[begin], end, quoted


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
