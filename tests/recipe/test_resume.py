"""A run that is killed, again and again, ends with the same content as one that was left in peace."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import corpora
import pytest

RECIPE = """
wellkeeper: 1
sources:
  all: {path: corpus, text: text, source: board, date: created_at, origin: {column: origin}, licence: {column: license}}
steps:
  - quality.v1: {rules: [gopher-repetition]}
  - exact-duplicates.v1: {}
  - near-duplicates.v1: {similarity: 0.8}
mix:
  caps: {source: 0.30}
  size: {documents: 1200}
"""
VOLATILE = ("run",)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    corpora.write(folder / "corpus", corpora.rows(2500, seed=3))
    (folder / "recipe.yaml").write_text(RECIPE)
    return folder


def command(place: Path, out: Path, *options: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "wellkeeper",
        "curate",
        str(place / "recipe.yaml"),
        "--out",
        str(out),
        "-q",
        *options,
    ]


def small_blocks() -> dict[str, str]:
    """Blocks of 128 KiB, so that there is much to interrupt."""
    return {**os.environ, "WELLKEEPER_BLOCK_BYTES": str(1 << 17)}


def content(out: Path):
    manifest = json.loads((out / "manifest.json").read_text())
    return manifest["tables"], manifest["files"], manifest["counts"]


def unbroken(place: Path, out: Path, *options: str):
    subprocess.run(command(place, out, *options), check=True, env=small_blocks())
    return content(out)


@pytest.mark.slow
def test_the_content_is_the_same_for_any_number_of_workers_and_kind(place, tmp_path):
    one = unbroken(place, tmp_path / "one", "--workers", "1")
    assert unbroken(place, tmp_path / "two", "--workers", "2") == one
    assert unbroken(place, tmp_path / "processes", "--workers", "2", "--executor", "processes") == one


@pytest.mark.slow
def test_killed_at_twenty_random_moments_the_content_is_that_of_an_unbroken_run(place, tmp_path):
    begun = time.monotonic()
    expected = unbroken(place, tmp_path / "unbroken")
    whole = time.monotonic() - begun
    rng = random.Random(20261121)
    kills = 0
    run = 0
    while kills < 20:
        out = tmp_path / f"killed-{run}"
        run += 1
        # Several kills in one output folder, then let it finish: each kill meets another state.
        for _ in range(4):
            begun = time.monotonic()
            process = subprocess.Popen(command(place, out), env=small_blocks(), stdout=subprocess.DEVNULL)
            try:
                process.wait(timeout=rng.uniform(0.2, 1.0) * whole)
                whole = min(whole, time.monotonic() - begun)  # the first run may have had a busier machine
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
        subprocess.run(command(place, out), check=True, env=small_blocks())
        assert content(out) == expected
        assert not list(out.rglob("*.tmp*")), "a later run clears what killed ones left"
        assert run < 40, "the run is too short to be killed"
