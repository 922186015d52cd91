"""p-values of whole numbers that meet every level."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom, kstest

from wellkeeper.errors import DataError
from wellkeeper.watermark.detection import Scores
from wellkeeper.watermark.gumbel import Gumbel
from wellkeeper.watermark.kgw import KGW
from wellkeeper.watermark.scan import read_tokens
from wellkeeper.watermark.ties import randomised_p_values, uniforms_of
from wellkeeper.watermark.tokens import Tokens

DETECTOR = KGW(vocabulary=512, key=77, scheme="lefthash", context=1)


def laid_out(documents, length, vocabulary=512, seed=0):
    ids = np.random.default_rng(seed).integers(0, vocabulary, documents * length).astype(np.int32)
    return Tokens(ids=ids, offsets=np.arange(0, ids.size + 1, length, dtype=np.int64))


def test_a_tie_is_broken_within_its_step_of_the_binomial():
    scores = Scores(scored=np.full(3, 50), statistic=np.array([12, 18, 25]))
    uniforms = np.array([0.25, 0.5, 0.75])
    null = binom(50, 0.25)
    expected = null.sf(scores.statistic) + uniforms * null.pmf(scores.statistic)
    assert_allclose(randomised_p_values(DETECTOR, scores, uniforms), expected, rtol=1e-9)


def test_the_level_is_met_where_plain_p_values_stay_below_it():
    scores = Scores(
        scored=np.full(200_000, 40), statistic=np.random.default_rng(3).binomial(40, 0.25, 200_000)
    )
    plain = DETECTOR.p_values(scores)
    randomised = randomised_p_values(DETECTOR, scores, np.random.default_rng(4).random(200_000))
    assert (randomised <= plain).all()
    error = 4 * np.sqrt(0.01 * 0.99 / 200_000)
    assert (plain <= 0.01).mean() < 0.01 - error
    assert abs((randomised <= 0.01).mean() - 0.01) < error
    assert kstest(randomised, "uniform").pvalue > 1e-3


def test_a_document_has_one_number_whatever_stands_beside_it():
    whole = laid_out(20, 30)
    alone = [
        uniforms_of(Tokens(ids=whole.ids[at : at + 30], offsets=np.array([0, 30])))[0]
        for at in range(0, whole.ids.size, 30)
    ]
    assert uniforms_of(whole).tolist() == alone
    assert len(set(alone)) == 20
    assert uniforms_of(whole, seed=1).tolist() != alone
    assert ((uniforms_of(whole) > 0) & (uniforms_of(whole) < 1)).all()


def test_a_document_of_which_nothing_counts_and_real_sums_stay_as_they_are():
    empty = Scores(scored=np.array([0]), statistic=np.array([0]))
    assert randomised_p_values(DETECTOR, empty, np.array([0.3])).tolist() == [1.0]
    gumbel = Gumbel(key=5, vocabulary=512)
    tokens = laid_out(10, 40)
    scores = gumbel.scores(tokens.ids, tokens.offsets)
    assert (
        randomised_p_values(gumbel, scores, uniforms_of(tokens)).tolist() == gumbel.p_values(scores).tolist()
    )


def test_readings_break_ties_where_it_is_asked_for():
    tokens = laid_out(50, 60)
    plain = read_tokens(tokens, [DETECTOR], vocabulary=512)
    broken = read_tokens(tokens, [DETECTOR], vocabulary=512, ties="random")
    assert (broken.p_values < plain.p_values).all()
    assert broken.statistic.tolist() == plain.statistic.tolist()


def test_a_missing_number_is_refused():
    scores = Scores(scored=np.full(2, 9), statistic=np.array([1, 2]))
    with pytest.raises(DataError, match=r"shape \(1,\)\. Give a number in \(0, 1\) for each of 2 documents"):
        randomised_p_values(DETECTOR, scores, np.array([0.5]))
