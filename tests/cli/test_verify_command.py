"""`verify` and `why --proof` on the command line: exit codes, streams and messages."""

import json
from pathlib import Path

import corpora
import pytest
from click.testing import CliRunner, Result

from wellkeeper.cli.main import cli
from wellkeeper.ledger.signature import new_key_files

RECIPE = """
wellkeeper: 1
sources:
  all: {path: corpus, text: text, source: board}
steps:
  - exact-duplicates.v1: {}
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    corpora.write(folder / "corpus", corpora.rows(120, seed=5))
    (folder / "recipe.yaml").write_text(RECIPE)
    new_key_files(folder / "team")
    done = run("curate", folder / "recipe.yaml", "--out", folder / "out", "--key", folder / "team.key", "-q")
    assert (done.exit_code, done.stdout) == (0, "")
    return folder


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def test_a_whole_folder_leaves_with_0(place: Path) -> None:
    done = run("verify", place / "out", "--key", place / "team.pub")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"{place / 'out'}: whole, and signed by ")
    quick = run("verify", place / "out", "--quick", "--json")
    document = json.loads(quick.stdout)
    assert (quick.exit_code, document["schema"], document["ok"], document["quick"]) == (
        0, "wellkeeper.verify/1", True, True
    )  # fmt: skip


def test_an_altered_folder_leaves_with_1_and_says_what_to_do(place: Path) -> None:
    path = place / "out" / "README.md"
    before = path.read_bytes()
    path.write_bytes(before + b"\n")
    done = run("verify", place / "out")
    path.write_bytes(before)
    assert done.exit_code == 1
    assert done.stdout.startswith(f"{place / 'out'}: 1 problem.\n  file-changed README.md: its SHA-256 is ")
    assert "    next: Run the command that made it again, or get an unaltered copy.\n" in done.stdout


def test_a_proof_is_written_and_checked_without_the_folder(place: Path, tmp_path: Path) -> None:
    asked = run("why", place / "out", "s5-00003", "--proof", tmp_path / "proof.json")
    assert asked.exit_code == 0
    assert asked.stderr == (
        f"wellkeeper: wrote {tmp_path / 'proof.json'}: it shows this row of the ledger, and the other rows of its "
        "tile, too.\n"
    )
    done = run("verify", "--proof", tmp_path / "proof.json", "--key", place / "team.pub", "--json")
    document = json.loads(done.stdout)
    assert (done.exit_code, document["records"][0]["id"]) == (0, "s5-00003")
    assert len(document["records"][0]["content_hash"]) == 64


def test_one_document_is_asked_for_by_id(place: Path) -> None:
    done = run("verify", place / "out", "--id", "s5-00003")
    assert done.exit_code == 0
    assert ": s5-00003, keep\n" in done.stdout
    lost = run("verify", place / "out", "--id", "s5-99999")
    assert (lost.exit_code, "Close ids: s5-" in lost.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name one thing to check: wellkeeper verify FOLDER, or wellkeeper verify --proof FILE."),
        (["x", "--proof", "y"], "Name one thing to check"),
        (
            ["x", "--id", "y", "--quick"],
            "--id goes with a folder and without --quick. Leave one of them out.",
        ),
        (["nowhere"], "nowhere was not made by wellkeeper: it has no manifest.dsse.json."),
        (["--proof", "nowhere"], "nowhere is missing. Make a proof:"),
    ],
)
def test_what_cannot_be_checked_leaves_with_2(arguments: list[str], message: str) -> None:
    done = run("verify", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert message in done.stderr
