"""What became of all the documents: the figures of a run, counted from its ledger rows."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from wellkeeper.core.decision import Decision
from wellkeeper.errors import WorkError

_KEYS = tuple("group source origin origin_declared licence consent depth decision step reason".split())
COUNTED = (*_KEYS, "words", "bytes", "cut_words", "cut_bytes")
"""Columns that `counts_of` looks at."""
_Tally: TypeAlias = Counter[tuple[str | None, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCount:
    """Documents that one step dropped or held back for one reason."""

    step: str
    reason: str
    decision: str
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCount:
    """What became of the documents of one source; `group` is the recipe's source that brought it."""

    group: str
    source: str
    documents: int
    kept: int
    dropped: int
    review: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginCount:
    """Documents of one resolved origin, and what their sources had declared."""

    origin: str
    declared: str
    documents: int
    kept: int
    kept_words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenceCount:
    """Kept documents under one licence; None where none is known."""

    licence: str | None
    kept: int
    kept_words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentCount:
    """Documents whose rights holders agree to training, or not, as far as is known: a `core.rights.Consent`."""

    consent: str
    documents: int
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCount:
    """Documents with so many generations of models behind them; 255: nobody knows."""

    depth: int
    documents: int
    kept: int
    kept_words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """`read` counts records, quarantined ones included: read = kept + dropped + review + quarantined."""

    read: int
    kept: int
    dropped: int
    review: int
    quarantined: int
    kept_words: int
    kept_bytes: int
    by_step_reason: tuple[StepCount, ...]
    by_source: tuple[SourceCount, ...]
    by_origin: tuple[OriginCount, ...]
    by_licence: tuple[LicenceCount, ...]
    by_consent: tuple[ConsentCount, ...] = ()  # of manifests of earlier versions these two are not known
    by_depth: tuple[DepthCount, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def counts_of(tables: Iterable[pa.Table | pa.RecordBatch], *, read: int, quarantined: int) -> Counts:
    """Count ledger rows. `read` is what the readers saw, and comes from them: `reconcile` compares.

    Give a data set's `to_batches(columns=[*COUNTED])` to keep memory flat.
    """
    documents: _Tally = Counter()
    words: _Tally = Counter()
    size: _Tally = Counter()
    for table in tables:
        for row in _grouped(table):
            key = tuple(row[name] for name in _KEYS)
            documents[key] += row["words_count"]
            words[key] += row["words_sum"]
            size[key] += row["bytes_sum"]

    def by(*names: str, tally: _Tally = documents, decision: Decision | None = None) -> _Tally:
        return _marginal(tally, names, None if decision is None else decision.label)

    def one(decision: Decision, tally: _Tally = documents) -> int:
        return by(tally=tally, decision=decision)[()]

    return Counts(
        read=read,
        kept=one(Decision.KEEP),
        dropped=one(Decision.DROP),
        review=one(Decision.REVIEW),
        quarantined=quarantined,
        kept_words=one(Decision.KEEP, words),
        kept_bytes=one(Decision.KEEP, size),
        by_step_reason=_steps(by),
        by_source=_sources(by),
        by_origin=_origins(by, words),
        by_licence=_licences(by, words),
        by_consent=_consents(by),
        by_depth=_depths(by, words),
    )


_By: TypeAlias = Callable[..., _Tally]


def _grouped(table: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    # Dictionaries differ from part to part and cannot be grouped together; their strings can.
    columns: dict[str, Any] = {name: table.column(name).cast(pa.string()) for name in _KEYS}
    columns |= {name: _written(table, name) for name in ("words", "bytes")}
    grouped = pa.table(columns).group_by(list(_KEYS))
    result = grouped.aggregate([("words", "count"), ("words", "sum"), ("bytes", "sum")])
    rows: list[dict[str, Any]] = result.to_pylist()
    return rows


def _written(table: pa.Table | pa.RecordBatch, name: str) -> Any:
    """Words or bytes of the texts as written out: those that a step cut count no more."""
    whole = table.column(name).cast(pa.int64())
    if f"cut_{name}" not in table.schema.names:  # a ledger of an earlier version
        return whole
    return pc.subtract(whole, pc.fill_null(table.column(f"cut_{name}").cast(pa.int64()), 0))


def _marginal(tally: _Tally, names: tuple[str, ...], decision: str | None) -> _Tally:
    places = [_KEYS.index(name) for name in names]
    decided = _KEYS.index("decision")
    total: _Tally = Counter()
    for key, count in tally.items():
        if decision is None or key[decided] == decision:
            total[tuple(key[place] for place in places)] += count
    return total


def _ordered(tally: _Tally) -> list[tuple[str | None, ...]]:
    """Keys by falling count, ties by name: an order that does not depend on the order of rows."""
    return sorted(tally, key=lambda key: (-tally[key], [part or "" for part in key]))


def _steps(by: _By) -> tuple[StepCount, ...]:
    tally = by("step", "reason", "decision")
    return tuple(
        StepCount(
            step=step or "", reason=reason or "", decision=decision, documents=tally[step, reason, decision]
        )
        for step, reason, decision in _ordered(tally)
        if decision is not None and decision != Decision.KEEP.label
    )


def _sources(by: _By) -> tuple[SourceCount, ...]:
    names = ("group", "source")
    every = by(*names)
    kept, dropped, review = (by(*names, decision=decision) for decision in Decision)
    return tuple(
        SourceCount(
            group=str(key[0]),
            source=str(key[1]),
            documents=every[key],
            kept=kept[key],
            dropped=dropped[key],
            review=review[key],
        )
        for key in _ordered(every)
    )


def _origins(by: _By, words: _Tally) -> tuple[OriginCount, ...]:
    names = ("origin", "origin_declared")
    every, kept = by(*names), by(*names, decision=Decision.KEEP)
    kept_words = by(*names, tally=words, decision=Decision.KEEP)
    return tuple(
        OriginCount(
            origin=str(key[0]),
            declared=str(key[1]),
            documents=every[key],
            kept=kept[key],
            kept_words=kept_words[key],
        )
        for key in _ordered(every)
    )


def _licences(by: _By, words: _Tally) -> tuple[LicenceCount, ...]:
    kept = by("licence", decision=Decision.KEEP)
    kept_words = by("licence", tally=words, decision=Decision.KEEP)
    return tuple(
        LicenceCount(licence=key[0], kept=kept[key], kept_words=kept_words[key]) for key in _ordered(kept)
    )


def _consents(by: _By) -> tuple[ConsentCount, ...]:
    every, kept = by("consent"), by("consent", decision=Decision.KEEP)
    return tuple(
        ConsentCount(consent=str(key[0]), documents=every[key], kept=kept[key]) for key in _ordered(every)
    )


def _depths(by: _By, words: _Tally) -> tuple[DepthCount, ...]:
    every, kept = by("depth"), by("depth", decision=Decision.KEEP)
    kept_words = by("depth", tally=words, decision=Decision.KEEP)
    counts = [
        DepthCount(depth=int(key[0] or 0), documents=every[key], kept=kept[key], kept_words=kept_words[key])
        for key in every
    ]
    return tuple(sorted(counts, key=lambda count: count.depth))


def reconcile(counts: Counts) -> None:
    """Check that every record read has exactly one fate.

    Raises:
        WorkError: read != kept + dropped + review + quarantined.
    """
    fates = counts.kept + counts.dropped + counts.review + counts.quarantined
    if counts.read != fates:
        raise WorkError(
            f"{counts.read:,} records were read, and {fates:,} have a fate ({counts.kept:,} kept, "
            f"{counts.dropped:,} dropped, {counts.review:,} for review, {counts.quarantined:,} quarantined). "
            "Do not use this output: run again with --fresh, and report it if the figures still differ."
        )
