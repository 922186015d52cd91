"""A forecast -> lines of text, and a page: what is left after generations, what holds it, and how far to trust that."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Facts, Heading, Key, Picture, Prose, Section, Table, first, none
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn
from wellkeeper.report.sections.method import run_facts, version_facts
from wellkeeper.report.story import Figure, joined
from wellkeeper.report.terminal import path_lines, print_lines, print_paths
from wellkeeper.report.visible import clip, one_line, visible_tree

Document = Mapping[str, Any]

_MOST_POLICIES = 8  # lines that can be told apart in one picture
_TITLES = {"lost_mass": "Share of the corpus' words lost", "nll": "Surprise at held-out human text"}
_HOW = {
    "law": "by the law, for an ideal model",
    "kernel": "foretold from two generations of the proxy",
    "run": "measured on the proxy",
}


def render_forecast(document: Document) -> str:
    """The page of a document of schema `wellkeeper.forecast/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    chapter = Chapter("", "", _glance(document, THIN), _sections(document))
    return page(
        title="What would generations of model output do?",
        headline=forecast_headline(document, THIN),
        lead=_fresh_sentence(document),
        chapters=[chapter],
    )


def forecast_lines(document: Document) -> list[str]:
    """The forecast as plain lines, one fact each: for logs, pipes and CI. No line holds a line feed."""
    document = visible_tree(document)
    lines = [forecast_headline(document, COMMA), f"Read: {_read(document, COMMA)}"]
    lines += [_told_line(*told) for told in _told(document, COMMA)]
    return [*lines, _fresh_sentence(document), *_caveats(document)]


def print_forecast(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a forecast; `paths` names the files that were written.

    A console that is no terminal gets `forecast_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*forecast_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    console.print(Text(forecast_headline(document, COMMA), style="bold"))
    console.print(Text(_read(document, COMMA), style="dim"))
    console.print()
    grid = Grid.grid(padding=(0, 2))
    told = list(_told(document, COMMA))
    heads = ("", "Words lost, by use", "Surprise, nats a word", "At best like")
    columns = [place for place in range(len(heads)) if any(row[place] for row in told)]
    grid.add_row(*(Text(heads[place], style="dim") for place in columns))
    for row in told:
        grid.add_row(*(Text(row[place], style="" if place else "bold") for place in columns))
    console.print(grid)
    console.print()
    console.print(Text(_fresh_sentence(document)))
    for sentence in _caveats(document):
        console.print(Text(sentence, style="dim"))
    print_paths(paths, console)


# --- sentences ---------------------------------------------------------------------------------------


def forecast_headline(document: Document, numbers: Numbers) -> str:
    """The forecast in one sentence: what the best and the worst policy lose."""
    ranked = _ranking(document, "lost_mass")
    after = f"After {numbers.of(integer(document.get('generations')), 'generation')}"
    if not ranked:
        return f"{after}, no policy could be forecast."
    best, worst = ranked[0], ranked[-1]
    least = "at least " if not table(document, "proxy") else ""
    said = f"{after}, {_policy(worst)} has lost {least}{_share(worst, numbers)} of the corpus' words by use"
    if best is worst:
        return f"{said}."
    return f"{said}; {_policy(best)}, {_share(best, numbers)}."


def _ranking(document: Document, figure: str) -> list[Document]:
    return [
        row
        for ranking in rows(document.get("ranking"))
        if text(ranking.get("figure")) == figure
        for row in rows(ranking.get("policies"))
    ]


def _policy(row: Document) -> str:
    return one_line(text(row.get("policy"), "(unnamed)"), 60)


def _share(row: Document, numbers: Numbers) -> str:
    found = number(row.get("estimate"))
    return "an unknown share" if found is None else "none" if found == 0 else numbers.percent(found)


def _fresh_sentence(document: Document) -> str:
    fresh = table(document, "fresh_share")
    keep, share = number(fresh.get("keep")), number(fresh.get("share"))
    if keep is None or share is None:
        return ""
    return (
        f"To keep {COMMA.percent(keep)} of the effective sample size for ever, at least {COMMA.percent(share)} of each "
        "training set has to be human text that no earlier one had. That is for an ideal model; real ones lose rare "
        "words sooner."
    )


def _read(document: Document, numbers: Numbers) -> str:
    human, inputs = table(document, "human"), table(document, "inputs")
    documents, words = integer(human.get("documents")), integer(human.get("words"))
    said = f"{numbers.of(documents, 'document')}, {numbers.of(words, 'word')}"
    left = integer(human.get("left_out"))
    if left:
        said += f"; {numbers.of(left, 'document')} made by models or programs left out"
    share = number(human.get("share"))
    if share is not None and share < 1:
        said += f", taken to be human by {numbers.percent(share)}"
    proxy = table(document, "proxy")
    if proxy:
        said += f"; {_proxy_name(proxy)} learned from {numbers.of(integer(proxy.get('words')), 'word')}"
    return said if inputs else "nothing"


_PROXIES = {
    "ngram": "3-gram models",
    "transformer": "small transformers",
    "smollm2": "fine-tunes of your model",
    "own": "your own model",
}


def _proxy_name(proxy: Document) -> str:
    name = text(proxy.get("name"))
    return _PROXIES.get(name, one_line(name, 40) or "a proxy")


def _told(document: Document, numbers: Numbers) -> Iterator[tuple[str, str, str, str]]:
    """Of each policy at the last generation: its name, what is lost, its surprise, what the law says; empty if open."""
    for row in rows(document.get("policies")):
        lost = _last_of(table(row, "run").get("lost_mass"), document) or _last_of(
            table(row, "kernel").get("lost_mass"), document
        )
        surprise = _last_of(table(row, "run").get("nll"), document)
        law = rows(table(row, "law").get("generations"))
        yield (
            _policy(row),
            "" if lost is None else numbers.interval(lost),
            "" if surprise is None else numbers.nats(surprise),
            _law_words(law[-1], row, numbers) if law else "",
        )


def _law_words(last: Document, row: Document, numbers: Numbers) -> str:
    documents = numbers.of(integer(table(row, "law", "sample").get("documents")), "document")
    return (
        f"{numbers.percent(number(last.get('share')) or 0.0)} of the text: "
        f"{numbers.count(number(last.get('documents')) or 0.0)} of {documents}"
    )


def _told_line(policy: str, lost: str, surprise: str, law: str) -> str:
    said = [f"lost {lost} of words by use"] if lost else []
    said += [f"surprise {surprise}"] if surprise else []
    said.append(f"at best like {law}" if law else "no closed form")
    return f"{policy}: {'; '.join(said)}"


def _last_of(value: Any, document: Document) -> Interval | None:
    """The figure of the last generation, where it is told that far."""
    found = rows(value)
    if not found or integer(found[-1].get("generation")) != integer(document.get("generations")):
        return None
    return interval(found[-1])


def _caveats(document: Document) -> list[str]:
    """What the figures are, and what they cannot know."""
    proxy = table(document, "proxy")
    if not proxy:
        return [_BOUND]
    regime = one_line(text(proxy.get("regime"), "from scratch"), 40)
    said = (
        f"Measured on {_proxy_name(proxy)}, {regime}: trust the order of the policies more than the figures."
    )
    return [f"{said} Whether they carry over to models of a billion parameters is not tested."]


_BOUND = (
    "A bound: an ideal model that gives back what it saw as often as it saw it, and makes nothing up. Real models "
    "lose rare words sooner; tier 1 measures how much on n-gram models of this corpus."
)


# --- the page ----------------------------------------------------------------------------------------


def _glance(document: Document, numbers: Numbers) -> list[Figure]:
    human, proxy = table(document, "human"), table(document, "proxy")
    found = [
        Figure(
            "Human text",
            numbers.of(integer(human.get("words")), "word"),
            numbers.of(integer(human.get("documents")), "document"),
        )
    ]
    fresh = table(document, "fresh_share")
    keep, share = number(fresh.get("keep")), number(fresh.get("share"))
    if keep is not None and share is not None:
        found.append(
            Figure(
                "Fresh human text needed", numbers.percent(share), f"to keep {numbers.percent(keep)} of n_eff"
            )
        )
    if proxy:
        words = numbers.of(integer(proxy.get("words")), "word")
        found.append(Figure("Proxy", _proxy_name(proxy), f"first trained on {words}"))
    return found


def _sections(document: Document) -> list[Section]:
    return [
        Section("policies", "What each policy keeps", _policies_section(document)),
        Section("ranking", "Which policy keeps most", _ranking_section(document)),
        Section("law", "The bound: effective sample size", _law_section(document)),
        *(
            [Section("kernel", "Foretold and measured", _kernel_section(document))]
            if document.get("proxy")
            else []
        ),
        Section("trust", "How far to trust this", _trust_section(document)),
        Section("method", "How this was measured", _method_section(document)),
    ]


def _policies_section(document: Document) -> list[Block]:
    shown, more = first(rows(document.get("policies")), _MOST_POLICIES, "policy")
    if not shown:
        return [none("No policy was forecast.")]
    blocks: list[Block] = [Prose(f"{_READING} {_SURPRISE}" if table(document, "proxy") else _READING)]
    for figure, title, label in _PICTURES:
        blocks += _picture(shown, figure, title, label)
    said = [[_policy(row), _what_it_is(text(row.get("policy")))] for row in shown]
    return [*blocks, *more, Table("What the policies are", ["Policy", "Each generation is trained on"], said)]


_READING = (
    "A corpus loses its rare words first. Lost mass is the share of the corpus' text that is of words which a later "
    "training set no longer has; what a model does not see it cannot learn."
)
_SURPRISE = "Surprise is how unlikely text of people is that no model was trained on."
_PICTURES = (
    ("lost_mass", "Words lost by use", "share of the corpus lost"),
    ("types", "Distinct words left", "distinct words of the corpus"),
    ("nll", "Surprise at held-out human text", "nats a word"),
)


def _picture(policies: Sequence[Document], figure: str, title: str, label: str) -> list[Block]:
    """Every policy's line: as it was measured, else as foretold, else by the law."""
    lines = []
    body = []
    for place, row in enumerate(policies):
        points = _points(row, figure)
        if not points:
            continue
        lines.append(
            svg.Trend(
                f"line-{place + 1}",
                _policy(row),
                [(at, found.estimate or 0.0) for at, found in points],
                _band(points),
            )
        )
        body += [[_policy(row), THIN.count(at), _written(figure, found)] for at, found in points]
    if not lines:
        return []
    pictures = drawn(
        f"policies-{figure}",
        title,
        f"{title}, generation by generation, a line for each policy. The table has every value.",
        lambda frame: svg.trends(frame, lines, across=svg.Axis("generation"), upward=svg.Axis(label)),
    )
    keys = [Key(f"trend {line.style}", line.label) for line in lines]
    data = Table(
        title, ["Policy", "Generation", label], body, frozenset({1, 2}), data_summary(len(body), "point")
    )
    return [Heading(title), Picture(f"{title}, generation by generation.", *pictures, data, keys)]


def _band(points: Sequence[tuple[int, Interval]]) -> list[tuple[float, float, float]]:
    return [
        (at, found.low, found.high)
        for at, found in points
        if found.low is not None and found.high is not None
    ]


def _points(row: Document, figure: str) -> list[tuple[int, Interval]]:
    for how in ("run", "kernel"):
        found = _series(table(row, how).get(figure))
        if found and (how == "kernel" or len(found) > 3 or not table(row, "kernel")):
            return found
    return _series(table(row, "law").get("generations"), figure)


def _series(value: Any, key: str | None = None) -> list[tuple[int, Interval]]:
    found = []
    for row in rows(value):
        if key is not None:
            estimate = number(row.get(key))
            shown = None if estimate is None else Interval(estimate, None, None)
        else:
            shown = interval(row)
        if shown is not None and shown.estimate is not None:
            found.append((integer(row.get("generation")), shown))
    return found


def _written(figure: str, found: Interval) -> str:
    if found.low is None:
        return (
            THIN.percent(found.estimate or 0.0)
            if figure == "lost_mass"
            else THIN.count(found.estimate or 0.0)
        )
    return {"lost_mass": THIN.interval, "nll": THIN.nats}.get(figure, THIN.quantity)(found)


_WORDS_OF = (
    ("accumulate", "all that came before, and the last model's output"),
    ("subsample", "as much as at first, drawn from all that came before"),
    ("augment=", "all of the corpus, and the last model's output"),
    ("fixed=", "the last model's output, with the same part of the corpus each time"),
    ("fresh=", "the last model's output, with human text that no earlier set had"),
    ("schedule=", "the last model's output and fresh human text, in shares that change"),
)


def _what_it_is(policy: str) -> str:
    said = [words for word, words in _WORDS_OF if any(part.startswith(word) for part in policy.split(","))]
    return joined(said) if said else "the last model's output alone"


def _ranking_section(document: Document) -> list[Block]:
    blocks: list[Block] = []
    for ranking in rows(document.get("ranking")):
        figure = text(ranking.get("figure"))
        body = [
            [
                _policy(row),
                _written(figure, shown) if (shown := interval(row)) else "",
                joined(texts(row.get("not_told_from"))),
            ]
            for row in rows(ranking.get("policies"))
        ]
        if not body:
            continue
        how = _HOW.get(text(ranking.get("by")), "")
        head = ["Policy", "At the last generation", "Not told apart from"]
        blocks += [
            Heading(_TITLES.get(figure, figure)),
            Table(f"{_TITLES.get(figure, figure)}, least first, {how}", head, body, frozenset({1})),
        ]
        left = texts(ranking.get("not_ranked"))
        if left:
            blocks.append(Prose(f"Not ranked, since nothing tells: {joined(left)}.", "note"))
    return blocks or [none("No policy could be ranked.")]


def _law_section(document: Document) -> list[Block]:
    told = [row for row in rows(document.get("policies")) if table(row, "law")]
    open_ones = [_policy(row) for row in rows(document.get("policies")) if not table(row, "law")]
    blocks: list[Block] = [Prose(_LAW), Prose(_fresh_sentence(document))]
    body = [
        [
            _policy(row),
            THIN.count(integer(found.get("generation"))),
            THIN.percent(number(found.get("share")) or 0.0),
            THIN.count(number(found.get("n_eff")) or 0.0),
            THIN.count(number(found.get("documents")) or 0.0),
            THIN.count(number(found.get("types")) or 0.0),
            THIN.percent(number(found.get("lost_mass")) or 0.0),
        ]
        for row in told
        for found in _few(rows(table(row, "law").get("generations")))
    ]
    if body:
        head = [
            "Policy",
            "Generation",
            "n_eff / n",
            "n_eff, words",
            "Like documents",
            "Words left",
            "Lost by use",
        ]
        sample = table(told[0], "law", "sample")
        caption = (
            f"What an ideal model keeps of {THIN.of(integer(sample.get('documents')), 'document')} with "
            f"{THIN.of(integer(sample.get('types')), 'distinct word')}"
        )
        blocks.append(Table(caption, head, body, frozenset(range(1, len(head)))))
    limits = [
        [_policy(row), THIN.percent(found)] for row in told if (found := number(row.get("limit"))) is not None
    ]
    if limits:
        blocks.append(
            Table("After ever so many generations", ["Policy", "n_eff / n"], limits, frozenset({1}))
        )
    if open_ones:
        blocks.append(Prose(f"No closed form is known for {joined(open_ones)}.", "note"))
    return blocks


_LAW = (
    "An ideal model gives back what it saw as often as it saw it, makes nothing up, and still loses what it does "
    "not happen to draw. After some generations its training set covers the tail as a smaller fresh sample of "
    "people's text would: n_eff words of the n that there were. The table reads that size on this corpus' own "
    "words; documents are how many of its own hold as many distinct words. Models do no better that make nothing "
    "up."
)


def _few(found: Sequence[Document]) -> list[Document]:
    """Generations 1, 2, 5, 10, ... and the last."""
    last = len(found) - 1
    return [row for place, row in enumerate(found) if place in {1, 2, 5, 10, 20, 50, 100, last}]


def _kernel_section(document: Document) -> list[Block]:
    tables = [
        _beside(document, figure, name)
        for figure, name in (("types", "Words left"), ("lost_mass", "Words lost, by use"))
    ]
    found = [block for block in tables if block.rows]
    if not found:
        return [none("No policy has a kernel that was iterated.")]
    return [Prose(_KERNEL), *found, Prose(_COME_BACK), *_reproduction(document)]


def _beside(document: Document, figure: str, name: str) -> Table:
    """What was foretold of a figure, beside what an ideal model keeps and what was measured."""
    body = []
    for row in rows(document.get("policies")):
        kernel = table(row, "kernel")
        can_lose = bool(rows(kernel.get("reproduction")))
        foretold = _series(kernel.get(figure)) if can_lose else []
        measured = dict(_series(table(row, "run").get(figure)))
        ideal = dict(_series(row.get("bound"), figure))
        for at, found in foretold:
            if at in {1, 2, 5, 10, foretold[-1][0]}:
                before, after = (
                    _written(figure, beside[at]) if at in beside else "" for beside in (ideal, measured)
                )
                body.append([_policy(row), THIN.count(at), before, _written(figure, found), after])
    head = ["Policy", "Generation", "Ideal model", "Foretold (90% of runs)", "Measured (range of runs)"]
    return Table(name, head, body, frozenset({1, 2, 3, 4}))


_KERNEL = (
    "Of each word that comes so often now, how often does it come next? That is measured on the first two "
    "generations and iterated to the last, with the drift it showed. Where the proxy was trained to the last "
    "generation, what it became stands beside: how near the two are says how far to trust the first where only "
    "two generations can be afforded."
)


_COME_BACK = (
    "A model that smooths may keep more words than an ideal one: it brings lost ones back at random, out of all that "
    "it knows to exist. That is noise and no knowledge of them, and shows in the surprise at human text."
)


def _reproduction(document: Document) -> list[Block]:
    body = [
        [
            _policy(row),
            THIN.count(integer(found.get("count"))),
            *(
                f"{value:.2f}" if (value := number(found.get(key))) is not None else ""
                for key in ("first", "second")
            ),
        ]
        for row in rows(document.get("policies"))
        for found in rows(table(row, "kernel").get("reproduction"))
    ]
    if not body:
        return []
    head = ["Policy", "Copies now", "From the corpus", "From generation 1"]
    summary = f"Copies in the next output for each copy now, {THIN.of(len(body), 'figure')}"
    return [Table("Reproduction of words", head, body, frozenset({1, 2, 3}), summary)]


_CANNOT = (
    (
        "Whether figures carry over from a small model to one of a billion parameters: not tested. Their order is the "
        "safer part."
    ),
    "Words are what is counted. Facts, styles and skills may be lost sooner.",
)
_REGIME = (
    "A pre-trained base that is fine-tuned holds much of the tail itself: measure the kernel on that model with tier 2 "
    "and --model."
)


_HELD = "bands held nine runs in ten of corpora that did not set them"
_NOT_HELD = "bands were set on n-gram models; a small transformer lost words more slowly than foretold"


def _trust_section(document: Document) -> list[Block]:
    proxy = table(document, "proxy")
    body = [
        [
            "n_eff, and what an ideal model keeps",
            "a bound, exact for unigram recursion",
            "for models that make nothing up",
        ],
    ]
    if proxy:
        name = _proxy_name(proxy)
        runs, calibrated = integer(proxy.get("runs")), integer(proxy.get("calibrated_on"))
        body.append(
            [
                "Foretold",
                f"two generations of {name}, {THIN.of(calibrated, 'run')}",
                f"the drift is taken to go on; {_HELD if text(proxy.get('name')) == 'ngram' else _NOT_HELD}",
            ]
        )
        if runs:
            body.append(
                ["Measured", f"{name} to the last generation, {THIN.of(runs, 'run')}", "of that model alone"]
            )
    regime = one_line(text(proxy.get("regime"), "from scratch"), 60)
    cannot = [*_CANNOT, f"This is the regime `{regime}`. {_REGIME}"]
    human = table(document, "human")
    if text(human.get("how")) != "given" and integer(human.get("unknown")):
        unknown = THIN.of(integer(human.get("unknown")), "document")
        cannot.append(f"Who wrote {unknown} of unknown origin: they count as human.")
    return [
        Table("What the figures are", ["Figure", "Is", "Mind"], body),
        Heading("What this cannot know"),
        *(Prose(sentence) for sentence in cannot),
    ]


def _method_section(document: Document) -> list[Block]:
    inputs, human = table(document, "inputs"), table(document, "human")
    facts = [
        *version_facts(document),
        ("Corpus", ", ".join(texts(inputs.get("names")))),
        ("Documents read", THIN.count(integer(inputs.get("documents")))),
        ("Documents that count as human", THIN.count(integer(human.get("documents")))),
        ("Known by", text(human.get("how"), "not recorded")),
    ]
    proxy = table(document, "proxy")
    if proxy:
        facts += [
            ("Held-out documents", THIN.count(integer(proxy.get("held_out_documents")))),
            ("First training set", THIN.of(integer(proxy.get("words")), "word")),
            ("Runs of two generations", THIN.count(integer(proxy.get("calibrated_on")))),
            ("Runs to the end", THIN.count(integer(proxy.get("runs")))),
        ]
    facts += run_facts(document, "started", "seconds", "seed")
    said = [[clip(line, 300)] for line in texts(inputs.get("columns"))]
    columns: list[Block] = [Table("Columns read", ["Choice"], said)] if said else []
    return [*columns, Facts([(name, one_line(value, 400)) for name, value in facts])]
