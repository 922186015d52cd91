"""Evidence has a mean of one without a change, alarms hold for a year, and a stored watch is the one that went on."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats
from scipy.special import betaln

from wellkeeper.errors import DataError
from wellkeeper.measure.sequential import (
    ChangePoint,
    DropBand,
    PairWatch,
    StoredWatch,
    baseline_error,
    change_point,
    deviation,
    log_alarm,
    log_bets,
    log_evidence,
    log_restarts,
)

few = st.integers(0, 60)
many = st.integers(0, 20_000)
weeks = st.lists(st.tuples(few, few), min_size=1, max_size=12)
chances = st.floats(0, 1)


# --- evidence of lost and gained items -----------------------------------------------------------------------------


def test_evidence_is_the_integral() -> None:
    for b, c in [(0, 0), (3, 0), (0, 3), (7, 2), (2, 7), (20, 25), (40, 10)]:
        whole, _ = integrate.quad(lambda t, b=b, c=c: t**b * (1 - t) ** c, 0.5, 1, epsabs=0, epsrel=1e-12)
        assert log_evidence(b, c) == pytest.approx((b + c + 1) * math.log(2) + math.log(whole), abs=1e-9)


@given(many, many)
def test_evidence_is_the_closed_form_of_scipy(b: int, c: int) -> None:
    n = b + c
    tail = stats.binom.logcdf(b, n + 1, 0.5)
    if not np.isfinite(tail):  # scipy's logarithm is one of a float that has become 0
        assert log_evidence(b, c) == pytest.approx(-math.log(c + 1), abs=b / (c - b))
        return
    closed = (n + 1) * math.log(2) + betaln(b + 1, c + 1) + tail
    assert log_evidence(b, c) == pytest.approx(closed, abs=1e-7, rel=1e-9)


@given(many, many)
def test_one_item_more_changes_evidence_by_nothing_on_the_mean(b: int, c: int) -> None:
    either = np.logaddexp(log_evidence(b + 1, c), log_evidence(b, c + 1)) - math.log(2)
    assert either == pytest.approx(log_evidence(b, c), abs=1e-8)


def test_evidence_of_a_hundred_million_items_is_finite() -> None:
    assert log_evidence(10**8, 10**8) == pytest.approx(
        math.log(math.sqrt(math.pi / 2 / 1e8) / math.sqrt(2)), abs=1e-6
    )
    assert log_evidence(60_000_000, 40_000_000) == pytest.approx(
        1e8 * (math.log(2) + 0.6 * math.log(0.6) + 0.4 * math.log(0.4))
        + math.log(2 * math.sqrt(2 * math.pi * 0.24 / 1e8)),
        abs=1e-4,
    )


def test_without_a_change_the_mean_after_a_horizon_is_one() -> None:
    """Exact: two items a week, three weeks, all 27 histories."""
    outcomes = [(2, 0, 0.25), (1, 1, 0.5), (0, 2, 0.25)]
    mean = restarts = 0.0
    for first in outcomes:
        for second in outcomes:
            for third in outcomes:
                history = (first, second, third)
                chance = math.prod(week[2] for week in history)
                lost, gained = ([week[side] for week in history] for side in (0, 1))
                mean += chance * math.exp(log_alarm(lost, gained, horizon=3)[-1])
                restarts += chance * math.exp(log_restarts(lost, gained)[-1])
    assert mean == pytest.approx(1.0)
    assert restarts == pytest.approx(3.0)


def _years(seed: int, years: int, *, drop_from: int = 53) -> tuple[np.ndarray, np.ndarray]:
    """100 items a week whose chance of a right answer is Beta(0.7, 0.3); from a week on 10 points are gone."""
    generator = np.random.default_rng(seed)
    week = np.arange(1, 53)[:, None]
    right = generator.beta(0.7, 0.3, (years, 52, 100))
    now = np.where(week >= drop_from, right * (1 - 0.1 / 0.7), right)
    before, after = (generator.random(right.shape) < chance for chance in (right, now))
    return (before & ~after).sum(-1), (~before & after).sum(-1)


def test_at_most_one_drift_free_year_in_twenty_alarms() -> None:
    lost, gained = _years(1, 400)
    alarms = (log_alarm(lost, gained) > math.log(20)).any(axis=1).sum()
    weekly = stats.binom.sf(lost - 1, lost + gained, 0.5) <= 0.05
    assert stats.binomtest(int(alarms), 400, 0.05, alternative="greater").pvalue > 0.001
    assert weekly.any(axis=1).mean() > 0.7  # the test that is repeated calls most such years


def test_ten_points_are_found_within_six_weeks_in_the_median() -> None:
    lost, gained = _years(2, 100, drop_from=20)
    above = log_alarm(lost, gained) > math.log(20)
    assert above.any(axis=1).all()
    assert np.median(above.argmax(axis=1) + 1 - 19) <= 6


@given(weeks)
def test_a_stored_pair_watch_is_the_one_that_never_stopped(history: list[tuple[int, int]]) -> None:
    whole = stopped = PairWatch(horizon=12)
    for lost, gained in history:
        whole = whole.after(lost=lost, gained=gained)
        stopped = PairWatch.from_json(
            json.loads(json.dumps(stopped.after(lost=lost, gained=gained).to_json()))
        )
    assert stopped == whole
    assert stopped.log_evidence.tolist() == whole.log_evidence.tolist()
    assert stopped.alarm_week == whole.alarm_week


def test_an_alarm_stays_and_has_a_small_p_value() -> None:
    watch = PairWatch(weeks=((5, 5), (30, 3), (3, 30), (0, 90)))
    assert watch.alarm_week == 2
    assert watch.log_evidence[-1] < 0
    assert 0 < watch.p_value < 0.05
    assert PairWatch().alarm_week is None
    assert PairWatch().p_value == 1.0
    assert watch.renewed() == PairWatch()


def test_after_its_horizon_a_watch_asks_for_a_new_one() -> None:
    watch = PairWatch(horizon=2, weeks=((1, 1), (2, 1)))
    with pytest.raises(
        DataError, match=r"has 3 weeks, and its false-alarm rate is stated for 2\. Begin the next one"
    ):
        watch.after(lost=1, gained=0)
    assert watch.renewed().after(lost=1, gained=0).weeks == ((1, 0),)


# --- a reference of stored answers ---------------------------------------------------------------------------------


def test_one_stored_answer_per_item_is_refused() -> None:
    with pytest.raises(
        DataError, match=r"1 answer is stored for each item\. .* Store 4 or more .*, or draw fresh items"
    ):
        StoredWatch.begin(np.ones((50, 1)))
    with pytest.raises(DataError, match=r"3 answers are stored .*K >= 4"):
        StoredWatch.begin(np.ones((50, 3)))


def test_a_margin_that_does_not_cover_the_luck_of_the_stored_answers_is_refused() -> None:
    answers = np.tile([0.0, 1.0, 0.0, 1.0], (25, 1))
    assert baseline_error(answers) == pytest.approx(math.sqrt(1 / 3 / 100))
    with pytest.raises(
        DataError, match=r"margin is 0\.02, .* standard error of 0\.058.*set margin to 0\.058 or more"
    ):
        StoredWatch.begin(answers, margin=0.02)
    assert StoredWatch.begin(answers, margin=0.058).weeks == 0
    assert StoredWatch.begin(np.ones((25, 4)), margin=0.0).margin == 0.0  # greedy answers have no luck


@given(chances, chances, st.floats(0, 0.9))
def test_a_bet_is_never_lost_whole_and_is_fair_at_the_margin(
    base: float, score: float, margin: float
) -> None:
    bets = log_bets([score], [base], margin=margin)
    assert np.isfinite(bets).all()
    at_margin = log_bets([0.5], [0.5 + margin / 2], margin=margin / 2)
    assert at_margin == pytest.approx(0, abs=1e-12)


@given(st.lists(chances, min_size=1, max_size=6), st.lists(chances, min_size=6, max_size=6))
def test_without_a_drop_the_mean_of_a_bet_is_at_most_one(rights: list[float], bases: list[float]) -> None:
    """Exact over right and wrong answers to each item, with a margin that is just the mean drop."""
    right, base = np.array(rights), np.array(bases[: len(rights)])
    drop = float(np.mean(base - right))
    if drop < 0:
        return
    won = np.exp(log_bets(np.ones_like(right), base, margin=drop))
    missed = np.exp(log_bets(np.zeros_like(right), base, margin=drop))
    mean = (right[:, None] * won + (1 - right[:, None]) * missed).prod(axis=0)
    assert (mean <= 1 + 1e-9).all()


def test_a_stored_watch_finds_ten_points_and_stays_silent_without() -> None:
    generator = np.random.default_rng(3)
    right = generator.beta(0.7, 0.3, 300)
    begun = StoredWatch.begin(generator.random((300, 4)) < right[:, None])
    calm = worse = begun
    for week in range(52):
        calm = calm.after(generator.random(300) < right)
        worse = worse.after(generator.random(300) < right * (1 if week < 10 else 6 / 7))
    assert calm.alarm_week is None
    assert worse.alarm_week is not None
    assert 11 <= worse.alarm_week <= 30


@given(st.lists(st.lists(chances, min_size=5, max_size=5), min_size=1, max_size=6), st.permutations(range(5)))
def test_a_stored_watch_knows_neither_stops_nor_the_order_of_items(scores, order) -> None:
    whole = stopped = StoredWatch.begin(np.tile([0.2, 0.4, 0.2, 0.4], (5, 1)), margin=0.1, level=0.5)
    for week in scores:
        whole = whole.after(week)
        shuffled = stopped.after(np.array(week)[list(order)], items=order)
        stopped = StoredWatch.from_json(json.loads(json.dumps(shuffled.to_json())))
    assert stopped == whole


# --- how large the drop is -----------------------------------------------------------------------------------------


@given(st.floats(-1, 1), st.floats(0, 0.999))
def test_a_band_rests_on_an_inequality_that_holds(missed: float, stake: float) -> None:
    psi = -math.log1p(-stake) - stake
    assert math.exp(stake * missed - psi * missed**2) <= 1 + stake * missed + 1e-12


def test_the_deviation_is_where_the_mixture_reaches_its_bound() -> None:
    stakes = 2.0 ** (-np.arange(2, 17) / 2)
    for squares in (0.0, 1.0, 50.0, 5_000.0):
        reached = deviation(squares, level=0.1)
        mixture = np.mean(np.exp(stakes * reached - (-np.log1p(-stakes) - stakes) * squares))
        assert mixture == pytest.approx(2 / 0.1, rel=1e-9)


def test_a_band_holds_in_all_weeks_together_while_the_drop_moves() -> None:
    generator = np.random.default_rng(4)
    missed = 0
    for _ in range(80):
        band, truth = DropBand(), 0.0
        once = False
        for week in range(20):
            drop = 0.0 if week < 8 else 0.02 * (week - 8)
            before, after = generator.random(60) < 0.8, generator.random(60) < 0.8 - drop
            band = band.after(before.astype(float) - after)
            truth += drop
            low, high = band.interval(level=0.1)
            once |= not low <= truth / (week + 1) <= high
        missed += once
    assert stats.binomtest(missed, 80, 0.1, alternative="greater").pvalue > 0.001


def test_a_band_narrows_and_a_stored_one_is_the_one_that_went_on() -> None:
    generator = np.random.default_rng(5)
    whole = stopped = DropBand()
    assert whole.interval() == (-1.0, 1.0)
    widths = []
    for _ in range(52):
        drops = generator.choice([-1.0, 0.0, 1.0], 100, p=[0.1, 0.8, 0.1])
        whole = whole.after(drops)
        stopped = DropBand.from_json(json.loads(json.dumps(stopped.after(drops[::-1]).to_json())))
        low, high = whole.interval()
        widths.append(high - low)
    assert stopped == whole
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.05


# --- when it began -------------------------------------------------------------------------------------------------


def test_a_change_is_dated_by_the_greatest_likelihood() -> None:
    lost, gained = np.array([5, 4, 6, 5, 12, 14, 11]), np.array([5, 6, 5, 5, 3, 2, 4])
    found = change_point(lost, gained)
    tried = []
    for week in range(7):
        b, n = lost[week:].sum(), (lost + gained)[week:].sum()
        share = max(0.5, b / n)
        tried.append(stats.binom.logpmf(b, n, share) - stats.binom.logpmf(b, n, 0.5))
    assert found.week == 1 + int(np.argmax(tried)) == 5
    assert found.log_likelihood == pytest.approx(max(tried))
    assert found.share == pytest.approx(37 / 46)
    assert found.low <= 5 <= found.high
    assert found == change_point(lost, gained)


def test_the_interval_of_a_change_holds_the_week_mostly() -> None:
    held = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        lost = generator.binomial(25, np.where(np.arange(40) >= 20, 0.72, 0.5))
        found = change_point(lost, 25 - lost, draws=199, seed=seed)
        held += found.low <= 21 <= found.high
    assert stats.binomtest(held, 60, 0.95, alternative="less").pvalue > 0.001


def test_a_watch_dates_its_own_weeks() -> None:
    watch = PairWatch(weeks=((5, 5),) * 6 + ((20, 2),) * 4)
    assert watch.change() == change_point([5] * 6 + [20] * 4, [5] * 6 + [2] * 4)
    assert isinstance(watch.change(), ChangePoint)
    assert watch.change().week == 7


# --- messages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: log_evidence(-1, 2), r"lost holds -1\. Count items: whole numbers from 0"),
        (lambda: log_evidence(1, 2.5), r"gained holds 2\.5\. Count items"),
        (lambda: PairWatch(level=1.5), r"level is 1\.5\. Give a chance between 0 and 1"),
        (lambda: PairWatch(horizon=0), r"horizon is 0 weeks\. Give 1 or more"),
        (lambda: PairWatch().after(lost=-3, gained=0), r"lost and gained holds -3\. Count"),
        (
            lambda: PairWatch.from_json({"schema": "other"}),
            r"schema 'other', not 'wellkeeper\.watch-pairs/1'\. Read it",
        ),
        (
            lambda: StoredWatch.begin(np.ones(4)),
            r"answers has shape \(4,\)\. Pass one row of scores per item",
        ),
        (lambda: StoredWatch.begin(np.full((9, 4), 2)), r"answers holds 2\. Pass scores in \[0, 1\]"),
        (lambda: StoredWatch.begin(np.ones((9, 4)), margin=1.0), r"margin is 1\.0\. Give a drop"),
        (
            lambda: StoredWatch.begin(np.ones((9, 4))).after([1, 1]),
            r"shape \(2,\), and 9 items were asked\. Pass one",
        ),
        (
            lambda: StoredWatch.begin(np.ones((9, 4))).after([1, 1], items=[3, 3]),
            r"a number twice or outside 0 to 8\. Ask",
        ),
        (lambda: StoredWatch.begin(np.ones((1, 4))).after([math.nan]), r"scores holds nan\. Pass scores"),
        (
            lambda: StoredWatch.from_json(StoredWatch.begin(np.ones((2, 4))).to_json() | {"bets": [0.5]}),
            r"bets \[0\.5\], this version \[0\.02, .*Begin a new one",
        ),
        (
            lambda: StoredWatch.from_json(
                StoredWatch.begin(np.ones((2, 4))).to_json() | {"log_wealth": [math.nan] * 5}
            ),
            r"log_wealth is \(nan.* Give one finite number for each of 5 bets",
        ),
        (
            lambda: PairWatch.from_json({"schema": "wellkeeper.watch-pairs/1", "level": 0.05, "horizon": 52}),
            r"watch-pairs/1 is damaged: KeyError 'weeks'\. Restore it from a copy, or begin",
        ),
        (
            lambda: PairWatch.from_json(PairWatch().to_json() | {"weeks": [[1]]}),
            r"is damaged: ValueError .*Restore it from a copy",
        ),
        (
            lambda: DropBand(answers=2, total=math.nan),
            r"2 answers cannot have a total of nan.* Begin with DropBand",
        ),
        (lambda: DropBand().after([1.5]), r"drops holds 1\.5\. Pass differences"),
        (lambda: change_point([], []), r"shape \(0,\) and gained \(0,\)\. Pass one number"),
        (lambda: change_point([0, 0], [0, 0]), r"No item was lost or gained in any week\. .* go on watching"),
    ],
)
def test_messages_of_a_watch_say_what_was_found_and_what_to_do(wrong, says: str) -> None:
    with pytest.raises(DataError, match=says):
        wrong()
