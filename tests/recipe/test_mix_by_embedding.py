"""Tail quotas by the user's own vectors: subjects that the words of the texts do not tell."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

import wellkeeper
from wellkeeper.errors import RecipeError

WORDS = "the of and to in that it was for on with as by at from they we say her she or".split()
SUBJECTS = 4
RARE = SUBJECTS - 1


def write(path, subjects, seed):
    """Texts of the same words whatever the subject; vectors lie near the subject's own direction."""
    rng = np.random.default_rng(seed)
    with path.open("w") as file:
        for subject in subjects:
            vector = rng.normal(0, 0.05, SUBJECTS)
            vector[subject] += 1
            text = " ".join(rng.choice(WORDS, 40))
            row = {"text": text, "subject": int(subject), "vector": vector.round(4).tolist()}
            file.write(json.dumps(row) + "\n")


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "corpus.jsonl", [*np.repeat(np.arange(RARE), 60), *[RARE] * 6], seed=1)
    write(tmp_path / "human.jsonl", [*np.repeat(np.arange(RARE), 14), *[RARE] * 4], seed=2)
    return tmp_path


def recipe(
    folder, *, reference="human.jsonl", sources="corpus: {path: corpus.jsonl, text: text, embedding: vector}"
):
    (folder / "recipe.yaml").write_text(
        f"wellkeeper: 1\nsources:\n  {sources}\nreference: {reference}\nsteps: []\n"
        "mix:\n  size: {documents: 60}\n  diversity: {by: embedding, keep_tail: 1.0}\n"
    )
    return folder / "recipe.yaml"


def subjects(curation):
    rows = pq.read_table(curation.paths["data"]).to_pylist()
    return np.bincount([row["subject"] for row in rows], minlength=SUBJECTS)


def test_a_rare_subject_of_the_reference_keeps_its_share_of_the_mix(folder):
    made = wellkeeper.curate(recipe(folder), out=folder / "out")
    found = subjects(made)
    assert found.sum() == 60
    assert found[RARE] >= 5  # 4 of 46 human documents: 5.2 of 60; at random it would be 1.9
    assert made.document["tail_cost"]  # measured by the same topics


def test_the_reference_may_be_one_of_the_sources(folder):
    sources = (
        "corpus: {path: corpus.jsonl, text: text, embedding: vector}\n"
        "  human: {path: human.jsonl, text: text, embedding: vector, origin: human}"
    )
    made = wellkeeper.curate(recipe(folder, reference="human", sources=sources), out=folder / "out")
    assert subjects(made)[RARE] >= 5


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        (
            "corpus: {path: corpus.jsonl, text: text}",
            "the sources name no column of vectors. Make the vectors with",
        ),
        (
            "corpus: {path: corpus.jsonl, text: text, embedding: vector}\n  other: {path: human.jsonl, embedding: subject}",
            "the sources name the columns subject and vector. Make the vectors with one model",
        ),
    ],
)
def test_without_one_column_of_vectors_the_recipe_is_refused(folder, sources, says):
    with pytest.raises(RecipeError, match=says):
        wellkeeper.curate(recipe(folder, sources=sources), out=folder / "out")
    assert not (folder / "out").exists()


def test_a_reference_without_the_vectors_is_refused(folder):
    (folder / "plain.jsonl").write_text('{"text": "a b c d e f g h"}\n' * 30)
    with pytest.raises(wellkeeper.errors.InputError, match="There is no column 'vector' for the embedding"):
        wellkeeper.curate(recipe(folder, reference="plain.jsonl"), out=folder / "out")
