"""Topics in an audit with a reference: what it says of a corpus that lacks some of them."""

import json
import random
from pathlib import Path

import jsonschema
import pytest

import wellkeeper
from wellkeeper.recipe import topic_gaps

HERE = Path(__file__).parents[2]
COMMON = "the of and to in that it was for on with as".split()
LETTERS = "bcdfgklmnprstvz"
THEMES = [[f"{first}{vowel}{end}" for vowel in "aeiou" for end in ("rin", "lom", "sta")] for first in LETTERS]


def write(path, shares, documents, seed):
    """Documents whose theme, of 15, is drawn by the shares; half of their 40 words are of the theme."""
    rng = random.Random(seed)
    with path.open("w") as file:
        for _ in range(documents):
            theme = THEMES[rng.choices(range(len(THEMES)), shares)[0]]
            words = [rng.choice(COMMON) if rng.random() < 0.5 else rng.choice(theme) for _ in range(40)]
            file.write(json.dumps({"text": " ".join(words)}) + "\n")
    return path


EVEN = [1.0] * 15


def audit(tmp_path, shares, documents=600, **options):
    corpus = write(tmp_path / "corpus.jsonl", shares, documents, seed=1)
    human = write(tmp_path / "human.jsonl", EVEN, 600, seed=2)
    done = wellkeeper.audit(corpus, reference=human, out=tmp_path / "out", workers=1, **options)
    return done.to_json()


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """Two themes are gone, one is eight times as common."""
    return audit(tmp_path_factory.mktemp("damaged"), [0, 0, 8, *EVEN[3:]])


def test_topics_that_the_corpus_lacks_are_named_with_an_interval_below_zero(damaged):
    less = [row for row in damaged["topics"]["gaps"] if row["gap"]["high"] < 0]
    assert less
    for row in less:
        assert {word[0] for word in row["name"].partition(" (")[0].split(", ")} <= set(LETTERS[:2])
        assert row["documents"] <= 0.1 * row["reference_documents"]
    assert {row["name"][0] for row in less} == set(LETTERS[:2])


def test_topics_that_the_corpus_has_more_of_are_named(damaged):
    more = [row for row in damaged["topics"]["gaps"] if row["gap"]["low"] > 0]
    assert {row["name"][0] for row in more} == {LETTERS[2]}


def test_the_map_has_all_topics_and_counts_that_add_up(damaged):
    topics = damaged["topics"]
    assert len(topics["map"]) == topics["topics"]
    for side in ("documents", "reference_documents"):
        assert sum(row[side] for row in topics["map"]) == topics[side]
    assert sum(row["is_rare"] for row in topics["map"]) == topics["rare"]["topics"]
    held = sum(row["is_rare"] and row["documents"] > 0 for row in topics["map"])
    assert held == topics["rare"]["held"]


def test_lost_topics_show_beside_human_text_of_the_same_size(damaged):
    figures = {row["figure"]: row for row in damaged["topics"]["against_human"]}
    lost = figures["lost_mass"]
    assert lost["corpus"]["estimate"] > 0.08 > 0.03 > lost["human"]["estimate"]  # 2 of 15 themes: .13
    assert lost["change"]["low"] > 0
    assert lost["p"] < 0.01
    assert lost["documents"] <= 300


def test_the_document_satisfies_the_schema(damaged):
    schema = json.loads((HERE / "src/wellkeeper/recipe/audit.schema.json").read_text())
    jsonschema.validate(damaged, schema)


def test_human_text_against_human_text_has_no_gap(tmp_path):
    topics = audit(tmp_path, EVEN)["topics"]
    assert topics["gaps"] == []
    assert all(row["p"] > 0.01 for row in topics["against_human"])


def test_vectors_of_lost_topics_lie_away_from_human_ones(damaged):
    near = damaged["topics"]["neighbourhood"]
    assert near["documents"] == 300
    assert near["recall"]["estimate"] < 0.95 * near["recall"]["ceiling"]  # 2 of 15 themes are gone: .87
    assert near["recall"]["p"] < 0.05
    assert near["kernel_test"]["corpus"]["p"] < 0.01 < near["kernel_test"]["human"]["p"]
    assert near["diversity"]["corpus"]["high"] < near["diversity"]["human"]["low"]


def test_vectors_of_human_text_lie_among_human_ones(tmp_path):
    near = audit(tmp_path, EVEN)["topics"]["neighbourhood"]
    assert all(near[figure]["p"] > 0.01 for figure in ("precision", "recall", "density", "coverage"))
    assert near["kernel_test"]["corpus"]["p"] > 0.01


def test_copies_of_the_reference_are_left_out(tmp_path):
    corpus = write(tmp_path / "corpus.jsonl", [0, *EVEN[1:]], 300, seed=1)
    human = write(tmp_path / "human.jsonl", EVEN, 300, seed=2)
    copied = tmp_path / "copied.jsonl"
    copied.write_text(corpus.read_text() + human.read_text())
    done = wellkeeper.audit(copied, reference=human, out=tmp_path / "out", workers=1).to_json()
    assert done["topics"]["documents"] == 300


def test_a_reference_of_a_few_documents_gives_no_topics(tmp_path):
    corpus = write(tmp_path / "corpus.jsonl", EVEN, 100, seed=1)
    human = write(tmp_path / "human.jsonl", EVEN, 19, seed=2)
    done = wellkeeper.audit(corpus, reference=human, out=tmp_path / "out", workers=1).to_json()
    assert done["topics"] is None
    assert done["topics_note"] == topic_gaps.TOO_FEW
    assert "at least 10 documents of the corpus and 20 of the reference" in topic_gaps.TOO_FEW


def test_without_a_reference_there_are_no_topics_and_no_bags(tmp_path):
    corpus = write(tmp_path / "corpus.jsonl", EVEN, 50, seed=1)
    done = wellkeeper.audit(corpus, out=tmp_path / "out", workers=1).to_json()
    assert done["topics"] is None
    assert done["topics_note"] is None
    assert not list((tmp_path / "out").rglob("*.bags.parquet"))


def test_a_corpus_that_is_its_own_reference_is_told_so_and_not_that_it_is_small(tmp_path):
    corpus = write(tmp_path / "corpus.jsonl", EVEN, 60, seed=1)
    found = wellkeeper.audit(corpus, reference=corpus, out=tmp_path / "out").to_json()
    assert found["tails"] is None
    assert found["topics"] is None
    says = "Every document of the corpus stands in the reference too. Give human text of which the corpus has none."
    assert found["tails_note"] == found["topics_note"] == says
