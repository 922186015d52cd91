"""A vetting -> lines of text, and a page: may the set in, what did each condition find, and what is next."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import integer, number, rows, table, text
from wellkeeper.report.sections.vet import CONDITIONS, MARKS, vet_sections
from wellkeeper.report.story import Figure, joined
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_STYLES = {"pass": "bold green", "fail": "bold red", "not enough data": "bold yellow"}
_VERDICTS = {"admitted": "bold green", "refused": "bold red", "not enough data": "bold yellow"}
_SAID = 400  # letters


def render_vetting(document: Document) -> str:
    """The page of a document of schema `wellkeeper.vet/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    chapter = Chapter("", "", _glance(document, THIN), vet_sections(document))
    return page(
        title=f"Vetting of {one_line(text(document.get('set'), 'a synthetic set'), 80)}",
        headline=vetting_verdict(document),
        lead=next_step(document, THIN),
        chapters=[chapter],
    )


def vetting_lines(document: Document) -> list[str]:
    """The vetting as plain lines, one fact each: for logs, pipes and CI. No line holds a line feed."""
    document = visible_tree(document)
    lines = [vetting_verdict(document), f"Texts: {_counts(document, COMMA)}"]
    lines += [one_line(text(row.get("said")), _SAID) for row in rows(document.get("anchors"))]
    for row in rows(document.get("gate")):
        mark = MARKS.get(text(row.get("passed")), "not told")
        lines.append(f"{text(row.get('condition'))} ({mark}): {one_line(text(row.get('said')), _SAID)}")
        if text(row.get("next")):
            lines.append(f"  next: {one_line(text(row.get('next')), _SAID)}")
    following = next_step(document, COMMA)
    return [*lines, f"Next: {following}"] if following else lines


def print_vetting(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a vetting; `paths` names the files that were written.

    A console that is no terminal gets `vetting_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*vetting_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(vetting_verdict(document), style=_VERDICTS.get(text(document.get("verdict")), "bold")))
    console.print(Text(_counts(document, COMMA), style="dim"))
    for row in rows(document.get("anchors")):
        console.print(Text(one_line(text(row.get("said")), _SAID)))
    console.print()
    grid = Table.grid(padding=(0, 2))
    for row in rows(document.get("gate")):
        mark = text(row.get("passed"))
        said = Text(one_line(text(row.get("said")), _SAID))
        if text(row.get("next")):
            said.append(f"\n{one_line(text(row.get('next')), _SAID)}", style="dim")
        grid.add_row(Text(MARKS.get(mark, ""), style=_STYLES.get(mark, "")), Text(name_of(row)), said)
    console.print(grid)
    following = next_step(document, COMMA)
    if following:
        console.print()
        console.print(Text(following))
    print_paths(paths, console)


def name_of(row: Document) -> str:
    """What a condition asks for, in a few words."""
    return CONDITIONS.get(text(row.get("condition")), one_line(text(row.get("condition")), 40))


def vetting_verdict(document: Document) -> str:
    """The vetting in one sentence."""
    verdict = text(document.get("verdict"))
    open_ = {
        passed: [
            text(row.get("condition")) for row in rows(document.get("gate")) if row.get("passed") == passed
        ]
        for passed in ("fail", "not enough data")
    }
    if verdict == "admitted":
        share = number(table(document, "share").get("wanted")) or 0.0
        return f"Admitted: these texts may be {share:.0%} of a mix with people's texts."
    if verdict == "refused":
        return f"Refused: {joined(open_['fail'])} {'fails' if len(open_['fail']) == 1 else 'fail'}."
    return f"Not enough data to admit the set: {joined(open_['not enough data'])} cannot be told."


def next_step(document: Document, numbers: Numbers) -> str:
    """What to do about the verdict."""
    share = table(document, "share")
    passes, wanted = number(share.get("passes")), number(share.get("wanted")) or 0.0
    if text(document.get("verdict")) == "admitted":
        carried = integer(_figures(document, "share").get("carried"))
        human = numbers.of(integer(table(document, "counts").get("human")), "human document")
        return (
            f"Take it into a recipe as a source, with mix.synthetic_share: {{max: {wanted:g}}}: {human} carry "
            f"{numbers.of(min(carried, integer(table(document, 'counts').get('kept'))), 'text')} of it."
        )
    if passes is not None and passes < wanted:
        return f"With a share of {passes:.0%} it is admitted: vet it again with --share {passes:g}."
    return "Do not train on it as it is. What to do about each condition stands beside it."


def _figures(document: Document, condition: str) -> Document:
    """The figures that a condition rests on."""
    found = next((row for row in rows(document.get("gate")) if row.get("condition") == condition), {})
    return table(found, "figures")


def _counts(document: Document, numbers: Numbers) -> str:
    counts, found = table(document, "counts"), table(document, "verification")
    parts = [
        f"{numbers.of(integer(counts.get('documents')), 'text')} read",
        *(
            f"{numbers.count(integer(found.get(said)))} {said}"
            for said in ("accepted", "rejected", "unknown")
        ),
        f"{numbers.count(integer(counts.get('kept')))} in the set",
    ]
    if integer(counts.get("quarantined")):
        parts.append(f"{numbers.of(integer(counts.get('quarantined')), 'record')} quarantined")
    return ", ".join(parts)


def _glance(document: Document, numbers: Numbers) -> list[Figure]:
    counts, found = table(document, "counts"), table(document, "verification")
    kept = integer(counts.get("kept"))
    least = number(_figures(document, "verifier").get("least"))
    figures = [
        Figure(
            "In the set", numbers.of(kept, "text"), f"of {numbers.count(integer(counts.get('documents')))}"
        ),
        Figure(
            "Not accepted",
            numbers.of(integer(found.get("rejected")), "text"),
            f"and {numbers.count(integer(found.get('unknown')))} without a verdict",
        ),
    ]
    if least is not None:
        figures.append(
            Figure("Right, of those accepted", f"at least {min(int(100 * least), 99)}%", "50% is needed")
        )
    return figures
