"""What the text pass records of rights and descent: signals as written, consent resolved, depth and parents."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from wellkeeper.core.lineage import UNKNOWN_DEPTH, depth_in, parents_in
from wellkeeper.core.marks import signals_json, signals_of
from wellkeeper.core.optouts import resolve_column
from wellkeeper.core.rights import Consent, declared_consent
from wellkeeper.engine.readers.base import InputFile
from wellkeeper.engine.site_files import site_files

if TYPE_CHECKING:
    from wellkeeper.recipe.textpass import Group


class RightsColumns(NamedTuple):
    """Of the documents of a block; columns have one value a document."""

    signals: pa.Array  # as `core.marks.signals_json` writes them, those of site files with them
    consent: NDArray[np.uint8]  # `Consent`
    mask: NDArray[np.uint16]  # see `core.optouts.KINDS`
    depth: NDArray[np.uint8]  # generations of models, as the document, its source or its file says
    not_understood: dict[str, int]  # role -> documents whose value says nothing


def rights_columns(table: pa.Table, group: "Group", file: InputFile, marks: pa.Table) -> RightsColumns:
    """Rights of a block's documents; `marks` are the rows of those that bear any (`wellkeeper.recipe.marks`)."""
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
        signals_json((*signals_of(mine), *of_site[address])) if of_site[address] else mine
        for mine, address in zip(own, addresses, strict=True)
    ]


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
