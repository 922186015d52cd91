"""A webhook is told, its address is not; and what cannot be told is said."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from wellkeeper.errors import InputError, WorkError
from wellkeeper.watch.notify import address_in, post


class Hook(HTTPServer):
    def __init__(self, status=200):
        self.status, self.got = status, []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hooks/secret"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "file:///etc/passwd")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def hook(request):
    served = Hook(getattr(request, "param", 200))
    yield served
    served.shutdown()
    served.server_close()


def test_a_message_is_posted_as_json(hook):
    post(hook.url, {"text": "é"})
    assert hook.got == [{"text": "é"}]


@pytest.mark.parametrize("hook", [302, 404, 500], indirect=True)
def test_an_answer_that_is_none_is_told_without_the_address(hook):
    with pytest.raises(
        WorkError, match=r"The webhook answered \d+\. Check its address; the alarm is told again"
    ) as told:
        post(hook.url, {})
    assert "secret" not in str(told.value)
    assert told.value.__cause__ is None


def test_a_webhook_that_is_not_there_is_told_without_the_address(hook):
    url = hook.url
    hook.shutdown()
    hook.server_close()
    with pytest.raises(
        WorkError, match=r"cannot be reached \(ConnectionRefusedError\)\. Check its address"
    ) as told:
        post(url, {})
    assert "secret" not in str(told.value)


def test_what_speaks_no_http_is_told_without_the_address():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble():
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"hello\n")

        threading.Thread(target=babble, daemon=True).start()
        with pytest.raises(WorkError, match=r"cannot be reached \(BadStatusLine\)\. Check its address"):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/secret", {})


def test_a_webhook_that_hangs_is_waited_for_so_long_and_no_longer():
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        pytest.raises(WorkError, match=r"cannot be reached \(TimeoutError\)"),
    ):
        post(f"http://127.0.0.1:{server.getsockname()[1]}/secret", {}, timeout=0.2)


@pytest.mark.parametrize(
    "address",
    ["file:///etc/passwd", "secret", "https://", "http://[", "ftp://a/b", "https://a/b c", "https://a/\x07"],
)
def test_an_address_that_is_none_is_told_without_it(monkeypatch, address):
    monkeypatch.setenv("HOOK", address)
    with pytest.raises(InputError) as told:
        address_in("HOOK")
    assert str(told.value) == "HOOK holds no address of the web. Set it to one that begins with https://."


def test_a_variable_that_is_not_set_is_told(monkeypatch):
    monkeypatch.delenv("HOOK", raising=False)
    with pytest.raises(
        InputError, match=r"HOOK is not set, and it is to hold the webhook's address. Set it."
    ):
        address_in("HOOK")
