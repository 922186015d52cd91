"""No answer is paid for twice: not after a stop, not after a kill; no budget is passed; no secret is kept."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellkeeper.core.answers import Output, prompt_digest
from wellkeeper.engine.completions import Endpoint
from wellkeeper.errors import InputError, WorkError
from wellkeeper.infer.cache import Cached, Key, Store
from wellkeeper.infer.cost import Budget, Price, Usage, most_of
from wellkeeper.infer.endpoint import EndpointSampler
from wellkeeper.infer.sampling import Item, collect, sample_seed

SECRET = "gsk_a1B2c3D4e5"
ITEMS = [Item(name=str(number), prompt=f"Prompt {number}") for number in range(12)]


class Counting:
    """A model that counts what it is asked, and bills ten tokens for a prompt and `billed` for an answer."""

    fingerprint, tokens, at_once = "counting", 20, 1

    def __init__(self, billed=5, **changed):
        self.asked, self.billed = [], billed
        for name, value in changed.items():
            setattr(self, name, value)

    def sample(self, prompt, n=1, temperature=1.0, seed=0, logprobs=False, *, first=0):
        outputs = []
        for sample in range(first, first + n):
            self.asked.append((prompt, sample))
            text = f"{prompt} {sample_seed(seed, sample)} {temperature}"
            outputs.append(
                Output(
                    text=text,
                    finish="stop",
                    tokens=self.billed,
                    prompt_tokens=None if self.billed is None else 10,
                    logprobs=(-0.5, -float("inf")) if logprobs else None,
                    first_tokens={"é": -0.5, " the": -1e-300} if logprobs else None,
                    seed=sample_seed(seed, sample),
                    milliseconds=1.25,
                )
            )
        return outputs

    def stop(self):
        pass


@pytest.fixture
def path(tmp_path):
    return tmp_path / "answers.sqlite"


# --- once each ------------------------------------------------------------------------------------------


def test_what_was_answered_is_not_asked_again_by_another_run_and_comes_back_whole(path):
    model, message = Counting(), [{"role": "user", "content": "a\x00\u2028é"}]
    with Store(path) as store:
        first = Cached(model, store).sample(message, 3, 0.7, 9, True)
    assert len(model.asked) == 3
    with Store(path) as store:
        assert (
            Cached(model, store).sample(message, 3, 0.7, 9, True)
            == first
            == model.sample(message, 3, 0.7, 9, True)
        )
        assert len(model.asked) == 6  # of which three by the line above itself
        more = Cached(model, store).sample(message, 5, 0.7, 9, True)
    assert more[:3] == first
    assert [sample for _, sample in model.asked[6:]] == [3, 4]


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.5},
        {"seed": 1},
        {"logprobs": True},
        {"prompt": "b"},
        {"prompt": [{"role": "user", "content": "a"}]},
    ],
    ids=["temperature", "seed", "logprobs", "prompt", "message"],
)
def test_whatever_decides_an_answer_is_asked_anew(path, change):
    model = Counting()
    with Store(path) as store:
        cached = Cached(model, store)
        cached.sample("a", 1, 1.0, 0, False)
        cached.sample(**{"prompt": "a", "temperature": 1.0, "seed": 0, "logprobs": False, **change})
        assert len(model.asked) == len(store) == 2


def test_another_model_and_another_length_are_asked_anew(path):
    with Store(path) as store:
        for model in (Counting(), Counting(fingerprint="other"), Counting(tokens=30)):
            Cached(model, store).sample("a")
            assert len(model.asked) == 1
        assert len(store) == 3


@given(st.text(), st.text())
def test_prompts_have_one_digest_only_if_they_are_the_same(one, other):
    assert (prompt_digest(one) == prompt_digest(other)) == (one == other)
    message = {"role": "user", "content": one}
    assert prompt_digest([message]) == prompt_digest([dict(reversed(message.items()))]) != prompt_digest(one)


def test_an_answer_that_did_not_come_is_counted_and_asked_for_again(path):
    class Rejecting(Counting):
        def sample(self, prompt, n=1, *rest, first=0, **more):
            self.asked.append((prompt, first))
            return [Output(text="", finish="error", tokens=0, prompt_tokens=0, note="too long")]

    model = Rejecting()
    with Store(path) as store:
        cached = Cached(model, store)
        assert [cached.sample("a")[0].note for _ in range(2)] == ["too long"] * 2
        assert (len(model.asked), len(store)) == (2, 0)
        assert store.spending("counting").usage.total == 0
        assert store.spending("counting").calls == 2


def test_threads_and_processes_share_a_file(path):
    with Store(path) as one, Store(path) as other:
        models = Counting(at_once=4), Counting(at_once=4)
        found = []
        threads = [
            threading.Thread(
                target=lambda m=model, s=store: found.append(collect(Cached(m, s), ITEMS, run="x", n=3))
            )
            for model, store in zip(models, (one, other), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found[0] == found[1]
        assert len(one) == 36
        asked = len(models[0].asked) + len(models[1].asked)
        assert one.spending("counting").settled == Usage(prompt_tokens=10 * asked, tokens=5 * asked)
        assert one.spending("counting").open.total == 0


# --- kills ----------------------------------------------------------------------------------------------

RUN = """
import sys
from pathlib import Path
from wellkeeper.engine.completions import Endpoint
from wellkeeper.infer.cache import Cached, Store
from wellkeeper.infer.endpoint import EndpointSampler
from wellkeeper.infer.sampling import Item, collect

items = [Item(name=str(number), prompt=f"Prompt {number}") for number in range(12)]
sampler = EndpointSampler(Endpoint.at(sys.argv[1], "small", key_env="MODEL_KEY"), tokens=7, at_once=3)
with Store(Path(sys.argv[2])) as store:
    outputs = collect(Cached(sampler, store), items, run="week 1", n=4)
print([output.text for one in outputs for output in one])
"""


def asked_of(server):
    return [
        (request["asked"]["messages"][0]["content"], request["asked"]["seed"])
        for request in server.requests()
    ]


def run(server, path):
    return [sys.executable, "-c", RUN, server.url, str(path)]


def test_a_run_that_was_killed_twice_repeats_no_call_whose_answer_it_had(server, path, tmp_path):
    """Three requests are under way when it is killed: they may have been billed, and nobody has their answers."""
    quick = {"usage": {"prompt_tokens": 9, "completion_tokens": 7}, "content": "It rained."}
    environment = {**os.environ, "MODEL_KEY": SECRET}
    asked, answered = [], 0
    for more in (8, 12):
        server.exactly(*[quick] * more, {"wait": 60})
        process = subprocess.Popen(run(server, path), env=environment, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while len(server.requests()) < more + 3 and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        asked += asked_of(server)
        answered += more
        with Store(path) as store:
            assert len(store) == answered
    server.always(**quick)
    ended = subprocess.run(
        run(server, path), env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    asked += asked_of(server)
    assert (len(asked), len(set(asked))) == (48 + 2 * 3, 48)
    assert all(request["key"] == f"Bearer {SECRET}" for request in server.requests())

    sampler = EndpointSampler(Endpoint.at(server.url, "small"), tokens=7)
    with Store(path) as store:
        spending = store.spending(sampler.fingerprint)
        assert (len(store), spending.calls) == (48, 48)
        assert spending.settled == Usage(prompt_tokens=9 * 48, tokens=7 * 48)
        assert spending.open.total >= 6 * (9 + 7)
        server.always()
        collect(Cached(sampler, store), ITEMS, run="week 1", n=4)
    assert server.requests() == []

    every_file = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"It rained." in every_file
    assert SECRET.encode() not in every_file
    assert b"Prompt 1" not in every_file


# --- budgets --------------------------------------------------------------------------------------------


def test_the_call_that_would_pass_the_budget_is_not_made_and_a_higher_one_goes_on(path):
    model = Counting()
    most = most_of("Prompt 0", 20).total
    budget = Budget(tokens=3 * 15 + most)  # three are answered and a fourth fits at its most
    with Store(path) as store, pytest.raises(WorkError) as refused:
        collect(Cached(model, store, budget=budget), ITEMS, run="x")
    assert len(model.asked) == 4
    assert str(refused.value) == (
        f"The budget of {budget.tokens:,} tokens ends here: 60 are spent, and the next call may take {most}. Answers so "
        "far are kept: raise the budget and run the same command again to go on."
    )
    with Store(path) as store:
        collect(Cached(model, store, budget=Budget(tokens=11 * 15 + most + 1)), ITEMS, run="x")
    assert sorted(model.asked) == sorted((item.prompt, 0) for item in ITEMS)


@settings(max_examples=15)
@given(st.integers(0, 900), st.integers(1, 3), st.integers(0, 20))
def test_no_budget_of_tokens_is_ever_passed(tmp_path_factory, tokens, n, billed):
    model = Counting(billed=billed)
    with Store(tmp_path_factory.mktemp("budget") / "answers") as store:
        try:
            collect(Cached(model, store, budget=Budget(tokens=tokens)), ITEMS[:4], run="x", n=n)
        except WorkError:
            assert len(model.asked) < 4 * n
        else:
            assert len(model.asked) == 4 * n
        assert store.spending("counting").usage.total == (10 + billed) * len(model.asked) <= tokens


def test_answers_under_way_when_the_budget_ends_are_kept_since_they_are_paid_for(path):
    refused = threading.Event()

    class Waiting(Counting):
        """Answers to none of the three before the fourth was refused."""

        def sample(self, *given, **named):
            assert refused.wait(30)
            return super().sample(*given, **named)

        def stop(self):
            refused.set()

    model = Waiting(at_once=4)
    budget = Budget(tokens=3 * most_of("Prompt 0", 20).total)
    with pytest.raises(WorkError, match="budget"), Store(path) as store:
        collect(Cached(model, store, budget=budget), ITEMS, run="x")
    with Store(path) as store:
        assert len(store) == len(model.asked) == 3
        assert store.spending("counting").open.total == 0


def test_ctrl_c_waits_for_no_answer(path):
    begun = threading.Event()
    ended = threading.Event()

    class Endless(Counting):
        def sample(self, *given, **named):
            begun.set()
            ended.wait(30)
            raise WorkError("stopped")

    def ask(store):
        with pytest.raises(WorkError):
            Cached(Endless(), store).sample("a")

    def interrupted():
        with Store(path) as store:
            threads.append(threading.Thread(target=ask, args=(store,)))
            threads[0].start()
            begun.wait(30)
            raise KeyboardInterrupt

    threads = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not ended.is_set()
    ended.set()
    threads[0].join()
    with Store(path) as store:
        assert store.spending("counting").open == most_of("a", 20)


def test_a_budget_of_money_counts_prompts_and_answers_at_their_own_price(path):
    model, price = Counting(), Price(prompt=1000, answer=3000)  # .01 + .015 for each
    with (
        Store(path) as store,
        pytest.raises(WorkError, match=r"budget of 0\.2500 ends here: 0\.\d+ is spent, and"),
    ):
        collect(Cached(model, store, budget=Budget(money=0.25, price=price)), ITEMS, run="x")
    spent = price.of(Usage(prompt_tokens=10, tokens=5)) * len(model.asked)
    assert 0.25 - price.of(most_of("Prompt 11", 20)) < spent <= 0.25


def test_the_tokens_of_a_prompt_are_known_once_it_was_asked(path):
    """Its bytes are only the most it can have; what the server counted is what the next samples will have."""
    model = Counting()
    with Store(path) as store:
        Cached(model, store).sample("a" * 10_000, 1)
        tight = Cached(model, store, budget=Budget(tokens=15 + 10 + 20))
        assert len(tight.sample("a" * 10_000, 2)) == 2


def test_a_server_that_does_not_count_is_counted_at_its_most(path):
    model = Counting(billed=None)
    with Store(path) as store:
        Cached(model, store).sample("a")
        assert store.spending("counting").settled == most_of("a", 20)


def test_a_call_that_a_crash_ended_stays_counted_and_one_that_got_no_answer_does_not(path):
    class Failing(Counting):
        def sample(self, *_, **__):
            raise self.error

    with Store(path) as store:
        with pytest.raises(WorkError):
            Cached(Failing(error=WorkError("no answer")), store).sample("a")
        assert store.spending("counting").usage.total == 0
        with pytest.raises(KeyboardInterrupt):
            Cached(Failing(error=KeyboardInterrupt()), store).sample("a")
        assert store.spending("counting").open == most_of("a", 20)


@given(st.text(max_size=200), st.integers(1, 50))
def test_the_most_a_call_can_take_is_more_than_its_bytes(text, tokens):
    most = most_of([{"role": "system", "content": "x"}, {"role": "user", "content": text}], tokens)
    assert most.prompt_tokens > len(text.encode(errors="replace")) + 1
    assert most.total == most.prompt_tokens + tokens


def test_money_without_a_price_and_a_price_that_is_none_are_refused():
    with pytest.raises(InputError, match=r"money was given without a price\. Give the price"):
        Budget(money=1.0)
    with pytest.raises(InputError, match=r"A price of -1 and 0 is none\."):
        Price(prompt=-1, answer=0)


@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 0.0, -1.0])
def test_a_budget_that_would_never_end_is_none(amount):
    with pytest.raises(InputError, match=r"A budget of \S+ is none\. Give an amount of money above 0"):
        Budget(money=amount, price=Price(prompt=1, answer=1))


@pytest.mark.parametrize("price", [float("nan"), float("inf")])
def test_a_price_that_makes_no_sum_is_none(price):
    with pytest.raises(InputError, match=r"A price of \S+ and 1 is none\."):
        Price(prompt=price, answer=1)


# --- the file -------------------------------------------------------------------------------------------


def test_what_is_no_cache_is_refused_and_left_as_it_is(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("These are no answers, and long enough to be read as a header. " * 40)
    with pytest.raises(InputError, match=r"notes\.txt is no cache of answers\. Give another path\."):
        Store(text)
    foreign = tmp_path / "foreign.sqlite"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE songs (name TEXT)")
    db.close()
    whole = foreign.read_bytes()
    with pytest.raises(
        InputError, match=r"foreign\.sqlite is a database of something else\. Give another path\."
    ):
        Store(foreign)
    assert foreign.read_bytes() == whole


@pytest.mark.parametrize(
    ("version", "step"),
    [(7, "Upgrade wellkeeper, or give"), (1, "Its answers lack what is kept now: give")],
    ids=["newer", "older"],
)
def test_another_version_is_refused(path, version, step):
    Store(path).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {version}")
    db.close()
    with pytest.raises(
        InputError, match=rf"is a cache of version {version}, and this is version 2\. {step} another path\."
    ):
        Store(path)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(WorkError, match=r"cannot be used \(unable to open database file\)\. Check the path"):
        Store(tmp_path / "no" / "answers")


def test_a_full_disk_is_told_and_what_was_kept_stays(path):
    with Store(path) as store:
        Cached(Counting(), store).sample("a")
        pages = store._database.connection.execute("PRAGMA page_count").fetchone()[0]
        store._database.connection.execute(f"PRAGMA max_page_count = {pages}")

        class Wordy(Counting):
            def sample(self, *given, **named):
                return [replace(super().sample(*given, **named)[0], text="word " * 50_000)]

        with pytest.raises(
            WorkError, match=r"cannot be used \(database or disk is full\)\. Check the path, its rights"
        ):
            Cached(Wordy(), store).sample("b")
        store._database.connection.execute("PRAGMA max_page_count = 1000000")
        assert len(Cached(Wordy(), store).sample("b")[0].text) == 250_000
        assert len(store) == 2


def test_writes_go_to_a_log_that_survives_a_kill(path):
    with Store(path) as store:
        assert store._database.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._database.connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_parameters_are_kept_in_plain_json(path):
    key = Key.of(Counting(), "a", temperature=1, seed=3, logprobs=False)
    assert json.loads(key.parameters) == {"temperature": 1.0, "seed": 3, "logprobs": False, "tokens": 20}
    assert replace(key) == Key.of(Counting(), "a", temperature=1.0, seed=3, logprobs=False)
