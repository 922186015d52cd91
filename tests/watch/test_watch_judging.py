"""A judge that changed is told from one that did not, whichever way it went."""

import json

import numpy as np
import pytest

from wellkeeper.errors import InputError
from wellkeeper.watch.judging import judge_series, read_anchors

LABELS = {f"a{at:02d}": float(at % 2) for at in range(80)}


def series(score, weeks=12, seed=0, labels=LABELS, level=0.05):
    """`score(generator, week, label)` is what the judge says."""
    generator = np.random.default_rng(seed)
    found = {
        0: {(name, batch): score(generator, 0, label) for name, label in labels.items() for batch in range(4)}
    }
    for week in range(1, weeks + 1):
        found[week] = {(name, 0): score(generator, week, label) for name, label in labels.items()}
    return judge_series(found, labels, list(range(1, weeks + 1)), [1], level=level)


def noisy(generator, week, label):
    return float(generator.random() < (0.85 if label else 0.15))


def test_a_judge_that_stays_as_noisy_as_it_is_raises_few_alarms():
    alarms = sum(series(noisy, weeks=52, seed=seed).verdict == "worse" for seed in range(40))
    assert alarms <= 5  # of a level of .05: more with a chance of .014


@pytest.mark.parametrize(
    "changed",
    [
        lambda generator, week, label: (
            noisy(generator, week, label) if week < 4 else float(generator.random() < 0.5)
        ),
        lambda generator, week, label: noisy(generator, week, label) if week < 4 else 1.0,
        lambda generator, week, label: noisy(generator, week, label) if week < 4 else 0.0,
    ],
    ids=["noise", "lenient", "strict"],
)
def test_a_judge_that_changed_is_seen_whichever_way_it_went(changed):
    found = series(changed, weeks=20)
    assert found.verdict == "worse"
    assert next(point.week for point in found.points if point.alarm) >= 4


def test_a_judge_that_became_lenient_is_seen_though_it_agrees_as_often():
    """It used to be wrong on good answers and is now wrong on bad ones."""
    found = series(
        lambda generator, week, label: (
            float(label and generator.random() < 0.6)
            if week < 3
            else float(label or generator.random() < 0.4)
        ),
        weeks=20,
    )
    values = [point.value for point in found.points]
    assert max(values) - min(values) < 0.25
    assert found.verdict == "worse"


def test_agreement_counts_in_the_series():
    found = series(lambda generator, week, label: label if week < 2 else 1 - label, weeks=2)
    assert [(point.value, point.baseline, point.units) for point in found.points] == [(1, 1, 80), (0, 1, 80)]


def test_a_judge_that_cannot_tell_is_left_out():
    found = series(lambda generator, week, label: None if week == 1 else label, weeks=2)
    assert [point.week for point in found.points] == [2]


# --- the file -------------------------------------------------------------------------------------------


def line(at, **more):
    return json.dumps({"question": f"q{at}", "answer": "a", "label": at % 2, **more})


def test_anchors_are_read_with_labels_of_people(tmp_path):
    file = tmp_path / "anchors.jsonl"
    file.write_text("\n".join([line(0, name="first", reference="r"), "", *(line(at) for at in range(1, 12))]))
    anchors = read_anchors(file)
    assert len(anchors) == 12
    assert (anchors[0].name, anchors[0].label, anchors[0].references) == ("first", 0.0, ("r",))
    assert anchors[1].name == "line 3"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            [line(at) for at in range(9)],
            "holds 9 anchors, too few to see a judge change. Have people label at least 10",
        ),
        (["{}"], r"line 1: no anchor \(KeyError: 'question'|line 1: no anchor \(KeyError"),
        (['{"question": "a"'], "line 1: no anchor .JSONDecodeError"),
        ([line(0, label=2)], "line 1: the label is 2. Write what people say the answer is worth, 0 to 1."),
        ([line(0, label="good")], "line 1: no anchor .ValueError"),
        ([line(0, name="x"), line(1, name="x")], "line 2: a second anchor named x. Give each its own name."),
        (["\udcff"], "cannot be read"),
    ],
)
def test_what_is_no_anchor_is_told_with_its_line(tmp_path, lines, says):
    file = tmp_path / "anchors.jsonl"
    file.write_text("\n".join(lines), errors="surrogateescape")
    with pytest.raises(InputError, match=says):
        read_anchors(file)
