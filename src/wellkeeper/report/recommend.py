"""A recommendation -> lines of text: what the recipe would keep, step by step, of the tail, by origin and by source."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, interval, rows, table, text
from wellkeeper.report.story import constraint_names, curation_verdict, in_origin_order, stages
from wellkeeper.report.terminal import left_of, path_lines, print_lines, print_paths, stage_table
from wellkeeper.report.visible import one_line, visible_tree

_SOURCES = 10  # the largest, that are listed


def recommendation_lines(document: Mapping[str, Any]) -> list[str]:
    """What the recipe would keep as plain lines, one fact each. No line holds a line feed."""
    kept = visible_tree(table(document, "kept"))
    lines = [_verdict(kept), *(f"{stage.title}: {left_of(stage)}" for stage in stages(kept))]
    lines += _tail(kept)
    return lines + [f"{kind} {name}: {before} -> {after}" for kind, name, before, after in _composition(kept)]


def print_recommendation(document: Mapping[str, Any], console: Console, paths: Mapping[str, object]) -> None:
    """Print what the recipe would keep; `paths` names the file that was written, if one was.

    A console that is no terminal gets `recommendation_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*recommendation_lines(document), *path_lines(paths)], console)
        return
    kept = visible_tree(table(document, "kept"))
    console.print()
    console.print(Text(_verdict(kept), style="bold"))
    console.print()
    console.print(stage_table(kept))
    tail = _tail(kept)
    if tail:
        console.print()
    for sentence in tail:
        console.print(Text(sentence))
    grid = Table.grid(padding=(0, 3))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    for _ in range(2):
        grid.add_column(justify="right")
    grid.add_row("", "", Text("before", style="dim"), Text("after", style="dim"))
    for row in _composition(kept):
        grid.add_row(*map(Text, row))
    console.print()
    console.print(grid)
    print_paths(paths, console)


def _verdict(kept: Mapping[str, Any]) -> str:
    return f"The recipe would keep{curation_verdict(kept, COMMA).removeprefix('Kept')}"


def _tail(kept: Mapping[str, Any]) -> list[str]:
    """What is left of the reference's tail after all of the recipe, beside what chance would leave."""
    tail = table(kept, "tail")
    found = []
    for test, what in (("documents", "as many documents"), ("words", "as many words")):
        share = interval(table(tail, "words", f"at_equal_{test}"))
        if share is not None:
            said = f"of what a random removal of {what} leaves"
            found.append(f"Rare words kept: {COMMA.interval(share)} {said}")
    share = interval(table(tail, "topics"))
    if share is not None:
        found.append(f"Rare topics kept: {COMMA.interval(share)} of what common topics keep")
    worst = [row for row in rows(table(kept, "mix").get("constraints")) if row.get("holds") is False]
    found += [f"does not hold: {name}" for name in constraint_names(worst)]
    return found


def _composition(kept: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Kind, name, and documents before and after with their shares, of origins and of the largest sources."""
    before, after = (in_origin_order(table(kept, "origin", when)) for when in ("before", "after"))
    totals = (sum(before.values()), sum(after.values()))
    for label, count in before.items():
        if count:
            yield "origin", one_line(label, 40), *_both((count, after.get(label, 0)), totals)
    sources = [
        (text(row.get("source")), (integer(row.get("before")), integer(row.get("after"))))
        for row in rows(kept.get("sources"))
    ]
    sources.sort(key=lambda source: (-source[1][0], source[0]))
    for name, counts in sources[:_SOURCES]:
        yield "source", one_line(name, 40), *_both(counts, totals)
    rest = [counts for _, counts in sources[_SOURCES:]]
    if rest:
        summed = (sum(count for count, _ in rest), sum(count for _, count in rest))
        yield "source", f"({len(rest):,} more)", *_both(summed, totals)


def _both(counts: tuple[int, int], totals: tuple[int, int]) -> tuple[str, str]:
    first, second = (COMMA.with_share(count, total) for count, total in zip(counts, totals, strict=True))
    return first, second
