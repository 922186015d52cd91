"""The sampling order is uniform, is the same everywhere, and depends on everything it should."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.mix.sampling import _mixed, copies_of, copy_order, priority

_STATES = st.integers(0, 2**64 - 1)


def digests_of(count: int) -> np.ndarray:
    digests = b"".join(hashlib.sha256(b"%d" % k).digest() for k in range(count))
    return np.frombuffer(digests, np.uint8).reshape(count, 32)


def splitmix64(state: int) -> int:
    """The reference algorithm, in integers without overflow."""
    mask = 2**64 - 1
    z = (state + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


@given(_STATES)
def test_the_mixer_is_splitmix64(state: int) -> None:
    assert int(_mixed(np.array([state], np.uint64))[0]) == splitmix64(state)


def test_the_first_output_of_seed_1234567_is_the_published_one() -> None:
    assert int(_mixed(np.array([1234567], np.uint64))[0]) == 6457827717110365317


@given(st.integers(-(2**70), 2**70), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_the_priority_is_the_formula_of_seed_head_and_occurrence(
    seed: int, repeat: int, digest: bytes
) -> None:
    head = int.from_bytes(digest[:8], "little")
    expected = splitmix64((splitmix64(splitmix64(seed % 2**64) ^ head) + repeat) % 2**64)
    found = priority(seed, np.frombuffer(digest, np.uint8).reshape(1, 32), np.array([repeat]))
    assert found.dtype == np.uint64
    assert int(found[0]) == expected


def test_priorities_are_uniform_in_every_bit() -> None:
    order = priority(0, digests_of(20_000), np.zeros(20_000, np.int64))
    for bit in range(64):
        share = float(np.mean((order >> np.uint64(bit)) & np.uint64(1)))
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(20_000)


def test_seeds_and_repeats_give_unrelated_orders() -> None:
    digests, zeros = digests_of(5_000), np.zeros(5_000, np.int64)
    first = priority(0, digests, zeros).astype(np.float64)
    for other in (priority(1, digests, zeros), priority(0, digests, zeros + 1)):
        assert abs(np.corrcoef(first, other.astype(np.float64))[0, 1]) < 5 / np.sqrt(5_000)


def test_repeats_of_one_text_have_different_priorities() -> None:
    same = np.repeat(digests_of(1), 1_000, axis=0)
    assert len(np.unique(priority(0, same, np.arange(1_000)))) == 1_000


def test_no_documents_have_no_priorities() -> None:
    assert len(priority(0, np.zeros((0, 32), np.uint8), np.zeros(0, np.int64))) == 0


# --- copies ---

_ORDER = priority(0, digests_of(50_000), np.zeros(50_000, np.int64))


@given(st.lists(st.tuples(st.floats(0, 1e6), _STATES), max_size=30))
def test_a_document_goes_in_as_often_as_its_weight_says_but_for_the_fraction(pairs) -> None:
    weights, order = (np.array(column, type_) for column, type_ in zip(
        zip(*pairs, strict=True) if pairs else ((), ()), (np.float64, np.uint64), strict=True
    ))  # fmt: skip
    copies = copies_of(weights, order)
    assert (copies >= np.floor(weights)).all()
    assert (copies <= np.ceil(weights)).all()


@pytest.mark.parametrize("weight", [0.0, 0.03, 0.5, 0.999, 1.0, 1.25, 2.9, 3.0])
def test_the_mean_number_of_copies_is_the_weight(weight: float) -> None:
    copies = copies_of(np.full(len(_ORDER), weight, np.float32), _ORDER)
    fraction = weight % 1
    noise = np.sqrt(fraction * (1 - fraction) / len(_ORDER))
    assert abs(copies.mean() - weight) <= 5 * noise + 1e-7


@given(st.floats(0, 5), st.floats(0, 5))
def test_a_lower_weight_never_draws_more_copies_of_the_same_document(one: float, other: float) -> None:
    low, high = (copies_of(np.full(500, weight), _ORDER[:500]) for weight in sorted((one, other)))
    assert (low <= high).all()


def test_copies_depend_on_seed_and_text_alone_and_say_nothing_of_the_place_in_the_order() -> None:
    weights = np.random.default_rng(3).gamma(1.0, size=len(_ORDER))
    copies = copies_of(weights, _ORDER)
    backwards = copies_of(weights[::-1], _ORDER[::-1])
    assert np.array_equal(copies, backwards[::-1])
    other_seed = priority(1, digests_of(50_000), np.zeros(50_000, np.int64))
    assert (copies_of(weights, other_seed) != copies).mean() > 0.2
    extra = (copies - np.floor(weights)).astype(bool)
    place = np.argsort(np.argsort(_ORDER)) / len(_ORDER)
    assert abs(place[extra].mean() - place[~extra].mean()) < 5 * np.sqrt(4 / 12 / len(_ORDER))


@given(st.lists(st.tuples(st.integers(0, 4), _STATES), max_size=20, unique_by=lambda pair: pair[1]))
def test_each_copy_has_a_place_of_its_own_and_the_first_the_documents(pairs) -> None:
    copies, order = (np.array([pair[k] for pair in pairs], type_) for k, type_ in enumerate((int, np.uint64)))
    found = copy_order(order, copies)
    assert len(np.unique(found)) == len(found) == copies.sum()
    starts = (np.cumsum(copies) - copies)[copies > 0]
    assert np.array_equal(found[starts], order[copies > 0])
    more = copy_order(order, copies + 1)  # further copies leave the places of the earlier ones
    assert np.isin(found, more).all()


def test_places_of_later_copies_are_uniform_and_tell_nothing_of_the_first() -> None:
    found = copy_order(_ORDER, np.full(len(_ORDER), 3)).reshape(-1, 3) / 2**64
    assert np.abs(found.mean(axis=0) - 0.5).max() < 5 / np.sqrt(12 * len(_ORDER))
    assert np.abs(np.corrcoef(found.T) - np.eye(3)).max() < 5 / np.sqrt(len(_ORDER))


def test_errors_say_what_was_found_and_what_to_do() -> None:
    with pytest.raises(DataError, match=r"weights has shape \(2,\) and order \(3,\)\. Pass one of each"):
        copies_of(np.ones(2), np.zeros(3, np.uint64))
    for wrong in (-0.5, np.nan, np.inf):
        with pytest.raises(
            DataError, match=rf"weights\[1\] is {wrong}\. Sampling weights are finite and start at 0"
        ):
            copies_of(np.array([1.0, wrong]), np.zeros(2, np.uint64))
    with pytest.raises(DataError, match=r"digests have shape \(2, 16\).*Pass SHA-256 digests as uint8"):
        priority(0, np.zeros((2, 16), np.uint8), np.zeros(2, np.int64))
    with pytest.raises(DataError, match=r"occurrence has shape \(3,\) for 2 digests\. Pass one integer"):
        priority(0, np.zeros((2, 32), np.uint8), np.zeros(3, np.int64))
