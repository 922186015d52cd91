"""The review page's server: blind before an answer, one answer whatever is pressed, and only from its own page."""

import json
import re
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
import queue_files
from lxml import html as lxml_html
from starlette.testclient import TestClient

from wellkeeper.errors import InputError, MissingExtraError, WorkError
from wellkeeper.recipe import reviewing as recipe
from wellkeeper.recipe.reviewing import open_queue, queue_path, serve_queue, served_pages
from wellkeeper.report import visible
from wellkeeper.review import web
from wellkeeper.review.item import Hidden, Item, Mark, Placed, Settings, pool_of
from wellkeeper.review.question import QUESTIONS
from wellkeeper.review.queue import ReviewQueue

BASE = "http://127.0.0.1:8123"
TOKENS = {f"token-of-{name}": name for name in ("ann", "bob", "eve")}
READING = ("/", "/next.json", "/standing.json", "/guidelines", "/help")
SENDING = ("/answer", "/skip", "/undo")


class Review:
    """A queue behind its server, and its readers' browsers."""

    def __init__(self, path):
        self.queue = ReviewQueue(path)
        self.application = web.reviewing(self.queue, served_pages(), TOKENS)

    def reader(self, name, *, heard=None, **options):
        """The browser of a reader who followed their link; `heard` collects every answer."""
        held = TestClient(
            self.application, base_url=BASE, headers={"Sec-Fetch-Site": "same-origin"}, **options
        )
        if heard is not None:
            held.event_hooks["response"].append(lambda answer: heard.append(_whole(answer)))
        assert held.get("/", params={"token": f"token-of-{name}"}).status_code == 200
        return held


def _whole(answer):
    """All that a browser was sent: head and body, and JSON as it reads."""
    answer.read()
    told = str(answer.status_code) + str(answer.headers) + answer.text
    if "json" in answer.headers.get("content-type", ""):
        told += json.dumps(answer.json(), ensure_ascii=False)
    return told


@pytest.fixture
def review(tmp_path):
    """A function that makes a review of the items it is given, or of `make_queue`'s."""
    opened = []

    def make(found=None, *, question=None, readers=1, repeated=False, **options):
        if found is None:
            path = queue_files.make_queue(tmp_path, **options)
        else:
            path = tmp_path / "review.sqlite"
            ReviewQueue.create(
                path,
                question=question or QUESTIONS["origin"],
                placed=[Placed(item=item, readers=readers, repeated=repeated) for item in found],
                pool=pool_of([]),
                settings=replace(Settings(), **options),
                about={"from": "origin"},
            )
        opened.append(Review(path))
        return opened[-1]

    yield make
    for one in opened:
        one.queue.close()


def form(page):
    """The form of an item's page: ticket, labels and what is read."""
    tree = lxml_html.fromstring(page.text)
    (found,) = tree.xpath("//form[@id='answers']")
    return found


def ticket(page):
    return form(page).fields["ticket"]


def reading(page):
    return [node.text_content() for node in lxml_html.fromstring(page.text).xpath("//*[@data-text]")]


def answer(held, label="human", page=None, **fields):
    """Answer what stands on a page by its form, as without a script."""
    page = page or held.get("/")
    return held.post(
        "/answer", data={"ticket": ticket(page), "label": label, **fields}, follow_redirects=False
    )


def as_script(held, to, **fields):
    return held.post(to, data=fields, headers={"Accept": "application/json"})


# --- blind -----------------------------------------------------------------------------------------------------------


def secret_item(at, **more):
    return Item(
        id=f"SECRET-ID-{at}",
        texts=(f"What item {at} says.",),
        hidden=Hidden(
            facts={f"SECRET-NAME-{at}": f"SECRET-FACT-{at}"},
            marks=(Mark(text=0, start=0, end=4, says=f"SECRET-MARK-{at}"),),
        ),
        facts={"row": f"SECRET-ROW-{at}"},
        score=(1_234_567 + at) / 10**7,
        value=987_654.0 + at,
        **more,
    )


def secrets_of(at, item):
    """All that may not be seen of an item."""
    return [f"SECRET-{what}-{at}" for what in ("ID", "NAME", "FACT", "MARK", "ROW")] + [
        str(item.score)[2:],
        str(item.value)[:-2],
        item.digest,
    ]


def test_nothing_that_is_sent_tells_of_an_item_that_waits_for_an_answer(review):
    found = [secret_item(at) for at in range(6)]
    found[4] = replace(found[4], gold="mixed")
    made = review(found, readers=2, repeated=True, repeat_after=0)
    first = made.reader("ann")
    for _ in found:
        answer(first, "mixed", note="SECRET-NOTE of ann")
    heard = []
    held = made.reader("bob", heard=heard)
    told_of_ann = ("SECRET-NOTE", ">ann<", '"ann"')
    answered = []
    for _ in range(20):
        page = held.get("/")
        if not lxml_html.fromstring(page.text).xpath("//form[@id='answers']"):
            break
        at = int(re.search(r"item (\d)", reading(page)[0])[1])
        waits = held.get("/next.json", params={"ticket": ticket(page)}).json()
        ahead = re.findall(r"What item (\d)", waits["html"])
        for route in ("/standing.json", "/guidelines", "/help", f"/answered/{ticket(page)}"):
            held.get(route)
        held.get(f"/text/{ticket(page)}/0", params={"from": 3})
        held.get(f"/answered/{waits['ticket'] or 'none'}")
        if not answered:
            assert not [told for told in heard if any(word in told for word in ("SECRET", *told_of_ann))]
        for one in {at, *map(int, ahead)} - {*answered}:
            for said in secrets_of(one, found[one]):
                assert not [told for told in heard if said in told], (answered, said)
        if answered[-1:] == [at]:  # the same once more: not even what they said of it themselves
            assert f"SECRET-FACT-{at}" not in page.text
            assert "You said" not in page.text
        heard.clear()
        answer(held, "ai")
        answered.append(at)
    assert set(answered) == set(range(6))
    assert len(answered) > 6


def test_a_repeat_and_gold_are_shown_as_any_other_item_is(review):
    found = [replace(one, gold="ai" if at == 2 else "") for at, one in enumerate(map(secret_item, range(4)))]
    made = review(found, repeated=True, repeat_after=2)
    held = made.reader("ann")
    shapes, seen = set(), Counter()
    for _ in range(7):
        page = held.get("/")
        if not lxml_html.fromstring(page.text).xpath("//form[@id='answers']"):
            break
        seen[reading(page)[0]] += 1
        sent = lxml_html.tostring(form(page), encoding="unicode")
        shapes.add(re.sub(r"item \d", "item", sent.replace(ticket(page), "")))
        answer(held)
    assert max(seen.values()) == 2
    assert len(shapes) == 1


def test_how_many_items_wait_for_a_third_reader_is_not_told(review):
    made = review([secret_item(0)], readers=2)
    answer(made.reader("ann"), "human")
    answer(made.reader("bob"), "ai")
    assert made.queue.standing("eve").conflicts == 1
    held = made.reader("eve")
    assert "conflicts" not in held.get("/standing.json").json()
    assert "conflict" not in held.get("/").text


def test_figures_change_alike_whatever_was_answered(review, tmp_path):
    plain = Item(id="one", texts=("A text to look at.",))
    kinds = {
        "plain": {"item": plain},
        "gold": {"item": replace(plain, gold="human")},
        "shared": {"item": plain, "readers": 2},
        "twice": {"item": plain, "repeated": True},
    }
    seen = []
    for name, how in kinds.items():
        path = tmp_path / f"{name}.sqlite"
        others = [Placed(item=Item(id=f"{at}", texts=(f"Text {at}.",))) for at in range(3)]
        ReviewQueue.create(
            path,
            question=QUESTIONS["origin"],
            placed=[Placed(**how), *others],
            pool=pool_of([]),
            settings=Settings(),
            about={"from": "origin"},
        )
        made = Review(path)
        held = made.reader("ann")
        told = [held.get("/standing.json").json()]
        for _ in range(2):
            answer(held, seconds="20")
            told.append(held.get("/standing.json").json())
        made.queue.close()
        seen.append([{key: row[key] - told[0][key] for key in ("answers", "mine", "left")} for row in told])
        assert all(row["agreement"] is None and row.keys() == told[0].keys() for row in told)
        assert "settled" not in told[0]
    assert seen == [seen[0]] * len(kinds)


def test_tickets_tell_no_order(review):
    made = review(size=12)
    held = made.reader("ann")
    found = []
    for _ in range(12):
        page = held.get("/")
        found.append(ticket(page))
        answer(held, page=page)
    assert min(map(len, found)) >= 20
    assert found not in (sorted(found), sorted(found, reverse=True))


# --- told after an answer --------------------------------------------------------------------------------------------


def test_after_the_answer_the_reader_is_told_all(review):
    made = review([secret_item(0), secret_item(1)], readers=2)
    answer(made.reader("ann"), "mixed", note="ann's note")
    held = made.reader("bob")
    page = held.get("/")
    after = held.get(answer(held, "ai", page).headers["location"])
    strip = lxml_html.fromstring(after.text).xpath("//*[@id='strip']")[0].text_content()
    assert "You said A model" in strip
    assert "Another reader said: A person with a model." in strip
    assert "SECRET-NAME-0: SECRET-FACT-0" in strip
    assert "evidence in 1 place" in strip
    told = held.get(f"/answered/{ticket(page)}")
    assert [mark.text_content() for mark in lxml_html.fromstring(told.text).xpath("//mark")] == ["What"]
    assert "SECRET-MARK-0" in told.text
    assert "ann" in told.text
    assert "ann's note" not in told.text  # a note is for whoever runs the review
    assert "SECRET-ROW-0" not in told.text


def test_a_script_is_told_the_same(review):
    made = review([secret_item(0), secret_item(1)])
    held = made.reader("ann")
    page = held.get("/")
    ahead = held.get("/next.json", params={"ticket": ticket(page)}).json()
    reply = as_script(held, "/answer", ticket=ticket(page), label="ai", seconds="2.5").json()
    assert reply["schema"] == "wellkeeper.review-answer/1"
    assert reply["next"] == ahead["ticket"]
    assert reply["revealed"]["label"] == "ai"
    assert reply["revealed"]["facts"] == {"SECRET-NAME-0": "SECRET-FACT-0"}
    assert reply["standing"]["mine"] == 1
    assert "You said" in reply["strip"]
    assert "What item 1 says." in ahead["html"]


def test_only_the_reader_who_answered_is_told(review):
    made = review([secret_item(0)], readers=2)
    first, other = made.reader("ann"), made.reader("bob")
    page = first.get("/")
    answer(first, page=page)
    for route in (f"/answered/{ticket(page)}", f"/text/{ticket(page)}/0"):
        assert first.get(route).status_code == 200
        told = other.get(route)
        assert told.status_code == 404
        assert "SECRET" not in told.text


# --- one answer ------------------------------------------------------------------------------------------------------


def test_looking_again_gives_no_other_item(review):
    held = review().reader("ann")
    assert len({ticket(held.get("/")) for _ in range(5)}) == 1
    first = held.get("/next.json", params={"ticket": ticket(held.get("/"))}).json()
    assert held.get("/next.json", params={"ticket": ticket(held.get("/"))}).json() == first


def test_an_answer_that_is_sent_twice_is_one(review):
    made = review()
    held = made.reader("ann")
    page = held.get("/")
    for _ in range(3):
        assert answer(held, "ai", page).headers["location"] == "/"
        assert as_script(held, "/answer", ticket=ticket(page), label="ai").status_code == 200
    assert [one.label for one in made.queue.answers()] == ["ai"]
    assert made.queue.problems() == []


def test_another_answer_from_a_page_that_was_left_open_is_not_taken_silently(review):
    made = review()
    held = made.reader("ann")
    page = held.get("/")
    answer(held, "ai", page)
    again = answer(held, "human", page)
    assert again.status_code == 409
    assert "You had answered it already: A model. That answer stands. Undo it to give another." in again.text
    held.post("/undo")
    assert "You took back what you had said of it." in answer(held, "human", page).text
    assert list(made.queue.answers()) == []


def test_an_answer_that_was_imported_while_the_page_was_open_is_not_said_to_be_undone_by_a_key(review):
    made = review()
    held = made.reader("ann")
    page = held.get("/")
    made.queue.take_in("ann", [("item-0", "human", "", 0.0)], source="elsewhere")
    again = answer(held, "ai", page)
    assert again.status_code == 409
    assert "You had answered it already: A person. That answer stands. Go on with what is shown" in again.text
    assert [one.label for one in made.queue.answers()] == ["human"]


def test_two_readers_have_two_items(review):
    made = review()
    assert reading(made.reader("ann").get("/")) != reading(made.reader("bob").get("/"))


@pytest.mark.parametrize("to", ["/answer", "/skip"])
def test_what_another_reader_was_shown_cannot_be_answered(review, to):
    made = review()
    page = made.reader("ann").get("/")
    held = made.reader("bob")
    for given in (ticket(page), "", "no-such-ticket", "x" * 1000):
        told = held.post(to, data={"ticket": given, "label": "ai"}, follow_redirects=False)
        assert told.status_code == 404
        assert "Load the page again." in told.text
        assert held.get("/next.json", params={"ticket": given}).status_code == 404
    assert list(made.queue.answers()) == []


def test_an_answer_after_its_lease_is_taken(review, monkeypatch):
    made = review(lease_seconds=0.001)
    held, other = made.reader("ann"), made.reader("bob")
    page = held.get("/")
    other.get("/")
    assert answer(held, page=page).status_code == 303
    assert [one.reviewer for one in made.queue.answers()] == ["ann"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"label": "humn"}, "Did you mean human? Answer human, ai, mixed, unsure."),
        ({"label": ""}, "Answer human, ai, mixed, unsure."),
        ({"label": "human", "note": "x" * 10_001}, "Go back, shorten it to 10,000 and answer again."),
    ],
)
def test_what_is_no_answer_is_said(review, fields, says):
    made = review()
    held = made.reader("ann")
    told = held.post("/answer", data={"ticket": ticket(held.get("/")), **fields})
    assert told.status_code == 400
    assert says in told.text
    assert as_script(held, "/answer", ticket=ticket(held.get("/")), **fields).json()["said"] in told.text
    assert list(made.queue.answers()) == []


def test_a_note_and_the_seconds_are_kept(review):
    made = review()
    held = made.reader("ann")
    answer(held, note=" two\r\nlines\u00e9 ", seconds="12.25")
    (one,) = made.queue.answers()
    assert (one.note, one.seconds) == ("two\nlines\u00e9", 12.25)
    assert answer(held, note="\U0001f600" * 10_000).status_code == 303
    assert [len(one.note) for one in made.queue.answers()] == [10, 10_000]


@pytest.mark.parametrize("given", ["", "x", "nan", "-1", "inf"])
def test_without_the_pages_clock_the_servers_counts(review, given, monkeypatch):
    made = review()
    held = made.reader("ann")
    moments = iter([100.0, 107.5])
    monkeypatch.setattr(web, "time", SimpleNamespace(monotonic=lambda: next(moments)))
    answer(held, page=held.get("/"), seconds=given)
    assert [one.seconds for one in made.queue.answers()] == [7.5]


# --- skip and undo ---------------------------------------------------------------------------------------------------


def test_what_is_skipped_comes_back_at_the_end(review):
    held = review(size=3).reader("ann")
    first = held.get("/")
    held.post("/skip", data={"ticket": ticket(first)})
    seen = []
    for _ in range(3):
        page = held.get("/")
        seen += reading(page)
        answer(held, page=page)
    assert seen[-1:] == reading(first)
    assert len(set(seen)) == 3


def test_undo_shows_the_item_again_and_a_second_click_takes_back_no_more(review):
    made = review()
    held = made.reader("ann")
    pages = []
    for _ in range(3):
        pages.append(held.get("/"))
        answer(held, page=pages[-1])
    tree = lxml_html.fromstring(held.get("/").text)
    (undo,) = tree.xpath("//form[@action='/undo']")
    for _ in range(3):
        held.post("/undo", data=dict(undo.fields))
    assert reading(held.get("/")) == reading(pages[2])
    assert len(list(made.queue.answers())) == 2
    held.post("/undo")  # a program that names no answer means the last one
    assert reading(held.get("/")) == reading(pages[1])


def test_with_nothing_to_undo_the_page_goes_on(review):
    held = review().reader("ann")
    assert held.post("/undo").status_code == 200
    assert as_script(held, "/undo").json()["revealed"] is None


def test_when_all_is_answered_it_says_so_and_the_last_answer_can_be_undone(review):
    made = review(size=2)
    held = made.reader("ann")
    pages = [held.get("/")]
    answer(held)
    pages.append(held.get("/"))
    reply = as_script(held, "/answer", ticket=ticket(pages[1]), label="ai").json()
    assert reply["next"] == ""
    done = held.get("/")
    assert "Nothing is left for you." in done.text
    assert "Every item is settled." in done.text
    assert "2 of 2" in done.text
    held.post("/undo")
    assert reading(held.get("/")) == reading(pages[1])


# --- who and whence --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", [*READING, "/answered/x", "/text/x/0", "/review.js", "/no/such"])
def test_every_page_is_401_without_the_token(review, route):
    made = review()
    told = TestClient(made.application, base_url=BASE).get(route)
    assert told.status_code == 401
    assert "Open your own address" in told.text
    assert "Who wrote" not in told.text


@pytest.mark.parametrize("to", SENDING)
def test_every_form_is_401_without_the_token_and_403_from_another_origin(review, to):
    made = review()
    stranger = TestClient(made.application, base_url=BASE)
    held = made.reader("ann")
    fields = {"ticket": ticket(held.get("/")), "label": "ai"}
    assert stranger.post(to, data=fields, headers={"Origin": BASE}).status_code == 401
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": ""},
    ):
        told = held.post(to, data=fields, headers=headers)
        assert told.status_code == 403
        assert "Answers are taken from pages of this review alone." in told.text
    del held.headers["Sec-Fetch-Site"]
    assert held.post(to, data=fields).status_code == 403
    assert list(made.queue.answers()) == []
    assert ticket(made.reader("ann").get("/")) == fields["ticket"]


def test_nothing_is_changed_by_a_link(review):
    held = review().reader("ann")
    for to in SENDING:
        told = held.get(to, params={"ticket": "x", "label": "ai"})
        assert told.status_code == 405
        assert "Go to the first page and use its buttons." in told.text


def test_an_answer_with_the_token_in_its_address_is_not_answered_by_the_page_that_opens(review):
    made = review()
    page = made.reader("ann").get("/")
    stranger = TestClient(made.application, base_url=BASE)
    sent = stranger.post(
        "/answer", params={"token": "token-of-ann"}, data={"ticket": ticket(page), "label": "ai"}
    )
    assert sent.status_code == 401
    assert list(made.queue.answers()) == []
    opened = stranger.get("/", params={"token": "token-of-ann"})
    assert (opened.status_code, opened.headers["referrer-policy"]) == (200, "no-referrer")


def test_too_much_is_refused(review):
    held = review().reader("ann")
    told = held.post("/answer", data={"note": "x" * 200_000})
    assert told.status_code == 413
    assert "A note has at most 10,000 characters." in told.text


@pytest.mark.parametrize("route", [*READING, "/review.css", "/review.js", "/icon.svg", "/no/such"])
def test_every_answer_has_the_headers_that_keep_a_browser_safe(review, route):
    headers = review().reader("ann").get(route).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy or route in {"/no/such", "/next.json"}  # notices have their sheet inside
    assert "script-src 'unsafe" not in policy


def test_scripts_and_sheets_come_from_files_alone(review):
    made = review()
    held = made.reader("ann")
    page = held.get("/")
    answer(held, page=page)
    for route in ("/", "/guidelines", "/help", f"/answered/{ticket(page)}", f"/text/{ticket(page)}/0"):
        tree = lxml_html.fromstring(held.get(route).text)
        assert {node.get("src") for node in tree.iter("script")} <= {"/review.js"}
        assert not list(tree.iter("style"))
        assert not tree.xpath("//@style | //@*[starts-with(name(), 'on')]")
        assert not tree.xpath("//@href[starts-with(., 'http') or starts-with(., 'javascript')]")


def test_the_script_has_at_most_10_kb(review):
    assert len(review().reader("ann").get("/review.js").content) <= 10_000


# --- hostile text ----------------------------------------------------------------------------------------------------

HOSTILE = (
    "\u202e<script>alert(1)</script></textarea></form><img src=x onerror=alert(2)> {{ 7 * 7 }} "
    "\x1b[31m \u202e back \u200b\u200b \x00 \udc00 half \ud83d & \"quotes' <!-- ]]>"
)


def hostile_item():
    return Item(
        id="hostile",
        texts=(HOSTILE,),
        prompt=HOSTILE,
        hidden=Hidden(
            facts={HOSTILE: HOSTILE},
            marks=(Mark(text=0, start=3, end=40, says=HOSTILE), Mark(text=0, start=9, end=999, says="x")),
        ),
    )


def test_hostile_text_is_shown_inert_everywhere(review):
    made = review([hostile_item(), replace(hostile_item(), id="other", texts=(HOSTILE + " too",))])
    held = made.reader("ann")
    page = held.get("/")
    ahead = held.get("/next.json", params={"ticket": ticket(page)}).json()
    reply = as_script(
        held, "/answer", ticket=ticket(page), label="ai", note=HOSTILE.encode("utf-8", "replace")
    )
    shown = [page.text, ahead["html"], reply.json()["strip"]]
    shown += [held.get(route).text for route in ("/", f"/answered/{ticket(page)}", f"/text/{ticket(page)}/0")]
    for told in shown:
        assert "&lt;script&gt;alert(1)" in told
        assert not re.search("[\u202e\u200b\x1b\x00]", told)
        assert "[U+202E]" in told
        tree = lxml_html.fromstring(told)
        assert {node.get("src") for node in tree.iter("script")} <= {"/review.js"}
        assert not list(tree.iter("img"))
        assert not tree.xpath("//@*[starts-with(name(), 'on')]")
        assert "49" not in re.sub(r"\W[\w-]{20,}\W", "", lxml_html.fromstring(told).text_content())


def test_a_text_of_5_mb_is_shown_in_pages_and_no_more_of_it_is_read_than_is_shown(review, monkeypatch):
    looked = Counter()
    monkeypatch.setattr(
        visible, "_is_hidden", lambda letter, real=visible._is_hidden: looked.update("x") or real(letter)
    )
    whole = "".join(f"\u00e9 line {at}\n" for at in range(400_000))[:5_000_000]
    made = review([replace(secret_item(0), texts=(whole,))])
    held = made.reader("ann")
    page = held.get("/")
    assert len(page.content) < 60_000
    assert "Characters 1 to 1" in page.text
    (more,) = lxml_html.fromstring(page.text).xpath("//p[@class='more']/a/@href")
    read = reading(page)
    for _ in range(3):
        part = held.get(more)
        read += reading(part)
        more = lxml_html.fromstring(part.text).xpath("//a[@rel='next']/@href")[0]
        assert lxml_html.fromstring(part.text).xpath("//main//nav//a/@href")[0] == "/"
    assert whole.startswith("".join(read))
    assert looked["x"] < 4 * 25_000
    last = held.get(f"/text/{ticket(page)}/0", params={"from": len(whole) - 5})
    assert reading(last) == [whole[-5:]]
    assert not lxml_html.fromstring(last.text).xpath("//a[@rel='next']")
    for odd in ("-1", "x", "9" * 40, ""):
        assert held.get(f"/text/{ticket(page)}/0", params={"from": odd}).status_code == 200
    for side in ("1", "-1", "x", "9" * 30, "9" * 5000):
        assert held.get(f"/text/{ticket(page)}/{side}").status_code == 404


def test_of_two_texts_each_has_its_pages(review):
    pair = Item(id="pair", texts=("a " * 15_000, "b " * 15_000))
    held = review([pair], question=QUESTIONS["compare"]).reader("ann")
    links = lxml_html.fromstring(held.get("/").text).xpath("//p[@class='more']/a/@href")
    assert [reading(held.get(link))[0][:1] for link in links] == ["a", "b"]


# --- what goes wrong -------------------------------------------------------------------------------------------------


def test_a_queue_that_cannot_be_used_is_said_and_the_server_goes_on(review, monkeypatch):
    made = review()
    held = made.reader("ann", raise_server_exceptions=False)
    page = held.get("/")

    def broken(*_args, **_options):
        raise WorkError("review.sqlite cannot be used. Check the space on the disk, then try again.")

    with monkeypatch.context() as patched:
        patched.setattr(ReviewQueue, "answer", broken)
        told = answer(held, page=page)
        assert told.status_code == 500
        assert "Check the space on the disk" in told.text
        assert (
            as_script(held, "/answer", ticket=ticket(page), label="ai")
            .json()["said"]
            .startswith("review.sqlite")
        )
    assert answer(held, page=page).status_code == 303


@pytest.mark.parametrize("absent", ["starlette", "uvicorn"])
def test_without_the_extra_it_says_what_to_install(review, absent, monkeypatch, tmp_path):
    made = review()
    for name in [name for name in sys.modules if name.partition(".")[0] == absent]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtraError, match=r"^The review page needs .*'wellkeeper\[web\]'$"):
        serve_queue(made.queue.path, reviewers=["ann"], told=lambda _: None)


# --- where a queue lies ----------------------------------------------------------------------------------------------


def test_a_queue_lies_beside_its_result(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    assert queue_path(out) == tmp_path / "out-review.sqlite"
    assert queue_path(f"{out}/") == tmp_path / "out-review.sqlite"
    monkeypatch.chdir(out)
    assert queue_path(".").resolve() == tmp_path / "out-review.sqlite"
    own = queue_files.make_queue(tmp_path, name="mine.sqlite")
    assert queue_path(own) == own
    queue_files.make_queue(tmp_path, name="out-review.sqlite")
    with open_queue(out) as by_folder, open_queue(own) as by_file:
        assert by_folder.path != by_file.path


def test_where_there_is_no_queue_it_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match=r"has no review queue: .* Make one: wellkeeper review init "):
        open_queue(tmp_path)
    for nothing in ("nothing", "nothing.sqlite"):
        with pytest.raises(
            InputError, match=r"neither a result nor a review queue .*wellkeeper review init RESULT$"
        ):
            open_queue(tmp_path / nothing)
    (tmp_path / "text.txt").write_text("no queue", encoding="utf-8")
    with pytest.raises(InputError, match="no review queue"):
        open_queue(tmp_path / "text.txt")


# --- a server --------------------------------------------------------------------------------------------------------

SERVER = """
import sys
from wellkeeper.recipe.reviewing import serve_queue
serve_queue(sys.argv[1], reviewers=sys.argv[2:], told=lambda found: print(dict(found), flush=True))
print("ended", flush=True)
"""


class Server:
    """A real one, in a process of its own."""

    def __init__(self, path, *readers):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SERVER, str(path), *readers],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        self.addresses = eval(line) if line else self.process.communicate()

    def get(self, name, path="", data=None, **headers):
        base, _, query = self.addresses[name].partition("?")
        headers["Authorization"] = f"Bearer {urllib.parse.parse_qs(query)['token'][0]}"
        return urllib.request.urlopen(urllib.request.Request(base + path, data, headers), timeout=60)

    def end(self, by):
        self.process.send_signal(by)
        out, err = self.process.communicate(timeout=60)
        return out.strip(), err, self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def test_a_real_server_is_killed_and_goes_on_where_it_was(tmp_path):
    path = queue_files.make_queue(tmp_path)
    with Server(path, "ann", "bob") as server:
        assert list(server.addresses) == ["ann", "bob"]
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(server.addresses["ann"].partition("?")[0], timeout=60)
        assert refused.value.code == 401
        refused.value.close()
        with server.get("ann") as page:
            shown = re.search(r'name="ticket" value="([^"]+)"', page.read().decode())[1]
        sent = urllib.parse.urlencode({"ticket": shown, "label": "ai"}).encode()
        with server.get("ann", "answer", sent, Accept="application/json") as told:
            assert json.load(told)["revealed"]["label"] == "ai"
        assert server.end(signal.SIGKILL)[2] == -signal.SIGKILL
    with Server(path) as again:  # the readers of the last time, at their addresses
        assert queue_files.but_for_the_port(again.addresses) == queue_files.but_for_the_port(server.addresses)
        with again.get("ann", "answer", sent, Accept="application/json") as told:
            assert json.load(told)["revealed"]["label"] == "ai"
        assert again.end(signal.SIGTERM) == ("ended", "", 0)
    with Server(path, "eve") as other:
        assert list(other.addresses) == ["eve"]
        assert other.end(signal.SIGINT) == ("ended", "", 0)
    with ReviewQueue(path) as queue:
        assert [one.label for one in queue.answers()] == ["ai"]
        assert queue.problems() == []


def test_links_are_their_owners_alone_and_may_be_lost(tmp_path):
    links = tmp_path / "review.sqlite.links.json"
    recipe._write_links(links, 8123, {"ann": "x" * 43})
    assert stat.S_IMODE(links.stat().st_mode) == 0o600
    assert recipe._read_links(links) == (8123, {"ann": "x" * 43})
    for content in (
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"schema": "wellkeeper.review-links/1", "port": "x", "readers": {"ann": 1, "bob": ""}}',
        b'{"schema": "wellkeeper.review-links/1", "port": true, "readers": []}',
        b"\xff",
    ):
        links.write_bytes(content)
        assert recipe._read_links(links) == (0, {})
    assert recipe._read_links(tmp_path / "none") == (0, {})
    with pytest.raises(WorkError, match="run the same command again"):
        recipe._write_links(tmp_path / "no" / "folder.json", 1, {})


def test_a_name_that_is_none_and_a_port_that_is_taken_are_said_before_anything_is_shown(tmp_path):
    path = queue_files.make_queue(tmp_path)
    with pytest.raises(InputError, match="no name of a reader"):
        serve_queue(path, reviewers=[" "], told=pytest.fail)
    with recipe.loopback.listen(0) as taken, pytest.raises(InputError, match=r"--port 0$"):
        serve_queue(path, reviewers=["ann"], port=taken.getsockname()[1], told=pytest.fail)


def test_the_port_of_the_last_time_is_asked_for_again(tmp_path, monkeypatch):
    """Whether it is free by then hangs on all else that runs; `test_loopback.py` takes one again."""
    path = queue_files.make_queue(tmp_path)
    asked, listen_again = [], recipe.loopback.listen_again

    def listening(ports):
        asked.append(list(ports))
        return listen_again(ports)

    monkeypatch.setattr(recipe.loopback, "listen_again", listening)
    monkeypatch.setattr(recipe.loopback, "serve", lambda *_args, **_options: None)
    told = []
    for _ in range(2):
        serve_queue(path, reviewers=["ann"], told=told.extend)
    assert asked == [[], [urllib.parse.urlsplit(told[0][1]).port]]


def test_a_reader_who_is_named_twice_has_one_address_and_nothing_is_leased_until_it_is_opened(
    tmp_path, monkeypatch
):
    path = queue_files.make_queue(tmp_path)
    monkeypatch.setattr(recipe.loopback, "serve", lambda *_args, **_options: None)
    told = []
    serve_queue(path, reviewers=["Ann", "bob", "ann ", "Ann"], told=told.extend)
    assert [name for name, _ in told] == ["Ann", "bob"]
    with ReviewQueue(path) as queue:
        assert queue.assign("eve").texts == queue_files.items()[0].texts
