"""Documents of a ledger as a reader sees them: their texts, what is told of them afterwards, and marks of evidence.

Texts of kept documents lie in `data`, those of all others in `rejected`, each in the order of the ledger's rows. They
are read a batch at a time and laid aside in an unnamed file, since a queue has them in another order.
"""

import json
import tempfile
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision
from wellkeeper.core.evidence import BY_NAME
from wellkeeper.engine.scratch import IN_MEMORY_BYTES
from wellkeeper.errors import InputError
from wellkeeper.ledger.folder import open_part_tables, part_paths, table_paths
from wellkeeper.ledger.leaves import batches_of
from wellkeeper.ledger.manifest import MANIFEST, read_manifest
from wellkeeper.ledger.rows import EVIDENCE
from wellkeeper.ledger.why import FORGOTTEN
from wellkeeper.origin.evidence import probability
from wellkeeper.review.item import Mark, Place

Rows = NDArray[np.int64]

_BATCH_ROWS = 1024  # texts that are held at once, some 4 MB
_CHUNK = 512  # groups of documents whose records are held at once
_TOLD = (
    "row", "id", "content_hash", "source", "captured_at", "captured_basis", "origin", "origin_declared",
    "origin_log_odds", "evidence_mask", "licence", "generator", "decision", "step", "reason", "score", "survivor",
    "weight", "words", "cut_words",
)  # fmt: skip
_CHANCE = "chance"  # beside them: of a model, in [0, 1], by the log10 odds
_OF_EVIDENCE = ("row", "kind", "weight", "start", "end", "matched")


class LedgerTexts:
    """The ledger of an output folder, and the texts that lie beside it."""

    def __init__(self, folder: Path) -> None:
        """Read what queues need of each row.

        Raises:
            InputError: the folder holds no ledger, it cannot be read, or the texts are not those of its rows.
        """
        self.folder = folder
        try:
            self.table = open_part_tables(folder, "documents").to_table(columns=list(_TOLD)).combine_chunks()
            found = {name: _rows_in(table_paths(folder, name)) for name in ("data", "rejected")}
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(folder, error) from error
        self.decision, self.step = self.words("decision"), self.words("step")
        kept = self.decision == Decision.KEEP.label
        buried = self.step == FORGOTTEN
        self._rows = {"data": np.flatnonzero(kept), "rejected": np.flatnonzero(~kept & ~buried)}
        self.lost = 0  # documents whose texts were not kept
        if not table_paths(folder, "rejected"):
            self.lost = self._rows["rejected"].size
            self._rows["rejected"] = np.zeros(0, np.int64)
        for name, rows in self._rows.items():
            if found[name] != rows.size:
                raise InputError(
                    f"{folder / name} has {found[name]:,} texts, and the ledger tells of {rows.size:,}. See what was "
                    f"changed: wellkeeper verify {folder}; then run the recipe again."
                )
        self.at_hand = np.sort(np.concatenate(list(self._rows.values())))  # rows whose text is there

    @property
    def but_for(self) -> str:
        """What is not at hand, to end a sentence on all documents; empty: all texts are."""
        return f", but for {self.lost:,} whose texts were not kept" if self.lost else ""

    def words(self, name: str) -> NDArray[np.object_]:
        """A column of labels or texts, shape (documents,); the empty text for null."""
        column: Any = self.table.column(name).combine_chunks()
        coded = column if isinstance(column, pa.DictionaryArray) else pc.dictionary_encode(column)
        known = np.array([*coded.dictionary.to_pylist(), ""], object)  # the last for null
        places: NDArray[np.int64] = np.asarray(pc.fill_null(coded.indices, -1)).astype(np.int64)
        return np.asarray(known[places], object)

    def numbers(self, name: str) -> NDArray[Any]:
        """A column of numbers, shape (documents,); NaN for null."""
        column: Any = self.table.column(name)
        values: NDArray[Any] = column.to_numpy()
        return values

    def ids(self, rows: Rows) -> list[str]:
        """The documents' ids."""
        column: Any = self.table.column("id")
        names: list[str] = column.take(pa.array(rows)).to_pylist()
        return names

    def _records(self, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
        """What the ledger has of some documents, by row."""
        some: Any = self.table.take(pa.array(rows, pa.int64()))
        chances = probability(some.column("origin_log_odds").to_numpy())
        some = some.append_column(_CHANCE, pa.array(chances))
        return dict(zip(rows, some.to_pylist(), strict=True))

    def texts(self, rows: Iterable[int], columns: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
        """Row and text of documents, in the order in which they lie in files; with the columns that their files have.

        Raises:
            InputError: a file cannot be read, or has other documents than the ledger.
        """
        wanted = np.unique(np.fromiter(rows, np.int64))
        try:
            for name, places in self._rows.items():
                chosen = np.flatnonzero(np.isin(places, wanted))
                for place, told in _texts_at(table_paths(self.folder, name), chosen, columns):
                    row = int(places[place])
                    expected = self.table.column("id")[row].as_py()
                    if told["id"] != expected:
                        raise InputError(
                            f"{self.folder / name} has {told['id']} where the ledger has {expected}. See what was "
                            f"changed: wellkeeper verify {self.folder}; then run the recipe again."
                        )
                    yield row, told
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.folder, error) from error

    def evidence(self, rows: Iterable[int]) -> "Pieces":
        """Evidence on some documents.

        Raises:
            InputError: it cannot be read.
        """
        wanted = np.unique(np.fromiter(rows, np.uint64))
        try:
            some = [
                batch.filter(pa.array(np.isin(np.asarray(batch.column("row")), wanted)))
                for batch in batches_of(part_paths(self.folder, "evidence"), list(_OF_EVIDENCE))
            ]
        except (pa.ArrowException, OSError) as error:
            raise _unreadable(self.folder, error) from error
        return Pieces(pa.Table.from_batches(some) if some else EVIDENCE.empty_table().select(_OF_EVIDENCE))

    def read(
        self, groups: Sequence[tuple[int, ...]], columns: Sequence[str] = ()
    ) -> Iterator[tuple["Document", ...]]:
        """Documents of rows, one by one or two together, in any order; texts are read first and laid aside.

        `columns`: of the user's, which come with a document where its file has them.

        Raises:
            InputError: a file cannot be read, or has other documents than the ledger.
        """
        wanted = np.unique(np.fromiter(chain.from_iterable(groups), np.int64)).tolist()
        pieces = self.evidence(wanted)
        with Aside() as texts:
            for row, told in self.texts(wanted, columns):
                texts.put((row, "text"), told["text"])
                if columns:
                    extras = {name: told[name] for name in columns if told.get(name) is not None}
                    texts.put((row, "extras"), json.dumps(extras, default=str))
            for first in range(0, len(groups), _CHUNK):
                some = groups[first : first + _CHUNK]
                records = self._records(sorted(set(chain.from_iterable(some))))
                for group in some:
                    yield tuple(
                        Document(
                            record=records[row],
                            text=texts.take((row, "text")),
                            seen=pieces.of(row),
                            extras=json.loads(texts.take((row, "extras"))) if columns else {},
                        )
                        for row in group
                    )


class Pieces:
    """Pieces of evidence on documents, found by the document's row."""

    def __init__(self, table: pa.Table) -> None:
        """`table`: by ascending row, as the ledger has them."""
        self.table = table.combine_chunks()
        self._rows = np.asarray(self.table.column("row")).astype(np.int64)

    def of(self, row: int) -> list[dict[str, Any]]:
        """Those on one document."""
        low, high = np.searchsorted(self._rows, [row, row + 1]).tolist()
        pieces: list[dict[str, Any]] = self.table.slice(low, high - low).to_pylist() if low < high else []
        return pieces


def step_options(folder: Path, step: str) -> Mapping[str, Any] | None:
    """What the recipe of a folder says of a step; None: nothing, or there is no manifest.

    Raises:
        InputError: the manifest cannot be read.
    """
    if not (folder / MANIFEST).is_file():
        return None
    steps = read_manifest(folder)["recipe"].get("steps") or []
    return next((one[step] or {} for one in steps if isinstance(one, Mapping) and step in one), None)


def _rows_in(paths: Sequence[Path]) -> int:
    return sum(pq.read_metadata(path).num_rows for path in paths)


def _texts_at(
    paths: Sequence[Path], places: Rows, columns: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Place and record of texts at ascending places of a table in parts; only row groups that hold some are read."""
    start = 0
    for path in paths:
        with pq.ParquetFile(path) as file:
            held = [name for name in ("id", "text", *columns) if name in file.schema_arrow.names]
            for group in range(file.num_row_groups):
                end = start + file.metadata.row_group(group).num_rows
                if np.searchsorted(places, start) == np.searchsorted(places, end):
                    start = end
                    continue
                for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=held):
                    low, high = np.searchsorted(places, [start, start + batch.num_rows]).tolist()
                    some = batch.take(pa.array(places[low:high] - start)).to_pylist()
                    yield from zip(places[low:high].tolist(), some, strict=True)
                    start += batch.num_rows


def _unreadable(folder: Path, error: Exception) -> InputError:
    return InputError(f"{folder} cannot be read: {error}. Restore its files, or run the recipe again.")


# --- texts in another order -----------------------------------------------------------------------


class Aside:
    """Texts that are laid aside under a name and taken up in any order: in memory while few, else in a file.

    The file has no name, so that nothing is left of it after a kill.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """`folder`: where the file lies; None: where temporary files go."""
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            IN_MEMORY_BYTES, dir=None if folder is None else str(folder)
        )
        self._places: dict[Hashable, tuple[int, int]] = {}
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def put(self, name: Hashable, text: str) -> None:
        """Lay a text aside."""
        data = text.encode("utf-8", "surrogatepass")
        self._file.seek(self._end)
        self._file.write(data)
        self._places[name] = (self._end, len(data))
        self._end += len(data)

    def take(self, name: Hashable) -> str:
        """The text that was laid aside under a name.

        Raises:
            KeyError: there is none.
        """
        start, size = self._places[name]
        self._file.seek(start)
        return self._file.read(size).decode("utf-8", "surrogatepass")


# --- what is told afterwards ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document of a ledger, with its text."""

    record: Mapping[str, Any]  # its row
    text: str
    seen: Sequence[Mapping[str, Any]]  # pieces of evidence on it
    extras: Mapping[str, Any]  # columns of the user's

    @property
    def place(self) -> Place:
        """Where it stands in the ledger."""
        return Place(
            row=self.record["row"], id=self.record["id"], content_hash=self.record["content_hash"].hex()
        )

    @property
    def facts(self) -> dict[str, str]:
        """What the ledger knows of it, in words, what teaches a reader most first; what is not known is left out."""
        record = self.record
        captured, score, cut = record["captured_at"], record["score"], record["cut_words"]
        said = {
            "chance of a model": f"{_whole_percent(record[_CHANCE])} by the evidence",
            "decision": record["decision"],
            "reason": record["reason"] or "",
            "evidence": "; ".join(dict.fromkeys(_title(piece) for piece in self.seen)),
            "origin by evidence": record["origin"],
            "declared origin": record["origin_declared"],
            "log10 odds of a model": f"{record['origin_log_odds']:+.1f}",
            "step": record["step"] or "",
            "score": "" if score is None else f"{score:.3g}",
            "id": record["id"],
            "source": record["source"],
            "date": "" if captured is None else f"{captured:%Y-%m-%d} ({record['captured_basis']})",
            "licence": record["licence"] or "",
            "generator": record["generator"] or "",
            "cut": "" if cut is None else f"{cut:,} words were cut from the text",
        }
        return {name: value for name, value in said.items() if value}

    def marks(self, *, number: int = 0) -> tuple[Mark, ...]:
        """Where evidence was seen; `number`: of the text in its item."""
        return marks_of(self.text, self.seen, number=number)


def _whole_percent(chance: float) -> str:
    """A chance as far as evidence tells it: `8%`, and never that it is certain."""
    return "under 1%" if chance < 0.01 else "over 99%" if chance > 0.99 else f"{chance:.0%}"


def _title(piece: Mapping[str, Any]) -> str:
    return BY_NAME[piece["kind"]].title if piece["kind"] in BY_NAME else str(piece["kind"])


def marks_of(text: str, pieces: Sequence[Mapping[str, Any]], *, number: int = 0) -> tuple[Mark, ...]:
    """Where evidence was seen in a text that is shown, in characters; `number`: of the text in its item.

    Evidence names bytes of the text that was read. Words may have been cut from it since: a stretch that no longer
    reads as it did is marked where it reads so once, and not at all elsewhere.
    """
    placed = [piece for piece in pieces if piece["start"] is not None and piece["end"] is not None]
    if not placed:
        return ()
    found = []
    data = text.encode("utf-8", "surrogatepass")
    before = None if text.isascii() else np.cumsum(np.frombuffer(data, np.uint8) & 0xC0 != 0x80)
    for piece in placed:
        start, end, matched = piece["start"], piece["end"], piece["matched"]
        if matched and not data[start:end].startswith(matched.encode()):
            if data.count(matched.encode()) != 1:
                continue
            start, end = data.index(matched.encode()), data.index(matched.encode()) + end - start
        if not 0 <= start < end <= len(data):
            continue
        if before is not None:
            start, end = (int(before[place - 1]) if place else 0 for place in (start, end))
        found.append(Mark(text=number, start=start, end=end, says=_title(piece)))
    return tuple(sorted(found, key=lambda mark: (mark.start, mark.end)))
