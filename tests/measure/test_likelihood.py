"""The statistics against their definitions, word for word, and what they are meant to tell."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose

from wellkeeper.errors import DataError
from wellkeeper.measure import likelihood
from wellkeeper.measure.likelihood import TokenStatistics, text_statistics, token_statistics


@st.composite
def readings(draw, dtype=np.float64, most=30.0):
    rows, columns = draw(st.integers(1, 8)), draw(st.integers(2, 12))
    logits = draw(hnp.arrays(dtype, (rows, columns), elements=st.floats(-most, most, width=32)))
    tokens = draw(hnp.arrays(np.int64, rows, elements=st.integers(0, columns - 1)))
    return logits, tokens


def by_definition(row, token):
    """Log-probability, rank, mean and variance, summed with no rounding of the sums."""
    highest = max(row)
    log_total = highest + math.log(math.fsum(math.exp(z - highest) for z in row))
    logs = [z - log_total for z in row]
    mean = math.fsum(math.exp(one) * one for one in logs)
    variance = math.fsum(math.exp(one) * (one - mean) ** 2 for one in logs)
    return logs[token], 1 + sum(z > row[token] for z in row), mean, variance


@given(readings())
def test_each_token_has_the_statistics_of_their_definitions(reading):
    logits, tokens = reading
    found = token_statistics(logits, tokens)
    for place, (row, token) in enumerate(zip(logits.tolist(), tokens.tolist(), strict=True)):
        log_probability, rank, mean, variance = by_definition(row, token)
        assert found.rank[place] == rank
        assert_allclose(found.log_probability[place], log_probability, rtol=1e-12, atol=1e-12)
        assert_allclose(found.mean[place], mean, rtol=1e-9, atol=1e-12)
        assert_allclose(found.variance[place], variance, rtol=1e-9, atol=1e-12)


@given(readings(np.float32), st.floats(-1e4, 1e4, width=16))
def test_a_constant_added_to_all_logits_changes_nothing(reading, shift):
    logits, tokens = reading
    wide = logits.astype(np.float64)
    one, other = token_statistics(wide, tokens), token_statistics(wide + shift, tokens)
    assert_allclose(other.log_probability, one.log_probability, atol=1e-9)
    assert_allclose(other.variance, one.variance, atol=1e-7)


@given(readings(np.float32))
def test_32_bits_are_enough(reading):
    logits, tokens = reading
    narrow, wide = token_statistics(logits, tokens), token_statistics(logits.astype(np.float64), tokens)
    assert (narrow.rank == wide.rank).all()
    for name in ("log_probability", "mean", "variance"):
        assert_allclose(getattr(narrow, name), getattr(wide, name), rtol=1e-5, atol=1e-4)


def test_32_bits_are_enough_for_a_vocabulary_of_a_language_model():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, (4, 150_000)).astype(np.float32)
    tokens = rng.integers(0, 150_000, 4)
    narrow, wide = token_statistics(logits, tokens), token_statistics(logits.astype(np.float64), tokens)
    for name in ("log_probability", "mean", "variance"):
        assert_allclose(getattr(narrow, name), getattr(wide, name), atol=5e-5)


@given(readings())
def test_bounds_hold(reading):
    found = token_statistics(*reading)
    assert (found.log_probability <= 0).all()
    assert (found.mean <= 0).all()
    assert (
        found.mean >= -math.log(reading[0].shape[1]) - 1e-12
    ).all()  # entropy is highest where all is alike
    assert (found.variance >= 0).all()
    assert (found.rank >= 1).all()
    assert (found.rank <= reading[0].shape[1]).all()


@given(readings(), st.integers(1, 40))
def test_rows_are_worked_on_in_parts_of_any_size(reading, cells):
    logits, tokens = reading
    whole = token_statistics(logits, tokens)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likelihood, "_CELLS", cells)
        parts = token_statistics(logits, tokens)
    assert_allclose(parts.variance, whole.variance, rtol=1e-12)
    assert (parts.rank == whole.rank).all()


def test_a_fair_coin_leaves_no_doubt_about_its_log_probability():
    found = token_statistics(np.zeros((3, 8)), np.array([0, 3, 7]))
    assert_allclose(found.log_probability, -math.log(8))
    assert_allclose(found.mean, -math.log(8))
    assert_allclose(found.variance, 0, atol=1e-30)
    assert found.rank.tolist() == [1, 1, 1]  # nothing is likelier
    text = text_statistics(found)
    assert text.top1_rate == 1
    assert math.isnan(text.lrr)
    assert math.isnan(text.fast_detect_gpt)


@given(st.floats(0.01, 0.99))
def test_two_tokens_have_the_variance_of_bernoulli(share):
    logits = np.array([[math.log(share), math.log(1 - share)]] * 2)
    found = token_statistics(logits, np.array([0, 1]))
    assert_allclose(found.log_probability, [math.log(share), math.log(1 - share)], atol=1e-12)
    spread = share * (1 - share) * math.log(share / (1 - share)) ** 2
    assert_allclose(found.variance, spread, rtol=1e-6, atol=1e-12)


def test_tokens_that_cannot_come_have_no_part_in_the_means():
    masked = np.array([[1.0, 0.0, -np.inf, -np.inf]])
    one, other = (token_statistics(row, np.array([1])) for row in (masked, masked[:, :2]))
    assert (one.log_probability, one.mean, one.variance) == (
        other.log_probability,
        other.mean,
        other.variance,
    )
    assert token_statistics(masked, np.array([2])).log_probability[0] == -np.inf


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logits_may_be_as_large_as_their_format_allows(dtype):
    huge = float(np.finfo(dtype).max) / 2
    found = token_statistics(np.array([[huge, -huge, 0.0]], dtype), np.array([0]))
    assert (found.log_probability[0], found.mean[0], found.variance[0]) == (0, 0, 0)


def test_half_precision_is_summed_in_32_bits():
    found = token_statistics(np.zeros((1, 100_000), np.float16), np.array([5]))  # the sum is no float16
    assert_allclose(found.log_probability, -math.log(100_000), rtol=1e-6)


# --- texts -------------------------------------------------------------------------------------------------------


@given(readings())
def test_statistics_of_a_text_are_those_of_the_papers(reading):
    tokens = token_statistics(*reading)
    text = text_statistics(tokens)
    log_ranks = [math.log(rank) for rank in tokens.rank.tolist()]
    assert_allclose(text.log_likelihood, math.fsum(tokens.log_probability.tolist()) / len(tokens))
    assert_allclose(text.log_rank, math.fsum(log_ranks) / len(tokens), atol=1e-15)
    assert text.top1_rate == tokens.rank.tolist().count(1) / len(tokens)
    if any(log_ranks):
        total = -math.fsum(tokens.log_probability.tolist())  # equation 1 of DetectLLM: sums, not means
        assert_allclose(text.lrr, total / math.fsum(log_ranks), rtol=1e-9)
    if tokens.variance.sum() > 0:
        gap = math.fsum(tokens.log_probability.tolist()) - math.fsum(tokens.mean.tolist())
        expected = gap / math.sqrt(math.fsum(tokens.variance.tolist()))
        assert_allclose(text.fast_detect_gpt, expected, rtol=1e-6, atol=1e-6)


def test_the_first_tokens_are_a_text_of_their_own():
    rng = np.random.default_rng(3)
    logits, tokens = rng.normal(size=(9, 20)), rng.integers(0, 20, 9)
    whole = token_statistics(logits, tokens).first(4)
    assert len(whole) == 4
    assert text_statistics(whole) == text_statistics(token_statistics(logits[:4], tokens[:4]))


def test_a_text_without_tokens_has_no_statistics():
    text = text_statistics(token_statistics(np.empty((0, 5)), np.empty(0, np.int64)))
    assert text.tokens == 0
    assert all(map(math.isnan, (text.log_likelihood, text.log_rank, text.lrr, text.top1_rate)))
    assert math.isnan(text.fast_detect_gpt)


def test_fast_detect_gpt_is_a_standard_score_of_what_the_model_samples():
    """Texts drawn from the model itself have mean 0 and standard deviation 1, greedy ones lie far above, noise below."""
    rng = np.random.default_rng(11)
    logits = rng.normal(0, 2, (150, 40))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    def score(tokens):
        return text_statistics(token_statistics(logits, tokens)).fast_detect_gpt

    drawn = np.array([score((shares.cumsum(1) > rng.random((150, 1))).argmax(1)) for _ in range(400)])
    assert abs(drawn.mean()) < 4 / math.sqrt(400)
    assert abs(drawn.std() - 1) < 4 / math.sqrt(2 * 400)
    assert score(logits.argmax(1)) > 10
    assert score(rng.integers(0, 40, 150)) < -5


def test_colder_sampling_moves_every_statistic_the_way_it_should():
    rng = np.random.default_rng(13)
    logits = rng.normal(0, 2, (300, 50))

    def text(temperature):
        noise = rng.gumbel(size=logits.shape)  # sampling by the largest perturbed logit
        return text_statistics(token_statistics(logits, (logits / temperature + noise).argmax(1)))

    human, cold = text(1.0), text(0.5)
    assert cold.log_likelihood > human.log_likelihood
    assert cold.log_rank < human.log_rank
    assert cold.top1_rate > human.top1_rate
    assert cold.fast_detect_gpt > human.fast_detect_gpt
    assert cold.lrr > human.lrr


# --- faults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logits", "tokens", "says"),
    [
        (np.zeros((2, 3)), [0], r"logits have shape \(2, 3\) and tokens \(1,\)\. Pass one row of logits"),
        (np.zeros(3), [0], r"logits have shape \(3,\)"),
        (
            np.zeros((2, 3)),
            [0, 3],
            r"tokens\[1\] is 3 and the vocabulary has 3 tokens\. Pass logits and tokens",
        ),
        (np.zeros((1, 3)), [-1], r"tokens\[0\] is -1"),
        (np.array([[0.0, 1.0], [0.0, np.nan]]), [0, 0], r"logits\[1\] hold no distribution.*Check the model"),
        (np.array([[0.0, np.inf]]), [0], r"logits\[0\] hold no distribution"),
        (np.array([[-np.inf, -np.inf]]), [0], r"logits\[0\] hold no distribution"),
    ],
)
def test_what_is_no_reading_is_refused_with_its_place(logits, tokens, says):
    with pytest.raises(DataError, match=says):
        token_statistics(logits, np.array(tokens))


def test_statistics_are_plain_values():
    one = TokenStatistics(
        log_probability=np.log([0.5, 0.25]),
        rank=np.array([1, 3]),
        mean=np.log([0.5, 0.5]),
        variance=np.array([0.5, 0.5]),
    )
    text = text_statistics(one)
    assert text.tokens == 2
    assert text.top1_rate == 0.5
    assert_allclose(text.log_rank, math.log(3) / 2)
    assert_allclose(text.lrr, 3 * math.log(2) / math.log(3))
    assert_allclose(text.fast_detect_gpt, -math.log(2))
