"""Seeds are hashed and never neighbours, ends of answers are told by one rule, and no order of arrival shows."""

import random
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.answers import FINISHES, Output, finish_of
from wellkeeper.engine.completions import Answer, Reply
from wellkeeper.errors import InputError, WorkError
from wellkeeper.infer.local import FunctionSampler
from wellkeeper.infer.pace import Pace, Rate
from wellkeeper.infer.sampling import (
    Item,
    collect,
    finishes,
    item_seed,
    output_of,
    rejected,
    sample_seed,
)


def dice(prompt, *, temperature, seed):
    """A model whose answer is its seed's random numbers."""
    time.sleep(random.random() / 500)
    return f"{prompt}: {random.Random(seed).random()}"


def sampler(**changed):
    return FunctionSampler(dice, version="dice 1", **changed)


# --- seeds ----------------------------------------------------------------------------------------------


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 50))
def test_seeds_are_below_two_to_the_31_and_hang_on_run_item_and_sample(run, item, sample):
    seed = item_seed(run, item)
    assert 0 <= seed < 2**63
    assert seed == item_seed(run, item)
    assert 0 <= sample_seed(seed, sample) < 2**31
    assert sample_seed(seed, sample) != sample_seed(seed, sample + 1)
    assert seed != item_seed(run + "x", item)


def test_a_name_cannot_pass_for_two():
    assert item_seed("a", "bc") != item_seed("ab", "c")
    assert item_seed('a","b', "c") != item_seed("a", 'b","c')


def test_no_request_of_a_run_has_a_neighbours_seed():
    """The trap: seed = base + item, and n > 1, so that sample 2 of item 5 is sample 1 of item 6."""
    seeds = {
        sample_seed(item_seed("week 1", str(item)), sample) for item in range(500) for sample in range(8)
    }
    assert len(seeds) == 4000
    assert not any(seed + 1 in seeds for seed in seeds)


def test_seeds_are_the_same_on_every_machine():
    assert item_seed("run", "item") == 7074684926921908623
    assert [sample_seed(7, sample) for sample in range(2)] == [1322565243, 1710053400]


@settings(max_examples=15)
@given(st.integers(0, 5), st.integers(1, 6))
def test_a_sample_does_not_depend_on_what_is_asked_for_with_it(first, n):
    whole = sampler().sample("a", 11, seed=3)
    part = sampler().sample("a", n, seed=3, first=first)
    assert [output.text for output in part] == [output.text for output in whole[first : first + n]]
    assert [output.seed for output in part] == [sample_seed(3, first + place) for place in range(n)]


# --- ends -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said", "finish"),
    [
        ("It rained.", "stop", "stop"),
        ("It rained.", "tool_calls", "stop"),
        ("It rai", "length", "length"),
        ("It rai", "MAX_TOKENS", "length"),
        ("", "stop", "empty"),
        (" \n", "length", "empty"),
        ("", "content_filter", "refused"),
        ("It", "SAFETY", "refused"),
        ("No.", "refusal", "refused"),
        ("I'm sorry, but I can't help with that.", "stop", "refused"),
        ("As an AI, I", "length", "refused"),
        ("I can't believe it rained.", "stop", "stop"),
        ("", "error", "error"),
    ],
)
def test_an_answer_ends_in_one_of_five_ways(text, said, finish):
    assert finish_of(text, said) == finish


@given(st.lists(st.sampled_from(FINISHES)))
def test_all_ends_are_counted_and_all_five_are_named(ends):
    counts = finishes(Output(text="", finish=end) for end in ends)
    assert tuple(counts) == FINISHES
    assert counts == {finish: ends.count(finish) for finish in FINISHES}


def test_logprobs_that_were_asked_for_and_did_not_come_are_an_error_and_not_a_none():
    bare = Reply(answer=Answer("Yes.", "stop"), prompt_tokens=5, tokens=2, seeded=True)
    output = output_of(bare, seed=1, milliseconds=1.0, logprobs=True)
    assert (output.finish, output.note) == ("error", "log-probabilities were asked for and did not come")
    assert output_of(bare, seed=1, milliseconds=1.0, logprobs=False).finish == "stop"
    empty = Reply(answer=Answer("", "stop"), tokens=1)
    assert output_of(empty, seed=1, milliseconds=1.0, logprobs=True).logprobs == ()


def test_a_server_that_takes_no_seed_leaves_none_behind():
    assert output_of(Reply(answer=Answer("a", "stop")), seed=1, milliseconds=1.0, logprobs=False).seed is None


def test_a_prompt_that_is_filtered_is_a_refusal_and_one_that_is_too_long_is_not():
    assert (
        rejected("HTTP 400: triggered Azure OpenAI's content management policy", seed=1).finish == "refused"
    )
    assert rejected("HTTP 400: maximum context length is 8192 tokens", seed=1).finish == "error"


# --- many items -----------------------------------------------------------------------------------------


def test_answers_come_in_the_items_order_whatever_the_number_of_threads():
    items = [Item(name=f"item {number}", prompt=f"prompt {number}") for number in range(20)]
    runs = [
        [
            [output.text for output in outputs]
            for outputs in collect(sampler(at_once=most), items, run="a", n=3)
        ]
        for most in (1, 8)
    ]
    assert runs[0] == runs[1]
    assert [outputs[0].split(":")[0] for outputs in runs[0]] == [item.prompt for item in items]
    again = collect(sampler(at_once=4), items[::-1], run="a", n=2)[::-1]
    assert [[output.text for output in outputs] for outputs in again] == [outputs[:2] for outputs in runs[0]]


def test_another_run_draws_other_samples_of_the_same_items():
    items = [Item(name="a", prompt="a")]
    assert collect(sampler(), items, run="x")[0][0].text != collect(sampler(), items, run="y")[0][0].text


def test_two_items_of_one_name_are_refused():
    with pytest.raises(InputError, match=r"Two items have the name a, .* Give each its own name\."):
        collect(sampler(), [Item(name="a", prompt="b"), Item(name="a", prompt="c")], run="x")


@pytest.mark.parametrize(
    "prompt", [None, 7, [], ["a"], [{"role": "user"}], [{"role": "user", "content": ["a"]}], {"role": "user"}]
)
def test_what_is_neither_text_nor_messages_is_refused_before_anything_is_asked(prompt):
    with pytest.raises(
        InputError, match=r"The prompt of a is neither a text nor messages\. Give a text, or a list"
    ):
        Item(name="a", prompt=prompt)


@pytest.mark.parametrize("given", [{"n": 0}, {"temperature": -0.1}, {"temperature": float("nan")}])
def test_what_cannot_be_drawn_is_refused(given):
    with pytest.raises(InputError, match=r"cannot be drawn\. Ask for one or more, at 0 or above\."):
        collect(sampler(), [Item(name="a", prompt="a")], run="x", **given)


class Rejecting:
    fingerprint, tokens, at_once = "none", 5, 1

    def __init__(self, answers):
        self.answers, self.asked, self.stopped = answers, 0, False

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        self.asked += 1
        if prompt in self.answers:
            return [Output(text="Yes.", finish="stop")]
        return [rejected("HTTP 400: unknown parameter", seed=seed)]

    def stop(self):
        self.stopped = True


def test_a_model_that_rejects_all_is_not_asked_to_the_end():
    items = [Item(name=str(number), prompt=str(number)) for number in range(30)]
    model = Rejecting(())
    with pytest.raises(
        WorkError,
        match=r"rejects every request, 5 so far \(HTTP 400: unknown parameter\)\. Check the model's name",
    ):
        collect(model, items, run="x")
    assert model.asked <= 6
    assert model.stopped
    some = Rejecting({"2"})
    outputs = collect(some, items, run="x")
    assert [output.finish for ((output),) in outputs].count("error") == 29
    assert not some.stopped


# --- pace -----------------------------------------------------------------------------------------------


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(1, 400)), min_size=1, max_size=60))
def test_no_minute_has_more_requests_or_tokens_than_allowed(arrivals):
    clock, rate = Clock(), Rate(requests=30, tokens=2000)
    pace, starts = Pace(rate, clock=clock), []
    for pause, tokens in arrivals:
        clock.now += pause
        starts.append((clock.now + pace._turn(tokens), tokens))
    for begin, _ in starts:
        inside = [tokens for start, tokens in starts if begin <= start < begin + 60 - 1e-6]
        assert len(inside) <= 30
        assert sum(inside) - inside[-1] <= 2000 + 1e-6


def test_tokens_that_were_not_used_let_the_next_request_start_sooner():
    clock = Clock()
    pace = Pace(Rate(tokens=60), clock=clock)
    assert pace._turn(30) == 0
    pace.give_back(20)
    assert pace._turn(1) == pytest.approx(10)


def test_without_a_limit_nobody_waits_and_after_a_stop_nobody_asks():
    pace = Pace(Rate())
    for _ in range(100):
        pace.start(10**9)
    slow = Pace(Rate(requests=1))
    slow.start(1)
    threading.Timer(0.05, slow.stop).start()
    begun = time.monotonic()
    with pytest.raises(
        WorkError, match=r"stopped before this request\. Run the same command again to go on\."
    ):
        slow.start(1)
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("given", [{"requests": 0}, {"tokens": -1}, {"requests": float("nan")}])
def test_a_rate_that_lets_nothing_through_is_refused(given):
    with pytest.raises(InputError, match="lets nothing through"):
        Rate(**given)


# --- functions ------------------------------------------------------------------------------------------


def test_a_function_that_gives_no_text_or_is_asked_for_logprobs_is_refused():
    with pytest.raises(
        InputError, match=r"The function gave NoneType\. Have it give the text of one answer\."
    ):
        FunctionSampler(lambda *_, **__: None, version="1").sample("a")
    with pytest.raises(InputError, match="A function gives no log-probabilities"):
        sampler().sample("a", logprobs=True)


def test_a_function_is_known_by_the_version_it_is_given_and_half_letters_are_replaced():
    assert sampler().fingerprint != FunctionSampler(dice, version="dice 2").fingerprint
    (output,) = FunctionSampler(lambda *_, **__: "a\ud83d", version="1").sample("a")
    assert output.text == "a?"
