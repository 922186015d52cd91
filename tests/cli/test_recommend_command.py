"""`wellkeeper recommend`: what goes to which stream, exit codes, and the commands that a person runs after it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import corpora
import pytest

from wellkeeper.engine.yaml_document import read_document


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("recommend-command")
    corpora.write(place / "corpus", corpora.rows(90, seed=21))
    (place / "human.jsonl").write_bytes(
        corpora.lines([{"text": row["text"]} for row in corpora.rows(60, seed=22)])
    )
    return place


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1", **environment},
        check=False,
    )


def test_without_a_file_the_recipe_alone_goes_to_stdout_and_the_rest_to_stderr(folder):
    done = run(folder, "recommend", "corpus", "--reference", "human.jsonl")
    assert done.returncode == 0
    recipe = read_document(done.stdout, "stdout").values
    assert recipe["sources"]["corpus"]["path"] == str(folder / "corpus")
    assert done.stdout.startswith(
        "# Made from an audit of 90 documents. Above each line stands its reason.\n"
    )
    lines = done.stderr.splitlines()
    assert lines[0].startswith("The recipe would keep ")
    assert any(line.startswith("origin human: 30 (33.3%) -> ") for line in lines)
    assert any(line.startswith("source board 0: 18 (20.0%) -> ") for line in lines)
    quiet = run(folder, "recommend", "corpus", "--reference", "human.jsonl", "-q")
    assert (quiet.stdout, quiet.stderr) == (done.stdout, "")


def test_a_recipe_in_a_file_is_run_as_it_stands(folder):
    done = run(folder, "recommend", "corpus", "--reference", "human.jsonl", "--out", "made/recipe.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-2:] == [
        "recipe: made/recipe.yaml",
        "next: wellkeeper curate made/recipe.yaml",
    ]
    would = done.stdout.splitlines()[0].removeprefix("The recipe would keep ").split(";")[0]
    ran = run(folder, "curate", "made/recipe.yaml", "--out", "set")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith(f"Kept {would};")


@pytest.mark.slow
def test_three_commands_make_a_set_of_the_example_corpus_with_fewer_findings(tmp_path):
    examples = Path(__file__).parents[2] / "examples"
    shutil.copytree(examples / "corpus", tmp_path / "corpus")
    shutil.copytree(examples / "reference", tmp_path / "human")
    made = run(tmp_path, "recommend", "corpus", "--reference", "human", "--out", "recipe.yaml", "-q")
    assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
    assert run(tmp_path, "curate", "recipe.yaml", "-q").returncode == 0
    before, after = (
        json.loads(run(tmp_path, "audit", corpus, "--reference", "human", "--out", out, "--json").stdout)
        for corpus, out in (("corpus", "before"), ("recipe-curated/data", "after"))
    )
    assert len(after["findings"]) <= len(before["findings"]) - 6
    assert after["inputs"]["documents"] > 0.75 * before["inputs"]["documents"]


def test_json_is_one_object_and_nothing_else(folder):
    done = run(folder, "recommend", "corpus", "--json", WELLKEEPER_RECOMMEND_SEED="5")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["schema"] == "wellkeeper.recommend/1"
    assert read_document(document["recipe"], "json").values["seed"] == 5
    assert {"key", "value", "in_recipe", "reasons", "figures"} == set(document["reasons"][0])
    kept = document["kept"]
    assert kept["documents"] == 90 == kept["kept"] + kept["dropped"] + kept["review"]
    assert (kept["tail"], kept["tail_cost"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing"], "missing does not exist. Check the path."),
        (["corpus", "--text", "none"], "none"),
        (["corpus", "--out", "human.jsonl"], "human.jsonl is there already, and may have been edited since."),
        (["corpus", "--out", "human.jsonl/recipe.yaml"], "cannot be written"),
        (["corpus", "--anchors", "none.json"], "none.json"),
    ],
)
def test_what_cannot_run_exits_2_with_one_message_and_a_next_step(folder, arguments, says):
    done = run(folder, "recommend", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wellkeeper: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.rstrip().endswith((".", "`", ")"))
