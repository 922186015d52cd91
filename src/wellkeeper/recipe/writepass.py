"""The second and last pass that touches text: kept documents out as Parquet, dropped ones beside them.

Which documents a part holds follows from the decisions alone, so parts have the same content for any number of
workers. A part that an earlier run of the same plan finished is not written again.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.core.decision import Decision, Stretches
from wellkeeper.core.origin import LABELS
from wellkeeper.core.signals import NO_DATE
from wellkeeper.engine.credentials import store_of
from wellkeeper.engine.credentials.tables import carriers
from wellkeeper.engine.executor import Kind, run_tasks
from wellkeeper.engine.progress import Listener, Progress
from wellkeeper.engine.readers import parse_block
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import WorkError
from wellkeeper.ledger.folder import write_texts
from wellkeeper.ledger.rows import ContentDigest
from wellkeeper.recipe.corpus import BlockRead, LoadedCorpus, changed_file
from wellkeeper.recipe.decide import Decisions
from wellkeeper.recipe.passages import without
from wellkeeper.recipe.textpass import written_digests

PART_BYTES = 64 << 20
"""Text bytes a part aims at: large enough for scans, small enough to write from memory."""

MANIFESTS = "c2pa_manifest"
"""Column of the manifest stores that were taken off texts; in the output if any document of it has one."""
_MANIFEST_FIELD = pa.field(MANIFESTS, pa.large_binary())

_OWN = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=False),
        pa.field("origin", pa.string(), nullable=False),
        pa.field("captured_at", pa.timestamp("s", "UTC")),
        pa.field("licence", pa.string()),
        pa.field("generator", pa.string()),
        pa.field("weight", pa.float32(), nullable=False),
    ]
)
_REJECTED = pa.schema(
    [*_OWN, pa.field("decision", pa.string()), pa.field("step", pa.string()), pa.field("reason", pa.string())]
)


@dataclass(frozen=True, slots=True)
class Part:
    """Consecutive blocks [first, last) whose chosen documents go to one file."""

    path: Path
    first: int
    last: int


def extras_of(corpus: LoadedCorpus) -> pa.Schema:
    """One schema for the user's other columns over all files; where types do not agree, JSON text.

    A column that bears the name of one of ours is called `input_<name>`.
    """
    types: dict[str, list[pa.DataType]] = {}
    for block in corpus.sidecars.blocks:
        schema = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(block.facts["extras"])))
        for field in schema:
            seen = types.setdefault(field.name, [])
            if field.type not in seen:
                seen.append(field.type)
    return pa.schema([pa.field(name, _common_type(seen)) for name, seen in types.items()])


def _common_type(types: Sequence[pa.DataType]) -> pa.DataType:
    """A type that holds values of all these; JSON text where none does without loss.

    Whole numbers in some blocks and fractions in others become doubles, as JSON readers have it.
    """
    known = [t for t in types if not pa.types.is_null(t)]
    if not known:
        return pa.string()
    if len(known) == 1:
        return known[0]
    if all(pa.types.is_string(t) or pa.types.is_large_string(t) for t in known):
        return pa.large_string()
    if all(pa.types.is_integer(t) for t in known):
        wide = any(pa.types.is_uint64(t) for t in known)
        signed = any(pa.types.is_signed_integer(t) for t in known)
        return pa.large_string() if wide and signed else pa.uint64() if wide else pa.int64()
    if all(pa.types.is_integer(t) or pa.types.is_floating(t) for t in known):
        return pa.float64()
    return pa.large_string()


def out_names(extras: pa.Schema, *, manifests: bool = False) -> list[str]:
    """What the user's columns are called in the output: `input_` is put before a name that is taken."""
    taken = {*_REJECTED.names, MANIFESTS} if manifests else set(_REJECTED.names)
    names: list[str] = []
    for name in extras.names:
        free = name
        while free in taken or free in names or (free != name and free in extras.names):
            free = f"input_{free}"
        names.append(free)
    return names


def plan_parts(corpus: LoadedCorpus, chosen: NDArray[np.bool_], folder: Path) -> list[Part]:
    """Cut the blocks into parts of about `PART_BYTES` chosen bytes."""
    size = np.where(chosen, corpus.column("bytes"), 0)
    parts: list[Part] = []
    first = held = 0
    blocks = corpus.sidecars.blocks
    for number, block in enumerate(blocks):
        held += int(size[block.first : block.first + block.documents].sum())
        if held >= PART_BYTES or (number == len(blocks) - 1 and (held or not parts)):
            parts.append(Part(folder / f"part-{len(parts):05d}.parquet", first, number + 1))
            first, held = number + 1, 0
    return parts


@dataclass(slots=True)
class _Task:
    read: BlockRead
    fields: dict[str, Any]  # our columns of the documents read, but for their text
    digests: NDArray[Any]  # SHA-256 of the texts as the text pass met them
    cuts: Stretches  # words to leave out, by place among the documents read
    extras: pa.Schema
    manifests: bool  # whether the output has the column `MANIFESTS`


def write_documents(
    corpus: LoadedCorpus,
    decisions: Decisions,
    chosen: NDArray[np.bool_],
    folder: Path,
    *,
    recipe_digest: str,
    rejected: bool,
    kind: Kind,
    workers: int | None,
    listener: Listener,
) -> str:
    """Write the chosen documents under `folder`; returns the content digest of all parts together."""
    folder.mkdir(parents=True, exist_ok=True)
    extras = extras_of(corpus)
    plan = _plan_digest(corpus, decisions, chosen, extras, recipe_digest)
    marker = folder / ".plan.json"
    digests: dict[str, str] = {}
    if marker.exists() and (stored := json.loads(marker.read_bytes()))["plan"] == plan:
        digests = {name: d for name, d in stored["parts"].items() if (folder / name).exists()}
    else:
        marker.unlink(missing_ok=True)
    parts = [] if rejected and not chosen.any() else plan_parts(corpus, chosen, folder)
    manifests = has_manifests(corpus, chosen)
    for path in folder.glob("part-*.parquet"):
        if path.name not in digests:
            path.unlink()
    for number, part in enumerate(parts):
        if part.path.name not in digests:
            table = _part_table(
                corpus,
                decisions,
                chosen,
                part,
                extras,
                rejected=rejected,
                manifests=manifests,
                kind=kind,
                workers=workers,
            )
            write_texts(part.path, table)
            digests[part.path.name] = _digest(table)
            write_atomic(marker, json.dumps({"plan": plan, "parts": digests}).encode())
        listener(
            Progress(
                stage="writing", done=number + 1, total=len(parts), unit="parts", documents=int(chosen.sum())
            )
        )
    marker.unlink(missing_ok=True)
    whole = hashlib.sha256("\n".join(digests[part.path.name] for part in parts).encode())
    return whole.hexdigest()


def _digest(table: pa.Table) -> str:
    digest = ContentDigest()
    digest.update(table)
    return digest.hexdigest()


def _plan_digest(
    corpus: LoadedCorpus,
    decisions: Decisions,
    chosen: NDArray[np.bool_],
    extras: pa.Schema,
    recipe_digest: str,
) -> str:
    state = hashlib.sha256(decisions.digest().encode())
    state.update(np.packbits(chosen).tobytes())
    # A block's folder is named by its file, its columns and the options of the pass; parts are cut along blocks.
    for block in corpus.sidecars.blocks:
        state.update(f"{block.path.parent.name}/{block.path.name} {block.documents}\n".encode())
    state.update(recipe_digest.encode())
    state.update(np.ascontiguousarray(corpus.column("sha256")).tobytes())
    if corpus.reviewed is not None:  # which no sidecar and no decision tells of
        state.update(corpus.reviewed.origin.tobytes())
    state.update(extras.serialize().to_pybytes())
    return state.hexdigest()


def _part_table(
    corpus: LoadedCorpus,
    decisions: Decisions,
    chosen: NDArray[np.bool_],
    part: Part,
    extras: pa.Schema,
    *,
    rejected: bool,
    manifests: bool,
    kind: Kind,
    workers: int | None,
) -> pa.Table:
    blocks = corpus.sidecars.blocks[part.first : part.last]
    low = blocks[0].first
    high = blocks[-1].first + blocks[-1].documents
    documents = low + np.flatnonzero(chosen[low:high])
    tasks = _tasks(corpus, decisions, documents, extras, rejected=rejected, manifests=manifests)
    tables = dict(run_tasks(_read_block, tasks, kind=kind, workers=workers))
    schema = pa.schema(
        [
            *(_REJECTED if rejected else _OWN),
            *((_MANIFEST_FIELD,) if manifests else ()),
            *_renamed(extras, manifests=manifests),
        ]
    )
    return pa.concat_tables([schema.empty_table(), *(tables[first] for first in sorted(tables))])


def _tasks(
    corpus: LoadedCorpus,
    decisions: Decisions,
    documents: NDArray[np.int64],
    extras: pa.Schema,
    *,
    rejected: bool,
    manifests: bool,
) -> Iterator[_Task]:
    groups = corpus.group_of()
    names = list(dict.fromkeys(group.name for group, _ in corpus.files))
    sources, source_names = corpus.codes("source")
    licences, licence_names = corpus.codes("licence")
    generators, generator_names = corpus.codes("generator")
    digests = corpus.column("sha256")
    for read in corpus.read_again(documents):
        rows = read.documents
        fields: dict[str, Any] = {
            "id": pa.array(corpus.strings("id", rows.tolist()), pa.string()),
            "source": _named(sources[rows], source_names),
            "group": _named(groups[rows], names),
            "origin": _named(corpus.column("origin_resolved")[rows], LABELS),
            "captured_at": _timestamps(corpus.column("captured_at")[rows]),
            "licence": _named(licences[rows], licence_names),
            "generator": _named(generators[rows], generator_names),
            "weight": pa.array(decisions.weight[rows]),
        }
        if rejected:
            labels = [decision.label for decision in Decision]
            fields |= {
                "decision": _named(decisions.decision[rows], labels),
                "step": _named(decisions.step[rows], decisions.steps),
                "reason": _named(decisions.reason[rows], decisions.reasons),
            }
        cuts = _cuts_of(decisions.cuts.stretches, rows)
        yield _Task(read, fields, digests[rows], cuts, extras, manifests)


def _cuts_of(cuts: Stretches, documents: NDArray[np.int64]) -> Stretches:
    """The cuts of some documents (ascending), which are called by their place."""
    low, high = np.searchsorted(cuts.document, (documents[0], documents[-1] + 1)).tolist()
    document, first, last = (column[low:high] for column in cuts)
    place = np.searchsorted(documents, document)
    some = documents[np.minimum(place, len(documents) - 1)] == document
    return Stretches(place[some], first[some], last[some])


def _named(codes: NDArray[Any], names: Sequence[str]) -> pa.Array:
    signed = codes.astype(np.int64)
    return pa.array([*names], pa.string()).take(pa.array(signed, mask=signed < 0))


def _timestamps(seconds: NDArray[np.int64]) -> pa.Array:
    return pa.array(seconds, pa.int64(), mask=seconds == NO_DATE).cast(pa.timestamp("s", "UTC"))


def _read_block(task: _Task) -> tuple[int, pa.Table]:
    read = task.read
    parsed = parse_block(read.raw, read.columns, extras=True).table
    unchanged = len(parsed) > int(read.rows.max(initial=-1))
    if unchanged:
        table = parsed.take(pa.array(read.rows))
        unchanged = np.array_equal(written_digests(table), task.digests)
    if not unchanged:
        raise WorkError(changed_file(read.raw.file.name))
    texts = table.column("text")
    columns: Mapping[str, Any] = {
        **task.fields,
        "text": without(texts, task.cuts) if len(task.cuts.document) else texts,
    }
    ordered = [name for name in _REJECTED.names if name in columns]
    own = pa.table(
        [columns[name] for name in ordered], schema=pa.schema([_REJECTED.field(name) for name in ordered])
    )
    if task.manifests:
        own = own.append_column(_MANIFEST_FIELD, _manifests(table))
    for field, named in zip(task.extras, _renamed(task.extras, manifests=task.manifests), strict=True):
        own = own.append_column(named, _extra(table, field))
    return int(read.documents[0]), own


def has_manifests(corpus: LoadedCorpus, chosen: NDArray[np.bool_]) -> bool:
    """Whether a credential was taken off the text of any of the documents."""
    return any(
        chosen[block.first + rows.column("document").to_numpy()][rows.column("signed").to_numpy()].any()
        for block, rows in corpus.sidecars.companions("marks")
    )


def _manifests(table: pa.Table) -> pa.Array:
    return pa.array([None if one is None else store_of(one) for one in carriers(table)], _MANIFEST_FIELD.type)


def _renamed(extras: pa.Schema, *, manifests: bool) -> list[pa.Field]:
    names = out_names(extras, manifests=manifests)
    return [field.with_name(name) for field, name in zip(extras, names, strict=True)]


def _extra(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        return pa.chunked_array([pa.nulls(len(table), field.type)])
    column = table.column(field.name)
    if column.type == field.type or pa.types.is_null(column.type):
        return column.cast(field.type)
    if pa.types.is_floating(field.type):
        return column.cast(field.type, safe=False)
    strings = pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    if not pa.types.is_large_string(field.type) or strings:
        return column.cast(field.type)
    texts = [None if value is None else json.dumps(value, default=str) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, field.type)])
