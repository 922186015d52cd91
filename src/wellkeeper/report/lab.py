"""Experiments of the lab -> lines of text, and a page: curves by policy, what they say, and what models wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from wellkeeper.report import svg
from wellkeeper.report.blocks import (
    Block,
    Facts,
    Heading,
    Key,
    Picture,
    Prose,
    Section,
    Strip,
    Table,
    first,
    none,
)
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn, name_of
from wellkeeper.report.story import Figure
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import clip, one_line, visible_tree

Document = Mapping[str, Any]

_MOST_LINES = 8  # lines that can be told apart in one picture
_MOST_POINTS = 12  # of a curve in a table
_MOST_EXCERPTS = 5
_MOST_FIGURES = 30
_VERDICT, _COLUMN = 18, 16  # letters that a terminal gives to the verdict and to each figure
_EXCERPT = 700  # letters
_LONG = 50.0  # axes that span more than this many times their start are logarithmic
_STYLES = {
    "holds": "green",
    "gets worse": "red",
    "loses its tail": "yellow",
    "noise drift": "magenta",
    "entropy collapse": "red",
    "noise drift and entropy collapse": "red",
}


def render_run(document: Document) -> str:
    """The page of a document of schema `wellkeeper.lab/1` or `wellkeeper.lab-comparison/1`."""
    document = visible_tree(document)
    experiment = table(document, "experiment")
    chapter = Chapter("", "", _glance(document), _sections(document))
    return page(
        title=text(experiment.get("title"), "Experiment"),
        headline=text(table(document, "reading").get("headline"), "Nothing was measured."),
        lead=text(experiment.get("about")),
        chapters=[chapter],
    )


def _glance(document: Document) -> list[Figure]:
    plan = table(document, "plan")
    found = []
    for key, name, beneath in (
        ("size", "Size of the first training set", _measure(document)),
        ("generations", "Generations", "after the first"),
        ("replicates", "Replicates", "independent runs of each policy"),
    ):
        if number(plan.get(key)):
            found.append(Figure(name, THIN.count(integer(plan.get(key))), beneath))
    names = [name_of(row, "name") for row in rows(document.get("runs"))]
    if names:
        paired = "began with the same data" if document.get("paired") is True else "began with different data"
        found.append(Figure("Runs", THIN.count(len(names)), f"{', '.join(names)}; {paired}"))
        found.append(Figure("Curves", THIN.count(len(rows(document.get("curves")))), "policies of all runs"))
    return found


def _measure(document: Document) -> str:
    corpus = table(document, "plan", "corpus")
    return (
        f"of {THIN.of(integer(corpus.get('words')), 'word')} of people"
        if corpus
        else "in the experiment's own measure"
    )


def _sections(document: Document) -> list[Section]:
    figures = _drawn_figures(document)
    shown, more = first(figures[1:], _MOST_FIGURES, "figure")
    others: list[Block] = [block for blocks in shown for block in blocks]
    return [
        Section("reading", "What became of the models", _reading_section(document, figures[:1])),
        *_samples_sections(document),
        *_ranks_sections(document),
        *([Section("curves", "All curves", [*others, *more])] if others else []),
        Section("method", "How this was measured", _method_section(document)),
    ]


# --- reading ---------------------------------------------------------------------------------------


def _reading_section(document: Document, main: Sequence[Sequence[Block]]) -> list[Block]:
    reading = table(document, "reading")
    told = rows(reading.get("policies"))
    if not told:
        return [none("No policy was run.")]
    blocks: list[Block] = [_told_table(document, told)]
    if table(document, "plan", "corpus"):
        blocks.append(Prose(_TWO_DISEASES, "note"))
    blocks += [Prose(note, "note") for note in texts(reading.get("notes"))]
    return [*blocks, *(block for figure in main for block in figure)]


def _told_table(document: Document, told: Sequence[Document]) -> Table:
    """From what to what each policy went by the figures that tell most; of other curves, where they are best."""
    names = _named(document)
    if not names:
        body = [[name_of(row, "label"), clip(text(row.get("sentence")), 400)] for row in told]
        return Table("Each curve along its axis", ["Curve", ""], body)
    titles = _titles(document)
    body = [
        [
            name_of(row, "label"),
            text(row.get("verdict")),
            *(_from_to(table(row, "changes", name)) for name in names),
        ]
        for row in told
    ]
    head = ["Policy", "Verdict", *(titles.get(name, name) for name in names)]
    return Table("Each policy from its first model to its last", head, body, frozenset(range(2, len(head))))


def _from_to(change: Document) -> str:
    before, after = (number(change.get(key)) for key in ("before", "after"))
    return "" if before is None else f"{THIN.figure(before, 3)} \u2192 {THIN.figure(after, 3)}"


def _titles(document: Document) -> dict[str, str]:
    """Titles of figures by name, without what explains them."""
    return {text(row.get("name")): _title(row).partition(": ")[0] for row in rows(document.get("figures"))}


_TWO_DISEASES = (
    "Two diseases look alike without people's text to compare with. In noise drift models wander off: types, distinct "
    "pairs and entropy may rise, as if the text were richer. In entropy collapse they fall. Both make held-out text of "
    "people cost more, so that figure comes first, and a change of diversity is an alarm either way."
)


def _ranks_sections(document: Document) -> list[Section]:
    ranks = rows(table(document, "reading").get("ranks"))
    if not ranks:
        return []
    titles = _titles(document)
    body = [
        [
            titles.get(text(rank.get("figure")), name_of(rank, "figure")),
            "; ".join(texts(rank.get("best"))),  # a policy may have commas
            "; ".join(_ranked(row) for row in rows(rank.get("order"))),
        ]
        for rank in ranks
    ]
    said = (
        "By the last generation's values, best first. The order of those in the second column may be chance; the "
        "others are worse by their 95% intervals over replicates, which stand in brackets as distances from the "
        "first, and hold for all policies of a figure together."
    )
    blocks: list[Block] = [Prose(said), Table("Policies at the end", ["Figure", "Best", "All"], body)]
    return [Section("ranks", "Which policy ends best", blocks)]


def _ranked(row: Document) -> str:
    beside = table(row, "beside_best")
    change = _difference(beside) if beside else ""
    return f"{name_of(row, 'label')} {THIN.figure(number(row.get('value')), 3)}" + (
        f" ({change})" if change else ""
    )


def _difference(change: Document) -> str:
    low, high = (number(change.get(key)) for key in ("low", "high"))
    if low is None or high is None:
        return ""
    if text(change.get("kind")) == "ratio":
        return f"{THIN.figure(low, 3)} to {THIN.figure(high, 3)} times the best"
    return f"{_signed(low)} to {_signed(high)}"


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + THIN.figure(value, 3)


# --- curves ----------------------------------------------------------------------------------------


def _drawn_figures(document: Document) -> list[list[Block]]:
    """The picture of each figure under its heading; those that no curve has are left out."""
    curves = rows(document.get("curves"))
    shown, more = first(curves, _MOST_LINES, "curve")
    found = []
    for place, figure in enumerate(rows(document.get("figures"))):
        picture = _picture(figure, shown, place)
        if picture is not None:
            found.append([Heading(_title(figure)), *_warning(figure), picture, *more])
    return found


def _title(figure: Document) -> str:
    return text(figure.get("title"), name_of(figure, "name"))


def _warning(figure: Document) -> list[Block]:
    direction = text(figure.get("worse"))
    if direction:
        return []
    return [Prose("Neither direction is better: a change is an alarm, up or down.", "note")]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A figure's lines on their axes."""

    title: str
    lines: Sequence[svg.Trend]
    across: svg.Axis
    upward: svg.Axis
    is_log: bool  # whether medians are drawn

    def draw(self, frame: svg.Frame) -> Markup:
        return svg.trends(frame, self.lines, across=self.across, upward=self.upward)

    @property
    def has_band(self) -> bool:
        return any(line.band for line in self.lines)

    @property
    def has_theory(self) -> bool:
        return any(line.theory for line in self.lines)

    @property
    def words(self) -> str:
        names = ", ".join(line.label for line in self.lines)
        return f"{self.title}, by {self.across.label}: {names}."


def _drawing(figure: Document, curves: Sequence[Document]) -> _Drawing | None:
    name, is_log = text(figure.get("name")), figure.get("log") is True
    found = [
        _trend(curve, table(curve, "figures", name), is_log=is_log, place=at)
        for at, curve in enumerate(curves)
    ]
    lines = [line for line in found if line.points]
    if not lines:
        return None
    axis, heights = _axis_of(curves), [y for line in lines for y in svg.heights(line)]
    return _Drawing(
        title=_title(figure),
        lines=lines,
        across=svg.Axis(
            axis,
            is_log=_is_long([x for line in lines for x, _ in line.points], axis),
            is_whole=axis == "generation",
        ),
        upward=svg.Axis(
            text(figure.get("unit")), is_log and min(heights) > 0 and max(heights) > 10 * min(heights)
        ),
        is_log=is_log,
    )


def _picture(figure: Document, curves: Sequence[Document], place: int) -> Picture | None:
    drawing = _drawing(figure, curves)
    if drawing is None:
        return None
    pictures = drawn(
        f"curve-{place}",
        drawing.title,
        f"{drawing.words} The table has every value that is drawn.",
        drawing.draw,
    )
    keys = [Key(f"trend {line.style}", line.label) for line in drawing.lines]
    if drawing.has_band:
        keys.append(Key("k-band", _BAND))
    if drawing.has_theory:
        keys.append(Key("k-theory", "theory of the mean" if drawing.is_log else "theory"))
    middle = (
        "Median over replicates, which a few runs cannot carry" if drawing.is_log else "Mean over replicates"
    )
    caption = f"{middle if drawing.has_band else 'One run'}, by {drawing.across.label}."
    data = _data(drawing.title, text(figure.get("name")), curves, is_log=drawing.is_log)
    return Picture(caption, *pictures, data, keys)


_BAND = "5% to 95% of replicates"


def run_pictures(document: Document) -> dict[str, str]:
    """Each figure of a run as an SVG file of its own, by the figure's name."""
    document = visible_tree(document)
    curves = rows(document.get("curves"))[:_MOST_LINES]
    found = {}
    for figure in rows(document.get("figures")):
        drawing = _drawing(figure, curves)
        if drawing is not None:
            frame = svg.Frame("picture", drawing.title, drawing.words, svg.WIDE)
            found[text(figure.get("name"))] = svg.standalone(
                drawing.draw(frame), drawing.title, note=_note(drawing)
            )
    return found


def _note(drawing: _Drawing) -> str:
    middle = "median" if drawing.is_log else "mean"
    parts = [f"line: {middle} over replicates", f"band: {_BAND}"] if drawing.has_band else []
    parts += [f"dashed: theory{' of the mean' if drawing.is_log else ''}"] if drawing.has_theory else []
    return "; ".join(parts)


def _axis_of(curves: Sequence[Document]) -> str:
    return one_line(text(curves[0].get("axis"), "generation"), 60) if curves else "generation"


def _is_long(values: Sequence[float], axis: str) -> bool:
    return axis != "generation" and min(values) > 0 and max(values) > _LONG * min(values)


def _trend(curve: Document, values: Document, *, is_log: bool, place: int) -> svg.Trend:
    points = _floats(curve.get("points"))
    middle, low, high, theory = (
        _floats(values.get(key)) for key in ("median" if is_log else "mean", "low", "high", "theory")
    )
    return svg.Trend(
        style=f"line-{place + 1}",
        label=name_of(curve, "label"),
        points=[(x, y) for x, y in zip(points, middle, strict=False) if x is not None and y is not None],
        band=[
            (x, a, b)
            for x, a, b in zip(points, low, high, strict=False)
            if x is not None and a is not None and b is not None
        ],
        theory=[(x, y) for x, y in zip(points, theory, strict=False) if x is not None and y is not None],
    )


def _floats(value: Any) -> list[float | None]:
    return [number(item) for item in value] if isinstance(value, list) else []


def _data(title: str, name: str, curves: Sequence[Document], *, is_log: bool) -> Table:
    axis = _axis_of(curves)
    body = []
    for curve in curves:
        values = table(curve, "figures", name)
        columns = [_floats(values.get(key)) for key in _KEYS]
        points = _floats(curve.get("points"))
        for at in _chosen(len(points)):
            told = [column[at] if at < len(column) else None for column in columns]
            if told[0] is not None or told[3] is not None:
                body.append([name_of(curve, "label"), THIN.figure(points[at]), *_cells(told, is_log=is_log)])
    head = [
        "Curve",
        axis.capitalize(),
        "Mean (5\u201395%)",
        *(["Median", "Log-mean"] if is_log else []),
        "Theory",
    ]
    numeric = frozenset(range(1, len(head)))
    return Table(title, head, body, numeric, data_summary(len(body), "row"))


_KEYS = ("mean", "low", "high", "median", "log_mean", "theory")


def _cells(told: Sequence[float | None], *, is_log: bool) -> list[str]:
    mean, low, high, median, log_mean, theory = told
    band = "" if low is None or high is None else f" ({THIN.figure(low)}\u2013{THIN.figure(high)})"
    cells = [THIN.figure(mean) + band]
    if is_log:
        cells += [THIN.figure(median), THIN.figure(log_mean)]
    return [*cells, "" if theory is None else THIN.figure(theory)]


def _chosen(points: int) -> list[int]:
    """All points, or as many as a table has room for, the first and last among them."""
    if points <= _MOST_POINTS:
        return list(range(points))
    return sorted({round(at * (points - 1) / (_MOST_POINTS - 1)) for at in range(_MOST_POINTS)})


# --- what models wrote -----------------------------------------------------------------------------


def _samples_sections(document: Document) -> list[Section]:
    shown = [curve for curve in rows(document.get("curves")) if texts(curve.get("excerpts"))]
    if not shown:
        return []
    blocks: list[Block] = [
        Prose("A photocopy of a photocopy: the same place of each generation's training set.")
    ]
    for curve in shown[:_MOST_LINES]:
        excerpts = texts(curve.get("excerpts"))
        made = list(zip(_floats(curve.get("points")), excerpts, strict=False))
        axis = _axis_of([curve]).capitalize()
        pieces = [
            (f"{axis} {THIN.figure(made[at][0])}", clip(made[at][1], _EXCERPT)) for at in _spread(len(made))
        ]
        is_drawing = not any(letter.isalpha() for piece in excerpts for letter in piece)
        blocks += [Heading(name_of(curve, "label")), Strip(name_of(curve, "label"), pieces, is_drawing)]
    return [Section("samples", "What the models made", blocks)]


def _spread(points: int) -> list[int]:
    """The first places, where most happens, then wider apart, and the last."""
    steps = [0, 1, 2, 5, 10, 20, 50, 100]
    chosen = [at for at in steps if at < points - 1][: _MOST_EXCERPTS - 1]
    return [*chosen, points - 1] if points else []


# --- method ----------------------------------------------------------------------------------------


def _method_section(document: Document) -> list[Block]:
    experiment, plan, run = (table(document, key) for key in ("experiment", "plan", "run"))
    facts = [
        ("Experiment", name_of(experiment, "name")),
        ("Paper", text(experiment.get("paper"))),
        ("Regime", text(experiment.get("regime"))),
        (
            "Runs",
            ", ".join(
                f"{name_of(row, 'name')} ({name_of(row, 'folder')})" for row in rows(document.get("runs"))
            ),
        ),
        ("Seed", THIN.count(integer(plan.get("seed"))) if plan else ""),
        ("Settings", ", ".join(f"{name}={value}" for name, value in table(plan, "settings").items())),
        *_corpus_facts(table(plan, "corpus")),
        ("Version", text(document.get("version"))),
        ("Schema", text(document.get("schema"))),
        ("Started", text(run.get("started"))),
        ("Time", THIN.seconds(number(run.get("seconds")) or 0.0) if run else ""),
    ]
    return [
        *(Prose(words, "note") for words in _METHOD),
        Facts([(name, one_line(value, 400)) for name, value in facts if value]),
    ]


_METHOD = (
    (
        "Generation 0 is trained on people's data alone; each later one on what the policy makes of the model before "
        "it. Policies of one seed begin with the same data, so that differences between them are paired by replicate."
    ),
    "Where theory has a closed form of a figure's mean, it is dashed.",
)


def _corpus_facts(corpus: Document) -> list[tuple[str, str]]:
    if not corpus:
        return []
    sizes = (
        f"{THIN.of(integer(corpus.get('documents')), 'document')}, {THIN.of(integer(corpus.get('words')), 'word')} to "
        f"train on, {THIN.of(integer(corpus.get('held_out_words')), 'word')} held out"
    )
    return [("Corpus", ", ".join(texts(corpus.get("names")))), ("Its size", sizes)]


# --- terminal --------------------------------------------------------------------------------------


def run_lines(document: Document) -> list[str]:
    """A run as plain lines, one fact each: for logs, pipes and CI. No line holds a line feed."""
    document = visible_tree(document)
    reading = table(document, "reading")
    lines = [text(reading.get("headline"), "Nothing was measured.")]
    lines += [f"{name_of(row, 'label')}: {_told(row)}" for row in rows(reading.get("policies"))]
    lines += _best_lines(document)
    return [one_line(line, 600) for line in [*lines, *texts(reading.get("notes"))]]


def _told(row: Document) -> str:
    verdict, said = text(row.get("verdict")), text(row.get("sentence"))
    return f"{verdict}. {said}" if verdict else said


def _best_lines(document: Document) -> list[str]:
    """Which policies end best by the figures that tell most."""
    titles, named = _titles(document), _named(document)
    return [
        f"best by {titles.get(figure, figure)}: {_first_of(texts(rank.get('best')), len(rows(rank.get('order'))))}"
        for rank in rows(table(document, "reading").get("ranks"))
        for figure in (text(rank.get("figure")),)
        if figure in named
    ]


def _named(document: Document) -> list[str]:
    """The figures that tell most of what became of models; none of curves along another axis."""
    told = rows(table(document, "reading").get("policies"))
    return texts(told[0].get("named")) if told else []


def _first_of(best: Sequence[str], all_: int) -> str:
    if len(best) == all_:
        return "no policy told from the others"
    return "; ".join(best)  # a policy may have commas


def print_run(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a run, or a comparison of runs; `paths` names the files that were written.

    A console that is no terminal gets `run_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*run_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    reading = table(document, "reading")
    console.print()
    console.print(Text(text(reading.get("headline"), "Nothing was measured."), style="bold"))
    console.print()
    console.print(_told_grid(document, console.width))
    lines = [*_best_lines(document), *texts(reading.get("notes"))]
    if lines:
        console.print()
    for line in lines:
        console.print(Text(line, style="dim"))
    print_paths(paths, console)


def _told_grid(document: Document, width: int) -> Grid:
    """From what to what each policy went; of curves along another axis, where they are best."""
    told, titles = rows(table(document, "reading").get("policies")), _titles(document)
    labels = max((len(name_of(row, "label")) for row in told), default=0)
    names = _named(document)[: max(1, (width - labels - _VERDICT) // _COLUMN)]
    grid = Grid(box=None, padding=(0, 2, 0, 0), show_edge=False, show_header=bool(names))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for name in names:
        grid.add_column(titles.get(name, name), header_style="dim", justify="right", min_width=_COLUMN - 2)
    for row in told:
        if names:
            verdict = text(row.get("verdict"))
            cells = [Text(_from_to(table(row, "changes", name))) for name in names]
            grid.add_row(Text(name_of(row, "label")), Text(verdict, _STYLES.get(verdict, "")), *cells)
        else:
            grid.add_row(Text(name_of(row, "label")), Text(text(row.get("sentence"))))
    return grid


def list_lines(document: Document) -> list[str]:
    """The experiments as plain lines."""
    return [
        f"{name_of(row, 'name')}: {text(row.get('title'))} ({_provenance(row)})"
        for row in _experiments(document)
    ]


def _experiments(document: Document) -> list[Document]:
    return rows(visible_tree(document).get("experiments"))


def _provenance(row: Document) -> str:
    needs = ", ".join(texts(row.get("needs")))
    parts = (text(row.get("paper")), text(row.get("regime")), needs and f"needs {needs}")
    return "; ".join(filter(None, parts))


def print_list(document: Document, console: Console) -> None:
    """Print the experiments that there are."""
    if not console.is_terminal:
        print_lines(list_lines(document), console)
        return
    grid = Grid(box=None, padding=(0, 2, 0, 0), show_edge=False)
    for name in ("experiment", "what", "paper", "regime", "needs"):
        grid.add_column(name, header_style="dim", overflow="fold")
    for row in _experiments(document):
        cells = (name_of(row, "name"), *(text(row.get(key)) for key in ("title", "paper", "regime")))
        grid.add_row(*(Text(cell) for cell in (*cells, ", ".join(texts(row.get("needs"))))))
    console.print(grid)
