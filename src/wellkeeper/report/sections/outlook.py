"""What models that are trained on more of its kind would keep of the corpus."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import Block, Prose, Section, Table
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, interval, number, rows, table, text

Audit = Mapping[str, Any]

_POLICIES = {
    "replace": "the last model's output alone",
    "like_this": "gathered like this corpus, its human part new each time",
}


def outlook_sections(audit: Audit) -> list[Section]:
    """None where the share of AI text is not known."""
    outlook = table(audit, "outlook")
    return [Section("outlook", "What generations of models would do", _blocks(outlook))] if outlook else []


def _blocks(outlook: Audit) -> list[Block]:
    sample, fresh = table(outlook, "sample"), table(outlook, "fresh_share")
    human, limit = interval(outlook.get("human")), interval(outlook.get("limit"))
    blocks: list[Block] = []
    if human is not None and limit is not None:
        blocks.append(
            Prose(
                f"People wrote {THIN.interval(human)} of the documents. If each next training set is gathered like "
                "this one, from new text of people and of models that learned from the last, the tail settles at that "
                f"of {THIN.interval(limit)} of as much human text."
            )
        )
    body = [
        [
            _POLICIES.get(text(row.get("policy")), text(row.get("policy"))),
            THIN.count(integer(found.get("generation"))),
            THIN.percent(number(found.get("share")) or 0.0),
            THIN.count(number(found.get("documents")) or 0.0),
            THIN.count(number(found.get("types")) or 0.0),
            THIN.percent(number(found.get("lost_mass")) or 0.0),
        ]
        for row in rows(outlook.get("policies"))
        for found in rows(row.get("generations"))
    ]
    if body:
        head = [
            "Each generation is trained on",
            "Generation",
            "n_eff / n",
            "Like documents",
            "Words left",
            "Lost by use",
        ]
        caption = (
            "What an ideal model keeps of the human part of "
            f"{THIN.of(integer(sample.get('documents')), 'document')} with "
            f"{THIN.of(integer(sample.get('types')), 'distinct word')}"
        )
        blocks.append(Table(caption, head, body, frozenset(range(1, len(head)))))
    keep, share = number(fresh.get("keep")), number(fresh.get("share"))
    if keep is not None and share is not None:
        blocks.append(
            Prose(
                f"To keep {THIN.percent(keep)} of the effective sample size for ever, {THIN.percent(share)} of each "
                "training set has to be human text that no earlier one had. All of this is a bound, for a model that "
                "gives back what it saw as often as it saw it, and makes nothing up; real ones lose rare words sooner. "
                "`wellkeeper forecast` measures how much on models of this corpus.",
                "note",
            )
        )
    return blocks
