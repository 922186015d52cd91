"""The sections of a comparison's page: every figure with its interval, the tail by bands, words and topics."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Facts, Heading, Key, Picture, Prose, Section, Table, first, none
from wellkeeper.report.numbers import THIN, Numbers
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn, name_of
from wellkeeper.report.sections.method import columns_read, run_facts, version_facts
from wellkeeper.report.visible import clip, one_line

Document = Mapping[str, Any]

_NAMES = {
    "q0": ("distinct {}",) * 2,
    "q1": ("effective number of {}",) * 2,
    "q2": ("effective number of common {}",) * 2,
    "tail_mass": ("share of rare human {}",) * 2,
    "tail_recall": ("rare human {} that it has",) * 2,
    "lost_mass": ("{} of A that B lacks, by use", "human {} that it lacks, by use"),
    "invented_mass": ("{} of B that A lacks, by use", "{} that people do not use"),
}
_MAX_ROWS = 24


def compare_sections(document: Document) -> list[Section]:
    """All sections in reading order."""
    return [
        Section("changes", "What changed", changes_section(document)),
        Section("survival", "Rare words first", survival_section(document)),
        Section("examples", "Words that only one has", examples_section(document)),
        Section("topics", "Topics", topics_section(document)),
        Section("sources", "Sources", sources_section(document)),
        Section("method", "How this was measured", method_section(document)),
    ]


def is_against_reference(document: Document) -> bool:
    return bool(table(document, "inputs", "reference"))


def figures(document: Document, verdict: str) -> list[tuple[str, Document]]:
    """Family and figure of those with the verdict: worse by p-value, else by how many documents they need.

    Beside a human reference, what became of it comes before diversity, which noise raises too.
    """
    found = [
        (text(family.get("family")), change)
        for family in rows(document.get("families"))
        for change in rows(family.get("changes"))
        if text(change.get("verdict")) == verdict
    ]
    if verdict == "worse":
        has_reference = is_against_reference(document)
        return sorted(
            found,
            key=lambda pair: (
                number(pair[1].get("p")) or 0.0,
                has_reference and text(pair[1].get("figure")).startswith("q"),
            ),
        )
    return sorted(found, key=lambda pair: -_needed(pair[1]))


def _needed(change: Document) -> float:
    needed = change.get("documents_to_decide")
    return max((number(many) or 0.0 for many in needed), default=0.0) if isinstance(needed, list) else 0.0


def figure_name(family: str, change: Document, *, has_reference: bool) -> str:
    """What a figure is, in a few words."""
    figure = text(change.get("figure"))
    return _NAMES.get(figure, (figure, figure))[has_reference].format(one_line(family, 40))


def amount(change: Document, side: str, numbers: Numbers) -> str:
    """A figure of one corpus, without its interval."""
    found = interval(change.get(side))
    if found is None or found.estimate is None:
        return "not measured"
    if text(change.get("figure")).startswith("q"):
        return numbers.quantity(found).split(" (")[0]
    return numbers.percent(found.estimate)


def _measured(change: Document, side: str) -> str:
    found = interval(change.get(side))
    if found is None:
        return "not measured"
    return THIN.quantity(found) if text(change.get("figure")).startswith("q") else THIN.interval(found)


def change_of(change: Document, numbers: Numbers) -> str:
    """The change with its interval: in percent of the figure, or in points of a mass."""
    found = interval(change.get("change"))
    if found is None or found.estimate is None:
        return "not measured"
    if text(change.get("figure")) in {"lost_mass", "invented_mass"}:
        return ("+" if found.estimate > 0 else "") + numbers.points(found)
    bounds = "" if found.low is None or found.high is None else f" ({found.low:+.1%} to {found.high:+.1%})"
    return f"{found.estimate:+.1%}{bounds}"


def p_of(row: Document) -> str:
    found = number(row.get("p"))
    return "not tested" if found is None else f"{found:.3f}"


def margin_of(document: Document) -> str:
    """The change that does not matter: `5%`."""
    return f"{100 * (number(document.get('margin')) or 0.0):g}%"


def changes_section(document: Document) -> list[Block]:
    families = rows(document.get("families"))
    if not families:
        return [none("Nothing was compared.")]
    has_reference = is_against_reference(document)
    blocks: list[Block] = [Prose(_how_to_read(document))]
    for family in families:
        name = name_of(family, "family")
        documents, tokens = (family.get(key) for key in ("documents", "tokens"))
        blocks += [Heading(name.capitalize()), _family_table(name, family, has_reference=has_reference)]
        if isinstance(documents, list) and isinstance(tokens, list) and len(documents) == len(tokens) == 2:
            sizes = " and ".join(
                f"{THIN.of(integer(many), 'document')} of {side}" + _of_so_many(name, many, words)
                for side, many, words in zip("AB", documents, tokens, strict=True)
            )
            blocks.append(Prose(f"Compared at equal size: {sizes}.", "note"))
    blocks += [Prose(clip(note, 400), "note") for note in texts(document.get("notes"))]
    return blocks


def _of_so_many(name: str, documents: Any, tokens: Any) -> str:
    """How long they are; a document has one topic, so that of topics nothing need be said."""
    return "" if documents == tokens else f" with {THIN.count(integer(tokens))} {name}"


def _how_to_read(document: Document) -> str:
    margin = margin_of(document)
    return (
        "Each figure is of A and of B at equal size, with 95% intervals. A change is worse where it is no chance, "
        "all figures of its table taken together (p at most "
        f"{number(document.get('level')) or 0.05:g}, adjusted for there being several tables), and may be more than "
        f"{margin}; it is not worse where even the bound of its interval is within {margin}, of the figure or, for "
        "what is lost and invented, of the tail."
    )


def _family_table(name: str, family: Document, *, has_reference: bool) -> Table:
    body = [
        [
            figure_name(name, change, has_reference=has_reference),
            text(change.get("verdict"), "not judged"),
            _measured(change, "first"),
            _measured(change, "second"),
            change_of(change, THIN),
            p_of(change),
        ]
        for change in rows(family.get("changes"))[:_MAX_ROWS]
    ]
    before = "A" if has_reference else "A, or chance"
    head = ["Figure", "B is", before, "B", "Change", "p"]
    return Table(f"{name.capitalize()} of A and B", head, body, frozenset({2, 3, 4, 5}))


def survival_section(document: Document) -> list[Block]:
    found = [row for row in rows(document.get("survival")) if interval(row.get("first"))][:12]
    if not found:
        said = (
            "Survival by frequency band needs a human reference with at least 20 documents of words: run again with "
            "--reference and text that people wrote."
        )
        return [none(said)]
    names = [_band(row) for row in found]
    lines = [
        svg.Profile(style, bar, [interval(row.get(key)) or Interval(None, None, None) for row in found])
        for key, style, bar in _CURVES
    ]
    words = "Share of the reference's words that each corpus has, by how many of its documents have them"
    pictures = drawn(
        "survival",
        "Survival of human words, rare words first",
        f"{words}, beside what one half of the reference has of the other. The table has every value.",
        lambda frame: svg.profiles(frame, names, lines, x_label="documents of the reference", y_label="kept"),
    )
    body = [
        [
            _band(row),
            THIN.count(integer(row.get("types"))),
            *(THIN.interval(share) if (share := interval(row.get(key))) else "" for key, _, _ in _CURVES),
        ]
        for row in found
    ]
    head = ["Documents of the reference", "Words", "A has", "B has", "A human half has"]
    data = Table("Survival by band", head, body, frozenset({1, 2, 3, 4}), data_summary(len(body), "band"))
    keys = [
        Key("k-earlier", "A"),
        Key("k-corpus", "B"),
        Key("k-reference", "ceiling: one human half against the other"),
    ]
    why = (
        "Rare words are the first to go. Two fresh human samples do not share all of them either: the ceiling says "
        "how many they share, and a corpus at the ceiling has lost nothing."
    )
    return [Prose(why), Picture(words + ".", *pictures, data, keys)]


_CURVES = (("first", "earlier", "earlier"), ("second", "corpus", "own"), ("ceiling", "reference", "base"))


def _band(row: Document) -> str:
    return name_of(row, "band").replace("-", "\u2013")


def examples_section(document: Document) -> list[Block]:
    blocks: list[Block] = []
    questions = (
        ("lost", "In A and not in B", "Documents of A"),
        ("invented", "In B and neither in A nor in the reference", "Documents of B"),
    )
    for key, caption, head in questions:
        body = [
            [name_of(row, "text"), THIN.count(integer(row.get("documents")))]
            for row in rows(table(document, "examples").get(key))[:_MAX_ROWS]
        ]
        if body:
            blocks.append(Table(caption, ["Word", head], body, frozenset({1})))
    if not blocks:
        return [none("No word of two documents of one corpus is absent from the other.")]
    note = "By the number of documents that have them, both corpora read to equal size. A single word may be chance."
    return [*blocks, Prose(note, "note")]


def topics_section(document: Document) -> list[Block]:
    found = rows(document.get("topics"))[:_MAX_ROWS]
    if not found:
        return [none("Topics were not compared: too few documents have enough words.")]
    sides = [side for side in ("first", "second", "reference") if interval(found[0].get(side))]
    body = [
        [
            name_of(row, "name") + (" (rare)" if row.get("is_rare") is True else ""),
            *(THIN.interval(share) if (share := interval(row.get(side))) else "" for side in sides),
        ]
        for row in found
    ]
    said = (
        "Topics are clusters of documents by the words they use, named by their most telling words. These changed "
        "most, as shares of documents; the table of topics above tests all of them together."
    )
    head = ["Topic", *(_SIDES[side] for side in sides)]
    table_of = Table("Topics that changed most", head, body, frozenset(range(1, len(head))))
    return [Prose(said), table_of]


def sources_section(document: Document) -> list[Block]:
    """Documents by source of all that was read: other sources alone may explain a change."""
    sides = [side for side in ("first", "second", "reference") if table(document, "inputs", side)]
    counted = [
        {
            name_of(row, "name"): integer(row.get("documents"))
            for row in rows(table(document, "inputs", side).get("sources"))
        }
        for side in sides
    ]
    documents = Counter[str]()
    for found in counted:
        documents.update(found)
    names = sorted(documents, key=lambda name: (-documents[name], name))
    if not names:
        return [none("No source is recorded.")]
    shown, more = first(names, _MAX_ROWS, "source")
    totals = [sum(found.values()) for found in counted]
    body = [
        [
            name,
            *(
                THIN.with_share(found.get(name, 0), total)
                for found, total in zip(counted, totals, strict=True)
            ),
        ]
        for name in shown
    ]
    head = ["Source", *(_SIDES[side] for side in sides)]
    said = (
        "Corpora of other sources differ for that alone: compare like with like before you blame what made B."
    )
    return [Prose(said), Table("Documents by source", head, body, frozenset(range(1, len(head)))), *more]


_SIDES = {"first": "A", "second": "B", "reference": "Reference"}

_METHOD = (
    (
        "Documents are the unit. Labels A and B are dealt anew to documents, to equal size, as often as said below, or "
        "swapped within pairs: what chance gives. One p-value holds for all figures of a table (Westfall and Young's "
        "single-step maxT); Hill numbers are tested both ways, the others for harm alone."
    ),
    (
        "Intervals are delete-a-block jackknife intervals over documents. Rare words of the reference are those past "
        "the common ones that hold 85% of its text. Without a reference, A is the yardstick, and what A and B lack "
        "of each other stands beside what documents dealt by chance lack."
    ),
)


def method_section(document: Document) -> list[Block]:
    facts = [
        *version_facts(document),
        ("Permutations", THIN.count(integer(document.get("permutations")))),
    ]
    inputs = table(document, "inputs")
    for side, name in _SIDES.items():
        described = table(inputs, side)
        if described:
            facts.append((name, ", ".join(texts(described.get("names")))))
        copies = integer(described.get("copies_of_the_reference"))
        if copies:
            facts.append((f"{name}, copies of the reference left out", THIN.count(copies)))
    if number(inputs.get("pairs")) is not None:
        facts.append(("Pairs", THIN.count(integer(inputs.get("pairs")))))
    facts += run_facts(document, "started", "seconds", "workers", "seed")
    return [
        *(Prose(words, "note") for words in _METHOD),
        *columns_read(document),
        Facts([(name, one_line(value, 400)) for name, value in facts]),
    ]
