"""The dashboard's server: who may see it, what every answer carries, and that nothing of a model runs in a browser."""

import json
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import replace

import pytest
import timelines
from lxml import html as lxml_html
from starlette.testclient import TestClient

from wellkeeper.errors import InputError, MissingExtraError, WorkError
from wellkeeper.recipe.watch_pages import served_pages
from wellkeeper.report import visible
from wellkeeper.watch import web

TOKEN = "the-token-of-these-tests"
ROUTES = (
    "/",
    "/timeline.json",
    "/weeks/1",
    "/weeks/999",
    "/weeks/" + "9" * 5000,
    "/style.css",
    "/watch.js",
    "/icon.svg",
    "/favicon.ico",
    "/no/such/page",
)
WATCH = timelines.alarm()


class Watched:
    """A watch that grows where a test says so."""

    def __init__(self, timeline=WATCH, pairs=timelines.pairs):
        self.timeline, self.pairs = timeline, pairs

    def now(self):
        return self.timeline.to_json()

    def answered(self, week):
        return self.pairs(week)

    def application(self, token=TOKEN):
        return web.dashboard(self.now, self.answered, pages=served_pages(), token=token)


def client(watched=None, **options):
    application = (watched or Watched()).application()
    return TestClient(application, base_url="http://127.0.0.1:8123", **options)


def opened(watched=None, **options):
    """A client that followed the printed address."""
    found = client(watched, **options)
    assert found.get("/", params={"token": TOKEN}).status_code == 200
    return found


# --- the token ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES)
def test_every_route_answers_401_without_the_token(route):
    answer = client().get(route)
    assert answer.status_code == 401
    assert "model-2026" not in answer.text
    assert "Open the address with the token that was printed when the server started." in answer.text


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_every_method_answers_401_without_the_token(method):
    assert client().request(method, "/timeline.json").status_code == 401


@pytest.mark.parametrize("wrong", ["", "x", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "\u00e9", "%ff"])
def test_a_wrong_token_is_none(wrong):
    held = client()
    assert held.get("/", params={"token": wrong}).status_code == 401
    assert not held.cookies
    assert held.get("/", headers={"Authorization": f"Bearer {wrong}".encode()}).status_code == 401


def test_the_printed_address_hands_out_a_cookie_and_goes_on_without_the_token():
    held = client()
    answer = held.get("/weeks/20", params={"token": TOKEN, "show": "lost"})
    assert answer.status_code == 200
    assert answer.headers["refresh"] == "0; url=/weeks/20?show=lost"
    (cookie,) = answer.headers.get_list("set-cookie")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Domain" not in cookie
    assert held.get("/weeks/20").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "///x"])
def test_the_printed_address_leads_to_no_other_host(path):
    answer = client().get(f"http://127.0.0.1:8123{path}?token={TOKEN}")
    target = answer.headers["refresh"].partition("url=")[2]
    assert target.startswith("/")
    assert not target.startswith(("//", "/\\"))


@pytest.mark.parametrize(
    ("path", "goes_on"),
    [
        ("/\u4e2d", "/%E4%B8%AD"),
        ("/%0d%0aX-Evil:%201", "/%0D%0AX-Evil%3A%201"),
        ("/;url=javascript:alert(1)", "/%3Burl%3Djavascript%3Aalert%281%29"),
    ],
)
def test_the_printed_address_goes_on_to_any_path_and_writes_no_header_of_its_own(path, goes_on):
    answer = client().get(path, params={"token": TOKEN})
    assert answer.status_code == 200
    assert answer.headers["refresh"].partition("url=")[2] == goes_on
    assert "x-evil" not in answer.headers


def test_two_dashboards_on_one_computer_do_not_take_each_others_cookies():
    names = []
    for token in ("one", "two"):
        held = TestClient(Watched().application(token), base_url="http://127.0.0.1:1")
        names += held.get("/", params={"token": token}).cookies.keys()
    assert len(set(names)) == 2


def test_a_program_gives_the_token_as_a_bearer():
    answer = client().get("/timeline.json", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.json() == json.loads(json.dumps(WATCH.to_json()))


def test_the_token_stands_in_no_page_that_is_shown():
    held = opened()
    for route in ("/", "/weeks/20", "/timeline.json", "/no"):
        answer = held.get(route)
        assert TOKEN not in answer.text + str(answer.headers)


def test_tokens_differ_and_are_long():
    found = {web.new_token() for _ in range(100)}
    assert len(found) == 100
    assert min(map(len, found)) >= 43


# --- the host ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8123", "localhost:1", "LOCALHOST", "[::1]:80", "[::1]"]
)
def test_names_of_the_loopback_are_answered(host):
    assert opened().get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8123",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@x",
        "",
        "::1",
        "0.0.0.0",
        "127.0.0.1:x",
    ],
)
def test_a_page_elsewhere_that_points_its_name_here_is_refused_even_with_the_token(host):
    held = opened()
    for route in ("/", "/timeline.json", f"/?token={TOKEN}"):
        answer = held.get(route, headers={"Host": host})
        assert answer.status_code == 400
        assert "model-2026" not in answer.text
        assert "set-cookie" not in answer.headers


# --- what every answer carries -----------------------------------------------------------------------


@pytest.mark.parametrize("route", [*ROUTES, f"/?token={TOKEN}"])
@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
def test_every_answer_has_the_headers_that_keep_a_browser_safe(route, is_open):
    headers = (opened() if is_open else client()).get(route).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert len(headers.get_list("content-security-policy")) == 1
    assert "server" not in headers


def test_scripts_and_sheets_come_from_files_alone():
    held = opened()
    for route in ("/", "/weeks/20"):
        answer = held.get(route)
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        tree = lxml_html.fromstring(answer.text)
        assert [node.get("src") for node in tree.iter("script")] == ["/watch.js"]
        assert not list(tree.iter("style"))
        assert not tree.xpath("//@style | //@*[starts-with(name(), 'on')]")


def test_nothing_can_be_changed():
    held = opened()
    answer = held.post("/weeks/20")
    assert answer.status_code == 405
    assert "this server only shows" in answer.text


# --- pages -------------------------------------------------------------------------------------------


def test_the_first_page_leads_to_every_week_and_every_link_leads_to_a_page():
    held = opened()
    seen, waiting = set(), {"/"}
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = held.get(address)
        assert answer.status_code == 200, address
        if (
            address.startswith("/weeks/")
            and address not in {"/weeks/20", "/weeks/26"}
            and "20?" not in address
        ):
            continue  # one week is walked through whole
        found = (
            lxml_html.fromstring(answer.text).xpath("//@href")
            if "html" in answer.headers["content-type"]
            else []
        )
        waiting |= {link for link in found if not link.startswith("#")} - seen
    assert {f"/weeks/{week}" for week in range(1, 27)} <= seen
    assert {"/style.css", "/timeline.json", "/icon.svg"} <= seen
    assert any("page=2" in address for address in seen)
    assert any("slice=language%3Dde" in address and "show=lost" in address for address in seen)


def test_a_week_shows_what_is_asked_for():
    held = opened()

    def items(**asked):
        tree = lxml_html.fromstring(held.get("/weeks/20", params=asked).text)
        return [node.text_content() for node in tree.xpath("//li[starts-with(@class, 'pair')]//h3")]

    everything = [*items(), *items(page=2)]
    assert len(set(everything)) == len(everything) == 30
    assert len(items()) == 20
    lost, gained = items(show="lost"), items(show="gained")
    assert len(lost) == len(gained) == 10
    assert everything[:10] == lost
    assert everything[10:20] == gained
    german = items(show="lost", slice="language=de")
    assert german == [name for name in lost if int(name[-3:]) % 2]
    assert items(slice="no such slice") == []
    assert items(page=99) == items(page=2)
    assert items(page="x") == items(page="-1") == items(page="9" * 50) == items(show="evil") == items()


def test_a_week_that_is_not_there_is_404_and_says_which_are():
    answer = opened().get("/weeks/27")
    assert answer.status_code == 404
    assert "There are weeks 1 to 26. Choose one on the first page." in answer.text
    empty = opened(Watched(timelines.no_weeks())).get("/weeks/1")
    assert "No week has run yet. Run the first one: wellkeeper watch run DIR" in empty.text
    for route in (
        "/weeks/x",
        "/weeks/-1",
        "/weeks/1.5",
        "/weeks/",
        "/etc/passwd",
        "/../../etc/passwd",
        "/weeks/" + "9" * 40,
    ):
        assert opened().get(route).status_code == 404


def test_a_watch_that_cannot_be_read_says_so_and_goes_on():
    held = Watched()
    browser = opened(held, raise_server_exceptions=False)

    def broken(_week):
        raise WorkError("watch.sqlite cannot be used. Check the path, then run the same command again.")

    held.pairs = broken
    answer = browser.get("/weeks/20")
    assert answer.status_code == 500
    assert "watch.sqlite cannot be used." in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    held.pairs = timelines.pairs
    assert browser.get("/weeks/20").status_code == 200


def test_a_folder_that_cannot_be_entered_is_said_with_the_way_out():
    held = Watched()
    browser = opened(held, raise_server_exceptions=False)

    def broken(_week):
        raise PermissionError(13, "Permission denied", "watched/watch.yaml")

    held.pairs = broken
    answer = browser.get("/weeks/20")
    assert answer.status_code == 500
    assert "watched/watch.yaml: Permission denied. Restore the folder or its rights" in answer.text


def test_a_notice_is_said_once():
    answer = opened().get("/weeks/27")
    assert answer.text.count("Choose one on the first page.") == 1


# --- size --------------------------------------------------------------------------------------------


def test_of_a_week_of_thousands_of_long_answers_no_more_is_read_than_is_shown(monkeypatch):
    looked = Counter()
    monkeypatch.setattr(
        visible, "_is_hidden", lambda letter, real=visible._is_hidden: looked.update("x") or real(letter)
    )
    (pair, *_) = timelines.pairs(20)
    long = replace(pair, before=("\u00e9" * 30_000,), after=("\u00e8" * 30_000,))
    held = opened(Watched(pairs=lambda _week: [replace(long, item=f"item-{n}") for n in range(1_000)]))
    looked.clear()
    page = held.get("/weeks/20")
    assert page.status_code == 200
    assert "Items 1 to 20 of 1" in page.text
    assert looked["x"] < 20 * 2 * 21_000 + 10_000


def test_of_many_pages_the_first_the_last_and_the_near_ones_are_offered():
    (pair, *_) = timelines.pairs(20)
    held = opened(Watched(pairs=lambda _week: [replace(pair, item=f"item-{n}") for n in range(2_000)]))
    tree = lxml_html.fromstring(held.get("/weeks/20", params={"page": 50}).text)
    offered = tree.xpath("//nav[@aria-label='Pages']//a")
    assert [int(link.text_content()) for link in offered] == [1, 2, *range(47, 54), 99, 100]
    assert [link.text_content() for link in offered if link.get("aria-current")] == ["50"]


# --- strangers' text ---------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ["/", "/weeks/6", "/weeks/6?slice=language%3D%3Cscript%3E&show=lost"])
def test_names_and_answers_that_would_run_reverse_or_hide_are_written_out(route):
    watched = Watched(timelines.hostile(), lambda week: [timelines.hostile_pair(week)])
    answer = opened(watched).get(route)
    assert answer.status_code == 200
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text
    assert not re.search("[\u202e\u202c\u200b\x1b]", answer.text)
    assert "[U+202E]" in answer.text
    tree = lxml_html.fromstring(answer.text)
    assert [node.get("src") for node in tree.iter("script")] == ["/watch.js"]
    assert not tree.xpath("//@*[starts-with(name(), 'on')]")
    assert not tree.xpath("//@href[starts-with(., 'javascript:') or starts-with(., 'http')]")


def test_a_slice_of_a_hostile_name_can_still_be_chosen():
    watched = Watched(timelines.hostile(), lambda week: [timelines.hostile_pair(week)])
    held = opened(watched)
    links = lxml_html.fromstring(held.get("/weeks/6").text).xpath("//@href[contains(., 'slice=')]")
    assert len(links) >= 1
    page = lxml_html.fromstring(held.get(links[-1]).text)
    assert len(page.xpath("//li[starts-with(@class, 'pair')]")) == 1


def test_half_a_surrogate_pair_breaks_no_page():
    watched = Watched(
        replace(WATCH, name="half \ud83d"),
        lambda week: [replace(timelines.hostile_pair(week), prompt="\udc00")],
    )
    held = opened(watched)
    assert [held.get(route).status_code for route in ("/", "/weeks/20")] == [200, 200]
    assert held.get("/timeline.json").status_code == 200


# --- growth ------------------------------------------------------------------------------------------


def test_the_document_has_a_mark_that_changes_when_the_watch_grows():
    watched = Watched()
    held = opened(watched)
    mark = held.get("/timeline.json").headers["etag"]
    assert held.head("/timeline.json").headers["etag"] == mark
    again = held.get("/timeline.json", headers={"If-None-Match": f'"other", {mark}'})
    assert (again.status_code, again.content) == (304, b"")
    assert f'content="{mark.replace(chr(34), "&#34;")}"' in held.get("/").text
    watched.timeline = timelines.calm()
    assert held.get("/timeline.json", headers={"If-None-Match": mark}).status_code == 200
    assert held.head("/timeline.json").headers["etag"] != mark
    assert "No alarm in 26 weeks." in held.get("/").text


# --- starting and ending -----------------------------------------------------------------------------


@pytest.mark.parametrize("absent", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(absent, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == absent]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtraError, match=r"Install it: pip install 'wellkeeper\[web\]'$"):
        Watched().application() if absent == "starlette" else web.serve(None, None)


def test_a_port_that_is_taken_is_said_with_the_way_out():
    with (
        web.listen(0) as taken,
        pytest.raises(InputError, match=r"cannot be used \([^()]*\)\. Give another, .*--port 0$"),
    ):
        web.listen(taken.getsockname()[1])


def test_it_listens_on_the_loopback_alone():
    with web.listen(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
        port = listening.getsockname()[1]
        assert web.address_of(listening, "a b") == f"http://127.0.0.1:{port}/?token=a+b"


SERVER = """
import sys
sys.path[:0] = {paths!r}
import test_web
from wellkeeper.watch import web
with web.listen(0) as listening:
    print(web.address_of(listening, test_web.TOKEN), flush=True)
    try:
        web.serve(test_web.Watched().application(), listening)
    except KeyboardInterrupt:
        print("ended", flush=True)
"""


def test_ctrl_c_ends_a_server_that_answered_over_a_real_socket():
    code = SERVER.format(paths=[path for path in sys.path if "tests" in path])
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            address = server.stdout.readline().strip()
            base = address.partition("?")[0]
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(base, timeout=20)
            assert refused.value.code == 401
            refused.value.close()
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert answer.status == 200
            server.send_signal(signal.SIGINT)
            out, err = server.communicate(timeout=20)
        finally:
            server.kill()
    assert (out.strip(), err, server.returncode) == ("ended", "", 0)
