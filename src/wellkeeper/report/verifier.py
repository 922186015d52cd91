"""A verifier's card -> lines of text, and blocks of a page: what it keeps of right and of wrong texts."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from wellkeeper.report.blocks import Block, Prose, Range, Ranges, Table
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_HEAD = ("verifier", "right kept", "wrong kept", "unknown", "threshold")


def card_lines(document: Document) -> list[str]:
    """The card as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    lines = []
    for card in _cards(document):
        name, right, wrong, unknown, needs = _row(card, COMMA)
        lines.append(f"{name}: keeps {right} of right texts and {wrong} of wrong ones")
        lines.append(f"{name}: no verdict on {unknown}; what it keeps is mostly right above {needs} right")
    return [*lines, *_remarks(document)]


def print_card(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a document of schema `wellkeeper.verifier/1`; `paths` names the files that were written.

    A console that is no terminal gets `card_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*card_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    grid = Grid.grid(padding=(0, 3))
    grid.add_column(overflow="fold")
    for _ in _HEAD[1:]:
        grid.add_column(justify="right")
    grid.add_row(*(Text(name, style="dim") for name in _HEAD))
    for card in _cards(document):
        grid.add_row(*map(Text, _row(card, COMMA)))
    console.print(grid)
    remarks = _remarks(document)
    if remarks:
        console.print()
    for remark in remarks:
        console.print(Text(remark))
    print_paths(paths, console)


def verifier_block(document: Document) -> list[Block]:
    """A card in a page: both rates with their intervals, and a row a verifier. One card alone is shown the same way.

    `document` is a file of cards (schema `wellkeeper.verifier/1`), or one of its cards.
    """
    document = visible_tree(document)
    cards = list(_cards(document))
    if not cards:
        return [Prose("No card: how often the verifier is right was never measured.", tone="empty")]
    whole = cards[0]
    marks = [
        Range(label, found.low, found.high, found.estimate, THIN.interval(found))
        for label, name in (("kept of right texts", "phi"), ("kept of wrong texts", "psi"))
        if (found := interval(whole.get(name))) is not None
        and found.low is not None
        and found.high is not None
    ]
    blocks: list[Block] = [Ranges("What the verifier keeps", marks)] if marks else []
    blocks.append(
        Table(
            "Shares kept of labelled texts",
            _HEAD,
            [_row(card, THIN) for card in cards],
            numeric=frozenset({1, 2, 3, 4}),
        )
    )
    blocks.append(
        Prose("Above its threshold of right texts, most of what a verifier keeps is right.", tone="note")
    )
    blocks += [Prose(remark, tone="note") for remark in _remarks(document)]
    return blocks


# --- words -------------------------------------------------------------------------------------------------------


def _cards(document: Document) -> Iterator[Document]:
    """The card of all together, and those of each where there are several."""
    whole = table(document, "whole")
    if not whole:
        if "phi" in document:
            yield document
        return
    yield whole
    each = rows(document.get("verifiers"))
    if len(each) > 1:
        yield from each


def _row(card: Document, numbers: Numbers) -> tuple[str, str, str, str, str]:
    unknown = sum(integer(table(card, side).get("unknown")) for side in ("right", "wrong"))
    needed = number(card.get("threshold"))
    return (
        one_line(text(card.get("name"), "verifier"), 80),
        _rate(interval(card.get("phi")), numbers),
        _rate(interval(card.get("psi")), numbers),
        numbers.count(unknown),
        "not known" if needed is None else numbers.percent(needed),
    )


def _rate(found: Interval | None, numbers: Numbers) -> str:
    return "not known" if found is None else numbers.interval(found)


def _remarks(document: Document) -> list[str]:
    found = []
    for card in _cards(document):
        name = one_line(text(card.get("name"), "verifier"), 80)
        if card.get("better_than_chance") is not True:
            found.append(
                f"{name} cannot be told from chance (p = {_p(card, 'p_chance')}): it keeps wrong texts as often as "
                "right ones. Use another, or label more texts."
            )
        if card.get("few") is True:
            right, wrong = (
                integer(side.get("accepted")) + integer(side.get("rejected"))
                for side in (table(card, "right"), table(card, "wrong"))
            )
            found.append(
                f"{name} gave a verdict on {COMMA.count(right)} right and {COMMA.count(wrong)} wrong texts: bounds "
                "are wide. Label 200 or more, at least 50 of each."
            )
        if card.get("biased") is True:
            rare, common = (_kept(table(card, side)) for side in ("rare", "common"))
            found.append(
                f"{name} keeps {rare} of right texts of rare cells and {common} of others (p = {_p(card, 'p_bias')}): "
                "it eats the tail. Have people look at rejected texts of rare cells."
            )
    return list(dict.fromkeys(found))


def _kept(side: Document) -> str:
    accepted = integer(side.get("accepted"))
    return COMMA.share_of(accepted, accepted + integer(side.get("rejected")))


def _p(card: Document, name: str) -> str:
    found = number(card.get(name))
    return "not known" if found is None else f"{found:.2g}"
