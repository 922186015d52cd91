"""False discovery rates: definitions, and simulations with documents that share what they hold."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from wellkeeper.errors import DataError
from wellkeeper.watermark.evalues import log10_e_values
from wellkeeper.watermark.many import by_e_values, by_p_values
from wellkeeper.watermark.nulls import binomial_tail, p_value

p_lists = st.lists(st.floats(1e-12, 1), max_size=40).map(lambda values: np.array(values, float))
levels = st.floats(0.01, 0.5)


@given(p_lists, levels, st.booleans())
def test_by_p_values_is_the_procedure_of_scipy(p, level, any_dependence):
    found = by_p_values(p, level=level, any_dependence=any_dependence)
    if p.size:
        adjusted = stats.false_discovery_control(p, method="by" if any_dependence else "bh")
        clear = np.abs(adjusted - level) > 1e-9 * level
        assert found.marked[clear].tolist() == (adjusted <= level)[clear].tolist()
    assert len(found) == found.marked.sum()


@given(st.lists(st.floats(-2, 8), max_size=40).map(lambda values: np.array(values, float)), levels)
def test_by_e_values_is_its_definition(log10_e, level):
    found = by_e_values(log10_e, level=level)
    falling = sorted((10**one for one in log10_e), reverse=True)
    ranks = [k for k, e in enumerate(falling, 1) if level * k * e / len(falling) >= 1 - 1e-9]
    assert len(found) >= (ranks[-1] if ranks else 0)
    if ranks:
        assert found.threshold == pytest.approx(math.log10(falling[ranks[-1] - 1]), abs=1e-6)
        assert (found.marked == (log10_e >= found.threshold)).all()
    else:
        assert not found.marked.any()
        assert found.threshold is None


@given(p_lists, levels)
def test_a_laxer_level_never_takes_a_call_back(p, level):
    strict, lax = by_p_values(p, level=level / 2), by_p_values(p, level=level)
    assert (strict.marked <= lax.marked).all()
    e = log10_e_values(p)
    assert (by_e_values(e, level=level / 2).marked <= by_e_values(e, level=level).marked).all()


@given(p_lists, levels)
def test_what_holds_under_any_dependence_calls_no_more(p, level):
    assert (
        by_p_values(p, level=level, any_dependence=True).marked <= by_p_values(p, level=level).marked
    ).all()


def test_the_order_of_documents_does_not_matter():
    p = np.random.default_rng(1).random(500) ** 4
    order = np.random.default_rng(2).permutation(500)
    assert (by_p_values(p[order], level=0.1).marked == by_p_values(p, level=0.1).marked[order]).all()
    e = log10_e_values(p)
    assert (by_e_values(e[order], level=0.1).marked == by_e_values(e, level=0.1).marked[order]).all()


def corpora(runs: int, marked: int, shared: float, rng: np.random.Generator) -> np.ndarray:
    """p-values, shape (runs, 200), the first `marked` with a signal; documents share part of what they count.

    Green tokens of 200: each unmarked document takes the same first `shared` of its tokens from one passage.
    """
    common = rng.binomial(round(200 * shared), 0.25, size=(runs, 1))
    own = rng.binomial(200 - round(200 * shared), 0.25, size=(runs, 200))
    own[:, :marked] = rng.binomial(200 - round(200 * shared), 0.45, size=(runs, marked))
    return p_value(binomial_tail(common + own, 200, 0.25), np.full((runs, 200), 200))


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("marked", [0, 20])
def test_false_discoveries_keep_to_the_level_though_documents_share_passages(shared, marked):
    level, runs = 0.1, 600
    rng = np.random.default_rng(int(100 * shared) + marked)
    shares = {"bh": [], "by": [], "e-bh": []}
    for p in corpora(runs, marked, shared, rng):
        calls = {
            "bh": by_p_values(p, level=level),
            "by": by_p_values(p, level=level, any_dependence=True),
            "e-bh": by_e_values(log10_e_values(p), level=level),
        }
        for name, found in calls.items():
            shares[name].append(found.marked[marked:].sum() / max(len(found), 1))
    for name, found in shares.items():
        # a share lies in [0, 1], so its variance is at most mean (1 - mean)
        assert np.mean(found) <= level + 3 * math.sqrt(level * (1 - level) / runs), name


def test_a_million_unmarked_documents_are_left_alone_and_a_hundred_marked_ones_found():
    rng = np.random.default_rng(8)
    p = rng.random(1_000_000)
    p[:100] = 10.0 ** rng.uniform(-30, -12, 100)
    for found in (by_p_values(p, level=0.01), by_e_values(log10_e_values(p), level=0.01)):
        assert found.marked[:100].mean() >= (0.99 if found.method == "benjamini-hochberg" else 0.5)
        assert found.marked[100:].sum() <= 6
    assert (p <= 1e-5).sum() > 105  # what one level for each document would have called


def test_nothing_is_called_among_no_documents():
    nothing = np.zeros(0)
    for found in (by_p_values(nothing, level=0.1, any_dependence=True), by_e_values(nothing, level=0.1)):
        assert found.marked.size == len(found) == 0
        assert found.threshold is None


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: by_e_values(np.zeros(2), level=1.0), r"level is 1\.0\. Give a rate above 0 and below 1"),
        (lambda: by_e_values(np.array([np.nan]), level=0.1), r"log10_e holds NaN\. Leave out documents"),
        (lambda: by_p_values(np.array([2.0]), level=0.1), r"p runs from 2\.0 to 2\.0\. Pass probabilities"),
        (lambda: by_p_values(np.zeros(2), level=0.0), r"level is 0\.0\. Give a rate above 0 and below 1"),
    ],
)
def test_errors_of_many_documents_say_what_was_found_and_what_to_do(call, says):
    with pytest.raises(DataError, match=says):
        call()
