"""Templates from recipe to output: planted forms are found, drawn less often, and told of."""

import json
import random

import numpy as np
import pyarrow.parquet as pq
import pytest

import wellkeeper
from wellkeeper.errors import RecipeError
from wellkeeper.ledger.why import why

FORMS = {
    "shop": "Dear {} we write to tell you that your order number {} of the tenth of May was sent from our warehouse this "
    "morning and will reach your house in {} within five working days so please keep this letter with you until then "
    "and call us if anything is missing or broken in the parcel yours sincerely the team",
    "town": "{} is a village in the district of {} which lies in the north of the country and at the last count had a "
    "population of {} people most of whom live from farming or work in one of the larger towns nearby and travel there "
    "by the bus that leaves from the square in front of the old church every hour",
}
SIZES = {"shop": 100, "town": 36, "plain": 200}
WORDS = [f"word{k}" for k in range(3000)]
STEP = "  - weight-by-template.v1: {}\n"


def corpus(folder, copies=0):
    rng = random.Random(0)

    def text(kind):
        own = [rng.choice(WORDS) for _ in range(60)]
        return FORMS[kind].format(*own) if kind in FORMS else " ".join(own)

    rows = [{"text": text(kind), "source": kind} for kind, many in SIZES.items() for _ in range(many)]
    rows += [{"text": rows[-1 - k]["text"] + " end", "source": "copy"} for k in range(copies)]
    rng.shuffle(rows)
    for number, row in enumerate(rows):
        row["id"] = f"d{number}"
    for part in range(3):
        lines = "".join(json.dumps(row) + "\n" for row in rows[part::3])
        (folder / f"{part}.jsonl").write_text(lines)
    return {row["id"]: row["source"] for row in rows}


def curated(folder, steps, *, name="out", files="[0.jsonl, 1.jsonl, 2.jsonl]", **others):
    (folder / "recipe.yaml").write_text(
        f"wellkeeper: 1\nsources: {{all: {{path: {files}, text: text, id: id, source: source}}}}\nsteps:\n{steps}"
    )
    return wellkeeper.curate(folder / "recipe.yaml", out=folder / name, **{"workers": 1, **others})


def weights_of(done):
    table = pq.read_table(done.paths["data"])
    return dict(zip(table.column("id").to_pylist(), table.column("weight").to_pylist(), strict=True))


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Source of each document, and a curation that keeps the weights."""
    folder = tmp_path_factory.mktemp("templates")
    return corpus(folder), curated(folder, f"{STEP}mix: {{weights: keep}}\n")


def test_planted_templates_count_as_the_root_of_their_documents(kept):
    source, done = kept
    weights = weights_of(done)
    total = {kind: sum(weights[name] for name in weights if source[name] == kind) for kind in SIZES}
    assert total == {"shop": pytest.approx(10), "town": pytest.approx(6), "plain": pytest.approx(200)}


def test_the_largest_templates_are_told_with_their_words_and_sources(kept):
    _, done = kept
    told = done.document["templates"]
    assert (told["templates"], told["in_templates"], told["documents"]) == (2, 136, 336)
    assert told["weight"] == pytest.approx(16)
    shop, town = told["largest_templates"]
    assert shop["excerpt"].startswith("Dear word")
    assert shop["sources"] == [{"source": "shop", "documents": 100}]
    assert (shop["documents"], shop["kept"], shop["weight"]) == (100, 100, 0.1)
    assert "is a village in the district of" in town["excerpt"]
    json.dumps(told)


def test_the_report_and_why_tell_of_them(kept):
    source, done = kept
    page = (done.paths["folder"] / "report.html").read_text()
    assert "Templates that most documents fill" in page
    assert "is a village in the district of" in page
    name = next(name for name, kind in source.items() if kind == "shop")
    assert (
        "kept by weight-by-template.v1: weighed-by-template (documents of its template 100), with sampling weight 0.1"
        in str(why(done.paths["folder"], name))
    )


def test_the_mix_draws_by_the_weights(tmp_path):
    source = corpus(tmp_path)
    done = curated(tmp_path, STEP)
    drawn = [source[name] for name in weights_of(done)]
    assert drawn.count("plain") == 200
    assert abs(drawn.count("shop") - 10) <= 4 * 3  # binomial: four standard deviations of sqrt(100 * .1 * .9)
    assert abs(drawn.count("town") - 6) <= 4 * 2.3
    assert done.document["templates"]["kept"] == drawn.count("shop") + drawn.count("town")


def test_near_duplicates_are_the_same_with_templates_behind_them_and_without(tmp_path):
    corpus(tmp_path, copies=5)
    near = "  - near-duplicates.v1: {similarity: 0.9}\n"
    alone = curated(tmp_path, near, name="alone")
    both = curated(tmp_path, f"{near}{STEP}mix: {{weights: keep}}\n", name="both")
    assert set(weights_of(both)) == set(weights_of(alone))
    assert both.document["dropped"] == alone.document["dropped"] == 5


def test_workers_blocks_and_the_order_of_files_change_no_weight(tmp_path):
    corpus(tmp_path)
    keep = f"{STEP}mix: {{weights: keep}}\n"
    one = weights_of(curated(tmp_path, keep, name="one"))
    many = curated(tmp_path, keep, name="many", workers=3, block_bytes=4000)
    assert weights_of(many) == one
    turned = curated(tmp_path, keep, name="turned", files="[2.jsonl, 0.jsonl, 1.jsonl]")
    assert weights_of(turned) == one


def test_a_larger_beta_draws_less(tmp_path):
    source = corpus(tmp_path)
    keep = "  - weight-by-template.v1: {beta: 1, least: 0.02}\nmix: {weights: keep}\n"
    done = curated(tmp_path, keep)
    weights = weights_of(done)
    shop = np.array([weights[name] for name, kind in source.items() if kind == "shop"])
    assert np.allclose(shop, 0.02)
    assert done.document["templates"]["at_least"] == 100


def test_the_step_stands_in_a_recipe_once(tmp_path):
    corpus(tmp_path)
    with pytest.raises(RecipeError, match=r"weight-by-template\.v1 stands in the recipe 2 times\. Leave one"):
        curated(tmp_path, STEP + STEP)
    assert not (tmp_path / "out").exists()
