"""The commands of the gallery run, at sizes that take seconds, and show every experiment."""

import importlib.util
import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from wellkeeper.cli.main import cli
from wellkeeper.lab.registry import experiments

ROOT = Path(__file__).parents[2]
TEXT = "".join((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("gallery.md", "lab.md"))
COMMANDS = list(dict.fromkeys(re.findall(r"^\$ wellkeeper (lab run [^&|\n]+)", TEXT, re.MULTILINE)))
SIZED = ("--out", "--generations", "--replicates", "--size")


def small(command, out):
    """The command with two replicates of one generation, of few words."""
    words = shlex.split(command)
    kept = [word for place, word in enumerate(words) if word not in SIZED and words[place - 1] not in SIZED]
    found = experiments()[words[2]]
    more = ["--out", str(out), "--replicates", "2"] + (["--generations", "1"] if found.world else [])
    return [*kept, *more, *(["--size", "3000"] if "corpus" in found.needs else []), "--json"]


def marked(command):
    needs_torch = "torch" in experiments()[command.split()[2]].needs
    return pytest.param(command, marks=[pytest.mark.torch] if needs_torch else [])


@pytest.mark.parametrize("command", [marked(command) for command in COMMANDS])
def test_a_command_of_the_gallery_runs(command, tmp_path, monkeypatch):
    if "torch" in experiments()[command.split()[2]].needs and importlib.util.find_spec("torch") is None:
        pytest.skip("needs torch")
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, small(command, tmp_path), auto_envvar_prefix="WELLKEEPER")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["reading"]["headline"] != "Nothing was measured."
    policies = command.count("--policy")
    assert policies in {0, len(document["curves"])}
    assert (tmp_path / "report.html").exists()


def test_every_experiment_is_in_the_gallery_or_in_the_guide():
    assert [name for name in experiments() if f"`{name}`" not in TEXT and f"lab run {name}" not in TEXT] == []
