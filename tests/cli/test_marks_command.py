"""`wellkeeper marks`: what it prints, and that it always leaves with 0 where it could read."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from credential_files import chain, picture, signed_picture
from wellkeeper.cli.main import cli


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["marks", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(signed_picture(picture(), "image/png", chain("Painter")))
    rows = [{"text": f"Plain text number {k} of this small corpus."} for k in range(3)]
    rows[0]["signals"] = '[["ai-disclosure","html-meta","ai-disclosure","ai-generated"]]'
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_marks_are_told_in_lines_and_the_exit_code_is_0(folder: Path) -> None:
    done = run(folder, "--workers", 1)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "3 documents, 1 with a mark or a statement beside them." in lines
    assert "           1  ai-disclosure (html-meta)" in lines
    assert "1 media files, 1 with a credential." in lines
    assert "           1  valid, nobody named whom to trust, says ai-generated" in lines
    assert lines[-1] == "No certificate is trusted: name some with --trust PEM to tell who signed."


def test_certificates_tell_who_signed(folder: Path) -> None:
    trusted = folder / "trusted.pem"
    trusted.write_bytes(chain("Painter").anchors)
    done = run(folder / "a.png", "--trust", trusted)
    assert "           1  valid, trusted signer, says ai-generated" in done.stdout
    assert "No certificate is trusted" not in done.stdout


def test_json_is_one_object(folder: Path) -> None:
    told = json.loads(run(folder, "--json").stdout)
    assert told["schema"] == "wellkeeper.marks/1"
    assert told["media"]["found"][0]["source_types"] == ["trainedAlgorithmicMedia"]


def test_a_corpus_without_marks_is_told_so_and_not_as_human(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "Plain text."}\n')
    done = run(tmp_path)
    assert "1 documents, none with a mark. That says nothing of who made them." in done.stdout


def test_certificates_that_are_none_are_a_message_and_exit_2(folder: Path) -> None:
    bad = folder / "bad.pem"
    bad.write_text("no certificate")
    done = run(folder, "--trust", bad)
    assert done.exit_code == 2
    assert "holds no certificate in PEM" in done.stderr
