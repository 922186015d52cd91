"""An audit of pictures -> a page with small pictures of what was found, and lines of text."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import integer, rows, table, text
from wellkeeper.report.sections.images import data_address, image_sections
from wellkeeper.report.story import Figure, findings, joined, verdict
from wellkeeper.report.terminal import (
    figure_line,
    finding_lines,
    path_lines,
    print_finding,
    print_lines,
    print_paths,
)
from wellkeeper.report.visible import visible_tree

Document = Mapping[str, Any]

_AI = ("ai-generated", "ai-assisted")
_NOUN = "image"


def render_images(document: Document, thumbnails: Mapping[int, bytes]) -> str:
    """The page of a document of schema `wellkeeper.audit-images/1`: it loads nothing and runs nothing.

    Args:
        document: whatever it lacks, the page says so.
        thumbnails: small JPEGs, by row of the ledger, of images that the document gives as examples.
    """
    document = visible_tree(document)
    addresses = {row: data_address(jpeg) for row, jpeg in thumbnails.items()}
    chapter = Chapter("", "", _glance(document, THIN), image_sections(document, addresses))
    return page(
        title="Audit of images",
        headline=verdict(document, THIN, noun=_NOUN),
        lead="What an image says of its origin can be forged or lost, and a missing mark says nothing.",
        chapters=[chapter],
    )


def image_lines(document: Document) -> list[str]:
    """The audit as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    lines = [verdict(document, COMMA, noun=_NOUN)]
    lines += [figure_line(figure) for figure in _glance(document, COMMA)]
    return lines + finding_lines(document)


def print_images(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print an audit of pictures; a console that is no terminal gets `image_lines`, unwrapped and without colour."""
    if not console.is_terminal:
        print_lines([*image_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(verdict(document, COMMA, noun=_NOUN), style="bold"))
    console.print()
    grid = Table.grid(padding=(0, 2))
    for figure in _glance(document, COMMA):
        grid.add_row(Text(figure.name, style="dim"), Text(figure.value), Text(figure.beneath, style="dim"))
    console.print(grid)
    for row in findings(document):
        print_finding(row, console)
    print_paths(paths, console)


def _glance(document: Document, numbers: Numbers) -> list[Figure]:
    return [
        _images(document, numbers),
        _marked(document, numbers),
        _unknown(document, numbers),
        _signed(document, numbers),
        _copies(document, numbers),
        _rights(document, numbers),
    ]


def _read(document: Document) -> int:
    return integer(table(document, "inputs").get("documents"))


def _images(document: Document, numbers: Numbers) -> Figure:
    inputs = table(document, "inputs")
    quarantined = numbers.count(integer(inputs.get("quarantined")))
    others = sum(integer(row.get("files")) for row in rows(inputs.get("passed_over")))
    passed = f", {numbers.of(others, 'other file')} passed over" if others else ""
    beneath = f"{numbers.size(integer(inputs.get('bytes')))}, {quarantined} quarantined{passed}"
    return Figure("Images", numbers.count(_read(document)), beneath)


def _marked(document: Document, numbers: Numbers) -> Figure:
    resolved = table(document, "origin", "resolved")
    count = sum(integer(resolved.get(label)) for label in _AI)
    names = [text(row.get("generator")) for row in rows(table(document, "origin").get("generators"))[:2]]
    beneath = f"at least; most by {joined(names)}" if names else "at least: marks get lost"
    return Figure("Marked AI-made", numbers.share_of(count, _read(document)), beneath)


def _unknown(document: Document, numbers: Numbers) -> Figure:
    resolved = table(document, "origin", "resolved")
    human = numbers.count(integer(resolved.get("human")))
    value = numbers.share_of(integer(resolved.get("unknown")), _read(document))
    return Figure("Origin unknown", value, f"{human} human by label or trusted signature")


def _signed(document: Document, numbers: Numbers) -> Figure:
    found = table(document, "credentials")
    valid, trusted = integer(found.get("valid")), integer(found.get("trusted"))
    broken = integer(found.get("invalid")) + integer(found.get("unreadable"))
    beneath = f"{numbers.count(trusted)} by a signer you trust; {numbers.count(broken)} broken"
    return Figure("Valid credentials", numbers.count(valid), beneath)


def _copies(document: Document, numbers: Numbers) -> Figure:
    found = table(document, "duplicates")
    same, near = (
        sum(integer(table(found, key).get("redundant")) for key in keys)
        for keys in (("bytes", "pixels"), ("near",))
    )
    beneath = f"{numbers.count(same)} the same pixels, {numbers.count(near)} alike"
    return Figure("Copies", numbers.share_of(same + near, _read(document)), beneath)


def _rights(document: Document, numbers: Numbers) -> Figure:
    rights = table(document, "rights")
    refused = numbers.count(integer(rights.get("opted_out")))
    value = numbers.share_of(integer(rights.get("unknown_licence")), _read(document))
    return Figure("Licence unknown", value, f"{refused} refuse training")
