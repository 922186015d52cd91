"""A watch -> pages: whether a version got worse and since when, the evidence week by week, and what was answered.

The same page stands alone as a file, which loads nothing and runs nothing, or is shown by a server, which has a page
for each week too. Pages draw a document of schema `wellkeeper.watch/1` and compute nothing.
"""

from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from typing import Any

from wellkeeper.report import watch_pictures as draw
from wellkeeper.report.blocks import (
    Block,
    Facts,
    Heading,
    Key,
    Link,
    Panel,
    Panels,
    Picture,
    Prose,
    Section,
    Step,
    Table,
    Trail,
    none,
)
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import THIN
from wellkeeper.report.paired_outputs import counted, most_changed, paired
from wellkeeper.report.reading import Interval, integer, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn
from wellkeeper.report.sections.method import version_facts
from wellkeeper.report.shapes import Frame
from wellkeeper.report.story import Figure, joined
from wellkeeper.report.visible import one_line, visible_tree
from wellkeeper.report.watch_document import (
    NAME,
    REASONS,
    Links,
    Series,
    Watch,
    badge_of,
    level_of,
    rate_of,
    said_of,
    story_of,
    watch_of,
    weeks_of,
    written_bounds,
    written_evidence,
    written_points,
    written_share,
)
from wellkeeper.report.watch_pictures import Lane, Look

Document = Mapping[str, Any]

_SLICES = 12  # drawn; the table has all
_WEEKS = 12  # listed openly
_PAIRS = 6  # shown of a week
_LOOKS = 90  # in their table; the picture has all
_SPARK = 220  # pixels


def render_watch(
    document: Document, *, pairs: Mapping[int, Sequence[Document]] | None = None, links: Links | None = None
) -> str:
    """The page of a watch.

    Args:
        document: of schema `wellkeeper.watch/1`; whatever it lacks, the page says so.
        pairs: of some weeks, what both versions answered, as `PairedOutput` has it; the most changed ones are shown.
        links: of a page that is served; None: a file that stands alone.
    """
    document = visible_tree(document)
    watch = watch_of(document, links)
    return page(
        title=one_line(text(document.get("name"), "a watch"), NAME),
        headline=text(document.get("headline"), "Nothing is known yet.").replace(" -> ", " \u2192 "),
        lead=text(document.get("next_step")),
        chapters=[Chapter("", "", _glance(watch), _sections(watch, pairs or {}))],
        template="watch.html.j2",
        links=links,
        home=None,
        before=None,
        after=None,
        **badge_of(watch),
    )


def render_notice(title: str, said: str) -> str:
    """A page that says one thing, such as that there is no such week; it needs neither sheet nor script."""
    chapters = [Chapter("", "", [], [])]
    return page(title="watch", headline=title, lead=said, chapters=chapters, template="notice.html.j2")


@cache
def assets() -> Mapping[str, tuple[str, bytes]]:
    """What a served page loads: address -> media type and content."""
    folder = files("wellkeeper.report") / "templates"
    places = Links()
    sheets = [(folder / name).read_bytes() for name in ("style.css", "watch.css")]
    return {
        places.style: ("text/css; charset=utf-8", b"\n".join(sheets)),
        places.script: ("text/javascript; charset=utf-8", (folder / "watch.js").read_bytes()),
        places.icon: ("image/svg+xml", (folder / "icon.svg").read_bytes()),
    }


def weeks_to_look_at(document: Document) -> list[int]:
    """Weeks whose answers tell most: those in which a metric changed or an alarm was raised first, and the last one."""
    numbers = [integer(week.get("number")) for week in rows(document.get("weeks"))]
    found = set(numbers[-1:])
    for series in rows(document.get("series")):
        alarms = [
            integer(point.get("week")) for point in rows(series.get("points")) if point.get("alarm") is True
        ]
        found |= {*alarms[:1], integer(table(series, "change").get("week"))}
    return sorted(found & set(numbers))


def _glance(watch: Watch) -> list[Figure]:
    ranked = sorted(watch.series, key=lambda one: (one.verdict != "worse", -one.strength))
    worst = [series for series in ranked if series.verdict == "worse"]
    found = []
    if worst and worst[0].since is not None:
        since = worst[0].since
        found.append(
            Figure(
                "Judge changed" if worst[0].is_judge else "Worse since",
                since.label.removeprefix("since "),
                f"{worst[0].label}, {weeks_of(since)} with 95%",
            )
        )
    for series in ranked[: 3 if found else 4]:
        if series.last is not None:
            against = f"{watch.held_against(series)}: {THIN.percent(series.last.baseline)}"
            beneath = f"{written_bounds(series.last)}; {against}"
            found.append(Figure(f"{series.label}, last week", THIN.percent(series.last.value), beneath))
    horizon = integer(watch.document.get("horizon"))
    last = watch.calendar.dates[-1][1] if watch.calendar.dates else "none has run"
    found.append(
        Figure("Weeks", THIN.count(len(watch.weeks)), f"the last one of {last}" if watch.weeks else last)
    )
    found.append(
        Figure(
            "False alarms",
            f"\u2264 {rate_of(watch)}",
            f"of {THIN.of(horizon, 'week')} without a change, in all weeks together",
        )
    )
    return found


def _sections(watch: Watch, pairs: Mapping[int, Sequence[Document]]) -> list[Section]:
    metrics = [series for series in watch.series if not series.is_judge]
    judges = [series for series in watch.series if series.is_judge]
    sections = [Section("glance", "At a glance", _glance_section(watch))]
    sections += [
        Section(f"metric-{place}", series.label, _metric(watch, series, f"metric-{place}"))
        for place, series in enumerate(metrics)
    ]
    sections += [
        Section(f"judge-{place}", "The judge", [Prose(_JUDGE), *_metric(watch, series, f"judge-{place}")])
        for place, series in enumerate(judges)
    ]
    if watch.slices:
        sections.append(Section("slices", "Slices", _slices(watch)))
    looks = rows(watch.document.get("fingerprints"))
    if looks:
        sections.append(Section("fingerprints", "First tokens, day by day", _fingerprints(looks)))
    if any(pairs.values()):
        sections.append(Section("answers", "What was answered", _drilled(watch, pairs)))
    sections.append(Section("weeks", "All weeks", _weeks(watch)))
    sections.append(Section("method", "How this is measured", _method(watch)))
    return sections


_JUDGE = (
    "Answers are scored by a judge, a model too. Every week it judges answers that people have labelled; where it "
    "agrees with them less than at first, the judge changed, and scores say nothing about the watched version."
)
_LANES = (
    "A lane fills, week by week, as evidence grows that the metric got worse; full to the dashed line, it is an "
    "alarm."
)
_BRACKET = " The bracket beneath a lane is when it began."


def _glance_section(watch: Watch) -> list[Block]:
    if not watch.weeks or not watch.series:
        return [none("No week has run yet.")]
    lanes = [
        Lane(
            label=series.label,
            said=said_of(series),
            is_worse=series.verdict == "worse",
            moments=series.moments,
            threshold=series.threshold,
            since=series.since,
        )
        for series in watch.series
        if series.is_tested
    ]
    pictures = drawn(
        "lanes",
        "Evidence by metric and week",
        "; ".join(f"{lane.label}: {lane.said}" for lane in lanes)
        + ". The table has the evidence of the last week.",
        lambda frame: draw.overview(frame, lanes, watch.calendar),
    )
    has_begun = any(lane.since for lane in lanes)
    keys = [Key("k-evidence", "evidence"), Key("k-alarm", "alarm")]
    keys += [Key("k-since", "when it began, 95%")] if has_begun else []
    keys += [Key("k-version", "new version")] if watch.calendar.versions else []
    body = [
        [
            series.label,
            said_of(series).removeprefix("\u25bc "),
            written_evidence(series.last.evidence) if series.last and series.is_tested else "",
            written_evidence(series.threshold) if series.is_tested else "",
            str(series.alarm_week or ""),
            "" if series.since is None else f"{series.since.week} ({weeks_of(series.since)})",
        ]
        for series in watch.series
    ]
    data = Table(
        "Each metric after the last week",
        ["Metric", "Verdict", "Evidence", "Alarm above", "First alarm, week", "Began, week"],
        body,
        frozenset({2, 3, 4}),
        data_summary(len(body), "metric"),
    )
    blocks: list[Block] = [Picture(_LANES + (_BRACKET if has_begun else ""), *pictures, data, keys)]
    if watch.links is not None:
        blocks += [
            Heading("Each week" if watch.is_corpus else "The answers of each week"),
            _trail(watch, watch.links),
        ]
    blocks += [Prose(one_line(note, 400), "note") for note in texts(watch.document.get("notes"))]
    return blocks


def _trail(watch: Watch, links: Links) -> Trail:
    steps = []
    for week, date in watch.calendar.dates:
        alarmed = [series.label for series in watch.series if series.alarm_by(week)]
        state = f"alarm: {joined(alarmed)}" if alarmed else "no alarm"
        steps.append(
            Step(week, links.week.format(week), f"Week {week}, {date}: {state}", "alarm" if alarmed else "")
        )
    return Trail("Weeks by number", steps)


def _metric(watch: Watch, series: Series, identity: str) -> list[Block]:
    blocks: list[Block] = [Prose(story_of(series, level_of(watch)))]
    if not series.moments:
        return blocks
    margin = number(watch.document.get("margin")) or 0.0
    has_loss = any(moment.drop is not None for moment in series.moments)
    sense = "higher is worse" if series.is_higher_worse else "lower is worse"
    picture = partial(
        draw.monitored,
        moments=series.moments,
        calendar=watch.calendar,
        threshold=series.threshold if series.is_tested else None,
        since=series.since,
        value_label=f"{series.label}, {sense}",
        drop_label="Mean loss over all weeks so far; above 0% is worse",
        evidence_label="Evidence that it got worse",
        margin=margin if text(watch.document.get("design")) == "stored" else 0.0,
    )
    pictures = drawn(
        identity,
        f"{series.label} by week",
        f"{story_of(series, level_of(watch))} The table has every figure that is drawn.",
        picture,
    )
    keys = [
        Key(
            "k-point", f"{'the snapshot' if watch.is_corpus else 'the watched version'}, with its week's 95%"
        ),
        Key("k-reference", f"held against: {watch.held_against(series)}"),
    ]
    keys += [Key("k-sure", "bounds of the loss, true in all weeks at once")] if has_loss else []
    keys += [Key("k-since-span", "when it began, 95%")] if series.since is not None else []
    keys += [Key("k-version", "new version")] if watch.calendar.versions else []
    caption = "Each week's figure" + (", what all weeks together say" if has_loss else "")
    caption += ", and the evidence against its limit." if series.is_tested else "."
    return [*blocks, Picture(caption, *pictures, _points_table(watch, series), keys)]


def _points_table(watch: Watch, series: Series) -> Table:
    dates = dict(watch.calendar.dates)
    body = [
        [
            _week_link(watch, moment.week),
            dates[moment.week],
            written_share(Interval(moment.value, moment.low, moment.high)),
            THIN.percent(moment.baseline),
            "" if moment.drop is None else "{1} ({0} to {2})".format(*map(written_points, moment.drop)),
            written_evidence(moment.evidence) if series.is_tested else "",
            "alarm" if moment.alarm else "",
        ]
        for moment in series.moments
    ]
    head = ["Week", "Date", series.label, "Held against", "Loss so far, points", "Evidence", ""]
    return Table(series.label, head, body, frozenset({0, 2, 3, 4, 5}), data_summary(len(body), "week"))


def _week_link(watch: Watch, week: int) -> Link | str:
    return str(week) if watch.links is None else Link(str(week), watch.links.week.format(week))


def _slices(watch: Watch) -> list[Block]:
    drawable = [series for series in watch.slices if series.moments]
    shown = drawable[:_SLICES]
    worse = [series for series in watch.slices if series.verdict == "worse"]
    named = joined([f"{series.label} of {series.part}" for series in worse[:3]])
    more = f" and {THIN.of(len(worse) - 3, 'more')}" if len(worse) > 3 else ""
    found = f"Worse: {named}{more}." if worse else "No slice is worse."
    blocks: list[Block] = [
        Prose(
            f"{found} Slices raise no alarm. Of those that are called worse, a share of {rate_of(watch)} "
            "at most is so by chance, on average. Sorted by evidence."
        )
    ]
    if shown:
        blocks.append(
            Panels("Slices by evidence", [_panel(series, place) for place, series in enumerate(shown)])
        )
    body = [
        [
            series.part,
            series.label,
            ""
            if series.last is None
            else written_share(Interval(series.last.value, series.last.low, series.last.high)),
            "" if series.last is None else THIN.percent(series.last.baseline),
            "" if series.last is None else written_evidence(series.last.evidence),
            said_of(series).removeprefix("\u25bc "),
        ]
        for series in watch.slices
    ]
    head = ["Slice", "Metric", "Last week", "Held against", "Evidence", "Verdict"]
    blocks.append(
        Table("Slices by evidence", head, body, frozenset({2, 3, 4}), data_summary(len(body), "slice"))
    )
    return blocks


def _panel(series: Series, place: int) -> Panel:
    assert series.last is not None
    title = f"{series.part}: {series.label}"
    frame = Frame(f"slice-{place}", title, f"{said_of(series)}. The table beneath has its figures.", _SPARK)
    beneath = (
        f"{THIN.percent(series.last.value)} against {THIN.percent(series.last.baseline)}, "
        f"{said_of(series)}, evidence {written_evidence(series.last.evidence)}"
    )
    picture = draw.spark(frame, series.moments, since=series.since)
    return Panel(title, picture, beneath, series.verdict == "worse")


def _fingerprints(looks: Sequence[Document]) -> list[Block]:
    found = [
        Look(
            date=one_line(text(row.get("date")), 10),
            distance=number(row.get("distance")) or 0.0,
            limit=number(row.get("limit")) or 0.0,
            changed=row.get("changed") is True,
        )
        for row in looks
    ]
    changed = [look.date for look in found if look.changed]
    tokens = integer(looks[-1].get("tokens"))
    story = (
        "Once a day the model writes one token to each of a few prompts. Where the chances of these tokens lie further "
        "from the reference's than they ever did between looks at the reference, it is another model, and the whole "
        "suite runs at once. That alone is no alarm."
    )
    outcome = (
        f"Changed on {THIN.of(len(changed), 'day')}, first on {changed[0]}."
        if changed
        else "It did not change."
    )
    pictures = drawn(
        "looks",
        "Distance of first tokens from the reference",
        f"{outcome} The table has the last ones.",
        lambda frame: draw.looks(frame, found, label="Total variation from the reference"),
    )
    body = [
        [
            look.date,
            THIN.figure(look.distance, 3),
            THIN.figure(look.limit, 3),
            "changed" if look.changed else "",
        ]
        for look in reversed(found[-_LOOKS:])
    ]
    data = Table(
        "Looks at first tokens, the last one first",
        ["Date", "Distance", "Limit", ""],
        body,
        frozenset({1, 2}),
        data_summary(len(body), "look"),
    )
    keys = [Key("k-look", "as the reference"), Key("k-alarm-mark", "another model"), Key("k-limit", "limit")]
    caption = f"{outcome} Each look takes {THIN.of(tokens, 'token')}."
    return [Prose(story), Picture(caption, *pictures, data, keys)]


def _drilled(watch: Watch, pairs: Mapping[int, Sequence[Document]]) -> list[Block]:
    blocks: list[Block] = [
        Prose(
            "The answers that changed most, in the weeks that tell most. Judge them yourself: a score may be wrong."
        )
    ]
    for week in sorted(pairs, reverse=True):
        found = most_changed(pairs[week])
        blocks.append(Heading(f"Week {week}: {counted(found)}"))
        if found:
            blocks.append(paired(found[:_PAIRS], before=watch.reference, after=watch.version(week)))
        if len(found) > _PAIRS:
            blocks.append(Prose(f"{THIN.of(len(found) - _PAIRS, 'more item')} left off here.", "note"))
    return blocks


def _weeks(watch: Watch) -> list[Block]:
    if not watch.weeks:
        return [none("No week has run yet.")]
    body = [
        [
            _week_link(watch, integer(row.get("number"))),
            one_line(text(row.get("date")), 10),
            one_line(text(row.get("version"), "not named"), NAME),
            REASONS.get(text(row.get("reason")), one_line(text(row.get("reason")), 20)),
            THIN.count(integer(row.get("items"))),
            THIN.count(integer(row.get("answers"))),
            THIN.count(integer(row.get("tokens"))),
            "" if row.get("is_complete") is True else "not complete",
        ]
        for row in reversed(watch.weeks)
    ]
    head = ["Week", "Date", "Version", "Why it ran", "Items", "Answers", "Tokens", ""]
    numeric = frozenset({0, 4, 5, 6})
    blocks: list[Block] = [Table("Weeks, the last one first", head, body[:_WEEKS], numeric)]
    if len(body) > _WEEKS:
        left = len(body) - _WEEKS
        blocks.append(
            Table("Earlier weeks", head, body[_WEEKS:], numeric, f"{THIN.of(left, 'earlier week')}")
        )
    return blocks


_DESIGNS = {
    "stored": "Each week's answers are held against several answers to each item that the reference gave once; a loss "
    "counts beyond the margin.",
    "paired": "Each week the reference answers the same items anew beside the watched version.",
    "fresh": "Each week takes items that were never asked before, and the reference's answers to them.",
    "corpus": "Each snapshot of the corpus is held against the first one.",
}


_EVIDENCE = (
    "Evidence is an e-value: if nothing changed, its mean is at most 1 whenever one looks, so that it passes its "
    "limit, at any time in {horizon}, in at most {level} of all watches, all metrics together. Looking every week does "
    "not add false alarms; what was called once stays called."
)
_CORPUS_EVIDENCE = (
    "Words, 3-grams and topics are tested together by permutations of documents. Evidence is 1 over the p-value times "
    "the {horizon} for which the level is stated (Bonferroni): of watches of a corpus that stays as it is, at most "
    "{level} ever pass the limit. It is of one snapshot and does not grow from one to the next. The other figures are "
    "shown and not tested."
)
_BOUNDS = (
    "The bounds of the loss hold in all weeks at once. The bars at single weeks do not: they say how exact one week's "
    "figure is, and one in twenty misses by chance."
)


def _method(watch: Watch) -> list[Block]:
    document = watch.document
    told = {"level": rate_of(watch), "horizon": THIN.of(integer(document.get("horizon")), "week")}
    design = _DESIGNS.get(text(document.get("design")), "")
    evidence = (_CORPUS_EVIDENCE if watch.is_corpus else _EVIDENCE).format(**told)
    blocks: list[Block] = [Prose(f"{design} {evidence}".strip())]
    blocks += [] if watch.is_corpus else [Prose(_BOUNDS)]
    facts = [
        ("Watch", watch.name),
        ("Held against", watch.reference),
        ("Suite", one_line(text(document.get("suite")), NAME)),
        ("Items", THIN.count(integer(document.get("items")))),
        ("Answers to each", THIN.count(integer(document.get("samples")))),
        ("Margin", THIN.percent(number(document.get("margin")) or 0.0)),
        ("Begun", one_line(text(document.get("created")), 20)),
        *version_facts(document),
    ]
    return [*blocks, Facts([(name, value) for name, value in facts if value])]
