"""The sections of the page of two runs: every change with its interval, tails, slices, and the answers that changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Facts, Heading, Picture, Prose, Section, Strip, Table, first, none
from wellkeeper.report.numbers import THIN, Numbers
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn, name_of
from wellkeeper.report.sections.method import columns_read, run_facts, version_facts
from wellkeeper.report.story import joined
from wellkeeper.report.visible import clip, one_line

Document = Mapping[str, Any]

NAMES = {
    "accuracy": "accuracy",
    "diversity": "diversity of answers",
    "degenerate": "degenerate answers",
    "tail": "the tail of human words",
}
_VIEWS = {
    "as_written": "distance of two answers, as written",
    "equal_length": "the same at equal length",
    "unlike": "pairs that are not the same answer",
}
_KINDS = {"empty": "empty", "length": "cut off", "refused": "refused", "error": "errors"}
_FIGURES = {
    "tail_recall": "rare human words that it has",
    "tail_mass": "share of rare human words",
    "distinct": "distinct words",
    "entropy": "entropy of words, nats",
    "gini_simpson": "chance that two words differ",
}
_EXAMPLES = {
    "lost": "Answered worse",
    "gained": "Answered better",
    "collapsed": "Answers that came to be alike",
}
_MAX_SLICES, _MAX_NAMES = 60, 24
_LETTERS = 600


def run_sections(document: Document) -> list[Section]:
    """All sections in reading order."""
    return [
        Section("changes", "What changed", changes_section(document)),
        Section("diversity", "Diversity and length", diversity_section(document)),
        Section("degenerate", "Degenerate answers", degenerate_section(document)),
        Section("tail", "The tail", tail_section(document)),
        Section("slices", "Slices", slices_section(document)),
        Section("examples", "Answers that changed most", examples_section(document)),
        Section("method", "How this was measured", method_section(document)),
    ]


# --- figures in words, for the page and the terminal ----------------------------------------------


def metric_name(row: Document, document: Document) -> str:
    """What a metric is, in a few words; accuracy with what it is scored by."""
    name = text(row.get("name"), text(row.get("metric")))
    by = one_line(text(table(document, "second").get("metric")), 40) if name == "accuracy" else ""
    return NAMES.get(name, one_line(name, 40)) + (f" ({by})" if by else "")


def is_lower_worse(row: Document) -> bool:
    return text(table(row, "change").get("worse")) != "higher"


def margins_of(metrics: Sequence[Document], document: Document, *, named: bool = False) -> str:
    """The loss that does not matter: `5 points`; where metrics differ in it, `5 points in accuracy, or 1 point in ...`.

    `named`: metrics are named even if all have one margin.
    """
    metrics_by_margin: dict[str, list[str]] = {}
    for row in metrics:
        name = NAMES.get(text(row.get("name")), "a metric")
        metrics_by_margin.setdefault(_margin_of(row, document), []).append(name)
    if len(metrics_by_margin) == 1 and not named:
        return next(iter(metrics_by_margin))
    return ", or ".join(f"{margin} in {joined(names)}" for margin, names in metrics_by_margin.items())


def _margin_of(row: Document, document: Document) -> str:
    """In points of a share; the tail's is a share of each of its figures."""
    change = table(row, "change")
    amount = f"{100 * (number((change or document).get('margin')) or 0.0):g}"
    if not change:
        return f"{amount}%"
    return f"{amount} point" if amount == "1" else f"{amount} points"


def p_of(row: Document) -> str:
    """A p-value: of a metric adjusted for its gate, of a slice its own."""
    found = number(row.get("p"))
    if found is None:
        found = number(table(row, "change").get("p"))
    return "not tested" if found is None else "<0.001" if found < 0.0005 else f"{found:.3f}"


def signed_points(change: Interval | None, numbers: Numbers) -> str:
    """A difference of shares in points, its sign always written."""
    if change is None or change.estimate is None:
        return "not measured"
    return ("+" if change.estimate > 0 else "") + numbers.points(change)


def poorest(metric: Document) -> Document:
    """The figure of the tail with the least p-value; nothing where there is none."""
    changes = rows(table(metric, "tail").get("changes"))
    return min(changes, key=lambda row: 1.0 if (p := number(row.get("p"))) is None else p, default={})


def tail_figure(change: Document, numbers: Numbers) -> tuple[str, str, str]:
    """Name of a figure of the tail, and its values in both runs."""
    figure = text(change.get("figure"))
    return (
        _FIGURES.get(figure, one_line(figure, 40)),
        _amount(figure, number(change.get("first")), numbers),
        _amount(figure, number(change.get("second")), numbers),
    )


def _amount(figure: str, value: float | None, numbers: Numbers) -> str:
    if value is None:
        return "none"
    if figure == "distinct":
        return numbers.count(value)
    return f"{value:.2f}" if figure == "entropy" else numbers.percent(value)


# --- sections -------------------------------------------------------------------------------------


def changes_section(document: Document) -> list[Block]:
    metrics = rows(document.get("metrics"))
    if not metrics:
        return [none("Nothing was compared.")]
    measured = [row for row in metrics if interval(table(row, "change", "change"))]
    blocks: list[Block] = [Prose(_how_to_read(document))]
    data = _metrics_table(metrics, document)
    lines = [_difference(row, metric_name(row, document)) for row in measured]
    if lines:
        blocks.append(_forest("changes", "Changes of the metrics, in points", lines, data))
    else:
        blocks.append(data)
    blocks += [
        Prose(f"{NAMES.get(name, name).capitalize()} was not measured. {clip(text(why), 400)}", "note")
        for name, why in table(document, "not_measured").items()
    ]
    blocks += [
        Prose(
            f"{metric_name(row, document).capitalize()}: {THIN.of(integer(row.get('left_out')), 'item')} left out, "
            "for which one run or both do not have it.",
            "note",
        )
        for row in metrics
        if integer(row.get("left_out"))
    ]
    blocks += [Prose(clip(said, 400)) for said in texts(document.get("warnings"))]
    return blocks


def _how_to_read(document: Document) -> str:
    return (
        "Each item was answered by both versions, and the change is that of the mean over items, with its 95% "
        "interval. Worse: it is no chance, all metrics taken together (p at most "
        f"{number(document.get('level')) or 0.05:g}, by Holm's method), and may be more than the margin. Not worse: "
        "the data show that it is less than the margin. Otherwise there are not enough data. The margin is "
        f"{margins_of(rows(document.get('metrics')), document, named=True)}."
    )


def _metrics_table(metrics: Sequence[Document], document: Document) -> Table:
    body = [
        [
            metric_name(row, document),
            text(row.get("verdict"), "not judged"),
            *_both(row),
            signed_points(interval(table(row, "change", "change")), THIN)
            if table(row, "change")
            else "see below",
            p_of(row),
            _needed(row),
        ]
        for row in metrics
    ]
    head = ["Metric", "B is", "A", "B", "Change", "p", "Items that would decide"]
    return Table(
        "Metrics of A and B", head, body, frozenset({2, 3, 4, 5, 6}), data_summary(len(body), "metric")
    )


def _both(row: Document) -> list[str]:
    change = table(row, "change")
    if not change:
        return ["see below"] * 2
    found = (number(change.get(side)) for side in ("before", "after"))
    return ["none" if value is None else THIN.percent(value) for value in found]


def _needed(row: Document) -> str:
    if text(row.get("verdict")) != "not enough data":
        return "decided"
    needed = integer(row.get("items_to_decide"))
    return f"about {THIN.count(needed)}" if needed else "not known"


def _difference(row: Document, label: str) -> svg.Difference:
    """Worse is always on the left: the change of a share of which more is worse is drawn the other way round."""
    change = interval(table(row, "change", "change")) or Interval(0.0, 0.0, 0.0)
    sign = 100 if is_lower_worse(row) else -100
    estimate = change.estimate or 0.0
    ends = [sign * (estimate if end is None else end) for end in (change.low, change.high)]
    return svg.Difference(
        label=label,
        note=text(row.get("verdict"), "not judged"),
        low=min(ends),
        estimate=sign * estimate,
        high=max(ends),
        text=signed_points(change, THIN),
        is_told=text(row.get("verdict")) == "worse",
    )


def _forest(identity: str, title: str, lines: Sequence[svg.Difference], data: Table) -> Picture:
    said = (
        "Changes from A to B in points with 95% intervals; worse is on the left. The table has every figure."
    )
    pictures = drawn(
        identity, title, said, lambda frame: svg.forest(frame, lines, below="worse", above="better")
    )
    return Picture(said, *pictures, data)


def diversity_section(document: Document) -> list[Block]:
    found = table(document, "diversity")
    words = [number(table(document, side).get("words")) for side in ("first", "second")]
    blocks: list[Block] = []
    if None not in words:
        before, after = (f"{value:.1f}" for value in words if value is not None)
        blocks.append(Prose(f"An answer of A has {before} words on the mean, one of B {after}."))
    if not found:
        why = text(table(document, "not_measured").get("diversity"), "Diversity was not measured.")
        return [*blocks, none(clip(why, 400))]
    body = [
        [
            name,
            *_both({"change": found.get(view)}),
            signed_points(interval(table(found, view, "change")), THIN),
            p_of({"change": found.get(view)}),
        ]
        for view, name in _VIEWS.items()
        if table(found, view)
    ]
    head = ["Of two answers to one item", "A", "B", "Change", "p alone"]
    said = (
        "The distance of two answers is one less the share of runs of four characters that they have in common. Length "
        "alone moves it, so it is also taken with the answers of both versions cut to the same number of words. The "
        "gate counts diversity as lost, or as kept, only where both ways say so. Distances lie near 100%: an item "
        "whose answers have a mean distance of 96% is as varied as 25 answers with nothing in common, one of 94% as 17."
    )
    return [*blocks, Prose(said), Table("Diversity three ways", head, body, frozenset({1, 2, 3, 4}))]


def degenerate_section(document: Document) -> list[Block]:
    kinds = [table(document, side, "kinds") for side in ("first", "second")]
    body = [
        [name, *(THIN.percent(number(side.get(kind)) or 0.0) for side in kinds)]
        for kind, name in _KINDS.items()
        if any(number(side.get(kind)) for side in kinds)
    ]
    if not body:
        return [none("No answer of either version is empty, cut off, refused or an error.")]
    said = (
        "Such answers are counted by themselves: as wrong answers they hide why accuracy fell, and as texts they "
        "distort diversity. An answer is cut off where it reached the most tokens that it was allowed."
    )
    return [Prose(said), Table("Share of answers", ["Answers", "A", "B"], body, frozenset({1, 2}))]


def tail_section(document: Document) -> list[Block]:
    found = next((table(row, "tail") for row in rows(document.get("metrics")) if table(row, "tail")), {})
    changes = rows(found.get("changes"))
    if not changes:
        why = text(table(document, "not_measured").get("tail"), "The tail was not compared.")
        return [none(clip(why, 400))]
    body = []
    for change in changes[:12]:
        name, before, after = tail_figure(change, THIN)
        figure = text(change.get("figure"))
        by = interval(change.get("change"))
        body.append(
            [
                name,
                before,
                after,
                _amount(figure, number(change.get("ceiling")), THIN),
                _tail_change(figure, by),
                p_of(change),
            ]
        )
    said = (
        f"Words of {THIN.of(integer(found.get('prompts')), 'item')}, {THIN.count(integer(found.get('outputs')))} of "
        "each version at equal size, each word counted once an answer. Rare are the human words past the common ones "
        f"that hold 85% of the reference, {THIN.count(integer(found.get('tail_cells')))} of them. People is what as "
        "many words of one half of the reference have, beside the rare words of the other half: they come of more "
        "texts, so that a version as rich as people may have fewer distinct words."
    )
    head = ["Figure", "A", "B", "People", "Change", "p"]
    return [Prose(said), Table("The tail of human words", head, body, frozenset({1, 2, 3, 4, 5}))]


def _tail_change(figure: str, change: Interval | None) -> str:
    if change is None or change.estimate is None or change.low is None or change.high is None:
        return "no interval"
    if figure == "distinct":
        return f"{change.estimate:+,.0f} ({change.low:+,.0f} to {change.high:+,.0f})".replace(
            ",", THIN.separator
        )
    if figure == "entropy":
        return f"{change.estimate:+.2f} ({change.low:+.2f} to {change.high:+.2f})"
    return signed_points(change, THIN)


def slices_section(document: Document) -> list[Block]:
    found = rows(document.get("slices"))
    if not found:
        return [
            none("No slice has 20 items or more: name slices in the suite, such as a language or a topic.")
        ]
    order = {"worse": 0, "not enough data": 1, "not worse": 2}
    ordered = sorted(found, key=lambda row: order.get(text(row.get("verdict")), 3))
    shown, more = first(ordered, _MAX_SLICES, "slice")
    body = [
        [
            one_line(f"{text(row.get('field'))}: {text(row.get('value'))}", 80),
            metric_name(row, document),
            text(row.get("verdict"), "not judged"),
            THIN.count(integer(table(row, "change").get("units"))),
            *_both(row),
            signed_points(interval(table(row, "change", "change")), THIN),
            p_of(row),
        ]
        for row in shown
    ]
    head = ["Slice", "Metric", "B is", "Items", "A", "B", "Change", "p"]
    said = (
        "Slices with at least 20 items. Of those that a metric calls worse within one field, such as language, an "
        "expected share of at most 5% is not (Benjamini and Hochberg's method); p-values here are unadjusted."
    )
    return [Prose(said), Table("Changes by slice", head, body, frozenset({3, 4, 5, 6, 7})), *more]


def examples_section(document: Document) -> list[Block]:
    blocks: list[Block] = []
    kind = ""
    for row in rows(document.get("examples")):
        if text(row.get("kind")) != kind:
            kind = text(row.get("kind"))
            blocks.append(Heading(_EXAMPLES.get(kind, one_line(kind, 60))))
        blocks += _example(row, kind)
    if not blocks:
        return [none("No item changed by score, and no item's answers came to be more alike.")]
    said = (
        "Items that changed most. A single one may be chance, since each answer is a draw; what several have in common "
        "is a lead."
    )
    return [Prose(said), *blocks]


def _example(row: Document, kind: str) -> list[Block]:
    what = "diversity" if kind == "collapsed" else "score"
    change = number(row.get("change"))
    by = "" if change is None else f": {what} {change * 100:+.0f} points"
    asked = clip(text(row.get("prompt"), "The runs do not have the prompt."), _LETTERS)
    good = [one_line(reference, 200) for reference in texts(row.get("references"))[:3]]
    answers = [
        (f"{letter}, {said}", clip(answer, _LETTERS) or "(empty)")
        for letter, side in (("A", "before"), ("B", "after"))
        for answer, said in zip(texts(row.get(side)), _told_of_answers(row, side), strict=False)
    ]
    blocks: list[Block] = [
        Prose(f"{name_of(row, 'item')}{by}. {asked}"),
        *([Prose(f"Good answers: {' / '.join(good)}", "note")] if good else []),
    ]
    return [*blocks, Strip(f"Answers to {name_of(row, 'item')}", answers)] if answers else blocks


def _told_of_answers(row: Document, side: str) -> list[str]:
    """Of each answer its score, or how it ended where it is degenerate."""
    answers, scores, finishes = (_list(row.get(key)) for key in (side, f"scores_{side}", f"finishes_{side}"))
    found = []
    for place in range(len(answers)):
        finish = text(finishes[place]) if place < len(finishes) else ""
        score = number(scores[place]) if place < len(scores) else None
        said = _KINDS.get(finish, "")
        scored = "not scored" if score is None else f"score {score:g}"
        found.append(f"{scored}, {said}" if said else scored)
    return found


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_METHOD = (
    (
        "The item is the unit, and answers to one item are never taken for independent ones. Accuracy and degenerate "
        "answers: McNemar's mid-p-value where each item has one answer that is right or wrong, with Tango's interval, "
        "else Student's t over items. Diversity: the signs of the items' changes are flipped at random, as written and "
        "at equal length, and the larger p-value stands."
    ),
    (
        "The tail: the versions of whole items are swapped at random, and one p-value holds for all five figures "
        "(Westfall and Young's single-step maxT). Metrics of the gate are adjusted for each other by Holm's method, so "
        "that a version that is no worse in any is called worse with a chance of at most 5%."
    ),
)


def method_section(document: Document) -> list[Block]:
    facts = [*version_facts(document)]
    for letter, side in (("A", "first"), ("B", "second")):
        described = table(document, side)
        facts += [
            (letter, one_line(text(described.get("name"), "no name"), 120)),
            (f"{letter}, model", one_line(text(described.get("model"), "not recorded"), 120)),
            (f"{letter}, made by", one_line(text(described.get("tool"), "not recorded"), 120)),
        ]
        temperature = number(described.get("temperature"))
        if temperature is not None:
            facts.append((f"{letter}, temperature", f"{temperature:g}"))
        only = texts(document.get(f"only_{side}"))
        if only:
            shown = ", ".join(one_line(name, 40) for name in only[:_MAX_NAMES])
            facts.append((f"Items of {letter} alone, left out", f"{THIN.count(len(only))}: {shown}"))
    reference = table(document, "inputs", "reference")
    if reference:
        facts.append(("Human reference", ", ".join(texts(reference.get("names")))))
        facts.append(("Human documents", THIN.count(integer(reference.get("documents")))))
    facts += run_facts(document, "started", "seconds", "seed")
    notes = [Prose(clip(note, 400), "note") for note in texts(document.get("notes"))]
    columns = columns_read({"inputs": reference})
    return [
        *(Prose(words, "note") for words in _METHOD),
        *notes,
        *columns,
        Facts([(name, one_line(value, 400)) for name, value in facts]),
    ]
