"""Corpora against watermark keys: which documents carry a mark, what share of them, and whether the whole does."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper import __version__
from wellkeeper.engine.executor import run_tasks
from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.engine.readers import parse_block, reader_for
from wellkeeper.engine.readers.base import ColumnMap, Quarantined, RawBlock
from wellkeeper.engine.sources import find_files
from wellkeeper.engine.store import open_atomic, write_atomic
from wellkeeper.errors import InputError
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.textpass import document_ids
from wellkeeper.recipe.token_ids import TokenRows, token_rows
from wellkeeper.watermark.keys import WatermarkKey, cautions_of, check_tokenizer, detector_of, load_key
from wellkeeper.watermark.radioactivity import PooledTest, Radioactivity
from wellkeeper.watermark.scan import Control, Readings, Scan, Ties, judged, read_tokens
from wellkeeper.watermark.tokens import Tokenizer, Tokens, open_tokenizer

SCHEMA = "wellkeeper.watermark/1"
POOLED_SCHEMA = "wellkeeper.radioactivity/1"
TABLE = "watermarks.parquet"
LISTED = 1_000
"""Rows that the JSON holds at most; the Parquet file holds all."""
_WRITTEN_AT_ONCE = 1 << 18  # documents

Worked = TypeVar("Worked")
_Read: TypeAlias = tuple[pa.Table, Tokens, tuple[Quarantined, ...]]  # places, ids, what could not be read


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Detection:
    """What keys found in a corpus."""

    keys: tuple[WatermarkKey, ...]
    scan: Scan
    places: pa.Table  # id, file and line of each document
    quarantined: int
    said: tuple[str, ...]  # about columns that were guessed
    ties: Ties
    paths: dict[str, Path]

    def table(self) -> pa.Table:
        """One row a document, in input order."""
        return self._rows(np.arange(len(self.places)))

    def _rows(self, rows: NDArray[np.int64]) -> pa.Table:
        scan, readings = self.scan, self.scan.readings
        places, best = self.places.take(pa.array(rows)), scan.best[rows]
        columns: dict[str, Any] = {name: places.column(name) for name in places.column_names}
        columns |= {
            "tokens": readings.tokens[rows],
            "key": pa.DictionaryArray.from_arrays(best.astype(np.int32), [key.id for key in self.keys]),
            "scored": readings.scored[best, rows],
            "statistic": readings.statistic[best, rows],
            "p_value": scan.p_values[rows],
            "log10_e": scan.log10_e[rows],
            "marked": scan.marked[rows],
        }
        if len(self.keys) > 1:
            columns |= {
                f"p_value_{key.id[:12]}": readings.p_values[number, rows]
                for number, key in enumerate(self.keys)
            }
        return pa.table(columns)

    def write(self, path: Path) -> None:
        """Write the table as Parquet, a stretch at a time."""
        with (
            open_atomic(path) as file,
            pq.ParquetWriter(file, self._rows(np.empty(0, np.int64)).schema, compression="zstd") as writer,
        ):
            for first in range(0, len(self.places), _WRITTEN_AT_ONCE):
                last = min(first + _WRITTEN_AT_ONCE, len(self.places))
                writer.write_table(self._rows(np.arange(first, last)))

    def to_json(self) -> dict[str, Any]:
        """The document of schema `wellkeeper.watermark/1`."""
        scan, documents = self.scan, len(self.places)
        marked = np.flatnonzero(scan.marked)
        strongest = marked[np.argsort(scan.p_values[marked], kind="stable")]
        listed = np.arange(documents) if documents <= LISTED else np.sort(strongest[:LISTED])
        return {
            "schema": SCHEMA,
            "version": __version__,
            "inputs": {
                "documents": documents,
                "tokens": int(scan.readings.tokens.sum()),
                "quarantined": self.quarantined,
                "columns": list(self.said),
            },
            "keys": [
                {**key.public(), "marked": int(np.count_nonzero(scan.marked & (scan.best == number)))}
                for number, key in enumerate(self.keys)
            ],
            "cautions": list(cautions_of(key.scheme for key in self.keys)),
            "control": {
                "method": scan.discoveries.method,
                "false_discovery_rate": scan.discoveries.level,
                "threshold": scan.discoveries.threshold,
                "ties": self.ties,
            },
            "marked": len(marked),
            "too_short": int(np.count_nonzero(~scan.readings.scored.any(axis=0))),
            "share": {
                "estimate": scan.share.estimate,
                "low": scan.share.low,
                "documents": scan.share.documents,
            },
            "documents": self._rows(listed).to_pylist(),
            "listed": "all" if documents <= LISTED else "marked",
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pooled:
    """What a corpus as a whole shows of each key."""

    found: tuple[tuple[WatermarkKey, Radioactivity], ...]
    quarantined: int
    said: tuple[str, ...]  # about columns that were guessed

    def to_json(self, *, level: float) -> dict[str, Any]:
        """The document of schema `wellkeeper.radioactivity/1`; all keys share the level."""
        return {
            "schema": POOLED_SCHEMA,
            "version": __version__,
            "inputs": {"quarantined": self.quarantined, "columns": list(self.said)},
            "level": level,
            "keys": [
                {
                    **key.public(),
                    "documents": one.documents,
                    "tokens": one.tokens,
                    "ngrams": one.ngrams,
                    "left_out": one.left_out,
                    "statistic": one.statistic,
                    "p_value": one.p_value,
                    "above_chance": one.p_value <= level / len(self.found),
                }
                for key, one in self.found
            ],
            "cautions": list(cautions_of(key.scheme for key, _ in self.found)),
        }


def detect(
    inputs: Any,
    keys: Sequence[str | Path],
    *,
    tokenizer: str | Path | None = None,
    text: str | None = None,
    id: str | None = None,  # noqa: A002  the field's name everywhere else
    ids: str | None = None,
    fdr: float = 0.01,
    control: Control = "bh",
    ties: Ties = "whole",
    any_tokenizer: bool = False,
    out: str | Path | None = None,
    workers: int | None = None,
    strict: bool = False,
    listener: Listener = nobody,
) -> Detection:
    """Find the documents that carry the mark of one of the keys.

    Which of them are called marked hangs on all of them, so that some numbers of each document stay in memory: about
    180 bytes with one key and short ids, and 50 more with each further key.

    Args:
        inputs: a path, glob or URL, an Arrow table, anything with the Arrow C stream, or a list of these.
        keys: key files.
        tokenizer: `tokenizer.json`, its folder or a GGUF file, of the model that may have written; None with `ids`.
        text: column with the text; guessed and said where it is not given.
        id: column with the documents' ids; without one they are named `file:line`.
        ids: column with token ids, which are then taken in place of the text.
        fdr: expected share of unmarked documents among those that are called marked, at most; in (0, 1).
        control: `bh` (Benjamini and Hochberg), or `by` or `e-bh`, which hold whatever the documents share.
        ties: `whole` keeps p-values of whole numbers at or below every level; `random` meets each level exactly, and
            may call one of two documents with the same statistic (`wellkeeper.watermark.ties`).
        any_tokenizer: accept a tokeniser that a key was not made for.
        out: folder for `watermarks.parquet`, one row a document, and `watermarks.json`.
        workers: how many blocks are worked on at once; None: as many as there are cores.
        strict: stop at the first record that cannot be read.
        listener: is told of progress.

    Raises:
        InputError: an input or a key cannot be read, or the tokeniser is not the key's.
        DataError: `fdr` is out of its range.
        MissingExtraError: the extra `tokens` is not installed.
    """
    loaded, coder = _prepared(keys, tokenizer, ids, any_tokenizer=any_tokenizer)
    detectors = [detector_of(key) for key in loaded]
    vocabulary = min(key.vocabulary for key in loaded)

    def read(tokens: Tokens) -> Readings:
        return read_tokens(tokens, detectors, vocabulary=vocabulary, ties=ties)

    corpus = _Corpus(
        inputs=inputs,
        text=text,
        id=id,
        ids=ids,
        coder=coder,
        vocabulary=vocabulary,
        strict=strict,
        workers=workers,
        listener=listener,
    )
    done = list(corpus.worked(read))
    detection = Detection(
        keys=loaded,
        scan=judged(Readings.joined([block.result for block in done]), level=fdr, control=control),
        places=pa.concat_tables([block.places for block in done]).unify_dictionaries(),
        quarantined=sum(len(block.quarantined) for block in done),
        said=tuple(corpus.said),
        ties=ties,
        paths={},
    )
    return detection if out is None else _written(detection, Path(out))


def pooled_test(
    inputs: Any,
    keys: Sequence[str | Path],
    *,
    tokenizer: str | Path | None = None,
    text: str | None = None,
    ids: str | None = None,
    without: Sequence[str | Path] = (),
    any_tokenizer: bool = False,
    workers: int | None = None,
    strict: bool = False,
    listener: Listener = nobody,
) -> Pooled:
    """For each key the test whether the inputs as a whole carry its mark above chance; arguments as of `detect`.

    N-grams of the text in `without`, such as a model's prompts or the marked set itself, do not count. It is read as
    the inputs are, by the same columns.

    Memory grows by 8 bytes, 16 for a while, a key and distinct n-gram.

    Raises:
        InputError: an input or a key cannot be read, or the tokeniser is not the key's.
        MissingExtraError: the extra `tokens` is not installed.
    """
    loaded, coder = _prepared(keys, tokenizer, ids, any_tokenizer=any_tokenizer)
    tests = [PooledTest(key) for key in loaded]
    corpus = _Corpus(
        inputs=inputs,
        text=text,
        id=None,
        ids=ids,
        coder=coder,
        vocabulary=min(key.vocabulary for key in loaded),
        strict=strict,
        workers=workers,
        listener=listener,
    )
    if without:
        for block in replace(corpus, inputs=[str(path) for path in without], said=[]).worked(_as_they_are):
            for test in tests:
                test.leave_out(block.result)
    quarantined = 0
    for block in corpus.worked(_as_they_are):
        quarantined += len(block.quarantined)
        for test in tests:
            test.add(block.result)
    return Pooled(
        found=tuple((key, test.result()) for key, test in zip(loaded, tests, strict=True)),
        quarantined=quarantined,
        said=tuple(corpus.said),
    )


def _prepared(
    keys: Sequence[str | Path], tokenizer: str | Path | None, ids: str | None, *, any_tokenizer: bool
) -> tuple[tuple[WatermarkKey, ...], Tokenizer | None]:
    if not keys:
        raise InputError("No key is given. Name a key file with --key; `wellkeeper watermark new` makes one.")
    loaded = tuple(load_key(Path(key)) for key in keys)
    if ids is not None:
        return loaded, None
    if tokenizer is None:
        raise InputError(
            "A mark stands in token ids, and no tokeniser is given. Name that of the model which may have written "
            "the text with --tokenizer, or a column of token ids with --ids."
        )
    coder = open_tokenizer(Path(tokenizer))
    for key in loaded:
        if not any_tokenizer:
            check_tokenizer(
                key, coder.fingerprint, otherwise=", or --any-tokenizer if both number their tokens alike"
            )
    return loaded, coder


def _as_they_are(tokens: Tokens) -> Tokens:
    return tokens


def _written(detection: Detection, out: Path) -> Detection:
    out.mkdir(parents=True, exist_ok=True)
    detection.write(out / TABLE)
    report = out / "watermarks.json"
    write_atomic(report, json.dumps(detection.to_json(), ensure_ascii=False, indent=1).encode())
    return replace(detection, paths={"documents": out / TABLE, "report": report})


# --- reading -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block(Generic[Worked]):
    places: pa.Table  # id, file and line of each document
    result: Worked
    quarantined: tuple[Quarantined, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Corpus:
    """Documents as token ids, block by block."""

    inputs: Any
    text: str | None
    id: str | None
    ids: str | None
    coder: Tokenizer | None  # None where there is a column of ids
    vocabulary: int  # ids are below it
    strict: bool
    workers: int | None
    listener: Listener
    said: list[str] = field(default_factory=list)  # about columns that were guessed, once they are

    def worked(self, function: Callable[[Tokens], Worked]) -> Iterator[_Block[Worked]]:
        """What the function makes of each block, in the order of the input.

        Raises:
            InputError: there is no document at all; with `strict`, at the first bad record.
        """
        documents, fault = 0, ""
        with tempfile.TemporaryDirectory(prefix="wellkeeper-") as scratch:
            pieces = self._pieces(Path(scratch))
            tasks = ((number, piece, self.vocabulary, function) for number, piece in enumerate(pieces))
            for block in _in_order(run_tasks(_worked, tasks, workers=self.workers)):
                documents += len(block.places)
                if self.strict and block.quarantined:
                    raise InputError(_first_fault(block.quarantined[0]))
                if block.quarantined and not fault:
                    first = block.quarantined[0]
                    fault = f" The first record, {first.file}, line {first.line}: {first.reason}."
                self.listener(
                    Progress(stage="reading", done=documents, total=0, unit="documents", documents=documents)
                )
                yield block
        if not documents:
            raise InputError(
                f"No document could be read.{fault} Check the paths and the text column (--text COL), or the column of "
                "token ids (--ids COL)."
            )

    def _pieces(self, scratch: Path) -> Iterator[Callable[[], _Read]]:
        given = list(self.inputs) if isinstance(self.inputs, list | tuple) else [self.inputs]
        if self.ids is not None:
            for file in find_files([str(one) for one in given], group="ids"):
                for rows in token_rows(file, self.ids, self.id):
                    yield partial(_of_rows, file.name, rows)
            return
        groups, said = groups_of(given, {"text": self.text, "id": self.id}, scratch)
        self.said.extend(said)
        assert self.coder is not None
        for group in groups:
            fields = frozenset(group.columns.named().values())
            for file in group.files:
                for raw in reader_for(file).blocks(file, fields=fields):
                    yield partial(_of_text, raw, group.columns, self.coder)


def _worked(
    task: tuple[int, Callable[[], _Read], int, Callable[[Tokens], Worked]],
) -> tuple[int, _Block[Worked]]:
    number, read, vocabulary, function = task
    places, tokens, refused = read()
    _check_ids(places, tokens, vocabulary)
    return number, _Block(places, function(tokens), refused)


def _check_ids(places: pa.Table, tokens: Tokens, vocabulary: int) -> None:
    """Refuse ids that the keys do not know, with the place of the first: all of the text is in other ids then.

    Raises:
        InputError: there is one.
    """
    if not tokens.ids.size or int(tokens.ids.max()) < vocabulary:
        return
    at = int(np.argmax(tokens.ids >= vocabulary))
    row = places.slice(int(np.searchsorted(tokens.offsets, at, side="right")) - 1, 1).to_pylist()[0]
    raise InputError(
        f"{row['file']}, line {row['line']}: a token has the id {int(tokens.ids[at]):,}, and the key's vocabulary ends "
        f"at {vocabulary:,}. Give the tokeniser, or the ids of the tokeniser, that the key was made for."
    )


def _of_rows(name: str, read: Callable[[], TokenRows]) -> _Read:
    rows = read()
    return _places(rows.ids, name, rows.lines), rows.tokens, rows.refused


def _of_text(raw: RawBlock, columns: ColumnMap, coder: Tokenizer) -> _Read:
    parsed = parse_block(raw, columns)
    lines = parsed.table.column("line")
    ids = document_ids(parsed.table, raw.file.name)
    tokens = coder.encode(parsed.table.column("text").to_pylist())
    return _places(ids, raw.file.name, lines), tokens, parsed.quarantined


def _places(ids: Any, name: str, lines: Any) -> pa.Table:
    files = pa.DictionaryArray.from_arrays(np.zeros(len(lines), np.int32), [name])
    return pa.table({"id": ids.cast(pa.string()), "file": files, "line": lines.cast(pa.int64())})


def _in_order(results: Iterator[tuple[int, Worked]]) -> Iterator[Worked]:
    """Numbered results as they finish -> in the order of their numbers."""
    waiting: dict[int, Worked] = {}
    following = 0
    for number, result in results:
        waiting[number] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


def _first_fault(record: Quarantined) -> str:
    return (
        f"{record.file}, line {record.line}: {record.reason} (--strict stops at the first bad record). Repair the "
        "record, or run without --strict to leave it out and go on."
    )
