"""Gumbel: one function in numpy, torch and machine code; its numbers are uniform; its null is a gamma distribution."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from marked_tokens import laid
from wellkeeper.errors import DataError
from wellkeeper.watermark import prf
from wellkeeper.watermark.detection import Detector
from wellkeeper.watermark.gumbel import Gumbel

WORD = 2**64
keys = st.integers(0, WORD - 1)
tokens_of_31_bits = st.integers(0, 2**31 - 1)


def mixed(x: int) -> int:
    """SplitMix64's finaliser in whole numbers."""
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ x >> 27) * 0x94D049BB133111EB % WORD
    return x ^ x >> 31


def by_definition(key: int, context: list[int], token: int) -> float:
    golden = 0x9E3779B97F4A7C15
    word = 0
    for one in context:
        word = (word + one + 1) * golden % WORD
    state = mixed(word ^ mixed((key + golden) % WORD))
    drawn = mixed((state + (token + 1) * golden) % WORD) >> 12
    return (2 * drawn + 1) * 2.0**-53


@given(keys, st.lists(tokens_of_31_bits, min_size=1, max_size=6), tokens_of_31_bits)
def test_numbers_are_those_of_the_definition(key, context, token):
    got = prf.uniforms(prf.states(key, np.array(context)), np.array(token))
    assert float(got) == by_definition(key, context, token)


def test_splitmix_gives_its_published_stream():
    """Seed 1234567 of Vigna's splitmix64.c gives 6457827717110365317 first: a state and token 0 are one step of it."""
    word = (np.uint64(1234567) + np.uint64(0x9E3779B97F4A7C15)).astype(np.int64)
    assert int(prf._mixed(np.array([word]))[0]) % WORD == 6457827717110365317


@given(keys, st.integers(1, 5), st.lists(st.lists(st.integers(0, 3), max_size=30), max_size=5))
def test_the_loop_draws_what_the_definition_says_for_the_first_of_equal_ngrams(key, context, rows):
    detector = Gumbel(key=key, vocabulary=4, context=context)
    tokens, offsets = laid(*rows)
    expected, sums, counts = [], [], []
    for row in rows:
        seen, total = set(), 0.0
        for at in range(len(row)):
            ngram = tuple(row[at - context : at + 1]) if at >= context else None
            if ngram is None or ngram in seen:
                expected.append(0.0)
                continue
            seen.add(ngram)
            expected.append(by_definition(key, list(ngram[:-1]), ngram[-1]))
            total -= math.log(1 - expected[-1])
        sums.append(total)
        counts.append(len(seen))
    assert detector.draws(tokens, offsets).tolist() == expected
    found = detector.scores(tokens, offsets)
    assert found.scored.tolist() == counts
    assert found.statistic.tolist() == pytest.approx(sums, rel=1e-13)


@given(st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=40), min_size=1, max_size=6), st.randoms())
def test_a_document_scores_the_same_wherever_it_stands(rows, random):
    detector = Gumbel(key=5, vocabulary=10, context=2)
    found = detector.scores(*laid(*rows))
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = detector.scores(*laid(*(rows[at] for at in order)))
    assert shuffled.statistic.tolist() == found.statistic[order].tolist()
    assert shuffled.scored.tolist() == found.scored[order].tolist()


@pytest.mark.torch
def test_torch_and_numpy_draw_the_same_bits():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    context, tokens = rng.integers(0, 2**31, (50, 4)), np.arange(300)
    for key in (0, 1, 2**63, WORD - 1):
        ours = prf.uniforms(prf.states(key, context)[:, None], tokens)
        theirs = prf.uniforms(prf.states(key, torch.tensor(context))[:, None], torch.tensor(tokens))
        assert theirs.dtype == torch.float64
        assert (theirs.numpy() == ours).all()


def test_numbers_are_uniform_over_tokens_contexts_and_keys():
    rng = np.random.default_rng(1)
    contexts = rng.integers(0, 50_000, (40_000, 4))
    apart = [
        prf.uniforms(prf.states(7, contexts[0]), np.arange(40_000)),
        prf.uniforms(prf.states(7, contexts), np.array(3)),
        np.array([float(prf.uniforms(prf.states(key, contexts[0]), np.array(3))) for key in range(4000)]),
        # contexts that differ in their last token alone, and by order alone
        prf.uniforms(prf.states(7, np.stack([np.full(40_000, 9), np.arange(40_000)], 1)), np.array(3)),
    ]
    for numbers in apart:
        assert stats.kstest(numbers, "uniform").pvalue > 1e-4
        assert abs(stats.spearmanr(numbers[1:], numbers[:-1]).statistic) < 4 / math.sqrt(numbers.size)
    pairs = prf.uniforms(prf.states(7, np.array([[1, 2], [2, 1]])), np.array(3))
    assert pairs[0] != pairs[1]


@given(keys, st.integers(0, 63))
def test_one_bit_of_the_key_changes_every_number(key, bit):
    contexts = np.arange(400).reshape(-1, 4)
    one = prf.uniforms(prf.states(key, contexts), np.array(1))
    other = prf.uniforms(prf.states(key ^ 1 << bit, contexts), np.array(1))
    assert (one != other).all()
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.5


def test_p_values_are_uniform_where_the_key_had_no_part():
    rng = np.random.default_rng(2)
    runs = 4000
    tokens, offsets = rng.integers(0, 50_000, 200 * runs).astype(np.int32), np.arange(0, 200 * runs + 1, 200)
    detector = Gumbel(key=99, vocabulary=50_000)
    p = detector.p_values(detector.scores(tokens, offsets))
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    for level in (0.1, 0.01):
        assert abs((p <= level).mean() - level) <= 3.5 * math.sqrt(level * (1 - level) / runs)


def test_counting_repeats_would_raise_false_alarms():
    rng = np.random.default_rng(3)
    paragraph = rng.integers(0, 50_000, 50)
    detectors = [Gumbel(key=key, vocabulary=50_000) for key in range(2000)]
    exact, naive = [], []
    for detector in detectors:
        once = detector.scores(*laid(np.tile(paragraph, 20)))
        exact.append(detector.p_values(once)[0] <= 0.01)
        naive.append(stats.gamma.sf(once.statistic[0] * 20, once.scored[0] * 20) <= 0.01)
    assert np.mean(exact) <= 0.01 + 3.5 * math.sqrt(0.01 * 0.99 / 2000)
    assert np.mean(naive) > 0.2


def test_text_sampled_by_the_key_is_found():
    """A writer takes the token with the greatest r^(1/p): here of a distribution of 4 bits a token."""
    rng = np.random.default_rng(4)
    detector = Gumbel(key=11, vocabulary=64)
    probability = np.arange(1, 65) ** -0.8
    probability /= probability.sum()
    texts = []
    for _ in range(10):
        text = rng.integers(0, 64, 4).tolist()
        for _ in range(100):
            numbers = prf.uniforms(prf.states(11, np.array(text[-4:])), np.arange(64))
            text.append(int(np.argmax(np.log(numbers) / probability)))
        texts.append(text)
    assert detector.p_values(detector.scores(*laid(*texts))).max() < 1e-6
    stranger = Gumbel(key=12, vocabulary=64)
    assert stranger.p_values(stranger.scores(*laid(*texts))).min() > 1e-4


def test_short_documents_have_p_value_one():
    detector = Gumbel(key=1, vocabulary=9)
    assert isinstance(detector, Detector)
    assert detector.name == "gumbel"
    found = detector.scores(*laid([], [1], [1, 2, 3, 4], [1, 2, 3, 4, 5]))
    assert found.scored.tolist() == [0, 0, 0, 1]
    assert detector.p_values(found)[:3].tolist() == [1, 1, 1]
    assert detector.scores(*laid()).scored.size == 0


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (
            lambda: Gumbel(key=-1, vocabulary=9),
            r"key is out of its range\. Give a number from 0 to 2\^64 - 1\.",
        ),
        (
            lambda: Gumbel(key=1, vocabulary=9, context=0),
            r"context is 0\. Give the tokens that a draw hangs on",
        ),
        (
            lambda: Gumbel(key=1, vocabulary=9).scores(*laid([9])),
            r"tokens\[0\] is 9, and the key's vocabulary",
        ),
    ],
)
def test_errors_of_gumbel_say_what_was_found_and_what_to_do(call, says):
    with pytest.raises(DataError, match=says):
        call()
