"""Whether a folder is what was sealed: who signed it, every file, every row of the ledger, every text.

Three questions are kept apart. Is the folder whole, that is, does everything in it agree with its seal? Is the seal
signed, and by the key that the reader trusts? A folder that is whole and not signed could have been made by anyone
who can run wellkeeper; nothing here says that what a signed folder tells is true.

The seal has the SHA-256 of every file, which is enough where the seal is signed. All else is checked besides, so that
a folder whose seal was made anew after a change does not pass either: content digests of the tables, tiles and root
from the rows, counts, the texts against the ledger, the recipe's digest, the history.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from io import BytesIO
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wellkeeper.engine.store import sha256_of_file
from wellkeeper.errors import DataError, InputError, WellkeeperError, WorkError
from wellkeeper.ledger import tree
from wellkeeper.ledger.amendment import undone
from wellkeeper.ledger.counts import COUNTED, counts_of
from wellkeeper.ledger.digest import ContentDigest
from wellkeeper.ledger.folder import (
    KINDS_OF_PARTS,
    LEAVES,
    LOOKUP,
    SALTS,
    SINGLE,
    TILE_ROWS,
    TILES,
    part_paths,
    quarantine_path,
    table_paths,
)
from wellkeeper.ledger.leaves import (
    RowHasher,
    TileHasher,
    batches_of,
    root_over,
    rows_digest,
    stored_leaves,
    tiles_of,
)
from wellkeeper.ledger.lookup import LookupWriter
from wellkeeper.ledger.manifest import (
    ENVELOPE,
    MANIFEST,
    digest_of,
    files_of,
    read_manifest,
    recipe_digest_of,
    reconcile_manifest,
    sealed_facts,
)
from wellkeeper.ledger.packing import VERSION, columns_of
from wellkeeper.ledger.review_log import (
    decision_problems,
    is_log,
    items_path,
    log_name,
    log_paths,
    log_problems,
    table_name,
)
from wellkeeper.ledger.seal import Statement, history_of, history_path, read_statement
from wellkeeper.ledger.side import first_stray, tombstones
from wellkeeper.ledger.signature import VerifyKey
from wellkeeper.ledger.texts import check_texts
from wellkeeper.ledger.verification import (
    AGAIN,
    SUSPECT,
    Problem,
    Verification,
    check_signature,
    key_of,
    keyids_of,
)

_SHOWN = 10  # problems of one kind that are told one by one
_IN_PARTS = (*(f"ledger/{kind}" for kind in KINDS_OF_PARTS), "data", "rejected")
"""Tables that are a folder of parts."""
_ROWS = "ledger/documents"


def verify(
    folder: Path | str, *, key: VerifyKey | Path | str | None = None, quick: bool = False
) -> Verification:
    """Check a sealed folder.

    Args:
        folder: what `wellkeeper curate` wrote.
        key: the public key, or the path of it, that must have signed; None: signatures are not checked.
        quick: signature, SHA-256 of every file, manifest, history and tree, and no table opened.

    Raises:
        InputError: there is no such folder, it was not made by wellkeeper, or the key cannot be read.
    """
    folder = Path(folder)
    key = key_of(key)
    path = folder / ENVELOPE
    if not path.is_file():
        return Verification(folder=str(folder), problems=(_not_sealed(folder),), quick=quick)
    data = path.read_bytes()
    try:
        statement = read_statement(data, ENVELOPE)
    except InputError as error:
        problem = Problem(code="seal-unreadable", where=ENVELOPE, found=str(error), next=AGAIN)
        return Verification(folder=str(folder), problems=(problem,), quick=quick)
    look = _Look(folder, statement)
    problems = [
        *check_signature(statement, key),
        *_files(look),
        *_manifest(look),
        *_history(look),
        *_amendments(look),
        *_top_of_tree(look),
    ]
    if not quick:
        problems += [*_tables(look), *_rows(look), *_side_rows(look), *_tombstones(look), *_texts(look)]
        problems += [*_reviews(look), *_reviewed(look)]
    return Verification(
        folder=str(folder),
        problems=tuple(problems),
        keyids=keyids_of(statement),
        key=None if key is None else key.keyid,
        quick=quick,
        root=statement.root,
        checked=look.checked,
    )


def _not_sealed(folder: Path) -> Problem:
    if not folder.is_dir() or not ((folder / MANIFEST).exists() or (folder / "ledger").is_dir()):
        raise InputError(
            f"{folder} was not made by wellkeeper: it has no {ENVELOPE}. Give what `curate` wrote."
        )
    found = f"{ENVELOPE} is missing: the run that wrote it did not end, or an older version wrote it"
    return Problem(code="not-sealed", where=str(folder), found=found, next="Run the same command again.")


class _Look:
    """A folder with its statement, and what is known of it so far."""

    def __init__(self, folder: Path, statement: Statement) -> None:
        self.folder = folder
        self.statement = statement
        self.changed: set[str] = set()  # files that are not as sealed, which nothing else is read from
        self.manifest: Mapping[str, Any] | None = None
        self.checked: dict[str, int] = {}
        self.amended: list[Mapping[str, Any]] = []  # since the last run, the latest first

    @property
    def tree(self) -> Mapping[str, Any] | None:
        return self.statement.tree

    def table(self, name: str) -> list[Path] | None:
        """The files of a table; None if one of them is not as sealed, missing, or was added."""
        paths = table_paths(self.folder, name)
        found = {path.relative_to(self.folder).as_posix() for path in paths if path.exists()}
        sealed = {one for one in self.statement.subjects if one == SINGLE.get(name) or _is_part_of(name, one)}
        return paths if found == sealed and not found & self.changed else None

    def opened(self, name: str) -> BinaryIO:
        """A file as it was sealed, or nothing to read."""
        path = self.folder / name
        return path.open("rb") if name not in self.changed and path.is_file() else BytesIO()

    def stored(self, name: str) -> bytes | None:
        """A file as it was sealed, or None."""
        path = self.folder / name
        return path.read_bytes() if name not in self.changed and path.is_file() else None


def _is_part_of(table: str, name: str) -> bool:
    """Whether a file of a folder is a part of a table."""
    return PurePosixPath(name).parent.as_posix() == table and PurePosixPath(name).match("part-*.parquet")


def _files(look: _Look) -> Iterator[Problem]:
    subjects, found = look.statement.subjects, files_of(look.folder)
    found.pop(ENVELOPE, None)
    look.checked["files"] = len(subjects)
    for name in sorted(subjects.keys() - found.keys()):
        look.changed.add(name)
        yield Problem(code="file-missing", where=name, found="it was sealed and is not there", next=AGAIN)
    for name in sorted(found.keys() - subjects.keys()):
        yield Problem(
            code="file-not-sealed",
            where=name,
            found="it is there and was not when the folder was sealed",
            next="Remove it, or make the folder again.",
        )
    for name in sorted(subjects.keys() & found.keys()):
        try:
            digest = sha256_of_file(found[name])
        except OSError as error:
            look.changed.add(name)
            said = f"it cannot be read: {error.strerror}"
            yield Problem(code="file-unreadable", where=name, found=said, next=AGAIN)
            continue
        if digest != subjects[name]:
            look.changed.add(name)
            said = f"its SHA-256 is {digest}, and {subjects[name]} was sealed"
            yield Problem(code="file-changed", where=name, found=said, next=AGAIN)


def _manifest(look: _Look) -> Iterator[Problem]:
    """The manifest against itself, and the statement against the manifest."""
    if MANIFEST not in look.statement.subjects or MANIFEST in look.changed:
        return
    try:
        manifest = look.manifest = read_manifest(look.folder)
        told = sealed_facts(manifest)
        digest, recipe = digest_of(manifest), recipe_digest_of(manifest["recipe"])
        reconcile_manifest(manifest)
    except WorkError as error:
        yield Problem(code="counts", where=MANIFEST, found=str(error), next=SUSPECT)
        return
    except (InputError, KeyError, TypeError, AttributeError, ValueError) as error:
        yield Problem(code="manifest-unreadable", where=MANIFEST, found=f"{error}", next=AGAIN)
        return
    if digest != manifest["digest"]:
        yield _differs("manifest-digest", f"{MANIFEST}, digest", manifest["digest"], digest)
    if recipe != manifest["recipe_digest"]:
        yield _differs("recipe-digest", f"{MANIFEST}, recipe_digest", manifest["recipe_digest"], recipe)
    for name, value in told.items():
        said = look.statement.predicate.get(name)
        if said != value:
            yield _differs("manifest-differs", f"{ENVELOPE}, {name}", said, value)
    listed = {**manifest["files"], **manifest["run"]["files"]}
    for name, facts in listed.items():
        if facts["sha256"] != look.statement.subjects.get(name):
            said = f"{MANIFEST} lists it with another SHA-256 than the seal"
            yield Problem(code="manifest-differs", where=name, found=said, next=SUSPECT)


def _differs(code: str, where: str, said: Any, found: Any) -> Problem:
    return Problem(
        code=code, where=where, found=f"it says {said}, and the content gives {found}", next=SUSPECT
    )


def _history(look: _Look) -> Iterator[Problem]:
    """Each seal names the one before it, down to the first."""
    files = history_of(look.folder)
    look.checked["history"] = len(files)
    link = look.statement.previous
    for path in reversed(files):
        name = path.relative_to(look.folder).as_posix()
        if name in look.changed:
            return
        data = path.read_bytes()
        if link is None or link.get("file") != name or link.get("sha256") != sha256(data).hexdigest():
            found = "the seal after it names another one, or none"
            yield Problem(code="history", where=name, found=found, next=SUSPECT)
            return
        try:
            earlier = read_statement(data, name)
        except InputError as error:
            yield Problem(code="history", where=name, found=str(error), next=AGAIN)
            return
        if earlier.root != link.get("root"):
            yield _differs("history", name, link.get("root"), earlier.root)
        link = earlier.previous
    numbered = [history_path(look.folder, number) for number in range(1, len(files) + 1)]
    if link is not None or files != numbered:
        found = "an earlier seal is named and not there"
        yield Problem(code="history", where=ENVELOPE, found=found, next=AGAIN)


def _top_of_tree(look: _Look) -> Iterator[Problem]:
    """The root from the tiles' hashes that are on disk."""
    head, tiles = look.tree, look.stored(TILES)
    if head is None:
        if part_paths(look.folder, "documents"):
            found = "there is a ledger, and the seal names no root of its rows"
            yield Problem(code="root", where=ENVELOPE, found=found, next=SUSPECT)
        return
    look.checked["tiles"] = tiles_of(head["rows"])
    expected = {"algorithm": tree.ALGORITHM, "row_format": VERSION, "tile_rows": TILE_ROWS}
    for name, value in expected.items():
        if head[name] != value:
            yield _differs("tree", f"{ENVELOPE}, tree.{name}", head[name], value)
    if (head["leaf"] == "row") != (look.folder / LEAVES).exists() or head["leaf"] not in ("row", "tile"):
        found = "ledger/leaves.bin is there" if head["leaf"] != "row" else "ledger/leaves.bin is missing"
        yield _differs("tree", f"{ENVELOPE}, tree.leaf", head["leaf"], found)
    if tiles is None or len(tiles) != tree.HASH_BYTES * tiles_of(head["rows"]):
        if TILES not in look.changed:
            found = f"it has not one hash for each of {tiles_of(head['rows']):,} tiles"
            yield Problem(code="tile", where=TILES, found=found, next=SUSPECT)
    elif (root := tree.root(tiles).hex()) != head["root"]:
        yield _differs("root", f"{ENVELOPE}, tree.root", head["root"], root)
    yield from _columns(look, head["columns"])


def _amendments(look: _Look) -> Iterator[Problem]:
    """From the leaves that are on disk back to those that were sealed before documents were forgotten."""
    leaves, statement = stored_leaves(look.folder), look.statement
    for path in reversed(history_of(look.folder)):
        if statement.amends is None or statement.previous is None or look.tree is None:
            return
        look.amended.append(statement.amends)
        try:
            leaves = undone(leaves, statement.amends)
            root = root_over(leaves, look.tree["leaf"])
            earlier = read_statement(path.read_bytes(), path.name)
        except (InputError, DataError, ValueError, TypeError, KeyError) as error:
            yield _amendment(str(error))
            return
        if earlier.tree != {**look.tree, "root": root}:
            yield _amendment("with what it changed put back, the ledger is not the one of the seal before")
        statement = earlier


def _amendment(found: str) -> Problem:
    return Problem(code="amendment", where=f"{ENVELOPE}, amends", found=found, next=SUSPECT)


def _columns(look: _Look, told: list[list[str]]) -> Iterator[Problem]:
    """The columns that proofs are read by."""
    for part in look.table("ledger/documents") or ():
        try:
            found = [list(column) for column in columns_of(pq.read_schema(part))]
        except (pa.ArrowException, OSError, WellkeeperError):
            continue  # said by who reads the table
        if found != told:
            yield _differs("tree", f"{ENVELOPE}, tree.columns", told, found)
            return


def _tables(look: _Look) -> Iterator[Problem]:
    """Digests of all tables, from their values; that of the ledger's rows is found along with their tiles."""
    tables = look.statement.predicate["tables"]
    look.checked["tables"] = len(tables)
    yield from _among_parts(look)
    for name, digest in tables.items():
        paths = look.table(name)
        if is_log(name):
            continue  # it has a chain, and its last line is named
        if paths is None or (name == _ROWS and look.tree is not None):
            continue
        try:
            found = table_digest(name, paths)
        except (pa.ArrowException, OSError, WellkeeperError) as error:
            said = f"it cannot be read: {error}"
            yield Problem(code="table-unreadable", where=name, found=said, next=AGAIN)
            continue
        if found != digest:
            yield _differs("table-differs", name, digest, found)
    for name in (*_IN_PARTS, *SINGLE):
        if name not in tables and any(path.exists() for path in table_paths(look.folder, name)):
            found = "it is there, and the seal names no digest of its content"
            yield Problem(code="table-differs", where=name, found=found, next=SUSPECT)


def _among_parts(look: _Look) -> Iterator[Problem]:
    """Files that lie among the parts of a table, where others may read them, and that its digest is not of."""
    for name in look.statement.subjects:
        table = next((table for table in _IN_PARTS if name.startswith(f"{table}/")), None)
        if table is not None and not _is_part_of(table, name):
            found = f"it lies in the folder of {table} and is no part of it"
            yield Problem(code="table-differs", where=name, found=found, next=SUSPECT)


def table_digest(name: str, paths: list[Path]) -> str:
    """The digest of a table, as a manifest has it: of texts, over the digests of its parts."""
    if name == _ROWS:
        return rows_digest(batches_of(paths))
    if name in ("data", "rejected"):
        return sha256("\n".join(_digest_of_parts([path]) for path in paths).encode()).hexdigest()
    return _digest_of_parts(paths)


def _digest_of_parts(paths: list[Path]) -> str:
    """As of one table, whatever parts it lies in."""
    digest = ContentDigest()
    for path in paths:
        digest.update(pq.read_schema(path).empty_table())
        for batch in batches_of([path]):
            digest.update(batch)
    return digest.hexdigest()


def _rows(look: _Look) -> Iterator[Problem]:
    """Tiles, filters and counts, from the rows of the ledger."""
    head, parts = look.tree, look.table("ledger/documents")
    if head is None or parts is None:
        return
    look.checked["rows"] = head["rows"]
    try:
        yield from _tiles(look, parts, head["leaf"], head["rows"])
        yield from _counts(look, parts)
    except (pa.ArrowException, OSError, WellkeeperError) as error:
        found = f"it cannot be read: {error}"
        yield Problem(code="table-unreadable", where="ledger/documents", found=found, next=AGAIN)


def _tiles(look: _Look, parts: list[Path], leaf: str, rows: int) -> Iterator[Problem]:
    lookup, number, same, unsalted = LookupWriter(), 0, True, TileHasher()
    with look.opened(SALTS) as salts, look.opened(LEAVES) as leaves:
        hasher = RowHasher(salts) if leaf == "row" else TileHasher()
        for batch in batches_of(parts):
            if not np.array_equal(batch.column("row"), np.arange(number, number + batch.num_rows)):
                found = f"rows {number:,} and on are not numbered as they follow each other"
                yield Problem(code="row-numbers", where="ledger/documents", found=found, next=SUSPECT)
            hashes = hasher.update(batch) or b""
            same &= hashes == leaves.read(len(hashes))
            lookup.update(batch)
            if leaf == "row":
                unsalted.update(batch)
            number += batch.num_rows
        same &= not leaves.read(1)
    if number != rows:
        yield _differs("tree", f"{ENVELOPE}, tree.rows", f"{rows:,} rows", f"{number:,}")
    if LEAVES not in look.changed and not same:
        found = "its hashes are not those of the salted rows"
        yield Problem(code="leaves", where=LEAVES, found=found, next=SUSPECT)
    tiles = hasher.finish()
    yield from _tile_problems(tiles, look.stored(TILES), number)
    digest = tree.root(unsalted.finish() if leaf == "row" else tiles).hex()
    if (told := look.statement.predicate["tables"].get(_ROWS)) not in (digest, None):
        yield _differs("table-differs", _ROWS, told, digest)
    if LOOKUP not in look.changed and lookup.finish() != look.stored(LOOKUP):
        found = "it leads to other rows than the ledger has"
        yield Problem(code="lookup", where=LOOKUP, found=found, next=SUSPECT)


def _tile_problems(tiles: bytes, stored: bytes | None, rows: int) -> Iterator[Problem]:
    if stored is None or len(stored) != len(tiles):
        return
    mine, theirs = (
        np.frombuffer(hashes, np.uint8).reshape(-1, tree.HASH_BYTES) for hashes in (tiles, stored)
    )
    wrong = np.flatnonzero((mine != theirs).any(axis=1)).tolist()
    for tile in wrong[:_SHOWN]:
        first, last = tile * TILE_ROWS, min(rows, (tile + 1) * TILE_ROWS) - 1
        found = f"a value in rows {first:,} to {last:,} is not the one that was sealed"
        yield Problem(code="tile", where=f"ledger/documents, tile {tile:,}", found=found, next=SUSPECT)
    if len(wrong) > _SHOWN:
        found = f"{len(wrong) - _SHOWN:,} more tiles are not as they were sealed"
        yield Problem(code="tile", where="ledger/documents", found=found, next=SUSPECT)


def _side_rows(look: _Look) -> Iterator[Problem]:
    """Rows of other tables against the documents that they are about."""
    if look.tree is None or look.table(_ROWS) is None:
        return
    for kind in KINDS_OF_PARTS[1:]:
        parts = look.table(f"ledger/{kind}")
        if not parts:
            continue
        try:
            wrong = first_stray(look.folder, parts, look.tree["rows"])
        except (pa.ArrowException, OSError, KeyError):
            continue  # said by who reads the table for its digest
        if wrong is not None:
            found = f"the row that it has {wrong:,} others before is about no document of the ledger, or out of order"
            yield Problem(code="stray-row", where=f"ledger/{kind}", found=found, next=SUSPECT)


def _tombstones(look: _Look) -> Iterator[Problem]:
    """Amendments against the ledger: they changed what was forgotten, and what names it, and nothing else."""
    parts = look.table(_ROWS)
    if look.tree is None or parts is None:
        return
    try:
        stones, led = tombstones(parts)
        told = [(one["at"], one["reason"], one["rows"]) for one in reversed(look.amended)]
        rows = {row for one in look.amended for row in one["rows"]}
        changed = {number for one in look.amended for number, _, _ in one["leaves"]}
    except (pa.ArrowException, OSError, WellkeeperError, KeyError, TypeError, ValueError) as error:
        yield _amendment(f"it cannot be read: {error}")
        return
    listed = (look.manifest or {}).get("forgotten", [])
    if look.manifest is not None and told != [(one["at"], one["reason"], one["rows"]) for one in listed]:
        yield _amendment(f"it tells of other documents than {MANIFEST}")
    if rows != stones:
        strays = sorted(rows ^ stones)[:_SHOWN]
        yield _amendment(f"rows {strays} are said to be forgotten and are not, or are and it is not said")
    per_leaf = TILE_ROWS if look.tree["leaf"] == "tile" else 1
    if hidden := sorted(changed - {row // per_leaf for row in stones | led})[:_SHOWN]:
        yield _amendment(
            f"it changed leaves {hidden}, which have no row that was forgotten or names one that was"
        )


def _counts(look: _Look, parts: list[Path]) -> Iterator[Problem]:
    """The manifest's counts, from the rows."""
    if look.manifest is None or look.table("ledger/quarantine") is None:
        return
    told = look.manifest["counts"]
    quarantined = pq.read_metadata(quarantine_path(look.folder)).num_rows
    counts = counts_of(batches_of(parts, [*COUNTED]), read=told["read"], quarantined=quarantined).to_json()
    for name in told.keys() & counts.keys():
        if not _agree(told[name], counts[name]):
            yield Problem(
                code="counts",
                where=f"{MANIFEST}, counts.{name}",
                found="it is not what the rows of the ledger come to",
                next=SUSPECT,
            )


def _agree(told: Any, found: Any) -> bool:
    """Whether a count is as told; what an earlier version did not count is not asked for."""
    if not isinstance(told, list):
        return bool(told == found)
    return len(told) == len(found) and all(
        row == {name: mine[name] for name in row if name in mine}
        for row, mine in zip(told, found, strict=True)
    )


def _texts(look: _Look) -> Iterator[Problem]:
    """Kept rows of the ledger against the documents of the data."""
    data = look.table("data")
    told = look.tree is not None and "data" in look.statement.predicate["tables"]
    if not told or data is None or look.table("ledger/documents") is None:
        return
    try:
        problems = list(islice(check_texts(look.folder), _SHOWN + 1))
        look.checked["texts"] = sum(pq.read_metadata(path).num_rows for path in data)
    except (pa.ArrowException, OSError, WellkeeperError) as error:
        yield Problem(code="table-unreadable", where="data", found=f"it cannot be read: {error}", next=AGAIN)
        return
    yield from problems[:_SHOWN]
    if len(problems) > _SHOWN:
        found = "more documents differ, which are not told"
        yield Problem(code="text", where="data", found=found, next=SUSPECT)


def _reviews(look: _Look) -> Iterator[Problem]:
    """Each log of a review against its own chain, and against the last line that the seal names."""
    tables = {name: head for name, head in look.statement.predicate["tables"].items() if is_log(name)}
    logs = log_paths(look.folder)
    if logs or tables:
        look.checked["log lines"] = sum(path.read_bytes().count(b"\n") for path in logs)
    for number, path in enumerate(logs, 1):
        if not look.changed & {log_name(number), f"ledger/{items_path(path).name}"}:
            head, forgotten = tables.get(table_name(number)), bool(look.amended)
            for name, found in log_problems(path, head, forgotten=forgotten):
                yield Problem(code="review-log", where=f"ledger/{name}", found=found, next=SUSPECT)
    for name in tables.keys() - {table_name(number) for number in range(1, len(logs) + 1)}:
        found = "the seal names the last line of this log, and it is not there"
        yield Problem(code="review-log", where=f"{name}.jsonl", found=found, next=SUSPECT)


def _reviewed(look: _Look) -> Iterator[Problem]:
    """Decisions and evidence that the ledger has from people, against what the logs have of them."""
    whole = look.tree is not None and None not in (look.table(_ROWS), look.table("ledger/evidence"))
    if not whole or any(name.startswith("ledger/review") for name in look.changed):
        return
    try:
        for found in decision_problems(look.folder):
            yield Problem(code="review-decision", where=_ROWS, found=found, next=SUSPECT)
    except (pa.ArrowException, OSError, WellkeeperError) as error:
        found = f"what readers said cannot be read: {error}"
        yield Problem(code="review-decision", where="ledger/review.jsonl", found=found, next=AGAIN)
