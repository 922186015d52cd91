"""A proof -> lines of text, and a page: whether a curated set teaches better, by how much, where, and how surely."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Facts, Heading, Key, Picture, Prose, Section, Table, none
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn, name_of
from wellkeeper.report.sections.method import columns_read, run_facts, version_facts
from wellkeeper.report.story import Figure, joined
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import clip, one_line, visible_tree

Document = Mapping[str, Any]

_STYLES = {"better": "bold green", "worse": "bold red", "not enough data": "bold yellow"}
_MOST_ROWS = 40
_LISTED = 6  # figures that the terminal lists of a set

_MOST_NATS = 3.0  # perplexity times twenty
_ANY = 1e9  # what no figure comes near: pictures of broken documents stay finite
_GROUPS = frozenset({"source", "topic"})


def render_proof(document: Document) -> str:
    """The page of a document of schema `wellkeeper.prove/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    verdicts = proof_verdicts(document, THIN)
    chapter = Chapter("", "", _glance(document, THIN), _sections(document))
    return page(
        title="Does the curated set teach better?",
        headline=next(iter(verdicts), "Nothing was compared."),
        lead=" ".join([*verdicts[1:], next_step(document, THIN)]).strip(),
        chapters=[chapter],
    )


def proof_lines(document: Document) -> list[str]:
    """The proof as plain lines, one fact each: for logs, pipes and CI. No line holds a line feed."""
    document = visible_tree(document)
    lines = [*proof_verdicts(document, COMMA), f"Read: {_read(document, COMMA)}"]
    lines += [f"{verdict}: {name}, {said}" for verdict, name, said in _told(document)]
    lines += list(_more(document))
    lines += [one_line(note, 400) for note in texts(document.get("notes"))]
    following = next_step(document, COMMA)
    return [*lines, f"Next: {following}"] if following else lines


def print_proof(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a proof; `paths` names the files that were written.

    A console that is no terminal gets `proof_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*proof_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    for found, said in zip(rows(document.get("sets")), proof_verdicts(document, COMMA), strict=True):
        console.print(Text(said, style=_STYLES.get(text(found.get("verdict")), "bold")))
    console.print(Text(_read(document, COMMA), style="dim"))
    grid = Grid.grid(padding=(0, 2))
    for verdict, name, said in _told(document):
        grid.add_row(Text(verdict, style=_STYLES.get(verdict, "")), Text(name), Text(said))
    console.print()
    console.print(grid)
    for line in _more(document):
        console.print(Text(line))
    for note in texts(document.get("notes")):
        console.print(Text(one_line(note, 400), style="dim"))
    following = next_step(document, COMMA)
    if following:
        console.print()
        console.print(Text(following))
    print_paths(paths, console)


# --- sentences ---------------------------------------------------------------------------------------


def proof_verdicts(document: Document, numbers: Numbers) -> list[str]:
    """What is said of every set beside the raw one, a sentence each."""
    raw = _raw(document)
    return [_verdict_on(found, raw, numbers) for found in rows(document.get("sets"))]


def _verdict_on(found: Document, raw: str, numbers: Numbers) -> str:
    name, verdict, gain = name_of(found, "name"), text(found.get("verdict")), table(found, "gain")
    shown = interval(gain)
    said = "" if shown is None else f": {_gain_of(shown, numbers)}"
    if verdict in {"better", "worse"}:
        return f"{name} makes a {verdict} model than {raw}{said}."
    if verdict == "no difference found":
        return f"No difference found between what {name} and {raw} teach{said}."
    return f"Not enough data to tell whether {name} makes a better model than {raw}{said}."


def _gain_of(gain: Interval, numbers: Numbers) -> str:
    """As perplexity, which people know; in nats where that would say nothing."""
    values = [value for value in (gain.estimate, gain.high, gain.low) if value is not None]
    if len(values) < 3 or max(map(abs, values)) > _MOST_NATS:
        return f"{signed_nats(gain)} nats a word"
    change = [math.expm1(-value) for value in values]
    way = "lower" if change[0] < 0 else "higher"
    bounds = f"{change[1]:+.1%} to {change[2]:+.1%}"
    return f"perplexity of held-out human text {numbers.percent(abs(change[0]))} {way} ({bounds})"


def signed_nats(value: Interval) -> str:
    """A gain with its interval: `+0.120 (+0.051 to +0.189)`."""
    if value.estimate is None:
        return "not measured"
    if value.low is None or value.high is None:
        return f"{value.estimate:+.3f}"
    return f"{value.estimate:+.3f} ({value.low:+.3f} to {value.high:+.3f})"


def next_step(document: Document, numbers: Numbers) -> str:
    """What to do about the verdict; empty where nothing need be done."""
    verdict = text(document.get("verdict"))
    sets = rows(document.get("sets"))
    if verdict == "not enough data" and sets:
        share = number(table(sets[0], "gain").get("from_held_out")) or 0.0
        what = "held-out documents" if share >= 0.5 else "documents to train on"
        return (
            f"{numbers.percent(max(share, 1 - share))} of the uncertainty is which {what} there are: give more of "
            "them, or a larger --margin if a smaller difference does not matter."
        )
    if verdict == "worse":
        return "Look below at what it teaches worse, and at what the recipe dropped of it (`wellkeeper why`)."
    harmed = [
        figure_name(row)
        for found in sets
        for row in rows(found.get("where"))
        if row.get("verdict") == "worse"
    ]
    if harmed:
        return f"Look at what got worse all the same: {joined(harmed[:3])}."
    return ""


def _raw(document: Document) -> str:
    found = rows(table(document, "inputs").get("sets"))
    return name_of(found[0], "name") if found else "the raw set"


def _read(document: Document, numbers: Numbers) -> str:
    held_out = table(document, "inputs", "held_out")
    read = table(held_out, "read")
    sets = rows(table(document, "inputs").get("sets"))
    left_out = sum(integer(table(one, "in_held_out").get("documents")) for one in sets)
    said = (
        f"{numbers.of(integer(document.get('words')), 'word')} of each set, "
        f"{numbers.of(integer(document.get('draws')), 'draw')}, by the {text(document.get('learner'))} proxy; "
        f"{numbers.of(integer(read.get('documents')), 'held-out document')} "
        f"({numbers.of(integer(read.get('words')), 'word')})"
    )
    return said + (
        f"; {numbers.of(left_out, 'document')} left out that the held-out text shares" if left_out else ""
    )


def figure_name(row: Document) -> str:
    """What a figure is of: `words of 3-5 documents`, `source forum`."""
    kind, name = text(row.get("kind")), name_of(row, "name")
    if kind == "band":
        many = name.replace("-", "\u2013").replace(">", "more than ")
        return f"words of {many} document{'' if name == '1' else 's'}"
    return {"all": "all words", "worst": "worst 5% of documents"}.get(kind, f"{kind} {name}")


def _row_name(row: Document) -> str:
    """The name in a picture, whose caption says what sources and topics are."""
    return name_of(row, "name") if text(row.get("kind")) in _GROUPS else figure_name(row)


def _told(document: Document) -> Iterator[tuple[str, str, str]]:
    """Verdict, name and gain of the main figures of every set, and of groups that are told from 0."""
    sets = rows(document.get("sets"))
    for found in sets:
        before = f"{name_of(found, 'name')}, " if len(sets) > 1 else ""
        figures = [table(found, "gain"), *rows(found.get("where"))]
        main = [row for row in figures if text(row.get("kind")) not in _GROUPS]
        groups = [row for row in figures if text(row.get("kind")) in _GROUPS and _is_told(row)]
        groups.sort(key=lambda row: number(row.get("p_adjusted")) or 0.0)
        for row in [*main, *groups[:_LISTED]]:
            yield text(row.get("verdict")), before + figure_name(row), _nats_of(row)


def _is_told(row: Document) -> bool:
    return text(row.get("verdict")) in {"better", "worse"}


def _nats_of(row: Document) -> str:
    shown = interval(row)
    said = "not measured" if shown is None else f"{signed_nats(shown)} nats a word"
    p = _p_of(row)
    return f"{said}, p {p}" if p else said


def _more(document: Document) -> Iterator[str]:
    """What else was asked: without AI-generated documents, doses, sources."""
    for found in rows(table(document, "without_synthetic").get("sets")):
        yield (
            f"Without AI-generated documents: {text(found.get('verdict'))}, {name_of(found, 'name')}, "
            f"{_nats_of(table(found, 'gain'))}"
        )
    doses = rows(table(document, "dose_response").get("doses"))[1:]
    if doses:
        told = [f"{_share(dose)} {_dose_gain(dose)}" for dose in doses]
        yield f"AI-generated share of the words read, gain over none: {', '.join(told)}"
    sources = sorted(rows(table(document, "worth").get("sources")), key=lambda row: -_value(row, "surprise"))
    for source in sources:
        surprise = table(source, "surprise")
        shapley = interval(surprise.get("shapley"))
        if shapley is not None:
            said = f"{text(surprise.get('verdict'))}, {signed_nats(shapley)} nats a word"
            yield f"Source {name_of(source, 'name')}: {said}"


def _share(dose: Document) -> str:
    return f"{100 * (number(dose.get('share')) or 0.0):g}%"


def _dose_gain(dose: Document) -> str:
    gains = rows(dose.get("gains"))
    shown = interval(gains[0]) if gains else None
    return "" if shown is None or shown.estimate is None else f"{shown.estimate:+.3f}"


# --- the page ----------------------------------------------------------------------------------------


def _glance(document: Document, numbers: Numbers) -> list[Figure]:
    found = []
    for one in rows(document.get("sets"))[:3]:
        gain = interval(one.get("gain"))
        if gain is not None and gain.estimate is not None:
            found.append(
                Figure(
                    f"{name_of(one, 'name')}, gain", f"{gain.estimate:+.3f}", "nats a word over the raw set"
                )
            )
    found.append(Figure("Words read", numbers.count(integer(document.get("words"))), "by every model"))
    read = table(document, "inputs", "held_out", "read")
    words = numbers.of(integer(read.get("words")), "word")
    found.append(Figure("Held out", numbers.of(integer(read.get("documents")), "document"), words))
    return found


def _sections(document: Document) -> list[Section]:
    """All sections in reading order."""
    raw = _raw(document)
    sections = [
        Section(f"set-{place}", f"What {name_of(found, 'name')} teaches", _set_section(found, raw, place))
        for place, found in enumerate(rows(document.get("sets")), 1)
    ]
    without = rows(table(document, "without_synthetic").get("sets"))
    if without:
        sections.append(
            Section("without", "Without AI-generated documents", _without_section(document, without))
        )
    if table(document, "dose_response"):
        sections.append(Section("doses", "AI-generated words in place of others", _dose_section(document)))
    if table(document, "worth"):
        sections.append(Section("worth", "What each source is worth", _worth_section(document)))
    sections.append(Section("levels", "Surprise under each model", _levels_section(document)))
    sections.append(
        Section("leakage", "What the held-out text shares with the sets", _leakage_section(document))
    )
    sections.append(Section("method", "How this was measured", _method_section(document)))
    return sections


_HOW_TO_READ = (
    "The gain is the surprise, in nats a word, that a model of this set is spared at the same held-out words beside a "
    "model of the raw set: to the right of 0, it teaches better. Words are put into bands by how many held-out "
    "documents have them, rarest first; rare words are the first to go when a model learns from models."
)


def _set_section(found: Document, raw: str, place: int) -> list[Block]:
    figures = [table(found, "gain"), *rows(found.get("where"))]
    main = [row for row in figures if text(row.get("kind")) not in _GROUPS and interval(row)]
    if not main:
        return [none("Nothing was measured.")]
    blocks: list[Block] = [
        Prose(_HOW_TO_READ),
        _gain_picture(f"set-{place}", f"Gain over {raw}, with 95% intervals.", main),
    ]
    for kind, title in (
        ("source", "By source of the held-out text"),
        ("topic", "By topic of the held-out text"),
    ):
        groups = [row for row in figures if row.get("kind") == kind and interval(row)]
        if groups:
            groups.sort(key=lambda row: -(number(row.get("estimate")) or 0.0))
            blocks += [
                Heading(title),
                _gain_picture(f"set-{place}-{kind}", f"{title}, the largest gain first.", groups),
            ]
    return blocks


def _gain_picture(identity: str, caption: str, figures: Sequence[Document]) -> Picture:
    lines = [
        _difference(_row_name(row), _of_words(row), shown, is_told=_is_told(row))
        for row in figures
        if (shown := interval(row)) is not None
    ]
    pictures = drawn(
        f"gain-{identity}",
        "Gains in nats a word, with 95% intervals",
        f"{caption} The table has every value.",
        lambda frame: svg.forest(frame, lines, below="teaches worse", above="teaches better"),
    )
    body = [
        [figure_name(row), text(row.get("verdict")), _of_words(row), signed_nats(shown), _p_of(row)]
        for row in figures
        if (shown := interval(row)) is not None
    ]
    head = ["Held-out words", "Verdict", "Of", "Gain, nats a word", "p, adjusted"]
    data = Table("Gains", head, body, frozenset({2, 3, 4}), data_summary(len(body), "figure"))
    return Picture(caption, *pictures, data, _KEYS)


_KEYS = (Key("k-corpus", "told from 0"), Key("k-reference", "not told from 0"))


def _difference(label: str, note: str, shown: Interval, *, is_told: bool) -> svg.Difference:
    estimate, low, high = (
        max(-_ANY, min(_ANY, 0.0 if value is None else value))
        for value in (shown.estimate, shown.low, shown.high)
    )
    return svg.Difference(label, note, low, estimate, high, signed_nats(shown), is_told)


def _of_words(row: Document) -> str:
    return THIN.of(integer(row.get("words")), "word")


def _p_of(row: Document) -> str:
    p = number(row.get("p_adjusted"))
    return "" if p is None else "<0.001" if p < 0.0005 else f"{p:.3f}"


def _without_section(document: Document, without: Sequence[Document]) -> list[Block]:
    words = THIN.of(integer(table(document, "without_synthetic").get("words")), "word")
    said = (
        "The same comparison with documents that are known to be AI-generated taken out of all sets: what is left of "
        f"the gain is not due to them. Every model read {words}."
    )
    return [
        Prose(said),
        *(
            _gain_picture(
                f"without-{place}",
                f"{name_of(found, 'name')}, both sets without AI-generated documents.",
                [
                    row
                    for row in (table(found, "gain"), *rows(found.get("where")))
                    if text(row.get("kind")) not in _GROUPS and interval(row)
                ],
            )
            for place, found in enumerate(without, 1)
        ),
    ]


def _dose_section(document: Document) -> list[Block]:
    curve = table(document, "dose_response")
    doses = [dose for dose in rows(curve.get("doses")) if interval(dose.get("level"))]
    if len(doses) < 2:
        return [none("No dose was tried.")]
    words = THIN.of(integer(curve.get("words")), "word")
    said = (
        f"Every model read {words}; of these the share below is AI-generated and stands in the place of others of the "
        "first curated set. Whether it helps to have the AI-generated words besides is another question."
    )
    lines = [
        _difference(f"{_share(dose)} AI-generated", "", shown, is_told=_is_told(gains[0]))
        for dose in doses[1:]
        if (gains := rows(dose.get("gains"))) and (shown := interval(gains[0])) is not None
    ]
    pictures = drawn(
        "doses",
        "Gain by share of AI-generated words",
        "Gain over no AI-generated words, with 95% intervals. The table has every value.",
        lambda frame: svg.forest(frame, lines, below="teaches worse", above="teaches better"),
    )
    kinds = list(dict.fromkeys(figure_name(row) for dose in doses for row in rows(dose.get("gains"))))
    body = [
        [_share(dose), THIN.nats(level), *(_cell(dose, kind) for kind in kinds)]
        for dose in doses
        if (level := interval(dose.get("level"))) is not None
    ]
    head = ["Share", "Surprise, nats a word", *kinds]
    data = Table(
        "Surprise at held-out words, and gains over no AI-generated words",
        head,
        body,
        frozenset(range(1, len(head))),
        data_summary(len(body), "share"),
    )
    return [
        Prose(said),
        Picture("Gain over no AI-generated words, all held-out words.", *pictures, data, _KEYS),
    ]


def _cell(dose: Document, kind: str) -> str:
    for row in rows(dose.get("gains")):
        if figure_name(row) == kind and (shown := interval(row)) is not None:
            return signed_nats(shown) + ("*" if _is_told(row) else "")
    return ""


def _worth_section(document: Document) -> list[Block]:
    worth = table(document, "worth")
    sources = [row for row in rows(worth.get("sources")) if interval(table(row, "surprise").get("shapley"))]
    if not sources:
        return [none("No source was weighed.")]
    sources.sort(key=lambda row: -_value(row, "surprise"))
    permutations = integer(worth.get("permutations"))
    how = (
        f"means over {THIN.count(permutations)} orders" if permutations else "exact, from all their mixtures"
    )
    said = (
        "What a source adds, on average over all orders in which the sources could come together, when every model "
        f"reads {THIN.of(integer(worth.get('words')), 'word')}, equally many of each source it has. At 0 a source "
        "teaches like an average one alone and brings nothing that the others lack; to the left, it teaches less than "
        f"the words whose place it takes. Values are {how}, of {THIN.of(integer(worth.get('models')), 'model')}."
    )
    blocks: list[Block] = [Prose(said)]
    for figure, title, unit in (
        ("surprise", "Surprise spared at held-out words", "nats a word"),
        ("tail", "Rare held-out words known", "share of them"),
    ):
        blocks.append(_worth_picture(figure, f"{title}, {unit}.", sources))
    return blocks


def _value(row: Document, figure: str) -> float:
    return number(table(row, figure, "shapley").get("estimate")) or 0.0


def _worth_picture(figure: str, caption: str, sources: Sequence[Document]) -> Picture:
    lines = [
        _difference(
            name_of(row, "name"),
            _of_words(row),
            shown,
            is_told=text(table(row, figure).get("verdict")) in {"helps", "hurts"},
        )
        for row in sources
        if (shown := interval(table(row, figure).get("shapley"))) is not None
    ]
    pictures = drawn(
        f"worth-{figure}",
        f"Worth of each source: {caption}",
        "Shapley values with 95% intervals. The table has every value.",
        lambda frame: svg.forest(frame, lines, below="hurts", above="helps"),
    )
    body = [
        [
            name_of(row, "name"),
            text(table(row, figure).get("verdict")),
            THIN.count(integer(row.get("documents"))),
            THIN.count(integer(row.get("words"))),
            *(
                signed_nats(shown) if (shown := interval(table(row, figure).get(key))) is not None else ""
                for key in ("shapley", "left_out")
            ),
        ]
        for row in sources
    ]
    head = ["Source", "Verdict", "Documents", "Words", "Shapley value", "All beyond all others"]
    data = Table(caption, head, body, frozenset({2, 3, 4, 5}), data_summary(len(body), "source"))
    return Picture(caption, *pictures, data, _KEYS)


def _levels_section(document: Document) -> list[Block]:
    levels = rows(document.get("levels"))
    kinds = list(dict.fromkeys(figure_name(row) for level in levels for row in rows(level.get("figures"))))[
        :_MOST_ROWS
    ]
    if not kinds:
        return [none("Nothing was measured.")]

    def cell(level: Document, kind: str) -> str:
        found = (interval(row) for row in rows(level.get("figures")) if figure_name(row) == kind)
        return next((THIN.nats(shown) for shown in found if shown is not None), "")

    body = [[kind, *(cell(level, kind) for level in levels)] for kind in kinds]
    head = ["Held-out words", *(name_of(level, "name") for level in levels)]
    said = (
        "Negative log-likelihood of held-out words in nats a word, with 95% intervals: e to that power is perplexity. "
        "These intervals are wider than those of gains: what makes a document hard for every model is in them."
    )
    return [Prose(said), Table("Surprise by model", head, body, frozenset(range(1, len(head))))]


def _leakage_section(document: Document) -> list[Block]:
    inputs = table(document, "inputs")
    described = [*rows(inputs.get("sets")), *([table(inputs, "dose")] if table(inputs, "dose") else [])]
    body = [
        [
            name_of(one, "name"),
            THIN.count(integer(one.get("documents"))),
            THIN.count(integer(one.get("words"))),
            *(_sized(table(one, key)) for key in ("in_held_out", "drawn_from", "synthetic")),
        ]
        for one in described
    ]
    held_out = integer(table(inputs, "held_out").get("in_training"))
    said = (
        f"{THIN.of(held_out, 'held-out document')} stood in some set, whole or in large part. A model that has read "
        "the test knows what comes next, so training documents that share copies, near copies or long passages with "
        "the held-out text were left out of the sets before anything was drawn."
    )
    head = ["Set", "Documents", "Words", "Left out", "Drawn from", "Known to be AI-generated"]
    return [Prose(said), Table("Training sets", head, body, frozenset({1, 2, 3, 4, 5}))]


def _sized(size: Document) -> str:
    return f"{THIN.count(integer(size.get('documents')))} ({THIN.of(integer(size.get('words')), 'word')})"


_METHOD = (
    (
        "Models of one kind read equally many words of each set, whole documents in the order of a hash that each seed "
        "changes. Differences are taken at the same held-out words, so what makes a document hard for all models "
        "cancels."
    ),
    (
        "Intervals count two kinds of chance: which documents were held out (delete-a-block jackknife), and which "
        "documents the sets happen to hold (the same, each block taken out of all models at once; or, for models that "
        "cannot forget, the spread of draws of at most half of a set)."
    ),
    (
        "The verdict on a set is of all words, adjusted by Holm's method for the number of sets; bands, worst "
        "documents, sources and topics are a second family, adjusted for all of them. In each family the chance of any "
        "false alarm is at most 5%."
    ),
    (
        "A small proxy ranks sets of text; that a large model ranks them alike is not tested here. Human text of "
        "another kind than you will need would prove something about that kind."
    ),
)


def _method_section(document: Document) -> list[Block]:
    facts: list[tuple[str, str]] = [
        *version_facts(document),
        ("Proxy", text(document.get("learner"), "not recorded")),
        ("Draws", THIN.count(integer(document.get("draws")))),
        ("Margin", f"{number(document.get('margin')) or 0:g} nats a word"),
    ]
    facts += run_facts(document, "started", "seconds", "workers", "seed")
    notes = [Prose(clip(note, 400), "note") for note in texts(document.get("notes"))]
    return [
        *(Prose(words, "note") for words in _METHOD),
        *notes,
        *columns_read(document),
        Facts([(name, one_line(value, 400)) for name, value in facts]),
    ]
