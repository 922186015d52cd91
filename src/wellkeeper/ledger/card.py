"""The dataset card of an output folder: README.md with the front matter that Hugging Face reads.

The figures come from the ledger's counts, never from a model or a template's wishes. The front matter names
`data/*.parquet` as the only data, so that `datasets.load_dataset(folder)` does not read the ledger as text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from wellkeeper.core.lineage import UNKNOWN_DEPTH
from wellkeeper.core.origin import LABELS, SYNTHETIC, Origin
from wellkeeper.core.rights import Consent
from wellkeeper.ledger.counts import Counts, LicenceCount

# Identifiers of huggingface.co/docs/hub/repositories-licenses that are not the SPDX identifier in lower case.
_HUB_LICENCES: Mapping[str, str] = {
    "GPL-2.0-only": "gpl-2.0",
    "GPL-2.0-or-later": "gpl-2.0",
    "GPL-3.0-only": "gpl-3.0",
    "GPL-3.0-or-later": "gpl-3.0",
    "AGPL-3.0-only": "agpl-3.0",
    "LGPL-2.1-only": "lgpl-2.1",
    "LGPL-3.0-only": "lgpl-3.0",
    "PDDL-1.0": "pddl",
    "ODbL-1.0": "odbl",
    "ODC-By-1.0": "odc-by",
    "GFDL-1.3-or-later": "gfdl",
}
_HUB_SAME = re.compile(
    r"apache-2\.0|mit|bsd-[23]-clause|isc|mpl-2\.0|unlicense|cc0-1\.0|cdla-permissive-2\.0"
    r"|cc-by-(2\.0|2\.5|3\.0|4\.0)|cc-by-sa-[34]\.0|cc-by-nc-[234]\.0|cc-by-nd-4\.0|cc-by-nc-nd-[34]\.0"
    r"|cc-by-nc-sa-[234]\.0"
)
_SIZES = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
_SOURCES_SHOWN = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredShare:
    """The share of AI text as references of known origin measure it, 0 to 1; the estimate is None if none can be."""

    of: str  # "the kept documents", say
    estimate: float | None
    low: float
    high: float
    level: float  # of the interval

    def told(self) -> str:
        """One sentence, with the interval."""
        interval = f"{self.low:.1%} to {self.high:.1%}, at {self.level:.0%} confidence"
        if self.estimate is None:
            return f"Measured by references of known origin, AI text is {interval}, of {self.of}."
        return f"Measured by references of known origin, AI text is {self.estimate:.1%} of {self.of} ({interval})."


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintFigure:
    """One constraint of the recipe's mix: what was asked and what the kept documents have, in words."""

    name: str
    asked: str
    reached: str


def card(
    name: str,
    *,
    counts: Counts,
    recipe: Mapping[str, Any],
    recipe_digest: str,
    version: str,
    seed: int,
    constraints: Sequence[ConstraintFigure] = (),
    source_datasets: Sequence[str] = (),
    language: Sequence[str] = (),
    description: str = "",
    cut: tuple[int, int] = (0, 0),
    measured: Sequence[MeasuredShare] = (),
) -> str:
    """The text of README.md.

    `version` is wellkeeper's; `language` are ISO 639 codes, left out if unknown; `cut` is how many kept documents lost
    passages, and how many words these had.

    `source_datasets` are the hub's ids of the data sets that it was made from, as far as they lie there; `measured`
    are shares of AI text, where references measured any. Shares are of kept documents unless the table says otherwise.
    """
    sections = [
        f"# {_inline(name)}\n\n{description}".rstrip(),
        _what(counts, version, cut),
        _origins(counts),
        _steps(counts),
        _constraints(constraints),
        _sources(counts),
        _licences(counts),
        _consents(counts),
        _depths(counts),
        _limits(counts, recipe, measured),
        _reproduce(recipe, recipe_digest, version, seed),
        _ask(),
    ]
    front = _front(name, counts, source_datasets, language)
    return front + "\n" + "\n\n".join(section for section in sections if section) + "\n"


def _front(name: str, counts: Counts, source_datasets: Sequence[str], language: Sequence[str]) -> str:
    content: dict[str, Any] = {"pretty_name": " ".join(name.split())}
    if language:
        content["language"] = list(language)
    licences = list(dict.fromkeys(hub_licence(row.licence) for row in counts.by_licence)) or ["unknown"]
    content["license"] = licences if len(licences) > 1 else licences[0]
    if licences == ["other"]:
        content["license_name"] = ", ".join(str(row.licence) for row in counts.by_licence)
    content["size_categories"] = [size_category(counts.kept)]
    if source_datasets:
        content["source_datasets"] = list(source_datasets)
    content |= _makers(counts)
    content["tags"] = ["wellkeeper", *(["synthetic"] if ai_made(counts) else [])]
    data_files = [{"split": "train", "path": "data/*.parquet"}]
    content["configs"] = [{"config_name": "default", "data_files": data_files}]
    return "---\n" + yaml.safe_dump(content, sort_keys=False, allow_unicode=True) + "---\n"


def _makers(counts: Counts) -> dict[str, list[str]]:
    """Who made the texts and their annotations, in the hub's words; `found` are texts that lay there already."""
    machine = ai_made(counts)
    people = counts.kept - machine
    languages = [*(["found"] if people else []), *(["machine-generated"] if machine else [])]
    return {
        "annotations_creators": ["machine-generated" if machine else "no-annotation"],
        **({"language_creators": languages} if languages else {}),
    }


def hub_licence(licence: str | None) -> str:
    """The hub's identifier of a licence; `other` for one it does not list, `unknown` for None.

    >>> hub_licence("CC-BY-SA-4.0"), hub_licence("ODbL-1.0"), hub_licence("House licence"), hub_licence(None)
    ('cc-by-sa-4.0', 'odbl', 'other', 'unknown')
    """
    if licence is None:
        return "unknown"
    same = licence.lower()
    return _HUB_LICENCES.get(licence, same if _HUB_SAME.fullmatch(same) else "other")


def size_category(documents: int) -> str:
    """The hub's size category.

    >>> size_category(999), size_category(1000), size_category(2 * 10**12)
    ('n<1K', '1K<n<10K', 'n>1T')
    """
    steps = next((step for step in range(len(_SIZES)) if documents < 10 ** (step + 3)), len(_SIZES))
    if steps == 0:
        return f"n<{_SIZES[0]}"
    return f"n>{_SIZES[-1]}" if steps == len(_SIZES) else f"{_SIZES[steps - 1]}<n<{_SIZES[steps]}"


def _what(counts: Counts, version: str, cut: tuple[int, int]) -> str:
    fates = [
        ("Kept", counts.kept),
        ("Dropped, with a reason", counts.dropped),
        ("Held back for a person to review", counts.review),
        ("Quarantined: could not be read as a document", counts.quarantined),
        ("**Read**", counts.read),
    ]
    rows = [(name, f"{count:,}", _share(count, counts.read)) for name, count in fates]
    documents = f"{counts.kept:,} document{'' if counts.kept == 1 else 's'}"
    altered = (
        f" Not all texts are as they were read: from {cut[0]:,} of them {cut[1]:,} words were cut that stand in "
        "another kept document too. `ledger/spans` lists every cut."
        if cut[0]
        else ""
    )
    return (
        "## What this is\n\n"
        f"{documents} ({counts.kept_words:,} words, {counts.kept_bytes:,} bytes of UTF-8), chosen from "
        f"{counts.read:,} records by wellkeeper {version}. The ledger says of each record that was read what "
        f"became of it, and why.{altered}\n\n" + _table(("Record", "Count", "Share of read"), rows)
    )


def _origins(counts: Counts) -> str:
    resolved: Counter[str] = Counter()
    declared: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for row in counts.by_origin:
        resolved[row.origin] += row.documents
        declared[row.declared] += row.documents
        kept[row.origin] += row.kept
        words[row.origin] += row.kept_words
    order = [origin for origin in (*LABELS[1:], LABELS[0]) if resolved[origin] or declared[origin]]
    rows = [
        (
            origin,
            f"{declared[origin]:,}",
            f"{resolved[origin]:,}",
            f"{kept[origin]:,}",
            _share(kept[origin], counts.kept),
            _share(words[origin], counts.kept_words),
        )
        for origin in order
    ]
    header = (
        "Origin",
        "Declared, of all",
        "Resolved, of all",
        "Kept",
        "Share of kept",
        "Share of kept words",
    )
    return (
        "## Origin\n\n"
        "*Declared* is what the sources say of themselves; *resolved* is what all evidence says together. "
        "`unknown` means that nothing tells, and not that a person wrote it.\n\n" + _table(header, rows)
    )


def _steps(counts: Counts) -> str:
    if not counts.by_step_reason:
        return "## Steps\n\nNo step objected to any document."
    rows = [(row.step, row.reason, row.decision, f"{row.documents:,}") for row in counts.by_step_reason]
    return "## Steps\n\n" + _table(("Step", "Reason", "Decision", "Documents"), rows)


def _constraints(constraints: Sequence[ConstraintFigure]) -> str:
    if not constraints:
        return ""
    rows = [(row.name, row.asked, row.reached) for row in constraints]
    return "## Constraints of the mix\n\n" + _table(("Constraint", "Asked", "Reached"), rows)


def _sources(counts: Counts) -> str:
    rows = [
        (row.group, row.source, f"{row.documents:,}", f"{row.kept:,}", f"{row.dropped:,}", f"{row.review:,}")
        for row in counts.by_source[:_SOURCES_SHOWN]
    ]
    more = len(counts.by_source) - len(rows)
    note = f"\n\nAnd {more:,} smaller sources: see `manifest.json`." if more else ""
    header = ("Recipe source", "Source", "Documents", "Kept", "Dropped", "Review")
    return "## Sources\n\n" + _table(header, rows) + note


def _licences(counts: Counts) -> str:
    rows = [
        (row.licence or "unknown", f"{row.kept:,}", _share(row.kept, counts.kept), _word_share(row, counts))
        for row in counts.by_licence
    ]
    header = ("Licence", "Kept", "Share of kept", "Share of kept words")
    note = (
        "Licences are what the sources declare, folded to SPDX expressions where the meaning is certain. "
        "wellkeeper does not judge whether they permit a use."
    )
    return f"## Licences\n\n{note}\n\n" + _table(header, rows)


def _consents(counts: Counts) -> str:
    if all(row.consent == Consent.UNKNOWN.label for row in counts.by_consent):
        return ""
    rows = [
        (row.consent, f"{row.documents:,}", f"{row.kept:,}", _share(row.kept, counts.kept))
        for row in counts.by_consent
    ]
    note = (
        "Consent to training is resolved from what the sources declare and from opt-out signals; one that denies "
        "counts against any that allow. `ledger/signals` has each of them as it was written."
    )
    header = ("Consent", "Of all", "Kept", "Share of kept")
    return f"## Consent\n\n{note}\n\n" + _table(header, rows)


def _depths(counts: Counts) -> str:
    if all(row.depth in {0, UNKNOWN_DEPTH} for row in counts.by_depth):
        return ""
    rows = [
        (
            "unknown" if row.depth == UNKNOWN_DEPTH else str(row.depth),
            f"{row.documents:,}",
            f"{row.kept:,}",
            _share(row.kept, counts.kept),
            _share(row.kept_words, counts.kept_words),
        )
        for row in counts.by_depth
    ]
    note = (
        "How many generations of models lie behind a text: 0 for a person's, 1 more than its deepest parent "
        "for others."
    )
    header = ("Depth", "Of all", "Kept", "Share of kept", "Share of kept words")
    return f"## Generation depth\n\n{note}\n\n" + _table(header, rows)


def _word_share(row: LicenceCount, counts: Counts) -> str:
    return _share(row.kept_words, counts.kept_words)


def _kept_by_origin(counts: Counts) -> Counter[str]:
    kept: Counter[str] = Counter()
    for row in counts.by_origin:
        kept[row.origin] += row.kept
    return kept


def ai_made(counts: Counts) -> int:
    """Kept documents that a model wrote, or had a hand in, as far as labels and evidence are right."""
    kept = _kept_by_origin(counts)
    return sum(kept[origin.label] for origin in (Origin.AI_ASSISTED, *SYNTHETIC))


def synthetic_share(counts: Counts) -> str:
    """What labels and evidence say of the share of synthetic text among the kept documents, in a sentence or two."""
    kept = _kept_by_origin(counts)
    synthetic = sum(kept[origin.label] for origin in SYNTHETIC)
    unknown = kept[Origin.UNKNOWN.label]
    low, high = _share(synthetic, counts.kept), _share(synthetic + unknown, counts.kept)
    if unknown:
        return (
            f"The share of AI-made text is not identified: {unknown:,} of the {counts.kept:,} kept documents "
            f"are of unknown origin. Labels and evidence alone allow {low} (none of those AI-made) to {high} "
            "(all of them), as far as they are right; anchors of known origin would narrow the bounds."
        )
    return (
        f"{low} of the kept documents are AI-generated, machine-translated or programmatic, as far as "
        "the labels and the evidence are right."
    )


def quality_rules_used(recipe: Mapping[str, Any]) -> bool:
    """Whether the recipe, as people write it, drops documents by rules of quality."""
    return any(str(name).startswith("quality.") for step in recipe.get("steps") or () for name in step)


QUALITY_BIAS = (
    "Quality rules are made for prose of the languages they were published for; code, verse and other "
    "languages can be dropped unjustly. The ledger names each document."
)


def _limits(counts: Counts, recipe: Mapping[str, Any], measured: Sequence[MeasuredShare]) -> str:
    lines = [
        synthetic_share(counts),
        *(share.told() for share in measured),
        "A missing mark or label is no evidence of a human author.",
        (
            "Consent is what statements beside the texts say, where any were read; nobody was asked. Where there is "
            "none, it is `unknown`."
        ),
        *([QUALITY_BIAS] if quality_rules_used(recipe) else []),
    ]
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _reproduce(recipe: Mapping[str, Any], recipe_digest: str, version: str, seed: int) -> str:
    written = yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True).rstrip()
    return (
        "## How to reproduce it\n\n"
        "Save the recipe as `recipe.yaml` beside the same inputs (`manifest.json` has their fingerprints), "
        "then:\n\n"
        f"```sh\npip install wellkeeper=={version}\nwellkeeper curate recipe.yaml --seed {seed}\n```\n\n"
        "The same inputs give the same content digests in `manifest.json`. "
        f"Recipe digest: `{recipe_digest}`.\n\n"
        f"```yaml\n{written}\n```"
    )


def _ask() -> str:
    return (
        "## How to ask why\n\n"
        "```sh\nwellkeeper why . DOCUMENT\n```\n\n"
        "`DOCUMENT` is an id, the first eight or more digits of a text's SHA-256, or `file:line` of an "
        "input. The answer names the step, the evidence and, for a duplicate, the document that was kept in "
        "its place."
    )


def _share(part: int, whole: int) -> str:
    """A percentage to one decimal that never rounds something to nothing or to all."""
    if not whole:
        return "-"
    percent = f"{part / whole:.1%}"
    if part and percent == "0.0%":
        return "<0.1%"
    return ">99.9%" if part < whole and percent == "100.0%" else percent


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *([_inline(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _inline(text: str) -> str:
    """Text of a source as one cell or line: a pipe, a tag or a line end in a name must not break the page."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", " ".join(text.split()).replace("|", "\\|"))
