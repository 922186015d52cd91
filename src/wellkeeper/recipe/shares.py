"""How much of a corpus is AI-made, by anchors: draw documents of every slice, source and month, score and measure them.

A share needs some hundreds of documents and not all of them, so a corpus of any size costs about the same: within each
slice the first documents by priority, a hash of seed and text, are read again and scored. Reference texts that the
corpus holds are left out: they would count twice.
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wellkeeper.engine.progress import Listener, Progress, nobody
from wellkeeper.origin.anchors import AnchorPack
from wellkeeper.origin.measured import Cell, Measured, measure
from wellkeeper.origin.share import LEVEL, UNDATED
from wellkeeper.origin.style import load_model
from wellkeeper.recipe.corpus import LoadedCorpus, month_label

OF_SLICE = 2_000
"""Documents drawn of a slice. With 300, the references and not the draw make up most of an interval's width."""
OF_PART = 300
"""Documents drawn of what one slice has of one source or month."""
PARTS = 50
"""Sources, and months, that are measured, the largest first: more than a report shows."""


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
    ]  # slice with references, its documents here, those drawn


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
    known = _references_among(corpus, pack) & active
    active &= ~known
    slices, names = corpus.slices()
    sources, source_names = corpus.codes("source")
    months = corpus.column("month")
    kept, codes = np.unique(months, return_inverse=True)
    has_references = np.array([name in pack.slices for name in names], np.bool_)
    given = (slices, corpus.column("priority"), active, active & has_references[slices])
    whole = _parts(np.zeros(len(corpus), np.int64), ["all"], *given, most=OF_SLICE)
    by_source = _parts(sources, source_names, *given, most=OF_PART)
    by_month = _parts(codes, [_month(month) for month in kept.tolist()], *given, most=OF_PART)
    wanted = [drawn for part in (*whole, *by_source, *by_month) for *_, drawn in part.cells]
    documents = np.unique(np.concatenate([*wanted, np.zeros(0, np.int64)]))
    listener(Progress(stage="scoring", done=0, total=0, unit="documents", documents=len(documents)))
    drawn = Drawn(documents, corpus.style_scores(documents))

    def measured(part: Part, kind: str) -> Measured | None:
        cells = _cells(part, kind, drawn, names, pack)
        return measure(cells, load_model().components, documents=part.documents, seed=seed)

    def rows(key: str, parts: Sequence[Part]) -> list[dict[str, Any]]:
        found = [(part, measured(part, key)) for part in parts]
        return [{key: part.name, **one.to_json()} for part, one in found if one is not None]

    each = [
        Part(names[code], count, ((code, count, some),)) for part in whole for code, count, some in part.cells
    ]
    total = measured(whole[0], "slice") if whole else None
    return {
        "total": None if total is None else total.to_json(),
        "level": LEVEL,
        "by_slice": rows("slice", each),
        "by_source": rows("source", by_source),
        "by_month": rows("month", by_month),
        "documents": int(active.sum()),
        "drawn": len(documents),
        "abstained": int(np.count_nonzero(np.isnan(drawn.scores))),
        "references_in_corpus": int(known.sum()),
        "without_references": _without_references(slices, names, active, pack),
        "style_model": pack.style_model,
        "anchors": _anchors(pack),
    }


def _month(month: int) -> str:
    return UNDATED if month < 0 else month_label(month)


def _references_among(corpus: LoadedCorpus, pack: AnchorPack) -> NDArray[np.bool_]:
    digests = pack.digests
    heads = np.array([int.from_bytes(digest[:8], sys.byteorder) for digest in digests], np.uint64)
    texts = corpus.column("sha256")
    like = np.isin(np.ascontiguousarray(texts).view(np.uint64).reshape(-1, 4)[:, 0], heads)
    found = np.zeros(len(corpus), np.bool_)
    for document in np.flatnonzero(like).tolist():
        found[document] = texts[document].tobytes() in digests
    return found


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
    """The largest parts, and of each the first `most` measurable documents by priority in every slice."""
    sizes = np.bincount(codes[active], minlength=len(names))
    largest = np.argsort(-sizes, kind="stable")[:PARTS]
    documents = np.flatnonzero(measurable & np.isin(codes, largest[sizes[largest] > 0]))
    ranked = documents[np.lexsort((order[documents], slices[documents], codes[documents]))]
    part, slice_ = codes[ranked], slices[ranked]
    new = np.r_[True, (np.diff(part) != 0) | (np.diff(slice_) != 0)][: ranked.size]
    starts = np.flatnonzero(new).tolist()
    cells: dict[int, list[tuple[int, int, NDArray[np.int64]]]] = {}
    for start, end in zip(starts, [*starts[1:], ranked.size], strict=False):
        cell = (int(slice_[start]), end - start, np.sort(ranked[start : min(end, start + most)]))
        cells.setdefault(int(part[start]), []).append(cell)
    return [
        Part(names[code], int(sizes[code]), tuple(cells.get(code, ())))
        for code in largest.tolist()
        if sizes[code]
    ]


def _cells(part: Part, kind: str, drawn: Drawn, names: Sequence[str], pack: AnchorPack) -> list[Cell]:
    cells = []
    for code, count, documents in part.cells:
        found = pack.references(names[code])
        cells.append(
            Cell(
                # the whole corpus is measured slice by slice, and its slices are those very cells
                key=f"{kind}\n{part.name}\n{names[code]}" if kind != "slice" else f"slice\n{names[code]}",
                documents=count,
                scores=drawn.of(documents),
                human=found.human,
                ai=np.zeros(0, np.float32) if found.ai is None else found.ai,
            )
        )
    return cells


def _without_references(
    slices: NDArray[np.integer], names: Sequence[str], active: NDArray[np.bool_], pack: AnchorPack
) -> list[dict[str, Any]]:
    """Slices of the corpus that the pack knows nothing of, the largest first."""
    sizes = np.bincount(slices[active], minlength=len(names)).tolist()
    missing = Counter(
        {name: size for name, size in zip(names, sizes, strict=True) if size and name not in pack.slices}
    )
    return [{"slice": name, "documents": count} for name, count in missing.most_common(20)]


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
