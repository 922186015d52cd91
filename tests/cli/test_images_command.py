"""`wellkeeper audit` on pictures: found by what the files are, told as other audits are."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
from made_images import drawing, encoded, png
from numpy.random import default_rng

from wellkeeper.cli.main import cli


@pytest.fixture
def pictures(tmp_path):
    rng = default_rng(2)
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded(drawing(rng)))
    (folder / "b.png").write_bytes(png(drawing(rng), Software="NovelAI"))
    for name in "ab":
        (folder / f"{name}.json").write_text('{"licence": "CC0-1.0"}')
    return folder


def run(*arguments):
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)])


def test_a_folder_of_pictures_is_recognised_and_its_finding_exits_with_one(pictures, tmp_path):
    result = run(pictures, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == "1 warning to settle before training on 2 images."
    assert "Marked AI-made: 50.0% (at least; most by NovelAI)" in result.stdout
    assert (tmp_path / "out" / "report.html").is_file()


def test_json_is_the_document_and_nothing_else(pictures, tmp_path):
    result = run(pictures, "--out", tmp_path / "out", "--json", "--exit-zero")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["schema"] == "wellkeeper.audit-images/1"
    assert document["inputs"]["documents"] == 2


def test_a_clean_set_exits_with_zero(pictures, tmp_path):
    for name in ("b.png", "b.json"):
        (pictures / name).unlink()
    result = run(pictures, "--out", tmp_path / "out", "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")


def test_options_of_text_are_refused_with_the_way_out(pictures, tmp_path):
    result = run(pictures, "--reference", "human.jsonl", "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert result.stderr.endswith("Leave it out, or read the paths as text with --no-images.\n")


def test_pictures_can_be_forced_and_ruled_out(tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.png").write_bytes(encoded(drawing(default_rng(1))))
    for name in ("x.txt", "y.txt"):
        (folder / name).write_text(
            "Words that somebody wrote about nothing in particular, and a few more of them.\n" * 5
        )
    forced = run(folder, "--images", "--out", tmp_path / "one", "--json")
    assert json.loads(forced.stdout)["inputs"]["documents"] == 1
    as_text = run(folder, "--out", tmp_path / "two", "--json")
    assert json.loads(as_text.stdout)["schema"] == "wellkeeper.audit/1"
