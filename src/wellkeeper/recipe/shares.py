"""How much of a corpus is AI-made, by anchors: draw documents of every slice, source and month, score and measure them.

A share needs some hundreds of documents and not all of them, so a corpus of any size costs about the same: within each
slice the first documents by a hash of seed and text are read again and scored. Reference texts that the corpus holds
are left out: they would count twice. So do copies, of which the first counts: an interval takes documents for
independent draws, and one page by a person, repeated often enough, would read as a certain share of AI text.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.mix.sampling import Priorities, priority
from wellkeeper.origin.anchors import AnchorPack
from wellkeeper.origin.measured import Cell, measure, share_of, together
from wellkeeper.origin.share import LEVEL, UNDATED
from wellkeeper.origin.style import load_model
from wellkeeper.recipe.corpus import LoadedCorpus, month_label

OF_SLICE = 2_000
"""Documents drawn of a slice. With 300, the references and not the draw make up most of an interval's width."""
OF_PART = 300
"""Documents drawn of what one slice has of one source or month."""
PARTS = 50
"""Sources, and months, that are measured, the largest first: more than a report shows."""
LISTED = 20
"""Slices without references that are named, the largest first."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Documents drawn from a corpus, ascending, and their style scores."""

    documents: NDArray[np.int64]
    scores: NDArray[np.float32]

    def of(self, documents: NDArray[np.int64]) -> NDArray[np.float32]:
        return self.scores[np.searchsorted(self.documents, documents)]


@dataclass(frozen=True, slots=True)
class Part:
    """A source or month: its documents and what was drawn of each slice in it."""

    name: str
    documents: int
    cells: tuple[
        tuple[int, int, NDArray[np.int64]], ...
    ]  # slice with references, its different texts here, documents drawn


def describe_shares(
    corpus: LoadedCorpus,
    *,
    chosen: NDArray[np.bool_] | None = None,
    seed: int = 0,
    listener: Listener = nobody,
) -> dict[str, Any] | None:
    """Shares of the corpus, or of its chosen documents, as `origin` of an audit tells them; None without anchors."""
    pack = corpus.anchors
    if pack is None:
        return None
    active = np.ones(len(corpus), np.bool_) if chosen is None else chosen.copy()
    known, order = _by_text(corpus, pack, seed)
    known &= active
    active &= ~known
    slices, names = corpus.slices()
    sources, source_names = corpus.codes("source")
    months = corpus.column("month")
    kept, codes = np.unique(months, return_inverse=True)
    has_references = np.array([name in pack.slices for name in names], np.bool_)
    measurable = active & has_references[slices]
    given = (slices, order, active, measurable)
    whole = _parts(np.zeros(len(corpus), np.int32), ["all"], *given, most=OF_SLICE)
    by_source = _parts(sources, source_names, *given, most=OF_PART)
    by_month = _parts(
        codes.astype(np.int32), [_month(month) for month in kept.tolist()], *given, most=OF_PART
    )
    wanted = [drawn for part in (*whole, *by_source, *by_month) for *_, drawn in part.cells]
    documents = np.unique(np.concatenate([*wanted, np.zeros(0, np.int64)]))
    listener(Progress(stage="scoring", done=0, total=0, unit="documents", documents=len(documents)))
    drawn = Drawn(documents, corpus.style_scores(documents))

    components = load_model().components

    def cells(part: Part, key: str) -> list[Cell]:
        return _cells(part, key, drawn, names, corpus)

    def parts_of_slices(key: str, parts: Sequence[Part]) -> list[dict[str, Any]]:
        rows = []
        for part in parts:
            some = cells(part, f"{key}\n{part.name}")
            found = measure(some, components, documents=part.documents, seed=seed)
            if found is not None:
                row = {key: part.name, **found.to_json()}
                # references speak for the human text of their slice: of one source or month they certify nothing
                del row["certified"]
                rows.append(row)
        return rows

    sizes = np.bincount(slices[active], minlength=len(names))
    parts = [one for part in whole for one in part.cells]
    measured = [
        (cell, share_of(cell, components, seed=seed)) for part in whole for cell in cells(part, "slice")
    ]
    by_slice = [
        {"slice": names[code], **found.to_json()}
        for (code, *_), one in zip(parts, measured, strict=True)
        if (found := together([one], documents=int(sizes[code]))) is not None
    ]
    unknown = np.flatnonzero((sizes > 0) & ~has_references)
    total = together(measured, documents=int(active.sum()))
    return {
        "total": None if total is None else total.to_json(),
        "level": LEVEL,
        "by_slice": by_slice,
        "by_source": parts_of_slices("source", by_source),
        "by_month": parts_of_slices("month", by_month),
        "documents": int(active.sum()),
        "drawn": len(documents),
        "abstained": int(np.count_nonzero(np.isnan(drawn.scores))),
        "references_in_corpus": int(known.sum()),
        "copies": int(measurable.sum()) - sum(count for _, count, _ in parts),
        "without_references": [
            {"slice": names[code], "documents": int(sizes[code])}
            for code in unknown[np.argsort(-sizes[unknown], kind="stable")][:LISTED].tolist()
        ],
        "slices_without_references": len(unknown),
        "style_model": pack.style_model,
        "anchors": _anchors(pack),
    }


def _month(month: int) -> str:
    return UNDATED if month < 0 else month_label(month)


def _by_text(corpus: LoadedCorpus, pack: AnchorPack, seed: int) -> tuple[NDArray[np.bool_], Priorities]:
    """Which documents are references, and the order in which documents are drawn: copies have one place in it."""
    digests = pack.digests
    heads = np.sort(np.array([int.from_bytes(digest[:8], sys.byteorder) for digest in digests], np.uint64))
    known, order = np.zeros(len(corpus), np.bool_), np.zeros(len(corpus), np.uint64)
    for documents, (texts,) in corpus.stream(["sha256"]):
        plain = np.ascontiguousarray(texts).view(np.uint8).reshape(-1, 32)
        order[documents] = priority(seed, plain, np.zeros(len(plain), np.int64))
        head = np.ascontiguousarray(plain[:, :8]).view(np.uint64)[:, 0]
        at = np.searchsorted(heads, head)  # np.isin would take 60 bytes a document
        like = np.flatnonzero(at < heads.size)
        for row in like[heads[at[like]] == head[like]].tolist():
            known[documents[row]] = plain[row].tobytes() in digests
    return known, order


def _parts(
    codes: NDArray[np.integer],
    names: Sequence[str],
    slices: NDArray[np.integer],
    order: NDArray[np.uint64],
    active: NDArray[np.bool_],
    measurable: NDArray[np.bool_],
    *,
    most: int,
) -> list[Part]:
    """The largest parts, and of each the first `most` measurable documents of every slice; `order` ties copies."""
    sizes = np.bincount(codes[active], minlength=len(names))
    largest = np.argsort(-sizes, kind="stable")[:PARTS]
    documents = np.flatnonzero(measurable & np.isin(codes, largest[sizes[largest] > 0]))
    if codes.size < 1 << 31:  # half the memory, and there may be many
        documents = documents.astype(np.int32)
    ranked = documents[np.lexsort((order[documents], slices[documents], codes[documents]))]
    del documents
    part, slice_, place = codes[ranked], slices[ranked], order[ranked]
    new = _changes(part) | _changes(slice_)
    first = new | _changes(place)  # and not a copy of the one before
    ranked, part, slice_, new = ranked[first], part[first], slice_[first], new[first]
    starts = np.flatnonzero(new).tolist()
    cells: dict[int, list[tuple[int, int, NDArray[np.int64]]]] = {}
    for start, end in zip(starts, [*starts[1:], ranked.size], strict=False):
        cell = (
            int(slice_[start]),
            end - start,
            np.sort(ranked[start : min(end, start + most)]).astype(np.int64),
        )
        cells.setdefault(int(part[start]), []).append(cell)
    return [
        Part(names[code], int(sizes[code]), tuple(cells.get(code, ())))
        for code in largest.tolist()
        if sizes[code]
    ]


def _changes(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values differ from the one before; the first does."""
    changes = np.ones(values.size, np.bool_)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _cells(part: Part, key: str, drawn: Drawn, names: Sequence[str], corpus: LoadedCorpus) -> list[Cell]:
    cells = []
    for code, count, documents in part.cells:
        references = corpus.references(names[code])
        assert references is not None  # no other slice has cells
        cells.append(
            Cell(
                key=f"{key}\n{names[code]}",
                documents=count,
                scores=drawn.of(documents),
                human=references[0],
                ai=references[1],
            )
        )
    return cells


def _anchors(pack: AnchorPack) -> list[Mapping[str, Any]]:
    """What the measurement rests on, slice by slice."""
    return [
        {
            "slice": name,
            "human": one.human.documents,
            "ai": 0 if one.ai is None else one.ai.documents,
            "separation": None if one.separation is None else round(one.separation.estimate, 4),
            "warnings": [caution.message for caution in one.warnings],
        }
        for name, one in pack.slices.items()
    ]
