"""Flags and weights from recipe to output: what is drawn how often, and what the ledger says of it."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import wellkeeper
from wellkeeper.errors import RecipeError
from wellkeeper.ledger.why import why
from wellkeeper.recipe.corpus import LoadedCorpus

MANY = 400
HUMAN, AI = np.linspace(-4, 0, 120, dtype=np.float32), np.linspace(1, 5, 80, dtype=np.float32)


def curated(folder, steps: str, *, name="out", texts=None, **others):
    """A corpus of which every fourth document tells that a model was at work; `more` is added to the recipe."""
    if texts is None:
        texts = [f"document {k} of a corpus" + " [Your Name]" * (k % 4 == 0) for k in range(MANY)]
    rows = [{"id": f"d{k}", "text": text} for k, text in enumerate(texts)]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "recipe.yaml").write_text(
        f"wellkeeper: 1\nsources: {{all: {{path: in.jsonl, text: text, id: id}}}}\nsteps:\n{steps}"
    )
    return wellkeeper.curate(folder / "recipe.yaml", out=folder / name, **others)


def data_of(curation) -> dict[str, float]:
    table = pq.read_table(curation.paths["data"])
    return dict(zip(table.column("id").to_pylist(), table.column("weight").to_pylist(), strict=True))


WEIGH = "  - weight-by-origin.v1: {k: 3, prior: neutral}\n"


def test_weights_are_drawn_and_the_same_seed_draws_the_same(tmp_path) -> None:
    first = curated(tmp_path, WEIGH)
    weights = data_of(first)
    facts = first.document["mix"]["facts"]
    assert set(weights.values()) <= {1.0, 2.0, 3.0}
    assert sum(weights.values()) == facts["copies"]["drawn"] == facts["copies"]["kept"]
    assert facts["copies"]["drawn"] == pytest.approx(MANY, rel=0.1)  # the mean weight is 1
    suspicious = sum(weights.get(f"d{k}", 0) for k in range(0, MANY, 4))
    assert suspicious < 0.02 * MANY  # (1 / 11) ** 3 beside (1 / 2) ** 3
    assert data_of(curated(tmp_path, WEIGH, name="again")) == weights
    assert data_of(curated(tmp_path, WEIGH, name="other", seed=1)) != weights


def test_kept_weights_are_written_beside_every_document(tmp_path) -> None:
    weights = data_of(curated(tmp_path, f"{WEIGH}mix: {{weights: keep}}\n"))
    assert len(weights) == MANY
    assert sum(weights.values()) == pytest.approx(MANY, rel=1e-5)
    assert len(set(weights.values())) == 2


def test_why_says_what_a_weight_was_made_from_and_what_it_drew(tmp_path) -> None:
    kept = curated(tmp_path, f"{WEIGH}mix: {{weights: keep}}\n", name="kept")
    weight = data_of(kept)["d0"]
    assert (
        f"kept by weight-by-origin.v1: weighed-by-origin (probability of AI 0.9091), with sampling weight {weight:.4g}"
        in str(why(kept.paths["folder"], "d0"))
    )
    drawn = curated(tmp_path, WEIGH)
    weights = data_of(drawn)
    gone = next(f"d{k}" for k in range(0, MANY, 4) if f"d{k}" not in weights)
    assert f"dropped by mix: its sampling weight of {weight:.4g} drew no copy" in str(
        why(drawn.paths["folder"], gone)
    )
    twice = next(name for name, weight in weights.items() if weight == 2)
    assert "weighed-by-origin (probability of AI 0.5), with sampling weight 2" in str(
        why(drawn.paths["folder"], twice)
    )


@pytest.fixture
def styled(monkeypatch) -> None:
    """Every corpus has anchors for all of it, and its tenth document a score that no human reference has."""
    monkeypatch.setattr(LoadedCorpus, "references", lambda self, name: (HUMAN, AI))
    monkeypatch.setattr(
        LoadedCorpus,
        "style_scores",
        lambda self, documents: np.where(documents == 9, 4, -2).astype(np.float32),
    )


@pytest.mark.usefixtures("styled")
@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("review", "held back for a person to review by origin.v1: style-flag (p-value 0.008264)"),
        ("drop", "dropped by origin.v1: style-flag (p-value 0.008264)"),
        ("weigh", "kept by origin.v1: style-flag (p-value 0.008264), with sampling weight 0.09091"),
    ],
)
def test_why_names_the_p_value_of_a_flagged_document(tmp_path, action: str, says: str) -> None:
    steps = f"  - origin.v1: {{prior: neutral, flag: {{action: {action}}}}}\nmix: {{weights: keep}}\n"
    found = curated(tmp_path, steps, texts=[f"document {k}" for k in range(20)])
    assert says in str(why(found.paths["folder"], "d9"))
    assert "no step objected" in str(why(found.paths["folder"], "d8"))
    assert found.document["kept"] == (20 if action == "weigh" else 19)


def test_a_recipe_that_flags_without_anchors_is_refused_with_the_next_step(tmp_path) -> None:
    with pytest.raises(
        RecipeError, match=r"flag needs style scores .* anchors: anchors\.json to the recipe\.$"
    ):
        curated(tmp_path, "  - origin.v1: {flag: {level: 0.05}}\n")
