"""What a seal says of rows that were changed on purpose, so that the old root can still be reached from the new one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from wellkeeper.errors import DataError
from wellkeeper.ledger.tree import HASH_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """Rows of the ledger that were changed after it was sealed, and why."""

    at: str  # ISO 8601, UTC
    reason: str
    rows: tuple[int, ...]  # ascending

    def to_json(self, before: bytes, after: bytes) -> dict[str, Any]:
        """With the leaves that changed: [number, hash before, hash after].

        `before` and `after` are the hashes of all leaves of the tree, 32 bytes each, equally many.
        """
        return {
            "at": self.at,
            "reason": self.reason,
            "rows": list(self.rows),
            "leaves": [
                [number, old.hex(), new.hex()]
                for number, (old, new) in enumerate(
                    zip_longest(_hashes(before), _hashes(after), fillvalue=b"")
                )
                if old != new
            ],
        }


def undone(leaves: bytes, amendment: Mapping[str, Any]) -> bytes:
    """The leaves as they were before an amendment, as `Amendment.to_json` tells it.

    Raises:
        DataError: a leaf is not the one that the amendment left, or there is no such leaf.
    """
    restored = bytearray(leaves)
    for number, old, new in amendment["leaves"]:
        at = slice(HASH_BYTES * number, HASH_BYTES * (number + 1))
        there = 0 <= number < len(restored) // HASH_BYTES
        if not there or bytes(restored[at]).hex() != new or len(bytes.fromhex(old)) != HASH_BYTES:
            raise DataError(
                f"Leaf {number} is not the one that the amendment of {amendment['at']} left. {_SUSPECT}"
            )
        restored[at] = bytes.fromhex(old)
    return bytes(restored)


_SUSPECT = "Do not use this folder: get an unaltered copy."


def _hashes(leaves: bytes) -> Sequence[bytes]:
    return [leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)]
