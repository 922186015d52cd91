"""Bags of words against their plain twin, and what a full bag keeps."""

from collections import Counter
from itertools import pairwise

import naive
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from wellkeeper.kernels import text
from wellkeeper.kernels.bags import BUCKETS, WORDS, bags_of

TABLES = text.load_tables()
SALT = 0xC2B2AE3D27D4EB4F

few = st.lists(st.sampled_from("a be cat dog über 法 42".split()), max_size=60)
many = st.lists(st.integers(0, 400).map("w{}".format), max_size=900)


def bags(documents):
    encoded = [document.encode() for document in documents]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8)
    bounds, buckets = bags_of(*text.word_hashes(data, offsets, TABLES, np.arange(len(documents))))
    return [buckets[low:high].tolist() for low, high in pairwise(bounds)]


def bucket_of(word):
    return text.hash_word(word) >> 48


def plain_mix(value):
    """`sketch.mix`, in Python."""
    for _ in range(2):
        value ^= value >> 32
        value = value * 0xD6E8FEB86659FD93 % 2**64
    return value ^ value >> 32


def plain_bag(document):
    counts = Counter(bucket_of(word) for word in naive.words_of(document))
    rank = {bucket: (plain_mix(bucket ^ SALT) >> 32) // min(255, count) for bucket, count in counts.items()}
    return set(sorted(counts, key=lambda bucket: (rank[bucket], bucket))[:WORDS])


@given(st.lists((few | many).map(" ".join), min_size=1, max_size=4))
@example(["", "one", ""])
@example([" ".join(f"w{k}" for k in range(WORDS)), " ".join(f"w{k}" for k in range(WORDS + 1))])
@example(["word " * 600 + " ".join(f"w{k}" for k in range(300))])
def test_bags_are_those_of_the_plain_definition(documents):
    for bag, document in zip(bags(documents), documents, strict=True):
        assert len(bag) == len(set(bag))
        assert set(bag) == plain_bag(document)


@given((few | many).map(" ".join), st.lists(few.map(" ".join), max_size=3))
def test_a_bag_depends_on_its_own_document_alone(document, others):
    assert bags([*others, document, *others])[len(others)] == bags([document])[0]


def test_a_word_that_a_long_document_repeats_is_kept():
    rng = np.random.default_rng(0)
    kept = 0
    for trial in range(200):
        words = [f"t{trial}x{k}" for k in range(1000)] + [f"topic{trial}"] * 40
        rng.shuffle(words)
        kept += bucket_of(f"topic{trial}") in bags([" ".join(words)])[0]
    assert kept >= 196  # a rank 40 times lower is among the lowest 128 of 1,000 with a chance above .999


def test_bags_of_long_documents_keep_the_words_that_they_share():
    """Drawn apart, two bags of 128 out of 1,000 would share 16 words of 1,000; drawn by one hash they share all."""
    words = [f"w{k}" for k in range(1000)]
    one, other = bags([" ".join(words), " ".join(reversed(words))])
    assert len(one) == WORDS
    assert set(one) == set(other)


def test_buckets_are_used_evenly():
    buckets = {bucket_of(f"w{k}") for k in range(20_000)}
    expected = BUCKETS * (1 - np.exp(-20_000 / BUCKETS))
    assert abs(len(buckets) - expected) < 5 * np.sqrt(expected)
