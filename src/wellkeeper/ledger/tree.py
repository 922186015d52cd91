"""The Merkle tree of RFC 6962: one hash over many leaves, and short proofs about each of them.

A leaf is hashed as SHA-256(0x00 || data), two nodes as SHA-256(0x01 || left || right); the tree of n leaves splits at
the largest power of two below n [1]. Equivalently, neighbours pair up level by level, and a node without a neighbour
moves up as it is; that is how it is computed here. Proofs and their checks are those of RFC 9162 [2].

[1] RFC 6962, Certificate Transparency, section 2.1
[2] RFC 9162, Certificate Transparency Version 2.0, section 2.1.3 (inclusion) and 2.1.4 (consistency)
"""

import hashlib
from collections.abc import Sequence

from wellkeeper.errors import DataError

ALGORITHM = "RFC 6962 SHA-256"

HASH_BYTES = 32

EMPTY_ROOT = hashlib.sha256().digest()
"""Root of a tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: bytes) -> bytes:
    """Root of the tree over leaf hashes, given one after the other, 32 bytes each.

    Raises:
        DataError: these are not whole hashes.
    """
    _size_of(leaves)
    if not leaves:
        return EMPTY_ROOT
    while len(leaves) > HASH_BYTES:
        leaves = _parents(leaves)
    return leaves


def inclusion_proof(leaves: bytes, index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root, from the leaf upwards.

    Raises:
        DataError: there is no such leaf.
    """
    if not 0 <= index < _size_of(leaves):
        raise DataError(
            f"There are {len(leaves) // HASH_BYTES} leaves, and no leaf {index}. Ask for one of them."
        )
    path = []
    while len(leaves) > HASH_BYTES:
        neighbour = _at(leaves, index ^ 1)
        if neighbour:
            path.append(neighbour)
        leaves = _parents(leaves)
        index //= 2
    return path


def root_from_proof(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `size` leaves that has the hash `leaf` at `index`, by its inclusion proof.

    None if a path of this length fits no such tree.
    """
    if not 0 <= index < size:
        return None
    found, place, last = leaf, index, size - 1
    for neighbour in path:
        if last == 0:
            return None
        if place % 2 or place == last:
            found = node_hash(neighbour, found)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            found = node_hash(found, neighbour)
        place, last = place // 2, last // 2
    return found if last == 0 else None


def consistency_proof(leaves: bytes, size: int) -> list[bytes]:
    """The hashes that show that the tree over the first `size` leaves is the beginning of the tree over all.

    Raises:
        DataError: `size` is below 1 or above the number of leaves.
    """
    if not 1 <= size <= _size_of(leaves):
        raise DataError(
            f"A tree of {len(leaves) // HASH_BYTES} leaves has no beginning of {size}. Ask for 1 leaf or more of it."
        )
    return _subproof(leaves, size, whole=True)


def is_consistent(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Whether a consistency proof shows that the new tree begins with all leaves of the old one, unchanged."""
    if not 1 <= old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    hashes = list(proof)
    if old_size & (old_size - 1) == 0:
        hashes.insert(0, old_root)  # a whole subtree of the new tree, which the verifier knows
    if not hashes:
        return False
    place, last = old_size - 1, new_size - 1
    while place % 2:
        place, last = place // 2, last // 2
    old = new = hashes[0]
    for neighbour in hashes[1:]:
        if last == 0:
            return False
        if place % 2 or place == last:
            old, new = node_hash(neighbour, old), node_hash(neighbour, new)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            new = node_hash(new, neighbour)
        place, last = place // 2, last // 2
    return last == 0 and old == old_root and new == new_root


def _size_of(leaves: bytes) -> int:
    size, rest = divmod(len(leaves), HASH_BYTES)
    if rest:
        raise DataError(
            f"Leaf hashes take {len(leaves)} bytes, which is no multiple of 32. Give whole hashes."
        )
    return size


def _at(hashes: bytes, index: int) -> bytes:
    return hashes[index * HASH_BYTES : (index + 1) * HASH_BYTES]


def _parents(hashes: bytes) -> bytes:
    """The level above. Two hashes lie next to each other as their node has them, behind one byte."""
    pair = 2 * HASH_BYTES
    pairs = len(hashes) // pair * pair
    sha256 = hashlib.sha256
    nodes = [sha256(b"\x01" + hashes[at : at + pair]).digest() for at in range(0, pairs, pair)]
    return b"".join(nodes) + hashes[pairs:]


def _subproof(leaves: bytes, size: int, *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162; `whole`: the verifier knows the root of this part already."""
    total = len(leaves) // HASH_BYTES
    if size == total:
        return [] if whole else [root(leaves)]
    middle = 1 << (total - 1).bit_length() - 1
    left, right = leaves[: middle * HASH_BYTES], leaves[middle * HASH_BYTES :]
    if size <= middle:
        return [*_subproof(left, size, whole=whole), root(right)]
    return [*_subproof(right, size - middle, whole=False), root(left)]
