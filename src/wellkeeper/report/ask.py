"""A run that was just made -> lines of text: what came, what it is worth, and what it cost."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wellkeeper.report.numbers import COMMA
from wellkeeper.report.reading import integer, interval, number, rows, table, text, texts
from wellkeeper.report.terminal import fact_grid, path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_MOST_SLICES = 12  # more of them are for a comparison's report, not for a terminal
_ENDINGS = {
    "stop": "complete",
    "length": "cut at the limit",
    "refused": "refused",
    "empty": "empty",
    "error": "did not come",
}


def asked_lines(document: Document) -> list[str]:
    """The run as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    lines = [_headline(document), *(f"{name}: {said}" for name, said in _facts(document))]
    lines += [f"{name}: {said}, {items}" for name, said, items in _slices(document)]
    return [*lines, *_notes(document)]


def print_asked(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a document of schema `wellkeeper.ask/1`; `paths` names the files that were written.

    A console that is no terminal gets `asked_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*asked_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(_headline(document), style="bold"))
    console.print()
    console.print(fact_grid((name, said, "") for name, said in _facts(document)))
    slices = _slices(document)
    if slices:
        grid = Table.grid(padding=(0, 2))
        for name, said, items in slices:
            grid.add_row(Text(name), Text(said), Text(items))
        console.print()
        console.print(grid)
    for note in _notes(document):
        console.print(Text(note, style="yellow"))
    print_paths(paths, console)


def _headline(document: Document) -> str:
    run = table(document, "run")
    model, suite = (one_line(text(run.get(key), "(no name)"), 80) for key in ("model", "suite"))
    items, answers = (integer(document.get(key)) for key in ("items", "answers"))
    return f"{model} on {suite}: {COMMA.of(answers, 'answer')} to {COMMA.of(items, 'item')}."


def _facts(document: Document) -> list[tuple[str, str]]:
    facts = []
    if text(document.get("metric")):
        facts.append((f"Score ({one_line(text(document.get('metric')), 60)})", _score(document)))
    facts.append(("Answers", _finishes(document)))
    facts += _votes(table(document, "vote"))
    facts.append(("Cost so far", cost_so_far(document)))
    judge = table(document, "spent", "judge")
    return [*facts, ("Judge so far", _used(judge))] if judge else facts


def _score(counted: Document) -> str:
    found = interval(counted.get("score"))
    if found is None:
        return "unknown"
    unknown = integer(counted.get("unknown_scores"))
    beside = f", {COMMA.of(unknown, 'answer')} not scored" if unknown else ""
    return COMMA.interval(found) + beside


def _finishes(document: Document) -> str:
    answers = integer(document.get("answers"))
    counts = {word: integer(table(document, "finishes").get(name)) for name, word in _ENDINGS.items()}
    return ", ".join(f"{COMMA.with_share(many, answers)} {word}" for word, many in counts.items() if many)


_WHY_UNREAD = {**_ENDINGS, "unreadable": "without an answer"}


def _votes(vote: Document) -> list[tuple[str, str]]:
    """How many samples the votes took, and what they gain; nothing where none was held."""
    if not vote:
        return []
    mean, most, saved, certified = (
        number(vote.get(key)) or 0.0 for key in ("mean_samples", "most", "saved", "certified")
    )
    drawn = f"{mean:.1f} samples an item of at most {COMMA.count(most)}, {COMMA.percent(saved)} saved"
    facts = [
        (f"Votes ({one_line(text(vote.get('rule')), 20)})", f"{drawn}; {COMMA.percent(certified)} certified")
    ]
    samples, unread = integer(vote.get("samples")), table(vote, "unread")
    beside = [
        f"{COMMA.with_share(many, samples)} {word}"
        for name, word in _WHY_UNREAD.items()
        if (many := integer(unread.get(name)))
    ]
    if pairs := integer(vote.get("unknown_pairs")):
        beside.append(f"{COMMA.of(pairs, 'pair')} of answers not compared")
    if beside:
        facts.append(("Samples that do not vote", ", ".join(beside)))
    return [
        *facts,
        *_gain(table(vote, "shared_errors"), table(vote, "beside_greedy"), text(vote.get("verdict"))),
    ]


def _gain(errors: Document, greedy: Document, verdict: str) -> list[tuple[str, str]]:
    """What voting gains over one sample and over one answer at a temperature of 0, and how alike errors are."""
    facts = []
    if (gain := interval(errors.get("gain"))) is not None:
        facts.append(("Gain over one sample", COMMA.points(gain)))
    if (gain := interval(greedy.get("gain"))) is not None:
        facts.append(("Gain over one answer at temperature 0", COMMA.points(gain)))
    if why := text(greedy.get("refused")):
        facts.append(("Gain over one answer at temperature 0", f"unknown: {one_line(why, 120)}"))
    if verdict:
        facts.append(("Verdict", verdict))
    if (shared := interval(errors.get("shared"))) is not None:
        pairs = COMMA.of(integer(errors.get("pairs")), "pair")
        facts.append(("Shared errors", f"{COMMA.interval(shared)}, by {pairs} of wrong answers"))
    return facts


def cost_so_far(document: Document) -> str:
    """Tokens and money of the model over all runs, and the calls of this one."""
    spent = table(document, "spent")
    calls, money = integer(spent.get("calls_now")), number(spent.get("money"))
    asked = f"{COMMA.of(calls, 'call')} now" if calls else "no call now, all answers were there"
    return "; ".join([_used(spent), *([] if money is None else [f"{money:.4f} of money"]), asked])


def _used(spent: Document) -> str:
    prompts, written, open_ = (integer(spent.get(key)) for key in ("prompt_tokens", "tokens", "not_settled"))
    beside = f" ({COMMA.count(open_)} of them the most of calls that were cut off)" if open_ else ""
    return f"{COMMA.of(prompts, 'token')} of prompts and {COMMA.count(written)} of answers{beside}"


def _slices(document: Document) -> list[tuple[str, str, str]]:
    """Slice, score or endings, and how many items; none where there are many."""
    slices = rows(document.get("slices"))
    if len(slices) > _MOST_SLICES:
        return []
    is_scored = bool(text(document.get("metric")))
    return [
        (
            one_line(text(row.get("slice")), 60),
            _score(row) if is_scored else _finishes(row),
            COMMA.of(integer(row.get("items")), "item"),
        )
        for row in slices
    ]


def _notes(document: Document) -> list[str]:
    return [one_line(note, 600) for note in texts(document.get("notes"))]
