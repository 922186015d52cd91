"""`wellkeeper mark`: a set is labelled, and comes back as labelled or not at all."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from credential_files import chain, picture
from wellkeeper.cli.main import cli
from wellkeeper.ledger.signature import SigningKey, new_key_files
from wellkeeper.recipe.marking import label_of


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "made.jsonl"
    path.write_text(
        "".join(json.dumps({"text": f"The heron of pond {n} stood still."}) + "\n" for n in range(20))
    )
    return path


def test_a_marked_set_is_audited_as_ai_generated_and_refused_after_one_changed_byte(
    made: Path, tmp_path: Path
) -> None:
    key = new_key_files(tmp_path / "lake")
    done = run("mark", made, "--generator", "smollm2@v1", "--parents", "human", "--key", key.private)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"label:  {made}.wellkeeper-label.json",
        "says:   ai-generated, by smollm2@v1",
        "files:  1",
        "depth:  1",
        f"signed: by the key {key.key.keyid[:16]}",
        "Keep the label beside the set, and pass both on together.",
    ]
    label = label_of(made, key=key.key)
    assert label is not None
    audit = run("audit", made, "--out", tmp_path / "out", "--json", "--exit-zero")
    assert json.loads(audit.stdout)["origin"]["declared"]["ai-generated"] == 20
    made.write_text(made.read_text().replace("pond 7", "pond 8", 1))
    audit = run("audit", made, "--out", tmp_path / "out")
    assert audit.exit_code == 2
    assert "made.jsonl: file changed since it was labelled ai-generated, by smollm2@v1" in audit.stderr
    assert audit.stderr.rstrip().endswith("label it anew: wellkeeper mark.")


def test_json_says_all_of_the_label_and_html_holds_the_markup(made: Path, tmp_path: Path) -> None:
    prompt, page = tmp_path / "prompt.txt", tmp_path / "head.html"
    prompt.write_text("Write about {topic}.")
    done = run(
        *("mark", made, "--generator", "x", "--kind", "ai-assisted", "--temperature", 0.7, "--seed", 3),
        *("--prompt-template", prompt, "--html", page, "--json"),
    )
    told = json.loads(done.stdout)
    assert (told["schema"], told["origin"], told["depth"], told["signed_by"]) == (
        "wellkeeper.mark/1",
        "ai-assisted",
        255,
        [],
    )
    assert told["parameters"]["temperature"] == 0.7
    assert len(told["parameters"]["promptTemplate"]["sha256"]) == 64
    assert '<meta name="ai-disclosure" content="ai-assisted">' in page.read_text()
    assert "CompositeWithTrainedAlgorithmicMediaDigitalSource" in page.read_text()


def test_a_picture_is_copied_with_a_credential_and_the_copy_labelled(tmp_path: Path) -> None:
    pytest.importorskip("c2pa")
    signer, path = chain("painter"), tmp_path / "a.png"
    path.write_bytes(picture())
    (tmp_path / "chain.pem").write_bytes(signer.certificates)
    (tmp_path / "painter.key").write_bytes(SigningKey(key=signer.key).to_pem())
    (tmp_path / "painter.key").chmod(0o600)
    signing = ("--certificate", tmp_path / "chain.pem", "--private-key", tmp_path / "painter.key")
    done = run("mark", path, "--generator", "painter", *signing)
    assert (done.exit_code, done.stderr) == (0, "")
    assert label_of(tmp_path / "a-labelled.png") is not None
    assert label_of(path) is None


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--certificate", "x.pem"), "--certificate and --private-key go together. Give both, or neither."),
        (("--in-place",), "--in-place replaces files by ones with credentials. Give --certificate"),
        (("--key", "none.key"), "none.key is missing. Give the path of a key, or make one"),
        (("--prompt-template", "none.txt"), "none.txt is no file. Give the file that holds the prompt"),
    ],
)
def test_what_cannot_be_done_exits_2_and_writes_no_label(
    made: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = run("mark", made, "--generator", "x", *arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert label_of(made) is None


def test_markup_that_cannot_be_written_leaves_the_label_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text('{"text": "Heron."}\n')
    done = CliRunner().invoke(cli, ["mark", str(path), "--generator", "first"])
    label = tmp_path / "made.jsonl.wellkeeper-label.json"
    before = label.read_bytes()
    page = tmp_path / "absent" / "head.html"
    done = CliRunner().invoke(cli, ["mark", str(path), "--generator", "second", "--html", str(page)])
    assert (done.exit_code, label.read_bytes()) == (2, before)
    assert done.stderr.endswith("absent is no folder. Give another file with --html.\n")
