"""Snapshots of a corpus: one like the first raises no alarm, a poorer one does, and the first has to stay."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

from wellkeeper.errors import InputError
from wellkeeper.recipe.corpus_watching import begin_corpus_watch, corpus_config_of, run_corpus_watch
from wellkeeper.recipe.watching import report_watch, run_watch
from wellkeeper.watch.monitor import alarms
from wellkeeper.watch.snapshots import WORDS as TESTED
from wellkeeper.watch.snapshots import snapshot_series

WORDS = [
    f"{a}{b}" for a in "ba de ki lo mu na pe ri so tu".split() for b in "bam den kir lon mus nap per".split()
]
SCHEMA = json.loads(files("wellkeeper.recipe").joinpath("watch.schema.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 1, 5, tzinfo=UTC)
OPTIONS = {"level": 0.05, "horizon": 4}


def write(path, common, seed):
    rng = np.random.default_rng(seed)
    rows = [{"text": " ".join(rng.choice(WORDS[:common], 40)), "source": "ab"[at % 2]} for at in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture
def watched(tmp_path):
    first = write(tmp_path / "first.jsonl", 70, 1)
    config = corpus_config_of(tmp_path / "w", first, {**OPTIONS, "source": "source"})
    timeline = begin_corpus_watch(tmp_path / "w", config, now=NOW, workers=1)
    assert (timeline.headline, timeline.items) == ("No week was run yet.", 40)
    return tmp_path


def snapshot(folder, name, common, seed):
    return run_corpus_watch(
        folder / "w", write(folder / f"{name}.jsonl", common, seed), now=NOW, version=name, workers=1
    )


def test_a_snapshot_like_the_first_raises_no_alarm_and_a_poorer_one_does(watched):
    like = snapshot(watched, "like", 70, 2)
    assert (like.timeline.verdict, alarms(like.timeline)) == ("no alarm", ())
    assert [one.metric for one in like.timeline.series] == [TESTED, "ai", "near_duplicates", "largest_source"]
    (sources,) = (one.points[0] for one in like.timeline.series if one.metric == "largest_source")
    assert (sources.value, sources.baseline, sources.units) == (0.5, 0.5, 40)
    poorer = snapshot(watched, "poorer", 12, 3)
    assert poorer.timeline.verdict == "worse"
    assert poorer.timeline.headline.startswith(
        "Words of the first snapshot that are lacking, by use: worse than"
    )
    assert [week.version for week in poorer.timeline.weeks] == ["like", "poorer"]
    assert report_watch(watched / "w").timeline == poorer.timeline
    assert poorer.timeline.next_step.startswith(
        "See what was lost: DIR/snapshots/N/against-first/report.html"
    )
    assert (watched / "w/snapshots/2/against-first/report.html").exists()
    json.dumps(poorer.to_json(), allow_nan=False)
    assert snapshot(watched, "again", 70, 4).is_alarm  # what was called stays called


def test_the_first_snapshot_has_to_stay_as_it_was(watched):
    write(watched / "first.jsonl", 60, 9)
    with pytest.raises(
        InputError, match=r"The first snapshot had 40 documents of .* Restore it: all others are held"
    ):
        snapshot(watched, "like", 70, 2)
    assert report_watch(watched / "w").timeline.weeks == ()


def test_a_watch_of_a_corpus_is_begun_once_and_goes_forward(watched):
    config = corpus_config_of(watched / "w", str(watched / "first.jsonl"), {**OPTIONS, "name": "other"})
    before = (watched / "w/watch.yaml").read_bytes()
    with pytest.raises(InputError, match="holds a watch already"):
        begin_corpus_watch(watched / "w", config, now=NOW, workers=1)
    assert (watched / "w/watch.yaml").read_bytes() == before
    done = snapshot(watched, "like", 70, 2)
    jsonschema.validate(json.loads(json.dumps(done.to_json())), SCHEMA)
    with pytest.raises(InputError, match=r"and week 1 was on 2026-01-05: weeks go forward\."):
        run_corpus_watch(watched / "w", str(watched / "like.jsonl"), now=NOW - timedelta(days=1), workers=1)


def test_a_watch_of_a_corpus_asks_no_model(watched):
    with pytest.raises(
        InputError, match=r"is of a corpus, and asks no model\. Give its next snapshot: .* --corpus"
    ):
        run_watch(watched / "w", now=NOW)


def figures(p, value=0.2):
    told = {"value": value, "low": 0.1, "high": 0.3, "units": 9}
    return {"figures": {TESTED: told}, "baselines": {TESTED: 0.1}, "p": p}


@pytest.mark.parametrize(("p", "verdict"), [(0.0124, "worse"), (0.0126, "no alarm")])
def test_the_alarm_is_at_the_level_shared_by_all_snapshots_of_the_horizon(p, verdict):
    (series,) = snapshot_series(
        {0: figures(None), 1: figures(1.0), 2: figures(p)}, [1, 2], [1], level=0.05, horizon=4
    )
    assert series.verdict == verdict
    assert [point.alarm for point in series.points] == [False, verdict == "worse"]


def test_a_snapshot_that_is_none_is_not_kept(watched):
    with pytest.raises(InputError):
        run_corpus_watch(watched / "w", str(watched / "nowhere.jsonl"), now=NOW, workers=1)
    assert report_watch(watched / "w").timeline.weeks == ()
    config = corpus_config_of(watched / "v", "x", OPTIONS)
    assert replace(config, name="a").corpus["path"].endswith("/x")


def test_with_a_reference_it_is_human_words_that_are_watched(tmp_path):
    first = write(tmp_path / "first.jsonl", 70, 1)
    human = write(tmp_path / "human.jsonl", 70, 5)
    config = corpus_config_of(tmp_path / "w", first, {**OPTIONS, "reference": human})
    begin_corpus_watch(tmp_path / "w", config, now=NOW, workers=1)
    poorer = snapshot(tmp_path, "poorer", 12, 3).timeline
    assert [one.metric for one in poorer.series] == ["lost_mass", "ai", "near_duplicates", "largest_source"]
    point = poorer.series[0].points[0]
    assert point.value > 0.5 > point.baseline
    assert poorer.verdict == "worse"
