"""How a run runs: wrong settings and sources are refused before any work."""

import json
from pathlib import Path

import pytest

from wellkeeper.errors import InputError, WorkError
from wellkeeper.recipe.curate import curate
from wellkeeper.recipe.running import Running


def test_an_unknown_executor_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(
        WorkError, match=r"There is no executor 'thread'. Did you mean threads\? Choose one of threads"
    ):
        Running(work=tmp_path, kind="thread")  # type: ignore[arg-type]


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_than_one_worker_is_refused(tmp_path: Path, workers: int) -> None:
    with pytest.raises(WorkError, match=f"workers is {workers}. Give at least 1"):
        Running(work=tmp_path, workers=workers)


@pytest.fixture
def recipe_of(tmp_path: Path):
    """A recipe of one source, with `keys` beside its path, over a file of one document."""

    def write(keys: str, **fields: str) -> Path:
        (tmp_path / "docs.jsonl").write_text(json.dumps(fields) + "\n")
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(
            f"wellkeeper: 1\nsources: {{forum: {{path: docs.jsonl{keys}}}}}\nsteps: [artefacts.v1]\n"
        )
        return recipe

    return write


@pytest.mark.parametrize(
    ("keys", "fields", "says"),
    [
        (
            ", text: txt",
            {"text": "Words."},
            r"Did you mean 'text'\? Name an existing one with `text: COL` in",
        ),
        (
            ", licence: {column: terms}",
            {"text": "Words.", "term": "MIT"},
            r"no column 'terms' for the licence; .* Name an existing one with `licence: \{column: COL\}` in",
        ),
        (
            ", text: n",
            {"n": 3, "b": "Words."},
            r"'n' is int, not text; .* Name a text column with `text: COL` in",
        ),
        (
            "",
            {"a": "Words.", "b": "Words."},
            r"not clear which column holds the text: .* Name it with `text: COL` in",
        ),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_wrong_column_of_a_recipe_is_refused_with_the_key_that_names_it(
    recipe_of, tmp_path: Path, keys, fields, says, dry_run
) -> None:
    with pytest.raises(InputError, match=rf"{says} the recipe's source forum\.$"):
        curate(recipe_of(keys, **fields), out=tmp_path / "out", dry_run=dry_run)
    assert not (tmp_path / "out").exists()


def test_guesses_about_a_source_are_written_down_with_the_key_that_overrules_them(
    recipe_of, tmp_path: Path
) -> None:
    curate(recipe_of("", body="Words of a document.", label="human"), out=tmp_path / "out", workers=1)
    said = json.loads((tmp_path / "out/manifest.json").read_text())["run"]["columns"]
    source = "in the recipe's source forum overrides"
    assert said == [
        f"forum: text column: 'body' (guessed from 2 columns; `text: COL` {source})",
        f"forum: origin column: 'label' (its values are origins; `origin: {{column: COL}}` {source})",
    ]
