"""What every step of a curation cost the tail of the reference: one picture a step, and whom it hit."""

from collections.abc import Mapping, Sequence
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Heading, Key, Picture, Prose, Quote, Quotes, Section, Table
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn, finding_cards, name_of, shortened
from wellkeeper.report.story import joined
from wellkeeper.report.visible import one_line

_MAX_STEPS, _MAX_WORDS = 12, 20
_EXCERPT = 160  # letters

Row = Mapping[str, Any]


def tail_cost_sections(curation: Mapping[str, Any]) -> list[Section]:
    """The section; none where nothing was measured, for want of a reference."""
    found = rows(curation.get("tail_cost"))
    if not isinstance(curation.get("tail_cost"), list):
        return []
    return [Section("tail-cost", "What each step cost the tail", _blocks(curation, found))]


def _blocks(curation: Mapping[str, Any], found: Sequence[Row]) -> list[Block]:
    loud = [row for row in found if texts(row.get("losses")) or rows(row.get("hit"))]
    quiet = [row for row in found if row not in loud]
    blocks: list[Block] = [
        Prose(
            "Every removal takes rare words and topics with it. The question is whether a step took more of the human "
            "reference's tail than a random removal of as many documents takes. Copies of documents that stay are no "
            "loss."
        ),
        *finding_cards(curation),
        *_guard(table(curation, "guard")),
    ]
    for place, row in enumerate(loud[:_MAX_STEPS]):
        blocks += step_blocks(row, place)
    return [*blocks, *_quiet(quiet)]


def _guard(guard: Row) -> list[Block]:
    if not guard:
        return []
    kept = THIN.percent(number(guard.get("tail")) or 0)
    back = [
        f"{THIN.of(integer(row.get('restored')), 'document')} of {name_of(row, 'step')}"
        for row in rows(guard.get("relaxed"))
    ]
    put = f" Put back for it: {joined(back)}." if back else " Nothing had to be put back."
    return [Prose(f"Guard: every step keeps {kept} of what chance would leave of the tail.{put}")]


def _quiet(found: Sequence[Row]) -> list[Block]:
    if not found:
        return []
    names = joined([_told(row) for row in found])
    return [Prose(f"No more of the tail went, and no group lost more than its part, with {names}.", "note")]


def _told(row: Row) -> str:
    went = integer(row.get("removed"))
    copies = integer(row.get("replaced"))
    said = [THIN.of(went, "document")] if went else []
    said += [THIN.of(copies, "copy", "copies")] if copies else []
    return f"{name_of(row, 'step')} ({', '.join(said)})"


def step_blocks(row: Row, place: int) -> list[Block]:
    """What one step cost the tail: its picture, the tests, and whom it hit."""
    name = name_of(row, "step")
    words, lost = table(row, "words"), table(row, "lost")
    return [
        Heading(
            f"{name}: {THIN.of(integer(row.get('removed')), 'document')} of {THIN.count(integer(row.get('judged')))}"
        ),
        *_survival(words, place),
        *_kept(row),
        *_hit(row),
        *_lost(lost),
    ]


def _survival(words: Row, place: int) -> list[Block]:
    found = [row for row in rows(words.get("bands")) if integer(row.get("before"))]
    if not found:
        return []
    bands, body = [], []
    for row in found:
        before, after = integer(row.get("before")), integer(row.get("after"))
        chance = interval(row.get("at_random"))
        shares = _shares(chance, before)
        bands.append(svg.Survivor(_band(row), after / before, shares))
        body.append(
            [
                _band(row),
                THIN.count(before),
                THIN.count(after),
                THIN.percent(after / before),
                THIN.interval(shares) if shares.estimate is not None else "",
            ]
        )
    caption = "Share of the reference's words that are left, by how many of its documents have them"
    pictures = drawn(
        f"tail-cost-{place}",
        "Words left by the step, rare ones first",
        f"{caption}, each beside what a random removal of as many documents leaves. The table has every value.",
        lambda frame: svg.survival(frame, bands, x_label="documents of the reference that have the word"),
    )
    head = ["In the reference", "Words before", "After", "Left", "At random (95%)"]
    data = Table("Words left by band", head, body, frozenset({1, 2, 3, 4}), data_summary(len(body), "band"))
    keys = [Key("k-own", "left by the step"), Key("k-base", "left by random removals, 95% of them")]
    return [Picture(caption + ".", *pictures, data, keys)]


def _band(row: Row) -> str:
    return name_of(row, "band").replace("-", "\u2013")


def _shares(counts: Interval | None, whole: int) -> Interval:
    if counts is None:
        return Interval(None, None, None)
    parts = (None if value is None else value / whole for value in (counts.estimate, counts.low, counts.high))
    return Interval(*parts)


def _kept(row: Row) -> list[Block]:
    """What the tail kept of what chance would leave, by each test."""
    words, topics = table(row, "words"), table(row, "topics")
    body = []
    for key, label in (
        ("at_equal_documents", "Rare words, beside a random removal of as many documents"),
        ("at_equal_words", "Rare words, beside a random removal of as many words"),
    ):
        body += _kept_row(label, table(words, key))
    body += _kept_row("Documents of rare topics, beside those of common ones", topics)
    if not body:
        return []
    head = ["Kept of the tail", "Kept", "p"]
    note = "100% is what chance leaves. p is adjusted for all tests of all steps (Holm)."
    return [Table("The tail against chance", head, body, frozenset({1, 2})), Prose(note, "note")]


def _kept_row(label: str, test: Row) -> list[list[str]]:
    found, p = interval(test), number(test.get("p_adjusted"))
    if found is None:
        return []
    return [[label, THIN.interval(found), "" if p is None else f"{p:.2g}"]]


def _hit(row: Row) -> list[Block]:
    found = rows(row.get("hit"))
    if not found:
        return []
    body = []
    for hit in found:
        rate = interval(hit.get("rate"))
        body.append(
            [
                f"{name_of(hit, 'name')} ({one_line(text(hit.get('kind')), 20)})",
                THIN.count(integer(hit.get("documents"))),
                THIN.count(integer(hit.get("removed"))),
                "" if rate is None else THIN.interval(rate),
            ]
        )
    whole = THIN.share_of(integer(row.get("removed")), integer(row.get("judged")))
    caption = f"Most hit: groups that lost more than their part, where {whole} of all documents went"
    return [Table(caption, ["Group", "Documents", "Removed", "Rate"], body, frozenset({1, 2, 3}))]


def _lost(lost: Row) -> list[Block]:
    blocks: list[Block] = []
    topics = [
        f"{name_of(one, 'topic')} ({THIN.count(integer(one.get('removed')))} of "
        f"{THIN.count(integer(one.get('documents')))})"
        for one in rows(lost.get("topics"))
    ]
    if topics:
        blocks.append(Prose(f"Rare topics that lost most: {'; '.join(topics)}."))
    words = [one_line(word, 40) for word in texts(lost.get("words"))[:_MAX_WORDS]]
    if words:
        blocks.append(Prose(f"Rare words that nothing is left of: {', '.join(words)}."))
    quotes = [
        Quote(
            name_of(one, "id"),
            "",
            f"{THIN.of(integer(one.get('rare_words')), 'rare word')} gone with it",
            _excerpt(one.get("excerpt")),
            "",
            "",
        )
        for one in rows(lost.get("documents"))
    ]
    return [*blocks, Prose("Documents that took most of them along:"), Quotes(quotes)] if quotes else blocks


def _excerpt(value: Any) -> str:
    """The document's first letters; as many as the excerpt can have are mostly not all there are."""
    return shortened(one_line(text(value), _EXCERPT), more=len(text(value)) >= _EXCERPT)
