"""E-values: their mean under the null by integration and enumeration, and what may be done with them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from wellkeeper.errors import DataError
from wellkeeper.watermark.evalues import (
    CAP,
    log10_e_values,
    log10_evidence,
    log10_mean,
    log10_product,
)
from wellkeeper.watermark.nulls import binomial_tail, hypergeometric_tail

kappas = st.floats(0.05, 0.95)
e_values = st.lists(st.floats(-300, 300), min_size=1, max_size=20)


@given(kappas)
def test_the_calibrator_integrates_to_one(kappa):
    # with p = exp(-t), so that the pole at 0 is no trouble
    def mass(t):
        return 10 ** log10_e_values(np.array([math.exp(-t)]), kappa=kappa)[0] * math.exp(-t)

    total, _ = integrate.quad(mass, 0, 600 / kappa if kappa > 0.9 else 690)
    assert total == pytest.approx(1, abs=1e-6 + math.exp(-690 * kappa))


@given(st.integers(1, 400), st.floats(0.05, 0.95), kappas)
def test_p_values_of_counts_give_e_values_of_mean_at_most_one(trials, chance, kappa):
    hits = np.arange(trials + 1)
    tail = binomial_tail(hits, trials, chance)
    mass = tail - np.append(tail[1:], 0)
    seen = tail > 0
    mean = float(np.sum(mass[seen] * 10 ** log10_e_values(tail[seen], kappa=kappa)))
    assert mean <= 1 + 1e-9


def test_discrete_p_values_lose_something_and_fine_ones_nothing():
    def mean(drawn):
        tail = hypergeometric_tail(np.arange(drawn + 1), drawn, marked=5000, population=20_000)
        return float(np.sum((tail - np.append(tail[1:], 0)) * 10 ** log10_e_values(np.maximum(tail, 1e-300))))

    assert mean(4) < mean(40) < mean(4000) < 1
    assert mean(4000) > 0.95


@given(st.lists(st.floats(1e-300, 1), min_size=2, max_size=20), kappas)
def test_smaller_p_values_are_larger_e_values(p, kappa):
    assert (np.diff(log10_e_values(np.sort(p), kappa=kappa)) <= 0).all()


@given(e_values)
def test_a_mean_lies_between_its_values_and_does_not_hang_on_their_order(values):
    mean = float(log10_mean(np.array(values)))
    assert min(values) - 1e-9 <= mean <= max(values) + 1e-9
    assert float(log10_mean(np.array(values[::-1]))) == pytest.approx(mean, abs=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_means_and_products_are_those_of_the_e_values(values):
    plain = 10 ** np.array(values)
    assert 10 ** float(log10_mean(np.array(values))) == pytest.approx(plain.mean(), rel=1e-9)
    assert 10 ** float(log10_product(np.array(values))) == pytest.approx(plain.prod(), rel=1e-9)


def test_means_and_products_go_along_the_axis_that_is_named():
    values = np.array([[0.0, 2.0], [1.0, -np.inf]])
    assert log10_mean(values).shape == (2,)
    assert log10_product(values, axis=0).tolist() == [1.0, -np.inf]
    assert log10_mean(np.full((2, 3), -np.inf)).tolist() == [-np.inf, -np.inf]


def test_a_mean_stays_an_e_value_when_its_parts_are_one_and_the_same():
    p = np.random.default_rng(5).random(200_000)
    one = log10_e_values(p, kappa=0.7)
    same = np.stack([one, one, one], axis=1)
    # a second moment exists from kappa 0.5 on: 0.7 has variance 0.49 / 0.4 - 1
    error = 4 * math.sqrt(0.49 / 0.4 - 1) / math.sqrt(p.size)
    assert np.mean(10 ** log10_mean(same)) == pytest.approx(1, abs=error)
    assert np.mean(10 ** log10_product(same)) > 1.5  # a product of dependent ones is no e-value


def test_evidence_is_neither_negative_nor_beyond_its_cap():
    weights = log10_evidence(np.array([1.0, 0.3, 1e-3, 1e-12, 1e-14, 1e-300]))
    assert weights[:2].tolist() == [0, 0]
    assert (np.diff(weights) >= 0).all()
    assert weights[2] == pytest.approx(math.log10(0.5 / math.sqrt(1e-3)))
    assert weights[3] < CAP
    assert weights[4:].tolist() == [CAP, CAP]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: log10_e_values(np.array([0.5, 0.0])), r"p holds 0\. Pass p-values above 0 and up to 1\."),
        (lambda: log10_e_values(np.array([np.nan])), r"p holds nan\. Pass p-values"),
        (
            lambda: log10_e_values(np.array([0.5]), kappa=1.0),
            r"kappa is 1\.0\. Give a number inside \(0, 1\)",
        ),
        (lambda: log10_mean(np.zeros((3, 0))), r"log10_e has shape \(3, 0\)\. Pass one e-value or more"),
        (lambda: log10_product(np.array([np.nan])), r"log10_e holds NaN\. Leave out what has no e-value"),
    ],
)
def test_errors_of_e_values_say_what_was_found_and_what_to_do(call, says):
    with pytest.raises(DataError, match=says):
        call()
