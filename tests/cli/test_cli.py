"""The command line's manners: exit codes, streams, messages, and how it stops."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import corpora
import pytest
from click.testing import CliRunner

from wellkeeper.cli.main import cli
from wellkeeper.recipe import corpus as recipe_corpus

HEAVY = (
    "numpy",
    "pyarrow",
    "numba",
    "duckdb",
    "torch",
    "pydantic",
    "rich",
    "jinja2",
    "yaml",
    "fsspec",
    "scipy",
)


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "wellkeeper", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "100", **environment},
        check=False,
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return corpora.write(tmp_path_factory.mktemp("cli") / "corpus", corpora.rows(200, seed=1))


@pytest.mark.parametrize(
    "arguments", [["--help"], ["audit", "--help"], ["curate", "-h"], ["why", "-h"], ["--version"]]
)
def test_help_loads_nothing_heavy(arguments):
    code = (
        "import sys\nfrom wellkeeper.cli.main import cli\n"
        f"try:\n    cli({arguments!r}, prog_name='wellkeeper')\nexcept SystemExit as stop:\n    assert not stop.code\n"
        f"print(sorted(set(sys.modules) & set({HEAVY!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_audit_prints_to_stdout_alone_and_exits_1_with_findings(corpus, tmp_path):
    done = run("audit", corpus, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr == ""
    assert "report.html" in done.stdout
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    assert json.loads((tmp_path / "out" / "report.json").read_text())["inputs"]["documents"] == 200


def test_json_is_one_object_and_nothing_else(corpus, tmp_path):
    done = run("audit", corpus, "--out", tmp_path, "--json")
    assert json.loads(done.stdout)["schema"] == "wellkeeper.audit/1"
    assert done.stderr == ""


def test_quiet_prints_nothing_and_exit_zero_exits_0(corpus, tmp_path):
    done = run("audit", corpus, "--out", tmp_path, "-q", "--exit-zero")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_options_can_be_set_by_variables(corpus, tmp_path):
    done = run("audit", corpus, WELLKEEPER_AUDIT_OUT=str(tmp_path / "set"), WELLKEEPER_AUDIT_QUIET="1")
    assert done.stdout == ""
    assert (tmp_path / "set" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["audit", "no/such/path"], "no/such/path"),
        (["curate", "no-such-recipe.yaml"], "no-such-recipe.yaml"),
        (["why", "no-such-folder", "a"], "no-such-folder"),
    ],
)
def test_what_cannot_run_exits_2_with_one_message_and_a_next_step(arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("wellkeeper: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.rstrip().endswith((".", "`"))


def test_ctrl_c_leaves_a_state_to_go_on_from_and_says_so(tmp_path):
    corpus = corpora.write(tmp_path / "corpus", corpora.rows(1000, seed=2))
    out = tmp_path / "out"
    command = [sys.executable, "-m", "wellkeeper", "audit", str(corpus), "--out", str(out), "-q"]
    small = {**os.environ, "WELLKEEPER_BLOCK_BYTES": "10000"}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=small)
    while not list(out.rglob("block-*.parquet")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again" in errors
    assert "Traceback" not in errors
    before = set(out.rglob("block-*.parquet"))
    assert before
    stamps = {path: path.stat().st_mtime_ns for path in before}
    subprocess.run(command, check=False, env=small)
    assert json.loads((out / "report.json").read_text())["inputs"]["documents"] == 1000
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items()), (
        "done blocks are not done again"
    )


def test_a_full_disk_is_a_message_not_a_traceback(corpus, tmp_path, monkeypatch):
    import wellkeeper.engine.sidecar as sidecar

    def full(path, data):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(sidecar, "write_atomic", full)
    done = CliRunner().invoke(cli, ["audit", str(corpus), "--out", str(tmp_path / "out"), "--workers", "1"])
    assert done.exit_code == 2
    assert "No space left on device. Free space or fix access" in done.stderr


def test_a_variable_that_is_no_number_is_named(corpus, tmp_path):
    done = run("audit", corpus, "--out", tmp_path / "out", WELLKEEPER_BLOCK_BYTES="lots")
    assert done.returncode == 2
    assert done.stderr.startswith("wellkeeper: WELLKEEPER_BLOCK_BYTES is 'lots'. Give a number of bytes")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell):
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert "_WELLKEEPER_COMPLETE" in done.output


def test_steps_and_schema_are_json_on_demand():
    steps = json.loads(CliRunner().invoke(cli, ["steps", "--json"]).output)["steps"]
    assert steps["near-duplicates.v1"]["similarity"] == 0.8
    assert {"quality.v1", "exact-duplicates.v1", "artefacts.v1", "origin.v1"} <= set(steps)
    assert json.loads(CliRunner().invoke(cli, ["schema"]).output)["title"]


@pytest.mark.parametrize(
    "document", sorted(Path(recipe_corpus.__file__).parent.glob("*.schema.json")), ids=lambda p: p.name
)
def test_every_schema_that_is_shipped_can_be_printed(document):
    done = CliRunner().invoke(cli, ["schema", document.name.partition(".")[0]])
    assert done.exit_code == 0
    assert json.loads(done.output) == json.loads(document.read_text())
