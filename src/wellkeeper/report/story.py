"""What a document says, in sentences: shared by the page and the terminal, so that both say the same."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wellkeeper.report.numbers import Numbers
from wellkeeper.report.reading import integer, interval, number, rows, table, text
from wellkeeper.report.visible import one_line

ORIGINS = ("human", "ai-assisted", "ai-generated", "machine-translated", "programmatic", "unknown")
"""Declared origins in the order they are drawn."""

SEVERITIES = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure at a glance; `beneath` is its interval or the baseline it must be read beside."""

    name: str
    value: str
    beneath: str


def findings(audit: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Findings, the most severe first; within a severity in the document's own order."""
    order = {severity: rank for rank, severity in enumerate(SEVERITIES)}
    return sorted(rows(audit.get("findings")), key=lambda row: order[severity_of(row)])


def severity_of(finding: Mapping[str, Any]) -> str:
    """One of `SEVERITIES`; a finding of another severity is one to read, not one to stop for."""
    severity = text(finding.get("severity"))
    return severity if severity in SEVERITIES else "info"


def severities(audit: Mapping[str, Any]) -> dict[str, int]:
    """Findings by severity."""
    found = [severity_of(row) for row in findings(audit)]
    return {severity: found.count(severity) for severity in SEVERITIES}


def verdict(audit: Mapping[str, Any], numbers: Numbers, *, noun: str = "document") -> str:
    """The audit in one sentence; `noun` is what its documents are."""
    documents = integer(table(audit, "inputs").get("documents"))
    if not documents:
        return f"Nothing to judge: no {noun} was read."
    these = numbers.of(documents, noun)
    found = severities(audit)
    grave = joined([numbers.of(found[name], name) for name in ("error", "warning") if found[name]])
    if found["error"]:
        return f"Not ready to train on: {grave} in {these}."
    if found["warning"]:
        return f"{grave} to settle before training on {these}."
    if text(audit.get("verdict")) == "clean":
        return f"Clean as far as it was measured: {these}, and nothing that needs a decision."
    if found["info"]:
        return f"Nothing that must be settled first: {numbers.of(found['info'], 'note')} on {these}."
    return f"{these} read; the audit gives no verdict."


def not_judged(audit: Mapping[str, Any]) -> list[str]:
    """What the verdict does not cover, each with its reason."""
    gaps = []
    share = interval(table(audit, "origin").get("share"))
    if share is None:
        gaps.append("the AI-made share (not measured)")
    elif share.estimate is None:
        gaps.append("the AI-made share (not identified from the evidence at hand)")
    if not table(audit, "tails"):
        gaps.append("the tails (not measured)")
    elif not table(audit, "tails", "reference"):
        gaps.append("whether the tails are human (no human reference was given)")
    if not table(audit, "duplicates"):
        gaps.append("duplicates (not measured)")
    if not rows(audit.get("quality")):
        gaps.append("quality rules (not measured)")
    return gaps


def joined(parts: list[str]) -> str:
    """Parts as an enumeration.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1] if parts else ""


def declared(audit: Mapping[str, Any]) -> dict[str, int]:
    """Declared origin -> documents: the known labels in drawing order, then any other by name."""
    return in_origin_order(table(audit, "origin", "declared"))


def in_origin_order(found: Mapping[str, Any]) -> dict[str, int]:
    others = sorted(label for label in found if label not in ORIGINS)
    return {label: integer(found.get(label)) for label in (*ORIGINS, *others) if integer(found.get(label))}


def redundant(audit: Mapping[str, Any]) -> int | None:
    """Documents that repeat another one, exactly or nearly; None where it was not measured."""
    duplicates = table(audit, "duplicates")
    if not duplicates:
        return None
    return integer(table(duplicates, "exact").get("redundant")) + integer(
        table(duplicates, "near").get("redundant")
    )


def similarity(audit: Mapping[str, Any]) -> str:
    """`similarity 0.8 or more`, the threshold of near duplicates."""
    threshold = number(table(audit, "duplicates", "near").get("similarity"))
    return "a similarity not recorded" if threshold is None else f"similarity {threshold:g} or more"


def glance(audit: Mapping[str, Any], numbers: Numbers) -> list[Figure]:
    """Six figures that a reader wants first, each beside its interval or its baseline."""
    return [
        _documents(audit, numbers),
        _declared_human(audit, numbers),
        _share(audit, numbers),
        _redundant(audit, numbers),
        _tail(audit, numbers),
        _quality(audit, numbers),
    ]


def _documents(audit: Mapping[str, Any], numbers: Numbers) -> Figure:
    inputs = table(audit, "inputs")
    parts = []
    if integer(inputs.get("words")):
        parts.append(f"{numbers.large(integer(inputs.get('words')))} words")
    if integer(inputs.get("bytes")):
        parts.append(numbers.size(integer(inputs.get("bytes"))))
    parts.append(f"{numbers.count(integer(inputs.get('quarantined')))} quarantined")
    return Figure("Documents", numbers.count(integer(inputs.get("documents"))), ", ".join(parts))


def _declared_human(audit: Mapping[str, Any], numbers: Numbers) -> Figure:
    found = declared(audit)
    total = sum(found.values())
    if not total:
        return Figure("Declared human", "none", "no origin is declared")
    unknown = numbers.percent(found.get("unknown", 0) / total)
    return Figure(
        "Declared human", numbers.percent(found.get("human", 0) / total), f"{unknown} declare no origin"
    )


def _share(audit: Mapping[str, Any], numbers: Numbers) -> Figure:
    told = table(audit, "origin", "share")
    share = interval(told)
    if share is None:
        return Figure("AI-made share", "not measured", "no estimate in this document")
    level = number(told.get("level"))
    sure = f" at {level:.0%}" if level else ""
    if (
        share.estimate is None
    ):  # bounds that hold for these very documents, whatever their unknown origins are
        return Figure("AI-made share", "not identified", f"anywhere in {numbers.bounds(share)}")
    judged, documents, labels = (integer(told.get(name)) for name in ("judged", "documents", "labels"))
    of = f", of {numbers.count(judged)} judged" if 0 < judged < documents else ""
    of = f", from {numbers.of(labels, 'label')} by people" if labels else of
    return Figure("AI-made share", numbers.percent(share.estimate), f"{numbers.bounds(share)}{sure}{of}")


def _redundant(audit: Mapping[str, Any], numbers: Numbers) -> Figure:
    count, documents = redundant(audit), integer(table(audit, "inputs").get("documents"))
    if count is None or not documents:
        return Figure("Redundant documents", "not measured", "no duplicate search ran")
    exact = integer(table(audit, "duplicates", "exact").get("redundant"))
    near = integer(table(audit, "duplicates", "near").get("redundant"))
    beneath = f"{numbers.count(exact)} exact, {numbers.count(near)} near at {similarity(audit)}"
    return Figure("Redundant documents", numbers.percent(count / documents), beneath)


def _tail(audit: Mapping[str, Any], numbers: Numbers) -> Figure:
    name = "Rare words kept"
    reference = table(audit, "tails", "reference")
    coverage, ceiling = interval(reference.get("coverage")), interval(reference.get("ceiling"))
    if coverage is None or coverage.estimate is None:
        missing = interval(table(audit, "tails").get("missing_mass"))
        if missing is None or missing.estimate is None:
            given = audit.get("reference_given") is True
            return Figure(name, "not measured", "see tails" if given else "needs a human reference")
        return Figure("Next word is new", numbers.interval(missing), "no human reference to compare with")
    beneath = numbers.bounds(coverage)
    if ceiling is not None and ceiling.estimate is not None:
        beneath += f"; human against human: {numbers.percent(ceiling.estimate)}"
    return Figure(name, numbers.percent(coverage.estimate), beneath)


_DEFAULT_SETS = "gopher"  # the rule sets that `quality_any` counts: gopher and gopher-repetition


def _quality(audit: Mapping[str, Any], numbers: Numbers) -> Figure:
    name = "Fail a default rule"
    rules = rows(audit.get("quality"))
    documents = integer(table(audit, "inputs").get("documents"))
    flagged = number(audit.get("quality_any"))
    if not rules or not documents:
        return Figure(name, "not measured", "no quality rule in this document")
    counted = [row for row in rules if text(row.get("set"), _DEFAULT_SETS).startswith(_DEFAULT_SETS)] or rules
    worst = max(counted, key=lambda row: integer(row.get("documents")))
    rule = one_line(text(worst.get("rule"), "one rule"), 40)
    most = f"most by {rule}, {numbers.count(integer(worst.get('documents')))}"
    if flagged is None:
        return Figure(name, "not summed", most)
    return Figure(name, numbers.percent(flagged / documents), most)


def largest_source(audit: Mapping[str, Any]) -> tuple[str, int] | None:
    """Name and documents of the source with the most documents."""
    sources = rows(table(audit, "inputs").get("sources"))
    if not sources:
        return None
    top = max(sources, key=lambda row: integer(row.get("documents")))
    return one_line(text(top.get("name"), "(unnamed)"), 60), integer(top.get("documents"))


# --- curation ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """Documents before a stage of a curation, and those that left there."""

    title: str
    before: int
    dropped: int
    review: int
    restored: int = 0  # by people, of what stages before had taken out

    @property
    def after(self) -> int:
        return max(0, self.before - self.dropped - self.review + self.restored)


def stages(curation: Mapping[str, Any]) -> list[Stage]:
    """Quarantine, every step, and the mix, in the order documents pass through them."""
    found = []
    read = integer(curation.get("read"))
    if integer(curation.get("quarantined")):
        found.append(Stage("Quarantine", read, integer(curation.get("quarantined")), 0))
    for step in rows(curation.get("steps")):
        title = _step_title(step)
        counts = (integer(step.get(name)) for name in ("before", "dropped", "review", "restored"))
        found.append(Stage(title, *counts))
    mix = table(curation, "mix")
    if mix and not any(text(step.get("step")) == "mix" for step in rows(curation.get("steps"))):
        before, after = integer(mix.get("before")), integer(mix.get("after"))
        found.append(Stage("Mix", before, max(0, before - after), 0))
    return found


def _step_title(step: Mapping[str, Any]) -> str:
    """The step's own title; a bare name such as `near-duplicates.v1` is read out as `Near duplicates`."""
    name, title = text(step.get("step"), "step"), text(step.get("title"))
    if not title or title == name:
        title = re.sub(r"\.v[0-9]+$", "", name).replace("-", " ").capitalize()
    return one_line(title, 60)


def constraint_names(constraints: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each constraint; of several of one name, as caps on single sources are, with whom it is on.

    >>> constraint_names([{"name": "cap-source"}, {"name": "cap-source", "group": "forum"}, {"name": "size"}])
    ['cap-source', 'cap-source (forum)', 'size']
    """
    names = [text(row.get("name"), "(unnamed)") for row in constraints]
    groups = [text(row.get("group")) for row in constraints]
    return [
        f"{name} ({group})" if group and names.count(name) > 1 else name
        for name, group in zip(names, groups, strict=True)
    ]


def constraint_figure(row: Mapping[str, Any], key: str, numbers: Numbers) -> str:
    """The `limit`, `before` or `after` of a constraint: a share, or of the size an amount; empty if it is not known."""
    value = number(row.get(key))
    if value is None:
        return ""
    return numbers.count(value) if text(row.get("name")) == "size" else numbers.percent(value)


def broken_constraints(curation: Mapping[str, Any]) -> list[str]:
    constraints = rows(table(curation, "mix").get("constraints"))
    return [
        one_line(text(row.get("name"), "(unnamed)"), 60) for row in constraints if row.get("holds") is False
    ]


def curation_verdict(curation: Mapping[str, Any], numbers: Numbers) -> str:
    """The curation in one sentence."""
    read, kept = integer(curation.get("read")), integer(curation.get("kept"))
    if not read:
        return "Nothing to curate: no document was read."
    share = numbers.percent(kept / read)
    start = f"Kept {numbers.count(kept)} of {numbers.of(read, 'document')} ({share})"
    constraints = rows(table(curation, "mix").get("constraints"))
    broken = broken_constraints(curation)
    if not constraints:
        return f"{start}; the recipe sets no constraint on the mix."
    if broken:
        fails = "does not hold" if len(broken) == 1 else "do not hold"
        of_all = numbers.of(len(constraints), "constraint")
        return f"{start}; {len(broken)} of {of_all} {fails}: {joined(broken[:3])}."
    every = {1: "the one constraint holds", 2: "both constraints hold"}
    return f"{start}; {every.get(len(constraints), f'all {len(constraints)} constraints hold')}."


def curation_finds(curation: Mapping[str, Any], numbers: Numbers) -> list[str]:
    """What steps found that their counts of dropped documents do not tell, a sentence each."""
    sentences = []
    shares = [interval(table(curation, "origin", "share", when, "total")) for when in ("before", "after")]
    if shares[0] is not None:
        chosen = "not measured after, since style chose what stays"
        after = chosen if shares[1] is None else f"{numbers.interval(shares[1])} after"
        sentences.append(f"AI-made share by style: {numbers.interval(shares[0])} before, {after}")
    copies = table(curation, "mix", "facts", "copies")
    if copies:
        drawn = numbers.of(integer(copies.get("kept")), "copy", "copies")
        of = numbers.of(integer(table(curation, "mix", "facts").get("documents")), "document")
        how = "Taken repeatedly, for the size" if "level" in copies else "Drawn by weight"
        sentences.append(f"{how}: {drawn} of {of}, as the column weight says")
    sentences += [*_rare_topics(table(curation, "mix"), numbers), *constraint_notes(table(curation, "mix"))]
    templates = table(curation, "templates")
    if templates:
        sentences.append(
            f"Templates: {numbers.count(integer(templates.get('templates')))}, filled by "
            f"{numbers.of(integer(templates.get('in_templates')), 'document')}, which count as "
            f"{numbers.count(round(number(templates.get('weight')) or 0))} by weight"
        )
    passages = table(curation, "passages")
    if passages:
        words = integer(table(passages, "searched").get("words"))
        sentences.append(
            f"Repeated passages: {numbers.of(integer(passages.get('spans')), 'span')} in "
            f"{numbers.of(integer(passages.get('documents')), 'document')}, "
            f"{numbers.share_of(integer(passages.get('repeated_words')), words)} of the words searched"
        )
        cut = table(passages, "actions", "cut")
        if integer(cut.get("spans")):
            sentences.append(
                f"Cut from texts that stay: {numbers.of(integer(cut.get('words')), 'word')} of "
                f"{numbers.of(integer(cut.get('documents')), 'document')}"
            )
    semantic = table(curation, "semantic")
    if semantic:
        sentences.append(_same_in_other_words(semantic, numbers))
        sentences += (str(hint).removesuffix(".") for hint in semantic.get("hints") or ())
    guard = table(curation, "guard")
    restored = integer(guard.get("restored"))
    if guard and not restored:
        sentences.append(
            f"The guard of the tail, {numbers.percent(number(guard.get('tail')) or 0.0)}, let every step pass"
        )
    if restored:
        sentences.append(f"Put back by the guard of the tail: {numbers.of(restored, 'document')}")
    sentences += _reviewed(table(curation, "reviewed"), numbers)
    evaluation = table(curation, "evaluation")
    if evaluation:
        held = integer(evaluation.get("items_found"))
        sentences.append(
            f"Evaluation items found: {numbers.count(held)} of {numbers.count(integer(evaluation.get('items')))}"
        )
    return sentences


def _reviewed(reviewed: Mapping[str, Any], numbers: Numbers) -> list[str]:
    """What people decided, and what of it was not applied; nothing without a review."""
    if not reviewed:
        return []
    done = {
        "dropped": "dropped",
        "replaced": "dropped for a better copy",
        "restored": "restored",
        "origin": "of another origin",
        "already": "already so",
    }
    counts = [(integer(reviewed.get(name)), words) for name, words in done.items()]
    told = ", ".join(f"{numbers.count(count)} {words}" for count, words in counts if count)
    read = numbers.of(integer(reviewed.get("documents")), "document")
    sentences = [f"Decided by people: {read}" + (f": {told}" if told else "")]
    for row in rows(reviewed.get("not_applied")):
        count = numbers.of(integer(row.get("documents")), "document")
        sentences.append(
            f"Said by people and not applied to {count}: {one_line(text(row.get('reason')), 200)}"
        )
    open_ = [
        sum(integer(row.get(name)) for row in rows(reviewed.get("reviews")))
        for name in ("conflicts", "waiting")
    ]
    if any(open_):
        sentences.append(
            f"Not settled by readers: {numbers.of(sum(open_), 'item')}, on {numbers.count(open_[0])} of which they do "
            "not agree"
        )
    return sentences


def _rare_topics(mix: Mapping[str, Any], numbers: Numbers) -> list[str]:
    """Nothing where the data hold all rare topics of the reference, for then the constraint says all."""
    tail = table(mix, "facts", "tail")
    held, topics = integer(tail.get("held")), integer(tail.get("topics"))
    if held >= topics:
        return []
    return [
        f"Rare topics of the reference: {numbers.count(topics)}, of which the data hold {numbers.count(held)}"
    ]


def constraint_notes(mix: Mapping[str, Any]) -> list[str]:
    """What the figures of the constraints do not tell, a sentence each without its full stop."""
    notes = []
    if table(mix, "facts", "tail").get("rounded_down") is True:
        notes.append(
            "There is no room for all tail quotas, so they were rounded down; a larger mix keeps them"
        )
    for row in rows(mix.get("constraints")) if integer(mix.get("before")) else ():
        name = one_line(text(row.get("name")), 60)
        kind = name.removeprefix("cap-")
        if kind != name and number(row.get("before")) == 0 and not text(row.get("group")):
            notes.append(f"{name} limits nothing: no document has a known {kind}")
    return notes


def _same_in_other_words(semantic: Mapping[str, Any], numbers: Numbers) -> str:
    would, within = integer(semantic.get("would_remove")), integer(semantic.get("within_guard"))
    without = integer(semantic.get("without_vector"))
    compared = numbers.of(integer(semantic.get("documents")), "document")
    unjudged = f"; {numbers.count(without)} without a vector not compared" if without else ""
    if not would:
        return f"The same in other words: none of {compared}{unjudged}"
    removed = integer(semantic.get("removed"))
    fate = f"{numbers.count(removed)} removed" if removed else "none removed"
    spared = f"; the tail can spare {numbers.count(within)} of them" if within < would else ""
    return f"The same in other words: {numbers.count(would)} of {compared}, {fate}{spared}{unjudged}"


def curation_glance(curation: Mapping[str, Any], numbers: Numbers) -> list[Figure]:
    read = integer(curation.get("read"))

    def of_read(name: str, key: str) -> Figure:
        value = integer(curation.get(key))
        return Figure(name, numbers.count(value), f"{numbers.share_of(value, read)} of what was read")

    # the mix is told among the stages too, and is no step of the recipe
    steps = sum(row.get("step") != "mix" for row in rows(curation.get("steps")))
    figures = [
        Figure("Read", numbers.count(read), f"{numbers.of(steps, 'step')} applied"),
        of_read("Kept", "kept"),
        of_read("Dropped", "dropped"),
        of_read("For review", "review"),
        of_read("Quarantined", "quarantined"),
    ]
    return [*figures, _curated_tail(curation, numbers)]


def _why_not_measured(curation: Mapping[str, Any]) -> str:
    if curation.get("dry_run") is True:
        return "a dry run leaves it out"
    if isinstance(curation.get("tail_cost"), list):  # which there is beside a reference alone
        return "too few documents to compare"
    return "needs a human reference"


def _curated_tail(curation: Mapping[str, Any], numbers: Numbers) -> Figure:
    name = "Rare words kept"
    before = interval(table(curation, "tails", "before", "reference").get("coverage"))
    after = interval(table(curation, "tails", "after", "reference").get("coverage"))
    if before is None or after is None or before.estimate is None or after.estimate is None:
        return Figure(name, "not measured", _why_not_measured(curation))
    beneath = f"{numbers.bounds(after)}; before: {numbers.percent(before.estimate)}"
    return Figure(name, numbers.percent(after.estimate), beneath)
