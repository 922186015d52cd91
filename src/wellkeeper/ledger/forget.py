"""A person asks for a document to be removed: its text and what points to them go, the proof of all else stays.

What goes: the text from `data` and `rejected`; from the ledger its id, hashes, place, source, date, licence and
generator, and all evidence, spans, overlaps, parents and signals of it; its words and its id from the reports, and its
id and hash from what people were asked about; the sidecars in `.work`, which hold the beginnings of texts. What stays
is a tombstone: the row's number, its group, and that it was forgotten, when and why. Rows are never renumbered. So do
the lines of a review's log, which know an item by its name in the queue.

The folder is sealed anew, and the new seal says which leaves of the tree became which. Whoever knows the old root can
put the old leaves back and must arrive at it: so nothing else has changed. Where rows are leaves of their own that
holds row by row; where tiles are, the other 255 rows of a tile are vouched for by whoever signs the new seal.

Sources that the document came from are not touched: who does not remove it there gets it back with the next run.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from wellkeeper.core.decision import Decision
from wellkeeper.engine.store import sha256_of_file, write_atomic
from wellkeeper.errors import InputError, WorkError
from wellkeeper.ledger.amendment import Amendment
from wellkeeper.ledger.counts import COUNTED, counts_of
from wellkeeper.ledger.croissant import write_croissant
from wellkeeper.ledger.folder import (
    KINDS_OF_PARTS,
    SALTS,
    Kind,
    open_part_tables,
    part_paths,
    table_paths,
    write_part,
    write_texts,
)
from wellkeeper.ledger.leaves import SALT_BYTES, stored_leaves
from wellkeeper.ledger.manifest import read_manifest, rewrite_manifest, sealed_facts
from wellkeeper.ledger.review_log import forget_places, is_log
from wellkeeper.ledger.rows import DOCUMENTS
from wellkeeper.ledger.scrub import Scrubber
from wellkeeper.ledger.seal import Seal, Statement, read_seal, seal
from wellkeeper.ledger.signature import SigningKey
from wellkeeper.ledger.verify import table_digest, verify
from wellkeeper.ledger.why import FORGOTTEN, why

REASON = "forgotten"
"""`reason` of a tombstone, and the beginning of its id."""

_TEXTS = ("data", "rejected")
_KEPT = frozenset({"row", "group", "origin", "depth"})
"""Columns that a tombstone keeps: what collapse is reckoned with, and points to nobody."""

_STONE = {
    "offset": -1,
    "captured_basis": "none",
    "pre_ai": "unknown",
    "origin_declared": "unknown",
    "strength": "none",
    "consent": "revoked",
    "decision": Decision.DROP.label,
    "step": FORGOTTEN,
    "reason": REASON,
}
_WITH_TEXTS = (".work", ".*.tmp")
"""Hidden names that go: sidecars, which hold the beginnings of texts, and files that were never finished."""
_NAMED_IN = (("holder", "holder_id"), ("parent_row", "parent"))
"""Columns of rows in other tables that name a document, and what they call it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was removed."""

    rows: tuple[int, ...]  # of the ledger, ascending
    texts: int  # rows of `data` and `rejected` that went
    replaced: int  # places in reports where the document's words or id stood
    similar: tuple[str, ...]  # ids of near duplicates, which stay
    seal: Seal
    hidden: tuple[str, ...] = ()  # what lies in the folder and is no part of the set, such as .git; it stays

    def to_json(self) -> dict[str, Any]:
        """Schema `wellkeeper.forget/1`. Nothing of the document is in it."""
        return {
            "schema": "wellkeeper.forget/1",
            "rows": list(self.rows),
            "texts": self.texts,
            "replaced": self.replaced,
            "similar": list(self.similar),
            "hidden": list(self.hidden),
            "root": self.seal.root,
            "keyid": self.seal.keyid,
        }


def forget(
    folder: Path | str,
    query: str,
    *,
    reason: str = "asked for",
    key: SigningKey | None = None,
    now: datetime | None = None,
) -> Forgotten:
    """Remove the documents that `query` names, and exact copies of their texts, from a sealed folder.

    See the module for what goes and what stays. Near duplicates stay, and are told.

    Args:
        folder: what `wellkeeper curate` wrote.
        query: an id, the beginning of a text's SHA-256, or `file:line`, as `wellkeeper why` takes it.
        reason: is kept, so it must name nobody.
        key: signs the new seal. A signed folder is not left unsigned.
        now: when it was asked for; None: now.

    Raises:
        InputError: the folder is no sealed one, or nothing in it fits the query.
        WorkError: the folder is not as it was sealed, or was signed and no key is given.
    """
    folder = Path(folder).resolve()
    _recover(folder)
    before = read_seal(folder)
    read_manifest(folder)  # an audit of images is sealed, too, and holds nothing that this could remove
    _check_whole(folder, signed=bool(before.envelope.signatures), key=key)
    _check_links(folder)
    records = _named(folder, query)
    moment = (now or datetime.now(UTC)).isoformat(timespec="seconds")
    with _replaced(folder) as copy:
        return _forgotten(
            copy, records, before, Amendment(at=moment, reason=reason, rows=_rows_of(records)), key
        )


def _forgotten(
    folder: Path,
    records: Sequence[Mapping[str, Any]],
    before: Statement,
    amendment: Amendment,
    key: SigningKey | None,
) -> Forgotten:
    texts = [text for place in _TEXTS for text in _without_texts(folder, place, amendment.rows)]
    names = [str(record[name]) for record in records for name in ("id", "content_hash")]
    similar = _similar(folder, records)
    leaves = stored_leaves(folder)
    _salt_anew(folder, amendment.rows)
    _bury(folder, amendment.rows)
    for kind in KINDS_OF_PARTS:
        if kind != "documents":
            _without_rows(folder, kind, amendment.rows)
    forget_places(
        folder,
        {(str(one["id"]), str(one["content_hash"])): f"{REASON}:{one['row']}" for one in records},
    )
    replaced = Scrubber(texts=texts, names=names).reports(folder)
    public = before.predicate["tree"]["leaf"] == "row"
    facts = _manifest(folder, amendment)
    new = seal(folder, facts=facts, key=key, public_proofs=public, amends=(amendment, leaves))
    return Forgotten(
        rows=amendment.rows,
        texts=len(texts),
        replaced=replaced,
        similar=similar,
        seal=new,
        hidden=tuple(sorted(path.name for path in folder.glob(".*"))),
    )


def _named(folder: Path, query: str) -> list[Mapping[str, Any]]:
    """The ledger's rows of what is to go: the documents that `query` names, and those with the same texts."""
    found = [story.record for story in why(folder, query).documents if story.record["step"] != FORGOTTEN]
    if not found:
        raise InputError(
            f"{folder} has nothing that fits {query!r} and is not forgotten already. Ask `wellkeeper why`."
        )
    copies = [
        story.record
        for digest in {record["content_hash"] for record in found}
        for story in why(folder, digest).documents
    ]
    return list({record["row"]: record for record in [*found, *copies]}.values())


def _similar(folder: Path, records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Ids of the other documents in the same groups of duplicates."""
    clusters = sorted({record["cluster"] for record in records if record["cluster"] is not None})
    field: Any = ds.field("cluster")
    near = open_part_tables(folder, "documents").to_table(columns=["row", "id"], filter=field.isin(clusters))
    gone = {record["row"] for record in records}
    return tuple(row["id"] for row in near.to_pylist() if row["row"] not in gone)


def _rows_of(records: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    return tuple(sorted(int(record["row"]) for record in records))


def _check_whole(folder: Path, *, signed: bool, key: SigningKey | None) -> None:
    """Refuse to put a new seal on what does not fit the old one."""
    if signed and key is None:
        raise WorkError(
            f"{folder} is signed, and without a key its new seal could not be. Give the private key with --key."
        )
    found = verify(folder)
    if not found.ok:
        first = found.problems[0]
        raise WorkError(
            f"{folder} is not as it was sealed ({first.where}: {first.found}), and a new seal would hide it. "
            "See `wellkeeper verify`, and get an unaltered copy first."
        )


def _check_links(folder: Path) -> None:
    """Refuse to forget what lies elsewhere: it would stay there."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise WorkError(
                f"{path} is a link, and what it leads to would keep its texts. Put what it leads to in its place first."
            )


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A copy to change, which takes the folder's place once all is done; until then the folder stays as it was.

    Files are linked, not copied, where the file system can: what is written anew gets a file of its own.
    """
    copy, old = _beside(folder)
    try:
        shutil.copytree(folder, copy, copy_function=_linked, ignore=shutil.ignore_patterns(*_WITH_TEXTS))
        yield copy
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise
    folder.rename(old)
    copy.rename(folder)
    shutil.rmtree(old)


def _beside(folder: Path) -> tuple[Path, Path]:
    """Where the copy is made, and where the folder lies while the copy takes its place."""
    return folder.with_name(f".{folder.name}.forgetting"), folder.with_name(f".{folder.name}.forgotten")


def _recover(folder: Path) -> None:
    """Clear away what a run which was killed left behind, texts and all; first put back what it had moved aside."""
    copy, old = _beside(folder)
    if old.is_dir() and not folder.exists():
        old.rename(folder)
    for left in (copy, old):
        if left.is_dir():
            shutil.rmtree(left)


def _linked(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target


def _without_texts(folder: Path, place: str, rows: Sequence[int]) -> list[str]:
    """Remove the rows' texts from `data` or `rejected`; returns them."""
    paths = table_paths(folder, place)
    if not paths:
        return []
    ledger = open_part_tables(folder, "documents").to_table(columns=["decision", "step"])
    decision, step = (ledger.column(name).cast(pa.string()) for name in ("decision", "step"))
    kept = np.asarray(pc.equal(decision, Decision.KEEP.label))
    stones = np.asarray(
        pc.fill_null(pc.equal(step, FORGOTTEN), fill_value=False)
    )  # which have no text any more
    held = np.flatnonzero((kept if place == "data" else ~kept) & ~stones)  # in the order of the parts
    gone = np.isin(held, rows)
    removed: list[str] = []
    first = 0
    for path in paths:
        size = pq.read_metadata(path).num_rows
        some = gone[first : first + size]
        first += size
        if some.any():
            table = pq.read_table(path)
            removed += table.filter(pa.array(some)).column("text").to_pylist()
            write_texts(path, table.filter(pa.array(~some)))
    return removed


def _bury(folder: Path, rows: Sequence[int]) -> None:
    """Put tombstones in the place of rows, and take their ids from the rows that name them."""
    buried = pa.array(list(rows), pa.uint64())
    for number, path in enumerate(part_paths(folder, "documents")):
        table = pq.read_table(path, schema=DOCUMENTS)
        dead = pc.is_in(table.column("row"), buried)
        led = pc.fill_null(pc.is_in(table.column("survivor"), buried), fill_value=False)
        if not (pc.any(dead).as_py() or pc.any(led).as_py()):
            continue
        columns = [_buried(table, field, dead) for field in DOCUMENTS]
        place = DOCUMENTS.get_field_index("survivor_id")
        columns[place] = pc.if_else(led, tombstone_ids(table.column("survivor")), columns[place])
        write_part(folder, "documents", number, pa.table(columns, schema=DOCUMENTS))


def tombstone_ids(rows: Any) -> Any:
    """What documents are called that are forgotten, by their rows."""
    return pc.binary_join_element_wise(REASON, rows.cast(pa.string()), ":")


def _buried(table: pa.Table, field: Any, dead: Any) -> Any:
    """A column with a tombstone's value wherever `dead`."""
    values = table.column(field.name)
    if field.name in _KEPT:
        return values
    plain = field.type.value_type if isinstance(field.type, pa.DictionaryType) else field.type
    if field.name == "id":
        stones = tombstone_ids(table.column("row"))
    elif field.name == "source":
        stones = table.column("group").cast(plain)
    else:
        stones = pa.scalar(_STONE.get(field.name, None if field.nullable else _zero(plain)), plain)
    changed = pc.if_else(dead, stones, values.cast(plain))
    return changed.combine_chunks().dictionary_encode().cast(field.type) if plain != field.type else changed


def _zero(kind: Any) -> Any:
    if pa.types.is_fixed_size_binary(kind):
        return bytes(kind.byte_width)
    return "" if pa.types.is_string(kind) else 0


def _without_rows(folder: Path, kind: Kind, rows: Sequence[int]) -> None:
    """Remove what a kind of part tells of rows, and their ids where it tells of others."""
    buried = pa.array(list(rows), pa.uint64())
    for number, path in enumerate(part_paths(folder, kind)):
        table = pq.read_table(path)
        schema = pq.read_schema(path)
        left = table.filter(pc.invert(pc.is_in(table.column("row"), buried)))
        for row, name in _NAMED_IN:
            if row in schema.names:
                named = pc.fill_null(pc.is_in(left.column(row), buried), fill_value=False)
                place = schema.get_field_index(name)
                stones = pc.if_else(named, tombstone_ids(left.column(row)), left.column(name))
                left = left.set_column(place, schema.field(place), stones.combine_chunks())
        if not left.equals(table):
            write_part(folder, kind, number, left)


def _manifest(folder: Path, amendment: Amendment) -> dict[str, Any]:
    """Bring `manifest.json` and `croissant.json` up to date; returns what the seal says of them."""
    old = read_manifest(folder)
    rows = open_part_tables(folder, "documents").to_batches(columns=[*COUNTED])
    counts = counts_of(rows, read=old["counts"]["read"], quarantined=old["counts"]["quarantined"])
    _croissant(folder)
    _card(folder, sum(len(one["rows"]) for one in old.get("forgotten", ())) + len(amendment.rows))
    manifest = rewrite_manifest(
        folder,
        old,
        counts=counts,
        tables={
            name: head if is_log(name) else table_digest(name, table_paths(folder, name))
            for name, head in old["tables"].items()
        },
        forgotten={"at": amendment.at, "reason": amendment.reason, "rows": list(amendment.rows)},
    )
    return sealed_facts(manifest)


def _croissant(folder: Path) -> None:
    """Digests and sizes of the files that changed, in place."""
    path = folder / "croissant.json"
    if not path.is_file():
        return
    content = json.loads(path.read_bytes())
    for entry in content.get("distribution", ()):
        file = folder / unquote(str(entry.get("contentUrl", "")))
        if "sha256" in entry and file.is_file():
            entry["sha256"] = sha256_of_file(file)
            entry["contentSize"] = f"{file.stat().st_size} B"
    write_croissant(folder, content)


_SINCE = "## Removed since"


def _card(folder: Path, documents: int) -> None:
    """Say in the card how many of the documents that it counts have gone."""
    path = folder / "README.md"
    if not path.is_file():
        return
    text = path.read_text().partition(f"\n{_SINCE}")[0].rstrip("\n")
    said = f"{documents:,} of the documents counted above were removed on request after the set was made."
    write_atomic(path, f"{text}\n\n{_SINCE}\n\n{said}\n".encode())


def _salt_anew(folder: Path, rows: Sequence[int]) -> None:
    """Throw away the salts of rows: who guesses what a row said cannot find out any more that it did."""
    path = folder / SALTS
    if path.is_file():
        salts = bytearray(path.read_bytes())
        for row in rows:
            salts[SALT_BYTES * row : SALT_BYTES * (row + 1)] = os.urandom(SALT_BYTES)
        write_atomic(path, bytes(salts))
