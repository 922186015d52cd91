"""The document of an audit of pictures, schema `wellkeeper.audit-images/1`, and the findings that follow from it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from wellkeeper import __version__
from wellkeeper.core.evidence import KINDS
from wellkeeper.core.finding import Finding, Severity
from wellkeeper.core.marks import Trust, Validity
from wellkeeper.core.origin import AI_MADE, LABELS
from wellkeeper.core.rights import Consent
from wellkeeper.core.signals import NO_DATE
from wellkeeper.images.duplicates import COLOUR, CONFIRM_RADIUS, CORRELATION, RADIUS, SIMPLE_CORRELATION
from wellkeeper.images.marks import has_camera_fields
from wellkeeper.recipe.describe import describe_quarantine, ranked
from wellkeeper.recipe.findings import (
    REDUNDANT_WARNING,
    counted,
    finding_of,
    findings_by,
    quarantine_finding,
    verdict_of,
)

if TYPE_CHECKING:
    from wellkeeper.recipe.images import Pictures

SCHEMA = "wellkeeper.audit-images/1"
MARKED_SHOWN, BROKEN_SHOWN, CONFLICTS_SHOWN, GROUPS_SHOWN, OF_A_GROUP = 18, 6, 6, 10, 3
"""Examples in the document, all of which the report shows as pictures: 60 at most."""


def image_document(pictures: "Pictures") -> dict[str, Any]:
    """All figures of an audit of pictures, with findings and verdict."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "inputs": _inputs(pictures),
        "origin": _origin(pictures),
        "credentials": _credentials(pictures),
        "duplicates": _duplicates(pictures),
        "rights": _rights(pictures),
    }
    findings = findings_of_images(document)
    document["findings"] = [finding.to_json() for finding in findings]
    document["verdict"] = verdict_of(findings)
    return document


def thumbnails_wanted(document: Mapping[str, Any]) -> list[int]:
    """Rows of the pictures that the document gives as examples, each once."""
    origin, duplicates = document["origin"], document["duplicates"]
    rows = [one["row"] for name in ("examples", "broken", "conflicting") for one in origin[name]]
    rows += [one["row"] for group in duplicates["examples"] for one in group["members"]]
    return list(dict.fromkeys(rows))


def _inputs(pictures: "Pictures") -> dict[str, Any]:
    seen = pictures.seen
    size = Counter[str]()
    for source, one in zip(pictures.sources, seen, strict=True):
        size[source] += one.size
    return {
        "documents": len(seen),
        "bytes": sum(one.size for one in seen),
        "pixels": sum(one.width * one.height for one in seen),
        "files": pictures.listing.files,
        "quarantined": len(pictures.quarantined),
        "passed_over": [
            {"suffix": suffix, "files": files} for suffix, files in pictures.listing.passed_over.items()
        ],
        "columns": list(pictures.listing.said),
        "sources": [
            {"name": name, "documents": images, "bytes": size[name]}
            for name, images in ranked(pictures.sources)
        ],
        "formats": [
            {"format": name, "documents": images} for name, images in ranked(one.media_type for one in seen)
        ],
        **describe_quarantine([asdict(record) for record in pictures.quarantined]),
    }


def _origin(pictures: "Pictures") -> dict[str, Any]:
    seen = pictures.seen
    by_ai = np.isin(pictures.origin, AI_MADE)
    bits = {kind.name: np.uint64(1 << kind.bit) for kind in KINDS}
    carried = np.array([bool(one.marks.statements) for one in seen], np.bool_)
    broken = (pictures.mask & bits["credential-broken"]) != 0
    generators = [name for name, is_ai in zip(pictures.generators, by_ai.tolist(), strict=True) if is_ai]
    return {
        "declared": _labels(pictures.declared),
        "resolved": _labels(pictures.origin),
        "evidence": [
            {
                "kind": kind.name,
                "title": kind.title,
                "strength": kind.strength.label,
                "weight": kind.weight,
                "documents": count,
            }
            for kind in KINDS
            if (count := int(np.count_nonzero(pictures.mask & bits[kind.name])))
        ],
        "generators": [
            {"generator": name, "documents": images}
            for name, images in ranked(g or "not named" for g in generators)
        ],
        "carrying_marks": int(carried.sum()),
        "conflicts": int(pictures.conflict.sum()),
        "camera_fields": sum(has_camera_fields(one.signals) for one in seen),
        "by_source": _by_source(pictures),
        "by_month": _by_month(pictures),
        "examples": [_example(pictures, row) for row in _first(by_ai & carried & ~broken, MARKED_SHOWN)],
        "broken": [_example(pictures, row) for row in _first(broken, BROKEN_SHOWN)],
        "conflicting": [_example(pictures, row) for row in _first(pictures.conflict, CONFLICTS_SHOWN)],
    }


def _labels(origins: Any) -> dict[str, int]:
    counted = np.bincount(origins, minlength=len(LABELS))
    return {label: int(counted[code]) for code, label in enumerate(LABELS)}


def _first(where: Any, most: int) -> list[int]:
    """The first rows where it holds."""
    return [int(row) for row in np.flatnonzero(where)[:most]]


def _by_source(pictures: "Pictures") -> list[dict[str, Any]]:
    counts: dict[str, Counter[str]] = {}
    for source, origin in zip(pictures.sources, pictures.origin.tolist(), strict=True):
        counts.setdefault(source, Counter())[LABELS[origin]] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1].total(), item[0]))
    return [
        {
            "source": name,
            "documents": found.total(),
            "marked_ai": sum(found[origin.label] for origin in AI_MADE),
        }
        for name, found in ordered
    ]


def _by_month(pictures: "Pictures") -> list[dict[str, Any]]:
    """Images and those resolved as AI-made, by month of the date beside them; undated ones are in none."""
    images, marked = Counter[str](), Counter[str]()
    for seconds, origin in zip(pictures.captured_at.tolist(), pictures.origin.tolist(), strict=True):
        if seconds != NO_DATE:
            month = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")
            images[month] += 1
            marked[month] += origin in AI_MADE
    return [
        {"month": month, "documents": images[month], "marked_ai": marked[month]} for month in sorted(images)
    ]


def _example(pictures: "Pictures", row: int) -> dict[str, Any]:
    one = pictures.seen[row]
    return {
        "row": row,
        "id": one.id,
        "origin": LABELS[pictures.origin[row]],
        "declared": LABELS[pictures.declared[row]],
        "generator": pictures.generators[row],
        "evidence": [
            {"kind": statement.kind, "matched": statement.matched} for statement in one.marks.statements
        ],
    }


def _credentials(pictures: "Pictures") -> dict[str, Any]:
    found = [one.credential for one in pictures.seen]
    signers = ranked(
        (one.signer or "(nameless)", one.trust.label) for one in found if one.validity is Validity.VALID
    )
    return {
        **{
            validity.label: sum(one.validity is validity for one in found)
            for validity in Validity
            if validity is not Validity.NONE
        },
        **{
            trust.label: sum(one.trust is trust and one.validity is Validity.VALID for one in found)
            for trust in (Trust.TRUSTED, Trust.UNTRUSTED)
        },
        "unread": sum(one.unread_credential for one in pictures.seen),
        "signers": [
            {"signer": signer, "trust": trust, "documents": images} for (signer, trust), images in signers
        ],
    }


def _duplicates(pictures: "Pictures") -> dict[str, Any]:
    """Each kind counts the copies that the one before it does not: their sum is all that are redundant."""
    found = pictures.duplicates
    redundant = [found.bytes.redundant, found.pixels.redundant, found.near.redundant]
    return {
        "bytes": {"groups": found.bytes.groups, "redundant": redundant[0]},
        "pixels": {"groups": found.pixels.groups, "redundant": redundant[1] - redundant[0]},
        "near": {
            "radius": RADIUS,
            "confirm_radius": CONFIRM_RADIUS,
            "correlation": CORRELATION,
            "simple_correlation": SIMPLE_CORRELATION,
            "colour": COLOUR,
            "groups": found.near.groups,
            "largest": found.near.largest,
            "redundant": redundant[2] - redundant[1],
            "redundant_in_all": redundant[2],
        },
        "plain": int(found.plain.sum()),
        "examples": _groups_shown(pictures),
    }


def _groups_shown(pictures: "Pictures") -> list[dict[str, Any]]:
    """The largest groups, of those that only the eye joins first."""
    found = pictures.duplicates
    pixels = found.pixels.first_of(len(pictures.seen))
    members: dict[int, list[int]] = {}
    for member, first in zip(found.near.member.tolist(), found.near.first.tolist(), strict=True):
        members.setdefault(first, []).append(member)
    ordered = sorted(
        members.items(), key=lambda item: (len(set(pixels[item[1]].tolist())) == 1, -len(item[1]), item[0])
    )
    return [_group(pictures, rows) for _, rows in ordered[:GROUPS_SHOWN]]


def _group(pictures: "Pictures", rows: Sequence[int]) -> dict[str, Any]:
    """One group: its first picture, then those that differ most from it."""
    found, many = pictures.duplicates, len(pictures.seen)
    first, rest = rows[0], sorted(rows[1:], key=lambda row: (-int(found.distance[row]), row))
    same = {"bytes": found.bytes.first_of(many), "pixels": found.pixels.first_of(many)}
    return {
        "size": len(rows),
        "members": [
            {
                "row": row,
                "id": pictures.seen[row].id,
                "width": pictures.seen[row].width,
                "height": pictures.seen[row].height,
                "bytes": pictures.seen[row].size,
                "distance": int(found.distance[row]),
                "same": "first" if row == first else _sameness(same, row, first),
            }
            for row in [first, *rest][:OF_A_GROUP]
        ],
    }


def _sameness(same: Mapping[str, Any], row: int, first: int) -> str:
    return next((kind for kind, firsts in same.items() if firsts[row] == firsts[first]), "near")


def _rights(pictures: "Pictures") -> dict[str, Any]:
    refused = (Consent.OPT_OUT_SIGNAL.label, Consent.REVOKED.label)
    return {
        "licence": [
            {"expression": name, "documents": images}
            for name, images in ranked(name for name in pictures.licences if name is not None)
        ],
        "unknown_licence": sum(name is None for name in pictures.licences),
        "opted_out": sum(consent in refused for consent in pictures.consents),
    }


def findings_of_images(document: Mapping[str, Any]) -> tuple[Finding, ...]:
    """All findings of an audit of pictures."""
    return findings_by(_RULES, document)


def _images(count: int) -> str:
    return counted(count, "image")


def _quarantine(document: Mapping[str, Any]) -> Iterator[Finding]:
    return quarantine_finding(
        document["inputs"],
        "image",
        "Look at the list with file and reason below; write them again, or leave them out on purpose.",
    )


def _copies(document: Mapping[str, Any]) -> Iterator[Finding]:
    total, found = document["inputs"]["documents"], document["duplicates"]
    exact = found["bytes"]["redundant"] + found["pixels"]["redundant"]
    for code, count, one, more in (
        ("WK201", exact, "has the pixels of another", "have the pixels of others"),
        ("WK202", found["near"]["redundant"], "looks nearly like another", "look nearly like others"),
    ):
        if count:
            severe = count >= REDUNDANT_WARNING * total
            yield finding_of(
                code,
                Severity.WARNING if severe else Severity.INFO,
                f"{_images(count)} {one if count == 1 else more} ({count / total:.1%})",
                "Models memorise what is repeated, and repeated images outweigh the rest.",
                "Look at the groups below; images.parquet names the first of each group in the columns same_pixels "
                "and alike.",
            )


def _marked(document: Mapping[str, Any]) -> Iterator[Finding]:
    resolved, total = document["origin"]["resolved"], document["inputs"]["documents"]
    count = sum(resolved[origin.label] for origin in AI_MADE)
    if count:
        yield finding_of(
            "WK701",
            Severity.WARNING,
            f"{_images(count)} {'is' if count == 1 else 'are'} marked or labelled as AI-made ({count / total:.1%})",
            "It is the least there can be: most marks are lost when a file is sent on. A missing mark says nothing.",
            "Leave them out, or keep them on purpose: the ledger's column origin tells which they are, and "
            "wellkeeper why by what evidence.",
        )


def _broken(document: Mapping[str, Any]) -> Iterator[Finding]:
    count = document["credentials"]["invalid"] + document["credentials"]["unreadable"]
    if count:
        yield finding_of(
            "WK309",
            Severity.WARNING,
            f"{_images(count)} {'has' if count == 1 else 'have'} a credential that does not fit",
            "The image was changed after it was signed, or the credential was taken from another one. What it says of "
            "its origin counts for nothing.",
            "Get the original, or leave the image out; its problems are in the report and in ledger/signals.",
        )


def _conflicts(document: Mapping[str, Any]) -> Iterator[Finding]:
    count = document["origin"]["conflicts"]
    if count:
        yield finding_of(
            "WK302",
            Severity.WARNING,
            f"Evidence on {_images(count)} contradicts itself",
            "A label says one thing and the file another, each with odds of at least 100 to 1.",
            "Look at them: the label may be wrong, and with it others of the same source.",
        )


def _opted_out(document: Mapping[str, Any]) -> Iterator[Finding]:
    count = document["rights"]["opted_out"]
    if count:
        yield finding_of(
            "WK602",
            Severity.WARNING,
            f"{_images(count)} {'refuses' if count == 1 else 'refuse'} the training of models",
            "Their credential, their metadata (PLUS data mining) or the field consent beside them say so.",
            "Leave them out, or ask whoever holds the rights: the ledger's column consent is opt-out-signal.",
        )


def _unlicensed(document: Mapping[str, Any]) -> Iterator[Finding]:
    count, total = document["rights"]["unknown_licence"], document["inputs"]["documents"]
    if count:
        yield finding_of(
            "WK601",
            Severity.WARNING,
            f"{_images(count)} without a known licence ({count / total:.0%})",
            "Whoever uses the set has to know what may be done with each image.",
            "Give the field licence beside the images: in NAME.json, metadata.jsonl, or a column.",
        )


def _unread(document: Mapping[str, Any]) -> Iterator[Finding]:
    count = document["credentials"]["unread"]
    if count:
        yield finding_of(
            "WK308",
            Severity.WARNING,
            f"Credentials of {_images(count)} were not read",
            "They hold a C2PA manifest, or look as if they did, and the library that verifies it is not installed.",
            "Install it and run again: pip install 'wellkeeper[c2pa]'.",
        )


def _plain(document: Mapping[str, Any]) -> Iterator[Finding]:
    count = document["duplicates"]["plain"]
    if count:
        yield finding_of(
            "WK702",
            Severity.INFO,
            f"{_images(count)} {'is' if count == 1 else 'are'} too plain to be compared by eye",
            "Blank areas and smooth gradients have the fingerprints of the noise in them: only equal pixels count.",
            "Nothing need be done; the column plain of images.parquet tells which they are.",
        )


_RULES = (_quarantine, _copies, _conflicts, _unlicensed, _marked, _broken, _opted_out, _unread, _plain)
