"""A reader beside gold: no alarm for a steady one however often one looks, and one for whoever gets worse."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.errors import DataError
from wellkeeper.measure.gold_drift import drift, log_below, log_fallen


@pytest.mark.parametrize("chance", [0.8, 0.9, 0.97])
def test_hardly_any_steady_reader_is_ever_called_back(chance):
    random = np.random.default_rng(7)
    assert np.mean([drift(random.random(60) < chance).at is not None for _ in range(300)]) <= 0.05


def test_evidence_has_a_mean_of_one_at_most_over_all_ways_to_answer():
    ways = [np.array(way) for way in itertools.product([False, True], repeat=9)]
    for chance in (0.8, 0.9, 1.0):
        weights = [math.prod(chance if one else 1 - chance for one in way.tolist()) for way in ways]
        for log_evidence in (lambda way: log_below(way, 0.8), log_fallen):
            values = [math.exp(log_evidence(way)[-1]) for way in ways]
            assert sum(w * v for w, v in zip(weights, values, strict=True)) <= 1 + 1e-9


def test_a_reader_who_falls_is_told_from_one_who_never_was_good():
    assert drift([True] * 25 + [False] * 10).verdict == "fallen"
    assert drift([True, False, False] * 8).verdict == "below"
    assert drift([True] * 12 + [False]).verdict == "steady"


def test_halves_and_counts_say_what_was_seen():
    found = drift([True] * 10 + [False] * 4 + [True] * 6)
    assert (found.right.kept, found.right.of) == (16, 20)
    assert (found.first.estimate, found.second.estimate) == (1.0, 0.6)
    assert found.first.low < 0.75 < found.first.high


@given(st.lists(st.booleans(), max_size=40))
@settings(deadline=None, max_examples=40)
def test_an_alarm_stays_where_it_was_when_more_answers_come(answers):
    whole = drift(answers)
    if whole.at is not None:
        early = drift(answers[: whole.at])
        assert (early.at, early.verdict) == (whole.at, whole.verdict)
        assert drift(answers[: whole.at - 1]).at is None


def test_nobody_who_has_not_answered_is_judged():
    found = drift([])
    assert (found.verdict, found.first, found.second, found.at) == ("no answer", None, None, None)
    assert found.to_json()["share"] is None


def test_numbers_that_are_no_shares_are_refused():
    with pytest.raises(DataError, match="least is 1"):
        drift([True], least=1)
    with pytest.raises(DataError, match="level is 0"):
        drift([True], level=0)
