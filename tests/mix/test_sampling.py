"""The sampling order is uniform, is the same everywhere, and depends on everything it should."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.mix.sampling import _mixed, priority

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


def test_errors_say_what_was_found_and_what_to_do() -> None:
    with pytest.raises(DataError, match=r"digests have shape \(2, 16\).*Pass SHA-256 digests as uint8"):
        priority(0, np.zeros((2, 16), np.uint8), np.zeros(2, np.int64))
    with pytest.raises(DataError, match=r"occurrence has shape \(3,\) for 2 digests\. Pass one integer"):
        priority(0, np.zeros((2, 32), np.uint8), np.zeros(3, np.int64))
