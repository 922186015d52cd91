"""The tree against the RFC's definition, pymerkle, and the published vectors of Certificate Transparency."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from wellkeeper.errors import DataError
from wellkeeper.ledger.tree import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    is_consistent,
    leaf_hash,
    node_hash,
    root,
    root_from_proof,
)

# merkle/testdata of google/certificate-transparency: the leaves, and the root of the first 1 to 8 of them
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
SIZES = sorted({*range(70), *(2**k + d for k in range(6, 11) for d in (-1, 0, 1)), 300, 777, 1000})


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


def some(size: int) -> list[bytes]:
    return [b"leaf %d" % k for k in range(size)]


def hashed(leaves: Sequence[bytes]) -> bytes:
    return b"".join(map(leaf_hash, leaves))


def test_roots_are_the_published_ones() -> None:
    assert (
        root(b"")
        == EMPTY_ROOT
        == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    )
    for size, published in enumerate(CT_ROOTS, 1):
        assert root(hashed(CT_LEAVES[:size])).hex() == published


def test_roots_are_those_of_the_definition_and_of_pymerkle_for_every_size_to_1025() -> None:
    other = InmemoryTree(algorithm="sha256")
    leaves = some(1025)
    for size in range(1026):
        if size:
            other.append_entry(leaves[size - 1])
        mine = root(hashed(leaves[:size]))
        assert mine == other.get_root(), size
        if size in SIZES or size == 1025:
            assert mine == by_definition(leaves[:size]), size


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 255, 256, 257, 777, 1025])
def test_every_leaf_has_a_proof_that_gives_the_root(size: int) -> None:
    leaves = hashed(some(size))
    whole = root(leaves)
    for index in range(0, size, max(1, size // 60)):
        path = inclusion_proof(leaves, index)
        assert len(path) <= (size - 1).bit_length()
        leaf = leaves[32 * index : 32 * index + 32]
        assert root_from_proof(leaf, index, size, path) == whole


@given(st.data())
def test_a_proof_fits_no_other_leaf_place_path_or_longer_tree(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 100))
    index, other = (data.draw(st.integers(0, size - 1)) for _ in range(2))
    leaves = hashed(some(size))
    leaf, path, whole = leaves[32 * index : 32 * index + 32], inclusion_proof(leaves, index), root(leaves)
    assert root_from_proof(leaf_hash(b"another"), index, size, path) != whole
    if other != index:
        assert root_from_proof(leaf, other, size, path) != whole
    assert root_from_proof(leaf, index, size, path[:-1]) != whole
    assert root_from_proof(leaf, index, size, [*path, leaf]) != whole
    k, bit = data.draw(st.integers(0, len(path) - 1)), data.draw(st.integers(0, 255))
    bent = [*path]
    bent[k] = (int.from_bytes(bent[k], "big") ^ 1 << bit).to_bytes(32, "big")
    assert root_from_proof(leaf, index, size, bent) != whole
    assert root_from_proof(leaf, size, size, path) is None


@given(st.integers(1, 130), st.integers(0, 130), st.booleans())
def test_a_tree_that_grew_proves_its_beginning_and_no_other(size: int, more: int, altered: bool) -> None:
    grown = some(size + more)
    old = hashed(grown[:size])
    if altered:
        grown[size // 2] = b"altered"
    new = hashed(grown)
    proof = consistency_proof(new, size)
    assert is_consistent(size, root(old), size + more, root(new), proof) == (not altered)
    if proof:
        assert not is_consistent(size, root(old), size + more, root(new), proof[:-1])
    assert not is_consistent(size, root(old), size + more, root(new), [*proof, EMPTY_ROOT])


def test_an_empty_or_larger_tree_is_no_beginning() -> None:
    assert not is_consistent(0, EMPTY_ROOT, 3, root(hashed(some(3))), [])
    assert not is_consistent(4, EMPTY_ROOT, 3, EMPTY_ROOT, [])
    assert not is_consistent(3, EMPTY_ROOT, 4, EMPTY_ROOT, [])


def test_leaves_and_nodes_are_never_confused() -> None:
    left, right = map(leaf_hash, some(2))
    assert leaf_hash(left + right) != node_hash(left, right)


def test_refusals_say_what_to_do() -> None:
    leaves = hashed(some(3))
    with pytest.raises(DataError, match=r"There are 3 leaves, and no leaf 3\. Ask for one of them\."):
        inclusion_proof(leaves, 3)
    with pytest.raises(
        DataError, match=r"Leaf hashes take 95 bytes, which is no multiple of 32\. Give whole hashes\."
    ):
        root(leaves[:-1])
    with pytest.raises(
        DataError, match=r"A tree of 3 leaves has no beginning of 4\. Ask for 1 leaf or more of it\."
    ):
        consistency_proof(leaves, 4)
