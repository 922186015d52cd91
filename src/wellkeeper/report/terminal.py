"""Results -> lines of text: coloured on a terminal, plain where the output is a pipe or a log."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, interval, rows, table, text
from wellkeeper.report.story import (
    Figure,
    Stage,
    constraint_figure,
    constraint_names,
    curation_finds,
    curation_glance,
    curation_verdict,
    declared,
    findings,
    glance,
    in_origin_order,
    joined,
    largest_source,
    not_judged,
    severity_of,
    stages,
    verdict,
)
from wellkeeper.report.visible import one_line, visible, visible_tree

_SEVERITY_STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold blue"}
_ORIGIN_STYLES = {
    "human": "blue",
    "ai-assisted": "cyan",
    "ai-generated": "red",
    "machine-translated": "yellow",
    "programmatic": "magenta",
}
_BAR = 40  # characters


def audit_lines(audit: Mapping[str, Any]) -> list[str]:
    """The audit as plain lines, one fact each: for logs, pipes and CI. No line holds a line feed."""
    audit = visible_tree(audit)
    lines = [verdict(audit, COMMA)]
    lines += [f"{name}: {value}" + (f" ({note})" if note else "") for name, value, note in _facts(audit)]
    return lines + finding_lines(audit)


def curation_lines(curation: Mapping[str, Any]) -> list[str]:
    """The curation as plain lines, one fact each. No line holds a line feed."""
    curation = visible_tree(curation)
    lines = [curation_verdict(curation, COMMA)]
    lines += [figure_line(figure) for figure in curation_glance(curation, COMMA)]
    lines += [f"{stage.title}: {left_of(stage)}" for stage in stages(curation)]
    lines += curation_finds(curation, COMMA)
    lines += finding_lines(curation)
    return lines + [f"constraint {words}" for words, _ in _constraints(curation)]


def print_audit(audit: Mapping[str, Any], console: Console, paths: Mapping[str, object]) -> None:
    """Print an audit; `paths` names the files that were written, such as {"report": "out/report.html"}.

    A console that is no terminal gets `audit_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*audit_lines(audit), *path_lines(paths)], console)
        return
    audit = visible_tree(audit)
    console.print()
    console.print(Text(verdict(audit, COMMA), style="bold"))
    console.print()
    console.print(fact_grid(_facts(audit)))
    bar = _origin_bar(declared(audit), console)
    if bar:
        console.print()
        console.print(bar)
    for row in findings(audit):
        print_finding(row, console)
    print_paths(paths, console)


def print_curation(curation: Mapping[str, Any], console: Console, paths: Mapping[str, object]) -> None:
    """Print a curation; `paths` names the files that were written.

    A console that is no terminal gets `curation_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*curation_lines(curation), *path_lines(paths)], console)
        return
    curation = visible_tree(curation)
    console.print()
    console.print(Text(curation_verdict(curation, COMMA), style="bold"))
    console.print()
    console.print(stage_table(curation))
    for sentence in curation_finds(curation, COMMA):
        console.print(Text(f"  {sentence}"))
    for words, holds in _constraints(curation):
        style = {True: "green", False: "bold red"}.get(holds, "dim") if holds is not None else "dim"
        console.print(Text("  constraint ", style="dim") + Text(words, style=style))
    for row in findings(curation):
        print_finding(row, console)
    for key, name in (("before", "origin before"), ("after", "origin after")):
        bar = _origin_bar(in_origin_order(table(curation, "origin", key)), console)
        if bar:
            console.print()
            console.print(Text(name, style="dim"))
            console.print(bar)
    print_paths(paths, console)


def _facts(audit: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Name, value, and the interval or baseline beside it."""
    facts = [(figure.name, figure.value, figure.beneath) for figure in glance(audit, COMMA)]
    largest, documents = largest_source(audit), integer(table(audit, "inputs").get("documents"))
    if largest:
        name, count = largest
        facts.append(("Largest source", name, f"{COMMA.share_of(count, documents)} of all documents"))
    lost = interval(table(audit, "tails", "reference").get("lost_mass"))
    if lost is not None:
        baseline = interval(table(audit, "tails", "reference").get("lost_mass_ceiling"))
        beside = f"human against human: {COMMA.interval(baseline)}" if baseline else "no baseline"
        facts.append(("Human words lost, by use", COMMA.interval(lost), beside))
    gaps = not_judged(audit)
    if gaps:
        facts.append(("Not judged", joined(gaps), ""))
    return facts


def figure_line(figure: Figure) -> str:
    return f"{figure.name}: {figure.value} ({figure.beneath})"


def _finding(row: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Code, severity, title and next step of a finding, each on one line."""
    return (
        one_line(text(row.get("code"), "WK"), 24),
        severity_of(row),
        one_line(text(row.get("title"), "(untitled)"), 200),
        one_line(text(row.get("next")), 400),
    )


def finding_lines(document: Mapping[str, Any]) -> list[str]:
    lines = []
    for row in findings(document):
        code, severity, title, following = _finding(row)
        ending = f". Next: {following}" if following else ""
        lines.append(f"{severity} {code}: {title.rstrip('.')}{ending}")
    return lines


def print_finding(row: Mapping[str, Any], console: Console) -> None:
    code, severity, title, following = _finding(row)
    console.print()
    head = Text.assemble((severity, _SEVERITY_STYLES.get(severity, "bold")), " ", (code, "dim"), "  ", title)
    console.print(head)
    for words, style in ((one_line(text(row.get("detail")), 800), "dim"), (following, "")):
        if words:
            console.print(indented(words, style, console))


def indented(words: str, style: str, console: Console) -> Text:
    """Words wrapped to the width of a console, each line a little to the right."""
    body = Text(words, style=style).wrap(console, max(20, console.width - 4))
    return Text("\n").join(Text("  ") + line for line in body)


def fact_grid(facts: Iterable[tuple[str, str, str]]) -> Table:
    """A line a fact: its name, its value, and what stands beside it or ""."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value, note in facts:
        beside = f"  {note}" if note else ""
        grid.add_row(Text(name), Text.assemble(value, (beside, "dim")))
    return grid


def _origin_bar(found: Mapping[str, int], console: Console) -> Text | None:
    """Declared origins as one bar with its legend; shares by largest remainder fill it exactly."""
    total = sum(found.values())
    if not total:
        return None
    block = "#" if console.options.ascii_only else "\u2588"
    bar = Text()
    legend = [Text()]
    for label, width in _widths(found).items():
        style = _ORIGIN_STYLES.get(label, "bright_black")
        bar.append(block * width, style=style)
        words = f" {one_line(label, 40)} {COMMA.percent(found[label] / total)}  "
        if legend[-1].cell_len and legend[-1].cell_len + len(words) > console.width:
            legend.append(Text())
        legend[-1].append(block, style=style).append(words)
    return Text("\n").join([bar, *legend])


def _widths(found: Mapping[str, int]) -> dict[str, int]:
    total = sum(found.values())
    exact = {label: _BAR * count / total for label, count in found.items()}
    widths = {label: int(share) for label, share in exact.items()}
    by_remainder = sorted(exact, key=lambda label: widths[label] - exact[label])
    for label in by_remainder[: _BAR - sum(widths.values())]:
        widths[label] += 1
    return widths


def stage_table(curation: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 3))
    grid.add_column()
    for _ in range(3):
        grid.add_column(justify="right")
    grid.add_row("", *(Text(name, style="dim") for name in ("dropped", "to review", "left")))
    grid.add_row("Read", "", "", COMMA.count(integer(curation.get("read"))))
    for stage in stages(curation):
        dropped = Text(COMMA.count(stage.dropped), style="red" if stage.dropped else "dim")
        review = Text(COMMA.count(stage.review), style="yellow" if stage.review else "dim")
        grid.add_row(Text(stage.title), dropped, review, COMMA.count(stage.after))
    grid.add_row(Text("Kept", style="bold"), "", "", Text(COMMA.count(integer(curation.get("kept"))), "bold"))
    return grid


def left_of(stage: Stage) -> str:
    review = f", {COMMA.count(stage.review)} to review" if stage.review else ""
    return f"{COMMA.count(stage.dropped)} dropped{review}, {COMMA.count(stage.after)} left"


def _constraints(curation: Mapping[str, Any]) -> list[tuple[str, bool | None]]:
    """Each constraint in words, and whether it holds."""
    found = []
    constraints = rows(table(curation, "mix").get("constraints"))
    for row, name in zip(constraints, constraint_names(constraints), strict=True):
        holds = row.get("holds") if isinstance(row.get("holds"), bool) else None
        said = "not checked" if holds is None else "holds" if holds else "does not hold"
        values = {key: constraint_figure(row, key, COMMA) for key in ("limit", "before", "after")}
        known = [f"{key} {value}" for key, value in values.items() if value]
        found.append((f"{one_line(name, 80)}: {', '.join([*known, said])}", holds))
    return found


def path_lines(paths: Mapping[str, object]) -> list[str]:
    return [f"{visible(name)}: {visible(str(path))}" for name, path in paths.items()]


def print_paths(paths: Mapping[str, object], console: Console) -> None:
    if paths:
        console.print()
    for name, path in paths.items():
        # a path is to be copied whole: never wrapped
        console.print(Text.assemble((f"{visible(name)}  ", "dim"), visible(str(path))), soft_wrap=True)


def print_lines(lines: list[str], console: Console) -> None:
    for line in lines:
        console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
