"""The seal of a folder: one statement about every file of it, signed or not, written last of all.

`manifest.dsse.json` is a DSSE envelope around an in-toto statement [1]. Its subjects are all files of the folder with
their SHA-256, but for itself and names that start with a dot. Its predicate, `urn:wellkeeper:ledger:1`, names the
root of the tree over the ledger's rows, the content digests of the tables, the recipe, and the seal that the folder
had before: so a folder that is made again with another content carries a chain, each link named by the next one's
SHA-256. A folder without a seal is not finished.

[1] https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

from wellkeeper.engine.store import sha256_of_file, write_atomic
from wellkeeper.errors import DataError, InputError, WorkError
from wellkeeper.ledger.amendment import Amendment
from wellkeeper.ledger.folder import HISTORY, part_paths
from wellkeeper.ledger.leaves import LeafKind, TreeHead, grow_public_tree, grow_tree, stored_leaves
from wellkeeper.ledger.manifest import ENVELOPE, files_of
from wellkeeper.ledger.packing import width_of
from wellkeeper.ledger.signature import IN_TOTO, Envelope, SigningKey, envelope, open_envelope

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:wellkeeper:ledger:1"

_DOCUMENTS = "ledger/documents"
_FACTS = frozenset({"verb", "version", "tables", "tree", "previous"})
_TOLD = frozenset({"row", "id", "decision", "step", "reason"})
"""Columns of a row that a proof tells a person."""
_TREE_FACTS = frozenset({"algorithm", "row_format", "leaf", "tile_rows", "rows", "columns", "root"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What was written."""

    path: Path
    sha256: str  # of the envelope
    root: str | None  # of the tree over the ledger's rows; None for a folder without a ledger
    keyid: str | None  # of the key that signed; None: unsigned
    previous: str | None  # SHA-256 of the envelope that the folder had before; None: there was none


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A seal as it was read: its envelope, and what the payload says."""

    envelope: Envelope
    subjects: Mapping[str, str]  # path in the folder -> SHA-256
    predicate: Mapping[str, Any]

    @property
    def amends(self) -> Mapping[str, Any] | None:
        """What changed of the rows that the seal before was of, as `Amendment.to_json` tells it; None: a new run."""
        found: Mapping[str, Any] | None = self.predicate.get("amends")
        return found

    @property
    def tree(self) -> Mapping[str, Any] | None:
        """The head of the tree over the ledger's rows, as `TreeHead.to_json` tells it; None: there is no ledger."""
        found: Mapping[str, Any] | None = self.predicate["tree"]
        return found

    @property
    def root(self) -> str | None:
        """The root that it names, if it is of a ledger."""
        return None if self.tree is None else str(self.tree["root"])

    @property
    def previous(self) -> Mapping[str, str] | None:
        """`file`, `sha256` and `root` of the seal before."""
        found: Mapping[str, str] | None = self.predicate["previous"]
        return found


def seal(
    folder: Path,
    *,
    facts: Mapping[str, Any],
    key: SigningKey | None = None,
    public_proofs: bool = False,
    known: Mapping[str, Mapping[str, Any]] | None = None,
    amends: tuple[Amendment, bytes] | None = None,
) -> Seal:
    """Write `manifest.dsse.json` of a folder that is finished in all else.

    Args:
        folder: with a ledger, whose rows then get their tree, or without one.
        facts: what the predicate says besides: `verb`, `version`, and `tables`, as in the manifest; of a
            curated set `recipe_digest`, and `manifest`, the manifest's own digest.
        key: signs; None: the folder can be checked, but anyone could have made it.
        public_proofs: make each row a salted leaf, so that a proof of one shows nothing of others.
        known: as of `wellkeeper.ledger.manifest.file_digests`.
        amends: what was changed of the rows that the last seal was of, and the leaves that it had, 32 bytes each.

    Raises:
        WorkError: the last seal in the history cannot be read.
    """
    unseal(folder)
    before = _last(folder)
    same_rows = before is not None and _tables(before).get(_DOCUMENTS) == facts["tables"].get(_DOCUMENTS)
    head = _tree(folder, public=public_proofs, keep_salts=same_rows or amends is not None)
    told = {**facts, "tree": None if head is None else head.to_json()}
    if amends is not None:
        amendment, leaves = amends
        told["amends"] = amendment.to_json(leaves, stored_leaves(folder))
    if before is not None and told == {
        name: value for name, value in before.predicate.items() if name != "previous"
    }:
        # the same content again: this seal takes the place of the last one instead of following it
        previous = before.previous
        history_of(folder)[-1].unlink()
    else:
        previous = _link(folder, before)
    subjects = {
        name: (known or {}).get(name, {}).get("sha256") or sha256_of_file(path)
        for name, path in files_of(folder).items()
    }
    data = envelope(statement_bytes(subjects, {**told, "previous": previous}), key)
    write_atomic(folder / ENVELOPE, data)
    return Seal(
        path=folder / ENVELOPE,
        sha256=sha256(data).hexdigest(),
        root=None if head is None else head.root,
        keyid=None if key is None else key.keyid,
        previous=None if previous is None else previous["sha256"],
    )


def unseal(folder: Path) -> None:
    """Move the seal to the history, before anything in the folder is changed."""
    path = folder / ENVELOPE
    if path.exists():
        history = history_of(folder)
        number = int(history[-1].name.partition(".")[0]) + 1 if history else 1
        place = history_path(folder, number)
        place.parent.mkdir(parents=True, exist_ok=True)
        path.replace(place)


def history_path(folder: Path, number: int) -> Path:
    return folder / HISTORY / f"{number:04d}.dsse.json"


def statement_bytes(subjects: Mapping[str, str], predicate: Mapping[str, Any]) -> bytes:
    """The statement as it is signed: JSON in one normal form."""
    content = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(subjects.items())
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(predicate),
    }
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def read_statement(data: bytes, name: str) -> Statement:
    """The statement in an envelope; signatures are not checked. `name` is what messages call it.

    Raises:
        InputError: it is no envelope, or holds no statement of ours in its normal form.
    """
    opened = open_envelope(data, name)
    try:
        content = json.loads(opened.payload)
        subjects = {row["name"]: row["digest"]["sha256"] for row in content["subject"]}
        predicate = content["predicate"]
        # in the one form that we write, so that no reader can take another meaning from it
        ours = _is_shaped(predicate) and opened.payload == statement_bytes(subjects, predicate)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, DataError):
        ours = False
    if not ours or opened.payload_type != IN_TOTO or not _is_texts(subjects):
        raise InputError(
            f"{name} holds no statement of the kind {PREDICATE_TYPE} as this version writes it. Use the version of "
            "wellkeeper that wrote it, or restore the file."
        )
    return Statement(envelope=opened, subjects=subjects, predicate=predicate)


def _is_shaped(predicate: Any) -> bool:
    """Whether a predicate has what is read from it later, of the right kind."""
    if not isinstance(predicate, dict) or not predicate.keys() >= _FACTS:
        return False
    head, previous = predicate["tree"], predicate["previous"]
    return (
        isinstance(predicate["tables"], dict)
        and _is_texts(predicate["tables"])
        and isinstance(predicate.get("amends", {}), dict)
        and (previous is None or isinstance(previous, dict))
        and (head is None or (isinstance(head, dict) and _is_tree(head)))
    )


def _is_texts(mapping: Mapping[Any, Any]) -> bool:
    return all(isinstance(one, str) for one in (*mapping, *mapping.values()))


def _is_tree(head: Mapping[str, Any]) -> bool:
    """Whether it is a tree's head, of rows that can be read.

    Raises:
        DataError: a column has a type that no packed row has.
    """
    columns = head.get("columns")
    return (
        type(head.get("rows")) is int
        and head["rows"] >= 0
        and isinstance(head.get("root"), str)
        and head.get("leaf") in get_args(LeafKind)
        and head.keys() == _TREE_FACTS
        and isinstance(columns, list)
        and all(isinstance(column, list) and list(map(type, column)) == [str, str] for column in columns)
        and all(width_of(kind) != 0 for _, kind in columns)
        and {name for name, _ in columns} >= _TOLD
    )


def read_seal(folder: Path) -> Statement:
    """The seal of a folder; its signatures are not checked.

    Raises:
        InputError: the folder has none, or it cannot be read.
    """
    path = folder / ENVELOPE
    if not path.is_file():
        raise InputError(
            f"{folder} is not sealed: {ENVELOPE} is missing. Run the command that made it again."
        )
    return read_statement(path.read_bytes(), str(path))


def history_of(folder: Path) -> list[Path]:
    """Seals that the folder had before, oldest first."""
    return sorted((folder / HISTORY).glob("[0-9]*.dsse.json"), key=lambda path: (len(path.name), path.name))


def _last(folder: Path) -> Statement | None:
    history = history_of(folder)
    if not history:
        return None
    try:
        return read_statement(history[-1].read_bytes(), str(history[-1]))
    except InputError as error:
        raise WorkError(
            f"The history of {folder} is damaged: {error} To begin a new one, remove {folder / HISTORY} and run again."
        ) from error


def _tables(statement: Statement) -> Mapping[str, str]:
    tables: Mapping[str, str] = statement.predicate["tables"]
    return tables


def _tree(folder: Path, *, public: bool, keep_salts: bool) -> TreeHead | None:
    if not part_paths(folder, "documents"):
        return None
    return grow_public_tree(folder, keep_salts=keep_salts) if public else grow_tree(folder)


def _link(folder: Path, before: Statement | None) -> dict[str, Any] | None:
    """How the next seal names the last one."""
    if before is None:
        return None
    path = history_of(folder)[-1]
    return {
        "file": path.relative_to(folder).as_posix(),
        "sha256": sha256_of_file(path),
        "root": before.root,
    }
