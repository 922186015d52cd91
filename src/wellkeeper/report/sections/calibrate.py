"""The sections of a calibration's page: accuracy and diversity by temperature, groups, rules, and how it was done."""

from collections.abc import Mapping, Sequence
from typing import Any

from wellkeeper.report import svg
from wellkeeper.report.blocks import Block, Facts, Key, Picture, Prose, Section, Table, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import Interval, integer, interval, number, rows, table, text, texts
from wellkeeper.report.sections.common import data_summary, drawn
from wellkeeper.report.sections.compare_runs import signed_points
from wellkeeper.report.visible import one_line

Document = Mapping[str, Any]

POLICIES = {
    "one": "One for all",
    "difficulty": "By difficulty",
    "agreement": "By agreement",
    "vote": "A vote",
}
"""Ways to answer, as they are named to a reader."""
_MEASURES = {"unlike": "unlike pairs", "distance": "distance of two answers"}
_LINES = 6  # classes of lines in style.css


def calibration_sections(document: Document) -> list[Section]:
    """All sections in reading order."""
    found = table(document, "calibration")
    if not found:
        notes = texts(document.get("notes"))
        return [Section("nothing", "Nothing can be told", [none(" ".join(notes) or "There are no figures.")])]
    return [
        Section("accuracy", "Accuracy by temperature", _accuracy(found)),
        Section("diversity", "Diversity by temperature", _diversity(found)),
        Section("groups", "The temperature of each group", _groups(document, found)),
        Section("rules", "Ways to choose a temperature", _rules(document, found)),
        Section("method", "How this was measured", _method(document, found)),
    ]


# --- figures in words, for the page and the terminal ----------------------------------------------


def all_groups(calibration: Document) -> list[Document]:
    """All items, then groups by difficulty where there is more than one."""
    groups = rows(calibration.get("by_difficulty"))
    one = table(calibration, "all")
    return [*([one] if one else []), *(reversed(groups) if len(groups) > 1 else [])]


def group_name(group: Document) -> str:
    """What a group is called, such as `Easy (pass rate from 0.8)`."""
    low, high = number(group.get("from")) or 0.0, number(group.get("to")) or 1.0
    name = one_line(text(group.get("name"), "(no name)"), 40)
    if (low, high) == (0.0, 1.0):
        return "All items"
    span = f"from {low:g}" if high >= 1 else f"below {high:g}" if low == 0 else f"{low:g} to {high:g}"
    return f"{name.capitalize()} (pass rate {span})"


def temperature(value: Any) -> str:
    """A temperature as it is asked for."""
    found = number(value)
    return "none" if found is None else f"{found:g}"


def point_at(group: Document, wanted: Any) -> Document:
    """A group's figures at a temperature; nothing where it was not asked."""
    found = (row for row in rows(group.get("points")) if number(row.get("temperature")) == number(wanted))
    return next(found, {})


def share(row: Document, *path: str) -> str:
    """The estimate at a path, as percent."""
    found = interval(table(row, *path))
    return "unknown" if found is None or found.estimate is None else THIN.percent(found.estimate)


# --- sections -------------------------------------------------------------------------------------


def _accuracy(found: Document) -> list[Block]:
    said = (
        "Mean score of an item's answers, on items that nothing was fitted to, with 95% intervals. Groups are by the "
        "pass rate of other answers at a temperature of 1."
    )
    head = ["Group", "Temperature", "Accuracy", "Change from 1", "Items"]
    body = [
        [
            group_name(group),
            temperature(point.get("temperature")),
            _with_bounds(interval(point.get("accuracy"))),
            _change(point, "gain"),
            THIN.count(integer(group.get("held_out_items"))),
        ]
        for group in all_groups(found)
        for point in rows(group.get("points"))
    ]
    return _curves(found, "accuracy", said, Table("Accuracy", head, body, frozenset({1, 2, 3, 4})))


def _diversity(found: Document) -> list[Block]:
    said = (
        "Share of pairs of an item's answers that are not the same text, with 95% intervals; at a temperature of 0 it "
        "is 0, since there is one answer. The table also has the mean distance of two answers: one less the share of "
        "runs of four characters that they have in common."
    )
    head = ["Group", "Temperature", "Unlike pairs", "Change from 1", "Distance", "Change from 1"]
    body = [
        [
            group_name(group),
            temperature(point.get("temperature")),
            *(
                cell
                for measure in _MEASURES
                for cell in (
                    _with_bounds(interval(table(point, "diversity", measure))),
                    _change(point, "diversity_change", measure),
                )
            ),
        ]
        for group in all_groups(found)
        for point in rows(group.get("points"))
    ]
    data = Table("Diversity", head, body, frozenset({1, 2, 3, 4, 5}))
    return _curves(found, "diversity", said, data)


def _curves(found: Document, what: str, said: str, data: Table) -> list[Block]:
    path = ("diversity", "unlike") if what == "diversity" else ("accuracy",)
    groups = all_groups(found)
    lines = [_line(group, f"line-{place % _LINES + 1}", path) for place, group in enumerate(groups)]
    lines = [line for line in lines if line.points]
    if not lines:
        return [none("Nothing was measured.")]
    name = "accuracy" if what == "accuracy" else "unlike pairs"
    axes = svg.Axis("temperature"), svg.Axis(name)
    pictures = drawn(
        f"calibration-{what}",
        f"{name.capitalize()} by temperature",
        f"{name.capitalize()} of each group by temperature. The table has every value that is drawn.",
        lambda frame: svg.trends(frame, lines, across=axes[0], upward=axes[1]),
    )
    keys = [Key(f"trend {line.style}", line.label) for line in lines]
    table_ = Table(data.caption, data.head, data.rows, data.numeric, data_summary(len(data.rows), "row"))
    return [
        Prose(said),
        Picture(
            f"{name.capitalize()} by temperature.",
            *pictures,
            table_,
            [*keys, Key("k-band", "95% over items, of each group alone")],
        ),
    ]


def _line(group: Document, style: str, path: Sequence[str]) -> svg.Trend:
    known = [
        (at, value)
        for row in rows(group.get("points"))
        if (at := number(row.get("temperature"))) is not None
        and (value := interval(table(row, *path))) is not None
        and value.estimate is not None
    ]
    return svg.Trend(
        style=style,
        label=group_name(group).partition(" (")[0].lower(),
        points=[(at, value.estimate) for at, value in known if value.estimate is not None],
        band=[
            (at, value.low, value.high)
            for at, value in known
            if value.low is not None and value.high is not None
        ],
    )


def _groups(document: Document, found: Document) -> list[Block]:
    head = ["Group", "Fitted", "Verdict", "Use", "Gain", "Unlike pairs"]
    body = []
    for group in [*all_groups(found), *_agreement(found)]:
        point = point_at(group, group.get("fitted"))
        body.append(
            [
                _name_of(group, found),
                temperature(group.get("fitted")),
                _verdict(group),
                temperature(_use(document, group)),
                _change(point, "gain"),
                _change(point, "diversity_change", "unlike"),
            ]
        )
    said = (
        "Fitted: of the temperatures within one standard error of the best on the calibration half, the one nearest to "
        "1. Better: on the other half its gain has an interval above 0. No gain: one as large as the margin is ruled "
        "out at every temperature. Use: the fitted temperature where it is better, else 1; for training never below "
        "1. How many items would tell is of a gain as large as the margin, both halves together. Groups with a share "
        "are by agreement: how many of an item's answers say what most of them say."
    )
    notes = [Prose(note, "note") for note in texts(found.get("notes"))]
    return [Prose(said), Table("Groups", head, body, frozenset({1, 3, 4, 5})), *notes]


def _use(document: Document, group: Document) -> float | None:
    """What is recommended for a group; for training nothing below 1."""
    found = number(group.get("recommended"))
    return max(1.0, found) if found is not None and text(document.get("purpose")) == "train" else found


def _verdict(group: Document) -> str:
    """The verdict, and how many items would tell where these do not."""
    verdict, needed = text(group.get("verdict")), integer(group.get("items_to_tell"))
    has = integer(group.get("calibration_items")) + integer(group.get("held_out_items"))
    if verdict != "not enough data" or needed <= has:
        return verdict
    return f"{verdict}: about {THIN.of(needed, 'item')} would tell"


def _agreement(found: Document) -> list[Document]:
    groups = rows(found.get("by_agreement"))
    return groups if len(groups) > 1 else []


def _name_of(group: Document, found: Document) -> str:
    if group in _agreement(found):
        return group_name(group).replace("pass rate", "share")
    return group_name(group)


def _rules(document: Document, found: Document) -> list[Block]:
    samples = integer(document.get("samples"))
    said = (
        "When an answer is served nobody knows how hard the item is: one temperature for all needs nothing. By "
        "difficulty: each item at the temperature of its group, for items whose right answers are known. By agreement: "
        f"{THIN.of(samples, 'answer')} are drawn at 1, and the share that says what most of them say chooses the "
        f"temperature of one more. A vote: what most of those {THIN.count(samples)} say. All on items that nothing was "
        "fitted to; a rule helps where its intervals beside 1 and beside one temperature for all lie above 0."
    )
    head = ["Way to answer", "Accuracy", "Change from 1", "Beside one for all", "Helps", "Unlike pairs"]
    body = [
        [
            name,
            _with_bounds(interval(policy.get("accuracy"))),
            _change(policy, "gain"),
            _change(policy, "beside_one") if key != "one" else "",
            _helps(key, policy),
            _change(policy, "diversity_change", "unlike") if key != "vote" else "one answer",
        ]
        for key, name in POLICIES.items()
        for policy in [table(found, "policies", key)]
        if policy
    ]
    return [Prose(said), Table("Ways to answer", head, body, frozenset({1, 2, 3, 5}))]


def _helps(key: str, policy: Document) -> str:
    if key == "one":
        return ""
    if not table(policy, "beside_one"):
        return "the same temperature"
    return "yes" if policy.get("helps") is True else "not shown"


_METHOD = (
    (
        "Items are split in two halves by a bit of the SHA-256 of their names. Temperatures are fitted on one half, "
        "and every figure here is of the other. Difficulty and agreement come from answers at a temperature of 1 that "
        "are in no other figure. The item is the unit: changes are paired by item and tested by Student's t, or by "
        "McNemar's test where all scores are right or wrong; diversity by flipping the signs of items' changes."
    ),
    (
        "Intervals are of each figure by itself, over other items of the same kind; groups are of items that measure "
        "as easy or hard by so many answers, as they would when measured again."
    ),
)


def _method(document: Document, found: Document) -> list[Block]:
    one = table(found, "all")
    grid = found.get("grid")
    items = {
        "fitted": integer(one.get("calibration_items")),
        "told of": integer(one.get("held_out_items")),
        "left out": integer(document.get("left_out")),
    }
    facts = [
        ("Model", text(table(document, "model").get("name"), "not recorded")),
        ("Suite", text(table(document, "suite").get("name"), "not recorded")),
        ("Scored by", text(document.get("metric"), "not recorded")),
        ("Grid", ", ".join(temperature(at) for at in grid) if isinstance(grid, list) else "not recorded"),
        (
            "Answers an item",
            f"{integer(document.get('samples'))} at each temperature above 0, as many for difficulty",
        ),
        ("Items", ", ".join(f"{THIN.count(many)} {what}" for what, many in items.items())),
        ("Purpose", text(document.get("purpose"), "serve")),
        ("Seed", str(integer(document.get("seed")))),
        (
            "Made",
            f"{text(document.get('created'), 'at an unknown time')}, wellkeeper {text(document.get('version'))}",
        ),
    ]
    notes = [Prose(one_line(note, 400), "note") for note in texts(document.get("notes"))]
    return [
        *(Prose(words, "note") for words in _METHOD),
        *notes,
        Facts([(name, one_line(value, 200)) for name, value in facts]),
    ]


def _with_bounds(value: Interval | None) -> str:
    return "unknown" if value is None else THIN.interval(value)


def _change(row: Document, *path: str) -> str:
    change = interval(table(row, *path, "change"))
    return "" if change is None else signed_points(change, THIN)
