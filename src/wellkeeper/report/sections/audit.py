"""The sections of an audit's page in reading order, and its first and last ones."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import Block, Code, Facts, Prose, Section, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, table, text
from wellkeeper.report.sections.checks import quality_section, quarantine_section
from wellkeeper.report.sections.common import finding_cards
from wellkeeper.report.sections.duplicates import duplicates_section
from wellkeeper.report.sections.marks import marks_sections
from wellkeeper.report.sections.method import columns_read, run_facts, version_facts
from wellkeeper.report.sections.origin import origin_section
from wellkeeper.report.sections.outlook import outlook_sections
from wellkeeper.report.sections.rights import rights_section
from wellkeeper.report.sections.sources import sources_section
from wellkeeper.report.sections.tails import tails_section
from wellkeeper.report.sections.topics import topics_sections
from wellkeeper.report.visible import one_line

Audit = Mapping[str, Any]

_MAX_COLUMNS = 40
_MAX_RECIPE = 8000  # letters


def audit_sections(audit: Audit) -> list[Section]:
    """All sections in reading order: findings first, method last."""
    return [
        Section("findings", "Findings", findings_section(audit)),
        Section("origin", "Origin", origin_section(audit)),
        *marks_sections(audit),
        Section("sources", "Sources and months", sources_section(audit)),
        Section("duplicates", "Duplicates", duplicates_section(audit)),
        Section("tails", "Tails", tails_section(audit)),
        *topics_sections(audit),
        *outlook_sections(audit),
        Section("quality", "Quality", quality_section(audit)),
        Section("rights", "Rights", rights_section(audit)),
        Section("quarantine", "Quarantine", quarantine_section(audit)),
        Section("recipe", "Proposed recipe", recipe_section(audit)),
        Section("method", "How this was measured", method_section(audit)),
    ]


def findings_section(audit: Audit) -> list[Block]:
    nothing = "No finding. What was not measured cannot be found: see the line under the headline."
    return finding_cards(audit) or [none(nothing)]


def recipe_section(audit: Audit) -> list[Block]:
    recipe = text(audit.get("proposed_recipe"))
    if not recipe:
        return [none("No recipe is proposed.")]
    if len(recipe) > _MAX_RECIPE:
        return [none("The proposed recipe is too long for this page; the JSON document beside it has all.")]
    return [
        Prose("A start, not a verdict: it acts on the findings above. One click selects it whole."),
        Code("Proposed recipe, YAML", recipe),
    ]


_METHOD = (
    (
        "Every interval is what its section says it is, at the level named there. A figure with no interval "
        "is a count of documents that were read, not an estimate."
    ),
    (
        "Declared origin is what a source says. Evidence of origin is never added up in silence: each kind "
        "is listed with how strong it is. A missing mark is never evidence of a human."
    ),
    "The AI-made share belongs to the corpus, not to a document: no detector proves who wrote one text.",
    (
        "Words kept are the reference's distinct words that occur in the corpus, both read to a common size. "
        "Words lost, by use, weighs the missing ones by how often people use them."
    ),
)


def method_section(audit: Audit) -> list[Block]:
    inputs = table(audit, "inputs")
    facts = version_facts(audit)
    if number(inputs.get("files")) is not None:
        facts.append(("Files read", THIN.count(integer(inputs.get("files")))))
    facts += run_facts(audit, "command", "started", "seconds", "cpu_seconds", "workers", "seed")
    return [
        *(Prose(words, "note") for words in _METHOD),
        *columns_read(audit, limit=_MAX_COLUMNS),
        Facts([(name, one_line(value, 400)) for name, value in facts]),
    ]
