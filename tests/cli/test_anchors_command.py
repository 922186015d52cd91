"""`wellkeeper anchors build`, as a person meets it: what it prints, where, with which exit code, and how it goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from anchor_texts import Style, archive, by_model, write
from click.testing import CliRunner

from wellkeeper.cli.main import cli
from wellkeeper.origin.anchors import AnchorPack

COMMAND = [sys.executable, "-m", "wellkeeper", "anchors", "build"]


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("wellkeeper.origin.style.load_model", Style)
    write(tmp_path / "human.jsonl", archive("human", 80, board=lambda row: "ab"[row % 2], date="2012-05-06"))
    write(tmp_path / "ai.jsonl", by_model(archive("ai", 70, board=lambda row: "ab"[row % 2])))
    return lambda *arguments: CliRunner().invoke(cli, ["anchors", "build", *map(str, arguments)])


# --- what is printed ------------------------------------------------------------------------------------


def test_a_build_tells_slice_by_slice_what_it_has_and_what_to_do_next(build) -> None:
    done = build("--human", "human.jsonl", "--ai", "ai.jsonl", "--slice", "board")
    assert done.stdout.splitlines() == [
        "human references, human: text column: 'text' (guessed from 3 columns; --text COL overrides)",
        "human references, human: date column: 'date' (guessed; --date COL overrides)",
        "AI references, ai: text column: 'text' (guessed from 2 columns; --text COL overrides)",
        "a: 40 human references, dated 2012-05-06; 35 AI references; AUROC of the score 1.00 (0.95 to 1.00)",
        "b: 40 human references, dated 2012-05-06; 35 AI references; AUROC of the score 1.00 (0.95 to 1.00)",
        (
            "warning few-human-references, a: 40 human references: intervals will be wide. Add 10 or more, so that "
            "there are at least 50."
        ),
        (
            "warning few-ai-references, a: 35 AI references: intervals will be wide. Add 15 or more, so that there are "
            "at least 50."
        ),
        (
            "warning few-human-references, b: 40 human references: intervals will be wide. Add 10 or more, so that "
            "there are at least 50."
        ),
        (
            "warning few-ai-references, b: 35 AI references: intervals will be wide. Add 15 or more, so that there are "
            "at least 50."
        ),
        "anchors: anchors.json",
        "next: wellkeeper audit CORPUS --anchors anchors.json",
    ]
    assert (done.exit_code, done.stderr) == (0, "")
    assert set(AnchorPack.load("anchors.json", style_model="made").slices) == {"a", "b"}


def test_without_ai_references_it_says_what_they_would_gain(build) -> None:
    done = build("--human", "human.jsonl", "--out", "my anchors.json")
    assert done.stdout.splitlines()[2:] == [
        "all: 80 human references, dated 2012-05-06; no AI references",
        "anchors: my anchors.json",
        "next: intervals get much narrower with AI references: --ai PATH or --generate-with ENDPOINT",
        "next: wellkeeper audit CORPUS --anchors 'my anchors.json'",
    ]


def test_suspects_are_listed_below_the_warning(build, tmp_path) -> None:
    write(tmp_path / "mixed.jsonl", [*archive("human", 80), *by_model(archive("smuggled", 12))])
    lines = build("--human", "mixed.jsonl").stdout.splitlines()
    (at,) = [
        number for number, line in enumerate(lines) if line.startswith("warning contaminated, all: About 1")
    ]
    listed = lines[at + 1 : at + 6]
    assert all(line.startswith("  mixed.jsonl:") and int(line.rpartition(":")[2]) > 80 for line in listed)


def test_names_that_would_act_on_a_terminal_are_written_out(build, tmp_path) -> None:
    write(tmp_path / "h.jsonl", archive("h", 60, board="a\x1b[31m\u202e\nb"))
    done = build("--human", "h.jsonl", "--slice", "board")
    assert "a[U+001B][31m[U+202E] b: 60 human references, undated; no AI references" in done.stdout
    assert "\x1b" not in done.stdout


def test_json_is_the_pack_and_nothing_else(build) -> None:
    done = build("--human", "human.jsonl", "--ai", "ai.jsonl", "--json")
    assert json.loads(done.stdout) == json.loads(Path("anchors.json").read_text())
    assert done.stderr == ""


def test_quiet_prints_nothing(build) -> None:
    done = build("--human", "human.jsonl", "-q")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    assert Path("anchors.json").exists()


def test_the_same_command_writes_the_same_bytes(build) -> None:
    assert build("--human", "human.jsonl", "--ai", "ai.jsonl").exit_code == 0
    first = Path("anchors.json").read_bytes()
    Path("anchors.json").unlink()
    assert build("--human", "human.jsonl", "--ai", "ai.jsonl").exit_code == 0
    assert Path("anchors.json").read_bytes() == first


def test_a_terminal_gets_a_table_and_wrapped_warnings(build, monkeypatch) -> None:
    from rich.console import Console

    import wellkeeper.cli.anchors as verb

    monkeypatch.setattr(verb, "console", lambda: Console(force_terminal=True, width=70, color_system=None))
    lines = build("--human", "human.jsonl", "--ai", "ai.jsonl", "--slice", "board").stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("slice"))
    assert [line.split() for line in lines[at : at + 2]] == [
        ["slice", "human", "AI", "human", "ones", "dated", "AUROC", "of", "the", "score"],
        ["a", "40", "35", "2012-05-06", "1.00", "(0.95", "to", "1.00)"],
    ]
    assert "warning few-human-references  a" in lines
    assert all(len(line) <= 70 or line.startswith("next") for line in lines)
    assert lines[-1] == "next: wellkeeper audit CORPUS --anchors anchors.json"


# --- what cannot run ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--human", "humans.jsonl"], "humans.jsonl does not exist. Did you mean 'human.jsonl' or"),
        (["--human", "human.jsonl", "--ai", "no/such"], "no/such does not exist."),
        (["--human", "torn.parquet"], "torn.parquet"),
        (["--human", "human.jsonl", "--slice", "boards"], "There is no column 'boards' for the source;"),
        (["--human", "human.jsonl", "--generate-with", "http://localhost:1"], "Give it with --model NAME."),
        (["--human", "human.jsonl", "--generate-with", "models", "--model", "m"], "models is no http or https address."),
        (["--human", "human.jsonl", "--per-slice", "5"], "--per-slice is 5; fewer than 25 tell nothing."),
        (["--human", "few.jsonl"], "'all' has 9 and needs 16 more."),
        (["--human", "human.jsonl", "--generate-with", "http://a.org", "--model", "m", "--prompts", "p.yaml"],
         "p.yaml has no list `prompts`. Give one with a name and steps for each prompt."),
    ],
)  # fmt: skip
def test_what_cannot_run_exits_2_with_one_message_and_a_next_step(
    build, tmp_path, arguments, says: str
) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "p.yaml").write_text("prompt: {}\n")
    write(tmp_path / "few.jsonl", archive("few", 9))
    done = build(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("wellkeeper: ")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.rstrip().endswith((".", "`"))
    assert not Path("anchors.json").exists()


def test_a_missing_option_is_a_usage_error(build) -> None:
    done = build()
    assert done.exit_code == 2
    assert "Missing option '--human'" in done.stderr


def test_a_pack_that_cannot_be_used_is_an_error_of_the_audit(build, tmp_path) -> None:
    (tmp_path / "anchors.json").write_text('{"schema": "wellkeeper.anchors/1"}')
    done = CliRunner().invoke(cli, ["audit", "human.jsonl", "--anchors", "anchors.json", "--out", "audit"])
    assert done.exit_code == 2
    assert "anchors.json is no whole anchor pack: style_model: Field required" in done.stderr
    assert "Build it again: wellkeeper anchors build --human PATH." in done.stderr


def test_help_of_the_group_and_of_build_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom wellkeeper.cli.main import cli\n"
        "for arguments in (['anchors', '-h'], ['anchors', 'build', '-h']):\n"
        "    try:\n        cli(arguments, prog_name='wellkeeper')\n"
        "    except SystemExit as stop:\n        assert not stop.code\n"
        "print(sorted(set(sys.modules) & {'numpy', 'pyarrow', 'numba', 'pydantic', 'rich', 'yaml', 'urllib.request'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_schema_of_packs_is_printed() -> None:
    printed = json.loads(CliRunner().invoke(cli, ["schema", "anchors"]).stdout)
    assert printed["title"] == "wellkeeper anchor pack"


# --- how it goes on -------------------------------------------------------------------------------------


def started(server, folder: Path) -> subprocess.Popen:
    write(folder / "human.jsonl", archive("human", 60))
    arguments = ["--human", "human.jsonl", "--generate-with", server.url, "--model", "small", "-q"]
    return subprocess.Popen(
        [*COMMAND, *arguments], cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ}
    )


def wait_for(condition, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


@pytest.mark.slow
def test_after_kill_9_the_same_command_goes_on_and_makes_the_same_pack(server, tmp_path) -> None:
    server.exactly(*[{}] * 25, {"wait": 60})  # so many answers come quickly, then the server hangs
    process = started(server, tmp_path)
    wait_for(lambda: len(server.requests()) >= 25 + 4, process)
    process.kill()
    process.communicate(timeout=30)
    assert not (tmp_path / "anchors.json").exists()
    asked = [json.dumps(request["asked"]) for request in server.requests()]
    kept = (tmp_path / "anchors.json.answers").read_bytes()
    assert kept.count(b"\n") >= 20
    (tmp_path / "anchors.json.answers").write_bytes(kept[:-7])  # as if the last line had not reached the disk

    server.always()
    again = started(server, tmp_path)
    assert again.communicate(timeout=60)[1] == ""
    assert again.returncode == 0
    twice = {json.dumps(request["asked"]) for request in server.requests()} & set(asked)
    assert len(twice) <= 4 + 1  # those under way when it was killed, and the torn one

    elsewhere = tmp_path / "whole"
    whole = started(server, elsewhere)
    whole.communicate(timeout=60)
    assert (elsewhere / "anchors.json").read_bytes() == (tmp_path / "anchors.json").read_bytes()


def test_ctrl_c_stops_at_once_even_if_the_server_does_not_answer_and_says_how_to_go_on(
    server, tmp_path
) -> None:
    server.plan(*[{}] * 10, {"wait": 40}, {"wait": 40}, {"wait": 40}, {"wait": 40})
    process = started(server, tmp_path)
    wait_for(lambda: len(server.requests()) >= 14, process)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=30)[1]
    assert time.monotonic() - begun < 15
    assert process.returncode == 130
    assert errors.strip() == "wellkeeper: stopped. What is done is kept: run the same command again to go on."
    assert (tmp_path / "anchors.json.answers").read_bytes().count(b"\n") == 10


@pytest.mark.slow
def test_an_endpoint_that_is_down_is_one_message(tmp_path) -> None:
    write(tmp_path / "human.jsonl", archive("human", 60))
    arguments = ["--human", "human.jsonl", "--generate-with", "http://127.0.0.1:9", "--model", "small"]
    done = subprocess.run([*COMMAND, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "wellkeeper: http://127.0.0.1:9/v1/chat/completions gave no answer in 3 tries ("
    )
    assert done.stderr.endswith(
        "check the address and the server, then run the same command again to go on.\n"
    )
