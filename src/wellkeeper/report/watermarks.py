"""What watermark keys found -> lines of text, one fact each."""

from collections.abc import Mapping, Sequence
from typing import Any

from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_LISTED = 10  # documents that are named


def detection_lines(document: Document) -> list[str]:
    """A document of schema `wellkeeper.watermark/1` as lines."""
    document = visible_tree(document)
    inputs, control, share = document["inputs"], document["control"], document["share"]
    marked, documents = document["marked"], inputs["documents"]
    found = "no document carries" if not marked else f"{marked:,} of {documents:,} documents carry"
    rate = f"at most {control['false_discovery_rate']:.2%} of calls false, in expectation, by {control['method']}"
    lines = [f"{found} the mark of {_keys(document['keys'])} ({rate})"]
    lines += [f"  {one_line(_document(row), 200)}" for row in _strongest(document["documents"])]
    if marked > _LISTED:
        lines.append(f"  ... and {marked - _LISTED:,} more; --out DIR writes all")
    if share["documents"]:
        lines.append(
            f"share of marked documents: {share['estimate']:.1%}, at least {share['low']:.1%} with 95 % confidence if "
            "they share little"
        )
    if document["too_short"]:
        lines.append(f"too short to tell: {document['too_short']:,}")
    lines += _told(document)
    lines.append("A document without a mark is not thereby human: only these keys were looked for.")
    return lines


def _keys(keys: Sequence[Document]) -> str:
    named = [f"{key['id'][:12]} ({key['scheme']})" for key in keys]
    return named[0] if len(named) == 1 else f"one of {len(named)} keys"


def _strongest(rows: Sequence[Document]) -> list[Document]:
    marked = [row for row in rows if row["marked"]]
    return sorted(marked, key=lambda row: row["p_value"])[:_LISTED]


def _document(row: Document) -> str:
    return (
        f"{row['id']}: p {_p(row['p_value'])}, {row['scored']:,} of {row['tokens']:,} tokens counted, key "
        f"{row['key'][:12]}"
    )


def pooled_lines(document: Document) -> list[str]:
    """A document of schema `wellkeeper.radioactivity/1` as lines."""
    document = visible_tree(document)
    lines = []
    for key in document["keys"]:
        verdict = "above chance" if key["above_chance"] else "no more than chance"
        lines.append(
            f"{key['id'][:12]} ({key['scheme']}): {verdict}, p {_p(key['p_value'])} over {key['ngrams']:,} distinct "
            f"n-grams of {key['documents']:,} documents{_left_out(key['left_out'])}"
        )
    return lines + _told(document)


def _told(document: Document) -> list[str]:
    """What could not be read, which columns were guessed, and what to know of the keys' schemes."""
    inputs = document["inputs"]
    lines = [f"could not be read: {inputs['quarantined']:,} records"] if inputs["quarantined"] else []
    return [*lines, *(one_line(sentence, 200) for sentence in inputs["columns"]), *document["cautions"]]


def _left_out(ngrams: int) -> str:
    return f"; {ngrams:,} that stand in other text were left out" if ngrams else ""


def _p(value: float) -> str:
    return f"{value:.2g}"
