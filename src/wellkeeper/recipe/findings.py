"""Findings: what an audit wants its reader to know, derived from the figures of the audit alone.

Each rule reads the audit document (`wellkeeper.audit/1`) and gives at most one finding. Codes are stable and
listed in docs/findings.md; thresholds stand here, each with its reason.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from wellkeeper.core.finding import Finding, Severity
from wellkeeper.core.rights import CONSENTS
from wellkeeper.origin.share import ANCHORS_NEEDED

Audit: TypeAlias = Mapping[str, Any]
Rule: TypeAlias = Callable[[Audit], Iterator[Finding]]

REDUNDANT_WARNING = 0.01
"""Share of redundant documents from which training on them is worth a decision: repeated text is memorised
super-linearly in its copies (Lee et al. 2022, arXiv:2107.06499)."""
SOURCE_LOSS = 0.30
"""Share of a source lost to duplicates that deserves a look: templates and over-merging start to show there."""
SOURCE_LEAST = 20  # documents a source needs before its loss means anything
DOMINANT_SOURCE = 0.5
MEASURED_SHARE = 0.01
"""Lower end of a measured share of AI text from which it is told as a finding."""
SYNTHETIC_SHARE = 0.10
"""The default `mix.synthetic_share.max` of recipes."""
QUALITY_WARNING = 0.05
CLUSTER_LARGE = 100


def findings_of(audit: Audit) -> tuple[Finding, ...]:
    """All findings of an audit of texts."""
    return findings_by(_RULES, audit)


def findings_by(rules: Iterable[Rule], document: Audit) -> tuple[Finding, ...]:
    """All findings of these rules, most severe first, then by code."""
    order = (Severity.ERROR, Severity.WARNING, Severity.INFO)
    found = [finding for rule in rules for finding in rule(document)]
    return tuple(sorted(found, key=lambda finding: (order.index(finding.severity), finding.code)))


def curation_findings_of(curation: Audit) -> tuple[Finding, ...]:
    """What a curation (`wellkeeper.curate/1`) wants its reader to know, in the order of its steps."""
    return (*_tail_cost(curation), *_lineage(curation), *_vetted(curation))


def verdict_of(findings: tuple[Finding, ...]) -> str:
    """`findings` if one is more than information, else `clean`."""
    return "findings" if any(finding.severity is not Severity.INFO for finding in findings) else "clean"


def finding_of(code: str, severity: Severity, title: str, detail: str, next_: str) -> Finding:
    """A finding, its parts in the order in which they are read."""
    return Finding(code=code, severity=severity, title=title, detail=detail, next=next_)


def counted(count: int, noun: str) -> str:
    """A count and its noun: `1 document`, `2,000 documents`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def quarantine_finding(inputs: Audit, noun: str, next_: str) -> Iterator[Finding]:
    """What could not be read, by the `inputs` of a document; `noun` is what each of it was to be."""
    if inputs["quarantined"]:
        kinds = ", ".join(f"{row['code']} ({row['records']:,})" for row in inputs["quarantine_by_code"])
        yield finding_of(
            "WK101",
            Severity.WARNING,
            f"{counted(inputs['quarantined'], noun)} could not be read",
            f"They are not in any figure of this report: {kinds}.",
            next_,
        )


def _quarantine(audit: Audit) -> Iterator[Finding]:
    return quarantine_finding(
        audit["inputs"],
        "record",
        "Look at the list with file, line and byte below; repair the records, or leave them out on purpose.",
    )


def _dominant(audit: Audit) -> Iterator[Finding]:
    inputs = audit["inputs"]
    sources = sorted(inputs["sources"], key=lambda row: -row["documents"])
    if len(sources) > 1 and sources[0]["documents"] > DOMINANT_SOURCE * inputs["documents"]:
        share = sources[0]["documents"] / inputs["documents"]
        yield finding_of(
            "WK102",
            Severity.INFO,
            f"{sources[0]['name']} makes up {share:.0%} of the documents",
            "One voice above half of a corpus sets its tone, its vocabulary and its blind spots.",
            "Cap it in the recipe: mix.caps.source: 0.40.",
        )


def _undated(audit: Audit) -> Iterator[Finding]:
    dates = audit["origin"]["dates"]
    total = audit["inputs"]["documents"]
    if dates["undated"] > total / 2:
        yield finding_of(
            "WK103",
            Severity.INFO,
            f"{dates['undated'] / total:.0%} of the documents have no date",
            f"A third party's capture date before {dates['line']} is the best cheap evidence of human text there is.",
            "Map a date column with --date COL, or keep the capture dates of your crawl.",
        )


def _duplicates(audit: Audit) -> Iterator[Finding]:
    total = audit["inputs"]["documents"]
    for code, kind, key in (("WK201", "exact", "exact"), ("WK202", "near", "near")):
        redundant = audit["duplicates"][key]["redundant"]
        if redundant:
            severe = redundant >= REDUNDANT_WARNING * total
            yield finding_of(
                code,
                Severity.WARNING if severe else Severity.INFO,
                f"{counted(redundant, 'document')} {'is' if redundant == 1 else 'are'} {kind} duplicate"
                f"{'' if redundant == 1 else 's'} of others ({redundant / total:.1%})",
                "Models memorise what is repeated, and repeated text outweighs the rest.",
                f"Drop them with {kind}-duplicates.v1 in the recipe; keep decides which copy stays.",
            )


def _source_loss(audit: Audit) -> Iterator[Finding]:
    hit = [
        row
        for row in audit["duplicates"]["by_source"]
        if row["documents"] >= SOURCE_LEAST and row["share"] >= SOURCE_LOSS
    ]
    if hit:
        names = ", ".join(f"{row['source']} ({row['share']:.0%})" for row in hit[:5])
        yield finding_of(
            "WK203",
            Severity.WARNING,
            f"{counted(len(hit), 'source')} would lose {SOURCE_LOSS:.0%} or more to duplicates",
            f"{names}. That is right for mirrors, and wrong for templated pages on different subjects.",
            "Read the example clusters of these sources before you drop anything.",
        )


def _large_cluster(audit: Audit) -> Iterator[Finding]:
    largest = audit["duplicates"]["near"]["largest"]
    if largest >= CLUSTER_LARGE:
        yield finding_of(
            "WK204",
            Severity.WARNING,
            f"One near-duplicate group has {largest:,} documents",
            "Groups of this size are mostly templates: same frame, different facts.",
            "Look at the group's examples; raise near-duplicates.v1 similarity if the facts matter.",
        )


def _vectors(audit: Audit) -> Iterator[Finding]:
    hints = (audit.get("semantic") or {}).get("hints")
    if hints:
        yield finding_of(
            "WK205",
            Severity.WARNING,
            "The vectors do not tell the documents apart",
            " ".join(hints),
            "Make the vectors again with a trained model, each from its own document's text; until then leave "
            "semantic-duplicates.v1 at action: report.",
        )


def _artefacts(audit: Audit) -> Iterator[Finding]:
    # Only kinds whose weight alone makes AI involvement more likely than not (log10 LR >= 1).
    kinds = [
        row for row in audit["origin"]["evidence"] if row["strength"] == "artefact" and row["weight"] >= 1
    ]
    if kinds:
        names = ", ".join(f"{row['kind']} ({row['documents']:,})" for row in kinds)
        yield finding_of(
            "WK301",
            Severity.WARNING,
            f"{counted(audit['origin']['artefact_documents'], 'document')} carry traces of chat tools",
            f"{names}. Such traces are rare and exact: where one is found, more AI text without any is likely.",
            "Read the examples; drop them with artefacts.v1 in the recipe, and look at what their sources share.",
        )


def _conflicts(audit: Audit) -> Iterator[Finding]:
    count = audit["origin"]["conflicts"]
    if count:
        yield finding_of(
            "WK302",
            Severity.WARNING,
            f"The evidence on {counted(count, 'document')} contradicts itself",
            "Strong evidence points both ways, for example a label that says human and a chat tool's trace.",
            "Have a person look at them: origin.v1 and artefacts.v1 put them up for review.",
        )


def _unread(audit: Audit) -> Iterator[Finding]:
    unread = audit["marks"]["unread_credentials"] if audit.get("marks") else 0
    if unread:
        yield finding_of(
            "WK308",
            Severity.WARNING,
            f"{counted(unread, 'document')} carry credentials that nothing installed can read",
            "A signed credential may say that a model made them. It was taken off the text and counted as no words.",
            "Install what reads them, then run the same command again: pip install 'wellkeeper[c2pa]'",
        )


def _broken(audit: Audit) -> Iterator[Finding]:
    if not audit.get("marks"):
        return
    verdicts = audit["marks"]["credentials"]["by_verdict"]
    broken = sum(row["documents"] for row in verdicts if row["validity"] != "valid")
    if broken:
        yield finding_of(
            "WK309",
            Severity.WARNING,
            f"{counted(broken, 'credential')} do not fit their documents",
            "They were signed for other bytes: the texts were edited after signing, or the credentials were moved.",
            "Ask the source for the texts as they were signed; `wellkeeper marks` tells which checks failed.",
        )


def _share(audit: Audit) -> Iterator[Finding]:
    share = audit["origin"]["share"]
    if share["estimate"] is None:
        yield finding_of(
            "WK303",
            Severity.INFO,
            "The share of AI-made text is not identified: "
            f"anything from {share['low']:.1%} to {share['high']:.1%} fits",
            share["note"],
            f"Bring about {ANCHORS_NEEDED} documents of each kind of text that you know people wrote "
            "(wellkeeper anchors build), or capture dates.",
        )


_READ = "of the documents that can be judged read as AI-made"


def _measured(audit: Audit) -> Iterator[Finding]:
    share = audit["origin"]["share"]
    by_people = "labels" in share
    if (share["anchored"] or by_people) and share["low"] > MEASURED_SHARE:
        read = "of the documents are AI-made, by people's labels" if by_people else _READ
        rows = sorted(audit["origin"]["by_source"], key=lambda row: (-row["low"], row["source"]))
        named = [
            f"{row['source']} ({row['low']:.0%} to {row['high']:.0%})"
            for row in rows
            if row["low"] > 0 and "scored" in row
        ]
        yield finding_of(
            "WK305",
            Severity.WARNING if share["low"] > SYNTHETIC_SHARE else Severity.INFO,
            f"{share['low']:.1%} to {share['high']:.1%} {read}",
            f"Highest: {', '.join(named[:5])}." if named and not by_people else share["note"],
            "Look at the sources and months that have most of it; origin.v1 with flag finds documents and sources, "
            "weight-by-origin.v1 holds them down.",
        )


def _anchors(audit: Audit) -> Iterator[Finding]:
    measured = audit["origin"]["measured"]
    if measured is None:
        return
    missing = measured["without_references"]
    if missing:
        count = measured["slices_without_references"]  # of which only the largest are listed
        names = ", ".join(f"{row['slice']} ({row['documents']:,})" for row in missing[:5])
        names += f" and {count - 5:,} more" if count > 5 else ""
        yield finding_of(
            "WK306",
            Severity.INFO,
            f"{counted(count, 'slice')} of the corpus {'has' if count == 1 else 'have'} no references",
            f"Of {names} the share is not measured. Slices are never pooled: another slice's references would mislead.",
            f"Add about {ANCHORS_NEEDED} human references of each, and as many AI ones, and build the anchors again.",
        )
    warned = [(one["slice"], text) for one in measured["anchors"] for text in one["warnings"]]
    if warned:
        slice_, text = warned[0]
        yield finding_of(
            "WK307",
            Severity.WARNING,
            f"The anchors have {counted(len(warned), 'warning')}: what is measured with them may mislead",
            f"Slice {slice_}: {text}",
            "Mend the references and build the anchors again; `wellkeeper anchors build` prints all warnings.",
        )


def _synthetic(audit: Audit) -> Iterator[Finding]:
    declared = audit["origin"]["declared"]
    total = audit["inputs"]["documents"]
    synthetic = declared["ai-generated"] + declared["machine-translated"] + declared["programmatic"]
    if synthetic > SYNTHETIC_SHARE * total:
        yield finding_of(
            "WK304",
            Severity.WARNING,
            f"{synthetic / total:.1%} of the documents are declared synthetic",
            "Training on model output thins the tails first; a fixed or fresh share of human text holds them.",
            f"Hold it down in the recipe: mix.synthetic_share: {{max: {SYNTHETIC_SHARE:.2f}}}.",
        )


def _tails(audit: Audit) -> Iterator[Finding]:
    tails = audit["tails"]
    if tails is None:
        return
    if tails["reference"] is None:
        if audit.get("reference_given"):
            yield finding_of(
                "WK403",
                Severity.INFO,
                "The reference says nothing about the tails",
                "It has fewer than 20 documents with words, or the corpus holds too little that is not a copy of it.",
                "Give more human text of the same kind, other than what is in the corpus, with --reference PATH.",
            )
            return
        yield finding_of(
            "WK403",
            Severity.INFO,
            "Nothing to compare the tails with",
            "Whether rare words are missing shows only beside human text of the same kind.",
            "Name some with --reference PATH.",
        )
        return
    for code, what, measured in (("WK401", "words", tails), ("WK402", "3-grams", tails["trigrams"])):
        reference = measured["reference"]
        gap = reference["gap"]
        if gap is not None and gap["high"] < 0:
            yield finding_of(
                code,
                Severity.WARNING,
                f"Rare {what} of the reference are missing: {-gap['estimate']:.1%} fewer than human text would keep",
                f"The corpus has {reference['coverage']['estimate']:.1%} of the reference's rare {what}; human text of "
                f"the same size has {reference['ceiling']['estimate']:.1%}. The gap is {-gap['high']:.1%} to "
                f"{-gap['low']:.1%}.",
                "It may be another subject or collapse: look at origin by source, and add human text of this kind.",
            )


def _guarding(curation: Audit) -> str:
    guard = curation.get("guard")
    return f"raise the guard, which is {guard['tail']:g}" if guard else "guard the tail: --guard tail=0.95"


def _tail_cost(curation: Audit) -> Iterator[Finding]:
    for row in curation["tail_cost"] or ():
        words, topics = row["words"], row["topics"]
        lost = row["lost"] or {"documents": [], "words": [], "topics": []}
        told = {
            "documents": ("as many documents", words and words["at_equal_documents"]),
            "words": ("as many words", words and words["at_equal_words"]),
        }
        named = [told[test] for test in row["losses"] if test in told]
        if named:
            size, kept = min(named, key=lambda pair: pair[1]["estimate"])
            rare = words["rare"]
            examples = ", ".join(lost["words"][:5])
            yield finding_of(
                "WK411",
                Severity.WARNING,
                f"{row['step']} removes rare words: it keeps {kept['estimate']:.1%} of those that a random removal of "
                f"{size} leaves",
                f"Of {rare['before']:,} rare words of the reference in the sample {rare['after']:,} are left; removals "
                f"of {size} at random leave so many more that the ratio lies in {kept['low']:.1%} to "
                f"{kept['high']:.1%} (p {kept['p_adjusted']:.2g}, all steps considered)."
                f"{f' Gone are {examples}.' if examples else ''}{_documents(lost['documents'])}",
                f"Loosen {row['step']}, or {_guarding(curation)}.",
            )
        if "topics" in row["losses"]:
            tail, head = topics["tail"], topics["head"]
            names = "; ".join(
                f"{one['topic']} ({one['removed']:,} of {one['documents']:,})" for one in lost["topics"]
            )
            yield finding_of(
                "WK412",
                Severity.WARNING,
                f"{row['step']} removes rare topics: {tail['rate']['estimate']:.1%} of their documents, and "
                f"{head['rate']['estimate']:.1%} of those of common topics",
                f"Means over {tail['topics']:,} rare and {head['topics']:,} common topics of the reference; rare ones "
                f"keep {topics['estimate']:.1%} ({topics['low']:.1%} to {topics['high']:.1%}) of what common ones "
                f"keep (p {topics['p_adjusted']:.2g}, all steps considered). Most went of: {names}.",
                f"Read what went of these topics; loosen {row['step']}, or {_guarding(curation)}.",
            )


def _documents(lost: Sequence[Mapping[str, Any]]) -> str:
    names = ", ".join(f"{one['id']} ({one['rare_words']:,})" for one in lost)
    return f" Most went with the documents {names}." if names else ""


def _quality(audit: Audit) -> Iterator[Finding]:
    total = audit["inputs"]["documents"]
    failing = audit["quality_any"]
    if failing:
        default = [row for row in audit["quality"] if row["set"].startswith("gopher")]
        worst = ", ".join(f"{row['rule']} ({row['documents']:,})" for row in default[:3])
        yield finding_of(
            "WK501",
            Severity.WARNING if failing > QUALITY_WARNING * total else Severity.INFO,
            f"{counted(failing, 'document')} {'fails' if failing == 1 else 'fail'} a quality or repetition rule "
            f"({failing / total:.1%})",
            f"Most often {worst}. The rules were made for web pages; poems, code and lists fail them too.",
            "Read the examples, choose rules and thresholds in quality.v1, and see whom they hit.",
        )


def _rights(audit: Audit) -> Iterator[Finding]:
    unknown = audit["rights"]["unknown_licence"]
    total = audit["inputs"]["documents"]
    if unknown:
        yield finding_of(
            "WK601",
            Severity.WARNING,
            f"{unknown / total:.1%} of the documents have no known licence",
            "What cannot be licensed cannot be shipped, and cannot be proved later.",
            "Map a licence column with --licence COL, or state it per source in the recipe.",
        )


def _signals(audit: Audit) -> Iterator[Finding]:
    total = audit["inputs"]["documents"]
    rights = audit["rights"]
    refused = sum(rights["consent"].get(label, 0) for label in ("opt-out-signal", "revoked"))
    if refused:
        kinds = ", ".join(f"{row['kind']} ({row['denies']:,})" for row in rights["signals"] if row["denies"])
        yield finding_of(
            "WK602",
            Severity.WARNING,
            f"{counted(refused, 'document')} {'is' if refused == 1 else 'are'} opted out of training "
            f"({refused / total:.1%})",
            f"Said by {kinds}. Some laws make such a signal binding, and people remember who heeded it.",
            "Leave them out with rights.v1, or get a licence and state it: consent: licensed.",
        )
    if conflicts := rights["conflicts"]["documents"]:
        yield finding_of(
            "WK603",
            Severity.WARNING,
            f"{counted(conflicts, 'document')} {'has' if conflicts == 1 else 'have'} signals that contradict "
            "each other",
            "One denies training and another allows it. They count as opted out until somebody has looked.",
            "Read the examples below; rights.v1 holds such documents for review, and conflict says otherwise.",
        )


def _unclear_rights(audit: Audit) -> Iterator[Finding]:
    if names := audit["rights"]["unclear_licence"]:
        many = sum(row["documents"] for row in names)
        yield finding_of(
            "WK604",
            Severity.INFO,
            f"{counted(many, 'document')} {'has' if many == 1 else 'have'} a licence whose name means nothing certain",
            "Such names are kept as written: "
            + ", ".join(f"{row['name']} ({row['documents']:,})" for row in names[:5])
            + ".",
            "Write SPDX identifiers, with a version; or allow and deny the names as they are in rights.v1.",
        )
    odd = {role: n for role, n in audit["rights"]["not_understood"].items() if n}
    if odd:
        yield finding_of(
            "WK605",
            Severity.WARNING,
            "Some values of rights columns say nothing",
            "They count as unknown: "
            + ", ".join(f"{role} of {counted(n, 'document')}" for role, n in odd.items())
            + ".",
            f"Write consent as one of {', '.join(CONSENTS)}; depth as a whole number.",
        )


def _lineage(curation: Audit) -> Iterator[Finding]:
    parents = curation["lineage"]["parents"]
    if circular := parents["circular"]:
        yield finding_of(
            "WK611",
            Severity.WARNING,
            f"The parents of {counted(circular, 'document')} lead in a circle",
            "A text cannot be made from itself, so the column of parents is wrong. Their depth is unknown.",
            "Look at ledger/parents for rows that name each other, and correct what the column names.",
        )
    if missing := parents["missing"]:
        yield finding_of(
            "WK612",
            Severity.INFO,
            f"{missing:,} of {counted(parents['named'], 'parent')} named cannot be found",
            "Neither this corpus nor an earlier set of against has them, so the depth of their children is unknown.",
            "Add the set that has them to against, or state depth: for the source.",
        )


def _vetted(curation: Audit) -> Iterator[Finding]:
    for row in curation.get("vetted", ()):
        if row["verdict"] != "admitted":
            failed = ", ".join(row["failed"]) or "none"
            yield finding_of(
                "WK613",
                Severity.WARNING,
                f"The source {row['source']} is a vetted set that was not admitted: {row['verdict']}",
                f"Its gate.json tells of every condition; those that did not pass: {failed}.",
                "Leave the source out, or mend what its report names and vet it again: wellkeeper vet.",
            )


_RULES: tuple[Rule, ...] = (
    _quarantine, _dominant, _undated, _duplicates, _source_loss, _large_cluster, _vectors, _artefacts, _conflicts,
    _unread, _broken,
    _share, _measured, _anchors, _synthetic, _tails, _quality, _rights, _signals, _unclear_rights,
)  # fmt: skip
