"""Languages and domains: read as roles of a document, and still among the user's own columns."""

import json

import corpora
import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

import wellkeeper
from wellkeeper.recipe.curate import groups_of_recipe
from wellkeeper.recipe.running import Running, prepare_work, read_corpus
from wellkeeper.recipe.schema import load_recipe

TEXTS = [corpora.document(np.random.default_rng(k), 6) for k in range(4)]
COLUMNS = {
    "text": TEXTS,
    "language": ["en", "de", "", None],
    "page": ["https://www.Example.org:80/a?b", "http://me@news.example.com", "board.example", None],
}
WRITERS = {
    "jsonl": lambda table, path: path.write_text(
        "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    ),
    "parquet": pq.write_table,
    "csv": pc.write_csv,
}


def recipe_over(folder, format_, source):
    WRITERS[format_](pa.table(COLUMNS), folder / f"a.{format_}")
    path = folder / "recipe.yaml"
    path.write_text(f"wellkeeper: 1\nsources:\n  a: {{path: a.{format_}, text: text, {source}}}\nsteps: []\n")
    return path


def values(corpus, name):
    codes, names = corpus.codes(name)
    return [None if code < 0 else names[code] for code in codes.tolist()]


def corpus_of(recipe, tmp_path):
    groups, _ = groups_of_recipe(load_recipe(recipe), tmp_path / "out")
    run = Running(work=prepare_work(tmp_path / "work", None, fresh=False))
    return read_corpus(groups, run, similarity=0.8, seed=0)


@pytest.mark.parametrize("format_", WRITERS)
def test_a_language_column_is_known_by_its_name_and_a_domain_is_the_host_of_a_url(tmp_path, format_):
    corpus = corpus_of(recipe_over(tmp_path, format_, "domain: page"), tmp_path)
    assert values(corpus, "language") == ["en", "de", None, None]
    assert values(corpus, "domain") == ["example.org", "news.example.com", "board.example", None]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("language: fr", ["fr"] * 4),
        ("language: {value: fr}", ["fr"] * 4),
        ("language: {column: page}", [*COLUMNS["page"][:3], None]),
    ],
)
def test_a_recipe_says_one_language_for_all_documents_or_names_a_column(tmp_path, given, expected):
    assert values(corpus_of(recipe_over(tmp_path, "jsonl", given), tmp_path), "language") == expected


@pytest.mark.parametrize("format_", WRITERS)
def test_the_columns_are_written_out_again_as_they_were(tmp_path, format_):
    made = wellkeeper.curate(recipe_over(tmp_path, format_, "domain: page"), out=tmp_path / "out")
    data = pq.read_table(made.paths["data"]).to_pylist()
    by_text = {
        row["text"]: (row["language"] or None, row["page"] or None) for row in data
    }  # a CSV knows no null
    assert by_text == {
        text: (language or None, page)
        for text, language, page in zip(TEXTS, COLUMNS["language"], COLUMNS["page"], strict=True)
    }
