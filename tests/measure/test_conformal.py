"""Ranks among references: p-values against their definition, rates against beta distributions and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, false_discovery_control

from wellkeeper.errors import DataError
from wellkeeper.measure.conformal import (
    benjamini_hochberg,
    p_values,
    realised_rate_band,
    source_statistic,
    threshold,
)

samples = st.lists(st.integers(-6, 6), min_size=1, max_size=40).map(lambda values: np.array(values, float))
levels = st.floats(0.01, 0.99)


@given(samples, samples)
def test_a_p_value_is_the_share_of_references_and_itself_that_score_as_high(scores, human):
    naive = [(1 + sum(h >= x for h in human)) / (human.size + 1) for x in scores]
    assert p_values(scores, human).tolist() == pytest.approx(naive, abs=1e-15)


@given(samples)
def test_p_values_fall_as_scores_rise_and_no_scores_have_none(human):
    rising = np.linspace(-8, 8, 33)
    p = p_values(rising, human)
    assert (np.diff(p) <= 0).all()
    assert p[0] == 1
    assert p[-1] == 1 / (human.size + 1)
    assert p_values(np.zeros(0), human).size == 0


@given(samples, samples, st.floats(0.1, 5), st.floats(-3, 3))
def test_p_values_depend_on_ranks_alone(scores, human, scale, shift):
    there = p_values(np.exp(scores) * scale + shift, np.exp(human) * scale + shift)
    assert there.tolist() == p_values(scores, human).tolist()


@given(samples, samples, levels)
def test_a_score_passes_the_threshold_exactly_if_its_p_value_passes_the_level(scores, human, level):
    if math.floor(level * (human.size + 1) * (1 + 1e-9)) < 1:
        with pytest.raises(DataError):
            threshold(human, level)
    else:
        passing = p_values(scores, human) <= level * (1 + 1e-9)
        assert (scores > threshold(human, level)).tolist() == passing.tolist()


def test_as_many_references_as_the_message_says_suffice():
    for level, needed in ((0.01, 99), (0.05, 19), (0.1, 9), (0.29, 3)):
        threshold(np.arange(float(needed)), level)
        with pytest.raises(DataError, match=f"needs {needed}\\. Add 1 more"):
            threshold(np.arange(float(needed - 1)), level)


@pytest.mark.parametrize("references", [19, 80, 99, 200, 2000])
@pytest.mark.parametrize("level", [0.05, 0.1, 0.29])
@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_the_band_is_that_of_the_beta_distribution(references, level, confidence):
    allowed = math.floor(level * (references + 1) * (1 + 1e-9))
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    expected = beta.ppf(tails, allowed, references + 1 - allowed)
    assert realised_rate_band(references, level, confidence) == pytest.approx(tuple(expected), abs=1e-9)


def test_realised_rates_lie_in_the_band_as_often_as_it_says():
    rng = np.random.default_rng(3)
    references, level, runs = 60, 0.1, 2000
    low, high = realised_rate_band(references, level, 0.9)
    # of uniform scores, the rate above a threshold is 1 - threshold
    rates = np.array([1 - threshold(rng.random(references), level) for _ in range(runs)])
    assert np.mean((low <= rates) & (rates <= high)) == pytest.approx(0.9, abs=3 * math.sqrt(0.09 / runs))
    assert rates.mean() <= level


@given(st.lists(st.floats(0, 1), max_size=40).map(np.array), levels)
def test_rejections_are_those_of_scipy_and_of_the_definition(p, level):
    found = benjamini_hochberg(p, level)
    ordered = sorted(p.tolist())
    passing = [x for rank, x in enumerate(ordered, 1) if x <= level * (1 + 1e-9) * rank / p.size]
    assert found.tolist() == [bool(passing) and x <= passing[-1] for x in p.tolist()]
    if p.size:
        adjusted = false_discovery_control(p)
        clear = np.abs(adjusted - level) > 1e-7
        assert (found == (adjusted <= level))[clear].all()


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).map(np.array), levels, levels)
def test_a_higher_level_rejects_no_less(p, first, second):
    low, high = sorted((first, second))
    assert not (benjamini_hochberg(p, low) & ~benjamini_hochberg(p, high)).any()


def test_no_p_values_reject_nothing():
    assert benjamini_hochberg(np.zeros(0), 0.1).shape == (0,)


def test_false_discoveries_among_conformal_p_values_keep_their_rate():
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(300):
        human, slice_ = rng.normal(size=200), np.concatenate((rng.normal(size=80), rng.normal(3, 1, 20)))
        found = benjamini_hochberg(p_values(slice_, human), 0.2)
        shares.append(found[:80].sum() / max(found.sum(), 1))
    assert np.mean(shares) <= 0.2 * 0.8 + 3 * np.std(shares) / math.sqrt(300)
    assert np.mean(shares) > 0.1  # the bound is nearly met, so the test could see it broken


def test_a_source_of_human_texts_has_the_variance_that_is_stated():
    rng = np.random.default_rng(5)
    documents, references = 10, 50
    found = [source_statistic(rng.normal(2, 3, documents), rng.normal(2, 3, references)) for _ in range(4000)]
    assert np.mean(found) == pytest.approx(0, abs=0.03)
    assert np.var(found) == pytest.approx(1 / documents + 1 / references, rel=0.1)


@given(st.floats(0.5, 4), st.floats(-3, 3))
def test_a_source_stands_off_the_same_on_any_scale(scale, shift):
    scores, human = np.array([3.0, 5.0]), np.array([0.0, 1.0, 2.0])
    there = source_statistic(scores * scale + shift, human * scale + shift)
    assert there == pytest.approx(source_statistic(scores, human), abs=1e-9)


some, none, missing = np.array([1.0, 2.0]), np.zeros(0), np.array([1.0, math.nan])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: p_values(some, none), r"human is empty\. Pass at least one score\.$"),
        (lambda: p_values(missing, some), r"scores holds 1 NaN among 2 values\. Leave out documents without a score\.$"),
        (lambda: p_values(some, missing), r"human holds 1 NaN among 2 values\. Leave out documents without a score\.$"),
        (lambda: threshold(some, 0.0), r"level is 0\.0\. Give a rate above 0 and below 1, such as 0\.05\.$"),
        (
            lambda: threshold(np.zeros(50), 0.01),
            (r"A rate of 0\.01 cannot be certified by 50 human references: it needs 99\. "
            r"Add 49 more, or ask for a level of at least 0\.02\.$"),
        ),
        (lambda: realised_rate_band(10, 0.05), r"it needs 19\. Add 9 more, or ask for a level of at least 0\.091\.$"),
        (lambda: realised_rate_band(99, 0.05, 1.0), r"confidence is 1\.0\. Give a probability between 0 and 1"),
        (lambda: benjamini_hochberg(missing, 0.1), r"p holds 1 NaN among 2 values\. Leave out"),
        (lambda: benjamini_hochberg(some, 0.1), r"p runs from 1\.0 to 2\.0\. Pass probabilities in \[0, 1\]\.$"),
        (lambda: benjamini_hochberg(some, 2), r"level is 2\. Give a rate above 0 and below 1"),
        (lambda: source_statistic(none, some), r"scores is empty\. Pass at least one score\.$"),
        (
            lambda: source_statistic(some, np.ones(3)),
            r"The 3 human references all score 1, .*\. Add human references of the same slice that differ\.$",
        ),
    ],
)  # fmt: skip
def test_errors_say_what_was_found_and_what_to_do(call, says):
    with pytest.raises(DataError, match=says):
        call()
