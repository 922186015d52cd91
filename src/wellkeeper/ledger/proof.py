"""A proof that the ledger of a sealed folder says this of a document, for someone who does not have the folder.

It is one JSON file: the packed row (or, where the leaves are tiles, the 256 rows of its tile), the hashes that lead
from there to the root, and the seal, which names the root and may be signed. Who has the public key of the signer can
check all of it offline, with `wellkeeper verify --proof` or with the thirty lines of Python in docs/verify.md.

    schema    wellkeeper.proof/1
    row       row of the ledger, from 0
    rows      the leaf's packed rows, base64: those of a tile, or the row alone
    salt      of the row, base64, where each row is a leaf; else ""
    path      hashes of the inclusion proof (RFC 9162, section 2.1.3), base64, from the leaf upwards
    envelope  the folder's manifest.dsse.json
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wellkeeper.engine.store import write_atomic
from wellkeeper.errors import DataError, InputError
from wellkeeper.ledger.folder import LEAVES, SALTS, TILE_ROWS, TILES, read_rows
from wellkeeper.ledger.leaves import SALT_BYTES, LeafKind, tiles_of
from wellkeeper.ledger.manifest import ENVELOPE
from wellkeeper.ledger.packing import PackedRows, pack, unpack
from wellkeeper.ledger.seal import Statement, read_seal, read_statement
from wellkeeper.ledger.signature import unambiguous
from wellkeeper.ledger.tree import HASH_BYTES, inclusion_proof, leaf_hash, root_from_proof

SCHEMA = "wellkeeper.proof/1"

_CORRUPT = "Ask for the proof again, or for an unaltered copy."


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What leads from one row to the root that a seal names."""

    row: int
    rows: bytes  # packed: of the tile, or the row alone
    salt: bytes  # empty where the leaf is a tile
    path: tuple[bytes, ...]
    statement: Statement
    envelope: bytes  # the seal, as it lies in the folder

    @property
    def size(self) -> int:
        """Bytes that the proof takes besides the rows and the seal, which is the same for all proofs."""
        return len(self.salt) + HASH_BYTES * len(self.path)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "row": self.row,
            "rows": _base64(self.rows),
            "salt": _base64(self.salt),
            "path": [_base64(one) for one in self.path],
            "envelope": json.loads(self.envelope),
        }

    def write(self, path: Path) -> None:
        """Write the proof as a file.

        Raises:
            InputError: there is no such folder.
        """
        if not path.absolute().parent.is_dir():
            raise InputError(f"{path.parent} is no folder. Make it, or write the proof elsewhere.")
        write_atomic(path, (json.dumps(self.to_json(), indent=1) + "\n").encode())

    def record(self) -> dict[str, Any]:
        """The row, by column; as the proof says, which only `fits` shows to be what was sealed.

        Raises:
            DataError: the rows are torn, or have no such row.
        """
        head = _head(self.statement)
        place = self.row % TILE_ROWS if _leaf(head) == "tile" else 0
        for number, row in enumerate(unpack(self.rows, head["columns"])):
            if number == place:
                return row
        raise DataError(f"The proof has no row {self.row}. {_CORRUPT}")

    def fits(self) -> bool:
        """Whether the row is the one with its number in the ledger whose root the seal names."""
        try:
            return self._fits()
        except (
            DataError,
            KeyError,
            TypeError,
            ValueError,
            OverflowError,
            OSError,  # a time that the system has no calendar for
        ):  # whoever made it need not be honest
            return False

    def _fits(self) -> bool:
        head = _head(self.statement)
        tiled, rows = _leaf(head) == "tile", int(head["rows"])
        index, size = (self.row // TILE_ROWS, tiles_of(rows)) if tiled else (self.row, rows)
        if len(self.salt) != (0 if tiled else SALT_BYTES) or not 0 <= self.row < rows:
            return False
        found = root_from_proof(leaf_hash(self.salt + self.rows), index, size, self.path)
        return found is not None and found.hex() == head["root"] and self.record()["row"] == self.row


def proof_of(folder: Path, row: int) -> Proof:
    """The proof of one row of a sealed folder.

    Raises:
        InputError: the folder is not sealed, has no ledger or no such row, or lacks what the proof is made of.
    """
    statement = read_seal(folder)
    head = _head(statement)
    if not 0 <= row < head["rows"]:
        raise InputError(
            f"The ledger in {folder} has {head['rows']:,} rows, and no row {row}. Give one of them."
        )
    tile, place = divmod(row, TILE_ROWS)
    packed = _tile(folder, tile)
    tiles = _hashes(folder / TILES, tiles_of(head["rows"]))
    path = inclusion_proof(tiles, tile)
    rows, salt = packed.data.tobytes(), b""
    if _leaf(head) == "row":
        salt = _piece(folder / SALTS, SALT_BYTES * row, SALT_BYTES)
        leaves = _piece(
            folder / LEAVES, HASH_BYTES * TILE_ROWS * tile, HASH_BYTES * (len(packed.offsets) - 1)
        )
        rows, path = packed.row(place), [*inclusion_proof(leaves, place), *path]
    envelope = (folder / ENVELOPE).read_bytes()
    return Proof(row=row, rows=rows, salt=salt, path=tuple(path), statement=statement, envelope=envelope)


def read_proof(path: Path) -> Proof:
    """The proof in a file; whether it proves anything is not checked yet.

    Raises:
        InputError: there is no such file, or it is no proof.
    """
    try:
        content = json.loads(path.read_bytes(), object_pairs_hook=unambiguous)
    except FileNotFoundError:
        raise InputError(
            f"{path} is missing. Make a proof: wellkeeper why FOLDER DOCUMENT --proof FILE."
        ) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}. {_CORRUPT}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise InputError(
            f"{path} is no proof of schema {SCHEMA}. Make one: wellkeeper why FOLDER DOCUMENT --proof FILE."
        )
    try:
        envelope = json.dumps(content["envelope"]).encode()
        proof = Proof(
            row=_whole(content["row"]),
            rows=base64.b64decode(content["rows"], validate=True),
            salt=base64.b64decode(content["salt"], validate=True),
            path=tuple(base64.b64decode(one, validate=True) for one in content["path"]),
            statement=read_statement(envelope, f"The envelope in {path}"),
            envelope=envelope,
        )
        _head(proof.statement)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise InputError(f"{path} is no whole proof: {error}. {_CORRUPT}") from None
    return proof


def _whole(number: Any) -> int:
    if type(number) is not int:
        raise TypeError(f"its row is {number!r}")
    return number


def _head(statement: Statement) -> Mapping[str, Any]:
    if (head := statement.tree) is None:
        raise InputError("The seal names no tree of rows: there is no ledger to prove anything of. Seal one.")
    return head


def _leaf(head: Mapping[str, Any]) -> LeafKind:
    return "row" if head["leaf"] == "row" else "tile"


def _tile(folder: Path, tile: int) -> PackedRows:
    """The packed rows of a tile, which may lie in several parts and row groups."""
    table = read_rows(folder, "documents", [(tile * TILE_ROWS, (tile + 1) * TILE_ROWS)])
    data, ends = [], [np.zeros(1, np.int64)]
    for batch in table.to_batches():
        rows = pack(batch)
        data.append(rows.data)
        ends.append(rows.offsets[1:] + ends[-1][-1])
    return PackedRows(np.concatenate(data), np.concatenate(ends))


def _hashes(path: Path, number: int) -> bytes:
    return _piece(path, 0, HASH_BYTES * number)


def _piece(path: Path, first: int, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(first)
            data = file.read(size)
    except FileNotFoundError:
        data = b""
    if len(data) != size:
        raise InputError(
            f"{path} is missing or torn. Run the recipe again, or get an unaltered copy of the folder."
        )
    return data


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
