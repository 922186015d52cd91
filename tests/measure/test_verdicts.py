"""Verdicts on one change, on a gate and on slices; Holm's method against its rule."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from wellkeeper.errors import DataError
from wellkeeper.measure.jackknife import Interval
from wellkeeper.measure.paired_answers import accuracy_change
from wellkeeper.measure.verdicts import PairedChange, gate, holm, slices, verdict_on

LEVEL = 0.05
chances = st.floats(0, 1)


def change(p: float, p_margin: float, **other) -> PairedChange:
    fields = {
        "test": "some test",
        "units": 50,
        "before": 0.7,
        "after": 0.6,
        "change": Interval(estimate=-0.1, low=-0.2, high=0.0),
        "worse": "lower",
        "at_worst": -0.18,
        "margin": 0.05,
        "deviation": 0.2,
    }
    return PairedChange(p=p, p_margin=p_margin, **{**fields, **other})


@given(st.lists(chances, max_size=8))
def test_holm_finds_what_its_step_down_rule_finds(p):
    adjusted = holm(np.array(p))
    order = np.argsort(p, kind="stable")
    found = set()
    for rank, place in enumerate(order.tolist()):
        if p[place] * (len(p) - rank) > LEVEL:
            break
        found.add(place)
    assert set(np.flatnonzero(adjusted <= LEVEL).tolist()) == found


@pytest.mark.parametrize(
    ("p", "p_margin", "verdict"),
    [
        (0.05, 0.9, "worse"),
        (0.06, 0.06, "not enough data"),
        (0.9, 0.05, "not worse"),
        (0.01, 0.01, "not worse"),  # significant, and provably smaller than what matters
    ],
)
def test_there_are_three_verdicts_and_no_significance_is_not_one_of_them(p, p_margin, verdict):
    assert verdict_on(change(p, p_margin)) == verdict
    assert gate({"accuracy": change(p, p_margin)}).verdict == verdict
    assert slices({"French": change(p, p_margin)}) == {"French": verdict}


def test_a_gate_is_worse_if_a_metric_is_and_not_worse_only_if_all_are():
    worse, same, unknown = change(0.001, 0.9), change(0.8, 0.001), change(0.3, 0.3)
    assert gate({"a": same, "b": worse, "c": unknown}).verdict == "worse"
    assert gate({"a": same, "b": unknown}).verdict == "not enough data"
    found = gate({"a": same, "b": same})
    assert (found.verdict, dict(found.metrics)) == ("not worse", {"a": "not worse", "b": "not worse"})


def test_metrics_of_a_gate_are_held_together():
    found = gate({name: change(p, 0.9) for name, p in (("a", 0.03), ("b", 0.01), ("c", 0.04))})
    assert found.p == {"a": pytest.approx(0.06), "b": pytest.approx(0.03), "c": pytest.approx(0.06)}
    assert [name for name, verdict in found.metrics.items() if verdict == "worse"] == ["b"]


@given(st.lists(st.tuples(chances, chances), min_size=1, max_size=8))
def test_a_gate_never_calls_worse_what_no_metric_alone_would(p_values):
    changes = {str(place): change(*both) for place, both in enumerate(p_values)}
    together = gate(changes).metrics
    for name, one in changes.items():
        assert together[name] in {verdict_on(one), "not enough data"}


def test_a_gate_of_three_metrics_without_a_change_alarms_no_more_often_than_one():
    rng = np.random.default_rng(8)
    alarms = 0
    for _ in range(300):
        metrics = {}
        for name in "abc":
            chance = rng.beta(1.4, 0.6, 100)[:, None]
            metrics[name] = accuracy_change(*(rng.random((100, 4)) < chance for _ in range(2)))
        alarms += gate(metrics).verdict == "worse"
    assert alarms <= binom.ppf(1 - 1e-4, 300, LEVEL)


def test_a_metric_that_changed_in_no_unit_costs_the_others_nothing():
    unchanged = accuracy_change(np.ones(50), np.ones(50))
    assert unchanged.is_unchanged
    alone = {"diversity": change(0.02, 0.9), "accuracy": change(0.6, 0.9)}
    found = gate({**alone, "degenerate": unchanged})
    assert found.p == {**gate(alone).p, "degenerate": unchanged.p}
    assert found.p["diversity"] == 0.04
    assert found.verdict == "worse"
    all_lost_alike = accuracy_change(np.ones(50), np.full(50, 0.9))
    assert not all_lost_alike.is_unchanged  # no spread either, yet it changed


def test_slices_are_held_by_the_share_of_false_ones_among_those_found():
    p = [0.01, 0.02, 0.03, 0.9]
    found = slices({str(place): change(value, 0.9) for place, value in enumerate(p)})
    assert list(found.values()) == ["worse", "worse", "worse", "not enough data"]
    assert (
        list(gate({str(k): change(value, 0.9) for k, value in enumerate(p)}).metrics.values()).count("worse")
        == 1
    )
    cleared = slices({str(place): change(0.9, value) for place, value in enumerate(p)})
    assert list(cleared.values()).count("not worse") == 3
    assert slices({}) == {}


def test_as_many_units_as_asked_for_decide_four_times_in_five():
    needed = change(0.5, 0.5).units_to_decide
    assert needed == 99  # (1.645 + 0.842)^2 (0.2 / 0.05)^2 = 98.9
    rng = np.random.default_rng(4)
    cleared = found = 0
    for _ in range(300):
        noise = np.clip(rng.normal(0, 0.2, (2, needed)), -0.5, 0.5)
        before = np.full((needed, 1), 0.5)
        cleared += accuracy_change(before, before + noise[0][:, None]).p_margin <= LEVEL
        found += accuracy_change(before, np.clip(before + noise[1][:, None] - 0.05, 0, 1)).p <= LEVEL
    assert binom.ppf(1e-4, 300, 0.78) <= min(cleared, found)
    assert max(cleared, found) <= binom.ppf(1 - 1e-4, 300, 0.83)


def test_without_spread_no_number_of_units_is_promised():
    assert change(1, 1, deviation=0.0).units_to_decide is None
    assert change(1, 1, deviation=1e-6).units_to_decide == 5


def test_a_change_and_a_gate_are_json():
    told = json.loads(json.dumps(change(0.2, 0.3).to_json()))
    assert told["change"] == {"estimate": -0.1, "low": -0.2, "high": 0.0}
    assert (told["p"], told["p_margin"], told["units_to_decide"]) == (0.2, 0.3, 99)
    assert json.loads(json.dumps(gate({"accuracy": change(0.2, 0.3)}).to_json())) == {
        "verdict": "not enough data",
        "metrics": {"accuracy": "not enough data"},
        "p": {"accuracy": 0.2},
    }


def test_a_gate_without_a_metric_is_refused():
    with pytest.raises(
        DataError, match=r"the gate has no metric\. Compare accuracy, diversity or the degenerate"
    ):
        gate({})
