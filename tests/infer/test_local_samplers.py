"""A model in this process gives what it gives over HTTP, and a recording gives what was recorded."""

import json

import pytest
from language_model_files import needs_lm, smollm2

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.infer.local import FunctionSampler, GgufSampler
from wellkeeper.infer.recording import Recorder, Replay
from wellkeeper.infer.sampling import Item, collect

CHAT = [{"role": "user", "content": "Name a colour."}]
ITEMS = [Item(name="text", prompt="a\u2028b"), Item(name="chat", prompt=CHAT)]


@pytest.fixture(scope="module")
def gguf():
    sampler = GgufSampler(smollm2(), tokens=6, context=128)
    yield sampler
    sampler.close()


@needs_lm
def test_a_gguf_file_answers_by_seed_with_log_probabilities(gguf):
    first, second = gguf.sample(CHAT, 2, 1.0, 4, True)
    assert gguf.sample(CHAT, 1, 1.0, 4, True, first=1)[0].text == second.text
    assert len(first.logprobs) == first.tokens <= 6
    assert len(first.first_tokens) == 20
    assert max(first.first_tokens.values()) >= first.logprobs[0]
    assert first.prompt_tokens > 5
    assert first.seed != second.seed


@needs_lm
def test_a_text_is_a_message_to_a_model_that_chats(gguf):
    (text,), (chat,) = gguf.sample("Name a colour.", seed=2), gguf.sample(CHAT, seed=2)
    assert (text.text, text.prompt_tokens) == (chat.text, chat.prompt_tokens)


@needs_lm
def test_a_prompt_longer_than_the_context_is_an_error_and_not_the_end(gguf):
    (output,) = gguf.sample("word " * 500)
    assert output.finish == "error"
    assert "context" in output.note
    assert gguf.sample("Hello")[0].finish in {"stop", "length"}


@needs_lm
def test_the_fingerprint_hangs_on_weights_engine_and_context(gguf):
    other = GgufSampler(smollm2(), tokens=6, context=64)
    try:
        assert other.fingerprint != gguf.fingerprint
        assert len(gguf.fingerprint) == 64
    finally:
        other.close()


def test_what_is_no_model_is_refused(tmp_path):
    pytest.importorskip("gguf")
    (tmp_path / "model.gguf").write_text("no")
    with pytest.raises(InputError, match="is no GGUF file, or is cut off"):
        GgufSampler(tmp_path / "model.gguf")


# --- recordings -----------------------------------------------------------------------------------------


def answering(version="1"):
    return FunctionSampler(
        lambda prompt, *, temperature, seed: f"{seed} {temperature}", version=version, at_once=3
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.jsonl"


def test_a_replay_gives_what_was_recorded_to_the_last_field(path):
    recorded = collect(Recorder(answering(), path), ITEMS, run="x", n=3)
    replay = Replay(path)
    assert collect(replay, ITEMS, run="x", n=3) == recorded
    assert collect(replay, ITEMS[::-1], run="x", n=2) == [outputs[:2] for outputs in recorded[::-1]]
    assert replay.fingerprint == answering().fingerprint


def test_log_probabilities_are_recorded(path):
    class Telling:
        fingerprint, tokens, at_once = "telling", 5, 1

        def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
            return [
                Output(
                    text="é",
                    finish="stop",
                    tokens=2,
                    logprobs=(-0.1, -1e-300),
                    first_tokens={"é": -0.1, "\u2028": -2.0},
                    seed=1,
                    milliseconds=0.1,
                )
            ]

        def stop(self):
            pass

    recorded = Recorder(Telling(), path).sample("a", logprobs=True)
    assert Replay(path).sample("a", logprobs=True) == recorded


@pytest.mark.parametrize(
    "change", [{"temperature": 0.5}, {"run": "y"}, {"n": 4}], ids=["temperature", "run", "sample"]
)
def test_what_was_not_recorded_is_not_made_up(path, change):
    collect(Recorder(answering(), path), ITEMS, run="x", n=3)
    with pytest.raises(
        InputError, match=r"has no sample \d of this prompt with .*\. Record it, or replay with"
    ):
        collect(Replay(path), ITEMS, **{"run": "x", "n": 3, **change})


def test_a_recording_is_of_one_model(path):
    for version in "12":
        Recorder(answering(version), path).sample("a")
    with pytest.raises(InputError, match=r"holds answers of 2 models or lengths, and a replay is of one\."):
        Replay(path)


@pytest.mark.parametrize(
    "line", ['{"model": "a", "pro', "[]", "{}", "\udcff"], ids=["torn", "list", "empty", "bytes"]
)
def test_a_line_that_is_no_answer_is_told_with_its_number(path, line):
    Recorder(answering(), path).sample("a", 2)
    with path.open("ab") as file:
        file.write(line.encode(errors="surrogateescape"))
    with pytest.raises(
        InputError, match=r"answers\.jsonl, line 3: no recorded answer .* delete it, or record again\."
    ):
        Replay(path)


@pytest.mark.parametrize(("name", "value"), [("finish", "done"), ("mood", "good")])
def test_a_field_that_nobody_knows_is_told(path, name, value):
    Recorder(answering(), path).sample("a")
    entry = json.loads(path.read_text())
    entry["output"][name] = value
    path.write_text(json.dumps(entry))
    with pytest.raises(InputError, match="line 1: no recorded answer"):
        Replay(path)


def test_a_recording_that_is_not_there_is_told(path):
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\)\. Give the path"):
        Replay(path)
