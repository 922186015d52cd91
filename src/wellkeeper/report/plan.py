"""A plan -> lines of text, and a page: how many items and answers find a drop, what they cost, what a watch takes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Facts, Heading, Key, Picture, Prose, Section, Table
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import integer, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn, name_of
from wellkeeper.report.story import Figure
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_METRICS = {
    "accuracy": "Accuracy",
    "diversity": "Diversity",
    "tail": "Rare cells of people's text",
}
_WORLDS = {
    "pilot": "as in the pilot",
    "greedy-like": "if answers are sure, as greedy ones are",
    "sampled": "if answers are sampled",
    "Zipf": "if answers are Zipf distributed",
    "1,500 cells": "if people's text has 1,500 cells",
    "reference": "by the reference",
}
_WORTH = {
    "accuracy": "The share of right answers, or the mean score.",
    "diversity": "The mean distance of two answers to a prompt, from 0 to 1.",
    "tail": "What people write most seldom: the drop is the mass of the rarest cells, such as words, that are lost.",
}


def render_plan(document: Document) -> str:
    """The page of a document of schema `wellkeeper.plan/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    chapter = Chapter("", "", _glance(document), _sections(document))
    return page(
        title="Plan of a comparison",
        headline=plan_headline(document, THIN),
        lead=" ".join(texts(document.get("notes"))),
        chapters=[chapter],
    )


def plan_lines(document: Document) -> list[str]:
    """The plan as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    lines = [plan_headline(document, COMMA)]
    for test in rows(document.get("tests")):
        lines += [f"{_test_name(test)}: {said}" for said in _said_of(document, test)]
    lines += [f"watch, {_world(row)}: {_said_of_week(document, row)}" for row in rows(document.get("watch"))]
    return [*lines, *_remarks(document)]


def print_plan(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a plan; `paths` names the files that were written.

    A console that is no terminal gets `plan_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*plan_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(plan_headline(document, COMMA), style=_style(document)))
    for test in rows(document.get("tests")):
        console.print()
        console.print(
            Text.assemble((_METRICS.get(text(test.get("metric")), ""), "bold"), f", {_world(test)}")
        )
        console.print(_grid(_head(document), _table_rows(document, test, COMMA)))
    for world, weeks in _by_world(document):
        console.print()
        console.print(Text.assemble(("Watch of accuracy, week by week", "bold"), f", {world}"))
        console.print(_grid(_week_head(document), [_week_row(document, row, COMMA) for row in weeks]))
    remarks = _remarks(document)
    if remarks:
        console.print()
    for remark in remarks:
        console.print(Text(remark, style="dim"))
    print_paths(paths, console)


def plan_headline(document: Document, numbers: Numbers) -> str:
    """The plan in one sentence."""
    drop, power = _points(number(document.get("drop")) or 0.0), _percent(document.get("power"))
    verdict, items = text(document.get("verdict")), numbers.of(integer(document.get("items")), "item")
    known = [row for test in rows(document.get("tests")) for row in rows(test.get("plans"))]
    if all(number(row.get("power")) is None for row in known):
        return f"A drop of {drop} cannot be planned for."
    if verdict == "too few":
        return f"{items} are too few to find a drop of {drop} with a chance of {power}."
    if verdict == "enough":
        return f"{items} find a drop of {drop} with a chance of {power} or more."
    cheapest = [_cheapest(test) for test in rows(document.get("tests"))]
    found = [integer(row.get("items")) for row in cheapest if row]
    between = f"{numbers.count(min(found))} to {numbers.count(max(found))}"
    span = between if min(found) < max(found) else numbers.count(found[0])
    unit = "item" if max(found) == 1 else "items"
    return f"{span} {unit} find a drop of {drop} with a chance of {power}."


# --- words -----------------------------------------------------------------------------------------


def _style(document: Document) -> str:
    return "bold red" if text(document.get("verdict")) == "too few" else "bold"


def _points(drop: float) -> str:
    return f"{100 * drop:.3g} points" if round(100 * drop, 2) != 1 else "1 point"


def _percent(chance: Any) -> str:
    found = number(chance)
    return "" if found is None else COMMA.percent(found).replace(".0%", "%")


def _world(row: Document) -> str:
    name = text(row.get("world"))
    return _WORLDS.get(name, name)


def _test_name(test: Document) -> str:
    return f"{text(test.get('metric'))}, {_world(test)}"


def _cheapest(test: Document) -> Document | None:
    """The plan marked as cheapest, or the only one that there is."""
    known = [row for row in rows(test.get("plans")) if number(row.get("items")) is not None]
    return next((row for row in known if row.get("is_cheapest") is True), known[0] if known else None)


def _said_of(document: Document, test: Document) -> Iterator[str]:
    for row in rows(test.get("plans")):
        samples = COMMA.of(integer(row.get("samples")), "answer")
        if text(row.get("why")):
            yield f"{samples} each: {one_line(text(row.get('why')), 300)}"
            continue
        error, least = number(row.get("power_error")) or 0.0, number(row.get("least_drop"))
        parts = [f"{COMMA.of(integer(row.get('items')), 'item')} x {samples}"]
        if _has_items(document):
            parts += [f"power {_power(row.get('power'), error)}"]
            parts += [] if least is None else [f"least drop found {_points(least)}"]
        parts += [f"{COMMA.of(integer(row.get('answers')), 'answer')} in all", *_cost_words(document, row)]
        yield ", ".join([*parts, *(["cheapest"] if row.get("is_cheapest") is True else [])])


def _said_of_week(document: Document, row: Document) -> str:
    weeks = number(row.get("weeks"))
    after = (
        "not by half of the years" if weeks is None else f"after {COMMA.of(int(weeks), 'week')} in the median"
    )
    parts = [
        f"{COMMA.of(integer(row.get('items')), 'item')} a week find it {after}",
        f"{_percent(row.get('found'))} within the year",
        f"{COMMA.of(integer(row.get('answers')), 'answer')} a week",
    ]
    return ", ".join([*parts, *(f"{words} a week" for words in _cost_words(document, row))])


def _cost_words(document: Document, row: Document) -> list[str]:
    cells = zip(_cost_head(document), _cost_cells(document, row, COMMA), strict=True)
    return [f"{cell} {name}" if name == "tokens" else f"{name} {cell}" for name, cell in cells if cell]


def _power(chance: Any, error: float) -> str:
    return _percent(chance) + (f" \u00b1 {100 * error:.0f}" if error else "")


def _remarks(document: Document) -> list[str]:
    found = [
        f"Not planned: {name}. {one_line(text(why), 300)}"
        for name, why in table(document, "not_planned").items()
    ]
    return found + [one_line(note, 400) for note in texts(document.get("notes"))]


# --- tables ----------------------------------------------------------------------------------------


def _has_items(document: Document) -> bool:
    """Whether the suite is there, so that powers are told instead of sizes."""
    return number(document.get("items")) is not None


def _head(document: Document) -> list[str]:
    middle = ["power", "least drop found"] if _has_items(document) else ["items"]
    return ["answers each", *middle, "answers in all", *_cost_head(document), ""]


def _cost_head(document: Document) -> list[str]:
    if not table(document, "price"):
        return []
    return ["tokens", *(["money"] if document.get("priced") is True else [])]


def _cost_cells(document: Document, row: Document, numbers: Numbers) -> list[str]:
    if not table(document, "price"):
        return []
    asked, written = number(row.get("prompt_tokens")), number(row.get("answer_tokens"))
    if asked is None or written is None:
        return [""] * len(_cost_head(document))
    money = [f"{number(row.get('money')) or 0.0:,.2f}"] if document.get("priced") is True else []
    return [numbers.large(asked + written), *money]


def _table_rows(document: Document, test: Document, numbers: Numbers) -> list[list[str]]:
    found = []
    for row in rows(test.get("plans")):
        samples = numbers.count(integer(row.get("samples")))
        if text(row.get("why")):
            blank = [""] * (len(_head(document)) - 2)
            found.append([samples, *blank, one_line(text(row.get("why")), 160)])
            continue
        error = number(row.get("power_error")) or 0.0
        power = _power(row.get("power"), error)
        least = number(row.get("least_drop"))
        middle = (
            [power, "" if least is None else _points(least)]
            if _has_items(document)
            else [numbers.count(integer(row.get("items")))]
        )
        found.append(
            [
                samples,
                *middle,
                numbers.count(integer(row.get("answers"))),
                *_cost_cells(document, row, numbers),
                "cheapest" if row.get("is_cheapest") is True else "",
            ]
        )
    return found


def _week_head(document: Document) -> list[str]:
    first = [] if _has_items(document) else ["to find it within"]
    return [
        *first,
        "items a week",
        "found after",
        "found in the year",
        "answers a week",
        *(f"{name} a week" for name in _cost_head(document)),
    ]


def _week_row(document: Document, row: Document, numbers: Numbers) -> list[str]:
    within, weeks = number(row.get("within")), number(row.get("weeks"))
    first = [] if _has_items(document) else ["" if within is None else numbers.of(int(within), "week")]
    return [
        *first,
        numbers.count(integer(row.get("items"))),
        "not by half" if weeks is None else numbers.of(int(weeks), "week"),
        _percent(row.get("found")),
        numbers.count(integer(row.get("answers"))),
        *_cost_cells(document, row, numbers),
    ]


def _by_world(document: Document) -> Iterator[tuple[str, list[Document]]]:
    found: dict[str, list[Document]] = {}
    for row in rows(document.get("watch")):
        found.setdefault(_world(row), []).append(row)
    yield from found.items()


def _grid(head: Sequence[str], body: Sequence[Sequence[str]]) -> Grid:
    grid = Grid.grid(padding=(0, 3))
    for name in head:
        grid.add_column(justify="right" if name else "left", overflow="fold")
    grid.add_row(*(Text(name, style="dim") for name in head))
    for cells in body:
        grid.add_row(*map(Text, cells))
    return grid


# --- the page --------------------------------------------------------------------------------------


def _glance(document: Document) -> list[Figure]:
    found = []
    for test in rows(document.get("tests")):
        row = _cheapest(test)
        name = f"{_METRICS.get(text(test.get('metric')), text(test.get('metric')))}, {_world(test)}"
        if row is None:
            found.append(Figure(name, "no plan", "see below"))
        elif _has_items(document):
            best = max(rows(test.get("plans")), key=lambda plan: number(plan.get("power")) or 0.0)
            beneath = f"chance to find it, with {THIN.of(integer(best.get('samples')), 'answer')} each"
            found.append(Figure(name, _percent(best.get("power")), beneath))
        else:
            samples = THIN.of(integer(row.get("samples")), "answer")
            beneath = f"with {samples} each, {THIN.count(integer(row.get('answers')))} in all"
            found.append(Figure(name, THIN.of(integer(row.get("items")), "item"), beneath))
    return found


def _sections(document: Document) -> list[Section]:
    found = []
    for metric, title in _METRICS.items():
        tests = [test for test in rows(document.get("tests")) if text(test.get("metric")) == metric]
        why = text(table(document, "not_planned").get(metric))
        if tests:
            blocks = [Prose(_WORTH[metric]), *(block for test in tests for block in _blocks(document, test))]
            found.append(Section(metric, title, blocks))
        elif why:
            found.append(Section(metric, title, [Prose(why, "empty")]))
    weeks = [
        Table(
            world, _week_head(document), [_week_row(document, row, THIN) for row in some], frozenset(range(9))
        )
        for world, some in _by_world(document)
    ]
    if weeks:
        alarms = f"In at most {_percent(document.get('level'))} of years without a change there is an alarm."
        found.append(Section("watch", "A watch of accuracy, week by week", [Prose(_WATCH + alarms), *weeks]))
    return [*found, Section("method", "How this was planned", _method(document))]


_WATCH = (
    "Every week both versions answer as many items once, new items or the same. The version becomes worse in week 20 "
    "of 52; weeks are counted from then to the alarm, and half of the simulated years take no longer. "
)


_FOUND = "Answers of each version to each item, and what finds the drop"


def _blocks(document: Document, test: Document) -> list[Block]:
    head = _head(document)
    numeric = frozenset(range(len(head) - 1))
    body = _table_rows(document, test, THIN)
    world = _world(test)
    blocks: list[Block] = [Heading(world[:1].upper() + world[1:]), Table(_FOUND, head, body, numeric)]
    picture = _picture(document, test)
    return [*blocks, picture] if picture is not None else blocks


def _picture(document: Document, test: Document) -> Picture | None:
    curves = rows(test.get("curves"))
    lines = [
        svg.Trend(
            style=f"line-{place + 1}",
            label=THIN.of(integer(curve.get("samples")), "answer") + " each",
            points=list(zip(curve["items"], curve["power"], strict=True)),
        )
        for place, curve in enumerate(curves[:8])
    ]
    if not lines:
        return None
    title = f"Chance to find {_points(number(document.get('drop')) or 0.0)}"
    across, upward = svg.Axis("items", is_log=True), svg.Axis("chance to find it")
    pictures = drawn(
        f"power-{text(test.get('metric'))}-{text(test.get('world')).replace(' ', '-').replace(',', '')}",
        title,
        f"{title}, by items: {', '.join(line.label for line in lines)}. The table has every value that is drawn.",
        lambda frame: svg.trends(frame, lines, across=across, upward=upward),
    )
    body = [
        [line.label, THIN.count(items), _percent(power)] for line in lines for items, power in line.points
    ]
    data = Table(
        title, ["Answers", "Items", "Chance"], body, frozenset({1, 2}), data_summary(len(body), "row")
    )
    return Picture("", *pictures, data, [Key(f"trend {line.style}", line.label) for line in lines])


def _method(document: Document) -> list[Block]:
    pilot, price = table(document, "pilot"), table(document, "price")
    facts = [
        ("Drop to be found", _points(number(document.get("drop")) or 0.0)),
        ("Chance to find it", _percent(document.get("power"))),
        ("Chance of a false alarm", f"{_percent(document.get('level'))} a metric"),
    ]
    if pilot:
        size = f"{THIN.of(integer(pilot.get('items')), 'item')}, {THIN.of(integer(pilot.get('answers')), 'answer')}"
        facts.append(("Pilot", f"{name_of(pilot, 'name')}: {size}"))
    for test in rows(document.get("tests")):
        noise = ", ".join(
            f"{key.replace('_', ' ')} {_noise(value)}" for key, value in table(test, "noise").items()
        )
        facts.append((f"Noise of {_test_name(test)}", noise))
    if price:
        asked, written = (THIN.figure(number(price.get(key))) for key in ("prompt_tokens", "answer_tokens"))
        facts.append(("Tokens", f"{asked} a prompt, {written} an answer"))
    if number(document.get("stored")) is not None:
        stored = THIN.of(integer(document.get("stored")), "answer")
        facts.append(("Stored", f"{stored} of the reference to each item, which cost nothing"))
    facts += [("Version", text(document.get("version"))), ("Seed", str(integer(document.get("seed"))))]
    return [Prose(_TESTS), Facts(facts)]


_TESTS = (
    "Both versions answer the same items. One right or wrong answer an item: McNemar's test, mid-p. More answers: "
    "Student's t over items. Diversity: sign flips over prompts. Tail: swapped prompts and maxT, simulated."
)


def _noise(value: Any) -> str:
    return THIN.figure(number(value), 3)
