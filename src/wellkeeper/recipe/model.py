"""A recipe as the rest of the package sees it: frozen values, checked, with paths as they were written."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from wellkeeper.core.dates import DateBasis
from wellkeeper.mix.plan import MixPlan

Trust: TypeAlias = Literal["reference", "archive", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a source says about its documents: from a column, or one value for all. Exactly one is set."""

    column: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One entry of `sources`."""

    name: str
    paths: tuple[str, ...]  # files, folders, globs or URLs, as written; `Recipe.locate` finds them
    text: str | None = None  # column; None: guessed from the first file and said aloud
    id: str | None = None  # column
    source: str | None = None  # column of finer source names; None: all documents are of source `name`
    domain: str | None = None  # column of domains, or of URLs
    embedding: str | None = None  # column of vectors
    date: Given | None = None
    licence: Given | None = None
    origin: Given | None = None  # a value is one of `wellkeeper.core.origin.LABELS`
    generator: Given | None = None
    language: Given | None = None
    consent: Given | None = None  # a value is one of `wellkeeper.core.rights.CONSENTS`
    signals: str | None = None  # column of statements beside the documents, JSON of `core.marks.signals_json`
    parents: str | None = None  # column of the documents that a model made each one from
    depth: Given | None = None  # generations of models behind the documents
    site_files: str | None = None  # folder of what sites say to crawlers, see `wellkeeper.engine.site_files`
    trust: Trust = "none"
    format: str | None = None  # None: by file name

    def columns(self) -> dict[str, str]:
        """Role -> column, for the roles that are read from a column."""
        named = {
            role: value
            for role in ("text", "id", "source", "domain", "signals", "parents", "embedding")
            if (value := getattr(self, role)) is not None
        }
        return named | {
            role: given.column for role, given in self._given().items() if given.column is not None
        }

    def constants(self) -> dict[str, str]:
        """Role -> the one value for all documents of the source, for the roles that have one."""
        return {role: given.value for role, given in self._given().items() if given.value is not None}

    @property
    def date_basis(self) -> DateBasis | None:
        """How far its dates can be trusted; None: as the reader says.

        `trust: archive` says that a third party captured the documents on the dates given: the user vouches.
        """
        return DateBasis.USER if self.trust == "archive" else None

    def _given(self) -> dict[str, Given]:
        roles = ("date", "licence", "origin", "generator", "language", "consent", "depth")
        return {role: given for role in roles if (given := getattr(self, role)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Human text to compare with: one of the recipe's sources, or a path outside them. Exactly one is set."""

    source: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """How much of the reference's tail a step must keep, beside what chance would, and what is done if it does not."""

    tail: float  # retention, above 0 and at most 1
    action: Literal["refuse", "relax"] = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermarks:
    """Marks to look for in every document."""

    keys: tuple[str, ...]  # paths of key files, one or more
    tokenizer: str  # path of the tokeniser of the model that may have written


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """How the output folder is sealed: who signs, and what a proof of one document may show."""

    key: str  # `env:NAME`, or the path of a key file
    public_proofs: bool = False  # rows are salted leaves, so that a proof shows no other row


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCall:
    """A step by its name, with its options as written; the step itself fills in defaults."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


def path_from(folder: Path, path: str | Path) -> str:
    """A path as it leads from a folder, so that both can be moved together; as it is where it is on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return str(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A whole recipe. Relative paths start at `folder`, the folder that the recipe file lies in."""

    folder: Path
    sources: tuple[Source, ...]
    steps: tuple[StepCall, ...] = ()
    mix: MixPlan = field(default_factory=MixPlan)
    guard: Guard | None = None
    reference: Reference | None = None
    against: tuple[str, ...] | None = (
        None  # folders of earlier sets and indexes, whose documents are left out
    )
    anchors: str | None = None  # path of a pack of references of known origin
    trust: str | None = None  # path of PEM certificates whose holders' credentials are trusted
    watermarks: Watermarks | None = None
    review: tuple[str, ...] | None = None  # paths of queues or exported logs: what people said is applied
    sign: Signing | None = None
    out: str | None = None
    seed: int = 0

    def locate(self, path: str) -> str:
        """A path of the recipe as it can be opened; URLs and absolute paths stay as they are."""
        if "://" in path:
            return path
        return str(self.folder / Path(path).expanduser())

    def earlier_names(self) -> tuple[str, ...]:
        """What the sets of `against` are called in all that is written, in their order."""
        return names_of_folders([self.locate(path) for path in self.against or ()])

    def to_json(self) -> dict[str, Any]:
        """The recipe in one normal form, whatever spelling, key order and comments the file has.

        The folder is left out, and earlier sets, anchors, certificates and watermark keys go by name: a recipe that
        moves with its data stays the same recipe, and what they hold is told by their digests in the manifest, not by
        where they lie. So is `sign`: what is made is the same, whoever vouches for it. And so is `review`, which grows
        while the recipe stays as it is: the manifest names the last line of each log whose answers were applied.
        """
        left_out = ("folder", "review", "sign")
        whole = {name: value for name, value in asdict(self).items() if name not in left_out}
        whole["mix"] = self.mix.to_json()
        if self.against is not None:
            whole["against"] = self.earlier_names()
        if self.anchors is not None:
            whole["anchors"] = Path(self.anchors).name
        if self.trust is not None:
            whole["trust"] = Path(self.trust).name
        if self.watermarks is not None:
            keys = [Path(key).name for key in self.watermarks.keys]
            whole["watermarks"] = {"keys": keys, "tokenizer": Path(self.watermarks.tokenizer).name}
        return {"wellkeeper": 1, **_without_none(whole)}

    @property
    def digest(self) -> str:
        """SHA-256, in hexadecimal, of the canonical JSON of `to_json`."""
        canonical = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def names_of_folders(paths: Sequence[str]) -> tuple[str, ...]:
    """The last part of each path; where two folders share it, as many parts as tell them apart.

    A work folder goes by the name of the folder that it lies in.

    >>> names_of_folders(["/data/july/set", "/data/june/set", "/data/old", "/data/audited/.work"])
    ('july/set', 'june/set', 'old', 'audited')
    """
    # links are not followed: the name is the one that was given
    whole = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100
    parts = [list((path.parent if path.name == ".work" else path).parts) for path in whole]
    return tuple(_shortest(mine, [other for other in parts if other != mine]) for mine in parts)


def _shortest(mine: list[str], others: list[list[str]]) -> str:
    sizes = range(1, len(mine))
    enough = (size for size in sizes if all(other[-size:] != mine[-size:] for other in others))
    return Path(*mine[-next(enough, len(mine)) :]).as_posix()


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(item) for name, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_without_none(item) for item in value]
    return value
