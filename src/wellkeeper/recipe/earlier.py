"""Earlier sets, and what a new corpus repeats of them (`against`).

Every audit and curation leaves in its work folder a record of the corpus it read: which sidecars, in which order.
That makes the folder an index: a later run compares with its sketches and reads none of its texts, but for the few
documents that could be near duplicates. A curated set counts with what it kept, and its texts are read from its own
`data/`, so that the inputs it was made from may be gone.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision, Indices, ShingleSets
from wellkeeper.engine.readers import parse_block
from wellkeeper.engine.readers.base import ColumnMap, InputFile
from wellkeeper.engine.readers.columns import text_buffers, valid_rows
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import InputError, RecipeError
from wellkeeper.filter.duplicates import Banding
from wellkeeper.filter.earlier import Repeats, like_earlier, same_as_earlier
from wellkeeper.kernels import text
from wellkeeper.ledger.folder import open_part_tables
from wellkeeper.ledger.manifest import MANIFEST, read_manifest
from wellkeeper.recipe.corpus import GatheredSets, LoadedCorpus
from wellkeeper.recipe.decide import Decisions, leave_out
from wellkeeper.recipe.textpass import Group, tables, written_digests
from wellkeeper.recipe.writepass import MANIFESTS

AGAINST = "against"
"""Name under which the ledger records what earlier sets have already."""
REASON = "in-earlier-set"
INDEX, SET = "corpus.json", "set.json"
SCHEMA = "wellkeeper.index/1"
_MAGIC, _LENGTH = (
    b"PAR1",
    4,
)  # a Parquet file ends with the length of its footer, in bytes, and with its magic


def remember(
    place: Path, corpus: LoadedCorpus, *, banding: Banding, similarity: float, manifest: str | None = None
) -> None:
    """Write the record of a corpus; `manifest` is the digest of the curated set that was made of it."""
    content = {
        "schema": SCHEMA,
        "text_pass": text.VERSION,
        "similarity": similarity,
        "banding": asdict(banding),
        "block_bytes": corpus.block_bytes,
        "documents": len(corpus),
        "manifest": manifest,
        "files": [
            {
                "columns": group.columns.named(),
                "file": asdict(file),
                "sidecars": _relative(folder, place.parent),
            }
            for (group, file), folder in zip(corpus.files, corpus.folders, strict=True)
        ],
    }
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, json.dumps(content).encode())


def _relative(path: Path, folder: Path) -> str:
    """The path from the folder if it lies below, so that both can be moved together."""
    whole, start = path.resolve(), folder.resolve()
    return str(whole.relative_to(start) if whole.is_relative_to(start) else whole)


class EarlierSet:
    """The documents of an earlier corpus that count, numbered as they were read; those that do not are passed over."""

    def __init__(
        self,
        name: str,
        corpus: LoadedCorpus,
        *,
        kept: NDArray[np.bool_] | None = None,
        cut: NDArray[np.bool_] | None = None,
        data: Path | None = None,
        manifest: str | None = None,
    ) -> None:
        """`kept` and `cut`, shape (documents,): what is in the set, and what of it without a part of its text.

        `name` is what messages call it, a path; `manifest` is the digest in the manifest of a curated set.
        """
        self.name = name
        self._manifest = manifest
        self.kept = np.ones(len(corpus), np.bool_) if kept is None else kept
        self._cut = np.zeros(len(corpus), np.bool_) if cut is None else cut
        self._corpus = corpus
        self._data = data

    def __len__(self) -> int:
        return len(self._corpus)

    def stream(
        self, names: Sequence[str], documents: Indices | None = None
    ) -> Iterator[tuple[Indices, list[NDArray[Any]]]]:
        for some, columns in self._corpus.stream(names, documents):
            if documents is not None:
                yield some, columns
            else:
                kept = self.kept[some]
                yield some[kept], [column[kept] for column in columns]

    def digest(self) -> str:
        """What the set is, wherever it lies: 64 hexadecimal digits.

        Of a curated set the digest in its manifest; of an index SHA-256 over the version of the text pass and the
        SHA-256 of each text, in order.
        """
        if self._manifest is not None:
            return self._manifest
        state = hashlib.sha256(text.VERSION.encode())
        for _, (digests,) in self.stream(["sha256"]):
            state.update(np.ascontiguousarray(digests).tobytes())
        return state.hexdigest()

    def ids(self, documents: Indices) -> list[str]:
        return self._corpus.strings("id", documents.tolist())

    def sets(self, documents: Indices) -> Iterator[tuple[Indices, NDArray[np.int64], NDArray[np.uint64]]]:
        """Shingle sets of some documents (ascending), from their texts.

        Raises:
            InputError: a text is gone, or is no longer what it was.
        """
        if not len(documents):
            return
        for some, table in (
            self._from_data(documents) if self._data is not None else self._from_inputs(documents)
        ):
            data, offsets = text_buffers(table.column("text"))
            (digests,) = (columns[0] for _, columns in self._corpus.stream(["sha256"], some))
            if not np.all((written_digests(table) == digests) | self._cut[some] | _detached(table)):
                raise InputError(
                    f"against: texts of {self.name} are no longer those that were read for it. Put its files back as "
                    "they were, or run again what made it."
                )
            bounds, hashes = text.shingle_sets(data, offsets, tables(), np.arange(len(some)))
            yield some, bounds, hashes

    def _from_inputs(self, documents: Indices) -> Iterator[tuple[Indices, Any]]:
        try:
            for read in self._corpus.read_again(documents):
                table = parse_block(read.raw, read.columns).table
                yield read.documents, table.take(pa.array(read.rows[read.rows < len(table)]))
        except (InputError, OSError) as error:
            raise InputError(
                f"against: {self.name} is an index, and {len(documents):,} of its documents must be compared, whose "
                f"texts cannot be read again: {error} Put the files back, or give a curated set, which has its texts."
            ) from error

    def _from_data(self, documents: Indices) -> Iterator[tuple[Indices, Any]]:
        """From the set's own data, which holds what was kept in the order in which it was read."""
        assert self._data is not None
        places = np.cumsum(self.kept)[documents] - 1
        first = 0
        for path in sorted(self._data.glob("part-*.parquet")):
            with _told_where(self.name), pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    last = first + file.metadata.row_group(group).num_rows
                    low, high = np.searchsorted(places, (first, last))
                    if low < high:
                        columns = [name for name in ("text", MANIFESTS) if name in file.schema_arrow.names]
                        table = file.read_row_group(group, columns=columns)
                        yield documents[low:high], table.take(pa.array(places[low:high] - first))
                    first = last
        if first != np.count_nonzero(self.kept):
            raise InputError(
                f"against: {self.name} holds {first:,} documents in data/ and {np.count_nonzero(self.kept):,} in its "
                "ledger. Run the recipe that made it again."
            )


def _detached(table: pa.Table) -> NDArray[np.bool_]:
    """Texts that stand in a set's data without the credential that their SHA-256 was made with."""
    if MANIFESTS not in table.column_names:
        return np.zeros(len(table), np.bool_)
    return valid_rows(table.column(MANIFESTS).combine_chunks())


def open_earlier(name: str, located: str | Path, *, near: tuple[float, Banding] | None) -> EarlierSet:
    """An earlier set or index by its folder; `near` is what near duplicates are found by, None: they are not.

    Raises:
        RecipeError: the folder is neither, is unfinished, or its sketches cannot be compared with ours.
        InputError: its ledger is gone or damaged.
    """
    folder = Path(located)
    if (folder / "ledger").is_dir() or (folder / MANIFEST).is_file():
        with _told_where(name):
            return _curated(name, folder, near)
    for place in (folder / ".work" / INDEX, folder / INDEX):
        if place.is_file():
            corpus = _corpus(name, place, _read(name, place), near)
            return EarlierSet(name, corpus)
    found = "holds neither a curated set nor an index" if folder.is_dir() else "does not exist"
    raise RecipeError(
        f"against: {name} {found}. Give the output folder of `wellkeeper curate`, or the work folder that an audit or "
        "a curation left (its --work, else .work in its output folder)."
    )


def _curated(name: str, folder: Path, near: tuple[float, Banding] | None) -> EarlierSet:
    if not (folder / MANIFEST).is_file():
        raise RecipeError(f"against: {name} is not finished, it has no {MANIFEST}. Run its recipe again.")
    place = folder / ".work" / SET
    stored = _read(name, place) if place.is_file() else None
    if stored is None or stored["manifest"] != read_manifest(folder)["digest"]:
        raise RecipeError(
            f"against: {name} is a curated set without the sidecars it was made from (.work). Run its recipe again, "
            "with this version and into that folder; its texts are then read once."
        )
    corpus = _corpus(name, place, stored, near)
    ledger = open_part_tables(folder, "documents")
    if (rows := ledger.count_rows()) != len(corpus):
        raise InputError(
            f"against: {name} has {rows:,} documents in its ledger and was made from {len(corpus):,}. Run the recipe "
            "that made it again."
        )
    kept, cut = np.zeros((2, len(corpus)), np.bool_)
    at = 0
    for batch in ledger.to_batches(columns=["decision", "cut_bytes"]):
        part = slice(at, at + batch.num_rows)
        kept[part] = _bools(pc.equal(batch.column("decision").cast(pa.string()), Decision.KEEP.label))
        cut[part] = _bools(pc.is_valid(batch.column("cut_bytes")))
        at += batch.num_rows
    return EarlierSet(name, corpus, kept=kept, cut=cut, data=folder / "data", manifest=stored["manifest"])


@contextmanager
def _told_where(name: str) -> Iterator[None]:
    """Tell damage of an earlier set's files with the set's name and what to do."""
    try:
        yield
    except pa.ArrowException as error:
        raise InputError(
            f"against: {name} is damaged: {str(error).rstrip('.')}. Put its files back, or run the recipe that made it "
            "again."
        ) from error


def _bools(values: Any) -> NDArray[np.bool_]:
    return np.asarray(values.to_numpy(zero_copy_only=False), np.bool_)


def _read(name: str, place: Path) -> dict[str, Any]:
    try:
        stored = json.loads(place.read_bytes())
        if stored["schema"] == SCHEMA:
            return dict(stored)
    except (ValueError, KeyError, TypeError):
        pass
    raise RecipeError(f"against: the index of {name} ({place}) cannot be read. Run again what made it.")


def _corpus(
    name: str, place: Path, stored: Mapping[str, Any], near: tuple[float, Banding] | None
) -> LoadedCorpus:
    if near is not None:
        _check_sketches(name, stored, *near)
    groups = [
        Group(
            name=entry["file"]["group"],
            files=(InputFile(**entry["file"]),),
            columns=ColumnMap(**entry["columns"]),
        )
        for entry in stored["files"]
    ]
    folders = [place.parent / entry["sidecars"] for entry in stored["files"]]
    _check_whole(name, folders)
    corpus = LoadedCorpus(groups, folders, block_bytes=stored["block_bytes"])
    if len(corpus) != stored["documents"]:
        raise RecipeError(
            f"against: {name} has sidecars of {len(corpus):,} of its {stored['documents']:,} documents. Run again what "
            "made it."
        )
    return corpus


def _check_whole(name: str, folders: Sequence[Path]) -> None:
    """Refuse sidecars of which a file is torn, also one that nothing is compared with: a copy was broken off."""
    torn = [
        path
        for folder in dict.fromkeys(folders)
        for path in sorted(folder.glob("block-*.parquet"))
        if _torn(path)
    ]
    if torn:
        more = f", and {len(torn) - 1:,} more" if len(torn) > 1 else ""
        raise InputError(
            f"against: {name} is damaged: {torn[0]} is torn{more}. Copy the folder again from where it is whole, or "
            "run again what made it, with --fresh."
        )


def _torn(path: Path) -> bool:
    """Whether a Parquet file lacks its beginning or its end, which is written last and says how long it is."""
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
        size = file.seek(0, os.SEEK_END)
        if size < 2 * len(_MAGIC) + _LENGTH:
            return True
        file.seek(-len(_MAGIC) - _LENGTH, os.SEEK_END)
        tail = file.read()
    footer = int.from_bytes(tail[:_LENGTH], "little")
    return head != _MAGIC or tail[_LENGTH:] != _MAGIC or footer > size - 2 * len(_MAGIC) - _LENGTH


def _check_sketches(name: str, stored: Mapping[str, Any], similarity: float, banding: Banding) -> None:
    if stored["text_pass"] != text.VERSION:
        raise RecipeError(
            f"against: {name} was read by {stored['text_pass']} and this version reads by {text.VERSION}, whose "
            "sketches differ. Run again what made it, with this version."
        )
    if stored["banding"] != asdict(banding):
        theirs = stored["similarity"]
        raise RecipeError(
            f"against: {name} was sketched for near duplicates at similarity {theirs}, and this recipe compares at "
            f"{similarity}. Set similarity: {theirs} in near-duplicates.v1, or run again what made {name} with "
            f"similarity {similarity}."
        )


class _Together:
    """The new corpus, and behind it the earlier ones, as one numbering of documents."""

    def __init__(self, new: LoadedCorpus, earlier: Sequence[EarlierSet], names: Sequence[str]) -> None:
        self.scratch = new.scratch
        self._names = ("", *names)
        self.parts: tuple[LoadedCorpus | EarlierSet, ...] = (new, *earlier)
        self.bounds = np.cumsum([0, *map(len, self.parts)])

    def _split(self, documents: Indices) -> Iterator[tuple[LoadedCorpus | EarlierSet, int, Indices]]:
        for number, part in enumerate(self.parts):
            first = int(self.bounds[number])
            low, high = np.searchsorted(documents, (first, int(self.bounds[number + 1])))
            yield part, first, documents[low:high] - first

    def stream(
        self, names: Sequence[str], documents: Indices | None = None
    ) -> Iterator[tuple[Indices, list[NDArray[Any]]]]:
        if documents is None:
            for part, first in zip(self.parts, self.bounds.tolist(), strict=False):
                for some, columns in part.stream(names):
                    yield some + first, columns
            return
        for part, first, mine in self._split(documents):
            if len(mine):
                for some, columns in part.stream(names, mine):
                    yield some + first, columns

    def shingles(self, documents: Indices, order: Indices) -> ShingleSets:
        gathered = GatheredSets(self, documents, order)
        for part, first, mine in self._split(documents):
            for some, bounds, hashes in part.sets(mine):
                gathered.add(some + first, bounds, hashes)
        return gathered.whole()

    def names(self, documents: Indices) -> Iterator[tuple[str, str]]:
        """Of earlier documents, in any order, the set and the id there."""
        distinct, places = np.unique(documents, return_inverse=True)
        found = [
            (name, id_)
            for name, (part, _, mine) in zip(self._names, self._split(distinct), strict=True)
            if isinstance(part, EarlierSet)
            for id_ in part.ids(mine)
        ]
        return (found[place] for place in places.tolist())


def drop_repeats(
    corpus: LoadedCorpus,
    decisions: Decisions,
    earlier: Sequence[EarlierSet],
    *,
    names: Sequence[str],
    near: tuple[float, Banding] | None,
    reason: str = REASON,
) -> dict[str, Any]:
    """Enter what the corpus repeats of earlier sets, under their `names`; returns figures for the report."""
    together, new = _Together(corpus, earlier, names), len(corpus)
    rows = int(together.bounds[-1])
    found = [same_as_earlier(together, new, rows)]
    if near is not None:
        left = np.ones(new, np.bool_)
        left[found[0].documents] = False
        similarity, banding = near
        found.append(like_earlier(together, new, rows, left, similarity=similarity, banding=banding))
    documents, theirs, score = (
        np.concatenate([getattr(repeats, name) for repeats in found])
        for name in Repeats.__slots__
        if name != "facts"
    )
    order = np.argsort(documents)
    facts = {key: value for repeats in found for key, value in repeats.facts.items()}
    leave_out(
        decisions,
        AGAINST,
        documents[order],
        reason=np.zeros(len(order), np.int32),
        reasons=(reason,),
        score=score[order].astype(np.float32),
        facts=facts,
        before=new,
    )
    decisions.against = dict(zip(documents.tolist(), together.names(theirs), strict=True))
    repeated = [name for name, _ in decisions.against.values()]
    return {
        **facts,
        "sets": [
            {
                "set": name,
                "path": part.name,
                "digest": part.digest(),
                "documents": int(np.count_nonzero(part.kept)),
                "repeated": repeated.count(name),
            }
            for name, part in zip(names, earlier, strict=True)
        ],
    }


def check_not_itself(names: Sequence[str], located: Sequence[str], out: Path) -> None:
    """Refuse an output folder that is also compared with: everything in it would be a repeat of itself.

    Raises:
        RecipeError: it is.
    """
    for name, place in zip(names, located, strict=True):
        if Path(place).resolve() in (out.resolve(), (out / ".work").resolve()):
            raise RecipeError(
                f"against: {name} is the folder that this run writes. Choose another with --out, or leave it out of "
                "against."
            )
