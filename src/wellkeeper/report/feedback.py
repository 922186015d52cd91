"""Rounds of self-training -> lines of text, and a page: what each round was worth, what it let in, what stopped it."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Facts, Key, Picture, Prose, Section, Table, none
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn
from wellkeeper.report.sections.method import run_facts, version_facts
from wellkeeper.report.story import Figure
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_FIGURES = (
    ("accuracy", "Accuracy on held-out items", "mean score"),
    ("rare", "Accuracy on rare held-out items", "mean score"),
    ("unlike", "Unlike answers to one item", "share of pairs that are not the same text"),
    ("kept", "Answers that were let in", "share of those generated"),
)
_HEADS = ("Round", "Accuracy", "Rare items", "Unlike answers", "Let in")


def render_feedback(document: Document) -> str:
    """The page of a document of schema `wellkeeper.feedback/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    return page(
        title="Do rounds of self-training help?",
        headline=feedback_headline(document, THIN),
        lead=next_step(document),
        chapters=[Chapter("", "", _glance(document), _sections(document))],
    )


def feedback_lines(document: Document) -> list[str]:
    """The rounds as plain lines, one fact each: for logs, pipes and CI. No line holds a line feed."""
    document = visible_tree(document)
    lines = [feedback_headline(document, COMMA), f"Plan: {_plan(document, COMMA)}"]
    lines += [_round_line(cells) for cells in _rounds(document, COMMA)]
    lines += [_line_told(line) for line in rows(document.get("lines"))]
    return [*lines, *texts(document.get("notes")), next_step(document)]


def print_feedback(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print the rounds; `paths` names the files that were written.

    A console that is no terminal gets `feedback_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*feedback_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(feedback_headline(document, COMMA), style="bold"))
    console.print(Text(_plan(document, COMMA), style="dim"))
    console.print()
    told = list(_rounds(document, COMMA))
    columns = [at for at in range(len(_HEADS)) if any(cells[at] for cells in told)]
    grid = Grid.grid(padding=(0, 2))
    grid.add_row(*(Text(_HEADS[at], style="dim") for at in columns))
    for cells in told:
        grid.add_row(*(Text(cells[at]) for at in columns))
    console.print(grid)
    console.print()
    for line in rows(document.get("lines")):
        console.print(Text(_line_told(line)))
    for note in texts(document.get("notes")):
        console.print(Text(note, style="dim"))
    console.print(Text(next_step(document)))
    print_paths(paths, console)


# --- sentences -------------------------------------------------------------------------------------------------------


def feedback_headline(document: Document, numbers: Numbers) -> str:
    """The rounds in one sentence: from the first model of each line to the last measured one, and what stopped them."""
    curve = [row for row in rows(document.get("curve")) if interval(row.get("accuracy"))]
    if not curve:
        return "No round was measured."
    lines = rows(document.get("lines"))
    ends = [found for line in lines if (found := _measured(line))]
    first, last = (numbers.percent(sum(end[at] for end in ends) / len(ends)) for at in (0, -1))
    done = numbers.of(integer(curve[-1].get("round")), "round")
    stopped = [line for line in lines if text(line.get("stopped"))]
    said = f"Accuracy went from {first} to {last} in {done}"
    if not stopped:
        return f"{said}, {_verified(document)}."
    return f"{said}, {_verified(document)}; {len(stopped)} of {numbers.of(len(lines), 'line')} stopped."


def _measured(line: Document) -> list[float]:
    """Accuracy of each model of a line that was measured: lines that were stopped early count to the end, too."""
    found = [interval(table(row, "figures").get("accuracy")) for row in rows(line.get("rounds"))]
    return [one.estimate for one in found if one is not None and one.estimate is not None]


def _verified(document: Document) -> str:
    return "verified" if table(document, "plan").get("verified") else "unverified"


def next_step(document: Document) -> str:
    """What to do now."""
    lines = rows(document.get("lines"))
    reasons = {text(line.get("stopped")) for line in lines} - {""}
    if "harm" in reasons:
        return (
            "Rounds were stopped for harm: use the model of the round that is kept, and look at what was let in before "
            "training on more."
        )
    if "gate" in reasons:
        return "The gate refused a round: see its conditions, and do what the one that failed says."
    if any(line.get("harm_in") is not None for line in lines):
        return "Rounds do harm, and were not stopped, since the plan says so: do not use the last model."
    if any(line.get("refused_in") is not None for line in lines):
        return "The gate refused rounds that went on, since the plan says so: see which condition failed."
    return "No round was stopped. Compare any two with `wellkeeper compare`, and use the best one."


def _plan(document: Document, numbers: Numbers) -> str:
    plan = table(document, "plan")
    core = plan.get("human_core")
    human = integer(plan.get("human_examples")) if core is None else integer(core)
    prompts, samples = integer(plan.get("prompts_a_round")), integer(plan.get("samples"))
    return (
        f"{one_line(text(plan.get('name')), 60)}: {numbers.of(prompts, 'prompt')} a round, "
        f"{numbers.of(samples, 'answer')} each at temperature {number(plan.get('temperature')) or 0:g}; "
        f"{_verified(document)}; human core of {numbers.of(human, 'example')}; "
        f"{numbers.of(integer(plan.get('held_out_items')), 'held-out item')}; "
        f"{numbers.of(len(texts_of(plan.get('seeds'))), 'seed')}"
    )


def texts_of(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def _rounds(document: Document, numbers: Numbers) -> Iterator[tuple[str, str, str, str, str]]:
    """Of each round: its number and the means over lines; empty where nothing is known."""
    for row in rows(document.get("curve")):
        cells = [
            "" if (found := interval(row.get(name))) is None else numbers.interval(found)
            for name, _, _ in _FIGURES
        ]
        if any(cells):
            yield (_round(row, len(rows(document.get("lines")))), cells[0], cells[1], cells[2], cells[3])


def _round(row: Document, lines: int) -> str:
    """The round's number; and of how many lines it is, where some did not come to it."""
    there = integer(row.get("lines"))
    said = str(integer(row.get("round")))
    return said if there in {0, lines} else f"{said} ({there} of {lines} lines)"


def _round_line(cells: tuple[str, str, str, str, str]) -> str:
    words = ("", "accuracy", "rare items", "unlike answers", "let in")
    said = [f"{word} {cell}" for word, cell in zip(words, cells, strict=True) if word and cell]
    return f"Round {cells[0]}: {'; '.join(said)}"


def _line_told(line: Document) -> str:
    seed, kept = integer(line.get("seed")), integer(line.get("kept"))
    stopped = text(line.get("stopped"))
    said = f"Seed {seed}: model of round {kept} kept"
    if stopped:
        return (
            f"{said}; stopped in round {integer(line.get('stopped_in'))} by {_STOPS.get(stopped, stopped)}."
        )
    would = [
        f"{what} in round {integer(line.get(key))}"
        for key, what in (("refused_in", "the gate"), ("harm_in", "evidence of harm"))
        if line.get(key) is not None
    ]
    return (
        f"{said}; would have been stopped by {' and by '.join(would)}." if would else f"{said}; not stopped."
    )


_STOPS = {"harm": "evidence of harm", "gate": "the gate"}


# --- the page --------------------------------------------------------------------------------------------------------


def _glance(document: Document) -> list[Figure]:
    gain, lines = interval(document.get("gain")), rows(document.get("lines"))
    stopped = sum(bool(text(line.get("stopped"))) for line in lines)
    found = [Figure("Lines", str(len(lines)), f"{stopped} stopped")]
    if gain is not None and gain.estimate is not None:
        found.insert(
            0,
            Figure(
                "Gain in accuracy",
                f"{100 * gain.estimate:+.1f} points",
                "last model less first"
                if gain.low is None or gain.high is None
                else f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}, 95 % over seeds; last model less first",
            ),
        )
    plan = table(document, "plan")
    verifier = one_line(text(plan.get("verifier")), 40)
    found.append(
        Figure("Answers let in by", verifier or "nobody", "verifier" if verifier else "all are trained on")
    )
    return found


def _sections(document: Document) -> list[Section]:
    return [
        Section("rounds", "What each round was worth", _rounds_section(document)),
        Section("gate", "What the gate said", _gate_section(document)),
        Section("watch", "Evidence of harm", _watch_section(document)),
        Section("method", "How this was measured", _method_section(document)),
    ]


def _rounds_section(document: Document) -> list[Block]:
    blocks: list[Block] = [Prose(_READING)]
    for name, title, label in _FIGURES:
        blocks += _picture(document, name, title, label)
    return blocks if len(blocks) > 1 else [none("No round was measured.")]


_READING = (
    "Round 0 is the first model, trained on human examples alone. Lines are means over seeds with Student's 95 % "
    "intervals, of few seeds wide; of one seed, intervals are over items and prompts. A round has the seeds that came "
    "to it: those that were stopped before are missing from its mean. "
    "Where one answer alone is right, a better model's answers are less unlike: read that figure beside accuracy."
)


def _picture(document: Document, name: str, title: str, label: str) -> list[Block]:
    line_name = "mean over seeds" if len(rows(document.get("lines"))) > 1 else "this seed"
    points, band, body = [], [], []
    for row in rows(document.get("curve")):
        found = interval(row.get(name))
        if found is None or found.estimate is None:
            continue
        at = integer(row.get("round"))
        points.append((float(at), found.estimate))
        if found.low is not None and found.high is not None:
            band.append((float(at), max(0.0, found.low), min(1.0, found.high)))
        body.append([_round(row, len(rows(document.get("lines")))), THIN.interval(found)])
    if not points:
        return []
    line = svg.Trend("line-1", line_name, points, band)
    pictures = drawn(
        f"rounds-{name}",
        title,
        f"{title}, round by round. The table has every value.",
        lambda frame: svg.trends(
            frame, [line], across=svg.Axis("round", is_whole=True), upward=svg.Axis(label)
        ),
    )
    data = Table(title, ["Round", label], body, frozenset({0, 1}), data_summary(len(body), "round"))
    return [Picture(f"{title}, round by round.", *pictures, data, [Key("trend line-1", line_name)])]


def _gate_section(document: Document) -> list[Block]:
    body = [
        [
            f"{integer(row.get('round'))} of seed {integer(line.get('seed'))}",
            f"{text(condition.get('condition'))}: {text(condition.get('passed'))}",
            " ".join(part for part in (text(condition.get("said")), text(condition.get("next"))) if part),
        ]
        for line in rows(document.get("lines"))
        for row in rows(line.get("rounds"))
        for condition in rows(table(row, "gate").get("conditions"))
    ]
    if not body:
        return [none("No round came to the gate.")]
    return [Table("Conditions of each round", ["Round", "Condition", "What was found"], body)]


def _watch_section(document: Document) -> list[Block]:
    level = number(table(document, "plan").get("level")) or 0.0
    body = []
    for line in rows(document.get("lines")):
        for row in rows(line.get("rounds")):
            start, before = table(row, "compared", "start"), table(row, "compared", "before")
            if not start:
                continue
            body.append(
                [
                    f"{integer(row.get('round'))} of seed {integer(line.get('seed'))}",
                    str(integer(row.get("best"))),
                    _compared(before),
                    _compared(start),
                    ", ".join(texts(row.get("harm"))) or "none",
                ]
            )
    if not body:
        return [none("No round was trained.")]
    heads = ["Round", "Best so far", "Beside the round before", "Beside the start", "Harm found in"]
    said = (
        f"In each round the new model and the best one so far answer the same items anew. Where no round is worse on "
        f"these items than its best model, at most {THIN.percent(level)} of all lines ever raise an alarm, over all "
        "rounds together. "
        "The comparisons beside it are those of `wellkeeper compare`, one at a time."
    )
    return [Prose(said), Table("Each round beside others", heads, body, frozenset({1}))]


def _compared(found: Document) -> str:
    said = [
        f"{text(metric.get('name'))} {text(metric.get('verdict'))}"
        for metric in rows(found.get("metrics"))
        if text(metric.get("verdict")) != "not enough data"
    ]
    return f"{text(found.get('verdict'))}" + (f" ({', '.join(said)})" if said else "")


def _method_section(document: Document) -> list[Block]:
    plan = table(document, "plan")
    facts = [
        ("Student", one_line(text(plan.get("generator")), 60)),
        ("Plan", _plan(document, THIN)),
        ("Training sets", "replaced each round" if plan.get("keep") == "replace" else "accumulated"),
        ("Trained on, of what was let in", _selection(plan)),
        ("Synthetic share, at most", THIN.percent(number(plan.get("synthetic_share")) or 0.0)),
        *version_facts(document),
        *run_facts(document, "seconds", "cpu_seconds"),
    ]
    notes = [Prose(note, "note") for note in texts(document.get("notes"))]
    return [Facts(facts), *notes]


def _selection(plan: Document) -> str:
    selection = table(plan, "selection")
    if not selection:
        return "all"
    return f"{THIN.percent(number(selection.get('share')) or 0.0)}, drawn by {text(selection.get('by'))}"
