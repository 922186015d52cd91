"""Shares of a mixture: estimators against their definitions, intervals against simulation."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import gaussian_kde, norm

from wellkeeper.errors import DataError
from wellkeeper.measure.quantify import (
    GENERATOR_SPREAD,
    GRID,
    Interval,
    acc,
    certified_lower_bound,
    classify_and_count,
    contaminated,
    density,
    emq,
    kdey,
    pacc,
    references_needed,
    share_with_human_references,
    share_with_references,
)

seeds = st.integers(0, 2**32 - 1)
shares = st.sampled_from([0.0, 0.05, 0.25, 0.5, 0.9, 1.0])
GRID_CELLS = 281


@dataclass(frozen=True)
class Domain:
    human: NDArray[np.float32]
    ai: NDArray[np.float32]


def domain(rng, *, mean=0.0, gap=3.0, size=200):
    human, ai = rng.normal(mean, 1.3, size), rng.normal(mean + gap, 1.5, size)
    return Domain(np.sort(human).astype(np.float32), np.sort(ai).astype(np.float32))


def mixed(rng, share, *, documents=300, mean=0.0, gap=3.0):
    machines = round(documents * share)
    return np.concatenate(
        (rng.normal(mean, 1.3, documents - machines), rng.normal(mean + gap, 1.5, machines))
    )


# --- densities ---------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(-20, 20), min_size=1, max_size=50).map(np.array))
def test_a_density_is_positive_and_sums_to_one(values):
    found = density(values)
    assert found.shape == GRID.shape == (GRID_CELLS,)
    assert (found > 0).all()
    assert found.sum() == pytest.approx(1, abs=1e-12)


def test_a_density_is_that_of_scipy_but_for_its_floor():
    values = np.random.default_rng(0).normal(0.3, 2, 120)
    bandwidth = 1.06 * values.std() * 120 ** (-1 / 5)
    expected = gaussian_kde(values, bw_method=bandwidth / values.std(ddof=1))(GRID) + 1e-4
    assert density(values) == pytest.approx(expected / expected.sum(), rel=1e-9)


def test_equal_values_have_the_narrowest_kernel_and_a_uniform_part():
    found = density(np.full(7, 2.0))
    expected = norm.pdf(GRID, 2, 0.25) + 1e-4
    assert found == pytest.approx(expected / expected.sum(), rel=1e-9)
    assert found[0] * GRID_CELLS == pytest.approx(0.0028, abs=1e-4)


def test_a_density_does_not_know_the_order_of_values():
    values = np.random.default_rng(1).normal(size=60)
    assert density(values[::-1]) == pytest.approx(density(values), rel=1e-12)


# --- estimates ---------------------------------------------------------------------------------------------------


@given(st.integers(0, 20), st.integers(0, 20))
def test_of_scores_far_apart_the_share_is_the_plain_one(people, machines):
    if not people + machines:
        return
    rng = np.random.default_rng(people * 21 + machines)
    human, ai = rng.normal(-9, 0.5, 60), rng.normal(9, 0.5, 60)
    scores = np.concatenate((rng.uniform(-9.7, -8.3, people), rng.uniform(8.3, 9.7, machines)))
    plain = machines / (people + machines)
    assert kdey(scores, human, ai) == pytest.approx(plain, abs=0.005)  # the densities' floors overlap
    assert emq(scores) == pytest.approx(plain, abs=0.001)
    assert emq(scores * 1000) == pytest.approx(plain, abs=1e-9)
    assert acc(scores, human, ai) == classify_and_count(scores) == plain
    assert pacc(scores, human, ai) == pytest.approx(plain, abs=0.005)


def by_em(human, ai, rounds=200_000):
    """Expectation-maximisation as Saerens et al. have it, to a standstill."""
    share = 0.5
    for _ in range(rounds):
        after = float(np.mean(share * ai / (share * ai + (1 - share) * human)))
        if abs(after - share) < 1e-13:
            break
        share = after
    return share


@settings(max_examples=25, deadline=None)
@given(seeds, shares)
def test_the_likeliest_share_is_where_expectation_maximisation_stands_still(seed, share):
    rng = np.random.default_rng(seed)
    human, ai, scores = rng.normal(0, 1.3, 80), rng.normal(3, 1.5, 80), mixed(rng, share, documents=100)
    cells = np.clip(np.searchsorted(GRID, scores), 0, GRID_CELLS - 1)
    expected = by_em(density(human)[cells], density(ai)[cells])
    assert kdey(scores, human, ai) == pytest.approx(expected, abs=1e-4)  # at 0 and 1 it comes to rest late
    likely = expit(scores - 1.5)
    assert emq(scores - 1.5) == pytest.approx(by_em(1 - likely, likely), abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(seeds, shares)
def test_swapping_human_and_ai_turns_the_share_around(seed, share):
    rng = np.random.default_rng(seed)
    human, ai, scores = rng.normal(0, 1.3, 80), rng.normal(3, 1.5, 80), mixed(rng, share)
    assert kdey(scores, ai, human) == pytest.approx(1 - kdey(scores, human, ai), abs=1e-7)
    assert emq(-scores) == pytest.approx(1 - emq(scores), abs=1e-7)
    assert pacc(scores, human, ai) == pytest.approx(pacc(scores[::-1], human, ai), abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_more_ai_texts_never_make_the_share_smaller(seed):
    rng = np.random.default_rng(seed)
    human, ai, scores = rng.normal(0, 1.3, 80), rng.normal(3, 1.5, 80), mixed(rng, 0.3)
    more = np.concatenate((scores, np.full(30, GRID[np.argmax(density(ai) / density(human))])))
    assert kdey(more, human, ai) >= kdey(scores, human, ai) - 1e-9


@given(st.integers(1, 30), st.integers(0, 30), st.integers(0, 30))
def test_adjusted_counts_undo_the_error_rates_of_the_references(hits, wrong, right):
    human = np.concatenate((np.full(wrong, 1.0), np.full(30 - wrong, -1.0)))
    ai = np.concatenate((np.full(right, 1.0), np.full(30 - right, -1.0)))
    scores = np.concatenate((np.full(hits, 1.0), np.full(30 - hits, -1.0)))
    expected = (hits / 30 - wrong / 30) / max(right / 30 - wrong / 30, 0.05)
    assert acc(scores, human, ai) == pytest.approx(min(max(expected, 0), 1), abs=1e-12)
    false, true, found = (expit(side).mean() for side in (human, ai, scores))
    expected = (found - false) / max(true - false, 0.02)
    assert pacc(scores, human, ai) == pytest.approx(min(max(expected, 0), 1), abs=1e-9)


# --- intervals ---------------------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(seeds, shares)
def test_an_interval_holds_its_estimate_and_is_the_same_for_a_seed(seed, share):
    rng = np.random.default_rng(seed)
    one, other = domain(rng), domain(rng, mean=1)
    scores, human, ai = mixed(rng, share), rng.normal(0, 1.3, 80), rng.normal(3, 1.5, 80)
    for call in (
        lambda: share_with_references(scores, human, ai, draws=40, seed=seed),
        lambda: share_with_references(scores, human, ai, components=(one, other), draws=40, seed=seed),
        lambda: share_with_human_references(scores, human, (one, other), draws=40, seed=seed),
    ):
        found = call()
        assert 0 <= found.low <= found.estimate <= found.high <= 1
        assert found == call()


def test_a_higher_level_gives_a_wider_interval_around_the_same_estimate():
    rng = np.random.default_rng(2)
    scores, human, ai = mixed(rng, 0.3), rng.normal(0, 1.3, 80), rng.normal(3, 1.5, 80)
    narrow, wide = (share_with_references(scores, human, ai, level=level) for level in (0.5, 0.95))
    assert wide.low < narrow.low < narrow.estimate == wide.estimate < narrow.high < wide.high
    assert (wide.level, wide.method) == (0.95, "references")


def test_large_samples_give_the_true_share_without_bias():
    rng = np.random.default_rng(3)
    human, ai = rng.normal(0, 1.3, 2000), rng.normal(3, 1.5, 2000)
    found = [share_with_references(mixed(rng, 0.4, documents=5000), human, ai, draws=20) for _ in range(10)]
    assert np.mean([one.estimate for one in found]) == pytest.approx(0.4, abs=0.012)
    assert all(one.high - one.low < 0.12 for one in found)


def covered(found: list[tuple[float, Interval]]):
    return float(np.mean([one.low - 0.001 <= share <= one.high + 0.001 for share, one in found]))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_interval_covers_where_references_come_from_other_generators(share):
    """The slice's AI scores stand off from those of its references, each time by another amount."""
    rng = np.random.default_rng(4)
    found = []
    for _ in range(100):
        scores = mixed(rng, share, gap=3 + GENERATOR_SPREAD * 1.5 * rng.normal())
        references = rng.normal(0, 1.3, 80), rng.normal(3, 1.5, 80)
        found.append((share, share_with_references(scores, *references, draws=80)))
    assert covered(found) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 100)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 1.0])
def test_the_interval_without_ai_references_covers_domains_like_the_components(share):
    rng = np.random.default_rng(5)
    found = []
    for _ in range(40):
        means, gaps = rng.normal(0, 1, 7), rng.normal(3, 0.4, 7)
        others = [domain(rng, mean=mean, gap=gap) for mean, gap in zip(means[1:], gaps[1:], strict=True)]
        scores = mixed(rng, share, mean=means[0], gap=gaps[0])
        human = rng.normal(means[0], 1.3, 80)
        found.append((share, share_with_human_references(scores, human, others, draws=50)))
    assert covered(found) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 40)
    assert found[0][1].method == "human-references"


def test_components_that_the_slice_speaks_against_do_not_widen_the_interval():
    rng = np.random.default_rng(6)
    near = [domain(rng, gap=gap) for gap in (2.8, 3.2)]
    far = domain(rng, gap=7.0)
    scores, human = mixed(rng, 0.6, documents=600), rng.normal(0, 1.3, 80)
    assert share_with_human_references(scores, human, [*near, far]).low == pytest.approx(
        share_with_human_references(scores, human, near).low
    )


def test_components_that_the_score_cannot_tell_are_left_out():
    rng = np.random.default_rng(7)
    told, untold = [domain(rng), domain(rng, mean=1)], domain(rng, gap=0.1)
    scores, human = mixed(rng, 0.1), rng.normal(0, 1.3, 80)
    assert share_with_human_references(scores, human, [*told, untold]) == share_with_human_references(
        scores, human, told
    )


def test_components_narrow_the_interval_of_few_ai_references():
    rng = np.random.default_rng(8)
    components = [domain(rng, mean=mean) for mean in (-1, 0, 1)]
    widths = []
    for known in ((), components):
        found = [
            share_with_references(
                mixed(rng, 0.5), rng.normal(0, 1.3, 80), rng.normal(3, 1.5, 12), components=known
            )
            for _ in range(20)
        ]
        widths.append(np.mean([one.high - one.low for one in found]))
    assert widths[1] < 0.95 * widths[0]


def test_components_say_nothing_of_ai_references_that_read_like_human_text():
    rng = np.random.default_rng(9)
    scores, human, ai = mixed(rng, 0.5), rng.normal(0, 1.3, 80), rng.normal(0.2, 1.5, 80)
    assert share_with_references(scores, human, ai, components=[domain(rng)]) == share_with_references(
        scores, human, ai
    )


@pytest.mark.parametrize("gap", [2.2, 6.0])
def test_a_slice_of_a_generator_far_from_the_references_is_followed(gap):
    rng = np.random.default_rng(17)
    found = [
        share_with_references(
            mixed(rng, 0.5, gap=gap), rng.normal(0, 1.3, 80), rng.normal(4.3, 1.5, 80), draws=60
        )
        for _ in range(12)
    ]
    plain = [
        kdey(mixed(rng, 0.5, gap=gap), rng.normal(0, 1.3, 80), rng.normal(4.3, 1.5, 80)) for _ in range(12)
    ]
    assert covered([(0.5, one) for one in found]) >= 0.9
    assert abs(np.mean([one.estimate for one in found]) - 0.5) < abs(np.mean(plain) - 0.5)


def test_a_training_domain_stands_in_for_references_that_the_slice_speaks_against():
    rng = np.random.default_rng(18)
    scores, human, ai = mixed(rng, 0.5, gap=2.4), rng.normal(0, 1.3, 80), rng.normal(8, 0.8, 80)
    alone, beside = (
        share_with_references(scores, human, ai, components=known, draws=60)
        for known in ((), (domain(rng, gap=2.4),))
    )
    assert beside.low < 0.5 < beside.high
    assert abs(beside.estimate - 0.5) < abs(alone.estimate - 0.5)


def test_slices_are_covered_near_and_far_from_the_ends():
    """A quick one of the kind above, in a row over shares."""
    rng = np.random.default_rng(16)
    others = [domain(rng, mean=mean, gap=gap) for mean, gap in ((-1, 3.2), (0.5, 2.8), (1, 3))]
    found: dict[str, list[tuple[float, Interval]]] = {"with": [], "without": []}
    for share in np.linspace(0, 1, 30):
        scores, human = mixed(rng, share), rng.normal(0, 1.3, 80)
        true = round(300 * share) / 300
        found["with"].append((true, share_with_references(scores, human, rng.normal(3, 1.5, 80), draws=50)))
        found["without"].append((true, share_with_human_references(scores, human, others, draws=50)))
    assert covered(found["with"]) >= 0.9
    assert covered(found["without"]) >= 0.9
    assert np.mean([one.high - one.low for _, one in found["with"]]) < 0.25


# --- the certified bound -----------------------------------------------------------------------------------------


def naive_bound(scores, human, failing):
    """Definition, with one half of the error for each distribution function."""
    reach = [math.sqrt(math.log(2 / failing) / (2 * side.size)) for side in (scores, human)]
    best = 0.0
    for level in np.linspace(0.02, 0.98, 49):
        at = np.quantile(human, level)
        below = np.mean(human <= at) - reach[1]
        if below > 0.02:
            best = max(best, 1 - (np.mean(scores <= at) + reach[0]) / below)
    return best


@settings(max_examples=40, deadline=None)
@given(seeds, shares, st.floats(0.5, 0.999))
def test_the_certified_bound_is_its_definition_and_falls_with_the_confidence(seed, share, confidence):
    rng = np.random.default_rng(seed)
    scores, human = mixed(rng, share), rng.normal(0, 1.3, 80)
    found = certified_lower_bound(scores, human, confidence=confidence)
    assert found == pytest.approx(naive_bound(scores, human, 1 - confidence), abs=1e-12)
    assert found <= certified_lower_bound(scores, human, confidence=confidence / 2)
    assert found == certified_lower_bound(np.exp(scores), np.exp(human), confidence=confidence) or found > 0


@pytest.mark.parametrize(("share", "gap"), [(0.0, 3.0), (0.5, 4.0), (0.6, 8.0)])
def test_the_certified_bound_seldom_exceeds_the_share(share, gap):
    rng = np.random.default_rng(10)
    bounds = [
        certified_lower_bound(mixed(rng, share, gap=gap), rng.normal(0, 1.3, 80), confidence=0.975)
        for _ in range(400)
    ]
    assert np.mean(np.array(bounds) > share) <= 0.025
    assert share == 0 or np.mean(bounds) > 0.05


# --- references --------------------------------------------------------------------------------------------------


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.11, 0.5))
def test_with_the_references_asked_for_no_more_are_needed(human, ai, width):
    more = references_needed(human, ai, width=width)
    assert references_needed(human + more, ai + more, width=width) == 0
    assert more == 0 or references_needed(human + more - 1, ai + more - 1, width=width) == 1
    assert references_needed(human + 1, ai, width=width) <= more


def pure_and_mixed(rng, size, runs, *, mean=0.0):
    for _ in range(runs):
        yield rng.normal(mean, 1.3, size), mixed(rng, 0.1, documents=size, mean=mean, gap=3.3)


@pytest.mark.slow
@pytest.mark.parametrize("known", [False, True])
def test_a_tenth_of_ai_text_is_mostly_warned_of_and_pure_references_seldom(known):
    rng = np.random.default_rng(11)
    components = [
        domain(rng, mean=mean, gap=gap)
        for mean, gap in ((-1, 3.4), (-0.3, 3), (0.2, 3.2), (0.8, 2.8), (0, 3.6))
    ]
    ai = rng.normal(3.3, 1.5, 80) if known else None
    pairs = [
        [contaminated(sample, components, ai) for sample in pair] for pair in pure_and_mixed(rng, 120, 60)
    ]
    pure, part = (np.mean([pair[k] is not None for pair in pairs]) for k in (0, 1))
    assert pure <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 60)
    assert part >= 0.6
    shares_found = [pair[1].share for pair in pairs if pair[1] is not None]
    assert np.mean(shares_found) == pytest.approx(0.1, abs=0.05)


def test_a_warning_says_how_much_and_what_to_do():
    rng = np.random.default_rng(12)
    components = [domain(rng), domain(rng, mean=1)]
    found = contaminated(mixed(rng, 0.3, documents=100), components)
    assert found is not None
    assert (found.references, found.level) == (100, 0.05)
    assert found.p <= 0.05
    message = found.message()
    assert message.startswith(f"About {found.share:.0%} of these 100 human references score like AI text")
    assert message.endswith("Look at those with the highest scores, or take texts from before 2022-11-30.")


def test_ai_references_that_read_like_human_text_are_not_looked_for():
    rng = np.random.default_rng(13)
    components = [domain(rng), domain(rng, mean=1)]
    human, ai = rng.normal(0, 1.3, 100), rng.normal(0.2, 1.3, 100)
    assert contaminated(human, components, ai) is None


def test_a_few_references_and_very_many_are_judged_or_not_without_fail():
    rng = np.random.default_rng(14)
    components = [domain(rng), domain(rng, mean=1)]
    assert contaminated(np.full(24, 9.0), components) is None
    assert contaminated(np.full(25, 1.0), components) is None
    assert contaminated(mixed(rng, 0.2, documents=20_000), components) is not None


# --- faults ------------------------------------------------------------------------------------------------------

some, none, missing = np.array([1.0, 2.0]), np.zeros(0), np.array([1.0, math.nan, math.inf])
told = [domain(np.random.default_rng(15))]
untold = [domain(np.random.default_rng(15), gap=0.0)]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: density(none), r"values is empty\. Pass at least one score\.$"),
        (
            lambda: kdey(missing, some, some),
            r"scores holds 2 NaN or infinite among 3 values\. Leave out documents without a score\.$",
        ),
        (lambda: kdey(some, none, some), r"values is empty\. Pass at least one score\.$"),
        (lambda: pacc(some, some, missing), r"ai holds 2 NaN or infinite among 3 values\. Leave out"),
        (lambda: acc(some, none, some), r"human is empty\. Pass at least one score\.$"),
        (lambda: emq(missing), r"scores holds 2 NaN or infinite among 3 values\. Leave out"),
        (lambda: classify_and_count(none), r"scores is empty\. Pass at least one score\.$"),
        (lambda: share_with_references(some, missing, some), r"human holds 2 NaN or infinite"),
        (
            lambda: share_with_references(some, some, some, draws=0),
            r"draws is 0\. Give at least 1; 200 or more",
        ),
        (
            lambda: share_with_references(some, some, some, level=95),
            r"level is 95\. Give a probability between 0 and 1",
        ),
        (
            lambda: share_with_human_references(some, some, untold),
            r"None of 1 components tells human from AI text: .* or use AI references\.$",
        ),
        (
            lambda: share_with_human_references(some, none, told),
            r"human is empty\. Pass at least one score\.$",
        ),
        (lambda: certified_lower_bound(none, some), r"scores is empty\. Pass at least one score\.$"),
        (
            lambda: certified_lower_bound(some, some, confidence=1),
            r"confidence is 1\. Give a probability between 0 and 1, such as 0\.975\.$",
        ),
        (
            lambda: references_needed(-1, 0),
            r"There are -1 human and 0 AI references\. Pass counts of 0 or more\.$",
        ),
        (
            lambda: references_needed(80, 80, width=0.05),
            r"width is 0\.05\. Give one above 0\.1 and up to 1: below, no number of references suffices",
        ),
        (lambda: contaminated(none, told * 2), r"human is empty\. Pass at least one score\.$"),
        (lambda: contaminated(some, told * 2, level=0), r"level is 0\. Give a rate above 0 and below 1"),
        (
            lambda: contaminated(some, [*told, *untold]),
            r"1 of 2 components tell human from AI text, .* Pass the components of a trained style model\.$",
        ),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(call, says):
    with pytest.raises(DataError, match=says):
        call()
