"""`compare` of two runs, from folders to a verdict: one JSON document, the same by command and by Python."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.recipe.compare_runs import SHOWN_ANSWERS, SHOWN_LETTERS, compare_runs
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.run_files import write_run

HERE = Path(__file__).parents[2]
SCHEMA = json.loads((HERE / "src/wellkeeper/recipe/compare-runs.schema.json").read_text())
WORDS = np.array(
    [a + b for a in "ba de ki lo mu na pe ri so tu".split() for b in "bam kir lon nap sut vex".split()]
)
MASSES = 1 / np.arange(1, WORDS.size + 1)


def sentences(many: int, seed: int, *, common: int = WORDS.size) -> list[str]:
    rng = np.random.default_rng(seed)
    return [
        " ".join(rng.choice(WORDS[:common], 15, p=MASSES[:common] / MASSES[:common].sum()))
        for _ in range(many)
    ]


def a_run(name: str, seed: int, *, common: int = WORDS.size, right: float = 0.8, items: int = 60) -> Run:
    rng = np.random.default_rng([5, seed])
    texts = iter(sentences(3 * items, seed, common=common))
    return Run(
        name=name,
        model="made",
        suite="made",
        metric="exact",
        items=tuple(
            Answered(
                name=f"item {number}",
                prompt=f"Say {number}",
                outputs=tuple(Output(text=next(texts), finish="stop") for _ in range(3)),
                scores=tuple((rng.random(3) < right).astype(float).tolist()),
            )
            for number in range(items)
        ),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("compare-runs")
    for name, made in {
        "old": a_run("v1", 1),
        "like": a_run("v2", 2),
        "bland": a_run("v2", 3, common=8),
        "wrong": a_run("v2", 4, right=0.4),
        "few": a_run("v2", 5, items=4),
    }.items():
        write_run(made, place / name)
    human = "".join(json.dumps({"body": text}) + "\n" for text in sentences(150, 9))
    (place / "human.jsonl").write_text(human)
    return place


@pytest.fixture(scope="module")
def bland(folder, tmp_path_factory):
    return compare_runs(
        folder / "old",
        folder / "bland",
        reference=folder / "human.jsonl",
        out=tmp_path_factory.mktemp("bland"),
    )


def settled(result) -> dict:
    """The document without what depends on place and time."""
    document = result.to_json()
    del document["run"]
    return document


def test_a_version_of_common_words_alone_is_worse_by_the_tail_beside_a_reference(bland) -> None:
    assert bland.verdict == "worse"
    assert "tail" in bland.worse
    jsonschema.validate(bland.to_json(), SCHEMA)
    assert bland.document["inputs"]["reference"]["documents"] == 150
    assert bland.to_json() == json.loads(bland.paths["json"].read_text())
    assert bland.paths["report"].read_text() == bland.to_html()
    assert repr(bland) == f"RunsCompared(60 items: worse: {', '.join(bland.worse)})"
    assert "<table" in bland._repr_html_()


def test_without_a_reference_the_tail_is_left_out_and_the_rest_is_the_same(folder, tmp_path, bland) -> None:
    found = compare_runs(folder / "old", folder / "bland", out=tmp_path)
    assert "--reference" in found.document["not_measured"]["tail"]
    assert found.document["inputs"]["reference"] is None
    assert found.document["diversity"] == bland.document["diversity"]
    jsonschema.validate(found.to_json(), SCHEMA)


def test_the_same_runs_and_seed_give_the_same_document_whatever_was_left_of_an_earlier_run(
    folder, bland, tmp_path
) -> None:
    again = compare_runs(
        folder / "old", folder / "bland", reference=[str(folder / "human.jsonl")], out=tmp_path, workers=1
    )
    once_more = compare_runs(
        folder / "old", folder / "bland", reference=[str(folder / "human.jsonl")], out=tmp_path, workers=2
    )
    assert settled(again) == settled(bland) == settled(once_more)


def test_runs_may_be_values_too(folder, tmp_path) -> None:
    found = compare_runs(a_run("v1", 1), a_run("v2", 4, right=0.4), out=tmp_path)
    assert settled(found) == settled(compare_runs(folder / "old", folder / "wrong", out=tmp_path))
    assert found.worse == ("accuracy",)


def test_long_answers_are_cut_in_the_document_and_whole_in_the_value(tmp_path) -> None:
    def long_run(name: str, score: float) -> Run:
        outputs = tuple(Output(text=f"{name} {n} " + "word " * 400, finish="stop") for n in range(10))
        items = (
            Answered(name=f"i{item}", prompt="p" * 5_000, outputs=outputs, scores=(score,) * 10)
            for item in range(6)
        )
        return Run(name=name, model="m", suite="s", items=tuple(items))

    found = compare_runs(long_run("A", 1.0), long_run("B", 0.0), out=tmp_path)
    shown, whole = found.document["examples"][0], found.comparison.examples[0]
    assert len(shown["before"]) == len(shown["scores_before"]) == SHOWN_ANSWERS
    assert shown["answers_before"] == len(whole.before) == 10
    assert max(map(len, (*shown["before"], shown["prompt"]))) <= SHOWN_LETTERS + 2
    assert len(whole.before[0]) > SHOWN_LETTERS
    jsonschema.validate(found.to_json(), SCHEMA)


def test_one_run_given_twice_is_refused(folder, tmp_path) -> None:
    with pytest.raises(
        InputError, match=r"was given twice.*or of the same one asked again with another --seed\."
    ):
        compare_runs(folder / "old", folder / "old", out=tmp_path)


# --- the command ----------------------------------------------------------------------------------


def command(folder: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", "compare", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "OPENBLAS_NUM_THREADS": "1", **environment},
        check=False,
    )


def test_a_worse_version_exits_1_and_the_first_line_is_the_verdict(folder) -> None:
    done = command(folder, "old", "wrong", "--out", "out")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("B is worse than A: accuracy fell by ")
    assert (
        lines[1]
        == "Compared: 60 items: 180 answers of A (v1) with 180 answers of B (v2), without a human reference"
    )
    assert lines[-2:] == ["report: out/report.html", "json: out/report.json"]


def test_json_is_one_object_and_nothing_else_and_exit_zero_exits_0(folder) -> None:
    done = command(folder, "old", "wrong", "--out", "out", "--json", "--exit-zero")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads((folder / "out/report.json").read_text())
    assert json.loads(done.stdout)["schema"] == "wellkeeper.compare-runs/1"


def test_like_versions_exit_0_and_quiet_prints_nothing(folder) -> None:
    done = command(folder, "old", "like", "-q", WELLKEEPER_COMPARE_OUT="out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_runs_are_compared_as_corpora_where_the_user_says_so(folder) -> None:
    done = command(
        folder,
        "old",
        "bland",
        "--as",
        "corpora",
        "--out",
        "corpora",
        "--text",
        "prompt",
        "--json",
        "--exit-zero",
    )
    assert json.loads(done.stdout)["schema"] == "wellkeeper.compare/1"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["old", "old"], "old was given twice, and a run cannot be better or worse than itself."),
        (["old", "few"], "of which 4 have the same name."),
        (["old", "human.jsonl"], "old is a run, the answers of a model to a suite, and human.jsonl is not."),
        (["human.jsonl", "old"], "old is a run, the answers of a model to a suite, and human.jsonl is not."),
        (["old", "like", "--pairs", "id"], "--pairs is for corpora, and A and B are runs"),
        (["old", "like", "--source", "id"], "--source is for corpora, and A and B are runs"),
        (
            ["human.jsonl", "other.jsonl", "--diversity-margin", "0.02"],
            "--diversity-margin is for runs, several",
        ),
        (["old", "missing"], "missing does not exist."),
        (["old", "missing", "--as", "runs"], "missing does not exist."),
    ],
)
def test_what_cannot_run_exits_2_with_one_message_and_a_next_step(folder, arguments, says) -> None:
    done = command(folder, *arguments, "--out", "refused")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("wellkeeper: ")
    assert says in done.stderr
    assert done.stderr.rstrip().endswith(".")
    assert "Traceback" not in done.stderr
