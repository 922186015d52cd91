"""Runs along an ordered family -> lines of text, and a page: each metric's shape and line, and the tail by run."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Facts, Heading, Key, Picture, Prose, Section, Table, first
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn, name_of
from wellkeeper.report.story import Figure, joined
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_METRICS = {
    "score": "score",
    "diversity": "diversity",
    "degenerate": "degenerate answers",
    "tail": "share of rare words",
}
_MEANINGS = {
    "score": "Mean score of an item's answers.",
    "diversity": "Mean distance of two different answers to an item, as written.",
    "degenerate": "Share of answers that are empty, cut off, refused or errors.",
    "tail": "Share of an item's different words that are rare in the human reference.",
}
_SHAPES = {
    "rising": "rises",
    "falling": "falls",
    "U": "falls, then rises",
    "inverted U": "rises, then falls",
    "none": "shows no trend",
}
_PLURALS = {
    "rising": "rise",
    "falling": "fall",
    "U": "fall, then rise",
    "inverted U": "rise, then fall",
    "none": "show no trend",
}
_FIGURES = {
    "tail_recall": "Rare human words that it has",
    "tail_mass": "Share of rare words",
    "distinct": "Distinct words",
    "entropy": "Entropy of words, nats",
    "gini_simpson": "Chance that two words differ",
}
_SLICES = 40
_NAME = 24  # letters of a run's name in a table's head


def render_trend(document: Document) -> str:
    """The page of a document of schema `wellkeeper.trend/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    chapter = Chapter("", "", _glance(document), _sections(document))
    return page(
        title=f"Trend over {THIN.of(len(rows(document.get('members'))), 'run')}",
        headline=trend_headline(document),
        lead=next_step(document),
        chapters=[chapter],
    )


def trend_lines(document: Document) -> list[str]:
    """The trend as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    lines = [trend_headline(document), f"Runs: {', then '.join(_names(document))}"]
    lines += [f"{name}: {shape}, {means}, p {p}" for name, shape, means, p in _told(document)]
    lines += [f"tail, {pair}: {said}, p {p}" for pair, said, p in _tail_told(document)]
    lines += [
        f"slice {_slice_name(row)}: {text(row.get('shape'))}, {_means(row)}, p {_p(row.get('p'))}"
        for row in _told_slices(document)
    ]
    lines += _remarks(document)
    following = next_step(document)
    return [*lines, f"Next: {following}"] if following else lines


def print_trend(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a trend; `paths` names the files that were written.

    A console that is no terminal gets `trend_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*trend_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(trend_headline(document), style=_style(document)))
    console.print(Text(", then ".join(_names(document)), style="dim"))
    console.print()
    grid = Grid.grid(padding=(0, 2))
    for name, shape, means, p in _told(document):
        grid.add_row(Text(name), Text(shape, style=_shape_style(document, name)), Text(means), Text(f"p {p}"))
    for pair, said, p in _tail_told(document):
        grid.add_row(Text(f"tail, {pair}"), Text(""), Text(said), Text(f"p {p}"))
    for row in _told_slices(document):
        grid.add_row(
            Text(_slice_name(row)),
            Text(text(row.get("shape"))),
            Text(_means(row)),
            Text(f"p {_p(row.get('p'))}"),
        )
    console.print(grid)
    for remark in _remarks(document):
        console.print(Text(remark, style="dim"))
    following = next_step(document)
    if following:
        console.print()
        console.print(Text(following))
    print_paths(paths, console)


def trend_headline(document: Document) -> str:
    """The trend in one sentence."""
    harmed = [_happened(row) for row in rows(document.get("metrics")) if row.get("is_harm") is True]
    lost = [row for row in _comparisons(document) if row.get("is_harm") is True]
    if lost:
        harmed.append("words that people use are lost")
    if harmed:
        start = joined(harmed)
        return f"{start[0].upper()}{start[1:]} along the family."
    shaped = [
        _happened(row)
        for row in rows(document.get("metrics"))
        if text(table(row, "trend").get("verdict")) != "none"
    ]
    if shaped:
        start = joined(shaped)
        return f"{start[0].upper()}{start[1:]} along the family; no harm is shown."
    return "No trend along the family is shown."


def next_step(document: Document) -> str:
    """What to do about it; empty where nothing need be done."""
    if text(document.get("verdict")) == "worse":
        return (
            "Look at the run from which on it is lower, and compare it with the one before: "
            "wellkeeper compare shows which answers changed."
        )
    if all(text(table(row, "trend").get("verdict")) == "none" for row in rows(document.get("metrics"))):
        return "That none is shown does not mean that there is none: wellkeeper plan tells how many items find a drop."
    return ""


# --- words -----------------------------------------------------------------------------------------


def _happened(row: Document) -> str:
    metric, shape = text(row.get("metric")), text(table(row, "trend").get("verdict"))
    words = _PLURALS if metric == "degenerate" else _SHAPES
    return f"{_METRICS.get(metric, metric)} {words.get(shape, shape)}"


def _style(document: Document) -> str:
    return "bold red" if text(document.get("verdict")) == "worse" else "bold"


def _shape_style(document: Document, name: str) -> str:
    harmed = {
        _METRICS.get(text(row.get("metric")), "")
        for row in rows(document.get("metrics"))
        if row.get("is_harm") is True
    }
    return "bold red" if name in harmed else ""


def _names(document: Document) -> list[str]:
    return [name_of(row, "name") for row in rows(document.get("members"))]


def _told(document: Document) -> Iterator[tuple[str, str, str, str]]:
    """Name, shape, means from first to last, and p-value of each metric."""
    for row in rows(document.get("metrics")):
        found = table(row, "trend")
        metric = text(row.get("metric"))
        yield _METRICS.get(metric, metric), _shape(document, found), _means(found), _p(_least(found))


def _shape(document: Document, trend: Document) -> str:
    """The shape, and where it turns."""
    shape, turn = text(trend.get("verdict"), "none"), number(trend.get("turn"))
    names = _names(document)
    if turn is None or not 0 <= int(turn) < len(names):
        return shape
    return f"{shape}, turns at {one_line(names[int(turn)], _NAME)}"


def _least(trend: Document) -> float | None:
    known = [number(value) for value in table(trend, "p").values()]
    return min((value for value in known if value is not None), default=None)


def _means(trend: Document) -> str:
    means = trend.get("means")
    return " -> ".join(COMMA.figure(number(mean), 3) for mean in means) if isinstance(means, list) else ""


def _p(value: Any) -> str:
    found = number(value)
    return "unknown" if found is None else "<0.001" if found < 0.001 else f"{found:.3f}"


def _comparisons(document: Document) -> list[Document]:
    return rows(table(document, "tails").get("comparisons"))


def _tail_told(document: Document) -> Iterator[tuple[str, str, str]]:
    names = _names(document)
    for row in _comparisons(document):
        pair = f"{names[integer(row.get('first'))]} to {names[integer(row.get('second'))]}"
        worst = min(rows(row.get("changes")), key=lambda change: number(change.get("p")) or 0.0, default={})
        yield (
            pair,
            f"{_FIGURES.get(text(worst.get('figure')), '').lower()} {_from_to(worst)}",
            _p(row.get("p")),
        )


def _from_to(change: Document) -> str:
    before, after = (COMMA.figure(number(change.get(side)), 3) for side in ("first", "second"))
    return f"{before} -> {after}"


def _slice_name(row: Document) -> str:
    where = f"{text(row.get('field'))}={text(row.get('value'))}"
    return f"{_METRICS.get(text(row.get('metric')), '')}, {one_line(where, 60)}"


def _told_slices(document: Document) -> list[Document]:
    return [row for row in rows(document.get("slices")) if text(row.get("shape")) != "none"]


def _remarks(document: Document) -> list[str]:
    found = [
        f"Not measured: {name}. {one_line(text(why), 300)}"
        for name, why in table(document, "not_measured").items()
    ]
    note = text(table(document, "tails").get("note"))
    return [
        *found,
        *([f"Tails were not compared: {note}"] if note else []),
        *(one_line(said, 400) for said in texts(document.get("notes"))),
    ]


# --- the page --------------------------------------------------------------------------------------


def _glance(document: Document) -> list[Figure]:
    found = [
        Figure(
            "Items",
            THIN.count(integer(document.get("items"))),
            f"that all {len(_names(document))} runs answered",
        )
    ]
    for row in rows(document.get("metrics")):
        trend, metric = table(row, "trend"), text(row.get("metric"))
        means = trend.get("means") or []
        span = (
            f"{THIN.figure(number(means[0]), 3)} \u2192 {THIN.figure(number(means[-1]), 3)}" if means else ""
        )
        found.append(
            Figure(
                _METRICS.get(metric, metric).capitalize(),
                text(trend.get("verdict"), "none"),
                f"{span}, p {_p(_least(trend))}",
            )
        )
    return found


def _sections(document: Document) -> list[Section]:
    found = [
        Section(
            text(row.get("metric"), "metric"),
            _METRICS.get(text(row.get("metric")), "").capitalize(),
            _blocks(document, row),
        )
        for row in rows(document.get("metrics"))
    ]
    tails = table(document, "tails")
    if tails:
        found.append(Section("tails", "The tail by run", _tail_blocks(document, tails)))
    if rows(document.get("slices")):
        found.append(Section("slices", "Slices", _slice_blocks(document)))
    absent = [
        Prose(f"{_METRICS.get(name, name).capitalize()}: {text(why)}", "note")
        for name, why in table(document, "not_measured").items()
    ]
    notes = [Prose(note, "note") for note in texts(document.get("notes"))]
    return [*found, Section("method", "How this was measured", [*_method(document), *absent, *notes])]


def _blocks(document: Document, row: Document) -> list[Block]:
    trend, metric = table(row, "trend"), text(row.get("metric"))
    title = _METRICS.get(metric, metric).capitalize()
    shape = _shape(document, trend)
    slope = interval(trend.get("slope"))
    unit = "a step" if not table(document, "positions").get("given") else "a unit of position"
    if table(document, "positions").get("log") is True:
        unit = "an e-fold of position"
    told = f"{_MEANINGS.get(metric, '')} Shape: {shape}, by {THIN.of(integer(row.get('items')), 'item')}."
    equal = table(row, "equal_length")
    if equal:
        told += f" At equal length: {_shape(document, equal)}, {_means(equal)}, p {_p(_least(equal))}."
    if slope is not None and slope.estimate is not None:
        told += f" Slope {_amount(slope, THIN)} {unit}."
    ps = [[name, _p(table(trend, "p").get(name))] for name in ("rising", "falling", "U", "inverted U")]
    return [
        Prose(told),
        *_picture(document, trend, metric, title),
        Table("p-values", ["Shape", "p, for all four"], ps, frozenset({1}), "p-values of all shapes"),
    ]


def _picture(document: Document, trend: Document, metric: str, title: str) -> list[Block]:
    places = [number(row.get("position")) or 0.0 for row in rows(document.get("members"))]
    means = [number(value) for value in trend.get("means") or []]
    bands = [interval(row) for row in rows(trend.get("intervals"))]
    line = svg.Trend(
        style="line-1",
        label=title.lower(),
        points=[(x, y) for x, y in zip(places, means, strict=False) if y is not None],
        band=[
            (x, band.low, band.high)
            for x, band in zip(places, bands, strict=False)
            if band is not None and band.low is not None and band.high is not None
        ],
    )
    if len(set(svg.heights(line))) < 2:  # all alike, or nothing
        return []
    axes = (_across(document), svg.Axis(title.lower()))
    pictures = drawn(
        f"trend-{metric}",
        title,
        f"{title} of each run, in order. The table has every value that is drawn.",
        lambda frame: svg.trends(frame, [line], across=axes[0], upward=axes[1]),
    )
    body = [
        [name, THIN.figure(place), "" if band is None else _amount(band, THIN)]
        for name, place, band in zip(_names(document), places, bands, strict=False)
    ]
    data = Table(
        title, ["Run", "Position", "Mean (95%)"], body, frozenset({1, 2}), data_summary(len(body), "run")
    )
    return [
        Picture(
            "Mean over items, by run.", *pictures, data, [Key("k-band", "95% over items, of each run alone")]
        )
    ]


def _across(document: Document) -> svg.Axis:
    positions = table(document, "positions")
    if positions.get("given") is True:
        return svg.Axis("position", is_log=positions.get("log") is True)
    return svg.Axis("run, from 0", is_whole=True)


def _amount(value: Any, numbers: Numbers) -> str:
    if value.low is None or value.high is None:
        return numbers.figure(value.estimate, 3)
    figures = (numbers.figure(part, 3) for part in (value.estimate, value.low, value.high))
    return "{} ({} to {})".format(*figures)


def _tail_blocks(document: Document, tails: Document) -> list[Block]:
    if text(tails.get("note")):
        return [Prose(text(tails.get("note")), "empty")]
    names = _names(document)
    ceiling = table(tails, "ceiling")
    body = [
        [
            title,
            *(THIN.figure(number(row.get(figure)), 4) for row in rows(tails.get("members"))),
            THIN.figure(number(ceiling.get(figure)), 4),
        ]
        for figure, title in _FIGURES.items()
    ]
    head = ["", *(one_line(name, _NAME) for name in names), "People"]
    size = THIN.of(integer(tails.get("cells")), "word")
    said = (
        f"Words of {THIN.of(integer(tails.get('prompts')), 'item')}, cut to {size} of each run. People stand beside: "
        "half of the human text by the yardstick of the other half, at the same size."
    )
    compared = [
        [
            f"{names[integer(row.get('first'))]} \u2192 {names[integer(row.get('second'))]}",
            _FIGURES.get(text(change.get("figure")), ""),
            THIN.figure(number(change.get("first")), 4),
            THIN.figure(number(change.get("second")), 4),
            _p(change.get("p")),
            _p(row.get("p")),
        ]
        for row in _comparisons(document)
        for change in rows(row.get("changes"))
    ]
    pairs = Table(
        "Neighbours, and the last beside the first",
        ["Runs", "Figure", "Before", "After", "p, of five figures", "p, of all pairs"],
        compared,
        frozenset({2, 3, 4, 5}),
        data_summary(len(compared), "comparison"),
    )
    return [Prose(said), Table("Figures by run", head, body, frozenset(range(1, len(head)))), pairs]


def _slice_blocks(document: Document) -> list[Block]:
    shown, more = first(rows(document.get("slices")), _SLICES, "slice")
    body = [
        [
            _slice_name(row),
            THIN.count(integer(row.get("items"))),
            text(row.get("shape")),
            _means(row),
            _p(row.get("p")),
        ]
        for row in shown
    ]
    said = (
        "Each metric and field is one list; of the slices in it that are given a shape, an expected 5% are false at "
        "most. Slices do not decide the verdict."
    )
    return [
        Prose(said),
        Table("Slices", ["Slice", "Items", "Shape", "Means", "p"], body, frozenset({1, 4})),
        *more,
    ]


def _method(document: Document) -> list[Block]:
    members = [
        [
            name_of(row, "name"),
            name_of(row, "model"),
            THIN.figure(number(row.get("position"))),
            THIN.count(integer(row.get("answers"))),
            THIN.figure(number(row.get("words")), 3),
        ]
        for row in rows(document.get("members"))
    ]
    facts = [
        ("Level", f"{THIN.percent(number(document.get('level')) or 0.0)} for all metrics together"),
        ("Seed", str(integer(document.get("seed")))),
        ("Version", text(document.get("version"))),
    ]
    reference = table(document, "inputs", "reference")
    if reference:
        facts.insert(0, ("Human reference", THIN.of(integer(reference.get("documents")), "document")))
    head = ["Run", "Model", "Position", "Answers", "Words an answer"]
    return [
        Heading("Runs"),
        Table("Runs", head, members, frozenset({2, 3, 4})),
        Heading("Tests"),
        Prose(_TESTS),
        Facts(facts),
    ]


_TESTS = (
    "The same items in every run. Rising and falling: Page's test of each item's order. U and inverted U: two lines "
    "that meet, both with a slope that is no chance, every run between the ends tried. The four p-values hold "
    "together by Holm's method, and metrics share the level. Tails: prompts swapped between runs, maxT over five "
    "figures, Holm over pairs."
)
