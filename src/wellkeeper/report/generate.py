"""A set that was just generated, or the plan of one -> lines of text: what came, what it lacks, and what it cost."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, number, rows, table, text, texts
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_PLAN = "wellkeeper.generate-plan/1"
_MOST_CELLS = 12  # rare topics of a set that are told; the rest is in the JSON
_LEFT_OUT = {
    "empty": "empty",
    "refused": "refused",
    "repeated": "in the set already",
    "error": "did not come",
}


def generated_lines(document: Document) -> list[str]:
    """The set, or the plan, as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    lines = [_headline(document), *(f"{name}: {said}" for name, said in _facts(document))]
    lines += [": ".join((name, ", ".join(rest))) for name, *rest in _cells(document)]
    return [*lines, *_notes(document)]


def print_generated(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a document of schema `wellkeeper.generate/1` or `wellkeeper.generate-plan/1`.

    `paths` names the files that were written. A console that is no terminal gets `generated_lines`, unwrapped and
    without colour.
    """
    if not console.is_terminal:
        print_lines([*generated_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(_headline(document), style="bold"))
    console.print()
    _print_grid(_facts(document), console, "dim")
    cells = _cells(document)
    if cells:
        console.print()
        _print_grid(cells, console, "")
    for note in _notes(document):
        console.print(Text(note, style="yellow"))
    print_paths(paths, console)


def _print_grid(lines: Sequence[Sequence[str]], console: Console, style: str) -> None:
    grid = Table.grid(padding=(0, 2))
    for place in range(max(map(len, lines), default=0)):
        grid.add_column(style=style if place == 0 else "", overflow="fold")
    for line in lines:
        grid.add_row(*map(Text, line))
    console.print(grid)


def _headline(document: Document) -> str:
    wanted = integer(table(document, "wanted").get("documents"))
    if document.get("schema") == _PLAN:
        return f"Planned: {COMMA.of(wanted, 'text')}. Nothing was asked."
    generator = one_line(text(document.get("generator"), "(no name)"), 80)
    came = integer(document.get("documents"))
    return f"{generator} wrote {COMMA.count(came)} of {COMMA.of(wanted, 'text')}."


def _facts(document: Document) -> list[tuple[str, str]]:
    facts = [
        ("Rare topics", _share_of(document, rare=True)),
        ("Other topics", _share_of(document, rare=False)),
    ]
    reference = table(document, "reference")
    shown, aside = (integer(reference.get(key)) for key in ("may_be_shown", "held_out"))
    made = integer(reference.get("not_human"))
    left_out = f", {COMMA.count(made)} left out as made by a model" if made else ""
    broken = integer(reference.get("quarantined"))
    unread = f", {COMMA.of(broken, 'record')} could not be read" if broken else ""
    facts.append(
        (
            "Human documents",
            f"{COMMA.count(shown)} for prompts, {COMMA.count(aside)} held out{left_out}{unread}",
        )
    )
    if document.get("schema") == _PLAN:
        return facts
    return [*facts, *_of_texts(document), ("Cost so far", _cost(document))]


def _share_of(document: Document, *, rare: bool) -> str:
    cells = [row for row in rows(document.get("cells")) if bool(row.get("rare")) is rare]
    wanted, reached = (sum(integer(row.get(key)) for row in cells) for key in ("wanted", "reached"))
    asked = sum(integer(row.get("wanted")) > 0 for row in cells)
    texts_ = (
        COMMA.of(wanted, "text")
        if document.get("schema") == _PLAN
        else f"{COMMA.count(reached)} of {COMMA.of(wanted, 'text')}"
    )
    return f"{texts_} for {COMMA.count(asked)} of {COMMA.of(len(cells), 'topic')}"


def _of_texts(document: Document) -> list[tuple[str, str]]:
    answers = {name: integer(value) for name, value in table(document, "answers").items()}
    asked = sum(answers.values())
    left_out = table(document, "left_out")
    lost = [
        f"{COMMA.count(integer(left_out.get(key)))} {word}"
        for key, word in _LEFT_OUT.items()
        if left_out.get(key)
    ]
    cut = COMMA.with_share(answers.get("length", 0), asked)
    return [
        ("Answers", f"{COMMA.count(asked)}, {cut} cut at the limit; left out: {', '.join(lost) or 'none'}"),
        ("Copied from prompts", _copied(table(document, "copied"))),
        ("Rare words asked for", _found(table(document, "words"), "written", "asked")),
        ("Rare words held out", _held_out(table(document, "held_out"))),
        ("Label", _label(table(document, "label"))),
    ]


def _copied(copied: Document) -> str:
    share = COMMA.percent(number(copied.get("share")) or 0.0)
    texts_ = COMMA.of(integer(copied.get("documents")), "text")
    return f"{share} of sequences of {integer(copied.get('words'))} words, in {texts_}"


def _found(words: Document, some: str, of: str) -> str:
    return f"{COMMA.count(integer(words.get(some)))} of {COMMA.count(integer(words.get(of)))} written"


def _held_out(aside: Document) -> str:
    alone = COMMA.count(integer(aside.get("found_unprompted")))
    return f"{_found(aside, 'found', 'rare_words')}, {alone} where the prompt did not have them"


def _label(label: Document) -> str:
    signed = [one[:16] for one in texts(label.get("signed_by"))]
    by = f"signed by the key {one_line(signed[0], 20)}" if signed else "not signed"
    return f"{one_line(text(label.get('origin')), 40)}, depth {integer(label.get('depth'))}, {by}"


def _cost(document: Document) -> str:
    spent = table(document, "spent")
    prompts, written, calls = (integer(spent.get(key)) for key in ("prompt_tokens", "tokens", "calls_now"))
    money = number(spent.get("money"))
    parts = [
        f"{COMMA.of(prompts, 'token')} of prompts and {COMMA.count(written)} of answers",
        *([] if money is None else [f"{money:.4f} of money"]),
        f"{COMMA.of(calls, 'call')} now" if calls else "no call now, all answers were there",
    ]
    return "; ".join(parts)


def _cells(document: Document) -> list[tuple[str, ...]]:
    """Topic, what it got, and how common it is: of a plan all of them, of a set those that lack texts."""
    found: list[tuple[str, ...]] = []
    is_plan = document.get("schema") == _PLAN
    for row in rows(document.get("cells")):
        wanted, reached = integer(row.get("wanted")), integer(row.get("reached"))
        if not is_plan and reached >= wanted:
            continue
        got = COMMA.of(wanted, "text") if is_plan else f"{COMMA.count(reached)} of {COMMA.of(wanted, 'text')}"
        found.append(
            (
                one_line(text(row.get("cell"), "(no name)"), 60),
                got,
                COMMA.of(integer(row.get("reference_documents")), "human document"),
                "rare" if row.get("rare") else "common",
            )
        )
    return found if is_plan else found[:_MOST_CELLS]


def _notes(document: Document) -> list[str]:
    return [one_line(note, 600) for note in texts(document.get("notes"))]
