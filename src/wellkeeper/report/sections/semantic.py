"""What semantic-duplicates.v1 removed or would remove, cluster by cluster, and what it costs the tail."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup, escape

from wellkeeper.report.blocks import (
    Block,
    Cluster,
    Clusters,
    Copy,
    Heading,
    Prose,
    Section,
    Table,
    first,
    none,
)
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, table, text
from wellkeeper.report.sections.common import section_of, shortened
from wellkeeper.report.visible import one_line

_MAX_CLUSTERS = 20
_EXCERPT = 160  # letters


def semantic_sections(curation: Mapping[str, Any]) -> list[Section]:
    """The section, if the recipe has the step."""
    return section_of(curation, "semantic", "The same in other words", _semantic)


def _semantic(semantic: Mapping[str, Any]) -> list[Block]:
    found = sorted(rows(semantic.get("clusters")), key=lambda row: -integer(row.get("would_remove")))
    if not found:
        return [none("No document with a vector was left to compare.")]
    told = [Prose(sentence) for sentence in (_sentence(semantic), _without(semantic)) if sentence]
    shown, more = first(found, _MAX_CLUSTERS, "cluster")
    return [*told, _costs(semantic), Heading("Clusters"), _clusters(shown), *more, *_examples(shown)]


def _sentence(semantic: Mapping[str, Any]) -> str:
    would, within = integer(semantic.get("would_remove")), integer(semantic.get("within_guard"))
    if text(semantic.get("action")) == "drop":
        spared = f"; {THIN.count(would - within)} more stayed because the tail could not spare them"
        return (
            f"{THIN.of(integer(semantic.get('removed')), 'document')} removed for others that say the same in other "
            f"words{spared if would > within else ''}."
        )
    return (
        f"The step only reports: nothing was removed. {THIN.of(would, 'document')} would say the same as others in "
        f"other words; with action: drop, {THIN.count(within)} of them would go, and the tail could not spare the rest."
    )


def _without(semantic: Mapping[str, Any]) -> str:
    without = integer(semantic.get("without_vector"))
    if not without:
        return ""
    why = ", ".join(
        f"{THIN.count(integer(count))} {one_line(reason, 40)}"
        for reason, count in table(semantic, "refused").items()
    )
    of_all = f" (of all documents read: {why})" if why else ""
    return f"{THIN.of(without, 'document')} had no vector and stayed{of_all}."


def _costs(semantic: Mapping[str, Any]) -> Table:
    body = []
    for name, label in (("words", "Rare words"), ("3-grams", "Rare 3-grams")):
        costs = table(semantic, "tail", name)
        for guard, how in (("without_guard", "all that would go"), ("with_guard", "within the guard")):
            body.append(
                [
                    f"{label}, {how}",
                    _percent(costs.get(guard)),
                    _percent(costs.get(f"at_random_{guard}")),
                ]
            )
    head = ["What is lost", "Share", "As many documents at random"]
    counted = number(semantic.get("types_counted"))
    sample = (
        f", in a sample of {THIN.percent(counted)} of all types"
        if counted is not None and counted < 1
        else ""
    )
    return Table(
        f"What it costs the tail: types in three documents or fewer{sample}", head, body, frozenset({1, 2})
    )


def _clusters(shown: Any) -> Table:
    body = [
        [
            f"{place}: {THIN.of(integer(row.get('documents')), 'document')}",
            _cosine(row.get("threshold")) or one_line(text(row.get("note"), "none"), 120),
            f"{THIN.count(integer(row.get('would_remove')))} ({THIN.count(integer(row.get('within_guard')))})",
            f"{_percent(row.get('cost'))} ({_percent(row.get('cost_within_guard'))})",
        ]
        for place, row in enumerate(shown, 1)
    ]
    head = ["Cluster", "Threshold", "Would go", "Rare words lost"]
    caption = "Those that would lose most first; in brackets, what the guard lets go"
    return Table(caption, head, body, frozenset({2, 3}))


def _examples(shown: Any) -> list[Block]:
    examples = [
        Cluster(
            title=(
                f"Cluster {place}: cosine {_cosine(example.get('cosine'))}, "
                f"threshold {_cosine(row.get('threshold'))}"
            ),
            survivor=one_line(text(example.get("survivor"), "(unnamed)"), 80),
            excerpt=_excerpt(example.get("survivor_text")),
            copies=[
                Copy(
                    where=one_line(text(example.get("document"), "(unnamed)"), 80),
                    note="" if example.get("within_guard") else "stays: the tail cannot spare it",
                    text=Markup(escape(_excerpt(example.get("text")))),  # noqa: S704  escaped here
                )
            ],
        )
        for place, row in enumerate(shown, 1)
        for example in rows(row.get("examples"))
    ]
    return (
        [Prose("The surest, a middling and the least sure of each cluster:"), Clusters(examples)]
        if examples
        else []
    )


def _excerpt(value: Any) -> str:
    """The document's first letters; as many as the excerpt can have are mostly not all there are."""
    return shortened(text(value)[:_EXCERPT], more=len(text(value)) >= _EXCERPT)


def _percent(value: Any) -> str:
    found = number(value)
    return "" if found is None else THIN.percent(found)


def _cosine(value: Any) -> str:
    found = number(value)
    return "" if found is None else f"{found:.3f}"
