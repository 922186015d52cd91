"""An anchor pack -> what its builder reads: the references of each slice, and what to do about them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, number, rows, table, text
from wellkeeper.report.visible import one_line, visible_tree

LEFT_OUT: Mapping[str, str] = {
    "abstained": "too short, or of a kind that is not scored",
    "copy": "copies of another",
    "dated-later": "dated 2022-11-30 or later",
    "declared-ai": "declared AI-made",
    "declared-human": "declared human",
    "same-as-human": "the same as a human one",
    "refused": "refused by the model",
    "empty": "empty answers",
    "failed": "rejected by the server",
    "not-drawn": "not drawn, since there are enough",
}
"""Why a text is no reference, in words; `left_out` of a pack has the keys."""


def reasons(left_out: Mapping[str, int]) -> str:
    """How many texts were left out for what.

    >>> reasons({"abstained": 1200, "copy": 3})
    '1,200 too short, or of a kind that is not scored; 3 copies of another'
    """
    told = (
        f"{COMMA.count(count)} {LEFT_OUT.get(reason, reason)}" for reason, count in left_out.items() if count
    )
    return "; ".join(told)


def anchor_lines(
    pack: Mapping[str, Any], *, said: Sequence[str] = (), suspects: Mapping[str, Sequence[str]] | None = None
) -> list[str]:
    """A pack as plain lines, one fact each. No line holds a line feed."""
    pack = visible_tree(pack)
    lines = [one_line(sentence, 1000) for sentence in visible_tree(list(said))]
    for name, one in _slices(pack):
        lines.append(f"{name}: {_described(one)}")
        lines += [f"{name}, {side} texts left out: {words}" for side, words in _left_out(one)]
    for place, caution in _warnings(pack):
        lines.append(f"warning {_code(caution)}{f', {place}' if place else ''}: {_message(caution)}")
        lines += [f"  {where}" for where in _suspects(place, caution, suspects)]
    made = _made(pack)
    return [*lines, made] if made else lines


def print_anchors(
    pack: Mapping[str, Any],
    console: Console,
    *,
    said: Sequence[str] = (),
    suspects: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Print a pack; a console that is no terminal gets `anchor_lines`, unwrapped and without colour."""
    if not console.is_terminal:
        for line in anchor_lines(pack, said=said, suspects=suspects):
            console.print(line, markup=False, highlight=False, emoji=False, soft_wrap=True)
        return
    pack = visible_tree(pack)
    for sentence in visible_tree(list(said)):
        console.print(Text(one_line(sentence, 1000), style="dim"))
    console.print()
    console.print(_table(pack))
    for name, one in _slices(pack):
        for side, words in _left_out(one):
            console.print(Text(f"{name}, {side} texts left out: {words}", style="dim"))
    for place, caution in _warnings(pack):
        console.print()
        head = Text.assemble(("warning", "bold yellow"), " ", (_code(caution), "dim"), "  ", place)
        console.print(head)
        for words in (_message(caution), *_suspects(place, caution, suspects)):
            body = Text(words).wrap(console, max(20, console.width - 4))
            console.print(Text("\n").join(Text("  ") + line for line in body))
    made = _made(pack)
    if made:
        console.print()
        console.print(Text(made, style="dim"))


def _slices(pack: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in table(pack, "slices"):
        yield one_line(name, 80), table(pack, "slices", name)


def _described(one: Mapping[str, Any]) -> str:
    human, ai = table(one, "human"), table(one, "ai")
    dates = _dates(human)
    told = f"{_documents(human)} human references{f', dated {dates}' if dates else ', undated'}"
    return f"{told}; {_documents(ai)} AI references; {_area(one)}" if ai else f"{told}; no AI references"


def _table(pack: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 3))
    grid.add_column(overflow="fold")
    for _ in range(2):
        grid.add_column(justify="right")
    for _ in range(2):
        grid.add_column()
    names = ("slice", "human", "AI", "human ones dated", "AUROC of the score")
    grid.add_row(*(Text(name, style="dim") for name in names))
    for name, one in _slices(pack):
        ai = table(one, "ai")
        cells = (
            name,
            _documents(table(one, "human")),
            _documents(ai) if ai else "none",
            _dates(table(one, "human")) or "undated",
            _area(one).removeprefix("AUROC of the score ") if ai else "",
        )
        grid.add_row(*map(Text, cells))
    return grid


def _documents(sample: Mapping[str, Any]) -> str:
    return COMMA.count(integer(sample.get("documents")))


def _dates(sample: Mapping[str, Any]) -> str:
    first, last = text(sample.get("first")), text(sample.get("last"))
    return f"{first} to {last}" if first and first != last else first


def _area(one: Mapping[str, Any]) -> str:
    area = table(one, "separation")
    values = [number(area.get(key)) for key in ("estimate", "low", "high")]
    estimate, low, high = ("?" if value is None else f"{value:.2f}" for value in values)
    return f"AUROC of the score {estimate} ({low} to {high})"


def _left_out(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for side, name in (("human", "human"), ("ai", "AI")):
        words = reasons({key: integer(value) for key, value in table(one, side, "left_out").items()})
        if words:
            yield name, words


def _warnings(pack: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name of the slice, or nothing, and the warning."""
    for name, one in _slices(pack):
        yield from ((name, caution) for caution in rows(one.get("warnings")))
    yield from (("", caution) for caution in rows(pack.get("warnings")))


def _code(caution: Mapping[str, Any]) -> str:
    return one_line(text(caution.get("code"), "warning"), 40)


def _message(caution: Mapping[str, Any]) -> str:
    return one_line(text(caution.get("message")), 4000)


def _suspects(
    place: str, caution: Mapping[str, Any], suspects: Mapping[str, Sequence[str]] | None
) -> list[str]:
    if _code(caution) != "contaminated" or not suspects:
        return []
    return [one_line(where, 400) for where in visible_tree(list(suspects.get(place, ())))]


def _made(pack: Mapping[str, Any]) -> str:
    made = table(pack, "made")
    if text(made.get("how")) != "generated":
        return ""
    asked, refused, empty, failed = (
        integer(made.get(key)) for key in ("asked", "refused", "empty", "failed")
    )
    unused = f"{refused} refused, {empty} empty, {failed} rejected"
    return f"AI references made by {one_line(text(made.get('model')), 80)}: {asked} asked for, {unused}"
