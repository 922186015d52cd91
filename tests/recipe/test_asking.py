"""A suite is asked once: what was stopped goes on, what was paid for stays, and no folder is overwritten by mistake."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError, WorkError
from wellkeeper.infer.cache import Cached, Store
from wellkeeper.infer.cost import Budget, Price
from wellkeeper.infer.local import FunctionSampler
from wellkeeper.infer.sampling import item_seed, sample_seed
from wellkeeper.measure.jackknife import wilson
from wellkeeper.recipe import asking
from wellkeeper.recipe.asking import ask, ask_suite, chosen
from wellkeeper.recipe.samplers import ModelPlace, budget_of
from wellkeeper.recipe.scoring import SuiteScorers, ask_of
from wellkeeper.suites.run_files import read_run
from wellkeeper.suites.scorers import python_code
from wellkeeper.suites.suite import Suite, SuiteItem

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def suite_of(items=12, **changed):
    made = tuple(
        SuiteItem(
            name=f"sum-{number}",
            prompt=f"{number} + 1 =",
            references=(str(number + 1),),
            slices={"half": "low" if number < items / 2 else "high"},
        )
        for number in range(items)
    )
    return Suite(
        **{"name": "sums", "items": made, "scorer": {"kind": "exact"}, "temperature": 1.0, **changed}
    )


class Model:
    """Adds one, and is wrong for every third seed; it counts what it is asked."""

    fingerprint, tokens, at_once = "adder", 256, 2

    def __init__(self, **changed):
        self.asked = []
        for name, value in changed.items():
            setattr(self, name, value)

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        self.asked += [(prompt, sample, logprobs, temperature) for sample in range(first, first + n)]
        return [self.answer(prompt, sample_seed(seed, sample)) for sample in range(first, first + n)]

    def answer(self, prompt, seed):
        last = prompt if isinstance(prompt, str) else prompt[-1]["content"]
        right = int(last.split()[0]) + 1
        return Output(
            text=str(right if seed % 3 else "no idea"),
            finish="stop",
            tokens=2,
            prompt_tokens=5,
            seed=seed,
            milliseconds=1.0,
        )

    def stop(self):
        pass


def asked(tmp_path, model=None, suite=None, **changed):
    options = {"name": "v1", "now": NOW, "out": tmp_path / "run", "model": "adder", **changed}
    return ask(suite or suite_of(), model or Model(), **options)


# --- what a run holds ---------------------------------------------------------------------------------------------


def test_a_run_has_each_item_with_its_answers_scores_and_origin(tmp_path):
    run = asked(tmp_path, samples=3)
    assert [item.name for item in run.items] == [item.name for item in suite_of().items]
    for item in run.items:
        seeds = [sample_seed(item_seed("v1", item.name), sample) for sample in range(3)]
        assert [output.seed for output in item.outputs] == seeds
        assert list(item.scores) == [float(seed % 3 != 0) for seed in seeds]
    assert (run.metric, run.seed_name, run.model, run.suite) == ("exact", "v1", "adder", "sums")
    assert (run.fingerprint, run.suite_digest) == ("adder", suite_of().digest)
    assert (run.temperature, run.created) == (1.0, "2026-11-22T03:30:00+00:00")
    assert run.items[0].slices == {"half": "low"}
    assert read_run(tmp_path / "run") == run


def test_answers_without_a_scorer_have_no_scores(tmp_path):
    run = asked(tmp_path, suite=suite_of(scorer=None))
    assert run.metric == ""
    assert all(item.scores == () and item.notes == () for item in run.items)


def test_items_are_scored_by_their_own_scorer(tmp_path):
    items = suite_of(4).items
    mixed = replace(suite_of(4), items=(replace(items[0], scorer={"kind": "numeric"}), *items[1:]))
    run = asked(tmp_path, suite=mixed)
    assert run.metric == "exact, numeric"
    assert all(len(item.scores) == 1 for item in run.items)


def test_the_message_of_the_system_goes_before_the_prompt_and_into_the_run(tmp_path):
    model = Model()
    run = asked(tmp_path, model, suite_of(2, system="Add."))
    prompt = [{"role": "system", "content": "Add."}, {"role": "user", "content": "0 + 1 ="}]
    assert [dict(turn) for turn in run.items[0].prompt] == prompt
    assert list(map(dict, min(model.asked, key=lambda one: one[0][-1]["content"])[0])) == prompt


def test_a_scorer_that_reads_log_probabilities_has_them_asked_for(tmp_path):
    items = tuple(replace(item, choices=(item.references[0], "9999")) for item in suite_of(2).items)
    model = Model()
    asked(tmp_path, model, replace(suite_of(2), items=items, scorer={"kind": "choice", "by": "logprob"}))
    assert {logprobs for _, _, logprobs, _ in model.asked} == {True}


def test_without_a_folder_nothing_is_written_but_the_cache(tmp_path):
    asked(tmp_path, out=None, cache=tmp_path / "kept.sqlite")
    assert {path.name.split("-")[0] for path in tmp_path.iterdir()} == {"kept.sqlite"}


# --- asked once ---------------------------------------------------------------------------------------------------


def test_the_same_call_asks_nothing_again_and_gives_the_same_run(tmp_path):
    first = asked(tmp_path, samples=2)
    again = Model()
    assert asked(tmp_path, again, samples=2, now=LATER) == first
    assert again.asked == []


def test_more_samples_ask_for_those_that_are_missing_alone(tmp_path):
    asked(tmp_path, samples=2)
    model = Model()
    run = asked(tmp_path, model, samples=5)
    assert sorted(sample for _, sample, _, _ in model.asked) == sorted([2, 3, 4] * 12)
    assert all(len(item.outputs) == 5 for item in run.items)


def test_a_run_that_ends_on_its_budget_goes_on_with_a_larger_one(tmp_path):
    small = Budget(tokens=400)
    with pytest.raises(WorkError, match=r"The budget of 400 tokens ends here: .* run the same command again"):
        asked(tmp_path, budget=small)
    with Store(tmp_path / "run" / "answers.sqlite") as store:
        kept = len(store)
    assert 0 < kept < 12
    model = Model()
    assert asked(tmp_path, model, budget=Budget(tokens=100_000)) == asked(tmp_path / "other")
    assert len(model.asked) == 12 - kept


def test_a_changed_suite_is_scored_anew_from_the_answers_that_are_there(tmp_path):
    before = asked(tmp_path)
    model = Model()
    after = asked(tmp_path, model, replace(suite_of(), scorer={"kind": "numeric"}), now=LATER)
    assert model.asked == []
    assert (before.metric, after.metric) == ("exact", "numeric")
    assert after.created == "2027-01-01T00:00:00+00:00"


def test_answers_that_did_not_come_are_told_and_asked_for_again(tmp_path):
    class Broken(Model):
        def answer(self, prompt, seed):
            if prompt.startswith("3 "):
                return Output(text="", finish="error", tokens=0, prompt_tokens=0, note="too long")
            return super().answer(prompt, seed)

    run = asked(tmp_path, Broken())
    assert run.notes == (
        "1 answer did not come (too long): run the same command again to ask for them again.",
    )
    model = Model()
    assert asked(tmp_path, model).notes == ()
    assert [prompt for prompt, *_ in model.asked] == ["3 + 1 ="]


def test_a_run_that_a_kill_tore_between_its_files_is_written_again(tmp_path):
    whole = asked(tmp_path)
    answers = tmp_path / "run" / "answers.jsonl"
    answers.write_bytes(answers.read_bytes()[:-20])
    again = Model()
    assert asked(tmp_path, again) == whole
    assert again.asked == []
    assert read_run(tmp_path / "run") == whole


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"name": "v2"}, "name or seed"),
        ({"seed": 3}, "name or seed"),
        ({"temperature": 0.5}, "temperature"),
        ({"model": Model(fingerprint="b")}, "model"),
    ],
    ids=["name", "seed", "temperature", "model"],
)
def test_a_folder_with_another_run_is_not_written_over(tmp_path, change, what):
    asked(tmp_path)
    before = (tmp_path / "run" / "run.json").read_bytes()
    model = change.pop("model", Model())
    with pytest.raises(
        InputError, match=rf"holds the run v1 with another {what}\. Give another folder with --out"
    ):
        asked(tmp_path, model, **change)
    assert model.asked == []
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_two_runs_of_one_name_share_their_seeds_and_two_names_do_not(tmp_path):
    cache = tmp_path / "shared.sqlite"
    first = asked(tmp_path, out=tmp_path / "a", cache=cache)
    same = asked(tmp_path, Model(fingerprint="other"), out=tmp_path / "b", cache=cache)
    other = asked(tmp_path, out=tmp_path / "c", cache=cache, name="v2")
    seeds = [[output.seed for item in run.items for output in item.outputs] for run in (first, same, other)]
    assert seeds[0] == seeds[1]
    assert not set(seeds[0]) & set(seeds[2])


def test_two_runs_of_one_seed_share_their_draws_whatever_they_are_called(tmp_path):
    runs = [asked(tmp_path, out=tmp_path / name, name=name, seed=7) for name in ("v1", "v2")]
    first, second = ([item.outputs for item in run.items] for run in runs)
    assert first == second
    assert [run.seed_name for run in runs] == ["seed 7", "seed 7"]
    other = asked(tmp_path, out=tmp_path / "v3", seed=8)
    assert [item.outputs for item in other.items] != first


# --- what is refused before anything is paid for ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suite", "options", "says"),
    [
        (
            suite_of(),
            {"samples": 4, "temperature": 0.0},
            r"At a temperature of 0 all 4 answers .* ask for one answer",
        ),
        (
            suite_of(tokens=9),
            {},
            r"at most 9 tokens an answer, and the sampler gives 256\. Make the sampler with",
        ),
        (suite_of(), {"out": None}, r"no place for the answers\. Give a folder for the run, or a file"),
        (suite_of(scorer={"kind": "exakt"}), {}, r"There is no scorer exakt"),
    ],
    ids=["temperature", "tokens", "place", "scorer"],
)
def test_what_cannot_be_asked_is_refused_before_it_costs(tmp_path, suite, options, says):
    model = Model()
    with pytest.raises(InputError, match=says):
        asked(tmp_path, model, suite, **options)
    assert model.asked == []


# --- the choice of items ------------------------------------------------------------------------------------------


def test_a_limit_takes_the_same_items_wherever_they_stand():
    whole = suite_of(40)
    turned = replace(whole, items=whole.items[::-1])
    some = {item.name for item in chosen(whole, limit=7).items}
    assert len(some) == 7
    assert {item.name for item in chosen(turned, limit=7).items} == some
    assert some < {item.name for item in chosen(whole, limit=8).items}
    assert some != {item.name for item in whole.items[:7]}


def test_slices_are_chosen_by_value_and_unknown_ones_are_told_what_there_is():
    low = chosen(suite_of(), slices=[("half", "low")])
    assert [item.name for item in low.items] == [f"sum-{number}" for number in range(6)]
    assert len(chosen(suite_of(), slices=[("half", "low"), ("half", "high")]).items) == 12
    with pytest.raises(
        InputError, match=r"no item in half=top\. Give one of its slices: half=high, half=low\."
    ):
        chosen(suite_of(), slices=[("half", "top")])


# --- the command's figures ----------------------------------------------------------------------------------------


class Place(ModelPlace):
    """A place at which the model of these tests is found."""

    __slots__ = ()

    def _opened(self, tokens):
        return Model(tokens=tokens), lambda: None


PLACE = Place(endpoint="http://localhost:1", model="adder")


def told(tmp_path, suite=None, **options):
    return ask_suite(suite or suite_of(40), PLACE, out=tmp_path / "run", now=NOW, **options)


def test_the_figures_are_counted_by_item_with_an_interval(tmp_path):
    found = told(tmp_path, samples=3)
    document = found.to_json()
    scores = np.array([item.score for item in found.run.items])
    reach = 2.0227 * scores.std(ddof=1) / np.sqrt(40)  # Student's t of 39 degrees of freedom
    mean = scores.mean()
    assert document["score"]["estimate"] == pytest.approx(mean)
    odds = np.log(mean / (1 - mean)) - reach / (mean * (1 - mean))
    assert document["score"]["low"] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-4)
    assert (document["items"], document["answers"], document["scored_items"]) == (40, 120, 40)
    assert document["finishes"] == {"stop": 120, "length": 0, "refused": 0, "empty": 0, "error": 0}
    assert [(row["slice"], row["items"]) for row in document["slices"]] == [
        ("half=high", 20),
        ("half=low", 20),
    ]
    assert (document["schema"], document["verdict"]) == ("wellkeeper.ask/1", "clean")


def test_right_and_wrong_have_wilsons_interval_and_few_shares_have_none():
    assert asking._mean([1.0] * 50) == {"estimate": 1.0, "low": wilson(1.0, 50)[0], "high": 1.0}
    low, high = wilson(0.25, 4)
    assert asking._mean([0.0, 1.0, 0.0, 0.0]) == {"estimate": 0.25, "low": low, "high": high}
    assert asking._mean([0.0, 0.5, 1.0]) == {"estimate": 0.5, "low": None, "high": None}
    assert asking._mean([]) is None


def test_what_was_spent_counts_all_runs_and_what_was_called_counts_this_one(tmp_path):
    budget = Budget(price=Price(prompt=1.0, answer=10.0))
    first = told(tmp_path, budget=budget).to_json()["spent"]
    assert (first["calls_now"], first["prompt_tokens"], first["tokens"]) == (40, 200, 80)
    assert first["money"] == pytest.approx((200 + 800) / 1e6)
    again = told(tmp_path, budget=budget).to_json()["spent"]
    assert again == {**first, "calls_now": 0}


def test_fresh_forgets_the_run_and_what_it_cost_and_touches_no_shared_cache(tmp_path):
    told(tmp_path)
    (tmp_path / "run" / "mine.txt").write_text("kept")
    assert told(tmp_path, fresh=True).to_json()["spent"]["calls"] == 40
    assert (tmp_path / "run" / "mine.txt").read_text() == "kept"
    with pytest.raises(InputError, match=r"--fresh was given with --cache, .* Give another --run-name"):
        told(tmp_path, fresh=True, cache=tmp_path / "shared.sqlite")


@pytest.mark.parametrize(
    "mistake", [{"samples": 2, "temperature": 0.0}, {"suite": suite_of(scorer={"kind": "judge"})}]
)
def test_fresh_with_a_mistake_forgets_nothing(tmp_path, mistake):
    told(tmp_path)
    with pytest.raises(InputError):
        told(tmp_path, fresh=True, **mistake)
    assert told(tmp_path).calls == 0


def test_what_was_guessed_when_the_suite_was_read_is_told_and_is_no_finding(tmp_path):
    document = told(tmp_path, suite=suite_of(notes=("guessed: prompt from question",))).to_json()
    assert (document["notes"], document["verdict"]) == (["guessed: prompt from question"], "clean")


def test_the_name_of_the_folder_names_the_run(tmp_path):
    assert told(tmp_path).run.seed_name == "run"
    assert told(tmp_path / "x", name="v3").run.seed_name == "v3"


def test_progress_is_told_with_what_it_costs(tmp_path):
    events = []
    told(tmp_path, budget=Budget(price=Price(prompt=1.0, answer=10.0)), listener=events.append)
    asking_events = [event for event in events if event.stage.startswith("asking")]
    assert [event.done for event in asking_events] == list(range(1, 41))
    assert asking_events[-1].stage == "asking: 280 tokens, 0.0010 spent"
    assert events[-1].stage == "scoring"


# --- where models are ---------------------------------------------------------------------------------------------


def test_a_place_is_one_of_three_and_keeps_no_secret(monkeypatch):
    monkeypatch.setenv("MODEL_KEY", "gsk_secret")
    place = ModelPlace.of(
        {"endpoint": "http://localhost:1", "model": "small", "key_env": "MODEL_KEY", "seed": 3}
    )
    assert ModelPlace(**place.to_json()) == place
    assert "gsk_secret" not in repr(place)
    others = (ModelPlace(gguf="models/tiny.Q4.gguf"), ModelPlace(folder="models/tiny-1.5/"))
    assert [one.name for one in (place, *others)] == ["small", "tiny.Q4", "tiny-1.5"]
    with place.sampler(tokens=9) as sampler:
        assert (sampler.tokens, sampler.at_once) == (9, 4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, r"Of the ways to name a model, none was given\. Give one: --endpoint URL --model NAME"),
        ({"gguf": "a", "folder": "b"}, r"--gguf and --folder was given\."),
        ({"endpoint": "http://a"}, r"without a model\. Name one that it serves with --model\."),
        ({"gguf": "a", "at_once": 3}, r"--at-once is for endpoints, .* or give --endpoint\."),
    ],
    ids=["none", "two", "no model", "rate"],
)
def test_a_place_that_is_none_is_told(options, says):
    with pytest.raises(InputError, match=says):
        ModelPlace.of(options)


def test_a_judge_is_named_by_options_of_its_own():
    assert ModelPlace.of_judge({"endpoint": "http://a", "model": "b"}) is None
    judge = ModelPlace.of_judge({"judge_endpoint": "http://a", "judge_model": "b", "endpoint": "http://c"})
    assert (judge.endpoint, judge.model) == ("http://a", "b")
    with pytest.raises(InputError, match=r"Name one that it serves with --judge-model\."):
        ModelPlace.of_judge({"judge_endpoint": "http://a"})


def test_a_path_that_is_not_there_is_told():
    with (
        pytest.raises(InputError, match=r"^gone\.gguf does not exist\. Give the path of a GGUF file"),
        ModelPlace(gguf="gone.gguf").sampler(tokens=9),
    ):
        pass


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"price_prompt": 1.0}, r"One of two prices was given\. Give both"),
        (
            {"most_money": 1.0},
            r"--most-money was given without prices\. Give --price-prompt and --price-answer",
        ),
    ],
    ids=["one price", "no price"],
)
def test_a_budget_of_money_wants_both_prices(options, says):
    with pytest.raises(InputError, match=says):
        budget_of(options)
    assert budget_of({"most_tokens": 5}) == Budget(tokens=5)


# --- items that cannot be scored -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scorer",
    [
        {"kind": "exact"},
        {"kind": "numeric"},
        {"kind": "regex"},
        {"kind": "python"},
        {"kind": "judge", "by": "pair"},
    ],
    ids=lambda scorer: scorer["kind"],
)
def test_an_item_without_a_reference_is_told_before_anything_is_asked(tmp_path, scorer):
    lacking = suite_of(scorer=scorer)
    lacking = replace(lacking, items=(*lacking.items[:-1], replace(lacking.items[-1], references=())))
    model, judge = Model(), Model()
    with pytest.raises(InputError, match=r"^The item sum-11 has no reference, and the scorer \w+ compares"):
        asked(tmp_path, model, lacking, judge=judge)
    assert model.asked == judge.asked == []
    assert not (tmp_path / "run").exists()


def test_checking_an_item_runs_no_code_and_asks_no_judge(monkeypatch):
    monkeypatch.setattr(python_code, "run_code", None)
    judge = Model()
    for scorer in ({"kind": "python"}, {"kind": "judge"}, {"kind": "judge", "by": "pair"}):
        assert SuiteScorers.of(suite_of(scorer=scorer), judge=judge).metric == scorer["kind"]
    assert judge.asked == []


# --- a judge ------------------------------------------------------------------------------------------------------


def test_a_judge_is_asked_without_chance_and_paid_for_once(tmp_path):
    calls = []

    def judged(prompt, *, temperature, seed):
        calls.append((prompt, temperature, seed))
        return "Yes"

    with Store(tmp_path / "answers.sqlite") as store:
        judge = ask_of(Cached(FunctionSampler(judged, version="judge 1"), store))
        assert [judge("Is 2 right?", 5).text for _ in range(3)] == ["Yes"] * 3
    assert calls == [("Is 2 right?", 0.0, sample_seed(5, 0))]
