"""What inspect logged is what the run has, from ZIP and from JSON, and logs that ended badly are told."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from wellkeeper.errors import InputError
from wellkeeper.suites.imports import inspect
from wellkeeper.suites.run_files import is_run, read_run

LOGS = Path(__file__).with_name("logs") / "inspect"


@pytest.mark.parametrize(("log", "accuracy"), [("before.eval", 0.75), ("after.eval", 0.25)])
def test_the_mean_score_is_the_figure_that_inspect_gives(log, accuracy):
    """The figures are those of the headers, which inspect's own `read_eval_log` gives."""
    run = read_run(LOGS / log)
    assert run.metric == "includes"
    assert sum(item.score for item in run.items) / len(run.items) == accuracy
    assert read_run(LOGS / log, metric="exact").items[0].score == 0


def test_epochs_are_answers_to_one_item_in_the_order_of_the_data_set():
    run = read_run(LOGS / "before.eval")
    assert [item.name for item in run.items] == (
        "france germany italy spain japan china russia egypt greece austria poland portugal".split()
    )
    assert {len(item.outputs) for item in run.items} == {2}
    assert (run.model, run.suite) == ("openai-api/smol/smollm2-135m-instruct", "capitals")
    assert (run.temperature, run.created, run.tool) == (
        1.0,
        "2026-11-22T03:19:39+00:00",
        "inspect-ai 0.3.285",
    )


def test_an_answer_has_its_end_its_tokens_and_its_time():
    item = read_run(LOGS / "before.eval").items[0]
    assert (item.prompt, item.references) == ("What is the capital of France?", ("Paris",))
    first, second = item.outputs
    assert (first.finish, first.tokens, first.prompt_tokens) == ("length", 16, 26)
    assert (second.finish, second.tokens, second.text) == ("stop", 8, "Paris is the capital of France.")
    assert first.milliseconds == 345.518
    assert item.notes[1] == "paris is the capital of france."


def test_seed_and_log_probabilities_are_kept_and_copies_are_told():
    run = read_run(LOGS / "seeded.json")
    output = run.items[0].outputs[0]
    assert (run.seed_name, output.seed, len(output.logprobs)) == ("seed 11", 11, 4)
    assert output.first_tokens["The"] == output.logprobs[0] == -0.723055899143219
    assert run.notes[-1].startswith(
        "All answers to an item are equal, in all 2 items, at temperature 1: inspect sends"
    )


def test_a_sample_that_failed_has_no_answer_and_no_score():
    run = read_run(LOGS / "failed.eval")
    assert (run.metric, run.items[0].scores) == ("", ())
    assert [output.finish for output in run.items[0].outputs] == ["error", "error"]
    assert "APIConnectionError" in run.items[0].outputs[0].note
    assert run.notes[0] == "6 samples failed: they have no answer, and their score is unknown."
    assert not any("are equal" in note for note in run.notes)


def test_a_sample_that_is_cut_into_a_folder_is_whole():
    (item,) = read_run(LOGS / "chunked.eval").items
    assert (item.name, item.references, item.score) == ("story", ("north",), 1.0)
    assert item.prompt.endswith("Where does the lake lie?")


def test_a_folder_of_several_logs_asks_for_one_by_name():
    with pytest.raises(
        InputError, match=r"holds 4 logs: after\.eval, .*Choose one after the path: '.*inspect#after\.eval'"
    ):
        read_run(LOGS)
    assert read_run(f"{LOGS}#before.eval#exact").metric == "exact"


def test_a_json_log_in_a_folder_is_known_by_its_dated_name(tmp_path):
    shutil.copy(
        LOGS / "seeded.json", tmp_path / "2026-11-22T03-20-03-00-00_capitals_YCamTZcgwXKs6JRLGBBkka.json"
    )
    assert read_run(tmp_path).items == read_run(LOGS / "seeded.json").items


def test_a_score_that_the_log_has_not_is_refused():
    with pytest.raises(
        InputError, match=r"has no include to choose\. Did you mean includes\? .*metrics: includes, exact\."
    ):
        read_run(LOGS / "before.eval", metric="include")


# --- made from the real ones -------------------------------------------------------------------------------------


def changed_log(path, change):
    """The JSON log with each sample, or the whole, changed."""
    content = json.loads((LOGS / "seeded.json").read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def with_values(*values, name="grade"):
    def change(content):
        for number, (sample, value) in enumerate(zip(content["samples"], values, strict=True)):
            sample.update(id=number, epoch=1, scores={name: {"value": value}})

    return change


def scores(run):
    return [score for item in run.items for score in item.scores]


def test_letters_words_and_numbers_are_scores_as_inspect_counts_them(tmp_path):
    log = tmp_path / "log.json"
    assert scores(read_run(changed_log(log, with_values("C", "I", "P", "N")))) == [1.0, 0.0, 0.5, 0.0]
    assert scores(read_run(changed_log(log, with_values("yes", "No", True, 0.25)))) == [1.0, 0.0, 1.0, 0.25]
    unscored = float("nan")
    assert scores(read_run(changed_log(log, with_values("1", unscored, "A", "0.5")))) == [
        1.0,
        None,
        None,
        0.5,
    ]


def test_a_score_of_several_values_is_chosen_by_both_names(tmp_path):
    values = [{"right": 1, "length": 300}, {"right": 0, "length": 3}] * 2
    run = read_run(changed_log(tmp_path / "log.json", with_values(*values, name="rubric")))
    assert (run.metric, scores(run)) == ("rubric/right", [1.0, 0.0, 1.0, 0.0])
    with pytest.raises(InputError, match=r"rubric/length is no score in \[0, 1\]\. Choose rubric/right\."):
        read_run(tmp_path / "log.json", metric="rubric/length")


@pytest.mark.parametrize("status", ["cancelled", "error", "started"])
def test_a_log_that_did_not_end_well_has_the_samples_there_are_and_says_so(tmp_path, status):
    def change(content):
        content["status"] = status
        del content["samples"][1:]

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert (len(run.items), len(run.items[0].outputs)) == (1, 1)
    assert run.notes[0].startswith(f"The evaluation did not end well (status {status}): 1 of ")
    assert (
        "1 of 6 samples are in the log, and items without any are left out." in run.notes[0]
    )  # --limit 3, 2 epochs


def test_a_zip_without_a_header_is_one_that_did_not_end(tmp_path):
    path = tmp_path / "log.eval"
    sample = json.loads((LOGS / "seeded.json").read_text())["samples"][0]
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "_journal/start.json", json.dumps({"version": 2, "eval": {"model": "m", "task": "t"}})
        )
        archive.writestr("samples/france_epoch_1.json", json.dumps(sample))
    run = read_run(path)
    assert (run.model, run.suite, run.items[0].name) == ("m", "t", "france")
    assert "status started" in run.notes[0]


def test_samples_that_were_marked_as_invalid_are_left_out(tmp_path):
    def change(content):
        content["samples"][0]["invalidation"] = {"author": "me"}

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert sum(len(item.outputs) for item in run.items) == 3
    assert run.notes[0] == "1 samples were marked as invalid, and are left out."


def test_an_answer_that_a_limit_stopped_is_cut(tmp_path):
    def change(content):
        content["samples"][0]["limit"] = {"type": "token", "limit": 9}
        content["samples"][0]["output"]["choices"][0]["stop_reason"] = "stop"

    output = read_run(changed_log(tmp_path / "log.json", change)).items[0].outputs[0]
    assert (output.finish, output.note) == ("length", "stopped at its limit: token")


def test_thoughts_are_no_part_of_an_answer(tmp_path):
    def change(content):
        parts = [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "Paris."}]
        content["samples"][0]["output"]["choices"][0]["message"]["content"] = parts

    assert read_run(changed_log(tmp_path / "log.json", change)).items[0].outputs[0].text == "Paris."


def test_a_log_without_samples_is_refused(tmp_path):
    log = changed_log(tmp_path / "log.json", lambda content: content.update(samples=None, status="error"))
    with pytest.raises(
        InputError, match=r"holds no sample \(status error\)\. Evaluate again, with samples logged\."
    ):
        read_run(log)


def test_labels_that_items_share_are_slices(tmp_path):
    def change(content):
        sample = content["samples"][0]
        content["samples"] = [
            sample
            | {"id": number, "metadata": {"kind": "odd" if number % 2 else "even", "source": f"{number}"}}
            for number in range(20)
        ]

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert {tuple(item.slices.items()) for item in run.items} == {(("kind", "odd"),), (("kind", "even"),)}


def test_a_sample_that_is_logged_twice_is_one_answer(tmp_path):
    def change(content):
        content["samples"].append(content["samples"][0])

    run = read_run(changed_log(tmp_path / "log.json", change))
    assert [len(item.outputs) for item in run.items] == [2, 2]


@pytest.mark.parametrize(
    "value", ["hot", -1, True, [1], float("nan"), float("inf"), pytest.param(10**400, id="huge")]
)
def test_values_of_a_wrong_kind_are_unknown(tmp_path, value):
    def change(content):
        content["eval"].update(model=None, model_generate_config={"temperature": value, "seed": "x"})
        content["plan"]["config"] = {}
        output = content["samples"][0]["output"]
        output.update(time=value, usage={"input_tokens": 1.5, "output_tokens": "x"})

    run = read_run(changed_log(tmp_path / "log.json", change))
    output = run.items[0].outputs[0]
    assert (run.temperature, run.seed_name, run.model) == (None, "", "")
    assert (output.tokens, output.prompt_tokens, output.seed, output.milliseconds) == (None, None, None, 0.0)


@pytest.mark.parametrize("value", [1.5, float("inf"), pytest.param(10**400, id="huge"), "inf", "-1"])
def test_a_score_with_one_value_on_another_scale_is_not_taken(tmp_path, value):
    def change(content):
        content["samples"][0]["scores"]["includes"]["value"] = value

    log = changed_log(tmp_path / "log.json", change)
    assert read_run(log).metric == "exact"
    with pytest.raises(InputError, match=r"includes is no score in \[0, 1\]\. Choose exact"):
        read_run(log, metric="includes")


def test_log_probabilities_that_are_none_are_unknown(tmp_path):
    def change(content):
        content["samples"][0]["output"]["choices"][0]["logprobs"]["content"][0]["logprob"] = float("nan")

    first, second = read_run(changed_log(tmp_path / "log.json", change)).items[0].outputs
    assert first.logprobs is None
    assert second.logprobs is not None


# --- damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [30, 9000, -1, -200])
def test_a_zip_that_was_cut_off_is_a_run_that_cannot_be_read(tmp_path, end):
    path = tmp_path / "cut.eval"
    path.write_bytes((LOGS / "before.eval").read_bytes()[:end])
    assert is_run(path)
    with pytest.raises(
        InputError, match=r"is no whole ZIP file \(.*cut off, or is still being written\. Copy the log"
    ):
        read_run(path)


def test_a_bit_that_fell_over_is_found(tmp_path):
    path = tmp_path / "bad.eval"
    with zipfile.ZipFile(LOGS / "before.eval") as archive:
        member = archive.getinfo("samples/france_epoch_1.json")
    content = bytearray((LOGS / "before.eval").read_bytes())
    content[member.header_offset + member.compress_size] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"is no whole ZIP file \(.*france_epoch_1\.json"):
        read_run(path)


def test_a_small_file_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(inspect, "_MOST_BYTES", 1 << 20)
    path = tmp_path / "bomb.eval"
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples/a_epoch_1.json", json.dumps({"id": "a" * (2 << 20)}))
    with pytest.raises(InputError, match=r"over 100 times its size.*If you trust it, give it as JSON"):
        read_run(path)


def test_a_member_that_announces_less_than_it_holds_is_refused(tmp_path):
    content = bytearray((LOGS / "before.eval").read_bytes())
    name = b"samples/france_epoch_1.json"
    entry = content.rindex(name) - 46  # its place in the directory at the end
    content[entry + 24 : entry + 28] = (9).to_bytes(4, "little")
    path = tmp_path / "less.eval"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"Bad CRC-32 for file 'samples/france_epoch_1\.json'"):
        read_run(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_members_that_are_packed_otherwise_or_encrypted_are_refused(tmp_path, method):
    path = tmp_path / "other.eval"
    with zipfile.ZipFile(path, "w", compression=method) as archive:
        archive.writestr("header.json", "{}")
    with pytest.raises(InputError, match="is encrypted, or packed as inspect packs nothing"):
        read_run(path)
    content = bytearray((LOGS / "failed.eval").read_bytes())
    content[content.rindex(b"header.json") - 46 + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"header\.json is encrypted"):
        read_run(path)


def test_a_name_that_leads_out_of_the_archive_leads_nowhere(tmp_path):
    path = tmp_path / "log.eval"
    sample = json.loads((LOGS / "seeded.json").read_text())["samples"][0]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("samples/../../../out_epoch_1.json", json.dumps(sample))
    assert read_run(path).items[0].name == sample["id"]
    assert [*tmp_path.iterdir()] == [path]


def test_a_zip_of_something_else_is_refused(tmp_path):
    path = tmp_path / "other.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(InputError, match=r"holds no sample \(status started\)"):
        read_run(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("samples/a_epoch_1.json", "[1]")
    with pytest.raises(InputError, match="is no sample"):
        read_run(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("samples/a_epoch_1.json", "{")
    with pytest.raises(InputError, match=r"other\.eval, samples/a_epoch_1\.json, line 1: no JSON"):
        read_run(path)


def test_json_that_was_cut_off_names_the_line(tmp_path):
    path = tmp_path / "cut.json"
    path.write_bytes((LOGS / "seeded.json").read_bytes()[:6000])
    assert is_run(path)
    with pytest.raises(InputError, match=r"cut\.json, line 1: no JSON \(.*inspect log recover"):
        read_run(path)


def test_a_log_is_known_by_what_it_holds_and_not_by_its_name(tmp_path):
    shutil.copy(LOGS / "before.eval", tmp_path / "renamed.zip")
    assert is_run(tmp_path / "renamed.zip")
    assert read_run(tmp_path / "renamed.zip").items == read_run(LOGS / "before.eval").items
