"""A queue of a review -> pages: an item and its question, what is told once it is answered, and what helps.

Pages draw plain documents and know no queue. Of an item that waits for an answer they are given its ticket, its texts
and its prompt, and nothing else, so that nothing else can be drawn.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, table, text, texts
from wellkeeper.report.review_texts import SHOWN, Span, Stretch, compared, stretch
from wellkeeper.report.visible import clip, one_line, visible, visible_tree

Document = Mapping[str, Any]

STYLE, SCRIPT, ICON = "/review.css", "/review.js", "/icon.svg"
"""Addresses of what a page loads."""

_HOUR = 3600
_PACE = 5  # answers, before a pace is told
_FACTS = 3  # the first, in the strip; the page of an answered item has all
_FACT, _EXCERPT, _NOTE = 60, 70, 10_000  # letters
_MARKS = 100  # of evidence, in a text
_NOTHING = Chapter("", "", [], [])
_ORDINALS = ("The first", "The second")
KEYS = (
    ("1 to 9", "Answer with the label of that number"),
    ("Enter, X", "Accept, reject: the labels that show these keys"),
    ("S", "Skip: the item comes back at the end"),
    ("U", "Undo: take back the last answer, also the one before it"),
    ("N", "Write a note; Esc leaves it"),
    ("J, K", "Read on, read back; arrow keys and the space bar scroll too"),
    ("G", "Guidelines"),
    ("?", "These keys"),
)


@dataclass(frozen=True, slots=True)
class _Key:
    """A label as a button."""

    name: str
    says: str
    digit: str
    also: str  # another key; empty: none


@dataclass(frozen=True, slots=True)
class _Side:
    """A text as it is drawn."""

    title: str  # empty where there is one text alone
    shown: Stretch
    more: str  # address of what follows; empty: that is all
    cut: str  # how much is shown


def render_item(view: Document, shown: Document) -> str:
    """The page of an item that waits for an answer.

    Args:
        view: `reader`, `question`, `standing` and `last`, as JSON has them.
        shown: `ticket`, `texts` and `prompt` of the item.
    """
    return _render("review_item_page.html.j2", view, item=_item(table(view, "question"), shown))


def render_alone(question: Document, shown: Document) -> str:
    """The item's form without the page around it."""
    return _drawn("review_item.html.j2", item=_item(question, shown))


def render_strip(question: Document, last: Document | None) -> str:
    """What is told of the last answer; nothing where there is none."""
    return _drawn("review_strip.html.j2", strip=_strip(question, last))


def render_standing(standing: Document) -> str:
    """How far the reader is, as the head of a page has it."""
    return _drawn("review_standing.html.j2", progress=_progress(standing))


def render_done(view: Document) -> str:
    """The page of a reader who has answered all there is."""
    standing = table(view, "standing")
    unsettled = integer(standing.get("items")) - integer(standing.get("settled"))
    others = (
        f"{THIN.of(unsettled, 'item')} {'is' if unsettled == 1 else 'are'} not settled yet."
        if unsettled > 0
        else "Every item is settled."
    )
    if integer(standing.get("left")):
        others += " Others have some in front of them, and what they leave comes to you."
    mine = integer(standing.get("mine"))
    return _render("review_done.html.j2", view, answered=THIN.of(mine, "answer"), others=others)


def render_answered(view: Document, revealed: Document) -> str:
    """The page of an item that the reader has answered: what they said, what is known, and where evidence was seen."""
    question = table(view, "question")
    names = _names(question)
    mine = table(revealed, "mine")
    written = texts(revealed.get("texts"))
    marks = _evidence(revealed, written)
    spans = [
        [Span(m["start"], m["end"], "seen", m["number"]) for m in marks if m["text"] == at]
        for at in range(len(written))
    ]
    others = visible_tree(
        [
            {"reader": text(row.get("reviewer"), "a reader"), "says": names.get(text(row.get("label")), "")}
            for row in rows(revealed.get("others"))
        ]
    )
    return _render(
        "review_answered.html.j2",
        view,
        said=names.get(text(mine.get("label")), text(mine.get("label"))),
        note=visible(text(mine.get("note"))[:_NOTE]),
        facts=visible_tree(dict(table(revealed, "hidden", "facts"))),
        others=others,
        marks=marks,
        prompt=stretch(text(revealed.get("prompt"))),
        sides=_sides(written, spans, text(revealed.get("ticket"))),
        ticket=text(revealed.get("ticket")),
        can_undo=revealed.get("can_undo") is True,
    )


def render_part(view: Document, part: Document) -> str:
    """A page of a long text.

    Args:
        view: as of `render_item`.
        part: `texts` of the item, `side` and `start` of what is asked for, `address` of the text, `back` to the item.
    """
    written = texts(part.get("texts"))
    side, address = integer(part.get("side")), text(part.get("address"))
    spans = _marked(table(view, "question"), written)[0]
    shown = stretch(written[side], spans[side], start=integer(part.get("start")))
    before = max(0, shown.start - SHOWN)
    return _render(
        "review_part.html.j2",
        view,
        shown=shown,
        name=f"{_ORDINALS[side]} text" if len(written) > 1 else "The text",
        before=f"{address}?from={before}" if shown.start else "",
        after=f"{address}?from={shown.end}" if shown.end < shown.whole else "",
        back=text(part.get("back"), "/"),
        where=_where(shown),
    )


def render_guidelines(view: Document) -> str:
    """The page of the guidelines, which is also inside the page of an item."""
    return _render("review_guidelines.html.j2", view)


def render_help(view: Document) -> str:
    """The page of the keys."""
    return _render("review_help.html.j2", view)


def render_notice(title: str, said: str) -> str:
    """A page that says one thing; it needs neither sheet nor script."""
    return page(
        title="review", headline=title, lead=said, chapters=[_NOTHING], template="review_notice.html.j2"
    )


@cache
def assets() -> Mapping[str, tuple[str, bytes]]:
    """What a page loads: address -> media type and content."""
    folder = files("wellkeeper.report") / "templates"
    sheets = [(folder / name).read_bytes() for name in ("style.css", "review.css")]
    return {
        STYLE: ("text/css; charset=utf-8", b"\n".join(sheets)),
        SCRIPT: ("text/javascript; charset=utf-8", (folder / "review.js").read_bytes()),
        ICON: ("image/svg+xml", (folder / "icon.svg").read_bytes()),
    }


def _render(template: str, view: Document, **told: Any) -> str:
    question = table(view, "question")
    guidelines = visible(text(question.get("guidelines"), "Nobody wrote guidelines for this review."))
    return _drawn(
        template,
        reader=one_line(visible(text(view.get("reader"))), 60),
        asks=_asks(question),
        guidelines=[part.strip() for part in guidelines.split("\n\n") if part.strip()],
        keys=KEYS,
        strip=_strip(question, view.get("last")),
        progress=_progress(table(view, "standing")),
        style=STYLE,
        script=SCRIPT,
        icon=ICON,
        **told,
    )


def _drawn(template: str, **told: Any) -> str:
    """A template of ours, which has neither headline nor chapters."""
    return page(title="", headline="", lead="", chapters=[], template=template, **told)


def _item(question: Document, shown: Document) -> Mapping[str, Any]:
    written = texts(shown.get("texts"))
    spans, says = _marked(question, written)
    ticket = text(shown.get("ticket"))
    return {
        "ticket": ticket,
        "asks": _asks(question),
        "prompt": stretch(text(shown.get("prompt"))),
        "sides": _sides(written, spans, ticket),
        "says": says,
        "labels": _keys(question),
    }


def _asks(question: Document) -> str:
    return one_line(visible(text(question.get("asks"))), 300)


def _keys(question: Document) -> Sequence[_Key]:
    also = {text(question.get("reject")): "X", text(question.get("accept")): "Enter"}
    return [
        _Key(
            text(label.get("name")),
            one_line(visible(text(label.get("says"))), 80),
            str(place),
            also.get(text(label.get("name")), ""),
        )
        for place, label in enumerate(rows(question.get("labels")), 1)
    ]


def _names(question: Document) -> Mapping[str, str]:
    return {label.name: label.says for label in _keys(question)}


def _marked(question: Document, written: Sequence[str]) -> tuple[Sequence[Sequence[Span]], str]:
    """What is set apart before an answer: where two texts that may be one differ."""
    if len(written) == 2 and question.get("kind") == "duplicates":
        found = compared(written[0], written[1])
        return (found.first, found.second), found.says
    return [()] * len(written), ""


def _sides(written: Sequence[str], spans: Sequence[Sequence[Span]], ticket: str) -> Sequence[_Side]:
    found = []
    for place, (one, marks) in enumerate(zip(written, spans, strict=True)):
        shown = stretch(one, marks)
        more = f"/text/{ticket}/{place}?from={shown.end}" if shown.end < shown.whole else ""
        found.append(
            _Side(_ORDINALS[place] if len(written) > 1 else "", shown, more, f"{_where(shown)} are shown.")
        )
    return found


def _where(shown: Stretch) -> str:
    return (
        f"Characters {THIN.count(min(shown.start + 1, shown.end))} to {THIN.count(shown.end)} "
        f"of {THIN.count(shown.whole)}"
    )


def _evidence(revealed: Document, written: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """Marks with their numbers, in the order of the text, and the words that each one stands on."""
    found = [
        mark
        for mark in rows(table(revealed, "hidden").get("marks"))
        if integer(mark.get("text")) < len(written) and integer(mark.get("end")) > integer(mark.get("start"))
    ]
    found.sort(key=lambda mark: (integer(mark.get("text")), integer(mark.get("start"))))
    return [
        {
            "number": place,
            "text": integer(mark.get("text")),
            "start": integer(mark.get("start")),
            "end": integer(mark.get("end")),
            "says": one_line(visible(text(mark.get("says"))), 200),
            "quote": one_line(
                visible(
                    written[integer(mark.get("text"))][integer(mark.get("start")) : integer(mark.get("end"))][
                        :400
                    ]
                ),
                120,
            ),
        }
        for place, mark in enumerate(found[:_MARKS], 1)
    ]


def _strip(question: Document, last: Any) -> Mapping[str, Any] | None:
    """The last answer in two lines."""
    if not isinstance(last, Mapping):
        return None
    names, mine = _names(question), table(last, "mine")
    others = [names.get(text(row.get("label")), "") for row in rows(last.get("others"))]
    first = texts(last.get("texts"))[:1] or [""]
    facts = list(table(last, "hidden", "facts").items())
    marks = len(rows(table(last, "hidden").get("marks")))
    told = [
        f"{one_line(visible(str(name)), _FACT)}: {one_line(visible(str(value)), _FACT)}"
        for name, value in facts[:_FACTS]
        if value
    ]
    told += [f"evidence in {THIN.of(marks, 'place')}"] if marks else []
    return {
        "said": names.get(text(mine.get("label")), text(mine.get("label"))),
        "excerpt": clip(" ".join(visible(first[0][:200]).split()), _EXCERPT),
        "others": _others(others),
        "facts": told,
        "ticket": text(last.get("ticket")),
        "can_undo": last.get("can_undo") is True,
    }


def _others(labels: Sequence[str]) -> str:
    if not labels:
        return ""
    said = "; ".join(labels)
    return f"{'Another reader' if len(labels) == 1 else 'Other readers'} said: {said}."


def _progress(standing: Document) -> Mapping[str, Any]:
    mine, left = integer(standing.get("mine")), integer(standing.get("left"))
    agreement, seconds = number(standing.get("agreement")), number(standing.get("seconds"))
    return {
        "mine": mine,
        "of": max(1, mine + left),
        "said": f"{THIN.count(mine)} of {THIN.count(mine + left)}",
        "agreement": "" if agreement is None else f"readers agree on {agreement:.0%}",
        "pace": f"about {float(f'{_HOUR / seconds:.2g}'):.0f} an hour" if seconds and mine >= _PACE else "",
    }
