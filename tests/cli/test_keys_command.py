"""`wellkeeper keys`: what it writes, what it says, and what it refuses."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wellkeeper.cli.main import cli
from wellkeeper.ledger.signature import PASSPHRASE, SigningKey, VerifyKey


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["keys", *map(str, arguments)])


@pytest.fixture(autouse=True)
def _no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE, raising=False)


def test_a_new_pair_is_written_and_told_what_to_do_with(tmp_path: Path) -> None:
    done = run("new", "lake", "--out", tmp_path / "keys")
    assert (done.exit_code, done.stderr) == (0, "")
    private, public = tmp_path / "keys" / "lake.key", tmp_path / "keys" / "lake.pub"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    keyid = VerifyKey.load(public).keyid
    for said in (
        f"private: {private} (not encrypted",
        f"keyid:   {keyid}",
        "Keep lake.key to yourself",
        "Give lake.pub to those who verify",
        f"wellkeeper verify OUT --key {public}",
    ):
        assert said in done.stdout
    assert private.read_text() not in done.stdout


def test_a_pair_is_never_overwritten(tmp_path: Path) -> None:
    run("new", "lake", "--out", tmp_path)
    before = (tmp_path / "lake.key").read_bytes()
    done = run("new", "lake", "--out", tmp_path)
    assert done.exit_code == 2
    assert "lake.key is there already, and a key is never overwritten. Choose another name." in done.stderr
    assert (tmp_path / "lake.key").read_bytes() == before


def test_with_a_passphrase_the_private_key_is_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSPHRASE, "heron")
    told = json.loads(run("new", "lake", "--out", tmp_path, "--kind", "p256", "--json").stdout)
    assert (told["schema"], told["kind"], told["encrypted"]) == ("wellkeeper.keys/1", "p256", True)
    assert SigningKey.load(tmp_path / "lake.key").keyid == told["keyid"]


def test_both_halves_show_the_same_id(tmp_path: Path) -> None:
    keyid = json.loads(run("new", "lake", "--out", tmp_path, "--json").stdout)["keyid"]
    for name in ("lake.key", "lake.pub"):
        assert run("show", tmp_path / name).stdout == f"kind:  ed25519\nkeyid: {keyid}\n"
    done = run("show", tmp_path / "none.pub")
    assert done.exit_code == 2
    assert "none.pub is missing. Give the path of a key, or make one" in done.stderr


def test_a_folder_is_signed_and_an_exposed_key_warned_of(tmp_path: Path) -> None:
    pytest.importorskip("model_signing")
    run("new", "lake", "--out", tmp_path, "--kind", "p256")
    (tmp_path / "lake.key").chmod(0o644)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.txt").write_text("a")
    done = run("sign-folder", tmp_path / "set", "--key", tmp_path / "lake.key")
    assert done.exit_code == 0
    assert "lake.key can be read by others (mode 0644). Close it: chmod 600" in done.stderr
    assert f"signature: {tmp_path / 'set.sig'}" in done.stdout
    assert "verify: model_signing verify key" in done.stdout
    assert (tmp_path / "set.sig").exists()


def test_a_public_key_in_the_place_of_a_private_one_is_not_warned_of(tmp_path: Path) -> None:
    run("new", "lake", "--kind", "p256", "--out", tmp_path)
    (tmp_path / "set").mkdir()
    done = run("sign-folder", tmp_path / "set", "--key", tmp_path / "lake.pub")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "lake.pub holds no private key" in done.stderr


def test_a_folder_without_files_is_not_signed(tmp_path: Path) -> None:
    run("new", "lake", "--kind", "p256", "--out", tmp_path)
    (tmp_path / "set" / "deep").mkdir(parents=True)
    done = run("sign-folder", tmp_path / "set", "--key", tmp_path / "lake.key")
    assert done.exit_code == 2
    assert "set holds no file, and a signature over nothing says nothing. Give another folder." in done.stderr
    assert not (tmp_path / "set.sig").exists()


@pytest.mark.parametrize("given", [["--key", "lake.key"], ["--set", "sign.key=lake.key"]])
def test_curate_warns_of_a_key_that_others_can_read_and_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run("new", "lake")
    (tmp_path / "a.jsonl").write_text('{"text": "The heron stood in the shallow water."}\n')
    (tmp_path / "r.yaml").write_text("wellkeeper: 1\nsources: {a: {path: a.jsonl, text: text}}\nsteps: []\n")
    curate = ["curate", "r.yaml", "--dry-run", "-q", *given]
    quiet = CliRunner().invoke(cli, curate)
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    (tmp_path / "lake.key").chmod(0o640)
    warned = CliRunner().invoke(cli, curate)
    assert warned.exit_code == 0
    assert warned.stderr.endswith(
        "lake.key can be read by others (mode 0640). Close it: chmod 600 lake.key\n"
    ) or (f"chmod 600 {tmp_path / 'lake.key'}" in warned.stderr)
    (tmp_path / "lake.key").unlink()
    missing = CliRunner().invoke(cli, curate)
    assert (missing.exit_code, missing.stderr.count("lake.key is missing")) == (2, 1)


def test_a_recipe_that_holds_the_key_itself_is_refused_without_repeating_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pem = SigningKey.new().to_pem().decode()
    recipe = {"wellkeeper": 1, "sources": {"a": {"path": "a.jsonl"}}, "steps": [], "sign": {"key": pem}}
    (tmp_path / "r.yaml").write_text(json.dumps(recipe))
    done = CliRunner().invoke(cli, ["curate", "r.yaml"])
    assert done.exit_code == 2
    assert "sign.key holds a key itself. Keep it out of the recipe: give env:NAME" in done.stderr
    done = CliRunner().invoke(cli, ["curate", "r.yaml", "--key", pem])
    assert (done.exit_code, pem.splitlines()[1] in done.output) == (2, False)
    assert pem.splitlines()[1] not in done.output
