"""A run of the lab leaves a folder that tells all, whole and the same bytes however often it was killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pyarrow.parquet as pq
import pytest

from wellkeeper.errors import InputError, RecipeError, WorkError
from wellkeeper.recipe import lab
from wellkeeper.recipe.lab import check_lab, compare_runs, list_experiments, run_experiment, settings_given

HERE = Path(__file__).parents[2]
SCHEMA = json.loads((HERE / "src/wellkeeper/recipe/lab.schema.json").read_text())
WORDS = [f"{a}{b}" for a in "ba be bi da de ka ke ma me".split() for b in "r n l s t m".split()]
SMALL = {"size": 2000, "generations": 2, "replicates": 2, "policies": ["replace", "fresh=0.2", "accumulate"]}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    rng = np.random.default_rng(7)
    weights = 1 / np.arange(1, len(WORDS) + 1)
    rows = [{"text": " ".join(rng.choice(WORDS, 60, p=weights / weights.sum()))} for _ in range(120)]
    path = tmp_path_factory.mktemp("lab-corpus") / "people.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def ngram(corpus, tmp_path_factory):
    return run_experiment("ngram", corpus=str(corpus), out=tmp_path_factory.mktemp("ngram"), **SMALL)


@pytest.fixture(scope="module")
def gaussian(tmp_path_factory):
    return run_experiment("gaussian", replicates=20, generations=12, out=tmp_path_factory.mktemp("gaussian"))


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    return run_experiment(
        "golden-ratio", replicates=5, settings={"rounds": "30"}, out=tmp_path_factory.mktemp("golden")
    )


def folder_of(run):
    return run.paths["report"].parent


@pytest.mark.parametrize("name", ["ngram", "gaussian", "golden"])
def test_the_document_follows_its_schema_and_is_what_was_written(request, name):
    run = request.getfixturevalue(name)
    jsonschema.validate(run.to_json(), SCHEMA)
    assert json.loads(run.paths["json"].read_text()) == run.to_json()
    told = json.loads((folder_of(run) / "curves.json").read_text())
    jsonschema.validate(told, SCHEMA)
    assert told == {key: value for key, value in run.to_json().items() if key != "run"}
    assert "Infinity" not in (folder_of(run) / "curves.json").read_text()


def test_the_schema_is_one_of_json_schema_and_names_what_each_command_prints():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(list_experiments(), SCHEMA)
    titles = [part["title"] for part in SCHEMA["oneOf"]]
    assert [re.search(r"`wellkeeper lab (\w+)", title)[1] for title in titles] == [
        "run",
        "compare",
        "list",
        "check",
    ]


@pytest.mark.parametrize("name", ["ngram", "gaussian", "golden"])
def test_the_table_has_every_value_that_the_curves_summarise(request, name):
    run = request.getfixturevalue(name)
    table = run.values()
    for curve in run.document["curves"]:
        for figure, band in curve["figures"].items():
            rows = [
                row for row in table.to_pylist() if (row["policy"], row["figure"]) == (curve["label"], figure)
            ]
            values = np.array([row["value"] for row in rows]).reshape(-1, len(curve["points"]))
            means = [None if np.isnan(mean) else mean for mean in values.mean(axis=0)]
            assert means == pytest.approx(band["mean"], nan_ok=True)
            points = [row.get("generation", row.get("point")) for row in rows[: len(curve["points"])]]
            assert points == curve["points"]
    assert table.schema.names[:2] == ["policy", "replicate"]


def test_samples_lie_side_by_side_as_text(ngram):
    names = sorted(path.name for path in (folder_of(ngram) / "samples").iterdir())
    assert names == ["01-replace.txt", "02-fresh-0.2.txt", "03-accumulate.txt"]
    text = (folder_of(ngram) / "samples/01-replace.txt").read_text()
    assert re.findall(r"^=== (.+) ===$", text, re.MULTILINE) == [
        "generation 0",
        "generation 1",
        "generation 2",
    ]
    assert ngram.document["curves"][0]["excerpts"][1] in text


def test_the_corpus_is_told_with_what_is_held_out(ngram):
    corpus = ngram.document["plan"]["corpus"]
    assert corpus["documents"] == 120
    # each document has 60 words and the end of its line
    assert (corpus["words"], corpus["held_out_words"]) == (96 * 61, 24 * 61)
    assert corpus["is_all"] is True


def test_a_corpus_that_is_too_small_for_the_usual_size_gives_what_it_has(corpus, tmp_path):
    run = run_experiment(
        "ngram", corpus=str(corpus), policies=["fresh=0.5"], generations=2, replicates=1, out=tmp_path
    )
    assert run.document["plan"]["size"] == 96 * 61 // 2  # one first set, and half as much twice


def test_the_same_run_again_gives_the_same_bytes_in_any_folder(gaussian, tmp_path):
    again = run_experiment("gaussian", replicates=20, generations=12, out=tmp_path)
    for name in ("curves.json", "curves.parquet"):
        assert (tmp_path / name).read_bytes() == (folder_of(gaussian) / name).read_bytes()
    assert again.headline == gaussian.headline


def test_another_seed_gives_other_figures(gaussian, tmp_path):
    other = run_experiment("gaussian", replicates=20, generations=12, out=tmp_path, seed=1)
    assert other.document["curves"][0]["figures"] != gaussian.document["curves"][0]["figures"]


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"name": "gaussian", "corpus": "x"}, InputError, r"reads no corpus\. Leave --corpus out\.$"),
        ({"name": "ngram"}, InputError, r"Give it some with --corpus PATH\.$"),
        ({"name": "gausian"}, RecipeError, r"Did you mean gaussian\?"),
        ({"name": "gaussian", "policies": ["half=1"]}, RecipeError, r"A policy has no 'half=1'"),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_to_do(tmp_path, arguments, error, says):
    with pytest.raises(error, match=says):
        run_experiment(**arguments, out=tmp_path)
    assert not (tmp_path / "curves.json").exists()


def test_settings_are_written_as_name_and_value():
    assert settings_given(["order=2", "estimator = maximum-likelihood"]) == {
        "order": "2",
        "estimator": "maximum-likelihood",
    }
    with pytest.raises(RecipeError, match=r"--set order has no value\. Write NAME=VALUE"):
        settings_given(["order"])


# --- killed ----------------------------------------------------------------------------------------

# Stores after each generation, so that there is something to go on from even though generations are short.
KILLED = """
import sys
from wellkeeper.lab import running
running.EVERY = running.AT_END = 0.0
running._BYTES_A_SECOND = float("inf")
from wellkeeper.recipe.lab import run_experiment
run_experiment("ngram", corpus=sys.argv[1], out=sys.argv[2], size=4000, generations=8, replicates=1,
               policies=["replace", "subsample", "fresh=0.03"])
"""


def stored(folder):
    return {path: path.stat().st_mtime_ns for path in folder.glob(".work/lines/*.npz")}


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(corpus, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(corpus)]
    subprocess.run([*command, str(whole)], check=True, timeout=120)
    kills = 0
    for more in (3, 6, 9):
        process = subprocess.Popen([*command, str(killed)])
        seen, last = 0, stored(killed)
        while process.poll() is None and seen < more:
            time.sleep(0.002)
            now = stored(killed)
            seen += now != last
            last = now
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2
    assert not (killed / "curves.json").exists() or kills < 3
    subprocess.run([*command, str(killed)], check=True, timeout=120)
    for name in (
        "curves.json",
        "curves.parquet",
        *(f"samples/{path.name}" for path in (whole / "samples").iterdir()),
    ):
        assert (killed / name).read_bytes() == (whole / name).read_bytes(), name
    assert not list(killed.rglob("*.tmp"))


def test_fresh_forgets_what_an_earlier_run_left(monkeypatch, tmp_path):
    from wellkeeper.lab import running

    for name in ("EVERY", "AT_END"):
        monkeypatch.setattr(running, name, 0.0)
    monkeypatch.setattr(running, "_BYTES_A_SECOND", float("inf"))
    run_experiment("gaussian", replicates=3, generations=2, out=tmp_path)
    first = stored(tmp_path)
    run_experiment("gaussian", replicates=3, generations=2, out=tmp_path)
    assert stored(tmp_path) == first != {}
    run_experiment("gaussian", replicates=3, generations=2, out=tmp_path, fresh=True)
    assert stored(tmp_path).keys() == first.keys()
    assert stored(tmp_path) != first


# --- compared --------------------------------------------------------------------------------------


def test_runs_are_joined_and_told_apart_by_folder_where_policies_meet(tmp_path):
    for name, estimator in (("ml", "maximum-likelihood"), ("unbiased", "unbiased")):
        run_experiment(
            "gaussian",
            policies=["replace", *(["accumulate"] if name == "ml" else [])],
            replicates=200,
            generations=20 if name == "ml" else 30,
            settings={"estimator": estimator},
            out=tmp_path / name,
        )
    found = compare_runs([tmp_path / "ml", tmp_path / "unbiased"], out=tmp_path / "both")
    jsonschema.validate(found.to_json(), SCHEMA)
    assert list(found.verdicts) == ["replace (ml)", "accumulate", "replace (unbiased)"]
    assert {len(curve["points"]) for curve in found.document["curves"]} == {21}  # as far as all of them go
    assert found.document["paired"] is True
    (rank,) = [rank for rank in found.document["reading"]["ranks"] if rank["figure"] == "variance"]
    assert rank["best"] == ["accumulate"]
    assert (tmp_path / "both/report.html").exists()


def test_a_comparison_of_one_run_says_what_the_run_said(gaussian, tmp_path):
    found = compare_runs([folder_of(gaussian)], out=tmp_path)
    assert found.document["reading"] == gaussian.document["reading"]
    assert found.document["curves"] == gaussian.document["curves"]


def test_runs_of_other_seeds_are_not_paired(tmp_path):
    for seed in (0, 1):
        run_experiment(
            "gaussian", policies=["replace"], replicates=5, generations=2, seed=seed, out=tmp_path / str(seed)
        )
    assert compare_runs([tmp_path / "0", tmp_path / "1"], out=tmp_path / "c").document["paired"] is False


def test_a_size_that_the_corpus_does_not_allow_is_refused_before_the_run(corpus, tmp_path):
    told = []
    plan = {"generations": 40, "policies": ["replace", "fresh=0.9"], "out": tmp_path}
    says = r"The corpus has [\d,]+ words to train on, too few for a size of 500 and the fresh text of 40 generations\. "
    with pytest.raises(
        InputError, match=says + r"Choose a size of at most \d+, fewer generations or less fresh text"
    ):
        run_experiment(
            "ngram", corpus=str(corpus), size=500, listener=lambda now: told.append(now.unit), **plan
        )
    assert "generations" not in told


def test_what_is_no_run_is_refused(gaussian, golden, tmp_path):
    with pytest.raises(
        InputError, match=r"is not the folder of a run: it has no curves\.json\. Give a folder that"
    ):
        compare_runs([tmp_path])
    with pytest.raises(
        InputError, match=r"different experiments: gaussian, golden-ratio\. Compare runs of the same one\.$"
    ):
        compare_runs([folder_of(gaussian), folder_of(golden)])
    with pytest.raises(InputError, match=r"A run is given twice"):
        compare_runs([folder_of(gaussian), folder_of(gaussian)])
    (tmp_path / "file").touch()
    with pytest.raises(WorkError, match=r"The folder .*cannot be made: .*Choose another with --out\."):
        compare_runs([folder_of(gaussian)], out=tmp_path / "file" / "out")
    (tmp_path / "curves.json").write_text('{"schema": "wellkeeper.lab/0"}')
    pq.write_table(gaussian.values(), tmp_path / "curves.parquet")
    with pytest.raises(InputError, match=r"holds 'wellkeeper\.lab/0', not 'wellkeeper\.lab/1'\."):
        compare_runs([tmp_path])
    (tmp_path / "curves.json").write_text("{")
    with pytest.raises(InputError, match=r"is damaged\. Run it again with --fresh\.$"):
        compare_runs([tmp_path])


def test_checks_are_told_by_their_schema(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    document = check_lab([6])
    jsonschema.validate(document, SCHEMA)
    assert document["hold"] == 1
    document = check_lab([1])  # no text here
    jsonschema.validate(document, SCHEMA)
    assert document["not_run"] == 1
    (tmp_path / "examples/wikitext-2").mkdir(parents=True)
    monkeypatch.setattr(lab.check_runner, "outcome", lambda check, materials, slow: materials.text)
    monkeypatch.setattr(lab.check_runner, "check_document", lambda found: found)
    assert check_lab([1]) == [Path("examples/wikitext-2")]
