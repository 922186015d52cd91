"""Copies are found, unrelated pictures are left alone, and neither depends on the order in which they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_images import COPIES, drawing, encoded, gradient, noise, page
from numpy.random import default_rng
from PIL import Image

from wellkeeper.images.duplicates import CONFIRM_RADIUS, CONTRAST, DETAIL, RADIUS, duplicates_of
from wellkeeper.images.pictures import MINIATURE_BYTES, Fingerprints, careful_decoder, fingerprints, opened


def taken(picture):
    with opened(encoded(picture)) as image:
        return fingerprints(image)


def digests(count):
    return [number.to_bytes(32, "big") for number in range(count)]


def near(prints):
    found = duplicates_of(digests(len(prints)), prints).near
    return dict(zip(found.member.tolist(), found.first.tolist(), strict=True))


@pytest.fixture(scope="module")
def subjects():
    """Pictures that nothing relates, with enough in them to tell apart."""
    rng = default_rng(11)
    with careful_decoder():
        pictures = [make(rng) for make in (noise, drawing) for _ in range(14)]
        return pictures, [taken(picture) for picture in pictures]


@pytest.mark.parametrize("way", list(COPIES)[:-1])
def test_a_copy_joins_its_original_and_nothing_else(way, subjects):
    pictures, prints = subjects
    copies = [taken(COPIES[way](picture)) for picture in pictures[::4]]
    originals = range(0, len(pictures), 4)
    found = near([*prints, *copies])
    wanted = {len(pictures) + place: original for place, original in enumerate(originals)}
    assert found == {**{original: original for original in originals}, **wanted}


def test_unrelated_pictures_stay_apart(subjects):
    assert near(subjects[1]) == {}


def test_pages_of_text_that_share_a_layout_stay_apart():
    rng = default_rng(5)
    with careful_decoder():
        assert near([taken(page(rng)) for _ in range(25)]) == {}


def test_plain_pictures_are_told_and_not_compared():
    rng = default_rng(3)
    with careful_decoder():
        plain = [taken(gradient(rng)) for _ in range(6)]
        plain += [taken(Image.new("RGB", (60, 60), colour)) for colour in ("white", "black", "navy")]
        found = duplicates_of(digests(len(plain)), plain)
    assert found.plain.all()
    assert found.near.redundant == 0


def test_plain_pictures_of_equal_pixels_are_still_copies():
    with careful_decoder():
        blank = taken(Image.new("RGB", (60, 60), "white"))
    found = duplicates_of(digests(3), [blank] * 3)
    assert (found.bytes.redundant, found.pixels.redundant, found.near.redundant) == (0, 2, 2)


def test_kinds_of_copies_hold_each_other_and_the_first_stays_first(subjects):
    a, b = subjects[1][:2]
    with careful_decoder():
        worse = taken(COPIES["JPEG, quality 50"](subjects[0][0]))
    sha = [b"a" * 32, b"b" * 32, b"a" * 32, b"c" * 32, b"d" * 32]
    found = duplicates_of(sha, [a, b, a, a, worse])
    assert found.bytes.first_of(5).tolist() == [0, 1, 0, 3, 4]
    assert found.pixels.first_of(5).tolist() == [0, 1, 0, 0, 4]
    assert found.near.first_of(5).tolist() == [0, 1, 0, 0, 0]
    assert (found.near.groups, found.near.largest, found.near.redundant) == (1, 4, 3)
    assert found.distance[:4].tolist() == [0, 0, 0, 0]
    assert 0 <= found.distance[4] <= RADIUS


def test_digests_that_begin_alike_are_compared_whole(subjects):
    a, b = subjects[1][:2]
    found = duplicates_of([b"\0" * 31 + b"x", b"\0" * 31 + b"y"], [a, b])
    assert found.bytes.redundant == 0


def test_nothing_has_no_copies():
    found = duplicates_of([], [])
    assert (found.bytes.groups, found.near.largest, found.near.redundant) == (0, 0, 0)


@st.composite
def made_prints(draw):
    """Fingerprints around a few centres, some plain, some of equal pixels and some of equal hashes alone."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    miniatures = [rng.integers(0, 256, MINIATURE_BYTES, np.uint8).tobytes() for _ in range(3)]
    centres = [int(word) for word in rng.integers(0, 2**63, 2)]
    prints = []
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.integers(0, 1))
        bits = sum(1 << bit for bit in draw(st.sets(st.integers(0, 63), max_size=8)))
        prints.append(
            Fingerprints(
                pixels=bytes([number]) * 32,
                perceptual=centres[kind] ^ bits,
                difference=centres[kind],
                contrast=draw(st.sampled_from([0.0, CONTRAST + 20, CONTRAST + 20])),
                detail=draw(st.sampled_from([1.0, DETAIL + 20, DETAIL + 20])),
                miniature=draw(st.sampled_from(miniatures)),
            )
        )
    return draw(st.lists(st.sampled_from(prints), min_size=1, max_size=14))


@given(made_prints(), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order(prints, random):
    order = list(range(len(prints)))
    random.shuffle(order)
    names = digests(len(prints))

    def groups(places):
        found = duplicates_of([names[k] for k in places], [prints[k] for k in places])
        firsts = found.near.first_of(len(places)).tolist()
        return {frozenset(places[k] for k, first in enumerate(firsts) if first == one) for one in firsts}

    assert groups(order) == groups(list(range(len(prints))))


@given(made_prints())
def test_groups_are_what_pairs_within_the_thresholds_connect(prints):
    found = duplicates_of(digests(len(prints)), prints)
    parent = list(range(len(prints)))

    def root(k):
        return k if parent[k] == k else root(parent[k])

    for b in range(len(prints)):
        for a in range(b):
            close = (prints[a].perceptual ^ prints[b].perceptual).bit_count() <= RADIUS
            close &= (prints[a].difference ^ prints[b].difference).bit_count() <= CONFIRM_RADIUS
            same = prints[a].miniature == prints[b].miniature
            if prints[a].pixels == prints[b].pixels or (close and same and not found.plain[[a, b]].any()):
                low, high = sorted((root(a), root(b)))
                parent[high] = low
    assert found.near.first_of(len(prints)).tolist() == [root(k) for k in range(len(prints))]
