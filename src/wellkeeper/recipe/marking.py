"""Labels on what models made: written beside a set when it is made, read back whenever the set is.

A label is an in-toto statement [1] in a DSSE envelope, in a file beside the set: the SHA-256 of every file, what made
them, with which settings, and from what. It fits these very bytes or nothing: a file that changed since it was
labelled is refused aloud, for its label says nothing of what it is now, and that it was labelled says that it is
hardly by a person. A signature tells who labelled; without one a label says as much as a column `origin` does.

The depth of a set is how many generations of models lie behind its texts, 1 more than of the deepest that it was made
from: what the theory of collapse counts.

[1] https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

import html
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from wellkeeper.core.lineage import DEEPEST, UNKNOWN_DEPTH
from wellkeeper.core.marks import Validity
from wellkeeper.core.origin import SYNTHETIC, Origin, declared_origin
from wellkeeper.engine.files import LABEL_SUFFIX, expand, is_url, label_path, labels_over
from wellkeeper.engine.readers.base import InputFile
from wellkeeper.engine.readers.text import members
from wellkeeper.engine.store import sha256_of_file, write_atomic
from wellkeeper.errors import InputError
from wellkeeper.ledger.folder import open_part_tables
from wellkeeper.ledger.manifest import read_manifest
from wellkeeper.ledger.signature import IN_TOTO, SigningKey, VerifyKey, envelope, open_envelope

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:wellkeeper:label:1"
KINDS: tuple[Origin, ...] = (Origin.AI_ASSISTED, *SYNTHETIC)
"""What a label may say. That people wrote a text is nothing that this way of labelling could show."""

HUMAN_PARENT = "human"
_ID_CHARACTERS = 512
_SHA256 = re.compile(r"[0-9a-f]{64}")

# Terms of cv.iptc.org/newscodes/digitalsourcetype, of schema.org's IPTCDigitalSourceEnumeration, which are the same
# with other capitals, and of the W3C community group on AI content disclosure.
SOURCE_TYPES: Mapping[Origin, str] = {
    Origin.AI_GENERATED: "trainedAlgorithmicMedia",
    Origin.MACHINE_TRANSLATED: "trainedAlgorithmicMedia",
    Origin.AI_ASSISTED: "compositeWithTrainedAlgorithmicMedia",
    Origin.PROGRAMMATIC: "algorithmicMedia",
}
_DISCLOSURES: Mapping[Origin, str] = {
    Origin.AI_GENERATED: "ai-generated",
    Origin.MACHINE_TRANSLATED: "ai-generated",
    Origin.AI_ASSISTED: "ai-assisted",
    Origin.PROGRAMMATIC: "none",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What a label says of the files that it names."""

    origin: Origin
    generator: str
    revision: str | None = None
    temperature: float | None = None
    seed: int | None = None
    prompt_template: str | None = None  # SHA-256 of the file
    watermark: str | None = None  # id of the key that marked the texts as they were written
    parents: tuple[str, ...] = ()  # what the texts were made from: ids, digests, or `human`
    depth: int = UNKNOWN_DEPTH  # 1 to 254 generations of models; 255: nobody knows
    created: str  # ISO 8601
    files: Mapping[str, str]  # name, relative to what was labelled -> SHA-256
    signed_by: tuple[
        str, ...
    ] = ()  # key ids that the signatures name; whose they are is for a reader to check

    @property
    def made_by(self) -> str:
        """The generator with its revision, as one text."""
        return self.generator if self.revision is None else f"{self.generator}@{self.revision}"

    def statement(self) -> dict[str, Any]:
        """The in-toto statement."""
        parameters = {
            "temperature": self.temperature,
            "seed": self.seed,
            "promptTemplate": None if self.prompt_template is None else {"sha256": self.prompt_template},
            "watermark": None if self.watermark is None else {"key": self.watermark},
        }
        return {
            "_type": STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in self.files.items()],
            "predicateType": PREDICATE,
            "predicate": {
                "origin": self.origin.label,
                "digitalSourceType": SOURCE_TYPES[self.origin],
                "generator": {"name": self.generator, "revision": self.revision},
                "parameters": {name: value for name, value in parameters.items() if value is not None},
                "parents": list(self.parents),
                "depth": self.depth,
                "created": self.created,
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """A set that was labelled."""

    path: Path  # what was labelled
    file: Path  # the label
    label: Label

    def to_json(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "label": str(self.file),
            "files": len(self.label.files),
            "signed_by": list(self.label.signed_by),
            **self.label.statement()["predicate"],
        }


def mark(
    path: str | Path,
    *,
    generator: str,
    kind: str = Origin.AI_GENERATED.label,
    prompt_template: str | Path | None = None,
    temperature: float | None = None,
    seed: int | None = None,
    watermark: str | None = None,
    parents: str | Path | Sequence[str | Path] = (),
    key: SigningKey | None = None,
    created: datetime | None = None,
) -> Marked:
    """Label a set as made by a model. The set itself is not changed.

    Args:
        path: a file, or a folder with all that is in it.
        generator: name of the model or program, with its revision after an @ if it has one.
        kind: ai-generated, ai-assisted, machine-translated or programmatic.
        prompt_template: file with the template; its SHA-256 is kept, not its text.
        temperature: of sampling, 0 or more.
        seed: of sampling.
        watermark: id of the key that marked the texts as they were written.
        parents: what the texts were made from, one or several: a labelled set or an output folder of `curate`, whose
            depth is read; `human`; a text file with an id a line; or an id.
        key: signs the label.
        created: when the set was made; None: now.

    Raises:
        InputError: there is nothing to label, or what is said of it cannot be.
    """
    place = Path(path)
    origin = _kind(kind)
    name, revision = _named(generator)
    if temperature is not None and not 0 <= temperature < float("inf"):
        raise InputError(f"The temperature is {temperature}. Give a number from 0 up.")
    ids, depth = _parents([parents] if isinstance(parents, str | Path) else parents)
    label = Label(
        origin=origin,
        generator=name,
        revision=revision,
        temperature=temperature,
        seed=seed,
        prompt_template=None if prompt_template is None else _digest_of(Path(prompt_template)),
        watermark=watermark,
        parents=ids,
        depth=depth,
        created=(created or datetime.now(UTC)).isoformat(timespec="seconds"),
        files=_digests(place),
        signed_by=() if key is None else (key.keyid,),
    )
    try:
        _label(label.statement(), ())
    except ValueError as error:  # what could not be read back is not written
        raise InputError(f"This cannot be said in a label: {error}. Say it in plain words.") from None
    file = label_path(place)
    if not place.is_absolute():  # told as the path was given
        file = Path(os.path.relpath(file))
    payload = json.dumps(label.statement(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    write_atomic(file, envelope(payload.encode(), key))
    return Marked(path=place, file=file, label=label)


def put_credentials(
    path: str | Path,
    *,
    generator: str,
    kind: str = Origin.AI_GENERATED.label,
    certificates: str | Path,
    key: SigningKey,
    in_place: bool = False,
) -> Path:
    """Put a C2PA credential that says what made it into every image, sound, film and document at a path.

    Files that can hold none are left as they are. A file that bears a credential is refused, for that one says more
    of it than we know.

    Args:
        path: a file, or a folder with all that is in it.
        generator: as in `mark`.
        kind: as in `mark`.
        certificates: PEM chain, the signer's own first.
        key: that the signer's certificate is for.
        in_place: replace the files; else a copy is made beside them, `NAME-labelled`.

    Returns:
        Where the files with credentials lie, which are to be labelled then.

    Raises:
        InputError: no file can hold a credential, one bears one already, the copy is there already, or the chain or
            the key cannot be used.
        MissingExtraError: the extra `c2pa` is not installed.
    """
    from wellkeeper.engine.credentials.writing import sign_media

    place, origin = Path(os.path.abspath(path)), _kind(kind)  # noqa: PTH100  a name for the copy, of . too
    name, revision = _named(generator)
    chain = _certificates(Path(certificates))
    files = _media_at(place)
    target = place if in_place else place.with_name(f"{place.stem}-labelled{place.suffix}")
    if not in_place and target.exists():
        raise InputError(f"{target} is there already. Move it away, or replace the files with --in-place.")
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as work:  # all of them, or none
        made = Path(work) / target.name
        if place.is_dir() and not in_place:
            shutil.copytree(place, made, ignore=shutil.ignore_patterns(f"*{LABEL_SUFFIX}"))
        for file, media_type in files.items():
            signed = sign_media(
                file.read_bytes(),
                media_type,
                source_type=SOURCE_TYPES[origin],
                generator=name,
                revision=revision,
                certificates=chain,
                key=key.to_pem(),
                algorithm="es256" if key.kind == "p256" else "ed25519",
            )
            copy = made / file.relative_to(place)
            copy.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(copy, signed)
        if not in_place:
            made.rename(target)
        else:
            for file in files:
                (made / file.relative_to(place)).replace(file)
    return target


def _media_at(place: Path) -> dict[Path, str]:
    """Files that a credential can be put into -> media type."""
    from wellkeeper.engine.credentials import read_media
    from wellkeeper.engine.credentials.writing import writable_type_of

    names = [place / name for name in _files(place)] if place.is_dir() else [place]
    types = {file: writable_type_of(file.name) for file in names}
    found = {file: media_type for file, media_type in types.items() if media_type is not None}
    if not found:
        raise InputError(
            f"{place} is or holds no file that a credential can be put into. Leave out --certificate: a label beside "
            "it is written all the same."
        )
    for file, media_type in found.items():
        if read_media(file.read_bytes(), media_type).validity is not Validity.NONE:
            raise InputError(
                f"{file} bears a credential already, and a second one would take its place. Leave it as it is, or "
                "label it without --certificate."
            )
    return found


def _certificates(path: Path) -> bytes:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}. Give the file of the certificates."
        ) from None
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise InputError(f"{path} holds no certificate in PEM form. Give the chain, the signer's own first.")
    return pem


def _named(generator: str) -> tuple[str, str | None]:
    """Name and revision of a generator written as NAME or NAME@REVISION."""
    name, _, revision = (part.strip() for part in generator.partition("@"))
    if not name:
        raise InputError("The generator has no name. Name the model: --generator NAME or NAME@REVISION.")
    return name, revision or None


def _kind(kind: str) -> Origin:
    origin = declared_origin(kind)
    if origin not in KINDS:
        known = ", ".join(known.label for known in KINDS)
        raise InputError(f"A label cannot say {kind!r}. Give one of: {known}.")
    return origin


def _digest_of(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"{path} is no file. Give the file that holds the prompt template.")
    return sha256_of_file(path)


def _digests(place: Path) -> dict[str, str]:
    """Name -> SHA-256 of the file, or of all files of the folder."""
    if place.is_file():
        return {place.name: sha256_of_file(place)}
    return {name: sha256_of_file(place / name) for name in _files(place)}


def _files(place: Path) -> list[str]:
    """Names of all files of a folder but hidden ones and labels, sorted."""
    if not place.is_dir():
        raise InputError(f"{place} does not exist. Give the file or folder to label.")
    inside = (file.relative_to(place) for file in place.rglob("*") if file.is_file())
    files = sorted(name.as_posix() for name in inside if _counts(name))
    if not files:
        raise InputError(f"{place} is a folder without files. Label it when the set is written.")
    return files


def _counts(name: Path) -> bool:
    return not name.name.endswith(LABEL_SUFFIX) and not any(part.startswith(".") for part in name.parts)


def _parents(given: Iterable[str | Path]) -> tuple[tuple[str, ...], int]:
    """Ids of all parents, and the depth of what was made from them."""
    found = [_parent(str(parent)) for parent in given]
    ids = tuple(dict.fromkeys(one for many, _ in found for one in many))
    depths = [depth for _, depth in found]
    if not depths or UNKNOWN_DEPTH in depths:
        return ids, UNKNOWN_DEPTH
    return ids, min(1 + max(depths), DEEPEST)


def _parent(given: str) -> tuple[tuple[str, ...], int]:
    """Ids and depth of one parent; the depth is unknown but of what says it itself."""
    if given == HUMAN_PARENT:
        return (HUMAN_PARENT,), 0
    path = Path(given)
    if not os.path.exists(path):  # noqa: PTH110  an id may be longer than any path, which is no error here
        return (given,), UNKNOWN_DEPTH
    if (path / "manifest.json").is_file():
        return (f"wellkeeper:{read_manifest(path)['digest']}",), _deepest_kept(path)
    label = label_of(path)
    if label is not None:
        return tuple(f"sha256:{digest}" for digest in label.files.values()), label.depth
    return _listed(path), UNKNOWN_DEPTH


def _deepest_kept(folder: Path) -> int:
    """The depth of the deepest document that a curated set kept."""
    import pyarrow.compute as pc

    ledger = open_part_tables(folder, "documents")
    kept = ledger.to_table(columns=["depth"], filter=pc.field("decision") == "keep")
    return int(pc.max(kept.column("depth")).as_py() or 0)


def _listed(path: Path) -> tuple[str, ...]:
    if path.is_dir():
        raise InputError(
            f"{path} says nothing of how it was made: it is neither labelled nor an output folder of `curate`. Label "
            "it first, or give the ids of its documents."
        )
    try:
        ids = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        ids = [""]
    if not all(0 < len(one) <= _ID_CHARACTERS and not one.startswith("{") for one in ids):
        raise InputError(
            f"{path} is not labelled, and is no list of ids, one a line. Label it first, or give such a list."
        )
    return tuple(ids)


def read_label(file: Path, *, key: VerifyKey | None = None) -> Label:
    """The label in a file; whether the set still is what was labelled is not looked at.

    Raises:
        InputError: it is no label, or is not signed by the key that is asked for.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror}. Make the label readable, or take it away."
        ) from None
    opened = open_envelope(data, str(file))
    if key is not None and not opened.signed_by(key):
        raise InputError(
            f"{file} is not signed by the key {key.keyid[:16]}. Ask who labelled the set for the label or the key."
        )
    try:
        statement = json.loads(opened.payload)
        if (opened.payload_type, statement["_type"], statement["predicateType"]) != (
            IN_TOTO,
            STATEMENT,
            PREDICATE,
        ):
            raise ValueError(f"it is a {statement['predicateType']}")  # noqa: TRY301
        return _label(statement, tuple(signature.keyid for signature in opened.signatures))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        why = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{file} is no label that this version reads: {why}. Label the set anew: wellkeeper mark."
        ) from None


def _label(statement: Mapping[str, Any], keyids: tuple[str, ...]) -> Label:
    """The label that a statement is; whoever wrote it, nothing in it is believed before it was looked at.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is none.
    """
    said = statement["predicate"]
    parameters, origin = said.get("parameters") or {}, declared_origin(said["origin"])
    if origin not in KINDS:
        raise ValueError(f"its origin is {said['origin']!r}")
    depth = said["depth"]
    if type(depth) is not int or not 1 <= depth <= UNKNOWN_DEPTH:  # what a model made is never of depth 0
        raise ValueError(f"its depth is {depth!r}")
    revision, parents = said["generator"].get("revision"), said.get("parents") or ()
    return Label(
        origin=origin,
        generator=_plain(said["generator"]["name"], "generator"),
        revision=None if revision is None else _plain(revision, "revision"),
        temperature=parameters.get("temperature"),
        seed=parameters.get("seed"),
        prompt_template=(parameters.get("promptTemplate") or {}).get("sha256"),
        watermark=(parameters.get("watermark") or {}).get("key"),
        parents=tuple(_plain(parent, "parent") for parent in parents),
        depth=depth,
        created=_plain(said["created"], "time"),
        files=_subjects(statement["subject"]),
        signed_by=keyids,
    )


def _plain(value: Any, what: str) -> str:
    """A name as messages and the ledger can show it."""
    if not isinstance(value, str) or not value or len(value) > _ID_CHARACTERS:
        raise ValueError(f"its {what} is no text of 1 to {_ID_CHARACTERS} letters")
    if not value.isprintable():
        raise ValueError(f"its {what} is {value!a}")
    return value


def _subjects(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Name -> SHA-256 of the files that a label speaks of: files below what was labelled, and at least one."""
    files: dict[str, str] = {}
    for row in rows:
        name, digest = row["name"], row["digest"]["sha256"]
        if (
            not isinstance(name, str)
            or PurePosixPath(name).is_absolute()
            or ".." in PurePosixPath(name).parts
        ):
            raise ValueError(f"it names {name!a}, which is no file below what was labelled")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise ValueError(f"the digest of {name!a} is no SHA-256")
        if files.setdefault(name, digest) != digest:
            raise ValueError(f"it names {name!a} twice")
    if not files:
        raise ValueError("it names no file")
    return files


def label_of(path: str | Path, *, key: VerifyKey | None = None) -> Label | None:
    """The label of a file or folder: its own, or of a folder that it lies in. None if there is none.

    All that is at `path` is read, and compared with what was labelled.

    Raises:
        InputError: a file changed or went since it was labelled, or the label cannot be read or is not signed by
            the `key` that is asked for.
    """
    places = [Path(form(path)) for form in (os.path.abspath, os.path.realpath)]
    for folder, file in labels_over(Path(path)):
        label = _read_once(file, _version_of(file), key)
        place = next(place for place in places if place.is_relative_to(folder))
        named = _named_at(label, folder, place, file)
        for where, digest in named.items():
            _check(where, digest, label, file)
        if named:
            return label  # else it came into the folder later, and another label may name it
    return None


def _version_of(file: Path) -> tuple[int, int, int]:
    found = file.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=64)
def _read_once(file: Path, _version: tuple[int, int, int], key: VerifyKey | None) -> Label:
    """`read_label`, once for the thousands of files of one labelled folder."""
    return read_label(file, key=key)


def _named_at(label: Label, folder: Path, place: Path, file: Path) -> dict[Path, str]:
    """The labelled files at a place, a labelled file or folder or something in it -> SHA-256."""
    if not folder.is_dir():
        if label.files.keys() != {folder.name}:
            raise InputError(
                f"{file} names {next(iter(label.files))!r}, and lies beside {folder.name}. A label speaks of the file "
                "that it was made for: take it away, or label the file: wellkeeper mark."
            )
        return {folder: label.files[folder.name]}
    name = place.relative_to(folder).as_posix()
    if not place.is_dir():
        return {place: label.files[name]} if name in label.files else {}
    inside = "" if place == folder else f"{name}/"
    return {folder / name: digest for name, digest in label.files.items() if name.startswith(inside)}


def _check(where: Path, digest: str, label: Label, file: Path) -> None:
    """Refuse a file that is not what was labelled."""
    if not where.is_file():
        raise InputError(
            f"{where} is gone since it was labelled ({file.name}). Restore it, or label the set anew: wellkeeper mark."
        )
    if sha256_of_file(where) != digest:
        raise InputError(
            f"{where}: file changed since it was labelled {label.origin.label}, by {label.made_by} ({file.name}). "
            "Restore the file, or label it anew: wellkeeper mark."
        )


def labelled(files: Sequence[InputFile]) -> tuple[tuple[InputFile, ...], tuple[str, ...]]:
    """The files with what their labels say of them, and what to say aloud of that.

    Labels are looked for beside local files alone.

    Raises:
        InputError: a file changed since it was labelled, or its label cannot be read.
    """
    found = [(file, _label_of_input(file)) for file in files]
    made = tuple(
        replace(file, origin=label.origin.label, generator=label.made_by, depth=label.depth)
        if label
        else file
        for file, label in found
    )
    return made, _told(label for _, label in found)


def _label_of_input(file: InputFile) -> Label | None:
    """The label of an entry; of a folder of texts the one that all its texts bear."""
    if is_url(file.url):
        return None
    if file.format != "text" or Path(file.url).is_file():
        return label_of(file.url)
    labels = [label_of(member.url) for member in members(expand(file.url))]
    kinds = {None if one is None else (one.origin, one.made_by, one.depth) for one in labels}
    if len(kinds) > 1:
        raise InputError(
            f"{file.name}: of its {len(labels):,} texts some are labelled and others not, or otherwise. Give each kind "
            "a folder and a label of its own."
        )
    return labels[0] if labels else None


def _told(labels: Iterable[Label | None]) -> tuple[str, ...]:
    """One sentence for each kind of label."""
    every = list(labels)
    counts: dict[tuple[Origin, str], int] = {}
    for label in every:
        if label is not None:
            counts[label.origin, label.made_by] = counts.get((label.origin, label.made_by), 0) + 1
    return tuple(
        f"{count:,} of {len(every):,} files labelled {origin.label}, by {made_by}"
        for (origin, made_by), count in counts.items()
    )


def disclosure(label: Label) -> str:
    """Markup for a page that shows what was labelled: a meta element and JSON-LD, for the head.

    The meta element is as the W3C community group on AI content disclosure has it, the JSON-LD schema.org's.
    """
    term = SOURCE_TYPES[label.origin]
    creator = {"@type": "SoftwareApplication", "name": label.generator, "softwareVersion": label.revision}
    content = {
        "@context": "https://schema.org",
        "@type": "CreativeWork",
        "digitalSourceType": f"https://schema.org/{term[0].upper()}{term[1:]}DigitalSource",
        "creator": {name: value for name, value in creator.items() if value is not None},
        "dateCreated": label.created,
    }
    # Inside a script element only these characters could end it or start another.
    data = json.dumps(content, ensure_ascii=False, indent=2).replace("<", "\\u003c").replace(">", "\\u003e")
    return (
        f'<meta name="ai-disclosure" content="{html.escape(_DISCLOSURES[label.origin])}">\n'
        f'<script type="application/ld+json">\n{data}\n</script>\n'
    )
