"""`forecast` from files to figures: what it keeps in mind of who wrote what, and that nothing but the seed moves it."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

import wellkeeper
from wellkeeper.errors import DataError, InputError, RecipeError

HERE = Path(__file__).parents[2]
SCHEMA = json.loads((HERE / "src/wellkeeper/recipe/forecast.schema.json").read_text())
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u")]
WORDS = [first + second for first in SYLLABLES for second in SYLLABLES][:3000]
ZIPF = 1 / np.arange(1, len(WORDS) + 1)


def write(path: Path, documents: int, seed: int, **columns: str) -> Path:
    """Documents of 60 words of Zipf's law."""
    rng = np.random.default_rng(seed)
    masses = ZIPF / ZIPF.sum()
    texts = [" ".join(WORDS[k] for k in rng.choice(len(WORDS), 60, p=masses)) for _ in range(documents)]
    path.write_text("".join(json.dumps({"text": text, **columns}) + "\n" for text in texts))
    return path


@pytest.fixture(scope="module")
def corpora(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("forecast")
    return {
        "human": write(folder / "human.jsonl", 150, 1, origin="human"),
        "made": write(folder / "made.jsonl", 50, 2, origin="ai"),
        "plain": write(folder / "plain.jsonl", 150, 1),
    }


def foretold(corpora, out, *names, **options):
    given = {"policies": ("replace", "fresh=0.1"), "generations": 3, **options}
    return wellkeeper.forecast([corpora[name] for name in names or ("human",)], out=out, **given)


@pytest.fixture(scope="module")
def whole(corpora, tmp_path_factory):
    return foretold(
        corpora,
        tmp_path_factory.mktemp("whole"),
        policies=("replace", "accumulate", "subsample", "fixed=0.1", "fresh=0.1", "detect=0.9"),
    )


def settled(found) -> dict:
    document = found.to_json()
    del document["run"]
    return document


def test_no_figure_hangs_on_the_order_of_lines_or_on_how_files_are_called(corpora, tmp_path) -> None:
    (tmp_path / "back").mkdir()
    lines = corpora["human"].read_text().splitlines(keepends=True)
    (tmp_path / "back" / "z.jsonl").write_text("".join(lines[60::-1]))
    (tmp_path / "back" / "a.jsonl").write_text("".join(lines[:60:-1]))
    there = settled(foretold(corpora, tmp_path / "1"))
    back = settled(foretold({"human": tmp_path / "back"}, tmp_path / "2"))
    assert there.pop("inputs")["names"] != back.pop("inputs")["names"]
    assert there == back


def test_of_an_output_folder_of_curate_what_was_rejected_is_not_read(corpora, tmp_path) -> None:
    for name, source in (("data", "plain"), ("rejected", "human")):
        (tmp_path / "curated" / name).mkdir(parents=True)
        (tmp_path / "curated" / name / "part.jsonl").write_bytes(corpora[source].read_bytes())
    (tmp_path / "curated" / "manifest.json").write_text("{}")
    found = foretold({"human": tmp_path / "curated"}, tmp_path / "out", tier=0).document
    assert found["inputs"]["documents"] == 150
    assert found["human"]["how"] == "assumed"  # of `rejected`, all would be labelled


def test_the_document_follows_its_schema_and_tells_every_policy_by_generation(whole) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(whole.document, SCHEMA)
    jsonschema.validate(json.loads(whole.paths["json"].read_text()), SCHEMA)
    for row in whole.document["policies"]:
        for told in (row["law"] and row["law"]["generations"], row["bound"], row["run"]["nll"]):
            if told:
                assert [found["generation"] for found in told] == [0, 1, 2, 3]
    assert whole.document["proxy"]["name"] == "ngram"
    assert whole.document["proxy"]["runs"] == 3


def test_what_is_foretold_is_what_the_runs_give_and_never_more_than_the_bound_allows(whole) -> None:
    for name in ("replace", "fixed=0.1", "fresh=0.1", "subsample"):
        row = whole.policy(name)
        for kernel, run in zip(row["kernel"]["types"][1:], row["run"]["types"][1:], strict=True):
            assert kernel["estimate"] == pytest.approx(run["estimate"], rel=0.06)
    replace = whole.policy("replace")
    assert replace["bound"][1]["types"] == pytest.approx(replace["run"]["types"][1]["estimate"], rel=0.05)
    assert replace["run"]["nll"][3]["estimate"] > replace["run"]["nll"][0]["estimate"]


def test_policies_without_a_closed_form_or_a_kernel_are_run_all_the_same(whole) -> None:
    assert whole.policy("subsample")["law"] is None
    detector = whole.policy("detect=0.9")
    assert (detector["law"], detector["kernel"], detector["limit"]) == (None, None, None)
    assert detector["run"]["lost_mass"][3]["estimate"] > 0


def test_the_ranking_begins_with_what_loses_nothing_and_says_what_cannot_be_told_apart(whole) -> None:
    lost, surprise = whole.document["ranking"]
    assert (lost["figure"], lost["by"]) == ("lost_mass", "run")
    assert whole.ranking[0] == "accumulate"
    assert lost["policies"][0]["estimate"] == 0
    for ranking in (lost, surprise):
        values = [row["estimate"] for row in ranking["policies"]]
        assert values == sorted(values)
        for row in ranking["policies"]:
            for other in row["not_told_from"]:
                (back,) = (again for again in ranking["policies"] if again["policy"] == other)
                assert row["policy"] in back["not_told_from"]


def test_the_law_alone_needs_no_model_and_is_ranked_by_itself(corpora, tmp_path) -> None:
    found = foretold(
        corpora, tmp_path, tier=0, policies=("replace", "subsample", "accumulate"), generations=40
    )
    jsonschema.validate(found.document, SCHEMA)
    assert found.document["proxy"] is None
    assert found.ranking == ("accumulate", "replace")
    assert found.document["ranking"][0]["not_ranked"] == ["subsample"]
    law = found.policy("replace")["law"]
    assert law["sample"]["documents"] == 150
    assert law["generations"][40]["n_eff"] == pytest.approx(law["generations"][40]["share"] * 9_000)
    assert found.policy("replace")["limit"] == 0
    assert foretold(corpora, tmp_path, tier=0).policy("fresh=0.1")["limit"] == pytest.approx(0.4, abs=1e-3)


def test_what_is_known_to_be_made_is_left_out_and_counted(corpora, tmp_path) -> None:
    alone = foretold(corpora, tmp_path / "1", "human", tier=0)
    beside = foretold(corpora, tmp_path / "2", "human", "made", tier=0)
    assert beside.document["human"] == {
        "documents": 150, "words": 9_000, "share": 1.0, "how": "labels", "left_out": 50, "unknown": 0,
    }  # fmt: skip
    assert beside.document["policies"] == alone.document["policies"]
    assumed = foretold(corpora, tmp_path / "3", "plain", tier=0).document["human"]
    assert (assumed["how"], assumed["unknown"]) == ("assumed", 150)


def test_a_given_human_share_counts_for_the_whole_corpus(corpora, tmp_path) -> None:
    found = foretold(corpora, tmp_path, "human", "made", tier=0, human_share=0.75)
    assert found.document["human"]["documents"] == 200
    assert found.document["human"]["how"] == "given"
    assert found.policy("replace")["law"]["generations"][0]["share"] == pytest.approx(0.75)
    assert found.policy("fresh=0.1")["limit"] == pytest.approx(0.4, abs=1e-3)


def test_the_least_fresh_share_is_that_of_the_part_to_keep(corpora, tmp_path) -> None:
    assert foretold(corpora, tmp_path, tier=0).fresh_share == pytest.approx(0.148, abs=1e-3)
    assert foretold(corpora, tmp_path, tier=0, keep=0.9).fresh_share == pytest.approx(0.556, abs=1e-3)


@pytest.mark.parametrize("options", [{"workers": 1}, {"workers": 3, "block_bytes": 4_000}])
def test_workers_blocks_and_a_second_run_change_nothing(options, corpora, tmp_path) -> None:
    first = settled(foretold(corpora, tmp_path / "first", policies=("fresh=0.1",), generations=2))
    for _ in range(2):
        again = foretold(corpora, tmp_path / "again", policies=("fresh=0.1",), generations=2, **options)
        assert settled(again) == first


def test_a_model_of_ones_own_is_measured_for_two_generations_and_foretold_from_there(
    corpora, tmp_path
) -> None:
    (tmp_path / "echo.py").write_text(
        "import random\n"
        "def fit(documents, seed):\n"
        "    return ' '.join(documents).split()\n"
        "def sample(model, words, decoding, seed):\n"
        "    draw = random.Random(seed)\n"
        "    return [' '.join(draw.choices(model, k=50)) for _ in range(words // 50 + 1)]\n"
    )
    found = foretold(
        corpora,
        tmp_path / "out",
        tier=2,
        model=str(tmp_path / "echo.py"),
        policies=("replace", "accumulate"),
        generations=5,
    )
    jsonschema.validate(found.document, SCHEMA)
    assert found.document["proxy"]["name"] == "own"
    replace = found.policy("replace")
    assert len(replace["run"]["nll"]) == 3
    assert [row["generation"] for row in replace["kernel"]["types"]] == [0, 1, 2, 3, 4, 5]
    assert replace["kernel"]["types"][5]["estimate"] == pytest.approx(replace["bound"][5]["types"], rel=0.1)
    assert found.document["ranking"][0]["by"] == "kernel"
    assert found.policy("accumulate")["run"] is None


def test_the_result_fits_a_terminal_and_a_notebook(whole) -> None:
    assert repr(whole) == "Forecast(6 policies, 3 generations, tier 1: least lost by accumulate)"
    assert "<caption>wellkeeper forecast</caption>" in whole._repr_html_()
    assert "After 3 generations" in whole.to_html()
    assert "After 3 generations" in whole.paths["report"].read_text()


def test_errors_say_what_was_found_and_what_to_do(corpora, tmp_path) -> None:
    def refused(error, match, *names, **options):
        with pytest.raises(error, match=match):
            foretold(corpora, tmp_path / "out", *names, **options)

    refused(InputError, r"All 50 documents are known .* with --human-share what part of this is\.$", "made")
    refused(RecipeError, r"A policy has no 'replac'.*Did you mean replace", policies=("replac",))
    refused(RecipeError, r"There is no policy to forecast\. Give one, such as `replace`\.$", policies=())
    refused(DataError, r"generations is 0\. Give at least 1\.$", generations=0)
    refused(DataError, r"There is no tier 3\. Choose 0, 1 or 2\.$", tier=3)
    refused(DataError, r"the human share is 0\. Give a number above 0, up to 1, or `auto`\.$", human_share=0)
    refused(DataError, r"the part to keep is 2\. Give a number from 0 to 1\.$", keep=2)
    refused(DataError, r"words is 0\. Give at least 1\.$", words=0)
    refused(
        RecipeError, r"Tier 1 trains no model of yours\. Add --tier 2, or leave --model out\.$", model="a.py"
    )
    refused(RecipeError, r"not sampled with .*top-k and top-p are there\.$", policies=("replace,beams=4",))
    few = write(tmp_path / "few.jsonl", 12, 3)
    with pytest.raises(DataError, match=r"There are 12 documents .* Give at least 20\.$"):
        wellkeeper.forecast(few, out=tmp_path / "out")
