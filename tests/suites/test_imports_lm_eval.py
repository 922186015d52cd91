"""What lm-eval logged is what the run has, and each trap of its logs is told or refused."""

import json
import shutil
from pathlib import Path

import pytest

from wellkeeper.errors import InputError
from wellkeeper.suites.run_files import is_run, read_run

LOGS = Path(__file__).with_name("logs") / "lm_eval"
BEFORE = LOGS / "before"
UNSEEN_ENDS = "lm-eval does not log how answers ended; those that were cut off look whole."


def results(run):
    (path,) = (LOGS / run).rglob("results_*.json")
    return json.loads(path.read_text())["results"]


@pytest.mark.parametrize(
    ("path", "task", "metric"),
    [
        ("before#small_sums", "small_sums", "exact_match,last-number"),
        ("after", "small_sums", "exact_match,last-number"),
        ("before#capitals", "capitals", "exact_match,strict"),
        ("before#capitals#exact_match,last-word", "capitals", "exact_match,last-word"),
        ("choice", "colours_choice", "acc"),
        ("choice#acc_norm", "colours_choice", "acc_norm"),
    ],
)
def test_the_mean_score_is_the_figure_that_lm_eval_gives(path, task, metric):
    run = read_run(LOGS / path)
    told = results(path.partition("#")[0])[task]
    assert run.metric == metric
    assert sum(item.score for item in run.items) / len(run.items) == pytest.approx(
        told[metric if "," in metric else f"{metric},none"]
    )
    assert len(run.items) == told["sample_len"]


def test_header_prompt_answer_and_reference_are_the_logs():
    run = read_run(BEFORE, metric="small_sums")
    assert (run.name, run.model, run.suite, run.tool) == (
        "before",
        "smollm2-135m-instruct",
        "small_sums",
        "lm-eval 0.4.13",
    )
    assert (run.temperature, run.created) == (0.7, "2026-11-22T03:18:35+00:00")
    assert run.seed_name == "random_seed 0, numpy_seed 1234, torch_seed 1234, fewshot_seed 1234"
    item = run.items[0]
    assert item.prompt == [
        {"role": "system", "content": "Answer with a number."},
        {"role": "user", "content": "What is 6 minus 3? Answer with a number."},
    ]
    assert item.references == ("3",)
    assert [output.finish for output in item.outputs] == ["stop"]
    assert run.notes == (f"small_sums: {UNSEEN_ENDS}",)


def test_items_of_two_versions_have_the_same_names_though_their_prompts_differ():
    before, after = read_run(f"{BEFORE}#small_sums"), read_run(LOGS / "after")
    assert [item.name for item in before.items] == [item.name for item in after.items]
    assert before.items[0].prompt != after.items[0].prompt


def test_equal_documents_are_items_of_their_own(tmp_path):
    rows = [row(number, doc={"question": "1?"}) for number in range(3)]
    names = [item.name for item in read_run(log(tmp_path, rows)).items]
    assert names == [names[0], f"{names[0]}-2", f"{names[0]}-3"]


def test_several_tasks_are_one_run_with_the_task_as_slice():
    run = read_run(BEFORE)
    assert run.suite == "capitals, small_sums"
    assert run.metric == "exact_match,strict + exact_match,last-number"
    assert {item.slices["task"] for item in run.items} == {"capitals", "small_sums"}
    alone = [item.name for task in ("capitals", "small_sums") for item in read_run(BEFORE, metric=task).items]
    assert [item.name for item in run.items] == alone
    assert run.temperature is None  # the tasks have different ones


def test_each_filter_scores_and_the_first_is_taken_and_said():
    first = read_run(f"{BEFORE}#capitals")
    assert (
        "capitals: scored by exact_match,strict, the first of the metrics; also logged: exact_match,last-word."
        in (first.notes)
    )
    second = read_run(f"{BEFORE}#capitals#exact_match,last-word")
    assert [item.outputs for item in first.items] == [item.outputs for item in second.items]
    assert sum(item.score for item in first.items) != sum(item.score for item in second.items)
    assert second.items[1].notes[0] == "Berlin"


def test_of_repeats_only_the_filtered_answer_is_scored_and_copies_are_told():
    run = read_run(f"{BEFORE}#capitals")
    assert {len(item.outputs) for item in run.items} == {3}
    assert all(item.scores[1:] == (None, None) for item in run.items)
    assert run.notes[-1] == (
        "All answers to an item are equal, in all 6 items, at temperature 1: lm-eval sends one seed with every request "
        "to a server. Their diversity says nothing."
    )


def test_an_answer_to_a_multiple_choice_is_the_likeliest_choice():
    run = read_run(LOGS / "choice")
    assert [item.references for item in run.items] == [("green",), ("white",), ("red",), ("blue",)]
    assert [item.outputs[0].text == item.references[0] for item in run.items] == [
        item.score for item in run.items
    ]
    assert {item.score for item in run.items} == {0.0, 1.0}
    assert {item.outputs[0].finish for item in run.items} == {"stop"}
    assert "colours_choice: evaluated with --limit 4: on the first items only." in run.notes
    assert run.notes[-1].endswith("nothing was written, and an answer is the choice that is likeliest.")


@pytest.mark.parametrize("pattern", ["samples_small_sums_*.jsonl", "results_*.json"])
def test_a_file_of_the_folder_is_read_alone(pattern):
    (path,) = BEFORE.rglob(pattern)
    run = read_run(f"{path}#small_sums" if path.suffix == ".json" else path)
    assert run.items == read_run(f"{BEFORE}#small_sums").items
    assert run.model == "smollm2-135m-instruct"


def test_samples_without_results_are_read_with_what_they_say(tmp_path):
    (path,) = BEFORE.rglob("samples_small_sums_*")
    shutil.copy(path, tmp_path / "mine.jsonl")
    assert is_run(tmp_path / "mine.jsonl")
    run = read_run(tmp_path / "mine.jsonl")
    assert run.items == read_run(f"{BEFORE}#small_sums").items
    assert (run.suite, run.tool, run.created) == ("mine", "lm-eval", "")


def test_a_document_of_two_tasks_is_named_after_each(tmp_path):
    log(tmp_path, [row(0), row(1)], task="first")
    log(tmp_path, [row(1), row(2)], task="second")
    names = [item.name for item in read_run(tmp_path).items]
    alone = [item.name for item in read_run(f"{tmp_path}#second").items]
    assert names[2:] == [f"second/{name}" for name in alone]
    assert not {*names} & {*alone}


def test_a_note_on_many_tasks_is_said_once(tmp_path):
    for number in range(5):
        log(tmp_path, [row()], task=f"t{number}")
    run = read_run(tmp_path)
    assert (run.suite, run.notes) == ("5 tasks of lm-eval", (f"5 tasks of lm-eval: {UNSEEN_ENDS}",))


# --- traps -------------------------------------------------------------------------------------------------------


def row(number=0, **changed):
    return {
        "doc_id": number,
        "doc": {"question": f"{number}?"},
        "target": "yes",
        "arguments": {"gen_args_0": {"arg_0": f"{number}?", "arg_1": {"until": ["\n"], "do_sample": False}}},
        "resps": [["yes"]],
        "filtered_resps": ["yes"],
        "filter": "none",
        "metrics": ["exact_match"],
        "exact_match": 1.0,
    } | changed


def log(folder, rows, told=None, *, date="2026-11-22T03-19-32.323706", task="mine"):
    folder.mkdir(exist_ok=True)
    path = folder / f"samples_{task}_{date}.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    if told is not None:
        (folder / f"results_{date}.json").write_text(json.dumps(told))
    return folder


def test_the_order_of_rows_and_the_number_of_a_document_decide_no_name(tmp_path):
    first = log(tmp_path / "a", [row(0), row(1), row(2)])
    second = log(tmp_path / "b", [row(2, doc_id=0), row(0, doc_id=5)])
    names = {item.prompt: item.name for item in read_run(first).items}
    assert all(item.name == names[item.prompt] for item in read_run(second).items)


def test_greedy_answers_have_temperature_zero(tmp_path):
    assert read_run(log(tmp_path, [row()])).temperature == 0


def test_an_empty_answer_and_a_refusal_are_told(tmp_path):
    rows = [row(0, resps=[[" "]]), row(1, resps=[["I cannot help with that."]]), row(2, resps=[[None]])]
    run = read_run(log(tmp_path, [row(3), *rows]))
    assert [item.outputs[0].finish for item in run.items] == ["stop", "empty", "refused", "empty"]


def test_a_metric_on_another_scale_is_no_score(tmp_path):
    rows = [
        row(0, metrics=["bleu", "exact_match"], bleu=34.1),
        row(1, metrics=["bleu", "exact_match"], bleu=0.2),
    ]
    run = read_run(log(tmp_path, rows))
    assert run.metric == "exact_match"
    with pytest.raises(
        InputError, match=r"bleu is no score of the task mine \(not in \[0, 1\]\)\. Choose exact_match\."
    ):
        read_run(f"{tmp_path}#bleu")


def test_a_metric_of_which_lower_is_better_is_no_score(tmp_path):
    folder = log(tmp_path, [row()], {"higher_is_better": {"mine": {"exact_match": False}}})
    run = read_run(folder)
    assert (run.metric, run.items[0].scores) == ("", ())
    assert "mine: no score in [0, 1] (exact_match: lower is better): the answers are not scored." in run.notes
    with pytest.raises(InputError, match=r"\(lower is better\)\. Choose another task, or no metric"):
        read_run(folder, metric="exact_match")


def rolling(number=0):
    """As `loglikelihood_rolling` logs it."""
    arguments = {"gen_args_0": {"arg_0": "A text."}}
    return row(
        number, arguments=arguments, resps=[["-12.5"]], metrics=["bits_per_byte"], bits_per_byte=[-12.5, 30]
    )


def test_likelihoods_of_texts_are_no_answers(tmp_path):
    log(tmp_path / "both", [row()])
    log(tmp_path / "both", [rolling()], task="texts")
    run = read_run(tmp_path / "both")
    assert (len(run.items), run.items[0].slices, run.suite) == (1, {}, "mine")
    assert run.notes[0] == "texts: left out, for there are no answers in it."
    with pytest.raises(InputError, match=r"has no answers: texts measure how likely .* writes or chooses\."):
        read_run(f"{tmp_path / 'both'}#texts")


def requests(*pairs):
    return {
        f"gen_args_{number}": {"arg_0": context, "arg_1": after}
        for number, (context, after) in enumerate(pairs)
    }


def likelihoods(*values):
    return [[[str(value), "False"]] for value in values]


def test_where_contexts_are_the_choices_the_answer_is_a_context(tmp_path):
    """As WinoGrande is logged: the target is what follows each, and says nothing."""
    asked = requests(("The cat", " ran."), ("The dog", " ran."))
    (item,) = read_run(log(tmp_path, [row(target="ran.", arguments=asked, resps=likelihoods(-3, -1))])).items
    assert (item.outputs[0].text, item.references) == ("The dog", ())


def test_likelihoods_of_choices_without_their_context_are_no_choices(tmp_path):
    """As `acc_mutual_info` is logged: twice as many requests, of which the second half has no context."""
    asked = requests(("Q", " a"), ("Q", " b"), ("", " a"), ("", " b"))
    metrics = {"metrics": ["acc", "acc_mutual_info"], "acc": 1.0, "acc_mutual_info": 1.0}
    (item,) = read_run(
        log(tmp_path, [row(target="0", arguments=asked, resps=likelihoods(-1, -2, -3, -0.5), **metrics)])
    ).items
    assert (item.outputs[0].text, item.references) == ("a", ("a",))


@pytest.mark.parametrize(("is_greedy", "text"), [("True", "yes"), ("False", "")])
def test_a_continuation_that_was_given_alone_is_the_answer_if_it_is_the_likeliest(tmp_path, is_greedy, text):
    """As `loglikelihood` logs it, such as LAMBADA."""
    arguments = {"gen_args_0": {"arg_0": "Is it?", "arg_1": " yes"}}
    run = read_run(log(tmp_path, [row(arguments=arguments, resps=[[["-0.7", is_greedy]]])]))
    assert (run.items[0].outputs[0].text, run.items[0].outputs[0].finish) == (text, "stop")


@pytest.mark.parametrize("value", ["hot", -1, True, float("nan"), pytest.param(10**400, id="huge")])
def test_values_of_a_wrong_kind_are_unknown(tmp_path, value):
    arguments = {"gen_args_0": {"arg_0": "?", "arg_1": {"temperature": value}}}
    told = {"date": float("inf"), "model_name": None, "lm_eval_version": 4}
    run = read_run(log(tmp_path / "mine", [row(arguments=arguments)], told))
    assert (run.temperature, run.created, run.model, run.tool) == (None, "", "mine", "lm-eval")


def test_a_row_that_is_nested_without_end_is_told_by_its_number(tmp_path):
    folder = log(tmp_path, [row()])
    (path,) = folder.glob("samples_*")
    path.write_bytes(path.read_bytes() + b'{"doc_id": 1, "doc": ' + b"[" * 100_000)
    with pytest.raises(InputError, match=r"jsonl, line 2: no sample of lm-eval \(RecursionError"):
        read_run(folder)


def test_a_document_that_the_filter_has_no_row_for_has_an_unknown_score(tmp_path):
    strict = [row(number, filter="strict", exact_match=0.0) for number in range(3)]
    run = read_run(
        log(tmp_path, [*strict, row(0, filter="loose"), row(1, filter="loose")]), metric="exact_match,loose"
    )
    assert [item.score for item in run.items] == [1.0, 1.0, None]


def test_a_folder_is_called_by_its_own_name(tmp_path, monkeypatch):
    monkeypatch.chdir(log(tmp_path / "mine", [row()]))
    assert read_run(".").name == "mine"


def test_an_unknown_score_is_unknown_and_not_zero(tmp_path):
    run = read_run(log(tmp_path, [row(0), row(1, exact_match=float("nan"))]))
    assert [item.scores for item in run.items] == [(1.0,), (None,)]


def test_items_that_the_results_count_and_the_log_has_not_are_told(tmp_path):
    folder = log(tmp_path, [row()], {"n-samples": {"mine": {"effective": 3}}})
    assert "mine: 1 items are in the log, and 3 in the results." in read_run(folder).notes


def test_several_evaluations_in_one_folder_are_several_runs(tmp_path):
    log(tmp_path, [row()])
    log(tmp_path, [row(exact_match=0.0)], date="2026-11-23T03-19-32.323706")
    assert is_run(tmp_path)
    with pytest.raises(
        InputError, match=r"holds 2 runs: 2026-11-22T03.*, 2026-11-23T03.*\. Choose one after the path: '"
    ):
        read_run(tmp_path)
    assert read_run(f"{tmp_path}#2026-11-23T03-19-32.323706").items[0].score == 0


def test_a_metric_that_one_task_has_not_is_refused(tmp_path):
    with pytest.raises(
        InputError, match=r"is no score of the task capitals \(not logged\)\. Choose exact_match,strict or"
    ):
        read_run(BEFORE, metric="exact_match,last-number")


def test_a_name_that_chooses_nothing_is_told_with_what_there_is():
    with pytest.raises(
        InputError, match=r"has no smal_sums to choose\. Did you mean small_sums\? Give one of its .*tasks: "
    ):
        read_run(f"{BEFORE}#smal_sums")


def test_a_document_that_was_not_logged_has_its_number_as_name(tmp_path):
    assert read_run(log(tmp_path, [row(7, doc=None)])).items[0].name == "7"


@pytest.mark.parametrize(
    "torn", [json.dumps(row(1))[:50], "[]", '{"doc_id": 1}', json.dumps(row(1, resps=[])), "\udcff"]
)
def test_a_torn_line_is_told_by_its_number(tmp_path, torn):
    folder = log(tmp_path, [row()])
    (path,) = folder.glob("samples_*")
    path.write_bytes(path.read_bytes() + torn.encode(errors="surrogateescape"))
    with pytest.raises(
        InputError, match=r"jsonl, line 2: no sample of lm-eval .*again with lm-eval's --log_samples"
    ):
        read_run(folder)


@pytest.mark.parametrize("changed", [{"arguments": {"gen_args_0": 3}}, {"arguments": [[]]}, {"metrics": 5}])
def test_a_log_that_is_laid_out_otherwise_is_an_error_with_a_next_step(tmp_path, changed):
    with pytest.raises(
        InputError, match=r"is laid out otherwise .* Upgrade wellkeeper, or report the tool's version"
    ):
        read_run(log(tmp_path, [row(**changed)]))
