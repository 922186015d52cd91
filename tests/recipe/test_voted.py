"""A suite that is voted on: the run keeps the votes' answers, the cache all samples, and the gate says what is gained."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from wellkeeper.core.answers import Output
from wellkeeper.errors import InputError
from wellkeeper.infer.cache import Store
from wellkeeper.infer.sampling import sample_seed
from wellkeeper.measure.votes import Stopping
from wellkeeper.recipe.asking import _ask, ask
from wellkeeper.recipe.voted import Voting
from wellkeeper.suites.run_files import read_run
from wellkeeper.suites.suite import Suite, SuiteItem

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)


def suite_of(items=30, **changed):
    made = tuple(
        SuiteItem(name=f"sum-{number}", prompt=f"{number} + 1 =", references=(str(number + 1),))
        for number in range(items)
    )
    return Suite(**{"name": "sums", "items": made, "scorer": {"kind": "numeric"}, **changed})


class Model:
    """Adds one with a chance of `skill`; its errors are two more, or differ, with a chance of `shared`."""

    fingerprint, tokens, at_once = "adder", 256, 2

    def __init__(self, *, skill=0.6, shared=0.0, cut=0.0):
        self.skill, self.shared, self.cut = skill, shared, cut
        self.asked = []

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        self.asked += [(prompt, sample) for sample in range(first, first + n)]
        return [self.answer(prompt, sample_seed(seed, sample)) for sample in range(first, first + n)]

    def answer(self, prompt, seed):
        drawn = random.Random(seed)
        right = int(prompt.split()[0]) + 1
        if drawn.random() >= self.skill:
            right += 1 if drawn.random() < self.shared else drawn.randrange(2, 1000)
        finish = "length" if drawn.random() < self.cut else "stop"
        return Output(text=f"It is {right}", finish=finish, tokens=2, prompt_tokens=5, seed=seed)

    def stop(self):
        pass


def asked(
    tmp_path, model=None, suite=None, *, rule="beta", most=40, cut_votes=False, greedy=False, **changed
):
    """The run and its votes."""
    options = {
        "name": "v1", "now": NOW, "out": tmp_path / "run", "model": "adder", "seed": None, "cache": None,
        "samples": None, "temperature": None, "budget": None, "judge": None, "judge_budget": None, "fresh": False,
        "listener": lambda event: None, **changed,
    }  # fmt: skip
    voting = Voting(stopping=Stopping(rule=rule, most=most), cut_votes=cut_votes, beside_greedy=greedy)
    return _ask(suite or suite_of(), model or Model(), voting=voting, **options)


# --- the run ------------------------------------------------------------------------------------------------------


def test_the_run_keeps_one_answer_an_item_with_its_votes_and_the_cache_keeps_all_samples(tmp_path):
    model = Model()
    run, voted = asked(tmp_path, model)
    for item, vote in zip(run.items, voted.votes, strict=True):
        assert item.outputs == (replace(vote.output, note=vote.note),)
        assert item.scores == (float(vote.answer == item.references[0]),)
    assert run.items[0].outputs[0].note.endswith("votes")
    assert (run.temperature, run.metric) == (1.0, "numeric")
    with Store(tmp_path / "run" / "answers.sqlite") as store:
        assert len(store) == len(model.asked) == sum(vote.samples for vote in voted.votes)
    assert read_run(tmp_path / "run") == run


def test_votes_are_right_more_often_than_the_samples_that_they_are_made_of(tmp_path):
    run, _ = asked(tmp_path)
    plain = ask(suite_of(), Model(), name="v1", now=NOW, cache=tmp_path / "kept.sqlite", temperature=1.0)
    right = [sum(item.score for item in found.items) for found in (run, plain)]
    assert right[0] >= 29 > right[1]


def test_the_same_call_asks_nothing_again_and_another_rule_only_for_more(tmp_path):
    run, voted = asked(tmp_path)
    again = Model()
    assert asked(tmp_path, again) == (run, voted)
    assert again.asked == []
    more = Model()
    certain, votes = asked(tmp_path, more, rule="certificate")
    assert len(more.asked) == sum(vote.samples for vote in votes.votes) - sum(
        vote.samples for vote in voted.votes
    )
    assert certain.created == run.created


def test_a_suite_of_choices_is_voted_on_by_letter(tmp_path):
    items = tuple(
        replace(item, choices=("cod", "cow", "crow", str(int(item.references[0]))))
        for item in suite_of(12).items
    )
    suite = replace(suite_of(12), items=items, scorer={"kind": "choice"})
    run, voted = asked(tmp_path, Model(skill=1.0), suite)
    assert [vote.answer for vote in voted.votes] == ["D"] * 12
    assert run.items[0].scores == (1.0,)


def test_answers_that_were_cut_vote_only_where_it_is_said(tmp_path):
    _, strict = asked(tmp_path, Model(cut=0.5, skill=1.0), most=8, rule="fixed")
    _, kind = asked(tmp_path, Model(cut=0.5, skill=1.0), most=8, rule="fixed", cut_votes=True)
    assert strict.to_json()["unread"]["length"] > 60
    assert kind.to_json()["unread"]["length"] == 0


def test_an_item_whose_samples_say_nothing_is_scored_by_the_first_of_them(tmp_path):
    class Silent(Model):
        def answer(self, prompt, seed):
            return Output(text="", finish="empty", seed=seed)

    run, voted = asked(tmp_path, Silent(), most=4)
    assert {item.scores for item in run.items} == {(0.0,)}
    assert run.items[0].outputs[0].note == "no vote in 4 samples"
    assert voted.to_json()["without_answer"] == 30


def test_samples_that_did_not_come_are_told_and_asked_for_again(tmp_path):
    class Flaky(Model):
        def answer(self, prompt, seed):
            if prompt.startswith("7 "):
                return Output(text="", finish="error", note="too long", seed=seed)
            return super().answer(prompt, seed)

    run, _ = asked(tmp_path, Flaky(), most=4)
    assert run.notes == (
        "4 answers did not come (too long): run the same command again to ask for them again.",
    )
    assert run.items[7].outputs[0].note == "too long"
    model = Model()
    whole, _ = asked(tmp_path, model, most=4)
    assert {prompt for prompt, _ in model.asked} == {"7 + 1 ="}
    assert whole.notes == ()


# --- what it tells ------------------------------------------------------------------------------------------------


def test_the_document_tells_samples_savings_certificates_and_gain(tmp_path):
    _, voted = asked(tmp_path)
    told = voted.to_json()
    samples = sum(vote.samples for vote in voted.votes)
    assert told["samples"] == samples
    assert told["mean_samples"] == pytest.approx(samples / 30)
    assert told["saved"] == pytest.approx(1 - samples / 1200)
    assert sum(told["stopped"].values()) == 30
    assert told["certified"] == sum(vote.certified for vote in voted.votes) / 30
    assert told["shared_errors"]["voters"] == 4
    assert told["shared_errors"]["verdict"] == "votes help"


def test_the_gate_warns_where_errors_are_shared_and_is_silent_where_they_differ(tmp_path):
    suite = suite_of(60)
    apart, _ = asked(tmp_path / "apart", Model(skill=0.35, shared=0.0), suite)
    alike, votes = asked(tmp_path / "alike", Model(skill=0.35, shared=0.9), suite)
    assert apart.notes == ()
    assert alike.notes == (votes.gate.warning,)
    assert "of the errors are shared" in alike.notes[0]
    assert votes.gate.shared.low < 0.9 < votes.gate.shared.high


def test_samples_that_are_right_but_do_not_vote_count_for_one_answer_as_they_would_without_a_vote(tmp_path):
    _, voted = asked(tmp_path, Model(skill=1.0, cut=0.5), most=8, rule="fixed")
    assert voted.gate.single == 1.0
    assert voted.gate.vote == 1.0


def test_without_scores_or_with_one_sample_there_is_no_gate(tmp_path):
    assert asked(tmp_path / "one", most=1)[1].gate is None
    run, voted = asked(tmp_path / "none", suite=suite_of(scorer=None), most=8)
    assert voted.gate is None
    assert run.items[0].scores == ()


def test_a_judge_is_asked_for_the_answer_of_the_vote_alone(tmp_path):
    class Judge(Model):
        fingerprint, tokens = "judge", 512

        def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
            self.asked.append(prompt)
            return [Output(text="VERDICT: 1", finish="stop", tokens=1, prompt_tokens=1, seed=seed)]

    judge = Judge()
    run, voted = asked(tmp_path, suite=suite_of(12, scorer={"kind": "judge"}), judge=judge)
    assert (len(judge.asked), voted.gate) == (12, None)
    assert run.items[0].scores == (1.0,)


# --- beside one answer at a temperature of 0 ------------------------------------------------------------------------


class Sharp(Model):
    """Is right in a share `sharp` of items at a temperature of 0, and rejects that temperature where this is None."""

    def __init__(self, *, sharp, **given):
        super().__init__(**given)
        self.sharp, self.colds = sharp, []

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        if temperature > 0:
            return super().sample(prompt, n, temperature, seed, logprobs, first=first)
        self.colds.append(prompt)
        if self.sharp is None:
            return [Output(text="", finish="error", note="only a temperature of 1", seed=seed)]
        number = int(prompt.split()[0])
        return [Output(text=str(number + 1 + (number % 10 >= 10 * self.sharp)), finish="stop", seed=seed)]


def test_a_vote_that_beats_its_samples_and_loses_to_one_answer_at_temperature_0_is_warned_of(tmp_path):
    model = Sharp(sharp=1.0, skill=0.3, shared=0.3)
    run, voted = asked(tmp_path, model, suite_of(60), most=8, rule="fixed", greedy=True)
    assert voted.gate.verdict == "votes help"
    change = voted.greedy.change
    assert (change.units, change.before, change.test) == (60, 1.0, "McNemar mid-p")
    assert change.after == sum(item.score for item in run.items) / 60
    assert change.change.high < 0
    assert (voted.greedy.verdict, voted.verdict) == ("votes do not help", "votes do not help")
    assert run.notes == (voted.greedy.warning,)
    assert run.notes[0].startswith("One answer at a temperature of 0 is worth 100.0 points, and the vote ")
    assert run.notes[0].endswith("Ask once, at a temperature of 0.")
    assert len(model.colds) == 60
    assert all(item.outputs[0].note.endswith("votes") for item in run.items)  # what is kept is the vote


def test_a_vote_that_beats_one_answer_at_temperature_0_helps(tmp_path):
    run, voted = asked(tmp_path, Sharp(sharp=0.4), suite_of(60), greedy=True)
    assert (voted.greedy.verdict, voted.verdict, run.notes) == ("votes help", "votes help", ())
    told = voted.to_json()["beside_greedy"]
    assert (told["items"], told["greedy"], told["refused"]) == (60, 0.4, "")
    assert told["gain"]["estimate"] == pytest.approx(told["vote"] - 0.4)


def test_twelve_items_decide_nothing(tmp_path):
    _, voted = asked(tmp_path, Sharp(sharp=0.9), suite_of(12), greedy=True)
    assert (voted.greedy.verdict, voted.greedy.warning) == ("not enough data", None)


def test_answers_at_temperature_0_are_kept_and_not_paid_for_twice(tmp_path):
    first = asked(tmp_path, Sharp(sharp=0.4), greedy=True)
    again = Sharp(sharp=0.4)
    assert asked(tmp_path, again, greedy=True) == first
    assert (again.asked, again.colds) == ([], [])


def test_a_model_that_is_served_at_one_temperature_alone_loses_no_vote(tmp_path):
    model = Sharp(sharp=None)
    run, voted = asked(tmp_path, model, greedy=True)
    assert len(model.colds) == 4
    assert (voted.greedy.refused, voted.greedy.verdict) == ("only a temperature of 1", "not enough data")
    assert (len(run.items), run.notes) == (30, ())
    assert voted.to_json()["beside_greedy"]["gain"] is None


def test_an_answer_at_temperature_0_that_did_not_come_is_no_wrong_one(tmp_path):
    class Flaky(Sharp):
        def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
            if temperature == 0 and prompt.startswith("7 "):
                return [Output(text="", finish="error", note="too long", seed=seed)]
            return super().sample(prompt, n, temperature, seed, logprobs, first=first)

    run, voted = asked(tmp_path, Flaky(sharp=1.0, skill=1.0), greedy=True)
    assert (voted.greedy.change.units, voted.greedy.change.before) == (29, 1.0)
    assert run.notes == (
        "1 answer did not come (too long): run the same command again to ask for them again.",
    )


def test_items_that_no_rule_scores_are_not_asked_at_temperature_0(tmp_path):
    model = Sharp(sharp=1.0)
    _, voted = asked(tmp_path, model, suite_of(scorer=None), most=4, greedy=True)
    assert (voted.greedy, voted.verdict, model.colds) == (None, None, [])


def test_texts_of_items_with_choices_may_be_more_than_the_choices(tmp_path):
    """A scorer of texts reads whole texts, of which there are more than choices: that is no reason to fail at the end."""
    items = tuple(replace(item, choices=("cod", "cow", item.references[0])) for item in suite_of(12).items)
    suite = replace(suite_of(12), items=items, scorer={"kind": "exact"})
    run, voted = asked(tmp_path, Model(skill=0.0), suite, rule="fixed", most=8)
    assert voted.gate.chance == 0
    assert min(len(vote.counts) for vote in voted.votes) > 3
    assert {item.scores for item in run.items} == {(0.0,)}


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"samples": 3},
            r"3 answers an item and a vote were asked for, and a vote keeps one\. Say how many samples",
        ),
        ({"temperature": 0.0}, r"At a temperature of 0 there is nothing to vote on"),
    ],
)
def test_what_cannot_be_voted_on_is_refused_before_anything_is_asked(tmp_path, changed, says):
    model = Model()
    with pytest.raises(InputError, match=says):
        asked(tmp_path, model, **changed)
    assert model.asked == []
    assert not (tmp_path / "run").exists()


def test_a_suite_with_a_temperature_of_its_own_is_voted_on_at_that(tmp_path):
    assert asked(tmp_path, suite=suite_of(temperature=0.5))[0].temperature == 0.5
