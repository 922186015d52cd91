"""The sections of an audit's page in reading order, and its first and last ones."""

from collections.abc import Mapping
from typing import Any

from wellkeeper.report.blocks import Block, Code, Facts, Prose, Section, Table, first, none
from wellkeeper.report.numbers import THIN
from wellkeeper.report.reading import integer, number, table, text, texts
from wellkeeper.report.sections.checks import quality_section, quarantine_section, rights_section
from wellkeeper.report.sections.common import finding_cards
from wellkeeper.report.sections.duplicates import duplicates_section
from wellkeeper.report.sections.origin import origin_section
from wellkeeper.report.sections.outlook import outlook_sections
from wellkeeper.report.sections.sources import sources_section
from wellkeeper.report.sections.tails import tails_section
from wellkeeper.report.sections.topics import topics_sections
from wellkeeper.report.visible import clip, one_line

Audit = Mapping[str, Any]

_MAX_COLUMNS = 40
_MAX_RECIPE = 8000  # letters


def audit_sections(audit: Audit) -> list[Section]:
    """All sections in reading order: findings first, method last."""
    return [
        Section("findings", "Findings", findings_section(audit)),
        Section("origin", "Origin", origin_section(audit)),
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
    run, inputs = table(audit, "run"), table(audit, "inputs")
    blocks: list[Block] = [Prose(words, "note") for words in _METHOD]
    said = [[clip(line, 300)] for line in texts(inputs.get("columns"))]
    if said:
        shown, more = first(said, _MAX_COLUMNS, "choice")
        summary = f"Which column was read as what, {THIN.of(len(shown), 'choice')}"
        blocks += [Table("Columns read", ["Choice"], shown, summary=summary), *more]
    facts = [
        ("Version", text(run.get("version"), text(audit.get("version"), "not recorded"))),
        ("Schema", text(audit.get("schema"), "not recorded")),
    ]
    if number(inputs.get("files")) is not None:
        facts.append(("Files read", THIN.count(integer(inputs.get("files")))))
    facts += _run_facts(run)
    return [*blocks, Facts([(name, one_line(value, 400)) for name, value in facts])]


def _run_facts(run: Audit) -> list[tuple[str, str]]:
    facts = []
    if text(run.get("command")):
        facts.append(("Command", text(run.get("command"))))
    if text(run.get("started")):
        facts.append(("Started", text(run.get("started"))))
    seconds, spent = number(run.get("seconds")), number(run.get("cpu_seconds"))
    if seconds is not None:
        facts.append(("Time", THIN.seconds(seconds)))
    if spent is not None:
        facts.append(("Processor time", THIN.seconds(spent)))
    for name, key in (("Workers", "workers"), ("Seed", "seed")):
        if number(run.get(key)) is not None:
            facts.append((name, THIN.count(integer(run.get(key)))))
    return facts
