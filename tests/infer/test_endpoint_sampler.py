"""What an endpoint is asked for by a sampler, and a real model behind one."""

import json
import math
import os
from dataclasses import replace

import pytest
from language_model_files import needs_lm, smollm2

from wellkeeper.engine.completions import Client, Endpoint, Question
from wellkeeper.engine.language_models import LocalModel
from wellkeeper.errors import InputError, WorkError
from wellkeeper.infer import endpoint as endpoint_module
from wellkeeper.infer.cache import Cached, Store
from wellkeeper.infer.endpoint import EndpointSampler
from wellkeeper.infer.pace import Rate
from wellkeeper.infer.sampling import Item, collect, sample_seed

CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Name a colour."}]


@pytest.fixture
def endpoint(server):
    server.plan()
    return replace(Endpoint.at(server.url, "small"), first_wait=0.01, timeout=5)


def plain(endpoint):
    return replace(endpoint, url=endpoint.url.replace("/chat/", "/"))


def test_each_sample_is_a_request_with_a_hashed_seed(server, endpoint):
    outputs = EndpointSampler(endpoint, tokens=9).sample(CHAT, 3, 0.7, 5)
    asked = [request["asked"] for request in server.requests()]
    assert asked == [
        {
            "model": "small",
            "max_tokens": 9,
            "seed": sample_seed(5, sample),
            "temperature": 0.7,
            "messages": CHAT,
        }
        for sample in range(3)
    ]
    assert [output.seed for output in outputs] == [sample_seed(5, sample) for sample in range(3)]
    assert all(output.milliseconds > 0 and output.tokens is None for output in outputs)


def test_logprobs_are_asked_for_and_read_in_the_words_of_either_interface(server, endpoint):
    usage = {"prompt_tokens": 7, "completion_tokens": 2}
    chat = {"content": [{"token": "It", "logprob": -0.5}, {"token": " is", "logprob": -1.5}]}
    old = {"tokens": ["It", " is"], "token_logprobs": [-0.5, -1.5], "top_logprobs": None}
    server.plan({"logprobs": chat, "usage": usage}, {"logprobs": old, "usage": usage})
    (one,) = EndpointSampler(endpoint).sample("a", logprobs=True)
    (other,) = EndpointSampler(plain(endpoint)).sample("a", logprobs=True)
    assert one.logprobs == other.logprobs == (-0.5, -1.5)
    assert (one.prompt_tokens, one.tokens) == (7, 2)
    asked = [request["asked"] for request in server.requests()]
    assert [(one["logprobs"], one.get("top_logprobs")) for one in asked] == [(True, 20), (5, None)]


def test_the_likeliest_first_tokens_are_read_in_the_words_of_either_interface(server, endpoint):
    first = [
        {"token": "A", "logprob": -0.1},
        {"token": "\ufffd", "logprob": -3},
        {"token": "\ufffd", "logprob": -4},
    ]
    chat = {
        "content": [
            {"token": "A", "logprob": -0.1, "top_logprobs": first},
            {"token": ".", "logprob": -2, "top_logprobs": [{"token": ".", "logprob": -2}]},
        ]
    }
    old = {"tokens": ["A"], "token_logprobs": [-0.1], "top_logprobs": [{"A": -0.1, "B": -2.5}]}
    none = {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": []}]}
    server.plan({"logprobs": chat}, {"logprobs": old}, {"logprobs": none})
    outputs = EndpointSampler(endpoint, at_once=1).sample("a", 3, logprobs=True)
    assert [output.first_tokens for output in outputs] == [
        {"A": -0.1, "\ufffd": -3.0},
        {"A": -0.1, "B": -2.5},
        None,
    ]
    server.plan({"logprobs": chat})
    assert EndpointSampler(endpoint).sample("a")[0].first_tokens is None


def refusing(most):
    said = f"Requested sample logprobs of 20, which is greater than max allowed: {most}"
    return {"status": 400, "body": json.dumps({"error": {"message": said}})}


def test_a_server_that_gives_fewer_likeliest_tokens_is_asked_for_fewer_from_then_on(server, endpoint):
    told = {"content": [{"token": "A", "logprob": -0.1}]}
    server.exactly(refusing(5), {"logprobs": told})
    outputs = EndpointSampler(endpoint, at_once=1).sample("a", 2, logprobs=True)
    assert [request["asked"]["top_logprobs"] for request in server.requests()] == [20, 5, 5]
    assert [(output.logprobs, output.first_tokens) for output in outputs] == [((-0.1,), None)] * 2


def test_a_server_that_gives_no_likeliest_tokens_is_asked_without(server, endpoint):
    unknown = {"status": 422, "body": json.dumps({"error": {"message": "unknown field: top_logprobs"}})}
    told = {"content": [{"token": "A", "logprob": -0.1}]}
    server.exactly(unknown, unknown, unknown, {"logprobs": told})
    (output,) = EndpointSampler(endpoint).sample("a", logprobs=True)
    assert output.logprobs == (-0.1,)
    assert [request["asked"].get("top_logprobs") for request in server.requests()] == [20, 5, 1, None]
    assert all(request["asked"]["logprobs"] is True for request in server.requests())


@pytest.mark.parametrize(("address", "asked"), [(lambda one: one, 4), (plain, 2)], ids=["chat", "text"])
def test_a_server_that_gives_no_log_probabilities_at_all_is_believed(server, endpoint, address, asked):
    server.always(**refusing(0))
    (output,) = EndpointSampler(address(endpoint)).sample("a", logprobs=True)
    assert output.finish == "error"
    assert len(server.requests()) == asked


def test_a_server_that_leaves_logprobs_out_gives_no_answer_in_their_place(server, endpoint):
    (output,) = EndpointSampler(endpoint).sample("a", logprobs=True)
    assert (output.finish, output.logprobs) == ("error", None)


def test_empty_cut_and_refused_answers_say_so(server, endpoint):
    filtered = {"error": {"message": "The response was filtered: content_filter"}}
    server.plan(
        {"content": "It rained."},
        {"content": "It rai", "finish": "length"},
        {"content": ""},
        {"content": "It", "finish": "content_filter"},
        {"status": 400, "body": json.dumps(filtered)},
        {"status": 400, "body": json.dumps({"error": {"message": "context length exceeded"}})},
    )
    outputs = EndpointSampler(endpoint).sample("a", 6)
    assert [output.finish for output in outputs] == ["stop", "length", "empty", "refused", "refused", "error"]
    assert outputs[-1].note == "HTTP 400: context length exceeded"


def test_a_temperature_that_the_server_refuses_is_not_left_out(server, endpoint):
    server.always(status=400, body='{"error": {"message": "Unsupported value: temperature"}}')
    sampler = EndpointSampler(endpoint, at_once=1)
    items = [Item(name=str(number), prompt="a") for number in range(9)]
    with pytest.raises(
        WorkError, match=r"rejects every request, 5 so far \(HTTP 400: Unsupported value: temperature\)"
    ):
        collect(sampler, items, run="x", temperature=0.5)
    assert all(request["asked"]["temperature"] == 0.5 for request in server.requests())


def test_a_server_that_takes_no_seed_is_asked_without_and_the_answers_say_so(server, endpoint):
    server.plan({"status": 400, "body": '{"error": {"message": "unknown field seed"}}'})
    assert [output.seed for output in EndpointSampler(endpoint).sample("a", 2)] == [None, None]


def test_messages_for_an_address_that_continues_text_are_refused(endpoint):
    with pytest.raises(
        InputError,
        match=r"continues plain text and was given messages\. Give the address of /chat/completions",
    ):
        EndpointSampler(plain(endpoint)).sample(CHAT)


def test_the_fingerprint_hangs_on_address_and_model_and_on_no_key(endpoint):
    prints = [
        EndpointSampler(one).fingerprint
        for one in (
            endpoint,
            replace(endpoint, key="gsk_a1B2"),
            replace(endpoint, model="large"),
            plain(endpoint),
        )
    ]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_a_rate_counts_what_was_used_and_gives_back_the_rest(server, endpoint, monkeypatch):
    server.always(usage={"prompt_tokens": 7, "completion_tokens": 2})
    sampler = EndpointSampler(endpoint, tokens=100, rate=Rate(tokens=10**9))
    taken, back = [], []
    monkeypatch.setattr(sampler._pace, "start", taken.append)
    monkeypatch.setattr(sampler._pace, "give_back", back.append)
    sampler.sample("a", 2)
    assert [most - rest for most, rest in zip(taken, back, strict=True)] == [9, 9]


def test_a_sampler_answers_again_after_a_run_that_ended(server, endpoint):
    sampler = EndpointSampler(endpoint)
    items = [Item(name="a", prompt="a")]
    assert collect(sampler, items, run="x")[0][0].text == collect(sampler, items, run="y")[0][0].text
    server.plan({"status": 503, "body": "busy"})
    assert collect(sampler, items, run="z")[0][0].finish == "stop"


def test_the_client_is_the_packages_only_one():
    assert endpoint_module.Client is Client


# --- a real model over HTTP -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real():
    """SmolLM2-135M served by llama.cpp on this machine, with a key, as a user would reach it."""
    model = LocalModel(smollm2(), context=256, threads=1)
    os.environ["WELLKEEPER_TEST_KEY"] = model._llama._key
    try:
        yield Endpoint.at(model._llama._server.listening_address, "smollm2", key_env="WELLKEEPER_TEST_KEY")
    finally:
        del os.environ["WELLKEEPER_TEST_KEY"]
        model.close()


@needs_lm
def test_a_real_server_gives_the_same_answer_to_the_same_seed_and_others_to_others(real):
    sampler = EndpointSampler(real, tokens=12, at_once=1)
    first = sampler.sample("Invent a name for a ship.", 3, seed=1)
    again = sampler.sample("Invent a name for a ship.", 3, seed=1)
    assert [output.text for output in first] == [output.text for output in again]
    other = sampler.sample("Invent a name for a ship.", 3, seed=2)
    assert len({output.text for output in first + other}) >= 5
    assert all(output.finish in {"stop", "length"} for output in first)


@needs_lm
def test_a_real_server_tells_log_probabilities_and_counts_tokens(real):
    (output,) = EndpointSampler(plain(real), tokens=4).sample("The capital of France is", 1, 0.0, 1, True)
    assert output.text.startswith(" Paris")
    assert output.finish == "length"
    assert (output.prompt_tokens, output.tokens, len(output.logprobs)) == (5, 4, 4)
    assert output.logprobs[0] == pytest.approx(-0.259, abs=0.1)
    assert output.first_tokens[" Paris"] == output.logprobs[0]
    assert len(output.first_tokens) == 5
    (chat,) = EndpointSampler(real, tokens=4).sample(CHAT, 1, 1.0, 1, True)
    assert len(chat.logprobs) == chat.tokens == 4
    assert len(chat.first_tokens) == 20
    assert sum(map(math.exp, chat.first_tokens.values())) <= 1.001
    assert all(value <= 0 and math.isfinite(value) for value in chat.logprobs)


@needs_lm
def test_what_the_model_cannot_hold_is_rejected_and_the_server_goes_on(real):
    sampler = EndpointSampler(real, tokens=2, at_once=1)
    items = [Item(name="long", prompt="word " * 2000), Item(name="short", prompt="Hello")]
    ((long,), (short,)) = collect(sampler, items, run="x")
    assert (long.finish, short.finish) == ("error", "length")
    assert "HTTP 400" in long.note


@needs_lm
def test_a_real_run_is_kept_and_its_key_is_not(real, tmp_path):
    sampler = EndpointSampler(real, tokens=3, at_once=2)
    items = [Item(name=str(number), prompt=f"Count from {number}:") for number in range(3)]
    with Store(tmp_path / "answers.sqlite") as store:
        first = collect(Cached(sampler, store), items, run="x", n=2)
        usage = store.spending(sampler.fingerprint)
        assert usage.calls == 6
        assert usage.settled.tokens == sum(output.tokens for outputs in first for output in outputs)
        gone = EndpointSampler(replace(real, key="wrong", first_wait=0.0), tokens=3)
        assert collect(Cached(gone, store), items, run="x", n=2) == first
        with pytest.raises(WorkError, match="refuses access"):
            collect(Cached(gone, store), items, run="y")
        kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert real.key.encode() not in kept
    assert first[0][0].text.encode() in kept


def test_a_question_without_a_temperature_leaves_it_to_the_server(server, endpoint):
    Client(endpoint).reply(Question(prompt="a", tokens=3))
    assert set(server.requests()[0]["asked"]) == {"model", "max_tokens", "messages"}
