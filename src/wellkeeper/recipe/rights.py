"""Rights and descent: what the text pass records of each document, and what ledger and reports tell of them."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from wellkeeper.core.lineage import UNKNOWN_DEPTH, depth_in, parents_in
from wellkeeper.core.marks import RawSignal, signals_json, signals_of
from wellkeeper.core.optouts import KINDS, allowed_by, denied_by, is_conflict, resolve_column, statements_of
from wellkeeper.core.rights import (
    CONSENTS,
    Consent,
    declared_consent,
    is_open,
    is_recognised,
    licence_expression,
    licences_of,
)
from wellkeeper.engine.readers.base import InputFile
from wellkeeper.engine.site_files import site_files
from wellkeeper.ledger.rows import SIGNALS, table_of

if TYPE_CHECKING:
    from wellkeeper.engine.sidecar import SidecarBlock
    from wellkeeper.recipe.corpus import LoadedCorpus
    from wellkeeper.recipe.textpass import Group


VERSION = "rights.2"
"""Changes with how signals, licences and consent are read: sidecars made with another are made anew."""


class RightsColumns(NamedTuple):
    """Of the documents of a block; columns have one value a document."""

    signals: pa.Array  # as `core.marks.signals_json` writes them, those of site files with them
    consent: NDArray[np.uint8]  # `Consent`
    mask: NDArray[np.uint16]  # see `core.optouts.KINDS`
    depth: NDArray[np.uint8]  # generations of models, as the document, its source or its file says
    not_understood: dict[str, int]  # role -> documents whose value says nothing


def rights_columns(table: pa.Table, group: "Group", file: InputFile, marks: pa.Table) -> RightsColumns:
    """Rights of a block's documents; `marks` are the rows of those that bear any (`wellkeeper.recipe.marked`)."""
    signals = _signals(table, group, marks)
    declared, bad_consents = _consents(table, group.consent)
    depth, bad_depths = _depths(table, group.depth, file.depth)
    resolved = [resolve_column(said, label) for said, label in zip(signals, declared, strict=True)]
    return RightsColumns(
        signals=pa.array(signals, pa.string()),
        consent=np.array([consent for consent, _ in resolved], np.uint8),
        mask=np.array([mask for _, mask in resolved], np.uint16),
        depth=depth,
        not_understood={"consent": bad_consents, "depth": bad_depths},
    )


def _signals(table: pa.Table, group: "Group", marks: pa.Table) -> list[str | None]:
    """Signals of each document, and those that its site's files have for its address."""
    own: list[str | None] = [None] * len(table)
    for document, written in zip(marks["document"].to_pylist(), marks["signals"].to_pylist(), strict=True):
        own[document] = written
    if group.site_files is None:
        return own
    files = site_files(*group.site_files)
    addresses = table.column("declared_domain").to_pylist()
    of_site = {address: files.signals(address) for address in dict.fromkeys(addresses)}
    return [
        _joined(mine, of_site[address]) if of_site[address] else mine
        for mine, address in zip(own, addresses, strict=True)
    ]


@lru_cache(1 << 12)  # most pages of a site are told the same
def _joined(mine: str | None, of_site: tuple[RawSignal, ...]) -> str | None:
    return signals_json((*signals_of(mine), *of_site))


def licences_or_pages(declared: pa.Array, marks: pa.Table) -> pa.Array:
    """The licences declared; where there is none, the one that the page names, if it is certain and no other."""
    if not declared.null_count or not len(marks):
        return declared
    licences: list[str | None] = declared.to_pylist()
    for document, written in zip(marks["document"].to_pylist(), marks["signals"].to_pylist(), strict=True):
        licences[document] = licences[document] or _licence_of_page(written)
    return pa.array(licences, pa.string())


@lru_cache(1 << 12)
def _licence_of_page(written: str | None) -> str | None:
    named = {licence_expression(s.value) for s in signals_of(written) if s.kind == "licence"} - {None}
    certain = [name for name in named if name is not None and all(map(is_recognised, licences_of(name)))]
    return certain[0] if len(certain) == 1 else None


def _consents(table: pa.Table, default: str | None) -> tuple[list[Consent], int]:
    said = _filled(table, "declared_consent", default)
    known = {label: declared_consent(label) for label in dict.fromkeys(said)}
    return [known[label] or Consent.UNKNOWN for label in said], sum(known[label] is None for label in said)


def _depths(table: pa.Table, default: str | None, of_file: int | None) -> tuple[NDArray[np.uint8], int]:
    said = _filled(table, "declared_depth", default)
    known = {text: depth_in(text) for text in dict.fromkeys(said)}
    otherwise = UNKNOWN_DEPTH if of_file is None else of_file
    depths = [otherwise if known[text] in {None, UNKNOWN_DEPTH} else known[text] for text in said]
    return np.array(depths, np.uint8), sum(known[text] is None for text in said)


def _filled(table: pa.Table, name: str, default: str | None) -> list[str | None]:
    values: list[Any] = table.column(name).to_pylist()
    return values if default is None else [default if value in {None, ""} else value for value in values]


def parent_rows(table: pa.Table) -> pa.Table:
    """Parents that documents of a block name, as written; a row each."""
    named = list(_named(table.column("declared_parents").to_pylist()))
    return pa.table(
        {
            "document": pa.array([document for document, _ in named], pa.int64()),
            "parent": pa.array([parent for _, parent in named], pa.string()),
        }
    )


def _named(values: list[str | None]) -> Iterator[tuple[int, str]]:
    for document, value in enumerate(values):
        for parent in parents_in(value):
            yield document, parent


def has_signals(corpus: "LoadedCorpus") -> bool:
    """Whether any document of the corpus bears a signal."""
    return any(_may_bear(block) for block in corpus.sidecars.blocks)


def _may_bear(block: "SidecarBlock") -> bool:
    constants = block.facts["constants"]
    return block.documents > 0 and ("signals" not in constants or constants["signals"] is not None)


def signal_table(corpus: "LoadedCorpus", low: int, high: int) -> pa.Table:
    """The ledger's rows of statements found in or beside documents [low, high), a block's documents at once."""
    rows: list[tuple[Any, ...]] = []
    for block in corpus.sidecars.blocks:
        if low <= block.first < high and _may_bear(block):
            table = pq.read_table(block.path, columns=["id", "signals"], use_threads=False)
            for place, (name, written) in enumerate(
                zip(*(c.to_pylist() for c in table.columns), strict=True)
            ):
                rows += [(block.first + place, name, *said) for said in _told(written)]
    columns = zip(*rows, strict=True) if rows else ([] for _ in SIGNALS)
    return table_of(dict(zip(SIGNALS.names, map(list, columns), strict=True)), schema=SIGNALS)


@lru_cache(1 << 12)
def _told(written: str | None) -> tuple[tuple[Any, ...], ...]:
    return signal_rows(signals_of(written))


def signal_rows(signals: Iterable[RawSignal]) -> tuple[tuple[Any, ...], ...]:
    """Each signal, with what it says of every use that it speaks of: columns of `SIGNALS` from `kind` on."""
    told: list[tuple[Any, ...]] = []
    for signal in signals:
        said = statements_of(signal)
        told += [(*signal, one.use.value, one.allows, one.condition or None) for one in said]
        told += [] if said else [(*signal, None, None, None)]
    return tuple(told)


EXAMPLES = 5
"""Documents with contradicting signals that a report shows."""


def describe_rights(corpus: "LoadedCorpus", chosen: NDArray[np.bool_] | None = None) -> dict[str, Any]:
    """Documents by licence, by consent and by what signals say, of all documents or the chosen ones."""
    some = np.ones(len(corpus), np.bool_) if chosen is None else chosen
    codes, names = corpus.codes("licence")
    counts = np.bincount(codes[some & (codes >= 0)], minlength=len(names)) if names else np.zeros(0, np.int64)
    order = [k for k in np.argsort(-counts, kind="stable").tolist() if counts[k]]
    consents = np.bincount(corpus.column("consent")[some], minlength=len(CONSENTS)).tolist()
    masks, times = np.unique(corpus.column("rights_signals")[some], return_counts=True)
    said = dict(zip(masks.tolist(), times.tolist(), strict=True))
    return {
        "licence": [{"expression": names[k], "documents": int(counts[k])} for k in order],
        "unknown_licence": int((codes[some] < 0).sum()),
        "recognised": int(sum(counts[k] for k in order if is_open(names[k]))),
        "unclear_licence": [
            {"name": names[k], "documents": int(counts[k])}
            for k in order
            if not all(map(is_recognised, licences_of(names[k])))
        ],
        "consent": {label: int(n) for label, n in zip(CONSENTS, consents, strict=True)},
        "signals": _signal_counts(said),
        "conflicts": {
            "documents": sum(n for mask, n in said.items() if is_conflict(mask)),
            "examples": _conflict_examples(corpus, some),
        },
        "not_understood": {
            role: sum(int(block.facts["not_understood"][role]) for block in corpus.sidecars.blocks)
            for role in ("consent", "depth")
        },
    }


def _signal_counts(said: Mapping[int, int]) -> list[dict[str, Any]]:
    """Documents in which each kind of signal denies training, and in which it allows it."""
    rows = [
        {
            "kind": kind,
            "denies": sum(n for mask, n in said.items() if mask >> place & 1),
            "allows": sum(n for mask, n in said.items() if mask >> (place + len(KINDS)) & 1),
        }
        for place, kind in enumerate(KINDS)
    ]
    return [row for row in rows if row["denies"] or row["allows"]]


def _conflict_examples(corpus: "LoadedCorpus", some: NDArray[np.bool_]) -> list[dict[str, Any]]:
    masks = corpus.column("rights_signals")
    found = np.flatnonzero(some & is_conflict(masks))[:EXAMPLES].tolist()
    ids, signals = corpus.strings("id", found), corpus.strings("signals", found)
    return [
        {
            "id": name,
            "consent": CONSENTS[int(corpus.column("consent")[document])],
            "denied_by": list(denied_by(int(masks[document]))),
            "allowed_by": list(allowed_by(int(masks[document]))),
            "said": [*_about_training(written), *_declared(int(masks[document]))],
        }
        for document, name, written in zip(found, ids, signals, strict=True)
    ]


def _about_training(written: str) -> list[str]:
    """The statements about training, as they were written."""
    said = [one for signal in signals_of(written) for one in statements_of(signal)]
    decisive = [one.signal for one in said if one.denies_training or one.allows_training]
    return list(dict.fromkeys(f"{signal.kind}: {signal.name}: {signal.value}" for signal in decisive))


def _declared(mask: int) -> list[str]:
    """What the source states, which is no signal and may contradict them."""
    said = ((denied_by(mask), "training is refused"), (allowed_by(mask), "training is agreed to"))
    return [f"declared: {words}" for kinds, words in said if "declared" in kinds]


def describe_lineage(corpus: "LoadedCorpus", kept: NDArray[np.bool_]) -> dict[str, Any]:
    """Documents by generation depth, before and after a choice, and what is known of their parents."""
    depth = corpus.column("depth")
    before, after = (np.bincount(some, minlength=UNKNOWN_DEPTH + 1) for some in (depth, depth[kept]))
    rows = [
        {"depth": k, "before": int(before[k]), "after": int(after[k])}
        for k in np.flatnonzero(before[:UNKNOWN_DEPTH]).tolist()
    ]
    return {
        "depths": rows,
        "unknown": {"before": int(before[UNKNOWN_DEPTH]), "after": int(after[UNKNOWN_DEPTH])},
        "parents": corpus.lineage.facts(),
    }
