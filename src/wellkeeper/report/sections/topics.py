"""What the corpus is about beside the human reference: which topics it has less of, more of, or none of."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Heading, Key, Picture, Prose, Section, Table, first, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, interval, number, rows, table, text
from wellkeeper.report.sections.common import data_summary, drawn, name_of
from wellkeeper.report.visible import clip

Audit = Mapping[str, Any]

_DRAWN = 240
"""Topics of a picture, the largest and all that differ: with more, marks would hide each other."""
_LISTED = 60  # of these in the table under it
_FIGURES = {
    "tail_recall": "Rare human topics that it has, by how much people write on them",
    "tail_mass": "Its documents on topics that are rare among people",
    "lost_mass": "Human documents on topics that it has none of",
    "invented_mass": "Its documents on topics that people wrote nothing on",
}


def topics_sections(audit: Audit) -> list[Section]:
    """The section, where topics were looked for: there was a reference."""
    topics, note = table(audit, "topics"), clip(text(audit.get("topics_note")), 600)
    blocks = _topics(topics) if topics else [none(note)] if note else []
    return [Section("topics", "Topics", blocks)] if blocks else []


def _topics(topics: Audit) -> list[Block]:
    rare = table(topics, "rare")
    return [
        Prose(
            f"Documents fall into {THIN.of(integer(topics.get('topics')), 'topic')} by the words they share, and a "
            "topic is named by the words that tell it from others. Averages hide which ones a corpus lacks: the rare "
            "ones go first."
        ),
        Prose(
            f"{THIN.of(integer(rare.get('topics')), 'topic')} of the reference are rare: together they hold the last "
            f"{THIN.percent(number(rare.get('share')) or 0.0)} of its documents. This corpus has documents on "
            f"{THIN.count(integer(rare.get('held')))} of them."
        ),
        *_map(topics),
        *_gaps(topics),
        *_figures(topics),
        *_neighbourhood(table(topics, "neighbourhood")),
    ]


def _map(topics: Audit) -> list[Block]:
    found = sorted(rows(topics.get("map")), key=lambda row: (row.get("gap") == "even", -_documents(row)))[
        :_DRAWN
    ]
    places = [
        svg.Place(
            name=name_of(row, "name"),
            x=number(row.get("x")) or 0.0,
            y=number(row.get("y")) or 0.0,
            documents=_documents(row),
            gap=text(row.get("gap")) if row.get("gap") in ("less", "more") else "even",
            is_rare=row.get("is_rare") is True,
        )
        for row in found
    ]
    if len(places) < 2:
        return []
    words = "A map of the topics: near ones share words, and areas are documents"
    pictures = drawn(
        "topic-map",
        "A map of the topics",
        f"{words}. The table has the largest and those that differ most.",
        lambda frame: svg.topic_map(frame, places),
    )
    body = [
        [
            name_of(row, "name"),
            THIN.count(integer(row.get("documents"))),
            THIN.count(integer(row.get("reference_documents"))),
            "rare" if row.get("is_rare") is True else "",
            {"less": "less than the reference", "more": "more"}.get(text(row.get("gap")), ""),
        ]
        for row in found[:_LISTED]
    ]
    head = ["Topic", "Documents", "Of the reference", "There", "This corpus has"]
    data = Table("Topics", head, body, frozenset({1, 2}), data_summary(len(body), "topic"))
    keys = [
        Key("k-topic", "as in the reference, as far as can be told"),
        Key("k-less", "less here"),
        Key("k-more", "more here"),
        Key("k-rare", "open: rare in the reference"),
    ]
    left = integer(topics.get("topics")) - len(places)
    more = [Prose(f"{THIN.of(left, 'smaller topic')} left off the map.", "note")] if left > 0 else []
    return [Heading("The map"), Picture(words + ".", *pictures, data, keys), *more]


def _documents(row: Audit) -> int:
    return integer(row.get("documents")) + integer(row.get("reference_documents"))


def _gaps(topics: Audit) -> list[Block]:
    gaps = rows(topics.get("gaps"))
    if not gaps:
        return [none("No topic's share differs from the reference's by more than chance explains.")]
    shown, more = first(gaps, 24, "topic")
    body = []
    for row in shown:
        gap = interval(row.get("gap"))
        body.append(
            [
                name_of(row, "name") + (" (rare)" if row.get("is_rare") is True else ""),
                THIN.count(integer(row.get("documents"))),
                THIN.count(integer(row.get("reference_documents"))),
                "" if gap is None else THIN.points(gap),
            ]
        )
    head = ["Topic", "Documents here", "In the reference", "Share here less share there"]
    caption = "Topics that differ most; the intervals hold at 95% for all topics together"
    return [Heading("Less of this, more of that"), Table(caption, head, body, frozenset({1, 2, 3})), *more]


def _figures(topics: Audit) -> list[Block]:
    body = []
    for row in rows(topics.get("against_human")):
        words = _FIGURES.get(text(row.get("figure")))
        ours, human = interval(row.get("corpus")), interval(row.get("human"))
        if words and ours is not None:
            body.append([words, THIN.interval(ours), "" if human is None else THIN.interval(human)])
    if not body:
        return []
    documents = integer(table(rows(topics.get("against_human"))[0]).get("documents"))
    caption = f"At {THIN.of(documents, 'document')} each, read against the other half of the reference"
    head = ["Question", "This corpus", "Human text"]
    return [Heading("At equal size"), Table(caption, head, body, frozenset({1, 2}))]


_NEAR = {
    "precision": "Its documents that lie where human ones do",
    "recall": "Human documents that lie where its own do",
    "density": "Human neighbourhoods around one of its documents",
    "coverage": "Human neighbourhoods that hold one of its documents",
}


def _neighbourhood(found: Audit) -> list[Block]:
    """Vectors of the documents beside those of human text; nothing where there are too few."""
    body = []
    for figure, words in _NEAR.items():
        row = table(found, figure)
        here, ceiling = number(row.get("estimate")), number(row.get("ceiling"))
        if here is not None and ceiling is not None:
            body.append([words, *(_written(figure, value) for value in (here, ceiling))])
    diversity = table(found, "diversity")
    ours, human = interval(diversity.get("corpus")), interval(diversity.get("human"))
    if ours is not None and human is not None:
        words = "Documents unlike each other that would be as diverse (Vendi score)"
        body.append([words, THIN.quantity(ours), THIN.quantity(human)])
    if not body:
        return []
    documents = integer(found.get("documents"))
    return [
        Heading("Where its documents lie"),
        Prose(
            "Each document is a vector of the words it uses. Two samples of one source do not reach 100% either, so "
            "other human text stands beside each figure."
        ),
        Table(
            f"At {THIN.of(documents, 'document')} each",
            ["Question", "This corpus", "Human text"],
            body,
            frozenset({1, 2}),
        ),
    ]


def _written(figure: str, value: float) -> str:
    return f"{value:.2f}" if figure == "density" else THIN.percent(value)
