"""Earlier sets that lost or broke a file: refused in words, never taken for something else."""

import re
import shutil

import pytest
from test_against import NEAR_ONLY, NEW, OLD, recipe, write

import wellkeeper
from wellkeeper.errors import InputError, WellkeeperError


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "old.jsonl", **OLD)
    wellkeeper.curate(recipe(tmp_path, "old", "old.jsonl"), out=tmp_path / "first")
    write(tmp_path / "new.jsonl", **NEW)
    return tmp_path


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "harm",
    [
        lambda first: halve(next((first / "ledger" / "documents").glob("*.parquet"))),
        lambda first: shutil.rmtree(first / "ledger"),
        lambda first: halve(next((first / "data").glob("*.parquet"))),
    ],
    ids=["torn ledger", "no ledger", "torn data"],
)
def test_a_damaged_earlier_set_is_refused(folder, harm):
    harm(folder / "first")
    new = recipe(folder, "new", "new.jsonl", steps=NEAR_ONLY)
    with pytest.raises(WellkeeperError, match=r"damaged|ledger"):
        wellkeeper.curate(new, out=folder / "second", against=[folder / "first"])


@pytest.mark.parametrize("harm", ["halved", "no end", "empty", "noughts"])
@pytest.mark.parametrize("kind", ["curated", "index"])
@pytest.mark.parametrize("file", ["block-000000.parquet", "block-000000.words.parquet"])
def test_a_torn_sidecar_is_refused_also_where_nothing_is_compared_with_it(folder, file, kind, harm):
    place = folder / "first"
    if kind == "index":
        place = folder / "audited"
        wellkeeper.audit(folder / "old.jsonl", out=place)
    path = next((place / ".work" / "sidecars").rglob(file))
    whole = path.read_bytes()
    torn = {
        "halved": whole[: len(whole) // 2],
        "no end": whole[:-1],
        "empty": b"",
        "noughts": whole[:100] + bytes(len(whole) - 100),
    }[harm]
    path.write_bytes(torn)
    new = recipe(folder, "new", "new.jsonl", steps=NEAR_ONLY)
    with pytest.raises(
        InputError,
        match=rf"^against: \S+ is damaged: \S+{re.escape(file)} is torn\. Copy the folder again from ",
    ):
        wellkeeper.curate(new, out=folder / "second", against=[place])


def test_with_fresh_a_torn_sidecar_is_made_again(folder):
    next((folder / "first/.work/sidecars").rglob("*.words.parquet")).write_bytes(b"PAR1")
    wellkeeper.curate(folder / "old.yaml", out=folder / "first", fresh=True)
    new = recipe(folder, "new", "new.jsonl", steps=NEAR_ONLY)
    done = wellkeeper.curate(new, out=folder / "second", against=[folder / "first"])
    assert done.document["against"]["sets"][0]["repeated"] == 2


def test_how_many_sidecars_are_torn_is_told(folder):
    for path in (folder / "first/.work/sidecars").rglob("block-*.parquet"):
        halve(path)
    new = recipe(folder, "new", "new.jsonl", steps=NEAR_ONLY)
    with pytest.raises(InputError, match=r"is torn, and \d+ more\. Copy"):
        wellkeeper.curate(new, out=folder / "second", against=[folder / "first"])
