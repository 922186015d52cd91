"""A run comes back from its folder to the last bit, or not at all; and no corpus is taken for a run."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.answers import FINISHES, Output
from wellkeeper.engine.store import sweep
from wellkeeper.errors import InputError
from wellkeeper.suites import run_files
from wellkeeper.suites.run import Answered, Run
from wellkeeper.suites.run_files import is_run, read_run, write_run

LOGS = Path(__file__).with_name("logs")

texts = st.text(max_size=12)  # with surrogates that stand alone, line ends of all kinds and nothing at all
finite = st.floats(allow_nan=False, width=64)
outputs = st.builds(
    Output,
    text=texts,
    finish=st.sampled_from(FINISHES),
    tokens=st.none() | st.integers(0, 9999),
    prompt_tokens=st.none() | st.integers(0, 9999),
    logprobs=st.none() | st.lists(finite, max_size=3).map(tuple),
    first_tokens=st.none() | st.dictionaries(texts, finite, max_size=2),
    seed=st.none() | st.integers(0, 2**31 - 1),
    milliseconds=st.floats(0, 1e6),
    note=texts,
)
prompts = st.none() | texts | st.lists(st.fixed_dictionaries({"role": texts, "content": texts}), max_size=2)


@st.composite
def answered(draw, name):
    given_outputs = tuple(draw(st.lists(outputs, min_size=1, max_size=3)))
    scored = draw(st.booleans())
    each = {"min_size": len(given_outputs), "max_size": len(given_outputs)}
    return Answered(
        name=name,
        prompt=draw(prompts),
        outputs=given_outputs,
        scores=tuple(draw(st.lists(st.none() | st.floats(0, 1), **each))) if scored else (),
        notes=tuple(draw(st.lists(texts, **each))) if scored else (),
        references=tuple(draw(st.lists(texts, max_size=2))),
        slices=draw(st.dictionaries(texts, texts, max_size=2)),
    )


@st.composite
def runs(draw):
    names = draw(st.lists(texts, min_size=1, max_size=3, unique=True))
    return Run(
        name=draw(texts),
        model=draw(texts),
        suite=draw(texts),
        items=tuple(draw(answered(name)) for name in names),
        metric=draw(texts),
        fingerprint=draw(texts),
        suite_digest=draw(texts),
        temperature=draw(st.none() | st.floats(0, 2)),
        seed_name=draw(texts),
        created=draw(texts),
        tool=draw(texts),
        notes=tuple(draw(st.lists(texts, max_size=2))),
    )


def small_run(items=3):
    return Run(
        name="v2",
        model="small",
        suite="demo",
        metric="exact",
        items=tuple(
            Answered(
                name=f"item {number}",
                prompt="Say é.",
                outputs=(Output(text="é", finish="stop"),),
                scores=(1.0,),
                notes=("é",),
            )
            for number in range(items)
        ),
    )


@pytest.fixture
def folder(tmp_path):
    write_run(small_run(), tmp_path / "run")
    return tmp_path / "run"


@given(run=runs())
def test_a_run_comes_back_from_its_folder_to_the_last_bit(run, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "round"
    write_run(run, folder)
    assert read_run(folder) == run
    assert is_run(folder)


def test_a_run_can_be_read_by_its_header_and_under_its_metric(folder):
    assert (
        read_run(folder / "run.json") == read_run(str(folder)) == read_run(f"{folder}#exact", metric="exact")
    )


def test_infinite_log_probabilities_and_mappings_that_cannot_be_copied_are_kept(tmp_path):
    output = Output(
        text="a", finish="stop", logprobs=(-math.inf,), first_tokens=MappingProxyType({"a": -math.inf})
    )
    run = replace(small_run(), items=(Answered(name="x", prompt=None, outputs=(output,)),))
    write_run(run, tmp_path)
    assert read_run(tmp_path) == run


def test_the_same_run_is_written_as_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_run(small_run(), tmp_path / name)
    for file in ("run.json", "answers.jsonl"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_writing_again_replaces_the_run_and_leaves_other_files(folder):
    (folder / "store.sqlite").write_text("mine")
    (folder / f".answers.jsonl.{'0' * 32}.tmp").write_text("of a killed run")
    write_run(small_run(5), folder)
    assert len(read_run(folder).items) == 5
    assert sorted(path.name for path in folder.iterdir()) == ["answers.jsonl", "run.json", "store.sqlite"]


def test_a_run_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written \(.*\)\. Give a folder of yours"):
        write_run(small_run(), tmp_path / "file")


def test_two_that_write_to_one_folder_are_told(folder, monkeypatch):
    told = run_files._told

    def told_while_another_begins(item):
        sweep(folder)
        return told(item)

    monkeypatch.setattr(run_files, "_told", told_while_another_begins)
    with pytest.raises(InputError, match=r"is being written by another command, too\. Wait for it"):
        write_run(small_run(5), folder)
    assert read_run(folder) == small_run()


@pytest.mark.parametrize("score", [1.5, -0.1, math.nan, math.inf])
def test_a_score_lies_between_0_and_1(score):
    with pytest.raises(InputError, match=r"has a score of .*Give one in \[0, 1\], or None"):
        Answered(name="x", prompt=None, outputs=(Output(text="", finish="empty"),), scores=(score,))


@pytest.mark.parametrize("temperature", [-1, math.nan, math.inf])
def test_a_temperature_is_a_number_of_0_or_more(temperature):
    with pytest.raises(InputError, match=r"has a temperature of .*Give a number of 0 or more, or None"):
        replace(small_run(), temperature=temperature)


# --- damage ------------------------------------------------------------------------------------------------------


def edited(path, before, after):
    path.write_bytes(path.read_bytes().replace(before, after))


def cut(path, end):
    path.write_bytes(path.read_bytes()[:end])


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda run: cut(run / "answers.jsonl", -10), r"answers\.jsonl, line 3: no item of a run \("),
        (
            lambda run: edited(run / "answers.jsonl", b'"scores": [1.0]', b'"scores": [0.5]'),
            "is not the file that",
        ),
        (
            lambda run: (run / "answers.jsonl").write_bytes(
                b"".join((run / "answers.jsonl").read_bytes().splitlines(keepends=True)[:2])
            ),
            r"has 2 lines, and run\.json says 3",
        ),
        (lambda run: (run / "answers.jsonl").write_bytes(b"\xff\xfe\n"), "line 1: no item of a run"),
        (lambda run: edited(run / "answers.jsonl", b'"stop"', b'"went"'), r"line 1: .*went is no way to end"),
        (lambda run: edited(run / "answers.jsonl", b'"prompt"', b'"Prompt"'), "line 1: .*no 'prompt'"),
        (lambda run: (run / "answers.jsonl").unlink(), r"answers\.jsonl cannot be read \(No such file"),
        (
            lambda run: edited(run / "answers.jsonl", b'"tokens": null', b'"tokens": "9"'),
            r"line 1: .*tokens is '9'",
        ),
        (
            lambda run: edited(run / "answers.jsonl", b'"scores": [1.0]', b'"scores": [NaN]'),
            r"line 1: .*has a score of nan\. Give one in \[0, 1\]",
        ),
        (
            lambda run: edited(run / "answers.jsonl", b'"scores": [1.0]', b'"scores": [1%s]' % (b"0" * 400)),
            "line 1: no item of a run",
        ),
        (
            lambda run: edited(run / "answers.jsonl", b'"Say \\u00e9."', b'[{"role": 1}]'),
            "line 1: .*the prompt is neither a text nor messages",
        ),
        (
            lambda run: (run / "answers.jsonl").write_bytes(b"[" * 100_000 + b"\n"),
            "line 1: no item of a run",
        ),
        (lambda run: (run / "run.json").write_bytes(b"[" * 100_000), r"run\.json: no JSON \("),
        (
            lambda run: edited(run / "run.json", b'"temperature": null', b'"temperature": "hot"'),
            r"no header of a run \(temperature is 'hot'\)",
        ),
        (
            lambda run: edited(run / "run.json", b'"temperature": null', b'"temperature": NaN'),
            r"run\.json: The run v2 has a temperature of nan",
        ),
        (
            lambda run: edited(run / "run.json", b'"notes": []', b'"notes": "abc"'),
            r"no header of a run \(notes is 'abc'\)",
        ),
        (lambda run: cut(run / "run.json", 40), r"run\.json, line \d: no JSON"),
        (lambda run: (run / "run.json").write_text(""), r"run\.json, line 1: no JSON"),
        (lambda run: (run / "run.json").write_text('["wellkeeper.run/1"]'), r"run\.json: no JSON object"),
        (
            lambda run: edited(run / "run.json", b'"seed_name"', b'"seed"'),
            r"no header of a run \(no 'seed_name'\)",
        ),
    ],
)
def test_a_run_that_was_cut_off_or_edited_is_a_run_and_is_not_read(folder, damage, says):
    damage(folder)
    assert is_run(folder)
    with pytest.raises(InputError, match=f"{says}.*write the run again"):
        read_run(folder)


def test_a_run_of_a_later_schema_asks_for_that_version(folder):
    edited(folder / "run.json", b"wellkeeper.run/1", b"wellkeeper.run/2")
    with pytest.raises(
        InputError, match=r"of schema wellkeeper\.run/2, and this version reads wellkeeper\.run/1\. Use"
    ):
        read_run(folder)


def test_a_metric_that_the_run_has_not_is_refused(folder):
    with pytest.raises(
        InputError, match=r"has no exacd to choose\. Did you mean exact\? Give one of its metrics: exact"
    ):
        read_run(f"{folder}#exacd")


def left_by_a_killed_writer(folder):
    if not (folder / "run.json").exists():
        return "nothing"
    try:
        return len(read_run(folder).items)
    except InputError as error:
        return "refused" if "write the run again" in str(error) else error


WRITER = """
import sys
sys.path[:0] = [{tests!r}]
from dataclasses import replace
from pathlib import Path
from test_run_files import small_run
from wellkeeper.suites.run_files import write_run
print("begun", flush=True)
while True:
    for items in (400, 900):
        write_run(small_run(items), Path({folder!r}))
"""


def test_a_writer_that_is_killed_leaves_a_whole_run_or_one_that_is_refused(tmp_path):
    folder = tmp_path / "run"
    program = WRITER.format(tests=str(Path(__file__).parent), folder=str(folder))
    for pause in (0.05, 0.11):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(pause)
            writer.send_signal(signal.SIGKILL)
        assert left_by_a_killed_writer(folder) in {"nothing", "refused", 400, 900}
    write_run(small_run(), folder)
    assert read_run(folder) == small_run()
    assert sorted(path.name for path in folder.iterdir()) == ["answers.jsonl", "run.json"]


# --- what is a run -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "log",
    [
        "lm_eval/before",
        "lm_eval/before/smollm2-135m-instruct",
        "lm_eval/before#capitals",
        "inspect/before.eval",
        "inspect/seeded.json",
        "inspect",
        "promptfoo/before.json",
        "promptfoo/two-by-two.json#broken",
    ],
)
def test_logs_of_other_tools_are_runs(log):
    assert is_run(LOGS / log)
    assert is_run(str(LOGS / log))


def test_each_file_of_an_lm_eval_folder_is_a_run_of_its_own():
    for path in (LOGS / "lm_eval" / "before").rglob("*.json*"):
        assert is_run(path), path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("part-00000.jsonl", '{"text": "a"}\n'),
        ("samples_of_text.jsonl", '{"text": "a"}\n'),
        ("samples.jsonl", '{"doc_id": 1, "doc": "a document"}\n'),
        ("run.json", '{"text": "a run"}\n'),
        ("run.json", '{"text": "a wellkeeper.run/1"}\n'),
        ("scores.eval", "0.5 of all\n"),
        ("results.json", '{"results": [1, 2]}\n'),
        ("results_1.json", '{"results": {}}\n'),
        ("texts.json", '[{"text": "a"}]'),
        ("one.json", '{"version": 2, "text": "a"}'),
        ("archive.zip", "PK\x03\x04"),
        ("empty.jsonl", ""),
        ("note.txt", "evalId results samples"),
    ],
)
def test_a_corpus_is_no_run(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / name).write_text(content)
    assert not is_run(tmp_path)
    assert not is_run(tmp_path / name) or name.endswith(".eval")  # which, if named itself, is a damaged log


def test_a_corpus_of_files_that_are_named_as_ours_is_no_run(tmp_path):
    (tmp_path / "run.json").write_text('{"text": "a run"}')
    (tmp_path / "answers.jsonl").write_text('{"question": "Why?", "answer": "So."}\n')
    assert not is_run(tmp_path)
    assert not is_run(tmp_path / "run.json")


@pytest.mark.parametrize(
    "path",
    ["absent", "absent#task", "a*.jsonl", "s3://bucket/results", "#", "a\0b", "a\0b#c", "x" * 9999, "~"],
)
def test_what_is_not_there_is_no_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not is_run(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo") or os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_no_run(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    tmp_path.chmod(0)
    try:
        assert not is_run(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_pipe_is_no_run_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "samples_x_2026-01-01T00-00-00.jsonl")
    assert not is_run(tmp_path)


def test_a_number_sign_in_a_name_belongs_to_the_name(tmp_path):
    write_run(small_run(), tmp_path / "run#2")
    assert read_run(tmp_path / "run#2#exact") == small_run()


def test_choices_without_a_path_do_not_stand_for_the_current_folder(tmp_path, monkeypatch):
    write_run(small_run(), tmp_path)
    monkeypatch.chdir(tmp_path)
    assert is_run(".")
    assert not is_run("#exact")


SOME_LOGS = [
    "lm_eval/choice/dummy/samples_colours_choice_2026-11-22T03-19-32.323706.jsonl",
    "inspect/failed.eval",
    "inspect/seeded.json",
    "promptfoo/two-by-two.json#broken#prompt 1",
]


@pytest.mark.parametrize("log", SOME_LOGS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_log_with_any_bytes_changed_is_read_or_refused(log, data, tmp_path_factory):
    name, *choice = log.split("#", 1)
    content = bytearray((LOGS / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / Path(name).name
    path.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2]))])
    try:
        run = read_run("#".join([str(path), *choice]))
    except InputError as error:
        assert str(error).startswith(str(path))  # noqa: PT017  either is right
    else:
        assert run.items


def test_where_there_is_no_run_the_message_says_what_was_looked_for(tmp_path):
    with pytest.raises(
        InputError, match=r"does not exist\. Give the path of a run: a folder of `wellkeeper ask`"
    ):
        read_run(tmp_path / "absent")
    with pytest.raises(
        InputError, match=r"holds no run; looked for .*promptfoo's JSON\. Give the path of one"
    ):
        read_run(tmp_path)
    (tmp_path / "results_2026-11-22T03-19-32.json").write_text(json.dumps({"results": {}}))
    with pytest.raises(InputError, match="writes answers only with --log_samples: evaluate again with it"):
        read_run(tmp_path)
