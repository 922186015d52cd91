"""The sections of an audit document, each from columns and rulings; nothing here decides anything."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from wellkeeper.core.dates import CHATGPT_RELEASE
from wellkeeper.core.decision import Ruling
from wellkeeper.core.evidence import KINDS, Strength
from wellkeeper.core.origin import LABELS, Origin
from wellkeeper.core.signals import NO_DATE
from wellkeeper.filter.quality import QUALITY, SETS, failing, first_examples
from wellkeeper.origin.share import CERTIFIED, Slice, by_month, by_source, share
from wellkeeper.recipe.corpus import LoadedCorpus, month_label, quarantine_table

EXAMPLES = 6
QUARANTINE_LISTED = 50

_Name = TypeVar("_Name", str, tuple[str, str])


def describe_inputs(corpus: LoadedCorpus, said: Sequence[str]) -> dict[str, Any]:
    quarantined = quarantine_table(corpus).to_pylist()
    return {
        "documents": len(corpus),
        "bytes": int(corpus.column("bytes").sum()),
        "words": int(corpus.column("words").sum()),
        "quarantined": len(quarantined),
        "files": len(corpus.files),
        "columns": [*said, *(() if corpus.watermarks is None else corpus.watermarks.cautions)],
        "sources": describe_sources(corpus),
        **describe_quarantine(quarantined),
    }


def describe_quarantine(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What could not be read: by code with the first record of each, and the first records of all."""
    first = {record["code"]: record for record in reversed(records)}
    return {
        "quarantine_by_code": [
            {
                "code": code,
                "records": count,
                "example": {key: first[code][key] for key in ("file", "line", "offset", "reason")},
            }
            for code, count in ranked(str(record["code"]) for record in records)
        ],
        "quarantine": [
            {key: record[key] for key in ("file", "line", "offset", "code", "reason")}
            for record in records[:QUARANTINE_LISTED]
        ],
    }


def ranked(values: Iterable[_Name]) -> list[tuple[_Name, int]]:
    """Values with their number, the most frequent first, then by name."""
    return sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))


def describe_sources(corpus: LoadedCorpus) -> list[dict[str, Any]]:
    codes, names = corpus.codes("source")
    captured = corpus.column("captured_at")
    licences, licence_names = corpus.codes("licence")
    origins = corpus.column("origin")
    many = len(names)
    documents = np.bincount(codes, minlength=many)
    size = np.bincount(codes, corpus.column("bytes"), minlength=many)
    words = np.bincount(codes, corpus.column("words"), minlength=many)
    rows = []
    for code in np.argsort(-documents, kind="stable").tolist():
        mine = codes == code
        dates = captured[mine & (captured != NO_DATE)]
        found = np.unique(licences[mine])
        declared = np.bincount(origins[mine], minlength=len(LABELS))
        rows.append(
            {
                "name": names[code],
                "documents": int(documents[code]),
                "bytes": int(size[code]),
                "words": int(words[code]),
                "first": _day(dates.min()) if len(dates) else None,
                "last": _day(dates.max()) if len(dates) else None,
                "licence": ", ".join(licence_names[k] if k >= 0 else "unknown" for k in found.tolist()),
                "origin": LABELS[int(declared.argmax())] if declared.max() == declared.sum() else "mixed",
            }
        )
    return rows


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).date().isoformat()


def describe_origin(
    corpus: LoadedCorpus, shares: Mapping[str, Any] | None = None, people: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the documents declare, what evidence settles, and the share: as people say, or `shares` measured it."""
    declared = np.bincount(corpus.column("origin"), minlength=len(LABELS))
    resolved = np.bincount(corpus.column("origin_resolved"), minlength=len(LABELS))
    mask = corpus.column("evidence_mask")
    captured = corpus.column("captured_at")
    known = captured != NO_DATE
    before = known & (captured < CHATGPT_RELEASE.timestamp())
    source, names = corpus.codes("source")
    origin = corpus.column("origin_resolved")
    conflict = corpus.column("conflict").astype(np.bool_)
    evidence = [
        {
            "kind": kind.name,
            "title": kind.title,
            "strength": kind.strength.label,
            "weight": kind.weight,
            "documents": int(np.count_nonzero(mask >> np.uint64(kind.bit) & np.uint64(1))),
        }
        for kind in KINDS
    ]
    traces = sum(
        (
            np.uint64(1 << kind.bit)
            for kind in KINDS
            if kind.strength is Strength.ARTEFACT and kind.weight >= 1
        ),
        np.uint64(0),
    )
    bounds = share(origin, conflict).to_json()
    sources = [_slice("source", row) for row in by_source(origin, source, names, conflict)]
    months = [_slice("month", row) for row in by_month(origin, captured, conflict)]
    return {
        "declared": {label: int(declared[origin]) for origin, label in enumerate(LABELS)},
        "resolved": {label: int(resolved[origin]) for origin, label in enumerate(LABELS)},
        "share": _headline(bounds, shares) if people is None else people,
        "bounds": bounds,
        "by_slice": [] if shares is None else shares["by_slice"],
        "by_source": _measured("source", sources, shares),
        "by_month": _measured("month", months, shares),
        "measured": None if shares is None else {name: shares[name] for name in _BASIS},
        "evidence": [row for row in evidence if row["documents"]],
        "artefact_documents": int(np.count_nonzero(mask & traces)),
        "conflicts": int(corpus.column("conflict").sum()),
        "dates": {
            "before": int(before.sum()),
            "after": int((known & ~before).sum()),
            "undated": int((~known).sum()),
            "line": CHATGPT_RELEASE.date().isoformat(),
        },
        "examples": _evidence_examples(corpus),
    }


def _slice(key: str, row: Slice) -> dict[str, Any]:
    return {
        key: row.name,
        "documents": row.documents,
        "estimate": row.share.estimate,
        "low": row.share.low,
        "high": row.share.high,
        "method": row.share.method,
    }


_BASIS = (
    "documents", "drawn", "abstained", "references_in_corpus", "copies", "without_references",
    "slices_without_references", "style_model", "anchors",
)  # fmt: skip
"""What the measured shares rest on."""


def _measured(
    key: str, rows: Sequence[Mapping[str, Any]], shares: Mapping[str, Any] | None
) -> list[Mapping[str, Any]]:
    """Rows of bounds, replaced by what was measured where it was."""
    found = {} if shares is None else {row[key]: row for row in shares[f"by_{key}"]}
    return [{**row, **found.get(row[key], {})} for row in rows]


def _headline(bounds: Mapping[str, Any], shares: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The share that the report names first: measured by the anchors if they could, else what labels leave open."""
    if shares is None:
        return bounds
    if shares["total"] is None:
        return {**bounds, "note": f"{_unmeasured(shares)} {bounds['note']}"}
    total = shares["total"]
    note = (
        f"Measured by style in {total['scored']:,} documents drawn, for {total['judged']:,} of "
        f"{total['documents']:,} that can be judged, against {_basis(shares)}. "
    )
    if shares["copies"]:
        copies = "1 copy is" if shares["copies"] == 1 else f"{shares['copies']:,} copies are"
        note += f"{copies} left out: a text counts once. "
    others = total["documents"] - total["judged"] - shares["copies"]
    if others > 0:
        note += (
            f"Of the other {others:,} nothing is known: they are too short, no English prose, of a slice without "
            "references, or of one with too few documents. "
        )
    if total["method"] != "references":
        note += (
            "With human references alone the AI side is taken from the style model's training domains, and AI text "
            "that is like none of them is misjudged: bring as many AI references of your own. "
        )
    if total["certified"] > 0:
        note += (
            f"Whatever the AI text is like, {total['certified']:.1%} or more is not like the human references "
            f"({CERTIFIED:.1%} confidence). "
        )
    note += f"{_would_narrow(shares)}Disguised text and that of base models reads as human: of these there may be more."
    return {**total, "level": shares["level"], "anchored": True, "note": note}


_NARROW = 0.15  # an interval's width that most decisions can be made with


def _would_narrow(shares: Mapping[str, Any]) -> str:
    """How many references would narrow the interval of the largest slice, where it is wide for want of them."""
    from wellkeeper.measure.quantify import references_needed  # what few runs need

    largest = max(shares["by_slice"], key=lambda row: row["documents"])
    known = next(one for one in shares["anchors"] if one["slice"] == largest["slice"])
    more = references_needed(known["human"], known["ai"], width=_NARROW)
    if largest["high"] - largest["low"] <= _NARROW or not more:
        return ""
    where = "" if len(shares["by_slice"]) == 1 else f" for the slice {largest['slice']!r}"
    return f"About {more:,} more references of each kind{where} would narrow the interval to some {_NARROW:.0%}. "


def _basis(shares: Mapping[str, Any]) -> str:
    used = {row["slice"] for row in shares["by_slice"]}
    known = [one for one in shares["anchors"] if one["slice"] in used]
    human, ai = (sum(one[side] for one in known) for side in ("human", "ai"))
    where = "" if len(known) == 1 else f" in {len(known)} slices"
    return f"{human:,} human and {ai:,} AI references{where}" if ai else f"{human:,} human references{where}"


def _unmeasured(shares: Mapping[str, Any]) -> str:
    from wellkeeper.origin.measured import FEWEST_SCORES  # what few runs need

    start = "The anchors could not measure it:"
    if not shares["documents"]:
        return f"{start} every document is one of their references. Give text that is none."
    missing = [row["slice"] for row in shares["without_references"]]
    if not shares["drawn"]:
        known = ", ".join(repr(one["slice"]) for one in shares["anchors"][:6])
        return (
            f"{start} they know the slices {known}, and these documents are of {', '.join(map(repr, missing[:6]))}. "
            "Build anchors with references of these."
        )
    return (
        f"{start} of {shares['drawn']:,} documents drawn, {shares['abstained']:,} are too short or no English prose, "
        f"and no slice is left with {FEWEST_SCORES}. Give more text."
    )


def _evidence_examples(corpus: LoadedCorpus) -> list[dict[str, Any]]:
    """The first two traces of every kind, strongest kinds first, with the text around them."""
    kinds = {kind.bit: kind for kind in KINDS}
    found: dict[int, list[dict[str, Any]]] = {}
    for block, table in corpus.sidecars.companions("spans"):
        for row in table.to_pylist():
            examples = found.setdefault(row["bit"], [])
            if len(examples) < 2:
                examples.append({**row, "document": block.first + row["document"]})
    chosen = [
        (kinds[bit], row) for bit in sorted(found, key=lambda b: -kinds[b].weight) for row in found[bit]
    ][: 2 * EXAMPLES]
    documents = [row["document"] for _, row in chosen]
    ids = corpus.strings("id", documents)
    sources, names = corpus.codes("source")
    return [
        {
            "kind": kind.name,
            "title": kind.title,
            "strength": kind.strength.label,
            "id": id_,
            "source": names[sources[row["document"]]],
            "before": row["before"],
            "match": row["matched"],
            "after": row["after"],
        }
        for (kind, row), id_ in zip(chosen, ids, strict=True)
    ]


def describe_duplicates(corpus: LoadedCorpus, exact: Ruling, near: Ruling) -> dict[str, Any]:
    codes, names = corpus.codes("source")
    documents = np.bincount(codes, minlength=len(names))
    lost = [np.bincount(codes[ruling.documents], minlength=len(names)) for ruling in (exact, near)]
    return {
        "exact": {"groups": exact.facts["groups"], "redundant": len(exact.documents)},
        "near": {
            "similarity": near.facts["similarity"],
            "clusters": near.facts["clusters"],
            "redundant": len(near.documents),
            "largest": near.facts["largest"],
            "candidates": near.facts["candidates"],
            "verified": near.facts["comparisons"],
        },
        "by_source": [
            {
                "source": names[code],
                "documents": int(documents[code]),
                "exact": int(lost[0][code]),
                "near": int(lost[1][code]),
                "share": float((lost[0][code] + lost[1][code]) / documents[code]),
            }
            for code in np.argsort(-(lost[0] + lost[1]), kind="stable").tolist()
            if lost[0][code] + lost[1][code]
        ],
        "sizes": near.facts["sizes"],
        "examples": [
            *_duplicate_examples(corpus, near, "near"),
            *_duplicate_examples(corpus, exact, "exact"),
        ],
    }


def _duplicate_examples(corpus: LoadedCorpus, ruling: Ruling, kind: str) -> list[dict[str, Any]]:
    """The largest groups first, then those whose copies differ most."""
    if not len(ruling.documents):
        return []
    survivors, first, sizes = np.unique(ruling.survivor, return_index=True, return_counts=True)
    order = np.lexsort((survivors, ruling.score[first], -sizes))[
        : EXAMPLES if kind == "near" else EXAMPLES // 2
    ]
    groups = [
        (int(survivors[k]), np.flatnonzero(ruling.survivor == survivors[k])[:3], int(sizes[k])) for k in order
    ]
    wanted = sorted({d for s, rows, _ in groups for d in (s, *ruling.documents[rows].tolist())})
    shown = dict(zip(wanted, _shown(corpus, wanted), strict=True))
    return [
        {
            "kind": kind,
            "size": size + 1,
            "survivor": shown[survivor],
            "removed": [
                {**shown[int(ruling.documents[row])], "similarity": round(float(ruling.score[row]), 4)}
                for row in rows.tolist()
            ],
        }
        for survivor, rows, size in groups
    ]


def _shown(corpus: LoadedCorpus, documents: Sequence[int]) -> list[dict[str, Any]]:
    codes, names = corpus.codes("source")
    origins = corpus.column("origin_resolved")
    ids, excerpts = corpus.strings("id", documents), corpus.strings("excerpt", documents)
    return [
        {"id": i, "source": names[codes[d]], "origin": Origin(int(origins[d])).label, "excerpt": excerpt}
        for d, i, excerpt in zip(documents, ids, excerpts, strict=True)
    ]


def describe_quality(corpus: LoadedCorpus) -> tuple[list[dict[str, Any]], int]:
    """Rules that some document fails, most failed first, and how many documents fail a rule of the default sets."""
    everything = np.ones(len(corpus), np.bool_)
    rows = []
    for name, rules in SETS.items():
        options = QUALITY.check({"rules": [name]})
        counts = failing(corpus, everything, options)
        examples = first_examples(corpus, everything, options, each=1)
        rows += [
            {
                "rule": rule.name,
                "set": name,
                "title": rule.title,
                "documents": counts[rule.name],
                "share": counts[rule.name] / len(corpus),
                "threshold": f"{rule.comparison} {rule.threshold:g}",
                "source": rule.source,
                "example": _shown(corpus, [int(examples[rule.name][0])])[0],
            }
            for rule in rules
            if counts[rule.name]
        ]
    default = QUALITY.rule(corpus, everything, QUALITY.check({}))
    return sorted(rows, key=lambda row: (-row["documents"], row["rule"])), len(default.documents)


def months_of(corpus: LoadedCorpus, chosen: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Documents by month of capture, before and after a choice."""
    found, codes = np.unique(corpus.column("month"), return_inverse=True)
    before, after = (np.bincount(c, minlength=len(found)) for c in (codes, codes[chosen]))
    return [
        {"month": month_label(month), "before": int(b), "after": int(a)}
        for month, b, a in zip(found.tolist(), before, after, strict=True)
    ]
