"""Evaluation sets: the items that a training set must not contain, from whatever file they come in.

An item is a record of JSON lines, of a JSON array, of Parquet, Arrow, CSV or TSV (a folder that `datasets` saved is
a folder of these); a sample that lm-evaluation-harness logged, of which `doc` is taken; a line of a text file; or a
file of a folder of text files. It has one text for each of its fields that is searched for. The lists and objects
of a field, such as the choices of a question, make one text, in their order.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from wellkeeper.engine.files import expand, open_binary
from wellkeeper.engine.readers import jsonl, text
from wellkeeper.engine.readers.base import ColumnMap, InputFile
from wellkeeper.engine.readers.columns import getter
from wellkeeper.engine.readers.json_array import Elements
from wellkeeper.engine.readers.streams import Stream
from wellkeeper.engine.sources import find_files
from wellkeeper.errors import InputError, did_you_mean

TEXT_FIELDS = frozenset(
    "question query problem prompt instruction input context passage article document text sentence premise "
    "hypothesis goal story ctx body content question_stem support statement claim paragraph abstract choice choices "
    "option options ending endings sol distractor answer answers best_answer correct_answer "
    "correct_answers long_answer final_answer solution canonical_solution rationale explanation reference references "
    "completion response output target targets messages conversations dialogue summary highlights translation".split()
)
"""Names of fields that hold what an item says, compared without case and without a number or letter at the end
(`sentence1`, `option_b`)."""

_LABELS = frozenset(
    "role from label labels id ids key keys type lang language answer_start start end idx index".split()
)
"""Names inside lists and objects that label texts and are none."""
_ID_FIELDS = ("id", "task_id", "question_id", "doc_id", "qid", "query_id", "example_id", "uid", "_id", "idx")
_HELD_OUT = re.compile(r"(^|[^a-z])(test|validation|valid|val|dev|eval)([^a-z]|$)")
_SPLIT = re.compile(
    r"(test|validation|valid|val|dev|eval|train|data|default|main|part|samples)([-_]?of|[-_0-9])*|[-_0-9]+"
)
_TRAINING = re.compile(r"(^|[^a-z])train(ing)?([^a-z]|$)")

Record: TypeAlias = Mapping[str, Any]
Place: TypeAlias = tuple[int, Record]  # 1-based line or row of the file, and what stands there


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a set; `texts` are (field, text), at least one, none of them empty."""

    name: str  # its own id, else file:line
    texts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSet:
    """A set as it was read; `said` is what to say aloud of it."""

    name: str
    path: str
    items: tuple[Item, ...]
    fields: tuple[str, ...]  # that were taken, in order of appearance
    said: tuple[str, ...]


class _Losses:
    """Records that could not be read; the first is told."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""

    def add(self, file: InputFile, line: int, reason: str) -> None:
        self.count += 1
        self.first = self.first or f"{file.name}, line {line}: {reason}"


def read_item_set(path: str, *, name: str | None = None, fields: Sequence[str] | None = None) -> ItemSet:
    """All items of the set at a path, glob or URL.

    Args:
        path: file, folder, glob or URL. Where names of files tell training from held-out splits, the training
            splits are left out.
        name: what the set is called; None: as the path.
        fields: which fields to take, nested ones by dotted names; None: those that `TEXT_FIELDS` names, else all
            that hold text.

    Raises:
        InputError: there is no such path, no item in it, or no such field.
    """
    name = name or set_name(path)
    files, said = _without_training(find_files([path], group=name))
    losses = _Losses()
    records = [(file, line, record) for file in files for line, record in _records(file, losses)]
    if not records:
        raise InputError(_no_item(path, losses))
    taken = _taken(fields, path, [record for _, _, record in records])
    finders = [(field, getter(field)) for field in taken]
    ids = _ids([record for _, _, record in records])
    items = []
    for (file, line, record), own in zip(records, ids, strict=True):
        texts = tuple((field, found) for field, find in finders if (found := _text(record, find)))
        if texts:
            items.append(Item(name=own or f"{file.name}:{line}", texts=texts))
    if not items:
        raise InputError(
            f"{path}: none of {len(records):,} records has text in {_listing(taken)}. Name the fields that do with "
            f"fields: {_keys(records[0][2])}"
        )
    how = "as given" if fields else "guessed; `fields:` overrides"
    said.append(f"{name}: {len(items):,} items; searched for: {', '.join(taken)} ({how})")
    if len(items) < len(records):
        said.append(
            f"{name}: {len(records) - len(items):,} records without text in these fields are left out"
        )
    if losses.count:
        said.append(f"{name}: {losses.count:,} records could not be read and are left out ({losses.first})")
    return ItemSet(name=name, path=path, items=tuple(items), fields=tuple(taken), said=tuple(said))


def read_records(path: str, *, group: str) -> tuple[list[tuple[str, Record]], str]:
    """Records at a path, glob or URL, each with its place (`file:line`), and what was lost, as one sentence or "".

    Files of all formats that evaluation sets come in; where names of files tell training from held-out splits, the
    training splits are left out.

    Raises:
        InputError: there is no such path, or no record in it.
    """
    files, said = _without_training(find_files([path], group=group))
    losses = _Losses()
    records = [(f"{file.name}:{line}", record) for file in files for line, record in _records(file, losses)]
    if not records:
        raise InputError(_no_item(path, losses))
    if losses.count:
        said.append(f"{losses.count:,} records could not be read and are left out ({losses.first})")
    return records, "; ".join(said)


def set_name(path: str) -> str:
    """What a set at that path is called, where nobody says: as its file or folder, with the folder of a mere split.

    >>> set_name("evals/gsm8k/*.parquet"), set_name("gsm8k.test.jsonl.zst"), set_name("evals/mmlu/test.jsonl")
    ('gsm8k', 'gsm8k', 'mmlu/test')
    """
    parts = [part for part in path.rstrip("/").split("/") if part and not set(part) & set("*?[")]
    if not parts:
        return path
    stem = parts[-1].split(".")[0] or parts[-1]
    return f"{parts[-2]}/{stem}" if len(parts) > 1 and _SPLIT.fullmatch(stem.lower()) else stem


def _without_training(files: Sequence[InputFile]) -> tuple[Sequence[InputFile], list[str]]:
    """The files but for training splits, where others are held-out splits by their names."""
    training = [file for file in files if _TRAINING.search(file.name.lower())]
    if not training or not any(_HELD_OUT.search(file.name.lower()) for file in files):
        return files, []
    left = [file for file in files if file not in training]
    names = _listing([file.name for file in training])
    return left, [f"{files[0].group}: training splits are left out: {names}"]


def _no_item(path: str, losses: _Losses) -> str:
    if losses.count:
        return (
            f"{path} has no item that can be read: {losses.count:,} record{'' if losses.count == 1 else 's'}, the "
            f"first bad one {losses.first}. Check that it is what its name says, such as one JSON object a line."
        )
    return (
        f"{path} has no item. Check that the step that writes it has run to its end, or remove it from sets."
    )


# --- records --------------------------------------------------------------------------------------


def _records(file: InputFile, losses: _Losses) -> Iterator[Place]:
    readers: Mapping[str, Callable[[InputFile, _Losses], Iterator[Place]]] = {
        "jsonl": _json_records,
        "parquet": _table_records,
        "arrow": _table_records,
        "csv": _csv_records,
        "tsv": _csv_records,
        "text": _text_records,
    }
    if file.format not in readers:
        raise InputError(
            f"{file.name} is {file.format}, which holds no evaluation items. Give {', '.join(readers)} files."
        )
    for line, record in readers[file.format](file, losses):
        yield line, _sample(record)


def _sample(record: Record) -> Record:
    """What lm-evaluation-harness asked, of a sample that it logged; any other record as it is."""
    if "doc" not in record or "doc_id" not in record:
        return record
    if isinstance(record["doc"], dict) and any(_strings(value) for value in record["doc"].values()):
        return {"doc_id": record["doc_id"], **record["doc"]}
    return {"doc_id": record["doc_id"], "prompt": record.get("arguments")}


def _json_records(file: InputFile, losses: _Losses) -> Iterator[Place]:
    refused: list[tuple[int, str]] = []
    good = 0
    for block in jsonl.blocks(file):
        if isinstance(block.payload, Elements):
            lines: Iterable[tuple[int, bytes]] = zip(
                block.payload.lines.tolist(), block.payload.records, strict=True
            )
        else:
            lines = enumerate(block.payload.split(b"\n"), block.line)
        for number, line in lines:
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                refused.append((number, f"not JSON: {error}"))
                continue
            if isinstance(record, dict):
                good += 1
                yield number, record
            else:
                refused.append((number, "no JSON object"))
        refused += [(damage.line, damage.reason) for damage in block.damage]
    inside = [] if good > 1 or not file.url.lower().removesuffix(".gz").endswith(".json") else _inside(file)
    if good == 0 and inside:
        yield from enumerate(inside, 1)
        return
    for number, reason in refused:
        losses.add(file, number, reason)


def _inside(file: InputFile) -> list[Record]:
    """The longest list of objects in a file that is one object: `examples`, `data`, `rows` of some publishers."""
    try:
        whole = orjson.loads(b"".join(Stream(file)))
    except orjson.JSONDecodeError:
        return []
    lists = [value for value in whole.values() if isinstance(value, list)] if isinstance(whole, dict) else []
    objects = [[x for x in value if isinstance(x, dict)] for value in lists]
    longest = max(objects, key=len, default=[])
    return [x["row"] if isinstance(x.get("row"), dict) else x for x in longest]


def _table_records(file: InputFile, losses: _Losses) -> Iterator[Place]:
    line = 1
    try:
        with open_binary(file.url) as source:
            for batch in _batches(file, source):
                for record in batch.to_pylist():
                    yield line, record
                    line += 1
    except (pa.ArrowException, OSError) as error:
        losses.add(file, line, f"cannot be read as {file.format}: {str(error).splitlines()[0]}")


def _batches(file: InputFile, source: Any) -> Iterator[pa.RecordBatch]:
    if file.format == "parquet":
        yield from pq.ParquetFile(source).iter_batches(use_threads=False)
        return
    try:
        reader = pa.ipc.open_file(source)
    except pa.ArrowInvalid:  # `datasets` saves streams
        source.seek(0)
        yield from pa.ipc.open_stream(source)
        return
    for number in range(reader.num_record_batches):
        yield reader.get_batch(number)


def _csv_records(file: InputFile, losses: _Losses) -> Iterator[Place]:
    stream = Stream(file)
    content = b"".join(stream).decode("utf-8-sig", errors="replace")
    rows = csv.DictReader(io.StringIO(content, newline=""), delimiter="\t" if file.format == "tsv" else ",")
    try:
        for record in rows:
            yield rows.line_num, {key: value for key, value in record.items() if key is not None}
    except csv.Error as error:
        losses.add(file, rows.line_num, str(error))
    if stream.damage is not None:
        losses.add(file, rows.line_num + 1, stream.damage.reason)


def _text_records(file: InputFile, losses: _Losses) -> Iterator[Place]:
    """The lines of one text file; of several, each as a whole."""
    alone = len(text.members(expand(file.url))) == 1
    for block in text.blocks(file):
        parsed = text.parse(block, ColumnMap(text="text", id="id"))
        for record in parsed.table.select(["line", "id", "text"]).to_pylist():
            if not alone:
                yield record["line"], {"id": record["id"], "text": record["text"]}
                continue
            yield from (
                (number, {"text": line})
                for number, line in enumerate(record["text"].splitlines(), 1)
                if line.strip()
            )
        for lost in parsed.quarantined:
            losses.add(file, lost.line, lost.reason)


# --- fields ---------------------------------------------------------------------------------------


def _taken(fields: Sequence[str] | None, path: str, records: Sequence[Record]) -> list[str]:
    """The fields to search for, in order of appearance where they are guessed.

    Raises:
        InputError: a field that was asked for is in no record, or no field holds text.
    """
    if fields is not None:
        for field in fields:
            if not any(_has(record, field) for record in records):
                known = _known(records)
                raise InputError(
                    f"{path} has no field {field!r}.{did_you_mean(field, known)} Fields: {', '.join(known)}."
                )
        return list(dict.fromkeys(fields))
    with_text = Counter(name for record in records for name, value in record.items() if _strings(value))
    named = [name for name in with_text if _folded(name) in TEXT_FIELDS]
    found = named or [name for name in with_text if name not in _ID_FIELDS and _folded(name) not in _LABELS]
    if not found:
        raise InputError(
            f"{path}: no field of its {len(records):,} records holds text. Fields: {', '.join(_known(records))}. "
            "Give a file whose items are text."
        )
    return found


def _folded(name: str) -> str:
    """A name without case, and without the number or letter that tells it from its neighbours.

    >>> _folded("Sentence1"), _folded("option_b"), _folded("query")
    ('sentence', 'option', 'query')
    """
    return re.sub(r"([_-]?\d+|[_-][a-h])$", "", name.lower())


def _has(record: Record, field: str) -> bool:
    try:
        getter(field)(record)
    except (LookupError, TypeError):
        return False
    return True


def _known(records: Iterable[Record]) -> list[str]:
    return list(dict.fromkeys(str(name) for record in records for name in record))


def _text(record: Record, find: Callable[[Record], Any]) -> str:
    """All strings of a field, one a line."""
    try:
        return "\n".join(_strings(find(record)))
    except (LookupError, TypeError):
        return ""


def _strings(value: Any) -> list[str]:
    """The strings inside a value, in their order, without those that only label others."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    if isinstance(value, dict):
        return [found for name, inner in value.items() if name not in _LABELS for found in _strings(inner)]
    if isinstance(value, list | tuple | np.ndarray):
        return [found for inner in value for found in _strings(inner)]
    return []


def _ids(records: Sequence[Record]) -> list[str | None]:
    """The items' own ids, of the first field of `_ID_FIELDS` that tells them all apart."""
    for name in _ID_FIELDS:
        found = [record.get(name) for record in records]
        if all(isinstance(value, str | int) for value in found) and len(set(found)) == len(found):
            return [str(value) if isinstance(value, str) else f"{name} {value}" for value in found]
    return [None] * len(records)


def _listing(names: Sequence[str]) -> str:
    shown = ", ".join(PurePosixPath(name).name if "/" in name else name for name in names[:5])
    return shown + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")


def _keys(record: Record) -> str:
    return f"[{', '.join(str(name) for name in record)}]."
