"""A comparison of two corpora -> lines of text, and a page: what changed, how surely, and what that means."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.compare import (
    amount,
    change_of,
    compare_sections,
    figure_name,
    figures,
    is_against_reference,
    margin_of,
    p_of,
)
from wellkeeper.report.story import Figure, joined
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_NAMED = 3  # figures in the headline
_LISTED = 6  # figures that are listed
_WORDS = 8  # words that only one corpus has

_STYLES = {"worse": "bold red", "not worse": "bold green", "not enough data": "bold yellow"}

# (figure, whether it rose) -> what happened, without and with a reference
_HAPPENED = {
    ("q0", False): ("fewer distinct {}",) * 2,
    ("q0", True): ("more distinct {}",) * 2,
    ("q1", False): ("less varied {}",) * 2,
    ("q1", True): ("more varied {}",) * 2,
    ("q2", False): ("common {} repeat more",) * 2,
    ("q2", True): ("common {} repeat less",) * 2,
    ("tail_mass", False): ("rare {} are used less",) * 2,
    ("tail_recall", False): ("rare {} are missing",) * 2,
    ("lost_mass", True): ("{} of A are lost", "more human {} are lost"),
    ("invented_mass", True): ("{} that A lacks", "more {} that people do not use"),
}


def render_comparison(document: Document) -> str:
    """The page of a document of schema `wellkeeper.compare/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    chapter = Chapter("", "", _glance(document, THIN), compare_sections(document))
    return page(
        title="Comparison of two corpora",
        headline=comparison_verdict(document, THIN),
        lead=next_step(document, THIN),
        chapters=[chapter],
    )


def comparison_lines(document: Document) -> list[str]:
    """The comparison as plain lines, one fact each: for logs, pipes and CI. No line holds a line feed."""
    document = visible_tree(document)
    lines = [comparison_verdict(document, COMMA), f"Compared: {_compared(document, COMMA)}"]
    lines += [f"{verdict}: {name}, {said}" for verdict, name, said in _told(document)]
    lines += [f"{name}: {words}" for name, words in _only_in_one(document)]
    lines += [one_line(note, 400) for note in texts(document.get("notes"))]
    following = next_step(document, COMMA)
    return [*lines, f"Next: {following}"] if following else lines


def print_comparison(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a comparison; `paths` names the files that were written.

    A console that is no terminal gets `comparison_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*comparison_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    style = _STYLES.get(text(document.get("verdict")), "bold")
    console.print()
    console.print(Text(comparison_verdict(document, COMMA), style=style))
    console.print(Text(_compared(document, COMMA), style="dim"))
    grid = Table.grid(padding=(0, 2))
    for verdict, name, said in _told(document):
        grid.add_row(Text(verdict, style=_STYLES.get(verdict, "")), Text(name), Text(said))
    console.print()
    console.print(grid)
    for name, words in _only_in_one(document):
        console.print(Text.assemble((f"{name}  ", "dim"), words))
    for note in texts(document.get("notes")):
        console.print(Text(one_line(note, 400), style="dim"))
    following = next_step(document, COMMA)
    if following:
        console.print()
        console.print(Text(following))
    print_paths(paths, console)


def comparison_verdict(document: Document, numbers: Numbers) -> str:
    """The comparison in one sentence."""
    verdict = text(document.get("verdict"))
    if verdict == "worse":
        happened = [
            _happened(family, change, has_reference=is_against_reference(document))
            for family, change in figures(document, "worse")
        ]
        more = len(happened) - _NAMED
        rest = [numbers.of(more, "more figure")] if more > 0 else []
        return f"B is worse than A: {joined([*happened[:_NAMED], *rest])}."
    if verdict == "not worse":
        return f"B is not worse than A by more than {margin_of(document)}."
    return "Not enough data to tell whether B is worse than A."


def next_step(document: Document, numbers: Numbers) -> str:
    """What to do about the verdict; empty where nothing need be done."""
    verdict = text(document.get("verdict"))
    if verdict == "not enough data":
        needed = table(document, "documents_to_decide")
        if not needed:
            return "Give more documents of each corpus."
        first, second = (numbers.of(integer(needed.get(side)), "document") for side in ("first", "second"))
        return (
            f"About {first} of A and {second} of B would decide: with so many, a change of {margin_of(document)} would "
            "be found, and the lack of any shown, each with a chance of 80%."
        )
    if verdict != "worse":
        return ""
    if not is_against_reference(document) and all(
        _is_more(change) for _, change in figures(document, "worse")
    ):
        return (
            "A richer corpus may be a wider source or noise, and A alone cannot tell which: compare again with "
            "--reference and human text of the same kind."
        )
    return "Look at what is missing before B takes the place of A; mixing A in again brings it back."


def _is_more(change: Document) -> bool:
    """Whether the later corpus has more of something, and not less: that alone shows no loss."""
    figure = text(change.get("figure"))
    rose = (number(table(change, "change").get("estimate")) or 0.0) > 0
    return figure == "invented_mass" or (figure.startswith("q") and rose)


def _happened(family: str, change: Document, *, has_reference: bool) -> str:
    figure = text(change.get("figure"))
    rose = (number(table(change, "change").get("estimate")) or 0.0) > 0
    phrases = _HAPPENED.get((figure, rose), (f"{figure} of {{}}",) * 2)
    return phrases[has_reference].format(one_line(family, 40))


def _compared(document: Document, numbers: Numbers) -> str:
    families = rows(document.get("families"))
    if not families:
        return "nothing"
    documents, tokens = (families[0].get(key) for key in ("documents", "tokens"))
    sides = [
        f"{numbers.of(integer(many), 'document')} of {name} ({numbers.of(integer(words), 'word')})"
        for name, many, words in zip("AB", _pair(documents), _pair(tokens), strict=True)
    ]
    reference = table(document, "inputs", "reference")
    human = integer(reference.get("documents"))
    beside = f", beside {numbers.of(human, 'human document')}" if reference else ", without a human reference"
    return " with ".join(sides) + beside


def _pair(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) and len(value) == 2 else (0, 0)


def _told(document: Document) -> list[tuple[str, str, str]]:
    """The figures that made the verdict: those that are worse; else those that are open, widest first."""
    verdict = text(document.get("verdict"))
    if verdict == "not worse":
        return []
    has_reference = is_against_reference(document)
    return [
        (verdict, figure_name(family, change, has_reference=has_reference), _in_both(change))
        for family, change in figures(document, verdict)[:_LISTED]
    ]


def _in_both(change: Document) -> str:
    first, second = (amount(change, side, COMMA) for side in ("first", "second"))
    return f"{first} -> {second}, {change_of(change, COMMA)}, p {p_of(change)}"


def _only_in_one(document: Document) -> list[tuple[str, str]]:
    if text(document.get("verdict")) != "worse":
        return []
    found = []
    for key, name in (("lost", "Words of A that B lacks"), ("invented", "Words of B that nobody else has")):
        words = [one_line(text(row.get("text")), 40) for row in rows(table(document, "examples").get(key))]
        if words:
            found.append((name, ", ".join(words[:_WORDS])))
    return found


def _glance(document: Document, numbers: Numbers) -> list[Figure]:
    families = rows(document.get("families"))
    found = []
    for side, name in (("first", "A"), ("second", "B"), ("reference", "Human reference")):
        described = table(document, "inputs", side)
        if described:
            words = numbers.of(integer(described.get("words")), "word")
            found.append(Figure(name, numbers.of(integer(described.get("documents")), "document"), words))
    for row in families:
        least = number(row.get("p"))
        if least is not None:
            name = f"{one_line(text(row.get('family')), 40).capitalize()}, p of no harm"
            figure = (
                interval(table(rows(row.get("changes"))[0], "change")) if rows(row.get("changes")) else None
            )
            beneath = (
                f"distinct ones {_signed(figure.estimate)}" if figure and figure.estimate is not None else ""
            )
            found.append(Figure(name, p_of(row), beneath))
    return found


def _signed(share: float) -> str:
    return f"{share:+.1%}"
