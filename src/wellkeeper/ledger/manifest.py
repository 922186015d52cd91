"""The manifest of a run: what went in, what was asked, what came out, and the digest of each of them.

Two runs of one recipe over the same inputs with the same code give the same manifest but for the part
`run`, which holds what is true of one run alone: when it ran, on how many workers, and the files with a date
in them. `digest` covers all else.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from wellkeeper.engine.store import sha256_of_file, write_atomic
from wellkeeper.errors import InputError, WorkError
from wellkeeper.ledger.counts import Counts, reconcile
from wellkeeper.ledger.folder import HISTORY, LEAVES, LOOKUP, SALTS, TILES

__all__ = [
    "ENVELOPE",
    "MANIFEST",
    "SCHEMA",
    "ManifestEarlier",
    "ManifestInput",
    "ManifestReview",
    "ManifestWatermarks",
    "digest_of",
    "file_digests",
    "files_of",
    "read_manifest",
    "recipe_digest_of",
    "reconcile",
    "reconcile_manifest",
    "rewrite_manifest",
    "sealed_facts",
    "without_password",
    "write_manifest",
]

MANIFEST = "manifest.json"
SCHEMA = "wellkeeper.manifest/1"

ENVELOPE = "manifest.dsse.json"
"""The seal of a folder, `wellkeeper.ledger.seal`: written last of all, over every other file."""

# Written after the manifest, or from it; a report also says how long the run took, and what is made of all rows may
# hold what was drawn at random.
_NOT_LISTED = frozenset(
    {MANIFEST, ENVELOPE, "openlineage.json", "report.html", "report.json", TILES, LOOKUP, LEAVES, SALTS}
)

# Its format asks for a date of publication, so that its bytes are those of one run.
_OF_ONE_RUN = frozenset({"croissant.json"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestInput:
    """One file that was read. The fields are those of `InputFile`, with what the reader made of it."""

    name: str
    url: str  # as given; a password in it is not written to the manifest
    size: int  # bytes on disk, -1 where the file system does not say
    fingerprint: str
    documents: int
    quarantined: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEarlier:
    """An earlier set whose documents were left out, by what it holds and not by where it lies."""

    name: str
    digest: str  # of its own manifest; of an index, which has none, `EarlierSet.digest`
    documents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestAnchors:
    """The references of known origin that decisions rest on."""

    sha256: str  # of the pack, in its normal form
    style_model: str  # version whose scores these are
    human: int  # references
    ai: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestWatermarks:
    """The watermark keys that were looked for, by their ids and never by themselves."""

    keys: tuple[Mapping[str, str], ...]  # id and scheme of each
    tokenizer: str  # fingerprint
    false_discovery_rate: float  # bound for the documents whose mark is evidence, in (0, 1)
    control: str  # the method that holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestReview:
    """A review whose answers were applied, by what its log holds and not by where it lies."""

    name: str  # of the queue's file, or of the exported log
    kind: str  # of the question
    file: str  # the log, in this folder
    sha256: str  # of that file
    entries: int  # lines
    head: str  # hash of the last line
    applied: int  # settled items that were applied, or stood so already


def write_manifest(
    folder: Path,
    *,
    recipe: Mapping[str, Any],
    recipe_digest: str,
    version: str,
    code_digest: str,
    seed: int,
    inputs: Sequence[ManifestInput],
    counts: Counts,
    tables: Mapping[str, str],
    earlier: Sequence[ManifestEarlier] = (),
    anchors: ManifestAnchors | None = None,
    trust: str | None = None,
    watermarks: ManifestWatermarks | None = None,
    reviews: Sequence[ManifestReview] = (),
    run: Mapping[str, Any] | None = None,
    created: datetime | None = None,
    known: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Write `manifest.json` of a finished output folder, and return what was written.

    `tables` maps a table's name to its `content_digest`, `ledger/documents` to its `rows_digest`, and the log of a
    review to the hash of its last line. Every file in the folder is listed with SHA-256 and size, but the manifest
    itself, its signature, the reports and names that start with a dot; files that hold a date are listed under `run`.
    `trust` is the SHA-256 of the certificates that were trusted. `run` takes further facts of this run alone;
    `created` is now if None; `known` is as of `file_digests`.

    Raises:
        WorkError: the counts do not reconcile with each other or with those of the inputs.
    """
    reconcile(counts)
    _reconcile_inputs(counts, inputs)
    files = file_digests(folder, known)
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "version": version,
        "code_digest": code_digest,
        "seed": seed,
        "recipe": dict(recipe),
        "recipe_digest": recipe_digest,
        "inputs": [asdict(item) | {"url": without_password(item.url)} for item in inputs],
        "counts": counts.to_json(),
        "tables": dict(tables),
    }
    if earlier:
        content["against"] = [asdict(item) for item in earlier]
    if anchors is not None:
        content["anchors"] = asdict(anchors)
    if trust is not None:
        content["trust"] = {"sha256": trust}
    if watermarks is not None:
        content["watermarks"] = asdict(watermarks)
    if reviews:
        content["review"] = [asdict(item) for item in reviews]
    moment = (created or datetime.now(UTC)).isoformat(timespec="seconds")
    return _write(folder, content, run={**(run or {}), "created": moment}, files=files)


def rewrite_manifest(
    folder: Path,
    old: Mapping[str, Any],
    *,
    counts: Counts,
    tables: Mapping[str, str],
    forgotten: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the manifest of a folder from which documents were removed; `forgotten` joins those removed before."""
    content = {
        **old,
        "counts": counts.to_json(),
        "tables": dict(tables),
        "forgotten": [*old.get("forgotten", ()), dict(forgotten)],
    }
    return _write(folder, content, run=old["run"], files=file_digests(folder))


def _write(
    folder: Path,
    content: Mapping[str, Any],
    *,
    run: Mapping[str, Any],
    files: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Write a manifest with its files and its digest, and return what was written."""
    whole = {**content, "files": {name: facts for name, facts in files.items() if name not in _OF_ONE_RUN}}
    whole["digest"] = digest_of(whole)
    whole["run"] = {**run, "files": {name: facts for name, facts in files.items() if name in _OF_ONE_RUN}}
    data = _json(whole)
    write_atomic(folder / MANIFEST, data)
    written: dict[str, Any] = json.loads(data)
    return written


def _json(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return (text + "\n").encode()


def _reconcile_inputs(counts: Counts, inputs: Sequence[ManifestInput]) -> None:
    documents = sum(item.documents for item in inputs)
    quarantined = sum(item.quarantined for item in inputs)
    if (documents + quarantined, quarantined) != (counts.read, counts.quarantined):
        raise WorkError(
            f"The input files gave {documents:,} documents and {quarantined:,} quarantined records, and the "
            f"run counted {counts.read:,} records with {counts.quarantined:,} quarantined. "
            "Do not use this output: run again with --fresh, and report it if the figures still differ."
        )


def reconcile_manifest(manifest: Mapping[str, Any]) -> None:
    """Check that the counts of a manifest agree with each other and with those of its inputs.

    Raises:
        WorkError: they do not.
        TypeError, KeyError: the manifest lacks a count, or has one that is not known.
    """
    told = manifest["counts"]  # of an earlier version, perhaps, which counted less
    counts = Counts(**{field.name: told.get(field.name, ()) for field in fields(Counts)})
    reconcile(counts)
    _reconcile_inputs(counts, [ManifestInput(**item) for item in manifest["inputs"]])


def sealed_facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What the seal of a folder says of its manifest.

    Raises:
        KeyError, TypeError: the manifest lacks some of it.
    """
    return {
        "verb": manifest["run"]["verb"],
        "version": manifest["version"],
        "recipe_digest": manifest["recipe_digest"],
        "manifest": manifest["digest"],
        "tables": manifest["tables"],
    }


def without_password(url: str) -> str:
    """The address without what is written before its host."""
    parts = urlsplit(url)
    if "://" not in url or "@" not in parts.netloc:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def files_of(folder: Path) -> dict[str, Path]:
    """Every file of a folder by its path in it, with slashes, in order; names that start with a dot are left out.

    Links are followed, since whoever reads the folder follows them. One that leads to a folder above it stands for
    itself, and cannot be read as a file.
    """
    found: dict[str, Path] = {}

    def look_in(place: Path, above: frozenset[Path]) -> None:
        for path in place.iterdir():
            if path.name.startswith("."):
                continue
            real = path.resolve() if path.is_dir() else None
            if real is not None and real not in above:
                look_in(path, above | {real})
            elif real is not None or path.is_file():
                found[path.relative_to(folder).as_posix()] = path

    look_in(folder, frozenset({folder.resolve()}))
    return dict(sorted(found.items()))


def file_digests(
    folder: Path, known: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, dict[str, Any]]:
    """Path relative to the folder, with slashes -> `sha256` (hexadecimal) and `bytes` of the file.

    What a manifest does not list is left out. `known` has digests of files that nobody wrote since: they are not read
    again.
    """
    known = known or {}
    return {
        name: dict(known.get(name) or {"sha256": sha256_of_file(path), "bytes": path.stat().st_size})
        for name, path in files_of(folder).items()
        if name not in _NOT_LISTED and not name.startswith(f"{HISTORY}/")
    }


def recipe_digest_of(recipe: Mapping[str, Any]) -> str:
    """The digest of a recipe, from the form in which a manifest has it; what `Recipe.digest` gave when it ran."""
    steps = [
        {"name": name, "options": options}
        for step in recipe.get("steps") or ()
        for name, options in step.items()
    ]
    whole = _without_none({**recipe, "steps": steps})
    canonical = json.dumps(whole, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def digest_of(manifest: Mapping[str, Any]) -> str:
    """The digest of a manifest: over all of it but itself and what is true of one run alone."""
    content = {name: value for name, value in manifest.items() if name not in ("digest", "run")}
    return hashlib.sha256(_json(content)).hexdigest()


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an output folder.

    Raises:
        InputError: it is missing, not JSON, or of a schema that this version does not know.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path} is missing. Give the output folder of `wellkeeper curate`.") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}. Restore the file or run the recipe again.") from None
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise InputError(
            f"{path} has schema {schema!r}, and this version reads {SCHEMA!r}. "
            "Use the version of wellkeeper that wrote the folder."
        )
    manifest: dict[str, Any] = content
    return manifest
