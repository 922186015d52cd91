"""The gate of a server at one computer: whose token it is, whence a form comes, how large it is."""

import asyncio
import gc
import os
import signal
import socket

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from wellkeeper.engine import loopback
from wellkeeper.engine.loopback import Gate, GateWords, Said

BASE = "http://127.0.0.1:8123"
NAMES = {"token-of-ann": "ann", "token-of-bob": "bob"}
LARGEST = 200
WORDS = GateWords(
    misnamed=Said(title="misnamed", said="Open the printed address."),
    closed=Said(title="closed", said="Open your own address."),
    opens=Said(title="opens", said="Wait."),
    elsewhere=Said(title="elsewhere", said="Open the page itself."),
    too_large=Said(title="too large", said="Send less."),
    no_form=Said(title="no form", said="Send a form."),
)


def echo(request):
    return JSONResponse({"reader": request.scope["reader"], "form": dict(request.scope.get("form", {}))})


def client(*, names=None, largest=LARGEST, realm="queue", **options):
    app = Starlette(routes=[Route("/", echo, methods=["GET", "POST", "PUT", "DELETE"]), Route("/only", echo)])
    gate = Gate(
        app,
        names=NAMES if names is None else names,
        notice=lambda title, said: f"{title}: {said}",
        words=WORDS,
        realm=realm,
        largest=largest,
    )
    return TestClient(gate, base_url=BASE, **options)


def opened(name="ann", **options):
    held = client(**options)
    assert held.get("/", params={"token": f"token-of-{name}"}).status_code == 200
    return held


# --- who -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ann", "bob"])
def test_each_token_is_its_own_reader_by_cookie_and_as_a_bearer(name):
    assert opened(name).get("/").json()["reader"] == name
    bearer = {"Authorization": f"Bearer token-of-{name}"}
    assert client().get("/", headers=bearer).json()["reader"] == name


def test_a_browser_is_whoever_opened_it_last():
    held = opened("ann")
    held.get("/", params={"token": "token-of-bob"})
    assert held.get("/").json()["reader"] == "bob"
    assert len(held.cookies) == 1


def test_a_reader_is_still_known_when_others_were_added():
    held = opened("ann")
    later = client(names={**NAMES, "token-of-eve": "eve"})
    later.cookies = held.cookies
    assert later.get("/").json()["reader"] == "ann"


def test_two_realms_do_not_take_each_others_cookies():
    assert set(opened(realm="one").cookies).isdisjoint(opened(realm="two").cookies)


def test_without_a_token_nobody_passes_whatever_they_send():
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert client().request(method, "/", headers={"Origin": BASE}).status_code == 401


# --- whence --------------------------------------------------------------------------------------------------------------

OWN = [
    {"Origin": BASE},
    {"Origin": BASE.upper().replace("HTTP", "http")},
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": BASE, "Sec-Fetch-Site": "same-origin"},
    {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
]
OTHER = [
    {},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8124"},
    {"Origin": "https://127.0.0.1:8123"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:8123.evil.example"},
    {"Origin": f"{BASE} http://evil.example"},
    {"Origin": "http://localhost:8123"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": BASE, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Referer": f"{BASE}/"},
]


@pytest.mark.parametrize("headers", OWN)
def test_a_form_of_our_own_page_is_taken(headers):
    answer = opened().post("/", data={"label": "human"}, headers=headers)
    assert answer.json() == {"reader": "ann", "form": {"label": "human"}}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("headers", OTHER)
def test_a_form_of_another_origin_is_refused(headers, method):
    answer = opened().request(method, "/", headers=headers)
    assert answer.status_code == 403
    assert "Open the page itself." in answer.text


def test_an_origin_that_is_said_twice_must_be_ours_twice():
    twice = [("Origin", BASE), ("Origin", "http://evil.example")]
    assert opened().post("/", headers=twice).status_code == 403


def test_a_program_with_the_token_need_not_say_whence():
    answer = client().post("/", data={"a": "1"}, headers={"Authorization": "Bearer token-of-bob"})
    assert answer.json() == {"reader": "bob", "form": {"a": "1"}}


@pytest.mark.parametrize("headers", OTHER)
def test_pages_are_read_wherever_the_link_stood(headers):
    assert opened().get("/", headers=headers).status_code == 200


def test_where_no_form_is_taken_the_application_answers_itself():
    held = opened(largest=0)
    assert held.post("/only").status_code == 405
    assert held.post("/", content=b"x" * 1000).json() == {"reader": "ann", "form": {}}
    assert "form-action 'none'" in held.get("/").headers["content-security-policy"]


def test_where_forms_are_taken_they_go_to_us_alone():
    headers = opened().get("/").headers
    assert "form-action 'self'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin"  # with no-referrer a form says "Origin: null"


# --- what is sent --------------------------------------------------------------------------------------------------------


def send(content, **headers):
    given = {"Origin": BASE, "Content-Type": "application/x-www-form-urlencoded", **headers}
    return opened().post("/", content=content, headers=given)


def test_fields_are_read_as_a_browser_writes_them():
    form = send(b"note=a+b%0D%0A%C3%A9&empty=&twice=1&twice=2").json()["form"]
    assert form == {"note": "a b\r\n\u00e9", "empty": "", "twice": "2"}


def test_bytes_that_are_no_text_do_no_harm():
    assert send(b"note=%FF%00").json()["form"] == {"note": "\ufffd\x00"}
    assert send(b"note=\xff").status_code == 415


def test_a_body_over_the_limit_is_refused_said_or_not():
    at_most = b"a=" + b"x" * (LARGEST - 2)
    assert send(at_most).status_code == 200
    assert send(at_most + b"x").status_code == 413
    assert send(iter([at_most, b"x"])).status_code == 413
    assert send(b"a=1", **{"Content-Length": "99999999999999999999"}).status_code == 413


def test_what_is_no_form_is_refused():
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        assert send(b"{}", **{"Content-Type": kind}).status_code == 415
    assert send(b"&".join([b"a"] * 51)).status_code == 415
    assert (
        send(b"a=1", **{"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}).status_code
        == 200
    )


# --- ports ---------------------------------------------------------------------------------------------------------------


def test_a_port_is_taken_again_where_it_is_free_and_else_any():
    with loopback.listen(0) as first:
        port = first.getsockname()[1]
        with loopback.listen_again([port]) as other:
            assert other.getsockname()[1] != port
    with loopback.listen_again([port]) as again:
        assert again.getsockname() == ("127.0.0.1", port)


def test_replies_of_what_a_port_takes_are_not_held_back():
    with loopback.listen(0) as listening, socket.create_connection(listening.getsockname()):
        taken, _ = listening.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# --- serving -------------------------------------------------------------------------------------------------------------


def test_ctrl_c_before_the_server_has_begun_is_quiet(monkeypatch):
    def interrupted():
        os.kill(os.getpid(), signal.SIGINT)
        return asyncio.new_event_loop()

    monkeypatch.setattr(uvicorn.Config, "get_loop_factory", lambda _: interrupted)
    with loopback.listen(0) as listening, pytest.raises(KeyboardInterrupt):
        loopback.serve(Starlette(), listening, what="The page")
    gc.collect()  # what was never awaited, or is pending, says so when it goes, which would fail the test
