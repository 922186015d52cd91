"""A comparison of two runs -> lines of text, and a page: what changed, how surely, and which answers show it."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.compare_runs import (
    NAMES,
    is_lower_worse,
    margins_of,
    metric_name,
    p_of,
    poorest,
    run_sections,
    signed_points,
    tail_figure,
)
from wellkeeper.report.story import Figure, joined
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_STYLES = {"worse": "bold red", "not worse": "bold green", "not enough data": "bold yellow"}
_LISTED = 6  # slices and items that are named

_POORER = {
    "tail_recall": "rare human words are missing",
    "tail_mass": "rare human words are used less",
    "distinct": "fewer distinct words",
    "entropy": "less varied words",
    "gini_simpson": "common words repeat more",
}


def render_run_comparison(document: Document) -> str:
    """The page of a document of schema `wellkeeper.compare-runs/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    chapter = Chapter("", "", _glance(document, THIN), run_sections(document))
    return page(
        title="Comparison of two versions",
        headline=runs_verdict(document),
        lead=next_step(document, THIN),
        chapters=[chapter],
    )


def run_comparison_lines(document: Document) -> list[str]:
    """The comparison as plain lines, one fact each: for logs, pipes and CI. No line holds a line feed."""
    document = visible_tree(document)
    lines = [runs_verdict(document), f"Compared: {_compared(document, COMMA)}"]
    lines += [f"{verdict}: {name}, {said}" for verdict, name, said in _told(document)]
    lines += [f"not measured: {name}. {why}" for name, why in _not_measured(document)]
    lines += [f"{name}: {said}" for name, said in _beside(document, COMMA)]
    lines += _remarks(document)
    following = next_step(document, COMMA)
    return [*lines, f"Next: {following}"] if following else lines


def print_run_comparison(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a comparison; `paths` names the files that were written.

    A console that is no terminal gets `run_comparison_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*run_comparison_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    style = _STYLES.get(text(document.get("verdict")), "bold")
    console.print()
    console.print(Text(runs_verdict(document), style=style))
    console.print(Text(_compared(document, COMMA), style="dim"))
    grid = Table.grid(padding=(0, 2))
    for verdict, name, said in _told(document):
        grid.add_row(Text(verdict, style=_STYLES.get(verdict, "")), Text(name), Text(said))
    for name, why in _not_measured(document):
        grid.add_row(Text("not measured", style="dim"), Text(name), Text(why, style="dim"))
    console.print()
    console.print(grid)
    for name, said in _beside(document, COMMA):
        console.print(Text.assemble((f"{name}  ", "dim"), said))
    for remark in _remarks(document):
        console.print(Text(remark, style="dim"))
    following = next_step(document, COMMA)
    if following:
        console.print()
        console.print(Text(following))
    print_paths(paths, console)


def runs_verdict(document: Document) -> str:
    """The comparison in one sentence."""
    verdict = text(document.get("verdict"))
    if verdict == "worse":
        happened = [_happened(metric) for metric in _metrics(document, "worse")]
        return f"B is worse than A: {joined(happened)}."
    if verdict == "not worse":
        metrics = rows(document.get("metrics"))
        return f"B is not worse than A by more than {margins_of(metrics, document, named=True)}."
    return "Not enough data to tell whether B is worse than A."


def next_step(document: Document, numbers: Numbers) -> str:
    """What to do about the verdict; empty where nothing need be done."""
    verdict = text(document.get("verdict"))
    if verdict == "worse":
        return "Look at the answers that changed most before B takes the place of A."
    if verdict != "not enough data":
        return ""
    items, open_metrics = integer(document.get("items")), _metrics(document, "not enough data")
    few = [row for row in open_metrics if integer(row.get("items_to_decide")) > items]
    enough = [row for row in open_metrics if row not in few]
    said = []
    if few:
        needed = max(integer(row.get("items_to_decide")) for row in few)
        on = f" on {_names(few)}" if enough else ""
        said.append(
            f"About {numbers.of(needed - items, 'more item')} would decide{on} ({numbers.count(needed)} in all): with "
            f"so many, a loss of {margins_of(few, document)} would be found, and the lack of any shown, each with a "
            "chance of 80%."
        )
    if enough:
        said.append(
            f"For {_names(enough)} there are items enough to find a loss of {margins_of(enough, document)}, and the "
            "change seems to be a part of that: ask several times as many items, or give a wider "
            f"{_options_of(enough)} if less does not matter."
        )
    return " ".join(said)


def _names(metrics: Sequence[Document]) -> str:
    return joined([NAMES.get(text(row.get("name")), "a metric") for row in metrics])


def _options_of(metrics: Sequence[Document]) -> str:
    """The options that say what loss does not matter."""
    of_diversity = [text(row.get("name")) == "diversity" for row in metrics]
    return joined(["--margin"] * (not all(of_diversity)) + ["--diversity-margin"] * any(of_diversity))


def _metrics(document: Document, verdict: str) -> list[Document]:
    return [row for row in rows(document.get("metrics")) if text(row.get("verdict")) == verdict]


def _happened(metric: Document) -> str:
    if text(metric.get("name")) == "tail":
        found = poorest(metric)
        return _POORER.get(text(found.get("figure")), "the tail is poorer")
    change = interval(table(metric, "change", "change"))
    by = "" if change is None or change.estimate is None else f" by {abs(change.estimate) * 100:.1f} points"
    rose = change is not None and (change.estimate or 0.0) > 0
    return f"{NAMES.get(text(metric.get('name')), 'a metric')} {'rose' if rose else 'fell'}{by}"


def _compared(document: Document, numbers: Numbers) -> str:
    sides = [
        f"{numbers.of(integer(side.get('answers')), 'answer')} of {_named(side, letter)}"
        for letter, side in _sides(document)
    ]
    human = integer(table(document, "inputs", "reference").get("documents"))
    beside = f", beside {numbers.of(human, 'human document')}" if human else ", without a human reference"
    return f"{numbers.of(integer(document.get('items')), 'item')}: {' with '.join(sides)}{beside}"


def _sides(document: Document) -> list[tuple[str, Document]]:
    return [("A", table(document, "first")), ("B", table(document, "second"))]


def _named(side: Document, letter: str) -> str:
    name = one_line(text(side.get("name")), 60)
    return f"{letter} ({name})" if name else letter


def _told(document: Document) -> list[tuple[str, str, str]]:
    """Verdict, name and figures of every metric, then of slices that are worse."""
    found = [
        (text(row.get("verdict"), "not judged"), metric_name(row, document), _in_both(row))
        for row in rows(document.get("metrics"))
    ]
    worse = [row for row in rows(document.get("slices")) if text(row.get("verdict")) == "worse"]
    for row in worse[:_LISTED]:
        of = one_line(f"{text(row.get('field'))}={text(row.get('value'))}", 60)
        found.append(("worse", f"{metric_name(row, document)} of {of}", _in_both(row)))
    return found


def _in_both(row: Document) -> str:
    change = table(row, "change")
    if change:
        sides = (number(change.get(side)) for side in ("before", "after"))
        shares = " -> ".join("none" if one is None else COMMA.percent(one) for one in sides)
        return f"{shares}, {signed_points(interval(change.get('change')), COMMA)}, p {p_of(row)}"
    figure = poorest(row)
    if not figure:
        return "not measured"
    name, before, after = tail_figure(figure, COMMA)
    return f"{name} {before} -> {after}, p {p_of(row)}"


def _not_measured(document: Document) -> list[tuple[str, str]]:
    absent = table(document, "not_measured")
    return [(NAMES.get(name, one_line(name, 40)), one_line(text(why), 400)) for name, why in absent.items()]


def _beside(document: Document, numbers: Numbers) -> list[tuple[str, str]]:
    """What no metric tells: lengths, items that were lost and gained, the examples' names."""
    found = []
    lengths = [number(side.get("words")) for _, side in _sides(document)]
    if None not in lengths:
        found.append(
            ("Words of an answer", " -> ".join(f"{value:.1f}" for value in lengths if value is not None))
        )
    lost, gained = integer(document.get("lost")), integer(document.get("gained"))
    if lost or gained:
        said = f"{numbers.count(lost)} lost, {numbers.count(gained)} gained"
        most = [
            one_line(text(row.get("item")), 40)
            for row in rows(document.get("examples"))
            if text(row.get("kind")) == "lost"
        ][:_LISTED]
        found.append(("Items by score", f"{said}; most lost: {', '.join(most)}" if most else said))
    only = [len(texts(document.get(key))) for key in ("only_first", "only_second")]
    if any(only):
        found.append(
            (
                "Items of one run alone, left out",
                " and ".join(f"{many:,} of {x}" for many, x in zip(only, "AB", strict=True)),
            )
        )
    return found


def _remarks(document: Document) -> list[str]:
    return [one_line(said, 400) for key in ("warnings", "notes") for said in texts(document.get(key))]


def _glance(document: Document, numbers: Numbers) -> list[Figure]:
    found = [
        Figure(
            f"{letter}: {one_line(text(side.get('name'), 'no name'), 40)}",
            numbers.of(integer(side.get("answers")), "answer"),
            f"to {numbers.of(integer(document.get('items')), 'item')}",
        )
        for letter, side in _sides(document)
    ]
    for row in rows(document.get("metrics")):
        change = interval(table(row, "change", "change"))
        name = NAMES.get(text(row.get("name")), "metric").capitalize()
        if change is not None and change.estimate is not None:
            found.append(Figure(name, f"{change.estimate * 100:+.1f} points", _verdict_beneath(row, change)))
        else:
            found.append(Figure(name, text(row.get("verdict"), "not judged"), f"p {p_of(row)}"))
    return found


def _verdict_beneath(row: Document, change: Interval) -> str:
    direction = "lower is worse" if is_lower_worse(row) else "higher is worse"
    return f"{text(row.get('verdict'), 'not judged')}; {THIN.bounds(change).rstrip('%')}; {direction}"
