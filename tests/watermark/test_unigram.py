"""Unigram: its counts against sets, its list against the published code, its rate with and without repeats."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marked_tokens import laid
from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Detector, Scores
from wellkeeper.watermark.unigram import Unigram, reference_green

GREEN = reference_green(3, vocabulary=500, fraction=0.25)
texts = st.lists(st.lists(st.integers(0, 499), max_size=40), max_size=8)


@given(texts)
def test_distinct_and_green_tokens_are_those_of_sets(rows):
    found = Unigram(green=GREEN).scores(*laid(*rows))
    assert found.scored.tolist() == [len(set(row)) for row in rows]
    assert found.statistic.tolist() == [sum(int(GREEN[token]) for token in set(row)) for row in rows]


@given(texts, st.integers(2, 5))
def test_a_text_that_repeats_itself_scores_as_it_does_once(rows, times):
    detector = Unigram(green=GREEN)
    once, often = detector.scores(*laid(*rows)), detector.scores(*laid(*(row * times for row in rows)))
    assert once.scored.tolist() == often.scored.tolist()
    assert once.statistic.tolist() == often.statistic.tolist()


@pytest.mark.parametrize(
    ("key", "vocabulary", "fraction", "digest"),
    # of what GPTWatermarkBase of gptwm.py gives, github.com/XuandongZhao/Unigram-Watermark at 3667ec1
    [
        (0, 50_257, 0.5, "4fb7d86dae4b218f7054fa649809a1c5eedf0821f74b2e874d20996c3aabcb4a"),
        (-7, 1_000, 0.25, "027b6944c3162d5ba34797e430baabb9b3646dfa85561e28b7d14ceacc399205"),
        (2**40 + 1, 32_000, 0.1, "a559f420b852fb7923e30685bf1696955b9ba105eee458f13365d321f2de28fb"),
    ],
)
def test_lists_of_keys_are_those_of_the_published_code(key, vocabulary, fraction, digest):
    green = reference_green(key, vocabulary=vocabulary, fraction=fraction)
    assert hashlib.sha256(green.tobytes()).hexdigest() == digest
    assert green.sum() == int(fraction * vocabulary)


def test_false_positives_keep_to_the_level_and_counting_repeats_does_not():
    """One document that repeats a paragraph, and many keys drawn by lot."""
    rng = np.random.default_rng(4)
    keys, level = 2000, 0.01
    row = rng.integers(0, 500, 60).tolist() * 20
    exact, naive = 0, 0
    for _ in range(keys):
        green = np.zeros(500, np.uint8)
        green[rng.permutation(500)[:125]] = 1
        detector = Unigram(green=green)
        exact += detector.p_values(detector.scores(*laid(row)))[0] <= level
        hits = sum(int(green[token]) for token in row)
        naive += (hits - 0.25 * len(row)) / math.sqrt(
            0.25 * 0.75 * len(row)
        ) >= 2.326  # the published z-score
    assert exact / keys <= level + 3 * math.sqrt(level * (1 - level) / keys)
    assert naive / keys > 0.2


def test_marked_text_is_found():
    rng = np.random.default_rng(9)
    green, other = np.flatnonzero(GREEN), np.flatnonzero(GREEN == 0)
    rows = [[*rng.choice(green, 30).tolist(), *rng.choice(other, 30).tolist()] for _ in range(20)]
    detector = Unigram(green=GREEN)
    assert detector.p_values(detector.scores(*laid(*rows))).max() < 0.02


def test_what_has_no_token_has_p_value_one_and_all_p_values_are_in_range():
    detector = Unigram(green=GREEN)
    assert isinstance(detector, Detector)
    assert detector.name == "unigram"
    p = detector.p_values(detector.scores(*laid([], [1], list(range(500)))))
    assert p[0] == 1
    assert ((p > 0) & (p <= 1)).all()
    all_green = Scores(scored=np.array([125]), statistic=np.array([125]))
    assert 0 < detector.p_values(all_green)[0] < 1e-100


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: Unigram(green=np.zeros(4)), r"green has shape \(4,\) and type float64\. Pass a 0 or 1"),
        (lambda: Unigram(green=np.full(4, 2, np.uint8)), r"Pass a 0 or 1 for each token"),
        (
            lambda: Unigram(green=np.zeros(4, np.uint8)),
            r"0 of 4 tokens are green, which tells nothing\. Draw",
        ),
        (
            lambda: Unigram(green=GREEN).scores(*laid([500])),
            r"tokens\[0\] is 500, and the key's vocabulary has 500",
        ),
        (lambda: reference_green(0, vocabulary=9, fraction=1.0), r"fraction is 1\.0\. Give the share"),
        (
            lambda: reference_green(2**63, vocabulary=9, fraction=0.5),
            r"key is 9223372036854775808\. Give a signed",
        ),
    ],
)
def test_errors_of_unigram_say_what_was_found_and_what_to_do(call, says):
    with pytest.raises(DataError, match=says):
        call()
