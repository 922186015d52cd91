"""Earlier sets that lost or broke a file: refused in words, never taken for something else."""

import shutil

import pytest
from test_against import NEAR_ONLY, NEW, OLD, recipe, write

import wellkeeper
from wellkeeper.errors import WellkeeperError


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
