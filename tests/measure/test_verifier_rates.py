"""How right a set is by a verifier's rates: against closed forms, exact draws and simulated sets."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, hypergeom

from wellkeeper.errors import DataError
from wellkeeper.lab.policy import Verifier
from wellkeeper.lab.worlds.verification import threshold as threshold_of_the_lab
from wellkeeper.measure.verifier import (
    Audited,
    Kept,
    audited_right,
    fewest,
    kept_right,
    no_better_than_chance,
    threshold,
)

NOTHING = Kept(kept=0, of=0)
shares = st.floats(0.01, 1)


@given(phi=shares, psi=shares)
def test_the_threshold_is_that_of_the_lab(phi, psi):
    assert math.isclose(threshold(phi, psi), threshold_of_the_lab(Verifier(right=phi, wrong=psi)))


def test_a_verifier_that_keeps_nothing_has_the_threshold_one():
    assert threshold(0, 0) == 1


@given(
    right=st.tuples(st.integers(1, 60), st.integers(0, 60)),
    wrong=st.tuples(st.integers(1, 60), st.integers(0, 60)),
)
def test_the_p_value_is_fishers(right, wrong):
    right, wrong = (Kept(kept=min(pair), of=pair[0]) for pair in (right, wrong))
    found = no_better_than_chance(right, wrong)
    table = [[right.kept, right.of - right.kept], [wrong.kept, wrong.of - wrong.kept]]
    exact = fisher_exact(table, alternative="greater").pvalue
    # at or below the mean the tail is not summed: no evidence is 1
    is_more = right.kept * wrong.of > wrong.kept * right.of
    assert math.isclose(found, exact, rel_tol=1e-6) if is_more else found == 1


def test_estimates_are_those_of_rogan_and_gladen():
    found = kept_right(Kept(kept=90, of=100), Kept(kept=20, of=100), Kept(kept=620, of=1000))
    assert math.isclose(found.before.estimate, (0.62 - 0.2) / (0.9 - 0.2))
    assert math.isclose(found.after.estimate, 0.6 * 0.9 / 0.62)


def test_estimates_are_cut_to_shares():
    all_kept = kept_right(Kept(kept=80, of=100), Kept(kept=10, of=100), Kept(kept=95, of=100))
    assert (all_kept.before.estimate, all_kept.after.estimate) == (1, 1)
    few_kept = kept_right(Kept(kept=80, of=100), Kept(kept=30, of=100), Kept(kept=10, of=100))
    assert (few_kept.before.estimate, few_kept.after.estimate) == (0, 0)


@settings(max_examples=30)
@given(
    right=st.integers(0, 100), wrong=st.integers(0, 100), kept=st.integers(1, 300), of=st.integers(300, 2000)
)
def test_bounds_are_shares_in_order_around_the_estimate(right, wrong, kept, of):
    found = kept_right(Kept(kept=right, of=100), Kept(kept=wrong, of=100), Kept(kept=kept, of=of))
    for one in (found.before, found.after):
        assert 0 <= one.low <= one.estimate <= one.high <= 1
    assert 0 <= found.least <= found.most <= 1


def test_counts_without_end_leave_no_doubt():
    found = kept_right(
        Kept(kept=90_000, of=100_000), Kept(kept=10_000, of=100_000), Kept(kept=500_000, of=1_000_000)
    )
    assert 0.89 < found.least <= 0.9 <= found.most < 0.91


def test_of_a_verifier_that_tells_nothing_nothing_is_known_to_be_right():
    found = kept_right(Kept(kept=50, of=100), Kept(kept=50, of=100), Kept(kept=500, of=1000))
    assert found.least == 0
    assert found.most > 0.9


def test_the_same_counts_give_the_same_bounds():
    counts = Kept(kept=90, of=100), Kept(kept=10, of=100), Kept(kept=500, of=1000)
    assert kept_right(*counts) == kept_right(*counts)


@pytest.mark.parametrize(
    ("phi", "psi", "p", "labels"),
    [
        (0.9, 0.3, 0.4, 30),
        pytest.param(0.9, 0.1, 0.9, 100, marks=pytest.mark.slow),
        pytest.param(0.6, 0.3, 0.34, 100, marks=pytest.mark.slow),
    ],
)
def test_the_lower_bound_holds_as_often_as_stated(phi, psi, p, labels):
    random, held, sets = np.random.default_rng(3), 0, 60
    for _ in range(sets):
        right = random.binomial(500, p)
        kept_of_right, kept_of_wrong = random.binomial(right, phi), random.binomial(500 - right, psi)
        kept = int(kept_of_right + kept_of_wrong)
        found = kept_right(
            Kept(kept=int(random.binomial(labels, phi)), of=labels),
            Kept(kept=int(random.binomial(labels, psi)), of=labels),
            Kept(kept=kept, of=500),
        )
        held += found.least <= kept_of_right / kept
    assert held >= 51  # 51 of 60 or fewer come with a chance of .001 at .95


@pytest.mark.parametrize("nothing", [0, 1, 2])
def test_what_lacks_a_side_is_refused(nothing):
    counts = [Kept(kept=9, of=10), Kept(kept=1, of=10), Kept(kept=5, of=10)]
    counts[nothing] = NOTHING
    with pytest.raises(DataError, match=r"Give at least one of each\.$"):
        kept_right(*counts)


def test_more_kept_than_there_are_is_refused():
    with pytest.raises(DataError, match="3 of 2 texts are kept"):
        Kept(kept=3, of=2)


# --- by an audit -------------------------------------------------------------------------------------------------


@given(data=st.data())
def test_the_fewest_right_ones_are_the_fewest_that_the_audit_does_not_reject(data):
    of = data.draw(st.integers(1, 300))
    seen = data.draw(st.integers(1, of))
    right = data.draw(st.integers(0, seen))
    found = fewest(Kept(kept=right, of=seen), of=of)
    chance = lambda marked: hypergeom.sf(right - 1, of, marked, seen)  # noqa: E731
    assert chance(found) > 0.05 - 1e-9
    assert found == right or chance(found - 1) <= 0.05 + 1e-9


def test_an_audit_of_all_that_was_kept_leaves_no_doubt():
    audited = Audited(accepted=Kept(kept=80, of=100), rejected=NOTHING, unknown=NOTHING)
    found = audited_right(audited, kept=100)
    assert (found.least, found.after.estimate, found.most) == (0.8, 0.8, 0.8)


def test_an_audit_tells_the_set_before_the_verifier_too():
    audited = Audited(
        accepted=Kept(kept=40, of=50), rejected=Kept(kept=10, of=50), unknown=Kept(kept=1, of=2)
    )
    assert audited.labels == 102
    assert audited_right(audited, kept=500).before.estimate == 0.5


def test_an_audit_of_more_than_was_kept_is_refused():
    audited = Audited(accepted=Kept(kept=2, of=3), rejected=NOTHING, unknown=NOTHING)
    with pytest.raises(DataError, match="3 of 2 accepted texts are audited"):
        audited_right(audited, kept=2)
