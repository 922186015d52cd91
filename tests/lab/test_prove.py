"""Sets beside each other: what teaches better is found, chance seldom passes for it, and doses do what they should."""

import numpy as np
import pytest
from proof_texts import texts
from scipy.stats import binom

from wellkeeper.errors import DataError
from wellkeeper.lab.learner import Surprise
from wellkeeper.lab.ngram_learner import NgramLearner
from wellkeeper.lab.paired import Estimate, panel_of
from wellkeeper.lab.prove import budget, dose_response, prove, scores, verdict_on
from wellkeeper.lab.training import pool_of
from wellkeeper.measure.jackknife import Interval

NGRAM = NgramLearner()


class Forgetless:
    """An n-gram learner that cannot forget: its intervals come from draws."""

    name = "forgetless"

    def fit(self, documents, seed):
        return NGRAM.fit(documents, seed)

    def surprise(self, model, documents) -> Surprise:
        return NGRAM.surprise(model, documents)


class Wordless(Forgetless):
    """One that tells whole documents only."""

    def surprise(self, model, documents) -> Surprise:
        found = NGRAM.surprise(model, documents)
        return Surprise(nats=found.nats, words=found.words)


HUMAN = texts(150, 1)
FOREIGN = texts(100, 2, dialect=1)
PANEL = panel_of(texts(80, 3))
RAW = pool_of("raw", [*HUMAN[:90], *FOREIGN[:60]])
CURATED = pool_of("curated", HUMAN[:90])


@pytest.mark.parametrize("learner", [NGRAM, Forgetless(), Wordless()], ids=lambda found: type(found).__name__)
def test_a_set_without_foreign_documents_teaches_better_and_the_reverse_worse(learner) -> None:
    found = prove([RAW, CURATED], PANEL, learner, draws=6)
    assert found.sets[0].verdict == "better"
    assert found.sets[0].overall.estimate.interval.low > 0
    assert prove([CURATED, RAW], PANEL, learner, draws=6).sets[0].verdict == "worse"
    assert found.words == (CURATED.total if learner is NGRAM else CURATED.total // 2)
    raw, curated = (found.levels[name][0].interval.estimate for name in ("raw", "curated"))
    assert found.sets[0].overall.estimate.interval.estimate == pytest.approx(raw - curated)


def test_without_forgetting_the_gain_is_about_the_same_and_less_sure() -> None:
    exact, drawn = (
        prove([RAW, CURATED], PANEL, learner, draws=4, words=CURATED.total // 2).sets[0].overall.estimate
        for learner in (NGRAM, Forgetless())
    )
    assert drawn.interval.estimate == pytest.approx(exact.interval.estimate, rel=0.01)
    assert drawn.from_held_out < 1


def test_neither_order_of_documents_nor_of_sets_matters() -> None:
    first = prove([RAW, CURATED, pool_of("foreign", FOREIGN)], PANEL, NGRAM, draws=2)
    shuffled = [pool_of(pool.name, pool.documents[::-1]) for pool in (RAW, CURATED)]
    again = prove([shuffled[0], pool_of("foreign", FOREIGN[::-1]), shuffled[1]], PANEL, NGRAM, draws=2)
    ours, theirs = (
        {found.name: (found.verdict, found.overall.estimate.interval) for found in one.sets}
        for one in (first, again)
    )
    for name, (verdict, interval) in ours.items():
        assert theirs[name][0] == verdict
        assert [interval.low, interval.high] == pytest.approx([theirs[name][1].low, theirs[name][1].high])
    assert ours["foreign"][0] == "worse"


def test_a_set_beside_itself_shows_no_difference() -> None:
    found = prove([CURATED, pool_of("again", CURATED.documents)], PANEL, NGRAM, draws=2).sets[0]
    assert found.verdict == "no difference found"
    assert all(gain.p_adjusted == 1 for gain in found.where)


def test_halves_of_one_source_are_told_apart_no_more_often_than_they_may() -> None:
    """Nominal: one verdict in twenty. 40 splits: 6 or more have a chance of 1.4 % at that rate."""
    told = 0
    for seed in range(40):
        pool = texts(120, 100 + seed)
        halves = [pool_of("a", pool[:50]), pool_of("b", pool[50:100])]
        found = prove(halves, panel_of(pool[100:]), NGRAM, draws=1, seed=seed)
        told += found.sets[0].verdict in {"better", "worse"}
    assert binom.sf(told - 1, 40, 0.05) > 0.01


def test_many_sets_share_one_chance_of_a_false_alarm() -> None:
    several = prove([RAW, CURATED, pool_of("b", HUMAN[60:150])], PANEL, NGRAM, draws=2)
    alone = prove([RAW, CURATED], PANEL, NGRAM, draws=2, words=several.words)
    one, other = (found.sets[0].overall for found in (alone, several))
    assert other.estimate.p == pytest.approx(one.estimate.p)
    assert one.p_adjusted == one.estimate.p
    assert other.p_adjusted >= one.p_adjusted
    family = [gain for found in several.sets for gain in found.where]
    least = min(family, key=lambda gain: gain.estimate.p)
    assert least.p_adjusted == pytest.approx(min(1, least.estimate.p * len(family)))


def estimate(value: float, reach: float) -> Estimate:
    interval = Interval(estimate=value, low=value - reach, high=value + reach)
    return Estimate(kind="all", name="", documents=9, words=9, interval=interval, p=0.5, from_held_out=0.5)


@pytest.mark.parametrize(
    ("value", "reach", "p", "verdict"),
    [
        (0.2, 0.1, 0.01, "better"),
        (-0.2, 0.1, 0.05, "worse"),
        (0.2, 0.1, 0.06, "not enough data"),
        (0.02, 0.04, 0.3, "no difference found"),
        (0.0, 0.0, 1.0, "no difference found"),
    ],
)
def test_a_verdict_needs_a_small_p_or_a_narrow_interval(value, reach, p, verdict) -> None:
    assert verdict_on(estimate(value, reach), p, 0.05) == verdict


def test_all_words_of_the_smallest_set_are_read_or_half_of_them() -> None:
    assert budget([RAW, CURATED], NGRAM) == CURATED.total < RAW.total
    assert budget([RAW, CURATED], Forgetless()) == CURATED.total // 2
    assert budget([RAW, CURATED], NGRAM, 100) == 100


def test_ever_more_foreign_words_teach_ever_worse() -> None:
    found = dose_response(CURATED, pool_of("foreign", FOREIGN), PANEL, NGRAM, draws=2)
    assert [dose.share for dose in found.doses] == [0, 0.01, 0.05, 0.1, 0.25, 0.5]
    levels = [dose.level.interval.estimate for dose in found.doses]
    assert levels[2:] == sorted(levels[2:])
    assert min(levels) == pytest.approx(levels[0], abs=0.02)
    assert found.doses[0].gains == ()
    assert found.doses[-1].gains[0].verdict == "worse"
    assert {gain.estimate.kind for gain in found.doses[1].gains} == {"all", "band", "worst"}
    assert found.words == min(CURATED.total, 2 * pool_of("foreign", FOREIGN).total)


def test_more_of_the_same_is_no_dose() -> None:
    found = dose_response(CURATED, pool_of("same", texts(90, 8)), PANEL, NGRAM, draws=2, shares=(0.0, 0.5))
    assert found.doses[1].gains[0].verdict not in {"better", "worse"}


def test_every_model_is_told_of_and_equal_draws_are_fitted_once() -> None:
    told: list[str] = []
    prove([RAW, CURATED], PANEL, NGRAM, draws=3, told=told.append)
    assert sorted(told) == ["curated", "raw", "raw", "raw"]  # all of curated is read each time


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (
            lambda: prove([RAW], PANEL, NGRAM),
            r"There are 1 sets and 5 draws\. Give at least two sets",
        ),
        (
            lambda: prove([RAW, CURATED], PANEL, Forgetless(), draws=1),
            r"1 draws\..* or two for a learner that cannot forget\.",
        ),
        (
            lambda: prove([RAW, pool_of("small", HUMAN[:9])], PANEL, NGRAM),
            r"small are 9 documents, too few for an interval\. Give at least 10|raw are \d documents",
        ),
        (
            lambda: scores(Forgetless(), [(CURATED, CURATED.total)], PANEL, count=2),
            r"to read 100% of curated\. Its interval comes from draws that differ: ask for at most half",
        ),
        (
            lambda: dose_response(CURATED, RAW, PANEL, NGRAM, shares=(0.1, 0.2)),
            r"shares are \[0\.1, 0\.2\]\. Begin with 0",
        ),
    ],
)
def test_what_cannot_be_proved_says_why(run, says: str) -> None:
    with pytest.raises(DataError, match=says):
        run()


def test_a_gain_goes_to_json_as_it_is() -> None:
    found = prove([RAW, CURATED], PANEL, NGRAM, draws=1).to_json()
    gain = found["sets"][0]["gain"]
    assert gain["kind"] == "all"
    assert gain["low"] < gain["estimate"] < gain["high"]
    assert np.isfinite([figure["estimate"] for figure in found["levels"][0]["figures"]]).all()
