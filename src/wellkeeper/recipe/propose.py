"""What a recipe should say, from the figures of an audit: the rules, each with its reason and its figure.

Few rules, listed with their sources in docs/recommend.md, and none that could harm unasked: a step stands only where
the audit found something for it; a quality rule only where it tells the corpus from its human reference; a limit on the
mix takes no more than stated here. What cannot be told from figures is written as a comment, for a person to decide.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from wellkeeper.core.origin import SYNTHETIC, Origin
from wellkeeper.engine.files import absolute, has_magic, is_url
from wellkeeper.engine.sources import find_files
from wellkeeper.errors import InputError
from wellkeeper.filter.duplicates import DEFAULT_KEEP
from wellkeeper.filter.quality import DEFAULT_SETS, RULES, SETS
from wellkeeper.recipe.findings import (
    CLUSTER_LARGE,
    DOMINANT_SOURCE,
    QUALITY_WARNING,
    SOURCE_LEAST,
    SOURCE_LOSS,
    SYNTHETIC_SHARE,
)
from wellkeeper.recipe.lines import Line, written
from wellkeeper.recipe.model import path_from
from wellkeeper.recipe.schema import VERSION
from wellkeeper.recipe.textpass import Group

REFERENCE_LOSS = 0.05
"""Share of the human reference that a quality rule may fail: what the tail guard allows a step (`RETENTION`)."""
CAP_LOSS, CAPS_LOSS = 0.25, 1 / 3
"""Share of the documents that a cap on a dominant source, month or domain may take; and all of them, with what other
limits take in their wake. A cap deletes text that has no other fault than its neighbours, so it stops short of the even
share where reaching that would cost more."""
READS_AS_AI = 0.5
"""Lower end of a source's measured share of AI text from which the source is held to the share of synthetic text."""
RETENTION = 0.95
"""Part of the reference's tail to keep, by guard and quotas: losses below it are findings (docs/tail-cost.md)."""

CAPPED = ("source", "month", "domain")

_STEPS = ("steps",)
_CAPS = ("mix", "caps")


# --- where the documents are ------------------------------------------------------------------------


def source_lines(
    groups: Sequence[Group], folder: Path | None, unlabelled: Mapping[str, int] | None = None
) -> list[Line]:
    """The sources as they were read; local paths are relative to `folder`, absolute without one.

    `unlabelled` has the documents of each group of which neither label, date nor trace says who wrote any.
    """
    return [_source_line(group, folder, (unlabelled or {}).get(group.name, 0)) for group in groups]


def _source_line(group: Group, folder: Path | None, unlabelled: int) -> Line:
    paths = [written_path(path, folder) for path in paths_of(group)]
    source: dict[str, Any] = {"path": paths[0] if len(paths) == 1 else paths}
    for role, column in group.columns.all_named().items():
        if role != "slice":  # which the anchors name
            source[role] = column if role in _COLUMNS else {"column": column}
    line = Line(path=("sources", group.name), value=source)
    if not unlabelled:
        return line
    reason = f"No label, date or trace says who wrote these {unlabelled:,} documents. If people did, add origin: human."
    return replace(line, reasons=(reason,), figures={"documents": unlabelled})


_COLUMNS = frozenset({"text", "id", "source", "domain", "signals", "parents", "embedding"})
"""Roles for which a recipe takes a plain word for a column; for the others it may be a value."""


def paths_of(group: Group) -> list[str]:
    """As few paths as find the group's files and no others: their folder, its files of one kind, or each file."""
    urls = {file.url for file in group.files}
    if len(urls) == 1:
        return list(urls)
    folder = os.path.commonpath(urls) if not any(map(is_url, urls)) else _common_url(urls)
    kinds = sorted({_ending(url) for url in urls})
    for paths in ([folder], [f"{folder}/*{kind}" for kind in kinds]):
        if _found(paths) == urls:
            return paths
    return sorted(urls)


def _common_url(urls: Iterable[str]) -> str:
    folders = [url.split("/")[:-1] for url in urls]
    return "/".join(parts[0] for parts in takewhile(_alike, zip(*folders, strict=False)))


def _alike(parts: Sequence[str]) -> bool:
    return len(set(parts)) == 1


def _ending(url: str) -> str:
    """`.jsonl.zst`, `.parquet`."""
    name = PurePosixPath(url)
    return PurePosixPath(name.stem).suffix + name.suffix if name.suffix in _COMPRESSED else name.suffix


_COMPRESSED = frozenset({".gz", ".zst", ".zstd", ".bz2", ".xz"})


def _found(paths: Sequence[str]) -> set[str]:
    try:
        return {file.url for file in find_files(paths, group="")}
    except InputError:
        return set()


def written_path(path: str, folder: Path | None) -> str:
    """A path as the recipe says it: relative to the recipe's folder, where there is one and the path is no URL."""
    if folder is None or is_url(path):
        return path
    return path_from(folder, path)


def reference_line(given: Sequence[Any], groups: Sequence[Group], folder: Path | None) -> list[Line]:
    """The reference as a path beside the sources: text to compare with is not text to train on."""
    if not groups:
        return []
    told = isinstance(given[0], str | Path)
    path = written_path(absolute(str(given[0])) if told else paths_of(groups[0])[0], folder)
    reasons = [
        "The tail of this human text is to be kept. It is compared with, and does not go into the set."
    ]
    if len(given) > 1:
        rest = ", ".join(map(str, given[1:]))
        reasons.append(
            f"A recipe has one reference, and the audit was given {len(given)}: put {rest} beside it."
        )
    if "/" not in path and not has_magic(path):
        path = f"./{path}"  # a bare word would be the name of a source
    return [Line(path=("reference",), value=path, reasons=tuple(reasons))]


# --- steps -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one quality rule would take out, and what speaks against it."""

    rule: str
    documents: int  # of the corpus that fail it
    of: int
    reference: tuple[int, int] | None = None  # documents of the reference that fail it, and all of it
    cost: str | None = None  # what it costs the tail, where that is more than chance

    def objection(self) -> str | None:
        """Why the rule is left out, with its figures; None: nothing speaks against it."""
        share = self.documents / self.of
        if self.reference is None:
            if share > QUALITY_WARNING:
                return f"{share:.1%} of the documents fail it, so many that the rule may not fit the text"
            return None
        human = self.reference[0] / self.reference[1]
        if human > REFERENCE_LOSS or (human and human >= share):
            return f"{human:.1%} of the human reference fail it, and {share:.1%} of the corpus"
        return self.cost

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = {"documents": self.documents, "share": self.documents / self.of}
        if self.reference is not None:
            found["reference_share"] = self.reference[0] / self.reference[1]
        return found


def trials_of(audit: Mapping[str, Any]) -> list[Trial]:
    """What an audit's own figures say of the default rules that some document fails, in the order of the rules."""
    rows = {row["rule"]: row["documents"] for row in audit["quality"]}
    return [
        Trial(rule=rule, documents=rows[rule], of=audit["inputs"]["documents"])
        for rule in RULES
        if rule in rows and set_of(rule) in DEFAULT_SETS
    ]


def set_of(rule: str) -> str:
    return next(name for name, rules in SETS.items() if RULES[rule] in rules)


def quality_options(kept: Sequence[Trial], out: Sequence[Trial]) -> dict[str, Any]:
    """Options of `quality.v1` with the rules kept; rules that no document fails stay, for they cost nothing."""
    sets = list(dict.fromkeys(set_of(trial.rule) for trial in kept))
    skipped = [trial.rule for trial in out if set_of(trial.rule) in sets]
    return {"rules": sets, **({"skip": skipped} if skipped else {})}


def step_lines(audit: Mapping[str, Any], trials: Sequence[Trial]) -> list[Line]:
    """Steps for what the audit found, and comments on what it cannot find."""
    lines = [
        *_rights(audit),
        *_quality(trials),
        *_artefacts(audit),
        *_exact_duplicates(audit),
        *_near_duplicates(audit),
    ]
    if not any(line.holds == "yes" for line in lines):
        lines.insert(0, _note("steps", "The audit found nothing that a step should take out: all stay."))
    return [*lines, _decontaminate()]


def _rights(audit: Mapping[str, Any]) -> Iterator[Line]:
    """First of all: a copy that may be used is not to go as the duplicate of one that may not."""
    refused = sum(audit["rights"]["consent"].get(label, 0) for label in ("opt-out-signal", "revoked"))
    if refused:
        yield _step(
            "rights.v1",
            {},
            f"{_documents(refused)} {'is' if refused == 1 else 'are'} opted out of training; where signals contradict "
            "each other a person is asked.",
            {"documents": refused},
        )


def _quality(trials: Sequence[Trial]) -> Iterator[Line]:
    kept = [trial for trial in trials if trial.objection() is None]
    out = [trial for trial in trials if trial.objection() is not None]
    left_out = tuple(f"Without {trial.rule}: {trial.objection()}." for trial in out)
    figures = {trial.rule: trial.figures() for trial in trials}
    if not kept:
        if out:
            said = "quality.v1 is left out."
            yield Line(
                path=(*_STEPS, "quality.v1"),
                value={},
                reasons=(*left_out, said),
                figures=figures,
                holds="note",
            )
        return
    worst = sorted(kept, key=lambda trial: -trial.documents)[:3]
    hit = ", ".join(f"{trial.rule} {trial.documents:,}" for trial in worst)
    reason = f"Documents break published rules of quality and repetition: {hit}."
    options = quality_options(kept, out)
    skipped = tuple(
        said for trial, said in zip(out, left_out, strict=True) if trial.rule in options.get("skip", ())
    )
    yield Line(path=(*_STEPS, "quality.v1"), value=options, reasons=(reason, *skipped), figures=figures)


def _artefacts(audit: Mapping[str, Any]) -> Iterator[Line]:
    found = audit["origin"]["artefact_documents"]
    if found:
        yield _step(
            "artefacts.v1",
            {},
            f"{_documents(found)} {_carry(found)} traces of chat tools; where the evidence contradicts itself a "
            "person is asked.",
            {"documents": found},
        )


def _exact_duplicates(audit: Mapping[str, Any]) -> Iterator[Line]:
    redundant, total = audit["duplicates"]["exact"]["redundant"], audit["inputs"]["documents"]
    if redundant:
        yield _step(
            "exact-duplicates.v1",
            {},
            f"{redundant / total:.1%} of the documents ({redundant:,}) are copies of others, byte for byte.",
            {"documents": redundant, "share": redundant / total},
        )


def _near_duplicates(audit: Mapping[str, Any]) -> Iterator[Line]:
    near, total = audit["duplicates"]["near"], audit["inputs"]["documents"]
    if not near["redundant"]:
        return
    said = f"{near['redundant'] / total:.1%} of the documents ({near['redundant']:,}) are near-duplicates of others"
    reasons = [f"{said} at {near['similarity']:g}."]
    if near["largest"] >= CLUSTER_LARGE:
        reasons.append(
            f"One group has {near['largest']:,}: most likely a template. Raise similarity if its facts matter."
        )
    hit = [
        f"{row['source']} {row['share']:.0%}"
        for row in audit["duplicates"]["by_source"]
        if row["documents"] >= SOURCE_LEAST and row["share"] >= SOURCE_LOSS
    ]
    if hit:
        reasons.append(f"Read what goes of the sources that lose most to both: {', '.join(hit[:5])}.")
    yield Line(
        path=(*_STEPS, "near-duplicates.v1"),
        value={"similarity": near["similarity"], "keep": list(DEFAULT_KEEP)},
        reasons=tuple(reasons),
        figures={
            "documents": near["redundant"],
            "share": near["redundant"] / total,
            "largest": near["largest"],
        },
    )


def _decontaminate() -> Line:
    return Line(
        path=(*_STEPS, "decontaminate.v1"),
        value={"sets": ["evaluation/*.jsonl"]},
        reasons=("Your evaluation sets cannot be guessed. Name them, and take this line in.",),
        holds="no",
    )


# --- the mix ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """The largest of the groups of one kind."""

    name: str
    documents: int
    groups: int  # that have a document


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left to mix of the corpus."""

    documents: int
    human: int  # known to be
    synthetic: int
    largest: Mapping[str, Largest]  # by kind, of `CAPPED`; a kind that no document has is not there

    @staticmethod
    def of_audit(audit: Mapping[str, Any]) -> "Left":
        """All of it, where no step has been tried."""
        resolved = audit["origin"]["resolved"]
        return Left(
            documents=audit["inputs"]["documents"],
            human=resolved[Origin.HUMAN.label],
            synthetic=sum(resolved[origin.label] for origin in SYNTHETIC),
            largest={},
        )


def synthetic_lines(left: Left) -> Iterator[Line]:
    """A limit on synthetic text where documents are known to be synthetic."""
    if not left.synthetic:
        return
    share = left.synthetic / left.documents
    said = f"{share:.1%} of the documents left ({left.synthetic:,}) are known to be synthetic"
    all_of_it = left.synthetic == left.documents
    if all_of_it:
        ending = ": a limit would leave nothing. Bring human text, then take this line in."
    elif share > SYNTHETIC_SHARE:
        ending = ": as seasoning they add, as a main part they thin the tails."
    else:
        ending = ": none goes now, and what is added later is held to the limit."
    yield Line(
        path=("mix", "synthetic_share"),
        value={"max": SYNTHETIC_SHARE},
        reasons=(said + ending,),
        figures={"documents": left.synthetic, "share": share},
        holds="no" if all_of_it else "yes",
    )


def measured_lines(audit: Mapping[str, Any]) -> Iterator[Line]:
    """Caps on sources that read as AI-made in the main: together they are held to what synthetic text may be."""
    rows = [
        row
        for row in audit["origin"]["by_source"]
        if "scored" in row and row["low"] is not None and row["low"] > READS_AS_AI
    ]
    if not rows or len(rows) == len(audit["origin"]["by_source"]):
        return
    share = max(math.floor(SYNTHETIC_SHARE / len(rows) * 1000) / 1000, 0.001)
    named = ", ".join(f"{row['source']} {row['low']:.0%} to {row['high']:.0%}" for row in rows)
    yield Line(
        path=(*_CAPS, "source"),
        value={row["source"]: share for row in rows},
        reasons=(
            f"By style these read as AI-made in the main: {named}. Together they are held to {SYNTHETIC_SHARE:.0%}.",
        ),
        figures={row["source"]: {"low": row["low"], "high": row["high"]} for row in rows},
    )


def cap_lines(left: Left) -> Iterator[Line]:
    """A cap where one source, month or domain has more than half of what is left."""
    seen = []
    for kind in CAPPED:
        largest = left.largest.get(kind)
        if largest is None or (largest.documents, largest.groups) in seen:
            continue
        share = largest.documents / left.documents
        cap = cap_for(share)
        if largest.groups > 1 and share > DOMINANT_SOURCE and cap < share:
            seen.append((largest.documents, largest.groups))  # the same documents by another name
            goes = 1 - (1 - share) / (1 - cap)
            reason = (
                f"{largest.name} is {share:.1%} of the documents left, one of {largest.groups:,} {kind}s. At {cap:g} "
                f"the others weigh {(1 - cap) / (1 - share):.1f} times as much, and {goes:.0%} of the documents go."
            )
            figures = {"share": share, "groups": largest.groups, "goes": goes}
            yield Line(path=(*_CAPS, kind), value=cap, reasons=(reason,), figures=figures)


def cap_for(share: float) -> float:
    """The cap on a group that has more than half: one half, or more where that would cost more than `CAP_LOSS`.

    With all of the others' 1 - share taken, the mix is (1 - share) / (1 - cap) of what was left. Above a share of some
    0.97 no cap in hundredths is below it.

    >>> cap_for(0.6), cap_for(0.9)
    (0.5, 0.87)
    """
    least = 1 - (1 - share) / (1 - CAP_LOSS)
    return max(DOMINANT_SOURCE, math.ceil(round(least * 100, 6)) / 100)


def floor_lines(human: int, documents: int) -> Iterator[Line]:
    """A floor at the share that the mix has anyway: it takes nothing, and holds it as the corpus grows."""
    floor = math.floor(100 * human / documents) / 100 if documents else 0.0
    if 0 < floor < 1:
        yield Line(
            path=("mix", "human_floor"),
            value=floor,
            reasons=(
                f"{human / documents:.1%} of what the mix takes is known to be human: let it not become less.",
            ),
            figures={"documents": human, "share": human / documents},
        )


def tail_lines(audit: Mapping[str, Any]) -> Iterator[Line]:
    """A quota for the reference's rare topics, where the corpus has any of them."""
    rare = (audit["topics"] or {}).get("rare")
    if rare and rare["held"]:
        reason = (
            f"The corpus has {rare['held']:,} of the {rare['topics']:,} rare topics of the reference: of each, its "
            "share there, or all there is."
        )
        yield Line(
            path=("mix", "diversity"),
            value={"by": "ngram-clusters", "keep_tail": RETENTION},
            reasons=(reason,),
            figures={"rare_topics": rare["topics"], "held": rare["held"]},
        )


def guard_lines(audit: Mapping[str, Any], refused: str | None = None) -> Iterator[Line]:
    """A guard where the tail can be measured; `refused` is what it says of this very recipe."""
    if audit["tails"] is None or audit["tails"]["reference"] is None:
        if audit["reference_given"]:
            yield _note(
                "guard", "No guard: of so little text the tail of the reference cannot be measured (WK403)."
            )
        return
    reasons = (f"A step or the mix that keeps less than {RETENTION:g} of the reference's tail is refused.",)
    if refused is not None:
        reasons = (f"Taken in, this would refuse the recipe as it stands: {refused}",)
    yield Line(
        path=("guard",),
        value={"tail": RETENTION},
        reasons=reasons,
        holds="yes" if refused is None else "no",
    )


# --- the whole --------------------------------------------------------------------------------------

ACTED_ON = frozenset({"WK102", "WK201", "WK202", "WK203", "WK204", "WK301", "WK304", "WK305", "WK501"})
"""Findings that a recipe can act on; the others need a person, other text, or other labels."""


def heading(audit: Mapping[str, Any], *more: str) -> list[str]:
    """What stands above the recipe: whose figures these are, and what no recipe settles."""
    documents = _documents(audit["inputs"]["documents"])
    said = [f"Made from an audit of {documents}. Above each line stands its reason.", *more]
    left = [f"{row['code']} {row['title']}" for row in audit["findings"] if row["code"] not in ACTED_ON]
    return [*said, *(["Not for a recipe to settle:", *left] if left else [])]


def proposed_recipe(
    groups: Sequence[Group], given: Sequence[Any], references: Sequence[Group], audit: Mapping[str, Any]
) -> str:
    """A recipe from an audit's figures alone, with absolute paths; `recommend` tries one out and adds more."""
    lines = [
        Line(path=("wellkeeper",), value=VERSION),
        *source_lines(groups, None),
        *reference_line(given, references, None),
        *step_lines(audit, trials_of(audit)),
        *synthetic_lines(Left.of_audit(audit)),
    ]
    more = "`wellkeeper recommend` tries one out on the corpus, and adds caps, a human floor, a tail quota and a guard."
    return written(lines, heading(audit, more))


def _step(name: str, options: Mapping[str, Any], reason: str, figures: Mapping[str, Any]) -> Line:
    return Line(path=(*_STEPS, name), value=options, reasons=(reason,), figures=figures)


def _note(key: str, sentence: str) -> Line:
    path = (*_STEPS, "") if key == "steps" else (key,)
    return Line(path=path, value=None, reasons=(sentence,), holds="note")


def _documents(count: int) -> str:
    return f"{count:,} document" if count == 1 else f"{count:,} documents"


def _carry(count: int) -> str:
    return "carries" if count == 1 else "carry"
