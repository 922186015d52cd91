"""Votes: the same answer for any number of requests at a time, nothing asked in vain, and nothing paid for twice."""

import json
import multiprocessing
import os
import random
import signal
import threading
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from language_model_files import needs_lm, smollm2

from wellkeeper.core.answers import Output, finish_of
from wellkeeper.errors import DataError, DisciplineWarning, InputError, WorkError
from wellkeeper.infer.cache import Cached, Store
from wellkeeper.infer.equivalence import ByChoice, ByNumber, ByText
from wellkeeper.infer.local import FunctionSampler, GgufSampler
from wellkeeper.infer.sampling import Item, collect, item_seed, sample_seed
from wellkeeper.infer.voting import (
    THINK,
    UNREAD,
    best_of_each,
    best_of_n,
    self_consistency,
    vote,
    vote_on_each,
)
from wellkeeper.measure.votes import MOST, RULES, Stopping, voted

ITEMS = [Item(name=f"item {number}", prompt=str(number)) for number in range(9)]


class Model:
    """Gives the answers it was told, by the number of the sample; it counts what it is asked."""

    fingerprint, tokens = "scripted", 64

    def __init__(self, answers, *, at_once=1, pause=0.0):
        self.answers, self.at_once, self.pause = answers, at_once, pause
        self.asked, self.most, self._busy, self._lock = [], 0, 0, threading.Lock()

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        with self._lock:
            self.asked += [(prompt, sample) for sample in range(first, first + n)]
            self._busy += 1
            self.most = max(self.most, self._busy)
        if self.pause:
            threading.Event().wait(self.pause * random.random())
        with self._lock:
            self._busy -= 1
        return [self.output(prompt, seed, sample) for sample in range(first, first + n)]

    def output(self, prompt, seed, sample):
        said = self.answers(prompt, seed, sample) if callable(self.answers) else self.answers[sample]
        text, _, how = said.partition("|")
        return Output(
            text=text,
            finish=finish_of(text, how or "stop"),
            seed=sample_seed(seed, sample),
            note="too long" if how == "error" else "",
        )

    def stop(self):
        pass


def dice(prompt, seed, sample):
    """Says 0 in six of ten, else anything below 5."""
    drawn = random.Random(sample_seed(seed, sample))
    return "0" if drawn.random() < 0.6 else str(drawn.randrange(5))


def of(*answers, **options):
    model = Model(answers)
    found = vote(model, Item(name="one", prompt="?"), most=len(answers), **options)
    return found, model


# --- one vote -----------------------------------------------------------------------------------------------------


def test_a_vote_stops_as_soon_as_its_rule_is_sure_and_says_why():
    found, model = of(*["5"] * 40)
    assert (found.answer, found.samples, found.votes, found.share) == ("5", 4, 4, 1.0)
    assert (found.stopped, found.certified, found.note) == ("lead", False, "4 of 4 votes")
    assert len(model.asked) == 4
    certain, _ = of(*["5"] * 40, stop="certificate")
    assert (certain.samples, certain.stopped, certain.note) == (8, "certified", "8 of 8 votes, certified")
    every, _ = of(*["5"] * 12, stop="fixed")
    assert (every.samples, every.stopped, every.certified) == (12, "most", True)


def test_a_vote_that_is_never_sure_answers_by_plurality_and_ties_go_to_the_first_seen():
    found, _ = of("b", "a", "a", "b")
    assert (found.answer, found.counts, found.stopped) == ("b", (("b", 2), ("a", 2)), "most")
    assert found.output is found.outputs[0]


def test_the_answer_is_the_first_sample_of_its_class_word_for_word():
    found, _ = of("It is 4", "I say 5.0!", "5", "five: 5", "5", equivalence=ByNumber.within())
    assert (found.answer, found.output.text) == ("5.0", "I say 5.0!")
    assert found.classes == (0, 1, 1, 1, 1)


def test_samples_without_an_answer_do_not_vote_and_are_counted_by_why():
    refusal = "I'm sorry, but I can't help with that."
    found, _ = of(
        "5", "", refusal, "5, as|length", "|error", "what?", "5", "5", equivalence=ByNumber.within()
    )
    assert found.unread == {"empty": 1, "refused": 1, "length": 1, "error": 1, "unreadable": 1}
    assert tuple(found.unread) == UNREAD
    assert (found.votes, found.read, found.samples) == (3, 3, 8)
    assert found.classes == (0, None, None, None, None, None, 0, 0)


def test_answers_that_were_cut_vote_where_it_is_said_that_they_do():
    found, _ = of(*["5, as|length"] * 4, equivalence=ByNumber.within(), cut_votes=True)
    assert (found.votes, found.unread["length"]) == (4, 0)


def test_a_vote_in_which_nobody_votes_has_no_answer_and_keeps_what_came_first():
    found, _ = of("|error", "", "")
    assert (found.answer, found.share, found.stopped, found.certified) == (None, None, "most", False)
    assert found.output is found.outputs[1]
    assert found.note == "no vote in 3 samples"


def test_of_choices_the_certificate_knows_how_many_answers_there_are():
    """Of two, the strict threshold is 1 / alpha, and seven votes are enough; of eight choices even eight are not."""
    two, _ = of(*["A"] * 40, stop="certificate", equivalence=ByChoice(["x", "y"]))
    eight, _ = of(*["A"] * 40, stop="certificate", equivalence=ByChoice(list("stuvwxyz")))
    assert (two.samples, eight.samples) == (7, 10)
    assert of(*["A"] * 40, stop="certificate", answers=2)[0].samples == 7


def test_a_prompt_alone_is_an_item_whose_random_numbers_hang_on_it():
    talk = [{"role": "user", "content": "2 + 3?"}]
    for prompt, name in (("2 + 3?", "2 + 3?"), (talk, json.dumps(talk))):
        found = vote(Model(dice), prompt)
        assert found == vote(Model(dice), Item(name=name, prompt=prompt))
        assert best_of_n(Model(dice), prompt, 2, lambda item, output: 1.0).name == name
        assert self_consistency(Model(lambda *_: "#### 5"), prompt).name == name
    with pytest.raises(InputError, match="is neither a text nor messages"):
        vote(Model(dice), 5)


# --- many votes ---------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(st.sampled_from(RULES), st.integers(1, 8), st.integers(1, 25))
def test_votes_are_the_same_for_any_number_of_requests_at_a_time(rule, at_once, most):
    stopping = Stopping(rule=rule, most=most)
    alone = vote_on_each(Model(dice), ITEMS, run="r", stopping=stopping)
    model = Model(dice, at_once=at_once, pause=0.002)
    assert vote_on_each(model, ITEMS, run="r", stopping=stopping) == alone
    assert sorted(model.asked) == sorted(
        (item.prompt, sample)
        for item, found in zip(ITEMS, alone, strict=True)
        for sample in range(found.samples)
    )


@pytest.mark.parametrize("rule", RULES)
def test_votes_are_those_of_the_plain_mathematics_on_the_samples_that_collect_draws(rule):
    stopping = Stopping(rule=rule)
    found = vote_on_each(Model(dice, at_once=3), ITEMS, run="r", stopping=stopping)
    drawn = collect(Model(dice), ITEMS, run="r", n=MOST)
    for one, outputs in zip(found, drawn, strict=True):
        assert list(one.outputs) == outputs[: one.samples]
    import numpy as np

    labels = np.array([[int(output.text) for output in own] for own in drawn])
    exact = voted(labels, stopping)
    assert [int(one.answer) for one in found] == exact.answers.tolist()
    assert [one.samples for one in found] == exact.samples.tolist()
    assert [one.certified for one in found] == exact.certified.tolist()


def test_one_vote_asks_for_several_samples_at_a_time_and_many_votes_keep_all_places_busy():
    barrier = threading.Barrier(4, timeout=20)

    class Meeting(Model):
        def output(self, prompt, seed, sample):
            barrier.wait()  # only four requests at the same time get past it
            return super().output(prompt, seed, sample)

    vote(Meeting(["5"] * 4, at_once=4), Item(name="one", prompt="?"), most=4)
    found = vote_on_each(
        Meeting(["5"] * 4, at_once=4), ITEMS[:8], run="r", stopping=Stopping(rule="fixed", most=1)
    )
    assert [one.answer for one in found] == ["5"] * 8


def test_an_item_may_have_an_equivalence_of_its_own():
    given_ = [ByText(), ByNumber.within()]
    found = vote_on_each(
        Model(["five", "it is 5", "5", "five 5"]),
        ITEMS[:2],
        run="r",
        stopping=Stopping(rule="fixed", most=4),
        equivalence=given_,
    )
    assert [len(one.counts) for one in found] == [4, 1]
    with pytest.raises(InputError, match=r"There are 2 equivalences for 9 items\. Give one for each, or one"):
        vote_on_each(Model(dice), ITEMS, run="r", equivalence=given_)


def test_the_listener_is_told_of_votes_that_are_over():
    told = []
    vote_on_each(Model(dice, at_once=2), ITEMS, run="r", listener=told.append)
    assert (told[-1].done, told[-1].total, told[-1].unit) == (9, 9, "items")
    assert [event.done for event in told] == sorted(event.done for event in told)


# --- what is refused, and what is warned of -----------------------------------------------------------------------


def test_nothing_is_asked_where_nothing_can_be_voted_on():
    model = Model(dice)
    with pytest.raises(
        InputError, match=r"At a temperature of 0 there is nothing to vote on: .* such as 1\."
    ):
        vote(model, ITEMS[0], temperature=0)
    with pytest.raises(InputError, match="Two items have the name item 0"):
        vote_on_each(model, [ITEMS[0], ITEMS[0]], run="r")
    with pytest.raises(DataError, match="There is no rule 'window'"):
        vote(model, ITEMS[0], stop="window")
    assert model.asked == []


def test_a_model_that_rejects_everything_ends_the_run_after_five_requests():
    model = Model(lambda *_: "|error")
    with pytest.raises(
        WorkError, match=r"rejects every request, 5 so far \(too long\)\. Check the model's name"
    ):
        vote_on_each(model, ITEMS, run="r")
    assert len(model.asked) == 5


def test_answers_by_vote_that_are_to_be_trained_on_are_warned_of_and_those_that_are_served_are_not():
    with pytest.warns(
        DisciplineWarning, match=r"what it says seldom is gone .* keep human text beside them\."
    ):
        vote(Model(dice), ITEMS[0], purpose="train")
    with pytest.warns(DisciplineWarning):
        best_of_n(Model(dice), ITEMS[0], 2, lambda item, output: 1.0, purpose="train")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vote(Model(dice), ITEMS[0])


# --- stopped and killed -------------------------------------------------------------------------------------------


def test_a_longer_vote_by_another_rule_pays_for_the_rest_alone(tmp_path):
    with Store(tmp_path / "kept.sqlite") as store:
        quick = vote_on_each(Cached(Model(dice), store), ITEMS, run="r")
        model = Model(dice)
        every = vote_on_each(Cached(model, store), ITEMS, run="r", stopping=Stopping(rule="fixed"))
    for one, more in zip(quick, every, strict=True):
        assert more.outputs[: one.samples] == one.outputs
    assert len(model.asked) == len(ITEMS) * MOST - sum(one.samples for one in quick)


def _votes_in(path, counted, pause, answered=None):
    """Vote and note each request that reaches the model, which answers so many of them and then hangs; None: all."""

    def noted(prompt, seed, sample):
        with open(counted, "a") as file:  # noqa: PTH123
            file.write(f"{prompt} {sample}\n")
        if answered is not None and len(counted.read_text().splitlines()) > answered:
            threading.Event().wait(60)
        return dice(prompt, seed, sample)

    with Store(path) as store:
        vote_on_each(Cached(Model(noted, at_once=2, pause=pause), store), ITEMS, run="r")


def test_a_vote_that_is_killed_goes_on_and_pays_again_only_for_what_was_under_way(tmp_path):
    path, counted = tmp_path / "kept.sqlite", tmp_path / "asked"
    counted.touch()
    context = multiprocessing.get_context("fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads of other tests, in a fork
        process = context.Process(target=_votes_in, args=(path, counted, 0.02, 11), daemon=True)
        process.start()
    until = time.monotonic() + 60
    while len(counted.read_text().splitlines()) < 12 and time.monotonic() < until:
        process.join(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = counted.read_text().splitlines()
    _votes_in(path, counted, 0.0)
    everything = counted.read_text().splitlines()
    expected = vote_on_each(Model(dice), ITEMS, run="r")
    assert 12 <= len(before) < sum(one.samples for one in expected)
    assert set(everything) == {
        f"{item.prompt} {sample}"
        for item, one in zip(ITEMS, expected, strict=True)
        for sample in range(one.samples)
    }
    assert len(everything) - len(set(everything)) <= 2  # those under way


def test_ctrl_c_ends_the_waits_and_keeps_what_came(tmp_path):
    class Interrupted(Model):
        stopped = 0

        def output(self, prompt, seed, sample):
            if prompt == "3":
                raise KeyboardInterrupt
            return super().output(prompt, seed, sample)

        def stop(self):
            self.stopped += 1

    model = Interrupted(dice)
    with Store(tmp_path / "kept.sqlite") as store:
        with pytest.raises(KeyboardInterrupt):
            vote_on_each(Cached(model, store), ITEMS, run="r")
        assert (model.stopped, len(store)) == (1, 12)  # four samples of each of the three items before
        whole = Model(dice)
        found = vote_on_each(Cached(whole, store), ITEMS, run="r")
    assert found == vote_on_each(Model(dice), ITEMS, run="r")
    assert not {("0", 0), ("1", 0), ("2", 0)} & set(whole.asked)


# --- thought out first --------------------------------------------------------------------------------------------


def test_answers_that_are_thought_out_vote_for_what_they_say_at_the_end():
    prompts = []

    def thought(prompt, seed, sample):
        prompts.append(prompt)
        return f"I count {sample} and more.\nThe answer is {'six' if sample == 1 else 'five'}."

    found = self_consistency(Model(thought), Item(name="one", prompt="2 + 3?"), most=8)
    assert (found.answer, found.counts) == ("five", (("five", 6), ("six", 1)))
    assert set(prompts) == {f"2 + 3?\n\n{THINK}"}


def test_the_instruction_goes_into_the_last_message_of_a_conversation_or_nowhere():
    prompts = []

    def thought(prompt, seed, sample):
        prompts.append(prompt)
        return "#### 5"

    talk = [{"role": "system", "content": "Add."}, {"role": "user", "content": "2 + 3?"}]
    self_consistency(Model(thought), Item(name="one", prompt=talk), most=1, instruction="Think.")
    assert prompts[0] == [talk[0], {"role": "user", "content": "2 + 3?\n\nThink."}]
    self_consistency(Model(thought), Item(name="one", prompt="2 + 3?"), most=1, instruction="")
    assert prompts[1] == "2 + 3?"


# --- best of n ----------------------------------------------------------------------------------------------------


def length(item, output):
    """Worth a tenth a letter; nobody can tell of an x."""
    return None if "x" in output.text else len(output.text) / 10


def test_the_best_answer_wins_the_first_of_equals_and_an_unknown_score_never():
    found = best_of_n(Model(["a", "bbb", "xxxxxxxxx", "ccc", "|error"]), ITEMS[0], 5, length)
    assert (found.output.text, found.score) == ("bbb", 0.3)
    assert found.scores == (0.1, 0.3, None, 0.3, None)
    assert found.unknown == 2


def test_a_known_score_of_nothing_beats_an_unknown_one():
    found = best_of_n(Model(["x", ""]), ITEMS[0], 2, length)
    assert (found.output.text, found.score) == ("", 0.0)


def test_where_no_score_is_known_the_first_answer_that_came_is_taken_and_it_is_told():
    found = best_of_n(Model(["|error", "x", "xx"]), ITEMS[0], 3, length)
    assert (found.output.text, found.score, found.unknown) == ("x", None, 3)


def test_the_best_of_many_items_is_the_same_for_any_number_of_requests_at_a_time():
    one, other = (
        best_of_each(
            Model(dice, at_once=many, pause=0.002),
            ITEMS,
            5,
            lambda item, output: int(output.text) / 5,
            run="r",
        )
        for many in (1, 4)
    )
    assert one == other
    assert [best.name for best in one] == [item.name for item in ITEMS]
    assert all(best.score == max(best.scores) for best in one)


def test_how_far_a_choice_can_move_a_model_grows_with_the_logarithm_of_the_answers():
    found = best_of_n(Model(["a"] * 4), ITEMS[0], 4, length)
    assert found.divergence == pytest.approx(0.6363, abs=1e-4)
    assert best_of_n(Model(["a"]), ITEMS[0], 1, length).divergence == 0


def test_a_score_that_is_none_is_refused_with_the_next_step():
    with pytest.raises(
        DataError, match=r"The verifier gave item 0 a score of 2\. Have it give one in \[0, 1\]"
    ):
        best_of_n(Model(["a"]), ITEMS[0], 1, lambda item, output: 2)


# --- real models --------------------------------------------------------------------------------------------------


def test_any_function_is_a_model_that_votes():
    def coin(prompt, *, temperature, seed):
        return "heads" if random.Random(seed).random() < 0.9 else "tails"

    found = vote(FunctionSampler(coin, version="1"), ITEMS[0])
    seed = item_seed("vote", ITEMS[0].name)
    assert [output.seed for output in found.outputs] == [sample_seed(seed, k) for k in range(found.samples)]
    assert found.answer == "heads"


@needs_lm
def test_a_real_model_votes_and_votes_again_from_the_cache(tmp_path):
    item = Item(name="sum", prompt="Q: What is 2 plus 2?\nA: 4\nQ: What is 1 plus 2?\nA:")
    model = GgufSampler(smollm2(), tokens=8)
    try:
        with Store(tmp_path / "kept.sqlite") as store:
            options = {"most": 4, "equivalence": ByNumber.within(), "cut_votes": True}
            found = vote(Cached(model, store), item, **options)
            calls = store.spending(model.fingerprint).calls
            assert vote(Cached(model, store), item, **options) == found
            assert store.spending(model.fingerprint).calls == calls == found.samples
    finally:
        model.close()
    assert found.read + sum(found.unread.values()) == found.samples
    assert found.answer is None or found.answer in found.output.text
