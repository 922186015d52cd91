"""Topics of small corpora whose topics are known."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from wellkeeper.core.decision import VECTOR_UNIT
from wellkeeper.engine.sidecar import Sidecars, companion_path
from wellkeeper.errors import RecipeError, WorkError
from wellkeeper.recipe import topics as topics_module
from wellkeeper.recipe.inputs import groups_of
from wellkeeper.recipe.running import Running, read_corpus
from wellkeeper.recipe.topics import NO_TOPIC, topics_for, topics_of, vectors_of

COMMON = "the of and to in that it was for on with as".split()
THEMES = {
    "law": "court judge appeal statute verdict plaintiff counsel hearing evidence sentence jury clause".split(),
    "sea": "harbour vessel sail anchor tide cargo captain lighthouse reef storm mast voyage".split(),
    "bread": "flour oven yeast dough crust bakery loaf sourdough butter knead grain recipe".split(),
    "stars": "galaxy orbit telescope nebula planet comet eclipse gravity quasar redshift dust lens".split(),
}


def texts(counts, seed=0, words=60):
    """Theme and text of documents, so many of each theme, shuffled: half of the words are common ones."""
    rng = random.Random(seed)
    made = [
        (
            theme,
            " ".join(
                rng.choice(COMMON) if rng.random() < 0.5 else rng.choice(THEMES[theme]) for _ in range(words)
            ),
        )
        for theme, many in counts.items()
        for _ in range(many)
    ]
    rng.shuffle(made)
    return made


def write(path, made):
    rows = [{"text": text, "theme": theme, "vector": vector_of(theme, text)} for theme, text in made]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def vector_of(theme, text):
    rng = random.Random(text)
    return [(5.0 if theme == one else 0.0) + rng.gauss(0, 1) for one in THEMES] + [rng.gauss(0, 1)]


def load(work, *paths, reference=False, marked=None, topics=True, **options):
    columns = dict.fromkeys(("id", "date", "licence", "origin", "generator"))
    columns |= {"text": "text", "source": "theme"}
    groups, _ = groups_of([str(path) for path in paths], columns, work, reference=reference)
    if marked is not None:
        groups += groups_of([str(marked)], columns, work, reference=True)[0]
    vectors = options.pop("vectors", False)
    if vectors:
        groups = [replace(group, columns=replace(group.columns, embedding="vector")) for group in groups]
    run = Running(work=work, workers=options.pop("workers", 1), **options)
    return read_corpus(groups, run, similarity=0.8, seed=0, topics=topics, vectors=vectors)


def purity(corpus, topics):
    themes = corpus.codes("source")[0]
    known = topics.of >= 0
    table = np.zeros((len(topics.names), themes.max() + 1), np.int64)
    np.add.at(table, (topics.of[known], themes[known]), 1)
    return table.max(axis=1).sum() / known.sum()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("topics")
    made = texts({"law": 90, "sea": 60, "bread": 40, "stars": 10})
    return load(folder / "work", write(folder / "a.jsonl", made))


def test_documents_of_one_theme_share_topics(corpus):
    topics, none = topics_of(corpus, seed=0)
    assert none is None
    assert topics.of.shape == (200,)
    assert purity(corpus, topics) >= 0.99
    assert len(topics.names) == topics.places.shape[0] == topics_for(200) == 8


def test_topics_are_numbered_by_size(corpus):
    topics, _ = topics_of(corpus, seed=0)
    sizes = np.bincount(topics.of)
    assert sizes.tolist() == sorted(sizes.tolist(), reverse=True)
    assert sizes.sum() == 200
    assert sizes.min() >= 1


def test_names_are_words_of_the_theme_and_of_no_other(corpus):
    topics, _ = topics_of(corpus, seed=0)
    themes, names = corpus.codes("source")
    for number, name in enumerate(topics.names):
        theme = names[np.bincount(themes[topics.of == number]).argmax()]
        words = name.partition(" (")[0].split(", ")
        assert 3 <= len(words) <= 5
        assert set(words) <= set(THEMES[theme])
    assert len(set(topics.names)) == len(topics.names)


def test_topics_that_share_words_lie_near_each_other_on_the_map(corpus):
    topics, _ = topics_of(corpus, seed=0)
    themes = corpus.codes("source")[0]
    main = np.array([np.bincount(themes[topics.of == n]).argmax() for n in range(len(topics.names))])
    apart = np.linalg.norm(topics.places[:, None] - topics.places[None, :], axis=2)
    pairs = np.triu_indices(len(main), 1)
    same = main[pairs[0]] == main[pairs[1]]
    assert apart[pairs][same].mean() < 0.5 * apart[pairs][~same].mean()


def test_documents_of_fewer_than_five_words_have_no_topic(tmp_path):
    made = [
        *texts({"law": 20, "sea": 20}),
        ("law", "court judge appeal statute"),
        ("sea", "sail mast tide reef storm"),
    ]
    corpus = load(tmp_path / "work", write(tmp_path / "a.jsonl", made))
    topics, _ = topics_of(corpus, seed=0, count=2)
    assert topics.of[40] == NO_TOPIC
    assert topics.of[41] == topics.of[next(k for k, (theme, _) in enumerate(made) if theme == "sea")]
    assert (topics.of[:40] >= 0).all()


def test_a_corpus_without_words_has_no_topics(tmp_path):
    corpus = load(tmp_path / "work", write(tmp_path / "a.jsonl", [("law", "court"), ("sea", "...")]))
    topics, _ = topics_of(corpus, seed=0)
    assert topics.of.tolist() == [NO_TOPIC, NO_TOPIC]
    assert topics.names == ()
    assert topics.places.shape == (0, 2)


def test_documents_that_share_no_word_have_no_topics(tmp_path):
    made = [("law", " ".join(f"w{k}x{j}" for j in range(8))) for k in range(5)]
    corpus = load(tmp_path / "work", write(tmp_path / "a.jsonl", made))
    topics, _ = topics_of(corpus, seed=0)
    assert topics.of.tolist() == [NO_TOPIC] * 5


def test_reference_and_corpus_share_numbers_and_names(tmp_path, corpus):
    made = texts({"law": 30, "sea": 30, "bread": 30, "stars": 60}, seed=7)
    reference = load(tmp_path / "work", write(tmp_path / "r.jsonl", made), reference=True)
    mine, theirs = topics_of(corpus, reference=reference, seed=0)
    assert mine.names == theirs.names
    assert np.array_equal(mine.places, theirs.places)
    together = np.bincount(np.concatenate((mine.of, theirs.of)))
    assert together.tolist() == sorted(together.tolist(), reverse=True)
    dominant = [purity(corpus, mine), purity(reference, theirs)]
    assert min(dominant) >= 0.98
    stars_mine = corpus.codes("source")[1].index("stars")
    stars_theirs = reference.codes("source")[1].index("stars")
    of_stars = set(mine.of[corpus.codes("source")[0] == stars_mine].tolist())
    assert of_stars <= set(theirs.of[reference.codes("source")[0] == stars_theirs].tolist())


def test_a_small_reference_has_its_say_in_a_large_corpus(tmp_path, monkeypatch):
    """A sample drawn from all alike would hold some 13 of the reference's documents."""
    monkeypatch.setattr(topics_module, "SAMPLE", 100)
    corpus = load(tmp_path / "work", write(tmp_path / "a.jsonl", texts({"law": 300}, words=20)))
    made = write(tmp_path / "r.jsonl", texts({"stars": 30, "sea": 15}, seed=1, words=20))
    reference = load(tmp_path / "work", made, reference=True)
    _, theirs = topics_of(corpus, reference=reference, seed=0, count=12)
    assert purity(reference, theirs) >= 0.95


def test_documents_marked_as_reference_inside_the_corpus_have_the_same_say(tmp_path, monkeypatch):
    monkeypatch.setattr(topics_module, "SAMPLE", 100)
    many = write(tmp_path / "a.jsonl", texts({"law": 300}, words=20))
    few = write(tmp_path / "r.jsonl", texts({"stars": 30, "sea": 15}, seed=1, words=20))
    corpus = load(tmp_path / "work", many, marked=few)
    topics, _ = topics_of(corpus, seed=0, count=12)
    of_reference = corpus.column("reference").astype(bool)
    assert of_reference.sum() == 45
    themes = corpus.codes("source")[0][of_reference]
    labels = topics.of[of_reference]
    pure = sum(np.bincount(themes[labels == label]).max() for label in np.unique(labels))
    assert pure >= 0.95 * 45


def test_names_of_text_without_spaces_are_its_characters(tmp_path):
    courts, kitchens = "法院判決書原告被告律師", "麵粉烤箱酵母鹽糖水油蛋"
    rng = random.Random(0)
    made = [
        (theme, "".join(rng.choice(signs) for _ in range(30)))
        for theme, signs in (("law", courts), ("bread", kitchens))
        for _ in range(30)
    ]
    corpus = load(tmp_path / "work", write(tmp_path / "a.jsonl", made))
    topics, _ = topics_of(corpus, seed=0, count=2)
    assert sorted(np.bincount(topics.of).tolist()) == [30, 30]
    for name in topics.names:
        words = name.split(", ")
        assert all(len(word) == 1 for word in words)
        assert set(words) <= set(courts) or set(words) <= set(kitchens)


def digest(topics):
    return topics.of.tolist(), topics.names, topics.places.tolist()


def test_workers_and_blocks_and_the_order_of_files_change_nothing(tmp_path):
    made = texts({"law": 50, "sea": 40, "bread": 30})
    paths = [write(tmp_path / f"{name}.jsonl", made[k::3]) for k, name in enumerate("abc")]
    one, _ = topics_of(load(tmp_path / "one", *paths), seed=0)
    two, _ = topics_of(load(tmp_path / "two", *paths, workers=3, block_bytes=2000), seed=0)
    assert digest(one) == digest(two)
    turned = load(tmp_path / "three", *reversed(paths))
    three, _ = topics_of(turned, seed=0)
    assert sorted(zip(turned.strings("id", range(120)), three.of.tolist(), strict=True)) == sorted(
        zip(load(tmp_path / "one", *paths).strings("id", range(120)), one.of.tolist(), strict=True)
    )
    assert three.names == one.names


def test_a_run_that_was_killed_and_taken_up_again_has_the_same_topics(tmp_path):
    path = write(tmp_path / "a.jsonl", texts({"law": 50, "sea": 40}))
    whole, _ = topics_of(load(tmp_path / "whole", path, block_bytes=4000), seed=0)
    corpus = load(tmp_path / "torn", path, block_bytes=4000)
    lost = corpus.sidecars.blocks[1].path
    lost.unlink()
    companion_path(lost, "bags").unlink()
    (lost.parent / "complete.json").unlink()
    again, _ = topics_of(load(tmp_path / "torn", path, block_bytes=4000), seed=0)
    assert digest(again) == digest(whole)


def test_vectors_come_in_the_order_that_documents_are_asked_for(corpus):
    every = vectors_of(corpus, np.arange(200), seed=0)
    some = np.random.default_rng(0).permutation(200)[:60]
    assert np.array_equal(vectors_of(corpus, some, seed=0), every[some])
    assert np.allclose(np.linalg.norm(every, axis=1), VECTOR_UNIT, rtol=0.02)


def test_a_sample_in_place_of_all_documents_finds_the_same_themes(corpus, monkeypatch):
    monkeypatch.setattr(topics_module, "SAMPLE", 80)
    topics, _ = topics_of(corpus, seed=0)
    assert (topics.of >= 0).all()
    assert purity(corpus, topics) >= 0.97


def test_bags_are_written_only_where_topics_are_wanted(tmp_path):
    path = write(tmp_path / "a.jsonl", texts({"law": 5}))
    corpus = load(tmp_path / "work", path, topics=False)
    assert not list(Sidecars(corpus.folders).companions("bags"))
    with pytest.raises(
        WorkError, match=r"hold bags of words of 0 of 5 documents.*Read the corpus with `topics`"
    ):
        topics_of(corpus, seed=0)


def test_one_topic_is_refused(corpus):
    with pytest.raises(RecipeError, match=r"topics: 1 were asked for\. Ask for at least 2"):
        topics_of(corpus, seed=0, count=1)


# --- by the user's embeddings ------------------------------------------------------------------------


def test_topics_can_go_by_embeddings(tmp_path):
    made = texts({"law": 60, "sea": 60, "bread": 60})
    corpus = load(tmp_path / "work", write(tmp_path / "a.jsonl", made), topics=False, vectors=True)
    topics, _ = topics_of(corpus, seed=0, by="embedding")
    assert purity(corpus, topics) >= 0.97
    assert all(len(name.split(", ")) >= 3 for name in topics.names)


def test_topics_by_embedding_without_vectors_say_how_to_name_them(tmp_path, corpus):
    made = write(tmp_path / "a.jsonl", texts({"law": 20}))
    other = load(tmp_path / "work", made, vectors=True)
    empty = tmp_path / "b.jsonl"
    empty.write_text(json.dumps({"text": "court judge appeal statute verdict", "theme": "law"}) + "\n")
    bare = load(tmp_path / "work", empty, vectors=True, reference=True)
    with pytest.raises(RecipeError, match=r"no document has a vector\. Name their column with embedding:"):
        topics_of(other, reference=bare, seed=0, by="embedding")
