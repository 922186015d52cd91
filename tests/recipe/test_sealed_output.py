"""What `curate` leaves behind is sealed: whole, the same for any number of workers, and signed where a key is named."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import corpora
import pyarrow.parquet as pq
import pytest

from wellkeeper import curate
from wellkeeper.errors import InputError
from wellkeeper.ledger.manifest import recipe_digest_of
from wellkeeper.ledger.rows import SOURCES
from wellkeeper.ledger.seal import read_seal
from wellkeeper.ledger.signature import SigningKey, new_key_files
from wellkeeper.ledger.verify import verify
from wellkeeper.ledger.verify_rows import verify_document
from wellkeeper.recipe.schema import load_recipe

RECIPE = """
wellkeeper: 1
sources:
  all: {path: corpus, text: text, source: board, date: created_at, origin: {column: origin}, licence: {column: license}}
steps:
  - exact-duplicates.v1: {}
  - near-duplicates.v1: {similarity: 0.8}
mix:
  caps: {source: 0.30}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    corpora.write(folder / "corpus", corpora.rows(400, seed=4))
    (folder / "recipe.yaml").write_text(RECIPE)
    curate(folder / "recipe.yaml", out=folder / "out", workers=1)
    return folder


@pytest.fixture
def out(place: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(place / "out", tmp_path / "out"))


def test_a_curated_folder_verifies_and_so_does_each_of_its_documents(place: Path) -> None:
    found = verify(place / "out")
    assert found.problems == ()
    assert (found.signed, found.checked["rows"]) == (False, 400)
    table = pq.read_table(next((place / "out" / "ledger" / "documents").iterdir()))
    for row in (0, 57, 399):
        assert verify_document(place / "out", table.column("id")[row].as_py()).ok


def test_the_seal_says_what_was_run(place: Path) -> None:
    told = read_seal(place / "out").predicate
    manifest = json.loads((place / "out" / "manifest.json").read_bytes())
    assert (told["verb"], told["manifest"], told["tables"]) == (
        "curate",
        manifest["digest"],
        manifest["tables"],
    )
    assert told["recipe_digest"] == load_recipe(place / "recipe.yaml").digest
    assert recipe_digest_of(manifest["recipe"]) == told["recipe_digest"]


@pytest.mark.parametrize("how", [{"workers": 2}, {"workers": 2, "block_bytes": 1 << 16}])
def test_the_root_is_the_same_for_any_number_of_workers(
    place: Path, tmp_path: Path, how: dict[str, int]
) -> None:
    curate(place / "recipe.yaml", out=tmp_path / "out", **how)  # type: ignore[arg-type]
    mine, theirs = (read_seal(folder).predicate for folder in (tmp_path / "out", place / "out"))
    assert mine["tree"] == theirs["tree"]
    if "block_bytes" not in how:
        assert mine == theirs


def test_the_same_recipe_again_leaves_one_seal_and_another_mix_a_second(place: Path, out: Path) -> None:
    before = read_seal(out).predicate
    curate(place / "recipe.yaml", out=out)
    assert read_seal(out).predicate == before
    curate(place / "recipe.yaml", overrides=["mix.caps.source=0.25"], out=out, fresh=True)
    found = verify(out)
    assert (found.problems, found.checked["history"]) == ((), 1)
    assert read_seal(out).predicate["previous"]["root"] == before["tree"]["root"]


def test_a_key_signs_from_the_command_or_from_the_recipe_and_makes_no_other_set(
    place: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = new_key_files(out.parent / "team")
    curate(place / "recipe.yaml", out=out, key=keys.private, public_proofs=True)
    assert verify(out, key=keys.public).ok
    assert read_seal(out).predicate["tree"]["leaf"] == "row"
    other = SigningKey.new()
    monkeypatch.setenv("TEAM_KEY", other.to_pem().decode())
    curate(place / "recipe.yaml", overrides=["sign.key=env:TEAM_KEY"], out=out)
    assert verify(out, key=other.public).ok
    assert "sign" not in json.loads((out / "manifest.json").read_bytes())["recipe"]


def test_a_key_that_is_not_there_is_missed_before_anything_is_read(place: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="The variable NO_SUCH_KEY is empty or not set"):
        curate(place / "recipe.yaml", out=tmp_path / "out", key="env:NO_SUCH_KEY")
    with pytest.raises(InputError, match=r"team\.key is missing"):
        curate(place / "recipe.yaml", out=tmp_path / "out", key=tmp_path / "team.key")
    assert not (tmp_path / "out").exists()


KILLED = """
import os, signal, sys
import wellkeeper.recipe.output as output
output.seal = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
from wellkeeper import curate
curate(sys.argv[1], out=sys.argv[2])
"""


def test_a_run_killed_before_the_seal_says_so_and_ends_when_it_runs_again(place: Path, out: Path) -> None:
    before = read_seal(out).predicate
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(place / "recipe.yaml"), str(out)], check=False, env=environment
    )
    assert killed.returncode == -signal.SIGKILL
    assert [(problem.code, problem.next) for problem in verify(out).problems] == [
        ("not-sealed", "Run the same command again.")
    ]
    curate(place / "recipe.yaml", out=out)
    assert read_seal(out).predicate == before
    assert verify(out).ok


def test_every_file_that_was_read_has_a_row(place: Path) -> None:
    table = pq.read_table(place / "out" / "ledger" / "sources.parquet")
    assert table.schema.names == SOURCES.names
    rows = table.to_pylist()
    assert [row["name"] for row in rows] == sorted(path.name for path in (place / "corpus").iterdir())
    assert sum(row["documents"] for row in rows) == 400
    assert {row["group"] for row in rows} == {"all"}
    for row in rows:
        assert row["size"] == (place / "corpus" / row["name"]).stat().st_size
        assert row["first_captured"] <= row["last_captured"]
