"""`trend` along made families: what falls, what turns, what is alike, and what became of the tail."""

import json
from dataclasses import replace
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from answered_runs import WORDS, made_run

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.recipe.trend import positions_of, trend
from wellkeeper.suites.run_files import write_run

SCHEMA = json.loads(files("wellkeeper.recipe").joinpath("trend.schema.json").read_text(encoding="utf-8"))


def family(rights, *, words=None, items=80, **more):
    return [
        made_run(f"run {at}", right=right, words=many, seed=at, items=items, **more)
        for at, (right, many) in enumerate(zip(rights, words or [len(WORDS)] * len(rights), strict=True))
    ]


@pytest.fixture(scope="module")
def human(tmp_path_factory):
    path = tmp_path_factory.mktemp("human") / "human.jsonl"
    texts = [
        " ".join(WORDS[(at * at + k * k + k) % len(WORDS) // (1 + at % 3)] for k in range(12))
        for at in range(200)
    ]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def shape_of(found, metric):
    return next(row for row in found.document["metrics"] if row["metric"] == metric)


@pytest.mark.parametrize(
    ("rights", "shape", "is_harm"),
    [
        ((0.4, 0.55, 0.7, 0.85), "rising", False),
        ((0.85, 0.7, 0.55, 0.4), "falling", True),
        ((0.4, 0.65, 0.85, 0.5), "inverted U", True),
        ((0.6, 0.3, 0.45, 0.9), "U", False),
        ((0.9, 0.3, 0.4, 0.7), "U", True),
        ((0.6, 0.6, 0.6, 0.6), "none", False),
    ],
)
def test_the_shape_of_scores_and_whether_it_is_harm(rights, shape, is_harm, tmp_path):
    found = trend(family(rights), metrics=["score"], out=tmp_path)
    jsonschema.validate(found.to_json(), SCHEMA)
    row = shape_of(found, "score")
    assert row["trend"]["verdict"] == shape
    assert row["is_harm"] is is_harm
    assert found.verdict == ("worse" if is_harm else "no harm shown")
    assert (tmp_path / "report.html").is_file()
    assert json.loads((tmp_path / "report.json").read_text())["verdict"] == found.verdict


@pytest.mark.slow
def test_runs_that_are_alike_seldom_show_harm(tmp_path):
    """Level .05 for all metrics together: of 40 null families at most 6, as a binomial allows at .999."""
    alarms = 0
    for world in range(40):
        runs = [made_run(f"r{at}", items=30, samples=2, seed=1_000 * world + at) for at in range(3)]
        alarms += trend(runs, out=tmp_path, seed=world).verdict == "worse"
    assert alarms <= 6


def test_a_tail_that_is_lost_in_the_last_generation_is_found_there(tmp_path, human):
    runs = family((0.6,) * 4, words=[32, 32, 32, 16])
    found = trend(runs, reference=[str(human)], out=tmp_path)
    jsonschema.validate(found.to_json(), SCHEMA)
    tails = found.document["tails"]
    harmed = [(row["first"], row["second"]) for row in tails["comparisons"] if row["is_harm"]]
    assert harmed == [(2, 3), (0, 3)]
    distinct = [row["distinct"] for row in tails["members"]]
    assert distinct[3] < 0.7 * min(distinct[:3])
    assert shape_of(found, "diversity")["is_harm"]
    assert found.verdict == "worse"


def test_all_members_are_cut_to_one_size_before_tails_are_compared(tmp_path, human):
    short = made_run("short", samples=2, seed=1)
    runs = [made_run("a", seed=2), short, made_run("c", seed=3)]
    tails = trend(runs, reference=[str(human)], metrics=["tail"], out=tmp_path).document["tails"]
    of_short = sum(len({*output.text.split()}) for item in short.items for output in item.outputs)
    assert tails["cells"] <= of_short
    assert tails["comparisons"][0]["changes"][2]["second"] == tails["members"][1]["distinct"]


def phrase_family(lengths):
    """All answers begin with the same six words; so many words of chance follow."""
    made = []
    for at, length in enumerate(lengths):
        run, generator = made_run(f"run {at}", seed=at), np.random.default_rng(at)
        items = tuple(
            replace(
                item,
                outputs=tuple(
                    Output(
                        text="we think that the answer is " + " ".join(generator.choice(WORDS, length)),
                        finish="stop",
                    )
                    for _ in item.outputs
                ),
            )
            for item in run.items
        )
        made.append(replace(run, items=items))
    return made


def test_answers_that_only_become_shorter_do_not_lose_diversity(tmp_path):
    found = trend(phrase_family((12, 6, 2)), metrics=["diversity"], out=tmp_path)
    jsonschema.validate(found.to_json(), SCHEMA)
    (row,) = found.document["metrics"]
    assert (row["trend"]["verdict"], row["equal_length"]["verdict"]) == ("falling", "none")
    assert not row["is_harm"]
    assert not any(part["is_harm"] for part in found.document["slices"])
    assert "shape falling, and at equal length none: the length" in found.document["notes"][-1]
    assert "At equal length: none" in (tmp_path / "report.html").read_text()


def test_a_metric_that_is_asked_for_twice_is_tested_once(tmp_path):
    found = trend(family((0.6, 0.6, 0.6)), metrics=["score", "score"], out=tmp_path)
    assert len(found.document["metrics"]) == 1
    assert found.document["level_of_each"] == 0.05


def test_a_run_that_is_there_twice_is_refused(tmp_path):
    one, other = made_run("a"), made_run("b", seed=1)
    with pytest.raises(
        InputError, match=r"a and again, runs 1 and 3, are the same answers\. Give each run once"
    ):
        trend([one, other, replace(one, name="again")], out=tmp_path)


def test_slices_are_listed_and_do_not_decide(tmp_path):
    found = trend(family((0.3, 0.6, 0.9)), metrics=["score"], out=tmp_path)
    rows = found.document["slices"]
    assert [(row["field"], row["value"], row["shape"]) for row in rows] == [
        ("language", "de", "rising"),
        ("language", "en", "rising"),
    ]


def test_what_a_run_lacks_is_left_out_and_counted(tmp_path):
    runs = [made_run("a", items=40), made_run("b", items=30, seed=1), made_run("c", items=40, seed=2)]
    found = trend(runs, out=tmp_path)
    assert (found.document["items"], found.document["left_out"]) == (30, 10)
    assert "10 items that a run lacks were left out." in found.document["notes"]


def test_runs_that_are_not_scored_are_tested_by_what_they_have(tmp_path):
    found = trend(family((0.5,) * 3, scored=False), out=tmp_path)
    assert [row["metric"] for row in found.document["metrics"]] == ["diversity", "degenerate"]
    assert found.document["level_of_each"] == pytest.approx(0.025)
    assert found.document["not_measured"]["score"].endswith("Give runs that are scored, by one scorer.")


def test_paths_positions_and_the_order_of_items_give_the_same_figures(tmp_path):
    runs = family((0.5, 0.6, 0.7))
    for at, run in enumerate(runs):
        write_run(run, tmp_path / f"r{at}")
    given = trend(
        [tmp_path / f"r{at}" for at in range(3)], positions=(1e8, 1e9, 1e10), log=True, out=tmp_path / "a"
    )
    made = trend(runs, positions=(1e8, 1e9, 1e10), log=True, out=tmp_path / "b")
    assert given.document["metrics"] == made.document["metrics"]
    assert [row["position"] for row in given.document["members"]] == [1e8, 1e9, 1e10]


@pytest.mark.parametrize(
    ("runs", "options", "says"),
    [
        (2, {}, r"2 runs were given, .* Compare two with `wellkeeper compare`"),
        (3, {"positions": (1, 2)}, r"There are 3 runs, and positions are 1, 2\. Give one ascending"),
        (3, {"positions": (2, 1, 3)}, r"Give one ascending number for each run"),
        (3, {"log": True}, r"Give one for each run with --positions"),
        (
            3,
            {"positions": (0, 1, 2), "log": True},
            r"first position is 0 and has no logarithm\. Leave out --log",
        ),
        (3, {"metrics": ["tail"]}, r"Give human text of the same kind with --reference"),
    ],
)
def test_errors_say_what_was_found_and_what_to_do(runs, options, says, tmp_path):
    with pytest.raises(InputError, match=says):
        trend(family((0.5,) * runs), out=tmp_path, **options)


def test_runs_of_other_suites_are_refused(tmp_path):
    runs = [made_run("a"), made_run("b", seed=1), made_run("c", items=5)]
    with pytest.raises(
        InputError, match=r"5 items have the same name in all runs .* at least 10 items in common"
    ):
        trend(runs, out=tmp_path)


@pytest.mark.parametrize("written", ["135M,x", "", "1,,2", "1e"])
def test_a_position_that_is_no_number_is_named(written):
    with pytest.raises(InputError, match=r"is no position\. Give a number for each run"):
        positions_of(written)
