"""Repeated passages after all decisions: what is cut or weighed in the end, and the figures about them.

A span is cut, or lowers a weight, only if its holder is in the output. What is cut therefore stands in the output: in
the holder, or, where that is itself cut, in the holder of that span, and so on up to a document that keeps it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.core.decision import Indices, RepeatedSpans, SpanAction, Stretches
from wellkeeper.engine.readers.columns import text_buffers
from wellkeeper.filter.passages import REPEATED_PASSAGES, covered_words, union_of
from wellkeeper.kernels import text
from wellkeeper.ledger.rows import SPANS, table_of
from wellkeeper.recipe.corpus import LoadedCorpus, Quotes
from wellkeeper.recipe.decide import NO_CUTS, Cuts, Decisions, code_of
from wellkeeper.recipe.textpass import tables

SOURCES = 200  # in the figures; a report shows fewer


def fingerprint_words(steps: Sequence[tuple[str, Mapping[str, Any]]]) -> int:
    """Length of the shared runs that the text pass makes fingerprints for; 0 where no step asks for any."""
    asked = [
        int(REPEATED_PASSAGES.check(options)["words"])
        for step, options in steps
        if step == REPEATED_PASSAGES.name
    ]
    return min(asked, default=0)


def settle(corpus: LoadedCorpus, decisions: Decisions) -> None:
    """Enter what becomes of repeated spans, once it is known which documents stay."""
    words = corpus.column("words")
    cut = [NO_CUTS.stretches]
    for number, spans in enumerate(decisions.spans):
        done = decisions.kept[spans.span.document] & decisions.kept[spans.holder]
        pending = (spans.action == SpanAction.CUT) | (spans.action == SpanAction.WEIGHED)
        action = np.where(pending & ~done, np.uint8(SpanAction.REPORTED), spans.action)
        decisions.spans[number] = replace(spans, action=action)
        documents, covered = covered_words(_where(spans.span, action == SpanAction.WEIGHED))
        _enter(decisions, spans.step, "repeated-passages-weighed", documents, covered / words[documents])
        decisions.weight[documents] *= (1 - covered / words[documents]).astype(np.float32)
        cut.append(_where(spans.span, action == SpanAction.CUT))
        documents, covered = covered_words(cut[-1])
        _enter(decisions, spans.step, "repeated-passages-cut", documents, covered / words[documents])
    decisions.cuts = _measured(corpus, union_of(Stretches(*map(np.concatenate, zip(*cut, strict=True)))))


def _measured(corpus: LoadedCorpus, stretches: Stretches) -> Cuts:
    """The cuts with their sizes; reads the texts again where there are any."""
    documents, words = covered_words(stretches)
    if not len(documents):
        return NO_CUTS
    quotes = corpus.quotes(stretches)
    at = np.searchsorted(stretches.document, documents)
    sizes = np.add.reduceat(quotes.end - quotes.start, at)
    return Cuts(stretches=stretches, documents=documents, words=words, bytes=sizes)


def _where(stretches: Stretches, chosen: NDArray[np.bool_]) -> Stretches:
    return Stretches(*(column[chosen] for column in stretches))


def _enter(
    decisions: Decisions, step: str, reason: str, documents: Indices, shares: NDArray[np.float64]
) -> None:
    """Record a step and its reason for documents that it changes and keeps."""
    if len(documents):
        decisions.step[documents] = code_of(decisions.steps, step)
        decisions.reason[documents] = code_of(decisions.reasons, reason)
        decisions.score[documents] = shares


def without(column: pa.ChunkedArray, cuts: Stretches) -> pa.Array:
    """The texts less some of their words; `cuts.document` are rows of the column, ascending.

    A stretch goes with the separators behind it, up to the word that follows.
    """
    data, offsets = text_buffers(column)
    low, high = int(offsets[0]), int(offsets[-1])
    rows = np.unique(cuts.document)
    bounds, _, firsts, _ = text.word_places(data, offsets, tables(), rows)
    kept = np.ones(len(data), np.bool_)
    place = np.searchsorted(rows, cuts.document)
    for row, k, first, last in zip(
        cuts.document.tolist(), place.tolist(), cuts.first.tolist(), cuts.last.tolist(), strict=True
    ):
        begin, size = int(bounds[k]), int(bounds[k + 1] - bounds[k])
        start = offsets[row] + firsts[begin + first]
        kept[start : offsets[row] + firsts[begin + last] if last < size else offsets[row + 1]] = False
    left = np.zeros(high - low + 1, np.int64)
    np.cumsum(kept[low:high], out=left[1:])
    letters = pa.py_buffer(data[low:high][kept[low:high]])
    return pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(left[offsets - low]), letters)


def span_rows(corpus: LoadedCorpus, decisions: Decisions, low: int, high: int) -> pa.Table:
    """Rows of `ledger/spans` for documents from `low` to `high`."""
    spans, steps = _joined(decisions.spans)
    some = slice(*np.searchsorted(spans.span.document, (low, high)).tolist())
    span = Stretches(*(column[some] for column in spans.span))
    words = span.last - span.first
    holder, first = spans.holder[some], spans.holder_first[some]
    there = Stretches(holder, first, first + words)
    quoted = _unsorted(corpus.quotes, Stretches(*map(np.concatenate, zip(span, there, strict=True))))
    mine, held = slice(len(words)), slice(len(words), None)
    return table_of(
        {
            "row": span.document.astype(np.uint64),
            "id": corpus.strings("id", span.document.tolist()),
            "start": quoted.start[mine],
            "end": quoted.end[mine],
            "words": words.astype(np.int32),
            "holder": holder.astype(np.uint64),
            "holder_id": corpus.strings("id", holder.tolist()),
            "holder_start": quoted.start[held],
            "holder_end": quoted.end[held],
            "frequency": spans.frequency[some],
            "action": spans.action[some],
            "step": steps[some],
            "matched": quoted.text[mine],
        },
        labels={
            "step": [one.step for one in decisions.spans],
            "action": [action.label for action in SpanAction],
        },
        schema=SPANS,
    )


def _joined(spans: Sequence[RepeatedSpans]) -> tuple[RepeatedSpans, NDArray[np.int64]]:
    """Spans of all steps as one, by document and first word, and the number of each one's step."""
    columns = [(*s.span, s.holder, s.holder_first, s.frequency, s.action) for s in spans]
    joined = [np.concatenate(column) for column in zip(*columns, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    document, first, last, holder, holder_first, frequency, action = (column[order] for column in joined)
    steps = np.repeat(np.arange(len(spans)), [len(one.holder) for one in spans])
    return RepeatedSpans(
        step="",
        span=Stretches(document, first, last),
        holder=holder,
        holder_first=holder_first,
        frequency=frequency,
        action=action,
    ), steps[order]


def _unsorted(read: Callable[[Stretches], Quotes], stretches: Stretches) -> Quotes:
    """Quotes of stretches in any order and with repeats; each is read once."""
    distinct, back = np.unique(np.stack(stretches), axis=1, return_inverse=True)
    found = read(Stretches(*distinct))
    back = back.reshape(-1)
    return Quotes(found.start[back], found.end[back], [found.text[k] for k in back.tolist()])


def describe_passages(corpus: LoadedCorpus, decisions: Decisions) -> dict[str, Any] | None:
    """The `passages` section of a curation; None where no step looked for any."""
    if not decisions.spans:
        return None
    ruling = decisions.rulings[REPEATED_PASSAGES.name]
    facts = ruling.facts
    spans, _ = _joined(decisions.spans)
    documents, repeated = covered_words(spans.span)
    all_words = corpus.column("words")
    searched = facts["searched"]
    passages = facts["passages"]
    read = _unsorted(corpus.quotes, _stretches_of(passages))
    holders = corpus.strings("id", [passage["holder"] for passage in passages])
    return {
        "words": facts["words"],
        "action": facts["action"],
        "share": facts["share"],
        "max_frequency": facts["max_frequency"],
        "searched": {name: sum(row[name] for row in searched) for name in ("documents", "words")},
        "documents": len(documents),
        "repeated_words": int(repeated.sum()),
        "spans": len(spans.holder),
        "actions": {
            action.label: _figures(_where(spans.span, spans.action == action)) for action in SpanAction
        },
        "at_share": int(np.count_nonzero(repeated >= facts["share"] * all_words[documents])),
        "by_source": _by_source(corpus, searched, documents, repeated),
        "passages": [
            {
                "frequency": passage["frequency"],
                "words": passage["words"],
                "holder": holder,
                "excerpt": excerpt,
                "sources": passage["sources"],
            }
            for passage, holder, excerpt in zip(passages, holders, read.text, strict=True)
        ],
    }


def _stretches_of(passages: Sequence[Mapping[str, int]]) -> Stretches:
    columns = np.array([(p["holder"], p["first"], p["first"] + p["words"]) for p in passages], np.int64)
    return Stretches(*columns.reshape(-1, 3).T)


def _figures(spans: Stretches) -> dict[str, int]:
    documents, words = covered_words(spans)
    return {"documents": len(documents), "spans": len(spans.document), "words": int(words.sum())}


def _by_source(
    corpus: LoadedCorpus,
    searched: Sequence[Mapping[str, Any]],
    documents: Indices,
    repeated: NDArray[np.int64],
) -> list[dict[str, Any]]:
    """Repeated words and all words searched of each source with any, the largest share first."""
    sources, names = corpus.codes("source")
    theirs = np.bincount(sources[documents], weights=repeated, minlength=len(names)).astype(np.int64)
    repeated_of = dict(zip(names, theirs.tolist(), strict=True))
    found = [
        {**row, "repeated_words": count, "share": count / row["words"]}
        for row in searched
        if (count := repeated_of[row["source"]])
    ]
    return sorted(found, key=lambda row: (-row["share"], row["source"]))[:SOURCES]
