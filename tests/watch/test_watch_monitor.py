"""From weeks to alarms: the units are items, the level is shared, and what was called stays called until renewed."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.core.answers import Output
from wellkeeper.measure.sequential import DropBand, PairWatch, StoredWatch
from wellkeeper.suites.run import Answered
from wellkeeper.watch.config import WatchConfig
from wellkeeper.watch.monitor import Seen, alarms, measured, metrics_of, timeline_of
from wellkeeper.watch.store import Measured
from wellkeeper.watch.timeline import Week

PAIRED = WatchConfig(name="bot", design="paired", reference={}, reference_name="v1")
STORED = WatchConfig(name="bot", design="stored", margin=0.05, reference_name="v1")


def week(number):
    return Week(
        number=number,
        date=f"2026-01-{number:02d}",
        version="v2",
        reason="schedule",
        items=0,
        answers=0,
        tokens=0,
        is_complete=True,
    )


def worth(accuracy, degenerate=0.0, diversity=None):
    return Measured(accuracy=accuracy, degenerate=degenerate, diversity=diversity)


def side(values):
    return {f"i{item:03d}": worth(value) for item, value in enumerate(values)}


def seen(weeks, config=PAIRED, metrics=("accuracy",), **more):
    return Seen(
        config=config,
        metrics=metrics,
        created="2026-01-01",
        suite="questions",
        items=100,
        weeks=tuple(week(number) for number in range(1, 1 + max(weeks, default=0))),
        measured=weeks,
        **more,
    )


def pairs(lost, gained, items=100):
    """A week in which so many items were lost and gained."""
    before = np.ones(items)
    before[lost : lost + gained] = 0
    after = np.ones(items)
    after[:lost] = 0
    return {("watched", 0): side(after), ("reference", 0): side(before)}


def of(timeline, metric="accuracy"):
    return next(series for series in timeline.series if series.metric == metric)


# --- the statistics are those of measure.sequential -----------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12))
def test_the_evidence_of_pairs_is_that_of_a_pair_watch_on_lost_and_gained_items(counts):
    timeline = timeline_of(seen({number: pairs(*count) for number, count in enumerate(counts, 1)}))
    watch = PairWatch(weeks=tuple(counts))
    points = of(timeline).points
    assert [point.evidence for point in points] == pytest.approx((watch.log_evidence / math.log(10)).tolist())
    assert next((point.week for point in points if point.alarm), None) == watch.alarm_week
    assert (timeline.verdict == "worse") == (watch.alarm_week is not None)


def test_the_evidence_of_stored_answers_is_that_of_a_stored_watch():
    generator = np.random.default_rng(3)
    stored = (generator.random((60, 4)) < 0.7).astype(float)
    weeks = [(generator.random(60) < 0.4).astype(float) for _ in range(5)]
    kept = {0: {("reference", batch): side(stored[:, batch]) for batch in range(4)}}
    kept |= {number: {("watched", 0): side(scores)} for number, scores in enumerate(weeks, 1)}
    timeline = timeline_of(seen(kept, STORED))
    watch, band, expected = StoredWatch.begin(stored, margin=0.05), DropBand(), []
    for scores in weeks:
        watch, band = watch.after(scores), band.after(stored.mean(axis=1) - scores)
        expected.append((watch.log_evidence / math.log(10), band.mean, *band.interval()))
    found = of(timeline).points
    told = [(point.evidence, point.drop, point.drop_low, point.drop_high) for point in found]
    assert np.array(told) == pytest.approx(np.array(expected))
    assert found[-1].baseline == pytest.approx(stored.mean())
    assert timeline.verdict == "worse"
    assert of(timeline).change.low <= 1 <= of(timeline).change.high


def test_a_week_may_ask_some_of_the_stored_items():
    kept = {0: {("reference", batch): side(np.ones(40)) for batch in range(4)}}
    kept[1] = {("watched", 0): {f"i{item:03d}": worth(0.0) for item in range(0, 40, 2)}}
    points = of(timeline_of(seen(kept, STORED))).points
    watch = StoredWatch.begin(np.ones((40, 4)), margin=0.05).after(np.zeros(20), items=range(20))
    assert points[0].units == 20
    assert points[0].evidence == pytest.approx(watch.log_evidence / math.log(10))


def test_of_degenerate_answers_more_is_worse_and_of_the_others_less():
    before = {f"i{item}": worth(1.0, 0.0, 0.8) for item in range(100)}
    after = {f"i{item}": worth(1.0, float(item < 40), 0.9) for item in range(100)}
    weeks = {1: {("watched", 0): after, ("reference", 0): before}}
    timeline = timeline_of(seen(weeks, metrics=("accuracy", "degenerate", "diversity")))
    assert [series.verdict for series in timeline.series] == ["no alarm", "worse", "no alarm"]
    point = of(timeline, "degenerate").points[0]
    assert (point.value, point.baseline, point.drop) == (0.4, 0.0, 0.4)
    assert of(timeline, "diversity").points[0].drop == pytest.approx(-0.1)


def test_items_whose_score_is_unknown_on_a_side_are_left_out_and_not_counted_wrong():
    weeks = {1: pairs(0, 0)}
    for item in range(90):
        weeks[1]["watched", 0][f"i{item:03d}"] = worth(None)
    point = of(timeline_of(seen(weeks))).points[0]
    assert (point.units, point.value, point.drop) == (10, 1.0, 0.0)


def test_a_week_without_a_known_score_has_no_point_and_the_others_stay():
    weeks = {1: pairs(30, 0), 2: pairs(0, 0)}
    weeks[2]["watched", 0] = {name: worth(None) for name in weeks[2]["watched", 0]}
    assert [point.week for point in of(timeline_of(seen(weeks))).points] == [1]


# --- the level ------------------------------------------------------------------------------------------


def test_the_level_is_shared_by_all_metrics_watched():
    weeks = {1: pairs(0, 0)}
    for metrics in (("accuracy",), ("accuracy", "degenerate"), ("accuracy", "degenerate", "judge")):
        series = timeline_of(seen(weeks, metrics=metrics)).series
        assert [one.threshold for one in series] == pytest.approx(
            [math.log10(len(metrics) / 0.05)] * len(series)
        )


def test_what_was_called_stays_called_and_its_week_is_dated():
    weeks = {number: pairs(2, 2) for number in range(1, 11)} | {
        number: pairs(20, 2) for number in range(11, 15)
    }
    weeks |= {number: pairs(0, 9) for number in range(15, 27)}
    timeline = timeline_of(seen(weeks))
    alarmed = [point.week for point in of(timeline).points if point.alarm]
    assert alarmed == list(range(alarmed[0], 27))
    assert 11 <= alarmed[0] <= 13
    assert [one.metric for one in alarms(timeline)] == ["accuracy"]
    told = timeline_of(seen({number: one for number, one in weeks.items() if number <= 14})).series[0].change
    assert (told.week, told.date) == (11, "2026-01-11")
    assert told.low <= 11 <= told.high


def test_a_watch_that_could_not_have_alarmed_yet_says_not_enough_data():
    timeline = timeline_of(seen({1: pairs(0, 0, items=4)}))
    assert (timeline.verdict, alarms(timeline)) == ("not enough data", ())
    assert timeline.headline == (
        "Not enough data after 1 week against v1: not even a total loss would have raised an alarm."
    )
    assert timeline_of(seen({1: pairs(0, 0, items=40)})).verdict == "no alarm"


def test_a_watch_without_a_week_has_no_points_and_says_so():
    timeline = timeline_of(seen({}))
    assert (timeline.headline, timeline.verdict) == ("No week was run yet.", "not enough data")
    assert of(timeline).points == ()


def test_after_the_horizon_evidence_begins_anew_and_that_is_said():
    weeks = {1: pairs(30, 0)} | {number: pairs(1, 1) for number in range(2, 8)}
    timeline = timeline_of(seen(weeks, replace(PAIRED, horizon=4)))
    points = of(timeline).points
    assert [point.alarm for point in points] == [True] * 4 + [False] * 3
    assert points[4].evidence == pytest.approx(
        float(PairWatch(horizon=4, weeks=((1, 1),)).log_evidence[-1]) / math.log(10)
    )
    assert timeline.notes == ("Evidence begins anew with week 5: the horizon of 4 weeks ended.",)
    assert timeline.verdict == "no alarm"


def test_a_renewed_watch_has_no_alarm_of_what_was_before():
    weeks = {1: pairs(30, 0), 2: pairs(30, 0)}
    assert timeline_of(seen(weeks)).verdict == "worse"
    renewed = timeline_of(seen(weeks, renewals=((3, "rolled back"),)))
    assert (renewed.verdict, alarms(renewed)) == ("not enough data", ())
    assert renewed.notes == ("Evidence begins anew with week 3: rolled back.",)
    weeks[3] = pairs(1, 2)
    assert timeline_of(seen(weeks, renewals=((3, "rolled back"),))).verdict == "no alarm"


# --- traps ----------------------------------------------------------------------------------------------


def answered(*texts, scores=()):
    outputs = tuple(Output(text=text, finish="stop" if text else "empty") for text in texts)
    return Answered(name="a", prompt="?", outputs=outputs, scores=scores)


def test_two_empty_answers_are_alike_and_degenerate():
    assert measured(answered("", " ")) == Measured(accuracy=None, degenerate=1.0, diversity=0.0)
    assert measured(answered("", "a long answer")).diversity == 1.0


def test_more_answers_to_an_item_are_no_more_items():
    """Pairs of answers are never pooled: copying each answer changes neither evidence nor units."""
    rng = np.random.default_rng(0)
    once, often = ({}, {})
    for name in ("watched", "reference"):
        texts = {f"i{item}": ["yes", "no"][rng.random() < 0.5] for item in range(60)}
        scores = {item: float(text == "yes") for item, text in texts.items()}
        once[name, 0] = {i: measured(answered(t, t, scores=(scores[i],) * 2)) for i, t in texts.items()}
        often[name, 0] = {i: measured(answered(*[t] * 8, scores=(scores[i],) * 8)) for i, t in texts.items()}
    metrics = ("accuracy", "degenerate", "diversity")
    assert (
        timeline_of(seen({1: once}, metrics=metrics)).series
        == timeline_of(seen({1: often}, metrics=metrics)).series
    )


def test_one_answer_an_item_has_no_diversity_to_watch():
    assert metrics_of(scored=True, samples=1) == ("accuracy", "degenerate")
    assert metrics_of(scored=False, samples=2) == ("degenerate", "diversity")
    assert measured(answered("a")).diversity is None


# --- slices ---------------------------------------------------------------------------------------------


def test_slices_are_called_by_e_bh_and_raise_no_alarm():
    slices = {f"i{item:03d}": {"language": "de" if item < 30 else "en"} for item in range(100)}
    week = pairs(6, 0)
    for item in range(40, 46):  # English gains what German loses
        week["reference", 0][f"i{item:03d}"] = worth(0.0)
    timeline = timeline_of(seen({1: week, 2: week}, slices=slices))
    german, english = timeline.slices
    assert [one.slice for one in timeline.slices] == ["language=de", "language=en"]
    assert (german.verdict, english.verdict) == ("worse", "no alarm")
    assert german.points[-1].evidence > german.threshold == pytest.approx(math.log10(2 / 0.05))
    assert english.points[0].units == 70
    assert timeline.verdict == "no alarm"


def test_a_slice_is_not_called_by_evidence_from_before_a_renewal():
    slices = {f"i{item:03d}": {"language": "de" if item < 30 else "en"} for item in range(100)}
    weeks = {1: pairs(20, 0), 2: pairs(20, 0)}
    assert timeline_of(seen(weeks, slices=slices)).slices[0].verdict == "worse"
    renewed = timeline_of(seen(weeks, slices=slices, renewals=((3, "rolled back"),)))
    assert [one.verdict for one in renewed.slices] == ["not enough data"] * 2


def test_slices_that_were_not_asked_for_or_are_small_are_left_out():
    slices = {f"i{item:03d}": {"a": str(item % 2), "b": str(item // 95)} for item in range(100)}
    config = replace(PAIRED, slices=("b",))
    assert [one.slice for one in timeline_of(seen({1: pairs(1, 1)}, config, slices=slices)).slices] == ["b=0"]


# --- the judge ------------------------------------------------------------------------------------------


def judged(weeks, agreement):
    """Anchors that are right and wrong in turn, and a judge that is right on a share of them in each week."""
    labels = {f"a{at:02d}": float(at % 2) for at in range(60)}
    first = {(name, batch): label for name, label in labels.items() for batch in range(4)}
    found = {0: first}
    for number in range(1, weeks + 1):
        wrong = round((1 - agreement(number)) * 60)
        found[number] = {
            (name, 0): 1 - label if at < wrong else label for at, (name, label) in enumerate(labels.items())
        }
    return {"labels": labels, "judgements": found}


def test_when_the_judge_changed_the_system_is_not_blamed():
    weeks = {number: pairs(12, 2) for number in range(1, 6)}
    metrics = ("accuracy", "degenerate", "judge")
    blamed = timeline_of(seen(weeks, metrics=metrics, **judged(5, lambda week: 1.0)))
    assert (blamed.verdict, of(blamed, "judge").verdict) == ("worse", "no alarm")
    changed = timeline_of(seen(weeks, metrics=metrics, **judged(5, lambda week: 0.5)))
    assert changed.verdict == "not enough data"
    assert (of(changed).label, of(changed).verdict) == ("Accuracy (judge changed)", "not enough data")
    assert [one.metric for one in alarms(changed)] == ["judge"]
    assert changed.headline.startswith(
        "The judge changed: what it says of answers cannot be laid to the system."
    )
