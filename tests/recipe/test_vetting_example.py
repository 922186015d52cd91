"""The example of vetting, as docs/vet.md shows it, and the recipe that takes its set as seasoning."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from vetting_worlds import vetted_by_card

import wellkeeper

HERE = Path(__file__).parents[2]
EXAMPLE = HERE / "examples" / "vet"
FILES = {"synthetic": "generated.jsonl.zst", "human": "human.jsonl.zst"}


@pytest.fixture(scope="module")
def vetted(tmp_path_factory):
    return vetted_by_card(EXAMPLE, **FILES, share=0.02, out=tmp_path_factory.mktemp("vetted") / "set")


def test_articles_of_a_small_model_are_admitted_as_a_pinch_and_no_more(vetted, tmp_path):
    assert vetted.verdict == "admitted"
    much = vetted_by_card(EXAMPLE, **FILES, out=tmp_path / "much", dry_run=True)
    assert much.verdict == "refused"
    assert [one["condition"] for one in much.gate if one["passed"] == "fail"] == ["diversity"]
    assert much.document["share"]["passes"] == 0.02


def test_the_recipe_takes_the_set_as_seasoning_and_keeps_all_human_text(vetted, tmp_path):
    done = wellkeeper.curate(
        HERE / "recipes" / "seasoned.yaml",
        overrides=[f"sources.made.path={vetted.paths['data']}/*.parquet"],
        out=tmp_path / "seasoned",
        workers=1,
    )
    assert [one.code for one in done.findings if one.code == "WK613"] == []
    assert done.document["vetted"][0]["verdict"] == "admitted"
    kept = pq.read_table(done.paths["data"], columns=["origin"]).column("origin").to_pylist()
    assert kept.count("human") == 480
    assert kept.count("ai-generated") == 9, "2 % of 489"


def test_the_example_is_small():
    assert sum(path.stat().st_size for path in EXAMPLE.iterdir() if path.is_file()) < 300_000
