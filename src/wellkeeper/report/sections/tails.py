"""How much of what people write the corpus still has, rare words first."""

from collections.abc import Callable, Mapping
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Heading, Key, Picture, Prose, Table, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text
from wellkeeper.report.sections.common import data_summary, drawn, name_of
from wellkeeper.report.visible import clip, one_line

Audit = Mapping[str, Any]

_MAX_POINTS = 40


def tails_section(audit: Audit) -> list[Block]:
    tails = table(audit, "tails")
    note = clip(text(audit.get("tails_note")), 600)
    if not tails:
        return [none("The tails were not measured." + (f" {note}" if note else ""))]
    reference = table(tails, "reference")
    return [
        Prose(
            "Most words of a language are rare. A model trained on the output of models forgets the rare "
            "ones first, long before its averages move. So this section asks: of what people write, how much "
            "does this corpus still have?"
        ),
        *_reference(tails),
        *_curves(tails, reference),
        *_richness(tails),
        *_diversity(tails),
    ]


def _reference(tails: Audit) -> list[Block]:
    reference = table(tails, "reference")
    if not reference:
        said = (
            "No human reference was given, so nothing here says whether these tails are human. "
            "Run the audit again with --reference and a folder of text that people wrote."
        )
        return [none(said)]
    trigrams = table(tails, "trigrams", "reference")
    return [
        *_masses(reference, "word"),
        *bands(reference, "bands"),
        *_likelihood(table(reference, "likelihood")),
        *_masses(trigrams, "3-gram"),
    ]


def _masses(reference: Audit, unit: str) -> list[Block]:
    questions = (
        ("coverage", "ceiling", f"Of the reference's rare {unit}s, this corpus has"),
        ("lost_mass", "lost_mass_ceiling", f"The next {unit} of a human text is one this corpus lacks"),
        (
            "invented_mass",
            "invented_mass_ceiling",
            f"The next {unit} of this corpus is one the reference lacks",
        ),
    )
    body = []
    for key, baseline, question in questions:
        ours, theirs = interval(reference.get(key)), interval(reference.get(baseline))
        if ours is not None:
            said = "not measured" if theirs is None else THIN.interval(theirs)
            body.append([question, THIN.interval(ours), said])
    if not body:
        return []
    head = ["Question", "This corpus", "Human against human"]
    title = f"{unit.capitalize()}s of this corpus against the human reference"
    compared = Table(title, head, body, frozenset({1, 2}))
    if unit != "word":
        return [Heading("Word 3-grams"), compared]
    why = (
        "Two fresh samples of one human source do not share all their words either. So the reference is split "
        "in two, and one half is asked about the other: that is the baseline, and no corpus should be expected "
        "to do better. Rare are the words in one or two documents of a half."
    )
    size = integer(reference.get("words"))
    equal = f" Both are read to the same size, about {THIN.count(size)} words." if size else ""
    return [compared, Prose(why + equal)]


def bands(reference: Audit, identity: str) -> list[Block]:
    """Coverage of the reference's words by how many of its documents have them, beside the ceiling."""
    found = [(row, value) for row in rows(reference.get("bands")) if (value := interval(row.get("coverage")))]
    if not found:
        return []
    found = found[:12]
    dots = [
        svg.Dots(
            _band(row), f"{THIN.count(integer(row.get('types')))} words", value, interval(row.get("ceiling"))
        )
        for row, value in found
    ]
    body = []
    for row, value in found:
        ceiling, gap = interval(row.get("ceiling")), interval(row.get("gap"))
        body.append(
            [
                _band(row),
                THIN.count(integer(row.get("types"))),
                THIN.interval(value),
                "" if ceiling is None else THIN.interval(ceiling),
                "" if gap is None else THIN.points(gap),
            ]
        )
    head = ["In the reference", "Words", "This corpus has", "A human half has", "Difference"]
    words = "Share of the reference's words that this corpus has, by how many documents of the reference have them"
    pictures = drawn(
        identity,
        "Coverage of the human vocabulary, rare words first",
        f"{words}, each beside what one half of the reference has of the other. The table has every value.",
        lambda frame: svg.dot_plot(frame, dots),
    )
    keys = [Key("k-own", "this corpus"), Key("k-base", "baseline: one human half against the other")]
    data = Table(
        "Coverage by frequency band", head, body, frozenset({1, 2, 3, 4}), data_summary(len(body), "band")
    )
    return [Heading("Rare words first"), Picture(words + ".", *pictures, data, keys)]


def _likelihood(found: Audit) -> list[Block]:
    """How well held-out human words are predicted after reading the corpus, and after reading human text."""
    named = [(f"Words in {_band(row)}", row) for row in rows(found.get("bands"))[:12]]
    named += [("All words", table(found, "mean")), ("The documents known worst", table(found, "worst"))]
    body = []
    for name, row in named:
        corpus, human, excess = (interval(row.get(key)) for key in ("corpus", "human", "excess"))
        if corpus is not None and human is not None and excess is not None:
            count = THIN.count(integer(row.get("words")))
            body.append([name, count, THIN.nats(corpus), THIN.nats(human), THIN.nats(excess)])
    if not body:
        return []
    size = THIN.count(integer(found.get("words")))
    said = (
        f"Two small models of the same kind read {size} words each: one reads this corpus, the other one half of the "
        "human reference. Both then predict the words of the other half. A higher number is a word less expected; an "
        "excess of 0.7 means half as likely. An excess whose interval lies above 0 means that this corpus teaches "
        "these words worse than human text does."
    )
    head = ["Held-out human words", "Words", "After this corpus", "After human text", "Excess"]
    title = "Surprise at held-out human words, in nats a word"
    return [
        Heading("What a model learns of rare words"),
        Prose(said),
        Table(title, head, body, frozenset({1, 2, 3, 4})),
    ]


def _band(row: Audit) -> str:
    band = name_of(row, "band").replace("-", "\u2013")
    return "1 document" if band == "1" else f"{band} documents"


def _curves(tails: Audit, reference: Audit) -> list[Block]:
    named = (("This corpus", "corpus", tails), ("Human reference", "reference", reference))
    points = [(name, style, thinned(rows(part.get("curve")))) for name, style, part in named]
    points = [entry for entry in points if len(entry[2]) > 1]
    if not points:
        return []
    # types grow with words read, so curves of long and short documents compare fairly over words
    unit = (
        "words"
        if all(number(row.get("words")) for _, _, part in points for row in part[-1:])
        else "documents"
    )
    lines = [
        svg.Curve(style, [(float(integer(row.get(unit))), float(integer(row.get("types")))) for row in part])
        for _, style, part in points
    ]
    words = "Distinct words found as more is read: a curve that flattens early has lost its tail"
    pictures = drawn(
        "rarefaction",
        "Rarefaction curves",
        f"{words}. The table below has every point.",
        lambda frame: svg.curves(frame, lines, x_label=f"{unit} read", y_label="distinct words"),
    )
    body = [
        [
            name,
            THIN.count(integer(row.get("documents"))),
            THIN.count(integer(row.get("words"))),
            THIN.count(integer(row.get("types"))),
        ]
        for name, _, part in points
        for row in part
    ]
    head = ["Curve", "Documents", "Words", "Distinct words"]
    data = Table("Rarefaction", head, body, frozenset({1, 2, 3}), data_summary(len(body), "point"))
    keys = [Key(f"k-{style}", name.lower()) for name, style, _ in points]
    return [Heading("The more one reads"), Picture(words + ".", *pictures, data, keys)]


def thinned(points: list[Audit]) -> list[Audit]:
    """At most `_MAX_POINTS` points, evenly chosen, the first and the last among them."""
    if len(points) <= _MAX_POINTS:
        return points
    last = len(points) - 1
    return [points[round(index * last / (_MAX_POINTS - 1))] for index in range(_MAX_POINTS)]


_HILL = (
    ("q0", "Distinct ones (Hill number q = 0)"),
    ("q1", "Effective number, each by its frequency (q = 1)"),
    ("q2", "Effective number of common ones (q = 2)"),
)


def _richness(tails: Audit) -> list[Block]:
    trigrams = table(tails, "trigrams")
    parts = [("Words", tails)] + ([("Word 3-grams", trigrams)] if trigrams else [])
    body = []
    for key, label in _HILL:
        values = [interval(table(part, "hill").get(key)) for _, part in parts]
        if any(values):
            body.append([label, *("" if value is None else THIN.quantity(value) for value in values)])
    missing = [interval(part.get("missing_mass")) for _, part in parts]
    if any(missing):
        label = "Chance that the next one is new (Good-Turing)"
        body.append([label, *("" if value is None else THIN.interval(value) for value in missing)])
    if not body:
        return []
    head = ["Quantity", *(name for name, _ in parts)]
    columns = frozenset(range(1, len(head)))
    unit = text(tails.get("unit"), "documents")
    equal = integer(tails.get("rarefied_to"))
    size = f" at a common size of {THIN.count(equal)} {one_line(unit, 20)}" if equal else ""
    return [Heading("How rich it is"), Table(f"Richness{size}", head, body, columns)]


_VARIETY: tuple[tuple[str, tuple[str, ...], Callable[[Interval], str]], ...] = (
    ("Distinct pairs of words, of all pairs", ("distinct_2",), THIN.interval),
    ("Distinct 3-grams, of all 3-grams", ("distinct_3",), THIN.interval),
    ("A document's 4-grams that another one has", ("self_repetition",), THIN.interval),
    ("How fast frequencies fall with rank (Zipf)", ("zipf",), THIN.exponent),
    ("How fast new words come with more text (Heaps)", ("heaps",), THIN.exponent),
    ("How much of its own source it has (sample coverage)", ("sample_coverage",), THIN.interval),
)

_AT_LEVEL = (
    ("q0", "Distinct words where {} of the source is seen"),
    ("q1", "Effective number of them, each by its frequency (q = 1)"),
    ("q2", "Effective number of common ones among them (q = 2)"),
)


def _diversity(tails: Audit) -> list[Block]:
    """Figures and the reference's beside them, at one size."""
    own, beside = table(tails, "diversity"), table(tails, "diversity", "reference")
    level = number(own.get("level"))
    at_level = level is not None and level == number((beside or own).get("level"))
    orders = [
        (label.format(THIN.percent(level or 0)), ("hill_at_level", key), THIN.quantity)
        for key, label in _AT_LEVEL
        if at_level
    ]
    body = []
    for label, path, written in (*_VARIETY, *orders):
        values = [
            interval(table(part, *path[:-1]).get(path[-1])) for part in ((own, beside) if beside else (own,))
        ]
        if any(values):
            body.append([label, *("" if value is None else written(value) for value in values)])
    if not body:
        return []
    head = ["Quantity", "This corpus", *(["The reference"] if beside else [])]
    title = f"Variety at {THIN.count(integer(own.get('words')))} words"
    why = (
        "None of these is good or bad by itself. A corpus that repeats itself more than people do, or whose words "
        "fall faster with rank, has lost variety; one that does the reverse may hold noise, which is varied too. "
    )
    read = (
        "Both are read to the same size, because every one of these figures moves with size."
        if beside
        else "All of them move with size, so compare only with another corpus at the same size."
    )
    return [
        Heading("How varied it is"),
        Prose(why + read),
        Table(title, head, body, frozenset(range(1, len(head)))),
    ]
