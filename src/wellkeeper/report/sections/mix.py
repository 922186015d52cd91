"""The mix on a curation's page: every constraint with its limit and what was reached, and what shaped the mix."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from wellkeeper.report.blocks import Block, Facts, Prose, Table, first, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, rows, table, text
from wellkeeper.report.story import constraint_figure, constraint_notes
from wellkeeper.report.visible import one_line

_MOST = 30


def mix_blocks(mix: Mapping[str, Any]) -> list[Block]:
    """The table of constraints; below it, in words, what made the mix as it is."""
    found = rows(mix.get("constraints"))
    if not found:
        return [none("The recipe sets no constraint on the mix.")]
    shown, more = first(found, _MOST, "constraint")
    head = ["Constraint", "Limit", "Before", "After", "Holds"]
    body = [
        [
            one_line(text(row.get("name"), "(unnamed)"), 80),
            *(constraint_figure(row, key, THIN) for key in ("limit", "before", "after")),
            _holds(row.get("holds")),
        ]
        for row in shown
    ]
    if any(row.get("group") for row in shown):
        head = [*head, "Nearest to its limit"]
        body = [[*line, one_line(text(row.get("group")), 80)] for line, row in zip(body, shown, strict=True)]
    facts = _facts(table(mix, "facts"))
    return [
        Table("Constraints on the mix", head, body, frozenset({1, 2, 3})),
        *more,
        *(Prose(f"{note}.", "note") for note in constraint_notes(mix)),
        *([Facts(facts)] if facts else []),
    ]


def _facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    binds = facts.get("binds")
    if isinstance(binds, list):
        found.append(("What shaped it", ", ".join(one_line(str(name), 40) for name in binds) or "nothing"))
    divergence = number(facts.get("divergence"))
    if divergence is not None:
        found.append(("Composition, from the target's", f"{divergence:.3g} nats (Kullback-Leibler)"))
    level = number(table(facts, "copies").get("level"))
    if level is not None:
        found.append(("Repeats that the size needs", f"up to {level:.3g} times a document"))
    tail = table(facts, "tail")
    if tail:
        held, kept, whole = (THIN.count(integer(tail.get(key))) for key in ("held", "kept", "exhausted"))
        topics = THIN.of(integer(tail.get("topics")), "rare topic")
        found.append(
            ("Tail of the reference", f"{topics}: the data hold {held}, the mix {kept}, and {whole} whole")
        )
    return found


def _holds(value: Any) -> str:
    if not isinstance(value, bool):
        return "not checked"
    if value:
        return Markup('<span class="fine">\u2713 holds</span>')
    return Markup('<span class="bad">\u2717 does not hold</span>')
