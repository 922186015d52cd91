"""The index of near fingerprints against a look at every pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.kernels.hamming import MOST_BITS, near_pairs

words = st.integers(0, 2**64 - 1)


@st.composite
def neighbourhoods(draw):
    """Hashes that lie around a few centres, so that pairs at every distance occur; and second hashes likewise."""
    centres = draw(st.lists(words, min_size=1, max_size=3))
    flips = st.lists(st.integers(0, 63), max_size=12)
    many = draw(st.lists(st.tuples(st.sampled_from(centres), flips, flips), min_size=1, max_size=30))
    hashes = [centre ^ sum(1 << bit for bit in set(bits)) for centre, bits, _ in many]
    confirm = [sum(1 << bit for bit in set(bits)) for _, _, bits in many]
    distinct = dict(zip(hashes, confirm, strict=True))
    return np.array(list(distinct), np.uint64), np.array(list(distinct.values()), np.uint64)


@given(neighbourhoods(), st.integers(0, MOST_BITS), st.integers(0, 64))
def test_exactly_the_pairs_within_both_radii_are_found(both, radius, confirm_radius):
    hashes, confirm = both
    found = {
        pair
        for left, right in near_pairs(hashes, radius, confirm=confirm, confirm_radius=confirm_radius)
        for pair in zip(left.tolist(), right.tolist(), strict=True)
    }
    assert found == {
        (a, b)
        for b in range(len(hashes))
        for a in range(b)
        if int(hashes[a] ^ hashes[b]).bit_count() <= radius
        and int(confirm[a] ^ confirm[b]).bit_count() <= confirm_radius
    }


def test_pairs_come_in_batches_that_lose_none(monkeypatch):
    monkeypatch.setattr("wellkeeper.kernels.hamming._ROOM", 1)
    hashes = np.arange(64, dtype=np.uint64)
    batches = list(near_pairs(hashes, 2, confirm=hashes, confirm_radius=64))
    assert len(batches) > 3
    found = {(a, b) for left, right in batches for a, b in zip(left.tolist(), right.tolist(), strict=True)}
    assert len(found) == sum((a ^ b).bit_count() <= 2 for b in range(64) for a in range(b))


def test_nothing_has_no_pairs():
    nothing = np.zeros(0, np.uint64)
    assert list(near_pairs(nothing, 8, confirm=nothing, confirm_radius=8)) == []


@pytest.mark.parametrize(
    ("radius", "confirm", "says"),
    [
        (16, 2, "radius is 16 and confirm_radius 12. Give 0 to 15 and 0 to 64 bits."),
        (-1, 2, "radius is -1"),
        (3, 1, r"hashes have shape \(2,\) and confirm \(1,\). Give one of each an item."),
    ],
)
def test_what_cannot_be_asked_is_said(radius, confirm, says):
    with pytest.raises(DataError, match=says):
        list(
            near_pairs(
                np.zeros(2, np.uint64), radius, confirm=np.zeros(confirm, np.uint64), confirm_radius=12
            )
        )
