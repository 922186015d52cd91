"""What a reader of a review sees: texts cut and marked, two texts compared, and nothing of a document but what it is."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html as lxml_html

from wellkeeper.report import review_texts
from wellkeeper.report.review_page import (
    assets,
    render_alone,
    render_answered,
    render_done,
    render_guidelines,
    render_help,
    render_item,
    render_notice,
    render_part,
    render_standing,
    render_strip,
)
from wellkeeper.report.review_texts import SHOWN, Span, compared, stretch

STANDING = {"items": 50, "settled": 12, "mine": 12, "left": 38, "agreement": 0.84, "seconds": 30.0}


def question(kind="origin", **more):
    return {
        "kind": kind,
        "asks": "Who wrote this?",
        "labels": [
            {"name": "human", "says": "A person"},
            {"name": "ai", "says": "A model"},
            {"name": "unsure", "says": "Cannot tell"},
        ],
        "accept": "human",
        "reject": "ai",
        "guidelines": "First part.\n\nSecond part.",
        **more,
    }


def view(**more):
    return {"reader": "ann", "question": question(), "standing": STANDING, "last": None, **more}


def shown(*texts, prompt=""):
    return {"ticket": "the-ticket", "texts": list(texts), "prompt": prompt}


def revealed(*texts, facts=None, marks=(), others=(), **more):
    return {
        "ticket": "the-ticket",
        "texts": list(texts),
        "prompt": "",
        "mine": {"label": "ai", "note": "", "reviewer": "ann"},
        "others": list(others),
        "hidden": {"facts": facts or {}, "marks": list(marks)},
        "can_undo": True,
        **more,
    }


def tree(page):
    return lxml_html.fromstring(page)


def words(page, where):
    return [" ".join(node.text_content().split()) for node in tree(page).xpath(where)]


# --- texts are cut ---------------------------------------------------------------------------------------------------

TEXTS = st.text(alphabet=st.sampled_from("ab \n\r\t<&\u200b\u202e\ud800\u00e9\u4e2d"), max_size=60)
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


def as_read(drawn):
    """What was drawn, back as a text: marks and the numbers behind them away."""
    return lxml_html.fromstring(f"<div>{re.sub(r'<sup>.*?</sup>', '', str(drawn))}</div>").text_content()


@given(TEXTS, SPANS)
def test_spans_change_no_letter_of_a_text(text, spans):
    found = stretch(text, [Span(a, b, "seen", at) for at, (a, b) in enumerate(spans)])
    plain = stretch(text).drawn
    assert as_read(found.drawn).replace("[U+000D]", "") == as_read(plain).replace("[U+000D]", "")
    assert not re.search("[\u200b\u202e\ud800]", found.drawn)


@given(TEXTS.filter(lambda text: "\r" not in text), SPANS)
def test_just_what_a_span_covers_is_marked(text, spans):
    plain = re.sub("[\u200b\u202e\ud800]", "x", text)
    found = lxml_html.fromstring(f"<div>{stretch(plain, [Span(a, b, 'seen') for a, b in spans]).drawn}</div>")
    covered = "".join(letter for at, letter in enumerate(plain) if any(a <= at < b for a, b in spans))
    assert "".join(mark.text_content() for mark in found.iter("mark")) == covered


def test_marks_that_overlap_keep_their_numbers():
    drawn = stretch("abcdef", [Span(0, 4, "seen", 1), Span(2, 6, "seen", 2)]).drawn
    assert (
        drawn
        == '<mark class="seen">ab</mark><mark class="seen">cd</mark><sup>1</sup><mark class="seen">ef</mark><sup>2</sup>'
    )


@pytest.mark.parametrize("letter", ["x", "x ", "x\n", "\u4e2d"])
def test_the_parts_of_a_long_text_are_the_text(letter):
    text = (letter * 70_000)[:70_000]
    parts, at = [], 0
    while at < len(text):
        part = stretch(text, start=at)
        assert 0 < part.end - part.start <= SHOWN
        parts.append(as_read(part.drawn))
        at = part.end
    assert "".join(parts) == text
    assert stretch(text, start=10**9).drawn == ""


def test_a_text_is_cut_at_the_end_of_a_line_where_one_is_near():
    text = "a b\n" * 10_000
    assert text[: stretch(text).end].endswith("\n")
    assert stretch("a b " * 10_000).end == SHOWN


# --- two texts are compared ------------------------------------------------------------------------------------------

WORDS = st.lists(st.sampled_from("abcdefgh"), max_size=16)


def longest(ours, theirs):
    """Length of the longest common subsequence, by the table."""
    rows = [[0] * (len(theirs) + 1) for _ in range(len(ours) + 1)]
    for i, one in enumerate(ours):
        for j, other in enumerate(theirs):
            rows[i + 1][j + 1] = rows[i][j] + 1 if one == other else max(rows[i][j + 1], rows[i + 1][j])
    return rows[-1][-1]


@given(WORDS, WORDS)
def test_the_fewest_words_are_left_over(ours, theirs):
    runs, _ = review_texts._fewest(ours, theirs)
    assert sum(length for _, _, length in runs) == longest(ours, theirs)


@given(WORDS, WORDS)
def test_runs_are_equal_in_both_and_in_order(ours, theirs):
    at = (0, 0)
    for i, j, length in review_texts._shared(ours, theirs):
        assert (i, j) >= at
        assert i >= at[0]
        assert j >= at[1]
        assert length > 0
        assert ours[i : i + length] == theirs[j : j + length]
        at = (i + length, j + length)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=12))
def test_the_longest_rising_sequence_is_found(pairs):
    firsts = dict(pairs)
    unique = sorted({second: first for first, second in firsts.items()}.items(), key=lambda pair: pair[1])
    ordered = [(first, second) for second, first in unique]
    found = review_texts._rising(ordered)
    seconds = [second for _, second in found]
    assert seconds == sorted(set(seconds))
    assert len(found) == longest([second for _, second in ordered], sorted(second for _, second in ordered))


def marked(first, second):
    found = compared(first, second)
    return (
        [first[span.start : span.end] for span in found.first],
        [second[span.start : span.end] for span in found.second],
        found.says,
    )


def test_words_that_stand_in_one_text_alone_are_marked():
    ours, theirs, says = marked(
        "The valve was from 1974, and it was made of brass.",
        "The valve was from 1984, and it was\nmade of brass. Good!",
    )
    assert (ours, theirs) == (["1974"], ["1984", "Good!"])
    assert says == "Marked: what stands in one text alone."


def test_where_little_is_shared_that_is_marked():
    same = "the pump trips the breaker when the kettle is on"
    ours, theirs, says = marked(f"{'one ' * 20}{same}", f"{same}{' two' * 20}")
    assert ours == theirs == [same]
    assert says == "Marked: what both texts have."


def test_a_script_without_spaces_is_compared_by_letters():
    ours, theirs, _ = marked(
        "\u4eca\u65e5\u306f\u96e8\u3067\u3059\u306d", "\u4eca\u65e5\u306f\u6674\u3067\u3059\u306d"
    )
    assert (ours, theirs) == (["\u96e8"], ["\u6674"])


def test_a_word_that_two_different_sentences_share_by_chance_is_no_island():
    ours, theirs, _ = marked(
        f"{'same ' * 40}every single one of the others left early that day {'tail ' * 9}",
        f"{'same ' * 40}nothing was said about the price before we had signed {'tail ' * 9}",
    )
    assert len(ours) == len(theirs) == 1


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        ("a b", "a b", "The two texts are the same, letter for letter."),
        ("a b", "a\n\nb ", "The two texts have the same words; white space alone differs."),
        ("a b c", "d e f", "No stretch of words was found in both texts."),
        ("a " * 100_001, "a", "The texts are too long to be compared here: nothing is marked."),
        (
            " ".join(str(at) for at in range(30_000)),
            " ".join(str(at * 7919 % 30_000) for at in range(30_000)),
            "The texts differ in too many places to be compared here: nothing is marked.",
        ),
    ],
)
def test_where_nothing_is_marked_it_says_why(first, second, says):
    assert marked(first, second) == ([], [], says)


def test_comparing_100_kb_takes_few_steps(monkeypatch):
    """Of texts with 500 changed words no more is looked at than twenty times their words."""
    ours = random.Random(1).choices([f"w{at}" for at in range(3000)], k=17_000)
    theirs = ["changed" if at % 34 == 5 else word for at, word in enumerate(ours)]
    monkeypatch.setattr(review_texts, "_STEPS", 20 * len(ours))
    found = compared(" ".join(ours), " ".join(theirs))
    assert found.says == "Marked: what stands in one text alone."
    assert len(found.second) == 500


# --- pages -----------------------------------------------------------------------------------------------------------


def test_an_item_is_a_form_that_works_by_itself():
    page = render_item(view(), shown("Some text.", prompt="Say something."))
    (form,) = tree(page).xpath("//form[@id='answers']")
    assert (form.method, form.action) == ("POST", "/answer")
    assert form.fields["ticket"] == "the-ticket"
    buttons = form.xpath(".//button[@name='label']")
    assert [(one.get("value"), one.get("aria-keyshortcuts")) for one in buttons] == [
        ("human", "1 Enter"),
        ("ai", "2 X"),
        ("unsure", "3"),
    ]
    assert form.xpath(".//textarea[@name='note']")
    assert form.xpath(".//button[@formaction='/skip']")
    assert words(page, "//h1") == ["Who wrote this?"]
    assert words(page, "//*[@class='asked']") == ["Say something."]
    assert words(page, "//*[@data-text]") == ["Some text."]
    assert (
        str(
            tree(render_alone(question(), shown("Some text.", prompt="Say something."))).xpath(
                "count(//form)"
            )
        )
        == "1.0"
    )


def test_the_head_tells_how_far_the_reader_is():
    page = render_item(view(), shown("x"))
    assert words(page, "//*[@id='standing']") == ["12 of 50 readers agree on 84% about 120 an hour"]
    (bar,) = tree(page).xpath("//progress")
    assert (bar.get("value"), bar.get("max"), bar.get("aria-label")) == ("12", "50", "Answered by you")


@pytest.mark.parametrize(
    ("standing", "says"),
    [
        ({"mine": 0, "left": 0}, "0 of 0"),
        ({"mine": 4, "left": 1, "seconds": 1.0, "agreement": None}, "4 of 5"),
        ({"mine": 5, "left": 0, "seconds": 0.0, "agreement": 1.0}, "5 of 5 readers agree on 100%"),
        ({"mine": 5, "left": 0, "seconds": 41.0}, "5 of 5 about 88 an hour"),
    ],
)
def test_no_figure_is_told_before_there_is_one(standing, says):
    assert " ".join(tree(render_standing(standing)).text_content().split()) == says


def test_two_texts_stand_side_by_side_and_only_possible_copies_are_compared():
    pair = ("The valve was from 1974.", "The valve was from 1984.")
    same = render_item(view(question=question("duplicates")), shown(*pair))
    assert words(same, "//mark") == ["1974", "1984"]
    assert words(same, "//article/h2") == ["The first", "The second"]
    better = render_item(view(question=question("compare")), shown(*pair))
    assert words(better, "//mark") == []
    assert words(better, "//article/h2") == ["The first", "The second"]


def test_every_text_is_an_island_of_its_direction():
    page = render_item(view(), shown("\u05e9\u05dc\u05d5\u05dd", prompt="x"))
    assert {node.get("dir") for node in tree(page).xpath("//*[@data-text] | //*[@class='asked']")} == {"auto"}
    sheet = assets()["/review.css"][1].decode()
    assert "unicode-bidi: isolate" in sheet


def test_an_empty_text_is_said_to_be_empty():
    assert "This text is empty." in render_item(view(), shown(""))


def test_the_strip_tells_the_first_three_facts():
    last = revealed(
        "A text.",
        facts={
            "chance of a model": "61%",
            "decision": "review",
            "reason": "doubt",
            "id": "7",
            "source": "forum",
        },
        marks=[{"text": 0, "start": 0, "end": 1, "says": "x"}] * 2,
        others=[{"label": "human", "reviewer": "bob"}, {"label": "ai", "reviewer": "eve"}],
    )
    assert words(render_strip(question(), last), "//p") == [
        (
            "You said A model A text. Other readers said: A person; A model. chance of a model: 61% decision: review "
            "reason: doubt evidence in 2 places"
        )
    ]
    assert words(render_strip(question(), last), "//a") == ["Look again"]
    assert render_strip(question(), None).strip() == ""
    assert not tree(render_strip(question(), last | {"can_undo": False})).xpath("//button")


def test_an_answered_item_shows_where_evidence_was_seen():
    marks = [
        {"text": 0, "start": 4, "end": 9, "says": "a phrase"},
        {"text": 0, "start": 0, "end": 3, "says": "a start"},
        {"text": 5, "start": 0, "end": 3, "says": "of no text"},
    ]
    page = render_answered(view(), revealed("One three five", marks=marks, facts={"source": "forum"}))
    assert words(page, "//mark") == ["One", "three"]
    assert words(page, "//ol[@class='evidence']/li") == ["a start One", "a phrase three"]
    assert words(page, "//sup") == ["1", "2"]
    assert words(page, "//dl[@class='facts']/*") == ["source", "forum"]
    assert "No stretch of the text was marked" in render_answered(view(), revealed("x"))


def test_a_long_text_leads_from_part_to_part():
    asked = {
        "texts": ["word " * 20_000],
        "side": 0,
        "start": 40_000,
        "address": "/text/t/0",
        "back": "/answered/t",
    }
    page = render_part(view(), asked)
    links = {node.text_content(): node.get("href") for node in tree(page).xpath("//main//a")}
    assert links == {
        "Back to the item": "/answered/t",
        "Earlier": "/text/t/0?from=20000",
        "Read on": "/text/t/0?from=60000",
    }
    assert "Characters 40\u202f001 to 60\u202f000 of 100\u202f000" in page


def test_guidelines_and_keys_are_pages_too():
    assert words(render_guidelines(view()), "//main/p[@class='prose']") == ["First part.", "Second part."]
    assert "Nobody wrote guidelines" in render_guidelines(view(question=question(guidelines="")))
    for key in ("Enter", "S", "U", "N", "G", "?"):
        assert key in words(render_help(view()), "//kbd")


@pytest.mark.parametrize(
    ("standing", "says"),
    [
        ({"mine": 1, "items": 1, "settled": 1}, "You gave 1 answer. Every item is settled."),
        ({"mine": 9, "items": 12, "settled": 11}, "You gave 9 answers. 1 item is not settled yet."),
        (
            {"mine": 0, "items": 12, "settled": 2, "left": 3},
            "You gave 0 answers. 10 items are not settled yet. Others have some in front of them, and what they leave",
        ),
    ],
)
def test_the_last_page_says_what_is_left_for_others(standing, says):
    assert says in words(render_done(view(standing=standing)), "//main/p")[0]


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=a>\u202e\x00\ud800"


def test_no_text_becomes_markup():
    asked = question(
        "duplicates",
        asks=HOSTILE,
        guidelines=HOSTILE,
        labels=[{"name": "human", "says": HOSTILE}, {"name": "ai", "says": HOSTILE}],
    )
    last = revealed(
        HOSTILE,
        HOSTILE,
        facts={HOSTILE: HOSTILE},
        marks=[{"text": 0, "start": 1, "end": 30, "says": HOSTILE}],
        others=[{"label": "human", "reviewer": HOSTILE}],
        prompt=HOSTILE,
        mine={"label": "ai", "note": HOSTILE},
    )
    around = view(reader=HOSTILE, question=asked, last=last)
    for page in (
        render_item(around, shown(HOSTILE, HOSTILE + "x", prompt=HOSTILE)),
        render_answered(around, last),
        render_part(around, {"texts": [HOSTILE], "side": 0, "start": 0, "address": "/text/t/0", "back": "/"}),
        render_guidelines(around),
        render_help(around),
        render_done(around),
        render_strip(asked, last),
        render_notice(HOSTILE, HOSTILE),
    ):
        found = tree(page)
        assert not found.xpath("//img | //@onerror | //script[not(@src)]")
        if "To the review" not in page:  # a notice has words of ours alone
            assert not re.search("[\u202e\x00]", page)


def test_the_sheet_loads_nothing_and_has_its_colours_from_the_report():
    sheet = assets()["/review.css"][1].decode()
    assert "url(" not in sheet
    assert "@import" not in sheet
    own = sheet[sheet.index("/* Pages of a review") :]
    assert not re.findall(r": *#[0-9a-fA-F]{3,8}\b", own)
    assert set(re.findall(r"rgb\([^)]*\)", own)) == {
        "rgb(0 0 0 / 6%)",
        "rgb(29 34 39 / 35%)",
        "rgb(0 0 0 / 60%)",
    }


def test_the_script_stays_small():
    assert len(assets()["/review.js"][1]) <= 10_000
