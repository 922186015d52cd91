"""The page of a review as readers meet it, in a real Chromium: by keyboard alone, blind, several at once, and cut off."""

import http.server
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import queue_files

from wellkeeper.recipe.curate import curate
from wellkeeper.recipe.queueing import make_queue
from wellkeeper.review.item import Hidden, Item, Mark, Placed

pytestmark = pytest.mark.browser
uvicorn = pytest.importorskip("uvicorn")

import review_server as served

LOCAL = ("http://127.0.0.1:", "data:")
ITEMS = 12
READY = "body[data-state=ready]"


@pytest.fixture
def serve_file():
    """Serves queues by threads, until the test ends."""
    running = []

    def begin(path):
        running.append(served.Threaded(uvicorn, path))
        return running[-1]

    yield begin
    for one in running:
        one.close()


@pytest.fixture
def serve(serve_file, tmp_path):
    """Serves a queue of these items."""

    def begin(items=None, **settings):
        items = [served.placed(number) for number in range(ITEMS)] if items is None else items
        return serve_file(served.queue_of(tmp_path / "q.sqlite", items, **settings))

    return begin


@pytest.fixture
def tab(chromium, serve_file):
    """Opens a tab of its own context, and notes complaints: words on the console, dialogs, requests elsewhere."""
    contexts, complaints = [], []

    def open_tab(address, *, strict=True, **options):
        context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        context.set_default_timeout(12_000)
        page = context.new_page()
        if strict:
            page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: request.url.startswith(LOCAL) or complaints.append(request.url))
        page.goto(address)
        page.wait_for_url(lambda url: "token" not in url)
        return page

    yield open_tab
    for context in contexts:
        context.close()
    assert complaints == []


def shown(page):
    """Number of the item before the reader."""
    page.wait_for_selector(READY)
    words = page.locator("section#item").inner_text()
    return int(words.split("Text number ")[1].split()[0])


def press(page, key):
    """Press a key, and wait until what it says is saved and the page takes another answer."""
    page.wait_for_selector(READY)
    before = page.evaluate("() => document.querySelector('form#answers [name=ticket]')?.value")
    page.keyboard.press(key)
    page.wait_for_function(
        "before => (sessionStorage.getItem('wellkeeper-unsaved') ?? '[]') === '[]' && "
        "document.body.dataset.state !== 'wait' && "
        "document.querySelector('form#answers [name=ticket]')?.value !== before",
        arg=before,
    )


def press_and_hold(page, key, address):
    """Press a key whose request does not reach the server before its route, alone in what is returned, goes on."""
    held = []

    def hold(route):
        held.append(route)

    with page.expect_request(address):
        page.route(address, hold)
        page.keyboard.press(key)
    return held


def live(queue):
    """number in the text -> (label, note) of the live answers."""
    return {served.number_of(answer.item): (answer.label, answer.note) for answer in queue.answers()}


def test_the_printed_address_shows_an_item_and_leaves_no_token_in_the_address(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE))
    assert page.url == server.base
    assert 0 <= shown(page) < ITEMS
    assert page.evaluate("document.cookie") == ""
    assert "Who wrote this?" in page.get_by_role("heading", level=1).inner_text()


def test_a_whole_session_by_keyboard_alone(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE))
    said = {}

    def answer(key, label):
        number = shown(page)
        press(page, key)
        said[number] = label

    answer("1", "human")
    answer("2", "ai")
    answer("3", "mixed")
    answer("4", "unsure")
    answer("Enter", "human")
    answer("x", "ai")
    skipped = shown(page)
    press(page, "s")
    taken_back = shown(page)
    press(page, "2")
    press(page, "u")
    assert shown(page) == taken_back
    page.keyboard.press("?")
    page.locator("dialog#help[open]").wait_for()
    page.keyboard.press("1")  # a key while help is open answers nothing
    page.keyboard.press("Escape")
    page.locator("dialog#help[open]").wait_for(state="detached")
    page.keyboard.press("g")
    page.locator("dialog#guidelines[open]").wait_for()
    assert "Fluent English is no sign of a model" in page.locator("dialog#guidelines").inner_text()
    page.keyboard.press("Escape")
    assert shown(page) == taken_back
    page.keyboard.press("n")
    page.keyboard.type("x1su, said twice")  # keys are letters in a note
    page.keyboard.press("Escape")
    press(page, "1")
    said[taken_back] = "human"
    while len(said) < ITEMS:
        answer("1", "human")
    page.get_by_role("heading", level=1, name="Nothing is left for you.").wait_for()
    assert skipped in said
    found = live(server.queue)
    assert {number: label for number, (label, _) in found.items()} == said
    assert found[taken_back] == ("human", "x1su, said twice")
    assert [entry.act for entry in server.queue.log()].count("undo") == 1
    assert server.queue.problems() == []


def test_nothing_hidden_is_sent_before_the_answer(serve, tab):
    server = serve(items=[served.placed(number, readers=2) for number in range(ITEMS)])
    for _ in range(ITEMS):  # what another reader said is hidden, too
        given = server.queue.assign("bob")
        server.queue.answer("bob", given.ticket, "mixed", note=f"bob-said-{given.shown}")
    page = tab(server.address(served.ALICE))
    secrets = {
        placed.item.id: [served.secret(kind, number) for kind in served.SECRETS]
        + [
            f"bob-said-{placed.item.digest}",
            str(placed.item.score),
            str(placed.item.value),
            str(7_000_000 + number),
        ]
        for number, placed in server.queue.items()
    }
    revealed = 0
    for turn in range(ITEMS):
        page.wait_for_selector(READY)
        assert not any(word in page.content() for word in secrets[served.secret("id", shown(page))])
        press(page, "12"[turn % 2])
        revealed += served.secret("source", turn) in page.content()
    assert len(server.sent) > 2 * ITEMS
    for path, known, sent in server.sent:
        for item, words in secrets.items():
            if item not in known:
                assert [word for word in words if word in sent] == [], path


def test_gold_repeats_chance_and_shared_items_look_like_all_others(serve_file, tab, tmp_path):
    plain = Item(id="plain", texts=("Text number 0 begins here.",))
    full = replace(served.placed(0).item, texts=plain.texts, gold="ai")
    seen = set()
    for name, placed in {
        "plain": Placed(item=plain),
        "gold": Placed(item=full),
        "lot": Placed(item=replace(full, gold=""), rank=0),
        "shared": Placed(item=replace(full, gold=""), readers=2, repeated=True),
    }.items():
        server = serve_file(served.queue_of(tmp_path / f"{name}.sqlite", [placed, served.placed(1)]))
        page = tab(server.address(served.ALICE))
        page.wait_for_selector(READY)
        ticket = page.locator("form#answers [name=ticket]").input_value()
        page.locator("progress, [data-shows], #standing p").evaluate_all(
            "nodes => nodes.map((node) => node.remove())"
        )
        seen.add(page.content().replace(ticket, "TICKET"))
    assert len(seen) == 1


def test_after_the_answer_all_of_it_can_be_looked_at(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE))
    number = shown(page)
    press(page, "2")
    strip = page.locator("#strip")
    assert "A model" in strip.inner_text()
    strip.get_by_role("link", name="Look again").click()
    page.wait_for_url("**/answered/*")
    words = page.locator("body").inner_text()
    for kind in ("source", "decision", "mark"):
        assert served.secret(kind, number) in words
    assert page.locator("mark").first.inner_text() == "Text"
    for kind in ("id", "fact", "place"):
        assert served.secret(kind, number) not in page.content()


def test_two_readers_never_have_the_same_item_and_a_conflict_goes_to_a_third(serve, tab):
    items = [served.placed(number, readers=2 if number == 0 else 1) for number in range(ITEMS)]
    server = serve(items=items)
    pages = {"alice": tab(server.address(served.ALICE)), "bob": tab(server.address(served.BOB))}
    seen = {"alice": [], "bob": []}
    done = set()
    while len(done) < 2:
        before = {name: shown(page) for name, page in pages.items() if name not in done}
        assert len(set(before.values())) == len(before) or set(before.values()) == {0}
        for name, number in before.items():
            seen[name].append(number)
            press(pages[name], "1" if name == "alice" else "2")
            if pages[name].locator("section#item").count() == 0:
                done.add(name)
    assert set(seen["alice"]) & set(seen["bob"]) == {0}
    assert sorted({*seen["alice"], *seen["bob"]}) == list(range(ITEMS))
    assert server.queue.standing().conflicts == 1
    carol = tab(server.address(served.CAROL))
    assert shown(carol) == 0
    press(carol, "1")
    (settled,) = [outcome for outcome in server.queue.outcomes() if served.number_of(outcome.item) == 0]
    assert (settled.label, settled.is_conflict) == ("human", True)


def test_a_refresh_the_back_button_and_two_windows_show_the_same_item(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE), strict=False)  # the console tells of the answer that was refused
    number = shown(page)
    page.reload()
    assert shown(page) == number
    page.goto(server.base + "help")
    page.go_back()
    assert shown(page) == number
    second = page.context.new_page()
    second.goto(server.base)
    assert shown(second) == number
    press(second, "1")
    page.keyboard.press("2")  # the first window still shows what the second has answered
    page.wait_for_function(
        "number => !document.querySelector('section#item').innerText.includes(`Text number ${number} `)",
        arg=number,
    )
    told = page.locator("#unsaved")
    told.get_by_text("Not saved: A model. You had answered it already: A person.").wait_for()
    press(page, "s")  # it stays until it was read, whatever is pressed meanwhile
    assert "Not saved: A model." in told.inner_text()
    told.get_by_role("link", name="Go on").click()
    page.wait_for_function("() => !document.querySelector('#unsaved').innerText")
    assert live(server.queue)[number] == ("human", "")
    assert len(list(server.queue.answers())) == 1


def test_keys_scroll_and_leave_those_of_the_browser_alone(serve, tab):
    long = "Text number 0 begins here. " + "A line of it.\n" * 400
    server = serve(items=[served.placed(0, text=long), served.placed(1)])
    page = tab(server.address(served.ALICE), reduced_motion="reduce")
    if shown(page) != 0:
        press(page, "s")
    page.keyboard.press("j")
    page.wait_for_function("() => scrollY > 100")
    page.keyboard.press("k")
    page.wait_for_function("() => scrollY === 0")
    for key in ("Control+1", "Alt+2", "Meta+x", "Control+s", "9", "0", "q"):
        page.keyboard.press(key)
    assert shown(page) == 0
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert list(server.queue.answers()) == []


def test_keys_answer_on_keyboards_of_other_scripts(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE))
    number = shown(page)
    for key, code, label in (("\u0447", "KeyX", "ai"), ("\u00e9", "Digit2", "ai"), ("\u05d4", "KeyU", None)):
        page.wait_for_selector(READY)
        before = live(server.queue)
        page.evaluate(
            "([key, code]) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key, code, bubbles: true}))",
            [key, code],
        )
        page.wait_for_function(
            "number => !document.querySelector('section#item').innerText.includes(`number ${number} `)",
            arg=number,
        )
        page.wait_for_selector(READY)
        if label:
            page.get_by_text("Saved: A model.").wait_for(state="attached")
            assert live(server.queue) == before | {number: (label, "")}
            number = shown(page)
    page.get_by_text("Taken back.").wait_for(state="attached")
    assert len(live(server.queue)) == 1


def test_the_longest_note_of_any_script_is_saved(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE))
    number = shown(page)
    note = "\u4e2d" * 10_000  # nine bytes each in a form
    page.keyboard.press("n")
    page.get_by_label("Note").fill(note)
    page.keyboard.press("Escape")
    press(page, "1")
    page.get_by_text("Saved: A person.").wait_for(state="attached")
    assert live(server.queue) == {number: ("human", note)}


def fulfilling(status):
    return lambda route: route.fulfill(status=status, body="<p>Hello</p>")


def test_what_another_server_answers_at_this_address_is_not_taken_for_saved(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE), strict=False)  # the console tells of what is refused
    number = shown(page)
    page.wait_for_selector(READY)
    for status in (200, 404):
        page.route("**/answer", fulfilling(status))
        if status == 200:
            page.keyboard.press("1")
        page.locator("#unsaved").get_by_text("Not saved yet: A person.").wait_for()
    assert live(server.queue) == {}
    page.unroute("**/answer")
    page.wait_for_function("() => !document.querySelector('#unsaved').innerText")
    assert live(server.queue) == {number: ("human", "")}


def test_an_undo_pressed_before_its_answer_is_saved_takes_that_back(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE))
    number = shown(page)
    page.wait_for_selector(READY)
    held = press_and_hold(page, "2", "**/answer")
    page.wait_for_function(
        "number => !document.querySelector('section#item').innerText.includes(`number ${number} `)",
        arg=number,
    )
    page.keyboard.press("u")
    page.get_by_text("It is taken back as soon as it is saved.").wait_for(state="attached")
    assert live(server.queue) == {}
    held[0].continue_()
    page.get_by_text("Taken back.").wait_for(state="attached")
    page.wait_for_function("() => sessionStorage.getItem('wellkeeper-unsaved') === '[]'")
    assert shown(page) == number
    assert live(server.queue) == {}
    assert [line.act for line in server.queue.log()][-2:] == ["answer", "undo"]


def test_an_undo_with_nothing_to_take_back_says_nothing(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE))
    page.wait_for_selector(READY)
    held = press_and_hold(page, "s", "**/skip")
    page.keyboard.press("u")
    assert page.locator("#said").inner_text() == ""
    held[0].continue_()
    page.wait_for_function("() => sessionStorage.getItem('wellkeeper-unsaved') === '[]'")
    assert [line.act for line in server.queue.log()][-1] == "skip"


def test_of_a_small_window_the_text_has_most(serve, tab):
    server = serve(items=samples("duplicates"), kind="duplicates")
    page = tab(server.address(served.ALICE), viewport={"width": 640, "height": 400})  # 1280 x 800, at 200 %
    page.wait_for_selector(READY)
    page.evaluate("() => scrollTo(0, 200)")
    dock = page.locator(".dock").bounding_box()
    assert dock["y"] + dock["height"] <= 401
    assert dock["height"] < 130
    page.set_viewport_size({"width": 320, "height": 256})  # at 400 %: the answers stand below the text
    page.evaluate("() => scrollTo(0, 0)")
    assert page.locator(".dock").bounding_box()["y"] > 256


def test_a_double_enter_is_one_answer(serve, tab):
    server = serve()
    page = tab(server.address(served.ALICE))
    number = shown(page)
    page.wait_for_selector(READY)
    page.evaluate(
        """() => { for (let i = 0; i < 3; i++) document.body.dispatchEvent(
        new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true, repeat: i > 1})) }"""
    )
    page.wait_for_function(
        "number => !document.querySelector('section#item').innerText.includes(`number ${number} `)",
        arg=number,
    )
    page.wait_for_selector(READY)
    assert list(live(server.queue)) == [number]


def test_a_server_that_is_killed_loses_and_doubles_nothing(chromium, tab, tmp_path):
    path = served.queue_of(tmp_path / "k.sqlite", [served.placed(number) for number in range(ITEMS)])
    command = served.Command(path)
    try:
        page = tab(command.addresses[0], strict=False)  # refused connections are told on the console
        said = {}
        for turn in range(ITEMS):
            number = shown(page)
            if turn in (3, 7):
                command.kill()
                page.keyboard.press("2")
                page.locator("#unsaved").wait_for(state="visible")
                assert "Not saved yet" in page.locator("#unsaved").inner_text()
                command.start()
                page.wait_for_function(
                    "() => { const told = document.querySelector('#unsaved'); return !told || told.hidden || !told.innerText.trim() }",
                    timeout=60_000,
                )
                page.wait_for_function(
                    "number => !document.querySelector('section#item')?.innerText.includes(`Text number ${number} `)",
                    arg=number,
                )
                said[number] = "ai"
            else:
                press(page, "1")
                said[number] = "human"
        page.get_by_role("heading", level=1, name="Nothing is left for you.").wait_for()
    finally:
        command.close()
    with served.ReviewQueue(path) as queue:
        assert {number: label for number, (label, _) in live(queue).items()} == said
        assert len(list(queue.answers())) == ITEMS
        assert queue.problems() == []


def test_a_whole_session_without_scripts(serve, tab, follow):
    server = serve()
    page = tab(server.address(served.ALICE), java_script_enabled=False)
    said = {}

    def number_shown():
        return int(page.locator("section#item").inner_text().split("Text number ")[1].split()[0])

    first = number_shown()
    follow(page.get_by_role("button", name="Skip"))
    second = number_shown()
    assert second != first
    follow(page.get_by_role("button", name="A model", exact=True))
    follow(page.get_by_role("button", name="Undo"))
    assert number_shown() == second
    follow(page.get_by_role("link", name="Guidelines").first)
    assert "Fluent English" in page.locator("body").inner_text()
    page.go_back()
    follow(page.get_by_role("link", name="Keys"))
    assert "Undo" in page.locator("main").inner_text()
    page.go_back()
    page.locator("details#note summary").click()
    page.get_by_label("Note").fill("by hand")
    said[number_shown()] = ("mixed", "by hand")
    follow(page.get_by_role("button", name="A person with a model"))
    while page.locator("section#item").count():
        said[number_shown()] = ("human", "")
        follow(page.locator("form#answers button[value=human]"))
    assert "Nothing is left for you." in page.get_by_role("heading", level=1).inner_text()
    assert live(server.queue) == said
    assert len(said) == ITEMS


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """A page of another origin that answers in a reader's name, by a form and by a script."""

    target = ""

    def do_GET(self):
        body = f"""<!doctype html><link rel=icon href="data:,"><form method=post action="{self.target}answer">
            <input name=ticket value=TICKET><input name=label value=ai></form>
            <form method=post action="{self.target}undo"></form>""".encode()
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def elsewhere(serve):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join(20)


def test_a_page_elsewhere_cannot_answer_in_a_readers_name(serve, tab, elsewhere):
    server = serve()
    page = tab(server.address(served.ALICE))
    number = shown(page)
    press(page, "1")
    ticket = page.locator("form#answers [name=ticket]").first.get_attribute("value")
    Elsewhere.target = server.base
    # another port is another origin, yet the same site: the cookie is sent along
    stranger = page.context.new_page()
    stranger.goto(elsewhere)
    with stranger.expect_response("**/answer") as answered, stranger.expect_navigation():
        stranger.evaluate(
            "ticket => { document.querySelector('[name=ticket]').value = ticket; document.forms[0].submit() }",
            ticket,
        )
    assert answered.value.status == 403
    stranger.goto(elsewhere)
    with stranger.expect_response("**/undo") as undone, stranger.expect_navigation():
        stranger.evaluate("() => document.forms[1].submit()")
    assert undone.value.status == 403
    stranger.goto(elsewhere)
    sent = len(server.statuses)
    stranger.evaluate(
        """([target, ticket]) => fetch(target + "answer", {method: "POST", mode: "no-cors", credentials: "include",
        body: new URLSearchParams({ticket, label: "ai"})}).catch(() => 0)""",
        [server.base, ticket],
    )
    assert server.statuses[sent:] == [("/answer", 403)]
    assert live(server.queue) == {number: ("human", "")}


HOSTILE = {
    "scripts": "Text number 0 <script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)>",
    "closing": "Text number 0 </p></pre></section></form></script></textarea></title>--><script>alert(4)</script>",
    "links": 'Text number 0 <link rel=stylesheet href="http://192.0.2.1/a.css"><img src="//192.0.2.1/b.png"> '
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'> {{7*7}} ${7*7} javascript:alert(5)",
    "control": "Text number 0 \x00\x01\x08\x0b\x0c\x1b[31m\x7f\x85\u2028\u2029\ufeff\ufffe",
    "direction": "Text number 0 \u202egnitirw si ledom A\u202c \u2066\u2067\u202d \u200b\u200d \u061c end",
    "long": "Text number 0 " + "a" * 3_000 + " " + "\u4e2d" * 500,
    "surrogates": "Text number 0 \ud83d and \udc00 \U000e0041\U000e0042",
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_shown_inert(serve, tab, hostile):
    texts = HOSTILE[hostile]
    server = serve(items=[served.placed(0, text=texts), served.placed(1)])
    page = tab(server.address(served.ALICE), viewport={"width": 400, "height": 800})
    for _ in range(2):
        page.wait_for_selector(READY)
        if "Text number 0" in page.locator("section#item").inner_text():
            assert (
                page.locator("section#item script, section#item img, section#item svg[onload]").count() == 0
            )
            words = page.locator("section#item").inner_text()
            assert page.evaluate("document.documentElement.scrollWidth") <= 400
            if hostile == "direction":
                assert "U+202E" in words
                assert "\u202e" not in page.content()
            if hostile == "scripts":
                assert "<script>alert(1)</script>" in words
        press(page, "1")
    page.get_by_role("heading", level=1, name="Nothing is left for you.").wait_for()
    page.go_back()
    assert len(live(server.queue)) == 2


def test_five_megabytes_are_shown_in_parts(serve, tab):
    huge = "Text number 0 " + "<b>long</b> \u202e line " * 250_000
    server = serve(items=[served.placed(0, text=huge), served.placed(1)])
    page = tab(server.address(served.ALICE))
    if shown(page) != 0:
        press(page, "1")
    assert len(page.content()) < 400_000
    page.get_by_role("link", name="Read on").first.click()
    page.wait_for_url("**/text/**")
    assert "<b>long</b>" in page.locator("body").inner_text()
    assert len(page.content()) < 400_000
    page.goto(server.base)
    press(page, "2")
    assert live(server.queue)[0] == ("ai", "")


def samples(kind):
    """An item with all that a page can show of it."""
    texts = queue_files.TEXTS[0] * 8, queue_files.TEXTS[0] * 7 + queue_files.TEXTS[1]
    hidden = Hidden(
        facts={"source": "forum", "decision": "dropped by origin.v1"},
        marks=(Mark(text=0, start=4, end=30, says="a phrase that models like"),),
    )
    item = Item(
        id="one", texts=texts[: 1 + (kind == "duplicates")], prompt="What was said?", hidden=hidden, score=0.5
    )
    return [Placed(item=item)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("kind", ["origin", "duplicates"])
def test_axe_finds_nothing_serious_on_any_page(serve, tab, kind, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    server = serve(items=samples(kind), kind=kind)
    page = tab(server.address(served.ALICE), color_scheme=scheme, viewport={"width": width, "height": 900})
    found = {}

    def check(name):
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        results = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [each for each in results if each["impact"] in {"serious", "critical"}]
        if serious:
            found[name] = [(each["id"], each["nodes"][0]["target"]) for each in serious]

    page.wait_for_selector(READY)
    check("item")
    page.keyboard.press("n")
    check("note")
    page.keyboard.press("Escape")
    for key in "?g":
        page.keyboard.press(key)
        page.locator("dialog[open]").wait_for()
        check(f"dialog {key}")
        page.keyboard.press("Escape")
    for place in ("guidelines", "help"):
        page.goto(server.base + place)
        check(place)
    page.goto(server.base)
    press(page, "2")
    check("done")
    page.locator("#strip").get_by_role("link", name="Look again").click()
    page.wait_for_url("**/answered/*")
    check("answered")
    assert found == {}


# --- pictures of the tutorial -----------------------------------------------------------------------------------------

UPDATE = os.environ.get("WELLKEEPER_UPDATE_SCREENSHOTS") == "1"
ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The curated example corpus, as the tutorial has it."""
    out = tmp_path_factory.mktemp("example") / "finetune"
    curate(ROOT / "recipes" / "finetune.yaml", out=out)
    return out


def picture(page, name):
    """Take a picture; WELLKEEPER_UPDATE_SCREENSHOTS=1 makes it the one that the docs show."""
    page.wait_for_load_state("networkidle")
    taken = page.screenshot(animations="disabled", caret="hide")
    if UPDATE:
        (IMAGES / name).write_bytes(taken)
    assert (IMAGES / name).stat().st_size < MOST_BYTES
    assert len(taken) < MOST_BYTES
    return taken


def read_up_to(queue, fits):
    """Answer as alice until something that fits is in front of her; half a minute each."""
    while not fits(given := queue.assign("alice")):
        queue.answer("alice", given.ticket, queue.question.labels[0].name, seconds=30.0)


def test_pictures_of_the_tutorial(serve_file, example, tab, tmp_path):
    size = {"width": 1100, "height": 760}
    server = serve_file(make_queue(example, size=100, queue=tmp_path / "texts.sqlite").path)
    marked = {placed.item.texts for _, placed in server.queue.items() if placed.item.hidden.marks}
    read_up_to(server.queue, lambda given: given.texts in marked and 600 < len(given.texts[0]) < 900)
    page = tab(server.address(served.ALICE), color_scheme="light", viewport=size)
    page.wait_for_selector(READY)
    wide = picture(page, "review-page.png")
    press(page, "2")
    page.locator("#strip").get_by_role("link", name="Look again").click()
    page.wait_for_url("**/answered/*")
    page.set_viewport_size({"width": 1100, "height": 1020})
    assert page.locator("mark").first.is_visible()
    told = picture(page, "review-answered.png")
    page = tab(server.address(served.BOB), color_scheme="dark", viewport={"width": 400, "height": 760})
    page.wait_for_selector(READY)
    narrow = picture(page, "review-narrow.png")
    server = serve_file(make_queue(example, kind="duplicates", queue=tmp_path / "pairs.sqlite").path)
    read_up_to(server.queue, lambda given: "universality of Cepheid" in given.texts[0])
    page = tab(server.address(served.ALICE), color_scheme="light", viewport=size)
    page.wait_for_selector(READY)
    assert page.locator("mark").count()
    assert len({wide, told, narrow, picture(page, "review-duplicates.png")}) == 4
