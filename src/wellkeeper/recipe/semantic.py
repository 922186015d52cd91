"""`semantic-duplicates.v1` in a run: vectors and types into the sidecars and out of them, and its figures."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices, TypeRows, VectorRows
from wellkeeper.engine.readers.base import InputFile
from wellkeeper.engine.vectors import OTHER_LENGTH, vectors_in
from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.filter.semantic import GRAM, SEMANTIC_DUPLICATES
from wellkeeper.kernels import text
from wellkeeper.measure.incidence import ngrams

if TYPE_CHECKING:
    from wellkeeper.engine.sidecar import Sidecars
    from wellkeeper.recipe.corpus import LoadedCorpus
    from wellkeeper.recipe.decide import Decisions
    from wellkeeper.recipe.model import Recipe

TYPE_ROWS = 1 << 23
"""Pairs of a document and a type that a run aims to keep at most: the step holds them in memory, 16 bytes each."""
_BYTES_A_PAIR = 4  # of text: about 1.6 new pairs a word, words and 3-grams together
_COMPRESSION = 4  # text bytes a compressed byte is taken to stand for
_EXCERPT = 160


def wants_vectors(recipe: "Recipe") -> bool:
    """Whether the recipe has the step.

    Raises:
        RecipeError: it has, and no source names a column of vectors.
    """
    if all(step.name != SEMANTIC_DUPLICATES.name for step in recipe.steps):
        return False
    if all(source.embedding is None for source in recipe.sources):
        raise RecipeError(
            f"{SEMANTIC_DUPLICATES.name} needs vectors, and no source has any. Make them with a model of yours, and "
            "name their column: embedding: COLUMN in a source."
        )
    return True


def type_shift(files: Sequence[InputFile]) -> int:
    """How many zero bits a type's hash must begin with, so that about `TYPE_ROWS` pairs are kept."""
    packed = ("parquet", "arrow")
    bulk = sum(max(0, f.size) * (_COMPRESSION if f.compression or f.format in packed else 1) for f in files)
    return max(0, math.ceil(math.log2(max(1.0, bulk / _BYTES_A_PAIR / TYPE_ROWS))))


# --- text pass ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BlockVectors:
    """The vectors of a block as its sidecar keeps them, and what is said of them."""

    rows: pa.Table  # document, vector
    facts: Mapping[str, Any]


def vector_rows(table: pa.Table, column: str | None) -> BlockVectors:
    """The vectors of the documents of a block; None: its source has none."""
    if column is None:
        return BlockVectors(pa.table({}), {"dimensions": 0, "rows": 0, "refused": {}})
    found = vectors_in(table, column)
    values = pa.array(found.units.reshape(-1), pa.int16())
    rows = {
        "document": pa.array(found.rows, pa.int64()),
        "vector": pa.FixedSizeListArray.from_arrays(values, max(1, found.dimensions)),
    }
    facts = {"dimensions": found.dimensions, "rows": len(found.rows), "refused": dict(found.refused)}
    return BlockVectors(pa.table(rows), facts)


def type_rows(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], tables: text.Tables, shift: int
) -> pa.Table:
    """Distinct words and 3-grams of each document of a block, of the types that are counted."""
    words = text.word_hashes(data, offsets, tables, np.arange(len(offsets) - 1))
    pieces = [(1, *_distinct(*words, shift)), (GRAM, *_distinct(*ngrams(*words, GRAM), shift))]
    document = np.concatenate([documents for _, documents, _ in pieces])
    gram = np.concatenate([np.full(len(documents), n, np.uint8) for n, documents, _ in pieces])
    order = np.argsort(document, kind="stable")
    return pa.table(
        {
            "document": pa.array(document[order], pa.int32()),
            "gram": pa.array(gram[order], pa.uint8()),
            "hash": pa.array(np.concatenate([hashes for *_, hashes in pieces])[order], pa.uint64()),
        }
    )


def _distinct(
    bounds: NDArray[np.int64], hashes: NDArray[np.uint64], shift: int
) -> tuple[NDArray[np.int32], NDArray[np.uint64]]:
    document = np.repeat(np.arange(len(bounds) - 1, dtype=np.int32), np.diff(bounds))
    if shift:
        chosen = hashes >> np.uint64(64 - shift) == 0
        document, hashes = document[chosen], hashes[chosen]
    order = np.lexsort((hashes, document))
    document, hashes = document[order], hashes[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (document[1:] != document[:-1]) | (hashes[1:] != hashes[:-1])
    return document[new], hashes[new]


# --- out of the sidecars --------------------------------------------------------------------------


def loaded_vectors(sidecars: "Sidecars") -> VectorRows:
    """The vectors of all blocks, of the length that most have.

    Raises:
        WorkError: the text pass was not asked for vectors.
    """
    facts = _facts(sidecars)
    rows: Counter[int] = Counter()
    refused: Counter[str] = Counter()
    for fact in facts:
        refused.update(fact["refused"])
        rows[int(fact["dimensions"])] += int(fact["rows"])
    dimensions = max(rows, key=lambda size: (rows[size], -size), default=0)
    others = rows.total() - rows[dimensions]
    if others:
        refused[OTHER_LENGTH] += others
    return VectorRows(
        dimensions=dimensions if rows[dimensions] else 0,
        rows=rows[dimensions],
        refused=dict(sorted(refused.items())),
        batches=_vector_batches(sidecars, dimensions),
    )


def _vector_batches(sidecars: "Sidecars", dimensions: int) -> Iterator[tuple[Indices, NDArray[np.int16]]]:
    for block, rows in sidecars.companions("vectors"):
        if block.facts["vectors"]["dimensions"] == dimensions:
            lists = rows.column("vector").combine_chunks()
            units = lists.flatten().to_numpy().reshape(-1, dimensions)
            yield rows.column("document").to_numpy() + block.first, units


def loaded_types(sidecars: "Sidecars") -> TypeRows:
    """Which types stand in which documents.

    Raises:
        WorkError: the text pass was not asked for them.
    """
    shifts = {int(fact["type_shift"]) for fact in _facts(sidecars)}
    assert len(shifts) <= 1, "all blocks of a run are made with the same options"
    return TypeRows(shift=max(shifts, default=0), batches=_type_batches(sidecars))


def _type_batches(sidecars: "Sidecars") -> Iterator[tuple[Indices, NDArray[np.uint8], NDArray[np.uint64]]]:
    for block, rows in sidecars.companions("types"):
        document, gram, hashes = (rows.column(name).to_numpy() for name in ("document", "gram", "hash"))
        yield document.astype(np.int64) + block.first, gram, hashes


def _facts(sidecars: "Sidecars") -> list[Mapping[str, Any]]:
    facts = [block.facts.get("vectors") for block in sidecars.blocks]
    if not all(facts):
        raise WorkError(
            "The sidecars hold no vectors. Read the corpus with `vectors`, as a recipe with "
            f"{SEMANTIC_DUPLICATES.name} does."
        )
    return [fact for fact in facts if fact]


# --- figures --------------------------------------------------------------------------------------


def describe_semantic(corpus: "LoadedCorpus", decisions: "Decisions") -> dict[str, Any] | None:
    """The `semantic` section of a curation, with ids and excerpts; None where no step looked."""
    ruling = decisions.rulings.get(SEMANTIC_DUPLICATES.name)
    if ruling is None:
        return None
    shown = [
        document
        for part in ruling.facts["clusters"]
        for example in part["examples"]
        for document in (example["document"], example["survivor"])
    ]
    ids = dict(zip(shown, corpus.strings("id", shown), strict=True))
    excerpts = dict(zip(shown, corpus.strings("excerpt", shown), strict=True))
    clusters = [
        {
            **part,
            "examples": [
                {
                    **example,
                    "document": ids[example["document"]],
                    "survivor": ids[example["survivor"]],
                    "text": excerpts[example["document"]][:_EXCERPT],
                    "survivor_text": excerpts[example["survivor"]][:_EXCERPT],
                }
                for example in part["examples"]
            ],
        }
        for part in ruling.facts["clusters"]
    ]
    return {**ruling.facts, "clusters": clusters}
