"""A calibrated temperature -> lines of text, and a page: what each temperature gains, and what diversity it costs."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.text import Text

from wellkeeper.report.ask import cost_so_far
from wellkeeper.report.html import Chapter, page
from wellkeeper.report.numbers import COMMA, THIN, Numbers
from wellkeeper.report.reading import Interval, integer, interval, number, table, text, texts
from wellkeeper.report.sections.calibrate import (
    POLICIES,
    all_groups,
    calibration_sections,
    group_name,
    point_at,
    share,
    temperature,
)
from wellkeeper.report.sections.compare_runs import signed_points
from wellkeeper.report.story import Figure
from wellkeeper.report.terminal import fact_grid, path_lines, print_lines, print_paths
from wellkeeper.report.visible import one_line, visible_tree

Document = Mapping[str, Any]

_STYLES = {"better": "bold green", "no gain": "bold", "not enough data": "bold yellow"}
DISCIPLINE = (
    "Temperatures below 1 are for answers that are served, not for data to be trained on: such data lose their rare "
    "answers, and the next model with them."
)


def render_calibration(document: Document) -> str:
    """The page of a document of schema `wellkeeper.calibrate/1`: it loads nothing and runs nothing."""
    document = visible_tree(document)
    return page(
        title="A temperature fitted to difficulty",
        headline=calibration_headline(document),
        lead=f"{DISCIPLINE} {next_step(document, THIN)}".strip(),
        chapters=[Chapter("", "", _glance(document), calibration_sections(document))],
    )


def calibration_lines(document: Document) -> list[str]:
    """The calibration as plain lines, one fact each. No line holds a line feed."""
    document = visible_tree(document)
    lines = [calibration_headline(document)]
    lines += [f"{name}: {said}" for name, said in _facts(document)]
    lines += [*_notes(document), DISCIPLINE]
    following = next_step(document, COMMA)
    return [*lines, f"Next: {following}"] if following else lines


def print_calibration(document: Document, console: Console, paths: Mapping[str, object]) -> None:
    """Print a calibration; `paths` names the files that were written.

    A console that is no terminal gets `calibration_lines`, unwrapped and without colour.
    """
    if not console.is_terminal:
        print_lines([*calibration_lines(document), *path_lines(paths)], console)
        return
    document = visible_tree(document)
    console.print()
    style = _STYLES.get(text(table(document, "calibration").get("verdict")), "bold")
    console.print(Text(calibration_headline(document), style=style))
    console.print()
    console.print(fact_grid((name, said, "") for name, said in _facts(document)))
    console.print()
    for note in _notes(document):
        console.print(Text(note, style="dim"))
    console.print(Text(DISCIPLINE, style="yellow"))
    following = next_step(document, COMMA)
    if following:
        console.print()
        console.print(Text(following))
    print_paths(paths, console)


def calibration_headline(document: Document) -> str:
    """The calibration in one sentence."""
    one = table(document, "calibration", "all")
    if not one:
        return "Nothing can be told: too few items have all their answers."
    fitted = temperature(one.get("fitted"))
    if _is_for_training(document) and (at := number(one.get("fitted")) or 0.0) <= 1:
        if at == 1:
            return "For data to be trained on, stay at a temperature of 1."
        return f"For data to be trained on, stay at a temperature of 1: {_cost(one)}."
    if text(one.get("verdict")) == "better":
        before, after = (share(point_at(one, which), "accuracy") for which in (1.0, one.get("fitted")))
        return f"A temperature of {fitted} answers better than 1: {after} in place of {before}."
    if text(one.get("verdict")) == "no gain":
        return f"No temperature is shown to answer better; a gain of {_margin(document)} is ruled out. Stay at 1."
    return "Not enough items to tell whether another temperature than 1 answers better. Stay at 1."


def next_step(document: Document, numbers: Numbers) -> str:
    """What to do about it; empty where nothing need be done."""
    one = table(document, "calibration", "all")
    if not one:
        return "Run the same command again for answers that did not come, or give more items."
    if _is_for_training(document) or text(one.get("verdict")) != "not enough data":
        return ""
    has, wanted = (
        integer(one.get("calibration_items")) + integer(one.get("held_out_items")),
        integer(one.get("items_to_tell")),
    )
    if wanted > has:
        return (
            f"About {numbers.of(wanted, 'item')} would show a gain of {_margin(document)}; {numbers.count(has)} have "
            "all their answers."
        )
    return (
        f"There are items enough to find a gain of {_margin(document)}, and what there is seems to be less: ask "
        "several times as many, or stay at 1."
    )


# --- words -----------------------------------------------------------------------------------------


def _is_for_training(document: Document) -> bool:
    return text(document.get("purpose")) == "train"


def _margin(document: Document) -> str:
    amount = f"{100 * (number(table(document, 'calibration').get('margin')) or 0.0):g}"
    return f"{amount} point" if amount == "1" else f"{amount} points"


def _cost(group: Document) -> str:
    """What the fitted temperature does to diversity."""
    before, after = (
        share(point_at(group, which), "diversity", "unlike") for which in (1.0, group.get("fitted"))
    )
    fitted = temperature(group.get("fitted"))
    return f"at {fitted} two answers to one item would differ in {after} of pairs, in place of {before}"


def _facts(document: Document) -> Iterator[tuple[str, str]]:
    found = table(document, "calibration")
    one = table(found, "all")
    suite, model = (
        one_line(text(table(document, key).get("name"), "(no name)"), 60) for key in ("suite", "model")
    )
    yield "Asked", f"{model} on {suite}, {COMMA.of(integer(table(document, 'suite').get('items')), 'item')}"
    if one:
        fitted, told = (integer(one.get(f"{half}_items")) for half in ("calibration", "held_out"))
        yield "Halves", f"fitted on {COMMA.of(fitted, 'item')}, told of {COMMA.count(told)} others"
    for group in all_groups(found):
        yield group_name(group), _told(group)
    for name, said in POLICIES.items():
        policy = table(found, "policies", name)
        if policy and name != "one":
            yield said, _policy(policy)
    yield "Cost so far", cost_so_far(document)


def _told(group: Document) -> str:
    """The fitted temperature of a group, with gain and loss."""
    fitted = temperature(group.get("fitted"))
    items = COMMA.of(integer(group.get("held_out_items")), "item")
    at_one = point_at(group, 1.0)
    if number(group.get("fitted")) == 1:
        return f"1 ({text(group.get('verdict'))}); accuracy {share(at_one, 'accuracy')}, {items}"
    point = point_at(group, group.get("fitted"))
    return (
        f"{fitted} ({text(group.get('verdict'))}); accuracy {share(at_one, 'accuracy')} -> {share(point, 'accuracy')}, "
        f"{signed_points(interval(table(point, 'gain', 'change')), COMMA)}; unlike pairs "
        f"{share(at_one, 'diversity', 'unlike')} -> {share(point, 'diversity', 'unlike')}, "
        f"{signed_points(interval(table(point, 'diversity_change', 'unlike', 'change')), COMMA)}; {items}"
    )


def _policy(policy: Document) -> str:
    if not table(policy, "beside_one"):
        return "the same temperature for every group"
    helps = "helps" if policy.get("helps") is True else "not shown to help"
    beside = signed_points(interval(table(policy, "beside_one", "change")), COMMA)
    return f"{helps}; accuracy {share(policy, 'accuracy')}, {beside} beside one temperature for all"


def _notes(document: Document) -> list[str]:
    left_out = integer(document.get("left_out"))
    said = (
        [
            f"{COMMA.of(left_out, 'item')} left out, for which a score or an answer is missing at some temperature."
        ]
        if left_out
        else []
    )
    notes = [*texts(table(document, "calibration").get("notes")), *texts(document.get("notes"))]
    return [*said, *(one_line(note, 400) for note in notes)]


def _glance(document: Document) -> list[Figure]:
    found = table(document, "calibration")
    one = table(found, "all")
    if not one:
        return []
    point = point_at(one, one.get("fitted"))
    figures = [
        Figure(
            "Recommended" if not _is_for_training(document) else "For training",
            temperature(document.get("recommended")),
            f"fitted: {temperature(one.get('fitted'))}, {text(one.get('verdict'))}",
        ),
        Figure(
            "Accuracy at 1", share(point_at(one, 1.0), "accuracy"), _bounds(point_at(one, 1.0), "accuracy")
        ),
    ]
    if number(one.get("fitted")) == 1:
        return figures
    gain = interval(table(point, "gain", "change"))
    lost = interval(table(point, "diversity_change", "unlike", "change"))
    return [
        *figures,
        Figure(f"Gain at {temperature(one.get('fitted'))}", *_signed(gain)),
        Figure("Unlike pairs", *_signed(lost)),
    ]


def _signed(change: Interval | None) -> tuple[str, str]:
    if change is None or change.estimate is None:
        return "not measured", ""
    return f"{change.estimate * 100:+.1f} points", THIN.bounds(change).rstrip("%")


def _bounds(point: Document, key: str) -> str:
    found = interval(point.get(key))
    return "" if found is None else THIN.bounds(found)
