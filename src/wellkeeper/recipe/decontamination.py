"""`decontaminate.v1` in a run: sets to a table, the table to the text pass, what was found to ledger and report."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.core.decision import Overlaps, Stretches
from wellkeeper.core.evaluation import Evaluation
from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import RecipeError
from wellkeeper.filter.decontaminate import DECONTAMINATE, holders_told, set_options
from wellkeeper.kernels import text
from wellkeeper.kernels.overlap import Probe, Table, find
from wellkeeper.ledger.rows import OVERLAPS, table_of

if TYPE_CHECKING:
    from wellkeeper.engine.readers.evaluation import ItemSet
    from wellkeeper.recipe.corpus import LoadedCorpus
    from wellkeeper.recipe.decide import Decisions
    from wellkeeper.recipe.model import Recipe

EXAMPLES = 20
"""Overlaps that the report shows, the largest shares of each set first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The evaluation sets of a recipe, read."""

    evaluation: Evaluation
    table: Table  # what workers search for
    said: tuple[str, ...]


def search_of(recipe: "Recipe") -> Search | None:
    """Read the sets that the recipe names; None if it has no step that names any.

    Raises:
        RecipeError: the step stands twice, names no set, or gives two sets one name.
        InputError: a set does not exist, holds no item, or lacks a field.
    """
    calls = [step for step in recipe.steps if step.name == DECONTAMINATE.name]
    if not calls:
        return None
    if len(calls) > 1:
        raise RecipeError(f"{DECONTAMINATE.name} stands {len(calls)} times. Name all sets in one of them.")
    options = DECONTAMINATE.check(calls[0].options)
    if not options["sets"]:
        raise RecipeError(f"{DECONTAMINATE.name} names no evaluation set. Add sets: [path] to it.")
    sets = [_read(recipe, set_options(given)) for given in options["sets"]]
    _check_names(sets)
    from wellkeeper.filter.evaluation import evaluation_of  # which runs without evaluation sets need not load

    evaluation, table = evaluation_of(sets, min_ngram=int(options["min_ngram"]), tables=text.load_tables())
    said = tuple(sentence for found in sets for sentence in found.said)
    return Search(evaluation=evaluation, table=table, said=said)


def _read(recipe: "Recipe", given: Mapping[str, Any]) -> "ItemSet":
    from wellkeeper.engine.readers.evaluation import read_item_set

    fields = given.get("fields")
    path = str(given["path"])
    found = read_item_set(
        recipe.locate(path), name=given.get("name"), fields=None if fields is None else list(fields)
    )
    return replace(found, path=path)


def _check_names(sets: Sequence["ItemSet"]) -> None:
    named: dict[str, str] = {}
    for found in sets:
        if found.name in named:
            raise RecipeError(
                f"{DECONTAMINATE.name}: {named[found.name]} and {found.path} are both called {found.name}. Tell them "
                f"apart: {{path: {found.path}, name: NAME}}."
            )
        named[found.name] = found.path


# --- text pass ------------------------------------------------------------------------------------


def table_path(work: Path, digest: str) -> Path:
    """Where the table with that digest lies in a work folder."""
    return work / "evaluation" / f"{digest}.npz"


def lay_down(table: Table, work: Path, digest: str) -> None:
    """Write a table where every worker finds it, unless it is there."""
    place = table_path(work, digest)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, _packed(table))


def _packed(table: Table) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, line_words=table.line_words, **table.probe._asdict())
    return stream.getvalue()


@lru_cache(maxsize=2)
def load_table(path: Path) -> Table:
    """The table, read once a process.

    Raises:
        OSError: it is not there.
    """
    with np.load(path) as stored:
        return Table(Probe(*(stored[name] for name in Probe._fields)), stored["line_words"])


def overlap_rows(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], tables: text.Tables, table: Table
) -> pa.Table:
    """Where n-grams of the table stand in the documents of a block: document, n-gram and word, one row each."""
    bounds, hashes = text.word_hashes(data, offsets, tables, np.arange(len(offsets) - 1))
    document, gram, word = find(bounds, hashes, table.probe)
    stays = _whole_lines(data, offsets, tables, document, word, table.line_words[gram])
    order = np.flatnonzero(stays)
    return pa.table(
        {
            "document": pa.array(document[order], pa.int32()),
            "gram": pa.array(gram[order], pa.int32()),
            "word": pa.array(word[order], pa.int32()),
        }
    )


def _whole_lines(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    tables: text.Tables,
    document: NDArray[np.int32],
    word: NDArray[np.int32],
    sizes: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Whether `sizes` words from `word` on are a line of their own; true where `sizes` is 0, which asks for none."""
    stays = np.ones(len(document), np.bool_)
    asked = np.flatnonzero(sizes)
    if not len(asked):
        return stays
    few = np.unique(document[asked]).astype(np.int64)
    bounds, _, firsts, lasts = text.word_places(data, offsets, tables, few)
    for k in asked.tolist():
        at = int(np.searchsorted(few, document[k]))
        first, last = int(bounds[at] + word[k]), int(bounds[at] + word[k] + sizes[k] - 1)
        whole = data[offsets[document[k]] : offsets[document[k] + 1]]
        before = whole[(int(lasts[first - 1]) if first > bounds[at] else 0) : int(firsts[first])].tobytes()
        behind = whole[
            int(lasts[last]) : (int(firsts[last + 1]) if last + 1 < bounds[at + 1] else None)
        ].tobytes()
        inside = whole[int(firsts[first]) : int(lasts[last])].tobytes()
        stays[k] = (
            (first == bounds[at] or b"\n" in before)
            and (last + 1 == bounds[at + 1] or b"\n" in behind)
            and b"\n" not in inside
        )
    return stays


# --- ledger and report ----------------------------------------------------------------------------


def overlaps_of(decisions: "Decisions") -> Overlaps | None:
    """What the step found; None where it did not run."""
    ruling = decisions.rulings.get(DECONTAMINATE.name)
    return None if ruling is None else ruling.overlaps


def overlap_table(corpus: "LoadedCorpus", overlaps: Overlaps, first: int, end: int) -> pa.Table:
    """The ledger's rows of documents `first` to `end` - 1: one for each text of an item that a document holds."""
    chosen = np.arange(*np.searchsorted(overlaps.span.document, (first, end)))
    span = Stretches(*(column[chosen] for column in overlaps.span))
    quotes = corpus.quotes(span)
    rows = _told(overlaps, chosen)
    documents = span.document
    size = len(documents)
    return table_of(
        {
            "row": documents.astype(np.uint64),
            "id": corpus.strings("id", documents.tolist()),
            "step": [overlaps.step] * size,
            "set": [row[0] for row in rows],
            "item": [row[1] for row in rows],
            "field": [row[2] for row in rows],
            "others": np.array([row[3] for row in rows], np.int32),
            "share": overlaps.share[chosen],
            "item_words": overlaps.words[chosen].astype(np.int32),
            "start": quotes.start,
            "end": quotes.end,
            "matched": quotes.text,
        },
        schema=OVERLAPS,
    )


def _told(overlaps: Overlaps, chosen: NDArray[np.int64]) -> list[tuple[str, str, str, int]]:
    """Set, item and field of the first item that has the text of each chosen row, and how many others have it."""
    found = [holders_told(overlaps.evaluation, number) for number in overlaps.text[chosen].tolist()]
    return [(*holders[0], len(holders) - 1) for holders in found]


def describe_decontamination(corpus: "LoadedCorpus", decisions: "Decisions") -> dict[str, Any] | None:
    """What the report says of the evaluation sets: the step's facts, and examples of what was found."""
    overlaps = overlaps_of(decisions)
    if overlaps is None:
        return None
    facts = dict(decisions.rulings[DECONTAMINATE.name].facts)
    chosen = _examples(overlaps)
    some = Stretches(*(column[chosen] for column in overlaps.span))
    quotes = corpus.quotes(some)
    told = _told(overlaps, chosen)
    ids = corpus.strings("id", some.document.tolist())
    facts["examples"] = [
        {
            "document": ids[k],
            "set": told[k][0],
            "item": told[k][1],
            "field": told[k][2],
            "others": told[k][3],
            "share": float(overlaps.share[at]),
            "words": int(overlaps.words[at]),
            "start": int(quotes.start[k]),
            "end": int(quotes.end[k]),
            "matched": quotes.text[k],
        }
        for k, at in enumerate(chosen.tolist())
    ]
    return facts


def _examples(overlaps: Overlaps) -> NDArray[np.int64]:
    """The weakest matches of all, which need a look first, and the strongest; by document."""
    order = np.lexsort((overlaps.text, overlaps.span.document, overlaps.share))
    half = EXAMPLES // 2
    return np.unique(np.concatenate([order[:half], order[-half:]]))
