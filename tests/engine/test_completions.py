"""A model behind an endpoint is asked as little as possible, waited for as long as sensible, and never told on."""

import json
import threading
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellkeeper.engine import completions
from wellkeeper.engine.completions import (
    FIRST_TRIES,
    TRIES,
    Answer,
    Asker,
    Client,
    Endpoint,
    Journal,
    RejectedError,
    at_once,
    key_of,
    reply_in,
)
from wellkeeper.errors import InputError, WorkError

SECRET = "gsk_a1B2c3D4e5"


@pytest.fixture
def endpoint(server) -> Endpoint:
    server.plan()
    return replace(Endpoint.at(server.url, "small"), first_wait=0.01, timeout=5)


# --- what is asked --------------------------------------------------------------------------------------


def test_a_chat_endpoint_is_asked_by_a_message_and_a_plain_one_by_a_prompt(server, endpoint) -> None:
    assert Client(endpoint).ask("Say it.", tokens=7).finish == "stop"
    Client(replace(endpoint, url=f"http://127.0.0.1:{server.port}/v1/completions")).ask("It was", tokens=8)
    chat, plain = server.requests()
    assert chat == {
        "path": "/v1/chat/completions",
        "key": None,
        "asked": {
            "model": "small",
            "max_tokens": 7,
            "seed": 0,
            "messages": [{"role": "user", "content": "Say it."}],
        },
    }
    assert plain["path"] == "/v1/completions"
    assert plain["asked"] == {"model": "small", "max_tokens": 8, "seed": 0, "prompt": "It was"}


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("http://localhost:8000", "http://localhost:8000/v1/chat/completions"),
        ("http://localhost:8000/", "http://localhost:8000/v1/chat/completions"),
        ("http://localhost:8000/v1/", "http://localhost:8000/v1/chat/completions"),
        ("https://api.example.org/openai/v2", "https://api.example.org/openai/v2/chat/completions"),
        ("https://api.example.org/v1/chat/completions", "https://api.example.org/v1/chat/completions"),
        ("http://localhost:8000/v1/completions", "http://localhost:8000/v1/completions"),
    ],
)
def test_an_endpoint_may_be_the_server_its_root_or_the_whole_address(given: str, asked: str) -> None:
    assert Endpoint.at(given, "m").url == asked


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            "localhost:8000/v1",
            r"localhost:8000/v1 is no http or https address\. Give one like http://localhost",
        ),
        ("ftp://a.org", r"ftp://a\.org is no http or https address"),
        ("", r"The endpoint is no http or https address"),
        ("http://[::1", r"The endpoint is no address: .*\. Give one like"),
        ("http://a.org:eighty/", r"The endpoint is no address: .*\. Give one like"),
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_asked(given: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Endpoint.at(given, "m")


def test_a_parameter_that_the_server_does_not_know_is_renamed_or_left_out(server, endpoint) -> None:
    refused = {
        "error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}
    }
    unseeded = {"error": {"message": "Extra inputs are not permitted: seed"}}
    server.plan({"status": 400, "body": json.dumps(refused)}, {"status": 422, "body": json.dumps(unseeded)})
    client = Client(endpoint)
    client.ask("a", tokens=9)
    client.ask("b", tokens=9)
    asked = [sorted(set(request["asked"]) - {"model", "messages"}) for request in server.requests()]
    assert asked == [["max_tokens", "seed"], ["max_completion_tokens", "seed"], ["max_completion_tokens"], ["max_completion_tokens"]]  # fmt: skip


# --- what goes wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 529])
def test_a_server_that_is_busy_or_broken_is_asked_again(server, endpoint, status: int) -> None:
    server.plan(*[{"status": status, "body": "busy"}] * (TRIES - 1), {"content": "Here."})
    assert Client(endpoint).ask("a", tokens=5) == Answer("Here.", "stop")
    assert len(server.requests()) == TRIES


def test_the_wait_is_doubled_unless_the_server_says_how_long(server, endpoint, monkeypatch) -> None:
    waits = []
    client = Client(replace(endpoint, first_wait=1.0))
    monkeypatch.setattr(client._stopped, "wait", lambda seconds: waits.append(seconds) or False)
    busy = {"status": 503, "body": ""}
    told = [
        {**busy, "headers": {"Retry-After": after}}
        for after in ("7", "Wed, 21 Oct 2015 07:28:00 GMT", "9999", "-1")
    ]
    server.plan(busy, *told)
    client.ask("a", tokens=5)
    assert waits == [1.0, 7.0, 4.0, 60.0, 0.0]


def test_a_server_that_never_answers_well_is_given_up_with_its_reason(server, endpoint) -> None:
    server.always(status=500, body='{"error": {"message": "CUDA\\nout of \\u001b[31mmemory"}}')
    with pytest.raises(WorkError) as refused:
        Client(endpoint).ask("a", tokens=5)
    assert str(refused.value) == (
        f"{endpoint.url} gave no answer in 6 tries (HTTP 500: CUDA out of [31mmemory). Answers that came before are "
        "kept: check the address and the server, then run the same command again to go on."
    )


def test_an_address_where_nobody_answers_is_given_up_sooner(endpoint) -> None:
    nobody = replace(endpoint, url="http://127.0.0.1:9/v1/chat/completions")
    with pytest.raises(
        WorkError, match=rf"gave no answer in {FIRST_TRIES} tries \(.*refused.*\)\. .*check the address"
    ):
        Client(nobody).ask("a", tokens=5)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"body": "<html>Welcome</html>"}, "its answer is no JSON"),
        ({"body": "[" * 100_000}, "its answer is no JSON"),
        ({"body": '{"error": "none"}'}, "its answer has no choices with a text"),
        ({"body": '{"choices": []}'}, "its answer has no choices with a text"),
        ({"body": '{"choices": [{"message": {"content": ["a"]}}]}'}, "its answer has no choices with a text"),
        ({"body": "5"}, "its answer has no choices with a text"),
        ({"cut": True}, "(Remote end closed|reset)"),
        ({"wait": 30}, "timed out"),
    ],
)  # fmt: skip
def test_garbage_cut_connections_and_silence_are_tried_again_then_named(
    server, endpoint, entry: dict, says: str
) -> None:
    asked = replace(endpoint, timeout=1.0) if "wait" in entry else endpoint  # only silence is not waited for
    server.always(**entry)
    with pytest.raises(WorkError, match=rf"gave no answer in 3 tries \(.*{says}"):
        Client(asked).ask("a", tokens=5)
    until = time.monotonic() + 20
    while len(server.requests()) < FIRST_TRIES and time.monotonic() < until:  # or they take of the next plan
        time.sleep(0.01)
    server.plan(entry, {"content": "Well."})
    assert Client(asked).ask("a", tokens=5).text == "Well."


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_rejected_says_nothing_of_the_next(server, endpoint, status: int) -> None:
    server.plan({"status": status, "body": "too long"})
    client = Client(endpoint)
    with pytest.raises(RejectedError, match=f"HTTP {status}: too long"):
        client.ask("a", tokens=5)
    assert client.ask("b", tokens=5).text


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, r"refuses access \(HTTP 401: no\)\. Name the variable that holds a valid key with --key-env\."),
        (403, r"refuses access \(HTTP 403: no\)"),
        (404, r"answers HTTP 404: no\. Check the address and --model\."),
    ],
)
def test_a_wrong_key_or_address_ends_the_run_at_once(server, endpoint, status: int, says: str) -> None:
    server.always(status=status, body="no")
    with pytest.raises(WorkError, match=says):
        Client(endpoint).ask("a", tokens=5)
    assert len(server.requests()) == 1


def test_a_refusal_and_an_answer_without_text_are_told_apart(server, endpoint) -> None:
    refused = {"choices": [{"message": {"content": None, "refusal": "I cannot."}, "finish_reason": "stop"}]}
    server.plan({"body": json.dumps(refused)}, {"content": None}, {"content": "cut of", "finish": "length"})
    client = Client(endpoint)
    answers = [client.ask(prompt, tokens=5) for prompt in "abc"]
    assert answers == [Answer("", "refusal"), Answer("", "stop"), Answer("cut of", "length")]


def test_half_a_letter_in_an_answer_becomes_a_question_mark(server, endpoint) -> None:
    server.plan({"body": '{"choices": [{"message": {"content": "a\\ud83d b"}}]}'})
    assert Client(endpoint).ask("a", tokens=5).text == "a? b"


# --- the key --------------------------------------------------------------------------------------------


def test_the_key_goes_into_the_request_and_nowhere_else(server, endpoint, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MODEL_KEY", f" {SECRET}\n")
    keyed = replace(Endpoint.at(server.url, "small", key_env="MODEL_KEY"), first_wait=0.01)
    client, journal = Client(keyed), tmp_path / "journal"
    Asker(client, Journal(journal))("a", tokens=5)
    assert server.requests()[0]["key"] == f"Bearer {SECRET}"
    assert SECRET not in repr(keyed) + journal.read_text() + json.dumps([client.identity, client.record])


def test_a_server_that_repeats_the_key_is_not_quoted_with_it(server, endpoint) -> None:
    server.always(status=401, body=json.dumps({"error": {"message": f"Incorrect API key: {SECRET}"}}))
    with pytest.raises(WorkError, match=r"Incorrect API key: \[the key\]"):
        Client(replace(endpoint, key=SECRET)).ask("a", tokens=5)


def test_a_redirect_is_not_followed(server, endpoint) -> None:
    server.always(status=302, headers={"Location": "http://evil.example/v1"}, body="")
    with pytest.raises(
        WorkError, match=r"redirects \(HTTP 302\), which could hand on the key\. Give the final address"
    ):
        Client(replace(endpoint, key=SECRET)).ask("a", tokens=5)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        (
            "MODEL_KEY",
            None,
            r"The variable MODEL_KEY is not set\. Put the key into it, or leave out --key-env\.",
        ),
        ("MODEL_KEY", " ", r"The variable MODEL_KEY is not set"),
        (SECRET, None, r"no variable that is set, and it is not shown here in case it is the key itself\."),
        ("MODEL_KEY", f"{SECRET}\n{SECRET}", r"holds a space, a line feed or a letter that is not ASCII\."),
    ],
)
def test_a_key_that_cannot_be_used_is_not_shown(
    monkeypatch, variable: str, value: str | None, says: str
) -> None:
    monkeypatch.delenv("MODEL_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv(variable, value)
    with pytest.raises(InputError, match=says) as refused:
        Endpoint.at("http://localhost:1", "m", key_env=variable)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("url", [f"https://user:{SECRET}@a.org/v1", f"https://a.org/v1?key={SECRET}"])
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(
        InputError, match=r"https://a\.org/v1 was given with credentials or a query"
    ) as refused:
        Endpoint.at(url, "m")
    assert SECRET not in str(refused.value)


def test_no_proxy_stands_between_this_machine_and_itself(server, endpoint, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert Client(endpoint).ask("a", tokens=5).text


# --- the journal ----------------------------------------------------------------------------------------


def test_what_was_answered_once_is_not_asked_again_even_by_another_run(server, endpoint, tmp_path) -> None:
    file = tmp_path / "journal"
    first = Asker(Client(endpoint), Journal(file))("a", tokens=5)
    assert Asker(Client(endpoint), Journal(file))("a", tokens=5) == first
    assert len(server.requests()) == 1


@pytest.mark.parametrize(
    "change",
    [{"url": "http://other/v1"}, {"model": "large"}, {"seed": 1}],
    ids=["address", "model", "seed"],
)
def test_another_model_address_or_seed_is_asked_anew(endpoint, change: dict) -> None:
    one, other = Client(endpoint), Client(replace(endpoint, **change))
    assert key_of(one.identity, "a", 5) != key_of(other.identity, "a", 5)


def test_another_prompt_or_length_is_asked_anew_and_another_key_is_not(endpoint) -> None:
    identity = Client(endpoint).identity
    assert len({key_of(identity, prompt, tokens) for prompt in "ab" for tokens in (5, 6)}) == 4
    assert Client(replace(endpoint, key=SECRET)).identity == identity


def test_a_torn_or_foreign_line_costs_its_own_answer_only(tmp_path) -> None:
    file = tmp_path / "journal"
    journal = Journal(file)
    for key in "abc":
        journal.put(key, Answer(f"text\n\u2028 of {key}", "stop"))
    whole = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(whole[0] + b"\xff\xfe\n[1]\n{}\n" + whole[1] + whole[2][:-9])
    torn = Journal(file)
    assert len(torn) == 2
    assert torn.get("b") == Answer("text\n\u2028 of b", "stop")
    assert torn.get("c") is None
    torn.put("c", Answer("again", "stop"))
    assert Journal(file).get("c") == Answer("again", "stop")
    assert Journal(file).get("a") == Answer("text\n\u2028 of a", "stop")


def test_threads_write_whole_lines(tmp_path) -> None:
    journal = Journal(tmp_path / "journal")
    names = [f"{thread}-{number}" for thread in range(8) for number in range(20)]
    for _, key in at_once(
        lambda key: journal.put(key, Answer(key * 50, "stop")) or key, names, most=8, stop=lambda: None
    ):
        assert journal.get(key)
    again = Journal(tmp_path / "journal")
    assert [again.get(key).text for key in names] == [key * 50 for key in names]


# --- several at once ------------------------------------------------------------------------------------


def test_as_many_tasks_run_at_once_as_are_allowed_and_each_comes_back() -> None:
    running, most = [], []
    lock = threading.Lock()

    def work(task: int) -> int:
        with lock:
            running.append(task)
            most.append(len(running))
        time.sleep(0.005)
        with lock:
            running.remove(task)
        return task * task

    found = dict(at_once(work, range(30), most=3, stop=lambda: None))
    assert found == {task: task * task for task in range(30)}
    assert max(most) == 3


def test_the_first_error_ends_all_waits_and_starts_nothing_more() -> None:
    stopped, started = threading.Event(), []

    def work(task: int) -> None:
        started.append(task)
        if task == 2:
            raise WorkError("no")
        stopped.wait(20)

    begun = time.monotonic()
    with pytest.raises(WorkError, match="no"):
        list(at_once(work, range(50), most=4, stop=stopped.set))
    assert stopped.is_set()
    assert len(started) <= 4
    assert time.monotonic() - begun < 10


def test_a_wait_between_tries_ends_when_the_run_is_stopped(server, endpoint) -> None:
    server.always(status=503, headers={"Retry-After": "50"}, body="")
    client = Client(endpoint)
    threading.Timer(0.2, client.stop).start()
    begun = time.monotonic()
    with pytest.raises(WorkError, match="gave no answer in 1 try"):
        client.ask("a", tokens=5)
    assert time.monotonic() - begun < 20
    assert completions._LONGEST_WAIT >= 50


# --- log-probabilities of any shape -------------------------------------------------------------------------------

numbers = st.floats(allow_nan=False) | st.integers() | st.none() | st.text(max_size=2)
one = st.dictionaries(st.sampled_from(["token", "logprob"]), numbers, max_size=2)
places = st.lists(one | st.none() | st.dictionaries(st.text(max_size=2), numbers, max_size=2), max_size=2)
told = st.fixed_dictionaries(
    {},
    optional={
        "content": st.lists(
            st.fixed_dictionaries({"logprob": numbers}, optional={"top_logprobs": places | st.none()}),
            max_size=2,
        ),
        "token_logprobs": st.none() | st.lists(numbers, max_size=2),
        "top_logprobs": st.none() | places,
    },
)


@given(told)
def test_log_probabilities_of_any_shape_are_read_or_not_understood(logprobs):
    document = {"choices": [{"text": "a", "logprobs": logprobs}]}
    try:
        reply = reply_in(json.loads(json.dumps(document)), seeded=False)
    except ValueError:
        return
    for token, chance in (reply.first_tokens or {}).items():
        assert isinstance(token, str)
        assert isinstance(chance, float)
